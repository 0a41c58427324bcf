//! Errors: ours as the client reads them, the provider's as a status.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::fault::{Failure, Kind};
use crate::json::Json;
use crate::protocol::StreamError;

/// OpenAI's error object.
pub(super) fn object(failure: &Failure) -> Value {
    json!({
        "message": failure.message,
        "type": kind(failure.kind),
        "param": failure.param,
        "code": failure.code.as_deref().or(default_code(failure.kind)),
    })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Unauthorized => "authentication_error",
        Kind::Forbidden => "permission_error",
        Kind::RateLimited => "rate_limit_error",
        Kind::QuotaExceeded => "insufficient_quota",
        Kind::InvalidRequest | Kind::NotFound | Kind::MethodNotAllowed | Kind::TooLarge => "invalid_request_error",
        Kind::Overloaded | Kind::Timeout | Kind::Upstream | Kind::Internal => "server_error",
    }
}

fn default_code(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::RateLimited => Some("rate_limit_exceeded"),
        Kind::QuotaExceeded => Some("insufficient_quota"),
        Kind::Overloaded => Some("server_is_overloaded"),
        _ => None,
    }
}

/// `response.error.code`, whose values are a closed list.
pub(super) fn response_code(failure: &Failure) -> &'static str {
    match failure.kind {
        Kind::RateLimited | Kind::QuotaExceeded => "rate_limit_exceeded",
        Kind::InvalidRequest | Kind::NotFound | Kind::MethodNotAllowed | Kind::TooLarge => "invalid_prompt",
        Kind::Unauthorized | Kind::Forbidden | Kind::Overloaded | Kind::Timeout | Kind::Upstream | Kind::Internal => {
            "server_error"
        }
    }
}

/// An error the provider reported inside a 200, from its error object.
pub(super) fn refused(error: &RawValue) -> StreamError {
    let value: Value = serde_json::from_str(error.get()).unwrap_or_default();
    StreamError::Refused { status: status(&value), body: format!("{{\"error\":{}}}", error.get()).into_bytes() }
}

/// The same from the members of a flat `error` event.
pub(super) fn refused_flat(code: Option<&RawValue>, message: Option<&str>, param: Option<&RawValue>) -> StreamError {
    let mut error = Map::new();
    error.insert("message".to_owned(), json!(message));
    for (key, raw) in [("code", code), ("param", param)] {
        error.insert(key.to_owned(), raw.map_or(Value::Null, |raw| Json::from(raw).value()));
    }
    let error = Value::Object(error);
    StreamError::Refused { status: status(&error), body: json!({ "error": error }).to_string().into_bytes() }
}

/// What the error would have been as an HTTP status. Both `code` and `type` are read: providers fill either.
fn status(error: &Value) -> u16 {
    let word = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = ["status_code", "status", "code"].iter().find_map(|key| error.get(*key)?.as_u64());
    if let Some(number @ 400..=599) = number {
        return u16::try_from(number).unwrap_or(500);
    }
    let known = by_code(word("code")).or_else(|| by_code(word("type")));
    // "Selected model is at capacity": no code of its own.
    known.unwrap_or(if word("message").contains("at capacity") { 503 } else { 500 })
}

fn by_code(code: &str) -> Option<u16> {
    Some(match code {
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "insufficient_quota"
        | "usage_limit_reached"
        | "usage_not_included"
        | "quota_exceeded"
        | "billing_hard_limit_reached"
        | "slow_down" => 429,
        "server_is_overloaded"
        | "overloaded"
        | "overloaded_error"
        | "server_error"
        | "service_unavailable"
        | "service_unavailable_error"
        | "api_error" => 503,
        "model_not_found" => 404,
        "invalid_api_key" | "authentication_error" | "token_expired" | "token_invalidated" => 401,
        "permission_error" | "permission_denied" | "account_deactivated" => 403,
        "context_length_exceeded"
        | "invalid_prompt"
        | "invalid_request_error"
        | "invalid_value"
        | "unsupported_value"
        | "string_above_max_length"
        | "cyber_policy"
        | "bio_policy"
        | "data_residency_mismatch"
        | "previous_response_not_found"
        | "invalid_encrypted_content" => 400,
        code if code.contains("image") => 400,
        _ => return None,
    })
}

/// The end of a relay that broke: the same event that a translated stream ends with. Which response it was and how
/// many events it had are not known here.
pub(super) fn frame(failure: &Failure, out: &mut Vec<u8>) {
    let event = json!({
        "type": "response.failed",
        "sequence_number": 0,
        "response": {
            "id": "resp_failed", "object": "response", "created_at": 0, "status": "failed", "completed_at": null,
            "error": {"code": response_code(failure), "message": failure.message}, "incomplete_details": null,
            "instructions": null, "metadata": {}, "model": "", "output": [], "parallel_tool_calls": true,
            "temperature": null, "tool_choice": "auto", "tools": [], "top_p": null,
        },
        "error": object(failure),
    });
    out.extend_from_slice(b"event: response.failed\ndata: ");
    out.extend_from_slice(event.to_string().as_bytes());
    out.extend_from_slice(b"\n\n");
}
