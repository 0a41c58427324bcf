//! Laws of budgets, under random calls, losses and restarts on a fake clock.

use proptest::prelude::*;

use super::*;
use crate::clients::{Used, View};

#[derive(Debug, Clone)]
enum Step {
    /// Of a token: the most it can cost, and how much of that it will.
    Call(usize, u64, u8),
    Settle(usize),
    Repeat(usize),
    Wait(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize, 0..400_u64, any::<u8>()).prop_map(|(token, most, part)| Step::Call(token, most, part)),
        6 => (0..64_usize).prop_map(Step::Settle),
        1 => (0..64_usize).prop_map(Step::Repeat),
        3 => prop_oneof![0..1000_u64, 500_000..700_000_u64, HOUR..30 * HOUR].prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

const BUDGET: u64 = 1000;

struct World {
    clients: Clients,
    store: Store,
    now: u64,
    ids: Vec<String>,
    /// Lease, token, most, cost, whether it was settled.
    calls: Vec<(u64, usize, u64, u64, bool)>,
    /// What was charged, by token, and settled at its hold.
    charged: [u64; 3],
    /// The highest ceiling of a call, by token.
    dearest: [u64; 3],
}

impl World {
    fn new() -> Self {
        let mut clients = Clients::default();
        let windows = ["total", "day", "5h"];
        let ids = (1..).zip(windows).map(|(seed, window)| {
            let terms = terms(json!({"budget": {"micro": BUDGET, "window": window}}));
            clients.create(terms, &key(seed), at(0)).unwrap().id
        });
        let ids = ids.collect();
        let mut store = Store::default();
        store.save(&mut clients);
        Self { clients, store, now: 0, ids, calls: Vec::new(), charged: [0; 3], dearest: [0; 3] }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Call(token, most, part) => {
                let lease = self.calls.len() as u64 + 1;
                let left = self.clients.view(&self.ids[*token], at(self.now)).unwrap().left_micro.unwrap();
                self.clients.expire(at(self.now));
                match call(&mut self.clients, &self.ids[*token], *most, lease, self.now) {
                    Ok(admission) => {
                        assert!(admission.held_micro <= *most);
                        let cost = most * u64::from(*part) / 255;
                        self.calls.push((lease, *token, *most, cost, false));
                        self.dearest[*token] = self.dearest[*token].max(*most);
                    }
                    Err(refusal) => {
                        assert!(matches!(code(&refusal), "insufficient_quota" | "budget_held"), "{refusal:?}");
                        assert!(refusal.failure.retry_after.is_some());
                        // With money left nobody is told that it is used up.
                        assert!(left == 0 || code(&refusal) == "budget_held");
                    }
                }
            }
            Step::Settle(which) => {
                let open: Vec<_> = self.calls.iter_mut().filter(|call| !call.4).collect();
                let count = open.len().max(1);
                let Some(call) = open.into_iter().nth(which % count) else { return };
                call.4 = true;
                let (lease, token, _, cost, _) = *call;
                self.clients.expire(at(self.now));
                self.count_lapsed();
                let before = used(&self.clients, &self.ids[token], self.now);
                if self.clients.settle(lease, cost, 1, at(self.now)) {
                    let after = used(&self.clients, &self.ids[token], self.now);
                    self.charged[token] = self.charged[token].wrapping_add(after.wrapping_sub(before));
                }
            }
            Step::Repeat(which) => {
                let done: Vec<_> = self.calls.iter().filter(|call| call.4).collect();
                let Some((lease, token, _, cost, _)) = done.get(which % done.len().max(1)).copied() else { return };
                assert!(!self.clients.settle(*lease, *cost, 1, at(self.now)), "of token {token}, a second time");
            }
            Step::Wait(ms) => self.now += ms,
            Step::Restart => {
                self.count_lapsed();
                self.store.save(&mut self.clients);
                self.clients = self.store.restart();
            }
        }
        self.count_lapsed();
        self.store.save(&mut self.clients);
        self.check();
    }

    fn count_lapsed(&mut self) {
        for lapsed in self.clients.lapsed() {
            let token = self.ids.iter().position(|id| *id == lapsed.token).unwrap();
            self.charged[token] = self.charged[token].wrapping_add(lapsed.micro);
        }
    }

    fn check(&self) {
        for (token, id) in self.ids.iter().enumerate() {
            let view = self.clients.view(id, at(self.now)).unwrap();
            assert!(view.used.micro <= BUDGET + self.dearest[token], "{} of {BUDGET}", view.used.micro);
            assert!(view.left_micro.unwrap() + view.used.micro.min(BUDGET) <= BUDGET);
            // A restart changes nothing but how exactly the last call is remembered.
            let after = self.store.restart().view(id, at(self.now)).unwrap();
            assert_eq!(View { used: Used { seen: view.used.seen, ..after.used }, ..after }, view);
        }
        // Without a window that ends, what is used is exactly what was charged.
        assert_eq!(used(&self.clients, &self.ids[0], self.now), self.charged[0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn spending_exceeds_a_budget_by_one_calls_estimate_at_most(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
    }

    #[test]
    fn when_every_call_has_ended_nothing_is_held_and_the_sum_is_exact(
        calls in prop::collection::vec((0..400_u64, any::<u8>(), any::<bool>()), 1..80),
    ) {
        let (mut clients, id) = clients(json!({"budget": {"micro": BUDGET, "window": "total"}}));
        let mut sum = 0;
        for (lease, (most, part, ends)) in (1..).zip(calls) {
            let Ok(admission) = call(&mut clients, &id, most, lease, lease) else { continue };
            let cost = most * u64::from(part) / 255;
            if ends {
                clients.settle(lease, cost, 1, at(lease));
                sum += cost;
            } else {
                sum += admission.held_micro;
            }
        }
        clients.expire(at(2 * HOUR));
        let view = clients.view(&id, at(2 * HOUR)).unwrap();
        prop_assert_eq!((view.used.micro, view.left_micro, view.calls), (sum, Some(BUDGET.saturating_sub(sum)), 0));
    }
}
