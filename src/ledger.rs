//! The books: a row for every call, its sums by the day, who changed what. SQL as data; the shell runs it.
//!
//! History only. What decides is in the object; a call whose row is lost is still paid for.

mod audit;
mod entry;
mod query;

use std::borrow::Cow;

use serde::ser::SerializeTuple;
use serde::{Serialize, Serializer};
use serde_json::Value;

pub use self::audit::{Change, Link, Tail, verify};
pub use self::entry::{Entry, Facts};
pub use self::query::{Filter, by_day, page, prune_before, prune_beyond, row};

/// One statement and what is bound to its `?1`, `?2`, ….
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub sql: Cow<'static, str>,
    pub values: Vec<Value>,
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.sql)?;
        pair.serialize_element(&self.values)?;
        pair.end()
    }
}

impl Statement {
    fn new(sql: impl Into<Cow<'static, str>>, values: Vec<Value>) -> Self {
        Self { sql: sql.into(), values }
    }
}

const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_books.sql")];

/// What makes the tables there must be, and does nothing where they are.
pub fn schema() -> Vec<Statement> {
    let paragraphs = MIGRATIONS.iter().flat_map(|text| text.split("\n\n"));
    let bare = paragraphs.map(|paragraph| {
        let lines = paragraph.lines().filter(|line| !line.starts_with("--"));
        lines.collect::<Vec<_>>().join("\n").trim().trim_end_matches(';').to_owned()
    });
    let statements = bare.filter(|text| !text.is_empty());
    // A trigger's last semicolon is behind its END.
    statements.map(|sql| Statement::new(sql, Vec::new())).collect()
}

/// Whether the database says that its tables have not been made.
pub fn is_unmade(error: &str) -> bool {
    error.contains("no such table")
}
