//! What is sent to each provider, and what its refusals mean.

use std::time::Duration;

use serde_json::{Value, json};

use crate::accounts::{Setup, from_env};
use crate::call::{Call, Endpoint, HttpRequest, Operation};
use crate::fault::{Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::json::Body;
use crate::protocol::tools::Restore;
use crate::upstream::{self, Payload, Reading, Refusal, Target, Upstream, anthropic, google, openai};

type Pairs<'a> = &'a [(&'a str, &'a str)];

const NOW: Millis = Millis(1_787_393_472_000);

pub fn setups(variables: &[(&str, &str)]) -> Vec<Setup> {
    let names: Vec<String> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
    let own = [(crate::accounts::address::VARIABLE, "1")];
    let get =
        |name: &str| variables.iter().chain(&own).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    from_env(&names, &get)
}

pub fn call(protocol: Protocol, body: &Value) -> Call {
    Call {
        id: "call".to_owned(),
        endpoint: Endpoint {
            protocol,
            operation: Operation::Generate,
            model: None,
            stream: None,
            json_array: false,
            line: None,
            provider: None,
        },
        model: body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
        stream: body.get("stream").and_then(Value::as_bool).unwrap_or_default(),
        body: Body::parse(body.to_string().into()).unwrap(),
        headers: Vec::new(),
        affinity: None,
        created: 1_787_393_472,
    }
}

fn request(call: &Call, target: &Target) -> HttpRequest {
    let wire = target.upstream.speaks(call.protocol(), target);
    let body = call.body.bytes().clone();
    let payload = Payload {
        wire,
        body,
        stream: call.stream,
        request: None,
        restore: Restore::default(),
        reading: Reading::Model,
        looks: None,
        copies: 1,
    };
    target.upstream.request(call, target, &payload).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    crate::call::header(&request.headers, name)
}

/// Where a client of each protocol ends up: `[chat, responses, messages, gemini]`.
fn addresses(setup: &Setup, model: &str) -> [String; 4] {
    [Protocol::Chat, Protocol::Responses, Protocol::Messages, Protocol::Gemini]
        .map(|protocol| request(&call(protocol, &json!({"model": model})), &setup.target(model)).url)
}

#[test]
fn each_client_reaches_its_own_protocol_where_the_provider_has_it() {
    let cases: &[(Pairs<'_>, &str, [&str; 4])] = &[
        (
            &[("OPENAI_API_KEY", "k")],
            "gpt-4o",
            [
                "https://api.openai.com/v1/chat/completions",
                "https://api.openai.com/v1/responses",
                "https://api.openai.com/v1/chat/completions",
                "https://api.openai.com/v1/chat/completions",
            ],
        ),
        (
            &[("OPENAI_API_KEY", "k")],
            "gpt-5.4",
            [
                "https://api.openai.com/v1/chat/completions",
                "https://api.openai.com/v1/responses",
                "https://api.openai.com/v1/responses",
                "https://api.openai.com/v1/responses",
            ],
        ),
        (
            &[("DEEPSEEK_API_KEY", "k")],
            "deepseek-chat",
            [
                "https://api.deepseek.com/v1/chat/completions",
                "https://api.deepseek.com/responses",
                "https://api.deepseek.com/anthropic/v1/messages",
                "https://api.deepseek.com/v1/chat/completions",
            ],
        ),
        (
            &[("ZAI_API_KEY", "k")],
            "glm-4.6",
            [
                "https://api.z.ai/api/paas/v4/chat/completions",
                "https://api.z.ai/api/paas/v4/chat/completions",
                "https://api.z.ai/api/anthropic/v1/messages",
                "https://api.z.ai/api/paas/v4/chat/completions",
            ],
        ),
        // Another region keeps the paths; an address of another shape has only what stands there.
        (
            &[("MOONSHOT_API_KEY", "k"), ("MOONSHOT_BASE_URL", "https://api.moonshot.cn/v1/")],
            "kimi-k2.6",
            [
                "https://api.moonshot.cn/v1/chat/completions",
                "https://api.moonshot.cn/v1/chat/completions",
                "https://api.moonshot.cn/anthropic/v1/messages",
                "https://api.moonshot.cn/v1/chat/completions",
            ],
        ),
        (
            &[("DEEPSEEK_API_KEY", "k"), ("DEEPSEEK_BASE_URL", "http://127.0.0.1:9/proxy")],
            "deepseek-chat",
            ["http://127.0.0.1:9/proxy/chat/completions"; 4],
        ),
        (&[("ANTHROPIC_API_KEY", "k")], "claude-sonnet-5", ["https://api.anthropic.com/v1/messages"; 4]),
        (
            &[("ANTHROPIC_API_KEY", "k"), ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")],
            "claude-sonnet-5",
            ["http://127.0.0.1:9/v1/messages"; 4],
        ),
        (
            &[("GEMINI_API_KEY", "k")],
            "gemini-2.5-pro",
            ["https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent"; 4],
        ),
        (
            &[("GEMINI_API_KEY", "k"), ("GEMINI_BASE_URL", "http://127.0.0.1:9/v1")],
            "gemini-2.5-pro",
            ["http://127.0.0.1:9/v1/models/gemini-2.5-pro:generateContent"; 4],
        ),
        (
            &[("MY_BOX_API_KEY", "k"), ("MY_BOX_BASE_URL", "http://10.0.0.1:8000/v1")],
            "x",
            ["http://10.0.0.1:8000/v1/chat/completions"; 4],
        ),
    ];
    for (variables, model, expected) in cases {
        let setups = setups(variables);
        assert_eq!(addresses(&setups[0], model), expected.map(str::to_owned), "{variables:?}");
    }
}

#[test]
fn every_row_of_the_table_can_be_used_with_a_key_alone() {
    let mut names = std::collections::HashSet::new();
    for row in openai::PROVIDERS {
        assert!(names.insert(row.name), "{} is there twice", row.name);
        let key = format!("{}_API_KEY", row.stems[0]);
        let base = format!("{}_BASE_URL", row.stems[0]);
        let account = format!("{}_ACCOUNT_ID", row.stems[0]);
        let mut variables = vec![(key.as_str(), "secret"), (account.as_str(), "a1")];
        if row.root.is_empty() {
            variables.push((base.as_str(), "http://127.0.0.1:11434/v1"));
        }
        let setups = setups(&variables);
        let [setup] = setups.as_slice() else { panic!("{}: {} accounts", row.name, setups.len()) };
        assert_eq!(setup.account.id, format!("{}-1", row.name));
        let sent = request(&call(Protocol::Chat, &json!({"model": "m"})), &setup.target("m"));
        assert!(sent.url.ends_with("/chat/completions") && sent.url.contains("://"), "{}", sent.url);
        assert_eq!(header(&sent, "authorization"), Some("Bearer secret"), "{}", row.name);
    }
}

#[test]
fn a_provider_is_found_by_its_name() {
    for name in ["openai", "openrouter", "anthropic", "google", "gemini-cli", "claude", "qwen-code", "demo"] {
        assert_eq!(upstream::by_name(name).map(Upstream::name), Some(name));
    }
    assert!(upstream::by_name("nobody").is_none());
}

#[test]
fn a_request_is_signed_in_the_providers_own_way_and_names_us() {
    let sent = |variables: &[(&str, &str)], protocol, stream| {
        let setups = setups(variables);
        let mut call = call(protocol, &json!({"model": "m", "stream": stream}));
        call.headers = vec![
            ("anthropic-version", "2026-10-21".to_owned()),
            ("anthropic-beta", "context-1m".to_owned()),
            ("openai-beta", "assistants=v2".to_owned()),
        ];
        request(&call, &setups[0].target("m"))
    };
    let key = |request: &HttpRequest| {
        ["authorization", "x-api-key", "x-goog-api-key"].map(|name| header(request, name).map(str::to_owned))
    };
    let openai = sent(&[("OPENAI_API_KEY", "k")], Protocol::Chat, true);
    assert_eq!(key(&openai), [Some("Bearer k".to_owned()), None, None]);
    assert_eq!(header(&openai, "accept"), Some("text/event-stream"));
    assert_eq!(header(&openai, "content-type"), Some("application/json"));
    assert_eq!(header(&openai, "user-agent"), Some(concat!("sluice/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(header(&openai, "openai-beta"), Some("assistants=v2"));
    assert_eq!(header(&openai, "anthropic-beta"), None);

    let anthropic = sent(&[("ANTHROPIC_API_KEY", "k")], Protocol::Messages, false);
    assert_eq!(key(&anthropic), [None, Some("k".to_owned()), None]);
    assert_eq!(header(&anthropic, "accept"), Some("application/json"));
    assert_eq!(header(&anthropic, "anthropic-version"), Some("2026-10-21"));
    assert_eq!(header(&anthropic, "anthropic-beta"), Some("context-1m"));

    let translated = sent(&[("ANTHROPIC_API_KEY", "k")], Protocol::Chat, false);
    assert_eq!(header(&translated, "anthropic-version"), Some(anthropic::VERSION));
    assert_eq!(header(&translated, "anthropic-beta"), None);
    assert_eq!(header(&translated, "openai-beta"), None);

    let google = sent(&[("GEMINI_API_KEY", "k")], Protocol::Gemini, true);
    assert_eq!(key(&google), [None, None, Some("k".to_owned())]);
    assert!(google.url.ends_with("/models/m:streamGenerateContent?alt=sse"), "{}", google.url);

    let ollama = sent(&[("OLLAMA_BASE_URL", "http://10.0.0.1:11434/v1")], Protocol::Chat, false);
    assert_eq!(key(&ollama), [None, None, None]);
    let borrowed = sent(&[("DEEPSEEK_API_KEY", "k")], Protocol::Messages, false);
    assert_eq!(key(&borrowed), [Some("Bearer k".to_owned()), Some("k".to_owned()), None]);
    assert_eq!(header(&borrowed, "anthropic-version"), Some("2026-10-21"));
}

#[test]
fn an_operators_header_replaces_ours() {
    let mut target = setups(&[("OPENAI_API_KEY", "k")])[0].target("m");
    target.headers = vec![("User-Agent".to_owned(), "mine".to_owned()), ("x-extra".to_owned(), "1".to_owned())];
    let sent = request(&call(Protocol::Chat, &json!({"model": "m"})), &target);
    assert_eq!(sent.headers.iter().filter(|(name, _)| name == "user-agent").count(), 1);
    assert_eq!((header(&sent, "user-agent"), header(&sent, "x-extra")), (Some("mine"), Some("1")));
}

#[test]
fn counting_tokens_has_its_own_address_where_the_provider_counts() {
    let count = |variables: &[(&str, &str)], protocol| {
        let target = setups(variables)[0].target("m");
        let mut call = call(protocol, &json!({"model": "m", "stream": true}));
        call.endpoint.operation = Operation::CountTokens;
        let supported = target.upstream.supports(Operation::CountTokens, protocol, &target);
        (supported, request(&call, &target).url)
    };
    let (supported, url) = count(&[("ANTHROPIC_API_KEY", "k")], Protocol::Messages);
    assert!(supported && url == "https://api.anthropic.com/v1/messages/count_tokens", "{url}");
    let (supported, url) = count(&[("GEMINI_API_KEY", "k")], Protocol::Gemini);
    assert!(supported && url.ends_with("/models/m:countTokens"), "{url}");
    assert!(!count(&[("OPENAI_API_KEY", "k")], Protocol::Chat).0);
}

#[test]
fn a_model_name_cannot_leave_its_place_in_the_path() {
    let cases = [
        ("gemini-2.5-pro", Some("models/gemini-2.5-pro")),
        ("models/gemini-2.5-pro", Some("models/gemini-2.5-pro")),
        ("tunedModels/mine-1", Some("tunedModels/mine-1")),
        ("a b?c#d:e%f", Some("models/a%20b%3Fc%23d%3Ae%25f")),
        ("é", Some("models/%C3%A9")),
        ("..", None),
        (".", None),
        ("../../v1/files", None),
        ("models/../files", None),
        ("models/a/b", None),
        ("files/x", None),
        ("", None),
        ("models/", None),
    ];
    for (model, expected) in cases {
        assert_eq!(google::resource(model).ok().as_deref(), expected, "{model}");
    }
}

#[test]
fn usage_is_asked_of_chat_streams_and_the_rest_of_the_options_is_kept() {
    let target = &setups(&[("OPENAI_API_KEY", "k"), ("MISTRAL_API_KEY", "k")]);
    let splice = |provider: &str, wire, body: Value| {
        let setup = target.iter().find(|setup| setup.account.provider == provider).unwrap();
        let call = call(wire, &body);
        let edits = setup.upstream.splices(&call, wire);
        let edits: Vec<_> = edits.iter().map(|(key, value)| (*key, value.as_deref())).collect();
        String::from_utf8(call.body.splice(&edits).to_vec()).unwrap()
    };
    let cases = [
        (json!({"stream": true}), r#"{"stream_options":{"include_usage":true},"stream":true}"#),
        (json!({"stream": false}), r#"{"stream":false}"#),
        (
            json!({"stream": true, "stream_options": {"include_obfuscation": false}}),
            r#"{"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}"#,
        ),
        (
            json!({"stream": true, "stream_options": {"include_usage": false}}),
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            json!({"stream": true, "stream_options": {"include_usage": true}}),
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (json!({"stream": true, "stream_options": null}), r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
        (json!({"stream": true, "stream_options": 7}), r#"{"stream":true,"stream_options":7}"#),
    ];
    for (body, expected) in cases {
        assert_eq!(splice("openai", Protocol::Chat, body), expected);
    }
    assert_eq!(splice("openai", Protocol::Responses, json!({"stream": true})), r#"{"stream":true}"#);
    assert_eq!(splice("mistral", Protocol::Chat, json!({"stream": true})), r#"{"stream":true}"#);
}

fn judge(provider: &str, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Fault {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let upstream = upstream::by_name(provider).unwrap();
    upstream.classify(Refusal { status, headers: &headers, body }, NOW)
}

#[test]
fn a_refusal_is_read_by_status_and_code() {
    use Fault::{ModelMissing, Overloaded, Quota, RateLimited, Rejected, Suspended, Unauthorized};
    let quota = |scope| Quota { wait: None, scope };
    let limited = |scope| RateLimited { wait: None, scope };
    let (model, account) = (Scope::Model, Scope::Account);
    let code = |code: &str| json!({"error": {"message": "…", "type": "invalid_request_error", "code": code}});
    let kind = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "…"}});
    let google = |status: &str, reason: &str| json!({"error": {"code": 400, "status": status, "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]}});
    let cases = [
        ("openai", 400, json!({}), Rejected),
        ("openai", 401, code("invalid_api_key"), Unauthorized),
        ("openai", 402, json!({}), Suspended),
        ("openai", 403, json!({}), Suspended),
        ("openai", 403, code("unsupported_country_region_territory"), Suspended),
        ("openai", 403, code("model_not_found"), ModelMissing),
        ("openai", 404, code("model_not_found"), ModelMissing),
        (
            "openai",
            404,
            json!({"error": {"type": "invalid_request_error", "code": null, "message": "Item with id 'rs_1' not found."}}),
            Rejected,
        ),
        ("openai", 408, json!({}), Overloaded),
        ("openai", 409, json!({}), Rejected),
        ("openai", 413, json!({}), Rejected),
        ("openai", 422, json!({}), Rejected),
        ("openai", 429, code("rate_limit_exceeded"), limited(model)),
        ("openai", 429, json!({}), limited(model)),
        ("openai", 429, code("insufficient_quota"), quota(account)),
        ("openai", 500, json!({}), Overloaded),
        ("openai", 503, json!({}), Overloaded),
        ("openai", 529, json!({}), Overloaded),
        ("openai", 400, code("context_length_exceeded"), Rejected),
        ("openai", 429, json!({"error": {"type": "usage_limit_reached"}}), quota(account)),
        ("openai", 500, json!({"response": {"error": {"code": "rate_limit_exceeded"}}}), limited(model)),
        ("openai", 503, code("model_not_found"), ModelMissing),
        ("groq", 413, code("rate_limit_exceeded"), Rejected),
        ("groq", 400, code("model_decommissioned"), ModelMissing),
        ("mistral", 400, json!({"object": "error", "type": "invalid_model", "code": "1500"}), ModelMissing),
        ("moonshot", 429, kind("engine_overloaded_error"), Overloaded),
        ("moonshot", 429, kind("exceeded_current_quota_error"), quota(account)),
        ("moonshot", 429, kind("rate_limit_reached_error"), limited(account)),
        ("zhipu", 429, json!({"error": {"code": "1113", "message": "…"}}), quota(account)),
        ("zhipu", 429, json!({"error": {"code": "1302", "message": "…"}}), limited(model)),
        ("zhipu", 429, json!({"error": {"code": "1305", "message": "…"}}), Overloaded),
        ("zhipu", 400, json!({"error": {"code": "1211", "message": "…"}}), ModelMissing),
        ("openai", 400, json!({"error": {"code": "1211", "message": "…"}}), Rejected),
        (
            "minimax",
            200,
            json!({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
            quota(account),
        ),
        ("minimax", 200, json!({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}), limited(model)),
        (
            "siliconflow",
            403,
            json!({"code": 30001, "message": "Sorry, your account balance is insufficient"}),
            quota(account),
        ),
        ("dashscope", 400, code("Arrearage"), Suspended),
        ("dashscope", 403, code("AllocationQuota.FreeTierOnly"), quota(model)),
        ("xai", 403, json!({"code": "unauthenticated:bad-credentials", "error": "…"}), Unauthorized),
        (
            "xai",
            404,
            json!({"code": "Some resource was not found", "error": "The model grok-9 does not exist"}),
            ModelMissing,
        ),
        (
            "deepseek",
            402,
            json!({"error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}}),
            Suspended,
        ),
        ("anthropic", 400, kind("invalid_request_error"), Rejected),
        ("anthropic", 401, kind("authentication_error"), Unauthorized),
        ("anthropic", 403, kind("permission_error"), Suspended),
        ("anthropic", 404, kind("not_found_error"), ModelMissing),
        ("anthropic", 413, kind("request_too_large"), Rejected),
        ("anthropic", 429, kind("rate_limit_error"), limited(model)),
        ("anthropic", 500, kind("api_error"), Overloaded),
        ("anthropic", 529, kind("overloaded_error"), Overloaded),
        ("google", 400, google("INVALID_ARGUMENT", "API_KEY_INVALID"), Unauthorized),
        ("google", 400, google("INVALID_ARGUMENT", ""), Rejected),
        ("google", 400, google("FAILED_PRECONDITION", ""), Suspended),
        ("google", 403, google("PERMISSION_DENIED", "SERVICE_DISABLED"), Suspended),
        ("google", 404, google("NOT_FOUND", ""), ModelMissing),
        ("google", 429, google("RESOURCE_EXHAUSTED", ""), limited(model)),
        ("google", 429, json!([google("RESOURCE_EXHAUSTED", "QUOTA_EXHAUSTED")]), quota(model)),
        ("google", 503, google("UNAVAILABLE", ""), Overloaded),
        ("gemini-cli", 401, google("UNAUTHENTICATED", ""), Unauthorized),
        ("gemini-cli", 403, google("PERMISSION_DENIED", "VALIDATION_REQUIRED"), Suspended),
        ("gemini-cli", 404, google("NOT_FOUND", ""), ModelMissing),
        ("gemini-cli", 429, google("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), limited(model)),
        ("gemini-cli", 429, google("RESOURCE_EXHAUSTED", "QUOTA_EXHAUSTED"), quota(model)),
        ("gemini-cli", 429, google("RESOURCE_EXHAUSTED", "INSUFFICIENT_G1_CREDITS_BALANCE"), quota(account)),
        ("gemini-cli", 429, google("RESOURCE_EXHAUSTED", "MODEL_CAPACITY_EXHAUSTED"), Overloaded),
        ("claude", 400, kind("invalid_request_error"), Rejected),
        ("claude", 401, kind("authentication_error"), Unauthorized),
        ("claude", 403, kind("permission_error"), Suspended),
        ("claude", 429, kind("rate_limit_error"), limited(model)),
        ("claude", 529, kind("overloaded_error"), Overloaded),
        (
            "claude",
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "This credential is only authorized for use with Claude Code and cannot be used for other API requests."}}),
            Suspended,
        ),
        (
            "claude",
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "Third-party apps now draw from your extra usage, not your plan limits. Add more at claude.ai/settings/usage and keep going."}}),
            quota(account),
        ),
        ("qwen-code", 401, code("invalid_api_key"), Unauthorized),
        ("qwen-code", 429, json!({}), limited(account)),
    ];
    for (provider, status, body, expected) in cases {
        assert_eq!(judge(provider, status, &[], body.to_string().as_bytes()), expected, "{provider} {status} {body}");
    }
    assert_eq!(judge("openai", 502, &[], b"<html>bad gateway</html>"), Overloaded);
    assert_eq!(judge("openai", 403, &[("content-type", "text/html; charset=UTF-8")], b"<html>"), Overloaded);
    assert_eq!(judge("openai", 403, &[("cf-mitigated", "challenge")], b""), Overloaded);
    let wait = RateLimited { wait: Some(Duration::from_secs(7)), scope: model };
    assert_eq!(judge("openai", 429, &[("retry-after", "7")], b"{}"), wait);
}

/// A relay quotes what the user wrote; whoever reads words for codes then disables a good account.
#[test]
fn words_in_a_message_never_disable_an_account() {
    let quoted = [
        "give credit to the author",
        "your balance is insufficient_quota and billing_not_active",
        "messages.0: Your credit balance is too low to access the Anthropic API.",
        "model_not_found",
        "invalid_api_key",
    ];
    for words in quoted {
        for provider in ["openai", "anthropic", "google", "zhipu"] {
            let body = json!({"error": {"type": "invalid_request_error", "code": null, "message": words}});
            assert_eq!(judge(provider, 400, &[], body.to_string().as_bytes()), Fault::Rejected, "{provider}: {words}");
        }
    }
    let own = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.";
    let body = json!({"type": "error", "error": {"type": "invalid_request_error", "message": own}}).to_string();
    let expected = Fault::Quota { wait: None, scope: Scope::Account };
    assert_eq!(judge("anthropic", 400, &[], body.as_bytes()), expected);
}
