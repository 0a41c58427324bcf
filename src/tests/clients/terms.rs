//! What an operator may say of a token.

use serde_json::json;

use super::*;
use crate::clients::{Window, civil};

fn problem(patch: Value) -> String {
    let terms = Terms { name: "test".to_owned(), ..Terms::default() };
    terms.patched(&patch).unwrap_err().message
}

#[test]
fn a_mistake_is_refused_with_the_fields_name() {
    assert!(problem(json!({"name": " "})).starts_with("name: "));
    assert!(problem(json!({"nmae": "x"})).contains("nmae"));
    assert!(problem(json!({"ips": ["10.0.0.1", "10.0.0.0/33"]})).starts_with("ips[1]: "));
    assert!(problem(json!({"limits": {"rpm": 0}})).starts_with("limits.rpm: "));
    assert!(problem(json!({"budget": {"window": "day"}})).starts_with("budget: "));
    assert!(problem(json!({"budget": {"micro": 1, "window": "year"}})).contains("year"));
    assert!(problem(json!({"budget": {"micro": 1, "offset_minutes": 900}})).starts_with("budget.offset_minutes: "));
    assert!(problem(json!({"models": vec!["m"; 201]})).starts_with("models: "));
    assert!(problem(json!({"project": "line\nbreak"})).starts_with("project: "));
}

#[test]
fn a_patch_replaces_what_it_names_and_null_takes_away() {
    let before = terms(json!({"limits": {"rpm": 5, "tpm": 6}, "budget": {"micro": 7}, "models": ["a"]}));
    let after = before.patched(&json!({"limits": {"rpm": null}, "budget": null, "models": ["b"]})).unwrap();
    assert_eq!(after, terms(json!({"limits": {"tpm": 6}, "models": ["b"]})));
}

#[test]
fn a_model_is_let_through_by_any_of_its_names_and_shut_out_by_each() {
    let allows = |patch, said: &str, provider: &str, model: &str| terms(patch).allows(said, provider, model);
    assert!(allows(json!({}), "x", "openai", "gpt-4.1"));
    assert!(allows(json!({"models": ["gpt-*"]}), "openai/gpt-4.1", "openai", "gpt-4.1"));
    assert!(allows(json!({"models": ["fast"]}), "fast", "openai", "gpt-4.1"));
    assert!(!allows(json!({"models": ["gpt-*"]}), "claude-opus-5", "anthropic", "claude-opus-5"));
    // An alias, or a provider in front, is no way around an exclusion.
    assert!(!allows(json!({"models": ["*", "!o3"]}), "openai/o3", "openai", "o3"));
    assert!(!allows(json!({"models": ["!o3"]}), "fast", "openai", "o3"));
    assert!(allows(json!({"models": ["!o3"]}), "o4-mini", "openai", "o4-mini"));
    assert!(!allows(json!({"providers": ["anthropic"]}), "gpt-4.1", "openai", "gpt-4.1"));
    assert!(!allows(json!({"providers": ["!open*"]}), "gpt-4.1", "openai", "gpt-4.1"));
}

#[test]
fn addresses_and_networks_of_both_kinds_are_understood() {
    let from = |ips: &[&str], address: &str| terms(json!({ "ips": ips })).allows_from(address.parse().ok());
    assert!(from(&["203.0.113.7"], "203.0.113.7"));
    assert!(!from(&["203.0.113.7"], "203.0.113.8"));
    assert!(from(&["10.0.0.0/8", "192.168.1.0/24"], "192.168.1.200"));
    assert!(!from(&["10.0.0.0/8"], "11.0.0.1"));
    assert!(from(&["0.0.0.0/0"], "8.8.8.8"));
    assert!(!from(&["0.0.0.0/0"], "2001:db8::1"));
    assert!(from(&["2001:db8::/32"], "2001:db8:ffff::1"));
    assert!(!from(&["2001:db8::/32"], "2001:db9::1"));
    assert!(from(&["2001:db8::1"], "2001:db8:0:0::1"));
    assert!(from(&["10.0.0.0/8"], "::ffff:10.1.2.3"), "IPv4 as IPv6 has it");
    assert!(from(&["::/0"], "2001:db8::1"));
    assert!(!from(&["10.0.0.0/8"], "not an address"));
    assert!(from(&[], "not an address"));
    for text in ["", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "::/129", "example.com"] {
        assert!(problem(json!({ "ips": [text] })).starts_with("ips[0]: "), "{text}");
    }
}

#[test]
fn windows_begin_and_end_where_the_calendar_of_their_zone_says() {
    // 2023-11-14T22:13:20Z, a Tuesday; in a zone two hours east it is Wednesday already.
    let day = |year: i64, month: i64, day: i64| {
        (0..60_000).find(|number| civil(*number) == (year, month, day)).unwrap() as u64 * DAY
    };
    let of = |window: Window, offset: i16| {
        let start = window.start(at(0), offset);
        (start.0, window.end(start, offset).map(|end| end.0))
    };
    assert_eq!(of(Window::Day, 0), (day(2023, 11, 14), Some(day(2023, 11, 15))));
    assert_eq!(of(Window::Day, 120), (day(2023, 11, 15) - 2 * HOUR, Some(day(2023, 11, 16) - 2 * HOUR)));
    assert_eq!(of(Window::Week, 0), (day(2023, 11, 13), Some(day(2023, 11, 20))));
    assert_eq!(of(Window::Month, -300), (day(2023, 11, 1) + 5 * HOUR, Some(day(2023, 12, 1) + 5 * HOUR)));
    assert_eq!(of(Window::FiveHours, 0), (START, Some(START + 5 * HOUR)));
    assert_eq!(of(Window::Total, 0), (START, None));
    for (first, next) in
        [((2024, 2), (2024, 3)), ((2023, 12), (2024, 1)), ((2023, 2), (2023, 3)), ((2100, 2), (2100, 3))]
    {
        let start = Millis(day(first.0, first.1, 1));
        assert_eq!(Window::Month.end(start, 0), Some(Millis(day(next.0, next.1, 1))), "{first:?}");
        let last = Millis(day(next.0, next.1, 1) - 1);
        assert_eq!(Window::Month.start(last, 0), start, "{first:?}");
    }
}
