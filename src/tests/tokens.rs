//! Estimated token counts.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use super::rig::folder;
use super::upstreams::setups;
use crate::access::{Caller, Presented};
use crate::call::{Call, Head, Route, route};
use crate::control::Control;
use crate::control::inquiry::Inquiry;
use crate::fault::{Failure, Millis};
use crate::ir::event::Usage;
use crate::tokens::{self, answer};
use crate::vault::VaultError;

fn call(path: &str, body: &Value) -> Call {
    let head = Head { method: "POST", path, query: "", header: &|_| None };
    let Ok(Route::Call(endpoint)) = route(&head) else { panic!("{path}") };
    Call::read(endpoint, Bytes::from(body.to_string()), &head, "7", 1_700_000_000).unwrap()
}

fn messages(content: Value, tools: Value) -> Result<Value, Failure> {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": content}], "tools": tools});
    answer(&call("/v1/messages/count_tokens", &body)).map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

#[derive(serde::Deserialize)]
struct Counted {
    kind: String,
    text: String,
    /// What OpenAI's newer and older tokenizers make of it; `scripts/tokens.mjs` has them count.
    o200k: u32,
    cl100k: u32,
}

/// How far off an estimate may be at most, in percent of what the newer and the older tokenizer count.
#[rustfmt::skip]
const BOUNDS: &[(&str, u32, u32)] = &[
    ("English", 10, 10), ("logs and numbers", 25, 25), ("code", 25, 25), ("JSON schemas", 25, 25), ("German", 25, 35),
    ("Cyrillic", 60, 40), ("Greek", 15, 60), ("Arabic", 25, 55), ("Devanagari", 60, 60), ("Chinese", 30, 30),
    ("Japanese", 20, 30), ("Korean", 20, 40), ("base64", 25, 30),
];

const HEAD: &str = "# How far off an estimate of tokens is

Where a provider cannot count for a client, the answer is an estimate, and `x-sluice-estimate: 1` says so. This table is
made of the code (`src/tests/tokens.rs` fails when it is stale): by how many percent the rule in `src/tokens.rs` misses
what OpenAI's tokenizers count, newer (o200k) and older (cl100k), in `tests/fixtures/tokens.json`. Above 0 it says too
much. Other providers' tokenizers were not measured.

The constants were chosen with these texts in sight: others may be further off.

| text | samples | median, o200k | worst | median, cl100k | worst |
|---|---|---|---|---|---|
";

fn median(errors: &[f64]) -> f64 {
    let mut sorted = errors.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn worst(errors: &[f64]) -> f64 {
    *errors.iter().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap()
}

#[test]
fn an_estimate_is_near_what_tokenizers_count_and_the_docs_say_how_near() {
    let counted = std::fs::read_to_string(folder("fixtures/tokens.json")).unwrap();
    let counted: Vec<Counted> = serde_json::from_str(&counted).unwrap();
    let mut text = HEAD.to_owned();
    let known = |kind: &str| BOUNDS.iter().any(|(name, _, _)| *name == kind);
    assert!(counted.iter().all(|sample| known(&sample.kind)));
    for (kind, newer, older) in BOUNDS {
        let samples: Vec<&Counted> = counted.iter().filter(|sample| sample.kind == *kind).collect();
        let errors = |count: fn(&Counted) -> u32| -> Vec<f64> {
            let error = |sample: &&Counted| {
                let said = u32::try_from(tokens::of_text(&sample.text)).unwrap();
                100.0 * (f64::from(said) / f64::from(count(sample)) - 1.0)
            };
            samples.iter().map(error).collect()
        };
        let (new, old) = (errors(|sample| sample.o200k), errors(|sample| sample.cl100k));
        for (errors, bound) in [(&new, newer), (&old, older)] {
            assert!(worst(errors).abs() <= f64::from(*bound), "{kind}: {errors:.0?} of at most {bound}");
        }
        let figures = [median(&new), worst(&new), median(&old), worst(&old)].map(|error| format!("{error:+.0}"));
        writeln!(text, "| {kind} | {} | {} |", samples.len(), figures.join(" | ")).unwrap();
    }
    let path = folder("../docs/TOKENS.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "stale: UPDATE_DOCS=1 cargo test an_estimate_is_near writes it anew");
}

#[test]
fn runs_cost_what_the_rule_says() {
    #[rustfmt::skip]
    let table = [
        ("", 0), ("a", 1), ("Gateway", 1), ("12", 1), ("日本語", 3), ("привет", 3), ("हिन्दी", 3), ("😀", 1), ("      ", 0),
        ("aaaaaaaaaaaaaaaa", 2), ("AAAA", 3), ("é", 1),
    ];
    for (words, expected) in table {
        assert_eq!(tokens::of_text(words), expected, "{words}");
    }
}

#[test]
fn pictures_and_tools_count_and_nothing_counts_nothing() {
    let count = |content, tools| messages(content, tools).unwrap()["input_tokens"].as_u64().unwrap();
    let image =
        json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A".repeat(40_000)}}]);
    assert_eq!(count(image, json!([])), 1_604);
    let tool = json!([{"name": "f", "description": "does", "input_schema": {"type": "object", "properties": {}}}]);
    assert!(count(json!("a"), tool) > 20);
    let empty = answer(&call("/v1beta/models/m:countTokens", &json!({"contents": []}))).unwrap();
    assert_eq!(empty, br#"{"totalTokens":1}"#);
    let gemini = json!({"generateContentRequest": {"model": "models/m", "contents": [{"parts": [{"text": "four"}]}]}});
    assert_eq!(answer(&call("/v1beta/models/m:countTokens", &gemini)).unwrap(), br#"{"totalTokens":5}"#);
}

#[test]
fn a_request_that_makes_no_sense_has_no_count() {
    let failure = messages(json!([{"type": "image"}]), json!([])).unwrap_err();
    assert_eq!((failure.status, failure.param.is_some()), (400, true), "{}", failure.message);
}

#[test]
fn only_who_counts_in_the_clients_words_is_asked() {
    let setups = setups(&[("ANTHROPIC_API_KEY", "k"), ("GEMINI_API_KEY", "k"), ("OPENAI_API_KEY", "k")]);
    let asked = |path: &str, model: &str| {
        let call = call(path, &json!({"model": model}));
        let mut control = Control::new(setups.clone(), Err(VaultError::NoKey), true);
        let operator = Presented { caller: Caller::Operator, pin: None };
        let inquiry = Inquiry { model: model.to_owned(), ..Inquiry::of(&call, operator, None, None).unwrap() };
        !control.plan(&inquiry, Millis(0)).unwrap_or_else(|denied| panic!("{}", denied.failure.message)).estimate
    };
    let (anthropic, gemini) = ("/v1/messages/count_tokens", "/v1beta/models/m:countTokens");
    #[rustfmt::skip]
    let table = [
        (anthropic, "claude-sonnet-5", true), (anthropic, "gemini-2.5-pro", false), (anthropic, "gpt-5", false),
        (gemini, "gemini-2.5-pro", true), (gemini, "claude-sonnet-5", false), (gemini, "gpt-4o", false),
    ];
    for (path, model, expected) in table {
        assert_eq!(asked(path, model), expected, "{path} {model}");
    }
}

#[test]
fn what_a_call_can_use_is_told_from_its_size_and_from_what_it_allows() {
    let of = |path: &str, body: serde_json::Value| {
        let call = call(path, &body);
        let tokens::Bounds { input, output } = tokens::bounds(&call);
        assert_eq!(input, (call.body.bytes().len() as u64).div_ceil(3));
        output
    };
    let chat = "/v1/chat/completions";
    assert_eq!(of(chat, json!({"model": "gpt-4.1", "max_tokens": 100})), 100);
    assert_eq!(of(chat, json!({"model": "gpt-4.1", "max_completion_tokens": 7, "n": 3})), 21);
    assert_eq!(of(chat, json!({"model": "gpt-4.1"})), 16_384);
    assert_eq!(of(chat, json!({"model": "gpt-4.1", "max_tokens": 99_999_999})), 32_768);
    assert_eq!(of(chat, json!({"model": "unheard-of", "max_tokens": 99_999})), 99_999);
    assert_eq!(of("/v1/responses", json!({"model": "gpt-4.1", "max_output_tokens": 5})), 5);
    let config = json!({"generationConfig": {"maxOutputTokens": 9, "temperature": 1}});
    assert_eq!(of("/v1beta/models/gemini-2.5-pro:generateContent", config), 9);
    assert_eq!(of("/api/chat", json!({"model": "m", "options": {"num_predict": 3}})), 3);
    assert_eq!(of("/api/chat", json!({"model": "m", "options": {"num_predict": -1}})), 16_384);
    assert_eq!(of("/v1/embeddings", json!({"model": "text-embedding-3-small", "input": "x"})), 0);
}

#[test]
fn what_a_provider_did_not_say_is_estimated_and_what_it_said_is_kept() {
    let said = Usage { input: 10, output: 20, reasoning: 5, ..Usage::default() };
    assert_eq!(tokens::told(&said, 99, 1000), said);
    assert_eq!(tokens::told(&Usage::default(), 99, 1000), Usage { input: 99, output: 5, ..Usage::default() });
    let begun = Usage { input: 10, output: 1, ..Usage::default() };
    assert_eq!(tokens::told(&begun, 99, 4000), Usage { output: 20, ..begun });
}
