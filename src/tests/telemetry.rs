//! What others are told: traces, messages to a webhook, counters, health.

use std::time::Duration;

use serde_json::{Value, json};

use super::upstreams::setups;
use crate::access::Caller;
use crate::call::Operation;
use crate::control::Control;
use crate::control::inquiry::Inquiry;
use crate::control::metrics::Around;
use crate::control::record::{Kind, Record};
use crate::control::states::Health;
use crate::fault::{Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::ir::event::Usage;
use crate::pool::{Attempt, Outcome, Settlement};
use crate::telemetry::otlp::{Exporter, Parent, trace};
use crate::telemetry::webhook::{Change, Hook, Told};
use crate::upstream::{Credential, Secret};
use crate::vault::Vault;

fn control() -> Control {
    Control::new(setups(&[("OPENAI_API_KEY", "a,b")]), Vault::of(Some("a master key of the tests"), None), true)
}

/// A call that goes to the first account there is, and what becomes of it.
fn settle(control: &mut Control, outcome: Outcome, now: u64) -> String {
    let inquiry = Inquiry::about(Caller::Operator, "gpt-4.1".to_owned(), Protocol::Chat, Operation::Generate);
    let grant = control.plan(&inquiry, Millis(now)).unwrap_or_else(|denied| panic!("{denied:?}"));
    let candidate = grant.leads[0].candidate.clone();
    let answered = outcome == Outcome::Answered;
    let attempt = Attempt {
        account: candidate.account.clone(),
        provider: candidate.provider,
        model: candidate.model,
        outcome,
        began: Millis(now),
        ms: 300,
        first_ms: answered.then_some(300),
        ..Attempt::default()
    };
    let usage =
        if answered { Usage { input: 10, cache_read: 4, output: 5, ..Usage::default() } } else { Usage::default() };
    let settlement =
        Settlement { lease: grant.lease, attempts: vec![attempt], usage, done: true, ..Settlement::default() };
    control.report(&settlement, Millis(now + 300));
    candidate.account
}

fn limited(seconds: u64) -> Outcome {
    Outcome::Failed(Fault::RateLimited { wait: Some(Duration::from_secs(seconds)), scope: Scope::Account })
}

#[test]
fn counters_are_prometheus_text_and_name_nobody() {
    let mut control = control();
    settle(&mut control, Outcome::Answered, 1000);
    settle(&mut control, limited(60), 2000);
    let unknown = Inquiry::about(Caller::Operator, "unheard-of".to_owned(), Protocol::Chat, Operation::Generate);
    assert!(control.plan(&unknown, Millis(3000)).is_err());
    let page = control.metrics(Around { listeners: 2, dropped: 3, unsent: 1 }, Millis(3000));
    for line in [
        r#"sluice_requests_total{provider="openai",model="gpt-4.1",outcome="answered"} 1"#,
        r#"sluice_requests_total{provider="openai",model="gpt-4.1",outcome="rate_limited"} 1"#,
        r#"sluice_attempts_total{provider="openai",outcome="rate_limited"} 1"#,
        r#"sluice_refused_total{status="404"} 1"#,
        r#"sluice_tokens_total{provider="openai",model="gpt-4.1",kind="cache_read"} 4"#,
        // 10 at 2, 4 at 0.5 and 5 at 8 dollars a million.
        r#"sluice_cost_usd_total{provider="openai",model="gpt-4.1"} 0.000062"#,
        r#"sluice_first_content_seconds_bucket{provider="openai",le="0.25"} 0"#,
        r#"sluice_first_content_seconds_bucket{provider="openai",le="0.5"} 1"#,
        r#"sluice_first_content_seconds_sum{provider="openai"} 0.3"#,
        r#"sluice_accounts{provider="openai",state="cooling"} 1"#,
        r#"sluice_accounts{provider="openai",state="ready"} 1"#,
        "sluice_calls_under_way 0",
        "sluice_usage_rows_lost_total 0",
        "sluice_tail_listeners 2",
        "sluice_tail_dropped_total 3",
        "sluice_webhooks_unsent_total 1",
    ] {
        assert!(page.lines().any(|known| known == line), "{line} is not in\n{page}");
    }
    // Every sample belongs to a family that was introduced before it, and every family once.
    let mut families = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap();
            assert!(!families.contains(&name), "{name} twice");
            families.push(name);
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert_eq!(families.last(), Some(&base), "{line}");
        }
    }
    assert!(!page.contains("unheard-of"), "what a client invents is no label");
}

#[test]
fn models_beyond_those_that_are_told_apart_are_one() {
    let mut metrics = crate::control::metrics::Metrics::default();
    for number in 0..1000 {
        let attempt = Attempt { provider: "p".to_owned(), model: format!("m{number}"), ..Attempt::default() };
        let settlement = Settlement { attempts: vec![attempt], done: true, ..Settlement::default() };
        metrics.settled(&settlement, &crate::prices::Cost::default());
    }
    assert_eq!(metrics.series(), 201);
}

#[test]
fn health_is_a_number_and_a_word() {
    let mut control = control();
    let health = |control: &Control, most| {
        let health = Health::of(&[control.tally(Millis(2500))], most);
        (health.status.to_owned(), health.accounts, health.ready, health.master_key)
    };
    let told = |status: &str, ready, key: &str| (status.to_owned(), 2, ready, key.to_owned());
    assert_eq!(health(&control, 50), told("ok", 2, "ok"));
    settle(&mut control, limited(60), 1000);
    assert_eq!(health(&control, 50), told("ok", 1, "ok"), "half is not more than half");
    assert_eq!(health(&control, 49), told("unhealthy", 1, "ok"));
    settle(&mut control, limited(60), 2000);
    assert_eq!(health(&control, 50), told("unhealthy", 0, "ok"));
    assert_eq!(health(&control, 100), told("ok", 0, "ok"));
    let none = Control::new(Vec::new(), Vault::of(None, None), true).tally(Millis(0));
    let none = Health::of(&[none], 0);
    assert_eq!((none.status, none.accounts, none.master_key.as_str()), ("ok", 0, "missing"));
}

#[test]
fn a_wrong_master_key_is_one_clear_state() {
    let mut first = control();
    let record = Record {
        id: "mine".to_owned(),
        provider: "openai".to_owned(),
        enabled: true,
        weight: 1,
        kind: Kind::ApiKey,
        ..Record::default()
    };
    let credential = Credential { access: Secret::new("sk-canary"), ..Credential::default() };
    first.store(record, Some((&credential, [1; 12])), Millis(1)).unwrap();
    assert_eq!(first.tally(Millis(1)).master_key, "ok");
    let rows: Vec<_> = first.changes().into_iter().filter_map(|row| Some((row.key, row.value?))).collect();
    let mut second = Control::new(setups(&[]), Vault::of(Some("another master key"), None), true);
    second.load(rows, Millis(2));
    let health = Health::of(&[second.tally(Millis(2))], 100);
    assert_eq!((health.status, health.master_key.as_str()), ("locked", "wrong_key"));
}

#[test]
fn an_account_that_turns_is_told_once_and_what_was_known_before_is_not() {
    let mut control = control();
    control.load(Vec::new(), Millis(0));
    let account = settle(&mut control, limited(60), 1000);
    let changes = control.turned(Millis(1300));
    assert_eq!(changes.len(), 1, "{changes:?}");
    let Change { from, to, why, .. } = &changes[0];
    assert_eq!((&changes[0].account, *from, *to), (&account, "ready", "cooling"));
    assert!(why.is_some());
    assert!(control.turned(Millis(1400)).is_empty(), "nothing new");
    let changes = control.turned(Millis(90_000));
    assert_eq!((changes[0].from, changes[0].to), ("cooling", "ready"));
    // A new process knows what its predecessor has told.
    settle(&mut control, limited(600), 100_000);
    let rows: Vec<_> = control.changes().into_iter().filter_map(|row| Some((row.key, row.value?))).collect();
    let mut later = self::control();
    later.load(rows, Millis(100_500));
    assert!(later.turned(Millis(100_600)).is_empty());
}

fn change(account: &str, to: &'static str, at: u64) -> Change {
    let text = str::to_owned;
    Change {
        account: text(account),
        provider: text("p"),
        label: text("l"),
        from: "ready",
        to,
        why: None,
        at: Millis(at),
    }
}

#[test]
fn a_state_is_not_told_again_within_minutes() {
    let mut told = Told::default();
    assert!(told.is_news(&change("a", "cooling", 0)));
    assert!(told.is_news(&change("a", "ready", 1000)));
    assert!(!told.is_news(&change("a", "cooling", 2000)), "it flaps");
    assert!(told.is_news(&change("b", "cooling", 2000)));
    assert!(told.is_news(&change("a", "cooling", 302_000)));
}

#[test]
fn a_message_is_signed_as_standard_webhooks_are() {
    // The vector of the standard's own libraries: https://github.com/standard-webhooks/standard-webhooks
    let hook = Hook::new("https://hook.example/".to_owned(), Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let signature = hook.sign("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
    assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let request = hook.message(&change("a", "cooling", 86_400_000));
    let told =
        |name: &str| request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
    let body = String::from_utf8(request.body.to_vec()).unwrap();
    assert_eq!(
        told("webhook-signature"),
        format!("v1,{}", hook.sign(&format!("{}.{}.{body}", told("webhook-id"), told("webhook-timestamp"))))
    );
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["type"], &body["timestamp"]), (&json!("account.state"), &json!("1970-01-02T00:00:00Z")));
    assert_eq!(body["data"]["to"], "cooling");
    assert_eq!(
        hook.message(&change("a", "cooling", 86_400_000)).headers,
        request.headers,
        "another try is the same message"
    );
}

#[test]
fn a_call_is_a_span_and_one_for_each_account() {
    let entry = super::ledger::entry("m");
    let parent = Parent::of(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    let told = trace(&entry, &parent);
    let spans = told["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 3);
    let get = |span: &Value, key: &str| {
        let found = span["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == key);
        found.map(|found| found["value"].as_object().unwrap().values().next().unwrap().clone())
    };
    assert_eq!(
        (&spans[0]["traceId"], &spans[0]["parentSpanId"]),
        (&json!("0af7651916cd43dd8448eb211c80319c"), &json!("b7ad6b7169203331"))
    );
    assert_eq!((&spans[0]["name"], &spans[0]["kind"]), (&json!("chat m"), &json!(2)));
    assert_eq!(get(&spans[0], "gen_ai.usage.input_tokens"), Some(json!("10")));
    assert_eq!(get(&spans[0], "gen_ai.response.model"), Some(json!("served")));
    assert_eq!(get(&spans[1], "error.type"), Some(json!("rate_limited")));
    assert_eq!(get(&spans[2], "error.type"), None);
    for span in &spans[1..] {
        assert_eq!(span["parentSpanId"], spans[0]["spanId"]);
        assert_eq!(span["traceId"], spans[0]["traceId"]);
    }
    assert_eq!(Parent::of(Some("00-00000000000000000000000000000000-b7ad6b7169203331-01")), Parent::default());
    for wrong in ["", "00-abc-b7ad6b7169203331-01", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
        assert_eq!(Parent::of(Some(wrong)), Parent::default(), "{wrong}");
    }
}

#[test]
fn an_exporter_reads_the_standard_variables() {
    let of = |pairs: &[(&str, &str)]| {
        let get = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Exporter::of(&get).map(|exporter| exporter.request(&super::ledger::entry("m"), &Parent::default()))
    };
    assert!(of(&[]).is_none() && of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).is_none());
    let request = of(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel.example/base/"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x-team = c"),
    ]);
    let request = request.unwrap();
    assert_eq!(request.url, "https://otel.example/base/v1/traces");
    assert!(request.headers.contains(&("api-key".to_owned(), "a b".to_owned())), "{:?}", request.headers);
    assert!(request.headers.contains(&("x-team".to_owned(), "c".to_owned())));
    let own = of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t.example/x")]).unwrap();
    assert_eq!(own.url, "https://t.example/x");
}
