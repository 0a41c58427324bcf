//! Bedrock's Converse and Ollama's chat, as they are sent: what the golden matrix does not show.

use serde_json::{Value, json};

use super::rig::{call, target};
use crate::fault::Failure;
use crate::ir::Protocol;
use crate::upstream::payload;

fn sent(wire: Protocol, model: &str, body: Value) -> Result<Value, Failure> {
    let mut body = body;
    body.as_object_mut().unwrap().entry("model").or_insert(model.into());
    body.as_object_mut().unwrap().entry("max_tokens").or_insert(99.into());
    let call = call("POST", "/v1/messages", &[], body.to_string()).unwrap();
    let sent = payload(&call, &target(wire, "a", model))?;
    Ok(serde_json::from_slice(&sent.body).unwrap())
}

fn converse(model: &str, body: Value) -> Value {
    sent(Protocol::Converse, model, body).unwrap_or_else(|failure| panic!("{failure:?}"))
}

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn marked(text: &str) -> Value {
    json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}})
}

#[test]
fn a_cache_point_stands_behind_what_was_marked_and_the_last_four_count() {
    let tool = json!({"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}});
    let body = json!({
        "tools": [tool], "system": [marked("s")],
        "messages": [
            {"role": "user", "content": [marked("a"), marked("b")]},
            {"role": "assistant", "content": "c"},
            {"role": "user", "content": [{"type": "text", "text": "d"}, marked("e")]},
        ]
    });
    let sent = converse(CLAUDE, body.clone());
    let point = json!({"cachePoint": {"type": "default"}});
    assert_eq!(sent["toolConfig"]["tools"].as_array().unwrap().len(), 1);
    assert_eq!(sent["system"], json!([{"text": "s"}, point]));
    assert_eq!(sent["messages"][0]["content"], json!([{"text": "a"}, point, {"text": "b"}, point]));
    assert_eq!(sent["messages"][2]["content"], json!([{"text": "d"}, {"text": "e"}, point]));
    let other = converse("meta.llama3-70b-instruct-v1:0", body);
    assert!(!other.to_string().contains("cachePoint"), "{other}");
}

#[test]
fn thinking_is_asked_of_claude_in_its_own_words_and_of_nobody_else() {
    let body = json!({
        "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9000, "temperature": 0.5, "top_k": 4,
        "thinking": {"type": "enabled", "budget_tokens": 2048}
    });
    let claude = converse(CLAUDE, body.clone());
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 2048}});
    assert_eq!(claude["additionalModelRequestFields"], thinking);
    assert_eq!(claude["inferenceConfig"], json!({"maxTokens": 9000}));
    let nova = converse("amazon.nova-pro-v1:0", body.clone());
    assert_eq!(nova.get("additionalModelRequestFields"), None);
    assert_eq!(nova["inferenceConfig"], json!({"maxTokens": 9000, "temperature": 0.5}));
    let mut plain = body;
    plain.as_object_mut().unwrap().remove("thinking");
    let plain = converse(CLAUDE, plain);
    assert_eq!(plain["additionalModelRequestFields"], json!({"top_k": 4}));
    let leveled = json!({"messages": [{"role": "user", "content": "hi"}], "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}});
    let leveled = converse("global.anthropic.claude-opus-4-6-v1", leveled);
    let fields = json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}});
    assert_eq!(leveled["additionalModelRequestFields"], fields);
}

#[test]
fn ids_and_documents_have_names_that_bedrock_takes() {
    let id = "call/with.every:thing".repeat(5);
    let document = json!({"type": "document", "title": "My_report (1).pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}});
    let body = json!({"messages": [
        {"role": "user", "content": [document]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "is_error": true}]},
    ]});
    let sent = converse(CLAUDE, body);
    let called = sent["messages"][1]["content"][0]["toolUse"]["toolUseId"].as_str().unwrap();
    let result = &sent["messages"][2]["content"][0]["toolResult"];
    assert_eq!((result["toolUseId"].as_str(), &result["status"]), (Some(called), &json!("error")));
    assert_eq!(result["content"], json!([{"text": "."}]));
    assert!(called.len() <= 64 && called.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{called}");
    let document = &sent["messages"][0]["content"][0]["document"];
    assert_eq!((&document["format"], &document["source"]), (&json!("pdf"), &json!({"bytes": "JVBE"})));
    let name = document["name"].as_str().unwrap();
    assert!(name.starts_with("My report (1) pdf "), "{name}");
    // The tools of a history are declared.
    assert_eq!(sent["toolConfig"]["tools"][0]["toolSpec"]["name"], "f");
}

#[test]
fn a_schema_and_a_choice_are_said_as_bedrock_says_them() {
    let call = |more: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let call = call("POST", "/v1/chat/completions", &[], body.to_string()).unwrap();
        let sent =
            payload(&call, &target(Protocol::Converse, "a", "m")).unwrap_or_else(|failure| panic!("{failure:?}"));
        serde_json::from_slice::<Value>(&sent.body).unwrap()
    };
    let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    let sent = call(json!({ "response_format": schema }));
    let definition = json!({"schema": "{\"type\":\"object\"}", "name": "n"});
    let format = json!({"type": "json_schema", "structure": {"jsonSchema": definition}});
    assert_eq!(sent["outputConfig"]["textFormat"], format);
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    for (choice, expected) in [
        (json!("auto"), json!({"auto": {}})),
        (json!("required"), json!({"any": {}})),
        (json!({"type": "function", "function": {"name": "f"}}), json!({"tool": {"name": "f"}})),
    ] {
        assert_eq!(call(json!({"tools": tools, "tool_choice": choice}))["toolConfig"]["toolChoice"], expected);
    }
    assert_eq!(call(json!({"tools": tools, "tool_choice": "none"})).get("toolConfig"), None);
}

#[test]
fn an_ollama_server_is_told_how_to_think_in_its_own_words() {
    let think = |model: &str, thinking: Value| {
        let body = json!({"messages": [{"role": "user", "content": "hi"}], "thinking": thinking, "output_config": {"effort": "low"}});
        let sent = sent(Protocol::Ollama, model, body).unwrap_or_else(|failure| panic!("{failure:?}"));
        sent["think"].clone()
    };
    assert_eq!(think("qwen3", json!({"type": "enabled", "budget_tokens": 2000})), json!(true));
    assert_eq!(think("qwen3", json!({"type": "adaptive"})), json!(true));
    assert_eq!(think("qwen3", json!({"type": "disabled"})), json!(false));
    assert_eq!(think("gpt-oss:20b", json!({"type": "adaptive"})), json!("low"));
}
