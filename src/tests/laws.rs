//! What holds for every stream of every provider to every client, however the bytes come.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::framing::cut;
use super::rig::{CLIENTS, Fixture, Heard, Play, WIRES, call, hear, name, stage, streams, target, wire};
use crate::framing::{Frame, Framer, Framing};
use crate::ir::Protocol;
use crate::protocol::{Pass, Report, StreamError};
use crate::upstream::payload;

/// Whether the provider itself ends this stream with an error.
fn breaks(fixture: &Fixture) -> bool {
    fixture.name.starts_with("error-") || fixture.name.starts_with("failed-")
}

/// Where the provider's own end is complete: behind the last line that says so.
fn end_of(wire: Protocol, bytes: &[u8]) -> usize {
    if super::rig::wire(wire).framing() == Framing::EventStream {
        return end_of_events(bytes);
    }
    let text = std::str::from_utf8(bytes).unwrap();
    let marks: &[&str] = match wire {
        Protocol::Chat => &["\"finish_reason\":\""],
        Protocol::Messages => &["{\"type\":\"message_stop\""],
        Protocol::Gemini => &["\"finishReason\":\"", "\"blockReason\":\""],
        Protocol::Ollama => &["\"done\":true"],
        _ => &["{\"type\":\"response.completed\"", "{\"type\":\"response.incomplete\""],
    };
    let at = marks.iter().filter_map(|mark| text.rfind(mark)).max().unwrap();
    at + text[at..].find(['\r', '\n']).unwrap()
}

/// The same in an event stream: behind the first event that ends the answer, if no content follows it.
fn end_of_events(bytes: &[u8]) -> usize {
    let mut end = None;
    let take = |frame: Frame<'_>, after| {
        let says = |member: &str| String::from_utf8_lossy(frame.data).contains(member);
        match frame.event.unwrap_or_default() {
            "assistantResponseEvent" | "reasoningContentEvent" | "toolUseEvent" => end = None,
            "metadataEvent" if says("stopReason") => _ = end.get_or_insert(after),
            "messageStopEvent" | "contextUsageEvent" | "meteringEvent" | "messageStop" => _ = end.get_or_insert(after),
            _ => {}
        }
        Ok::<(), StreamError>(())
    };
    Framer::new(Framing::EventStream).push(bytes, take).unwrap();
    end.unwrap()
}

/// What must never appear in an answer that is not complete.
fn looks_complete(client: Protocol, out: &str) -> bool {
    let marks: &[&str] = match client {
        Protocol::Chat => &["[DONE]"],
        Protocol::Messages => &["message_stop"],
        Protocol::Gemini => &["\"finishReason\""],
        Protocol::Ollama => &["\"done\":true"],
        _ => &["response.completed", "response.incomplete"],
    };
    marks.iter().any(|mark| out.contains(mark))
}

/// Text without the images that a protocol without media of its own shows in it.
fn plain(text: &str) -> String {
    let mut plain = text.to_owned();
    while let Some(at) = plain.find("![image](data:") {
        let end = plain[at..].find(')').map_or(plain.len(), |end| at + end + 1);
        plain.replace_range(at..end, "");
    }
    plain
}

/// Calls as values: their white space is free, freeform text is a member where only functions exist.
fn inputs(heard: &Heard) -> Vec<(&str, Value)> {
    let input = |text: &str| match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => value,
        _ if text.is_empty() => json!({}),
        _ => json!({ "input": text }),
    };
    heard.calls.iter().map(|(name, text)| (name.as_str(), input(text))).collect()
}

#[test]
fn every_stream_is_told_whole_to_every_client() {
    for (wire, fixture) in streams().iter().filter(|(_, fixture)| !breaks(fixture)) {
        let told = hear(*wire, &fixture.bytes);
        assert_eq!(
            (told.broken_grammar.as_ref(), told.finishes.len(), told.failures),
            (None, 1, 0),
            "{}",
            fixture.name
        );
        for &client in CLIENTS {
            let what = format!("{wire:?}/{} to {client:?}", fixture.name);
            let (call, payload) = stage(client, *wire, true);
            let played = Play::new(&call, &payload).run([&fixture.bytes[..]]);
            assert_eq!(played.error, None, "{what}");
            assert_eq!(played.report, Report { usage: told.usage, started: true, finished: true }, "{what}");
            let heard = hear(client, &played.out);
            assert_eq!((heard.finishes.len(), heard.failures, heard.broken_grammar.as_ref()), (1, 0, None), "{what}");
            assert_eq!((&plain(&heard.text), &heard.thinking), (&told.text, &told.thinking), "{what}");
            assert_eq!(inputs(&heard), inputs(&told), "{what}");
            assert_eq!(heard.usage.prompt(), told.usage.prompt(), "{what}");
            assert_eq!(heard.usage.completion(), told.usage.completion(), "{what}");
        }
    }
}

#[test]
fn an_error_in_a_stream_is_one_failure_or_none_of_the_clients_business() {
    for (wire, fixture) in streams().iter().filter(|(_, fixture)| breaks(fixture)) {
        for &client in CLIENTS {
            let what = format!("{wire:?}/{} to {client:?}", fixture.name);
            let (call, payload) = stage(client, *wire, true);
            let played = Play::new(&call, &payload).run([&fixture.bytes[..]]);
            assert!(matches!(played.error, Some(StreamError::Refused { .. })), "{what}: {:?}", played.error);
            let started = fixture.name.ends_with("-later");
            assert_eq!(played.report.started, started, "{what}");
            assert_eq!(played.out.is_empty(), !started, "{what}");
            let heard = hear(client, &played.out);
            assert_eq!(heard.failures, usize::from(started), "{what}");
            assert_eq!((heard.afterwards, heard.finishes.len()), (0, 0), "{what}");
            assert!(!looks_complete(client, played.text()), "{what}: {}", played.text());
            assert_eq!(heard.text, if started { "Once upon" } else { "" }, "{what}");
        }
    }
}

#[test]
fn a_cut_chat_stream_is_one_failure_and_never_a_finish() {
    cut_everywhere(Protocol::Chat);
}

#[test]
fn a_cut_messages_stream_is_one_failure_and_never_a_finish() {
    cut_everywhere(Protocol::Messages);
}

#[test]
fn a_cut_gemini_stream_is_one_failure_and_never_a_finish() {
    cut_everywhere(Protocol::Gemini);
}

#[test]
fn a_cut_responses_stream_is_one_failure_and_never_a_finish() {
    cut_everywhere(Protocol::Responses);
}

#[test]
fn a_cut_ollama_stream_is_one_failure_and_never_a_finish() {
    cut_everywhere(Protocol::Ollama);
}

#[test]
fn a_cut_kiro_stream_is_one_failure_and_never_a_finish() {
    cut_everywhere(Protocol::Kiro);
}

#[test]
fn a_cut_converse_stream_is_one_failure_and_never_a_finish() {
    cut_everywhere(Protocol::Converse);
}

/// Every offset of every stream of `wire`, to every client.
fn cut_everywhere(wire: Protocol) {
    for (_, fixture) in streams().into_iter().filter(|(of, _)| *of == wire) {
        let end = if breaks(&fixture) { usize::MAX } else { end_of(wire, &fixture.bytes) };
        let told = hear(wire, &fixture.bytes);
        for &client in CLIENTS {
            let (call, payload) = stage(client, wire, true);
            let mut before = Heard::default();
            let mut seen = None;
            for at in 0..fixture.bytes.len() {
                let what = || format!("{wire:?}/{} to {client:?}, cut at {at}", fixture.name);
                let played = Play::new(&call, &payload).run([&fixture.bytes[..at]]);
                assert!(played.error.is_some() || at >= end, "{}: passed for complete: {}", what(), played.text());
                assert!(played.report.started || played.out.is_empty(), "{}", what());
                // Most cuts lie within a frame and leave the client with the same bytes as the one before.
                if seen.as_ref() == Some(&(played.out.clone(), played.error.is_some())) {
                    continue;
                }
                let heard = hear(client, &played.out);
                let verdict = (heard.finishes.len(), heard.failures, heard.afterwards);
                if played.error.is_none() {
                    assert_eq!(verdict, (1, 0, 0), "{}", what());
                } else if !played.out.is_empty() {
                    assert_eq!(verdict, (0, 1, 0), "{}: {}", what(), played.text());
                    assert!(!looks_complete(client, played.text()), "{}: {}", what(), played.text());
                }
                // What came is a beginning of what was told, and never shrinks as more comes.
                assert!(told.text.starts_with(&plain(&heard.text)), "{}: {}", what(), heard.text);
                assert!(heard.text.starts_with(&before.text), "{}: {} after {}", what(), heard.text, before.text);
                assert!(told.thinking.starts_with(&heard.thinking), "{}: {}", what(), heard.thinking);
                (before, seen) = (heard, Some((played.out, played.error.is_some())));
            }
        }
    }
}

/// A Gemini client that did not ask for `alt=sse` reads one JSON array.
#[test]
fn an_array_is_whole_json_whatever_happens() {
    let url = "/v1beta/models/m:streamGenerateContent";
    let call = call("POST", url, &[], r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#).unwrap();
    for (wire, fixture) in streams() {
        let payload = payload(&call, &target(wire, "a", "m")).unwrap();
        let end = if breaks(&fixture) { usize::MAX } else { end_of(wire, &fixture.bytes) };
        let told = hear(wire, &fixture.bytes);
        for at in (0..fixture.bytes.len()).step_by(5).chain([fixture.bytes.len()]) {
            let what = || format!("{wire:?}/{} cut at {at}", fixture.name);
            let played = Play::new(&call, &payload).run(fixture.bytes[..at].chunks(100));
            if played.out.is_empty() {
                assert!(played.error.is_some() && !played.report.started, "{}", what());
                continue;
            }
            let elements: Vec<Value> = serde_json::from_slice(&played.out).unwrap_or_else(|error| {
                panic!("{}: {error}: {}", what(), played.text());
            });
            let last = elements.last().unwrap();
            assert_eq!(last.get("error").is_some(), played.error.is_some(), "{}: {}", what(), played.text());
            let errors = elements.iter().filter(|element| element.get("error").is_some()).count();
            assert_eq!(errors, usize::from(played.error.is_some()), "{}", what());
            if played.error.is_none() {
                assert!(at >= end && (looks_complete(Protocol::Gemini, played.text()) || wire == Protocol::Gemini));
            } else {
                assert!(!looks_complete(Protocol::Gemini, played.text()), "{}: {}", what(), played.text());
            }
            let parts =
                elements.iter().filter_map(|element| element.pointer("/candidates/0/content/parts")?.as_array());
            let shown = |part: &&Value| part.get("thought").is_none();
            let text: String = parts.flatten().filter(shown).filter_map(|part| part.get("text")?.as_str()).collect();
            assert!(told.text.starts_with(&text), "{}: {text}", what());
        }
    }
}

#[test]
fn a_relayed_stream_is_the_same_bytes() {
    let relayed = |(wire, fixture): &&(Protocol, Fixture)| CLIENTS.contains(wire) && !breaks(fixture);
    for (wire, fixture) in streams().iter().filter(relayed) {
        let (call, payload) = stage(*wire, *wire, true);
        assert!(payload.request.is_none());
        let played = Play::new(&call, &payload).run([&fixture.bytes[..]]);
        assert_eq!(played.text(), std::str::from_utf8(&fixture.bytes).unwrap(), "{wire:?}/{}", fixture.name);
    }
}

#[test]
fn a_byte_at_a_time_changes_nothing() {
    for (wire, fixture) in streams() {
        for &client in CLIENTS {
            let (call, payload) = stage(client, wire, true);
            let whole = Play::new(&call, &payload).run([&fixture.bytes[..]]);
            let bytes = Play::new(&call, &payload).run(fixture.bytes.chunks(1));
            let what = format!("{wire:?}/{} to {client:?}", fixture.name);
            assert_eq!(
                (whole.text(), &whole.error, whole.report),
                (bytes.text(), &bytes.error, bytes.report),
                "{what}"
            );
        }
    }
}

fn any_stream() -> impl Strategy<Value = (Protocol, Protocol, Fixture)> {
    let count = streams().len();
    (0..count, 0..CLIENTS.len()).prop_map(|(at, client)| {
        let (wire, fixture) = streams().swap_remove(at);
        (wire, CLIENTS[client], fixture)
    })
}

impl std::fmt::Debug for Fixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

proptest! {
    #[test]
    fn chunks_do_not_matter((wire, client, fixture) in any_stream(), places: [prop::sample::Index; 8]) {
        let (call, payload) = stage(client, wire, true);
        let whole = Play::new(&call, &payload).run([&fixture.bytes[..]]);
        let pieces = Play::new(&call, &payload).run(cut(&fixture.bytes, &places));
        prop_assert_eq!((whole.text(), &whole.error), (pieces.text(), &pieces.error));
        prop_assert_eq!(whole.report, pieces.report);
    }

    #[test]
    fn a_damaged_stream_is_an_answer_or_an_error(
        (wire, client, fixture) in any_stream(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..4),
        stream: bool,
    ) {
        let mut bytes = fixture.bytes.clone();
        for (place, damage) in damage {
            let at = place.index(bytes.len());
            damage.to(&mut bytes, at);
            if bytes.is_empty() {
                break;
            }
        }
        let (call, payload) = stage(client, wire, stream);
        let played = Play::new(&call, &payload).run([&bytes[..]]);
        prop_assert!(played.out.len() < 16_384 + 100 * bytes.len(), "{} from {}", played.out.len(), bytes.len());
        if wire != client && stream {
            let heard = hear(client, &played.out);
            prop_assert!(heard.finishes.len() + heard.failures <= 1);
            if played.error.is_none() {
                prop_assert_eq!((heard.finishes.len(), heard.failures), (1, 0));
            }
        }
    }

    #[test]
    fn decoders_are_total_on_arbitrary_bytes(wire in prop::sample::select(WIRES), bytes: Vec<u8>, json in any_json()) {
        for data in [&bytes[..], json.as_bytes(), format!("data: {json}\n\n").as_bytes()] {
            let codec = super::rig::wire(wire);
            let (mut decode, mut inspect) = (codec.decoder(), codec.inspector());
            let mut report = Report::default();
            let mut sink = |_: crate::ir::event::Event<'_>| {};
            let mut framer = Framer::new(Framing::Sse);
            let _: Result<(), StreamError> = framer.push(data, |frame, _| decode.frame(frame, &mut sink));
            let _ = decode.end(&mut sink);
            let frame = crate::framing::Frame { event: Some("error"), error: None, data };
            let _ = (codec.decoder().frame(frame, &mut sink), inspect.frame(frame, &mut report));
            let _ = (codec.decode_response(data, &mut sink), codec.inspect_response(data, &mut report));
            let _ = codec.error_message(data);
        }
    }
}

#[derive(Debug, Clone)]
pub enum Damage {
    Set(u8),
    Insert(Vec<u8>),
    Remove(usize),
    Repeat(usize),
}

impl Damage {
    pub fn to(self, bytes: &mut Vec<u8>, at: usize) {
        match self {
            Self::Set(byte) => bytes[at] = byte,
            Self::Insert(more) => drop(bytes.splice(at..at, more)),
            Self::Remove(count) => drop(bytes.drain(at..bytes.len().min(at + count))),
            Self::Repeat(count) => {
                let again = bytes[at..bytes.len().min(at + count)].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
    }
}

pub fn damage() -> impl Strategy<Value = Damage> {
    const WORDS: &[&str] =
        &["null", "{}", "[]", "\n\n", "\"", "1e999", "-1", ",", "data: {}\n\n", "data: [DONE]\n\n", "\u{feff}"];
    prop_oneof![
        any::<u8>().prop_map(Damage::Set),
        prop::sample::select(WORDS).prop_map(|word| Damage::Insert(word.as_bytes().to_vec())),
        (1..60usize).prop_map(Damage::Remove),
        (1..300usize).prop_map(Damage::Repeat),
    ]
}

/// JSON in the words of the wires, in the wrong places.
pub fn any_json() -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    let keys = [
        "type", "choices", "delta", "index", "tool_calls", "function", "name", "arguments", "message", "content", "usage",
        "candidates", "parts", "functionCall", "args", "inlineData", "response", "output", "item", "content_block", "id",
        "finish_reason", "finishReason", "error", "output_index", "thoughtSignature", "text", "partial_json", "summary",
    ];
    #[rustfmt::skip]
    let words = [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "text",
        "message_stop", "tool_use", "input_json_delta", "thinking", "response.created", "response.output_item.added",
        "response.output_text.delta", "response.output_item.done", "response.completed", "function_call", "stop", "",
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        (0..3u8).prop_map(|value| value.to_string()),
        prop::sample::select(words.to_vec()).prop_map(|word| format!("\"{word}\"")),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((prop::sample::select(keys.to_vec()), inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

#[test]
fn whole_answers_are_told_like_streams() {
    for &wire_ in WIRES {
        for fixture in super::rig::fixtures(&format!("whole/{}", name(wire_))) {
            let refused = ["error", "failed", "no-choices"].contains(&fixture.name.as_str());
            for &client in CLIENTS {
                for stream in [false, true] {
                    let what = format!("{wire_:?}/{} to {client:?}, stream {stream}", fixture.name);
                    let (call, payload) = stage(client, wire_, stream);
                    let play = Play { streamed: false, ..Play::new(&call, &payload) };
                    let played = play.run(fixture.bytes.chunks(7));
                    assert_eq!(played.error.is_some(), refused, "{what}: {:?}", played.error);
                    assert_eq!(played.out.is_empty(), refused, "{what}");
                    if !refused {
                        assert_eq!((played.report.started, played.report.finished), (true, true), "{what}");
                        if !stream && client != Protocol::Ollama {
                            let mut report = Report::default();
                            assert_eq!(
                                wire(client).inspect_response(&played.out, &mut report),
                                Ok(Pass::Keep),
                                "{what}"
                            );
                            assert_eq!(report.usage.total(), played.report.usage.total(), "{what}");
                        }
                    }
                }
            }
        }
    }
}
