//! When a token is renewed, and how often.

use std::time::Duration;

use proptest::prelude::*;

use crate::fault::Millis;
use crate::oauth::RefreshFault;
use crate::refresh::{AT_ONCE, Asked, EVERY, Flight, Flights, Standing, Trouble, Wake, mark, wake};

const NOW: u64 = 1_700_000_000_000;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn at(offset: i64) -> Millis {
    Millis(NOW.saturating_add_signed(offset))
}

/// An account whose token lives for `life`, ends in `left`, and is to be renewed `lead` before.
fn account(life: u64, left: i64, lead: u64) -> Standing<'static> {
    let expires = at(left);
    Standing {
        account: "a",
        expires: Some(expires),
        given: Millis(expires.0 - life),
        lead: Duration::from_millis(lead),
        trouble: None,
    }
}

fn renews(standing: Standing<'_>) -> bool {
    !wake([standing], Millis(NOW)).renew.is_empty()
}

fn transient(wait: Option<u64>) -> RefreshFault {
    RefreshFault::Transient { wait: wait.map(Duration::from_secs), why: "busy".to_owned() }
}

#[test]
fn a_token_is_renewed_by_the_last_wake_before_its_lead() {
    let minutes = MINUTE as i64;
    #[rustfmt::skip]
    let table = [
        // life, left, lead
        (HOUR, 30 * minutes, 5 * MINUTE, false),
        (HOUR, 7 * minutes, 5 * MINUTE, false),
        (HOUR, 5 * minutes, 5 * MINUTE, true),
        (HOUR, -minutes, 5 * MINUTE, true),
        (8 * HOUR, 239 * minutes, 4 * HOUR, true),
        (8 * HOUR, 310 * minutes, 4 * HOUR, false),
        (10 * DAY, 4 * 24 * 60 * minutes, 5 * DAY, true),
        // The same lead on a token of an hour means half of it.
        (HOUR, 45 * minutes, 5 * DAY, false),
        (HOUR, 29 * minutes, 5 * DAY, true),
        (15 * MINUTE, 10 * minutes, 5 * MINUTE, false),
        (0, 60 * minutes, 5 * MINUTE, false),
    ];
    for (life, left, lead, expected) in table {
        assert_eq!(renews(account(life, left, lead)), expected, "life {life} left {left} lead {lead}");
    }
    assert!(!renews(Standing { expires: None, ..account(0, 0, 0) }));
}

#[test]
fn trouble_waits_and_an_end_is_not_tried_again() {
    let waiting = Trouble { until: at(1), ..Trouble::default() };
    let rested = Trouble { until: at(0), ..Trouble::default() };
    let ended = Trouble { ended: true, ..Trouble::default() };
    let over = |expires: i64, trouble| {
        let standing = Standing { trouble: Some(trouble), ..account(HOUR, expires, 5 * MINUTE) };
        wake([standing], Millis(NOW))
    };
    assert_eq!(over(-1, &waiting), Wake { next: Some(at(1)), ..Wake::default() });
    assert_eq!(over(-1, &rested), Wake { renew: vec!["a".to_owned()], ..Wake::default() });
    assert_eq!(over(1000, &ended), Wake { next: Some(at(1000)), ..Wake::default() });
    assert_eq!(over(0, &ended), Wake { over: vec!["a".to_owned()], ..Wake::default() });
}

#[test]
fn a_wake_takes_eight_the_most_urgent_first_and_another_comes_soon() {
    let names: Vec<String> = (0..20).map(|place| format!("account-{place:02}")).collect();
    let standing =
        |(place, name): (usize, &'static str)| Standing { account: name, ..account(HOUR, -(place as i64), 5 * MINUTE) };
    let names: Vec<&'static str> = names.into_iter().map(|name| &*name.leak()).collect();
    let Wake { renew, over, next } = wake(names.iter().copied().enumerate().map(standing), Millis(NOW));
    assert_eq!((renew.len(), renew[0].as_str(), over.len(), next), (AT_ONCE, "account-19", 0, Some(at(15_000))));
}

#[test]
fn pauses_grow_to_an_hour_unless_the_provider_names_one() {
    let mut trouble = None;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let after = Trouble::after(trouble.as_ref(), &transient(None), "a", Millis(NOW));
        pauses.push(after.until.0 - NOW);
        trouble = Some(after);
    }
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert!((30_000..=37_500).contains(&pauses[0]) && (HOUR..=HOUR + HOUR / 4).contains(&pauses[9]), "{pauses:?}");
    let named = |wait| Trouble::after(None, &transient(Some(wait)), "a", Millis(NOW)).until.0 - NOW;
    assert_eq!([named(0), named(90), named(1_000_000)], [5_000, 90_000, 6 * HOUR]);
    let ended = Trouble::after(None, &RefreshFault::Permanent("gone".to_owned()), "a", Millis(NOW));
    assert_eq!(ended, Trouble { why: "gone".to_owned(), failures: 1, until: Millis(NOW), ended: true });
}

#[test]
fn accounts_signed_in_together_are_not_renewed_together() {
    let due = |name: &'static str| {
        wake([Standing { account: name, ..account(8 * HOUR, 8 * HOUR as i64, 4 * HOUR) }], Millis(NOW)).next.unwrap()
    };
    let times: std::collections::BTreeSet<_> = ["a", "b", "c", "d"].map(due).into();
    assert_eq!(times.len(), 4);
    assert!(times.iter().all(|time| (3 * HOUR..=4 * HOUR).contains(&(time.0 - NOW))));
}

fn asked<'a>(refused: &'a str, current: &'a str) -> Asked<'a> {
    Asked { account: "a", refused, current, expired: false, refreshed: None, trouble: None }
}

#[test]
fn two_hundred_who_ask_at_once_are_one_renewal() {
    let mut flights = Flights::default();
    let decisions: Vec<_> = (0..200).map(|_| flights.decide(asked("old", "old"), Millis(NOW))).collect();
    assert_eq!(decisions[0], Flight::Start);
    assert!(decisions[1..].iter().all(|decision| *decision == Flight::Wait));
    assert!(!flights.depart("a", Millis(NOW)), "the clock does not start a second one");
    flights.land("a");
    assert_eq!(flights.decide(asked("old", "new"), Millis(NOW)), Flight::Current);
    assert!(flights.depart("a", Millis(NOW)));
}

#[test]
fn what_would_not_help_is_not_tried() {
    let denied = |asked| Flights::default().decide(asked, Millis(NOW));
    let young = Asked { refreshed: Some(at(-59_000)), ..asked("t", "t") };
    assert_eq!(denied(young), Flight::Denied("a new token was refused".to_owned()));
    assert_eq!(denied(Asked { refreshed: Some(at(-60_000)), ..young }), Flight::Start);
    assert_eq!(denied(Asked { expired: true, ..young }), Flight::Start, "some live for seconds");
    let resting = Trouble { why: "busy".to_owned(), until: at(1), ..Trouble::default() };
    assert_eq!(denied(Asked { trouble: Some(&resting), ..asked("t", "t") }), Flight::Denied("busy".to_owned()));
    let ended = Trouble { why: "gone".to_owned(), ended: true, ..Trouble::default() };
    assert_eq!(denied(Asked { trouble: Some(&ended), ..asked("t", "t") }), Flight::Denied("gone".to_owned()));
}

#[test]
fn a_renewal_that_never_landed_does_not_block_for_ever() {
    let mut flights = Flights::default();
    assert_eq!(flights.decide(asked("t", "t"), Millis(NOW)), Flight::Start);
    assert_eq!(flights.decide(asked("t", "t"), at(119_000)), Flight::Wait);
    assert_eq!(flights.decide(asked("t", "t"), at(120_000)), Flight::Start);
}

#[test]
fn a_mark_says_nothing_of_its_token() {
    assert_eq!(mark("abc"), "ba7816bf8f01cfea");
    assert_ne!(mark("abc"), mark("abd"));
}

proptest! {
    /// As the object lives it: a wake every five minutes, every renewal a success.
    #[test]
    fn no_token_ever_runs_out_while_wakes_come(
        lives in proptest::collection::vec(10 * MINUTE..20 * DAY, 1..9), lead in MINUTE..6 * DAY, start in 0..5 * MINUTE,
    ) {
        let names: Vec<String> = (0..lives.len()).map(|place| place.to_string()).collect();
        let mut given = vec![Millis(NOW); lives.len()];
        for round in 0..300u64 {
            let now = Millis(NOW + start + round * EVERY.as_millis() as u64);
            let standings = (0..lives.len()).map(|place| Standing {
                account: &names[place],
                expires: Some(Millis(given[place].0 + lives[place])),
                given: given[place],
                lead: Duration::from_millis(lead.max(5 * MINUTE)),
                trouble: None,
            });
            for (place, name) in names.iter().enumerate() {
                prop_assert!(given[place].0 + lives[place] > now.0, "{name} ran out in round {round}");
            }
            for name in wake(standings, now).renew {
                let place: usize = name.parse().unwrap();
                let early = given[place].0 + lives[place] - now.0;
                prop_assert!(early <= lives[place] * 7 / 10 + 5 * MINUTE, "renewed {early} ms before its end");
                given[place] = now;
            }
        }
    }
}
