//! Estimated token counts.

use bytes::Bytes;
use serde_json::{Value, json};

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

#[test]
fn every_script_costs_what_it_costs() {
    let text = |text: &str| messages(json!(text), json!([])).unwrap()["input_tokens"].as_u64().unwrap();
    #[rustfmt::skip]
    let table = [
        ("a", 5), ("four", 5), ("eight ch", 6), ("日本語", 7), ("한국어", 7), ("привет", 7), ("हिन्दी", 10), ("😀", 5),
    ];
    for (words, expected) in table {
        assert_eq!(text(words), expected, "{words}");
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
