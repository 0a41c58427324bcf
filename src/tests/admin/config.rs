//! The configuration through the API: read, replaced, refused, undone, and explained.

use serde_json::{Value, json};

use super::Desk;
use crate::admin::Effect;
use crate::fault::Millis;
use crate::ledger::Change;

fn fast(model: &str) -> Value {
    json!({"routes": {"fast": {"tiers": [[model]]}}})
}

#[test]
fn a_document_is_replaced_whole_and_can_be_undone() {
    let desk = &mut Desk::new();
    assert_eq!(desk.ask("GET config", &Value::Null), (200, json!({"revision": 0, "document": {}})));
    let (status, shown) = desk.ask("PUT config", &json!({"revision": 0, "document": fast("openai/gpt-4.1")}));
    assert_eq!((status, &shown), (200, &json!({"revision": 1, "document": fast("openai/gpt-4.1")})));
    let (status, stale) = desk.ask("PUT config", &json!({"revision": 0, "document": {}}));
    assert_eq!((status, &stale["error"]["code"], &stale["error"]["field"]), (409, &json!("stale"), &json!("revision")));
    desk.ask("PUT config", &json!({"revision": 1, "document": fast("openai/gpt-5")}));
    let (_, undone) = desk.ask("POST config/undo", &Value::Null);
    assert_eq!(undone, json!({"revision": 3, "document": fast("openai/gpt-4.1")}));
    let (_, history) = desk.ask("GET config/history", &Value::Null);
    let revisions: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|past| past["revision"].as_u64().unwrap()).collect();
    assert_eq!(revisions, [2, 1, 0]);
    assert_eq!(history["items"][0]["document"], fast("openai/gpt-5"));
}

#[test]
fn a_wrong_document_is_refused_with_every_path_and_changes_nothing() {
    let desk = &mut Desk::new();
    let document = json!({"routes": {"a": {"tiers": []}, "b": {"tiers": [[" "]]}}});
    let (status, refused) = desk.ask("PUT config", &json!({"revision": 0, "document": document}));
    let paths: Vec<_> =
        refused["problems"].as_array().unwrap().iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    assert_eq!((status, paths), (422, vec!["routes.a.tiers", "routes.b.tiers[0][0]"]));
    assert_eq!(refused["error"]["message"], "routes.a.tiers: names nobody");
    let (status, tried) = desk.ask("POST config/validate", &document);
    assert_eq!((status, &tried["problems"]), (200, &refused["problems"]));
    assert_eq!(desk.ask("GET config", &Value::Null).1["revision"], 0);
    assert!(desk.control.changes().is_empty());
    assert_eq!(desk.ask("POST config/undo", &Value::Null).0, 404);
}

#[test]
fn what_is_kept_is_said_in_numbers_that_make_sense() {
    let desk = &mut Desk::new();
    let tried = |desk: &mut Desk, retention: Value| {
        desk.ask("POST config/validate", &json!({"retention": retention})).1["problems"].clone()
    };
    assert_eq!(tried(desk, json!({"days": 30, "rows": 1000})), json!([]));
    let wrong = tried(desk, json!({"days": 0, "rows": 10_000_001}));
    let paths: Vec<_> = wrong.as_array().unwrap().iter().map(|problem| problem["path"].clone()).collect();
    assert_eq!(paths, ["retention.days", "retention.rows"]);
    let wrong = tried(desk, json!({"capture_days": 3651, "capture_mb": 0}));
    let paths: Vec<_> = wrong.as_array().unwrap().iter().map(|problem| problem["path"].clone()).collect();
    assert_eq!(paths, ["retention.capture_days", "retention.capture_mb"]);
    assert_eq!(tried(desk, json!({"days": -1}))[0]["path"], "retention.days");
}

#[test]
fn the_document_survives_a_restart() {
    let desk = &mut Desk::new();
    desk.ask("PUT config", &json!({"revision": 0, "document": fast("openai/gpt-4.1")}));
    let rows: Vec<_> = desk.control.changes().into_iter().map(|row| (row.key, row.value.unwrap())).collect();
    let mut restarted = Desk::new();
    assert!(restarted.control.load(rows, crate::fault::Millis(0)).is_empty());
    assert_eq!(restarted.ask("GET config", &Value::Null).1["document"], fast("openai/gpt-4.1"));
    assert_eq!(restarted.ask("POST route/explain", &json!({"model": "fast"})).1["order"][0]["account"], "openai-1");
}

#[test]
fn an_explanation_says_who_would_be_asked_and_why_not_the_others() {
    let desk = &mut Desk::new();
    desk.ask("POST accounts", &json!({"provider": "groq", "credential": {"api_key": "gsk_1"}, "priority": 1}));
    desk.ask("POST accounts/groq-1/cool", &json!({"seconds": 30}));
    let document = json!({"routes": {"fast": {"tiers": [["groq/llama-3.3-70b-versatile"], ["openai/gpt-4.1-mini"]]}}});
    desk.ask("PUT config", &json!({"revision": 0, "document": document}));
    let (status, explained) = desk.ask("POST route/explain", &json!({"model": "fast"}));
    assert_eq!((status, &explained["route"]), (200, &json!("fast")));
    assert_eq!(explained["order"], json!([{"account": "openai-1", "provider": "openai", "model": "gpt-4.1-mini"}]));
    let groq = &explained["accounts"][0];
    assert_eq!(
        (&groq["account"], &groq["words"]),
        (&json!("groq-1"), &json!("cooling for 30 s: put to rest by the operator"))
    );
    let (status, nobody) = desk.ask("POST route/explain", &json!({"model": "unheard-of"}));
    assert_eq!((status, &nobody["error"]["code"]), (404, &json!("model_not_found")));
}

#[test]
fn the_schema_agrees_with_what_is_taken() {
    let schema: Value = serde_json::from_str(&desk_schema()).unwrap();
    let defs = &schema["$defs"];
    let members = |value: &Value| -> Vec<String> { value["properties"].as_object().unwrap().keys().cloned().collect() };
    // Every member that the types have, and none that they have not: what one does not know the other refuses.
    let full = json!({
        "routes": {"a": {"tiers": [[{"model": "x/y", "weight": 1, "account": "g"}]], "strategy": "least_used", "sort": "latency", "hedge": true,
            "defaults": {"temperature": 0.5, "top_p": 0.5, "top_k": 5, "max_tokens": 9, "seed": 1, "presence_penalty": 0.1, "frequency_penalty": 0.1},
            "overrides": {"reasoning_effort": "high"}}},
        "fallbacks": {"openai": ["anthropic"]},
        "queue": {"seconds": 5, "calls": 9},
        "retention": {"days": 30, "rows": 1000, "capture_days": 7, "capture_mb": 20},
        "rules": [{"name": "r", "optional": true, "when": {"models": ["gpt-*"], "tokens": ["t"], "projects": ["p"], "protocols": ["chat"]},
            "system": [{"append": "a"}, {"replace": {"find": "x", "with": "y", "pattern": true}}],
            "defaults": {"seed": 1}, "overrides": {"seed": 2}}],
        "filters": [{"name": "f", "optional": true, "when": {"models": ["*"]}, "on": "input", "find": {"words": ["secret"]}, "action": "mask", "label": "WORD", "message": "no"}],
        "models": {"m": {"tools": true, "images": true, "schema": true, "context": 1}},
        "prices": {"unknown": "zero", "models": {"m": {"input": 1, "output": 2, "cache_read": 1, "cache_write_5m": 1, "cache_write_1h": 1, "per_request": 1,
            "tiers": [{"over": 1, "input": 1, "output": 1, "cache_read": 1, "cache_write_5m": 1, "cache_write_1h": 1}]}}}
    });
    let read = crate::config::read(full.to_string().as_bytes()).unwrap();
    let back = serde_json::to_value(&read).unwrap();
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    for (value, schema) in [
        (&back, &schema),
        (&back["routes"]["a"], &defs["route"]),
        (&back["routes"]["a"]["tiers"][0][0], &defs["candidate"]["oneOf"][1]),
        (&back["rules"][0], &defs["rule"]),
        (&back["rules"][0]["when"], &defs["when"]),
        (&back["filters"][0], &defs["filter"]),
        (&back["queue"], &schema["properties"]["queue"]),
        (&back["retention"], &schema["properties"]["retention"]),
        (&back["models"]["m"], &defs["traits"]),
        (&back["prices"], &defs["prices"]),
        (&back["prices"]["models"]["m"], &defs["price"]),
    ] {
        let mut expected = members(schema);
        expected.sort();
        assert_eq!(keys(value), expected);
    }
}

fn desk_schema() -> String {
    let mut desk = Desk::new();
    desk.send("GET config/schema", &[("authorization", &format!("Bearer {}", super::ADMIN_KEY))], "").body
}

#[test]
fn every_change_of_the_document_is_audited() {
    let desk = &mut Desk::new();
    let headers = [("authorization", "Bearer admin-key-of-the-tests")];
    let replaced = desk.send("PUT config", &headers, &json!({"revision": 0, "document": fast("x")}).to_string());
    let audit = |action: &str, subject: &str| {
        Effect::Audit(Change {
            at: Millis(1_000_000),
            actor: "key".to_owned(),
            action: format!("config.{action}"),
            subject: subject.to_owned(),
            detail: "routes".to_owned(),
        })
    };
    assert_eq!(replaced.effects, [audit("replace", "revision 1")]);
    assert_eq!(desk.send("POST config/undo", &headers, "").effects, [audit("undo", "revision 2")]);
}

#[test]
fn rules_of_the_document_the_route_and_the_suffix_reach_the_calls_they_fit() {
    let desk = &mut Desk::new();
    let document = json!({
        "routes": {"fast": {"tiers": [["openai/gpt-4.1"]], "defaults": {"temperature": 0.5}}},
        "rules": [
            {"name": "all", "system": [{"append": "Be kind."}]},
            {"name": "others", "when": {"models": ["claude-*"]}, "overrides": {"seed": 1}},
            {"name": "chat", "when": {"protocols": ["chat"]}, "overrides": {"top_p": 0.5}}
        ],
        "filters": [{"name": "mail", "when": {"models": ["fast"]}, "find": {"personal": ["email"]}, "action": "mask"}]
    });
    let (status, answer) = desk.ask("PUT config", &json!({"revision": 0, "document": document}));
    assert_eq!(status, 200, "{answer}");
    let mut granted = |model: &str, protocol| {
        let operation = crate::call::Operation::Generate;
        let caller = crate::access::Caller::Operator;
        let inquiry = crate::control::inquiry::Inquiry::about(caller, model.to_owned(), protocol, operation);
        let grant = desk.control.plan(&inquiry, crate::fault::Millis(desk.now)).unwrap_or_default();
        let rules: Vec<String> = grant.rules.iter().map(|rule| rule.name.clone()).collect();
        (rules.join(" "), grant.filters.len())
    };
    use crate::ir::Protocol::{Chat, Messages};
    assert_eq!(granted("gpt-4.1", Messages), ("all".to_owned(), 0));
    assert_eq!(granted("gpt-4.1", Chat), ("all chat".to_owned(), 0));
    assert_eq!(granted("fast", Messages), ("all fast".to_owned(), 1));
    assert_eq!(granted("gpt-4.1(high)", Messages), ("all the model's suffix".to_owned(), 0));
    let wrong = json!({"rules": [{"name": "a", "system": [{"replace": {"find": "(", "with": "", "pattern": true}}]}]});
    let (status, refused) = desk.ask("PUT config", &json!({"revision": 1, "document": wrong}));
    assert_eq!((status, &refused["problems"][0]["path"]), (422, &json!("rules[0]")), "{refused}");
}

#[test]
fn rules_and_filters_are_tried_before_they_are_stored() {
    let desk = &mut Desk::new();
    let rules = json!([{"name": "short", "when": {"models": ["gpt-*"]}, "system": [{"append": "Be brief."}]},
        {"name": "asked for", "optional": true, "system": [{"append": "In verse."}]}]);
    let filters = json!([{"name": "mail", "action": "mask", "find": {"personal": ["email"]}}]);
    let request = json!({"model": "gpt-4.1", "messages": [{"role": "user", "content": "I am ada@example.org"}]});
    let question = |more: Value| {
        let mut question = json!({"model": "gpt-4.1", "request": request, "answer": "Hi, grace@example.org"});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        question
    };
    let (status, trial) = desk.ask("POST rules/try", &question(json!({"rules": rules, "filters": filters})));
    assert_eq!(status, 200, "{trial}");
    let after: Value = serde_json::from_str(trial["after"].as_str().unwrap()).unwrap();
    assert_eq!(after["messages"][0], json!({"role": "system", "content": "Be brief."}));
    assert!(after["messages"][1]["content"].as_str().unwrap().starts_with("I am EMAIL-"), "{after}");
    assert_eq!((&trial["answer"], &trial["refused"]), (&json!("Hi, [EMAIL]"), &Value::Null));
    assert_eq!(trial["hits"].as_array().unwrap().len(), 2);
    // Without any, those that are stored; a token brings its own.
    let (_, stored) = desk.ask("POST rules/try", &question(json!({})));
    assert_eq!((&stored["after"], &stored["answer"]), (&stored["before"], &json!("Hi, grace@example.org")));
    let (_, made) = desk.ask("POST tokens", &json!({"name": "poet", "rules": ["asked for"]}));
    let of_token = question(json!({"rules": rules, "token": made["token"]["id"]}));
    assert!(desk.ask("POST rules/try", &of_token).1["after"].as_str().unwrap().contains("In verse."));
    let other = question(json!({"rules": rules, "model": "claude-sonnet-4-5"}));
    assert_eq!(desk.ask("POST rules/try", &other).1["before"], desk.ask("POST rules/try", &other).1["after"]);
    let refusing = json!([{"name": "beast", "action": "refuse", "message": "not here", "find": {"words": ["grace"]}}]);
    let (_, refused) = desk.ask("POST rules/try", &question(json!({"filters": refusing})));
    assert_eq!((&refused["answer"], &refused["refused"]), (&Value::Null, &json!("not here")));
    for (wrong, field) in [
        (json!({"token": "tok_nobody"}), "token"),
        (json!({"protocol": "kiro"}), "protocol"),
        (json!({"request": "text"}), "request"),
        (json!({"filters": [{"name": "bad", "action": "flag", "find": {"patterns": ["("]}}]}), "bad"),
    ] {
        let (status, said) = desk.ask("POST rules/try", &question(wrong));
        assert_eq!((status, said["error"]["field"].as_str()), (400, Some(field)), "{said}");
    }
    assert!(desk.control.changes().iter().all(|row| !row.key.starts_with("config")), "something was stored");
}
