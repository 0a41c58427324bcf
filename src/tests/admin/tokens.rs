//! `/admin/api/tokens`, natively.

use serde_json::{Value, json};

use super::{ADMIN_KEY, Desk};
use crate::admin::Reply;

fn script(desk: &mut Desk, line: &str, body: &str) -> Reply {
    desk.send(line, &[("authorization", &format!("Bearer {ADMIN_KEY}"))], body)
}

fn body(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap_or_default()
}

#[test]
fn a_key_is_shown_once_and_a_brought_one_never() {
    let mut desk = Desk::new();
    let made = script(&mut desk, "POST tokens", r#"{"name": "laptop", "budget": {"micro": 5, "window": "day"}}"#);
    assert_eq!(made.status, 201, "{}", made.body);
    let made = body(&made);
    let (id, key) = (made["token"]["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert!(key.starts_with("sk-sluice-"));
    assert_eq!(made["token"]["state"], "active");
    for line in ["GET tokens".to_owned(), format!("GET tokens/{id}")] {
        let shown = script(&mut desk, &line, "").body;
        assert!(!shown.contains(key) && !shown.contains("hash"), "{shown}");
    }
    let brought = body(&script(&mut desk, "POST tokens", r#"{"name": "old", "key": "sk-from-another-gateway"}"#));
    assert_eq!(brought["key"], Value::Null);
}

#[test]
fn a_change_names_the_revision_it_is_of() {
    let mut desk = Desk::new();
    let made = body(&script(&mut desk, "POST tokens", r#"{"name": "laptop"}"#));
    let path = format!("PATCH tokens/{}", made["token"]["id"].as_str().unwrap());
    let changed = body(&script(&mut desk, &path, r#"{"project": "blue", "revision": 1}"#));
    assert_eq!((&changed["project"], &changed["revision"]), (&json!("blue"), &json!(2)));
    assert_eq!(script(&mut desk, &path, r#"{"project": "red", "revision": 1}"#).status, 409);
    let wrong = script(&mut desk, &path, r#"{"limits": {"rpm": 0}}"#);
    assert_eq!((wrong.status, body(&wrong)["error"]["field"].as_str()), (400, Some("limits.rpm")));
}

#[test]
fn what_is_deleted_can_be_brought_back_for_ten_minutes() {
    let mut desk = Desk::new();
    let made = body(&script(&mut desk, "POST tokens", r#"{"name": "laptop"}"#));
    let id = made["token"]["id"].as_str().unwrap().to_owned();
    let undo = format!("POST undo/{id}");
    for (later, status) in [(599_999, 200), (600_000, 404)] {
        assert_eq!(script(&mut desk, &format!("DELETE tokens/{id}"), "").status, 200);
        assert_eq!(script(&mut desk, &format!("GET tokens/{id}"), "").status, 404);
        desk.now += later;
        assert_eq!(script(&mut desk, &undo, "").status, status);
    }
}

#[test]
fn a_list_goes_on_behind_its_last_item() {
    let mut desk = Desk::new();
    for at in 0..5 {
        script(&mut desk, "POST tokens", &json!({"name": format!("client {at}")}).to_string());
    }
    let first = body(&script(&mut desk, "GET tokens?limit=3", ""));
    let next = first["next"].as_str().unwrap();
    let second = body(&script(&mut desk, &format!("GET tokens?limit=3&after={next}"), ""));
    assert_eq!((first["items"].as_array().unwrap().len(), second["items"].as_array().unwrap().len()), (3, 2));
    assert_eq!((&second["next"], &second["total"]), (&Value::Null, &json!(5)));
    assert_eq!(body(&script(&mut desk, "GET tokens?q=client%203", ""))["items"].as_array().unwrap().len(), 1);
}
