//! Points and spans of time as providers write them. Pure: a calendar, no clock.

use std::time::Duration;

use crate::fault::Millis;

const DAY: i64 = 24 * 3600;

/// Days from 1970-01-01 in the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March end with the leap day; 400 of them have 146,097 days.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Seconds since the epoch, if every field is in its range.
fn seconds(date: [i64; 3], time: [i64; 3]) -> Option<i64> {
    let ([year, month, day], [hour, minute, second]) = (date, time);
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    valid.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

fn millis(seconds: i64) -> Option<Millis> {
    u64::try_from(seconds).ok().map(|seconds| Millis(seconds.saturating_mul(1000)))
}

/// `12:34:56`.
fn clock(text: &str) -> Option<[i64; 3]> {
    let mut parts = text.split(':').map(number);
    let time = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(time)
}

fn number(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn month(name: &str) -> Option<i64> {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    (1..).zip(NAMES).find(|(_, known)| *known == name).map(|(month, _)| month)
}

/// All three forms of [RFC 9110 §5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7).
pub fn http_date(text: &str) -> Option<Millis> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let (date, time) = match *words.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [_, day, name, year, time, "GMT"] => ([number(year)?, month(name)?, number(day)?], clock(time)?),
        // Sunday, 06-Nov-94 08:49:37 GMT
        [_, date, time, "GMT"] => {
            let mut parts = date.split('-');
            let (day, name, year) = (parts.next()?, parts.next()?, parts.next()?);
            let year = number(year)?;
            let century = if year < 70 { 2000 } else { 1900 };
            ([century + year, month(name)?, number(day)?], clock(time)?)
        }
        // Sun Nov  6 08:49:37 1994
        [_, name, day, time, year] => ([number(year)?, month(name)?, number(day)?], clock(time)?),
        _ => return None,
    };
    millis(seconds(date, time)?)
}

/// `2026-08-22T10:11:12.345Z`, `…+02:00`.
pub fn rfc3339(text: &str) -> Option<Millis> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(number);
    let date = [parts.next()??, parts.next()??, parts.next()??];
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let offset = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, zone) => {
            let (hours, minutes) = zone.split_once(':')?;
            let offset = number(hours)? * 3600 + number(minutes)? * 60;
            if sign == "-" { -offset } else { offset }
        }
    };
    let whole = millis(seconds(date, clock(time)?)?.checked_sub(offset)?)?;
    let part = format!("0.{fraction}0").parse::<f64>().ok()?;
    Some(whole.plus(Duration::from_secs_f64(part)))
}

/// `1m30.5s`, `6ms`, `1h2m3s`, `2 days`, `30 seconds`: numbers with units, as far as they go. Something must be there.
pub fn span(text: &str) -> Option<Duration> {
    let (span, rest) = leading_span(text.trim());
    span.filter(|_| rest.trim().is_empty())
}

/// The span at the start of `text`, and what follows it.
pub fn leading_span(text: &str) -> (Option<Duration>, &str) {
    let mut rest = text;
    let mut total = 0.0;
    let mut found = false;
    loop {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (amount, behind) = rest.split_at(digits);
        // A full stop that ends the sentence belongs to the text.
        let Ok(amount) = amount.parse::<f64>() else { break };
        let unit = behind.trim_start_matches(' ');
        let letters = unit.find(|c: char| !c.is_alphabetic()).unwrap_or(unit.len());
        let (unit, behind) = unit.split_at(letters);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" | "millisecond" | "milliseconds" => 1e-3,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => break,
        };
        total += amount * factor;
        found = true;
        rest = behind;
        let next = behind.trim_start_matches([' ', ',']);
        if next.starts_with(|c: char| c.is_ascii_digit()) {
            rest = next;
        }
    }
    (if found { Duration::try_from_secs_f64(total).ok() } else { None }, rest)
}

/// The next midnight in California after `now`, where Google's days end.
pub fn next_midnight_pacific(now: Millis) -> Millis {
    let now = i64::try_from(now.seconds()).unwrap_or(i64::MAX / 2);
    let offset = if is_pacific_summer(now) { 7 } else { 8 } * 3600;
    let midnight = ((now - offset).div_euclid(DAY) + 1) * DAY;
    // The clock may change on the way; it does so at 2:00, so midnight itself is never ambiguous.
    let summer = midnight + 7 * 3600;
    let at = if is_pacific_summer(summer) { summer } else { midnight + 8 * 3600 };
    millis(at).unwrap_or_default()
}

/// From the second Sunday of March, 2:00 PST, to the first Sunday of November, 2:00 PDT.
fn is_pacific_summer(at: i64) -> bool {
    // 2,629,746 s are a twelfth of a mean year: near enough to tell which year it is in March and in November.
    let year = 1970 + at.div_euclid(12 * 2_629_746);
    let sunday = |month: i64, week: i64| {
        let first = days(year, month, 1);
        // 1970-01-01 was a Thursday.
        let weekday = (first + 4).rem_euclid(7);
        first + (7 - weekday) % 7 + 7 * (week - 1)
    };
    (sunday(3, 2) * DAY + 10 * 3600..sunday(11, 1) * DAY + 9 * 3600).contains(&at)
}
