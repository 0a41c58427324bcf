//! What clients ask: bodies in every protocol to every wire and provider, and paths.

use serde_json::Value;

use super::Input;
use super::rig::{CLIENTS, SECRET, WIRES, call, simple_call, target};
use crate::call::{Head, Route, protocol_of, route, unescape};
use crate::fault::Failure;
use crate::ir::Protocol;
use crate::protocol::inbound;
use crate::upstream::{self, Target, payload};

/// Endpoints that take a conversation, first those of [`CLIENTS`] in their order, or something like it.
const URLS: &[&str] = &[
    "/v1/chat/completions",
    "/v1/messages",
    "/v1beta/models/m:generateContent",
    "/v1/responses",
    "/api/chat",
    "/v1beta/models/m:streamGenerateContent",
    "/v1/completions",
    "/api/generate",
    "/v1/embeddings",
    "/api/embed",
    "/v1beta/models/m:embedContent",
    "/v1beta/models/m:batchEmbedContents",
    "/v1/images/generations",
    "/v1/messages/count_tokens",
    "/v1beta/models/m:countTokens",
];

/// Where among [`URLS`] a client of `protocol` sends what it says.
pub fn url(protocol: Protocol) -> usize {
    CLIENTS.iter().position(|client| *client == protocol).unwrap()
}

/// Providers with code of their own, and a few rows.
const PROVIDERS: &[&str] = &[
    "openai",
    "anthropic",
    "google",
    "gemini-cli",
    "codex",
    "antigravity",
    "claude",
    "qwen-code",
    "vertex",
    "azure",
    "bedrock",
    "kiro",
    "ollama",
    "iflow",
    "workers-ai",
    "xai",
    "openrouter",
    "deepseek",
    "groq",
    "mistral",
];

/// A body is refused in a sentence, or becomes one that the wire's own reader takes, addressed to the provider.
pub fn requests(data: &[u8]) {
    let mut input = Input(data);
    let (url, to) = (input.pick(URLS), input.byte());
    let call = match call("POST", url, &[], input.0.to_vec()) {
        Ok(call) => call,
        Err(failure) => return refused(&failure, protocol_of(url)),
    };
    let target = match WIRES.get(to) {
        Some(wire) => target(*wire, "a", "other"),
        None => Target { model: call.model.clone(), ..provider(PROVIDERS[to % PROVIDERS.len()]) },
    };
    let payload = match payload(&call, &target) {
        Ok(payload) => payload,
        Err(failure) => return refused(&failure, call.protocol()),
    };
    let sent: Value = serde_json::from_slice(&payload.body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&payload.body)));
    assert!(sent.is_object());
    if WIRES.get(to).is_some_and(|wire| CLIENTS.contains(wire)) && payload.request.is_some() {
        let wire = payload.wire.protocol();
        let again = reread(wire, &payload.body);
        if let Err(failure) = again {
            panic!("{url} to {wire:?}: {}: {sent}", failure.message);
        }
    }
    let Ok(request) = target.upstream.request(&call, &target, &payload) else { return };
    let plain = Target { model: "plain".to_owned(), ..target.clone() };
    if let Ok(expected) = target.upstream.request(&call, &plain, &payload) {
        assert_eq!(host(&request.url), host(&expected.url));
    }
    assert!(!request.url.contains(SECRET) || target.provider == "google", "{}", request.url);
    assert!(request.url.bytes().all(|byte| byte.is_ascii_graphic()), "{}", request.url);
    let path = request.url.split(['?', '#']).next().unwrap();
    assert!(!path.split('/').any(|part| matches!(unescape(part).as_str(), "." | "..")), "{}", request.url);
    for (name, value) in &request.headers {
        assert!(!name.is_empty() && !value.contains(['\r', '\n', '\0']), "{name}: {value}");
    }
}

/// Our own client-facing half, reading what we would send to a provider of the same protocol.
fn reread(wire: Protocol, body: &[u8]) -> Result<(), Failure> {
    let call = call("POST", URLS[url(wire)], &[], body.to_vec())?;
    inbound(wire).decode_request(&call).map(drop)
}

fn provider(name: &str) -> Target {
    let upstream = upstream::by_name(name).unwrap_or_else(|| panic!("no provider is called {name}"));
    let mut target = Target { provider: name.to_owned(), upstream, ..target(Protocol::Chat, "a", "m") };
    let details = [("account_id", "a-1"), ("project_id", "p-1"), ("region", "us-east-1"), ("resource", "r-1")];
    let details = details.map(|(name, value)| (name.to_owned(), upstream::Secret::new(value)));
    target.credential.details = details.into_iter().collect();
    target
}

fn host(url: &str) -> &str {
    let (scheme, rest) = url.split_once("://").unwrap();
    assert!(matches!(scheme, "https" | "http"), "{url}");
    rest.split('/').next().unwrap()
}

/// The client's own mistake, told in its own protocol.
fn refused(failure: &Failure, protocol: Protocol) {
    assert!((400..=501).contains(&failure.status) && failure.status != 500, "{failure:?}");
    assert!(!failure.message.is_empty());
    serde_json::from_slice::<Value>(&inbound(protocol).encode_failure(failure)).unwrap();
}

/// A path leads to what it names, and a relayed one never out of the place it was given.
pub fn paths(data: &[u8]) {
    let mut input = Input(data);
    let method = input.pick(&["POST", "GET", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE"]);
    // The runtime's own parser has made an address of it by then.
    let printable = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
    let path: String = input.short().iter().filter(|byte| printable(byte)).map(|byte| char::from(*byte)).collect();
    let query: String = input.short().iter().filter(|byte| printable(byte)).map(|byte| char::from(*byte)).collect();
    let value = String::from_utf8_lossy(input.0);
    let path = format!("/{path}");
    let head = Head { method, path: &path, query: &query, header: &|_| Some(value.clone().into_owned()) };
    let found = match route(&head) {
        Ok(found) => found,
        Err(failure) => return refused(&failure, protocol_of(&path)),
    };
    let Route::Call(endpoint) = found else { return };
    if let Some(line) = &endpoint.line {
        let asked = line.path.split_once('?').map_or("", |(_, query)| query);
        assert!(!asked.split('&').any(|pair| pair.starts_with("key=")), "{}", line.path);
        let inner = line.path.split('?').next().unwrap();
        let inside = |part: &str| !matches!(part, "." | "..") && !part.contains(char::is_control);
        assert!(unescape(inner).split(['/', '\\']).all(inside), "{}", line.path);
        assert!(!line.path.contains("://") || path.contains("://") || query.contains("://"));
        assert!(!line.path.starts_with('/') || line.whole, "{}", line.path);
    }
    let call =
        crate::call::Call::read(endpoint, simple_call(Protocol::Chat, true).body.bytes().clone(), &head, "id", 1);
    if let Err(failure) = call {
        refused(&failure, protocol_of(&path));
    }
}
