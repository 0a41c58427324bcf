//! Provider streams: chunks in, events out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::protocol::{Pass, Report};

fn check(name: &str, chunks: &[Value], expected: &[&str]) {
    match events(chunks) {
        Ok(lines) => assert_eq!(lines, expected, "{name}"),
        Err(error) => panic!("{name}: {error}"),
    }
}

#[test]
fn chunks_become_events() {
    check(
        "text over several chunks is one block, usage before and after",
        &[
            json!({"candidates": [{"content": {"parts": [{"text": "The"}], "role": "model"}}],
                "usageMetadata": {"promptTokenCount": 7}, "modelVersion": "gemini-2.5-flash", "responseId": "r1"}),
            chunk(json!([{"text": " quick"}])),
            json!({"candidates": [{"content": {"parts": [{"text": " fox"}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}}),
        ],
        &[
            "start r1 gemini-2.5-flash",
            "usage 7 0 0 0",
            "text",
            "+The",
            "+ quick",
            "+ fox",
            "end",
            "usage 7 0 3 0",
            "finish Stop",
        ],
    );
    check(
        "several parts in one chunk do not overwrite each other",
        &[last(json!([{"text": "a"}, {"text": "b"}, {"text": "t", "thought": true}, {"text": "c"}]), "STOP")],
        &["start  ", "text", "+a", "+b", "end", "thinking", "+t", "end", "text", "+c", "end", "finish Stop"],
    );
    check(
        "a final chunk without parts",
        &[
            chunk(json!([{"text": "hi"}])),
            json!({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]}),
            json!({"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "thoughtsTokenCount": 3}}),
        ],
        &["start  ", "text", "+hi", "end", "usage 1 0 2 3", "finish Length"],
    );
    check(
        "null and empty content",
        &[
            json!({"candidates": [{"content": null}]}),
            json!({"candidates": [{"content": {}}]}),
            json!({"candidates": [{"content": {"parts": null}}]}),
            json!({"candidates": [{"content": {"parts": []}}]}),
            json!({"candidates": []}),
            json!({}),
            last(json!([{"text": ""}]), "STOP"),
        ],
        &["start  ", "finish Stop"],
    );
    check(
        "calls are whole, parallel calls are two blocks, a finish after calls is ToolCalls",
        &[
            chunk(json!([{"functionCall": {"name": "f", "args": {"a": 1}, "id": "x1"}, "thoughtSignature": "c2ln"}])),
            last(json!([{"functionCall": {"name": "f", "args": {}, "id": "x2"}}]), "STOP"),
        ],
        &[
            "start  ",
            "call x1 f",
            "+seal Google c2ln",
            "+{\"a\":1}",
            "end",
            "call x2 f",
            "+{}",
            "end",
            "finish ToolCalls",
        ],
    );
    check(
        "calls without ids get them from the answer's id",
        &[json!({"responseId": "Ab-9_z", "candidates": [{"content": {"parts": [
                {"functionCall": {"name": "f"}}, {"functionCall": {"name": "g", "args": null}}]},
                "finishReason": "STOP"}]})],
        &[
            "start Ab-9_z ",
            "call call_Ab-9_z_0 f",
            "+{}",
            "end",
            "call call_Ab-9_z_1 g",
            "+{}",
            "end",
            "finish ToolCalls",
        ],
    );
    check(
        "a signature seals the thinking before it, on whichever part it comes",
        &[
            chunk(json!([{"text": "hm", "thought": true}])),
            last(json!([{"text": "yes", "thoughtSignature": "c2ln"}]), "STOP"),
        ],
        &["start  ", "thinking", "+hm", "+seal Google c2ln", "end", "text", "+yes", "end", "finish Stop"],
    );
    check(
        "a signature without thinking waits for a call",
        &[
            chunk(json!([{"text": "", "thoughtSignature": "c2ln"}])),
            last(
                json!([{"functionCall": {"name": "f", "id": "1"}}, {"functionCall": {"name": "f", "id": "2"}}]),
                "STOP",
            ),
        ],
        &["start  ", "call 1 f", "+seal Google c2ln", "+{}", "end", "call 2 f", "+{}", "end", "finish ToolCalls"],
    );
    check(
        "an image, code and its result",
        &[last(
            json!([{"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
                {"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "done"}]),
            "STOP",
        )],
        &[
            "start  ",
            "media image/png",
            "+iVBO",
            "end",
            "opaque {\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"1\"}}",
            "end",
            "text",
            "+done",
            "end",
            "finish Stop",
        ],
    );
    check(
        "a blocked prompt is an answer",
        &[json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}})],
        &["start  ", "usage 4 0 0 0", "finish Filtered"],
    );
    check(
        "an unknown kind of part is skipped, a second candidate is not ours",
        &[
            json!({"candidates": [{"index": 1, "content": {"parts": [{"text": "other"}]}, "finishReason": "SAFETY"}]}),
            last(json!([{"hologram": {"x": 1}}, {"text": "a"}]), "STOP"),
        ],
        &["start  ", "text", "+a", "end", "finish Stop"],
    );
}

#[test]
fn reasons_to_finish_keep_their_meaning() {
    let table = [
        ("STOP", "Stop"),
        ("FUNCTION_CALL", "Stop"),
        ("MAX_TOKENS", "Length"),
        ("SAFETY", "Filtered"),
        ("RECITATION", "Filtered"),
        ("BLOCKLIST", "Filtered"),
        ("PROHIBITED_CONTENT", "Filtered"),
        ("SPII", "Filtered"),
        ("IMAGE_SAFETY", "Filtered"),
        ("MALFORMED_FUNCTION_CALL", "Other(\"MALFORMED_FUNCTION_CALL\")"),
        ("LANGUAGE", "Other(\"LANGUAGE\")"),
        ("OTHER", "Other(\"OTHER\")"),
    ];
    for (word, expected) in table {
        let lines = events(&[last(json!([{"text": "x"}]), word)]).unwrap();
        assert_eq!(lines.last().unwrap(), &format!("finish {expected}"), "{word}");
    }
}

#[test]
fn text_and_finish_in_one_chunk_lose_nothing() {
    let lines = events(&[json!({"candidates": [{"content": {"parts": [{"text": "all"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}})]);
    assert_eq!(lines.unwrap(), ["start  ", "usage 1 0 1 0", "text", "+all", "end", "finish Stop"]);
}

#[test]
fn usage_lies_in_disjoint_buckets() {
    let metadata = json!({"promptTokenCount": 10_000, "cachedContentTokenCount": 8_000, "candidatesTokenCount": 500,
        "thoughtsTokenCount": 300, "toolUsePromptTokenCount": 40, "totalTokenCount": 10_840,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10_000}]});
    let mut chunk = last(json!([]), "STOP");
    chunk["usageMetadata"] = metadata;
    assert_eq!(events(&[chunk]).unwrap(), ["start  ", "usage 2040 8000 500 300", "finish Stop"]);
}

#[test]
fn a_stream_without_a_reason_to_finish_is_cut() {
    let cut: [&[Value]; 4] = [
        &[],
        &[chunk(json!([{"text": "half"}]))],
        &[last(json!([{"text": "half"}]), "FINISH_REASON_UNSPECIFIED")],
        &[json!({"usageMetadata": {"promptTokenCount": 1}})],
    ];
    for chunks in cut {
        assert_eq!(events(chunks), Err(StreamError::Cut), "{chunks:?}");
    }
}

#[test]
fn an_error_inside_a_200_is_a_refusal_with_its_status() {
    let table = [
        (json!({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}), 429),
        (json!({"error": {"message": "x", "status": "UNAVAILABLE"}}), 503),
        (json!({"error": {"code": 200, "message": "x"}}), 500),
        (json!({"error": "text"}), 500),
    ];
    for (body, expected) in table {
        let whole = body.to_string().into_bytes();
        let refused = StreamError::Refused { status: expected, body: whole.clone() };
        assert_eq!(events(std::slice::from_ref(&body)), Err(refused.clone()));
        assert_eq!(events(&[chunk(json!([{"text": "a"}])), body.clone()]), Err(refused.clone()));
        let mut report = Report::default();
        assert_eq!(
            Gemini.inspector().frame(Frame { data: &whole, ..Frame::default() }, &mut report),
            Err(refused.clone())
        );
        assert_eq!(Gemini.inspect_response(&whole, &mut report), Err(refused));
    }
}

#[test]
fn a_known_part_with_a_bad_payload_is_malformed() {
    let bad = [
        json!([{"functionCall": {"args": {}}}]),
        json!([{"functionCall": 5}]),
        json!([{"text": 5}]),
        json!([{"inlineData": {"data": "x"}}]),
        json!({"text": "not a list"}),
    ];
    for parts in bad {
        let result = events(&[last(parts.clone(), "STOP")]);
        assert!(matches!(&result, Err(StreamError::Malformed(_))), "{parts}: {result:?}");
    }
}

#[test]
fn a_whole_answer_may_be_an_array_of_chunks() {
    let body = json!([chunk(json!([{"text": "a"}])), last(json!([{"text": "b"}]), "STOP")]);
    let mut log = Log::default();
    Gemini.decode_response(body.to_string().as_bytes(), &mut log).unwrap();
    assert_eq!(log.lines, ["start  ", "text", "+a", "+b", "end", "finish Stop"]);
    let mut report = Report::default();
    Gemini.inspect_response(body.to_string().as_bytes(), &mut report).unwrap();
    assert!(report.started && report.finished);
}

#[test]
fn the_relay_knows_content_from_air_and_an_end_from_a_pause() {
    let mut inspector = Gemini.inspector();
    let mut report = Report::default();
    let mut see = |chunk: Value| {
        let frame = chunk.to_string();
        assert_eq!(inspector.frame(Frame { data: frame.as_bytes(), ..Frame::default() }, &mut report), Ok(Pass::Keep));
        (report.started, report.finished)
    };
    assert_eq!(see(json!({"usageMetadata": {"promptTokenCount": 1}})), (false, false));
    assert_eq!(see(chunk(json!([{"text": ""}]))), (false, false));
    assert_eq!(see(chunk(json!([{"text": "a"}]))), (true, false));
    let two = json!({"candidates": [{"index": 1, "finishReason": "STOP"}]});
    assert_eq!(see(two), (true, false), "the first of two answers has not ended");
    assert_eq!(see(last(json!([]), "STOP")), (true, true));
}

#[test]
fn the_relay_counts_what_was_used() {
    let mut report = Report::default();
    let body = json!({"candidates": [{"finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 3}});
    Gemini.inspect_response(body.to_string().as_bytes(), &mut report).unwrap();
    assert_eq!((report.usage.input, report.usage.cache_read, report.usage.output), (6, 4, 3));
}

proptest! {
    /// A gateway before us took chunks for cumulative and cut off what two of them had in common.
    #[test]
    fn deltas_add_up_to_what_was_sent_however_it_was_cut(texts in prop::collection::vec("[a-c1 ]{0,4}", 1..12)) {
        let mut chunks: Vec<Value> = texts.iter().map(|text| chunk(json!([{"text": text}]))).collect();
        chunks.push(last(json!([]), "STOP"));
        let lines = events(&chunks).unwrap();
        let heard: String = lines.iter().filter_map(|line| line.strip_prefix('+')).collect();
        prop_assert_eq!(heard, texts.concat());
    }

    #[test]
    fn a_decoder_is_total_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = events_of(&bytes);
        let mut report = Report::default();
        let _ = Gemini.inspector().frame(Frame { data: &bytes, ..Frame::default() }, &mut report);
    }

    #[test]
    fn a_decoder_is_total_on_arbitrary_parts(parts in prop::collection::vec(part(), 0..8), cut in 0usize..9) {
        let chunks: Vec<Value> = parts.iter().take(cut).map(|part| chunk(json!([part]))).collect();
        prop_assert_eq!(events(&chunks), Err(StreamError::Cut));
        let whole = events(&[last(parts.into(), "STOP")]).unwrap();
        prop_assert!(whole.last().unwrap().starts_with("finish"));
    }
}

fn part() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[a-z]{0,3}".prop_map(|text| json!({"text": text})),
        "[a-z]{0,3}".prop_map(|text| json!({"text": text, "thought": true, "thoughtSignature": "c2ln"})),
        "[a-z]{0,3}".prop_map(|text| json!({"text": text, "thoughtSignature": "c2ln"})),
        "[a-z]{1,3}".prop_map(|name| json!({"functionCall": {"name": name, "args": {"a": [1]}}})),
        Just(json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}})),
        Just(json!({"codeExecutionResult": {"outcome": "OUTCOME_OK"}})),
        Just(json!({"unknown": 1})),
        Just(json!({})),
    ]
}
