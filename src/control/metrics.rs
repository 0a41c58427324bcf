//! Counters since the object woke, and how things stand, in Prometheus' text format.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. In memory only: a counter that begins anew is what
//! `rate()` expects of a process that was started again. Names of clients are no labels, and models that nobody serves
//! are none either; the books have both.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Control;
use crate::fault::Millis;
use crate::ir::event::Usage;
use crate::ledger::word;
use crate::pool::{Outcome, Settlement};
use crate::prices::Cost;

/// Pairs of provider and model that are told apart; the rest are one.
const SERIES: usize = 200;
/// Upper ends of the buckets of first content, in milliseconds.
const BUCKETS: [u64; 10] = [100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000];

#[derive(Debug, Default)]
pub struct Metrics {
    served: BTreeMap<(String, String), Served>,
    /// By provider and what became of it.
    attempts: BTreeMap<(String, &'static str), u64>,
    /// Calls that nobody was asked for, by status.
    refused: BTreeMap<u16, u64>,
    first: BTreeMap<String, Histogram>,
}

#[derive(Debug, Default)]
struct Served {
    requests: BTreeMap<&'static str, u64>,
    usage: Usage,
    micro: u64,
    saved: u64,
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BUCKETS.len()],
    count: u64,
    sum_ms: u64,
}

impl Metrics {
    /// Pairs of provider and model.
    pub fn series(&self) -> usize {
        self.served.len()
    }

    pub fn refused(&mut self, status: u16) {
        *self.refused.entry(status).or_default() += 1;
    }

    pub fn settled(&mut self, settlement: &Settlement, cost: &Cost) {
        for attempt in &settlement.attempts {
            // One that has answered, and still does, is counted when it is over.
            if settlement.done || matches!(attempt.outcome, Outcome::Failed(_)) {
                *self.attempts.entry((attempt.provider.clone(), word(&attempt.outcome))).or_default() += 1;
            }
        }
        let Some(last) = settlement.attempts.last().filter(|_| settlement.done) else { return };
        let mut key = (last.provider.clone(), last.model.clone());
        if self.served.len() >= SERIES && !self.served.contains_key(&key) {
            key.1 = "other".to_owned();
        }
        let served = self.served.entry(key).or_default();
        *served.requests.entry(word(&last.outcome)).or_default() += 1;
        let (sum, usage) = (&mut served.usage, &settlement.usage);
        sum.input += usage.input;
        sum.cache_read += usage.cache_read;
        sum.cache_write += usage.cache_write + usage.cache_write_long;
        sum.output += usage.output;
        sum.reasoning += usage.reasoning;
        served.micro += cost.micro;
        served.saved += cost.saved;
        if let Some(ms) = last.first_ms {
            let histogram = self.first.entry(last.provider.clone()).or_default();
            histogram.counts.iter_mut().zip(BUCKETS).for_each(|(count, end)| *count += u64::from(ms <= end));
            histogram.count += 1;
            histogram.sum_ms += ms;
        }
    }
}

/// What only the shell knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around {
    pub listeners: u32,
    pub dropped: u64,
    pub unsent: u64,
}

impl Control {
    pub fn metrics(&self, around: Around, now: Millis) -> String {
        let Metrics { served, attempts, refused, first } = &self.metrics;
        let mut page = Page::default();
        page.family("sluice_requests", "counter", "Calls that are over, by who answered last and how they ended.");
        for ((provider, model), Served { requests, .. }) in served {
            for (outcome, count) in requests {
                page.line(
                    "sluice_requests_total",
                    &[("provider", provider), ("model", model), ("outcome", outcome)],
                    count,
                );
            }
        }
        page.family("sluice_refused", "counter", "Calls that were refused before anybody was asked.");
        for (status, count) in refused {
            page.line("sluice_refused_total", &[("status", &status.to_string())], count);
        }
        page.family("sluice_attempts", "counter", "Accounts that were asked, by provider and outcome.");
        for ((provider, outcome), count) in attempts {
            page.line("sluice_attempts_total", &[("provider", provider), ("outcome", outcome)], count);
        }
        page.family("sluice_tokens", "counter", "Tokens, by kind; the kinds are disjoint.");
        for ((provider, model), Served { usage, .. }) in served {
            let Usage { input, cache_read, cache_write, output, reasoning, .. } = usage;
            let kinds = [
                ("input", input),
                ("cache_read", cache_read),
                ("cache_write", cache_write),
                ("output", output),
                ("reasoning", reasoning),
            ];
            for (kind, count) in kinds {
                page.line("sluice_tokens_total", &[("provider", provider), ("model", model), ("kind", kind)], count);
            }
        }
        let dollars = |micro: u64| format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
        page.family("sluice_cost_usd", "counter", "What the calls cost.");
        for ((provider, model), Served { micro, .. }) in served {
            page.line("sluice_cost_usd_total", &[("provider", provider), ("model", model)], &dollars(*micro));
        }
        page.family("sluice_saved_usd", "counter", "What calls of subscriptions would have cost.");
        for ((provider, model), Served { saved, .. }) in served {
            page.line("sluice_saved_usd_total", &[("provider", provider), ("model", model)], &dollars(*saved));
        }
        page.family(
            "sluice_first_content_seconds",
            "histogram",
            "From the request to a provider to its first content.",
        );
        for (provider, Histogram { counts, count, sum_ms }) in first {
            let seconds = |ms: u64| (ms as f64 / 1000.0).to_string();
            for (end, below) in BUCKETS.into_iter().zip(counts) {
                page.line(
                    "sluice_first_content_seconds_bucket",
                    &[("provider", provider), ("le", &seconds(end))],
                    below,
                );
            }
            page.line("sluice_first_content_seconds_bucket", &[("provider", provider), ("le", "+Inf")], count);
            page.line("sluice_first_content_seconds_sum", &[("provider", provider)], &seconds(*sum_ms));
            page.line("sluice_first_content_seconds_count", &[("provider", provider)], count);
        }
        page.family("sluice_accounts", "gauge", "Accounts, by provider and state.");
        let mut accounts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (provider, state) in self.states(now) {
            *accounts.entry((provider, state.word())).or_default() += 1;
        }
        for ((provider, state), count) in accounts {
            page.line("sluice_accounts", &[("provider", provider), ("state", state)], &count);
        }
        let leases = self.pool.under_way();
        page.gauge("sluice_calls_under_way", "Calls that have not reported their end.", leases as u64);
        page.counter("sluice_usage_rows_lost", "Rows of the usage log that could not be written.", self.lost);
        page.counter("sluice_degraded_calls", "Calls that went on without the object.", self.alone);
        page.gauge(
            "sluice_quota_stage",
            "What is given up for today's quotas: 0 nothing, 1 most rows of the usage log, 2 all of them, 3 captures, 4 storing each call.",
            self.tally.stage(now) as u64,
        );
        page.gauge("sluice_tail_listeners", "Who listens to the live tail.", around.listeners.into());
        page.counter(
            "sluice_tail_dropped",
            "Events that a listener of the live tail did not take in time.",
            around.dropped,
        );
        page.counter("sluice_webhooks_unsent", "Messages to the webhook that could not be delivered.", around.unsent);
        page.0
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: &impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "gauge", help);
        self.line(name, &[], &value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.line(&format!("{name}_total"), &[], &value);
    }
}
