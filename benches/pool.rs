//! What a plan and its report cost, by the number of accounts: `cargo bench --bench pool`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sluice::fault::{Fault, Millis, Scope};
use sluice::pool::{Account, Ask, Attempt, Goal, Outcome, Pool, Settlement};

const ROUNDS: u64 = 20_000;

fn accounts(count: usize, cap: Option<u32>) -> Vec<Account> {
    let account = |n| Account { id: format!("account-{n}"), provider: "p".to_owned(), cap, ..Account::default() };
    (0..count).map(account).collect()
}

fn ask(model: &str, conversation: Option<u64>) -> Ask {
    let goal = Goal { provider: "p".to_owned(), model: model.to_owned(), ..Goal::default() };
    Ask { tiers: vec![vec![goal]], affinity: conversation, ..Ask::default() }
}

/// One call: through JSON, as the Durable Object sees it.
fn call(pool: &mut Pool, ask: &str, now: Millis, outcome: &Outcome) {
    let Ok(ask) = serde_json::from_str::<Ask>(ask) else { return };
    let Ok(plan) = pool.plan(&ask, now) else { return };
    black_box(serde_json::to_string(&plan).unwrap_or_default());
    let Some(first) = plan.candidates.first() else { return };
    let attempt = Attempt {
        account: first.account.clone(),
        provider: first.provider.clone(),
        model: first.model.clone(),
        outcome: outcome.clone(),
        began: now,
        ms: 1,
        first_ms: Some(1),
        windows: Vec::new(),
    };
    let settlement = Settlement { lease: plan.lease, attempts: vec![attempt], done: true, ..Settlement::default() };
    let text = serde_json::to_string(&settlement).unwrap_or_default();
    let Ok(settlement) = serde_json::from_str(&text) else { return };
    pool.report(&settlement, now);
    black_box(pool.changes());
}

fn time(rounds: u64, mut round: impl FnMut(u64)) -> u128 {
    for n in 0..rounds / 10 {
        round(n);
    }
    let start = Instant::now();
    for n in rounds / 10..rounds {
        round(n);
    }
    start.elapsed().as_nanos() / u128::from(rounds - rounds / 10)
}

fn main() {
    let limited = Outcome::Failed(Fault::RateLimited { wait: Some(Duration::from_secs(60)), scope: Scope::Account });
    println!("ns for one plan and one report with their JSON; the first column is a plan alone, without");
    println!(
        "{:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "accounts", "plan", "call", "affine", "capped", "limited", "list"
    );
    for count in [10, 1000, 10_000] {
        let at = |n: u64| Millis(1_700_000_000_000 + n);
        let text = |ask: &Ask| serde_json::to_string(ask).unwrap_or_default();
        let fresh = |cap| {
            let mut pool = Pool::default();
            pool.set_accounts(accounts(count, cap));
            pool
        };
        let mut pool = fresh(None);
        let bare = ask("m", None);
        let plan = time(ROUNDS, |n| drop(black_box(pool.plan(&bare, at(n)))));
        let mut pool = fresh(None);
        let wire = text(&bare);
        let answered = time(ROUNDS, |n| call(&mut pool, &wire, at(n), &Outcome::Answered));
        let mut pool = fresh(None);
        let talks: Vec<String> = (0..500).map(|n| text(&ask("m", Some(n)))).collect();
        let affine = time(ROUNDS, |n| {
            let talk = talks.get(usize::try_from(n % 500).unwrap_or(0)).map_or("", String::as_str);
            call(&mut pool, talk, at(n), &Outcome::Answered);
        });
        let mut pool = fresh(Some(1));
        let models: Vec<String> = (0..8).map(|n| text(&ask(&format!("m{n}"), None))).collect();
        let capped = time(ROUNDS, |n| {
            let model = models.get(usize::try_from(n % 8).unwrap_or(0)).map_or("", String::as_str);
            call(&mut pool, model, at(n), &Outcome::Answered);
        });
        // Every call meets a limit of a minute; the clock lets a window end per call.
        let mut pool = fresh(None);
        let pace = 60_000 / count as u64 + 1;
        let failing = time(ROUNDS, |n| call(&mut pool, &wire, at(n * pace), &limited));
        let mut pool = fresh(None);
        let list = accounts(count, None);
        let set = time(200, |_| pool.set_accounts(list.clone()));
        println!("{count:>9} {plan:>8} {answered:>8} {affine:>8} {capped:>8} {failing:>8} {set:>8}");
    }
}
