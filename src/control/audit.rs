//! The log of changes on its way to the books: chained here, where changes are made one after the other, and kept here
//! until the database has it.

use std::collections::VecDeque;

use super::Control;
use crate::ledger::{Change, Link, Tail};

/// Changes that wait for a database that does not answer. The oldest makes room, and the chain shows the gap.
const WAITING: usize = 1000;

#[derive(Debug, Default)]
pub struct Audit {
    tail: Tail,
    waiting: VecDeque<Link>,
    /// Rows that must be written or removed.
    unsaved: Vec<u64>,
}

impl Audit {
    fn push(&mut self, change: Change) {
        let link = self.tail.push(change);
        self.unsaved.push(link.seq);
        self.waiting.push_back(link);
        if self.waiting.len() > WAITING {
            self.unsaved.extend(self.waiting.pop_front().map(|link| link.seq));
        }
    }

    /// What the database does not have yet, oldest first, as much as one transaction takes.
    pub fn waiting(&self) -> Vec<Link> {
        self.waiting.iter().take(100).cloned().collect()
    }

    /// The database has everything up to this.
    pub fn arrived(&mut self, seq: u64) {
        while self.waiting.front().is_some_and(|link| link.seq <= seq) {
            self.unsaved.extend(self.waiting.pop_front().map(|link| link.seq));
        }
    }

    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// A row that [`Audit::rows`] made. Whether it could be read.
    pub fn load(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = |error: serde_json::Error| error.to_string();
        if name == "tail" {
            self.tail = serde_json::from_str(value).map_err(wrong)?;
        } else {
            let link: Link = serde_json::from_str(value).map_err(wrong)?;
            let at = self.waiting.partition_point(|other| other.seq < link.seq);
            self.waiting.insert(at, link);
        }
        Ok(())
    }

    pub fn rows(&mut self) -> Vec<(String, Option<String>)> {
        if self.unsaved.is_empty() {
            return Vec::new();
        }
        let changed = std::mem::take(&mut self.unsaved).into_iter();
        let value =
            |seq| self.waiting.iter().find(|link| link.seq == seq).and_then(|link| serde_json::to_string(link).ok());
        let mut rows: Vec<_> = changed.map(|seq| (seq.to_string(), value(seq))).collect();
        rows.push(("tail".to_owned(), serde_json::to_string(&self.tail).ok()));
        rows
    }
}

impl Control {
    /// Note who changed what. It is stored with the change itself.
    pub fn note(&mut self, change: Change) {
        self.audit.push(change);
    }

    pub fn audit(&mut self) -> &mut Audit {
        &mut self.audit
    }
}
