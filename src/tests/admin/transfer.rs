//! What comes from elsewhere, and what goes into a backup and comes back.

use serde_json::{Value, json};

use super::Desk;

fn actions(answer: &Value, list: &str) -> Vec<String> {
    let items = answer[list].as_array().unwrap();
    items
        .iter()
        .map(|item| format!("{}: {}", item["name"].as_str().unwrap(), item["action"].as_str().unwrap()))
        .collect()
}

fn bundle() -> Value {
    json!({
        "accounts": [
            {"provider": "groq", "label": "one", "kind": "api_key", "credential": {"api_key": "gsk_0123456789abcdef"}},
            {"provider": "openai", "kind": "api_key", "credential": {"api_key": "sk-proj-of-the-deployment"}},
            {"provider": "mine", "kind": "api_key", "credential": {"api_key": "k"}},
            {"provider": "claude", "kind": "oauth", "credential": {
                "access_token": "at-1", "refresh_token": "rt-1", "expires": 2_000_000, "account_id": "acct-9"}},
        ],
        "tokens": [
            {"name": "team", "key": "sk-a-key-that-clients-already-have", "models": ["gpt-*"]},
            {"name": "new"},
            {"name": " "},
        ],
        "config": {"routes": {"fast": {"tiers": [["gpt-4.1"]]}}},
        "notes": ["something else"]
    })
}

#[test]
fn a_bundle_is_taken_item_by_item_and_twice_is_as_good_as_once() {
    let desk = &mut Desk::new();
    let (status, tried) = desk.ask("POST import?dry_run=1", &bundle());
    assert_eq!(status, 200, "{tried}");
    assert!(desk.control.changes().is_empty(), "a dry run changed something");
    let (_, done) = desk.ask("POST import", &bundle());
    for answer in [&tried, &done] {
        assert_eq!(actions(answer, "accounts"), ["groq one: add", "openai: skip", "mine: refuse", "claude: add"]);
        assert_eq!(actions(answer, "tokens"), ["team: add", "new: add", " : refuse"]);
        assert_eq!(answer["config"]["action"], "update");
        assert!(!answer.to_string().contains("0123456789abcdef") && !answer.to_string().contains("clients-already"));
    }
    // A key that was brought is not told again; one that was made is, once.
    assert_eq!(done["tokens"][0]["key"], Value::Null);
    assert!(done["tokens"][1]["key"].as_str().unwrap().starts_with("sk-sluice-"));
    assert!(tried["tokens"][1]["key"].is_null());
    let (_, again) = desk.ask("POST import", &bundle());
    assert_eq!(actions(&again, "accounts"), ["groq one: skip", "openai: skip", "mine: refuse", "claude: skip"]);
    assert_eq!((actions(&again, "tokens")[0].as_str(), &again["config"]["action"]), ("team: skip", &json!("skip")));
}

#[test]
fn a_login_that_was_renewed_elsewhere_is_the_same_account_and_only_a_newer_one_replaces_it() {
    let desk = &mut Desk::new();
    let login = |access: &str, expires: u64| {
        json!({"accounts": [{"provider": "claude", "kind": "oauth", "credential": {
            "access_token": access, "refresh_token": format!("r-{access}"), "expires": expires, "account_id": "acct-9"}}]})
    };
    let mut act =
        |bundle: &Value| desk.ask("POST import", bundle).1["accounts"][0]["action"].as_str().unwrap().to_owned();
    assert_eq!(act(&login("at-1", 2_000_000)), "add");
    assert_eq!(act(&login("at-0", 1_000_000)), "skip");
    assert_eq!(act(&login("at-2", 3_000_000)), "update");
    let (_, list) = desk.ask("GET accounts?provider=claude", &Value::Null);
    let items = list["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["expires"]), (1, &json!(3_000_000)));
}

#[test]
fn a_backup_brings_back_what_is_missing_and_only_under_the_same_master_key() {
    let desk = &mut Desk::new();
    desk.ask("POST import", &bundle());
    let (_, backup) = desk.ask("GET export", &Value::Null);
    assert!(!backup.to_string().contains("0123456789abcdef"), "a credential in the clear");
    let mut fresh = Desk::new();
    let (status, restored) = fresh.ask("POST import", &backup);
    assert_eq!((status, actions(&restored, "accounts")), (200, vec!["claude-1: add".into(), "groq-1: add".into()]));
    assert_eq!((actions(&restored, "tokens").len(), &restored["config"]["action"]), (2, &json!("update")));
    assert_eq!(fresh.ask("GET accounts/groq-1", &Value::Null).1["hint"], "gsk…cdef");
    assert_eq!(actions(&fresh.ask("POST import", &backup).1, "accounts"), ["claude-1: skip", "groq-1: skip"]);
    let mut other = Desk::with_master("another master key of the tests");
    let (_, refused) = other.ask("POST import", &backup);
    assert_eq!(actions(&refused, "accounts"), ["claude-1: refuse", "groq-1: refuse"]);
    assert!(refused["accounts"][0]["message"].as_str().unwrap().contains("SLUICE_MASTER_KEY"));
    assert_eq!(other.ask("POST import", &json!({"format": "zip"})).1["error"]["field"], "format");
}
