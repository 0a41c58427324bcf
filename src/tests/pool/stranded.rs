//! A call whose candidates have all failed asks for others, until there are none.

use super::*;

/// Report that all of `plan` failed, and ask for more.
fn stranded(pool: &mut Pool, lease: u64, tried: &[String], now: Millis) -> Vec<String> {
    let attempts = tried.iter().map(|id| attempt(id, "m", Outcome::Failed(limited(60)), now)).collect();
    pool.report(&Settlement { lease, attempts, ..Settlement::default() }, now);
    pool.more(&ask("m"), lease, now).into_iter().map(|candidate| candidate.account).collect()
}

#[test]
fn every_account_is_asked_once_before_a_call_is_given_up() {
    let mut pool = pool_of(10);
    let plan = pool.plan(&ask("m"), at(0)).unwrap();
    let mut tried: Vec<String> = names(&plan).into_iter().map(str::to_owned).collect();
    let mut rounds = 1;
    loop {
        let more = stranded(&mut pool, plan.lease, &tried, at(1));
        if more.is_empty() {
            break;
        }
        assert!(more.len() <= 4 && more.iter().all(|id| !tried.contains(id)), "{more:?} after {tried:?}");
        tried.extend(more);
        rounds += 1;
    }
    tried.sort();
    let all: Vec<String> = (b'a'..=b'j').map(|c| char::from(c).to_string()).collect();
    assert_eq!((tried, rounds), (all, 3));
}

#[test]
fn the_place_of_a_call_moves_with_it_and_is_free_when_it_is_over() {
    let mut accounts: Vec<Account> = (b'a'..=b'd').map(|c| account(&char::from(c).to_string())).collect();
    accounts.push(Account { cap: Some(1), priority: 1, ..account("e") });
    let mut pool = pool(&accounts);
    let plan = pool.plan(&ask("m"), at(0)).unwrap();
    let tried: Vec<String> = names(&plan).into_iter().map(str::to_owned).collect();
    assert_eq!(stranded(&mut pool, plan.lease, &tried, at(1)), ["e"]);
    assert!(matches!(pool.plan(&ask("m"), at(2)), Err(Denial::Busy { .. })), "two calls hold the one place");
    let done = vec![attempt("e", "m", Outcome::Answered, at(1))];
    pool.report(&settlement(&plan, done), at(3));
    assert_eq!(first(&pool.plan(&ask("m"), at(4)).unwrap()), "e");
}

#[test]
fn what_is_told_again_at_the_end_costs_no_second_strike() {
    let mut pool = pool_of(5);
    let plan = pool.plan(&ask("m"), at(0)).unwrap();
    let tried: Vec<String> = names(&plan).into_iter().map(str::to_owned).collect();
    let told = |outcome: fn() -> Outcome| tried.iter().map(move |id| attempt(id, "m", outcome(), at(1)));
    let failed = || Outcome::Failed(Fault::Overloaded);
    pool.report(&Settlement { lease: plan.lease, attempts: told(failed).collect(), ..Settlement::default() }, at(2));
    let more = pool.more(&ask("m"), plan.lease, at(2));
    assert_eq!(more.len(), 1);
    let mut all: Vec<Attempt> = told(failed).collect();
    all.push(attempt(&more[0].account, "m", Outcome::Answered, at(3)));
    pool.report(&settlement(&plan, all), at(9_000));
    let strikes: Vec<u32> = pool.resting(at(9_000)).iter().map(|resting| resting.strikes).collect();
    assert_eq!(strikes, [1, 1, 1, 1]);
}

#[test]
fn a_lease_that_is_none_gets_nobody() {
    let mut pool = pool_of(3);
    assert!(pool.more(&ask("m"), 77, at(0)).is_empty());
    let plan = pool.plan(&ask("m"), at(0)).unwrap();
    answer(&mut pool, &plan, at(1));
    assert!(pool.more(&ask("m"), plan.lease, at(2)).is_empty());
}
