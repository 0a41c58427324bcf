//! Calls that wait a moment for a place, where every account that could answer has as many as it may.
//!
//! Off unless the configuration says otherwise. Nobody looks again and again: a call is looked at when a place has become
//! free, and once more when its time is over.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Control;
use super::inquiry::{Denied, Grant, Inquiry};
use crate::fault::Millis;
use crate::pool::BUSY;
use crate::route::document::Problem;

/// How long calls may wait, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    pub seconds: u32,
    #[serde(default = "usual")]
    pub calls: usize,
}

fn usual() -> usize {
    50
}

impl Terms {
    pub fn problems(&self) -> Vec<Problem> {
        let problem = |path: &str, message: &str| Problem { path: path.to_owned(), message: message.to_owned() };
        let mut found = Vec::new();
        if !(1..=60).contains(&self.seconds) {
            found.push(problem("queue.seconds", "expected a number from 1 to 60"));
        }
        if !(1..=500).contains(&self.calls) {
            found.push(problem("queue.calls", "expected a number from 1 to 500"));
        }
        found
    }
}

/// What a call hears.
pub enum Heard {
    Now(Box<Result<Grant, Denied>>),
    /// It is in the queue, under this number, for so long.
    Wait(u64, Duration),
}

#[derive(Default)]
pub struct Queue {
    waiting: VecDeque<Waiting>,
    last: u64,
}

struct Waiting {
    number: u64,
    inquiry: Inquiry,
}

impl Denied {
    fn is_busy(&self) -> bool {
        self.failure.code.as_deref() == Some(BUSY)
    }
}

impl Control {
    /// [`Control::plan`], or a place in the queue.
    pub fn plan_or_wait(&mut self, inquiry: &Inquiry, now: Millis) -> Heard {
        let planned = self.plan(inquiry, now);
        let terms = self.config.document.queue;
        match (planned, terms) {
            (Err(denied), Some(terms)) if denied.is_busy() && self.queue.waiting.len() < terms.calls => {
                self.queue.last += 1;
                let number = self.queue.last;
                self.queue.waiting.push_back(Waiting { number, inquiry: inquiry.clone() });
                Heard::Wait(number, Duration::from_secs(terms.seconds.into()))
            }
            (planned, _) => Heard::Now(Box::new(planned)),
        }
    }

    /// Those who need not wait any more, in their order: there is a place for them, or nothing to wait for. Who `left`
    /// is forgotten.
    pub fn called(&mut self, left: &dyn Fn(u64) -> bool, now: Millis) -> Vec<(u64, Result<Grant, Denied>)> {
        let mut called = Vec::new();
        let mut in_vain: Vec<Inquiry> = Vec::new();
        for waiting in std::mem::take(&mut self.queue.waiting) {
            let Waiting { number, inquiry } = &waiting;
            if left(*number) {
                continue;
            }
            // Who wants the same as somebody before him gets no more than he does.
            if in_vain.iter().any(|before| before.wants_the_same(inquiry)) {
                self.queue.waiting.push_back(waiting);
                continue;
            }
            match self.plan(inquiry, now) {
                Err(denied) if denied.is_busy() => {
                    in_vain.push(inquiry.clone());
                    self.queue.waiting.push_back(waiting);
                }
                planned => called.push((*number, planned)),
            }
        }
        called
    }

    /// The last word to one whose time is over; `None`: it has been called, or has left.
    pub fn give_up(&mut self, number: u64, now: Millis) -> Option<Result<Grant, Denied>> {
        let at = self.queue.waiting.iter().position(|waiting| waiting.number == number)?;
        let Waiting { inquiry, .. } = self.queue.waiting.remove(at)?;
        Some(self.plan(&inquiry, now))
    }

    /// Calls in the queue.
    pub fn waiting(&self) -> usize {
        self.queue.waiting.len()
    }
}

impl Inquiry {
    /// Whether both are for the same accounts.
    fn wants_the_same(&self, other: &Self) -> bool {
        let wants = |inquiry: &Self| {
            let Self { caller, model, operation, provider, preferences, needs, pin, .. } = inquiry.clone();
            (caller, model, operation, provider, preferences, needs, pin)
        };
        wants(self) == wants(other)
    }
}
