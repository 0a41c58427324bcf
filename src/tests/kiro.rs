//! Kiro's conversations: what is sent, and what comes back.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::framing::cut;
use super::rig::{call, hear, stage, target};
use crate::fault::Failure;
use crate::fuzzing::amazon::{event, exception};
use crate::ir::Protocol;
use crate::ir::event::{FinishReason, Usage};
use crate::protocol::StreamError;
use crate::upstream::{Payload, payload};

fn sent(body: &Value) -> Result<Payload, Failure> {
    let call = call("POST", "/v1/messages", &[], body.to_string()).unwrap();
    payload(&call, &target(Protocol::Kiro, "a", "m"))
}

/// The conversation state of a Messages request.
fn state(body: &Value) -> Value {
    let sent = sent(body).unwrap_or_else(|failure| panic!("{failure:?}"));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    body["conversationState"].clone()
}

fn ask(messages: Value, more: Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 9, "messages": messages});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Who speaks in a state, and what: `u:` and `a:`.
fn told(state: &Value) -> Vec<String> {
    let history = state["history"].as_array().cloned().unwrap_or_default();
    history
        .iter()
        .chain([&state["currentMessage"]])
        .map(|message| match message.get("userInputMessage") {
            Some(user) => format!("u:{}", user["content"].as_str().unwrap()),
            None => format!("a:{}", message["assistantResponseMessage"]["content"].as_str().unwrap()),
        })
        .collect()
}

fn user(content: Value) -> Value {
    json!({"role": "user", "content": content})
}

fn assistant(content: Value) -> Value {
    json!({"role": "assistant", "content": content})
}

#[test]
fn a_history_takes_turns_and_says_something_in_each() {
    let cases = [
        (json!([user(json!("hi"))]), vec!["u:hi"]),
        (json!([user(json!("a")), user(json!("b"))]), vec!["u:a\n\nb"]),
        (json!([user(json!("a")), assistant(json!("b")), user(json!("c"))]), vec!["u:a", "a:b", "u:c"]),
        (json!([user(json!("a")), assistant(json!("b"))]), vec!["u:a", "a:b", "u:Continue"]),
        (json!([assistant(json!("b")), user(json!("c"))]), vec!["u:.", "a:b", "u:c"]),
        (json!([user(json!("a")), assistant(json!(" ")), user(json!("c"))]), vec!["u:a\n\nc"]),
        (
            json!([
                user(json!("a")),
                assistant(json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}])),
                user(json!([{"type": "tool_result", "tool_use_id": "t", "content": "r"}]))
            ]),
            vec!["u:a", "a:.", "u:Tool results provided."],
        ),
    ];
    for (messages, expected) in cases {
        assert_eq!(told(&state(&ask(messages.clone(), json!({})))), expected, "{messages}");
    }
}

#[test]
fn instructions_and_the_wish_to_think_stand_before_the_first_words() {
    let messages = json!([user(json!("hi")), assistant(json!("yes")), user(json!("go"))]);
    let enabled = "<thinking_mode>enabled</thinking_mode><max_thinking_length>";
    let adaptive = "<thinking_mode>adaptive</thinking_mode><thinking_effort>";
    let cases = [
        (json!({}), "u:hi".to_owned()),
        (json!({"system": "Be terse."}), "u:Be terse.\n\nhi".to_owned()),
        (
            json!({"system": "Be terse.", "thinking": {"type": "enabled", "budget_tokens": 5000}}),
            format!("u:{enabled}5000</max_thinking_length>\n\nBe terse.\n\nhi"),
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 1}}),
            format!("u:{enabled}1024</max_thinking_length>\n\nhi"),
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 99_999}}),
            format!("u:{enabled}24576</max_thinking_length>\n\nhi"),
        ),
        (json!({"thinking": {"type": "enabled"}}), format!("u:{enabled}20000</max_thinking_length>\n\nhi")),
        (json!({"thinking": {"type": "disabled"}}), "u:hi".to_owned()),
        (json!({"thinking": {"type": "adaptive"}}), format!("u:{adaptive}high</thinking_effort>\n\nhi")),
        (
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
            format!("u:{adaptive}low</thinking_effort>\n\nhi"),
        ),
    ];
    for (more, expected) in cases {
        let told = told(&state(&ask(messages.clone(), more.clone())));
        assert_eq!(told, [expected.as_str(), "a:yes", "u:go"], "{more}");
    }
}

#[test]
fn a_chat_client_asks_for_thinking_in_its_own_ways() {
    let cases = [
        (json!({"reasoning_effort": "medium"}), "<thinking_mode>adaptive</thinking_mode><thinking_effort>medium"),
        (
            json!({"extra_body": {"anthropic": {"thinking": {"type": "enabled", "budget_tokens": 2000}}}}),
            "<thinking_mode>enabled</thinking_mode><max_thinking_length>2000",
        ),
    ];
    for (more, expected) in cases {
        let mut body = json!({"model": "m", "messages": [user(json!("hi"))]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let call = call("POST", "/v1/chat/completions", &[], body.to_string()).unwrap();
        let sent = payload(&call, &target(Protocol::Kiro, "a", "m")).unwrap_or_else(|failure| panic!("{failure:?}"));
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        let said = told(&body["conversationState"]);
        assert!(said[0].starts_with(&format!("u:{expected}")), "{said:?}");
    }
}

#[test]
fn the_same_conversation_has_the_same_id() {
    let first = state(&ask(json!([user(json!("hi"))]), json!({"system": "s"})));
    let later =
        state(&ask(json!([user(json!("hi")), assistant(json!("yes")), user(json!("go"))]), json!({"system": "s"})));
    let other = state(&ask(json!([user(json!("ho"))]), json!({"system": "s"})));
    assert_eq!(first["conversationId"], later["conversationId"]);
    assert_ne!(first["conversationId"], other["conversationId"]);
    let id = first["conversationId"].as_str().unwrap();
    let shape: String = id.chars().map(|c| if c == '-' { '-' } else { 'x' }).collect();
    assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
}

#[test]
fn tools_fit_and_their_long_descriptions_are_not_lost() {
    let long = "d".repeat(10_000);
    let long_name = "n".repeat(80);
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": [],
        "properties": {
            "additionalProperties": {"type": "string", "enum": ["required"]},
            "inner": {"type": "array", "items": {"type": "object", "required": [], "additionalProperties": {"type": "string"}}}
        }
    });
    let tools = json!([
        {"name": "short", "description": "Short.", "input_schema": schema},
        {"name": "mute", "input_schema": {"type": "object"}},
        {"name": "wordy", "description": long, "input_schema": {"type": "object"}},
        {"name": long_name, "description": "x", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search"},
    ]);
    let body = ask(json!([user(json!("hi"))]), json!({"tools": tools}));
    let state = state(&body);
    let message = &state["currentMessage"]["userInputMessage"];
    let offered: Vec<&Value> = message["userInputMessageContext"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| &tool["toolSpecification"])
        .collect();
    assert_eq!(
        offered[0]["inputSchema"]["json"],
        json!({
            "type": "object",
            "properties": {
                "additionalProperties": {"type": "string", "enum": ["required"]},
                "inner": {"type": "array", "items": {"type": "object"}}
            }
        })
    );
    assert_eq!(offered[1]["description"], "mute");
    assert_eq!(offered[2]["description"], "Described in the instructions under \"The tool wordy\".");
    assert_eq!(message["content"], format!("The tool wordy:\n{long}\n\nhi"));
    assert_eq!(offered.len(), 4);
    let short = offered[3]["name"].as_str().unwrap();
    assert_eq!(short.len(), 64);
    assert_eq!(sent(&body).map(|sent| sent.restore.name(short).to_owned()).ok(), Some(long_name));
}

#[test]
fn tools_of_the_past_are_declared_and_ids_occur_once() {
    let calls = json!([
        {"type": "tool_use", "id": "t", "name": "gone", "input": {"a": 1}},
        {"type": "tool_use", "id": "t", "name": "gone", "input": {"a": 1}},
    ]);
    let results = json!([
        {"type": "tool_result", "tool_use_id": "t", "is_error": true, "content": [
            {"type": "text", "text": "no"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"}}
        ]},
    ]);
    let state = state(&ask(json!([user(json!("a")), assistant(calls), user(results)]), json!({})));
    let uses = &state["history"][1]["assistantResponseMessage"]["toolUses"];
    assert_eq!(uses, &json!([{"toolUseId": "t", "name": "gone", "input": {"a": 1}}]));
    let message = &state["currentMessage"]["userInputMessage"];
    assert_eq!(message["images"], json!([{"format": "jpeg", "source": {"bytes": "/9j/"}}]));
    let context = &message["userInputMessageContext"];
    let result = json!([{"toolUseId": "t", "status": "error", "content": [{"text": "no"}]}]);
    assert_eq!(context["toolResults"], result);
    assert_eq!(context["tools"][0]["toolSpecification"]["name"], "gone");
}

#[test]
fn meaning_that_kiro_lacks_is_refused_by_name() {
    let image = json!([{"type": "image", "source": {"type": "url", "url": "https://h/x.png"}}]);
    let document =
        json!([{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}]);
    let cases = [
        (ask(json!([user(json!("a"))]), json!({"stop_sequences": ["X"]})), "stop"),
        (ask(json!([user(json!("a"))]), json!({"tool_choice": {"type": "any"}})), "tool_choice"),
        (ask(json!([user(image)]), json!({})), "messages[0].content[0]"),
        (ask(json!([user(document)]), json!({})), "messages[0].content[0]"),
    ];
    for (body, param) in cases {
        let failure = sent(&body).err().unwrap();
        assert_eq!((failure.status, failure.param.as_deref()), (400, Some(param)), "{body}");
    }
}

fn say(text: &str) -> Vec<u8> {
    event("assistantResponseEvent", &json!({ "content": text }).to_string())
}

/// Text, thinking and how it ended, for a Chat client.
fn heard(stream: &[u8]) -> (String, String, Option<StreamError>) {
    let (call, payload) = stage(Protocol::Chat, Protocol::Kiro, true);
    let played = super::rig::Play::new(&call, &payload).run([stream]);
    let heard = hear(Protocol::Chat, &played.out);
    (heard.text, heard.thinking, played.error)
}

#[test]
fn nothing_that_was_said_is_changed() {
    let said =
        ["ha", "ha", "ha!", " printf(\"a\\n\");", "\\n", "\n", "\n", "{\"stop\":true}", "<thinking>no</thinking>"];
    let mut stream: Vec<u8> = said.iter().flat_map(|text| say(text)).collect();
    stream.extend(event("meteringEvent", "{\"usage\":1}"));
    assert_eq!(heard(&stream), (said.concat(), String::new(), None));
}

#[test]
fn thinking_is_told_from_text_by_its_tags() {
    let cases = [
        ("<thinking>a</thinking>b", ("b", "a")),
        ("\n<thinking>\na\n</thinking>\n\nb\n", ("b\n", "a\n")),
        ("<thinking>a `</thinking>` b</thinking>c", ("c", "a `</thinking>` b")),
        ("<thinking>a \"</thinking>\" b</thinking>c", ("c", "a \"</thinking>\" b")),
        ("<thinking>a</thinking>", ("", "a")),
        ("<thinking>a</think", ("", "a</think")),
        ("<thinking>a</thinking>\n\n", ("", "a")),
        ("<thinking></thinking>b", ("b", "")),
        ("  b", ("  b", "")),
        ("<think>b", ("<think>b", "")),
        ("<thinkin", ("<thinkin", "")),
        ("b <thinking>c</thinking>", ("b <thinking>c</thinking>", "")),
        ("<thinking>日本</thinking>語", ("語", "日本")),
    ];
    for (said, (text, thinking)) in cases {
        for size in 1..=said.len() {
            let pieces: Vec<String> =
                said.chars().collect::<Vec<_>>().chunks(size).map(|piece| piece.iter().collect()).collect();
            let mut stream: Vec<u8> = pieces.iter().flat_map(|piece| say(piece)).collect();
            stream.extend(event("messageStopEvent", "{}"));
            assert_eq!(heard(&stream), (text.to_owned(), thinking.to_owned(), None), "{said:?} by {size}");
        }
    }
}

proptest! {
    #[test]
    fn tags_do_not_care_how_text_is_cut(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "<thinking>", "</thinking>", "<", "`", "\"", "\n", " ", "a", "日", "</think", "ing>", "thinking",
        ]), 0..12),
        places: [prop::sample::Index; 5],
    ) {
        let text = pieces.concat();
        let whole = [say(&text), event("messageStopEvent", "{}")].concat();
        let parts = cut(text.as_bytes(), &places);
        prop_assume!(parts.iter().all(|part| std::str::from_utf8(part).is_ok()));
        let mut stream: Vec<u8> = parts.iter().flat_map(|part| say(std::str::from_utf8(part).unwrap())).collect();
        stream.extend(event("messageStopEvent", "{}"));
        prop_assert_eq!(heard(&stream), heard(&whole));
    }
}

#[test]
fn an_end_is_one_of_kiros_and_the_last_thing_said() {
    let ends = [
        event("messageStopEvent", "{}"),
        event("meteringEvent", "{\"unit\":\"credit\",\"usage\":0.1}"),
        event("contextUsageEvent", "{\"contextUsagePercentage\":3.5}"),
        event("metadataEvent", "{\"stopReason\":\"END_TURN\"}"),
        event("metadataEvent", "{\"tokenUsage\":{\"outputTokens\":1}}"),
    ];
    for end in &ends {
        assert_eq!(heard(&[say("a"), end.clone()].concat()).2, None);
        assert_eq!(heard(&[say("a"), end.clone(), say("b")].concat()).2, Some(StreamError::Cut));
        let call = |stop: &str| {
            event("toolUseEvent", &format!("{{\"name\":\"f\",\"toolUseId\":\"t\",\"input\":\"{{}}\"{stop}}}"))
        };
        assert_eq!(heard(&[call(",\"stop\":true"), end.clone()].concat()).2, None);
        assert_eq!(heard(&[call(""), end.clone()].concat()).2, Some(StreamError::Cut));
    }
    let no_ends = [
        vec![],
        event("messageMetadataEvent", "{\"conversationId\":\"c\"}"),
        event("metadataEvent", "{}"),
        event("followupPromptEvent", "{}"),
    ];
    for no_end in &no_ends {
        assert_eq!(heard(&[say("a"), no_end.clone()].concat()).2, Some(StreamError::Cut));
    }
}

#[test]
fn what_breaks_a_stream_says_what_it_was() {
    let cases = [
        ("ThrottlingException", 429),
        ("ValidationException", 400),
        ("AccessDeniedException", 403),
        ("ServiceQuotaExceededException", 402),
        ("SomethingNewException", 500),
    ];
    for (name, status) in cases {
        let stream = exception(name, "{\"message\":\"why\",\"reason\":\"R\"}");
        let body = format!("{{\"message\":\"why\",\"reason\":\"R\",\"__type\":\"{name}\"}}").into_bytes();
        assert_eq!(heard(&stream).2, Some(StreamError::Refused { status, body }));
    }
    let damaged = {
        let mut stream = say("a");
        let last = stream.len() - 1;
        stream[last] ^= 1;
        stream
    };
    assert!(matches!(heard(&damaged).2, Some(StreamError::Malformed(_))));
    assert!(matches!(heard(&event("assistantResponseEvent", "{nonsense")).2, Some(StreamError::Malformed(_))));
}

#[test]
fn reasons_to_stop_and_tokens_are_kiros_own() {
    let cases = [
        ("END_TURN", FinishReason::Stop),
        ("STOP_SEQUENCE", FinishReason::Stop),
        ("TOOL_USE", FinishReason::ToolCalls),
        ("MAX_TOKENS", FinishReason::Length),
        ("MODEL_CONTEXT_WINDOW_EXCEEDED", FinishReason::Length),
        ("CONTENT_FILTERED", FinishReason::Filtered),
    ];
    for (reason, expected) in cases {
        let tokens =
            json!({"uncachedInputTokens": 4, "outputTokens": 3, "cacheReadInputTokens": 2, "cacheWriteInputTokens": 1});
        let end = event("metadataEvent", &json!({"stopReason": reason, "tokenUsage": tokens}).to_string());
        // How full the context is tells less than a count.
        let full = event("contextUsageEvent", "{\"contextUsagePercentage\":50}");
        let heard = hear(Protocol::Kiro, &[say("a"), end, full].concat());
        assert_eq!(heard.finishes, [expected]);
        assert_eq!(heard.usage, Usage { input: 4, output: 3, cache_read: 2, cache_write: 1, ..Usage::default() });
    }
    let estimated =
        hear(Protocol::Kiro, &[say("four"), event("contextUsageEvent", "{\"contextUsagePercentage\":1}")].concat());
    assert_eq!((estimated.usage.input, estimated.usage.output), (1_999, 1));
}
