//! Answers: any stream of any provider to any client.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::rig::{CLIENTS, Play, Played, WIRES, call, hear, stage, target};
use super::{Cuts, Input};
use crate::framing::{Broken, Frame, Framer};
use crate::ir::Protocol;
use crate::protocol::{Pass, inbound};
use crate::pump::failure_of;
use crate::upstream::payload;

/// However it comes and whatever it is, an answer is told whole with one finish, or ends in one failure and none.
pub fn pump(data: &[u8]) {
    let mut input = Input(data);
    let (wire, client) = (input.pick(WIRES), input.pick(CLIENTS));
    let shape = input.byte();
    let (stream, streamed, array) = (shape & 1 == 0, shape & 2 == 0, shape & 12 == 12);
    let cuts = Cuts::of(&mut input);
    let body = input.0;
    let (call, payload) = if array {
        let url = "/v1beta/models/m:streamGenerateContent";
        let call = call("POST", url, &[], r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#).unwrap();
        let payload = payload(&call, &target(wire, "a", "m")).unwrap();
        (call, payload)
    } else {
        stage(client, wire, stream)
    };
    let play = Play { streamed, ..Play::new(&call, &payload) };
    let whole = play.run([body]);
    let pieces = play.run(cuts.of_body(body));
    let relayed = payload.request.is_none();
    if relayed && streamed && call.stream && !array {
        // Where a relay breaks, comments and blank lines before it may have gone already.
        assert_eq!(meaning(wire, &pieces.out), meaning(wire, &whole.out));
    } else {
        assert_eq!(pieces.out, whole.out);
    }
    assert_eq!((&pieces.error, pieces.report), (&whole.error, whole.report));
    assert!(whole.out.len() <= (16 << 10) + 100 * body.len(), "{} bytes of {}", whole.out.len(), body.len());
    assert!(whole.error.is_some() || whole.report.finished, "an answer without an end");
    assert!(whole.report.started || whole.out.is_empty() || whole.error.is_none(), "bytes before any content");

    match (call.stream, relayed && streamed) {
        (true, _) if array => elements(&whole),
        (true, true) => relay(client, &whole, body),
        (true, false) => told(client, &whole),
        (false, _) => in_one_piece(call.protocol(), relayed, &whole),
    }
}

/// The frames of a stream.
fn meaning(wire: Protocol, bytes: &[u8]) -> Vec<(Option<String>, Vec<u8>)> {
    let (mut framer, mut found) = (Framer::new(super::rig::wire(wire).framing()), Vec::new());
    let mut keep = |frame: Frame<'_>, _| {
        found.push((frame.event.map(str::to_owned), frame.data.to_vec()));
        Ok::<(), Broken>(())
    };
    framer.push(bytes, &mut keep).unwrap();
    framer.finish(&mut keep).unwrap();
    found
}

/// A translated stream, as the client's own reader takes it.
fn told(client: Protocol, played: &Played) {
    let heard = hear(client, &played.out);
    let verdict = (heard.finishes.len(), heard.failures, heard.afterwards);
    let expected = match (&played.error, played.out.is_empty()) {
        (None, _) => (1, 0, 0),
        (Some(_), true) => (0, 0, 0),
        (Some(_), false) => (0, 1, 0),
    };
    assert_eq!(verdict, expected, "{:?}: {}", played.error, String::from_utf8_lossy(&played.out));
    assert_eq!(heard.broken_grammar, None, "{}", String::from_utf8_lossy(&played.out));
}

/// The same bytes to the end, or to where it broke and our own words begin.
fn relay(client: Protocol, played: &Played, body: &[u8]) {
    let mut said = Vec::new();
    if let Some(error) = played.error.as_ref().filter(|_| !played.out.is_empty()) {
        inbound(client).failure_frame(&failure_of(error), &mut said);
    }
    let text = String::from_utf8_lossy(&played.out);
    let theirs = played.out.strip_suffix(&said[..]).unwrap_or_else(|| panic!("broken, and nobody said so: {text}"));
    assert!(body.starts_with(theirs), "changed: {text}");
}

/// A Gemini stream that is one array: JSON whatever happens.
fn elements(played: &Played) {
    if played.out.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(&played.out);
    // What is relayed may have bytes that are no text where nobody looks.
    let elements: Vec<Value> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}, {:?}", played.error));
    let errors = elements.iter().filter(|element| element.get("error").is_some()).count();
    assert!(errors >= usize::from(played.error.is_some()), "{text}");
}

/// A whole answer is there or it is not. What is relayed may have bytes that are no text where nobody looks.
fn in_one_piece(client: Protocol, relayed: bool, played: &Played) {
    if played.error.is_some() {
        assert!(played.out.is_empty());
        return;
    }
    let text = String::from_utf8_lossy(&played.out);
    let read = if relayed { serde_json::from_slice(&played.out) } else { serde_json::from_str(&text) };
    let IgnoredAny = read.unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(relayed || std::str::from_utf8(&played.out).is_ok(), "{text}");
    if client != Protocol::Ollama {
        let mut report = crate::protocol::Report::default();
        let read = super::rig::wire(client).inspect_response(&played.out, &mut report);
        assert_eq!(read, Ok(Pass::Keep), "{}", String::from_utf8_lossy(&played.out));
    }
}
