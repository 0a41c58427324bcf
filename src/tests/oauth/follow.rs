//! What is asked once there is a token.

use serde_json::{Value, json};

use super::{answer, env, row, told, with};
use crate::oauth::Follow;
use crate::upstream::Credential;

/// Play `script`, a list of (part of the address, status, answer), and tell what was found.
fn play(name: &str, mut credential: Credential, script: &[(&str, u16, Value)]) -> (Credential, Follow, Vec<u64>) {
    let mut follow = Follow::default();
    let mut waits = Vec::new();
    let mut script = script.iter();
    while let Some(request) = follow.request(row(name), &credential, &env) {
        let request = request.unwrap_or_else(|error| panic!("{error}"));
        let (path, status, body) = script.next().unwrap_or_else(|| panic!("unexpected {}", request.url));
        assert!(request.url.contains(path), "{} instead of {path}", request.url);
        let body = body.to_string();
        // It may be stored between any two steps.
        follow = serde_json::from_str(&serde_json::to_string(&follow).unwrap()).unwrap();
        let wait = follow.feed(row(name), &mut credential, Some(&answer(*status, body.as_bytes())));
        waits.extend(wait.map(|wait| wait.as_secs()));
    }
    assert!(script.next().is_none(), "not everything was asked");
    (credential, follow, waits)
}

#[test]
fn a_project_is_found_where_there_is_one() {
    let person = ("userinfo", 200, json!({"email": "me@example.com"}));
    for project in [json!("companion"), json!({"id": "companion"})] {
        let load = ("loadCodeAssist", 200, json!({"currentTier": {"id": "x"}, "cloudaicompanionProject": project}));
        let (credential, follow, _) = play("gemini-cli", with(&[]), &[person.clone(), load]);
        let expected = "old-access-token old-refresh-token Some(0) email=me@example.com project_id=companion";
        assert_eq!((told(&credential).as_str(), follow.notes.len()), (expected, 0));
    }
}

#[test]
fn a_project_is_made_where_there_is_none() {
    let tiers = json!({"allowedTiers": [{"id": "paid"}, {"id": "free-tier", "isDefault": true}]});
    let script = [
        ("userinfo", 200, json!({"email": "me@example.com"})),
        ("loadCodeAssist", 200, tiers),
        ("onboardUser", 200, json!({"name": "operations/1"})),
        ("onboardUser", 200, json!({"done": false})),
        ("onboardUser", 200, json!({"done": true, "response": {"cloudaicompanionProject": {"id": "made"}}})),
    ];
    let (credential, follow, waits) = play("antigravity", with(&[]), &script);
    assert_eq!((credential.detail("project_id"), follow.notes.len(), waits), (Some("made"), 0, vec![2, 2]));
}

#[test]
fn a_missing_project_is_a_note_and_not_the_end() {
    let person = ("userinfo", 403, json!({}));
    let refused = ("loadCodeAssist", 403, json!({"error": {"code": 403, "message": "not here"}}));
    let (credential, follow, _) = play("gemini-cli", with(&[]), &[person.clone(), refused]);
    assert_eq!(credential.access.expose(), "old-access-token");
    assert_eq!(follow.notes, ["Gemini Code Assist (Google account) told no project: not here"]);
    let paid = ("loadCodeAssist", 200, json!({"currentTier": {"id": "standard-tier"}}));
    let (_, follow, _) = play("gemini-cli", with(&[]), &[person, paid]);
    assert_eq!(follow.notes, ["Gemini Code Assist (Google account) told no project; set project_id"]);
}

#[test]
fn onboarding_ends_after_a_minute() {
    let mut script = vec![("userinfo", 200, json!({"email": "e"})), ("loadCodeAssist", 200, json!({}))];
    script.extend((0..31).map(|_| ("onboardUser", 200, json!({"done": false}))));
    let (credential, follow, waits) = play("gemini-cli", with(&[]), &script);
    assert_eq!((credential.detail("project_id"), follow.notes.len(), waits.len()), (None, 1, 30));
}

#[test]
fn what_is_known_is_not_asked_again() {
    play("gemini-cli", with(&[("email", "e"), ("project_id", "p")]), &[]);
    play("codex", with(&[]), &[]);
    play("claude", with(&[("email", "e")]), &[]);
    let profile = json!({"account": {"uuid": "u", "email": "me@example.com"}});
    let (credential, ..) = play("claude", with(&[]), &[("oauth/profile", 200, profile)]);
    assert_eq!(credential.detail("email"), Some("me@example.com"));
}

#[test]
fn iflow_trades_its_token_for_a_key_every_time() {
    let key = json!({"success": true, "data": {"apiKey": "sk-new", "email": "me@example.com"}});
    let fresh = with(&[("access_token", "new token"), ("email", "e")]);
    let (credential, ..) = play("iflow", fresh.clone(), &[("getUserInfo?accessToken=new%20token", 200, key)]);
    assert_eq!(credential.access.expose(), "sk-new");
    let (credential, follow, _) = play("iflow", fresh, &[("getUserInfo", 200, json!({"success": false}))]);
    assert_eq!(credential.access.expose(), "old-access-token");
    assert_eq!(follow.notes, ["iFlow gave no API key: status 200"]);
}
