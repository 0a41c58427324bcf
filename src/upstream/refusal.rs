//! What a refusal means: by status, and by machine-readable codes. Never by the words of a message, which may quote
//! the user.

use super::{Refusal, limits};
use crate::fault::{Fault, Millis, Scope};

/// The reading common to all providers. `scope`: what a rate limit that does not explain itself covers.
pub fn classify(refused: Refusal<'_>, scope: Scope, now: Millis) -> Fault {
    let wait = limits::wait(refused, now);
    match refused.status {
        401 => Fault::Unauthorized,
        402 | 403 => Fault::Suspended,
        404 => Fault::ModelMissing,
        408 | 425 => Fault::Overloaded,
        429 => Fault::RateLimited { wait, scope },
        400..=499 => Fault::Rejected,
        500.. => Fault::Overloaded,
        _ => Fault::Malformed,
    }
}
