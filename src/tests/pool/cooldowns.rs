//! Faults and rests.

use super::*;
use crate::pool::Standing;

const MINUTE: u64 = 60_000;

#[test]
fn every_fault_rests_whom_and_how_long_the_table_says() {
    let quota = |wait, scope| Fault::Quota { wait, scope };
    let rate = |wait, scope| Fault::RateLimited { wait, scope };
    let (model, whole) = (Scope::Model, Scope::Account);
    let doubling_to_30_min = [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_024_000];
    let mut limit = doubling_to_30_min.to_vec();
    limit.extend([30 * MINUTE, 30 * MINUTE]);
    let broken = vec![5000, 10_000, 20_000, 40_000, MINUTE, MINUTE];
    let suspended = [1, 2, 4, 8, 16, 30, 30].map(|n| n * MINUTE).to_vec();
    let table: Vec<(Fault, Option<Scope>, Vec<u64>)> = vec![
        (Fault::Rejected, None, vec![]),
        (Fault::Unauthorized, Some(whole), vec![30 * MINUTE, 30 * MINUTE]),
        (Fault::Suspended, Some(whole), suspended),
        (Fault::ModelMissing, Some(model), vec![10 * MINUTE, 10 * MINUTE]),
        (rate(None, model), Some(model), limit.clone()),
        (rate(None, whole), Some(whole), limit.clone()),
        (quota(None, model), Some(model), limit.clone()),
        (quota(None, whole), Some(whole), limit),
        (rate(Some(seconds(37)), model), Some(model), vec![37_000, 37_000]),
        (quota(Some(seconds(18_000)), whole), Some(whole), vec![18_000_000, 18_000_000]),
        (Fault::Overloaded, Some(model), broken.clone()),
        (Fault::Transport, Some(model), broken.clone()),
        (Fault::Malformed, Some(model), broken),
    ];
    for (fault, scope, waits) in table {
        let mut pool = pool_of(1);
        let mut now = START;
        for wait in &waits {
            fail(&mut pool, "a", fault.clone(), now);
            assert_eq!(rest(&pool, "m", now), Some(*wait), "{fault:?}");
            let other = if scope == Some(whole) { Some(*wait) } else { None };
            assert_eq!(rest(&pool, "other", now), other, "{fault:?}: another model");
            now = Millis(now.0 + wait);
            assert_eq!(rest(&pool, "m", now), None, "{fault:?}: at the end of the window");
        }
        if scope.is_none() {
            fail(&mut pool, "a", fault.clone(), now);
            assert_eq!((rest(&pool, "m", now), pool.changes()), (None, vec![]), "{fault:?}");
        }
    }
}

#[test]
fn a_burst_of_failures_in_one_window_is_one_strike() {
    let mut pool = pool_of(1);
    for n in 0..50 {
        tell(&mut pool, "a", "m", Outcome::Failed(limit()), at(0), at(n * 10));
    }
    assert_eq!(rest(&pool, "m", at(500)), Some(500));
    assert_eq!(pool.resting(at(500))[0].strikes, 1);
    fail(&mut pool, "a", limit(), at(1000));
    assert_eq!(rest(&pool, "m", at(1000)), Some(2000));
}

#[test]
fn a_failure_reported_late_still_belongs_to_the_burst() {
    let mut pool = pool_of(1);
    fail(&mut pool, "a", limit(), at(0));
    tell(&mut pool, "a", "m", Outcome::Failed(limit()), Millis(at(0).0 - 5), at(1500));
    assert_eq!(rest(&pool, "m", at(1500)), None);
    assert_eq!(pool.resting(at(1500))[0].strikes, 1);
}

#[test]
fn success_after_k_limits_leaves_no_residue() {
    for k in 1..12 {
        let mut pool = pool_of(1);
        let mut store = Store::default();
        let mut now = START;
        for _ in 0..k {
            fail(&mut pool, "a", limit(), now);
            store.save(&mut pool);
            now = Millis(now.0 + rest(&pool, "m", now).unwrap());
        }
        let plan = pool.plan(&ask("m"), now).unwrap();
        answer(&mut pool, &plan, now);
        store.save(&mut pool);
        assert!(pool.resting(now).is_empty() && store.rows.is_empty(), "{k}: {:?}", store.rows);
        fail(&mut pool, "a", limit(), now);
        assert_eq!(rest(&pool, "m", now), Some(1000), "as if nothing had happened before");
    }
}

#[test]
fn failures_separated_by_successes_never_open_anything() {
    let mut pool = pool_of(1);
    let mut now = START;
    for _ in 0..500 {
        fail(&mut pool, "a", Fault::Overloaded, now);
        assert_eq!(rest(&pool, "m", now), Some(5000), "always the first strike");
        now = Millis(now.0 + 5000);
        let plan = pool.plan(&ask("m"), now).unwrap();
        answer(&mut pool, &plan, now);
        assert!(!pool.is_broken("p", now));
        now = Millis(now.0 + 1);
    }
}

#[test]
fn failures_hours_apart_are_first_strikes() {
    let mut pool = pool_of(1);
    for hour in 0..10 {
        let now = at(hour * 2 * 3_600_000);
        fail(&mut pool, "a", limit(), now);
        assert_eq!(rest(&pool, "m", now), Some(1000));
    }
}

#[test]
fn a_request_fault_neither_sets_nor_clears() {
    let mut pool = pool_of(1);
    fail(&mut pool, "a", Fault::Rejected, at(0));
    assert_eq!(rest(&pool, "m", at(0)), None);
    fail(&mut pool, "a", limit(), at(1));
    fail(&mut pool, "a", limit(), at(1001));
    fail(&mut pool, "a", Fault::Rejected, at(1002));
    assert_eq!(rest(&pool, "m", at(1002)), Some(1999), "the window stands");
    fail(&mut pool, "a", Fault::Rejected, at(3001));
    fail(&mut pool, "a", limit(), at(3002));
    assert_eq!(rest(&pool, "m", at(3002)), Some(4000), "so do its strikes");
}

#[test]
fn a_client_that_leaves_is_nobodys_fault_and_no_success() {
    let mut pool = pool_of(1);
    fail(&mut pool, "a", limit(), at(0));
    let plan = pool.plan(&ask("m"), at(1000)).unwrap();
    pool.report(&settlement(&plan, vec![attempt("a", "m", Outcome::Cancelled, at(1000))]), at(1100));
    assert_eq!(pool.resting(at(1100))[0].strikes, 1);
    assert!(pool.plan(&ask("m"), at(1100)).unwrap().candidates[0].probe, "the probe is free again");
}

#[test]
fn success_clears_its_own_model_and_the_account_but_no_other_model() {
    let mut pool = pool_of(1);
    tell(&mut pool, "a", "m", Outcome::Failed(limit()), at(0), at(0));
    tell(&mut pool, "a", "n", Outcome::Failed(limited(60)), at(0), at(0));
    tell(&mut pool, "a", "n", Outcome::Failed(Fault::Suspended), at(0), at(0));
    tell(&mut pool, "a", "m", Outcome::Answered, at(100), at(200));
    assert_eq!(rest(&pool, "m", at(200)), None);
    assert_eq!(rest(&pool, "n", at(200)), Some(59_800));
    assert_eq!(pool.resting(at(200)).len(), 1);
}

#[test]
fn a_success_does_not_clear_a_window_newer_than_its_beginning() {
    let mut pool = pool_of(1);
    fail(&mut pool, "a", limited(60), at(1000));
    tell(&mut pool, "a", "m", Outcome::Answered, at(500), at(2000));
    tell(&mut pool, "a", "m", Outcome::Answered, at(1000), at(2000));
    assert_eq!(rest(&pool, "m", at(2000)), Some(59_000));
    tell(&mut pool, "a", "m", Outcome::Answered, at(1001), at(2000));
    assert_eq!(rest(&pool, "m", at(2000)), None);
}

#[test]
fn a_named_wait_is_exact_and_bounded_to_seven_days() {
    let week = 7 * 24 * 3600;
    for (named, kept) in [(1, 1), (3599, 3599), (week, week), (week + 1, week), (u64::MAX / 2000, week)] {
        let mut pool = pool_of(1);
        fail(&mut pool, "a", limited(named), at(0));
        assert_eq!(rest(&pool, "m", at(0)), Some(kept * 1000));
    }
}

#[test]
fn a_named_wait_lengthens_an_open_window_and_never_shortens_a_named_one() {
    let mut pool = pool_of(1);
    let mut hear = |wait, now| {
        tell(&mut pool, "a", "m", Outcome::Failed(limited(wait)), at(0), at(now));
        rest(&pool, "m", at(now))
    };
    assert_eq!(hear(60, 0), Some(60_000));
    assert_eq!(hear(30, 100), Some(59_900), "another limit that ends sooner changes nothing");
    assert_eq!(hear(3600, 200), Some(3_600_000));
    fail(&mut pool, "a", limit(), at(300));
    assert_eq!(rest(&pool, "m", at(300)), Some(3_599_900), "a guess changes nothing");
}

#[test]
fn a_named_wait_replaces_a_guess_of_the_same_kind() {
    let mut pool = pool_of(1);
    for (now, _) in [(0, 1), (1000, 2), (3000, 4), (7000, 8)] {
        fail(&mut pool, "a", limit(), at(now));
    }
    assert_eq!(rest(&pool, "m", at(7000)), Some(8000));
    tell(&mut pool, "a", "m", Outcome::Failed(limited(2)), at(6000), at(7500));
    assert_eq!(rest(&pool, "m", at(7500)), Some(2000));
    let mut pool = pool_of(1);
    fail(&mut pool, "a", Fault::Overloaded, at(0));
    fail(&mut pool, "a", limited(2), at(1));
    assert_eq!(rest(&pool, "m", at(1)), Some(4999), "an overload is not a limit");
}

#[test]
fn a_wait_of_zero_is_no_hint() {
    let mut pool = pool_of(1);
    fail(&mut pool, "a", limited(0), at(0));
    assert_eq!(rest(&pool, "m", at(0)), Some(1000));
}

#[test]
fn strikes_of_one_kind_of_fault_do_not_lengthen_another() {
    let mut pool = pool_of(1);
    let scope = Scope::Account;
    for now in [0, 1000, 3000, 7000] {
        fail(&mut pool, "a", Fault::RateLimited { wait: None, scope }, at(now));
    }
    fail(&mut pool, "a", Fault::Suspended, at(15_000));
    assert_eq!(rest(&pool, "m", at(15_000)), Some(MINUTE));
}

#[test]
fn an_account_wide_limit_rests_every_model_and_a_model_limit_only_its_own() {
    let mut pool = pool_of(2);
    let codex = Fault::Quota { wait: Some(seconds(18_000)), scope: Scope::Account };
    tell(&mut pool, "a", "gpt-5.5", Outcome::Failed(codex), at(0), at(0));
    tell(&mut pool, "b", "gpt-5.5", Outcome::Failed(limited(60)), at(0), at(0));
    assert_eq!(rest(&pool, "gpt-5.5", at(0)), Some(60_000));
    for _ in 0..10 {
        assert_eq!(names(&pool.plan(&ask("gpt-5.4"), at(1)).unwrap()), ["b"]);
    }
}

#[test]
fn models_with_slashes_in_their_names_rest_by_their_whole_name() {
    let mut pool = pool_of(1);
    tell(&mut pool, "a", "deepseek/deepseek-chat", Outcome::Failed(limited(60)), at(0), at(0));
    assert_eq!(rest(&pool, "deepseek/deepseek-chat", at(0)), Some(60_000));
    assert_eq!(rest(&pool, "deepseek", at(0)), None);
    assert_eq!(rest(&pool, "deepseek-chat", at(0)), None);
}

#[test]
fn an_account_is_never_given_up_however_often_it_fails() {
    let mut pool = pool_of(1);
    let mut now = START;
    for fault in [Fault::Unauthorized, Fault::Suspended, limit(), Fault::Transport].iter().cycle().take(1000) {
        fail(&mut pool, "a", fault.clone(), now);
        let wait = rest(&pool, "m", now).unwrap();
        assert!(wait <= 30 * MINUTE);
        now = Millis(now.0 + wait);
        assert_eq!(rest(&pool, "m", now), None);
    }
}

#[test]
fn a_payment_error_moves_on_to_the_next_account_at_once() {
    let mut pool = pool_of(2);
    let plan = pool.plan(&ask("m"), at(0)).unwrap();
    let (bad, good) = (plan.candidates[0].account.clone(), plan.candidates[1].account.clone());
    let attempts = vec![
        attempt(&bad, "m", Outcome::Failed(Fault::Suspended), at(0)),
        attempt(&good, "m", Outcome::Answered, at(1)),
    ];
    pool.report(&settlement(&plan, attempts), at(2));
    for n in 0..20 {
        assert_eq!(names(&pool.plan(&ask("m"), at(3 + n)).unwrap()), [good.as_str()], "the bad one is not tried again");
    }
}

#[test]
fn a_limited_account_is_probed_once_per_window() {
    let mut pool = pool_of(1);
    fail(&mut pool, "a", limit(), at(0));
    let probe = pool.plan(&ask("m"), at(1000)).unwrap();
    assert!(probe.candidates[0].probe);
    for now in [1000, 2000, 60_999] {
        let Err(Denial::Cooling { until, .. }) = pool.plan(&ask("m"), at(now)) else {
            panic!("a second probe at {now}")
        };
        assert_eq!(until, at(61_000));
    }
    assert!(matches!(pool.explain(&ask("m"), at(2000)).accounts[0].state, Standing::Probing { .. }));
    pool.report(&settlement(&probe, vec![attempt("a", "m", Outcome::Failed(limit()), at(1000))]), at(3000));
    assert_eq!(rest(&pool, "m", at(3000)), Some(2000), "its failure is the next strike");
    let probe = pool.plan(&ask("m"), at(5000)).unwrap();
    answer(&mut pool, &probe, at(5001));
    let plans = [0, 0, 0].map(|_| pool.plan(&ask("m"), at(5001)).unwrap());
    assert!(plans.iter().all(|plan| !plan.candidates[0].probe), "its success restores the account");
}

#[test]
fn a_probe_that_never_reports_is_given_again_after_a_minute() {
    let mut pool = pool_of(1);
    fail(&mut pool, "a", limit(), at(0));
    pool.plan(&ask("m"), at(1000)).unwrap();
    assert!(pool.plan(&ask("m"), at(61_000)).unwrap().candidates[0].probe);
}

#[test]
fn a_retry_time_counts_a_probe_that_outlasts_the_window() {
    let mut pool = pool_of(1);
    tell(&mut pool, "a", "m", Outcome::Failed(limit()), at(0), at(500));
    pool.plan(&ask("m"), at(1500)).unwrap();
    tell(&mut pool, "a", "m", Outcome::Failed(limited(2)), at(400), at(1600));
    let promised = at(1600 + rest(&pool, "m", at(1600)).unwrap());
    assert!(pool.plan(&ask("m"), promised).is_ok());
}

#[test]
fn a_probe_is_over_when_content_starts_not_when_the_answer_ends() {
    let mut pool = pool_of(1);
    fail(&mut pool, "a", limit(), at(0));
    let plan = pool.plan(&ask("m"), at(1000)).unwrap();
    let attempts = vec![attempt("a", "m", Outcome::Answered, at(1000))];
    pool.report(&Settlement { done: false, ..settlement(&plan, attempts) }, at(1500));
    assert_eq!(rest(&pool, "m", at(1500)), None);
}

#[test]
fn a_probe_that_was_not_needed_is_given_back() {
    let mut pool = pool_of(2);
    fail(&mut pool, "a", limit(), at(0));
    fail(&mut pool, "b", limit(), at(0));
    let plan = pool.plan(&ask("m"), at(1000)).unwrap();
    assert_eq!(plan.candidates.iter().filter(|candidate| candidate.probe).count(), 2);
    assert!(rest(&pool, "m", at(1000)).is_some(), "both are out");
    answer(&mut pool, &plan, at(1001));
    let probed = plan.candidates[1].account.clone();
    let next = pool.plan(&ask("m"), at(1002)).unwrap();
    assert_eq!((first(&next), next.candidates[0].probe), (probed.as_str(), true), "whoever is due finds out first");
}

#[test]
fn an_account_known_to_be_well_is_the_alternative_to_a_probe() {
    let mut pool = pool_of(4);
    for id in ["a", "b"] {
        fail(&mut pool, id, limit(), at(0));
    }
    let plan = pool.plan(&ask("m"), at(1000)).unwrap();
    assert_eq!(names(&plan), ["a", "c", "d"], "one doubtful account at a time");
}

#[test]
fn an_operators_reset_ends_every_window() {
    let mut pool = pool_of(1);
    let mut store = Store::default();
    pool.plan(&ask("m"), at(0)).unwrap();
    fail(&mut pool, "a", limited(604_800), at(0));
    fail(&mut pool, "a", Fault::Unauthorized, at(0));
    store.save(&mut pool);
    pool.reset("a", at(1));
    store.save(&mut pool);
    assert_eq!((rest(&pool, "m", at(1)), store.rows.len()), (None, 0));
}

#[test]
fn invented_model_names_do_not_fill_the_store() {
    let mut pool = pool_of(1);
    let mut store = Store::default();
    for n in 0..1000 {
        tell(&mut pool, "a", &format!("m{n}"), Outcome::Failed(Fault::ModelMissing), at(n), at(n));
        store.save(&mut pool);
    }
    assert!(pool.resting(at(1000)).len() <= 64);
    assert!(store.rows.len() == 1 && store.rows["account/a"].len() < 8192);
}

#[test]
fn a_row_is_written_only_when_something_lasting_changed() {
    let mut pool = pool_of(3);
    let mut store = Store::default();
    for n in 0..1000 {
        let plan = pool.plan(&talk(n % 3), at(n)).unwrap();
        answer(&mut pool, &plan, at(n));
        store.save(&mut pool);
    }
    assert_eq!(store.writes, 3, "one for each conversation");
    for n in 0..100 {
        tell(&mut pool, "a", "m", Outcome::Failed(limited(60)), at(1000), at(1000));
        tell(&mut pool, "a", "m", Outcome::Failed(limit()), at(1000), at(1000 + n));
        store.save(&mut pool);
    }
    assert_eq!(store.writes, 4, "and one for the window");
}

#[test]
fn rows_are_read_in_any_order_and_a_broken_one_is_removed() {
    let mut pool = pool_of(2);
    let mut store = Store::default();
    let plan = pool.plan(&talk(7), at(0)).unwrap();
    let home = first(&plan).to_owned();
    fail(&mut pool, "a", limited(60), at(0));
    fail(&mut pool, "b", limited(90), at(0));
    store.save(&mut pool);
    store.rows.insert("account/c".to_owned(), "{\"a\":3}".to_owned());
    store.rows.insert("something/else".to_owned(), "1".to_owned());
    let accounts = [account("a"), account("b")];
    let mut early = store.restart(&accounts, at(10));
    let mut late = super::pool(&accounts);
    late.plan(&talk(1), at(5)).unwrap();
    late.load(store.rows.clone(), at(10));
    for pool in [&mut early, &mut late] {
        assert_eq!(rest(pool, "m", at(10)), Some(59_990));
        let removed: Vec<_> = pool.changes().into_iter().filter(|row| row.value.is_none()).map(|row| row.key).collect();
        assert_eq!(removed, ["account/c"]);
        assert_eq!(first(&pool.plan(&talk(7), at(90_000)).unwrap()), home);
    }
}
