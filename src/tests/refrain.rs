//! What is copied because it repeats is what decoding it would have come to. A stream that comes byte by byte is never
//! copied from, since no frame comes whole: it is the measure.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::rig::{CLIENTS, Fixture, Play, stage, streams};
use crate::framing::Framing;
use crate::ir::Protocol;
use crate::json::strings::{Leaf, walk};

/// The frames of a fixture, as they came.
fn frames(fixture: &Fixture) -> Vec<String> {
    let text = std::str::from_utf8(&fixture.bytes).unwrap();
    let blank = if text.contains("\r\n\r\n") { "\r\n\r\n" } else { "\n\n" };
    let blank = if text.contains(blank) { blank } else { "\n" };
    text.split_inclusive(blank).map(str::to_owned).collect()
}

/// The frame with one of its strings or numbers written otherwise.
fn varied(frame: &str, at: &prop::sample::Index, text: &str, number: &str) -> String {
    let Some(from) = frame.find('{') else { return frame.to_owned() };
    let (head, rest) = frame.split_at(from);
    let json = rest.trim_end();
    let mut spans = Vec::new();
    if walk(json.as_bytes(), &mut |_, leaf, span| spans.push((matches!(leaf, Leaf::Text(_)), span))).is_none()
        || spans.is_empty()
    {
        return frame.to_owned();
    }
    let (is_text, span) = &spans[at.index(spans.len())];
    let with = if *is_text { text } else { number };
    format!("{head}{}{with}{}{}", &json[..span.start], &json[span.end..], &rest[json.len()..])
}

fn spelled() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z ,.é日😀]{0,12}".prop_map(|text| format!("\"{text}\"")),
        2 => any::<String>().prop_map(|text| serde_json::Value::String(text).to_string()),
        2 => "\"([a-z]|\\\\[\"\\\\/bfnrt]|\\\\u00e9|\\\\ud83d\\\\ude00){0,6}\"",
        1 => "\"([a-z]|\\\\u[0-9a-f]{3}|\\\\x|\x01){0,4}\"",
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[1-9][0-9]{0,3}", 1 => "-?[0-9]{1,20}(\\.[0-9])?", 1 => Just("null".to_owned()), 1 => "[a-z]"]
}

fn all() -> &'static [(Protocol, Fixture)] {
    static ALL: OnceLock<Vec<(Protocol, Fixture)>> = OnceLock::new();
    let is_text = |(wire, _): &(Protocol, Fixture)| super::rig::wire(*wire).framing() != Framing::EventStream;
    ALL.get_or_init(|| streams().into_iter().filter(is_text).collect())
}

type Edit = (prop::sample::Index, prop::sample::Index, String, String, Vec<Option<usize>>);

/// Which frame comes again, what differs in it, and how many frames later: mostly right behind, often behind a frame
/// that says something else, and sometimes (`None`) where it has no business.
fn edit() -> impl Strategy<Value = Edit> {
    let gap = prop_oneof![4 => Just(Some(0)), 3 => (1..4usize).prop_map(Some), 1 => Just(None)];
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), spelled(), number(), prop::collection::vec(gap, 1..6))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn copying_is_decoding(
        which: prop::sample::Index,
        client: prop::sample::Index,
        stream in prop::bool::weighted(0.9),
        edits in prop::collection::vec(edit(), 1..24),
        places: [prop::sample::Index; 3],
    ) {
        let all = all();
        let (wire, fixture) = &all[which.index(all.len())];
        let client = CLIENTS[client.index(CLIENTS.len())];
        let mut list = frames(fixture);
        // Most of what varies is one place, as in a real answer.
        let place = &edits[0].1;
        for (frame, at, text, number, gaps) in &edits {
            let index = frame.index(list.len());
            for (copy, gap) in gaps.iter().enumerate() {
                let at = if copy % 3 == 2 { at } else { place };
                let again = varied(&list[index], at, text, number);
                let to = gap.unwrap_or_else(|| at.index(list.len()));
                list.insert((index + 1 + to).min(list.len()), again);
            }
        }
        let bytes = list.concat().into_bytes();
        let (call, payload) = stage(client, *wire, stream);
        let measure = Play::new(&call, &payload).run(bytes.chunks(1));
        let pieces = super::framing::cut(&bytes, &places);
        for chunks in [vec![&bytes[..]], pieces] {
            let played = Play::new(&call, &payload).run(chunks);
            prop_assert_eq!(&played.error, &measure.error);
            prop_assert_eq!(String::from_utf8_lossy(&played.out), String::from_utf8_lossy(&measure.out));
            prop_assert_eq!(played.report, measure.report);
        }
    }
}

/// A stream of one wire in which `frame` is said with each of `texts`.
fn answer(wire: Protocol, frame: &str, texts: &[&str]) -> Vec<u8> {
    let (begin, end) = match wire {
        Protocol::Messages => (
            "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "data: {\"type\":\"content_block_stop\",\"index\":0}\n\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
        _ => ("", "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"),
    };
    let said: String = texts.iter().map(|text| frame.replace("TEXT", text)).collect();
    format!("{begin}{said}{end}").into_bytes()
}

#[test]
fn what_looks_like_a_refrain_and_is_none_is_decoded() {
    let chat = "data: {\"id\":\"a\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"TEXT\"}}]}\n\n";
    let messages = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"TEXT\"}}\n\n";
    let cases = [
        // The text ends early, and something else is in the frame; or it never ends.
        r#"a","role":"b"#,
        r#"a"}}]},{"choices":[{"delta":{"content":"b"#,
        "a\\",
        "a\\\\\\",
        // Nothing, which is no delta.
        "",
        // Spelled otherwise than we do.
        "\\u0061",
        "a\\/b",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\q",
        "a\u{1}b",
        "a\nb",
        "a\r\n\r\ndata: [DONE]\n\nb",
    ];
    for (wire, client, frame) in
        [(Protocol::Chat, Protocol::Messages, chat), (Protocol::Messages, Protocol::Chat, messages)]
    {
        let (call, payload) = stage(client, wire, true);
        for odd in cases {
            let bytes = answer(wire, frame, &["one", "two", "a\\n\\\"b\\\\", odd, "three", "日本"]);
            let whole = Play::new(&call, &payload).run([&bytes[..]]);
            let measure = Play::new(&call, &payload).run(bytes.chunks(1));
            assert_eq!((whole.text(), &whole.error), (measure.text(), &measure.error), "{odd}");
        }
        // Bytes that are no text at all.
        let mut bytes = answer(wire, frame, &["one", "two", "X", "three"]);
        let at = bytes.iter().position(|byte| *byte == b'X').unwrap();
        bytes[at] = 0xff;
        let whole = Play::new(&call, &payload).run([&bytes[..]]);
        let measure = Play::new(&call, &payload).run(bytes.chunks(1));
        assert_eq!((whole.text(), whole.error.is_some()), (measure.text(), measure.error.is_some()));
    }
}

/// Frames of several refrains in turn: each belongs where the one before it has left the decoder.
#[test]
fn a_refrain_ends_with_the_first_other_frame() {
    let chat =
        |member: &str, text: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"{member}\":\"{text}\"}}}}]}}\n\n");
    let messages = |index: u8, text: &str| {
        let delta = format!("{{\"type\":\"text_delta\",\"text\":\"{text}\"}}");
        format!("data: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{delta}}}\n\n")
    };
    let start = "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"thinking\"}}\n\n";
    let turns: String = "abcDefgHIJkL"
        .chars()
        .map(|c| chat(if c.is_ascii_lowercase() { "content" } else { "reasoning_content" }, &c.to_string()))
        .collect();
    let other = [messages(0, "a"), messages(0, "b"), messages(0, "c"), start.to_owned(), messages(0, "d")].concat();
    for (wire, body) in [(Protocol::Chat, &turns), (Protocol::Messages, &other)] {
        let bytes = answer(wire, body, &[""]);
        for &client in CLIENTS {
            let (call, payload) = stage(client, wire, true);
            let whole = Play::new(&call, &payload).run([&bytes[..]]);
            let measure = Play::new(&call, &payload).run(bytes.chunks(1));
            assert_eq!((whole.text(), &whole.error), (measure.text(), &measure.error), "{wire:?} to {client:?}");
            assert_eq!(whole.error.is_some(), wire == Protocol::Messages && client != Protocol::Messages);
        }
    }
}

/// Frames that differ from the one before in more than one text, or in a number that is none.
#[test]
fn one_text_alone_may_differ() {
    let twice = |text: &str, model: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}],\"object\":\"{model}\"}}\n\n")
    };
    let both = |thought: &str, text: &str| {
        let delta = format!("{{\"reasoning_content\":\"{thought}\",\"content\":\"{text}\"}}");
        format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n")
    };
    let dated = |text: &str, created: &str| {
        format!("data: {{\"created\":{created},\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let bodies = [
        [twice("a", "a"), twice("b", "b"), twice("c", "d"), twice("e", "f")].concat(),
        [both("a", "b"), both("a", "c"), both("d", "c"), both("a", "c")].concat(),
        [dated("a", "1"), dated("b", "22"), dated("c", "0"), dated("d", "007"), dated("e", "1")].concat(),
    ];
    for body in bodies {
        let bytes = answer(Protocol::Chat, &body, &[""]);
        for &client in CLIENTS {
            let (call, payload) = stage(client, Protocol::Chat, true);
            let whole = Play::new(&call, &payload).run([&bytes[..]]);
            let measure = Play::new(&call, &payload).run(bytes.chunks(1));
            assert_eq!((whole.text(), &whole.error), (measure.text(), &measure.error), "{client:?}: {body}");
        }
    }
}

#[test]
fn the_last_counts_are_those_that_count() {
    let frame = |text: &str, count: u32| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}}}],\"usageMetadata\":\
             {{\"promptTokenCount\":7,\"candidatesTokenCount\":{count},\"totalTokenCount\":{}}}}}\r\n\r\n",
            7 + count
        )
    };
    let end = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\r\n\r\n";
    let said: String = (1..40).map(|count| frame(&format!("word {count} "), count)).collect();
    let (call, payload) = stage(Protocol::Chat, Protocol::Gemini, true);
    let played = Play::new(&call, &payload).run([format!("{said}{end}").as_bytes()]);
    assert_eq!(played.error, None);
    assert_eq!((played.report.usage.input, played.report.usage.output), (7, 39));
    assert!(played.text().contains("word 39 "));
}
