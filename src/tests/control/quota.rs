//! What providers tell of allowances, and what is kept of it.

use serde_json::{Value, json};

use crate::admin::{Errand, Outcome};
use crate::fault::Millis;
use crate::pool::{Attempt, Settlement};
use crate::tests::admin::{ADMIN_KEY, Desk};
use crate::upstream::by_name;
use crate::upstream::quota::Window;

const NOW: Millis = Millis(1_787_393_472_000);

fn told(provider: &str, headers: &[(&str, &str)]) -> Vec<Window> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    by_name(provider).unwrap().windows(&headers, NOW)
}

fn window(name: &str, used: f64, resets: Option<u64>) -> Window {
    Window { name: name.to_owned(), used, limit: 1.0, resets: resets.map(Millis) }
}

#[test]
fn an_answer_tells_of_its_windows_in_passing() {
    let codex = told(
        "codex",
        &[
            ("x-codex-primary-used-percent", "12.5"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-after-seconds", "60"),
            ("x-codex-secondary-used-percent", "40"),
            ("x-codex-secondary-window-minutes", "10080"),
            ("x-codex-secondary-reset-at", "1787993472"),
        ],
    );
    let expected = [window("5 hours", 0.125, Some(NOW.0 + 60_000)), window("7 days", 0.4, Some(1_787_993_472_000))];
    assert_eq!(codex, expected);
    let claude = told(
        "claude",
        &[
            ("anthropic-ratelimit-unified-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-utilization", "0.23"),
            ("anthropic-ratelimit-unified-5h-reset", "1787393532"),
            ("anthropic-ratelimit-unified-7d_opus-utilization", "1.2"),
        ],
    );
    assert_eq!(claude, [window("5 hours", 0.23, Some(1_787_393_532_000)), window("7 days: opus", 1.0, None)]);
    assert_eq!(told("openai", &[("x-codex-primary-used-percent", "12.5")]), []);
    assert_eq!(told("codex", &[("x-codex-primary-used-percent", "all")]), []);
}

fn answered(account: &str, windows: Vec<Window>) -> Settlement {
    let attempts = vec![Attempt { account: account.to_owned(), windows, ..Attempt::default() }];
    Settlement { lease: 1, attempts, ..Settlement::default() }
}

fn shown(desk: &mut Desk) -> Value {
    desk.ask("GET accounts/openai-1/quota", &Value::Null).1["quota"].clone()
}

#[test]
fn what_is_told_is_shown_and_outlives_the_object() {
    let desk = &mut Desk::new();
    assert_eq!(shown(desk), json!([]));
    desk.control.report(&answered("openai-1", vec![window("a", 0.1, None), window("b", 0.2, None)]), NOW);
    desk.control
        .report(&answered("openai-1", vec![window("a", 0.3, None)]), NOW.plus(std::time::Duration::from_secs(1)));
    desk.control.report(&answered("nobody", vec![window("a", 0.3, None)]), NOW);
    let both = json!([{"name": "a", "used": 0.3, "limit": 1.0}, {"name": "b", "used": 0.2, "limit": 1.0}]);
    assert_eq!(shown(desk), both);
    assert_eq!(desk.ask("GET accounts/openai-1", &Value::Null).1["quota"], both);
    let rows: Vec<_> = desk.control.changes().into_iter().filter(|row| row.key.starts_with("quota/")).collect();
    assert_eq!(rows.len(), 1);
    desk.control
        .report(&answered("openai-1", vec![window("a", 0.4, None)]), NOW.plus(std::time::Duration::from_secs(2)));
    assert!(desk.control.changes().iter().all(|row| !row.key.starts_with("quota/")), "not with every call");
    let again = &mut Desk::new();
    again.control.load(rows.into_iter().map(|row| (row.key, row.value.unwrap())), NOW);
    assert_eq!(shown(again)[1]["used"], 0.2);
    // Who was asked has said all there is.
    desk.control.learn_quota("openai-1", vec![window("c", 0.5, None)], NOW);
    assert_eq!(shown(desk), json!([{"name": "c", "used": 0.5, "limit": 1.0}]));
}

#[test]
fn what_takes_a_request_to_the_provider_is_an_errand() {
    let desk = &mut Desk::new();
    let key = format!("Bearer {ADMIN_KEY}");
    let mut errand = |line: &str, body: &str| match desk.outcome(line, &[("authorization", &key)], body) {
        Outcome::Errand(errand) => format!("{errand:?}"),
        Outcome::Done(reply) => format!("{} {}", reply.status, reply.body),
        Outcome::Other(_) => "a stream".to_owned(),
    };
    assert_eq!(
        errand("POST accounts/openai-1/quota", ""),
        format!("{:?}", Errand::Quota { account: "openai-1".into() })
    );
    assert!(
        errand("POST accounts/openai-1/test", r#"{"model":"o3"}"#)
            .starts_with(r#"Test { account: "openai-1", model: "o3""#)
    );
    assert!(errand("POST accounts/openai-1/test", "").starts_with(r#"Test { account: "openai-1", model: "gpt-"#));
    assert!(errand("POST accounts/openai-1/refresh", "").starts_with("400"));
    assert!(errand("POST accounts/nobody/test", "").starts_with("404"));
    assert!(errand("DELETE accounts/openai-1/quota", "").starts_with("405"));
    assert!(errand("GET accounts/openai-1/test", "").starts_with("405"));
}
