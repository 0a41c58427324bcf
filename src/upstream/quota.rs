//! What is left of an account's allowances, as its provider tells it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::time;
use crate::fault::Millis;
use crate::json;

/// One allowance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Allowance"))]
pub struct Window {
    /// `5 hours`, `7 days: opus`, a model's name.
    pub name: String,
    pub used: f64,
    /// In the units of `used`. An allowance whose size the provider does not tell has 1: `used` is its fraction.
    pub limit: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets: Option<Millis>,
}

/// More windows, or longer names, are nothing a person would read.
const WINDOWS: usize = 64;
const NAME: usize = 80;

impl Window {
    /// One of unknown size, of which `used` (from 0 to 1) is gone.
    pub fn fraction(name: &str, used: f64, resets: Option<Millis>) -> Self {
        Self { name: name.to_owned(), used: used.clamp(0.0, 1.0), limit: 1.0, resets }
    }
}

/// What an answer may amount to: finite numbers, names that can be shown, not too many.
pub fn bounded(windows: impl IntoIterator<Item = Window>) -> Vec<Window> {
    let sane = |window: &Window| window.used.is_finite() && window.limit.is_finite() && window.limit > 0.0;
    let short = |window: Window| {
        let name = window.name.chars().filter(|c| !c.is_control()).take(NAME).collect();
        Window { name, ..window }
    };
    windows.into_iter().filter(sane).map(short).take(WINDOWS).collect()
}

/// The body of an answer that was no refusal.
pub fn body(status: u16, body: &[u8]) -> Option<Value> {
    if (200..300).contains(&status) { json::read(body).ok() } else { None }
}

/// A point in time: RFC 3339, or seconds since the epoch.
pub fn moment(value: &Value) -> Option<Millis> {
    match value {
        Value::String(text) => time::rfc3339(text),
        Value::Number(seconds) => seconds.as_u64().map(|seconds| Millis(seconds.saturating_mul(1000))),
        _ => None,
    }
}

/// `5 hours`, `7 days`, `90 minutes`: how people call a window of so many seconds.
pub fn length(seconds: u64) -> String {
    let (count, unit) = match seconds {
        s if s >= 86_400 && s % 86_400 == 0 => (s / 86_400, "day"),
        s if s >= 3_600 && s % 3_600 == 0 => (s / 3_600, "hour"),
        s => (s.div_ceil(60), "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
