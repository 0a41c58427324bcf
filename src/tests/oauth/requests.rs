//! The bytes that go out.

use super::{NOW, env, row, shown, with};
use crate::oauth::table::PROVIDERS;
use crate::oauth::{
    Pkce, Renewal, Unready, authorize_url, device_request, exchange_request, of_account, poll_request, refresh_request,
    register_request,
};
use crate::upstream::{Credential, Secret};

fn pkce() -> Pkce {
    Pkce { verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") }
}

fn refresh(name: &str, credential: &Credential, env: crate::oauth::Env<'_>) -> Result<String, Unready> {
    refresh_request(row(name), credential, env, NOW).map(|renewal| match renewal {
        Renewal::Send(request) => shown(&request),
        Renewal::Sign(signing) => {
            let request = signing.request(row(name), b"signature", env);
            format!("{}\n{}", signing.input, request.map(|request| shown(&request)).unwrap())
        }
    })
}

#[test]
fn the_challenge_is_the_one_of_the_standard() {
    // RFC 7636, appendix B.
    assert_eq!(pkce().challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    assert_eq!(Pkce::of([0; 32]).verifier.expose().len(), 43);
}

#[test]
fn every_row_asks_its_provider_in_its_words() {
    let mut all = String::new();
    for provider in PROVIDERS {
        let key = "-----BEGIN PRIVATE KEY-----\\nQUJD\\n-----END PRIVATE KEY-----\\n";
        let mut credential = with(&[]);
        match provider.name {
            "kiro-builder-id" => credential = with(&[("client_id", "registered"), ("client_secret", "its secret")]),
            "vertex" => credential = with(&[("private_key", key), ("client_email", "me@project")]),
            _ => {}
        }
        all += &format!("== {}\n-- refresh\n", provider.name);
        all += &refresh(provider.name, &credential, &env).unwrap_or_else(|error| panic!("{}: {error}", provider.name));
        if let Some(code) = &provider.code {
            all += &format!("-- code\n{}\n", authorize_url(provider, "the state", &pkce(), &credential, &env).unwrap());
            let verifier = code.pkce.then(|| pkce().verifier);
            let (code, redirect) = (Secret::new("4/0A+b"), code.redirect);
            let request =
                exchange_request(provider, &code, redirect, verifier.as_ref(), Some("the state"), &credential, &env);
            all += &shown(&request.unwrap());
        }
        if provider.device.is_some() {
            all += "-- device\n";
            if let Some(request) = register_request(provider, &with(&[]), &env) {
                all += &shown(&request.unwrap());
            }
            all += &shown(&device_request(provider, &pkce(), &credential, &env).unwrap());
            let device = Secret::new("device-code");
            all += &shown(&poll_request(provider, &device, "ABCD-1234", &pkce(), &credential, &env).unwrap());
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("sign-in", all));
}

#[test]
fn rows_are_usable_and_hold_no_secret() {
    for provider in PROVIDERS {
        let Some(code) = &provider.code else { continue };
        assert!(!code.shows_code || code.pkce, "{}: a bare code is only ours if PKCE ties it to us", provider.name);
    }
    let source = include_str!("../../oauth/table.rs");
    for told in ["GOCSPX", "client_secret", "sk-"] {
        assert!(!source.contains(told), "{told}");
    }
    let mut names: Vec<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PROVIDERS.len());
}

#[test]
fn what_is_missing_is_named() {
    let none = |_: &str| None;
    let table = [
        ("gemini-cli", with(&[]), Unready::NoClientSecret("GEMINI_CLI")),
        ("iflow", with(&[]), Unready::NoClientSecret("IFLOW")),
        ("kiro-builder-id", with(&[]), Unready::NoDetail("client_id")),
        ("kiro-builder-id", with(&[("client_id", "c")]), Unready::NoDetail("client_secret")),
        ("vertex", with(&[("client_email", "me")]), Unready::NoDetail("private_key")),
        ("vertex", with(&[("client_email", "me"), ("private_key", "not pem")]), Unready::BadKey),
        ("codex", Credential::default(), Unready::NoRefreshToken),
        ("kiro", with(&[("region", "evil.example/")]), Unready::BadRegion),
        ("kiro", with(&[("region", "x@evil-1")]), Unready::BadRegion),
    ];
    for (name, credential, expected) in table {
        assert_eq!(refresh(name, &credential, &none).err(), Some(expected), "{name}");
    }
}

#[test]
fn a_credential_brings_the_client_it_was_given_to() {
    let own = with(&[("client_id", "mine"), ("client_secret", "my secret")]);
    let sent = refresh("gemini-cli", &own, &env).unwrap();
    assert!(sent.contains("client_id=mine&client_secret=my%20secret"), "{sent}");
    let settings = |name: &str| (name == "CODEX_CLIENT_ID").then(|| "registered ".to_owned());
    let sent = refresh("codex", &with(&[]), &settings).unwrap();
    assert!(sent.ends_with("client_id=registered\n"), "{sent}");
}

#[test]
fn a_relay_sees_the_host_it_stands_in_for() {
    let all = |name: &str| (name == "SLUICE_AUTH_URL").then(|| "http://127.0.0.1:8080/".to_owned());
    let sent = refresh("codex", &with(&[]), &all).unwrap();
    assert!(sent.starts_with("POST http://127.0.0.1:8080/auth.openai.com/oauth/token\n"), "{sent}");
    let sent = refresh("kiro", &with(&[("region", "eu-central-1")]), &all).unwrap();
    assert!(sent.starts_with("POST http://127.0.0.1:8080/prod.eu-central-1.auth.desktop.kiro.dev/refreshToken\n"));
    let one = |name: &str| (name == "CODEX_AUTH_URL").then(|| "https://relay.example/x".to_owned());
    let both = |name: &str| one(name).or_else(|| all(name));
    assert!(refresh("codex", &with(&[]), &both).unwrap().starts_with("POST https://relay.example/x/auth.openai.com/"));
    assert!(refresh("claude", &with(&[]), &one).unwrap().starts_with("POST https://platform.claude.com/"));
}

#[test]
fn an_account_is_renewed_by_the_way_it_signed_in() {
    let table = [
        ("kiro", "", "kiro"),
        ("kiro", "social", "kiro"),
        ("kiro", "builder-id", "kiro-builder-id"),
        ("kiro", "IdC", "kiro-builder-id"),
        ("kiro", "unheard-of", "kiro"),
        ("codex", "builder-id", "codex"),
    ];
    for (account, method, expected) in table {
        let found = of_account(account, &with(&[("auth_method", method)])).map(|provider| provider.name);
        assert_eq!(found, Some(expected), "{account} {method}");
    }
    assert!(of_account("openai", &with(&[])).is_none());
}
