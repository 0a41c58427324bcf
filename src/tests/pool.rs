//! The pool: who is asked, who rests, who is back. Time is a number.

mod cooldowns;
mod laws;
mod places;
mod selection;
mod stranded;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault::{Fault, Millis, Scope};
use crate::pool::{Account, Ask, Attempt, Denial, Goal, Outcome, Plan, Pool, Settlement};

/// Late enough that times before it exist.
const START: Millis = Millis(1_700_000_000_000);

fn at(ms: u64) -> Millis {
    Millis(START.0 + ms)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn account(id: &str) -> Account {
    Account { id: id.to_owned(), provider: "p".to_owned(), ..Account::default() }
}

fn pool(accounts: &[Account]) -> Pool {
    let mut pool = Pool::default();
    pool.set_accounts(accounts.to_vec());
    pool
}

/// Accounts `a`, `b`, … of provider `p`.
fn pool_of(count: u8) -> Pool {
    pool(&(0..count).map(|n| account(&char::from(b'a' + n).to_string())).collect::<Vec<_>>())
}

fn goal(provider: &str, model: &str) -> Goal {
    Goal { provider: provider.to_owned(), model: model.to_owned(), ..Goal::default() }
}

fn ask(model: &str) -> Ask {
    Ask { tiers: vec![vec![goal("p", model)]], ..Ask::default() }
}

fn talk(conversation: u64) -> Ask {
    Ask { affinity: Some(conversation), ..ask("m") }
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.candidates.iter().map(|candidate| candidate.account.as_str()).collect()
}

fn first(plan: &Plan) -> &str {
    &plan.candidates[0].account
}

fn limited(wait_seconds: u64) -> Fault {
    Fault::RateLimited { wait: Some(seconds(wait_seconds)), scope: Scope::Model }
}

fn limit() -> Fault {
    Fault::RateLimited { wait: None, scope: Scope::Model }
}

fn attempt(account: &str, model: &str, outcome: Outcome, began: Millis) -> Attempt {
    let (account, model) = (account.to_owned(), model.to_owned());
    Attempt { account, model, provider: "p".to_owned(), outcome, began, ..Attempt::default() }
}

fn settlement(plan: &Plan, attempts: Vec<Attempt>) -> Settlement {
    Settlement { lease: plan.lease, attempts, done: true, ..Settlement::default() }
}

/// The outcome of one call to `account`, outside any plan.
fn tell(pool: &mut Pool, account: &str, model: &str, outcome: Outcome, began: Millis, now: Millis) {
    let attempts = vec![Attempt { ms: now.0 - began.0, ..attempt(account, model, outcome, began) }];
    pool.report(&Settlement { attempts, done: true, ..Settlement::default() }, now);
}

fn fail(pool: &mut Pool, account: &str, fault: Fault, now: Millis) {
    tell(pool, account, "m", Outcome::Failed(fault), now, now);
}

/// The first candidate answers at once.
fn answer(pool: &mut Pool, plan: &Plan, now: Millis) {
    let candidate = &plan.candidates[0];
    let attempts = vec![attempt(&candidate.account, &candidate.model, Outcome::Answered, now)];
    pool.report(&settlement(plan, attempts), now);
}

/// How long nobody can be asked for `model`, in milliseconds. Nothing changes.
fn rest(pool: &Pool, model: &str, now: Millis) -> Option<u64> {
    match pool.clone().plan(&ask(model), now) {
        Ok(_) => None,
        Err(Denial::Cooling { until, .. }) => Some(until.0 - now.0),
        Err(denial) => panic!("{denial:?}"),
    }
}

/// A store that takes every change as it comes.
#[derive(Default, Clone)]
struct Store {
    rows: BTreeMap<String, String>,
    writes: usize,
}

impl Store {
    fn save(&mut self, pool: &mut Pool) {
        for row in pool.changes() {
            self.writes += 1;
            match row.value {
                Some(value) => drop(self.rows.insert(row.key, value)),
                None => drop(self.rows.remove(&row.key)),
            }
        }
    }

    /// A pool that knows what the store knows.
    fn restart(&self, accounts: &[Account], now: Millis) -> Pool {
        let mut pool = Pool::default();
        pool.load(self.rows.clone(), now);
        pool.set_accounts(accounts.to_vec());
        pool
    }
}
