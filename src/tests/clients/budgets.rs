//! Money and tokens: held, used, left.

use super::*;
use crate::clients::State;

fn reason(result: Result<Admission, Refusal>) -> String {
    result.unwrap_err().failure.code.unwrap()
}

#[test]
fn the_last_call_with_money_left_is_served() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 100, "window": "total"}}));
    assert_eq!(call(&mut clients, &id, 99, 1, 0).unwrap().held_micro, 99);
    assert_eq!(call(&mut clients, &id, 99, 2, 0).unwrap().held_micro, 1);
    // Nothing is used yet, but nothing is left either: that passes.
    let refusal = call(&mut clients, &id, 1, 3, 0).unwrap_err();
    assert_eq!((code(&refusal), refusal.failure.kind), ("budget_held", crate::fault::Kind::RateLimited));
    clients.settle(1, 10, 5, at(1));
    assert_eq!(call(&mut clients, &id, 50, 4, 1).unwrap().held_micro, 50);
    clients.settle(2, 99, 5, at(2));
    clients.settle(4, 50, 5, at(2));
    assert_eq!(used(&clients, &id, 2), 159);
    let refusal = call(&mut clients, &id, 1, 5, 2).unwrap_err();
    assert_eq!((code(&refusal), refusal.failure.kind), ("insufficient_quota", crate::fault::Kind::QuotaExceeded));
    assert_eq!(clients.view(&id, at(2)).unwrap().state, State::Exhausted);
}

#[test]
fn one_call_at_a_time_may_hold_less_than_it_can_cost() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 100, "window": "total"}}));
    call(&mut clients, &id, 50, 1, 0).unwrap();
    assert_eq!(call(&mut clients, &id, 60, 2, 0).unwrap().held_micro, 50);
    clients.settle(1, 49, 0, at(1));
    assert_eq!(reason(call(&mut clients, &id, 60, 3, 1)), "budget_held");
    assert_eq!(call(&mut clients, &id, 1, 4, 1).unwrap().held_micro, 1);
}

#[test]
fn a_settlement_counts_once_however_often_it_is_sent() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 1000, "window": "total"}}));
    call(&mut clients, &id, 100, 1, 0).unwrap();
    assert!(clients.settle(1, 30, 10, at(1)));
    assert!(!clients.settle(1, 30, 10, at(2)));
    assert!(!clients.settle(99, 30, 10, at(2)), "nobody's lease");
    let view = clients.view(&id, at(3)).unwrap();
    assert_eq!((view.used.micro, view.used.tokens, view.left_micro, view.calls), (30, 10, Some(970), 0));
}

#[test]
fn a_call_that_never_reports_counts_as_its_hold_and_is_put_right_if_it_does() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 1000, "window": "total"}}));
    call(&mut clients, &id, 100, 1, 0).unwrap();
    call(&mut clients, &id, 200, 2, 0).unwrap();
    let over = 600_000 + 40 * 20;
    clients.expire(at(over - 1));
    assert_eq!(used(&clients, &id, over), 0);
    clients.expire(at(over));
    assert_eq!(used(&clients, &id, over), 300);
    let lapsed: Vec<_> =
        clients.lapsed().into_iter().map(|lapsed| (lapsed.lease, lapsed.micro, lapsed.tokens)).collect();
    assert_eq!(lapsed, [(1, 100, 100), (2, 200, 100)]);
    assert_eq!(clients.lapsed(), []);
    assert!(clients.settle(2, 350, 5, at(over + 1)));
    assert!(!clients.settle(2, 350, 5, at(over + 1)));
    assert_eq!(used(&clients, &id, over), 450);
}

#[test]
fn a_restart_neither_loses_a_hold_nor_counts_one_twice() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 1000, "window": "total"}}));
    let mut store = Store::default();
    for lease in 1..=4 {
        call(&mut clients, &id, 100, lease, 0).unwrap();
    }
    clients.settle(1, 60, 10, at(1));
    store.save(&mut clients);
    let mut after = store.restart();
    assert!(!after.settle(1, 60, 10, at(2)), "settled before");
    assert!(after.settle(2, 70, 10, at(2)));
    store.save(&mut after);
    let mut last = store.restart();
    last.expire(at(HOUR));
    assert_eq!(used(&last, &id, HOUR), 60 + 70 + 100 + 100);
    assert!(!last.settle(2, 70, 10, at(HOUR)));
    store.save(&mut last);
    assert!(!store.0.keys().any(|key| key.starts_with("hold/")));
}

#[test]
fn a_budget_begins_anew_when_its_window_is_over() {
    for (window, ms) in [("5h", 5 * HOUR), ("day", 2 * HOUR), ("week", 6 * DAY), ("month", 17 * DAY)] {
        let (mut clients, id) = clients(json!({"budget": {"micro": 100, "window": window}}));
        call(&mut clients, &id, 100, 1, 0).unwrap();
        clients.settle(1, 100, 10, at(1));
        let refusal = call(&mut clients, &id, 1, 2, 1).unwrap_err();
        assert_eq!(code(&refusal), "insufficient_quota", "{window}");
        let wait = refusal.failure.retry_after.unwrap().as_millis() as u64;
        assert_eq!(reason(call(&mut clients, &id, 1, 2, 1 + wait - 1000)), "insufficient_quota", "{window}");
        assert!(call(&mut clients, &id, 100, 2, 1 + wait).is_ok(), "{window}");
        assert!(wait <= ms, "{window} {wait}");
    }
}

#[test]
fn a_call_counts_in_the_window_in_which_it_ends() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 100, "window": "day"}}));
    call(&mut clients, &id, 80, 1, 0).unwrap();
    let next = 2 * HOUR;
    assert_eq!(clients.view(&id, at(next)).unwrap().left_micro, Some(20), "still held");
    clients.settle(1, 70, 10, at(next));
    assert_eq!(used(&clients, &id, next), 70);
}

#[test]
fn tokens_are_a_budget_too() {
    let (mut clients, id) = clients(json!({"budget": {"tokens": 150, "window": "total"}}));
    call(&mut clients, &id, 5, 1, 0).unwrap();
    call(&mut clients, &id, 5, 2, 0).unwrap();
    assert_eq!(reason(call(&mut clients, &id, 5, 3, 0)), "budget_held");
    clients.settle(1, 0, 100, at(1));
    clients.settle(2, 0, 50, at(1));
    assert_eq!(reason(call(&mut clients, &id, 5, 3, 1)), "insufficient_quota");
}

#[test]
fn a_model_without_a_price_is_not_for_a_budget_in_money() {
    let take = |patch| {
        let (mut clients, id) = clients(patch);
        clients.take(&id, &Ask::default(), None, 1, at(0)).map_err(|refusal| code(&refusal).to_owned())
    };
    assert_eq!(take(json!({"budget": {"micro": 100}})), Err("price_unknown".to_owned()));
    assert!(take(json!({"budget": {"tokens": 100}})).is_ok());
    assert!(take(json!({})).is_ok());
}

#[test]
fn another_calendar_begins_anew_and_another_amount_does_not() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 100, "window": "day"}}));
    call(&mut clients, &id, 80, 1, 0).unwrap();
    clients.settle(1, 80, 10, at(0));
    clients.change(&id, &json!({"budget": {"micro": 200}}), at(1)).unwrap();
    assert_eq!(clients.view(&id, at(1)).unwrap().left_micro, Some(120));
    clients.change(&id, &json!({"budget": {"window": "month"}}), at(1)).unwrap();
    assert_eq!(clients.view(&id, at(1)).unwrap().left_micro, Some(200));
}

#[test]
fn a_budget_costs_three_rows_a_call_and_none_costs_one_a_minute() {
    let rows = |patch| {
        let (mut clients, id) = clients(patch);
        let mut store = Store::default();
        store.save(&mut clients);
        call(&mut clients, &id, 10, 1, 60_000).unwrap();
        let first = store.save(&mut clients);
        clients.settle(1, 10, 10, at(60_001));
        store.save(&mut clients);
        call(&mut clients, &id, 10, 2, 60_002).unwrap();
        let taken = store.save(&mut clients);
        clients.settle(2, 10, 10, at(60_003));
        (first, taken, store.save(&mut clients))
    };
    assert_eq!(rows(json!({"budget": {"micro": 100}})), (2, 1, 2));
    assert_eq!(rows(json!({})), (1, 0, 0));
}

#[test]
fn a_token_that_is_brought_back_has_used_what_it_had() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 100, "window": "total"}}));
    let mut store = Store::default();
    call(&mut clients, &id, 100, 1, 0).unwrap();
    clients.settle(1, 100, 10, at(1));
    store.save(&mut clients);
    clients.discard(&id, at(2)).unwrap();
    store.save(&mut clients);
    assert!(clients.undo(&id, at(3)));
    store.save(&mut clients);
    for clients in [clients, store.restart()] {
        assert_eq!(used(&clients, &id, 4), 100);
        assert_eq!(clients.view(&id, at(4)).unwrap().state, State::Exhausted);
    }
}
