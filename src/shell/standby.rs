//! What the Worker goes on with when the object that decides cannot be reached: the operator's own calls with the last
//! plan there was for the same question, for a while. Clients with tokens are told to come back: whether they may call,
//! and what they have left, only the object knows.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::now;
use crate::access::Caller;
use crate::control::inquiry::{Grant, Inquiry};
use crate::fault::Millis;

/// More than anybody asks for at a time; a plan takes a kilobyte.
const MOST: usize = 32;
/// Ten minutes: what an operator has changed since is as old.
const AGE: Duration = Duration::from_secs(600);

struct Kept {
    inquiry: Inquiry,
    at: Millis,
    /// The object's answer, as it came: it is read when it is needed.
    text: String,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
    /// Calls that went on without the object, and have not been told of.
    static ALONE: Cell<u64> = const { Cell::new(0) };
}

/// Whether one plan is as good as the other for both.
fn same(one: &Inquiry, other: &Inquiry) -> bool {
    let needs = |inquiry: &Inquiry| (inquiry.needs.images, inquiry.needs.tools, inquiry.needs.schema);
    one.model == other.model
        && (one.protocol, one.operation) == (other.protocol, other.operation)
        && (&one.provider, &one.pin) == (&other.provider, &other.pin)
        && needs(one) == needs(other)
}

fn is_kept(inquiry: &Inquiry) -> bool {
    inquiry.caller == Caller::Operator && inquiry.preferences.is_none()
}

/// Remember what the object said.
pub fn keep(inquiry: &Inquiry, text: String) {
    if !is_kept(inquiry) {
        return;
    }
    KEPT.with_borrow_mut(|kept| {
        let at = now();
        if let Some(old) = kept.iter_mut().find(|old| same(&old.inquiry, inquiry)) {
            (old.at, old.text) = (at, text);
            return;
        }
        if kept.len() >= MOST
            && let Some(oldest) = kept.iter().enumerate().min_by_key(|(_, old)| old.at).map(|(place, _)| place)
        {
            kept.swap_remove(oldest);
        }
        kept.push(Kept { inquiry: inquiry.clone(), at, text });
    });
}

/// The last plan for this question, under a number of its own.
pub fn plan(inquiry: &Inquiry) -> Option<Grant> {
    if !is_kept(inquiry) {
        return None;
    }
    let now = now();
    let grant = KEPT.with_borrow(|kept| {
        let kept = kept.iter().find(|old| same(&old.inquiry, inquiry) && now.since(old.at) < AGE)?;
        let answer: Result<Result<Grant, serde::de::IgnoredAny>, _> = serde_json::from_str(&kept.text);
        answer.ok()?.ok()
    })?;
    untold(1);
    let mut salt = [0; 2];
    // Two calls of one millisecond would share a line in the books.
    let _ = getrandom::fill(&mut salt);
    Some(Grant { lease: now.0 << 10 | u64::from(u16::from_le_bytes(salt) & 1023), ..grant })
}

/// Calls the object does not know of.
pub fn untold(count: u64) {
    ALONE.set(ALONE.get() + count);
}

/// How many calls went on alone since this was last asked.
pub fn alone() -> u64 {
    ALONE.take()
}
