//! Laws of the pool, checked against a plain list of windows under random operations on a fake clock.

use proptest::prelude::*;

use super::*;
use crate::pool::{self, Resting, Standing};

#[derive(Debug, Clone)]
enum Step {
    Plan(usize),
    /// Settle one of the open plans: the outcomes of its candidates, whether first in part, and how old the calls are.
    Settle(usize, [Said; 4], bool, u8),
    Repeat,
    Wait(u64),
    /// Until the last promise.
    WaitForRetry,
    Reset(usize),
    Toggle(usize),
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum Said {
    Answer,
    Leave,
    Refuse,
    Fail(u8, u8),
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        4 => Just(Said::Answer),
        1 => Just(Said::Leave),
        1 => Just(Said::Refuse),
        8 => (0..8_u8, 0..6_u8).prop_map(|(kind, wait)| Said::Fail(kind, wait)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let outcomes = [said(), said(), said(), said()];
    prop_oneof![
        10 => (0..ASKS).prop_map(Step::Plan),
        8 => (0..8_usize, outcomes, any::<bool>(), any::<u8>()).prop_map(|(a, b, c, d)| Step::Settle(a, b, c, d)),
        1 => Just(Step::Repeat),
        4 => prop_oneof![0..50_u64, 500..5000_u64, 30_000..700_000_u64, 3_000_000..700_000_000_u64].prop_map(Step::Wait),
        2 => Just(Step::WaitForRetry),
        1 => (0..8_usize).prop_map(Step::Reset),
        1 => (0..8_usize).prop_map(Step::Toggle),
        1 => Just(Step::Restart),
    ]
}

fn fault(kind: u8, wait: u8) -> Fault {
    let wait = [None, Some(0), Some(1), Some(30), Some(18_000), Some(10_000_000)][usize::from(wait)].map(seconds);
    match kind {
        0 => Fault::RateLimited { wait, scope: Scope::Model },
        1 => Fault::RateLimited { wait, scope: Scope::Account },
        2 => Fault::Quota { wait, scope: Scope::Account },
        3 => Fault::Overloaded,
        4 => Fault::Transport,
        5 => Fault::ModelMissing,
        6 => Fault::Suspended,
        _ => Fault::Unauthorized,
    }
}

fn accounts() -> Vec<Account> {
    let of = |id: &str, provider: &str, priority, cap| Account {
        provider: provider.to_owned(),
        priority,
        cap,
        ..account(id)
    };
    vec![
        Account { weight: 3, ..of("a", "p", 0, None) },
        of("b", "p", 0, Some(1)),
        Account { deny: vec!["n*".to_owned()], ..of("c", "p", 0, Some(2)) },
        of("d", "p", 5, None),
        of("e", "q", 0, Some(1)),
        Account { group: Some("team".to_owned()), ..of("f", "q", 0, None) },
        Account { allow: vec!["n".to_owned()], ..of("g", "q", 1, None) },
        Account { enabled: false, ..of("h", "q", 0, None) },
    ]
}

const ASKS: usize = 8;

fn asks() -> [Ask; ASKS] {
    let tiers = |tiers: Vec<Vec<Goal>>| Ask { tiers, ..Ask::default() };
    let team = Goal { only: Some("team".to_owned()), ..goal("q", "m") };
    let heavy = Goal { weight: Some(3), ..goal("p", "m") };
    [
        ask("m"),
        Ask { affinity: Some(1), ..ask("m") },
        ask("n"),
        tiers(vec![vec![goal("p", "m"), goal("q", "m")]]),
        Ask { affinity: Some(2), ..tiers(vec![vec![goal("q", "m")], vec![goal("p", "m"), goal("p", "n")]]) },
        Ask { strategy: pool::Strategy::FillFirst, ..tiers(vec![vec![heavy, goal("q", "n")]]) },
        Ask { strategy: pool::Strategy::LeastUsed, ..tiers(vec![vec![goal("p", "m"), goal("q", "n")]]) },
        tiers(vec![vec![team]]),
    ]
}

/// What the design says of one window.
#[derive(Debug, Clone, Copy)]
struct Window {
    until: u64,
    since: u64,
    strikes: u32,
    kind: u8,
    named: bool,
    /// The lease of the call that finds out, and until when.
    probe: Option<(u64, u64)>,
}

const HOUR: u64 = 3_600_000;

impl Window {
    fn hear(old: Option<Self>, fault: &Fault, began: u64, now: u64) -> Self {
        let (kind, base, most) = match fault {
            Fault::RateLimited { .. } | Fault::Quota { .. } => (0, 1000, HOUR / 2),
            Fault::ModelMissing => (1, HOUR / 6, HOUR / 6),
            Fault::Suspended => (2, 60_000, HOUR / 2),
            Fault::Unauthorized => (3, HOUR / 2, HOUR / 2),
            _ => (4, 5000, 60_000),
        };
        let hint = match fault {
            Fault::RateLimited { wait: Some(wait), .. } | Fault::Quota { wait: Some(wait), .. } if !wait.is_zero() => {
                Some(wait.as_millis().min(7 * 24 * u128::from(HOUR)) as u64)
            }
            _ => None,
        };
        let fresh = |strikes: u32| {
            let until = now + hint.unwrap_or((base << strikes).min(most));
            Self { until, since: now, strikes: strikes + 1, kind, named: hint.is_some(), probe: None }
        };
        let Some(old) = old else { return fresh(0) };
        if old.until <= now && began >= old.since {
            let counts = old.kind == kind && now - old.until <= HOUR;
            return fresh(if counts { old.strikes } else { 0 });
        }
        match hint.map(|wait| now + wait) {
            Some(until) if until > old.until || !old.named && old.until > now && old.kind == kind => {
                Self { until, since: now, kind, named: true, ..old }
            }
            _ => old,
        }
    }
}

struct Open {
    plan: Plan,
    at: u64,
    /// The candidate whose answer is streaming.
    answering: Option<usize>,
}

struct World {
    pool: Pool,
    store: Store,
    accounts: Vec<Account>,
    now: u64,
    open: Vec<Open>,
    windows: BTreeMap<(String, String), Window>,
    /// Lease, account, since when: what counts against caps.
    held: BTreeMap<u64, (String, u64)>,
    last: Option<Settlement>,
    retry: Option<u64>,
}

impl World {
    fn new() -> Self {
        let accounts = accounts();
        let pool = super::pool(&accounts);
        Self {
            pool,
            store: Store::default(),
            accounts,
            now: 0,
            open: Vec::new(),
            windows: BTreeMap::new(),
            held: BTreeMap::new(),
            last: None,
            retry: None,
        }
    }

    fn windows(&self, id: &str, model: &str) -> impl Iterator<Item = &Window> {
        [model, ""].map(|model| self.windows.get(&(id.to_owned(), model.to_owned()))).into_iter().flatten()
    }

    fn is_full(&self, account: &Account) -> bool {
        let holds = |(id, since): &&(String, u64)| *id == account.id && since + 600_000 > self.now;
        account.cap.is_some_and(|cap| self.held.values().filter(holds).count() >= cap as usize)
    }

    fn is_probed(&self, id: &str, model: &str) -> bool {
        self.windows(id, model).any(|window| window.probe.is_some_and(|(_, until)| until > self.now))
    }

    fn fits(account: &Account, goal: &Goal) -> bool {
        let only = goal.only.as_ref().is_none_or(|only| account.group.as_ref() == Some(only));
        let allowed = account.id != "g" || goal.model == "n";
        let denied = account.id == "c" && goal.model.starts_with('n');
        account.enabled && account.provider == goal.provider && only && allowed && !denied
    }

    fn rests(&self, id: &str, model: &str) -> bool {
        self.windows(id, model).any(|window| window.until > self.now)
    }

    fn plan(&mut self, ask: &Ask) {
        let now = at(self.now);
        let explained = self.pool.explain(ask, now);
        let goals: Vec<&Goal> = ask.tiers.iter().flatten().collect();
        match self.pool.plan(ask, now) {
            Ok(plan) => {
                assert_eq!(explained.order, plan.candidates, "explain tells what is done");
                assert!((1..=4).contains(&plan.candidates.len()));
                for (n, candidate) in plan.candidates.iter().enumerate() {
                    let (id, model) = (&candidate.account, &candidate.model);
                    assert!(plan.candidates[..n].iter().all(|other| other.account != *id), "{id} twice");
                    let account = self.accounts.iter().find(|account| account.id == *id).unwrap();
                    let goal = goals.iter().find(|goal| goal.model == *model && goal.provider == candidate.provider);
                    assert!(Self::fits(account, goal.unwrap()), "{id} may not");
                    assert!(!self.rests(id, model), "{id} rests for {model}");
                    assert!(!self.is_full(account), "{id} is full");
                    assert!(!self.is_probed(id, model), "{id} is being probed");
                    assert_eq!(candidate.probe, self.windows(id, model).count() > 0, "{id}: probes what was limited");
                }
                for candidate in &plan.candidates {
                    for model in [&candidate.model, ""] {
                        if let Some(window) = self.windows.get_mut(&(candidate.account.clone(), model.to_owned())) {
                            window.probe = Some((plan.lease, self.now + 60_000));
                        }
                    }
                }
                self.held.insert(plan.lease, (first(&plan).to_owned(), self.now));
                self.open.push(Open { plan, at: self.now, answering: None });
            }
            Err(denial) => {
                assert_eq!(explained.denial.as_ref(), Some(&denial));
                let mut fitting =
                    self.accounts.iter().flat_map(|account| goals.iter().map(move |goal| (account, *goal)));
                let could = |(account, goal): &(&Account, &Goal)| {
                    Self::fits(account, goal)
                        && !self.rests(&account.id, &goal.model)
                        && !self.is_full(account)
                        && !self.is_probed(&account.id, &goal.model)
                };
                assert!(!fitting.clone().any(|pair| could(&pair)), "{denial:?}, but somebody could");
                match denial {
                    Denial::NoAccount => assert!(!fitting.any(|(account, goal)| Self::fits(account, goal))),
                    Denial::Busy { until } => {
                        assert!(until > now && fitting.any(|(account, _)| self.is_full(account)));
                    }
                    Denial::Cooling { until, .. } => {
                        assert!(until > now);
                        self.pool
                            .clone()
                            .plan(ask, until)
                            .unwrap_or_else(|denial| panic!("a broken promise: {denial:?}"));
                        let before = self.pool.clone().plan(ask, Millis(until.0 - 1));
                        assert!(before.is_err(), "and it could not have been earlier");
                        self.retry = Some(until.0 - START.0);
                    }
                    Denial::Unavailable => panic!("the pool is here"),
                }
            }
        }
    }

    fn settle(&mut self, which: usize, outcomes: [Said; 4], in_part: bool, age: u8) {
        if self.open.is_empty() {
            return;
        }
        let Open { plan, at: planned, answering } = self.open.swap_remove(which % self.open.len());
        let oldest = planned.max(self.now.saturating_sub(600_000));
        let began = oldest + (self.now - oldest) * u64::from(age) / 255;
        let mut attempts = Vec::new();
        let mut answered = None;
        let candidates = plan.candidates.iter().enumerate().skip(answering.unwrap_or(0));
        for (n, candidate) in candidates.take(if answering.is_some() { 1 } else { 4 }) {
            let outcome = match outcomes[n] {
                Said::Answer => Outcome::Answered,
                Said::Leave => Outcome::Cancelled,
                Said::Refuse => Outcome::Failed(Fault::Rejected),
                Said::Fail(kind, wait) => Outcome::Failed(fault(kind, wait)),
            };
            let over = !matches!(&outcome, Outcome::Failed(fault) if fault.fails_over());
            answered = (outcome == Outcome::Answered).then_some(n);
            let attempt = attempt(&candidate.account, &candidate.model, outcome, at(began));
            attempts.push(Attempt { provider: candidate.provider.clone(), ms: self.now - began, ..attempt });
            if over {
                break;
            }
        }
        for attempt in &attempts {
            let place = |scope| match scope {
                Scope::Account => (attempt.account.clone(), String::new()),
                Scope::Model => (attempt.account.clone(), attempt.model.clone()),
            };
            match &attempt.outcome {
                Outcome::Cancelled | Outcome::Beaten | Outcome::Failed(Fault::Rejected) => {}
                Outcome::Answered => {
                    for key in [place(Scope::Account), place(Scope::Model)] {
                        if self.windows.get(&key).is_some_and(|window| window.since < began) {
                            self.windows.remove(&key);
                        }
                    }
                }
                Outcome::Failed(fault) => {
                    let key = place(match fault {
                        Fault::RateLimited { scope, .. } | Fault::Quota { scope, .. } => *scope,
                        Fault::Suspended | Fault::Unauthorized => Scope::Account,
                        _ => Scope::Model,
                    });
                    let window = Window::hear(self.windows.get(&key).copied(), fault, began, self.now);
                    if !key.1.is_empty() && !self.windows.contains_key(&key) {
                        let old = |window: &Window| window.until + HOUR <= self.now;
                        self.windows
                            .retain(|(account, model), window| *account != key.0 || model.is_empty() || !old(window));
                    }
                    self.windows.insert(key, window);
                }
            }
        }
        let streaming = answered.filter(|_| in_part && answering.is_none());
        let settlement = Settlement { done: streaming.is_none(), ..settlement(&plan, attempts) };
        self.pool.report(&settlement, at(self.now));
        let current = streaming.map(|n| &plan.candidates[n].account);
        for ((account, _), window) in &mut self.windows {
            window.probe = window.probe.filter(|(lease, _)| *lease != plan.lease || Some(account) == current);
        }
        let begun = self.held.remove(&plan.lease).map(|(_, since)| since);
        if let Some(n) = streaming {
            let begun = begun.filter(|since| since + 600_000 > self.now);
            self.held.extend(begun.map(|since| (plan.lease, (plan.candidates[n].account.clone(), since))));
            self.open.push(Open { plan, at: planned, answering });
            self.open.last_mut().unwrap().answering = streaming;
        }
        self.last = Some(settlement);
    }

    /// The open windows of the pool are those of the list, and the store knows them all.
    fn check(&mut self) {
        self.store.save(&mut self.pool);
        let open = |pool: &Pool| -> Vec<(String, String, u64, u32)> {
            pool.resting(at(self.now))
                .into_iter()
                .filter_map(|Resting { account, model, state, strikes, .. }| match state {
                    Standing::Cooling { until, .. } => {
                        Some((account, model.unwrap_or_default(), until.0 - START.0, strikes))
                    }
                    _ => None,
                })
                .collect()
        };
        let expected: Vec<(String, String, u64, u32)> = self
            .windows
            .iter()
            .filter(|(_, window)| window.until > self.now)
            .map(|((account, model), window)| (account.clone(), model.clone(), window.until, window.strikes))
            .collect();
        assert_eq!(open(&self.pool), expected);
        assert_eq!(open(&self.store.restart(&self.accounts, at(self.now))), expected);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Plan(n) => self.plan(&asks()[*n]),
            Step::Settle(which, outcomes, in_part, age) => self.settle(*which, *outcomes, *in_part, *age),
            Step::Repeat => {
                // A report that arrives again later than its lease lasts is taken for a new one.
                let lasts = |last: &&Settlement| last.done || self.now < (last.lease >> 10) - START.0 + 600_000;
                if let Some(last) = self.last.as_ref().filter(lasts) {
                    self.pool.report(last, at(self.now));
                }
            }
            Step::Wait(ms) => self.now += ms,
            Step::WaitForRetry => self.now = self.retry.take().unwrap_or(0).max(self.now),
            Step::Reset(n) => {
                let id = &self.accounts[*n].id;
                self.pool.reset(id, at(self.now));
                self.windows.retain(|(account, _), _| account != id);
            }
            Step::Toggle(n) => {
                self.accounts[*n].enabled ^= true;
                self.pool.set_accounts(self.accounts.clone());
            }
            Step::Restart => {
                // Lease numbers count on it.
                self.now += 1;
                self.pool = self.store.restart(&self.accounts, at(self.now));
                self.held.clear();
                self.windows.values_mut().for_each(|window| window.probe = None);
                // A week after its last window an account is like new.
                let recent = |window: &Window| window.until + 7 * 24 * HOUR >= self.now;
                let windows = self.windows.clone();
                let matters =
                    |id: &String| windows.iter().any(|((account, _), window)| account == id && recent(window));
                self.windows.retain(|(account, _), _| matters(account));
                self.last = None;
                // An answer that streams on across a restart is reported to a pool that has never heard of it.
            }
        }
        self.check();
    }
}

proptest! {
    // 96 × up to 240: about 11,000 steps.
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nobody_who_must_not_be_asked_is_ever_asked(steps in prop::collection::vec(step(), 1..240)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
    }

    #[test]
    fn any_weights_are_kept_within_two_percent(weights in prop::collection::vec(1..50_u32, 2..7), start in 0..1_000_000_u64) {
        let ids = ["a", "b", "c", "d", "e", "f"];
        let accounts: Vec<Account> =
            ids.iter().zip(&weights).map(|(id, weight)| Account { weight: *weight, ..account(id) }).collect();
        let mut pool = super::pool(&accounts);
        let mut counts = BTreeMap::<String, f64>::new();
        for n in 0..2000 {
            *counts.entry(first(&pool.plan(&ask("m"), at(start + n)).unwrap()).to_owned()).or_default() += 1.0;
        }
        let total: u32 = weights.iter().sum();
        for account in &accounts {
            let due = 2000.0 * f64::from(account.weight) / f64::from(total);
            let got = counts.get(&account.id).copied().unwrap_or(0.0);
            prop_assert!((got - due).abs() <= 0.02 * due + 2.0, "{} {got} of {due}", account.id);
        }
    }
}
