//! Sign-in, its cookie, and everybody it keeps out.

use serde_json::Value;

use super::{ADMIN_KEY, Desk};
use crate::admin::Reply;

fn sign_in(desk: &mut Desk) -> String {
    let reply = desk.send("POST session", &[("host", "sluice.example")], &format!(r#"{{"key":"{ADMIN_KEY}"}}"#));
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let (name, cookie) = &reply.headers[0];
    assert_eq!(*name, "set-cookie");
    assert!(cookie.ends_with("; Path=/admin; Max-Age=43200; HttpOnly; Secure; SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

fn code(reply: &Reply) -> String {
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    body["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_session_opens_the_api_until_it_ends() {
    let desk = &mut Desk::new();
    let cookie = sign_in(desk);
    let headers: &[(&str, &str)] = &[("cookie", &format!("a=b; {cookie}; c=d"))];
    assert_eq!(desk.send("GET accounts", headers, "").status, 200);
    assert!(desk.send("GET session", headers, "").body.contains(r#""signed_in":true"#));
    // Rows hold the hash, not the cookie, and a restart keeps the session.
    let rows: Vec<_> = desk.control.changes().into_iter().map(|row| (row.key, row.value.unwrap())).collect();
    let secret = cookie.split_once('=').unwrap().1;
    assert!(rows.iter().any(|(key, _)| key.starts_with("session/")));
    assert!(rows.iter().all(|(key, value)| !key.contains(secret) && !value.contains(secret)));
    let mut restarted = Desk::new();
    assert!(restarted.control.load(rows, crate::fault::Millis(0)).is_empty());
    assert_eq!(restarted.send("GET accounts", headers, "").status, 200);
    // Over after twelve hours, or when the browser signs out.
    restarted.now += 12 * 3600 * 1000;
    assert_eq!(code(&restarted.send("GET accounts", headers, "")), "session_over");
    assert_eq!(desk.send("DELETE session", headers, "").status, 204);
    assert_eq!(code(&desk.send("GET accounts", headers, "")), "session_over");
}

#[test]
fn another_sites_page_cannot_use_the_session() {
    let desk = &mut Desk::new();
    let cookie = sign_in(desk);
    let console = ("x-sluice-console", "1");
    let body = r#"{"seconds":60}"#;
    let table: &[(&[(&str, &str)], u16)] = &[
        (&[console], 200),
        (&[console, ("sec-fetch-site", "same-origin"), ("origin", "https://sluice.example")], 200),
        (&[console, ("sec-fetch-site", "none")], 200),
        (&[], 403),
        (&[console, ("sec-fetch-site", "cross-site")], 403),
        (&[console, ("sec-fetch-site", "same-site")], 403),
        (&[console, ("origin", "https://evil.example")], 403),
        (&[console, ("origin", "null")], 403),
        (&[console, ("origin", "https://sluice.example.evil.example")], 403),
    ];
    for (more, status) in table {
        let mut headers = vec![("cookie", cookie.as_str()), ("host", "sluice.example")];
        headers.extend_from_slice(more);
        assert_eq!(desk.send("POST accounts/openai-1/cool", &headers, body).status, *status, "{more:?}");
    }
    let sign_in_from = [("host", "sluice.example"), ("origin", "https://evil.example")];
    assert_eq!(desk.send("POST session", &sign_in_from, &format!(r#"{{"key":"{ADMIN_KEY}"}}"#)).status, 403);
}

#[test]
fn without_a_key_or_a_session_nothing_is_told() {
    let desk = &mut Desk::new();
    for (line, headers, status) in [
        ("GET accounts", &[][..], 401),
        ("GET accounts", &[("authorization", "Bearer wrong")], 401),
        ("GET accounts", &[("authorization", "Basic x")], 401),
        ("GET accounts", &[("cookie", "sluice_session=guess")], 401),
        ("GET accounts", &[("cookie", "sluice_session=")], 401),
        ("GET nowhere", &[], 401),
        ("PUT session", &[], 405),
    ] {
        let reply = desk.send(line, headers, "");
        assert_eq!(reply.status, status, "{line} {headers:?}");
        assert!(!reply.body.contains("wrong") && !reply.body.contains("guess"), "{}", reply.body);
    }
    assert!(desk.send("GET session", &[], "").body.contains(r#""signed_in":false"#));
    desk.admin_key = None;
    for line in ["GET accounts", "POST session"] {
        let reply = desk.send(line, &[], r#"{"key":""}"#);
        assert_eq!((reply.status, code(&reply).as_str()), (503, "not_configured"), "{line}");
    }
}

#[test]
fn who_guesses_must_wait_longer_each_time_and_others_need_not() {
    let desk = &mut Desk::new();
    let (guesser, other) = (("cf-connecting-ip", "203.0.113.7"), ("cf-connecting-ip", "203.0.113.8"));
    let wrong = |desk: &mut Desk| desk.send("POST session", &[guesser], r#"{"key":"guess"}"#);
    let right = format!(r#"{{"key":"{ADMIN_KEY}"}}"#);
    for _ in 0..5 {
        assert_eq!(wrong(desk).status, 401);
    }
    let mut waits = Vec::new();
    for _ in 0..3 {
        assert_eq!(wrong(desk).status, 401);
        let reply = desk.send("POST session", &[guesser], &right);
        assert_eq!(reply.status, 429);
        let wait: u64 = reply.headers.iter().find(|(name, _)| *name == "retry-after").unwrap().1.parse().unwrap();
        waits.push(wait);
        assert_eq!(desk.send("POST session", &[other], &right).status, 204);
        desk.now += wait * 1000;
    }
    assert_eq!(waits, [2, 4, 8]);
    assert_eq!(desk.send("POST session", &[guesser], &right).status, 204);
}
