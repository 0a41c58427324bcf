//! The overview, and what is written of changes.

use serde_json::{Value, json};

use super::{ADMIN_KEY, Desk};
use crate::access::Caller;
use crate::admin::Reply;
use crate::admin::usage::{Shape, finish};
use crate::call::Operation;
use crate::control::inquiry::Inquiry;
use crate::fault::Millis;
use crate::ir::Protocol;
use crate::ir::event::Usage;
use crate::pool::{Attempt, Outcome, Settlement};

fn inquiry(caller: Caller, model: &str) -> Inquiry {
    Inquiry::about(caller, model.to_owned(), Protocol::Chat, Operation::Generate)
}

fn serve(desk: &mut Desk, input: u64) -> Settlement {
    let now = Millis(desk.now);
    let Ok(grant) = desk.control.plan(&inquiry(Caller::Operator, "gpt-4.1"), now) else { panic!("denied") };
    let attempt = Attempt {
        account: grant.leads[0].candidate.account.clone(),
        provider: "openai".to_owned(),
        model: "gpt-4.1".to_owned(),
        outcome: Outcome::Answered,
        began: Millis(now.0 + 20),
        ms: 100,
        first_ms: Some(80),
        ..Attempt::default()
    };
    let usage = Usage { input, cache_read: 3 * input, output: 7, ..Usage::default() };
    let settlement =
        Settlement { lease: grant.lease, attempts: vec![attempt], usage, done: true, ..Settlement::default() };
    desk.control.report(&settlement, Millis(now.0 + 200));
    settlement
}

#[test]
fn the_overview_sums_what_was_answered_and_counts_a_report_once() {
    let mut desk = Desk::new();
    desk.now = 19_675 * 86_400_000 + 5 * 3_600_000;
    let settlement = serve(&mut desk, 100);
    desk.control.report(&settlement, Millis(desk.now + 300));
    let (status, body) = desk.ask("GET overview?days=1", &Value::Null);
    assert_eq!(status, 200);
    let totals = &body["totals"];
    assert_eq!((&totals["requests"], &totals["input"], &totals["cache_read"]), (&json!(1), &json!(100), &json!(300)));
    assert_eq!((&totals["cache_hit"], &totals["error_share"]), (&json!(0.75), &json!(0.0)));
    assert!(totals["cost"].as_u64().unwrap() > 0);
    // Waiting began when the call did, not when the account was asked.
    assert_eq!((&body["ttft"]["count"], &body["ttft"]["mean"]), (&json!(1), &json!(100)));
    let series = body["series"].as_array().unwrap();
    assert_eq!((series.len(), &series[5]["requests"], &series[4]["requests"]), (6, &json!(1), &json!(0)));
    assert_eq!(body["by_model"][0]["id"], "gpt-4.1");
    assert_eq!(body["by_account"][0]["cost"], totals["cost"]);
    assert_eq!(body["accounts"], json!({"total": 1, "well": 1, "busy": 0, "cooling": 0, "paused": 0, "broken": 0}));
    let (_, month) = desk.ask("GET overview?days=30", &Value::Null);
    assert_eq!((month["series"].as_array().unwrap().len(), &month["totals"]), (30, totals));
    assert_eq!(desk.ask("GET overview?days=2", &Value::Null).0, 400);
}

#[test]
fn a_flood_of_denials_is_counted_and_not_written() {
    let mut desk = Desk::new();
    desk.now = 19_675 * 86_400_000;
    let (mut operator, mut stranger) = (0, 0);
    for minute in 0..2000_u64 {
        for _ in 0..30 {
            let now = Millis(desk.now + minute * 1000);
            let deny = |desk: &mut Desk, caller, model| desk.control.plan(&inquiry(caller, model), now).err().unwrap();
            operator += u64::from(deny(&mut desk, Caller::Operator, "no-such-model").row.is_some());
            stranger += u64::from(deny(&mut desk, Caller::Key("0".repeat(64)), "gpt-4.1").row.is_some());
        }
    }
    // 34 minutes: 20 and 2 in each of them.
    assert_eq!((operator, stranger), (680, 68));
    desk.now += 86_300_000;
    let (_, body) = desk.ask("GET overview?days=1", &Value::Null);
    assert_eq!((&body["denied"]["total"], &body["denied"]["dropped"]), (&json!(120_000), &json!(120_000 - 748)));
    assert_eq!(body["totals"]["requests"], 0);
}

fn lines(desk: &mut Desk) -> Vec<Value> {
    let waiting = desk.control.audit().waiting();
    waiting.iter().map(|link| serde_json::to_value(link).unwrap()).collect()
}

fn verdict(desk: &mut Desk, after: Option<u64>, rows: &[Value]) -> (bool, Value) {
    let Reply { body, .. } = finish(&mut desk.control, &Shape::Chain { after }, Ok(rows.to_vec()));
    let body: Value = serde_json::from_str(&body).unwrap();
    (body["ok"] == true, body["broken_at"].clone())
}

#[test]
fn changes_are_chained_without_secrets_and_what_is_done_to_the_chain_shows() {
    let mut desk = Desk::new();
    let secret = "gsk_0123456789abcdefghij";
    desk.ask("POST accounts", &json!({"provider": "groq", "credential": {"api_key": secret}}));
    desk.ask("PATCH accounts/groq-1", &json!({"label": "mine", "credential": {"api_key": "gsk_of_another_kind"}}));
    desk.ask("POST accounts/groq-1/cool", &json!({"seconds": 5}));
    desk.ask("GET accounts", &Value::Null);
    let rows = lines(&mut desk);
    let told: Vec<_> =
        rows.iter().map(|row| (row["action"].as_str().unwrap(), row["detail"].as_str().unwrap())).collect();
    let expected = [("account.create", ""), ("account.change", "label, credential"), ("account.cool", "5 s")];
    assert_eq!(told, expected);
    assert!(!rows.iter().any(|row| row.to_string().contains("gsk_")));
    assert_eq!(verdict(&mut desk, None, &rows), (true, Value::Null));
    assert_eq!(verdict(&mut desk, Some(2), &rows[1..]), (true, Value::Null), "from a line on");
    assert_eq!(verdict(&mut desk, None, &rows[..2]), (false, json!(3)), "the newest is gone");
    assert_eq!(verdict(&mut desk, Some(2), &rows[2..]), (false, json!(3)), "the line asked for is gone");
    let mut altered = rows.clone();
    altered[1]["actor"] = json!("somebody");
    assert_eq!(verdict(&mut desk, None, &altered), (false, json!(2)));
    // What the database has is not kept any longer, and the chain goes on.
    desk.control.audit().arrived(2);
    assert_eq!(lines(&mut desk).len(), 1);
    desk.ask("POST accounts/groq-1/reset", &Value::Null);
    let all: Vec<Value> = rows.into_iter().chain(lines(&mut desk).into_iter().skip(1)).collect();
    assert_eq!(verdict(&mut desk, None, &all), (true, Value::Null));
}

#[test]
fn lines_that_wait_outlive_a_restart() {
    let mut desk = Desk::new();
    desk.ask("POST tokens", &json!({"name": "laptop"}));
    let rows = desk.control.changes();
    let mut again = Desk::new();
    let stored = rows.into_iter().filter_map(|row| Some((row.key, row.value?)));
    assert_eq!(again.control.load(stored, Millis(again.now)), Vec::<String>::new());
    assert_eq!(lines(&mut again), lines(&mut desk));
    assert_eq!(again.send("GET tokens", &[("authorization", &format!("Bearer {ADMIN_KEY}"))], "").status, 200);
}
