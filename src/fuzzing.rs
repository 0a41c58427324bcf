//! What must hold for any bytes at all. `scripts/fuzz` looks for bytes that break it, `src/tests/fuzzing.rs` tries some
//! with every run of the tests. The first bytes of each input choose among what there is, the rest is what comes.

// It is compiled for tests alone, where a panic is how a finding is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod amazon;
pub mod documents;
pub mod frames;
pub mod requests;
pub mod rig;
pub mod streams;

/// An entry point: it returns, or there is a defect.
pub type Target = fn(&[u8]);

/// All of them, by the names that `scripts/fuzz` knows.
pub const TARGETS: &[(&str, Target)] = &[
    ("framing", frames::framing),
    ("event_stream", frames::event_stream),
    ("requests", requests::requests),
    ("paths", requests::paths),
    ("pump", streams::pump),
    ("paste", documents::paste),
    ("document", documents::document),
];

/// What is left of an input.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The next byte; 0 behind the end.
    fn byte(&mut self) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.byte() % from.len()]
    }

    /// At most as many bytes as the next one says.
    fn short(&mut self) -> &'a [u8] {
        let count = self.byte().min(self.0.len());
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        head
    }
}

/// A way of cutting a body: a first piece, then pieces of one length.
#[derive(Clone, Copy)]
struct Cuts {
    first: usize,
    step: usize,
}

impl Cuts {
    fn of(input: &mut Input<'_>) -> Self {
        Self { first: input.byte(), step: input.byte() + 1 }
    }

    fn of_body(self, body: &[u8]) -> impl Iterator<Item = &[u8]> {
        let (first, rest) = body.split_at(self.first.min(body.len()));
        [first].into_iter().chain(rest.chunks(self.step))
    }
}
