//! Anthropic's words for errors, both ways. <https://docs.anthropic.com/en/api/errors>

use serde::Deserialize;

use crate::fault::{Failure, Kind};
use crate::json::{self, Object, Text};

/// The error code with which a client that keeps its conversation on the server is told to send it whole.
pub const NO_THREADS: &str = "thread_unsupported_request";

/// `{"type":"error","error":{…}}`. Codes stand where Anthropic's own do.
pub fn write(failure: &Failure, out: &mut Vec<u8>) {
    let mut body = Object::begin(out);
    body.str("type", "error");
    let mut error = Object::begin(body.key("error"));
    error.str("type", word(failure));
    error.str("message", &failure.message);
    if let Some(code) = &failure.code {
        let mut details = Object::begin(error.key("details"));
        details.str("error_code", code);
        if let (NO_THREADS, Some(param)) = (code.as_str(), &failure.param) {
            details.value("unsupported", &[param]);
        }
        details.end();
    }
    error.end();
    body.end();
}

/// The error event that ends a broken stream.
pub fn write_frame(failure: &Failure, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: ");
    write(failure, out);
    out.extend_from_slice(b"\n\n");
}

fn word(failure: &Failure) -> &'static str {
    match failure.kind {
        Kind::InvalidRequest | Kind::MethodNotAllowed => "invalid_request_error",
        Kind::Unauthorized => "authentication_error",
        Kind::Forbidden => "permission_error",
        Kind::NotFound => "not_found_error",
        Kind::TooLarge => "request_too_large",
        Kind::QuotaExceeded if failure.status == 402 => "billing_error",
        Kind::RateLimited | Kind::QuotaExceeded => "rate_limit_error",
        Kind::Internal | Kind::Upstream => "api_error",
        Kind::Overloaded => "overloaded_error",
        Kind::Timeout => "timeout_error",
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    error: Error<'a>,
}

#[derive(Deserialize)]
struct Error<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    message: Text<'a>,
}

/// The status an error would have had, had it not come inside a 200.
pub fn status(body: &[u8]) -> u16 {
    let parsed: Result<Body<'_>, _> = json::read(body);
    match parsed.as_ref().map_or("", |body| &*body.error.kind) {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}

/// The provider's sentence in an error body.
pub fn message(body: &[u8]) -> Option<String> {
    let parsed: Body<'_> = json::read(body).ok()?;
    (!parsed.error.message.is_empty()).then(|| parsed.error.message.into())
}
