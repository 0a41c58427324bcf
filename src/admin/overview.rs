//! `/admin/api/overview`: is it working, what was used, what did it cost. Answered from the object's own sums, so that
//! it costs the same whatever the books hold.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Reply, Request, accounts};
use crate::control::Control;
use crate::control::quotas::{Quota, Stage};
use crate::control::tally::{Day, Spread, Sums, Tops};
use crate::fault::{Failure, Millis};

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;
/// Names in each of the tops.
const TOP: usize = 20;

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Overview {
    days: u64,
    /// Midnight UTC, when the first of the days began.
    from: Millis,
    /// The moment of the answer.
    to: Millis,
    accounts: Accounts,
    totals: Totals,
    ttft: Ttft,
    /// `hour` for one day, else `day`.
    step: &'static str,
    /// One for each step from `from` on, also where nothing was asked.
    series: Vec<Step>,
    by_model: Vec<Top>,
    by_token: Vec<Top>,
    by_account: Vec<Top>,
    denied: Denied,
    /// Of today, against the free plan.
    quotas: Vec<Quota>,
    guard: Guard,
    /// Rows of the usage log that could not be written since the object woke.
    lost: u64,
}

/// What is given up today so that calls go on.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Guard {
    stage: Stage,
    /// Since when. It ends with the day, at midnight UTC.
    since: Option<Millis>,
}

/// How many accounts are in which state.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AccountCounts"))]
pub struct Accounts {
    total: u64,
    well: u64,
    /// Well, and answering as many calls as they may.
    busy: u64,
    /// Resting, or about to be tried again.
    cooling: u64,
    /// Switched off by the operator.
    paused: u64,
    /// Somebody must sign in again, or the master key is missing.
    broken: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Numbers {
    requests: u64,
    /// Calls that nobody answered to the end.
    errors: u64,
    /// Tokens neither read from nor written to a cache.
    input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
    /// Micro-dollars.
    cost: u64,
    /// What subscriptions would have cost at list price, in micro-dollars.
    saved: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Totals {
    #[serde(flatten)]
    numbers: Numbers,
    /// Of all prompt tokens, those read from a cache; none: nothing was read.
    cache_hit: Option<f64>,
    /// Of all requests, those that failed; none: nothing was asked.
    error_share: Option<f64>,
}

/// Milliseconds until the first words of streams. Percentiles are known to within a sixteenth of themselves.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ttft {
    count: u64,
    mean: Option<u64>,
    p50: Option<u64>,
    p90: Option<u64>,
    p95: Option<u64>,
    p99: Option<u64>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    at: Millis,
    #[serde(flatten)]
    numbers: Numbers,
}

/// One model, token or account. Its id is empty for calls that had none: the operator's own key, or nobody was asked.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Top {
    id: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// All that are not among the tops.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    others: bool,
    #[serde(flatten)]
    numbers: Numbers,
}

/// Calls that were refused before anybody was asked.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Denied {
    total: u64,
    /// Those that the usage log has no row for.
    dropped: u64,
    by_reason: BTreeMap<String, u64>,
}

impl From<Sums> for Numbers {
    fn from(sums: Sums) -> Self {
        let Sums { requests, errors, input, cache_read, cache_write, output, reasoning, cost, saved } = sums;
        Self { requests, errors, input, cache_read, cache_write, output, reasoning, cost, saved }
    }
}

pub fn show(control: &mut Control, request: &Request<'_>) -> Result<Reply, Failure> {
    let days = match (request.query)("days").as_deref() {
        None | Some("7") => 7,
        Some("1") => 1,
        Some("30") => 30,
        Some(_) => return Err(Failure::invalid("days", "expected 1, 7 or 30")),
    };
    let now = request.now;
    let quotas = control.lately().quotas(now);
    let guard = Guard { stage: control.lately().stage(now), since: control.lately().today(now).stages.last().copied() };
    let parts = control.lately().days(days, now);
    let from = Millis(parts.first().map_or(0, |(number, _)| number * DAY_MS));
    let mut all = Day::default();
    let mut totals = Sums::default();
    for (_, day) in &parts {
        all.merge(day);
        totals.add(&day.totals());
    }
    let series = match (days, parts.as_slice()) {
        (1, [(_, day)]) => hours(day, from, now),
        _ => parts.iter().map(|(number, day)| step(number * DAY_MS, day.totals())).collect(),
    };
    let denied: u64 = all.denied.values().sum();
    let overview = Overview {
        days,
        from,
        to: now,
        accounts: count(control, now),
        totals: shares(totals),
        ttft: ttft(&all.first),
        step: if days == 1 { "hour" } else { "day" },
        series,
        by_model: tops(&all.models, |_| None),
        by_token: tops(&all.tokens, |id| Some(control.clients().get(id)?.terms.name.clone())),
        by_account: tops(&all.accounts, |id| Some(control.setup(id)?.account.label.clone())),
        denied: Denied {
            total: denied,
            dropped: denied.saturating_sub(all.logged.iter().sum()),
            by_reason: all.denied,
        },
        quotas,
        guard,
        lost: control.lost(),
    };
    Ok(Reply::json(200, &overview))
}

fn count(control: &Control, now: Millis) -> Accounts {
    let mut counts = Accounts::default();
    for setup in control.setups() {
        counts.total += 1;
        *match accounts::condition(control, setup, now) {
            "ready" => &mut counts.well,
            "busy" => &mut counts.busy,
            "off" => &mut counts.paused,
            "sign_in" | "locked" => &mut counts.broken,
            _ => &mut counts.cooling,
        } += 1;
    }
    counts
}

fn shares(sums: Sums) -> Totals {
    let prompt = sums.input + sums.cache_read + sums.cache_write;
    let share = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
    Totals {
        cache_hit: share(sums.cache_read, prompt),
        error_share: share(sums.errors, sums.requests),
        numbers: sums.into(),
    }
}

fn ttft(spread: &Spread) -> Ttft {
    let [p50, p90, p95, p99] = [50, 90, 95, 99].map(|percent| spread.percentile(percent));
    Ttft { count: spread.count(), mean: spread.mean(), p50, p90, p95, p99 }
}

fn step(at: u64, sums: Sums) -> Step {
    Step { at: Millis(at), numbers: sums.into() }
}

/// Up to the one that is not over yet.
fn hours(day: &Day, from: Millis, now: Millis) -> Vec<Step> {
    let last = now.0.saturating_sub(from.0) / HOUR_MS;
    let sums = |hour| u8::try_from(hour).ok().and_then(|hour| day.hours.get(&hour)).copied().unwrap_or_default();
    (0..=last.min(23)).map(|hour| step(from.0 + hour * HOUR_MS, sums(hour))).collect()
}

/// The dearest first; what costs nothing by how often it was asked.
fn tops(tops: &Tops, mut name: impl FnMut(&str) -> Option<String>) -> Vec<Top> {
    let mut sorted: Vec<(&String, &Sums)> = tops.names.iter().collect();
    sorted.sort_by_key(|(id, sums)| (std::cmp::Reverse((sums.cost + sums.saved, sums.requests)), *id));
    let mut others = tops.others;
    sorted.iter().skip(TOP).for_each(|(_, sums)| others.add(sums));
    let shown = sorted.into_iter().take(TOP).map(|(id, sums)| Top {
        id: id.clone(),
        name: name(id).filter(|name| !name.is_empty()),
        others: false,
        numbers: (*sums).into(),
    });
    let others =
        (others.requests > 0).then(|| Top { id: String::new(), name: None, others: true, numbers: others.into() });
    shown.collect::<Vec<_>>().into_iter().chain(others).collect()
}
