//! What clients are answered, streamed and whole.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, chunks, collected, feed, openai, streamed, whole};
use crate::fault::{Failure, Kind};
use crate::ir::event::{Block, Completion, Delta, Event, Finish, FinishReason, Usage};
use crate::ir::{Issuer, Media, Part, PartKind, Seal, Source, ToolCall, ToolInput};
use crate::json::Json;
use crate::protocol::chat::Chat;
use crate::protocol::{Echo, Inbound, seal};
use crate::tests::schema::violations;

const USAGE: Usage = Usage { input: 5, cache_read: 3, cache_write: 2, cache_write_long: 1, output: 7, reasoning: 4 };

/// Events of an answer around these blocks.
fn answer<'a>(blocks: &[(Block<'a>, &[Delta<'a>])], finish: Finish<'a>) -> Vec<Event<'a>> {
    let mut events = vec![Event::Start { id: "up", model: "theirs" }];
    for (index, (block, deltas)) in (0..).zip(blocks) {
        events.push(Event::BlockStart { index, block: *block });
        events.extend(deltas.iter().map(|delta| Event::Delta { index, delta: *delta }));
        events.push(Event::BlockEnd { index });
    }
    events.extend([Event::Usage(USAGE), Event::Finish(finish)]);
    events
}

fn tool<'a>(id: &'a str, freeform: bool) -> Block<'a> {
    Block::ToolCall { id, name: "f", freeform }
}

/// The deltas a client reads, and the reason that ends them.
fn read(events: &[Event<'_>]) -> (Vec<Value>, Value) {
    let (mut chunks, done) = chunks(&streamed(&json!({"model": "m"}), events));
    assert!(done);
    let last = chunks.pop().unwrap();
    let deltas = chunks.iter().map(|chunk| {
        assert_eq!(chunk["choices"][0]["finish_reason"], Value::Null);
        chunk["choices"][0]["delta"].clone()
    });
    (deltas.collect(), last["choices"][0]["finish_reason"].clone())
}

#[test]
fn a_stream_is_spelled_like_this() {
    let events = answer(&[(Block::Text, &[Delta::Text("h\"i"), Delta::Text("")])], Finish::Stop);
    let body = json!({"model": "al/ias", "stream_options": {"include_usage": true}});
    let head = r#"data: {"id":"chatcmpl-call","object":"chat.completion.chunk","created":1787393472,"model":"al/ias","choices":["#;
    let expected = [
        r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"index":0,"delta":{"content":"h\"i"},"finish_reason":null}]}"#,
        r#"{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"],"usage":{"prompt_tokens":11,"completion_tokens":11,"total_tokens":22,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":3},"completion_tokens_details":{"reasoning_tokens":4}}}"#,
    ];
    let expected: String = expected.iter().map(|chunk| format!("{head}{chunk}\n\n")).collect();
    assert_eq!(streamed(&body, &events), format!("{expected}data: [DONE]\n\n"));
}

#[test]
fn usage_is_streamed_only_to_who_asked() {
    let events = answer(&[], Finish::Stop);
    for (options, expected) in [
        (json!(null), 0),
        (json!({"include_usage": false}), 0),
        (json!({"include_usage": null}), 0),
        (json!({"include_usage": true}), 1),
    ] {
        let (chunks, _) = chunks(&streamed(&json!({"model": "m", "stream_options": options}), &events));
        assert_eq!(chunks.iter().filter(|chunk| chunk.get("usage").is_some()).count(), expected, "{options}");
    }
}

#[test]
fn thinking_images_and_freeform_calls_have_their_members() {
    let events = answer(
        &[
            (Block::Thinking, &[Delta::Text("hm")]),
            (Block::Media { mime: "image/png" }, &[Delta::Data("AAAA"), Delta::Data("BBBB")]),
            (tool("a", true), &[Delta::Text("fr"), Delta::Text("ee")]),
        ],
        Finish::ToolCalls,
    );
    let custom = |value: Value| json!({"tool_calls": [value]});
    let (deltas, finish) = read(&events);
    assert_eq!(
        deltas[1..],
        [
            json!({"reasoning_content": "hm"}),
            json!({"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAABBBB"}}]}),
            custom(json!({"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}})),
            custom(json!({"index": 0, "custom": {"input": "fr"}})),
            custom(json!({"index": 0, "custom": {"input": "ee"}})),
        ]
    );
    assert_eq!(finish, "tool_calls");
}

/// A seal makes the head of its call wait, and nothing else does.
#[test]
fn calls_are_numbered_from_zero_and_carry_their_seals() {
    let google = Seal { issuer: Issuer::Google, value: "g".to_owned(), redacted: false };
    let anthropic = Seal { issuer: Issuer::Anthropic, value: "a".to_owned(), redacted: false };
    let events = answer(
        &[
            (Block::Thinking, &[Delta::Text("hm"), Delta::Seal(&anthropic)]),
            (Block::Text, &[Delta::Text("x")]),
            (tool("a", false), &[Delta::Json("{\"x\""), Delta::Json(":1}")]),
            (tool("b", false), &[Delta::Seal(&google), Delta::Json("{}")]),
            (tool("c", false), &[]),
        ],
        Finish::Stop,
    );
    let head = |index, id: &str| json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": "f", "arguments": ""}}]});
    let more = |index, text| json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]});
    let (deltas, finish) = read(&events);
    assert_eq!(
        deltas[3..],
        [
            head(0, &seal::carry("a", Some(&anthropic))),
            more(0, "{\"x\""),
            more(0, ":1}"),
            head(1, &seal::carry("b", Some(&google))),
            more(1, "{}"),
            head(2, "c"),
        ]
    );
    assert_eq!(finish, "tool_calls", "agents go by the reason");
    // Whole, the same.
    let done = collected(|sink| {
        events.iter().for_each(|event| sink.event(*event));
        Ok(())
    });
    let message = whole(&done)["choices"][0]["message"].clone();
    let ids: Vec<_> = message["tool_calls"].as_array().unwrap().iter().map(|call| call["id"].clone()).collect();
    assert_eq!(ids, [seal::carry("a", Some(&anthropic)), seal::carry("b", Some(&google)), "c".to_owned()]);
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("x"), &json!("hm")));
}

#[test]
fn every_finish_has_an_official_word() {
    for (finish, expected) in [
        (Finish::Stop, "stop"),
        (Finish::Length, "length"),
        (Finish::ToolCalls, "tool_calls"),
        (Finish::Filtered, "content_filter"),
        (Finish::Other("pause_turn"), "stop"),
    ] {
        assert_eq!(read(&answer(&[], finish)).1, expected);
        let done = Completion { finish: Some(finish.into()), ..Completion::default() };
        assert_eq!(whole(&done)["choices"][0]["finish_reason"], expected);
    }
}

#[test]
fn a_broken_stream_ends_in_an_error_and_without_done() {
    let failure = Failure::new(Kind::Upstream, "cut \"off\"");
    let call = call(&json!({"model": "m"}));
    let mut encoder = Chat::OPENAI.encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    let events = answer(&[(tool("a", false), &[])], Finish::Stop);
    events[..2].iter().for_each(|event| encoder.event(*event, &mut out));
    encoder.failure(&failure, &mut out);
    let text = String::from_utf8(out).unwrap();
    let (chunks, done) = chunks(&text);
    assert!(!done && !text.contains("[DONE]"));
    let error = json!({"error": {"message": "cut \"off\"", "type": "server_error", "param": null, "code": null}});
    assert_eq!(chunks[1..], [error]);
    let mut frame = Vec::new();
    Chat::OPENAI.failure_frame(&failure, &mut frame);
    assert!(text.ends_with(std::str::from_utf8(&frame).unwrap()));
}

#[test]
fn errors_have_openais_words() {
    let error = |failure: &Failure| {
        let value: Value = serde_json::from_slice(&Chat::OPENAI.encode_failure(failure)).unwrap();
        if let Some(spec) = openai() {
            assert_eq!(violations(spec, "ErrorResponse", &value), Vec::<String>::new());
        }
        value["error"].clone()
    };
    let expected = json!({"message": "messages[0].role: is required", "type": "invalid_request_error",
        "param": "messages[0].role", "code": null});
    assert_eq!(error(&Failure::invalid("messages[0].role", "is required")), expected);
    for (kind, word, code) in [
        (Kind::Unauthorized, "invalid_request_error", json!("invalid_api_key")),
        (Kind::RateLimited, "rate_limit_error", json!("rate_limit_exceeded")),
        (Kind::QuotaExceeded, "insufficient_quota", json!("insufficient_quota")),
        (Kind::Internal, "server_error", json!(null)),
    ] {
        let error = error(&Failure::new(kind, "x"));
        assert_eq!((&error["type"], &error["code"]), (&json!(word), &code));
    }
}

#[test]
fn several_texts_are_one_content_without_anything_between() {
    let parts = vec![Part::text("foo"), Part::text("\n bar")];
    let done = Completion { parts, finish: Some(FinishReason::Stop), usage: USAGE, ..Completion::default() };
    let answer = whole(&done);
    let message = json!({"role": "assistant", "content": "foo\n bar", "refusal": null});
    assert_eq!(answer["choices"], json!([{"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}]));
    assert_eq!(
        (&answer["id"], &answer["model"], &answer["object"]),
        (&json!("chatcmpl-call"), &json!("m"), &json!("chat.completion"))
    );
}

/// Parts as answers have them: what a Chat stream can tell apart.
fn part() -> impl Strategy<Value = PartKind> {
    let text = || "[a-z\"\\\\\n\u{e9}\u{1f642}]{1,8}";
    let object = prop::collection::btree_map("[a-z]{1,3}", text(), 0..3);
    let seal =
        prop::option::of("[ -~]{1,20}".prop_map(|value| Seal { issuer: Issuer::Google, value, redacted: false }));
    let json = object.prop_map(|object| ToolInput::Json(Json::of(&object)));
    let input = prop_oneof![json, text().prop_map(ToolInput::Text)];
    prop_oneof![
        text().prop_map(PartKind::Text),
        text().prop_map(|text| PartKind::Thinking { text, seal: None }),
        "[A-Za-z0-9+/]{4,12}".prop_map(|data| PartKind::Media(Media {
            mime: "image/png".to_owned(),
            source: Source::Base64(data),
            name: None
        })),
        ("[a-z]{1,4}", "[a-z_]{1,6}", input, seal).prop_map(|(id, name, input, seal)| PartKind::ToolCall(ToolCall {
            id,
            name,
            input,
            seal
        })),
    ]
}

fn completion() -> impl Strategy<Value = Completion> {
    let finish = prop_oneof![Just(FinishReason::Stop), Just(FinishReason::Length), Just(FinishReason::Filtered)];
    let counts = (0u64..9, 0u64..9, 0u64..9, 1u64..9, 0u64..9);
    (prop::collection::vec(part(), 0..6), counts, finish).prop_map(|(mut parts, counts, finish)| {
        // This wire has no border between two texts.
        let flat = |part: &PartKind| matches!(part, PartKind::Text(_) | PartKind::Thinking { .. });
        parts.dedup_by(|a, b| flat(a) && std::mem::discriminant(a) == std::mem::discriminant(b));
        let called = parts.iter().any(|part| matches!(part, PartKind::ToolCall(_)));
        let finish = if called && finish == FinishReason::Stop { FinishReason::ToolCalls } else { finish };
        for (index, part) in parts.iter_mut().enumerate() {
            if let PartKind::ToolCall(call) = part {
                call.id.push_str(&index.to_string());
            }
        }
        let (input, cache_read, cache_write, output, reasoning) = counts;
        let usage = Usage { input, cache_read, cache_write, cache_write_long: 0, output, reasoning };
        let parts = parts.into_iter().map(Part::from).collect();
        Completion { id: "chatcmpl-call".to_owned(), model: "m".to_owned(), parts, usage, finish: Some(finish) }
    })
}

/// The answer with every seal where this wire puts it: into the id.
fn carried(mut done: Completion) -> Completion {
    for part in &mut done.parts {
        if let PartKind::ToolCall(call) = &mut part.kind {
            call.id = seal::carry(&call.id, call.seal.take().as_ref());
        }
    }
    done
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(done in completion(), cut in 1usize..40) {
        let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}});
        let call = call(&body);
        let mut encoder = Chat::OPENAI.encoder(&Echo { call: &call, request: None });
        let mut out = Vec::new();
        // Deltas cut as small as a provider may cut them.
        done.replay(&mut |event: Event<'_>| match event {
            Event::Delta { index, delta: Delta::Text(text) } => {
                for piece in pieces(text, cut) {
                    encoder.event(Event::Delta { index, delta: Delta::Text(piece) }, &mut out);
                }
            }
            Event::Delta { index, delta: Delta::Json(text) } => {
                for piece in pieces(text, cut) {
                    encoder.event(Event::Delta { index, delta: Delta::Json(piece) }, &mut out);
                }
            }
            other => encoder.event(other, &mut out),
        });
        let again = collected(|sink| feed(&out, sink));
        prop_assert_eq!(&again, &carried(done.clone()));
        if let Some(spec) = openai() {
            let text = String::from_utf8(out).unwrap();
            for chunk in chunks(&text).0 {
                let found = violations(spec, "CreateChatCompletionStreamResponse", &chunk);
                // The published schema forgets custom calls in streams.
                let found: Vec<_> = found.iter().filter(|text| !text.contains("\"custom\"")).collect();
                prop_assert_eq!(found, Vec::<&String>::new());
            }
            prop_assert_eq!(violations(spec, "CreateChatCompletionResponse", &whole(&done)), Vec::<String>::new());
        }
    }
}

/// `text` in pieces of `size` characters.
fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut borders: Vec<usize> = text.char_indices().map(|(at, _)| at).step_by(size).collect();
    borders.push(text.len());
    borders.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}
