//! What providers send, streamed and whole.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Script, collected, deltas, events, feed, sse};
use crate::framing::Frame;
use crate::ir::event::{FinishReason, Usage};
use crate::ir::{PartKind, ToolInput};
use crate::protocol::chat::Chat;
use crate::protocol::{Outbound, Pass, Report, StreamError};

const ROLE: &str = r#"{"id":"c1","model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
const HI: &str =
    r#"{"id":"c1","model":"gpt","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}],"usage":null}"#;
const STOP: &str = r#"{"id":"c1","model":"gpt","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"id":"c1","model":"gpt","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}"#;
const DONE: &str = "[DONE]";

fn call(index: u32, id: &str, name: &str, arguments: &str) -> Value {
    json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn more(index: u32, arguments: &str) -> Value {
    json!({"index": index, "function": {"arguments": arguments}})
}

fn calls(calls: &[Value]) -> Value {
    json!({"tool_calls": calls})
}

#[test]
fn a_plain_answer_becomes_one_block() {
    let expected = ["start c1 gpt", "[text", "hi", "hi", "]", "usage 6 4 0 3 2", "finish Stop"];
    assert_eq!(events(&[ROLE, HI, HI, STOP, USAGE, DONE]).unwrap(), expected);
}

#[test]
fn kinds_of_content_open_and_close_blocks() {
    let table = [
        (
            vec![json!({"reasoning_content": "a"}), json!({"content": "b"})],
            vec!["[thinking", "a", "]", "[text", "b", "]"],
        ),
        // Both names of one thing.
        (vec![json!({"reasoning_content": "a", "reasoning": "a"})], vec!["[thinking", "a", "]"]),
        (
            vec![json!({"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]})],
            vec!["[thinking", "a", "]"],
        ),
        (
            vec![json!({"reasoning_details": [{"type": "reasoning.summary", "summary": "a"}]})],
            vec!["[thinking", "a", "]"],
        ),
        (vec![json!({"reasoning_content": null, "content": ""}), json!({"content": "x"})], vec!["[text", "x", "]"]),
        (vec![json!({"refusal": "no"})], vec!["[text", "no", "]"]),
        (
            vec![json!({"content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "text", "text": "b"},
            ]})],
            vec!["[thinking", "a", "]", "[text", "b", "]"],
        ),
        (
            vec![json!({"content": "see", "images": [{"image_url": {"url": "data:image/png;base64,AAAA"}}]})],
            vec!["[text", "see", "]", "[media image/png", "AAAA", "]"],
        ),
        (
            vec![json!({"images": [{"image_url": {"url": "https://x.test/a"}}]})],
            vec!["[text", "![image](https://x.test/a)", "]"],
        ),
        (vec![json!({"content": "ha"}), json!({"content": "ha"})], vec!["[text", "ha", "ha", "]"]),
        (vec![json!({"content": "a\\n\n"})], vec!["[text", "a\\n\n", "]"]),
    ];
    for (given, mut expected) in table {
        expected.push("finish Stop");
        assert_eq!(deltas(&given), expected, "{given:?}");
    }
}

#[test]
fn tool_calls_are_read_however_they_are_cut() {
    let table: &[(&str, Vec<Value>, &[&str])] = &[
        (
            "fragments",
            vec![calls(&[call(0, "a", "f", "")]), calls(&[more(0, "{\"x\"")]), calls(&[more(0, ":1}")])],
            &["[call a f", "{\"x\"", ":1}", "]"],
        ),
        (
            "whole",
            vec![calls(&[call(0, "a", "f", "{}"), call(1, "b", "g", "{}")])],
            &["[call a f", "{}", "]", "[call b g", "{}", "]"],
        ),
        (
            "no index",
            vec![
                calls(&[json!({"id": "a", "function": {"name": "f", "arguments": "{}"}})]),
                calls(&[json!({"id": "b", "function": {"name": "f", "arguments": "{\"x\":"}})]),
                calls(&[json!({"function": {"arguments": "1}"}})]),
            ],
            &["[call a f", "{}", "]", "[call b f", "{\"x\":", "1}", "]"],
        ),
        (
            "one index for all",
            vec![calls(&[call(0, "a", "f", "{}")]), calls(&[call(0, "b", "g", "{}")])],
            &["[call a f", "{}", "]", "[call b g", "{}", "]"],
        ),
        (
            "id and name in every fragment",
            vec![calls(&[call(0, "a", "f", "{\"x\":")]), calls(&[call(0, "a", "f", "1}")])],
            &["[call a f", "{\"x\":", "1}", "]"],
        ),
        (
            "name in every fragment, no id",
            vec![calls(&[call(0, "", "f", "{\"x\":")]), calls(&[call(0, "", "f", "1}")])],
            &["[call call_x_0 f", "{\"x\":", "1}", "]"],
        ),
        (
            "no ids",
            vec![calls(&[call(0, "", "f", "{}"), call(1, "", "f", "{}")])],
            &["[call call_x_0 f", "{}", "]", "[call call_x_1 f", "{}", "]"],
        ),
        (
            "empty name first",
            vec![calls(&[call(0, "a", "", "")]), calls(&[call(0, "", "f", "{}")])],
            &["[call a f", "{}", "]"],
        ),
        (
            "null everywhere",
            vec![calls(&[json!({"index": 0, "id": "a", "type": null, "function": {"name": "f", "arguments": null}})])],
            &["[call a f", "]"],
        ),
        (
            "no arguments",
            vec![calls(&[call(0, "a", "f", "")]), calls(&[call(1, "b", "g", "{}")])],
            &["[call a f", "]", "[call b g", "{}", "]"],
        ),
        (
            "an object that should be a string",
            vec![calls(&[json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}})])],
            &["[call a f", "{\"x\":1}", "]"],
        ),
        (
            "legacy",
            vec![
                json!({"function_call": {"name": "f", "arguments": ""}}),
                json!({"function_call": {"arguments": "{}"}}),
            ],
            &["[call call_x_0 f", "{}", "]"],
        ),
        (
            "freeform",
            vec![
                calls(&[json!({"index": 0, "id": "a", "type": "custom", "custom": {"name": "c", "input": ""}})]),
                calls(&[json!({"index": 0, "custom": {"input": "free"}})]),
            ],
            &["[freeform a c", "free", "]"],
        ),
        (
            "text around",
            vec![json!({"content": "x"}), calls(&[call(0, "a", "f", "{}")]), json!({"content": "y"})],
            &["[text", "x", "]", "[call a f", "{}", "]", "[text", "y", "]"],
        ),
        (
            "white space in between",
            vec![calls(&[call(0, "a", "f", "{\"x\":")]), json!({"content": "\n"}), calls(&[more(0, "1}")])],
            &["[call a f", "{\"x\":", "1}", "]", "[text", "\n", "]"],
        ),
    ];
    for (what, given, expected) in table {
        let found = deltas(given);
        assert_eq!(found[..found.len() - 1], expected[..], "{what}");
        assert_eq!(found.last().unwrap(), "finish ToolCalls", "{what}");
    }
}

#[test]
fn interleaved_calls_come_out_one_after_the_other() {
    let given = [
        calls(&[call(0, "a", "f", "")]),
        calls(&[call(1, "b", "g", ""), more(0, "{\"x\":\"}")]),
        calls(&[more(1, "{\"y\":")]),
        calls(&[more(0, "\\\"}")]),
        calls(&[more(1, "[2]")]),
        calls(&[more(0, "\"}")]),
        calls(&[more(1, "}")]),
        calls(&[call(2, "c", "h", "{}")]),
    ];
    let expected = [
        "[call a f",
        "{\"x\":\"}",
        "\\\"}",
        "\"}",
        "]", // streamed as it came
        "[call b g",
        "{\"y\":[2]",
        "}",
        "]", // held, then streamed
        "[call c h",
        "{}",
        "]",
        "finish ToolCalls",
    ];
    assert_eq!(deltas(&given), expected);
}

#[test]
fn the_end_is_the_providers_own() {
    let finish = |word: &str| STOP.replace("\"stop\"", &format!("\"{word}\""));
    let last = |frames: &[&str]| events(frames).unwrap().pop().unwrap();
    for (word, expected) in [
        ("stop", "finish Stop"),
        ("length", "finish Length"),
        ("max_tokens", "finish Length"),
        ("tool_calls", "finish ToolCalls"),
        ("function_call", "finish ToolCalls"),
        ("content_filter", "finish Filtered"),
        ("whatever", "finish other whatever"),
    ] {
        assert_eq!(last(&[HI, &finish(word), DONE]), expected);
        assert_eq!(last(&[HI, &finish(word)]), expected, "without [DONE]");
    }
    assert_eq!(last(&[HI, DONE]), "finish Stop", "without a reason");
    // Cut: nothing that looks like an end.
    assert_eq!(last(&[ROLE, HI, HI]), "hi");
    assert_eq!(events(&[]).unwrap(), Vec::<String>::new());
    assert_eq!(events(&[DONE]).unwrap(), Vec::<String>::new(), "an end of nothing");
    // What follows the end does not count.
    assert_eq!(last(&[HI, STOP, DONE, HI]), "finish Stop");
}

#[test]
fn usage_is_found_wherever_it_stands() {
    let usage = |text: &str| format!(r#"{{"choices":[],"usage":{text}}}"#);
    let inside = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":9,"completion_tokens":1,"cached_tokens":3}}]}"#;
    let every = HI.replace("\"usage\":null", r#""usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}"#);
    let table = [
        (usage(r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#), "usage 10 0 0 5 0"),
        // Reasoning within the completion, and beside it.
        (
            usage(
                r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"completion_tokens_details":{"reasoning_tokens":3}}"#,
            ),
            "usage 10 0 0 2 3",
        ),
        (
            usage(
                r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":18,"completion_tokens_details":{"reasoning_tokens":3}}"#,
            ),
            "usage 10 0 0 5 3",
        ),
        (
            usage(r#"{"prompt_tokens":10,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":30}}"#),
            "usage 10 0 0 5 30",
        ),
        // DeepSeek, OpenRouter, Moonshot.
        (
            usage(
                r#"{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}"#,
            ),
            "usage 2 8 0 5 0",
        ),
        (
            usage(
                r#"{"prompt_tokens":10,"completion_tokens":5,"cost":0.1,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":3,"audio_tokens":0}}"#,
            ),
            "usage 3 4 3 5 0",
        ),
        (inside.to_owned(), "usage 6 3 0 1 0"),
        // Nonsense is nothing.
        (
            usage(r#"{"prompt_tokens":null,"completion_tokens":-1,"total_tokens":7.0,"prompt_tokens_details":null}"#),
            "finish",
        ),
        (
            usage(r#"{"prompt_tokens":2,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}"#),
            "usage 0 9 0 1 0",
        ),
    ];
    for (frame, expected) in table {
        let found = events(&[HI, STOP, &frame, DONE]).unwrap();
        assert!(found.iter().any(|line| line.starts_with(expected)), "{frame}: {found:?}");
    }
    // In every chunk: told once, between the last block and the finish.
    let found = events(&[&every, &every, STOP, DONE]).unwrap();
    assert_eq!(found.iter().filter(|line| line.starts_with("usage")).count(), 1);
}

#[test]
fn an_error_inside_the_stream_is_an_error() {
    let status = |frames: &[&str]| match events(frames) {
        Err(StreamError::Refused { status, body }) => (status, crate::protocol::any_error_message(&body)),
        other => panic!("{other:?}"),
    };
    let said = |text: &str| Some(text.to_owned());
    for (frame, expected) in [
        (r#"{"error":{"message":"slow","type":"rate_limit_error","code":null}}"#, (429, said("slow"))),
        (r#"{"error":{"message":"broke","code":"insufficient_quota"}}"#, (429, said("broke"))),
        (r#"{"error":{"message":"oops","type":"server_error"}}"#, (500, said("oops"))),
        (r#"{"error":{"message":"busy","type":"overloaded_error"}}"#, (503, said("busy"))),
        (
            r#"{"error":{"message":"up","code":502},"choices":[{"delta":{},"finish_reason":"error"}]}"#,
            (502, said("up")),
        ),
        (r#"{"error":{"message":"q","code":"429"}}"#, (429, said("q"))),
        (r#"{"error":{"message":"long","type":"invalid_request_error"}}"#, (400, said("long"))),
        (r#"{"error":"plain"}"#, (500, said("plain"))),
        (r#"{"object":"error","message":"vllm","code":400}"#, (400, said("vllm"))),
        (r#"{"status":"449","msg":"iflow"}"#, (429, said("iflow"))),
        (r#"{"choices":null,"base_resp":{"status_code":1008,"status_msg":"poor"}}"#, (402, said("poor"))),
        (r#"{"choices":[{"index":0,"delta":{},"finish_reason":"insufficient_system_resource"}]}"#, (503, None)),
    ] {
        assert_eq!(status(&[HI, frame]), expected, "{frame}");
        assert_eq!(status(&[frame]), expected, "{frame}");
        let mut report = Report::default();
        let mut inspector = Chat::OPENAI.inspector();
        inspector.frame(Frame { data: HI.as_bytes(), ..Frame::default() }, &mut report).unwrap();
        let found = inspector.frame(Frame { data: frame.as_bytes(), ..Frame::default() }, &mut report);
        assert!(frame.contains("msg") || frame.contains("vllm") || found.is_err(), "{frame}");
        assert!(!report.finished, "{frame}");
    }
    assert!(matches!(events(&[HI, "{\"choices\":5}"]), Err(StreamError::Malformed(_))));
    assert!(matches!(events(&["<html>"]), Err(StreamError::Malformed(_))));
    // Members that are there and say nothing.
    let quiet = HI.replace("\"usage\":null", r#""error":null,"base_resp":{"status_code":0}"#);
    assert!(events(&[&quiet, STOP, DONE]).is_ok());
    let mut script = Script::default();
    assert!(feed(b"event: error\ndata: {\"message\":\"x\"}\n\n", &mut script).is_err());
}

#[test]
fn a_cut_after_any_byte_is_never_a_finish() {
    let stream = sse(&[
        ROLE,
        HI,
        &json!({"choices": [{"delta": calls(&[call(0, "a", "f", "{\"x\":")])}]}).to_string(),
        &json!({"choices": [{"delta": calls(&[more(0, "1}")])}]}).to_string(),
        STOP,
        USAGE,
        DONE,
    ]);
    let announced = stream.find("finish_reason\":\"stop\"}]}").unwrap() + "finish_reason\":\"stop\"}]}".len();
    for cut in 0..stream.len() {
        let mut script = Script::default();
        let whole = feed(&stream.as_bytes()[..cut], &mut script).is_ok();
        assert_eq!(script.grammar.finished(), whole && cut >= announced, "cut at {cut}");
        // A frame that is not whole is an error, even behind the finish reason.
        assert!(whole || !stream[..cut].ends_with("\n\n"), "cut at {cut}");
    }
}

#[test]
fn a_whole_answer_is_the_same_as_its_stream() {
    let body = json!({"id": "c1", "model": "gpt", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "text", "reasoning_content": "hm", "refusal": null, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
            {"type": "custom", "custom": {"name": "c", "input": "free"}},
        ]}}], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}});
    let done = collected(|sink| Chat::OPENAI.decode_response(body.to_string().as_bytes(), sink));
    let inputs: Vec<_> = done
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall(call) => Some((call.id.as_str(), call.input.clone())),
            _ => None,
        })
        .collect();
    let json = |text: &str| ToolInput::Json(crate::json::Json::parse(text).unwrap());
    assert_eq!(
        inputs,
        [("a", json("{\"x\":1}")), ("a", json("{}")), ("call_c1_2", ToolInput::Text("free".to_owned()))]
    );
    assert_eq!(done.parts.len(), 5);
    assert_eq!(
        (done.finish, done.usage),
        (Some(FinishReason::ToolCalls), Usage { input: 3, output: 4, ..Usage::default() })
    );
}

#[test]
fn a_whole_answer_without_an_answer_is_refused() {
    let decode = |body: &str| Chat::OPENAI.decode_response(body.as_bytes(), &mut |_: crate::ir::event::Event<'_>| {});
    let inspect = |body: &str| Chat::OPENAI.inspect_response(body.as_bytes(), &mut Report::default()).map(drop);
    for body in ["", "null", "[]", "{}", r#"{"choices":[]}"#, "<html>", r#"{"choices":[{"message":{"content":"x"}}"#] {
        assert!(matches!(decode(body), Err(StreamError::Malformed(_))), "{body}");
        assert!(matches!(inspect(body), Err(StreamError::Malformed(_))), "{body}");
    }
    for body in [r#"{"error":{"message":"x"}}"#, r#"{"detail":"x"}"#] {
        assert!(matches!(decode(body), Err(StreamError::Refused { status: 500, .. })), "{body}");
        assert!(matches!(inspect(body), Err(StreamError::Refused { status: 500, .. })), "{body}");
    }
    let mut report = Report::default();
    Chat::OPENAI.inspect_response(USAGE.replace("[]", "[{}]").as_bytes(), &mut report).unwrap();
    assert_eq!(report.usage, Usage { input: 6, cache_read: 4, output: 3, reasoning: 2, ..Usage::default() });
}

fn inspected<'a>(frames: &[&'a str]) -> (Report, Vec<Pass<'a>>) {
    let (mut report, mut inspector) = (Report::default(), Chat::OPENAI.inspector());
    let pass = frames
        .iter()
        .map(|data| inspector.frame(Frame { data: data.as_bytes(), ..Frame::default() }, &mut report).unwrap());
    let passes = pass.collect();
    (report, passes)
}

#[test]
fn the_inspector_sees_start_usage_and_end() {
    use Pass::{Keep, Usage};
    let seen = |frames: &[&str]| {
        let (report, _) = inspected(frames);
        (report.started, report.finished)
    };
    assert_eq!(seen(&[ROLE]), (false, false));
    assert_eq!(seen(&[ROLE, HI]), (true, false));
    assert_eq!(seen(&[ROLE, &HI.replace("content", "reasoning_content")]), (true, false));
    assert_eq!(seen(&[ROLE, STOP]), (true, true));
    assert_eq!(seen(&[ROLE, HI, DONE]), (true, true));
    assert_eq!(seen(&[DONE]), (false, false));
    let (report, passes) = inspected(&[ROLE, HI, HI, STOP, USAGE, DONE]);
    assert_eq!(passes, [Keep, Keep, Keep, Keep, Usage, Keep]);
    assert_eq!(report.usage.total(), 15);
    // An answer that speaks of the members does not have them.
    let quoting =
        HI.replace("\"hi\"", &json!(r#"{"finish_reason":"stop","usage":{"prompt_tokens":9},"error":{}}"#).to_string());
    let (report, _) = inspected(&[ROLE, HI, &quoting, &HI.replace("hi", "finish_reason")]);
    assert_eq!((report.finished, report.usage.total()), (false, 0));
    // Usage beside content is not the client's to miss.
    let beside = HI.replace("\"usage\":null", r#""usage":{"prompt_tokens":1}"#);
    assert_eq!(inspected(&[&beside]).1, [Keep]);
}

proptest! {
    /// A relay and a translation of one stream agree on what it was.
    #[test]
    fn the_inspector_agrees_with_the_decoder(picks in prop::collection::vec(0usize..7, 0..12)) {
        let call = json!({"choices": [{"delta": calls(&[call(0, "a", "f", "{}")])}]}).to_string();
        let every = HI.replace("\"usage\":null", r#""usage":{"prompt_tokens":3,"completion_tokens":1}"#);
        let pool = [ROLE, HI, STOP, USAGE, DONE, &call, &every];
        let mut frames: Vec<&str> = picks.iter().map(|pick| pool[*pick]).collect();
        let mut called = false;
        frames.retain(|frame| *frame != call || !std::mem::replace(&mut called, true));
        // What follows the end is the client's to ignore.
        if let Some(end) = frames.iter().position(|frame| *frame == DONE) {
            frames.truncate(end + 1);
        }
        let mut script = Script::default();
        feed(sse(&frames).as_bytes(), &mut script).unwrap();
        let (report, _) = inspected(&frames);
        prop_assert_eq!(report.finished, script.grammar.finished());
        let started = script.lines.iter().any(|line| line == "hi" || line == "{}" || line.starts_with("finish Stop"));
        prop_assert!(!started || report.started);
    }

    #[test]
    fn the_decoder_is_total(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        let _ = feed(&bytes, &mut Script::default());
        let _ = feed(sse(&[HI, &text]).as_bytes(), &mut Script::default());
        let _ = Chat::OPENAI.decode_response(&bytes, &mut Script::default());
    }
}
