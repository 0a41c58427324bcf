//! Answers through both halves of the codec, and against the official types.

use serde_json::{Value, json};

use super::{Notes, START, block, call, decode_stream, delta, frames, message_start, message_stop, sse, stop, text};
use crate::fault::{Failure, Kind};
use crate::framing::{Framer, Framing};
use crate::ir::event::{Block, Collector, Completion, Delta, Event, Finish, Sink, Usage};
use crate::ir::{Issuer, Seal};
use crate::protocol::messages::Messages;
use crate::protocol::{Echo, Inbound, Outbound};
use crate::tests::schema;

/// A stream with everything this wire can say.
fn everything(sink: &mut dyn Sink) {
    let stream = sse(&[
        message_start(),
        block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm 🙂\u{7}\\"})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        stop(0),
        block(1, json!({"type": "redacted_thinking", "data": "ZGF0YQ=="})),
        stop(1),
        block(2, json!({"type": "text", "text": ""})),
        text(2, "sun"),
        text(2, "\"ny\""),
        stop(2),
        block(3, json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "x"}})),
        stop(3),
        block(4, json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}})),
        delta(4, json!({"type": "input_json_delta", "partial_json": "{\"city\":\"Par"})),
        delta(4, json!({"type": "input_json_delta", "partial_json": "is\"}"})),
        stop(4),
        block(5, json!({"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}})),
        stop(5),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"input_tokens": 26,
            "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}}}),
        message_stop(),
    ]);
    let (mut framer, mut decoder) = (Framer::new(Framing::Sse), Messages.decoder());
    framer.push(&stream, |frame, _| decoder.frame(frame, sink)).unwrap();
}

#[test]
fn a_stream_survives_its_own_encoding() {
    let call = call(&json!({"model": "alias"}));
    let mut encoder = Messages.encoder(&Echo { call: &call, request: None });
    let (mut before, mut out) = (Notes::default(), Vec::new());
    everything(&mut before);
    everything(&mut |event: Event<'_>| encoder.event(event, &mut out));
    let (after, result) = decode_stream(&out);
    assert_eq!(result, Ok(()));
    assert_eq!(after[0], "start msg_7 alias");
    assert_eq!(after[1..], before.0[1..]);
}

#[test]
fn a_whole_answer_survives_its_own_encoding() {
    let mut collector = Collector::default();
    everything(&mut collector);
    let done = Completion::of(collector).unwrap();
    let call = call(&json!({"model": "alias"}));
    let mut out = Vec::new();
    Messages.encode_response(&done, &Echo { call: &call, request: None }, &mut out);
    let mut collector = Collector::default();
    Messages.decode_response(&out, &mut collector).unwrap();
    let again = Completion::of(collector).unwrap();
    assert_eq!(again, Completion { id: "msg_7".to_owned(), model: "alias".to_owned(), ..done });
}

#[test]
fn what_clients_get_is_what_the_official_types_say() {
    let Some(spec) = schema::spec("anthropic-sdk.json") else { return };
    let call = call(&json!({"model": "alias"}));
    let echo = Echo { call: &call, request: None };
    let (mut out, mut encoder, mut collector) = (Vec::new(), Messages.encoder(&echo), Collector::default());
    everything(&mut |event: Event<'_>| encoder.event(event, &mut out));
    everything(&mut collector);
    let mut done = Completion::of(collector).unwrap();
    let mut refused = Messages.encoder(&echo);
    [START, Event::Finish(Finish::Filtered)].iter().for_each(|event| refused.event(*event, &mut out));
    for frame in frames(&out) {
        assert_eq!(schema::violations(&spec, "RawMessageStreamEvent", &frame), [""; 0], "{frame}");
    }
    for finish in [Finish::ToolCalls, Finish::Filtered, Finish::Other("pause_turn")] {
        done.finish = Some(finish.into());
        let mut whole = Vec::new();
        Messages.encode_response(&done, &echo, &mut whole);
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(schema::violations(&spec, "Message", &whole), [""; 0], "{whole}");
        // Optional in the published schema, but typed as always there: clients read them without asking.
        for member in ["container", "stop_details", "stop_reason", "stop_sequence"] {
            assert!(whole.get(member).is_some(), "{member}");
        }
        let usage = ["cache_creation", "cache_creation_input_tokens", "cache_read_input_tokens", "inference_geo"];
        for member in usage.iter().chain(&["output_tokens_details", "server_tool_use", "service_tier"]) {
            assert!(whole["usage"].get(member).is_some(), "{member}");
        }
    }
    for kind in [Kind::InvalidRequest, Kind::Timeout, Kind::Upstream, Kind::RateLimited] {
        let body: Value = serde_json::from_slice(&Messages.encode_failure(&Failure::new(kind, "m"))).unwrap();
        assert_eq!(schema::violations(&spec, "ErrorResponse", &body), [""; 0]);
    }
    let broken = json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}});
    assert_ne!(schema::violations(&spec, "RawMessageStreamEvent", &broken), [""; 0], "the check can fail");
}

mod property {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Part {
        Text(Vec<String>),
        Thinking(Vec<String>, Option<bool>),
        Tool(Vec<String>),
    }

    fn part() -> impl Strategy<Value = Part> {
        let texts = || prop::collection::vec(".{1,12}", 1..4);
        prop_oneof![
            texts().prop_map(Part::Text),
            (texts(), prop::option::of(any::<bool>())).prop_map(|(texts, seal)| Part::Thinking(texts, seal)),
            texts().prop_map(Part::Tool),
        ]
    }

    fn play(parts: &[Part], mut sink: impl FnMut(Event<'_>)) {
        sink(Event::Start { id: "msg_7", model: "alias" });
        for (index, part) in (0..).zip(parts) {
            let (block, texts) = match part {
                Part::Text(texts) => (Block::Text, texts),
                Part::Thinking(texts, _) => (Block::Thinking, texts),
                Part::Tool(texts) => (Block::ToolCall { id: "c", name: "f", freeform: false }, texts),
            };
            sink(Event::BlockStart { index, block });
            for text in texts {
                let delta = if matches!(part, Part::Tool(_)) { Delta::Json(text) } else { Delta::Text(text) };
                sink(Event::Delta { index, delta });
            }
            if let Part::Thinking(_, Some(_)) = part {
                let seal = Seal { issuer: Issuer::Anthropic, value: "c2ln".to_owned(), redacted: false };
                sink(Event::Delta { index, delta: Delta::Seal(&seal) });
            }
            sink(Event::BlockEnd { index });
        }
        let usage = Usage { input: 1, cache_read: 2, cache_write: 3, cache_write_long: 4, output: 5, reasoning: 6 };
        sink(Event::Usage(usage));
        sink(Event::Finish(Finish::Length));
    }

    proptest! {
        #[test]
        fn any_stream_survives_encoding_framing_and_decoding(
            parts in prop::collection::vec(part(), 0..6), size in 1usize..200,
        ) {
            let call = call(&json!({"model": "alias"}));
            let mut encoder = Messages.encoder(&Echo { call: &call, request: None });
            let (mut before, mut out) = (Notes::default(), Vec::new());
            play(&parts, |event| before.event(event));
            play(&parts, |event| encoder.event(event, &mut out));
            let (mut framer, mut decoder, mut after) =
                (Framer::new(Framing::Sse), Messages.decoder(), Notes::default());
            for chunk in out.chunks(size) {
                framer.push(chunk, |frame, _| decoder.frame(frame, &mut after)).unwrap();
            }
            // `message_start` has usage of its own, all zero here.
            after.0.remove(1);
            prop_assert_eq!(after.0, before.0);
        }
    }
}
