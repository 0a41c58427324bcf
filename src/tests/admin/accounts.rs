//! Accounts through the API: made, listed, changed, put to rest, deleted and brought back.

use serde_json::{Value, json};

use super::Desk;
use crate::admin::Effect;
use crate::fault::Millis;
use crate::ledger::Change;

const SECRET: &str = "gsk_0123456789abcdefghij";

fn create(desk: &mut Desk, more: Value) -> Value {
    let mut body = json!({"provider": "groq", "credential": {"api_key": SECRET}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, account) = desk.ask("POST accounts", &body);
    assert_eq!(status, 201, "{account}");
    account
}

#[test]
fn an_account_is_shown_without_its_credential() {
    let desk = &mut Desk::new();
    let made = create(desk, json!({"label": "work", "headers": {"X-Team": "blue-secret-header-value"}, "cap": 3}));
    for (name, value) in [
        ("id", json!("groq-1")),
        ("provider", json!("groq")),
        ("label", json!("work")),
        ("source", json!("stored")),
        ("kind", json!("api_key")),
        ("hint", json!("gsk…ghij")),
        ("cap", json!(3)),
        ("headers", json!({"x-team": "blu…alue"})),
        ("state", json!({"name": "ready", "models": []})),
        ("in_flight", json!(0)),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    let (status, list) = desk.ask("GET accounts", &Value::Null);
    let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(|account| account["id"].as_str().unwrap()).collect();
    assert_eq!((status, ids), (200, vec!["groq-1", "openai-1"]));
    assert_eq!(list["items"][1]["source"], "env");
    for shown in [made, list] {
        assert!(!shown.to_string().contains(SECRET) && !shown.to_string().contains("sealed"), "{shown}");
    }
}

#[test]
fn what_is_wrong_with_an_account_is_named_and_nothing_is_stored() {
    let desk = &mut Desk::new();
    #[rustfmt::skip]
    let table = [
        (json!({"credential": {"api_key": "k"}}), 400, "provider", "provider: is missing"),
        (json!({"provider": "a b", "credential": {"api_key": "k"}}), 400, "provider", "provider: expected a name of letters, digits and dashes"),
        (json!({"provider": "groq", "credential": {"api_key": ""}}), 400, "credential.api_key", "credential.api_key: is not a key that a header could carry"),
        (json!({"provider": "groq", "credential": {"api_key": "a\r\nb"}}), 400, "credential.api_key", "credential.api_key: is not a key that a header could carry"),
        (json!({"provider": "groq", "credential": {"api_key": 1}}), 400, "credential.api_key", "credential.api_key: has another type"),
        (json!({"provider": "groq", "headers": {"Host": "evil"}}), 400, "headers.host", "headers.host: is no header that may be sent"),
        (json!({"provider": "groq", "headers": {"x": "a\nb"}}), 400, "headers.x", "headers.x: is no header that may be sent"),
        (json!({"provider": "mine"}), 400, "", "base_url: mine has no usual address"),
        (json!({"provider": "mine", "base_url": "ftp://x"}), 400, "", "base_url: expected an address that begins with https:// or http://"),
        (json!({"provider": "mine", "base_url": "https://x.test", "protocol": "soap"}), 400, "", "protocol: soap: expected chat, messages or gemini"),
        (json!({"provider": "groq", "id": "../x"}), 400, "id", "id: expected at most 64 letters, digits, dashes, dots and underscores"),
        (json!({"provider": "openai", "id": "openai-1"}), 409, "id", "id: there is an account openai-1 already"),
        (json!({"provider": "groq", "colour": "red"}), 400, "colour", "unknown field `colour`"),
    ];
    for (body, status, field, message) in table {
        let (got, answer) = desk.ask("POST accounts", &body);
        assert_eq!(got, status, "{body} {answer}");
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains(message), "{body}: {said}");
        assert_eq!(answer["error"]["field"].as_str().unwrap_or_default(), field, "{body}");
    }
    assert!(desk.control.changes().is_empty());
}

#[test]
fn a_paste_of_keys_finds_their_providers_and_tells_of_each_problem() {
    let desk = &mut Desk::new();
    let keys = "sk-ant-api03-0123456789abcdef\n\n# old ones\ngsk_aaaaaaaaaaaaaaaa, gsk_aaaaaaaaaaaaaaaa\nsk-0123456789abcdefghij\nsk-proj-of-the-deployment";
    let (status, answer) = desk.ask("POST accounts", &json!({"keys": keys, "priority": 2}));
    assert_eq!(status, 201, "{answer}");
    let made: Vec<_> =
        answer["created"].as_array().unwrap().iter().map(|made| (&made["id"], &made["priority"])).collect();
    assert_eq!(made, [(&json!("anthropic-1"), &json!(2)), (&json!("groq-1"), &json!(2))]);
    let problems: Vec<_> = answer["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["line"].as_u64().unwrap(), p["message"].as_str().unwrap()))
        .collect();
    assert_eq!(
        problems,
        [
            (3, "keys: is there already"),
            (4, "provider: several providers give keys like this: say which"),
            (5, "keys: is there already"),
        ]
    );
    assert!(!answer.to_string().contains("0123456789"), "{answer}");
    let (_, answer) = desk.ask("POST accounts", &json!({"keys": "sk-0123456789abcdefghij", "provider": "deepseek"}));
    assert_eq!(answer["created"][0]["id"], "deepseek-1");
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    let desk = &mut Desk::new();
    create(desk, json!({"label": "work", "priority": 4, "cap": 2, "allow": ["llama-*"]}));
    let (status, changed) = desk.ask("PATCH accounts/groq-1", &json!({"label": "home", "cap": 0}));
    assert_eq!(status, 200, "{changed}");
    assert_eq!((&changed["label"], &changed["priority"], &changed["cap"]), (&json!("home"), &json!(4), &Value::Null));
    assert_eq!(changed["hint"], "gsk…ghij");
    let (_, off) = desk.ask("PATCH accounts/groq-1", &json!({"enabled": false}));
    assert_eq!(off["state"]["name"], "off");
    let (status, stale) = desk.ask("PATCH accounts/groq-1", &json!({"label": "x", "revision": 1}));
    assert_eq!((status, &stale["error"]["field"]), (409, &json!("revision")));
    assert_eq!(desk.ask("PATCH accounts/openai-1", &json!({"label": "x"})).0, 403);
    assert_eq!(desk.ask("PATCH accounts/nobody", &json!({"label": "x"})).0, 404);
}

#[test]
fn a_deleted_account_can_be_brought_back_for_ten_minutes() {
    let desk = &mut Desk::new();
    create(desk, json!({}));
    assert_eq!(desk.ask("DELETE accounts/groq-1", &Value::Null), (200, json!({"undo": "groq-1"})));
    assert_eq!(desk.ask("GET accounts/groq-1", &Value::Null).0, 404);
    desk.now += 599_000;
    assert_eq!(desk.ask("POST undo/groq-1", &Value::Null).0, 200);
    assert_eq!(desk.ask("GET accounts/groq-1", &Value::Null).1["hint"], "gsk…ghij");
    desk.ask("DELETE accounts/groq-1", &Value::Null);
    desk.now += 600_000;
    assert_eq!(desk.ask("POST undo/groq-1", &Value::Null).0, 404);
    assert_eq!(desk.ask("DELETE accounts/openai-1", &Value::Null).0, 403);
}

#[test]
fn an_account_put_to_rest_says_until_when_and_by_whom() {
    let desk = &mut Desk::new();
    let (status, cooled) = desk.ask("POST accounts/openai-1/cool", &json!({"seconds": 90}));
    let state = json!({"name": "cooling", "until": 1_090_000, "why": "cooling for 90 s: put to rest by the operator", "cause": "operator", "strikes": 1, "models": []});
    assert_eq!((status, &cooled["state"]), (200, &state));
    assert_eq!(desk.ask("POST accounts/openai-1/reset", &Value::Null).1["state"]["name"], "ready");
    let (_, cooled) = desk.ask("POST accounts/openai-1/cool", &json!({"seconds": 60, "model": "gpt-4.1"}));
    let models = json!([{"model": "gpt-4.1", "until": 1_060_000, "why": "cooling for 60 s: put to rest by the operator", "cause": "operator", "strikes": 1}]);
    assert_eq!((&cooled["state"]["name"], &cooled["state"]["models"]), (&json!("ready"), &models));
    assert_eq!(desk.ask("POST accounts/openai-1/cool", &json!({"seconds": 0})).1["error"]["field"], "seconds");
    assert_eq!(desk.ask("POST accounts/nobody/cool", &json!({"seconds": 1})).0, 404);
}

#[test]
fn a_list_comes_in_pages_and_can_be_searched() {
    let desk = &mut Desk::new();
    for label in ["a", "b", "c"] {
        create(desk, json!({ "label": label }));
    }
    let ids = |answer: &Value| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let (_, first) = desk.ask("GET accounts?limit=2", &Value::Null);
    assert_eq!(
        (ids(&first), &first["next"], &first["total"]),
        (vec!["groq-1".into(), "groq-2".into()], &json!("groq-2"), &json!(4))
    );
    let (_, second) = desk.ask("GET accounts?limit=2&after=groq-2", &Value::Null);
    assert_eq!((ids(&second), &second["next"]), (vec!["groq-3".to_owned(), "openai-1".to_owned()], &Value::Null));
    assert_eq!(ids(&desk.ask("GET accounts?provider=openai", &Value::Null).1), ["openai-1"]);
    assert_eq!(ids(&desk.ask("GET accounts?q=B", &Value::Null).1), ["groq-2"]);
    assert_eq!(desk.ask("GET accounts?limit=0", &Value::Null).1["error"]["field"], "limit");
}

#[test]
fn every_change_is_mirrored_and_audited() {
    let desk = &mut Desk::new();
    let headers = [("authorization", "Bearer admin-key-of-the-tests")];
    let made = desk.send("POST accounts", &headers, r#"{"provider":"groq","credential":{"api_key":"gsk_1"}}"#);
    let mirror = Effect::Mirror { account: "groq-1".to_owned() };
    let audit = |action: &str| {
        Effect::Audit(Change {
            at: Millis(desk.now),
            actor: "key".to_owned(),
            action: format!("account.{action}"),
            subject: "groq-1".to_owned(),
            detail: String::new(),
        })
    };
    let (create, delete) = (audit("create"), audit("delete"));
    assert_eq!(made.effects, [mirror.clone(), create]);
    let deleted = desk.send("DELETE accounts/groq-1", &headers, "");
    assert_eq!(deleted.effects, [mirror, delete]);
}
