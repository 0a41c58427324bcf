//! Streams and bodies of providers, as canonical events.

use serde_json::{Value, json};

use super::{collect, events, run, sse};
use crate::framing::Frame;
use crate::ir::event::{Completion, Event, FinishReason, Usage};
use crate::ir::{Issuer, Media, Part, PartKind, Protocol, Seal, Source, ToolCall, ToolInput};
use crate::json::Json;
use crate::protocol::responses::Responses;
use crate::protocol::{Outbound, Report, StreamError};

fn created() -> Value {
    json!({"type": "response.created", "sequence_number": 0,
        "response": {"id": "resp_1", "object": "response", "model": "gpt-5", "status": "in_progress", "output": []}})
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "model": "gpt-5", "status": "completed",
        "output": output, "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 3},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 17}}})
}

fn delta(kind: &str, index: u32, text: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": index, "content_index": 0, "item_id": "x",
        "delta": text})
}

fn item(stage: &str, index: u32, item: Value) -> Value {
    json!({"type": format!("response.output_item.{stage}"), "output_index": index, "item": item})
}

fn message(text: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

fn parts(stream: &[Value]) -> Vec<Part> {
    collect(&sse(stream)).parts
}

fn finish(stream: &[Value]) -> FinishReason {
    collect(&sse(stream)).finish.unwrap()
}

fn tool_call(id: &str, name: &str, input: ToolInput) -> Part {
    PartKind::ToolCall(ToolCall { id: id.into(), name: name.into(), input, seal: None }).into()
}

#[test]
fn an_ordinary_stream_becomes_events_as_it_comes() {
    let stream = [
        created(),
        json!({"type": "response.in_progress", "response": {"id": "resp_1"}}),
        item("added", 0, json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []})),
        json!({"type": "response.content_part.added", "output_index": 0, "content_index": 0, "part": {}}),
        delta("output_text", 0, "he"),
        delta("output_text", 0, "llo"),
        json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "hello"}),
        json!({"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": {}}),
        item("done", 0, message("hello")),
        completed(json!([message("hello")])),
    ];
    let expected = [
        r#"Start { id: "resp_1", model: "gpt-5" }"#,
        "BlockStart { index: 0, block: Text }",
        r#"Delta { index: 0, delta: Text("he") }"#,
        r#"Delta { index: 0, delta: Text("llo") }"#,
        "BlockEnd { index: 0 }",
        "Usage(Usage { input: 7, cache_read: 3, cache_write: 0, cache_write_long: 0, output: 5, reasoning: 2 })",
        "Finish(Stop)",
    ];
    assert_eq!(events(&sse(&stream)).unwrap(), expected);
}

#[test]
fn reasoning_calls_and_freeform_calls_are_read_from_their_deltas() {
    let call = |stage: &str, arguments: &str| {
        item(
            stage,
            1,
            json!({"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "namespace": "ns",
            "arguments": arguments}),
        )
    };
    let custom = |stage: &str, input: &str| {
        item(
            stage,
            2,
            json!({"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "patch",
            "input": input}),
        )
    };
    let summary = |part: u32, text: &str| {
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": part,
            "delta": text})
    };
    let reasoning = |stage: &str, encrypted: Value| {
        item(stage, 0, json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted}))
    };
    let stream = [
        created(),
        reasoning("added", json!("partial")),
        summary(0, "first"),
        summary(0, " thought"),
        summary(1, "second"),
        reasoning("done", json!("gAAA")),
        call("added", ""),
        delta("function_call_arguments", 1, "{\"a\""),
        delta("function_call_arguments", 1, ":1}"),
        json!({"type": "response.function_call_arguments.done", "output_index": 1, "arguments": "{\"a\":1}"}),
        call("done", "{\"a\":1}"),
        custom("added", ""),
        delta("custom_tool_call_input", 2, "*** B"),
        json!({"type": "response.custom_tool_call_input.done", "output_index": 2, "input": "*** B"}),
        custom("done", "*** B"),
        completed(json!([])),
    ];
    let seal = Seal { issuer: Issuer::OpenAi, value: "rs_1:gAAA".into(), redacted: false };
    let expected = Completion {
        id: "resp_1".into(),
        model: "gpt-5".into(),
        parts: vec![
            PartKind::Thinking { text: "first thought\n\nsecond".into(), seal: Some(seal) }.into(),
            tool_call("c1", "ns__f", ToolInput::Json(Json::parse("{\"a\":1}").unwrap())),
            tool_call("c2", "patch", ToolInput::Text("*** B".into())),
        ],
        usage: Usage { input: 7, cache_read: 3, output: 5, reasoning: 2, ..Usage::default() },
        finish: Some(FinishReason::ToolCalls),
    };
    assert_eq!(collect(&sse(&stream)), expected);
}

/// Codex completes with an empty `output`; some gateways send whole items without deltas, others only the end.
#[test]
fn content_is_given_once_however_it_arrives() {
    let done = item("done", 0, message("hi"));
    let text = json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "hi"});
    let table = [
        vec![created(), delta("output_text", 0, "hi"), completed(json!([]))],
        vec![created(), delta("output_text", 0, "hi"), text.clone(), done.clone(), completed(json!([message("hi")]))],
        vec![created(), done.clone(), completed(json!([]))],
        vec![created(), done.clone(), completed(json!([message("hi")]))],
        vec![created(), text, done, completed(json!([message("hi")]))],
        vec![created(), completed(json!([message("hi")]))],
        // The end may leave out an item that the stream counted.
        vec![created(), delta("output_text", 1, "hi"), completed(json!([message("hi")]))],
        vec![completed(json!([message("hi")]))],
    ];
    for stream in table {
        assert_eq!(parts(&stream), [Part::text("hi")], "{stream:?}");
    }
}

#[test]
fn a_call_is_given_once_however_it_arrives() {
    let call = |arguments: &str| json!({"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": arguments});
    let added = item("added", 0, call(""));
    let done = item("done", 0, call("{\"a\":1}"));
    let whole = json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{\"a\":1}"});
    let part = delta("function_call_arguments", 0, "{\"a\":1}");
    let table = [
        vec![created(), added.clone(), part.clone(), completed(json!([]))],
        vec![created(), added.clone(), part, whole.clone(), done.clone(), completed(json!([]))],
        vec![created(), added.clone(), whole, done.clone(), completed(json!([]))],
        vec![created(), added, done.clone(), completed(json!([]))],
        vec![created(), done, completed(json!([]))],
        vec![created(), completed(json!([call("{\"a\":1}")]))],
    ];
    let expected = tool_call("c", "f", ToolInput::Json(Json::parse("{\"a\":1}").unwrap()));
    for stream in table {
        assert_eq!(parts(&stream), std::slice::from_ref(&expected), "{stream:?}");
        assert_eq!(finish(&stream), FinishReason::ToolCalls);
    }
}

#[test]
fn an_item_that_ends_inside_another_waits_its_turn() {
    let call = |index: u32, arguments: &str| json!({"type": "function_call", "call_id": format!("c{index}"), "name": "f", "arguments": arguments});
    let stream = [
        created(),
        item("added", 0, call(0, "")),
        item("added", 1, call(1, "")),
        delta("function_call_arguments", 0, "{\"a\":"),
        delta("function_call_arguments", 1, "{\"b\":2}"),
        item("done", 1, call(1, "{\"b\":2}")),
        delta("function_call_arguments", 0, "1}"),
        item("done", 0, call(0, "{\"a\":1}")),
        completed(json!([])),
    ];
    let json = |text| ToolInput::Json(Json::parse(text).unwrap());
    assert_eq!(parts(&stream), [tool_call("c0", "f", json("{\"a\":1}")), tool_call("c1", "f", json("{\"b\":2}"))]);
}

#[test]
fn images_and_built_in_calls_arrive_with_their_items() {
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}});
    let image = json!({"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "/9j/AAAA"});
    let stream = [
        created(),
        item("added", 0, json!({"type": "web_search_call", "id": "ws_1", "status": "in_progress"})),
        json!({"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"}),
        item("done", 0, search.clone()),
        json!({"type": "response.image_generation_call.partial_image", "output_index": 1, "partial_image_b64": "x"}),
        item("done", 1, image),
        json!({"type": "response.brand_new", "delta": {"not": "a string"}}),
        completed(json!([])),
    ];
    let media = Media { mime: "image/jpeg".into(), source: Source::Base64("/9j/AAAA".into()), name: None };
    let expected: [Part; 2] =
        [PartKind::Opaque { owner: Protocol::Responses, value: search }.into(), PartKind::Media(media).into()];
    assert_eq!(parts(&stream), expected);
}

#[test]
fn every_end_has_its_finish() {
    let incomplete = |details: Value| json!({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": details}});
    let refusal = [created(), delta("refusal", 0, "I cannot"), completed(json!([]))];
    let table = [
        (vec![created(), incomplete(json!({"reason": "max_output_tokens"}))], FinishReason::Length),
        (vec![created(), incomplete(json!({"reason": "content_filter"}))], FinishReason::Filtered),
        (vec![created(), incomplete(json!({"reason": "odd"}))], FinishReason::Other("odd".into())),
        (vec![created(), incomplete(Value::Null)], FinishReason::Other("incomplete".into())),
        (refusal.to_vec(), FinishReason::Filtered),
        (vec![created(), completed(json!([]))], FinishReason::Stop),
    ];
    for (stream, expected) in table {
        assert_eq!(finish(&stream), expected);
    }
    assert_eq!(parts(&refusal), [Part::text("I cannot")]);
}

#[test]
fn no_end_no_finish() {
    let streams = [
        vec![created()],
        vec![created(), delta("output_text", 0, "half")],
        vec![created(), delta("output_text", 0, "all"), item("done", 0, message("all"))],
    ];
    for stream in streams {
        let text = sse(&stream) + "data: [DONE]\n\n";
        assert!(!events(&text).unwrap().iter().any(|event| event.starts_with("Finish")), "{text}");
    }
}

#[test]
fn nothing_after_the_end_counts() {
    let stream = [created(), delta("output_text", 0, "a"), completed(json!([])), delta("output_text", 0, "b")];
    assert_eq!(events(&sse(&stream)).unwrap().last().unwrap(), "Finish(Stop)");
}

fn status(stream: &str) -> u16 {
    match run(stream, &mut |_: Event<'_>| {}) {
        Err(StreamError::Refused { status, body }) => {
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert!(body["error"].is_object(), "{body}");
            status
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_failure_has_the_status_it_would_have_had() {
    let table = [
        ("rate_limit_exceeded", 429),
        ("insufficient_quota", 429),
        ("usage_limit_reached", 429),
        ("server_is_overloaded", 503),
        ("server_error", 503),
        ("overloaded", 503),
        ("context_length_exceeded", 400),
        ("invalid_prompt", 400),
        ("image_content_policy_violation", 400),
        ("model_not_found", 404),
        ("invalid_api_key", 401),
        ("something_new", 500),
    ];
    for (code, expected) in table {
        let error = json!({"code": code, "message": "m"});
        let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": error}});
        let nested =
            json!({"type": "error", "sequence_number": 1, "error": {"type": code, "code": null, "message": "m"}});
        let flat = json!({"type": "error", "code": code, "message": "m", "param": null});
        let done = json!({"type": "response.completed", "response": {"status": "failed", "error": error}});
        for frame in [failed, nested, flat, done] {
            assert_eq!(status(&sse(&[created(), frame.clone()])), expected, "{frame}");
        }
        assert_eq!(status(&format!("data: {}\n\n", json!({ "error": error }))), expected);
    }
    assert_eq!(status(&sse(&[json!({"type": "error", "error": {"message": "x", "status_code": 418}})])), 418);
    let capacity = json!({"type": "error", "message": "Selected model is at capacity. Please try again."});
    assert_eq!(status(&sse(&[capacity])), 503);
}

/// cliproxyapi §1.4: an overload comes inside a 200, after `created` and `in_progress`.
#[test]
fn an_overload_after_the_opening_is_seen_before_any_content() {
    let opening = [
        created(),
        json!({"type": "response.in_progress", "response": {"id": "resp_1"}}),
        item("added", 0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
    ];
    let failed = json!({"type": "response.failed",
        "response": {"status": "failed", "error": {"code": "server_is_overloaded", "message": "busy"}}});
    let mut inspector = Responses.inspector();
    let mut report = Report::default();
    let mut inspect = |data: &Value, named: bool| {
        let text = data.to_string();
        let event = data["type"].as_str().filter(|_| named);
        let result = inspector.frame(Frame { event, error: None, data: text.as_bytes() }, &mut report).map(drop);
        (result, report)
    };
    for frame in &opening {
        assert!(!inspect(frame, true).1.started);
        assert!(!inspect(frame, false).1.started);
    }
    for named in [true, false] {
        assert!(matches!(inspect(&failed, named).0, Err(StreamError::Refused { status: 503, .. })));
    }
    let mut seen = Vec::new();
    let result =
        run(&sse(&[&opening[..], &[failed]].concat()), &mut |event: Event<'_>| seen.push(format!("{event:?}")));
    assert!(matches!(result, Err(StreamError::Refused { status: 503, .. })));
    assert_eq!(seen, [r#"Start { id: "resp_1", model: "gpt-5" }"#]);
}

#[test]
fn a_relay_sees_content_usage_and_the_end() {
    for named in [true, false] {
        let mut inspector = Responses.inspector();
        let mut report = Report::default();
        for data in [created(), delta("reasoning_summary_text", 0, "x"), completed(json!([]))] {
            let text = data.to_string();
            let event = data["type"].as_str().filter(|_| named);
            inspector.frame(Frame { event, error: None, data: text.as_bytes() }, &mut report).unwrap();
            assert_eq!(report.started, data["type"] != "response.created");
        }
        let usage = Usage { input: 7, cache_read: 3, output: 5, reasoning: 2, ..Usage::default() };
        assert_eq!(report, Report { usage, started: true, finished: true });
    }
}

#[test]
fn a_known_event_with_a_broken_payload_is_named() {
    let broken = |data: Value| match events(&sse(&[created(), data])) {
        Err(StreamError::Malformed(words)) => words,
        other => panic!("{other:?}"),
    };
    assert!(
        broken(json!({"type": "response.output_text.delta", "delta": 5})).starts_with("response.output_text.delta")
    );
    assert!(broken(json!({"type": "response.output_item.done"})).contains("payload missing"));
    assert!(broken(json!({"type": "response.completed", "response": {"usage": "x"}})).contains("usage"));
    assert!(matches!(events("data: {oops\n\n"), Err(StreamError::Malformed(_))));
}

#[test]
fn a_whole_answer_is_read_like_a_stream() {
    let answer = |body: Value| {
        let mut seen = Vec::new();
        let mut sink = |event: Event<'_>| seen.push(format!("{event:?}"));
        Responses.decode_response(body.to_string().as_bytes(), &mut sink).map(|()| seen)
    };
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "gA",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]});
    let seen = answer(json!({"id": "resp_1", "model": "m", "status": "completed", "error": null,
        "output": [reasoning, message("hi")]}));
    let expected = [
        r#"Start { id: "resp_1", model: "m" }"#,
        "BlockStart { index: 0, block: Thinking }",
        r#"Delta { index: 0, delta: Text("a") }"#,
        r#"Delta { index: 0, delta: Text("\n\n") }"#,
        r#"Delta { index: 0, delta: Text("b") }"#,
        r#"Delta { index: 0, delta: Seal(Seal { issuer: OpenAi, value: "rs_1:gA", redacted: false }) }"#,
        "BlockEnd { index: 0 }",
        "BlockStart { index: 1, block: Text }",
        r#"Delta { index: 1, delta: Text("hi") }"#,
        "BlockEnd { index: 1 }",
        "Finish(Stop)",
    ];
    assert_eq!(seen.unwrap(), expected);
    let failed =
        json!({"id": "r", "status": "failed", "output": [], "error": {"code": "server_error", "message": "x"}});
    assert!(matches!(answer(failed), Err(StreamError::Refused { status: 503, .. })));
    assert!(matches!(
        answer(json!({"error": {"message": "x", "code": "model_not_found"}})),
        Err(StreamError::Refused { status: 404, .. })
    ));
    assert_eq!(answer(json!({"id": "r", "status": "in_progress", "output": []})), Err(StreamError::Cut));
    assert!(matches!(answer(json!({"hello": 1})), Err(StreamError::Malformed(_))));

    let mut report = Report::default();
    let body = completed(json!([]))["response"].to_string();
    Responses.inspect_response(body.as_bytes(), &mut report).unwrap();
    assert_eq!(report.usage.prompt(), 10);
}
