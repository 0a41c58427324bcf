//! Who changed what, each line sealed to the one before it: one that is taken out or altered shows.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Statement;
use crate::fault::Millis;

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AuditChange"))]
pub struct Change {
    pub at: Millis,
    pub actor: String,
    /// `token.create`
    pub action: String,
    pub subject: String,
    /// Without secrets.
    #[serde(default)]
    pub detail: String,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AuditLine"))]
pub struct Link {
    pub seq: u64,
    #[serde(flatten)]
    pub change: Change,
    pub previous: String,
    pub hash: String,
}

/// The end of the log: all it takes to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tail {
    pub seq: u64,
    pub hash: String,
}

impl Tail {
    pub fn push(&mut self, change: Change) -> Link {
        self.seq += 1;
        let previous = std::mem::take(&mut self.hash);
        self.hash = seal(self.seq, &change, &previous);
        Link { seq: self.seq, change, previous, hash: self.hash.clone() }
    }
}

impl Link {
    pub fn insert(&self) -> Statement {
        let Self { seq, change: Change { at, actor, action, subject, detail }, previous, hash } = self;
        let sql = "INSERT INTO audit (seq, at, actor, action, subject, detail, previous, hash) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (seq) DO NOTHING";
        let text = |text: &str| text.into();
        let values = vec![
            (*seq).into(),
            at.0.into(),
            text(actor),
            text(action),
            text(subject),
            text(detail),
            text(previous),
            text(hash),
        ];
        Statement::new(sql, values)
    }
}

/// Every field at its place, so that no two lines read the same.
fn seal(seq: u64, change: &Change, previous: &str) -> String {
    let Change { at, actor, action, subject, detail } = change;
    let line = json!([seq, at, actor, action, subject, detail, previous]).to_string();
    Sha256::digest(line).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first line that is not what it was, or does not follow the one before it.
pub fn verify(links: &[Link]) -> Option<u64> {
    let mut before: Option<&Link> = None;
    for link in links {
        let follows = before.is_none_or(|before| before.seq + 1 == link.seq && before.hash == link.previous);
        if !follows || seal(link.seq, &link.change, &link.previous) != link.hash {
            return Some(link.seq);
        }
        before = Some(link);
    }
    None
}
