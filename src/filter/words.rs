//! Many words looked for at once, in a text that comes in pieces: Aho and Corasick's automaton, over bytes.
//! ASCII letters' case does not count.

use std::collections::VecDeque;

/// States of the automaton. 256 KiB of words; more would not be built in the time a request has.
const STATES: usize = 1 << 18;

#[derive(Debug, Default)]
struct State {
    /// Sorted by byte.
    next: Vec<(u8, u32)>,
    fail: u32,
    depth: u32,
    /// Words that end here, by number.
    ends: Vec<u32>,
    /// The nearest state on the chain of failures at which a word ends.
    shorter: u32,
}

#[derive(Debug)]
pub struct Words {
    states: Vec<State>,
}

/// A word was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub word: u32,
    pub length: usize,
    /// Bytes of this piece up to its end.
    pub end: usize,
}

impl Words {
    /// The words are numbered in their order. `None`: there are too many.
    pub fn new<'w>(words: impl Iterator<Item = &'w str>) -> Option<Self> {
        let mut states = vec![State::default()];
        for (number, word) in (0u32..).zip(words) {
            let mut at = 0u32;
            for byte in word.bytes().map(|b| b.to_ascii_lowercase()) {
                at = match step(&states, at, byte) {
                    Some(next) => next,
                    None => {
                        let new = u32::try_from(states.len()).ok().filter(|_| states.len() < STATES)?;
                        let depth = states.get(at as usize)?.depth + 1;
                        states.push(State { depth, ..State::default() });
                        let next = &mut states.get_mut(at as usize)?.next;
                        let place = next.partition_point(|(known, _)| *known < byte);
                        next.insert(place, (byte, new));
                        new
                    }
                };
            }
            if at != 0 {
                states.get_mut(at as usize)?.ends.push(number);
            }
        }
        let mut queue: VecDeque<u32> = states.first()?.next.iter().map(|(_, next)| *next).collect();
        while let Some(state) = queue.pop_front() {
            let fail = states.get(state as usize)?.fail;
            for (byte, next) in states.get(state as usize)?.next.clone() {
                let target = follow(&states, fail, byte);
                let shorter =
                    states.get(target as usize).map_or(0, |s| if s.ends.is_empty() { s.shorter } else { target });
                let child = states.get_mut(next as usize)?;
                (child.fail, child.shorter) = (target, shorter);
                queue.push_back(next);
            }
        }
        Some(Self { states })
    }

    pub fn weight(&self) -> usize {
        self.states.len()
    }

    /// Read a piece of text from `state` (0 at the beginning of a text) and report every word that ends in it.
    pub fn read(&self, state: u32, piece: &str, mut found: impl FnMut(Found)) -> u32 {
        let mut at = state;
        for (end, byte) in (1..).zip(piece.bytes()) {
            at = follow(&self.states, at, byte.to_ascii_lowercase());
            let mut here = at;
            while let Some(known) = self.states.get(here as usize).filter(|_| here != 0) {
                for word in &known.ends {
                    found(Found { word: *word, length: known.depth as usize, end });
                }
                here = known.shorter;
            }
        }
        at
    }

    /// How many of the bytes read last may be the beginning of a word.
    pub fn pending(&self, state: u32) -> usize {
        let mut at = state;
        while let Some(known) = self.states.get(at as usize).filter(|_| at != 0) {
            if !known.next.is_empty() {
                return known.depth as usize;
            }
            at = known.fail;
        }
        0
    }
}

fn step(states: &[State], at: u32, byte: u8) -> Option<u32> {
    let next = &states.get(at as usize)?.next;
    let place = next.binary_search_by_key(&byte, |(known, _)| *known).ok()?;
    next.get(place).map(|(_, next)| *next)
}

fn follow(states: &[State], mut at: u32, byte: u8) -> u32 {
    loop {
        match step(states, at, byte) {
            Some(next) => return next,
            None if at == 0 => return 0,
            None => at = states.get(at as usize).map_or(0, |state| state.fail),
        }
    }
}
