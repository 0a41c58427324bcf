//! Bytes to frames.

use super::amazon::{message, raw};
use super::{Cuts, Input};
use crate::framing::event_stream::crc32;
use crate::framing::{Broken, Frame, Framer, Framing};

type Owned = (Option<String>, Option<String>, Vec<u8>);

/// All frames of a body that came in these chunks, and how it ended.
fn frames<'a>(framing: Framing, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Owned>, Result<(), Broken>) {
    let (mut framer, mut found) = (Framer::new(framing), Vec::new());
    let mut keep = |frame: Frame<'_>| {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        found.push((owned(frame.event), owned(frame.error), frame.data.to_vec()));
    };
    let result = chunks.into_iter().try_for_each(|chunk| {
        let mut before = 0;
        framer.push(chunk, |frame, after| {
            assert!((before..=chunk.len()).contains(&after), "a frame ends at {after}, after {before}");
            before = after;
            keep(frame);
            Ok(())
        })
    });
    let result = result.and_then(|()| {
        framer.finish(|frame, _| {
            keep(frame);
            Ok(())
        })
    });
    (found, result)
}

/// However a body is cut into chunks, its frames are the same.
pub fn framing(data: &[u8]) {
    let mut input = Input(data);
    let framing = input.pick(&[Framing::Sse, Framing::Ndjson, Framing::EventStream]);
    let cuts = Cuts::of(&mut input);
    let body = input.0;
    let (whole, end) = frames(framing, [body]);
    assert_eq!(frames(framing, cuts.of_body(body)), (whole.clone(), end));
    // What has been told is not taken back by what follows.
    let (early, _) = frames(framing, [&body[..cuts.first.min(body.len())]]);
    let known = early.len().saturating_sub(1);
    assert_eq!(early.get(..known), whole.get(..known));
    let told: usize = whole.iter().map(|(_, _, data)| data.len()).sum();
    assert!(told <= body.len(), "{told} bytes of {}", body.len());
}

/// What is written as AWS writes it is read; one wrong bit anywhere is never a frame; and behind right checksums stands
/// whatever a stranger likes.
pub fn event_stream(data: &[u8]) {
    let mut input = Input(data);
    let (place, bit) = (input.byte() << 8 | input.byte(), input.byte() % 8);
    let cuts = Cuts::of(&mut input);
    let name = String::from_utf8_lossy(input.short()).into_owned();
    let headers = input.short();
    let lengths = input.short();
    let payload = input.0;

    let mut sent = message(&[(":event-type", &name), (":message-type", "event")], payload);
    let expected = vec![(Some(name), None, payload.to_vec())];
    assert_eq!(frames(Framing::EventStream, cuts.of_body(&sent)), (expected, Ok(())));
    let place = place % sent.len();
    sent[place] ^= 1 << bit;
    let (found, end) = frames(Framing::EventStream, cuts.of_body(&sent));
    assert!(found.is_empty() && end.is_err(), "a wrong bit at {place} was read: {found:?}");

    let sent = raw(headers, payload);
    let (found, end) = frames(Framing::EventStream, cuts.of_body(&sent));
    assert_eq!(found.len(), usize::from(end.is_ok()), "{end:?}");
    assert!(found.iter().all(|(_, error, data)| error.is_some() || data == payload));

    if let Some(lengths) = lengths.first_chunk::<8>() {
        let sent = [&lengths[..], &crc32(lengths).to_be_bytes(), payload].concat();
        let whole = frames(Framing::EventStream, [&sent[..]]);
        assert_eq!(frames(Framing::EventStream, cuts.of_body(&sent)), whole);
        let total = u32::from_be_bytes(*lengths.first_chunk().unwrap()) as usize;
        assert!(total <= 16 << 20 || whole.1 == Err(Broken::TooLarge), "{total} bytes are waited for");
    }
}
