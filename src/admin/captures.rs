//! `/admin/api/captures`: what tokens allowed to be kept, to read, to export and to forget.

use super::{Effect, Errand, Other, Outcome, Reply, Request, unknown, wrong_method};
use crate::captures::export::Export;
use crate::captures::{self, Filter};
use crate::fault::Failure;

pub fn handle(request: &Request<'_>, rest: &[&str], actor: &str) -> Result<Outcome, Failure> {
    let number = |name, text: &str| text.parse().map_err(|_| Failure::invalid(name, "expected a whole number"));
    let removal = |subject: &str, statement| {
        let action = "captures.delete".to_owned();
        let audit = Effect::Audit { actor: actor.to_owned(), action, subject: subject.to_owned() };
        Ok(Outcome::Errand(Errand::Captures { errand: captures::Errand::Removed { statement }, effects: vec![audit] }))
    };
    let read = |errand| Ok(Outcome::Errand(Errand::Captures { errand, effects: Vec::new() }));
    match (rest, request.method) {
        ([], "GET") => {
            let (limit, after) = request.page()?;
            let after = after.map(|text| number("after", &text)).transpose()?;
            let statement = captures::list(&Filter::of(request.query)?, after, limit + 1);
            read(captures::Errand::List { statement, limit })
        }
        ([], "DELETE") => removal("*", captures::remove_all(&Filter::of(request.query)?)),
        (["export"], "GET") => Ok(Outcome::Other(Other::Captures(Export::of(request.query)?))),
        ([id], "GET") => read(captures::Errand::One { statement: captures::one(number("id", id)?) }),
        ([id], "DELETE") => removal(id, captures::remove(number("id", id)?)),
        (["export"], _) => Err(wrong_method(request, "GET")),
        ([] | [_], _) => Err(wrong_method(request, "GET or DELETE")),
        _ => Err(unknown(request)),
    }
}

/// A capture with what was said, from the row and the text of its document.
pub fn shown(row: &serde_json::Value, document: &str) -> Reply {
    let row = row.to_string();
    let (head, tail) = (row.strip_suffix('}').unwrap_or("{"), document.strip_prefix('{').unwrap_or("}"));
    Reply { status: 200, body: format!("{head},{tail}"), ..Reply::default() }
}
