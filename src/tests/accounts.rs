//! Accounts from variables.

mod address;

use crate::accounts::{Accounts, read};

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn accounts(variables: &[(&str, &str)]) -> Accounts {
    let names: Vec<String> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
    let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    read(&names, &get)
}

/// `id=key@base`, one per account.
fn told(variables: &[(&str, &str)]) -> Vec<String> {
    let tell = |setup: &crate::accounts::Setup| {
        let base = setup.base_url.as_ref().map(|base| format!("@{base}")).unwrap_or_default();
        format!("{}={}{base}", setup.account.id, setup.credential.access.expose())
    };
    accounts(variables).setups.iter().map(tell).collect()
}

#[test]
fn keys_become_accounts_named_by_their_place() {
    let cases: &[(Pairs<'_>, &[&str])] = &[
        (&[], &[]),
        (&[("OPENAI_API_KEY", "a")], &["openai-1=a"]),
        (&[("OPENAI_API_KEY", " a , b,c ")], &["openai-1=a", "openai-2=b", "openai-3=c"]),
        (&[("OPENAI_API_KEY", "a,,c,")], &["openai-1=a", "openai-3=c"]),
        (&[("OPENAI_API_KEY", "a,b,a,c")], &["openai-1=a", "openai-2=b", "openai-4=c"]),
        (&[("OPENAI_API_KEY", "a\nb")], &["openai-1=a", "openai-2=b"]),
        (&[("OPENAI_API_KEY", "  ")], &[]),
        (&[("GEMINI_API_KEY", "a"), ("GOOGLE_API_KEY", "b,a")], &["google-1=a", "google-2=b"]),
        (&[("GOOGLE_API_KEY", "b")], &["google-1=b"]),
        (&[("QWEN_API_KEY", "q")], &["dashscope-1=q"]),
        (&[("KIMI_API_KEY", "k")], &["moonshot-1=k"]),
        (&[("OPENAI_API_KEY", "a"), ("OPENAI_BASE_URL", "http://h.test:1/v1/")], &["openai-1=a@http://h.test:1/v1"]),
        (&[("OPENAI_BASE_URL", "http://h.test:1/v1/")], &[]),
        (&[("OLLAMA_BASE_URL", "http://h.test:11434/v1")], &["ollama-1=@http://h.test:11434/v1"]),
        (&[("OLLAMA_API_KEY", "k")], &[]),
        (
            &[("VLLM_BASE_URL", "http://h.test/v1"), ("VLLM_API_KEY", "k,l")],
            &["vllm-1=k@http://h.test/v1", "vllm-2=l@http://h.test/v1"],
        ),
        (&[("MY_BOX_API_KEY", "k"), ("MY_BOX_BASE_URL", "https://h.test/v1")], &["my-box-1=k@https://h.test/v1"]),
        (&[("MY_BOX_API_KEY", "k")], &[]),
        (&[("SLUICE_API_KEY", "k"), ("SLUICE_BASE_URL", "https://h.test")], &[]),
        (&[("SLUICE_ADMIN_API_KEY", "k"), ("SLUICE_ADMIN_BASE_URL", "https://h.test")], &[]),
        (&[("ADMIN_API_KEY", "k"), ("ADMIN_BASE_URL", "https://h.test")], &[]),
        (&[("_API_KEY", "k"), ("_BASE_URL", "https://h.test")], &[]),
        (&[("SLUICE_DEMO", "1")], &["demo-1=", "demo-2="]),
        (&[("SLUICE_DEMO", "off")], &[]),
    ];
    for (variables, expected) in cases {
        assert_eq!(&told(variables), expected, "{variables:?}");
    }
}

#[test]
fn an_address_that_cannot_be_used_is_a_problem_and_not_an_account() {
    for bad in [
        "h/v1",
        "ftp://h",
        "https://",
        "https:///v1",
        "https://user:pass@h.test/v1",
        "https://h.test/v1?key=1",
        "https://h.test/#x",
        "https://h.test/a b",
        "javascript:alert(1)",
    ] {
        let found = accounts(&[("OPENAI_API_KEY", "secret"), ("OPENAI_BASE_URL", bad)]);
        assert!(found.setups.is_empty(), "{bad}");
        let [problem] = found.problems.as_slice() else { panic!("{bad}: {:?}", found.problems) };
        assert!(problem.starts_with("OPENAI_BASE_URL: "), "{problem}");
        assert!(!problem.contains("secret") && !problem.contains("pass"), "{problem}");
    }
}

#[test]
fn a_provider_can_be_weighed_and_restricted() {
    let found = accounts(&[
        ("OPENAI_API_KEY", "a,b"),
        ("OPENAI_MODELS", "gpt-4o, my-*"),
        ("OPENAI_PRIORITY", "2"),
        ("OPENAI_WEIGHT", "5"),
        ("GROQ_API_KEY", "g"),
        ("GROQ_WEIGHT", "0"),
        ("XAI_API_KEY", "x"),
        ("XAI_PRIORITY", "high"),
    ]);
    let told: Vec<_> = found
        .setups
        .iter()
        .map(|setup| (setup.account.id.as_str(), setup.account.priority, setup.account.weight, setup.account.enabled))
        .collect();
    let expected = [("openai-1", 2, 5, true), ("openai-2", 2, 5, true), ("groq-1", 0, 0, false), ("xai-1", 0, 1, true)];
    assert_eq!(told, expected);
    assert_eq!(
        (found.setups[0].models.as_slice(), found.setups[0].declared),
        (["gpt-4o".to_owned(), "my-*".to_owned()].as_slice(), true)
    );
    assert_eq!(found.problems, ["XAI_PRIORITY: expected a number from 0 up; taken as 0"]);
}

#[test]
fn a_provider_of_ones_own_may_speak_another_protocol() {
    let base = [("BOX_API_KEY", "k"), ("BOX_BASE_URL", "https://h.test")];
    for (protocol, upstream) in
        [("chat", "custom"), ("messages", "anthropic"), ("gemini", "google"), ("telnet", "custom")]
    {
        let found = accounts(&[base[0], base[1], ("BOX_PROTOCOL", protocol)]);
        assert_eq!(found.setups[0].upstream.name(), upstream, "{protocol}");
        assert_eq!(found.problems.is_empty(), protocol != "telnet");
    }
}

#[test]
fn a_list_of_models_restricts_and_exclusions_alone_only_exclude() {
    let of = |list| {
        let found = accounts(&[("OPENAI_API_KEY", "a"), ("OPENAI_MODELS", list)]);
        let setup = found.setups[0].clone();
        let offers = |name| crate::upstream::pattern::any(&setup.models, name);
        (setup.account.allow.join(","), setup.account.deny.join(","), offers("gpt-4o"), offers("gpt-5"), setup.declared)
    };
    let told =
        |allow: &str, deny: &str, four, five, declared| (allow.to_owned(), deny.to_owned(), four, five, declared);
    assert_eq!(of("gpt-4o"), told("gpt-4o", "", true, false, true));
    assert_eq!(of("gpt-*,!gpt-5*"), told("gpt-*", "gpt-5*", true, false, true));
    assert_eq!(of("!gpt-5*"), told("", "gpt-5*", true, false, false));
    assert_eq!(of(" "), told("", "", true, true, false));
}
