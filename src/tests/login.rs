//! A sign-in from its first request to the account, against answers from a list.

mod paste;

use serde_json::{Value, json};

use super::oauth::{NOW, answer, env, row, told};
use crate::fault::Millis;
use crate::login::paste::Unreadable;
use crate::login::{Begin, BeginError, Kind, Login, Next, PasteError, View};
use crate::oauth::table::PROVIDERS;
use crate::oauth::{Env, Unready};
use crate::vault::Vault;

const OWNER: &str = "hash of a session";

fn begin(name: &str, kind: Kind, options: &[(&str, &str)], env: Env<'_>) -> Result<Login, BeginError> {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (id, owner, random) = ("login-1".to_owned(), OWNER.to_owned(), std::array::from_fn(|at| at as u8));
    Login::begin(Begin { id, provider: row(name), kind, owner, account: None, options, random }, env, NOW)
}

fn begun(name: &str, kind: Kind) -> Login {
    begin(name, kind, &[], &env).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Ours, as it went out in the address.
fn state(login: &Login) -> String {
    let url = login.view().url.unwrap();
    url.split_once("&state=").unwrap().1.to_owned()
}

fn vault() -> Vault {
    Vault::of(Some("correct horse battery staple"), None).unwrap_or_else(|error| panic!("{error}"))
}

/// Store and restore it, as happens between any two steps.
fn kept(login: &Login) -> Login {
    let sealed = login.seal(&vault(), [3; 12]).unwrap();
    Login::open(&vault(), login.id(), &sealed).unwrap_or_else(|error| panic!("{error}"))
}

/// Answer from `script` until it ends or the list does, and tell what was sent and how time went by.
fn play(login: Login, script: &[(u16, Value)]) -> (Login, String) {
    let (mut login, mut now, mut log) = (login, NOW, String::new());
    let mut script = script.iter();
    loop {
        login = kept(&login);
        match login.next(&env, now) {
            Next::Finished => return (login, log),
            Next::Wait(until) => {
                log += &format!("wait {}\n", (until.0 - now.0) / 1000);
                now = until;
            }
            Next::Send(request) => {
                let Some((status, body)) = script.next() else { return (login, log) };
                let address = request.url.split(['?']).next().unwrap();
                log += &format!("{} {address}\n", request.method);
                let body = body.to_string();
                login.feed(Some(&answer(*status, body.as_bytes())), now);
            }
        }
    }
}

fn why(login: &Login) -> String {
    login.view().error.unwrap_or_default()
}

#[test]
fn a_device_code_leads_to_an_account() {
    let pending = (400, json!({"error": "authorization_pending"}));
    let script = [
        (200, json!({"device_code": "d", "user_code": "ABCD", "verification_uri": "https://q/", "interval": 3})),
        pending.clone(),
        (400, json!({"error": "slow_down"})),
        pending,
        (502, json!("<html>")),
        (200, json!({"access_token": "t", "refresh_token": "r", "expires_in": 60, "resource_url": "portal"})),
    ];
    let (login, log) = play(begun("qwen-code", Kind::Device), &script);
    let poll = "POST https://chat.qwen.ai/api/v1/oauth2/token\n";
    let expected = format!(
        "POST https://chat.qwen.ai/api/v1/oauth2/device/code\n\
         wait 3\n{poll}wait 3\n{poll}wait 8\n{poll}wait 8\n{poll}wait 8\n{poll}"
    );
    assert_eq!(log, expected);
    let signed = login.signed().unwrap();
    assert_eq!(told(&signed.credential), "t r Some(90) resource_url=portal");
    assert_eq!((login.view().state, signed.provider.account), ("waiting", "qwen-code"), "until it is stored");
    let mut login = kept(&login);
    login.settle("qwen-code-1");
    let view = login.view();
    assert_eq!((view.state, view.account.as_deref(), login.signed().is_none()), ("done", Some("qwen-code-1"), true));
}

#[test]
fn what_the_person_needs_is_shown_and_nothing_else() {
    let script = [(200, json!({"device_auth_id": "canary", "user_code": "ABCD-1234", "interval": "5"}))];
    let (login, _) = play(begun("codex", Kind::Device), &script);
    let view = login.view();
    let expected = View {
        id: "login-1".to_owned(),
        provider: "codex".to_owned(),
        kind: Kind::Device,
        state: "waiting",
        url: Some("https://auth.openai.com/codex/device".to_owned()),
        code: Some("ABCD-1234".to_owned()),
        expires: Millis(NOW.0 + 900_000),
        interval: Some(5),
        error: None,
        account: None,
        notes: Vec::new(),
    };
    assert_eq!(view, expected);
    assert!(!login.seal(&vault(), [1; 12]).unwrap().contains("canary"));
}

#[test]
fn codex_trades_its_device_code_twice() {
    let script = [
        (200, json!({"device_auth_id": "d", "user_code": "U", "interval": 5})),
        (403, json!({})),
        (200, json!({"authorization_code": "c", "code_verifier": "v"})),
        (200, json!({"access_token": "t", "refresh_token": "r", "expires_in": 864_000})),
    ];
    let (login, log) = play(begun("codex", Kind::Device), &script);
    assert!(log.ends_with("POST https://auth.openai.com/oauth/token\n"), "{log}");
    assert!(login.signed().is_some());
}

#[test]
fn aws_registers_a_client_first_and_the_account_keeps_it() {
    let script = [
        (200, json!({"clientId": "c", "clientSecret": "s"})),
        (200, json!({"deviceCode": "d", "userCode": "U", "verificationUriComplete": "https://a/?c=U", "interval": 1})),
        (200, json!({"accessToken": "t", "refreshToken": "r", "expiresIn": 3600})),
    ];
    let options = [("region", "eu-central-1"), ("start_url", "https://corp.awsapps.com/start")];
    let (login, log) = play(begin("kiro-builder-id", Kind::Device, &options, &env).unwrap(), &script);
    let host = "POST https://oidc.eu-central-1.amazonaws.com";
    let expected = format!("{host}/client/register\n{host}/device_authorization\nwait 1\n{host}/token\n");
    assert_eq!(log, expected);
    let expected = "t r Some(3601) auth_method=builder-id client_id=c client_secret=s region=eu-central-1 \
                    start_url=https://corp.awsapps.com/start";
    assert_eq!(told(&login.signed().unwrap().credential), expected);
}

#[test]
fn a_pasted_address_leads_to_an_account() {
    let mut login = begun("antigravity", Kind::Paste);
    let text = format!("http://localhost:51121/oauth-callback?state={}&code=4/0Ab", state(&login));
    login.paste(OWNER, &text, NOW).unwrap();
    let script = [
        (200, json!({"access_token": "t", "refresh_token": "r", "expires_in": 60})),
        (200, json!({"email": "me@example.com"})),
        (200, json!({"allowedTiers": [{"id": "free-tier", "isDefault": true}]})),
        (200, json!({"done": false})),
        (200, json!({"done": true, "response": {"cloudaicompanionProject": {"id": "p"}}})),
    ];
    let (login, log) = play(login, &script);
    let expected = "POST https://oauth2.googleapis.com/token\n\
                    GET https://www.googleapis.com/oauth2/v2/userinfo\n\
                    POST https://cloudcode-pa.googleapis.com/v1internal:loadCodeAssist\n\
                    POST https://cloudcode-pa.googleapis.com/v1internal:onboardUser\n\
                    wait 2\n\
                    POST https://cloudcode-pa.googleapis.com/v1internal:onboardUser\n";
    assert_eq!(log, expected);
    let signed = login.signed().unwrap();
    assert_eq!(told(&signed.credential), "t r Some(60) email=me@example.com project_id=p");
    assert_eq!((signed.label.as_str(), signed.notes.len()), ("me@example.com", 0));
}

#[test]
fn a_code_is_exchanged_with_the_verifier_that_was_challenged() {
    let mut login = begun("claude", Kind::Paste);
    let state = state(&login);
    login.paste(OWNER, &format!("thecodeitself#{state}"), NOW).unwrap();
    let Next::Send(request) = login.next(&env, NOW) else { panic!("it sends the code") };
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["code"], &body["state"]), (&json!("thecodeitself"), &json!(state)));
    assert_eq!(body["code_verifier"], json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"));
}

#[test]
fn a_sign_in_is_used_once_by_its_owner_in_time() {
    let mut login = begun("codex", Kind::Paste);
    let text = format!("?code=c0de&state={}", state(&login));
    assert_eq!(login.paste("another session", &text, NOW), Err(PasteError::NotYours));
    assert_eq!(login.paste(OWNER, &text, Millis(NOW.0 + 900_000)), Err(PasteError::Expired));
    assert_eq!(login.paste(OWNER, &text, NOW), Ok(()));
    assert_eq!(login.paste(OWNER, &text, NOW), Err(PasteError::Over));
    assert_eq!(begun("codex", Kind::Device).paste(OWNER, &text, NOW), Err(PasteError::Over));
}

#[test]
fn a_foreign_state_never_gets_through() {
    let mut login = begun("codex", Kind::Paste);
    let state = state(&login);
    #[rustfmt::skip]
    let table = [
        ("?code=c0de&state=theirs".to_owned(), PasteError::WrongState),
        ("thecodeitself#theirstate".to_owned(), PasteError::WrongState),
        (format!("?code=c0de&state=theirs&state={state}"), PasteError::Unreadable(Unreadable::Twice("state"))),
        (format!("?code=c0de&state=theirs#state={state}"), PasteError::Unreadable(Unreadable::Twice("state"))),
        ("?error=access_denied&state=theirs".to_owned(), PasteError::WrongState),
        ("?code=c0de".to_owned(), PasteError::NoState),
        ("thecodeitself".to_owned(), PasteError::NoState),
        (format!("?code=c0de&state={}", &state[..42]), PasteError::WrongState),
        (format!("?code=c0de&state={}", state.to_ascii_uppercase()), PasteError::WrongState),
    ];
    for (text, expected) in table {
        assert_eq!(login.paste(OWNER, &text, NOW), Err(expected), "{text}");
        assert_eq!(login.view().state, "waiting");
    }
    assert_eq!(login.paste(OWNER, &format!("?code=c0de&state={state}"), NOW), Ok(()));
}

#[test]
fn a_code_alone_is_enough_where_the_page_shows_nothing_else() {
    let mut login = begun("gemini-cli", Kind::Paste);
    assert_eq!(login.paste(OWNER, "?code=4/0AbCdEf", NOW), Err(PasteError::NoState));
    assert_eq!(login.paste(OWNER, " 4/0AbCdEf_gh-ij\n", NOW), Ok(()));
}

#[test]
fn a_refusal_in_the_address_is_told() {
    let mut login = begun("codex", Kind::Paste);
    let text = "?error=access_denied&error_description=the+user+said+no";
    let told = "access_denied: the user said no";
    assert_eq!(login.paste(OWNER, text, NOW), Err(PasteError::Denied(told.to_owned())));
    assert_eq!(login.view().state, "waiting", "without our state it may be anybody's");
    let text = format!("{text}&state={}", state(&login));
    assert_eq!(login.paste(OWNER, &text, NOW), Err(PasteError::Denied(told.to_owned())));
    assert_eq!(why(&login), "the provider refused the sign-in: access_denied: the user said no");
}

#[test]
fn every_end_says_why() {
    let started = (200, json!({"device_code": "d", "user_code": "U", "verification_uri": "https://k/"}));
    #[rustfmt::skip]
    let table = [
        (vec![(500, json!({}))], "Kimi for Coding gave no code: status 500"),
        (vec![started.clone(), (400, json!({"error": "access_denied"}))], "the sign-in was refused: access_denied"),
        (vec![started.clone(), (400, json!({"error": "expired_token"}))], "the code was not used in time"),
    ];
    for (script, expected) in table {
        let (login, _) = play(begun("kimi", Kind::Device), &script);
        assert_eq!(why(&login), expected);
    }
    let patience = std::iter::once(started).chain((0..200).map(|_| (400, json!({"error": "authorization_pending"}))));
    let (login, log) = play(begun("kimi", Kind::Device), &patience.collect::<Vec<_>>());
    assert_eq!(why(&login), "the code was not used in time");
    assert_eq!(log.lines().filter(|line| line.starts_with("POST")).count(), 180);
    let mut login = begun("iflow", Kind::Paste);
    login.paste(OWNER, &format!("?code=c0de&state={}", state(&login)), NOW).unwrap();
    let script = [(200, json!({"access_token": "t", "refresh_token": "r"})), (200, json!({"success": false}))];
    assert_eq!(why(&play(login, &script).0), "iFlow gave no API key: status 200");
}

#[test]
fn no_answer_ends_an_exchange_but_not_a_poll() {
    let mut login = begun("codex", Kind::Paste);
    login.paste(OWNER, &format!("?code=c0de&state={}", state(&login)), NOW).unwrap();
    login.feed(None, NOW);
    assert_eq!(why(&login), "ChatGPT (Codex) gave no token: no answer");
    let script = [(200, json!({"device_auth_id": "d", "user_code": "U", "interval": 5}))];
    let (mut login, _) = play(begun("codex", Kind::Device), &script);
    login.feed(None, Millis(NOW.0 + 5000));
    assert!(matches!(login.next(&env, Millis(NOW.0 + 5000)), Next::Wait(Millis(at)) if at == NOW.0 + 10_000));
}

#[test]
fn what_cannot_begin_says_so_at_once() {
    let none = |_: &str| None;
    let error = |name, kind, options, env: Env<'_>| begin(name, kind, options, env).err().unwrap();
    let option = |name: &str, why| BeginError::Option(name.to_owned(), why);
    assert_eq!(error("kimi", Kind::Paste, &[], &env), BeginError::NoFlow("kimi"));
    assert_eq!(error("vertex", Kind::Device, &[], &env), BeginError::NoFlow("vertex"));
    let missing = BeginError::Unready(Unready::NoClientSecret("GEMINI_CLI"));
    assert_eq!(error("gemini-cli", Kind::Paste, &[], &none), missing);
    let region = BeginError::Unready(Unready::BadRegion);
    assert_eq!(error("kiro-builder-id", Kind::Device, &[("region", "a.b")], &env), region);
    let idp = option("idp", "is neither Google nor Github");
    assert_eq!(error("kiro", Kind::Paste, &[("idp", "Evil")], &env), idp);
    let foreign = option("access_token", "is not an option of a sign-in");
    assert_eq!(error("kiro", Kind::Paste, &[("access_token", "x")], &env), foreign);
    for provider in PROVIDERS {
        let kinds = [(Kind::Device, provider.device.is_some()), (Kind::Paste, provider.code.is_some())];
        for (kind, has) in kinds {
            assert_eq!(begin(provider.name, kind, &[], &env).is_ok(), has, "{} {kind:?}", provider.name);
        }
    }
    let sealed = begun("kimi", Kind::Device).seal(&vault(), [0; 12]).unwrap();
    assert!(Login::open(&vault(), "login-2", &sealed).is_err());
}
