//! What callgrind counts: `scripts/instructions` runs this under it and reads one dump for each line printed here.

#![expect(clippy::panic, reason = "a measurement that cannot be taken has nothing better to do")]

mod rig;

use std::hint::black_box;
use std::rc::Rc;

use sluice::filter::Filter;
use sluice::ir::Protocol;
use sluice::passing::{Passing, Ready};

use rig::{CLIENTS, KINDS, Kind, WIRES, answer, name, prepare, request, short, stream};

/// Events of the longer answer; the difference to one of half as many is what an event costs.
const EVENTS: usize = 400;

/// Callgrind counts inside of this, and dumps when it is left.
#[inline(never)]
fn measured(work: &dyn Fn()) {
    work();
    // Keeps the call above from becoming a jump, which is never left.
    black_box(());
}

/// What an event of text costs where filters look at the answer: an argument asks for these instead.
fn filtered() {
    let find = |action: &str, find: &str| {
        let text = format!(r#"[{{"name":"f","action":"{action}","on":"output","find":{find}}}]"#);
        serde_json::from_str::<Vec<Filter>>(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    let personal = r#"{"personal":["email","phone","card","chinese_id","key"]}"#;
    let sets = [
        ("none", Vec::new()),
        ("flag-words", find("flag", r#"{"words":["dragon","sleeping beauty"]}"#)),
        ("mask-words", find("mask", r#"{"words":["dragon","sleeping beauty"]}"#)),
        ("mask-personal", find("mask", personal)),
        ("mask-pattern", find("mask", r#"{"patterns":["T-[0-9]{3}"]}"#)),
    ];
    for (wire, client) in [(Protocol::Chat, Protocol::Chat), (Protocol::Messages, Protocol::Chat)] {
        for (name, filters) in &sets {
            let (call, mut payload) = prepare(wire, &short(client));
            let ready = Ready::new(&[], filters).map(Rc::new).unwrap_or_else(|failure| panic!("{failure:?}"));
            let passing = Passing::new(&ready, [7; 32], &call).unwrap_or_else(|failure| panic!("{failure:?}"));
            payload.looks = passing.and_then(|passing| passing.looks());
            for count in [EVENTS / 2, EVENTS] {
                let chunks = stream(wire, Kind::Text, count);
                answer(&call, &payload, &chunks);
                measured(&|| _ = black_box(answer(&call, &payload, &chunks)));
                println!("{wire:?}-to-{client:?} {name} text {count}");
            }
        }
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("filters") {
        return filtered();
    }
    for wire in WIRES {
        for client in CLIENTS {
            let pair = format!("{} {}", name(wire), name(client));
            let (call, payload) = prepare(wire, &short(client));
            for kind in KINDS {
                let column = match kind {
                    Kind::Text => "text",
                    Kind::Thinking => "thinking",
                    Kind::Tools => "tools",
                };
                // What is made once, such as buffers of the standard library, is made before.
                answer(&call, &payload, &stream(wire, kind, EVENTS));
                for count in [EVENTS / 2, EVENTS] {
                    let chunks = stream(wire, kind, count);
                    measured(&|| _ = black_box(answer(&call, &payload, &chunks)));
                    println!("{pair} {column} {count}");
                }
            }
            let request = request(client);
            prepare(wire, &request);
            measured(&|| drop(black_box(prepare(wire, &request))));
            println!("{pair} request 1");
        }
    }
}
