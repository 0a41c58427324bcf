//! What is asked of the books. Pages go by key, newest first, so that the ten-thousandth costs what the first does.

use std::fmt::Write as _;

use serde_json::Value;

use super::Statement;
use crate::fault::{Failure, Millis};

/// Rows removed at a time: each counts as one written.
const PRUNED: u64 = 2000;

/// Which calls; all that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub from: Option<Millis>,
    pub to: Option<Millis>,
    pub token: Option<String>,
    pub model: Option<String>,
    pub account: Option<String>,
    /// `ok`, `error`, or a number.
    pub status: Option<String>,
}

impl Filter {
    fn conditions(&self, values: &mut Vec<Value>) -> Result<String, Failure> {
        let mut sql = String::from("1");
        let mut and = |condition: &str, value: Value| {
            values.push(value);
            let _ = write!(sql, " AND {condition} ?{}", values.len());
        };
        // The id is the time, so that no index of the time is needed.
        for (condition, at) in [("id >=", self.from), ("id <", self.to)] {
            if let Some(at) = at {
                and(condition, lease(at).into());
            }
        }
        for (condition, text) in [("token =", &self.token), ("served =", &self.model), ("account =", &self.account)] {
            if let Some(text) = text {
                and(condition, text.as_str().into());
            }
        }
        match self.status.as_deref() {
            None | Some("") => {}
            Some("ok") => and("status <", 400.into()),
            Some("error") => and("status >=", 400.into()),
            Some(text) => match text.parse::<u16>() {
                Ok(status) => and("status =", status.into()),
                Err(_) => return Err(Failure::invalid("status", "expected `ok`, `error` or a number")),
            },
        }
        Ok(sql)
    }
}

/// Calls before the one with the id `after`, newest first.
pub fn page(filter: &Filter, after: Option<u64>, limit: usize) -> Result<Statement, Failure> {
    let mut values = Vec::new();
    let mut sql = filter.conditions(&mut values)?;
    if let Some(after) = after {
        values.push(after.into());
        let _ = write!(sql, " AND id < ?{}", values.len());
    }
    values.push(limit.into());
    let limit = values.len();
    Ok(Statement::new(format!("SELECT * FROM usage WHERE {sql} ORDER BY id DESC LIMIT ?{limit}"), values))
}

pub fn row(id: u64) -> Statement {
    Statement::new("SELECT * FROM usage WHERE id = ?1", vec![id.into()])
}

/// Sums of the days from `from` to `to`, by some of `day`, `token`, `model` and `account`.
pub fn by_day(from: Millis, to: Millis, by: &[&str]) -> Result<Statement, Failure> {
    const KEYS: [&str; 4] = ["day", "token", "model", "account"];
    let known: Vec<&str> = KEYS.into_iter().filter(|key| by.contains(key)).collect();
    if known.len() != by.len() || by.is_empty() {
        return Err(Failure::invalid("by", "expected some of day, token, model and account, each once"));
    }
    let keys = known.join(", ");
    let sums = [
        "requests",
        "errors",
        "estimated",
        "input",
        "cache_read",
        "cache_write",
        "output",
        "reasoning",
        "cost",
        "saved",
        "first_ms",
        "firsts",
    ];
    let sums = sums.map(|sum| format!("sum({sum}) AS {sum}")).join(", ");
    let sql = format!(
        "SELECT {keys}, {sums} FROM daily WHERE day >= ?1 AND day <= ?2 GROUP BY {keys} ORDER BY {keys} LIMIT 10000"
    );
    Ok(Statement::new(sql, vec![day(from).into(), day(to).into()]))
}

/// Forget calls that are older; the sums stay.
pub fn prune_before(at: Millis) -> Statement {
    let sql = "DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE id < ?1 ORDER BY id LIMIT ?2)";
    Statement::new(sql, vec![lease(at).into(), PRUNED.into()])
}

/// Forget the oldest calls beyond the newest `rows`.
pub fn prune_beyond(rows: u64) -> Statement {
    let sql = "DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE id <= \
               (SELECT id FROM usage ORDER BY id DESC LIMIT 1 OFFSET ?1) ORDER BY id LIMIT ?2)";
    Statement::new(sql, vec![rows.into(), PRUNED.into()])
}

/// The first lease of a moment.
fn lease(at: Millis) -> u64 {
    at.0.saturating_mul(1024).min(1 << 53)
}

fn day(at: Millis) -> u64 {
    at.0 / 86_400_000
}
