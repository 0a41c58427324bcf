//! Caps, leases and what is reported twice, late or never.

use super::*;

fn capped(id: &str, cap: u32) -> Account {
    Account { cap: Some(cap), ..account(id) }
}

fn partial(plan: &Plan, attempts: Vec<Attempt>) -> Settlement {
    Settlement { done: false, ..settlement(plan, attempts) }
}

#[test]
fn a_full_account_gives_way_and_all_full_is_a_429_with_a_hint() {
    let mut pool = pool(&[capped("a", 2), capped("b", 1)]);
    let mut plans: Vec<Plan> = (0..3).map(|_| pool.plan(&ask("m"), at(0)).unwrap()).collect();
    let count = |id: &str| plans.iter().filter(|plan| first(plan) == id).count();
    assert_eq!((count("a"), count("b")), (2, 1));
    let denial = pool.plan(&ask("m"), at(0)).unwrap_err();
    let Denial::Busy { until } = &denial else { panic!("{denial:?}") };
    assert!(*until > at(0));
    let failure = denial.failure(at(0));
    assert_eq!((failure.status, failure.retry_after), (429, Some(seconds(2))));
    let done = plans.pop().unwrap();
    answer(&mut pool, &done, at(1));
    assert_eq!(first(&pool.plan(&ask("m"), at(1)).unwrap()), first(&done));
}

#[test]
fn no_candidate_at_any_place_is_over_its_cap() {
    let mut pool = pool(&[capped("a", 1), account("b"), account("c")]);
    while first(&pool.plan(&ask("m"), at(0)).unwrap()) != "a" {}
    for _ in 0..10 {
        assert!(!names(&pool.plan(&ask("m"), at(0)).unwrap()).contains(&"a"));
    }
}

#[test]
fn a_lost_report_frees_its_place_after_ten_minutes() {
    let mut pool = pool(&[capped("a", 1)]);
    pool.plan(&ask("m"), at(0)).unwrap();
    assert!(matches!(pool.plan(&ask("m"), at(599_999)), Err(Denial::Busy { .. })));
    assert!(pool.plan(&ask("m"), at(600_000)).is_ok());
    assert_eq!(pool.explain(&ask("m"), at(600_000)).accounts[0].words, "busy with 1 calls", "not two");
    assert_eq!(pool.sizes().1, 1, "lost leases are forgotten");
}

#[test]
fn failover_takes_the_place_along() {
    let mut pool = pool(&[capped("a", 1), capped("b", 1)]);
    let plan = pool.plan(&ask("m"), at(0)).unwrap();
    let (from, to) = (names(&plan)[0].to_owned(), names(&plan)[1].to_owned());
    pool.report(&partial(&plan, vec![attempt(&from, "m", Outcome::Failed(limit()), at(0))]), at(1));
    pool.reset(&from, at(2));
    assert_eq!(names(&pool.plan(&ask("m"), at(2)).unwrap()), [from.as_str()], "{to} is taken, {from} is free");
    pool.report(&settlement(&plan, vec![attempt(&to, "m", Outcome::Answered, at(1))]), at(3));
    assert_eq!(names(&pool.plan(&ask("m"), at(3)).unwrap()), [to.as_str()]);
}

#[test]
fn a_report_that_is_sent_twice_counts_once() {
    let mut pool = pool(&[capped("a", 2)]);
    let [one, two] = [0, 0].map(|_| pool.plan(&ask("m"), at(0)).unwrap());
    let failed = settlement(&one, vec![attempt("a", "m", Outcome::Failed(limit()), at(0))]);
    pool.report(&failed, at(1));
    pool.changes();
    assert!(!pool.report(&failed, at(2000)), "nothing to store");
    assert_eq!(pool.resting(at(2000))[0].strikes, 1);
    let first_half = partial(&two, vec![attempt("a", "m", Outcome::Failed(limited(5)), at(1500))]);
    pool.report(&first_half, at(2000));
    pool.report(&first_half, at(4000));
    assert_eq!(rest(&pool, "m", at(4000)), Some(2500), "not later the second time");
    tell(&mut pool, "a", "m", Outcome::Answered, at(4001), at(4002));
    for again in [&failed, &first_half] {
        pool.report(again, at(5000));
        assert_eq!(rest(&pool, "m", at(5000)), None, "a success has come since");
    }
}

#[test]
fn reports_of_calls_from_before_a_restart_still_count() {
    let accounts = [capped("a", 1)];
    let mut before = pool(&accounts);
    let plan = before.plan(&ask("m"), at(0)).unwrap();
    let mut after = Store::default().restart(&accounts, at(10));
    let next = after.plan(&ask("m"), at(10)).unwrap();
    assert_ne!(plan.lease, next.lease);
    let failed = Attempt { ms: 15, ..attempt("a", "m", Outcome::Failed(limited(60)), at(0)) };
    after.report(&settlement(&plan, vec![failed]), at(20));
    answer(&mut after, &next, at(10));
    assert_eq!(rest(&after, "m", at(20)), Some(59_995), "counted from the provider's answer");
}

#[test]
fn lease_numbers_are_exact_in_javascript_and_never_repeat() {
    let mut pool = pool_of(1);
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..5000 {
        let lease = pool.plan(&ask("m"), at(n / 2000)).unwrap().lease;
        assert!(lease < 1 << 53 && seen.insert(lease));
    }
}

#[test]
fn least_used_prefers_whoever_has_the_fewest_calls_for_its_weight() {
    let mut pool = pool(&[Account { weight: 2, ..account("a") }, account("b"), account("c")]);
    let ask = Ask { strategy: crate::pool::Strategy::LeastUsed, ..ask("m") };
    let mut counts = BTreeMap::<String, u32>::new();
    let plans: Vec<Plan> = (0..400).map(|n| pool.plan(&ask, at(n)).unwrap()).collect();
    for plan in &plans {
        *counts.entry(first(plan).to_owned()).or_default() += 1;
    }
    assert_eq!((counts["a"], counts["b"], counts["c"]), (200, 100, 100));
    for plan in plans.iter().filter(|plan| first(plan) == "c") {
        answer(&mut pool, plan, at(500));
    }
    for n in 0..50 {
        assert_eq!(first(&pool.plan(&ask, at(600 + n)).unwrap()), "c");
    }
}

#[test]
fn an_account_that_leaves_the_list_and_comes_back_still_rests() {
    let mut pool = pool_of(2);
    fail(&mut pool, "a", limited(60), at(0));
    pool.set_accounts(vec![account("b")]);
    assert_eq!(names(&pool.plan(&ask("m"), at(1)).unwrap()), ["b"]);
    pool.set_accounts(vec![account("a")]);
    assert_eq!(rest(&pool, "m", at(2)), Some(59_998));
}

#[test]
fn calls_under_way_survive_a_new_list_of_accounts() {
    let mut pool = pool(&[capped("a", 1)]);
    let plan = pool.plan(&ask("m"), at(0)).unwrap();
    pool.set_accounts(vec![account("z"), Account { label: "new".to_owned(), ..capped("a", 1) }]);
    assert_eq!(names(&pool.plan(&ask("m"), at(1)).unwrap()), ["z"]);
    answer(&mut pool, &plan, at(2));
    assert_eq!(pool.plan(&ask("m"), at(3)).unwrap().candidates.len(), 2);
}

#[test]
fn lanes_are_bounded_whatever_clients_ask_for() {
    let mut pool = pool_of(2);
    for n in 0..1000 {
        pool.plan(&ask(&format!("m{n}")), at(n)).unwrap();
    }
    assert!(pool.sizes().2 <= 65);
}
