//! Browsers that are signed in, and addresses that guess.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault::Millis;

/// Browsers at a time; the one that signed in first makes room.
const OPEN: usize = 32;
/// Addresses whose mistakes are remembered.
const GUESSERS: usize = 1024;
/// Mistakes that cost nothing.
const FREE: u32 = 5;

#[derive(Debug, Default)]
pub struct Sessions {
    /// Until when, by the hash of the cookie.
    open: BTreeMap<String, Millis>,
    /// Mistakes, and when the next try is heard.
    guesses: BTreeMap<String, (u32, Millis)>,
    unsaved: Vec<String>,
}

impl Sessions {
    pub fn begin(&mut self, hash: String, until: Millis, now: Millis) {
        let over: Vec<String> =
            self.open.iter().filter(|(_, end)| **end <= now).map(|(hash, _)| hash.clone()).collect();
        over.iter().for_each(|hash| self.end(hash));
        if self.open.len() >= OPEN
            && let Some(first) = self.open.iter().min_by_key(|(_, end)| **end).map(|(hash, _)| hash.clone())
        {
            self.end(&first);
        }
        self.unsaved.push(hash.clone());
        self.open.insert(hash, until);
    }

    pub fn end(&mut self, hash: &str) {
        if self.open.remove(hash).is_some() {
            self.unsaved.push(hash.to_owned());
        }
    }

    pub fn is_open(&self, hash: &str, now: Millis) -> bool {
        self.open.get(hash).is_some_and(|until| *until > now)
    }

    /// How long an address that guessed wrong must wait before it is heard.
    pub fn must_wait(&self, from: &str, now: Millis) -> Option<Duration> {
        self.guesses.get(from).map(|(_, until)| until.since(now)).filter(|wait| !wait.is_zero())
    }

    pub fn failed(&mut self, from: &str, now: Millis) {
        if self.guesses.len() >= GUESSERS && !self.guesses.contains_key(from) {
            self.guesses.retain(|_, (_, until)| *until > now);
        }
        if self.guesses.len() >= GUESSERS && !self.guesses.contains_key(from) {
            return;
        }
        let (mistakes, until) = self.guesses.entry(from.to_owned()).or_default();
        *mistakes = mistakes.saturating_add(1);
        let excess = mistakes.saturating_sub(FREE);
        // 2 s, 4 s, … up to about four minutes.
        let wait = if excess == 0 { Duration::ZERO } else { Duration::from_secs(1 << excess.min(8)) };
        *until = now.plus(wait);
    }

    pub fn load(&mut self, hash: String, until: Millis) {
        self.open.insert(hash, until);
    }

    /// Hashes whose rows must be written, and until when they hold; `None`: no more.
    pub fn changes(&mut self) -> Vec<(String, Option<Millis>)> {
        let changed = std::mem::take(&mut self.unsaved);
        changed.into_iter().map(|hash| (self.open.get(&hash).copied(), hash)).map(|(end, hash)| (hash, end)).collect()
    }
}
