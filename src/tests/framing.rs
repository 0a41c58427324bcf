//! Bytes to frames: a table of what the standard and real servers do, and laws for any way of cutting it.

use proptest::prelude::*;

use crate::framing::{Broken, Frame, Framer, Framing};

type Owned = (Option<String>, Vec<u8>);

fn owned(frame: Frame<'_>) -> Owned {
    (frame.event.map(str::to_owned), frame.data.to_vec())
}

#[derive(Debug)]
struct Never;

impl From<Broken> for Never {
    fn from(_: Broken) -> Self {
        Self
    }
}

/// All frames of a body that came in `chunks`, and how many of them were there before the body ended.
fn frames(framing: Framing, chunks: &[&[u8]]) -> (Vec<Owned>, usize) {
    let (mut framer, mut found) = (Framer::new(framing), Vec::new());
    let mut take = |frame: Frame<'_>, _| -> Result<(), Never> {
        found.push(owned(frame));
        Ok(())
    };
    for chunk in chunks {
        framer.push(chunk, &mut take).unwrap();
    }
    framer.finish(|frame, _| take(frame, 0)).unwrap();
    let mut before_end = 0;
    let mut again = Framer::new(framing);
    for chunk in chunks {
        let count = |_: Frame<'_>, _| -> Result<(), Never> {
            before_end += 1;
            Ok(())
        };
        again.push(chunk, count).unwrap();
    }
    (found, before_end)
}

/// What, input, frames before the end of the body, frames its end completes.
type Row = (&'static str, &'static [u8], &'static [(Option<&'static str>, &'static [u8])], usize);

#[rustfmt::skip]
const SSE: &[Row] = &[
    ("one line", b"data: a\n\n", &[(None, b"a")], 0),
    ("no space after the colon", b"data:a\n\n", &[(None, b"a")], 0),
    ("exactly one space is dropped", b"data:  a \n\n", &[(None, b" a ")], 0),
    ("a tab is not a space", b"data:\ta\n\n", &[(None, b"\ta")], 0),
    ("lines of one event are joined", b"data: a\ndata: b\ndata:\ndata: c\n\n", &[(None, b"a\nb\n\nc")], 0),
    ("a field without a colon is empty", b"data\n\n", &[(None, b"")], 0),
    ("empty data twice is a line feed", b"data\ndata\n\n", &[(None, b"\n")], 0),
    ("empty data after the colon", b"data:\n\ndata: \n\n", &[(None, b""), (None, b"")], 0),
    ("the value keeps its colons", b"data: a:b: c\n\n", &[(None, b"a:b: c")], 0),
    ("a name", b"event: e\ndata: a\n\n", &[(Some("e"), b"a")], 0),
    ("a name after the data", b"data: a\nevent: e\n\n", &[(Some("e"), b"a")], 0),
    ("the last name counts", b"event: e\nevent: f\ndata: a\n\n", &[(Some("f"), b"a")], 0),
    ("an empty name is none", b"event: e\nevent:\ndata: a\n\nevent\ndata: b\n\n", &[(None, b"a"), (None, b"b")], 0),
    ("a name lasts one event", b"event: e\ndata: a\n\ndata: b\n\n", &[(Some("e"), b"a"), (None, b"b")], 0),
    ("a name without data is nothing", b"event: e\n\ndata: a\n\n", &[(None, b"a")], 0),
    ("a name that is not text", b"event: \xff\ndata: a\n\n", &[(Some("\u{fffd}"), b"a")], 0),
    ("comments", b": hi\n\n:\ndata: a\n: there\n\n", &[(None, b"a")], 0),
    ("a comment inside an event", b"data: a\n: ping\ndata: b\n\n", &[(None, b"a\nb")], 0),
    ("other fields", b"id: 1\nretry: 5\nfoo: bar\nDATA: no\ndatum: no\ndata: a\n\n", &[(None, b"a")], 0),
    ("a leading space makes another field", b" data: a\n\ndata: b\n\n", &[(None, b"b")], 0),
    ("blank lines between", b"\n\n\ndata: a\n\n\n\ndata: b\n\n\n", &[(None, b"a"), (None, b"b")], 0),
    ("CRLF", b"event: e\r\ndata: a\r\ndata: b\r\n\r\n", &[(Some("e"), b"a\nb")], 0),
    ("CR", b"event: e\rdata: a\rdata: b\r\r", &[(Some("e"), b"a\nb")], 0),
    ("all three line ends", b"data: a\r\ndata: b\rdata: c\n\rdata: d\n\r\n", &[(None, b"a\nb\nc"), (None, b"d")], 0),
    ("LF CR is two ends", b"data: a\n\rdata: b\n\n", &[(None, b"a"), (None, b"b")], 0),
    ("a byte order mark", b"\xef\xbb\xbfdata: a\n\n", &[(None, b"a")], 0),
    ("a byte order mark alone", b"\xef\xbb\xbf\n\xef\xbb\xbfdata: a\n\ndata: b\n\n", &[(None, b"b")], 0),
    ("a NUL", b"data: a\0b\n\n", &[(None, b"a\0b")], 0),
    ("bytes that are not text", b"data: \xff\xc3\n\n", &[(None, b"\xff\xc3")], 0),
    ("text beyond ASCII", "data: 日本\n\n".as_bytes(), &[(None, "日本".as_bytes())], 0),
    ("no final blank line", b"data: a\n\ndata: b\n", &[(None, b"a"), (None, b"b")], 1),
    ("no final line end", b"event: e\ndata: b", &[(Some("e"), b"b")], 1),
    ("a name at the end", b"data: a\n\nevent: e", &[(None, b"a")], 0),
    ("half a field name at the end", b"data: a\n\nda", &[(None, b"a")], 0),
    ("nothing", b"", &[], 0),
];

#[rustfmt::skip]
const NDJSON: &[Row] = &[
    ("lines", b"{\"a\":1}\n{\"b\":2}\n", &[(None, b"{\"a\":1}"), (None, b"{\"b\":2}")], 0),
    ("CRLF", b"{}\r\n[]\r\n", &[(None, b"{}"), (None, b"[]")], 0),
    ("blank lines and white space", b"\n \t\n{}\n\n\n", &[(None, b"{}")], 0),
    ("no final line end", b"{}\n[1]", &[(None, b"{}"), (None, b"[1]")], 1),
    ("a byte order mark", b"\xef\xbb\xbf{}\n", &[(None, b"{}")], 0),
    ("white space around a document", b" {} \n", &[(None, b" {} ")], 0),
    ("what looks like SSE is a document", b"data: {}\n", &[(None, b"data: {}")], 0),
];

#[test]
fn frames_are_what_the_standard_says() {
    for (framing, table) in [(Framing::Sse, SSE), (Framing::Ndjson, NDJSON)] {
        for (what, input, expected, at_end) in table {
            let expected: Vec<Owned> =
                expected.iter().map(|(event, data)| (event.map(str::to_owned), data.to_vec())).collect();
            let (found, before_end) = frames(framing, &[input]);
            assert_eq!(found, expected, "{what}");
            assert_eq!(found.len() - before_end, *at_end, "{what}");
            // Byte by byte, with an empty chunk after each.
            let bytes: Vec<&[u8]> = input.iter().flat_map(|byte| [std::slice::from_ref(byte), &[]]).collect();
            assert_eq!(frames(framing, &bytes), (expected, before_end), "{what}, in bytes");
        }
    }
}

/// The standard's algorithm, on a whole text, in the fewest lines.
fn by_the_book(text: &str) -> Vec<Owned> {
    let (mut found, mut event, mut data) = (Vec::new(), String::new(), Vec::new());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    for line in text.split('\n').chain([""]) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => data.push(value),
            "event" => value.clone_into(&mut event),
            "" if line.is_empty() => {
                let name = Some(std::mem::take(&mut event)).filter(|name| !name.is_empty());
                if !data.is_empty() {
                    found.push((name, std::mem::take(&mut data).join("\n").into_bytes()));
                }
            }
            _ => {}
        }
    }
    found
}

fn sse_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "data: ",
        "data:",
        "data",
        "event: ",
        "event",
        ": ",
        "id: 7",
        "\n",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        "\r\n\r\n",
        "a",
        " ",
        "日本",
        "{\"x\":1}",
        "😀",
        ":",
    ]);
    (any::<bool>(), prop::collection::vec(piece, 0..40))
        .prop_map(|(mark, pieces)| format!("{}{}", if mark { "\u{feff}" } else { "" }, pieces.concat()))
}

/// `text` cut at `places`, which may coincide: then a chunk is empty.
pub fn cut<'a>(text: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(text.len() + 1)).collect();
    places.sort_unstable();
    let ends = places.iter().copied().chain([text.len()]);
    let starts = [0].into_iter().chain(places.iter().copied());
    starts.zip(ends).map(|(start, end)| &text[start..end]).collect()
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(text in sse_text(), places: [prop::sample::Index; 6]) {
        let expected = by_the_book(&text);
        prop_assert_eq!(&frames(Framing::Sse, &[text.as_bytes()]).0, &expected);
        prop_assert_eq!(&frames(Framing::Sse, &cut(text.as_bytes(), &places)).0, &expected);
    }

    #[test]
    fn any_cut_gives_the_same_documents(text in "[a \n\r日]{0,40}", places: [prop::sample::Index; 6]) {
        let expected = frames(Framing::Ndjson, &[text.as_bytes()]).0;
        let by_lines = text.split(['\n', '\r']).filter(|line| !line.trim().is_empty());
        prop_assert_eq!(&expected, &by_lines.map(|line| (None, line.as_bytes().to_vec())).collect::<Vec<_>>());
        prop_assert_eq!(frames(Framing::Ndjson, &cut(text.as_bytes(), &places)).0, expected);
    }

    #[test]
    fn an_offset_lies_right_behind_its_frame(text in sse_text()) {
        let (mut framer, mut offsets, mut found) = (Framer::new(Framing::Sse), vec![0], Vec::new());
        let take = |frame: Frame<'_>, after| -> Result<(), Never> {
            offsets.push(after);
            found.push(owned(frame));
            Ok(())
        };
        framer.push(text.as_bytes(), take).unwrap();
        prop_assert!(offsets.is_sorted() && *offsets.last().unwrap() <= text.len());
        // Each piece alone is one complete frame.
        for (piece, frame) in offsets.windows(2).zip(found) {
            let (alone, before_end) = frames(Framing::Sse, &[&text.as_bytes()[piece[0]..piece[1]]]);
            prop_assert_eq!((alone, before_end), (vec![frame], 1));
        }
    }

    #[test]
    fn arbitrary_bytes_never_break_the_framer(
        bytes: Vec<u8>, places: [prop::sample::Index; 3], ndjson: bool
    ) {
        let framing = if ndjson { Framing::Ndjson } else { Framing::Sse };
        prop_assert_eq!(frames(framing, &[&bytes]), frames(framing, &cut(&bytes, &places)));
    }
}

#[test]
fn a_frame_within_one_chunk_is_borrowed_from_it() {
    let mut framer = Framer::new(Framing::Sse);
    let mut borrowed = Vec::new();
    for chunk in [&b"event: e\ndata: one\n\ndata: tw"[..], b"o\n\n: ping\n\ndata: three\r\n\r\n", b"data: four\n\n"] {
        let take = |frame: Frame<'_>, _| -> Result<(), Never> {
            borrowed.push((frame.data.to_vec(), chunk.as_ptr_range().contains(&frame.data.as_ptr())));
            Ok(())
        };
        framer.push(chunk, take).unwrap();
    }
    let expected = [(&b"one"[..], true), (b"two", false), (b"three", true), (b"four", true)];
    assert_eq!(borrowed, expected.map(|(data, borrowed)| (data.to_vec(), borrowed)));
}

#[test]
fn what_is_held_is_capped() {
    let mebibyte = vec![b'x'; 1 << 20];
    let endless: [(&str, Framing, Vec<u8>, Vec<u8>); 4] = [
        ("a line", Framing::Sse, b"data: ".to_vec(), mebibyte.clone()),
        ("a comment", Framing::Sse, b": ".to_vec(), mebibyte.clone()),
        ("lines of one event", Framing::Sse, vec![], [b"data: ", &mebibyte[..], b"\n"].concat()),
        ("a document", Framing::Ndjson, vec![], mebibyte),
    ];
    for (what, framing, first, again) in endless {
        let mut framer = Framer::new(framing);
        let ignore = |_: Frame<'_>, _| Ok::<(), Broken>(());
        assert_eq!(framer.push(&first, ignore), Ok(()), "{what}");
        let accepted = (0..20).take_while(|_| framer.push(&again, ignore).is_ok()).count();
        assert!((15..=16).contains(&accepted), "{what}: {accepted}");
    }
}

#[test]
fn many_frames_and_comments_are_not_capped() {
    let mut framer = Framer::new(Framing::Sse);
    let chunk = [&b": "[..], &[b'x'; 1 << 20], b"\n\ndata: ", &[b'x'; 1 << 20], b"\n\n"].concat();
    for _ in 0..20 {
        assert_eq!(framer.push(&chunk, |_, _| Ok::<(), Broken>(())), Ok(()));
    }
}

#[test]
fn the_walk_stops_where_it_is_told() {
    let mut framer = Framer::new(Framing::Sse);
    let mut seen = 0;
    let result = framer.push(b"data: a\n\ndata: b\n\ndata: c\n\n", |_, _| {
        seen += 1;
        if seen == 2 { Err(Broken::TooLarge) } else { Ok(()) }
    });
    assert_eq!((result, seen), (Err(Broken::TooLarge), 2));
}
