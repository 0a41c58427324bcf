//! Calls that wait for a place: off by default, first come first served, told as soon as there is one.

use serde_json::json;

use super::inquiry;
use crate::access::Caller;
use crate::config;
use crate::control::Control;
use crate::control::inquiry::{Denied, Grant, Inquiry};
use crate::control::queue::Heard;
use crate::fault::Millis;
use crate::pool::{Attempt, Settlement};
use crate::tests::admin::Desk;

const NOW: Millis = Millis(1_000_000);

/// One account that takes one call at a time, beside the deployment's own.
fn capped(queue: serde_json::Value) -> Control {
    let mut desk = Desk::new();
    let account = json!({"provider": "groq", "credential": {"api_key": "gsk_canary_0123456789"}, "cap": 1});
    assert_eq!(desk.ask("POST accounts", &account).0, 201);
    let document = config::read(json!({ "queue": queue }).to_string().as_bytes()).unwrap();
    desk.control.configure(|config| config.replace(config.revision, document, "test", NOW)).unwrap();
    desk.control
}

fn ask() -> Inquiry {
    inquiry("llama-3.3-70b-versatile")
}

fn at_once(heard: Heard) -> Result<u64, Option<String>> {
    match heard {
        Heard::Now(planned) => planned.map(|grant| grant.lease).map_err(|denied| denied.failure.code),
        Heard::Wait(..) => panic!("it waits"),
    }
}

fn waits(heard: Heard) -> u64 {
    match heard {
        Heard::Wait(number, span) => {
            assert_eq!(span.as_secs(), 5);
            number
        }
        Heard::Now(_) => panic!("it does not wait"),
    }
}

fn over(control: &mut Control, lease: u64) {
    let attempts = vec![Attempt { account: "groq-1".into(), provider: "groq".into(), ..Attempt::default() }];
    control.report(&Settlement { lease, attempts, done: true, ..Settlement::default() }, NOW);
}

fn called(control: &mut Control, left: &[u64]) -> Vec<(u64, u64)> {
    let lease = |planned: Result<Grant, Denied>| planned.unwrap_or_default().lease;
    let left = |number: u64| left.contains(&number);
    control.called(&left, NOW).into_iter().map(|(number, planned)| (number, lease(planned))).collect()
}

#[test]
fn without_a_word_of_the_operator_nobody_waits() {
    let mut control = capped(json!(null));
    at_once(control.plan_or_wait(&ask(), NOW)).unwrap();
    assert_eq!(at_once(control.plan_or_wait(&ask(), NOW)), Err(Some("pool_busy".to_owned())));
}

#[test]
fn a_place_that_becomes_free_is_the_firsts_who_waits() {
    let mut control = capped(json!({"seconds": 5}));
    let lease = at_once(control.plan_or_wait(&ask(), NOW)).unwrap();
    let (first, second) = (waits(control.plan_or_wait(&ask(), NOW)), waits(control.plan_or_wait(&ask(), NOW)));
    assert_eq!(called(&mut control, &[]), [], "nothing has happened");
    over(&mut control, lease);
    let told = called(&mut control, &[]);
    assert_eq!(told.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [first]);
    assert_eq!(called(&mut control, &[]), [], "the place is taken");
    over(&mut control, told[0].1);
    assert_eq!(called(&mut control, &[])[0].0, second);
    assert_eq!(control.waiting(), 0);
}

#[test]
fn who_has_left_gets_no_place_and_who_wants_another_is_not_held_up() {
    let mut control = capped(json!({"seconds": 5}));
    let lease = at_once(control.plan_or_wait(&ask(), NOW)).unwrap();
    let (gone, here) = (waits(control.plan_or_wait(&ask(), NOW)), waits(control.plan_or_wait(&ask(), NOW)));
    // Others have other accounts.
    at_once(control.plan_or_wait(&inquiry("gpt-4.1"), NOW)).unwrap();
    over(&mut control, lease);
    assert_eq!(called(&mut control, &[gone])[0].0, here);
}

#[test]
fn time_that_is_over_is_a_429_and_the_queue_has_an_end() {
    let mut control = capped(json!({"seconds": 5, "calls": 1}));
    at_once(control.plan_or_wait(&ask(), NOW)).unwrap();
    let number = waits(control.plan_or_wait(&ask(), NOW));
    assert_eq!(at_once(control.plan_or_wait(&ask(), NOW)), Err(Some("pool_busy".to_owned())), "the queue is full");
    let denied = control.give_up(number, NOW).unwrap().map(drop).unwrap_err();
    assert_eq!((denied.failure.status, denied.failure.code.as_deref()), (429, Some("pool_busy")));
    assert!(control.give_up(number, NOW).is_none());
    assert_eq!(control.waiting(), 0);
}

#[test]
fn what_else_becomes_of_an_account_is_told_at_once() {
    let mut control = capped(json!({"seconds": 5}));
    at_once(control.plan_or_wait(&ask(), NOW)).unwrap();
    let number = waits(control.plan_or_wait(&ask(), NOW));
    control.discard("groq-1", NOW).unwrap();
    let told = control.called(&|_| false, NOW);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].0, told[0].1.as_ref().map(drop).unwrap_err().failure.status), (number, 404));
}

#[test]
fn the_terms_are_checked() {
    for (queue, path) in [
        (json!({"seconds": 0}), "queue.seconds"),
        (json!({"seconds": 61}), "queue.seconds"),
        (json!({"seconds": 1, "calls": 501}), "queue.calls"),
    ] {
        let problems = config::read(json!({ "queue": queue }).to_string().as_bytes()).unwrap_err();
        assert_eq!(problems[0].path, path);
    }
    assert!(matches!(ask().caller, Caller::Operator));
}
