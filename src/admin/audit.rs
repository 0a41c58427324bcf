//! `/admin/api/audit`: who changed what, and whether the log is still what was written.

use serde::Serialize;
use serde_json::Value;

use super::{Errand, Outcome, Page, Reply, Request};
use crate::admin::usage::{Shape, number};
use crate::control::Control;
use crate::fault::Failure;
use crate::ledger::{self, Link};

/// Lines that are checked at a time: some 300 KB.
const CHECKED: usize = 1000;

pub fn page(request: &Request<'_>) -> Result<Outcome, Failure> {
    let (limit, after) = request.page()?;
    let after = after.map(|text| number("after", &text)).transpose()?;
    let statement = ledger::changes(after, limit + 1);
    Ok(Outcome::Errand(Errand::Books { statement, shape: Shape::Changes { limit } }))
}

/// Some lines, oldest first. The line before them is read too, so that nothing can be taken out between two checks.
pub fn verify(request: &Request<'_>) -> Result<Outcome, Failure> {
    let after = (request.query)("after").map(|text| number("after", &text)).transpose()?;
    let statement = ledger::chain(after.unwrap_or_default(), CHECKED + 1);
    Ok(Outcome::Errand(Errand::Books { statement, shape: Shape::Chain { after } }))
}

/// What a check found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AuditVerdict"))]
pub struct Verdict {
    ok: bool,
    checked: usize,
    /// The first line that was altered, or does not follow the one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_at: Option<u64>,
    first: Option<u64>,
    last: Option<u64>,
    /// What to ask for as `after` to go on; none: this was the end, and it is the end that the object knows.
    next: Option<String>,
}

fn links(rows: Vec<Value>) -> Vec<Link> {
    // A row that is none of ours is left out, and so shows as a gap.
    rows.into_iter().filter_map(|row| serde_json::from_value(row).ok()).collect()
}

pub fn listed(rows: Vec<Value>, limit: usize) -> Reply {
    let mut items = links(rows);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|link| link.seq.to_string());
    Reply::json(200, &Page { items, next })
}

pub fn verified(control: &mut Control, rows: Vec<Value>, after: Option<u64>) -> Reply {
    let more = rows.len() > CHECKED;
    let read = rows.len();
    let links = links(rows);
    let tail = control.audit().tail().clone();
    let (first, last) = (links.first(), links.last());
    let end = last.map_or((0, ""), |link| (link.seq, link.hash.as_str()));
    let is_cut = if more { false } else { end != (tail.seq, tail.hash.as_str()) };
    // The first of all follows nothing; the first of these is the one asked for.
    let is_headless = match (after, first) {
        (None | Some(0), Some(first)) => first.seq == 1 && !first.previous.is_empty(),
        (Some(after), Some(first)) => first.seq != after,
        (Some(after), None) => after != 0,
        (None, None) => false,
    };
    let broken_at = ledger::verify(&links)
        .or(is_headless.then(|| first.map_or(tail.seq, |first| first.seq)))
        .or((read != links.len() || is_cut).then_some(end.0 + 1));
    let verdict = Verdict {
        ok: broken_at.is_none(),
        checked: links.len(),
        broken_at,
        first: first.map(|link| link.seq),
        last: last.map(|link| link.seq),
        next: last.filter(|_| more).map(|link| link.seq.to_string()),
    };
    Reply::json(200, &verdict)
}
