//! Conversations that a token allows to be kept: how they lie in D1, and which of them somebody wants.
//!
//! The document of a capture is `{"request": …, "answer": …}`, both in the client's protocol, compressed by the shell.
//! Reading goes forward by id, a page of bounded size at a time.

pub mod export;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fault::{Failure, Kind, Millis};
use crate::ledger::{Entry, Statement};
use crate::witness::Kept;

/// 1 MiB as it is stored; a row of D1 holds 2.
pub const LARGEST: usize = 1 << 20;
/// A page of an export, as it is stored. D1 gives bytes as lists of numbers, eight bytes each.
const PAGE_BYTES: u64 = 1 << 20;
const PAGE_ROWS: u64 = 200;
/// Rows removed at a time.
const REMOVED: u64 = 2000;

/// All of a capture but what was said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Meta {
    pub id: u64,
    pub at: Millis,
    pub token: String,
    pub model: String,
    pub served: String,
    pub provider: String,
    pub account: String,
    pub protocol: String,
    pub operation: String,
    pub finish: String,
    /// As it is stored.
    pub bytes: u64,
}

const COLUMNS: &str = "id, at, token, model, served, provider, account, protocol, operation, finish, bytes";

/// What the shell compresses and stores: the statement lacks the number of bytes and the bytes.
pub fn keep(entry: &Entry, kept: &Kept) -> (Statement, Vec<u8>) {
    let Entry { id, at, token, model, served, provider, account, protocol, operation, .. } = entry;
    let values = json!([id, at, token, model, served, provider, account, protocol, operation, kept.finish]);
    let Value::Array(values) = values else { return (Statement::new("", Vec::new()), Vec::new()) };
    let sql = format!(
        "INSERT INTO captures ({COLUMNS}, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (id) DO NOTHING"
    );
    let mut document = Vec::with_capacity(kept.request.len() + kept.answer.len() + 24);
    document.extend_from_slice(b"{\"request\":");
    document.extend_from_slice(&kept.request);
    document.extend_from_slice(b",\"answer\":");
    document.extend_from_slice(&kept.answer);
    document.push(b'}');
    (Statement::new(sql, values), document)
}

/// Which captures; all that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub from: Option<Millis>,
    pub to: Option<Millis>,
    pub token: Option<String>,
    /// As the client named it.
    pub model: Option<String>,
    pub finish: Option<String>,
}

impl Filter {
    pub fn of(query: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let text = |name: &str| query(name).filter(|text| !text.is_empty());
        let time = |name: &str| {
            let number = |text: String| text.parse().map_err(|_| Failure::invalid(name, "expected a whole number"));
            text(name).map(number).transpose().map(|at| at.map(Millis))
        };
        let (from, to) = (time("from")?, time("to")?);
        Ok(Self { from, to, token: text("token"), model: text("model"), finish: text("finish") })
    }

    fn conditions(&self, values: &mut Vec<Value>) -> String {
        let mut sql = String::from("1");
        let texts = [("token =", &self.token), ("model =", &self.model), ("finish =", &self.finish)];
        let texts = texts.into_iter().filter_map(|(condition, text)| Some((condition, Value::from(text.as_deref()?))));
        let times = [("at >=", self.from), ("at <", self.to)];
        let times = times.into_iter().filter_map(|(condition, at)| Some((condition, Value::from(at?.0))));
        for (condition, value) in times.chain(texts) {
            values.push(value);
            let _ = write!(sql, " AND {condition} ?{}", values.len());
        }
        sql
    }
}

/// Newest first, without what was said.
pub fn list(filter: &Filter, before: Option<u64>, limit: usize) -> Statement {
    let mut values = Vec::new();
    let mut sql = filter.conditions(&mut values);
    if let Some(before) = before {
        values.push(before.into());
        let _ = write!(sql, " AND id < ?{}", values.len());
    }
    values.push(limit.into());
    let limit = values.len();
    Statement::new(format!("SELECT {COLUMNS} FROM captures WHERE {sql} ORDER BY id DESC LIMIT ?{limit}"), values)
}

pub fn one(id: u64) -> Statement {
    Statement::new(format!("SELECT {COLUMNS}, body FROM captures WHERE id = ?1"), vec![id.into()])
}

/// The next page of an export, oldest first: as many as fit, at least one. `?1` is the id before it.
pub fn page(filter: &Filter) -> Statement {
    let mut values = vec![Value::from(0)];
    let sql = filter.conditions(&mut values);
    values.push(PAGE_ROWS.into());
    let rows = values.len();
    values.push(PAGE_BYTES.into());
    let bytes = values.len();
    let sql = format!(
        "SELECT {COLUMNS}, body FROM (SELECT *, sum(bytes) OVER (ORDER BY id) - bytes AS before FROM \
         (SELECT * FROM captures WHERE id > ?1 AND {sql} ORDER BY id LIMIT ?{rows})) WHERE before < ?{bytes} ORDER BY id"
    );
    Statement::new(sql, values)
}

pub fn remove(id: u64) -> Statement {
    Statement::new("DELETE FROM captures WHERE id = ?1 RETURNING id", vec![id.into()])
}

/// Some of those that fit; ask again until there are none.
pub fn remove_all(filter: &Filter) -> Statement {
    let mut values = Vec::new();
    let sql = filter.conditions(&mut values);
    values.push(REMOVED.into());
    let limit = values.len();
    let sql = format!(
        "DELETE FROM captures WHERE id IN (SELECT id FROM captures WHERE {sql} ORDER BY id LIMIT ?{limit}) RETURNING id"
    );
    Statement::new(sql, values)
}

/// Forget what is older than is kept, and the oldest beyond so many bytes.
pub fn prune(before: Millis, bytes: u64) -> [Statement; 2] {
    let old = "DELETE FROM captures WHERE id IN (SELECT id FROM captures WHERE id < ?1 ORDER BY id LIMIT ?2)";
    let many = "DELETE FROM captures WHERE id IN (SELECT id FROM (SELECT id, sum(bytes) OVER (ORDER BY id DESC) AS total \
                FROM captures) WHERE total > ?1 ORDER BY id LIMIT ?2)";
    let first = before.0.saturating_mul(1024).min(1 << 53);
    [Statement::new(old, vec![first.into(), REMOVED.into()]), Statement::new(many, vec![bytes.into(), REMOVED.into()])]
}

/// What is asked of the captures, for the shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Errand {
    List { statement: Statement, limit: usize },
    One { statement: Statement },
    Removed { statement: Statement },
}

/// The answer to a list or a removal that wanted `rows`.
pub fn told(errand: &Errand, rows: Result<Vec<Value>, String>) -> crate::admin::Reply {
    use crate::admin::Reply;
    let Ok(mut rows) = rows else {
        let failure = Failure::new(Kind::Overloaded, "the captures cannot be read at the moment");
        return Reply::failure(&failure.code("books_unavailable"));
    };
    match errand {
        Errand::List { limit, .. } => {
            let more = rows.len() > *limit;
            rows.truncate(*limit);
            let next = rows.last().filter(|_| more).and_then(|row| row.get("id")?.as_u64()).map(|id| id.to_string());
            Reply::json(200, &json!({"items": rows, "next": next}))
        }
        Errand::One { .. } => match rows.first() {
            Some(row) => Reply::json(200, row),
            None => Reply::failure(&Failure::new(Kind::NotFound, "there is no such capture, or it is no longer kept")),
        },
        Errand::Removed { .. } => Reply::json(200, &json!({"deleted": rows.len()})),
    }
}
