//! The models that providers list: when they are asked, and what their answers change.

use serde_json::json;

use super::upstreams::setups;
use crate::access::Caller;
use crate::accounts::Has;
use crate::call::Operation;
use crate::control::Control;
use crate::control::inquiry::{Inquiry, Wanted};
use crate::control::lists::Whose;
use crate::control::record::Record;
use crate::fault::Millis;
use crate::ir::Protocol;
use crate::models::lists::TTL;
use crate::upstream::listing::{Offer, read};
use crate::upstream::{Credential, Secret};
use crate::vault::{Vault, VaultError};

const HOUR: u64 = 3_600_000;

fn control(variables: &[(&str, &str)]) -> Control {
    Control::new(setups(variables), Err(VaultError::NoKey), true)
}

fn offers(ids: &[&str]) -> Vec<Offer> {
    ids.iter().map(|id| Offer::of(id)).collect()
}

/// Answer whoever is asked, by account.
fn answer(control: &mut Control, whose: &Whose, now: u64, ids: Result<&[&str], &str>) -> Vec<String> {
    let surveys = control.surveys(whose, Millis(now));
    let outcome = || ids.map(offers).map_err(str::to_owned);
    surveys.iter().for_each(|survey| drop(control.surveyed(survey, outcome(), Millis(now))));
    surveys.into_iter().map(|survey| survey.account).collect()
}

fn ids(control: &mut Control) -> Vec<String> {
    let wanted = Wanted { caller: Caller::Operator, provider: None, model: None };
    control.models(&wanted, Millis(0)).unwrap().into_iter().map(|model| model.id).collect()
}

/// Tiers of `provider/model`.
fn goals(control: &mut Control, model: &str) -> Vec<Vec<String>> {
    let inquiry = Inquiry::about(Caller::Operator, model.to_owned(), Protocol::Chat, Operation::Generate);
    let Ok(explained) = control.explain(&inquiry, Millis(0)) else { return Vec::new() };
    let mut tiers: Vec<Vec<String>> = Vec::new();
    let value = serde_json::to_value(&explained).unwrap();
    for account in value["accounts"].as_array().unwrap() {
        let Some(tier) = account["tier"].as_u64() else { continue };
        tiers.resize(tiers.len().max(tier as usize + 1), Vec::new());
        tiers[tier as usize].push(account["provider"].as_str().unwrap().to_owned());
    }
    tiers
}

#[test]
fn a_list_is_asked_for_when_it_is_old_and_by_another_account_when_one_is_refused() {
    let control = &mut control(&[("GROQ_API_KEY", "a,b"), ("DEEPSEEK_API_KEY", "c")]);
    assert!(control.has_lists_due(Millis(0)));
    assert_eq!(answer(control, &Whose::Due, 0, Err("refused with status 401")), ["deepseek-1", "groq-1"]);
    assert!(answer(control, &Whose::Due, 299_999, Ok(&[])).is_empty(), "not before five minutes");
    assert_eq!(answer(control, &Whose::Due, 300_000, Err("no answer")), ["deepseek-1", "groq-2"]);
    assert!(answer(control, &Whose::Due, 899_999, Ok(&[])).is_empty(), "twice as long after the second");
    assert_eq!(answer(control, &Whose::Due, 900_000, Ok(&["m"])), ["deepseek-1", "groq-1"]);
    let six_hours = 900_000 + TTL.as_millis() as u64;
    assert!(answer(control, &Whose::Due, six_hours - 1, Ok(&[])).is_empty());
    assert_eq!(answer(control, &Whose::Due, six_hours, Err("no answer")).len(), 2);
    let (_, list) = control.lists().next().unwrap();
    assert_eq!((list.offers.len(), list.read), (1, Some(Millis(900_000))), "what was read stays");
    assert_eq!(list.trouble.as_deref(), Some("no answer"));
    // However often it fails, it is asked for again within the time of a good one.
    let mut now = six_hours;
    for _ in 0..40 {
        now += TTL.as_millis() as u64;
        assert_eq!(answer(control, &Whose::Due, now, Err("no answer")).len(), 2);
    }
}

#[test]
fn a_few_are_asked_at_a_time_and_all_in_the_end() {
    let stems = ["GROQ", "DEEPSEEK", "MISTRAL", "TOGETHER", "FIREWORKS", "CEREBRAS", "MOONSHOT", "AZURE"];
    let names: Vec<String> = stems.iter().map(|stem| format!("{stem}_API_KEY")).collect();
    let mut variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "k")).collect();
    variables.push(("AZURE_BASE_URL", "https://h"));
    let control = &mut control(&variables);
    assert_eq!(answer(control, &Whose::Due, 0, Ok(&["m"])).len(), 5);
    assert_eq!(answer(control, &Whose::Due, 0, Ok(&["m"])).len(), 2, "the eighth has no list");
    assert!(answer(control, &Whose::Due, 1, Ok(&["m"])).is_empty());
    assert!(!control.has_lists_due(Millis(1)));
    assert_eq!(answer(control, &Whose::Provider("groq".to_owned()), 1, Ok(&["m"])), ["groq-1"]);
    assert_eq!(answer(control, &Whose::All, 1, Ok(&["m"])).len(), 7);
}

#[test]
fn a_list_that_was_read_takes_the_place_of_what_the_catalogue_knows() {
    let control = &mut control(&[("OPENAI_API_KEY", "a"), ("OPENAI_MODELS", "!gpt-3*"), ("GROQ_API_KEY", "b")]);
    assert!(ids(control).contains(&"gpt-4.1".to_owned()));
    let list: &[&str] = &["gpt-9", "gpt-3.5-turbo", "my-tuned-model", "groq/odd", "openai/own"];
    answer(control, &Whose::Provider("openai".to_owned()), 0, Ok(list));
    // What the operator excludes is not listed; what begins like another provider's name is listed so that it leads here.
    assert_eq!(ids(control), ["gpt-9", "my-tuned-model", "openai/groq/odd", "openai/own"]);
    for id in ids(control) {
        assert_eq!(goals(control, &id), [["openai"]], "{id}");
    }
    assert_eq!(goals(control, "groq/odd"), [["groq"]]);
    assert_eq!(goals(control, "gpt-3.5-turbo"), [] as [Vec<String>; 0]);
}

#[test]
fn what_the_operator_lists_is_offered_and_the_providers_list_is_narrowed_to_it() {
    let control = &mut control(&[("GROQ_API_KEY", "a"), ("GROQ_MODELS", "mine,llama-*")]);
    answer(control, &Whose::All, 0, Ok(&["llama-4", "qwen-3"]));
    assert_eq!(ids(control), ["mine", "llama-4"]);
    assert_eq!(goals(control, "mine"), [["groq"]]);
    assert_eq!(goals(control, "qwen-3"), [] as [Vec<String>; 0]);
}

#[test]
fn whoever_lists_a_model_goes_before_whoever_only_might_have_it() {
    let control = &mut control(&[
        ("OPENROUTER_API_KEY", "a"),
        ("TOGETHER_API_KEY", "b"),
        ("BOX_API_KEY", "c"),
        ("BOX_BASE_URL", "http://h"),
    ]);
    let both = goals(control, "vendor/new");
    assert_eq!(both.len(), 1, "before any list all are equal: {both:?}");
    answer(control, &Whose::Provider("openrouter".to_owned()), 0, Ok(&["vendor/old"]));
    answer(control, &Whose::Provider("together".to_owned()), 0, Ok(&["vendor/new"]));
    assert_eq!(goals(control, "vendor/new"), [["together"], ["openrouter"]]);
    // A server of the operator's own is guessed at only while nobody knows better.
    assert_eq!(goals(control, "unheard-of"), [["box"]]);
    answer(control, &Whose::Provider("box".to_owned()), 0, Ok(&["mine"]));
    assert_eq!(goals(control, "mine"), [["box"]]);
    assert_eq!(goals(control, "unheard-of"), [["box"]], "a list need not be whole");
}

#[test]
fn a_name_without_its_date_or_tag_is_the_listed_one() {
    let control = &mut control(&[("ANTHROPIC_API_KEY", "a"), ("OLLAMA_BASE_URL", "http://h"), ("OLLAMA_API_KEY", "b")]);
    let list: &[&str] = &["claude-x-1-20260101", "claude-x-1-20260202", "claude-x-1-5", "llama9:latest", "llama9:70b"];
    answer(control, &Whose::All, 0, Ok(list));
    let known = control.setups().map(|setup| setup.account.provider.clone()).collect::<Vec<_>>();
    assert_eq!(known, ["anthropic", "ollama"]);
    let mut face = |name: &str, model: &str| {
        let wanted = Wanted { caller: Caller::Operator, provider: None, model: Some(format!("{name}/{model}")) };
        control.models(&wanted, Millis(0)).unwrap().remove(0).offer.map(|offer| offer.id)
    };
    assert_eq!(face("anthropic", "claude-x-1").as_deref(), Some("claude-x-1-20260202"));
    assert_eq!(face("anthropic", "CLAUDE-X-1-20260101").as_deref(), Some("claude-x-1-20260101"));
    assert_eq!(face("anthropic", "claude-x"), None, "a version is no date");
    assert_eq!(face("ollama", "llama9").as_deref(), Some("llama9:latest"));
    assert_eq!(face("ollama", "llama9:70b").as_deref(), Some("llama9:70b"));
    assert_eq!(face("ollama", "llama9:8b"), None);
    assert!(Has::Yes > Has::Unlisted && Has::Unlisted > Has::Maybe && Has::Maybe > Has::No);
}

#[test]
fn lists_outlive_the_object_and_end_with_the_last_account() {
    let vault = || Vault::of(Some("a master key of the tests"), None);
    let mut first = Control::new(Vec::new(), vault(), true);
    let key = Credential { access: Secret::new("gsk_0123456789abcdef"), ..Credential::default() };
    for (id, base) in [("groq-1", None), ("groq-2", None), ("groq-3", Some("http://h.example/v1".to_owned()))] {
        let record = Record {
            id: id.to_owned(),
            provider: "groq".to_owned(),
            base_url: base,
            weight: 1,
            enabled: true,
            ..Record::default()
        };
        first.store(record, Some((&key, [7; 12])), Millis(0)).unwrap();
    }
    let asked = answer(&mut first, &Whose::Due, 0, Ok(&["one", "two"]));
    assert_eq!(asked, ["groq-1", "groq-3"], "an address of its own has a list of its own");
    let rows: Vec<(String, String)> =
        first.changes().into_iter().filter_map(|row| Some((row.key, row.value?))).collect();
    let mut names: Vec<&str> =
        rows.iter().map(|(key, _)| key.as_str()).filter(|key| key.starts_with("list/")).collect();
    names.sort_unstable();
    assert_eq!(names, ["list/groq", "list/groq@http://h.example/v1"]);
    assert!(rows.iter().all(|(_, value)| !value.contains("gsk_0123456789")));
    let mut second = Control::new(Vec::new(), vault(), true);
    assert!(second.load(rows, Millis(1)).is_empty());
    assert_eq!(ids(&mut second), ["one", "two"]);
    assert!(!second.has_lists_due(Millis(HOUR)));
    assert_eq!(answer(&mut second, &Whose::Account("groq-2".to_owned()), 1, Ok(&["three"])), ["groq-2"]);
    second.changes();
    second.remove("groq-1");
    assert!(second.changes().iter().all(|row| !row.key.starts_with("list/")), "groq-2 still asks");
    second.remove("groq-2");
    let gone: Vec<_> = second.changes().into_iter().filter(|row| row.key.starts_with("list/")).collect();
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].key.as_str(), &gone[0].value), ("list/groq", &None));
    assert_eq!(ids(&mut second), ["one", "two"], "what the other address has");
    let mut broken = Control::new(Vec::new(), vault(), true);
    assert_eq!(broken.load([("list/groq".to_owned(), "{".to_owned())], Millis(0)).len(), 1);
}

#[test]
fn a_list_says_what_goes_in_and_whether_the_model_reasons() {
    let body = json!({"data": [
        {"id": "a", "context_length": 9, "architecture": {"input_modalities": ["text", "image", "smell"]}, "supported_parameters": ["tools", "reasoning"]},
        {"id": "b", "supported_parameters": ["tools"]},
        {"id": "c", "thinking": true},
        {"id": "d"},
    ]});
    let said: Vec<_> = read(body.to_string().as_bytes())
        .unwrap()
        .models
        .into_iter()
        .map(|offer| (offer.id, offer.input.map(|input| input.len()), offer.reasoning))
        .collect();
    let expected = [("a", Some(1), Some(true)), ("b", None, Some(false)), ("c", None, Some(true)), ("d", None, None)];
    assert_eq!(said, expected.map(|(id, input, reasoning)| (id.to_owned(), input, reasoning)));
    let offer = Offer { input: Some(vec![crate::catalogue::Modality::Document]), ..Offer::of("x") };
    assert_eq!(serde_json::to_value(offer).unwrap(), json!({"id": "x", "input": ["file"]}));
}
