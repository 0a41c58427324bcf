//! What a token endpoint's answer does to a credential.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::{NOW, answer, jwt, row, told, with};
use crate::oauth::table::PROVIDERS;
use crate::oauth::{Answer, RefreshFault, refreshed};
use crate::upstream::Credential;

fn renew(name: &str, status: u16, body: &str) -> Result<Credential, RefreshFault> {
    refreshed(row(name), &answer(status, body.as_bytes()), &with(&[]), NOW)
}

#[test]
fn a_new_token_replaces_what_it_says_and_nothing_else() {
    let identity = jwt(&json!({
        "email": "me@example.com",
        "https://api.openai.com/auth": {"chatgpt_account_id": "acc", "chatgpt_plan_type": "plus"},
    }));
    let stated = jwt(&json!({"exp": NOW.0 / 1000 + 60}));
    let table = [
        (
            "gemini-cli",
            json!({"access_token": "new", "expires_in": 3599}),
            "new old-refresh-token Some(3599) ".to_owned(),
        ),
        (
            "codex",
            json!({"access_token": "new", "refresh_token": "next", "expires_in": "864000", "id_token": identity}),
            format!("new next Some(864000) account_id=acc email=me@example.com id_token={identity} plan=plus"),
        ),
        ("codex", json!({"access_token": stated}), format!("{stated} old-refresh-token Some(60) ")),
        (
            "claude",
            json!({"access_token": "new", "refresh_token": "next", "expires_in": 28800,
                   "account": {"uuid": "u", "email_address": "me@example.com"}, "organization": {"uuid": "o"}}),
            "new next Some(28800) account_id=u email=me@example.com organization_id=o".to_owned(),
        ),
        (
            "qwen-code",
            json!({"status": "success", "access_token": "new", "refresh_token": "next", "expires_in": 21600,
                   "resource_url": "portal.qwen.ai"}),
            "new next Some(21600) resource_url=portal.qwen.ai".to_owned(),
        ),
        (
            "kiro",
            json!({"accessToken": "new", "refreshToken": "next", "expiresIn": 3600, "profileArn": "arn:aws:x"}),
            "new next Some(3600) auth_method=social profile_arn=arn:aws:x".to_owned(),
        ),
        (
            "kiro-builder-id",
            json!({"accessToken": "new", "expiresIn": 3600, "tokenType": "Bearer"}),
            "new old-refresh-token Some(3600) auth_method=builder-id".to_owned(),
        ),
        // Calls are signed with the key that is asked for next; until then with the old one.
        (
            "iflow",
            json!({"access_token": "new", "refresh_token": "next", "expires_in": 172800}),
            "old-access-token next Some(172800) access_token=new".to_owned(),
        ),
        ("kimi", json!({"access_token": "new", "expires_in": 900.5}), "new old-refresh-token Some(900) ".to_owned()),
        ("xai", json!({"access_token": "opaque"}), "opaque old-refresh-token None ".to_owned()),
        ("vertex", json!({"access_token": "new", "expires_in": 3600}), "new old-refresh-token Some(3600) ".to_owned()),
    ];
    for (name, body, expected) in table {
        let fresh = renew(name, 200, &body.to_string()).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert_eq!(told(&fresh), expected, "{name}");
    }
}

#[test]
fn what_ends_an_account_and_what_only_delays_it() {
    let (ended, later) = (true, false);
    #[rustfmt::skip]
    let table = [
        ("gemini-cli", 400, r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
         ended, "invalid_grant: Token has been expired or revoked."),
        ("gemini-cli", 401, r#"{"error":"invalid_client"}"#, later, "invalid_client"),
        ("gemini-cli", 400, r#"{"error":"invalid_request"}"#, later, "invalid_request"),
        ("codex", 401, r#"{"error":{"code":"refresh_token_reused","message":"Your refresh token has already been used"}}"#,
         ended, "refresh_token_reused: Your refresh token has already been used"),
        ("codex", 401, r#"{"error":{"code":"refresh_token_expired"}}"#, ended, "refresh_token_expired"),
        ("codex", 401, r#"{"error":{"message":"unheard of"}}"#, ended, "unheard of"),
        ("codex", 403, "<html>Just a moment...</html>", later, "status 403"),
        ("codex", 401, "<html>proxy</html>", later, "status 401"),
        ("claude", 400, r#"{"error":{"type":"invalid_grant","message":"gone"}}"#, ended, "invalid_grant: gone"),
        ("claude", 429, r#"{"error":{"type":"rate_limit_error"}}"#, later, "rate_limit_error"),
        ("claude", 429, r#"{"error":"invalid_grant"}"#, later, "invalid_grant"),
        ("qwen-code", 400, r#"{"error":"invalid_request","error_description":"busy"}"#, later, "invalid_request: busy"),
        ("qwen-code", 200, r#"{"error":"invalid_grant"}"#, ended, "invalid_grant"),
        ("qwen-code", 200, "{}", later, "the answer has no access token"),
        ("qwen-code", 200, r#"{"access_token":""}"#, later, "the answer has no access token"),
        ("kiro", 401, r#"{"message":"Bad credentials"}"#, ended, "Bad credentials"),
        ("kiro-builder-id", 400, r#"{"error":"invalid_grant","error_description":"Invalid refresh token"}"#,
         ended, "invalid_grant: Invalid refresh token"),
        ("kiro-builder-id", 401, r#"{"error":"invalid_client"}"#, ended, "invalid_client"),
        ("iflow", 500, "", later, "status 500"),
        ("kimi", 503, r#"{"error":"invalid_grant"}"#, later, "invalid_grant"),
        ("xai", 404, "", later, "status 404"),
        ("xai", 302, "", later, "status 302"),
    ];
    for (name, status, body, expected, why) in table {
        let Err(fault) = renew(name, status, body) else { panic!("{name} {status} {body}") };
        let expected = match expected {
            true => RefreshFault::Permanent(why.to_owned()),
            false => RefreshFault::Transient { wait: None, why: why.to_owned() },
        };
        assert_eq!(fault, expected, "{name} {status} {body}");
    }
}

#[test]
fn a_delay_is_as_long_as_the_provider_says() {
    for (name, value, expected) in [
        ("retry-after", "30", Some(Duration::from_secs(30))),
        ("retry-after-ms", "1500", Some(Duration::from_millis(1500))),
        ("retry-after", "soon", None),
    ] {
        let headers = [(name.to_owned(), value.to_owned())];
        let answer = Answer { status: 429, headers: &headers, body: b"" };
        let fault = refreshed(row("claude"), &answer, &with(&[]), NOW).err();
        let why = "status 429".to_owned();
        assert_eq!(fault, Some(RefreshFault::Transient { wait: expected, why }), "{name}: {value}");
    }
}

#[test]
fn a_reason_never_repeats_a_secret() {
    let body =
        r#"{"error":"invalid_grant","error_description":"old-refresh-token of canary-project, was old-access-token"}"#;
    let old = with(&[("project_id", "canary-project")]);
    let Err(RefreshFault::Permanent(reason)) = refreshed(row("codex"), &answer(400, body.as_bytes()), &old, NOW) else {
        panic!("it is permanent")
    };
    assert_eq!(reason, "invalid_grant: [redacted] of [redacted], was [redacted]");
    let long = format!(r#"{{"error":"invalid_grant","error_description":"{}"}}"#, "x".repeat(9000));
    let Err(RefreshFault::Permanent(reason)) = renew("codex", 400, &long) else { panic!("it is permanent") };
    assert_eq!(reason.len(), 300);
}

proptest! {
    #[test]
    fn any_answer_is_a_token_an_end_or_a_delay(status in 100u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for provider in PROVIDERS {
            let _ = refreshed(provider, &answer(status, &body), &with(&[]), NOW);
        }
    }

    #[test]
    fn a_success_never_loses_the_refresh_token(token in "[a-z]{1,9}", next in proptest::option::of("[a-z]{1,9}"), lifetime in any::<i64>()) {
        let body = json!({"access_token": token, "refresh_token": next, "expires_in": lifetime}).to_string();
        for provider in PROVIDERS {
            let fresh = refreshed(provider, &answer(200, body.as_bytes()), &with(&[]), NOW).unwrap();
            let expected = next.clone().unwrap_or_else(|| "old-refresh-token".to_owned());
            prop_assert_eq!(fresh.refresh.map(|refresh| refresh.expose().to_owned()), Some(expected));
        }
    }
}
