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
pub use self::entry::{Entry, Facts, word};
pub use self::query::{Filter, by_day, chain, changes, page, prune_before, prune_beyond, row};

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
    pub fn new(sql: impl Into<Cow<'static, str>>, values: Vec<Value>) -> Self {
        Self { sql: sql.into(), values }
    }
}

const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_books.sql")];

/// Which of the migrations a database has had.
pub fn version() -> Statement {
    Statement::new("SELECT value FROM meta WHERE name = 'schema'", Vec::new())
}

/// The row of that; none of a database that has nothing.
pub fn version_of(row: Option<&Value>) -> usize {
    let value = row.and_then(|row| row.get("value")).and_then(Value::as_str);
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// Whether there is something that a database of this version has not had.
pub fn is_old(version: usize) -> bool {
    version < MIGRATIONS.len()
}

/// What makes of a database that has had so many migrations what there must be.
pub fn schema(version: usize) -> Vec<Statement> {
    upgrade(MIGRATIONS, version)
}

/// Statements can be repeated, all but `ALTER`: that is left out where it was done before.
pub fn upgrade(migrations: &[&str], version: usize) -> Vec<Statement> {
    let paragraphs =
        (1..).zip(migrations).flat_map(|(number, text)| text.split("\n\n").map(move |part| (number, part)));
    let bare = paragraphs.map(|(number, paragraph)| {
        let lines = paragraph.lines().filter(|line| !line.starts_with("--"));
        // A trigger's last semicolon is behind its END.
        (number, lines.collect::<Vec<_>>().join("\n").trim().trim_end_matches(';').to_owned())
    });
    let wanted = bare.filter(|(number, sql)| !sql.is_empty() && (*number > version || !sql.starts_with("ALTER ")));
    let mut statements: Vec<Statement> = wanted.map(|(_, sql)| Statement::new(sql, Vec::new())).collect();
    let newest = migrations.len().max(version).to_string();
    statements.push(Statement::new("UPDATE meta SET value = ?1 WHERE name = 'schema'", vec![newest.into()]));
    statements
}

/// Whether the database says that it is not what this program expects.
pub fn is_unmade(error: &str) -> bool {
    ["no such table", "no such column", "has no column named"].iter().any(|words| error.contains(words))
}
