//! When a budget begins anew. A calendar at a fixed distance from UTC, no clock.
//!
//! A zone is an offset in minutes, not a place: without a table of the world's time zones nobody can say when a place
//! changes its clocks, so a window of Berlin's summer ends an hour early in its winter.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Millis;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "BudgetWindow"))]
pub enum Window {
    /// Five hours from the first call after the last window.
    #[serde(rename = "5h")]
    FiveHours,
    Day,
    /// From Monday.
    Week,
    #[default]
    Month,
    /// Never.
    Total,
}

impl Window {
    /// When the window began that `now` is in, if it is one of the calendar's; else `now`.
    pub fn start(self, now: Millis, offset_minutes: i16) -> Millis {
        let (local, offset) = local(now, offset_minutes);
        let day = local.div_euclid(DAY);
        let first = match self {
            Self::FiveHours | Self::Total => return now,
            Self::Day => day,
            // 1970-01-01 was a Thursday, three days after a Monday.
            Self::Week => day - (day + 3).rem_euclid(7),
            Self::Month => day - (civil(day).2 - 1),
        };
        millis(first * DAY - offset)
    }

    /// When a window that began at `start` ends; `None`: never.
    pub fn end(self, start: Millis, offset_minutes: i16) -> Option<Millis> {
        let (local, offset) = local(start, offset_minutes);
        let day = local.div_euclid(DAY);
        let next = match self {
            Self::Total => return None,
            Self::FiveHours => return Some(start.plus(Duration::from_secs(5 * 3600))),
            Self::Day => day + 1,
            Self::Week => day - (day + 3).rem_euclid(7) + 7,
            // The 1st and 31 days are in the next month, whichever month it is.
            Self::Month => {
                let beyond = day - (civil(day).2 - 1) + 31;
                beyond - (civil(beyond).2 - 1)
            }
        };
        Some(millis(next * DAY - offset))
    }
}

fn local(at: Millis, offset_minutes: i16) -> (i64, i64) {
    let offset = i64::from(offset_minutes) * MINUTE;
    (i64::try_from(at.0).unwrap_or(i64::MAX / 2).saturating_add(offset), offset)
}

fn millis(at: i64) -> Millis {
    Millis(u64::try_from(at).unwrap_or_default())
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar.
pub fn civil(day: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that the leap day is the last of its year; 400 years have 146,097 days.
    let day = day + 719_468;
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + 400 * day.div_euclid(146_097) + later, month, day_of_month)
}
