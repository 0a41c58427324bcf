//! `/admin/api/captures`: what tokens allowed to be kept, to read, to export and to forget.

use super::usage::number;
use super::{Asked, Effect, Errand, Other, Outcome, Reply, Request};
use crate::captures::export::Export;
use crate::captures::{self, Filter};
use crate::control::Control;
use crate::fault::Failure;
use crate::ledger::Statement;

pub fn list(request: &Request<'_>) -> Result<Outcome, Failure> {
    let (limit, after) = request.page()?;
    let after = after.map(|text| number("after", &text)).transpose()?;
    let statement = captures::list(&Filter::of(request.query)?, after, limit + 1);
    Ok(read(captures::Errand::List { statement, limit }))
}

pub fn one(asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    Ok(read(captures::Errand::One { statement: captures::one(number("id", asked.id)?) }))
}

/// Conversations leave the deployment: who took them is in the audit log.
pub fn export(control: &mut Control, asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    let export = Export::of(asked.request.query)?;
    if let Effect::Audit(change) = asked.audit("captures.export", "*", export.told()) {
        control.note(change);
    }
    Ok(Outcome::Other(Other::Captures(export)))
}

pub fn remove(asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    Ok(removal(asked, asked.id, captures::remove(number("id", asked.id)?)))
}

/// All that fit the filter.
pub fn remove_all(asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    Ok(removal(asked, "*", captures::remove_all(&Filter::of(asked.request.query)?)))
}

fn read(errand: captures::Errand) -> Outcome {
    Outcome::Errand(Errand::Captures { errand, effects: Vec::new() })
}

fn removal(asked: &Asked<'_, '_>, subject: &str, statement: Statement) -> Outcome {
    let effects = vec![asked.audit("captures.delete", subject, "")];
    Outcome::Errand(Errand::Captures { errand: captures::Errand::Removed { statement }, effects })
}

/// A capture with what was said, from the row and the text of its document.
pub fn shown(row: &serde_json::Value, document: &str) -> Reply {
    let row = row.to_string();
    let (head, tail) = (row.strip_suffix('}').unwrap_or("{"), document.strip_prefix('{').unwrap_or("}"));
    Reply { status: 200, body: format!("{head},{tail}"), ..Reply::default() }
}
