//! What filters keep back of an answer that streams: how many bytes, and for how many events.

use serde_json::json;

use super::{filters, looks};
use crate::filter::masks::Masks;
use crate::filter::watch::Watch;
use crate::filter::{Filter, WINDOW};
use crate::framing::Frame;

/// Prose with beginnings of what is looked for, a token in a frame as models write them: each with the space before it.
const PROSE: &str = " The quick brown fox jumps over the lazy dog, and then, at 17:30 on the 3rd of May, it is sleeping. \
    Prices rose from 12 to 15 in the (2nd) quarter; see section 4.2 for why. An EMAIL to a drag racer: T-12 is late.";
/// Frames of one answer.
const FRAMES: usize = 2000;

fn tokens() -> impl Iterator<Item = &'static str> + Clone {
    let starts: Vec<usize> = PROSE.match_indices(' ').map(|(at, _)| at).chain([PROSE.len()]).collect();
    (1..starts.len()).map(move |at| &PROSE[starts[at - 1]..starts[at]])
}

#[derive(Debug, Default)]
struct Held {
    /// Frames after which one was given out, in the mean of all, and at most.
    mean: f64,
    most: usize,
    /// Bytes of text that were waiting.
    bytes: usize,
}

fn held(filter: &[Filter], masks: Masks) -> Held {
    let mut watch = Watch::new(looks(filter, masks));
    let tokens: Vec<&str> = tokens().cycle().take(FRAMES).collect();
    let (mut given, mut waiting, mut delays, mut held) = (0, 0, 0, Held::default());
    for (at, token) in tokens.iter().enumerate() {
        let frame = json!({"choices": [{"index": 0, "delta": {"content": token}}]}).to_string();
        waiting += token.len();
        let mut emit = |_: Frame<'_>| {
            held.most = held.most.max(at - given);
            delays += at - given;
            waiting -= tokens[given].len();
            given += 1;
            Ok(())
        };
        watch.frame(Frame { data: frame.as_bytes(), ..Frame::default() }, &mut emit).unwrap();
        held.bytes = held.bytes.max(waiting);
    }
    held.mean = delays as f64 / given as f64;
    held
}

#[test]
fn what_is_held_back_is_bounded_by_what_is_looked_for() {
    let filter = |action: &str, find: serde_json::Value| {
        filters(json!([{"name": "f", "action": action, "on": "output", "find": find}]))
    };
    let words = json!({"words": ["dragon", "sleeping beauty"]});
    let personal = json!({"personal": ["email", "phone", "card", "chinese_id", "key"]});
    let masks = || {
        let mut masks = Masks::new([7; 32]);
        masks.hide("EMAIL", "ada@example.org").unwrap();
        masks
    };
    let token = tokens().map(str::len).max().unwrap();
    // Its row of docs/PERFORMANCE.md, what is on, and the most bytes and events that may wait.
    for (row, filter, masks, bytes, events) in [
        ("nothing found, only flagged", filter("flag", words.clone()), Masks::default(), 0, 0),
        ("placeholders given back", Vec::new(), masks(), 21 + token, 2),
        ("words", filter("mask", words), Masks::default(), 14 + token, 2),
        ("personal data", filter("mask", personal), Masks::default(), 64 + token, 3),
        ("a pattern", filter("mask", json!({"patterns": ["T-[0-9]{3}"]})), Masks::default(), WINDOW + 32 + token, 66),
    ] {
        let held = held(&filter, masks);
        println!("| {row} | {} | {:.1} | {} |", held.bytes, held.mean, held.most);
        assert!(held.bytes <= bytes && held.most <= events, "{row}: {held:?}");
    }
}
