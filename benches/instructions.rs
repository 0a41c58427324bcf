//! What callgrind counts: `scripts/instructions` runs this under it and reads one dump for each line printed here.

#![expect(clippy::panic, reason = "a measurement that cannot be taken has nothing better to do")]

mod rig;

use std::hint::black_box;

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

fn main() {
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
