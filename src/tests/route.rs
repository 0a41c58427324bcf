//! From a model's name to providers.

mod choices;

use super::upstreams::setups;
use crate::route::{is_provider, resolve};

const KEYS: &[(&str, &str)] = &[
    ("OPENAI_API_KEY", "k"),
    ("ANTHROPIC_API_KEY", "k"),
    ("GEMINI_API_KEY", "k"),
    ("OPENROUTER_API_KEY", "k"),
    ("SILICONFLOW_API_KEY", "k"),
    ("DASHSCOPE_API_KEY", "k"),
    ("GROQ_API_KEY", "k"),
    ("VLLM_BASE_URL", "http://h.test/v1"),
    ("BOX_API_KEY", "k"),
    ("BOX_BASE_URL", "http://h.test/v1"),
    ("BOX_MODELS", "mine-*,gpt-4o,vendor/special"),
    ("SLUICE_DEMO", "1"),
];

/// `provider:model` of every goal.
fn goals(model: &str, pinned: Option<&str>) -> String {
    let ask = resolve(model, pinned, &setups(KEYS));
    let tell = |goal: &crate::pool::Goal| format!("{}:{}", goal.provider, goal.model);
    ask.map(|ask| ask.tiers.iter().flatten().map(tell).collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

#[test]
fn a_name_leads_to_whoever_has_it() {
    let cases = [
        ("gpt-5", "openai:gpt-5"),
        ("gpt-4o", "openai:gpt-4o box:gpt-4o"),
        ("claude-sonnet-5", "anthropic:claude-sonnet-5"),
        ("gemini-2.5-pro", "google:gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "google:gemini-2.5-pro"),
        ("qwen3-max", "dashscope:qwen3-max"),
        ("mine-7b", "box:mine-7b"),
        // Its own prefix decides, in any case and under any of the provider's names, and is taken off.
        ("openai/gpt-5", "openai:gpt-5"),
        ("OpenAI/gpt-5", "openai:gpt-5"),
        ("gemini/gemini-2.5-pro", "google:gemini-2.5-pro"),
        ("models/google/gemini-2.5-pro", "google:gemini-2.5-pro"),
        ("box/anything/at-all", "box:anything/at-all"),
        ("openai/unheard-of", "openai:unheard-of"),
        // A prefix that is no provider here is part of an aggregator's name.
        ("deepseek/deepseek-chat", "openrouter:deepseek/deepseek-chat siliconflow:deepseek/deepseek-chat"),
        ("openrouter/deepseek/deepseek-chat:free", "openrouter:deepseek/deepseek-chat:free"),
        ("openrouter/openai/gpt-4o", "openrouter:openai/gpt-4o"),
        // Names that begin with the provider's own are left whole.
        ("openrouter/auto", "openrouter:openrouter/auto"),
        ("groq/compound-mini", "groq:groq/compound-mini"),
        ("groq/llama-3.3-70b-versatile", "groq:llama-3.3-70b-versatile"),
        ("groq/openai/gpt-oss-120b", "groq:openai/gpt-oss-120b"),
        ("demo/chat+fail=429", "demo:chat+fail=429"),
        // Nobody says they have it, and one provider cannot say what it has.
        ("llama3.2", "vllm:llama3.2"),
        ("gpt-oss-20b", "vllm:gpt-oss-20b"),
        // The tag that clients of Ollama add.
        ("gpt-5:latest", "openai:gpt-5"),
        ("mine-7b:latest", "box:mine-7b:latest"),
        ("box/mine-7b:latest", "box:mine-7b:latest"),
        ("llama3.2:latest", "vllm:llama3.2"),
        // Labels of lists made for people.
        ("[OpenAI] gpt-5", "openai:gpt-5"),
        ("[OpenAI Responses] gpt-5:latest", "openai:gpt-5"),
        ("[Claude] claude-sonnet-5", "anthropic:claude-sonnet-5"),
        ("[Claude]claude-sonnet-5", "anthropic:claude-sonnet-5"),
        ("[Gemini CLI] gemini-2.5-pro", "google:gemini-2.5-pro"),
        ("[Qwen CLI] qwen3-max", "dashscope:qwen3-max"),
        ("[BOX] anything", "box:anything"),
        ("[Kiro] claude-sonnet-5", ""),
        ("[Antigravity] gemini-2.5-pro", ""),
        ("[iFlow] glm-5", ""),
        ("[OpenAI]", ""),
        ("", ""),
    ];
    for (model, expected) in cases {
        assert_eq!(goals(model, None), expected, "{model}");
    }
}

#[test]
fn a_pin_beats_the_name() {
    let cases = [
        ("gpt-5", "openrouter", "openrouter:gpt-5"),
        ("openai/gpt-5", "openrouter", "openrouter:openai/gpt-5"),
        ("openai/gpt-5", "openai", "openai:gpt-5"),
        ("openrouter/auto", "openrouter", "openrouter:openrouter/auto"),
        ("gemini-2.5-pro", "GEMINI", "google:gemini-2.5-pro"),
        ("gpt-5", "nobody", ""),
    ];
    for (model, pinned, expected) in cases {
        assert_eq!(goals(model, Some(pinned)), expected, "{pinned} {model}");
    }
}

#[test]
fn an_unknown_name_leads_nowhere() {
    let setups = setups(&[
        ("OPENAI_API_KEY", "k"),
        ("IFLOW_API_KEY", "k"),
        ("SLUICE_DEMO", "1"),
        ("BOX_API_KEY", "k"),
        ("BOX_BASE_URL", "http://h.test"),
        ("BOX_MODELS", "a"),
    ]);
    for model in ["unheard-of", "claude-sonnet-5", "vendor/model", "gpt", "/", "chat"] {
        assert_eq!(resolve(model, None, &setups), None, "{model}");
    }
}

#[test]
fn providers_are_known_by_all_their_names_and_only_when_configured() {
    let setups = setups(KEYS);
    for (name, known) in [
        ("openai", true),
        ("gemini", true),
        ("google", true),
        ("qwen", true),
        ("box", true),
        ("demo", true),
        ("v1", false),
        ("mistral", false),
        ("", false),
    ] {
        assert_eq!(is_provider(name, &setups), known, "{name}");
    }
}

#[test]
fn a_name_that_two_answer_to_is_the_one_that_is_so_called() {
    let mut setups = setups(&[("CLAUDE_API_KEY", "k")]);
    let asked = |setups: &[crate::accounts::Setup]| {
        resolve("claude/claude-sonnet-5", None, setups).unwrap().tiers[0][0].provider.clone()
    };
    assert_eq!(asked(&setups), "anthropic");
    let record = crate::control::record::Record {
        id: "claude-1".to_owned(),
        provider: "claude".to_owned(),
        weight: 1,
        enabled: true,
        ..Default::default()
    };
    setups.push(crate::accounts::stored(&record, Default::default()).unwrap());
    assert_eq!(asked(&setups), "claude");
}
