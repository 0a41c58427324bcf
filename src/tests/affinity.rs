//! Which calls belong together.

use serde_json::{Value, json};

use super::upstreams::call;
use crate::affinity::of;
use crate::ir::Protocol;

fn chat(body: &Value) -> Option<u64> {
    of(&call(Protocol::Chat, body), &|_| None)
}

fn with_header(name: &str, value: &str) -> Option<u64> {
    let header = |asked: &str| (asked == name).then(|| value.to_owned());
    of(&call(Protocol::Chat, &json!({"messages": [{"role": "user", "content": value}]})), &header)
}

#[test]
fn a_named_conversation_is_the_same_wherever_the_name_stands() {
    let id = "5cfffb04-0ba6-4983-b747-336b4ee350a7";
    let expected = with_header("x-claude-code-session-id", id);
    assert!(expected.is_some());
    for header in ["x-session-id", "session-id", "session_id", "x-session-affinity", "x-client-request-id"] {
        assert_eq!(with_header(header, id), expected, "{header}");
    }
    for body in [
        json!({"metadata": {"user_id": json!({"device_id": "d", "session_id": id}).to_string()}}),
        json!({"metadata": {"user_id": format!("user_ab12_account_cd34_session_{id}")}}),
        json!({"prompt_cache_key": id}),
        json!({"conversation": id}),
        json!({"conversation": {"id": id}}),
        json!({"session_id": id}),
        json!({"conversation_id": id}),
        // Whatever else is in the body, and however odd.
        json!({"prompt_cache_key": id, "metadata": 7, "messages": "x", "conversation": null}),
    ] {
        assert_eq!(chat(&body), expected, "{body}");
    }
    assert_ne!(with_header("x-session-id", "another"), expected);
}

#[test]
fn a_user_or_an_unusable_id_is_no_conversation() {
    for body in [
        json!({"user": "u"}),
        json!({"metadata": {"user_id": "u"}}),
        json!({"prompt_cache_key": ""}),
        json!({"prompt_cache_key": "x".repeat(257)}),
        json!({"prompt_cache_key": "a\nb"}),
        json!({"prompt_cache_key": 7}),
        json!({"messages": []}),
        json!({"messages": [{"role": "system", "content": "s"}]}),
        json!({}),
    ] {
        assert_eq!(chat(&body), None, "{body}");
    }
}

#[test]
fn what_begins_the_same_way_is_one_conversation() {
    let system = json!({"role": "system", "content": "be brief"});
    let first = json!({"role": "user", "content": "hello"});
    let begun = chat(&json!({"messages": [system, first]}));
    assert!(begun.is_some());
    let later = json!([system, first, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]);
    assert_eq!(chat(&json!({"model": "other", "stream": true, "messages": later})), begun);
    // A cache mark that wanders from turn to turn changes nothing.
    let marked =
        json!({"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}]});
    assert_eq!(chat(&json!({"messages": [system, marked]})), begun);
    assert_ne!(chat(&json!({"messages": [system, {"role": "user", "content": "bye"}]})), begun);
    assert_ne!(chat(&json!({"messages": [{"role": "system", "content": "be long"}, first]})), begun);
}

#[test]
fn every_protocols_beginning_is_found() {
    for body in [
        json!({"system": "s", "messages": [{"role": "user", "content": "hello"}]}),
        json!({"instructions": "s", "input": "hello"}),
        json!({"instructions": "s", "input": [{"role": "developer", "content": "d"}, {"role": "user", "content": [{"type": "input_text", "text": "hello"}]}]}),
        json!({"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"parts": [{"text": "hello"}]}]}),
        json!({"prompt": "hello"}),
    ] {
        let told = chat(&body);
        assert!(told.is_some(), "{body}");
        let other: Value = serde_json::from_str(&body.to_string().replace("hello", "bye")).unwrap();
        assert_ne!(chat(&other), told, "{body}");
        let other: Value = serde_json::from_str(&body.to_string().replace("\"s\"", "\"t\"")).unwrap();
        assert_eq!(chat(&other) == told, other == body, "{body}");
    }
}
