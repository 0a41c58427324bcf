//! AWS event stream: AWS's own vectors, what is wrong with a message, and any way of cutting it.

use proptest::prelude::*;

use super::framing::cut;
use crate::framing::event_stream::crc32;
use crate::framing::{Broken, Frame, Framer, Framing};
use crate::fuzzing::amazon::{event, exception, message, raw};

/// Event, error and data of a frame.
type Owned = (Option<String>, Option<String>, Vec<u8>);

fn frames(chunks: &[&[u8]]) -> (Vec<Owned>, Result<(), Broken>) {
    let (mut framer, mut found) = (Framer::new(Framing::EventStream), Vec::new());
    let mut take = |frame: Frame<'_>, _| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        found.push((owned(frame.event), owned(frame.error), frame.data.to_vec()));
        Ok::<(), Broken>(())
    };
    let result = chunks.iter().try_for_each(|chunk| framer.push(chunk, &mut take));
    let result = result.and_then(|()| framer.finish(&mut take));
    (found, result)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

/// <https://github.com/awslabs/aws-c-event-stream/tree/main/tests>
const VECTORS: &[(&str, &str, &[u8])] = &[
    ("empty", "00000010 00000000 05c248eb 7d98c8ff", b""),
    ("payload", "0000001d 00000000 fd528c5a 7b27666f6f273a27626172277d c3653936", b"{'foo':'bar'}"),
    (
        "a number in the headers",
        "0000002d 00000010 41c424b8 0a6576656e742d7479706504 0000a00c 7b27666f6f273a27626172277d 36f480a0",
        b"{'foo':'bar'}",
    ),
];

#[test]
fn the_checksum_is_that_of_zlib() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(crc32(b""), 0);
    assert_eq!(crc32(&[0; 32]), 0x190A_55AD);
}

#[test]
fn messages_are_what_amazon_says() {
    for (what, hex, payload) in VECTORS {
        assert_eq!(frames(&[&bytes(hex)]), (vec![(None, None, payload.to_vec())], Ok(())), "{what}");
    }
}

#[test]
fn a_message_says_what_it_is() {
    let some = |text: &str| Some(text.to_owned());
    let error = [(":error-code", "Busy"), (":message-type", "error"), (":error-message", "later")];
    let cases: [(&str, Vec<u8>, Owned); 5] = [
        ("event", event("say", "{}"), (some("say"), None, b"{}".to_vec())),
        ("exception", exception("Oops", "{}"), (None, some("Oops"), b"{}".to_vec())),
        ("error", message(&error, b""), (None, some("Busy"), b"later".to_vec())),
        (
            "nameless exception",
            message(&[(":message-type", "exception")], b"x"),
            (None, some("exception"), b"x".to_vec()),
        ),
        ("no type", message(&[(":event-type", "say")], b"x"), (some("say"), None, b"x".to_vec())),
    ];
    for (what, message, expected) in cases {
        assert_eq!(frames(&[&message]), (vec![expected], Ok(())), "{what}");
    }
}

#[test]
fn headers_of_every_type_are_read_past() {
    let mut headers = Vec::new();
    let values: [&[u8]; 10] = [
        &[0],
        &[1],
        &[2, 1],
        &[3, 0, 1],
        &[4, 0, 0, 0, 1],
        &[5; 9],
        &[6, 0, 2, 1, 2],
        &[7, 0, 1, b'x'],
        &[8; 9],
        &[9; 17],
    ];
    for value in values {
        headers.extend_from_slice(b"\x01h");
        headers.extend_from_slice(value);
    }
    headers.extend_from_slice(b"\x0b:event-type\x07\x00\x03say");
    let (found, result) = frames(&[&raw(&headers, b"{}")]);
    assert_eq!((found, result), (vec![(Some("say".to_owned()), None, b"{}".to_vec())], Ok(())));
}

#[test]
fn what_is_wrong_with_a_message_is_an_error_and_never_a_frame() {
    let good = event("say", "{\"content\":\"hello\"}");
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let lengths = |total: u32, headers: u32| {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend_from_slice(&crc32(&bytes).to_be_bytes());
        bytes
    };
    let unreadable = Broken::Corrupt("a message's headers cannot be read");
    let contradictory = Broken::Corrupt("a message's lengths contradict each other");
    let cases = [
        ("a changed length", changed(3), Broken::Corrupt("the checksum of a message's prelude is wrong")),
        ("a changed prelude checksum", changed(8), Broken::Corrupt("the checksum of a message's prelude is wrong")),
        ("a changed header", changed(14), Broken::Corrupt("the checksum of a message is wrong")),
        ("a changed payload", changed(good.len() - 6), Broken::Corrupt("the checksum of a message is wrong")),
        ("a changed checksum", changed(good.len() - 1), Broken::Corrupt("the checksum of a message is wrong")),
        ("17 MiB", lengths(17 << 20, 0), Broken::TooLarge),
        ("a mebibyte of headers", lengths(2 << 20, 1 << 20), Broken::TooLarge),
        ("shorter than a message can be", lengths(15, 0), contradictory),
        ("more headers than message", lengths(40, 30), contradictory),
        ("an unknown type of header", raw(b"\x01h\x0a", b""), unreadable),
        ("a header beyond the headers", raw(b"\x01h\x07\x00\x09x", b""), unreadable),
        ("a name that is not text", raw(b"\x0b:event-type\x07\x00\x01\xff", b""), unreadable),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(frames(&[&bytes]), (vec![], Err(expected)), "{what}");
        let behind = [good.clone(), bytes].concat();
        assert_eq!(frames(&[&behind]).1, Err(expected), "{what}, second");
        assert_eq!(frames(&[&behind]).0.len(), 1, "{what}, second");
    }
}

#[test]
fn a_body_that_ends_inside_a_message_is_cut() {
    let two = [event("say", "{}"), event("end", "{}")].concat();
    let first = event("say", "{}").len();
    for at in 0..=two.len() {
        let whole = usize::from(at >= first) + usize::from(at >= two.len());
        let expected = if [0, first, two.len()].contains(&at) { Ok(()) } else { Err(Broken::Cut) };
        let (found, result) = frames(&[&two[..at]]);
        assert_eq!((found.len(), result), (whole, expected), "{at}");
    }
}

#[test]
fn a_message_within_one_chunk_is_borrowed_and_an_offset_lies_behind_it() {
    let stream = [event("a", "{}"), event("b", "{}")].concat();
    let (mut framer, mut seen) = (Framer::new(Framing::EventStream), Vec::new());
    for chunk in [&stream[..event("a", "{}").len() + 5], &stream[event("a", "{}").len() + 5..]] {
        let take = |frame: Frame<'_>, after| {
            seen.push((chunk.as_ptr_range().contains(&frame.data.as_ptr()), after));
            Ok::<(), Broken>(())
        };
        framer.push(chunk, take).unwrap();
    }
    assert_eq!(seen, [(true, event("a", "{}").len()), (false, event("b", "{}").len() - 5)]);
}

fn any_message() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), "[a-z]{1,12}", prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(fails, name, payload)| {
        let kind = if fails { (":exception-type", "exception") } else { (":event-type", "event") };
        message(&[(kind.0, name.as_str()), (":message-type", kind.1)], &payload)
    })
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_messages(
        messages in prop::collection::vec(any_message(), 0..5), places: [prop::sample::Index; 8]
    ) {
        let stream = messages.concat();
        let expected: Vec<Owned> = messages.iter().flat_map(|message| frames(&[message]).0).collect();
        prop_assert_eq!(expected.len(), messages.len());
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(frames(&cut(&stream, &places)), (expected.clone(), Ok(())));
        prop_assert_eq!(frames(&bytes), (expected, Ok(())));
    }

    #[test]
    fn a_damaged_stream_is_damaged_alike_however_it_is_cut(
        messages in prop::collection::vec(any_message(), 1..4),
        place: prop::sample::Index,
        byte: u8,
        places: [prop::sample::Index; 4],
    ) {
        let mut stream = messages.concat();
        let at = place.index(stream.len());
        stream[at] = byte;
        let whole = frames(&[&stream]);
        prop_assert_eq!(&frames(&cut(&stream, &places)), &whole);
        // Every message before the damage, and none after.
        let before = messages.iter().scan(0, |end, message| { *end += message.len(); Some(*end) });
        let before = before.filter(|end| *end <= at).count();
        prop_assert!(whole.0.len() >= before);
    }

    #[test]
    fn arbitrary_bytes_never_break_it(bytes: Vec<u8>, places: [prop::sample::Index; 3]) {
        prop_assert_eq!(frames(&[&bytes]), frames(&cut(&bytes, &places)));
    }
}
