//! An error inside a 200, and the status it would have had.

use serde_json::Value;

use crate::json;
use crate::protocol::StreamError;

/// `body` is a frame or a whole answer that reports an error instead of holding one.
pub fn refusal(body: &[u8]) -> StreamError {
    let value: Value = json::read(body).unwrap_or_default();
    StreamError::Refused { status: status(&value), body: body.to_vec() }
}

fn status(value: &Value) -> u16 {
    let error = value.get("error").unwrap_or(value);
    let numbers = ["code", "status", "status_code"].map(|name| error.get(name).and_then(http_status));
    let outer = [value.get("code"), value.get("status")].map(|number| number.and_then(http_status));
    if let Some(status) = numbers.into_iter().chain(outer).flatten().next() {
        return status;
    }
    if let Some(code) = value.pointer("/base_resp/status_code").and_then(Value::as_i64) {
        return minimax(code);
    }
    let words = ["code", "type", "status"].map(|name| error.get(name).and_then(Value::as_str).unwrap_or_default());
    let said = words.join(" ").to_ascii_lowercase();
    let table = [
        ("rate_limit", 429),
        ("resource_exhausted", 429),
        ("too_many", 429),
        ("quota", 429),
        ("overloaded", 503),
        ("unavailable", 503),
        ("timeout", 504),
        ("authentication", 401),
        ("api_key", 401),
        ("permission", 403),
        ("balance", 402),
        ("billing", 402),
        ("not_found", 404),
        ("context_length", 400),
        ("content_filter", 400),
        ("invalid", 400),
        ("bad_request", 400),
    ];
    // `server_error`, and all that nobody has a word for.
    table.iter().find(|(word, _)| said.contains(word)).map_or(500, |(_, status)| *status)
}

/// A number, or one in quotes, that is an HTTP error status.
fn http_status(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    // iFlow's number for too many requests.
    let number = if number == 449 { 429 } else { number };
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// <https://platform.minimax.io/docs/api-reference/errorcode>
fn minimax(code: i64) -> u16 {
    match code {
        1002 | 1039 => 429,
        1004 | 2049 => 401,
        1008 => 402,
        1026 | 1027 | 1042 | 2013 => 400,
        _ => 500,
    }
}

/// Whether a finish reason is a failure by another name.
pub fn is_failure(finish_reason: &str) -> Option<u16> {
    match finish_reason {
        "error" => Some(502),
        // DeepSeek, Zhipu.
        "insufficient_system_resource" | "network_error" => Some(503),
        _ => None,
    }
}
