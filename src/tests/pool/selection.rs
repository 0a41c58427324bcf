//! Order, turns, conversations.

use super::*;
use crate::pool::{Standing, Strategy};

fn count(picks: impl Iterator<Item = String>) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    picks.for_each(|pick| *counts.entry(pick).or_default() += 1.0);
    counts
}

fn within_two_percent(counts: &BTreeMap<String, f64>, weights: &[(&str, f64)]) {
    let (sum, total) = (counts.values().sum::<f64>(), weights.iter().map(|(_, weight)| weight).sum::<f64>());
    for (id, weight) in weights {
        let (got, due) = (counts.get(*id).copied().unwrap_or(0.0) / sum, weight / total);
        assert!((got - due).abs() <= 0.02 * due, "{id}: {got} of {due} in {counts:?}");
    }
}

#[test]
fn turns_follow_the_weights_within_two_percent() {
    let weights = [("a", 5), ("b", 1), ("c", 1), ("d", 13), ("e", 40)];
    let mut pool = pool(&weights.map(|(id, weight)| Account { weight, ..account(id) }));
    let picks = (0..10_000).map(|n| first(&pool.plan(&ask("m"), at(n)).unwrap()).to_owned());
    within_two_percent(&count(picks), &weights.map(|(id, weight)| (id, f64::from(weight))));
}

#[test]
fn turns_are_smooth_not_in_runs() {
    let mut pool = pool(&[Account { weight: 3, ..account("a") }, account("b"), account("c"), account("d")]);
    let picks: String = (0..60).map(|n| first(&pool.plan(&ask("m"), at(n)).unwrap()).to_owned()).collect();
    assert!(!picks.contains("aaa"), "{picks}");
}

#[test]
fn turns_are_shared_by_weight_even_if_the_pool_restarts_before_every_call() {
    let accounts = [Account { weight: 3, ..account("a") }, account("b")];
    let picks = (0..10_000).map(|n| {
        let mut pool = Store::default().restart(&accounts, at(n * 977));
        first(&pool.plan(&ask("m"), at(n * 977)).unwrap()).to_owned()
    });
    let counts = count(picks);
    assert!((counts["a"] / 10_000.0 - 0.75).abs() < 0.03, "{counts:?}");
}

#[test]
fn goals_of_a_tier_share_by_their_own_weights() {
    let mut accounts: Vec<Account> = ["a", "b", "c"].map(account).to_vec();
    accounts.push(Account { provider: "q".to_owned(), ..account("z") });
    let mut pool = pool(&accounts);
    let weighted = |weight, goal| Goal { weight: Some(weight), ..goal };
    let tiers = vec![vec![weighted(1, goal("p", "m")), weighted(4, goal("q", "n"))]];
    let ask = Ask { tiers, ..Ask::default() };
    let counts = count((0..10_000).map(|n| first(&pool.plan(&ask, at(n)).unwrap()).to_owned()));
    within_two_percent(&counts, &[("a", 1.0), ("b", 1.0), ("c", 1.0), ("z", 12.0)]);
    let tiers = vec![vec![goal("p", "m"), goal("q", "n")]];
    let ask = Ask { tiers, ..Ask::default() };
    let counts = count((0..10_000).map(|n| first(&pool.plan(&ask, at(n)).unwrap()).to_owned()));
    within_two_percent(&counts, &[("a", 1.0), ("b", 1.0), ("c", 1.0), ("z", 1.0)]);
}

#[test]
fn a_goal_of_no_weight_is_the_last_resort() {
    let mut pool = pool(&[account("a"), Account { provider: "q".to_owned(), ..account("z") }]);
    let tiers = vec![vec![Goal { weight: Some(0), ..goal("q", "n") }, goal("p", "m")]];
    let ask = Ask { tiers, ..Ask::default() };
    for n in 0..100 {
        assert_eq!(names(&pool.plan(&ask, at(n)).unwrap()), ["a", "z"]);
    }
}

#[test]
fn coming_back_from_a_rest_earns_no_extra_turns() {
    let mut pool = pool_of(2);
    fail(&mut pool, "a", limited(60), at(0));
    for n in 0..100 {
        pool.plan(&ask("m"), at(n)).unwrap();
    }
    let plan = pool.plan(&ask("m"), at(60_000)).unwrap();
    answer(&mut pool, &plan, at(60_001));
    let counts = count((0..100).map(|n| first(&pool.plan(&ask("m"), at(60_002 + n)).unwrap()).to_owned()));
    assert!((counts["a"] - 50.0).abs() <= 2.0, "{counts:?}");
}

#[test]
fn the_order_is_tier_then_priority_and_nobody_stands_in_it_twice() {
    let with = |id: &str, provider: &str, priority| Account { provider: provider.to_owned(), priority, ..account(id) };
    let mut pool = pool(&[with("a", "p", 1), with("b", "p", 0), with("c", "q", 0), with("d", "p", 7)]);
    let tiers = vec![vec![goal("p", "m"), goal("p", "n")], vec![goal("q", "m"), goal("p", "m")]];
    let ask = Ask { tiers, ..Ask::default() };
    for n in 0..20 {
        assert_eq!(names(&pool.plan(&ask, at(n)).unwrap()), ["b", "a", "d", "c"]);
    }
}

#[test]
fn the_alternative_is_of_another_provider_if_there_is_one() {
    let of = |id: &str, provider: &str| Account { provider: provider.to_owned(), ..account(id) };
    let mut pool = pool(&[of("a", "p"), of("b", "p"), of("c", "p"), of("z", "q")]);
    let ask = Ask { tiers: vec![vec![goal("p", "m"), goal("q", "m")]], ..Ask::default() };
    for n in 0..20 {
        let plan = pool.plan(&ask, at(n)).unwrap();
        assert_ne!(plan.candidates[0].provider, plan.candidates[1].provider);
        assert_eq!(plan.candidates.len(), 4);
    }
}

#[test]
fn fill_first_keeps_to_the_operators_order() {
    let mut pool = pool(&["z", "a", "m"].map(account));
    let ask = Ask { strategy: Strategy::FillFirst, ..ask("m") };
    for n in 0..10 {
        assert_eq!(names(&pool.plan(&ask, at(n)).unwrap()), ["z", "a", "m"]);
    }
    fail(&mut pool, "z", limited(60), at(10));
    assert_eq!(names(&pool.plan(&ask, at(11)).unwrap()), ["a", "m"]);
    assert_eq!(names(&pool.plan(&ask, at(60_011)).unwrap()), ["z", "a", "m"], "and comes back to it");
}

#[test]
fn lists_of_models_and_groups_are_kept() {
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mut pool = pool(&[
        Account { allow: list(&["gpt-*"]), deny: list(&["*-pro"]), ..account("a") },
        Account { deny: list(&["gpt-*"]), group: Some("team".to_owned()), ..account("b") },
        Account { enabled: false, ..account("c") },
        Account { weight: 0, ..account("d") },
    ]);
    let mut asked = |model: &str, only: Option<&str>| {
        let goal = Goal { only: only.map(str::to_owned), ..goal("p", model) };
        let plan = pool.plan(&Ask { tiers: vec![vec![goal]], ..Ask::default() }, at(0));
        plan.map_or_else(
            |denial| vec![format!("{denial:?}")],
            |plan| names(&plan).iter().map(ToString::to_string).collect(),
        )
    };
    assert_eq!(asked("gpt-5", None), ["a"]);
    assert_eq!(asked("gpt-5-pro", None), ["NoAccount"]);
    assert_eq!(asked("claude", None), ["b"]);
    assert_eq!(asked("claude", Some("team")), ["b"]);
    assert_eq!(asked("claude", Some("b")), ["b"]);
    assert_eq!(asked("gpt-5", Some("team")), ["NoAccount"]);
    assert_eq!(asked("gpt-5", Some("c")), ["NoAccount"]);
}

#[test]
fn a_conversation_stays_for_twenty_turns_and_moves_once_when_limited() {
    let mut pool = pool_of(3);
    let mut moves = Vec::new();
    for turn in 0..20_u64 {
        let now = at(turn * 30_000);
        // Others come and go.
        for other in 0..5 {
            let plan = pool.plan(&talk(100 + other), now).unwrap();
            answer(&mut pool, &plan, now);
        }
        let plan = pool.plan(&talk(7), now).unwrap();
        let [home, next] = [0, 1].map(|n| plan.candidates[n].account.clone());
        let mut attempts = vec![attempt(&home, "m", Outcome::Answered, now)];
        if turn == 9 {
            attempts[0].outcome = Outcome::Failed(limited(45));
            attempts.push(attempt(&next, "m", Outcome::Answered, now));
            moves.push(next.clone());
        } else if moves.last() != Some(&home) {
            moves.push(home);
        }
        pool.report(&settlement(&plan, attempts), now);
    }
    assert_eq!(moves.len(), 2, "{moves:?}");
    assert_ne!(moves[0], moves[1]);
}

#[test]
fn a_conversation_whose_account_rests_moves_once_and_stays() {
    let mut pool = pool_of(3);
    let home = first(&pool.plan(&talk(7), at(0)).unwrap()).to_owned();
    fail(&mut pool, &home, limited(60), at(1));
    let next = first(&pool.plan(&talk(7), at(2)).unwrap()).to_owned();
    assert_ne!(home, next);
    for n in 0..20 {
        let plan = pool.plan(&talk(7), at(70_000 + n)).unwrap();
        assert_eq!(first(&plan), next);
    }
}

#[test]
fn a_conversation_that_is_only_crowded_out_comes_back() {
    let mut pool = pool(&["a", "b"].map(|id| Account { cap: Some(1), ..account(id) }));
    let one = pool.plan(&talk(7), at(0)).unwrap();
    let two = pool.plan(&talk(7), at(1)).unwrap();
    assert_ne!(first(&one), first(&two));
    for plan in [&one, &two] {
        answer(&mut pool, plan, at(2));
    }
    assert_eq!(first(&pool.plan(&talk(7), at(3)).unwrap()), first(&one));
}

#[test]
fn a_conversation_comes_back_to_a_better_priority() {
    let mut pool = pool(&[account("subscription"), Account { priority: 1, ..account("paid") }]);
    let asked = |pool: &mut Pool, now| {
        let plan = pool.plan(&talk(7), at(now)).unwrap();
        answer(pool, &plan, at(now));
        first(&plan).to_owned()
    };
    assert_eq!(asked(&mut pool, 0), "subscription");
    fail(&mut pool, "subscription", limited(60), at(1));
    assert_eq!(asked(&mut pool, 2), "paid");
    assert_eq!(asked(&mut pool, 61_000), "subscription");
}

#[test]
fn one_session_may_talk_to_several_models_each_with_its_own_account() {
    let mut accounts: Vec<Account> = (0..4).map(|n| account(&format!("p{n}"))).collect();
    accounts.extend((0..4).map(|n| Account { provider: "q".to_owned(), ..account(&format!("q{n}")) }));
    let mut pool = pool(&accounts);
    let large = talk(7);
    let small = Ask { tiers: vec![vec![goal("q", "small")]], ..talk(7) };
    let homes = [&large, &small].map(|ask| first(&pool.plan(ask, at(0)).unwrap()).to_owned());
    for n in 0..20 {
        assert_eq!([&large, &small].map(|ask| first(&pool.plan(ask, at(n)).unwrap()).to_owned()), homes);
    }
}

#[test]
fn conversations_are_bounded_in_number_and_time() {
    let mut pool = pool_of(5);
    let mut store = Store::default();
    for n in 0..10_000 {
        let plan = pool.plan(&talk(n), at(n)).unwrap();
        answer(&mut pool, &plan, at(n));
        store.save(&mut pool);
    }
    assert_eq!((pool.sizes().0, store.rows.len()), (4096, 4096));
    let home = first(&pool.plan(&talk(1), at(20_000)).unwrap()).to_owned();
    // In use every 50 minutes, for a day: an hour is renewed by use.
    for n in 1..30 {
        assert_eq!(first(&pool.plan(&talk(1), at(20_000 + n * 3_000_000)).unwrap()), home);
        store.save(&mut pool);
    }
    for n in 0..600 {
        pool.plan(&talk(1), at(100_000_000 + n)).unwrap();
        store.save(&mut pool);
    }
    assert_eq!((pool.sizes().0, store.rows.len()), (1, 1), "the others' hour is over");
}

#[test]
fn a_conversation_survives_a_restart() {
    let accounts = ["a", "b", "c", "d"].map(account);
    let mut pool = pool(&accounts);
    let mut store = Store::default();
    let homes: Vec<String> = (0..50).map(|n| first(&pool.plan(&talk(n), at(n)).unwrap()).to_owned()).collect();
    store.save(&mut pool);
    let mut pool = store.restart(&accounts, at(1000));
    for (n, home) in (0..).zip(&homes) {
        assert_eq!(first(&pool.plan(&talk(n), at(29 * 60_000)).unwrap()), home);
    }
}

#[test]
fn the_same_list_again_does_not_disturb_the_turns() {
    let accounts = ["b", "a", "c"].map(account);
    let mut pool = pool(&accounts);
    let picks: Vec<String> = (0..30)
        .map(|_| {
            pool.set_accounts(accounts.to_vec());
            first(&pool.plan(&ask("m"), at(0)).unwrap()).to_owned()
        })
        .collect();
    assert!(picks.windows(3).all(|three| three[0] != three[1] && three[1] != three[2] && three[0] != three[2]));
}

#[test]
fn a_provider_that_is_down_goes_after_the_others_of_its_tier() {
    let of = |id: &str, provider: &str| Account { provider: provider.to_owned(), ..account(id) };
    let accounts: Vec<Account> = (0..40).map(|n| of(&format!("p{n}"), "p")).chain([of("z", "q")]).collect();
    let mut pool = pool(&accounts);
    let ask = Ask { tiers: vec![vec![goal("p", "m"), goal("q", "m")]], ..Ask::default() };
    for n in 0..20 {
        assert!(!pool.is_broken("p", at(n)), "{n} failures are too few to tell");
        fail(&mut pool, &format!("p{n}"), Fault::Transport, at(n));
    }
    assert!(pool.is_broken("p", at(20)));
    for n in 0..50 {
        assert_eq!(first(&pool.plan(&ask, at(100 + n)).unwrap()), "z");
    }
    assert!(pool.plan(&super::ask("m"), at(200)).is_ok(), "but it is asked if there is no other");
    assert!(!pool.is_broken("p", at(60_000)));
}

#[test]
fn limits_and_bad_credentials_do_not_break_a_provider() {
    let mut pool = pool_of(26);
    for n in 0..26_u8 {
        let fault = if n % 2 == 0 { limited(60) } else { Fault::Unauthorized };
        fail(&mut pool, &char::from(b'a' + n).to_string(), fault, at(u64::from(n)));
    }
    assert!(!pool.is_broken("p", at(30)));
}

#[test]
fn pace_is_a_moving_average_of_finished_answers() {
    let mut pool = pool_of(1);
    let mut finish = |first_ms, tokens, total, now| {
        let plan = pool.plan(&ask("m"), at(now)).unwrap();
        let answered = Attempt { first_ms: Some(first_ms), ..attempt("a", "m", Outcome::Answered, at(now)) };
        pool.report(&Settlement { done: false, ..settlement(&plan, vec![answered.clone()]) }, at(now + first_ms));
        let mut settlement = settlement(&plan, vec![answered]);
        settlement.usage.output = tokens;
        pool.report(&settlement, at(now + total));
        pool.pace("a", "m").unwrap()
    };
    let pace = finish(400, 100, 2400, 0);
    assert_eq!((pace.first_ms, pace.tokens_per_second), (400.0, 50.0));
    let pace = finish(800, 300, 2800, 10_000);
    assert_eq!((pace.first_ms, pace.tokens_per_second), (500.0, 75.0));
    let pace = finish(500, 3, 600, 20_000);
    assert_eq!(pace.tokens_per_second, 75.0, "three tokens say nothing");
}

#[test]
fn explain_says_why_for_each_account_and_changes_nothing() {
    let mut pool = pool(&[
        account("a"),
        Account { enabled: false, ..account("b") },
        Account { deny: vec!["m".to_owned()], ..account("c") },
        Account { cap: Some(1), priority: 0, ..account("d") },
        account("e"),
        account("f"),
    ]);
    fail(&mut pool, "a", limited(29), at(0));
    fail(&mut pool, "e", Fault::Transport, at(0));
    while first(&pool.plan(&ask("m"), at(0)).unwrap()) != "d" {}
    let before = format!("{pool:?}");
    let explained = pool.explain(&ask("m"), at(500));
    assert_eq!(format!("{pool:?}"), before);
    let words: Vec<(&str, &str)> =
        explained.accounts.iter().map(|found| (found.account.as_str(), found.words.as_str())).collect();
    assert_eq!(
        words,
        [
            ("a", "cooling for 29 s: rate limited"),
            ("b", "disabled"),
            ("c", "model not allowed"),
            ("d", "busy with 1 calls"),
            ("e", "cooling for 5 s: provider unreachable"),
            ("f", "ready"),
        ]
    );
    assert_eq!(explained.accounts[0].state, Standing::Cooling { until: at(29_000), why: "rate limited" });
    assert_eq!(explained.order, pool.plan(&ask("m"), at(500)).unwrap().candidates);
}

#[test]
fn the_wire_omits_what_is_usual_and_reads_the_old_shape() {
    let plan = pool_of(1).plan(&ask("m"), at(0)).unwrap();
    let text = serde_json::to_string(&plan.candidates).unwrap();
    assert_eq!(text, r#"[{"account":"a","provider":"p","model":"m"}]"#);
    assert_eq!(serde_json::to_string(&ask("m")).unwrap(), r#"{"tiers":[[{"provider":"p","model":"m"}]]}"#);
    let account: Account = serde_json::from_str(r#"{"id":"a","provider":"p"}"#).unwrap();
    assert_eq!(account, super::account("a"));
}
