//! The stream a client gets: its order, its numbers, its end.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, client_stream, collect, events, frames, obey};
use crate::fault::{Failure, Kind};
use crate::ir::event::{Block, Delta, Event, Finish, Usage};
use crate::ir::{Issuer, Protocol, Seal};
use crate::protocol::responses::Responses;
use crate::protocol::{Echo, Inbound};

const START: Event<'_> = Event::Start { id: "provider-id", model: "claude-x" };

fn body() -> Value {
    json!({"model": "m", "input": "hi", "stream": true, "metadata": {"a": "b"},
        "tools": [{"type": "function", "name": "f"}]})
}

fn names(stream: &str) -> Vec<String> {
    frames(stream).into_iter().map(|(name, _)| name.trim_start_matches("response.").to_owned()).collect()
}

fn delta(index: u32, delta: Delta<'_>) -> Event<'_> {
    Event::Delta { index, delta }
}

fn usage() -> Event<'static> {
    Event::Usage(Usage { input: 5, cache_read: 2, cache_write: 1, output: 4, reasoning: 3, ..Usage::default() })
}

/// Thinking, text, call, freeform call, image: every item this wire has.
fn rich() -> Vec<Event<'static>> {
    let call = |id, name, freeform| Block::ToolCall { id, name, freeform };
    vec![
        START,
        Event::BlockStart { index: 0, block: Block::Thinking },
        delta(0, Delta::Text("hmm")),
        Event::BlockEnd { index: 0 },
        Event::BlockStart { index: 1, block: Block::Text },
        delta(1, Delta::Text("a\n")),
        delta(1, Delta::Text("\"b\"")),
        Event::BlockEnd { index: 1 },
        Event::BlockStart { index: 2, block: call("c1", "f", false) },
        delta(2, Delta::Json("{\"x\"")),
        delta(2, Delta::Json(":1}")),
        Event::BlockEnd { index: 2 },
        Event::BlockStart { index: 3, block: call("c2", "patch", true) },
        delta(3, Delta::Text("*** B")),
        Event::BlockEnd { index: 3 },
        Event::BlockStart { index: 4, block: Block::Media { mime: "image/webp" } },
        delta(4, Delta::Data("UklGAAAA")),
        Event::BlockEnd { index: 4 },
        usage(),
        Event::Finish(Finish::ToolCalls),
    ]
}

#[test]
fn every_item_has_all_its_events() {
    let stream = client_stream(&body(), &rich());
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "output_item.added",
        "image_generation_call.in_progress",
        "image_generation_call.completed",
        "output_item.done",
        "completed",
    ];
    assert_eq!(names(&stream), expected);
    assert!(!stream.contains("[DONE]"));
    let frames = frames(&stream);
    let data: Vec<&Value> = frames.iter().map(|(_, data)| data).collect();
    obey("ResponseStreamEvent", &data);
    let last = &data[data.len() - 1]["response"];
    assert_eq!(
        last["output"],
        json!([
            {"type": "reasoning", "id": "rs_sluice_7_0", "status": "completed",
                "summary": [{"type": "summary_text", "text": "hmm"}]},
            {"type": "message", "id": "msg_7_1", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": "a\n\"b\"", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "id": "fc_7_2", "status": "completed", "call_id": "c1", "name": "f",
                "arguments": "{\"x\":1}"},
            {"type": "custom_tool_call", "id": "ctc_7_3", "status": "completed", "call_id": "c2", "name": "patch",
                "input": "*** B"},
            {"type": "image_generation_call", "id": "ig_7_4", "status": "completed", "output_format": "webp",
                "result": "UklGAAAA"},
        ])
    );
    assert_eq!(
        last["usage"],
        json!({"input_tokens": 8, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 15})
    );
    assert_eq!((&last["id"], &last["model"]), (&json!("resp_7"), &json!("m")));
    let done = data.iter().find(|data| data["type"] == "response.function_call_arguments.done").unwrap();
    assert_eq!((&done["name"], &done["arguments"]), (&json!("f"), &json!("{\"x\":1}")));
}

/// What every stream obeys, whatever is in it.
fn law(stream: &str) {
    let frames = frames(stream);
    let mut open: HashMap<u64, Value> = HashMap::new();
    let mut next = 0;
    for (at, (name, data)) in frames.iter().enumerate() {
        assert_eq!(data["type"], *name);
        assert_eq!(data["sequence_number"], at, "{name}");
        let index = data["output_index"].as_u64();
        match (name.as_str(), index) {
            ("response.output_item.added", Some(index)) => {
                assert!(open.is_empty(), "items do not overlap");
                assert_eq!(index, next);
                next += 1;
                open.insert(index, data["item"].clone());
            }
            ("response.output_item.done", Some(index)) => {
                let added = open.remove(&index).expect("an item that was added");
                for key in ["id", "type", "call_id"] {
                    assert_eq!(added.get(key), data["item"].get(key), "{key} is the same from beginning to end");
                }
            }
            (_, Some(index)) => assert_eq!(open[&index]["id"], data["item_id"], "{name} is about the open item"),
            _ => {}
        }
        let terminal = ["response.completed", "response.incomplete", "response.failed"].contains(&name.as_str());
        assert_eq!(terminal, at + 1 == frames.len(), "one terminal event, at the end");
        if terminal {
            assert!(open.is_empty() || name == "response.failed");
            assert_eq!(
                data["response"]["output"].as_array().unwrap().len() + open.len(),
                usize::try_from(next).unwrap()
            );
        }
    }
}

#[test]
fn the_law_holds_for_every_item() {
    law(&client_stream(&body(), &rich()));
}

#[test]
fn every_finish_has_its_terminal_event() {
    let end = |finish| {
        let stream = client_stream(
            &body(),
            &[
                START,
                Event::BlockStart { index: 0, block: Block::Text },
                delta(0, Delta::Text("cut")),
                Event::BlockEnd { index: 0 },
                Event::Finish(finish),
            ],
        );
        law(&stream);
        let (name, data) = frames(&stream).pop().unwrap();
        let response = &data["response"];
        assert_eq!(response["status"], name.trim_start_matches("response."));
        (response["status"].clone(), response["incomplete_details"].clone(), response["output"][0]["status"].clone())
    };
    let incomplete = |details: Value| (json!("incomplete"), details, json!("incomplete"));
    let completed = (json!("completed"), Value::Null, json!("completed"));
    assert_eq!(end(Finish::Stop), completed);
    assert_eq!(end(Finish::ToolCalls), completed);
    assert_eq!(end(Finish::Length), incomplete(json!({"reason": "max_output_tokens"})));
    assert_eq!(end(Finish::Filtered), incomplete(json!({"reason": "content_filter"})));
    assert_eq!(end(Finish::Other("malformed_call")), incomplete(json!({})));
}

#[test]
fn a_failure_is_one_event_that_every_reader_sees() {
    let call = call(&body());
    for events in [&[][..], &[START], &rich()[..7]] {
        let mut encoder = Responses.encoder(&Echo { call: &call, request: None });
        let mut out = Vec::new();
        events.iter().for_each(|event| encoder.event(*event, &mut out));
        let failure = Failure::new(Kind::Upstream, "cut off");
        encoder.failure(&failure, &mut out);
        encoder.failure(&failure, &mut out);
        encoder.event(Event::Finish(Finish::Stop), &mut out);
        let stream = String::from_utf8(out).unwrap();
        law(&stream);
        let (name, data) = frames(&stream).pop().unwrap();
        obey("ResponseFailedEvent", &[&data]);
        assert_eq!(name, "response.failed");
        assert_eq!(data["response"]["error"], json!({"code": "server_error", "message": "cut off"}));
        // OpenAI's SDKs raise on this member, whatever the event is called.
        assert_eq!(data["error"]["message"], "cut off");
        assert_eq!(stream.matches("\"error\":{\"code\"").count(), 1);
    }
    let mut out = Vec::new();
    Responses.failure_frame(&Failure::new(Kind::RateLimited, "slow down"), &mut out);
    let frames = frames(&String::from_utf8(out).unwrap());
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].1["response"]["error"]["code"], "rate_limit_exceeded");
    obey("ResponseFailedEvent", &[&frames[0].1]);
}

#[test]
fn a_seal_rides_in_the_call_id_from_the_first_event_on() {
    let seal = Seal { issuer: Issuer::Google, value: "sig".into(), redacted: false };
    let block = Block::ToolCall { id: "c1", name: "f", freeform: false };
    let stream = client_stream(
        &body(),
        &[
            START,
            Event::BlockStart { index: 0, block },
            delta(0, Delta::Seal(&seal)),
            Event::BlockEnd { index: 0 },
            Event::Finish(Finish::ToolCalls),
        ],
    );
    law(&stream);
    let output = frames(&stream).pop().unwrap().1["response"]["output"].clone();
    assert_eq!(output[0]["arguments"], "{}");
    let back = super::decode(&json!({"model": "m", "input": output}));
    let crate::ir::PartKind::ToolCall(call) = &back.turns[0].parts[0].kind else { panic!("{back:?}") };
    assert_eq!((call.id.as_str(), call.seal.as_ref()), ("c1", Some(&seal)));
}

#[test]
fn a_foreign_seal_returns_through_encrypted_content() {
    let seal = Seal { issuer: Issuer::Anthropic, value: "sig==".into(), redacted: true };
    let stream = client_stream(
        &body(),
        &[
            START,
            Event::BlockStart { index: 0, block: Block::Thinking },
            delta(0, Delta::Seal(&seal)),
            Event::BlockEnd { index: 0 },
            Event::Finish(Finish::Stop),
        ],
    );
    law(&stream);
    let output = frames(&stream).pop().unwrap().1["response"]["output"].clone();
    assert_eq!(output[0]["summary"], json!([]));
    let back = super::decode(&json!({"model": "m", "input": output}));
    let crate::ir::PartKind::Thinking { seal: Some(returned), .. } = &back.turns[0].parts[0].kind else { panic!() };
    assert_eq!(*returned, seal);
}

/// clients.md, finding 4: Codex declares namespaces, and expects calls with both names.
#[test]
fn a_call_of_a_namespace_gets_both_names_back() {
    let tools = json!([{"type": "namespace", "name": "agents", "description": "d",
        "tools": [{"type": "function", "name": "spawn", "parameters": {}}]}]);
    let declared = json!({"model": "m", "input": "x", "tools": tools});
    let late = json!({"model": "m", "input": [{"type": "additional_tools", "role": "developer", "tools": tools}]});
    for body in [declared, late] {
        assert_eq!(super::decode(&body).tools[0].name, "agents__spawn");
        let stream = client_stream(
            &body,
            &[
                START,
                Event::BlockStart {
                    index: 0,
                    block: Block::ToolCall { id: "c", name: "agents__spawn", freeform: false },
                },
                delta(0, Delta::Json("{}")),
                Event::BlockEnd { index: 0 },
                Event::Finish(Finish::ToolCalls),
            ],
        );
        law(&stream);
        let item = frames(&stream).pop().unwrap().1["response"]["output"][0].clone();
        assert_eq!((&item["namespace"], &item["name"]), (&json!("agents"), &json!("spawn")));
    }
}

#[test]
fn what_has_no_item_leaves_no_trace() {
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
    let foreign = json!({"type": "server_tool_use"});
    let blocks = [
        Block::Text,
        Block::Thinking,
        Block::Media { mime: "audio/wav" },
        Block::Opaque { owner: Protocol::Messages, value: &foreign },
        Block::Opaque { owner: Protocol::Responses, value: &search },
    ];
    let mut events = vec![START];
    for (index, block) in (0..).zip(blocks) {
        events.extend([Event::BlockStart { index, block }, Event::BlockEnd { index }]);
    }
    events.push(Event::Finish(Finish::Stop));
    let stream = client_stream(&body(), &events);
    assert_eq!(names(&stream), ["created", "in_progress", "output_item.added", "output_item.done", "completed"]);
    assert_eq!(frames(&stream).pop().unwrap().1["response"]["output"], json!([search]));
}

#[test]
fn an_answer_of_openai_keeps_the_id_its_reasoning_was_sealed_with() {
    // A provider that only streams, and a client that does not: the one case where both sides speak Responses and the
    // answer is rebuilt all the same.
    let stream = super::sse(&[
        json!({"type": "response.created", "response": {"id": "resp_p", "model": "gpt-5"}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "id": "rs_own",
            "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "gAAA"}}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": []}}),
    ]);
    let call = call(&json!({"model": "gpt-5", "input": "x"}));
    let mut out = Vec::new();
    Responses.encode_response(&collect(&stream), &Echo { call: &call, request: None }, &mut out);
    let response: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(response["output"][0]["id"], "rs_own");
    assert_eq!(response["output"][0]["encrypted_content"], "gAAA");
}

#[derive(Debug, Clone)]
enum Piece {
    Text(Vec<String>),
    Thinking(Vec<String>, Option<String>),
    Call(String, Vec<String>),
    Freeform(String, Vec<String>),
    Image(String),
}

fn piece() -> impl Strategy<Value = Piece> {
    let texts = || prop::collection::vec("[ -~\\n\u{e9}\u{4f60}\u{1f642}]{1,12}", 1..4);
    let name = || "[a-z_]{1,8}";
    prop_oneof![
        texts().prop_map(Piece::Text),
        (texts(), prop::option::of("[a-zA-Z0-9+/=]{1,20}")).prop_map(|(texts, seal)| Piece::Thinking(texts, seal)),
        (name(), texts()).prop_map(|(name, texts)| Piece::Call(name, texts)),
        (name(), texts()).prop_map(|(name, texts)| Piece::Freeform(name, texts)),
        "[A-Za-z0-9]{8}".prop_map(|data| Piece::Image(format!("/9j/{data}"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn what_the_encoder_writes_the_decoder_reads(pieces in prop::collection::vec(piece(), 0..6), ending in 0..3u8) {
        let seals: Vec<Option<Seal>> = pieces.iter().map(|piece| match piece {
            Piece::Thinking(_, Some(value)) => {
                Some(Seal { issuer: Issuer::Anthropic, value: value.clone(), redacted: false })
            }
            _ => None,
        }).collect();
        let ids: Vec<String> = (0..pieces.len()).map(|at| format!("call_{at}")).collect();
        let mut all = vec![Event::Start { id: "resp_7", model: "m" }];
        let mut called = false;
        for (index, piece) in (0u32..).zip(&pieces) {
            let at = index as usize;
            let (block, deltas): (_, Vec<Delta<'_>>) = match piece {
                Piece::Text(texts) => (Block::Text, texts.iter().map(|t| Delta::Text(t)).collect()),
                Piece::Thinking(texts, _) => (Block::Thinking, texts.iter().map(|t| Delta::Text(t)).collect()),
                Piece::Call(name, texts) => {
                    called = true;
                    let block = Block::ToolCall { id: &ids[at], name, freeform: false };
                    (block, texts.iter().map(|t| Delta::Json(t)).collect())
                }
                Piece::Freeform(name, texts) => {
                    called = true;
                    let block = Block::ToolCall { id: &ids[at], name, freeform: true };
                    (block, texts.iter().map(|t| Delta::Text(t)).collect())
                }
                Piece::Image(data) => (Block::Media { mime: "image/jpeg" }, vec![Delta::Data(data)]),
            };
            all.push(Event::BlockStart { index, block });
            all.extend(deltas.into_iter().chain(seals[at].as_ref().map(Delta::Seal)).map(|delta| Event::Delta { index, delta }));
            all.push(Event::BlockEnd { index });
        }
        all.push(usage());
        all.push(Event::Finish(match (ending, called) {
            (0, true) => Finish::ToolCalls,
            (0, false) => Finish::Stop,
            (1, _) => Finish::Length,
            _ => Finish::Filtered,
        }));
        let stream = client_stream(&body(), &all);
        law(&stream);
        let expected: Vec<String> = all.iter().map(|event| format!("{event:?}")).collect();
        prop_assert_eq!(events(&stream).unwrap(), expected);
    }
}
