//! Answers to clients: events in, Gemini out.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fault::{Failure, Kind};
use crate::ir::event::{Collector, Completion, Finish, FinishReason, Usage};
use crate::ir::{Issuer, Media, Part, PartKind, Reasoning, Seal, Source, ToolCall, ToolInput};
use crate::json::Json;

const SSE: &str = "streamGenerateContent?alt=sse";
const ARRAY: &str = "streamGenerateContent";

fn seal(issuer: Issuer, value: &str) -> Seal {
    Seal { issuer, value: value.to_owned(), redacted: false }
}

fn google_call(id: &str, args: &str, seal: Option<Seal>) -> Part {
    let input = ToolInput::Json(Json::object(args).unwrap());
    PartKind::ToolCall(ToolCall { id: id.to_owned(), name: "f".to_owned(), input, seal }).into()
}

fn answer(parts: Vec<Part>, finish: FinishReason) -> Completion {
    let usage = Usage { input: 5, cache_read: 4, cache_write: 1, output: 3, reasoning: 2, ..Usage::default() };
    Completion { id: "r1".to_owned(), model: "m1".to_owned(), parts, usage, finish: Some(finish) }
}

fn whole(done: &Completion, request: Option<&Request>) -> Value {
    let call = call("generateContent", &json!({"contents": []}));
    let mut out = Vec::new();
    Gemini.encode_response(done, &Echo { call: &call, request }, &mut out);
    let value =
        serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&out)));
    spec::check("GenerateContentResponse", &value);
    value
}

fn streamed(verb: &str, done: &Completion, request: Option<&Request>) -> String {
    let call = call(verb, &json!({"contents": []}));
    let mut encoder = Gemini.encoder(&Echo { call: &call, request });
    let mut out = Vec::new();
    done.replay(&mut |event: Event<'_>| encoder.event(event, &mut out));
    String::from_utf8(out).unwrap()
}

fn chunks(sse: &str) -> Vec<Value> {
    let events = sse.split_terminator("\r\n\r\n");
    let chunks: Vec<Value> =
        events.map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()).collect();
    chunks.iter().for_each(|chunk| spec::check("GenerateContentResponse", chunk));
    chunks
}

fn everything() -> Completion {
    answer(
        vec![
            PartKind::Thinking { text: "hm".to_owned(), seal: Some(seal(Issuer::Google, "c2ln")) }.into(),
            Part::text("he said \"hi\"\n\u{1}😀"),
            google_call("c1", "{\"a\": 1.0}", Some(seal(Issuer::Google, "c2lu"))),
            google_call("c2", "{}", None),
            PartKind::Media(Media {
                mime: "image/png".to_owned(),
                source: Source::Base64("iVBO".to_owned()),
                name: None,
            })
            .into(),
            PartKind::Opaque {
                owner: Protocol::Gemini,
                value: json!({"executableCode": {"language": "PYTHON", "code": "1"}}),
            }
            .into(),
        ],
        FinishReason::ToolCalls,
    )
}

#[test]
fn a_whole_answer_has_everything_in_its_place() {
    let expected = json!({
        "candidates": [{
            "content": {
                "parts": [
                    {"text": "hm", "thought": true, "thoughtSignature": "c2ln"},
                    {"text": "he said \"hi\"\n\u{1}😀"},
                    {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1.0}}, "thoughtSignature": "c2lu"},
                    {"functionCall": {"id": "c2", "name": "f", "args": {}}},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
                    {"executableCode": {"language": "PYTHON", "code": "1"}}
                ],
                "role": "model"
            },
            "finishReason": "STOP",
            "index": 0
        }],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 3, "totalTokenCount": 15,
            "cachedContentTokenCount": 4, "thoughtsTokenCount": 2},
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1"
    });
    assert_eq!(whole(&everything(), None), expected);
}

#[test]
fn a_stream_says_the_same_as_the_whole() {
    let chunks = chunks(&streamed(SSE, &everything(), None));
    let parts: Vec<&Value> =
        chunks.iter().flat_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array().unwrap()).collect();
    let expected = [
        json!({"text": "hm", "thought": true}),
        json!({"text": "", "thought": true, "thoughtSignature": "c2ln"}),
        json!({"text": "he said \"hi\"\n\u{1}😀"}),
        json!({"functionCall": {"id": "c1", "name": "f", "args": {"a": 1.0}}, "thoughtSignature": "c2lu"}),
        json!({"functionCall": {"id": "c2", "name": "f", "args": {}}}),
        json!({"inlineData": {"mimeType": "image/png", "data": "iVBO"}}),
        json!({"executableCode": {"language": "PYTHON", "code": "1"}}),
        json!({"text": ""}),
    ];
    assert_eq!(parts, expected.iter().collect::<Vec<_>>());
    let (last, before) = chunks.split_last().unwrap();
    assert!(before.iter().all(|chunk| chunk["candidates"][0].get("finishReason").is_none()));
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(last["usageMetadata"]["totalTokenCount"], 15);
    for chunk in &chunks {
        assert_eq!((&chunk["modelVersion"], &chunk["responseId"]), (&json!("gemini-2.5-flash"), &json!("r1")));
    }
}

#[test]
fn a_call_is_written_when_it_is_whole_however_its_arguments_came() {
    let call = call(SSE, &json!({"contents": []}));
    let mut events = vec![
        Event::Start { id: "r", model: "m" },
        Event::BlockStart { index: 0, block: Block::ToolCall { id: "c", name: "f", freeform: false } },
    ];
    events.extend(["{\"ci", "ty\":\"", "Par", "is\"}"].map(|json| Event::Delta { index: 0, delta: Delta::Json(json) }));
    assert_eq!(encode(&call, None, &events), "");
    events.push(Event::BlockEnd { index: 0 });
    let chunks = chunks(&encode(&call, None, &events));
    assert_eq!(
        chunks[0]["candidates"][0]["content"]["parts"],
        json!([{"functionCall": {"id": "c", "name": "f", "args": {"city": "Paris"}}}])
    );
}

#[test]
fn broken_arguments_are_quoted_not_dropped() {
    let call = call(SSE, &json!({"contents": []}));
    let events = [
        Event::Start { id: "r", model: "m" },
        Event::BlockStart { index: 0, block: Block::ToolCall { id: "c", name: "f", freeform: false } },
        Event::Delta { index: 0, delta: Delta::Json("{\"a\":") },
        Event::BlockEnd { index: 0 },
    ];
    let args =
        &chunks(&encode(&call, None, &events))[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["args"];
    assert_eq!(args, &json!({"arguments": "{\"a\":"}));
}

#[test]
fn reasons_to_finish_are_words_google_has() {
    let table = [
        (FinishReason::Stop, json!("STOP"), None),
        (FinishReason::ToolCalls, json!("STOP"), None),
        (FinishReason::Length, json!("MAX_TOKENS"), None),
        (FinishReason::Filtered, json!("SAFETY"), None),
        (FinishReason::Other("MALFORMED_FUNCTION_CALL".to_owned()), json!("MALFORMED_FUNCTION_CALL"), None),
        (FinishReason::Other("pause_turn".to_owned()), json!("OTHER"), Some("pause_turn")),
    ];
    for (finish, reason, message) in table {
        let done = answer(vec![Part::text("x")], finish);
        let candidate = &whole(&done, None)["candidates"][0];
        assert_eq!(candidate["finishReason"], reason);
        assert_eq!(candidate.get("finishMessage").and_then(Value::as_str), message);
        let stream = chunks(&streamed(SSE, &done, None));
        assert_eq!(stream.last().unwrap()["candidates"][0]["finishReason"], reason);
    }
}

#[test]
fn a_json_array_stream_is_one_json_array() {
    let text = streamed(ARRAY, &everything(), None);
    let elements: Vec<Value> = serde_json::from_str(&text).unwrap();
    elements.iter().for_each(|chunk| spec::check("GenerateContentResponse", chunk));
    assert_eq!(elements.len(), chunks(&streamed(SSE, &everything(), None)).len());
    assert!(text.starts_with("[{") && text.contains("},\n{") && text.ends_with("}\n]"), "{text}");
    let call = call(ARRAY, &json!({"contents": []}));
    assert_eq!(Gemini.stream_type(&call), "application/json");
    assert_eq!(Gemini.keep_alive(&call), b"\n");
}

#[test]
fn a_failure_ends_the_stream_and_is_never_a_finish() {
    let failure = Failure::new(Kind::Overloaded, "broken");
    let error = json!({"error": {"code": 503, "message": "broken", "status": "UNAVAILABLE"}});
    for text in ["", "half"] {
        for verb in [SSE, ARRAY] {
            let call = call(verb, &json!({"contents": []}));
            let mut encoder = Gemini.encoder(&Echo { call: &call, request: None });
            let mut out = Vec::new();
            encoder.event(Event::Start { id: "r", model: "m" }, &mut out);
            if !text.is_empty() {
                encoder.event(Event::BlockStart { index: 0, block: Block::Text }, &mut out);
                encoder.event(Event::Delta { index: 0, delta: Delta::Text(text) }, &mut out);
            }
            encoder.failure(&failure, &mut out);
            let said = String::from_utf8(out).unwrap();
            assert!(!said.contains("finishReason"), "{said}");
            let all: Vec<Value> = if verb == SSE {
                let events = said.split_terminator("\r\n\r\n");
                events.map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()).collect()
            } else {
                serde_json::from_str(&said).unwrap()
            };
            assert_eq!(all.last().unwrap(), &error);
            assert_eq!(all.len(), if text.is_empty() { 1 } else { 2 });
        }
    }
    let mut frame = Vec::new();
    Gemini.failure_frame(&failure, &mut frame);
    assert_eq!(String::from_utf8(frame).unwrap(), format!("data: {error}\r\n\r\n"));
}

#[test]
fn errors_are_googles_not_openais() {
    let table = [
        (Kind::InvalidRequest, 400, "INVALID_ARGUMENT"),
        (Kind::Unauthorized, 401, "UNAUTHENTICATED"),
        (Kind::Forbidden, 403, "PERMISSION_DENIED"),
        (Kind::NotFound, 404, "NOT_FOUND"),
        (Kind::RateLimited, 429, "RESOURCE_EXHAUSTED"),
        (Kind::Internal, 500, "INTERNAL"),
        (Kind::Upstream, 502, "UNAVAILABLE"),
        (Kind::Overloaded, 503, "UNAVAILABLE"),
        (Kind::Timeout, 504, "DEADLINE_EXCEEDED"),
    ];
    for (kind, code, status) in table {
        let body: Value = serde_json::from_slice(&Gemini.encode_failure(&Failure::new(kind, "why"))).unwrap();
        assert_eq!(body, json!({"error": {"code": code, "message": "why", "status": status}}));
        assert_eq!(Gemini.error_message(body.to_string().as_bytes()).as_deref(), Some("why"));
    }
    let body: Value =
        serde_json::from_slice(&Gemini.encode_failure(&Failure::new(Kind::QuotaExceeded, "why"))).unwrap();
    let info = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "QUOTA_EXHAUSTED"}]);
    assert_eq!((&body["error"]["status"], &body["error"]["details"]), (&json!("RESOURCE_EXHAUSTED"), &info));
    let failure = Failure::new(Kind::RateLimited, "why").retry_after(Some(Duration::from_millis(1_200)));
    let body: Value = serde_json::from_slice(&Gemini.encode_failure(&failure)).unwrap();
    let info = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}]);
    assert_eq!(body["error"]["details"], info);
}

#[test]
fn a_client_that_declined_thoughts_gets_their_seal_and_not_their_text() {
    let hidden = Request { reasoning: Some(Reasoning { depth: None, visible: Some(false) }), ..Request::default() };
    let done = answer(
        vec![
            PartKind::Thinking { text: "secret".to_owned(), seal: Some(seal(Issuer::Google, "c2ln")) }.into(),
            Part::text("open"),
        ],
        FinishReason::Stop,
    );
    for text in [whole(&done, Some(&hidden)).to_string(), streamed(SSE, &done, Some(&hidden))] {
        assert!(!text.contains("secret") && text.contains("c2ln") && text.contains("open"), "{text}");
    }
    assert!(whole(&done, None).to_string().contains("secret"));
}

#[test]
fn a_foreign_seal_is_base64_on_the_wire_and_comes_back_to_its_issuer() {
    for redacted in [false, true] {
        let foreign = Seal { issuer: Issuer::Anthropic, value: "EqQB+/=".to_owned(), redacted };
        let done = answer(vec![google_call("c1", "{}", Some(foreign.clone()))], FinishReason::ToolCalls);
        let mut content = whole(&done, None)["candidates"][0]["content"].clone();
        let signature = content["parts"][0]["thoughtSignature"].as_str().unwrap().to_owned();
        assert!(signature.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')), "{signature}");
        // Google's Python SDK holds signatures as bytes and writes them in the URL alphabet.
        for spelled in [signature.clone(), signature.replace('+', "-").replace('/', "_"), signature.replace('=', "")] {
            content["parts"][0]["thoughtSignature"] = spelled.into();
            let request = decoded(&json!({"contents": [user("hi"), content]}));
            let PartKind::ToolCall(call) = &request.turns[1].parts[0].kind else { panic!() };
            assert_eq!(call.seal.as_ref(), Some(&foreign));
        }
    }
}

#[test]
fn an_answer_without_content_still_has_a_candidate() {
    let done = answer(Vec::new(), FinishReason::Filtered);
    let candidate = whole(&done, None)["candidates"][0].clone();
    assert_eq!(candidate["finishReason"], "SAFETY");
    assert_eq!(chunks(&streamed(SSE, &done, None)).len(), 1);
}

#[test]
fn another_providers_own_part_is_left_out() {
    let foreign = PartKind::Opaque { owner: Protocol::Responses, value: json!({"type": "web_search_call"}) };
    let done = answer(vec![foreign.into(), Part::text("x")], FinishReason::Stop);
    assert_eq!(whole(&done, None)["candidates"][0]["content"]["parts"], json!([{"text": "x"}]));
}

fn any_part() -> impl Strategy<Value = Part> {
    let text = "[ -~äß😀\n\u{1}]{1,12}";
    let signature = "[A-Za-z0-9]{4}";
    prop_oneof![
        text.prop_map(Part::text),
        (text, prop::option::of(signature)).prop_map(|(text, value)| {
            PartKind::Thinking { text, seal: value.map(|value| seal(Issuer::Google, &value)) }.into()
        }),
        ("[a-z]{1,8}", "[a-z]{1,8}", text, prop::option::of(signature)).prop_map(|(id, name, value, signed)| {
            let input = ToolInput::Json(Json::of(&json!({ "v": value })));
            PartKind::ToolCall(ToolCall { id, name, input, seal: signed.map(|s| seal(Issuer::Google, &s)) }).into()
        }),
        "[A-Za-z0-9]{8}".prop_map(|data| {
            PartKind::Media(Media { mime: "image/png".to_owned(), source: Source::Base64(data), name: None }).into()
        }),
        "[a-z]{1,4}".prop_map(|code| {
            let value = json!({"executableCode": {"language": "PYTHON", "code": code}});
            PartKind::Opaque { owner: Protocol::Gemini, value }.into()
        }),
    ]
}

/// What Gemini cannot spell: two blocks of text or of thinking in a row are one.
fn told_apart(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for part in parts {
        let same = |last: &Part| {
            matches!((&last.kind, &part.kind), (PartKind::Text(_), PartKind::Text(_)))
                || matches!((&last.kind, &part.kind), (PartKind::Thinking { .. }, PartKind::Thinking { .. }))
        };
        if !out.last().is_some_and(same) {
            out.push(part);
        }
    }
    out
}

proptest! {
    /// Events -> Gemini -> bytes -> events. Not spelled: the border between two blocks of one kind, cache writes, and
    /// whether an answer without calls "stopped" or "called".
    #[test]
    fn what_the_encoder_writes_the_decoder_reads(
        parts in prop::collection::vec(any_part(), 0..8).prop_map(told_apart),
        finish in prop_oneof![Just(FinishReason::Length), Just(FinishReason::Filtered), Just(FinishReason::Stop)],
    ) {
        let calls = parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
        let finish = if calls && finish == FinishReason::Stop { FinishReason::ToolCalls } else { finish };
        let usage = Usage { input: 6, cache_read: 4, output: 3, reasoning: 2, ..Usage::default() };
        let done = Completion { usage, ..answer(parts, finish) };

        let sse = streamed(SSE, &done, None);
        // A composed answer has the client's name for the model.
        let told = Completion { model: "gemini-2.5-flash".to_owned(), ..done.clone() };
        let mut framer = Framer::new(Framing::Sse);
        let (mut decoder, mut collector) = (Gemini.decoder(), Collector::default());
        framer.push(sse.as_bytes(), |frame, _| decoder.frame(frame, &mut collector)).unwrap();
        decoder.end(&mut collector).unwrap();
        prop_assert_eq!(Completion::of(collector), Some(told.clone()));

        for body in [whole(&done, None).to_string(), streamed(ARRAY, &done, None)] {
            let mut collector = Collector::default();
            Gemini.decode_response(body.as_bytes(), &mut collector).unwrap();
            prop_assert_eq!(Completion::of(collector), Some(told.clone()));
        }
    }

    #[test]
    fn a_stream_cut_anywhere_never_finishes(at in 0usize..2000) {
        let sse = streamed(SSE, &everything(), None);
        let finish = sse.find("finishReason").unwrap();
        let cut = sse.as_bytes().get(..at.min(finish)).unwrap();
        prop_assert!(events_of(cut).is_err());
    }
}

#[test]
fn a_finish_comes_from_the_provider_alone() {
    let call = call(SSE, &json!({"contents": []}));
    let events = [Event::Start { id: "r", model: "m" }, Event::Finish(Finish::Stop)];
    assert_eq!(chunks(&encode(&call, None, &events)).len(), 1);
}
