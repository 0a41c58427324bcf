//! Accounts out of their copies, and copies that are still to be made.

use serde_json::{Value, json};

use crate::admin::restore;
use crate::control::Control;
use crate::control::copies::AT_ONCE;
use crate::fault::Millis;
use crate::tests::admin::Desk;

const NOW: Millis = Millis(1_000_000);
const CANARY: &str = "gsk_canary_0123456789";

/// The copies of two accounts, as they were in KV.
fn copies() -> (Control, Vec<(String, String)>) {
    let mut desk = Desk::new();
    for key in [CANARY, "gsk_canary_9876543210"] {
        let account = json!({"provider": "groq", "credential": {"api_key": key}});
        assert_eq!(desk.ask("POST accounts", &account).0, 201);
    }
    let copies = desk.control.records().map(|record| (record.id.clone(), json!(record).to_string())).collect();
    (desk.control, copies)
}

fn recalled(control: &mut Control, copies: &[(String, String)], dry: bool) -> Vec<(String, String)> {
    let page = serde_json::from_value(json!({"copies": copies, "next": null})).unwrap();
    let reply = restore::restored(control, &page, dry, "test".to_owned(), Millis(1));
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |one: &Value| (text(&one["action"]), text(&one["message"]));
    body["accounts"].as_array().unwrap().iter().map(one).collect()
}

fn actions(control: &mut Control, copies: &[(String, String)], dry: bool) -> Vec<String> {
    recalled(control, copies, dry).into_iter().map(|(action, _)| action).collect()
}

#[test]
fn an_object_that_was_lost_has_its_accounts_back() {
    let (_, copies) = copies();
    let mut desk = Desk::new();
    assert_eq!(actions(&mut desk.control, &copies, true), ["add", "add"]);
    assert_eq!(desk.control.records().count(), 0, "only asked");
    assert_eq!(actions(&mut desk.control, &copies, false), ["add", "add"]);
    assert_eq!(actions(&mut desk.control, &copies, false), ["skip", "skip"], "again is nothing");
    assert_eq!(desk.control.target("groq-1", "m").unwrap().credential.access.expose(), CANARY);
    let stored = desk.control.changes();
    assert_eq!(stored.iter().filter(|row| row.key.starts_with("record/")).count(), 2);
    assert_eq!(desk.control.audit().waiting().len(), 1);
}

#[test]
fn what_is_newer_here_stays() {
    let (mut control, old) = copies();
    let relabelled = |label: &str, control: &Control| {
        let record = control.record("groq-1").cloned().unwrap();
        crate::control::record::Record { label: label.to_owned(), ..record }
    };
    control.store(relabelled("newer", &control), None, NOW).unwrap();
    assert_eq!(actions(&mut control, &old, false), ["skip", "skip"]);
    assert_eq!(control.record("groq-1").unwrap().label, "newer");
    let newer = json!({"revision": 9, "label": "newest"});
    let mut copy: Value = serde_json::from_str(&old[0].1).unwrap();
    copy.as_object_mut().unwrap().extend(newer.as_object().unwrap().clone());
    assert_eq!(actions(&mut control, &[("groq-1".to_owned(), copy.to_string())], false), ["update"]);
    assert_eq!(control.record("groq-1").map(|record| (record.label.as_str(), record.revision)), Some(("newest", 9)));
}

#[test]
fn a_copy_that_is_not_what_it_says_is_refused() {
    let (_, copies) = copies();
    let (first, second) = (copies[0].1.clone(), copies[1].1.clone());
    let swapped = first.replace("groq-1", "groq-2");
    let mut desk = Desk::new();
    let cases = [
        ("groq-2", first.as_str(), "another account"),
        ("groq-2", swapped.as_str(), "damaged or belongs to another account"),
        ("groq-2", "{", "EOF"),
        ("openai-1", &second.replace("groq-2", "openai-1"), "variable of the deployment"),
    ];
    for (id, copy, said) in cases {
        let [(action, message)] =
            recalled(&mut desk.control, &[(id.to_owned(), copy.to_owned())], false).try_into().unwrap();
        assert_ne!(action, "add");
        assert!(message.contains(said), "{message}");
    }
    let other = &mut Desk::with_master("some other key of the tests");
    let [(action, message)] = recalled(&mut other.control, &copies[..1], false).try_into().unwrap();
    assert_eq!(action, "refuse");
    assert!(message.contains("neither SLUICE_MASTER_KEY nor"), "{message}");
    assert_eq!(other.control.changes(), []);
}

#[test]
fn copies_that_are_owed_are_made_a_few_at_a_time_and_survive_a_restart() {
    let mut control = Desk::new().control;
    (0..100).for_each(|number| control.owe_copy(&format!("a{number}")));
    let rows: Vec<_> = control.changes().into_iter().map(|row| (row.key, row.value.unwrap())).collect();
    let mut again = Desk::new().control;
    assert_eq!(again.load(rows, NOW), Vec::<String>::new());
    let taken: Vec<usize> = (0..4).map(|_| again.owed_copies().len()).collect();
    assert_eq!(taken, [AT_ONCE, AT_ONCE, 100 - 2 * AT_ONCE, 0]);
    assert_eq!(again.changes().into_iter().map(|row| row.value).collect::<Vec<_>>(), [None]);
}
