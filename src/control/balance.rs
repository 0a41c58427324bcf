//! What is left, in the words of clients that show it: OpenAI's old billing pages and OpenRouter's key.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Control;
use super::inquiry::Denied;
use crate::access::Caller;
use crate::clients::View;
use crate::fault::Millis;

/// Whose balance, in whose words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    pub caller: Caller,
    pub page: Page,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// `/v1/dashboard/billing/subscription`
    Subscription,
    /// `/v1/dashboard/billing/usage`
    Usage,
    /// `/api/v1/key`
    Key,
}

/// What those pages show to whoever has no limit.
const ENDLESS_DOLLARS: f64 = 100_000_000.0;

impl Control {
    pub fn balance(&mut self, asked: &Balance, now: Millis) -> Result<Value, Denied> {
        let payer = self.payer(&asked.caller, now)?;
        let view = payer.and_then(|id| self.clients.view(&id, now));
        let budget = view.as_ref().and_then(|view| view.terms.budget);
        let limit = budget.and_then(|budget| budget.micro).map(dollars);
        let used = view.as_ref().map_or(0.0, |view| dollars(view.used.micro));
        let expires = view.as_ref().and_then(|view| view.terms.expires);
        Ok(match asked.page {
            Page::Subscription => {
                let most = limit.unwrap_or(ENDLESS_DOLLARS);
                json!({
                    "object": "billing_subscription",
                    "has_payment_method": true,
                    "soft_limit_usd": most,
                    "hard_limit_usd": most,
                    "system_hard_limit_usd": most,
                    "access_until": expires.map_or(0, Millis::seconds),
                })
            }
            // In cents.
            Page::Usage => json!({"object": "list", "total_usage": used * 100.0}),
            Page::Key => key(view.as_ref(), limit, used),
        })
    }
}

fn key(view: Option<&View>, limit: Option<f64>, used: f64) -> Value {
    let left = view.and_then(|view| view.left_micro).map(dollars);
    let label = view.map_or("operator", |view| view.terms.name.as_str());
    json!({"data": {
        "label": label,
        "limit": limit,
        "limit_remaining": left,
        "usage": used,
        "is_free_tier": false,
        "is_provisioning_key": false,
        "rate_limit": {"requests": view.and_then(|view| view.terms.limits.rpm), "interval": "60s"},
    }})
}

/// Only for showing: what is decided is decided in micro-dollars.
fn dollars(micro: u64) -> f64 {
    micro as f64 / 1e6
}
