//! What a client is told that may not go on.

use super::*;
use crate::fault::Kind;

fn refusal(patch: Value, ask: Ask, ms: u64) -> Refusal {
    let (clients, id) = clients(patch);
    clients.permit(&id, &ask, at(ms)).unwrap_err()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn each_denial_has_its_kind_and_its_code() {
    let from = |address: &str| Ask { address: address.parse().ok(), ..Ask::default() };
    let cases = [
        (json!({"enabled": false}), Ask::default(), Kind::Unauthorized, "token_disabled"),
        (json!({"expires": START + 5}), Ask::default(), Kind::Unauthorized, "token_expired"),
        (json!({"budget": {"micro": 0}}), Ask::default(), Kind::QuotaExceeded, "insufficient_quota"),
        (json!({"ips": ["10.0.0.0/8"]}), from("8.8.8.8"), Kind::Forbidden, "ip_not_allowed"),
        (json!({}), Ask { pinned: true, ..Ask::default() }, Kind::Forbidden, "pin_not_allowed"),
        (json!({}), Ask { raw: true, ..Ask::default() }, Kind::Forbidden, "raw_not_allowed"),
    ];
    for (patch, ask, kind, word) in cases {
        let refusal = refusal(patch, ask, 5);
        assert_eq!((code(&refusal), refusal.failure.kind), (word, kind));
    }
}

#[test]
fn what_is_wrong_first_is_told_first() {
    let everything = json!({"enabled": false, "expires": START, "budget": {"micro": 0}, "ips": ["10.0.0.0/8"]});
    let ask = Ask { pinned: true, ..Ask::default() };
    let (mut clients, id) = clients(everything);
    let mut told = |patch: Value| {
        clients.change(&id, &patch, at(0)).unwrap();
        clients.permit(&id, &ask, at(0)).unwrap_err().failure.code.unwrap()
    };
    assert_eq!(told(json!({})), "token_disabled");
    assert_eq!(told(json!({"enabled": true})), "token_expired");
    assert_eq!(told(json!({"expires": null})), "insufficient_quota");
    assert_eq!(told(json!({"budget": null})), "ip_not_allowed");
    assert_eq!(told(json!({"ips": null})), "pin_not_allowed");
}

#[test]
fn requests_a_minute_are_let_through_evenly_after_a_burst() {
    let (mut clients, id) = clients(json!({"limits": {"rpm": 6}}));
    for lease in 0..6 {
        call(&mut clients, &id, 0, lease, 0).unwrap();
    }
    let refusal = call(&mut clients, &id, 0, 6, 0).unwrap_err();
    assert_eq!((code(&refusal), refusal.failure.kind), ("rate_limit_exceeded", Kind::RateLimited));
    assert_eq!(refusal.failure.retry_after.unwrap().as_secs(), 10);
    assert_eq!(header(&refusal.headers, "x-ratelimit-limit-requests"), Some("6"));
    assert_eq!(header(&refusal.headers, "x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(header(&refusal.headers, "x-ratelimit-reset-requests"), Some("60s"));
    assert_eq!(header(&refusal.headers, "x-should-retry"), None);
    assert!(call(&mut clients, &id, 0, 6, 9_999).is_err());
    assert!(call(&mut clients, &id, 0, 6, 10_000).is_ok());
    assert!(call(&mut clients, &id, 0, 7, 10_001).is_err());
}

#[test]
fn tokens_a_minute_are_counted_as_they_were_and_owed_if_they_were_more() {
    let (mut clients, id) = clients(json!({"limits": {"tpm": 600}}));
    call(&mut clients, &id, 0, 1, 0).unwrap();
    clients.settle(1, 0, 1200, at(0));
    // 600 are owed: a minute to pay them, and six seconds for the next prompt of 60.
    let refusal = call(&mut clients, &id, 0, 2, 0).unwrap_err();
    assert_eq!((code(&refusal), refusal.failure.retry_after.unwrap().as_secs()), ("token_limit_exceeded", 66));
    assert_eq!(header(&refusal.headers, "x-should-retry"), Some("false"));
    assert!(call(&mut clients, &id, 0, 2, 66_000).is_ok());
}

#[test]
fn a_prompt_larger_than_a_minutes_tokens_waits_for_a_full_minute_and_no_longer() {
    let (mut clients, id) = clients(json!({"limits": {"tpm": 50}}));
    assert!(call(&mut clients, &id, 0, 1, 0).is_ok());
    let wait = call(&mut clients, &id, 0, 2, 0).unwrap_err().failure.retry_after.unwrap();
    assert!(call(&mut clients, &id, 0, 2, wait.as_millis() as u64).is_ok());
}

#[test]
fn a_place_is_free_when_a_call_ends_or_is_given_up() {
    let (mut clients, id) = clients(json!({"limits": {"concurrency": 2}}));
    call(&mut clients, &id, 0, 1, 0).unwrap();
    call(&mut clients, &id, 0, 2, 0).unwrap();
    let refusal = call(&mut clients, &id, 0, 3, 0).unwrap_err();
    assert_eq!((code(&refusal), refusal.failure.retry_after.unwrap().as_secs()), ("concurrency_limit_exceeded", 1));
    clients.settle(1, 0, 0, at(1));
    assert!(call(&mut clients, &id, 0, 3, 1).is_ok());
    clients.expire(at(HOUR));
    assert_eq!(clients.under_way(), 0);
}

#[test]
fn a_client_learns_what_is_left_from_every_answer() {
    let (mut clients, id) =
        clients(json!({"limits": {"rpm": 60, "tpm": 6000}, "budget": {"micro": 1000, "window": "5h"}}));
    let headers = call(&mut clients, &id, 300, 1, 0).unwrap().headers;
    let of = |name: &str| header(&headers, name).unwrap().to_owned();
    assert_eq!(of("x-ratelimit-remaining-requests"), "59");
    assert_eq!(of("x-ratelimit-remaining-tokens"), "5940");
    assert_eq!(of("x-ratelimit-limit-budget-micro"), "1000");
    assert_eq!(of("x-ratelimit-remaining-budget-micro"), "700");
    assert_eq!(of("x-ratelimit-reset-budget-micro"), "18000s");
}
