//! What is known of models, and the lists of them.

use serde_json::{Value, json};

use super::upstreams::setups;
use crate::accounts::Setup;
use crate::catalogue::{self, Thinking, find};
use crate::ir::{Depth, Effort, Protocol};
use crate::json::Body;
use crate::models::{self, Page, encode, encode_one, list, show, shown};
use crate::protocol::inbound;
use crate::reasoning;
use crate::route::resolve;

#[test]
fn a_model_is_known_by_every_name_it_is_sold_under() {
    let cases = [
        ("claude-sonnet-4-5", Some("claude-sonnet-4-5")),
        ("claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5")),
        ("anthropic/claude-sonnet-4.5", Some("claude-sonnet-4-5")),
        ("anthropic.claude-x", None),
        ("claude-opus-4-20250514", Some("claude-opus-4-20250514")),
        ("claude-opus-4-1", Some("claude-opus-4-1-20250805")),
        ("claude-opus-4-9", None),
        ("claude-opus-6", None),
        ("gemini-2.5-flash", Some("gemini-2.5-flash")),
        ("gemini-2.5-flash-preview-09-2025", Some("gemini-2.5-flash")),
        ("gemini-2.5-flash-lite-preview-06-17", Some("gemini-2.5-flash-lite")),
        ("models/gemini-3-pro", Some("gemini-3-pro-preview")),
        ("gemini-3-pro-preview", Some("gemini-3-pro-preview")),
        ("gpt-5", Some("gpt-5")),
        ("gpt-5-2025-08-07", Some("gpt-5")),
        ("gpt-5-mini-2025-08-07", Some("gpt-5-mini")),
        ("gpt-5.9", None),
        ("openai/gpt-5.1-codex-max", Some("gpt-5.1-codex-max")),
        ("gpt-4o-2024-08-06", Some("gpt-4o")),
        ("gpt-4o", Some("gpt-4o")),
        ("gpt-4", Some("gpt-4")),
        ("gpt-4-0613", Some("gpt-4")),
        ("deepseek/deepseek-v3.2:free", Some("deepseek-v3.2")),
        ("deepseek-ai/DeepSeek-V3", Some("deepseek-v3")),
        ("moonshotai/Kimi-K2-Instruct", Some("kimi-k2")),
        ("kimi-k2-0905-preview", Some("kimi-k2")),
        ("minimax-m2.5", Some("MiniMax-M2.5")),
        ("llama-3.3-70b-versatile", Some("llama-3.3-70b")),
        ("grok-4-0709", Some("grok-4")),
        ("unheard-of", None),
        ("", None),
    ];
    for (name, expected) in cases {
        assert_eq!(find(name).map(|model| model.name), expected, "{name}");
    }
}

#[test]
fn the_table_is_sound() {
    for (at, model) in catalogue::MODELS.iter().enumerate() {
        assert_eq!(find(model.name).map(|found| found.name), Some(model.name));
        assert!(catalogue::MODELS.iter().skip(at + 1).all(|other| other.name != model.name), "{} twice", model.name);
        assert!(model.output.is_none_or(|output| output <= model.context), "{}", model.name);
        match model.thinking {
            Thinking::Budget { min, max, .. } => assert!(min > 0 && min < max, "{}", model.name),
            Thinking::Levels { levels, .. } => assert!(!levels.is_empty() && levels.is_sorted(), "{}", model.name),
            Thinking::Never | Thinking::Unknown => {}
        }
    }
}

#[test]
fn levels_and_budgets_are_worth_each_other() {
    let table = [
        (Effort::Minimal, 512),
        (Effort::Low, 1_024),
        (Effort::Medium, 8_192),
        (Effort::High, 24_576),
        (Effort::XHigh, 32_768),
        (Effort::Max, 128_000),
    ];
    for (level, tokens) in table {
        assert_eq!(reasoning::budget(level), tokens);
        assert_eq!(reasoning::effort(tokens), level);
    }
    for (tokens, level) in [(0, Effort::Minimal), (513, Effort::Low), (1_025, Effort::Medium), (40_000, Effort::Max)] {
        assert_eq!(reasoning::effort(tokens), level, "{tokens}");
    }
}

#[test]
fn a_depth_is_fitted_to_what_the_model_has() {
    use Depth::{Adaptive, Budget, Effort as Level, Off};
    let cases = [
        // Unknown models get what was said.
        ("unheard-of", Budget(7), Some(Budget(7))),
        ("unheard-of", Off, Some(Off)),
        // Models that do not reason get nothing.
        ("gpt-4o", Level(Effort::High), None),
        // A budget model.
        ("claude-haiku-4-5", Level(Effort::Low), Some(Budget(1_024))),
        ("claude-haiku-4-5", Level(Effort::Minimal), Some(Budget(1_024))),
        ("claude-haiku-4-5", Level(Effort::Max), Some(Budget(63_999))),
        ("claude-haiku-4-5", Budget(1), Some(Budget(1_024))),
        ("claude-haiku-4-5", Off, Some(Off)),
        ("claude-haiku-4-5", Adaptive, Some(Budget(32_511))),
        ("gemini-2.5-pro", Off, Some(Budget(128))),
        ("gemini-2.5-pro", Adaptive, Some(Adaptive)),
        ("gemini-2.5-pro", Budget(100_000), Some(Budget(32_768))),
        ("gemini-2.5-flash", Off, Some(Off)),
        // A level model; ties go to the lower.
        ("gpt-5", Level(Effort::XHigh), Some(Level(Effort::High))),
        ("gpt-5", Off, Some(Level(Effort::Minimal))),
        ("gpt-5", Budget(1_000), Some(Level(Effort::Low))),
        ("gpt-5.1", Off, Some(Off)),
        ("gpt-5.1", Level(Effort::Minimal), Some(Level(Effort::Low))),
        ("gemini-3-pro-preview", Level(Effort::Medium), Some(Level(Effort::Low))),
        ("claude-opus-4-6", Level(Effort::XHigh), Some(Level(Effort::High))),
        ("claude-opus-4-6", Budget(31_999), Some(Level(Effort::High))),
        ("claude-opus-4-6", Adaptive, Some(Adaptive)),
    ];
    for (model, depth, expected) in cases {
        assert_eq!(reasoning::fit(model, depth), expected, "{model} {depth:?}");
    }
}

const KEYS: &[(&str, &str)] = &[
    ("OPENAI_API_KEY", "a,b"),
    ("ANTHROPIC_API_KEY", "k"),
    ("GEMINI_API_KEY", "k"),
    ("DEEPSEEK_API_KEY", "k"),
    ("BOX_API_KEY", "k"),
    ("BOX_BASE_URL", "http://h.test/v1"),
    ("BOX_MODELS", "mine-7b,gpt-4o,vendor/special,qwen3-*,!qwen3-32b"),
    ("SLUICE_DEMO", "1"),
];

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn every_listed_model_can_be_called_and_is_listed_once() {
    let setups = setups(KEYS);
    let models = list(&setups, None);
    for (at, model) in models.iter().enumerate() {
        assert!(models.iter().skip(at + 1).all(|other| other.id != model.id), "{} twice", model.id);
        let ask = resolve(&model.id, None, &setups).unwrap_or_else(|| panic!("{} leads nowhere", model.id));
        assert!(ask.tiers.iter().flatten().any(|goal| goal.provider == model.provider), "{}", model.id);
    }
    let has = |id: &str| models.iter().any(|model| model.id == id);
    for id in [
        "gpt-4o",
        "claude-opus-5",
        "gemini-2.5-pro",
        "deepseek-v4-pro",
        "mine-7b",
        "vendor/special",
        "qwen3-max",
        "demo/echo",
    ] {
        assert!(has(id), "{id}");
    }
    for id in ["qwen3-32b", "qwen3-*", "grok-4", "claude-3-opus", "deepseek-r1"] {
        assert!(!has(id), "{id}");
    }
    assert!(list(&[], None).is_empty());
}

#[test]
fn an_account_that_is_off_lists_nothing() {
    let off: Vec<Setup> = setups(&[("OPENAI_API_KEY", "a"), ("OPENAI_WEIGHT", "0")]);
    assert!(list(&off, None).is_empty());
}

#[test]
fn a_list_has_the_shape_of_its_protocol() {
    let setups = setups(&[("BOX_API_KEY", "k"), ("BOX_BASE_URL", "http://h.test"), ("BOX_MODELS", "gpt-5,b")]);
    let models = list(&setups, None);
    let of = |protocol| value(&encode(&models, protocol, &Page::default()));
    assert_eq!(
        of(Protocol::Chat),
        json!({"object": "list", "data": [
            {"id": "gpt-5", "object": "model", "created": 1_767_225_600, "owned_by": "box", "context_length": 400_000, "max_output_tokens": 128_000, "input_modalities": ["text", "image", "file"], "reasoning": true},
            {"id": "b", "object": "model", "created": 1_767_225_600, "owned_by": "box"},
        ]})
    );
    assert_eq!(
        of(Protocol::Messages),
        json!({"data": [
            {"type": "model", "id": "gpt-5", "display_name": "gpt-5", "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active", "max_input_tokens": 400_000, "max_tokens": 128_000},
            {"type": "model", "id": "b", "display_name": "b", "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active", "max_input_tokens": null, "max_tokens": null},
        ], "has_more": false, "first_id": "gpt-5", "last_id": "b"})
    );
    let methods = json!(["generateContent", "streamGenerateContent", "countTokens"]);
    assert_eq!(
        of(Protocol::Gemini),
        json!({"models": [
            {"name": "models/gpt-5", "version": "001", "displayName": "gpt-5", "inputTokenLimit": 400_000, "outputTokenLimit": 128_000, "supportedGenerationMethods": methods, "thinking": true},
            {"name": "models/b", "version": "001", "displayName": "b", "supportedGenerationMethods": methods, "thinking": false},
        ]})
    );
    assert_eq!(
        value(&encode(&[], Protocol::Messages, &Page::default())),
        json!({"data": [], "has_more": false, "first_id": null, "last_id": null})
    );
}

#[test]
fn ollama_is_told_names_digests_and_details() {
    let setups = setups(&[("BOX_API_KEY", "k"), ("BOX_BASE_URL", "http://h.test"), ("BOX_MODELS", "gpt-5,vendor/b:x")]);
    let list = value(&encode(&list(&setups, None), Protocol::Ollama, &Page::default()));
    let models = list["models"].as_array().unwrap();
    assert_eq!(models.len(), 2);
    let digest = |at: usize| models[at]["digest"].as_str().unwrap();
    assert_ne!(digest(0), digest(1), "clients group names by digest");
    assert!(digest(0).len() == 64 && digest(0).bytes().all(|byte| byte.is_ascii_hexdigit()));
    let details = |family: &str| json!({"parent_model": "", "format": "", "family": family, "families": [family], "parameter_size": "", "quantization_level": ""});
    assert_eq!(
        models[1],
        json!({"name": "vendor/b:x", "model": "vendor/b:x", "modified_at": "2026-01-01T00:00:00Z", "size": 0, "digest": digest(1), "details": details("b")})
    );
    assert_eq!(models[0]["details"], details("gpt"));
}

#[test]
fn ollama_is_shown_a_model_by_either_name() {
    let setups = setups(KEYS);
    let show = |body: &Value| {
        let id = shown(&Body::parse(body.to_string().into()).unwrap())?;
        models::find(&id, &setups).map(|model| value(&show(&model)))
    };
    let shown = show(&json!({"model": "[Claude] claude-opus-5:latest"})).unwrap();
    assert_eq!(shown["capabilities"], json!(["completion", "tools", "vision", "thinking"]));
    assert_eq!(
        shown["model_info"],
        json!({"general.architecture": "claude", "general.basename": "claude-opus-5", "claude.context_length": 1_000_000})
    );
    assert_eq!(shown["details"]["family"], "claude");
    let plain = show(&json!({"name": "mine-7b", "verbose": true})).unwrap();
    assert_eq!(plain["capabilities"], json!(["completion", "tools"]));
    assert_eq!(plain["model_info"], json!({"general.architecture": "mine", "general.basename": "mine-7b"}));
    assert_eq!(show(&json!({"model": "embedding-of-mine"})).unwrap_err().status, 404);
    assert_eq!(show(&json!({"model": "openai/text-embedding-3-small"})).unwrap()["capabilities"], json!(["embedding"]));
    let unknown = show(&json!({"model": "unheard-of"})).unwrap_err();
    assert_eq!(
        (unknown.status, inbound(Protocol::Ollama).encode_failure(&unknown)),
        (404, br#"{"error":"no account offers the model unheard-of"}"#.to_vec())
    );
    assert_eq!(show(&json!({})).unwrap_err().message, "model: is missing");
    assert_eq!(show(&json!({"model": 1})).unwrap_err().status, 400);
}

#[test]
fn a_provider_named_by_path_lists_its_own() {
    let setups = setups(KEYS);
    let providers = |name: &str| {
        let mut names: Vec<String> = list(&setups, Some(name)).into_iter().map(|model| model.provider).collect();
        names.dedup();
        names
    };
    assert_eq!(providers("claude"), ["anthropic"]);
    assert_eq!(providers("box"), ["box"]);
    assert!(providers("nobody").is_empty());
}

#[test]
fn a_long_list_is_walked_page_by_page_in_both_directions() {
    let names = ["a", "b", "c", "d", "e"];
    let setups = setups(&[("BOX_API_KEY", "k"), ("BOX_BASE_URL", "http://h.test"), ("BOX_MODELS", "a,b,c,d,e")]);
    let models = list(&setups, None);
    let page = |protocol, query: &[(&str, &str)]| {
        let page = Page::of(protocol, &|name| {
            query.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        value(&encode(&models, protocol, &page))
    };
    let messages = |query: &[(&str, &str)]| {
        let page = page(Protocol::Messages, query);
        let ids: String = page["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
        (ids, page["has_more"].as_bool().unwrap())
    };
    assert_eq!(messages(&[("limit", "2")]), ("ab".to_owned(), true));
    assert_eq!(messages(&[("limit", "2"), ("after_id", "b")]), ("cd".to_owned(), true));
    assert_eq!(messages(&[("limit", "2"), ("after_id", "d")]), ("e".to_owned(), false));
    assert_eq!(messages(&[("limit", "2"), ("before_id", "e")]), ("cd".to_owned(), true));
    assert_eq!(messages(&[("limit", "9"), ("before_id", "c")]), ("ab".to_owned(), false));
    assert_eq!(messages(&[("limit", "0")]), (names.concat(), false));
    assert_eq!(messages(&[("limit", "x"), ("after_id", "gone")]), (names.concat(), false));
    let gemini = page(Protocol::Gemini, &[("pageSize", "3")]);
    assert_eq!((gemini["models"].as_array().unwrap().len(), &gemini["nextPageToken"]), (3, &json!("c")));
    let rest = page(Protocol::Gemini, &[("pageSize", "3"), ("pageToken", "c")]);
    assert_eq!((rest["models"].as_array().unwrap().len(), rest.get("nextPageToken")), (2, None));
}

#[test]
fn one_model_is_answered_if_it_leads_somewhere() {
    let setups = setups(KEYS);
    let id = |id: &str, protocol| models::find(id, &setups).map(|model| value(&encode_one(&model, protocol)));
    assert_eq!(id("ft:gpt-4o:me", Protocol::Chat).unwrap()["owned_by"], "openai");
    assert_eq!(id("models/gemini-2.5-pro", Protocol::Gemini).unwrap()["name"], "models/gemini-2.5-pro");
    let embeds = id("text-embedding-3-small", Protocol::Gemini).unwrap();
    assert_eq!(embeds["supportedGenerationMethods"], json!(["embedContent", "batchEmbedContents"]));
    assert_eq!(id("unheard-of", Protocol::Chat).unwrap_err().status, 404);
}
