//! The response object: what it repeats of the request, and errors as whole bodies.

use serde_json::{Value, json};

use super::{call, captures, obey};
use crate::fault::{Failure, Kind};
use crate::ir::event::{Completion, FinishReason, Usage};
use crate::ir::{Issuer, Part, PartKind, Seal, ToolCall, ToolInput};
use crate::json::Json;
use crate::protocol::responses::Responses;
use crate::protocol::{Echo, Inbound};

fn answer(body: &Value) -> Value {
    let seal = Some(Seal { issuer: Issuer::Google, value: "sig".into(), redacted: false });
    let call_part = |id: &str, seal| {
        PartKind::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            input: ToolInput::Json(Json::empty_object()),
            seal,
        })
    };
    let done = Completion {
        id: "x".into(),
        model: "claude-x".into(),
        parts: vec![Part::text("hello"), call_part("c1", seal).into(), call_part("c2", None).into()],
        usage: Usage { input: 1, output: 2, ..Usage::default() },
        finish: Some(FinishReason::ToolCalls),
    };
    let call = call(body);
    let mut out = Vec::new();
    Responses.encode_response(&done, &Echo { call: &call, request: None }, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// clients.md, finding 12.
#[test]
fn the_response_has_every_member_that_validators_ask_for() {
    let response = answer(&json!({"model": "m", "input": "x"}));
    let mut without_output = response.clone();
    without_output.as_object_mut().unwrap().retain(|key, _| key != "output" && key != "usage");
    assert_eq!(
        without_output,
        json!({
            "id": "resp_7", "object": "response", "created_at": 1_700_000_000, "status": "completed",
            "completed_at": 1_700_000_000, "error": null, "incomplete_details": null, "model": "m",
            "previous_response_id": null, "service_tier": "default", "store": false, "background": false,
            "frequency_penalty": 0, "instructions": null, "max_output_tokens": null, "max_tool_calls": null,
            "metadata": {}, "parallel_tool_calls": true, "presence_penalty": 0, "prompt_cache_key": null,
            "safety_identifier": null, "temperature": 1, "tool_choice": "auto", "top_logprobs": 0, "top_p": 1,
            "truncation": "disabled", "reasoning": {"effort": null, "summary": null},
            "text": {"format": {"type": "text"}}, "tools": [],
        })
    );
    obey("Response", &[&response]);
}

#[test]
fn the_response_repeats_the_request() {
    let request = json!({
        "model": "m", "input": "x", "instructions": "be brief", "temperature": 0.25, "top_p": 0.5,
        "max_output_tokens": 64, "metadata": {"k": "v"}, "parallel_tool_calls": false, "truncation": "auto",
        "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}, "user": "u", "prompt_cache_key": "k",
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g", "parameters": {}, "strict": true},
            {"type": "web_search"}, {"type": "custom", "name": "p"}],
    });
    let response = answer(&request);
    for key in [
        "instructions",
        "temperature",
        "top_p",
        "max_output_tokens",
        "metadata",
        "parallel_tool_calls",
        "truncation",
        "user",
        "prompt_cache_key",
        "tool_choice",
    ] {
        assert_eq!(response[key], request[key], "{key}");
    }
    assert_eq!(response["reasoning"], json!({"effort": "low", "summary": null}));
    assert_eq!(response["text"], json!({"verbosity": "low", "format": {"type": "text"}}));
    assert_eq!(
        response["tools"],
        json!([{"type": "function", "name": "f", "parameters": null, "strict": null},
            {"type": "function", "name": "g", "parameters": {}, "strict": true},
            {"type": "web_search"}, {"type": "custom", "name": "p"}])
    );
    obey("Response", &[&response]);
}

#[test]
fn a_whole_answer_carries_the_seals_of_its_calls() {
    let response = answer(&json!({"model": "m", "input": "x"}));
    let ids: Vec<&str> = response["output"].as_array().unwrap().iter().filter_map(|i| i["call_id"].as_str()).collect();
    let [sealed, plain] = ids[..] else { panic!("{ids:?}") };
    assert!(sealed.starts_with("c1__seal_g_"), "{sealed}");
    assert_eq!(crate::protocol::seal::split(sealed).0, "c1");
    assert_eq!(plain, "c2");
    assert_eq!(response["output"][1]["id"], "fc_7_1");
}

#[test]
fn every_captured_request_can_be_repeated() {
    let responses: Vec<Value> = captures::captures().iter().map(|(_, body)| answer(body)).collect();
    for ((name, body), response) in captures::captures().iter().zip(&responses) {
        let sent = body["tools"].as_array().map_or(0, Vec::len);
        assert_eq!(response["tools"].as_array().unwrap().len(), sent, "{name}");
    }
    obey("Response", &responses.iter().collect::<Vec<_>>());
}

#[test]
fn errors_have_openais_shape() {
    let body = |failure: &Failure| serde_json::from_slice::<Value>(&Responses.encode_failure(failure)).unwrap();
    assert_eq!(
        body(&Failure::invalid("input[0].role", "unknown role")),
        json!({"error": {"message": "input[0].role: unknown role", "type": "invalid_request_error",
            "param": "input[0].role", "code": null}})
    );
    let table = [
        (Kind::Unauthorized, "authentication_error", Value::Null),
        (Kind::Forbidden, "permission_error", Value::Null),
        (Kind::RateLimited, "rate_limit_error", json!("rate_limit_exceeded")),
        (Kind::QuotaExceeded, "insufficient_quota", json!("insufficient_quota")),
        (Kind::Overloaded, "server_error", json!("server_is_overloaded")),
        (Kind::Upstream, "server_error", Value::Null),
    ];
    for (kind, word, code) in table {
        let error = body(&Failure::new(kind, "m"))["error"].clone();
        assert_eq!((&error["type"], &error["code"]), (&json!(word), &code));
    }
}
