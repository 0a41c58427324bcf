//! Antigravity's envelope, and what accounts have left at it and at Kiro.

use serde_json::{Value, json};

use super::rig::call;
use crate::call::header;
use crate::fault::Millis;
use crate::upstream::quota::Window;
use crate::upstream::{self, Credential, Secret, Target, payload};

fn target(provider: &str, model: &str) -> Target {
    let details = [("project_id".to_owned(), Secret::new("p-7"))].into();
    Target {
        account: "a".to_owned(),
        provider: provider.to_owned(),
        upstream: upstream::by_name(provider).unwrap(),
        base_url: None,
        model: model.to_owned(),
        headers: Vec::new(),
        credential: Credential { access: Secret::new("ya29.t"), details, ..Credential::default() },
    }
}

/// Address and body of what a client's request becomes.
fn sent(url: &str, body: &Value, target: &Target) -> (String, Value) {
    let mut call = call("POST", url, &[], body.to_string()).unwrap();
    call.affinity = Some(20);
    let payload = payload(&call, target).unwrap_or_else(|failure| panic!("{failure:?}"));
    let request = target.upstream.request(&call, target, &payload).unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(header(&request.headers, "authorization"), Some("Bearer ya29.t"));
    (request.url, serde_json::from_slice(&request.body).unwrap())
}

#[test]
fn an_envelope_says_whose_request_it_is() {
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "safetySettings": [{"category": "X"}],
        "generationConfig": {"maxOutputTokens": 9, "temperature": 1}
    });
    let (url, sent) =
        sent("/v1beta/models/m:streamGenerateContent?alt=sse", &body, &target("antigravity", "gemini-3-pro-preview"));
    assert_eq!(url, "https://daily-cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse");
    let expected = json!({
        "project": "p-7", "model": "gemini-3-pro-preview", "userAgent": "sluice", "requestType": "agent",
        "requestId": "agent-req7",
        "request": {
            "sessionId": "-10",
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "generationConfig": {"temperature": 1}
        }
    });
    assert_eq!(sent, expected);
}

#[test]
fn claude_keeps_its_tools_in_words_that_the_service_takes() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["a"],
        "properties": {"a": {"type": ["string", "null"], "minLength": 1}, "n": {"type": "integer", "enum": [1, 2]}}
    });
    let body = json!({
        "model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "f", "description": "d", "input_schema": schema}]
    });
    let (_, sent) = sent("/v1/messages", &body, &target("antigravity", "gemini-claude-sonnet-4-6"));
    assert_eq!(sent["model"], "claude-sonnet-4-6");
    let request = &sent["request"];
    assert_eq!(request["generationConfig"]["maxOutputTokens"], 50);
    assert_eq!(request["toolConfig"], json!({"functionCallingConfig": {"mode": "VALIDATED"}}));
    let function = &request["tools"][0]["functionDeclarations"][0];
    assert_eq!(function.get("parametersJsonSchema"), None);
    let parameters = &function["parameters"];
    assert_eq!((&parameters["type"], &parameters["required"]), (&json!("object"), &json!(["a"])));
    let a = &parameters["properties"]["a"];
    assert_eq!((&a["type"], &a["nullable"]), (&json!("string"), &json!(true)));
    assert_eq!(parameters["properties"]["n"].get("enum"), None);
    assert_eq!(parameters.get("additionalProperties"), None);
}

#[test]
fn models_and_what_is_left_of_them_are_one_answer() {
    let target = target("antigravity", "m");
    let request = target.upstream.models_request(&target, None).unwrap();
    assert_eq!(request.url, "https://daily-cloudcode-pa.googleapis.com/v1internal:fetchAvailableModels");
    let body = json!({"models": {
        "gemini-3-flash": {"displayName": "F", "quotaInfo": {"remainingFraction": 0.75, "resetTime": "2026-02-06T12:30:00Z"}, "maxTokens": 1_048_576, "maxOutputTokens": 65_535},
        "claude-sonnet-4-6": {"quotaInfo": {"resetTime": "2026-02-06T12:30:00Z"}},
        "tab_complete": {}
    }})
    .to_string();
    let listed = target.upstream.models_answer(body.as_bytes()).unwrap();
    let ids: Vec<(&str, Option<u64>)> = listed.models.iter().map(|offer| (offer.id.as_str(), offer.context)).collect();
    assert_eq!(ids, [("gemini-3-flash", Some(1_048_576)), ("claude-sonnet-4-6", None)]);
    let resets = Some(Millis(1_770_381_000_000));
    let left = target.upstream.quota(200, body.as_bytes(), Millis(0));
    assert_eq!(
        left,
        [Window::fraction("gemini-3-flash", 0.25, resets), Window::fraction("claude-sonnet-4-6", 1.0, resets)]
    );
    assert!(target.upstream.quota(403, b"{}", Millis(0)).is_empty());
    assert!(target.upstream.models_answer(b"{}").is_err());
}

#[test]
fn kiro_tells_the_months_credits() {
    let mut target = target("kiro", "m");
    target.credential.details.insert("profile_arn".to_owned(), Secret::new("arn:aws:x"));
    let request = target.upstream.quota_request(&target).unwrap();
    assert_eq!(
        request.url,
        "https://q.us-east-1.amazonaws.com/getUsageLimits?origin=AI_EDITOR&resourceType=AGENTIC_REQUEST&profileArn=arn%3Aaws%3Ax"
    );
    let body = json!({
        "nextDateReset": 1_772_323_200.0,
        "usageBreakdownList": [
            {"displayName": "Credits", "currentUsage": 12, "currentUsageWithPrecision": 12.4, "usageLimit": 50},
            {"displayName": "Nothing"}
        ]
    });
    let left = target.upstream.quota(200, body.to_string().as_bytes(), Millis(0));
    let window =
        Window { name: "Credits".to_owned(), used: 12.4, limit: 50.0, resets: Some(Millis(1_772_323_200_000)) };
    assert_eq!(left, [window]);
}
