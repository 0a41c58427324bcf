//! Events, as a client gets them.

use serde_json::{Value, json};

use super::{START, call, frames};
use crate::fault::{Failure, Kind};
use crate::ir::event::{Block, Delta, Event, Finish, Usage};
use crate::ir::{Issuer, Protocol, Seal};
use crate::protocol::messages::Messages;
use crate::protocol::{Echo, Inbound};

/// Feed `events` to the client's encoder.
fn encode(events: &[Event<'_>]) -> Vec<u8> {
    let call = call(&json!({"model": "alias"}));
    let mut encoder = Messages.encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(*event, &mut out));
    out
}

fn seal(issuer: Issuer, redacted: bool) -> Seal {
    Seal { issuer, value: "c2Vh/bA==".to_owned(), redacted }
}

/// Type, and what identifies each frame.
fn outline(bytes: &[u8]) -> Vec<String> {
    let line = |frame: &Value| match frame["type"].as_str().unwrap() {
        "content_block_start" => format!("{} start {}", frame["index"], frame["content_block"]),
        "content_block_delta" => {
            let delta = frame["delta"].as_object().unwrap();
            let (_, value) = delta.iter().find(|(key, _)| *key != "type").unwrap();
            format!("{} {} {}", frame["index"], delta["type"].as_str().unwrap(), value.as_str().unwrap())
        }
        "content_block_stop" => format!("{} stop", frame["index"]),
        "message_delta" => frame["delta"]["stop_reason"].as_str().unwrap().to_owned(),
        other => other.to_owned(),
    };
    frames(bytes).iter().map(line).collect()
}

#[test]
fn a_stream_opens_and_closes_its_blocks_densely() {
    use Event::{BlockEnd, BlockStart};
    let seal = seal(Issuer::Anthropic, false);
    let foreign = json!({"type": "web_search_call"});
    let own = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
    let d = |index, delta| Event::Delta { index, delta };
    let out = encode(&[
        START,
        BlockStart { index: 0, block: Block::Thinking },
        d(0, Delta::Text("hm \"q\"\n")),
        d(0, Delta::Seal(&seal)),
        BlockEnd { index: 0 },
        BlockStart { index: 1, block: Block::Thinking },
        BlockEnd { index: 1 },
        BlockStart { index: 2, block: Block::Opaque { owner: Protocol::Responses, value: &foreign } },
        BlockEnd { index: 2 },
        BlockStart { index: 3, block: Block::Opaque { owner: Protocol::Messages, value: &own } },
        BlockEnd { index: 3 },
        BlockStart { index: 4, block: Block::Text },
        d(4, Delta::Text("hi")),
        BlockEnd { index: 4 },
        BlockStart { index: 5, block: Block::ToolCall { id: "c1", name: "f", freeform: false } },
        d(5, Delta::Json("{\"a\":")),
        d(5, Delta::Json("\"\\n\"}")),
        BlockEnd { index: 5 },
        BlockStart { index: 6, block: Block::ToolCall { id: "c2", name: "g", freeform: true } },
        d(6, Delta::Text("a\"b")),
        d(6, Delta::Text("\n")),
        BlockEnd { index: 6 },
        BlockStart { index: 7, block: Block::Media { mime: "image/png" } },
        d(7, Delta::Data("aWk=")),
        BlockEnd { index: 7 },
        Event::Finish(Finish::ToolCalls),
    ]);
    let expected = [
        "message_start",
        "0 start {\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}",
        "0 thinking_delta hm \"q\"\n",
        "0 signature_delta c2Vh/bA==",
        "0 stop",
        "1 start {\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}",
        "1 stop",
        "2 start {\"type\":\"text\",\"text\":\"\"}",
        "2 text_delta hi",
        "2 stop",
        "3 start {\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{}}",
        "3 input_json_delta {\"a\":",
        "3 input_json_delta \"\\n\"}",
        "3 stop",
        "4 start {\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"g\",\"input\":{}}",
        "4 input_json_delta {\"input\":\"a\\\"b",
        "4 input_json_delta \\n",
        "4 input_json_delta \"}",
        "4 stop",
        "5 start {\"type\":\"text\",\"text\":\"\"}",
        "5 text_delta ![image](data:image/png;base64,",
        "5 text_delta aWk=",
        "5 text_delta )",
        "5 stop",
        "tool_use",
        "message_stop",
    ];
    assert_eq!(outline(&out), expected);
    let start = &frames(&out)[0]["message"];
    assert_eq!((&start["id"], &start["model"]), (&json!("msg_7"), &json!("alias")));
}

#[test]
fn a_seal_comes_back_from_wherever_the_client_had_to_keep_it() {
    use crate::protocol::seal::{split, untag};
    let table =
        [(Issuer::Anthropic, false), (Issuer::Anthropic, true), (Issuer::OpenAi, true), (Issuer::Google, false)];
    for (issuer, redacted) in table {
        let seal = seal(issuer, redacted);
        for shown in ["", "hm"] {
            let out = encode(&[
                START,
                Event::BlockStart { index: 0, block: Block::Thinking },
                Event::Delta { index: 0, delta: Delta::Text(shown) },
                Event::Delta { index: 0, delta: Delta::Seal(&seal) },
                Event::BlockEnd { index: 0 },
                Event::BlockStart { index: 1, block: Block::ToolCall { id: "c", name: "f", freeform: false } },
                Event::Delta { index: 1, delta: Delta::Seal(&seal) },
                Event::Delta { index: 1, delta: Delta::Json("{}") },
                Event::BlockEnd { index: 1 },
            ]);
            let frames = frames(&out);
            let block = &frames[1]["content_block"];
            let found = match block["type"].as_str().unwrap() {
                "redacted_thinking" => {
                    assert!(shown.is_empty());
                    untag(block["data"].as_str().unwrap(), Issuer::Anthropic)
                        .map(|seal| Seal { redacted: true, ..seal })
                }
                _ => {
                    let signature = frames.iter().find(|frame| frame["delta"]["type"] == "signature_delta").unwrap();
                    untag(signature["delta"]["signature"].as_str().unwrap(), Issuer::Anthropic)
                }
            };
            assert_eq!(found, Some(seal.clone()), "{issuer:?} {redacted} {shown:?}");
            let tool = frames.iter().find(|frame| frame["content_block"]["type"] == "tool_use").unwrap();
            assert_eq!(split(tool["content_block"]["id"].as_str().unwrap()), ("c", Some(seal.clone())));
        }
    }
}

/// Seen in other gateways: an error in the middle became a clean `message_stop`, and a retry gave two.
#[test]
fn a_failure_is_an_error_frame_and_nothing_after_it() {
    let call = call(&json!({"model": "m"}));
    let failure = Failure::new(Kind::Overloaded, "busy \"now\"");
    let mut encoder = Messages.encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    encoder.event(START, &mut out);
    encoder.event(Event::BlockStart { index: 0, block: Block::Text }, &mut out);
    encoder.failure(&failure, &mut out);
    let lines = outline(&out);
    assert_eq!(lines, ["message_start", "0 start {\"type\":\"text\",\"text\":\"\"}", "error"]);
    let mut frame = Vec::new();
    Messages.failure_frame(&failure, &mut frame);
    let expected = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy \\\"now\\\"\"}}\n\n";
    assert_eq!(String::from_utf8(frame).unwrap(), expected);
    assert_eq!(Messages.keep_alive(&call), b"event: ping\ndata: {\"type\": \"ping\"}\n\n");
}

#[test]
fn a_failure_has_anthropics_word_for_its_kind() {
    let table = [
        (Kind::InvalidRequest, "invalid_request_error"),
        (Kind::Unauthorized, "authentication_error"),
        (Kind::Forbidden, "permission_error"),
        (Kind::NotFound, "not_found_error"),
        (Kind::MethodNotAllowed, "invalid_request_error"),
        (Kind::TooLarge, "request_too_large"),
        (Kind::RateLimited, "rate_limit_error"),
        (Kind::QuotaExceeded, "rate_limit_error"),
        (Kind::Internal, "api_error"),
        (Kind::Upstream, "api_error"),
        (Kind::Overloaded, "overloaded_error"),
        (Kind::Timeout, "timeout_error"),
    ];
    for (kind, word) in table {
        let body: Value = serde_json::from_slice(&Messages.encode_failure(&Failure::new(kind, "m"))).unwrap();
        assert_eq!(body, json!({"type": "error", "error": {"type": word, "message": "m"}}));
    }
    let coded = Failure::new(Kind::QuotaExceeded, "m").code("insufficient_quota");
    let body: Value = serde_json::from_slice(&Messages.encode_failure(&coded)).unwrap();
    assert_eq!(body["error"]["details"], json!({"error_code": "insufficient_quota"}));
    let unpaid = Failure { status: 402, ..Failure::new(Kind::QuotaExceeded, "m") };
    let body: Value = serde_json::from_slice(&Messages.encode_failure(&unpaid)).unwrap();
    assert_eq!(body["error"]["type"], "billing_error");
}

#[test]
fn a_finish_becomes_the_stop_reason_that_means_it() {
    let table = [
        (Finish::Stop, "end_turn"),
        (Finish::Length, "max_tokens"),
        (Finish::ToolCalls, "tool_use"),
        // Seen in other gateways: SAFETY and content_filter became end_turn; stop_sequence.
        (Finish::Filtered, "refusal"),
        (Finish::Other("pause_turn"), "pause_turn"),
        (Finish::Other("RECITATION"), "end_turn"),
    ];
    for (finish, reason) in table {
        assert_eq!(outline(&encode(&[START, Event::Finish(finish)])), ["message_start", reason, "message_stop"]);
    }
}

/// Seen in other gateways: no `message_start`; no events at all if the upstream sent no content.
#[test]
fn an_answer_without_content_is_still_a_message() {
    let out = encode(&[START, Event::Finish(Finish::Stop)]);
    assert_eq!(outline(&out), ["message_start", "end_turn", "message_stop"]);
}

/// Seen in other gateways: cached tokens not reported; usage all zeros.
#[test]
fn usage_is_told_at_the_start_if_known_and_in_full_at_the_end() {
    let usage = Usage { input: 1, cache_read: 2, cache_write: 3, cache_write_long: 4, output: 5, reasoning: 6 };
    let early = Usage { output: 0, reasoning: 0, ..usage };
    let out = encode(&[START, Event::Usage(early), Event::Usage(usage), Event::Finish(Finish::Stop)]);
    let late = encode(&[
        START,
        Event::BlockStart { index: 0, block: Block::Text },
        Event::BlockEnd { index: 0 },
        Event::Usage(usage),
        Event::Finish(Finish::Stop),
    ]);
    let told = json!({"input_tokens": 1, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 2,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}, "output_tokens": 11,
        "output_tokens_details": {"thinking_tokens": 6}, "server_tool_use": null});
    for out in [&out, &late] {
        let frames = frames(out);
        assert_eq!(frames[frames.len() - 2]["usage"], told);
    }
    assert_eq!(frames(&out)[0]["message"]["usage"]["input_tokens"], 1);
    assert_eq!(frames(&late)[0]["message"]["usage"]["input_tokens"], 0);
}
