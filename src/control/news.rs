//! What those who listen are told while it happens. Whoever makes it asks first whether anybody does.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Control;
use super::inquiry::{Denied, Grant, Inquiry};
use crate::access::Caller;
use crate::fault::Millis;

/// An event, by its name.
pub struct News {
    pub event: &'static str,
    pub data: Value,
}

/// What a Worker tells of calls that are over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// As the books have them.
    pub rows: Vec<Value>,
    /// What became of one that somebody wants to look into.
    pub conversions: Vec<Value>,
}

impl Told {
    pub fn news(self, control: &Control) -> impl Iterator<Item = News> {
        let over = self.rows.into_iter().map(|row| control.over(row));
        over.chain(self.conversions.into_iter().map(|data| News { event: "conversion", data }))
    }
}

impl Control {
    /// A call has begun, or may not.
    pub fn begun(&self, inquiry: &Inquiry, planned: &Result<Grant, Denied>, now: Millis) -> News {
        let token = match (&inquiry.caller, planned) {
            (_, Ok(Grant { payer: Some(payer), .. })) => Some(payer.id.as_str()),
            (Caller::Operator, _) => Some(""),
            (Caller::Key(hash), _) => self.clients.identify(hash, now).ok(),
        };
        let name = token.and_then(|id| self.token_name(id));
        let (event, mut data) = match planned {
            Ok(Grant { lease, leads, .. }) => {
                let accounts: Vec<&str> = leads.iter().map(|lead| lead.candidate.account.as_str()).collect();
                ("started", json!({"id": lease, "candidates": accounts}))
            }
            Err(Denied { failure, .. }) => {
                ("refused", json!({"status": failure.status, "code": failure.code, "message": failure.message}))
            }
        };
        let Inquiry { model, protocol, operation, .. } = inquiry;
        let said = json!({"at": now, "token": token, "token_name": name, "model": model, "protocol": protocol.name(), "operation": operation.name()});
        if let (Value::Object(data), Value::Object(said)) = (&mut data, said) {
            data.extend(said);
        }
        News { event, data }
    }

    /// A call is over: its row, as the operator's API shows it.
    pub fn over(&self, mut row: Value) -> News {
        crate::admin::usage::dress(self, &mut row);
        News { event: "call", data: row }
    }
}
