//! Responses and their headers.

use std::time::Duration;

use worker::web_sys::{ReadableStream, Response};

use super::platform;
use crate::exec::Trace;
use crate::ir::Protocol;

/// Names and values, alternating.
pub struct Headers(Vec<String>);

impl Headers {
    pub fn new(id: &str, protocol: Protocol) -> Self {
        let mut headers = Self(Vec::with_capacity(48));
        headers.add("access-control-allow-origin", "*");
        headers.add("access-control-expose-headers", EXPOSED);
        headers.add("x-sluice-request-id", id);
        match protocol {
            Protocol::Messages => headers.add("request-id", id),
            Protocol::Chat | Protocol::Responses => headers.add("x-request-id", id),
            Protocol::Gemini | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => {}
        }
        headers
    }

    pub fn with(mut self, headers: &[(String, String)]) -> Self {
        for (name, value) in headers {
            self.add(name, value);
        }
        self
    }

    pub fn trace(mut self, trace: &Trace) -> Self {
        if let Some(last) = trace.last() {
            self.add("x-sluice-provider", &last.provider);
            self.add("x-sluice-account", &last.account);
        }
        self.add("x-sluice-attempts", &trace.tried.to_string());
        self
    }

    /// A number that nobody who knows was asked for.
    pub fn estimated(mut self) -> Self {
        self.add("x-sluice-estimate", "1");
        self
    }

    /// In whole seconds, rounded up: a client that comes back early would only be told to wait again.
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        if let Some(wait) = wait {
            self.add("retry-after", &wait.as_millis().div_ceil(1000).to_string());
        }
        self
    }

    pub fn send(mut self, status: u16, content_type: &str, body: &[u8]) -> Response {
        self.add("content-type", content_type);
        platform::respond(status, self.0, body)
    }

    pub fn stream(mut self, status: u16, content_type: &str, body: &ReadableStream) -> Response {
        self.add("content-type", content_type);
        self.add("cache-control", "no-cache");
        // For proxies that would collect the answer before they pass it on.
        self.add("x-accel-buffering", "no");
        platform::streamed(status, self.0, body)
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.push(name.to_owned());
        self.0.push(value.to_owned());
    }
}

const EXPOSED: &str = "x-sluice-request-id, x-sluice-provider, x-sluice-account, x-sluice-attempts, x-sluice-estimate, x-sluice-degraded, request-id, \
                       x-request-id, retry-after, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, \
                       x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, \
                       x-ratelimit-reset-tokens";

/// Browsers ask before they send. Every SDK has headers of its own, so whatever is asked for is allowed.
pub fn preflight(asked: Option<String>) -> Response {
    let pairs = [
        ("access-control-allow-origin", "*".to_owned()),
        ("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned()),
        ("access-control-allow-headers", asked.unwrap_or_else(|| "*".to_owned())),
        ("access-control-max-age", "86400".to_owned()),
        ("vary", "access-control-request-headers".to_owned()),
    ];
    let headers = pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
    platform::respond(204, headers, &[])
}
