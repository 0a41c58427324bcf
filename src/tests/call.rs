//! Where every path leads.

use crate::call::{Endpoint, Head, Line, Operation, Route, printable, protocol_of, route};
use crate::control::balance::Page;
use crate::fault::Kind;
use crate::ir::Protocol::{self, Chat, Gemini, Messages, Ollama, Responses};

/// Routes `METHOD path?query`, with one header `name: value` if there is one.
fn routed(request: &str, header: &str) -> Result<Route, crate::fault::Failure> {
    let (method, url) = request.split_once(' ').unwrap();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (name, value) = header.split_once(": ").unwrap_or_default();
    let header = |wanted: &str| (wanted == name).then(|| value.to_owned());
    let head = Head { method, path, query, header: &header };
    route(&head)
}

fn call(protocol: Protocol, operation: Operation) -> Endpoint {
    Endpoint { protocol, operation, model: None, stream: None, json_array: false, line: None, provider: None }
}

#[test]
fn every_endpoint_is_found() {
    use Operation::{Complete, CountTokens, Draw, Embed, EmbedOne, Generate, Redraw};
    let whole = |endpoint: Endpoint| Endpoint { stream: Some(false), ..endpoint };
    let gemini = |model: &str, operation, stream, json_array| Endpoint {
        model: Some(model.to_owned()),
        stream: Some(stream),
        json_array,
        ..call(Gemini, operation)
    };
    let pinned = |endpoint: Endpoint| Endpoint { provider: Some("deepseek".to_owned()), ..endpoint };
    #[rustfmt::skip]
    let table = [
        ("POST /v1/chat/completions", call(Chat, Generate)),
        ("POST /chat/completions", call(Chat, Generate)),
        ("POST /v1/chat/completions/", call(Chat, Generate)),
        ("POST //v1/chat/completions?x=1", call(Chat, Generate)),
        ("POST /v1/completions", call(Chat, Complete)),
        ("POST /v1/embeddings", whole(call(Chat, Embed))),
        ("POST /deepseek/v1/embeddings", whole(pinned(call(Chat, Embed)))),
        ("POST /v1/images/generations", whole(call(Chat, Draw))),
        ("POST /v1/images/edits", whole(call(Chat, Redraw))),
        ("POST /api/embed", whole(call(Ollama, Embed))),
        ("POST /ollama/api/embeddings", whole(call(Ollama, EmbedOne))),
        ("POST /v1beta/models/m:embedContent", gemini("m", EmbedOne, false, false)),
        ("POST /v1beta/models/m:batchEmbedContents", gemini("m", Embed, false, false)),
        ("POST /v1/responses", call(Responses, Generate)),
        ("POST /responses", call(Responses, Generate)),
        ("POST /v1/messages", call(Messages, Generate)),
        ("POST /v1/messages?beta=true", call(Messages, Generate)),
        ("POST /messages", call(Messages, Generate)),
        ("POST /v1/messages/count_tokens?beta=true", call(Messages, CountTokens)),
        ("POST /messages/count_tokens", call(Messages, CountTokens)),
        ("POST /v1beta/models/m:generateContent", gemini("m", Generate, false, false)),
        ("POST /v1beta/models/m:streamGenerateContent?alt=sse", gemini("m", Generate, true, false)),
        ("POST /v1beta/models/m:streamGenerateContent?key=k&alt=sse", gemini("m", Generate, true, false)),
        ("POST /v1beta/models/m:streamGenerateContent?key=k", gemini("m", Generate, true, true)),
        ("POST /v1beta/models/m:streamGenerateContent?alt=json", gemini("m", Generate, true, true)),
        ("POST /v1beta/models/m:countTokens", gemini("m", CountTokens, false, false)),
        ("POST /v1/models/m:generateContent?alt=sse", gemini("m", Generate, false, false)),
        ("POST /models/m:generateContent", gemini("m", Generate, false, false)),
        ("POST /v1beta1/publishers/google/models/m:streamGenerateContent?alt=sse", gemini("m", Generate, true, false)),
        ("POST /v1beta/models/m%3AgenerateContent", gemini("m", Generate, false, false)),
        ("POST /v1beta/models/anthropic/claude:generateContent", gemini("anthropic/claude", Generate, false, false)),
        ("POST /v1beta/models/anthropic%2Fclaude:generateContent", gemini("anthropic/claude", Generate, false, false)),
        ("POST /v1beta/models/qwen3:8b:generateContent", gemini("qwen3:8b", Generate, false, false)),
        ("POST /v1beta/models/qwen3%3A8b:generateContent", gemini("qwen3:8b", Generate, false, false)),
        ("POST /v1beta/models/models/m:generateContent", gemini("models/m", Generate, false, false)),
        ("POST /v1beta/models/%E6%97%A5:generateContent", gemini("日", Generate, false, false)),
        ("POST /deepseek/v1/chat/completions", pinned(call(Chat, Generate))),
        ("POST /deepseek/chat/completions", pinned(call(Chat, Generate))),
        ("POST /deepseek/v1/messages", pinned(call(Messages, Generate))),
        ("POST /deepseek/v1/responses", pinned(call(Responses, Generate))),
        ("POST /deepseek/v1beta/models/m:generateContent", pinned(gemini("m", Generate, false, false))),
    ];
    for (request, endpoint) in table {
        assert_eq!(routed(request, ""), Ok(Route::Call(endpoint)), "{request}");
    }
}

#[test]
fn lists_of_models_take_the_shape_their_reader_expects() {
    let models = |protocol| Route::Models { protocol, provider: None };
    let model = |protocol, id: &str| Route::Model { protocol, id: id.to_owned() };
    #[rustfmt::skip]
    let table = [
        ("GET /v1/models", "authorization: Bearer k", models(Chat)),
        ("GET /v1/models", "x-api-key: k", models(Chat)),
        ("GET /v1/models", "anthropic-version: 2023-06-01", models(Messages)),
        ("GET /v1/models", "x-goog-api-key: k", models(Gemini)),
        ("GET /v1/models?key=k", "", models(Gemini)),
        ("GET /models", "", models(Chat)),
        ("HEAD /v1/models", "", models(Chat)),
        ("GET /v1beta/models", "", models(Gemini)),
        ("GET /v1beta/models?pageSize=50", "authorization: Bearer k", models(Gemini)),
        ("GET /deepseek/v1/models", "", Route::Models { protocol: Chat, provider: Some("deepseek".to_owned()) }),
        ("GET /api/tags", "", models(Ollama)),
        ("GET /ollama/api/tags", "", models(Ollama)),
        ("POST /api/show", "", Route::Show),
        ("POST /ollama/api/show", "", Route::Show),
        ("GET /v1/models/gpt-4o", "", model(Chat, "gpt-4o")),
        ("GET /v1/models/anthropic%2Fclaude-sonnet-4-5", "", model(Chat, "anthropic/claude-sonnet-4-5")),
        ("GET /v1/models/anthropic/claude-sonnet-4-5", "", model(Chat, "anthropic/claude-sonnet-4-5")),
        ("GET /v1/models/qwen3:8b", "", model(Chat, "qwen3:8b")),
        ("GET /v1/models/claude", "anthropic-version: 2023-06-01", model(Messages, "claude")),
        ("GET /v1/models/gemini-2.5-flash", "x-goog-api-key: k", model(Gemini, "gemini-2.5-flash")),
        ("GET /v1beta/models/gemini-2.5-flash", "", model(Gemini, "gemini-2.5-flash")),
        ("GET /v1beta1/publishers/google/models/m", "", model(Gemini, "m")),
        ("GET /healthz", "", Route::Health),
        ("HEAD /healthz", "", Route::Health),
        ("GET /v1/dashboard/billing/subscription", "", Route::Balance(Page::Subscription)),
        ("GET /dashboard/billing/usage", "start_date=2026-01-01", Route::Balance(Page::Usage)),
        ("GET /api/v1/key", "", Route::Balance(Page::Key)),
    ];
    for (request, header, expected) in table {
        assert_eq!(routed(request, header), Ok(expected), "{request} {header}");
    }
}

#[test]
fn any_other_path_of_a_named_provider_is_relayed() {
    #[rustfmt::skip]
    let table = [
        ("POST /deepseek/v1/audio/speech", Chat, "POST", "audio/speech"),
        ("GET /deepseek/v1/files/a%2Fb?limit=2&key=secret&after=x", Chat, "GET", "files/a%2Fb?limit=2&after=x"),
        ("DELETE /deepseek/v1/responses/r?key=secret", Responses, "DELETE", "responses/r"),
        ("POST /deepseek/v1/messages/batches", Messages, "POST", "messages/batches"),
    ];
    for (request, protocol, method, path) in table {
        let Ok(Route::Call(endpoint)) = routed(request, "") else { panic!("{request}") };
        assert_eq!(
            endpoint.line,
            Some(Line { method, path: path.to_owned(), whole: false, account: None }),
            "{request}"
        );
        assert_eq!((endpoint.operation, endpoint.protocol), (Operation::Raw, protocol), "{request}");
        assert_eq!(endpoint.provider.as_deref(), Some("deepseek"));
    }
}

#[test]
fn it_looks_like_an_ollama_server_to_who_asks() {
    #[rustfmt::skip]
    let table = [
        ("/", "Ollama is running"), ("/ollama", "Ollama is running"), ("/ollama/", "Ollama is running"),
        ("/api/ps", r#"{"models":[]}"#), ("/ollama/api/ps", r#"{"models":[]}"#),
    ];
    for (path, expected) in table {
        for method in ["GET", "HEAD"] {
            let Ok(Route::Fixed { body, .. }) = routed(&format!("{method} {path}"), "") else { panic!("{path}") };
            assert_eq!(body, expected);
        }
    }
    for path in ["/api/version", "/ollama/api/version"] {
        let Ok(Route::Fixed { body, .. }) = routed(&format!("GET {path}"), "") else { panic!("{path}") };
        let version: serde_json::Value = serde_json::from_str(body).unwrap();
        let parts: Vec<u32> =
            version["version"].as_str().unwrap().split('.').map(|part| part.parse().unwrap()).collect();
        // What Codex asks for.
        assert!(parts >= vec![0, 13, 4], "{body}");
    }
}

#[test]
fn a_wrong_path_or_method_is_named() {
    #[rustfmt::skip]
    let table = [
        ("POST /", Kind::MethodNotAllowed, "/ takes GET, not POST"),
        ("GET /api/show", Kind::MethodNotAllowed, "/api/show takes POST, not GET"),
        ("POST /v1", Kind::NotFound, "no such endpoint: POST /v1"),
        ("POST /v1/chat", Kind::NotFound, "no such endpoint: POST /v1/chat; a provider's own is at /{provider}/v1/chat"),
        ("POST /v3/v1/chat/completions", Kind::NotFound, "no such endpoint: POST /v3/v1/chat/completions"),
        ("POST /a%20b/v1/chat/completions", Kind::NotFound, "no such endpoint: POST /a%20b/v1/chat/completions"),
        ("POST /admin/v1/chat/completions", Kind::NotFound, "no such endpoint: POST /admin/v1/chat/completions"),
        ("POST /deepseek", Kind::NotFound, "no such endpoint: POST /deepseek"),
        ("POST /v1/audio/speech", Kind::NotFound,
            "no such endpoint: POST /v1/audio/speech; a provider's own is at /{provider}/v1/audio/speech"),
        ("POST /deepseek/v1/../secret", Kind::NotFound, "no such endpoint: POST /deepseek/v1/../secret"),
        ("POST /deepseek/v1/a/%2e%2E/b", Kind::NotFound, "no such endpoint: POST /deepseek/v1/a/%2e%2E/b"),
        ("POST /deepseek/v1/a%5C..%5Cb", Kind::NotFound, "no such endpoint: POST /deepseek/v1/a%5C..%5Cb"),
        ("POST /deepseek/v1/a//b", Kind::NotFound, "no such endpoint: POST /deepseek/v1/a//b"),
        ("PATCH /deepseek/v1/files", Kind::MethodNotAllowed, "/deepseek/v1/files takes GET, POST or DELETE, not PATCH"),
        ("POST /v2/models/m:generateContent", Kind::NotFound, "no such endpoint: POST /v2/models/m:generateContent"),
        ("POST /v1beta/models/m", Kind::NotFound, "no such endpoint: POST /v1beta/models/m"),
        ("POST /v1beta/models/:generateContent", Kind::NotFound, "no such endpoint: POST /v1beta/models/:generateContent"),
        ("POST /v1beta/models/m:dance", Kind::NotFound, "no such endpoint: POST /v1beta/models/m:dance"),
        ("POST /v1/%0d%0achat", Kind::NotFound, "no such endpoint: POST /v1/%0d%0achat"),
        ("GET /v1/chat/completions", Kind::MethodNotAllowed, "/v1/chat/completions takes POST, not GET"),
        ("PUT /v1/messages", Kind::MethodNotAllowed, "/v1/messages takes POST, not PUT"),
        ("DELETE /v1beta/models/m:generateContent", Kind::MethodNotAllowed,
            "/v1beta/models/m:generateContent takes POST, not DELETE"),
        ("POST /v1/models", Kind::MethodNotAllowed, "/v1/models takes GET, not POST"),
        ("POST /healthz", Kind::MethodNotAllowed, "/healthz takes GET, not POST"),
    ];
    for (request, kind, message) in table {
        let failure = routed(request, "").unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (kind, message), "{request}");
    }
}

#[test]
fn who_asks_for_a_websocket_is_told_to_do_without() {
    let failure = routed("GET /v1/responses", "upgrade: WebSocket").unwrap_err();
    assert_eq!((failure.status, failure.message.as_str()), (426, "/v1/responses takes POST and speaks no WebSocket"));
    assert_eq!(routed("GET /v1/responses", "").unwrap_err().status, 405);
}

#[test]
fn a_message_about_a_path_is_bounded_and_printable() {
    assert_eq!(printable("a\r\nb\u{7f}\u{1b}[31m"), "ab[31m");
    assert_eq!(printable(&"日".repeat(500)).chars().count(), 200);
}

#[test]
fn even_a_wrong_path_has_a_protocol_to_complain_in() {
    #[rustfmt::skip]
    let table = [
        ("/", Chat), ("/v1/chat/completions", Chat), ("/v1/nothing", Chat), ("/v1/models/gpt-4o", Chat),
        ("/v1/messages", Messages), ("/v1/messages/batches", Messages), ("/deepseek/v1/messages", Messages),
        ("/v1/responses", Responses), ("/v1/responses/resp_1", Responses),
        ("/v1beta/models/m:generateContent", Gemini), ("/v1/models/m:generateContent", Gemini), ("/v1beta/x", Gemini),
        ("/api/chat", Ollama), ("/ollama/api/chat", Ollama),
    ];
    for (path, protocol) in table {
        assert_eq!(protocol_of(path), protocol, "{path}");
    }
}

#[test]
fn query_values_are_decoded() {
    let head = Head { method: "GET", path: "/", query: "a&b=&c=1%2F2&c=3&key=k%3D%26", header: &|_| None };
    let expected = [("a", Some("")), ("b", Some("")), ("c", Some("1/2")), ("key", Some("k=&")), ("d", None)];
    for (name, value) in expected {
        assert_eq!(head.query(name).as_deref(), value, "{name}");
    }
}
