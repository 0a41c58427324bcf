//! What is left of an account, and which models it has: what is asked, and what the answers come to.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{call, target};
use crate::call::{HttpRequest, header};
use crate::fault::{Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::upstream::listing::{Listing, Offer, Unlisted, read};
use crate::upstream::quota::Window;
use crate::upstream::{Refusal, Secret, Target, by_name, payload};

const NOW: Millis = Millis(1_787_393_472_000);
type Pairs<'a> = &'a [(&'a str, &'a str)];

const TOKEN: &str = "Bearer sk-canary-000111";

pub fn account(provider: &str, details: Pairs<'_>) -> Target {
    let mut target = target(Protocol::Chat, "a", "m");
    target.upstream = by_name(provider).unwrap();
    target.provider = provider.to_owned();
    let details = details.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value)));
    target.credential.details = details.collect();
    target
}

fn windows(provider: &str, status: u16, body: &Value) -> Vec<Window> {
    by_name(provider).unwrap().quota(status, body.to_string().as_bytes(), NOW)
}

fn window(name: &str, used: f64, limit: f64, resets: Option<u64>) -> Window {
    Window { name: name.to_owned(), used, limit, resets: resets.map(Millis) }
}

fn line(request: &HttpRequest) -> String {
    format!("{} {} {}", request.method, request.url, String::from_utf8_lossy(&request.body)).trim_end().to_owned()
}

#[test]
fn the_question_goes_to_the_provider_with_the_accounts_own_signature() {
    let cases: &[(&str, Pairs<'_>, &str)] = &[
        (
            "gemini-cli",
            &[("project_id", "p-1")],
            r#"POST https://cloudcode-pa.googleapis.com/v1internal:retrieveUserQuota {"project":"p-1"}"#,
        ),
        ("claude", &[], "GET https://api.anthropic.com/api/oauth/usage"),
    ];
    for (provider, details, expected) in cases {
        let target = account(provider, details);
        let request = target.upstream.quota_request(&target).unwrap();
        assert_eq!(line(&request), *expected);
        assert_eq!(header(&request.headers, "authorization"), Some(TOKEN), "{provider}");
        assert!(header(&request.headers, "user-agent").unwrap().starts_with("sluice/"), "{provider}");
    }
    let target = account("claude", &[]);
    let request = target.upstream.quota_request(&target).unwrap();
    assert_eq!(header(&request.headers, "anthropic-beta"), Some("oauth-2025-04-20"));
    for provider in ["openai", "anthropic", "google", "qwen-code"] {
        let target = account(provider, &[]);
        assert!(target.upstream.quota_request(&target).is_none(), "{provider} has no such question");
    }
}

#[test]
fn code_assist_tells_a_window_for_each_model() {
    let body = json!({"buckets": [
        {"modelId": "gemini-2.5-pro", "tokenType": "REQUESTS", "remainingFraction": 0.75, "resetTime": "2026-08-22T10:11:12Z"},
        {"modelId": "gemini-2.5-flash", "tokenType": "REQUESTS", "remainingFraction": 0.5, "remainingAmount": "500"},
        {"modelId": "gemini-2.5-flash", "tokenType": "INPUT_TOKENS", "remainingFraction": 0},
        {"modelId": "gemini-3-pro-preview"},
        {"modelId": "x", "remainingFraction": "half"},
    ]});
    let expected = [
        window("gemini-2.5-pro", 0.25, 1.0, Some(1_787_393_472_000)),
        window("gemini-2.5-flash", 500.0, 1000.0, None),
        window("gemini-2.5-flash: input tokens", 1.0, 1.0, None),
    ];
    assert_eq!(windows("gemini-cli", 200, &body), expected);
    assert_eq!(windows("gemini-cli", 403, &body), []);
    assert_eq!(windows("gemini-cli", 200, &json!([])), []);
}

#[test]
fn claude_tells_its_windows_in_per_cent() {
    let body = json!({
        "five_hour": {"utilization": 24.0, "resets_at": "2026-08-22T10:11:12.000000+00:00"},
        "seven_day": {"utilization": 36, "resets_at": null},
        "seven_day_opus": {"utilization": 120.0},
        "seven_day_sonnet": null,
        "iguana_necktie": {"utilization": 5.0},
        "extra_usage": {"is_enabled": true, "monthly_limit": 5000, "used_credits": 1200.0, "utilization": 24.0},
    });
    let expected = [
        window("5 hours", 0.24, 1.0, Some(1_787_393_472_000)),
        window("7 days", 0.36, 1.0, None),
        window("7 days: opus", 1.0, 1.0, None),
        window("iguana necktie", 0.05, 1.0, None),
        window("extra usage, cents", 1200.0, 5000.0, None),
    ];
    let mut told = windows("claude", 200, &body);
    told.sort_by(|a, b| a.name.cmp(&b.name));
    let mut expected = expected.to_vec();
    expected.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(told, expected);
    assert_eq!(windows("claude", 200, &json!({"extra_usage": {"is_enabled": false, "monthly_limit": null}})), []);
}

#[test]
fn what_a_provider_invents_stays_within_bounds() {
    let many: Vec<Value> =
        (0..500).map(|n| json!({"modelId": format!("m{n}\n{}", "x".repeat(500)), "remainingFraction": -7})).collect();
    let told = windows("gemini-cli", 200, &json!({ "buckets": many }));
    assert_eq!(told.len(), 64);
    assert!(told.iter().all(|window| window.name.len() <= 80 && !window.name.contains('\n')));
    assert!(told.iter().all(|window| window.used <= window.limit));
}

fn offer(id: &str, context: Option<u64>, output: Option<u64>) -> Offer {
    Offer { context, output, ..Offer::of(id) }
}

#[test]
fn every_providers_list_is_read() {
    let cases = [
        (
            json!({"object": "list", "data": [{"id": "gpt-4.1", "object": "model"}, {"id": "gpt-4.1"}]}),
            vec![offer("gpt-4.1", None, None)],
            None,
        ),
        (
            json!({"data": [{"id": "a/b", "context_length": 9, "top_provider": {"max_completion_tokens": 5}}]}),
            vec![offer("a/b", Some(9), Some(5))],
            None,
        ),
        (
            json!({"data": [{"type": "model", "id": "claude-x", "max_input_tokens": 7, "max_tokens": 3}], "has_more": true, "last_id": "claude-x"}),
            vec![offer("claude-x", Some(7), Some(3))],
            Some("claude-x"),
        ),
        (json!({"data": [], "has_more": false, "last_id": "claude-x"}), vec![], None),
        (
            json!({"models": [
                {"name": "models/gemini-x", "inputTokenLimit": 8, "outputTokenLimit": 2, "supportedGenerationMethods": ["generateContent"]},
                {"name": "models/imagen", "supportedGenerationMethods": ["predict"]},
            ], "nextPageToken": "t"}),
            vec![offer("gemini-x", Some(8), Some(2))],
            Some("t"),
        ),
        (
            json!({"models": [
                {"slug": "gpt-5.4", "visibility": "list", "context_window": 272_000},
                {"slug": "gpt-secret", "visibility": "hide"},
            ]}),
            vec![offer("gpt-5.4", Some(272_000), None)],
            None,
        ),
        (json!([{"id": "together/x", "context_length": 4}]), vec![offer("together/x", Some(4), None)], None),
        (json!({"data": [{"id": ""}, {"id": "a b"}, {"id": 7}, {}, {"id": "x".repeat(300)}]}), vec![], None),
    ];
    for (body, models, next) in cases {
        let expected = Listing { models, next: next.map(str::to_owned) };
        assert_eq!(read(body.to_string().as_bytes()), Ok(expected), "{body}");
    }
    for bad in ["", "null", "{}", r#"{"data":{}}"#, r#"{"error":{"message":"no"}}"#, "<html>"] {
        assert_eq!(read(bad.as_bytes()), Err(Unlisted), "{bad}");
    }
    let endless: Vec<Value> = (0..5000).map(|n| json!({ "id": n.to_string() })).collect();
    assert_eq!(read(json!({ "data": endless }).to_string().as_bytes()).unwrap().models.len(), 2000);
}

#[test]
fn each_provider_is_asked_for_its_list_where_it_has_one() {
    let cases: &[(&str, Option<&str>, &str, &str)] = &[
        ("openai", None, "GET https://api.openai.com/v1/models", "authorization"),
        ("openrouter", None, "GET https://openrouter.ai/api/v1/models", "authorization"),
        ("anthropic", None, "GET https://api.anthropic.com/v1/models?limit=1000", "x-api-key"),
        ("anthropic", Some("a&b"), "GET https://api.anthropic.com/v1/models?limit=1000&after_id=a%26b", "x-api-key"),
        ("claude", None, "GET https://api.anthropic.com/v1/models?limit=1000", "authorization"),
        (
            "google",
            Some("t/1"),
            "GET https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000&pageToken=t%2F1",
            "x-goog-api-key",
        ),
        ("qwen-code", None, "GET https://portal.qwen.ai/v1/models", "authorization"),
    ];
    for (provider, after, expected, signature) in cases {
        let target = account(provider, &[]);
        let request = target.upstream.models_request(&target, *after).unwrap();
        assert_eq!(line(&request), *expected);
        assert!(header(&request.headers, signature).unwrap().contains("sk-canary-000111"), "{provider}");
    }
    let target = account("gemini-cli", &[("project_id", "p")]);
    let request = target.upstream.models_request(&target, None).unwrap();
    assert!(request.url.ends_with(":retrieveUserQuota"));
    let body = json!({"buckets": [{"modelId": "b"}, {"modelId": "a"}, {"modelId": "b"}]}).to_string();
    let ids = target.upstream.models_answer(body.as_bytes()).unwrap().models;
    assert_eq!(ids, [offer("a", None, None), offer("b", None, None)]);
}

#[test]
fn a_claude_login_signs_with_a_token_and_its_beta_beside_the_clients_own() {
    let body = r#"{"model":"m", "max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut target = account("claude", &[]);
    for (betas, expected) in [
        (None, "oauth-2025-04-20"),
        (Some("context-1m-2025-08-07"), "context-1m-2025-08-07,oauth-2025-04-20"),
        (Some("x, oauth-2025-04-20"), "x, oauth-2025-04-20"),
    ] {
        let headers: Vec<_> = betas.map(|betas| ("anthropic-beta", betas)).into_iter().collect();
        let call = call("POST", "/v1/messages", &headers, body).unwrap();
        let payload = payload(&call, &target).unwrap();
        let request = target.upstream.request(&call, &target, &payload).unwrap();
        assert_eq!(request.url, "https://api.anthropic.com/v1/messages");
        assert_eq!(header(&request.headers, "anthropic-beta"), Some(expected));
        assert_eq!(header(&request.headers, "authorization"), Some(TOKEN));
        assert_eq!(header(&request.headers, "x-api-key"), None);
        assert_eq!(request.body, body, "nothing is put into a client's words");
    }
    target.headers = vec![("Anthropic-Beta".into(), "mine".into())];
    let call = call("POST", "/v1/messages/count_tokens", &[], body).unwrap();
    let payload = payload(&call, &target).unwrap();
    let request = target.upstream.request(&call, &target, &payload).unwrap();
    assert_eq!(request.url, "https://api.anthropic.com/v1/messages/count_tokens");
    assert_eq!(header(&request.headers, "anthropic-beta"), Some("mine,oauth-2025-04-20"));
}

#[test]
fn a_qwen_login_says_where_and_a_token_goes_nowhere_else() {
    let ask = |resource: &str| {
        let target = account("qwen-code", &[("resource_url", resource)]);
        let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        let call = call("POST", "/v1/chat/completions", &[], body).unwrap();
        let payload = payload(&call, &target).unwrap();
        target.upstream.request(&call, &target, &payload).map(|request| request.url)
    };
    for (resource, host) in [
        ("", "portal.qwen.ai/v1"),
        ("portal.qwen.ai", "portal.qwen.ai/v1"),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1/", "dashscope.aliyuncs.com/compatible-mode/v1"),
    ] {
        assert_eq!(ask(resource).unwrap(), format!("https://{host}/chat/completions"));
    }
    for evil in [
        "evil.example",
        "qwen.ai.evil.example",
        "notqwen.ai",
        "x@qwen.ai",
        "qwen.ai:8080",
        "http://qwen.ai",
        "evil.example/qwen.ai",
        "evil.example?.qwen.ai",
    ] {
        assert!(ask(evil).is_err(), "{evil}");
    }
}

#[test]
fn qwen_hears_one_system_message_and_that_one_first() {
    let sent = |messages: Value| {
        let target = account("qwen-code", &[]);
        let body = json!({"model": "m", "messages": messages, "seed": 7}).to_string();
        let call = call("POST", "/v1/chat/completions", &[], body.clone()).unwrap();
        let payload = payload(&call, &target).unwrap();
        let sent: Value = serde_json::from_slice(&payload.body).unwrap();
        (payload.request.is_none(), sent["messages"].clone())
    };
    let message = |role: &str, content: &str| json!({"role": role, "content": content});
    for plain in [json!([message("user", "hi")]), json!([message("system", "s"), message("user", "hi")])] {
        assert_eq!(sent(plain.clone()), (true, plain), "the client's own bytes");
    }
    let several = json!([message("system", "a"), message("user", "hi"), message("developer", "b")]);
    assert_eq!(sent(several), (false, json!([message("system", "a\n\nb"), message("user", "hi")])));
}

#[test]
fn qwens_allowance_is_back_at_midnight_in_beijing() {
    let qwen = by_name("qwen-code").unwrap();
    let judge = |body: Value, headers: &[(String, String)]| {
        qwen.classify(Refusal { status: 429, headers, body: body.to_string().as_bytes() }, NOW)
    };
    // 18:11:12 there.
    let expected = Fault::Quota { wait: Some(Duration::from_secs(20_928)), scope: Scope::Account };
    assert_eq!(judge(json!({"error": {"code": "insufficient_quota", "message": "…"}}), &[]), expected);
    assert_eq!(judge(json!({"error": {"message": "Free allocated quota exceeded."}}), &[]), expected);
    let told = Fault::Quota { wait: Some(Duration::from_secs(60)), scope: Scope::Account };
    let headers = [("retry-after".to_owned(), "60".to_owned())];
    assert_eq!(judge(json!({"error": {"code": "insufficient_quota"}}), &headers), told);
}
