//! What is asked of the books. Pages go by key, newest first, so that the ten-thousandth costs what the first does.

use serde_json::Value;

use super::Statement;
use crate::fault::{Failure, Millis};

/// Rows removed at a time: each counts as one written.
const PRUNED: u64 = 2000;
/// Rows looked at for one page where no index finds what is asked for: a thousand such pages a day are free.
const LOOKED: u64 = 2500;

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
    /// What an index finds, and what must be looked for among that.
    fn conditions(&self, after: Option<u64>, values: &mut Vec<Value>) -> Result<(String, String), Failure> {
        let (mut found, mut fits) = (Vec::new(), Vec::new());
        let mut and = |conditions: &mut Vec<String>, condition: &str, value: Value| {
            values.push(value);
            conditions.push(condition.replace('?', &format!("?{}", values.len())));
        };
        // The id is the time, so that no index of the time is needed.
        for (condition, id) in [("id >= ?", self.from.map(lease)), ("id < ?", self.to.map(lease)), ("id < ?", after)] {
            if let Some(id) = id {
                and(&mut found, condition, id.into());
            }
        }
        // Every index of the rows has the id too; one of them is used.
        let indexed = [("token = ?", &self.token), ("account = ?", &self.account)];
        for (condition, text) in indexed {
            if let Some(text) = text {
                let first = self.token.is_none() || condition == "token = ?";
                and(if first { &mut found } else { &mut fits }, condition, text.as_str().into());
            }
        }
        if let Some(model) = &self.model {
            and(&mut fits, "? IN (served, model)", model.as_str().into());
        }
        match self.status.as_deref() {
            None | Some("") => {}
            Some("ok") => and(&mut fits, "status < ?", 400.into()),
            Some("error") => and(&mut fits, "status >= ?", 400.into()),
            Some(text) => match text.parse::<u16>() {
                Ok(status) => and(&mut fits, "status = ?", status.into()),
                Err(_) => return Err(Failure::invalid("status", "expected `ok`, `error` or a number")),
            },
        }
        let all = |conditions: Vec<String>| {
            if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") }
        };
        Ok((all(found), all(fits)))
    }
}

/// Calls before the one with the id `after`, newest first: `limit` of them, or as many as there are among the next
/// [`LOOKED`]. `fits` is 0 at the last of those when it is only shown to tell how far the look went.
pub fn page(filter: &Filter, after: Option<u64>, limit: usize) -> Result<Statement, Failure> {
    let mut values = Vec::new();
    let (found, fits) = filter.conditions(after, &mut values)?;
    values.push(limit.into());
    let limit = values.len();
    let sql = match fits.as_str() {
        "1" => format!("SELECT * FROM usage WHERE {found} ORDER BY id DESC LIMIT ?{limit}"),
        fits => format!(
            "WITH far (least, looked) AS (SELECT min(id), count(*) FROM (SELECT id FROM usage WHERE {found} ORDER BY id \
             DESC LIMIT {LOOKED})) SELECT usage.*, {fits} AS fits, (SELECT looked FROM far) = {LOOKED} AS further FROM \
             usage WHERE {found} AND id >= (SELECT least FROM far) AND (fits OR id = (SELECT least FROM far)) ORDER BY \
             id DESC LIMIT ?{limit}"
        ),
    };
    Ok(Statement::new(sql, values))
}

/// Lines of the audit log before the one with the number `after`, newest first.
pub fn changes(after: Option<u64>, limit: usize) -> Statement {
    let after = after.unwrap_or(1 << 53);
    Statement::new("SELECT * FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2", vec![after.into(), limit.into()])
}

/// Lines of the audit log from the one with the number `from` on, oldest first.
pub fn chain(from: u64, limit: usize) -> Statement {
    Statement::new("SELECT * FROM audit WHERE seq >= ?1 ORDER BY seq LIMIT ?2", vec![from.into(), limit.into()])
}

/// One call, and whether what was said is kept.
pub fn row(id: u64) -> Statement {
    let sql = "SELECT *, EXISTS (SELECT 1 FROM captures WHERE id = ?1) AS captured FROM usage WHERE id = ?1";
    Statement::new(sql, vec![id.into()])
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

/// Forget the oldest calls beyond the newest `rows`, by whole days: the sums of the days since `since` tell how many
/// there are, which takes fewer reads than counting them.
pub fn prune_beyond(rows: u64, since: Millis) -> Statement {
    let sql = "DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE id < \
               (SELECT max(day) * 86400000 * 1024 FROM \
               (SELECT day, sum(sum(requests)) OVER (ORDER BY day DESC) AS newer FROM daily WHERE day >= ?3 GROUP BY day) \
               WHERE newer > ?1) ORDER BY id LIMIT ?2)";
    Statement::new(sql, vec![rows.into(), PRUNED.into(), day(since).into()])
}

/// The first lease of a moment.
fn lease(at: Millis) -> u64 {
    at.0.saturating_mul(1024).min(1 << 53)
}

fn day(at: Millis) -> u64 {
    at.0 / 86_400_000
}
