//! Sign-ins from the console, up to where the world begins.

use serde_json::{Value, json};

use super::super::oauth::answer;
use super::{ADMIN_KEY, Desk};
use crate::fault::Millis;
use crate::login::Next;

fn env(name: &str) -> Option<String> {
    super::super::oauth::env(name)
}

fn begin(desk: &mut Desk, body: &Value) -> Value {
    let (status, view) = desk.ask("POST logins", body);
    assert_eq!(status, 201, "{view}");
    view
}

fn message(reply: (u16, Value)) -> (u16, String) {
    (reply.0, reply.1["error"]["message"].as_str().unwrap_or_default().to_owned())
}

/// Answer everything a sign-in asks, in turn.
fn play(desk: &mut Desk, id: &str, answers: &[Value]) {
    let mut answers = answers.iter();
    let mut count = 100;
    let mut nonce = || {
        count += 1;
        [count; 12]
    };
    loop {
        let now = Millis(desk.now);
        match desk.control.next_login(id, &env, [nonce(), nonce(), nonce()], now).unwrap() {
            Next::Send(_) => {
                let Some(body) = answers.next() else { return };
                let body = body.to_string();
                desk.control.feed_login(id, Some(&answer(200, body.as_bytes())), nonce(), now).unwrap();
            }
            Next::Wait(until) => desk.now = until.0,
            Next::Finished => return,
        }
    }
}

/// Sign in with a pasted code, and tell the account.
fn sign_in(desk: &mut Desk, extra: Value, token: Value) -> Value {
    let mut body = json!({"provider": "claude"});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let view = begin(desk, &body);
    let (id, url) = (view["id"].as_str().unwrap().to_owned(), view["url"].as_str().unwrap());
    let state = url.split_once("&state=").unwrap().1;
    let (status, _) = desk.ask(&format!("POST logins/{id}/paste"), &json!({"text": format!("thecodeitself#{state}")}));
    assert_eq!(status, 200);
    play(desk, &id, &[token]);
    desk.ask(&format!("GET logins/{id}"), &Value::Null).1
}

fn token(access: &str, email: &str) -> Value {
    json!({"access_token": access, "refresh_token": format!("r-{access}"), "expires_in": 60,
           "account": {"uuid": email, "email_address": email}})
}

#[test]
fn a_sign_in_becomes_an_account_and_the_same_person_is_not_added_twice() {
    let mut desk = Desk::new();
    desk.ask(
        "POST accounts",
        &json!({"provider": "claude", "base_url": "https://x.example", "credential": {"api_key": "k".repeat(20)}}),
    );
    let accounts = |desk: &mut Desk| desk.ask("GET accounts?provider=claude", &Value::Null).1["total"].clone();
    let before = accounts(&mut desk);
    let one = sign_in(&mut desk, json!({}), token("canary-1", "me@example.com"));
    assert_eq!((&one["state"], one["notes"].is_null()), (&json!("done"), true), "{one}");
    let again = sign_in(&mut desk, json!({}), token("canary-2", "me@example.com"));
    assert_eq!(again["account"], one["account"]);
    let other = sign_in(&mut desk, json!({}), token("canary-3", "other@example.com"));
    assert_ne!(other["account"], one["account"]);
    let named = sign_in(&mut desk, json!({"account": one["account"]}), token("canary-4", "third@example.com"));
    assert_eq!(named["account"], one["account"]);
    assert_eq!(accounts(&mut desk).as_u64().unwrap() - before.as_u64().unwrap(), 2);
    let (_, shown) = desk.ask(&format!("GET accounts/{}", one["account"].as_str().unwrap()), &Value::Null);
    assert_eq!((&shown["label"], &shown["kind"]), (&json!("me@example.com"), &json!("oauth")));
    let rows: Vec<_> = desk.control.changes().into_iter().filter_map(|row| row.value).collect();
    assert!(rows.len() > 5 && rows.iter().all(|row| !row.contains("canary") && !row.contains("thecode")), "{rows:?}");
}

#[test]
fn what_was_stored_goes_on_after_a_restart() {
    let mut desk = Desk::new();
    let view = begin(&mut desk, &json!({"provider": "claude"}));
    let id = view["id"].as_str().unwrap();
    let rows: Vec<_> = desk.control.changes().into_iter().map(|row| (row.key, row.value.unwrap_or_default())).collect();
    let mut later = Desk::new();
    assert!(later.control.load(rows, Millis(1)).is_empty());
    assert_eq!(later.ask(&format!("GET logins/{id}"), &Value::Null).1, view);
    assert_eq!(later.ask(&format!("DELETE logins/{id}"), &Value::Null).0, 204);
    assert_eq!(later.ask(&format!("GET logins/{id}"), &Value::Null).0, 404);
}

#[test]
fn only_the_session_that_began_it_can_finish_it() {
    let mut desk = Desk::new();
    let view = begin(&mut desk, &json!({"provider": "claude"}));
    let (id, url) = (view["id"].as_str().unwrap(), view["url"].as_str().unwrap());
    let text = json!({"text": format!("thecodeitself#{}", url.split_once("&state=").unwrap().1)}).to_string();
    let signed = desk.send("POST session", &[], &json!({"key": ADMIN_KEY}).to_string());
    let cookie =
        signed.headers.iter().find(|(name, _)| *name == "set-cookie").unwrap().1.split(';').next().unwrap().to_owned();
    let console = [("cookie", cookie.as_str()), ("x-sluice-console", "1")];
    let stolen = desk.send(&format!("POST logins/{id}/paste"), &console, &text);
    assert_eq!(stolen.status, 403, "{}", stolen.body);
    assert_eq!(desk.send(&format!("POST logins/{id}/paste"), &[], &text).status, 401);
    let own = serde_json::from_str(&text).unwrap();
    assert_eq!(desk.ask(&format!("POST logins/{id}/paste"), &own).0, 200);
    let used = desk.ask(&format!("POST logins/{id}/paste"), &own);
    assert_eq!(message(used), (409, "this sign-in is used up or over; begin another".to_owned()));
}

#[test]
fn what_cannot_begin_says_which_field() {
    let mut desk = Desk::new();
    #[rustfmt::skip]
    let table = [
        (json!({"provider": "nobody"}), "provider: there is no sign-in of this name"),
        (json!({"provider": "vertex"}), "vertex has no such sign-in"),
        (json!({"provider": "claude", "options": {"base_url": "ftp://x"}}),
         "base_url: expected an address that begins with https:// or http://"),
        (json!({"provider": "kimi", "kind": "paste"}), "kimi has no such sign-in"),
        (json!({"provider": "kiro", "options": {"idp": "x"}}), "options.idp: is neither Google nor Github"),
        (json!({"provider": "claude", "account": "openai-1"}), "account: is no stored account of this provider"),
    ];
    for (body, expected) in table {
        assert_eq!(message(desk.ask("POST logins", &body)), (400, expected.to_owned()), "{body}");
    }
    for _ in 0..32 {
        begin(&mut desk, &json!({"provider": "claude"}));
    }
    assert_eq!(desk.ask("POST logins", &json!({"provider": "claude"})).0, 429);
    desk.now += 31 * 60 * 1000;
    begin(&mut desk, &json!({"provider": "claude"}));
}

#[test]
fn every_sign_in_is_offered_by_its_name() {
    let (_, offered) = Desk::new().ask("GET providers", &Value::Null);
    let ways: Vec<_> =
        offered.as_array().unwrap().iter().map(|item| format!("{} {}", item["name"], item["login"])).collect();
    for expected in [r#""codex" "device""#, r#""gemini-cli" "paste""#, r#""vertex" "import""#, r#""openai" "key""#] {
        assert!(ways.iter().any(|way| way == expected), "{expected} in {ways:?}");
    }
}
