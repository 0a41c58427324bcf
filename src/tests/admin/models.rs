//! What can be asked for, and what it costs.

use serde_json::{Value, json};

use super::Desk;

fn items(desk: &mut Desk, path: &str) -> Vec<Value> {
    let (status, body) = desk.ask(&format!("GET {path}"), &Value::Null);
    assert_eq!(status, 200, "{body}");
    body["items"].as_array().unwrap().clone()
}

#[test]
fn a_model_says_who_has_it_and_what_it_costs() {
    let items = items(&mut Desk::new(), "models");
    let one = items.iter().find(|one| one["model"] == "gpt-4.1").unwrap();
    assert_eq!((&one["provider"], &one["price"]["basis"]), (&json!("openai"), &json!("list")));
    assert!(one["context"].as_u64().unwrap() > 100_000 && one["price"]["output"].as_u64().unwrap() > 0, "{one}");
}

#[test]
fn the_operators_names_come_first_and_patterns_are_no_names() {
    let mut desk = Desk::new();
    let routes = json!({"fast": {"tiers": [["gpt-4.1"]]}, "big-*": {"tiers": [["gpt-4.1"]]}});
    let prices = json!({"models": {"gpt-4.1": {"input": 7, "output": 9}}});
    let document = json!({"revision": 0, "document": {"routes": routes, "prices": prices}});
    assert_eq!(desk.ask("PUT config", &document).0, 200);
    let items = items(&mut desk, "models");
    assert_eq!(items[0], json!({"id": "fast", "route": true}));
    assert!(items.iter().all(|one| one["id"] != "big-*"));
    let one = items.iter().find(|one| one["model"] == "gpt-4.1").unwrap();
    assert_eq!((&one["price"]["input"], &one["price"]["basis"]), (&json!(7), &json!("override")));
}
