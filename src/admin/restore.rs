//! `/admin/api/restore`: accounts out of their sealed copies in KV, for the day the object is lost.
//!
//! A hundred at a time; `next` is where the following request goes on. What is here and as new stays as it is.

use serde::Deserialize;
use serde_json::json;

use super::{Asked, Errand, Outcome, Reply};
use crate::control::Control;
use crate::control::copies::Recalled;
use crate::fault::{Failure, Millis};
use crate::ledger::Change;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "RestoreWanted"))]
pub struct Wanted {
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

pub fn begin(asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    let Wanted { cursor, dry_run: dry } = asked.request.read()?;
    Ok(Outcome::Errand(Errand::Recall { cursor, dry, actor: asked.actor.to_owned() }))
}

/// Names and values out of KV.
#[derive(Deserialize)]
pub struct Page {
    copies: Vec<(String, String)>,
    next: Option<String>,
}

pub fn restored(control: &mut Control, page: &Page, dry: bool, actor: String, now: Millis) -> Reply {
    let recalled = page.copies.iter().map(|(id, copy)| control.recall(id, copy, dry));
    let accounts: Vec<Recalled> = recalled.collect();
    let taken = accounts.iter().filter(|one| matches!(one.action, "add" | "update")).count();
    let reply = Reply::json(200, &json!({"dry_run": dry, "accounts": accounts, "next": page.next}));
    if dry || taken == 0 {
        return reply;
    }
    let subject = format!("{taken} accounts");
    control.note(Change { at: now, actor, action: "restore".to_owned(), subject, detail: String::new() });
    reply
}
