//! What the importers make of other systems' files, through the API.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{ADMIN_KEY, Desk};

/// Every system's bundle, by the system's name.
fn bundles() -> Vec<(String, Value)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(path.join("bundle.json")).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), serde_json::from_str(&text).unwrap())
    };
    let mut all: Vec<(String, Value)> = folders.map(read).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(all.len() >= 11);
    all
}

fn import(desk: &mut Desk, body: &Value) -> Value {
    let (status, report) = desk.ask("POST import", body);
    assert_eq!(status, 200, "{report}");
    report
}

fn actions(report: &Value, part: &str) -> Vec<String> {
    let rows = report[part].as_array().unwrap();
    rows.iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_the_importers_make_is_taken_and_found_again() {
    for (system, bundle) in bundles() {
        let desk = &mut Desk::new();
        let report = import(desk, &bundle);
        for account in report["accounts"].as_array().unwrap().iter().filter(|account| account["action"] == "refuse") {
            // A server beside the gateway that is left: it is not beside this one.
            let why = account["message"].as_str().unwrap();
            let inside = "base_url: localhost is a private address, which only SLUICE_PRIVATE_ADDRESSES=1 allows";
            assert_eq!(why, inside, "{system}: {account}");
        }
        assert_eq!(actions(&report, "accounts").len(), bundle["accounts"].as_array().unwrap().len(), "{system}");
        let config = bundle.get("config").map_or(Value::Null, |_| json!({"action": "update"}));
        assert_eq!(report["config"], config, "{system}");
        let again = import(desk, &bundle);
        assert!(!actions(&again, "accounts").iter().any(|action| action == "add" || action == "update"), "{again}");
        for shown in [report, again, desk.ask("GET accounts?limit=500", &Value::Null).1] {
            assert!(!shown.to_string().contains("canary"), "{system}: {shown}");
        }
    }
}

#[test]
fn a_trial_says_the_same_and_changes_nothing() {
    for (system, bundle) in bundles() {
        let desk = &mut Desk::new();
        drop(desk.control.changes());
        let authorization = format!("Bearer {ADMIN_KEY}");
        let reply = desk.send("POST import?dry_run=1", &[("authorization", &authorization)], &bundle.to_string());
        assert_eq!((reply.status, reply.effects), (200, vec![]), "{system}");
        assert_eq!(desk.control.changes(), vec![], "{system}");
        let trial: Value = serde_json::from_str(&reply.body).unwrap();
        let real = import(desk, &bundle);
        for part in ["accounts", "tokens"] {
            assert_eq!(actions(&trial, part), actions(&real, part), "{system}: {part}");
        }
        assert_eq!(trial["config"], real["config"], "{system}");
    }
}

#[test]
fn stand_ins_that_come_are_besides_those_that_are_shipped() {
    let desk = &mut Desk::new();
    let fallbacks = json!({"kiro": ["groq"], "gpt-9*": ["openai/gpt-4o"]});
    assert_eq!(import(desk, &json!({"config": {"fallbacks": fallbacks}}))["config"], json!({"action": "update"}));
    let (_, now) = desk.ask("GET config", &Value::Null);
    let now = &now["document"]["fallbacks"];
    assert_eq!((&now["gpt-9*"], &now["codex"]), (&json!(["openai/gpt-4o"]), &json!(["openai"])));
    assert_eq!(now["kiro"], json!(["claude", "anthropic"]));
}
