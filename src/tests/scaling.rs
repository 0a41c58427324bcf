//! The figures of `docs/SCALING.md`: the real pool under a made-up load, in one object and in several, and what that
//! costs at Cloudflare. Fails when the document is stale; `UPDATE_DOCS=1` writes its tables anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::control::billing::{NOW, USAGE, answered, asked, plan, with_token};
use super::rig::folder;
use crate::access::Caller;
use crate::fault::{Fault, Millis, Scope};
use crate::pool::{Account, Ask, Attempt, Goal, Outcome, Pool, Settlement};

const ACCOUNTS: usize = 40;
const ACCOUNT_PER_MINUTE: u32 = 30;
/// Two thirds of what the accounts give, and nearly all of it.
const LOADS: [(&str, f64); 2] = [("67 %", 13.4), ("95 %", 19.0)];
const CONVERSATIONS: u64 = 400;
const SECONDS: u64 = 600;
/// Of an answer.
const ANSWER: Duration = Duration::from_secs(8);

/// Cloudflare says that an object takes about a thousand requests a second.
/// <https://developers.cloudflare.com/durable-objects/platform/limits/>
const OBJECT_MS: f64 = 1.0;
/// Plan and report.
const OBJECT_REQUESTS: u32 = 2;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// In [0, 1).
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Until the next of many that come independently, so many a second.
    fn pause(&mut self, per_second: f64) -> f64 {
        -(1.0 - self.fraction()).ln() / per_second
    }
}

/// Who knows which accounts.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// Each object has accounts of its own.
    Split,
    /// Each object has all, and learns of limits by itself.
    Shared,
}

#[derive(Default)]
struct Seen {
    calls: u32,
    attempts: u32,
    refused: u32,
    turns: u32,
    moved: u32,
    busiest: u32,
}

fn account(number: usize) -> Account {
    Account { id: format!("account-{number}"), provider: "p".to_owned(), ..Account::default() }
}

/// The pool under the load, in `shards` objects that conversations are spread over.
fn simulate(shards: usize, layout: Layout, calls_per_second: f64) -> Seen {
    let mut pools: Vec<Pool> = (0..shards)
        .map(|shard| {
            let mine = |number: &usize| layout == Layout::Shared || number % shards == shard;
            let mut pool = Pool::default();
            pool.set_accounts((0..ACCOUNTS).filter(mine).map(account).collect());
            pool
        })
        .collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut seen = Seen::default();
    let mut used: BTreeMap<(String, u64), u32> = BTreeMap::new();
    let mut last: BTreeMap<u64, String> = BTreeMap::new();
    let mut load = vec![0_u32; shards];
    // Calls that are answered at a time to come.
    let mut open: Vec<(Millis, usize, Settlement)> = Vec::new();
    let mut clock = 0.0;
    while clock < SECONDS as f64 {
        clock += dice.pause(calls_per_second);
        let now = Millis(NOW.0 + (clock * 1000.0) as u64);
        let (over, later) = open.into_iter().partition(|(at, ..)| *at <= now);
        open = later;
        for (at, shard, settlement) in over {
            pools[shard].report(&settlement, at);
        }
        let conversation = dice.next() % CONVERSATIONS;
        let shard = (conversation as usize).wrapping_mul(0x9e37_79b1) % 65_521 % shards;
        seen.calls += 1;
        load[shard] += 1;
        let goal = Goal { provider: "p".to_owned(), model: "m".to_owned(), ..Goal::default() };
        let ask = Ask { tiers: vec![vec![goal]], affinity: Some(conversation), ..Ask::default() };
        let Ok(plan) = pools[shard].plan(&ask, now) else {
            seen.refused += 1;
            continue;
        };
        let mut settlement = Settlement { lease: plan.lease, done: true, ..Settlement::default() };
        let mut by = None;
        for candidate in plan.candidates {
            seen.attempts += 1;
            let minute = now.0 / 60_000;
            let count = used.entry((candidate.account.clone(), minute)).or_default();
            let within = *count < ACCOUNT_PER_MINUTE;
            *count += u32::from(within);
            let wait = Some(Duration::from_millis(60_000 - now.0 % 60_000));
            let limited = Outcome::Failed(Fault::RateLimited { wait, scope: Scope::Account });
            settlement.attempts.push(Attempt {
                account: candidate.account.clone(),
                provider: candidate.provider,
                model: candidate.model,
                outcome: if within { Outcome::Answered } else { limited },
                began: now,
                ms: 1,
                ..Attempt::default()
            });
            if within {
                by = Some(candidate.account);
                break;
            }
        }
        let Some(by) = by else {
            seen.refused += 1;
            pools[shard].report(&settlement, now);
            continue;
        };
        if let Some(before) = last.insert(conversation, by.clone()) {
            seen.turns += 1;
            seen.moved += u32::from(before != by);
        }
        open.push((now.plus(ANSWER), shard, settlement));
    }
    seen.busiest = load.into_iter().max().unwrap_or_default();
    seen
}

fn percent(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole.max(1))
}

fn sharding() -> String {
    let mut table = String::from(
        "| load | objects | accounts of each | requests to providers for 100 calls | refused | turns that change the account | calls of the busiest object |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let layouts = [(1, Layout::Split), (2, Layout::Split), (4, Layout::Split), (8, Layout::Split)];
    let shared = [(2, Layout::Shared), (4, Layout::Shared), (8, Layout::Shared)];
    for (load, calls_per_second) in LOADS {
        for (shards, layout) in layouts.into_iter().chain(shared) {
            let Seen { calls, attempts, refused, turns, moved, busiest } = simulate(shards, layout, calls_per_second);
            let each = match layout {
                Layout::Split => (ACCOUNTS / shards).to_string(),
                Layout::Shared => format!("all {ACCOUNTS}"),
            };
            let (asked, refused) = (percent(attempts, calls), percent(refused, calls));
            let (moved, busiest) = (percent(moved, turns), percent(busiest, calls));
            writeln!(
                table,
                "| {load} | {shards} | {each} | {asked:.1} | {refused:.2} % | {moved:.1} % | {busiest:.0} % |"
            )
            .unwrap();
        }
    }
    table
}

/// What calls wait for an object that takes `OBJECT_MS` for each request: mean, and 99th of a hundred.
fn wait(calls_per_second: f64) -> (f64, f64) {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut clock, mut free) = (0.0_f64, 0.0_f64);
    let mut waits: Vec<f64> = (0..100_000)
        .map(|_| {
            clock += 1000.0 * dice.pause(calls_per_second * f64::from(OBJECT_REQUESTS));
            let begins = clock.max(free);
            free = begins + OBJECT_MS;
            begins - clock
        })
        .collect();
    waits.sort_by(f64::total_cmp);
    (waits.iter().sum::<f64>() / waits.len() as f64, waits[waits.len() * 99 / 100])
}

fn queue() -> String {
    let mut table = String::from(
        "| calls a second, one object | it is busy | mean wait | 99 of 100 wait less than |\n|---|---|---|---|\n",
    );
    for calls in [10.0, 50.0, 100.0, 200.0, 300.0, 400.0, 450.0, 480.0] {
        let (mean, most) = wait(calls);
        let busy = calls * f64::from(OBJECT_REQUESTS) * OBJECT_MS / 10.0;
        writeln!(table, "| {calls:.0} | {busy:.0} % | {mean:.2} ms | {most:.1} ms |").unwrap();
    }
    table
}

/// Rows that the object stores for a call of a token, or of the operator's own key, that continues a conversation.
fn rows(own: bool) -> usize {
    let (mut control, token, _) = with_token(serde_json::json!({"budget": {"micro": 1_000_000_000}}));
    let caller = if own { Caller::Operator } else { token };
    let mut stored = 0;
    for _ in 0..2 {
        control.changes();
        let mut inquiry = asked(&caller, "gpt-4.1");
        inquiry.affinity = Some(7);
        let grant = plan(&mut control, &inquiry).unwrap();
        stored = control.changes().len();
        control.report(&answered(&grant, USAGE), NOW);
        stored += control.changes().len();
    }
    stored
}

/// Dollars for a million of each on the paid plan, behind what is included, read in October 2026.
/// <https://developers.cloudflare.com/workers/platform/pricing/>
const REQUEST: f64 = 0.30;
const CPU_MS: f64 = 0.02;
/// <https://developers.cloudflare.com/durable-objects/platform/pricing/>
const OBJECT_REQUEST: f64 = 0.15;
const ROW_WRITTEN: f64 = 1.00;
const LOG_EVENT: f64 = 0.60;
/// An object that is never idle: 128 MB for 30.4 days, at 12.50 a million.
const OBJECT_MONTH: f64 = 0.128 * 86_400.0 * 30.4 * 12.50 / 1e6;

/// CPU of a call: the isolate's own share of a long answer, as docs/PERFORMANCE.md measures it, rounded up.
const CALL_CPU_MS: f64 = 10.0;
/// Measured by `runtime/ledger.test.mjs`.
const BOOK_ROWS: f64 = 4.0;

fn costs() -> String {
    let (own, token) = (rows(true) as f64, rows(false) as f64);
    let items = [
        ("Worker requests", 1.0, REQUEST),
        ("CPU milliseconds", CALL_CPU_MS, CPU_MS),
        ("requests to the object", f64::from(OBJECT_REQUESTS), OBJECT_REQUEST),
        ("rows the object writes, for a token", token, ROW_WRITTEN),
        ("rows of the books in D1", BOOK_ROWS, ROW_WRITTEN),
        ("lines in the log", 1.0, LOG_EVENT),
    ];
    let mut table = String::from("| a call needs | | a million calls cost |\n|---|---|---|\n");
    let mut sum = 0.0;
    for (name, amount, price) in items {
        sum += amount * price;
        writeln!(table, "| {name} | {amount:.0} | ${:.2} |", amount * price).unwrap();
    }
    let saved = (token - own) * ROW_WRITTEN;
    writeln!(table, "| **together** | | **${sum:.2}** |").unwrap();
    writeln!(
        table,
        "\nWith `SLUICE_API_KEY` in place of a token the object writes {own:.0}, and it is ${:.2}.",
        sum - saved
    )
    .unwrap();
    writeln!(table, "An object that is never idle is ${OBJECT_MONTH:.2} a month; the first is included.").unwrap();
    table
}

/// What a free day takes, and which of its limits ends it.
fn free_day() -> String {
    let (own, token) = (rows(true) as f64, rows(false) as f64);
    // Every five minutes, one request to the Worker and one to the object.
    let cron = 288.0;
    let limits = [
        ("Worker requests", 100_000.0, cron, 1.0),
        ("requests to the object", 100_000.0, cron, f64::from(OBJECT_REQUESTS)),
        ("rows the object writes, for a token", 100_000.0, 0.0, token),
        ("rows the object writes, for `SLUICE_API_KEY`", 100_000.0, 0.0, own),
        ("rows of the books in D1", 100_000.0, 0.0, BOOK_ROWS),
    ];
    let mut table = String::from("| a day has | less the cron's | a call uses | calls a day |\n|---|---|---|---|\n");
    for (name, amount, cron, each) in limits {
        let calls = if each == 0.0 { "no limit".to_owned() } else { thousands((amount - cron) / each) };
        writeln!(table, "| {} {name} | {cron:.0} | {each:.0} | {calls} |", thousands(amount)).unwrap();
    }
    table
}

fn thousands(number: f64) -> String {
    let (high, low) = (number as u64 / 1000, number as u64 % 1000);
    if high == 0 { low.to_string() } else { format!("{high},{low:03}") }
}

/// `document` with each of `tables` between its two marks.
fn filled(document: &str, tables: &[(&str, String)]) -> String {
    let mut document = document.to_owned();
    for (name, table) in tables {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let (before, rest) = document.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        document = format!("{before}{begin}\n{table}\n{end}{after}");
    }
    document
}

#[test]
fn the_figures_of_scaling_are_what_the_simulation_gives() {
    let tables = [("free", free_day()), ("queue", queue()), ("shards", sharding()), ("costs", costs())];
    for (name, table) in &tables {
        println!("{name}\n{table}");
    }
    let path = folder("../docs/SCALING.md");
    let found = std::fs::read_to_string(&path).unwrap();
    let expected = filled(&found, &tables);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert!(found == expected, "stale: UPDATE_DOCS=1 cargo test the_figures_of_scaling writes it anew");
    }
}

#[test]
fn the_queue_waits_as_long_as_the_theory_says() {
    // Pollaczek and Khinchine, for services that all take the same time.
    for calls in [50.0, 200.0, 400.0] {
        let busy = calls * f64::from(OBJECT_REQUESTS) * OBJECT_MS / 1000.0;
        let expected = busy / (2.0 * (1.0 - busy)) * OBJECT_MS;
        let (mean, _) = wait(calls);
        assert!((mean - expected).abs() < 0.05 * expected, "{calls}: {mean} is not {expected}");
    }
}

#[test]
fn where_no_account_is_ever_limited_each_call_asks_once() {
    let Seen { calls, attempts, refused, turns, moved, .. } = simulate(4, Layout::Split, 2.0);
    assert!(calls > 1_000 && turns > 500);
    assert_eq!((attempts, refused, moved), (calls, 0, 0));
}
