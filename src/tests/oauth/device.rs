//! Answers of the device flow.

use serde_json::json;

use super::{NOW, answer, row, told, with};
use crate::oauth::{Poll, polled, registered, started};

fn begun(name: &str, body: &serde_json::Value) -> Option<String> {
    let body = body.to_string();
    let started = started(row(name), &answer(200, body.as_bytes()))?;
    let (interval, expires) = (started.interval.as_secs(), started.expires.as_secs());
    Some(format!("{} {} {} {interval} {expires}", started.device_code.expose(), started.user_code, started.url))
}

#[test]
fn a_code_comes_in_every_providers_words() {
    #[rustfmt::skip]
    let table = [
        ("qwen-code", json!({"device_code": "d", "user_code": "U", "verification_uri": "https://q/a",
                        "verification_uri_complete": "https://q/a?c=U", "expires_in": 900}),
         Some("d U https://q/a?c=U 5 900")),
        ("codex", json!({"device_auth_id": "d", "usercode": "U", "interval": "7"}),
         Some("d U https://auth.openai.com/codex/device 7 900")),
        ("kiro-builder-id", json!({"deviceCode": "d", "userCode": "U", "verificationUri": "https://a/", "interval": 1,
                                   "verificationUriComplete": "https://a/?user_code=U", "expiresIn": 600}),
         Some("d U https://a/?user_code=U 1 600")),
        // A quarter of an hour is what we keep a sign-in for; a poll a second is what we can afford.
        ("kimi", json!({"device_code": "d", "user_code": "U", "verification_uri": "https://k/", "expires_in": 1e9,
                        "interval": 0}), Some("d U https://k/ 1 900")),
        ("kimi", json!({"device_code": "d", "user_code": "U", "verification_uri": "javascript:alert(1)"}), None),
        ("kimi", json!({"device_code": "d", "verification_uri": "https://k/"}), None),
        ("gemini-cli", json!({"device_code": "d", "user_code": "U", "verification_uri": "https://k/"}), None),
    ];
    for (name, body, expected) in table {
        assert_eq!(begun(name, &body).as_deref(), expected, "{name} {body}");
    }
}

#[test]
fn a_poll_says_where_the_person_is() {
    #[rustfmt::skip]
    let table = [
        ("qwen-code", 400, json!({"error": "authorization_pending"}), "pending"),
        ("qwen-code", 400, json!({"error": "slow_down"}), "slow"),
        ("qwen-code", 429, json!({}), "slow"),
        ("qwen-code", 400, json!({"error": "expired_token"}), "expired"),
        ("qwen-code", 400, json!({"error": "access_denied"}), "denied"),
        ("qwen-code", 502, json!("<html>"), "pending"),
        ("qwen-code", 400, json!({"access_token": "t"}), "pending"),
        ("qwen-code", 200, json!({"access_token": "t", "refresh_token": "r", "expires_in": 60}), "granted t r Some(60) region=eu-west-1"),
        ("codex", 403, json!({"error": {"code": "deviceauth_authorization_unknown"}}), "pending"),
        ("codex", 404, json!({}), "pending"),
        ("codex", 200, json!({"authorization_code": "c", "code_verifier": "v"}), "code c v"),
        ("codex", 200, json!({"authorization_code": "c"}), "pending"),
        ("kiro-builder-id", 400, json!({"error": "authorization_pending"}), "pending"),
        ("kiro-builder-id", 400, json!({"error": "expired_token"}), "expired"),
        ("kiro-builder-id", 200, json!({"accessToken": "t", "refreshToken": "r", "expiresIn": 60}),
         "granted t r Some(60) auth_method=builder-id region=eu-west-1"),
    ];
    for (name, status, body, expected) in table {
        let text = body.to_string();
        let mut options = with(&[("region", "eu-west-1")]);
        options.refresh = None;
        let seen = match polled(row(name), &answer(status, text.as_bytes()), &options, NOW) {
            Poll::Pending => "pending".to_owned(),
            Poll::SlowDown => "slow".to_owned(),
            Poll::Denied(_) => "denied".to_owned(),
            Poll::Expired => "expired".to_owned(),
            Poll::Granted(credential) => format!("granted {}", told(&credential)),
            Poll::Code { code, verifier, .. } => format!("code {} {}", code.expose(), verifier.expose()),
        };
        assert_eq!(seen, expected, "{name} {status} {body}");
    }
}

#[test]
fn a_registration_has_both_halves() {
    let body = br#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":1}"#;
    assert!(registered(&answer(200, body)).is_some_and(|client| client.secret.expose() == "s"));
    assert!(registered(&answer(200, br#"{"clientId":"c"}"#)).is_none());
}
