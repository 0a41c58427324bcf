//! A provider's answers, as events.

use serde_json::{Value, json};

use super::{Notes, block, decode_stream, delta, message_delta, message_start, message_stop, sse, stop, text};
use crate::framing::{Framer, Framing};
use crate::ir::event::Usage;
use crate::protocol::messages::Messages;
use crate::protocol::{Outbound, Report, StreamError};

#[test]
fn every_block_of_a_stream_becomes_its_event() {
    let (events, result) = decode_stream(&sse(&[
        message_start(),
        json!({"type": "ping"}),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm\n"})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        stop(0),
        block(1, json!({"type": "redacted_thinking", "data": "ZGF0YQ=="})),
        stop(1),
        block(2, json!({"type": "text", "text": ""})),
        text(2, "sun"),
        delta(2, json!({"type": "citations_delta", "citation": {"type": "char_location"}})),
        text(2, "ny 🙂"),
        stop(2),
        block(3, json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{\"query\":"})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "\"x\"}"})),
        stop(3),
        block(4, json!({"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}})),
        delta(4, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(4, json!({"type": "input_json_delta", "partial_json": "{\"city\":"})),
        delta(4, json!({"type": "input_json_delta", "partial_json": "\"Paris\"}"})),
        stop(4),
        message_delta("tool_use", 90),
        message_stop(),
    ]));
    assert_eq!(result, Ok(()));
    let expected = [
        "start msg_1 claude-x",
        "usage 25 read 3 write 5+2 out 1+0",
        "0 thinking",
        "0 \"hm\\n\"",
        "0 seal Anthropic c2ln",
        "0 end",
        "1 thinking",
        "1 seal Anthropic ZGF0YQ== redacted",
        "1 end",
        "2 text",
        "2 \"sun\"",
        "2 \"ny 🙂\"",
        "2 end",
        "3 opaque Messages {\"type\":\"server_tool_use\",\"id\":\"srvtoolu_1\",\"name\":\"web_search\",\"input\":{\"query\":\"x\"}}",
        "3 end",
        "4 tool toolu_1 get_weather",
        "4 json {\"city\":",
        "4 json \"Paris\"}",
        "4 end",
        "usage 25 read 3 write 5+2 out 90+0",
        "finish ToolCalls",
    ];
    assert_eq!(events, expected);
}

/// What compatible providers do with this wire, and the events that come of it.
#[test]
fn the_habits_of_compatible_providers_are_understood() {
    let table: [(&str, Vec<Value>, &[&str]); 8] = [
        (
            "blocks numbered with gaps",
            vec![
                message_start(),
                block(3, json!({"type": "text", "text": ""})),
                text(3, "a"),
                stop(3),
                block(7, json!({"type": "text", "text": ""})),
                text(7, "b"),
                stop(7),
            ],
            &["0 text", "0 \"a\"", "0 end", "1 text", "1 \"b\"", "1 end"],
        ),
        (
            "blocks that are not stopped",
            vec![
                message_start(),
                block(0, json!({"type": "text", "text": ""})),
                text(0, "a"),
                block(1, json!({"type": "text", "text": ""})),
                text(1, "b"),
            ],
            &["0 text", "0 \"a\"", "0 end", "1 text", "1 \"b\"", "1 end"],
        ),
        (
            "text in the start",
            vec![message_start(), block(0, json!({"type": "text", "text": "all"})), stop(0)],
            &["0 text", "0 \"all\"", "0 end"],
        ),
        (
            "tool input in the start",
            vec![
                message_start(),
                block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1.50}})),
                stop(0),
            ],
            &["0 tool t f", "0 json {\"a\":1.5}", "0 end"],
        ),
        (
            "tool input in the start and again in deltas",
            vec![
                message_start(),
                block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}})),
                delta(0, json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"})),
                stop(0),
            ],
            &["0 tool t f", "0 json {\"a\":1}", "0 end"],
        ),
        (
            "unknown events, blocks and deltas",
            vec![
                message_start(),
                json!({"type": "novelty", "delta": 7, "index": "x"}),
                block(0, json!({"type": "novel_block", "id": 1})),
                delta(0, json!({"type": "novel_delta", "text": {"is": "not a string"}})),
                delta(0, json!({"type": "text_delta", "text": "lost in an opaque block"})),
                stop(0),
            ],
            &["0 opaque Messages {\"type\":\"novel_block\",\"id\":1}", "0 end"],
        ),
        (
            "a thinking block without a signature",
            vec![
                message_start(),
                block(0, json!({"type": "thinking", "thinking": "so"})),
                delta(0, json!({"type": "thinking_delta", "thinking": ""})),
                stop(0),
            ],
            &["0 thinking", "0 \"so\"", "0 end"],
        ),
        ("nothing at all", vec![message_start()], &[]),
    ];
    for (name, mut stream, expected) in table {
        stream.extend([message_delta("end_turn", 9), message_stop()]);
        let (events, result) = decode_stream(&sse(&stream));
        assert_eq!(result, Ok(()), "{name}");
        let whole: Vec<&str> = ["start msg_1 claude-x", "usage 25 read 3 write 5+2 out 1+0"]
            .iter()
            .chain(expected)
            .chain(&["usage 25 read 3 write 5+2 out 9+0", "finish Stop"])
            .copied()
            .collect();
        assert_eq!(events, whole, "{name}");
    }
}

#[test]
fn a_stream_without_a_start_or_event_lines_is_still_a_stream() {
    let stream = [block(0, json!({"type": "text", "text": ""})), text(0, "a"), message_delta("max_tokens", 4)];
    let mut bytes: Vec<u8> = stream.iter().flat_map(|event| format!("data: {event}\n\n").into_bytes()).collect();
    bytes.extend_from_slice(b"data: {\"type\":\"message_stop\"}\n\ndata: [DONE]\n\n");
    let (events, result) = decode_stream(&bytes);
    assert_eq!(result, Ok(()));
    assert_eq!(events, ["start  ", "0 text", "0 \"a\"", "0 end", "usage 0 read 0 write 0+0 out 4+0", "finish Length"]);
}

#[test]
fn a_stop_reason_becomes_the_finish_that_means_it() {
    let table = [
        ("end_turn", "finish Stop"),
        ("stop_sequence", "finish Stop"),
        ("max_tokens", "finish Length"),
        ("model_context_window_exceeded", "finish Length"),
        ("tool_use", "finish ToolCalls"),
        ("refusal", "finish Filtered"),
        ("pause_turn", "finish Other(\"pause_turn\")"),
    ];
    for (reason, finish) in table {
        let (events, _) = decode_stream(&sse(&[message_start(), message_delta(reason, 1), message_stop()]));
        assert_eq!(events.last().map(String::as_str), Some(finish), "{reason}");
    }
}

/// Seen in other gateways: the explanation of a refusal was lost on the way to Chat.
#[test]
fn the_explanation_of_a_refusal_reaches_every_client() {
    let mut refusal = message_delta("refusal", 1);
    refusal["delta"]["stop_details"] = json!({"type": "refusal", "category": "cyber", "explanation": "not this"});
    let (events, _) = decode_stream(&sse(&[message_start(), refusal, message_stop()]));
    assert_eq!(events[3..], ["0 text", "0 \"not this\"", "0 end", "finish Filtered"]);
}

/// No `message_stop`, no finish, wherever the cut is.
#[test]
fn a_cut_stream_never_finishes() {
    let stream = sse(&[
        message_start(),
        block(0, json!({"type": "text", "text": ""})),
        text(0, "a"),
        stop(0),
        message_delta("end_turn", 9),
        message_stop(),
    ]);
    let end = stream.len() - "\n\n".len();
    for cut in 0..end {
        let (events, _) = decode_stream(&stream[..cut]);
        assert!(!events.iter().any(|event| event.starts_with("finish")), "cut at {cut}");
    }
    assert!(decode_stream(&stream[..end]).0.iter().any(|event| event.starts_with("finish")));
}

#[test]
fn an_error_event_has_the_status_it_would_have_had() {
    let table = [
        ("overloaded_error", 529),
        ("rate_limit_error", 429),
        ("api_error", 500),
        ("authentication_error", 401),
        ("billing_error", 402),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("invalid_request_error", 400),
        ("request_too_large", 413),
        ("timeout_error", 504),
        ("novel_error", 500),
    ];
    for (kind, expected) in table {
        let error = json!({"type": "error", "error": {"type": kind, "message": "no"}});
        for bytes in [sse(&[message_start(), error.clone()]), format!("data: {error}\n\n").into_bytes()] {
            let (events, result) = decode_stream(&bytes);
            assert!(!events.iter().any(|event| event.starts_with("finish")), "{kind}");
            let Err(StreamError::Refused { status, body }) = result else { panic!("{kind}: {result:?}") };
            assert_eq!((status, serde_json::from_slice::<Value>(&body).unwrap()), (expected, error.clone()), "{kind}");
        }
        let body = error.to_string();
        let refused = Messages.decode_response(body.as_bytes(), &mut Notes::default());
        assert!(
            matches!(refused, Err(StreamError::Refused { status, .. }) if status == expected),
            "{kind}: {refused:?}"
        );
        let refused = Messages.inspect_response(body.as_bytes(), &mut Report::default());
        assert!(
            matches!(refused, Err(StreamError::Refused { status, .. }) if status == expected),
            "{kind}: {refused:?}"
        );
        assert_eq!(Messages.error_message(body.as_bytes()).as_deref(), Some("no"));
    }
}

#[test]
fn a_known_event_with_a_bad_payload_is_an_error_that_names_it() {
    let table = [
        (json!({"type": "content_block_start", "index": 0}), "content_block_start: no content_block"),
        (json!({"type": "content_block_delta", "index": 0}), "content_block_delta: no delta"),
        (text(0, "x"), "content_block_delta: block 0 is not open"),
        (block(0, json!({"type": "tool_use", "name": "f"})), "tool_use: no id or no name"),
        (block(0, json!({"type": "redacted_thinking"})), "redacted_thinking: no data"),
        (block(0, json!({"id": "x"})), "content_block: missing field `type`"),
        (json!({"type": "message_delta", "delta": {"stop_reason": 7}}), "message_delta: delta.stop_reason: invalid"),
        (json!({"type": "message_delta", "delta": 3}), "message_delta: delta: invalid type"),
        (json!({"type": "message_start", "message": 3}), "message_start: message: invalid type"),
    ];
    for (event, expected) in table {
        let (_, result) = decode_stream(&sse(&[message_start(), event]));
        let Err(StreamError::Malformed(message)) = result else { panic!("{expected}: {result:?}") };
        assert!(message.starts_with(expected), "{message} / {expected}");
    }
    let (_, result) = decode_stream(b"data: <html>busy</html>\n\n");
    assert!(matches!(result, Err(StreamError::Malformed(_))), "{result:?}");
}

#[test]
fn usage_is_cumulative_and_never_shrinks() {
    let usage = |usage: Value| json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage});
    let late = json!({"input_tokens": 30, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 1,
        "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}});
    let mut empty = message_start();
    empty["message"]["usage"] = json!({"input_tokens": 0, "output_tokens": 0});
    let table = [
        ("all at the end", empty, late.clone(), "usage 30 read 4 write 1+0 out 30+20"),
        (
            "zeros at the end",
            message_start(),
            json!({"input_tokens": 0, "output_tokens": 8}),
            "usage 25 read 3 write 5+2 out 8+0",
        ),
        (
            "nulls at the end",
            message_start(),
            json!({"input_tokens": null, "output_tokens": 8}),
            "usage 25 read 3 write 5+2 out 8+0",
        ),
        ("more at the end", message_start(), late, "usage 30 read 4 write 5+2 out 30+20"),
    ];
    for (name, start, end, expected) in table {
        let (events, _) = decode_stream(&sse(&[start, usage(end), message_stop()]));
        assert_eq!(events[events.len() - 2], expected, "{name}");
    }
}

#[test]
fn a_whole_answer_gives_the_events_of_its_stream() {
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "ZA=="},
            {"type": "text", "text": "hi", "citations": null},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "tool_use", "id": "t", "name": "f", "input": {}}],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 5, "output_tokens": 9, "cache_creation_input_tokens": 0}});
    let mut notes = Notes::default();
    Messages.decode_response(body.to_string().as_bytes(), &mut notes).unwrap();
    let expected = [
        "start msg_1 claude-x",
        "0 thinking",
        "0 \"hm\"",
        "0 seal Anthropic c2ln",
        "0 end",
        "1 thinking",
        "1 seal Anthropic ZA== redacted",
        "1 end",
        "2 text",
        "2 \"hi\"",
        "2 end",
        "3 opaque Messages {\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[]}",
        "3 end",
        "4 tool t f",
        "4 end",
        "usage 5 read 0 write 0+0 out 9+0",
        "finish ToolCalls",
    ];
    assert_eq!(notes.0, expected);
    let mut report = Report::default();
    Messages.inspect_response(body.to_string().as_bytes(), &mut report).unwrap();
    assert_eq!(report.usage, Usage { input: 5, output: 9, ..Usage::default() });
    let bad = Messages.decode_response(br#"{"id":"x"}"#, &mut Notes::default());
    assert_eq!(bad, Err(StreamError::Malformed("content: missing".to_owned())));
}

#[test]
fn a_relayed_stream_has_started_with_its_first_content() {
    let steps = [
        (message_start(), (false, false)),
        (json!({"type": "ping"}), (false, false)),
        (block(0, json!({"type": "text", "text": ""})), (false, false)),
        (text(0, ""), (false, false)),
        (text(0, "a"), (true, false)),
        (stop(0), (true, false)),
        (message_delta("end_turn", 9), (true, false)),
        (message_stop(), (true, true)),
    ];
    for with_event in [true, false] {
        let (mut inspector, mut report) = (Messages.inspector(), Report::default());
        for (event, expected) in &steps {
            let bytes =
                if with_event { sse(std::slice::from_ref(event)) } else { format!("data: {event}\n\n").into_bytes() };
            let mut framer = Framer::new(Framing::Sse);
            let seen = framer.push(&bytes, |frame, _| inspector.frame(frame, &mut report).map(drop));
            assert_eq!(seen, Ok(()));
            assert_eq!((report.started, report.finished), *expected, "{event}");
        }
        let usage = Usage { input: 25, cache_read: 3, cache_write: 5, cache_write_long: 2, output: 9, reasoning: 0 };
        assert_eq!(report.usage, usage);
    }
    let started = [
        (block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})), true),
        (block(0, json!({"type": "redacted_thinking", "data": "x"})), true),
        (block(0, json!({"type": "thinking", "thinking": "", "signature": ""})), false),
        (message_delta("end_turn", 0), true),
    ];
    for (event, expected) in started {
        let (mut inspector, mut report) = (Messages.inspector(), Report::default());
        let mut framer = Framer::new(Framing::Sse);
        framer
            .push(&sse(std::slice::from_ref(&event)), |frame, _| inspector.frame(frame, &mut report).map(drop))
            .unwrap();
        assert_eq!(report.started, expected, "{event}");
    }
}

#[test]
fn a_relayed_error_before_content_is_found() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    let (mut inspector, mut report) = (Messages.inspector(), Report::default());
    let mut framer = Framer::new(Framing::Sse);
    let seen = framer.push(&sse(&[message_start(), error]), |frame, _| inspector.frame(frame, &mut report).map(drop));
    assert!(matches!(seen, Err(StreamError::Refused { status: 529, .. })), "{seen:?}");
    assert!(!report.started);
}
