//! Routes of the operator's own, what stands in for whom, and what clients may ask of routing.

use serde_json::{Value, json};

use super::setups;
use crate::config;
use crate::fault::Failure;
use crate::json::Body;
use crate::pool::{Goal, Pace, Strategy};
use crate::route::Needs;
use crate::route::choose::{Asked, Chosen, Knowledge, choose};
use crate::route::preferences::{Preferences, Sort, Suffixed, suffixes};

const KEYS: &[(&str, &str)] = &[
    ("OPENAI_API_KEY", "k"),
    ("ANTHROPIC_API_KEY", "k"),
    ("GEMINI_API_KEY", "k"),
    ("GROQ_API_KEY", "k"),
    ("OPENROUTER_API_KEY", "k"),
];

/// What a request with `body` would be asked of, under `document`: `provider/model` by tier.
fn chosen(document: &Value, body: &Value) -> Result<Chosen, Failure> {
    let document = config::read(document.to_string().as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let mut config = config::Config::new();
    config.replace(0, document, "key", crate::fault::Millis(0)).unwrap();
    let body = Body::parse(body.to_string().into()).unwrap();
    let preferences = Preferences::of(&body)?;
    let model: String = body.get("model").unwrap().unwrap();
    let setups = setups(KEYS);
    let known = Knowledge {
        setups: &setups,
        price: &|goal| match goal.provider.as_str() {
            "openai" => Some((2_000_000, 8_000_000)),
            "groq" => Some((100_000, 200_000)),
            "anthropic" => Some((3_000_000, 15_000_000)),
            _ => None,
        },
        pace: &|goal| match goal.provider.as_str() {
            "openai" => Some(Pace { first_ms: 300.0, tokens_per_second: 50.0 }),
            "groq" => Some(Pace { first_ms: 400.0, tokens_per_second: 500.0 }),
            _ => None,
        },
    };
    let asked = Asked { model: &model, provider: None, preferences: preferences.as_ref(), needs: Needs::of(&body) };
    choose(&asked, &config.routes, &known)
}

fn names(tiers: &[Vec<Goal>]) -> Vec<String> {
    let tier = |tier: &Vec<Goal>| {
        tier.iter().map(|goal| format!("{}/{}", goal.provider, goal.model)).collect::<Vec<_>>().join(" ")
    };
    tiers.iter().map(tier).collect()
}

fn tiers(document: &Value, body: &Value) -> Vec<String> {
    names(&chosen(document, body).unwrap_or_else(|failure| panic!("{}", failure.message)).ask.tiers)
}

fn routes() -> Value {
    json!({
        "routes": {
            "fast": {
                "tiers": [["groq/llama-3.3-70b-versatile", {"model": "gpt-4.1-mini", "weight": 3}], ["gemini-2.5-flash"]],
                "strategy": "fill_first"
            },
            "claude-*": {"tiers": [["anthropic/*"], ["openrouter/anthropic/*"]]},
            "claude-opus-*": {"tiers": [["anthropic/claude-opus-5"]]},
            "mine": {"tiers": [[{"model": "openai/gpt-5", "account": "openai-1"}]]}
        },
        "fallbacks": {"openai": ["anthropic/claude-sonnet-5"], "gemini-2.5-pro": ["gpt-5"]}
    })
}

#[test]
fn a_route_is_a_name_of_the_operators_own() {
    let routes = &routes();
    let of = |model: &str| tiers(routes, &json!({"model": model}));
    assert_eq!(of("fast"), ["groq/llama-3.3-70b-versatile openai/gpt-4.1-mini", "google/gemini-2.5-flash"]);
    assert_eq!(of("claude-sonnet-5"), ["anthropic/claude-sonnet-5", "openrouter/anthropic/claude-sonnet-5"]);
    // The longest pattern says the most.
    assert_eq!(of("claude-opus-4-1"), ["anthropic/claude-opus-5"]);
    let fast = chosen(routes, &json!({"model": "fast"})).unwrap();
    assert_eq!((fast.route.as_deref(), fast.ask.strategy), (Some("fast"), Strategy::FillFirst));
    let weights: Vec<_> = fast.ask.tiers[0].iter().map(|goal| goal.weight).collect();
    assert_eq!(weights, [None, Some(3)]);
    let mine = chosen(routes, &json!({"model": "mine"})).unwrap();
    assert_eq!(mine.ask.tiers[0][0].only.as_deref(), Some("openai-1"));
}

#[test]
fn others_stand_in_across_protocols() {
    let routes = &routes();
    let of = |model: &str| tiers(routes, &json!({"model": model}));
    assert_eq!(of("gpt-4.1"), ["openai/gpt-4.1", "anthropic/claude-sonnet-5"]);
    assert_eq!(of("gemini-2.5-pro"), ["google/gemini-2.5-pro", "openai/gpt-5"]);
    // As shipped, nobody here stands in for anybody: none of the logins is configured.
    assert_eq!(tiers(&json!({}), &json!({"model": "gpt-4.1"})), ["openai/gpt-4.1"]);
}

#[test]
fn a_client_may_name_further_models_and_order_providers() {
    let none = &json!({});
    let two = json!({"model": "gpt-4.1", "models": ["claude-sonnet-5", "gpt-4.1"]});
    assert_eq!(tiers(none, &two), ["openai/gpt-4.1", "anthropic/claude-sonnet-5"]);
    #[rustfmt::skip]
    let table = [
        (json!({"order": ["anthropic"]}), vec!["anthropic/claude-sonnet-5", "openai/gpt-4.1"]),
        (json!({"order": ["anthropic"], "allow_fallbacks": false}), vec!["anthropic/claude-sonnet-5"]),
        (json!({"allow_fallbacks": false}), vec!["openai/gpt-4.1"]),
        (json!({"only": ["claude"]}), vec!["anthropic/claude-sonnet-5"]),
        (json!({"ignore": ["openai"]}), vec!["anthropic/claude-sonnet-5"]),
        (json!({"max_price": {"prompt": 2.5}}), vec!["openai/gpt-4.1"]),
        (json!({"max_price": {"completion": 20.0}}), vec!["openai/gpt-4.1", "anthropic/claude-sonnet-5"]),
    ];
    for (provider, expected) in table {
        let body = json!({"model": "gpt-4.1", "models": ["claude-sonnet-5"], "provider": provider});
        assert_eq!(tiers(none, &body), expected, "{provider}");
    }
    let nobody = json!({"model": "gpt-4.1", "provider": {"only": ["mistral"]}});
    let failure = chosen(none, &nobody).unwrap_err();
    assert_eq!((failure.status, failure.param.as_deref()), (400, Some("provider")));
    // These members mean something else where they are something else.
    assert_eq!(tiers(none, &json!({"model": "gpt-4.1", "provider": "azure", "models": "x"})), ["openai/gpt-4.1"]);
}

#[test]
fn the_cheapest_or_fastest_goes_first_and_the_unknown_last() {
    let document = json!({"routes": {"any": {"tiers": [["anthropic/claude-sonnet-5", "gemini-2.5-pro", "groq/llama-3.3-70b-versatile", "openai/gpt-4.1"]]}}});
    let (anthropic, google) = ("anthropic/claude-sonnet-5", "google/gemini-2.5-pro");
    let (groq, openai) = ("groq/llama-3.3-70b-versatile", "openai/gpt-4.1");
    let table = [
        ("any:floor", json!({}), [groq, openai, anthropic, google]),
        ("any", json!({"sort": "price"}), [groq, openai, anthropic, google]),
        ("any:nitro", json!({}), [groq, openai, anthropic, google]),
        ("any", json!({"sort": "latency"}), [openai, groq, anthropic, google]),
    ];
    for (model, provider, expected) in table {
        assert_eq!(tiers(&document, &json!({"model": model, "provider": provider})), expected, "{model} {provider}");
    }
}

#[test]
fn suffixes_are_taken_off_the_name_and_nothing_else_is() {
    let of = |name, effort, sort, tag| Suffixed { name, effort, sort, tag };
    let table = [
        ("gpt-5(high)", of("gpt-5", Some("high"), None, None)),
        ("gpt-5(none)", of("gpt-5", Some("none"), None, None)),
        ("gpt-5(high):nitro", of("gpt-5", Some("high"), Some(Sort::Throughput), Some(":nitro"))),
        ("gpt-5:floor", of("gpt-5", None, Some(Sort::Price), Some(":floor"))),
        ("llama3:8b", of("llama3:8b", None, None, None)),
        ("deepseek/deepseek-r1:free", of("deepseek/deepseek-r1:free", None, None, None)),
        ("model (preview)", of("model (preview)", None, None, None)),
        ("(high)", of("(high)", None, None, None)),
        ("", of("", None, None, None)),
    ];
    for (model, expected) in table {
        assert_eq!(suffixes(model), expected, "{model}");
    }
    let chosen = chosen(&json!({}), &json!({"model": "meta-llama/llama-4:nitro"})).unwrap();
    assert_eq!(names(&chosen.ask.tiers), ["openrouter/meta-llama/llama-4:nitro"]);
}

#[test]
fn who_is_known_to_lack_something_is_not_asked_for_it() {
    let document = json!({
        "routes": {"any": {"tiers": [["groq/blind"], ["openai/gpt-4.1"]]}, "only": {"tiers": [["groq/blind"]]}},
        "models": {"groq/*": {"tools": false, "images": false, "schema": false, "context": 1000}}
    });
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}]);
    let both = ["groq/blind", "openai/gpt-4.1"];
    let seeing = ["openai/gpt-4.1"];
    let said = json!([{"role": "user", "content": "what does \"image_url\" mean, and \"json_schema\"?"}]);
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let schema = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {}}});
    let long = json!([{"role": "user", "content": "word ".repeat(4000)}]);
    let table: [(Value, &[&str], &str); 6] = [
        (json!({"messages": said}), &both, ""),
        (json!({"messages": said, "tools": []}), &both, ""),
        (json!({"messages": image}), &seeing, "messages"),
        (json!({"tools": tools}), &seeing, "tools"),
        (json!({"response_format": schema}), &seeing, "response_format"),
        // Only a guess: it chooses among several, and turns nobody away.
        (json!({"messages": long}), &seeing, ""),
    ];
    for (mut body, expected, param) in table {
        body["model"] = json!("any");
        assert_eq!(tiers(&document, &body), expected, "{param}");
        body["model"] = json!("only");
        let alone = chosen(&document, &body).map(|_| String::new()).unwrap_or_else(|failure| failure.param.unwrap());
        assert_eq!(alone, param);
    }
}

#[test]
fn what_is_wrong_with_a_document_is_named_with_its_path() {
    #[rustfmt::skip]
    let table = [
        (json!({"routes": {"a": {"tiers": []}}}), "routes.a.tiers", "names nobody"),
        (json!({"routes": {"a": {"tiers": [["a"]]}}}), "routes.a.tiers[0][0]", "is the route itself: name the provider, as in provider/model"),
        (json!({"routes": {"a": {"tiers": [["gpt-5", {"model": "x", "weight": 0}]]}}}), "routes.a.tiers[0][1].weight", "0 would never be asked: leave the candidate out"),
        (json!({"routes": {"a": {"tiers": [[5]]}}}), "routes.a.tiers[0][0]", "the name of a model"),
        (json!({"routes": {"a": {"tiers": [[{"mode": "x"}]]}}}), "routes.a.tiers[0][0].mode", "unknown field `mode`"),
        (json!({"routes": {"a": {"tiers": [["x"]], "strategy": "random"}}}), "routes.a.strategy", "unknown variant `random`"),
        (json!({"fallbacks": {"openai": ["openai"]}}), "fallbacks.openai[0]", "must name another provider or model"),
        (json!({"prices": {"models": {"m": {"input": 1}}}}), "prices.models.m", "missing field `output`"),
        (json!({"colour": 1}), "colour", "unknown field `colour`"),
    ];
    for (document, path, message) in table {
        let problems = config::read(document.to_string().as_bytes()).unwrap_err();
        let first = &problems[0];
        assert_eq!(first.path, path, "{document} {problems:?}");
        assert!(first.message.contains(message), "{document}: {}", first.message);
    }
}
