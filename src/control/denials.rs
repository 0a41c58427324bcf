//! Which refused calls are told to the usage log: enough to see why, and never so many that a flood of them uses up
//! the day's rows.

use super::Control;
use super::inquiry::{Denied, Inquiry};
use super::quotas::Stage;
use crate::access::Caller;
use crate::fault::{Failure, Millis};

/// Rows in a minute and in a day, for callers who are known and for strangers. A row of these is three of D1's, so
/// that in a day they are 3,300 of the 100,000 that a free plan writes.
const PER_MINUTE: [u64; 2] = [20, 2];
const PER_DAY: [u64; 2] = [1000, 100];

/// What was told in this minute.
#[derive(Debug, Default)]
pub struct Denials {
    minute: u64,
    told: [u64; 2],
}

impl Denials {
    /// Whether another one may be told.
    fn admit(&mut self, side: usize, of_the_day: &mut [u64; 2], now: Millis) -> bool {
        let minute = now.0 / 60_000;
        if minute != self.minute {
            *self = Self { minute, told: [0; 2] };
        }
        let (Some(told), Some(day)) = (self.told.get_mut(side), of_the_day.get_mut(side)) else { return false };
        let (Some(most), Some(most_of_day)) = (PER_MINUTE.get(side), PER_DAY.get(side)) else { return false };
        let admitted = *told < *most && *day < *most_of_day;
        if admitted {
            *told += 1;
            *day += 1;
        }
        admitted
    }
}

/// The word for why, in the log and in the sums.
pub fn reason(failure: &Failure) -> String {
    failure.code.clone().unwrap_or_else(|| crate::admin::code_of(failure.kind).to_owned())
}

impl Control {
    /// Count a call that is not admitted, and say whether the log has a row for it.
    pub(super) fn deny(&mut self, inquiry: &Inquiry, denied: Denied, now: Millis) -> Denied {
        let token = match &inquiry.caller {
            Caller::Operator => Some(String::new()),
            Caller::Key(hash) => self.clients.identify(hash, now).ok().map(str::to_owned),
        };
        let is_listed = self.tally.stage(now) < Stage::Sums;
        let day = self.tally.today(now);
        day.deny(&reason(&denied.failure));
        let side = usize::from(token.is_none());
        let row = (is_listed && self.denials.admit(side, &mut day.logged, now)).then(|| self.pool.number(now));
        Denied { row, token: token.unwrap_or_default(), ..denied }
    }
}
