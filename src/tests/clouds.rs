//! Providers that are more than a row: addresses, signatures, what they demand of a request.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rig::call;
use super::upstreams::setups;
use crate::call::{HttpRequest, header};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::upstream::{self, Credential, Refusal, Secret, Target, Upstream, aws, payload};

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn target(provider: &str, model: &str, access: &str, details: Pairs<'_>) -> Target {
    let details: BTreeMap<String, Secret> =
        details.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    Target {
        account: format!("{provider}-1"),
        provider: provider.to_owned(),
        upstream: upstream::by_name(provider).unwrap(),
        base_url: None,
        model: model.to_owned(),
        headers: Vec::new(),
        credential: Credential { access: Secret::new(access), details, ..Credential::default() },
    }
}

/// What a client's path and body become.
fn send(path: &str, body: &Value, target: &Target) -> Result<HttpRequest, Failure> {
    let call = call("POST", path, &[("anthropic-beta", "b-1")], body.to_string())?;
    let payload = payload(&call, target)?;
    target.upstream.request(&call, target, &payload)
}

fn sent(path: &str, target: &Target) -> HttpRequest {
    let body = match path {
        "/v1/responses" => json!({"model": "m", "input": "hi"}),
        "/v1/embeddings" => json!({"model": "m", "input": "hi"}),
        path if path.contains("/v1beta/") => json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        "/api/generate" => json!({"model": "m", "prompt": "hi"}),
        _ => json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
    };
    send(path, &body, target).unwrap_or_else(|failure| panic!("{path}: {failure:?}"))
}

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const GEMINI: &str = "/v1beta/models/m:generateContent";
const GEMINI_STREAM: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";

#[test]
fn each_client_has_its_address() {
    let azure = |model: &str| Target {
        base_url: Some("https://me.openai.azure.com/openai".to_owned()),
        ..target("azure", model, "k", &[])
    };
    let version = |target: Target| Target {
        credential: Credential {
            details: [("api_version".to_owned(), Secret::new("2025-04-01-preview"))].into(),
            ..target.credential
        },
        ..target
    };
    let project = [("project_id", "p-1"), ("location", "europe-west4")];
    let at = |base: &str, target: Target| Target { base_url: Some(base.to_owned()), ..target };
    let ollama = |base: &str| at(base, target("ollama", "qwen3", "", &[]));
    let xai = Target {
        credential: Credential { expires: Some(Millis(1)), ..target("xai", "grok-4", "t", &[]).credential },
        ..target("xai", "grok-4", "t", &[])
    };
    let cases: Vec<(&str, Target, &str)> = vec![
        (
            CHAT,
            azure("my gpt"),
            "https://me.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
        ),
        (
            MESSAGES,
            version(azure("d")),
            "https://me.openai.azure.com/openai/deployments/d/chat/completions?api-version=2025-04-01-preview",
        ),
        (RESPONSES, azure("d"), "https://me.openai.azure.com/openai/v1/responses"),
        (
            "/v1/embeddings",
            azure("d"),
            "https://me.openai.azure.com/openai/deployments/d/embeddings?api-version=2024-10-21",
        ),
        (
            GEMINI,
            target("vertex", "gemini-2.5-pro", "AIza", &[]),
            "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-pro:generateContent",
        ),
        (
            GEMINI_STREAM,
            target("vertex", "gemini-2.5-pro", "ya29.t", &project),
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        ),
        (
            CHAT,
            target("vertex", "gemini-2.5-pro", "ya29.t", &project[..1]),
            "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/publishers/google/models/gemini-2.5-pro:generateContent",
        ),
        (
            MESSAGES,
            target("vertex", "claude-sonnet-4-5@20250929", "ya29.t", &project),
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4/publishers/anthropic/models/claude-sonnet-4-5%4020250929:rawPredict",
        ),
        (
            CHAT,
            target("workers-ai", "@cf/meta/llama-3.1-8b-instruct", "t", &[("account_id", "acc")]),
            "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/chat/completions",
        ),
        (
            "/v1/embeddings",
            target("workers-ai", "@cf/baai/bge-m3", "t", &[("account_id", "acc")]),
            "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/embeddings",
        ),
        (CHAT, at("http://h.test/v1", target("workers-ai", "@cf/x", "t", &[])), "http://h.test/v1/chat/completions"),
        (
            CHAT,
            target("github-models", "openai/gpt-4.1", "t", &[]),
            "https://models.github.ai/inference/chat/completions",
        ),
        (CHAT, target("iflow", "glm-4.7", "t", &[]), "https://apis.iflow.cn/v1/chat/completions"),
        (CHAT, target("kimi", "kimi-for-coding", "t", &[]), "https://api.kimi.com/coding/v1/chat/completions"),
        (MESSAGES, target("kimi", "kimi-for-coding", "t", &[]), "https://api.kimi.com/coding/v1/messages"),
        (CHAT, target("xai", "grok-4", "k", &[]), "https://api.x.ai/v1/chat/completions"),
        (CHAT, xai.clone(), "https://cli-chat-proxy.grok.com/v1/responses"),
        (MESSAGES, xai.clone(), "https://cli-chat-proxy.grok.com/v1/responses"),
        (CHAT, at("https://api.x.ai/v1", xai.clone()), "https://api.x.ai/v1/chat/completions"),
        (CHAT, ollama("http://h.test:11434"), "http://h.test:11434/v1/chat/completions"),
        (CHAT, ollama("http://h.test:11434/v1"), "http://h.test:11434/v1/chat/completions"),
        (RESPONSES, ollama("http://h.test:11434/v1"), "http://h.test:11434/v1/responses"),
        (MESSAGES, ollama("http://h.test:11434/v1"), "http://h.test:11434/api/chat"),
        (GEMINI, ollama("http://h.test:11434/api"), "http://h.test:11434/api/chat"),
        ("/api/chat", ollama("http://h.test:11434"), "http://h.test:11434/api/chat"),
        ("/api/generate", ollama("http://h.test:11434"), "http://h.test:11434/api/generate"),
        ("/v1/embeddings", ollama("http://h.test:11434"), "http://h.test:11434/v1/embeddings"),
    ];
    for (path, target, url) in cases {
        assert_eq!(sent(path, &target).url, url, "{path} to {}", target.provider);
    }
}

#[test]
fn each_key_goes_where_it_belongs() {
    let azure = |key: &str| Target {
        base_url: Some("https://me.openai.azure.com".to_owned()),
        ..target("azure", "d", key, &[])
    };
    let service = [("project_id", "p"), ("client_email", "x@p.iam.gserviceaccount.com")];
    let cases = [
        (azure("k1"), "api-key", "k1"),
        (azure("eyJ0.e30.s"), "authorization", "Bearer eyJ0.e30.s"),
        (target("vertex", "gemini-2.5-pro", "AIzaK", &[]), "x-goog-api-key", "AIzaK"),
        (target("vertex", "gemini-2.5-pro", "ya29.t", &[]), "authorization", "Bearer ya29.t"),
        (target("vertex", "gemini-2.5-pro", "t", &service), "authorization", "Bearer t"),
        (target("workers-ai", "@cf/x", "t", &[("account_id", "a")]), "authorization", "Bearer t"),
        (target("kimi", "kimi-for-coding", "t", &[]), "authorization", "Bearer t"),
    ];
    for (target, name, value) in cases {
        let request = sent(CHAT, &target);
        let found: Vec<(&str, &str)> = ["authorization", "api-key", "x-goog-api-key", "x-api-key"]
            .into_iter()
            .filter_map(|name| Some((name, header(&request.headers, name)?)))
            .collect();
        assert_eq!(found, [(name, value)], "{}", target.provider);
        assert_eq!(header(&request.headers, "user-agent"), Some(concat!("sluice/", env!("CARGO_PKG_VERSION"))));
    }
}

#[test]
fn what_is_missing_for_an_address_is_said() {
    let cases = [
        (target("azure", "d", "k", &[]), "the account has no address: Azure's is a resource of one's own"),
        (target("workers-ai", "@cf/x", "k", &[]), "the account has no account_id, which is part of the address"),
        (
            target("vertex", "claude-opus-4-6", "k", &[]),
            "the account has no project_id, without which there is no Claude",
        ),
    ];
    for (target, message) in cases {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        assert_eq!(send(CHAT, &body, &target).err().unwrap().message, message);
    }
    for name in ["..", ".", "", "a/../b"] {
        for details in [&[("project_id", name)][..], &[("project_id", "p"), ("location", name)]] {
            let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
            let target = target("vertex", "gemini-2.5-pro", "ya29.", details);
            // An empty detail is none.
            assert_eq!(send(CHAT, &body, &target).is_err(), !name.is_empty(), "{details:?}");
        }
    }
}

#[test]
fn claude_at_google_is_told_its_version_in_the_body() {
    let target = target("vertex", "claude-sonnet-4-5", "ya29.t", &[("project_id", "p")]);
    let relayed =
        json!({"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let request = send(MESSAGES, &relayed, &target).unwrap_or_else(|failure| panic!("{failure:?}"));
    assert!(request.url.ends_with("/claude-sonnet-4-5:streamRawPredict"), "{}", request.url);
    let expected = r#"{"anthropic_version":"vertex-2023-10-16","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(std::str::from_utf8(&request.body).unwrap().replace(' ', ""), expected);
    assert_eq!(header(&request.headers, "anthropic-version"), None);
    assert_eq!(header(&request.headers, "anthropic-beta"), Some("b-1"));
    let composed: Value = serde_json::from_slice(&sent(CHAT, &target).body).unwrap();
    assert_eq!((&composed["anthropic_version"], composed.get("model")), (&json!("vertex-2023-10-16"), None));
}

#[test]
fn iflow_signs_who_asks_when() {
    let mut target = target("iflow", "glm-4.7", "login-token", &[("api_key", "sk-flow")]);
    let request = sent(CHAT, &target);
    let get = |name: &str| header(&request.headers, name).unwrap();
    assert_eq!(get("authorization"), "Bearer sk-flow");
    assert_eq!((get("session-id"), get("x-iflow-timestamp")), ("session-req7", "1790000000000"));
    let text = format!("{}:session-req7:1790000000000", concat!("sluice/", env!("CARGO_PKG_VERSION")));
    assert_eq!(get("x-iflow-signature"), aws::hex(&aws::hmac(b"sk-flow", &text)));
    assert_eq!(get("x-iflow-signature").len(), 64);
    // RFC 4231, test case 2.
    let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(aws::hex(&aws::hmac(b"Jefe", "what do ya want for nothing?")), known);
    // An operator's own name is what is signed, if they give one.
    target.headers = vec![("User-Agent".to_owned(), "mine/1".to_owned())];
    let request = sent(CHAT, &target);
    let expected = aws::hex(&aws::hmac(b"sk-flow", "mine/1:session-req7:1790000000000"));
    assert_eq!(header(&request.headers, "x-iflow-signature"), Some(expected.as_str()));
}

#[test]
fn a_token_of_xais_is_announced_and_an_operator_may_say_otherwise() {
    let mut target = target("xai", "grok-4", "t", &[]);
    target.credential.expires = Some(Millis(1));
    assert_eq!(header(&sent(CHAT, &target).headers, "x-xai-token-auth"), Some("xai-grok-cli"));
    target.headers = vec![("X-XAI-Token-Auth".to_owned(), "other".to_owned())];
    assert_eq!(header(&sent(CHAT, &target).headers, "x-xai-token-auth"), Some("other"));
    target.credential.expires = None;
    assert_eq!(header(&sent(RESPONSES, &target).headers, "x-xai-token-auth"), Some("other"));
}

#[test]
fn refusals_are_understood() {
    let classify = |provider: &str, status: u16, body: Value| {
        let body = body.to_string();
        let refusal = Refusal { status, headers: &[], body: body.as_bytes() };
        upstream::by_name(provider).unwrap().classify(refusal, Millis(0))
    };
    let error = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
    let cases = [
        ("azure", 404, error("DeploymentNotFound", "The API deployment does not exist"), Fault::ModelMissing),
        ("azure", 400, error("content_filter", "filtered"), Fault::Rejected),
        (
            "azure",
            400,
            error("OperationNotSupported", "The chatCompletion operation does not work"),
            Fault::ModelMissing,
        ),
        ("azure", 401, error("401", "Access denied due to invalid subscription key"), Fault::Unauthorized),
        (
            "vertex",
            429,
            json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}),
            Fault::RateLimited { wait: None, scope: Scope::Model },
        ),
        ("vertex", 404, json!({"error": {"code": 404, "status": "NOT_FOUND"}}), Fault::ModelMissing),
        (
            "vertex",
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "This organization has been disabled"}}),
            Fault::Suspended,
        ),
        ("ollama", 404, json!({"error": "model 'x' not found"}), Fault::ModelMissing),
        (
            "kimi",
            429,
            json!({"error": {"type": "rate_limit_reached_error"}}),
            Fault::RateLimited { wait: None, scope: Scope::Account },
        ),
    ];
    for (provider, status, body, expected) in cases {
        assert_eq!(classify(provider, status, body.clone()), expected, "{provider} {status} {body}");
    }
}

#[test]
fn each_is_an_account_by_variables_alone() {
    let cases: &[(Pairs<'_>, &str)] = &[
        (
            &[
                ("AZURE_OPENAI_API_KEY", "k"),
                ("AZURE_OPENAI_BASE_URL", "https://me.openai.azure.com"),
                ("AZURE_OPENAI_API_VERSION", "v"),
            ],
            "azure-1 azure api_version=v",
        ),
        (&[("VERTEX_API_KEY", "k")], "vertex-1 vertex "),
        (
            &[("VERTEX_API_KEY", "k"), ("VERTEX_PROJECT_ID", "p"), ("VERTEX_LOCATION", "l")],
            "vertex-1 vertex location=l project_id=p",
        ),
        (&[("KIRO_API_KEY", "ksk_1"), ("KIRO_REGION", "eu-central-1")], "kiro-1 kiro region=eu-central-1"),
        (&[("WORKERS_AI_API_KEY", "k"), ("WORKERS_AI_ACCOUNT_ID", "a")], "workers-ai-1 workers-ai account_id=a"),
        (&[("GITHUB_MODELS_API_KEY", "k")], "github-models-1 github-models "),
        (&[("IFLOW_API_KEY", "k")], "iflow-1 iflow "),
        (&[("KIMI_CODE_API_KEY", "k")], "kimi-1 kimi "),
        (&[("XAI_API_KEY", "k")], "xai-1 xai "),
        (&[("OLLAMA_BASE_URL", "http://h.test:11434")], "ollama-1 ollama "),
    ];
    for (variables, expected) in cases {
        let setups = setups(variables);
        let [setup] = setups.as_slice() else { panic!("{variables:?}: {} accounts", setups.len()) };
        let details = setup.credential.details.iter().map(|(name, value)| format!("{name}={}", value.expose()));
        let details = details.collect::<Vec<_>>().join(" ");
        assert_eq!(format!("{} {} {details}", setup.account.id, setup.upstream.name()), *expected);
    }
    assert!(setups(&[("AZURE_OPENAI_API_KEY", "k")]).is_empty());
}

/// What a login is stored under is found, with code of its own or as a row.
#[test]
fn every_provider_has_one_name() {
    let names = [
        "vertex",
        "azure",
        "bedrock",
        "kiro",
        "ollama",
        "iflow",
        "workers-ai",
        "xai",
        "kimi",
        "github-models",
        "openai",
    ];
    for name in names {
        assert_eq!(upstream::by_name(name).map(Upstream::name), Some(name));
    }
}
