//! Which strings of a request or an answer are text that people and models wrote.
//!
//! All of them, but for those that only work unchanged: ids, signatures, addresses, base64, names and schemas of tools.
//! So a member that no version of ours knows is filtered, not let through. The arguments of tool calls are the
//! client's own: everything in them is text, whatever it is called. The names of members are never text.

use crate::json::strings::Step;

/// Members whose value is no text.
const FIXED: &[&str] = &[
    "type",
    "role",
    "object",
    "model",
    "model_version",
    "modelVersion",
    "name",
    "id",
    "index",
    "status",
    "signature",
    "thoughtSignature",
    "thought_signature",
    "encrypted_content",
    "data",
    "b64_json",
    "partial_image_b64",
    "file_data",
    "fileUri",
    "file_uri",
    "media_type",
    "mimeType",
    "mime_type",
    "format",
    "detail",
    "url",
    "image_url",
    "finish_reason",
    "finishReason",
    "stop_reason",
    "done_reason",
    "created_at",
    "system_fingerprint",
    "service_tier",
    "obfuscation",
    "namespace",
];

/// Members in which nothing is text.
const CLOSED: &[&str] = &[
    "tools",
    "functions",
    "tool_choice",
    "toolConfig",
    "tool_config",
    "response_format",
    "generationConfig",
    "generation_config",
    "safetySettings",
    "safety_settings",
    "output_config",
    "context_management",
    "images",
    "audio",
    "cachedContent",
    "usage",
    "usageMetadata",
    "include",
    "stop",
    "stop_sequences",
    "options",
    "logprobs",
    "cache_control",
];

/// Objects whose members are the client's own.
const FREE: &[&str] = &["args", "arguments", "response", "input"];

/// Strings in which JSON stands, whole or in pieces.
const EMBEDDED: &[&str] = &["arguments", "partial_json"];

/// Whether the string at `path` is text.
pub fn is_text(path: &[Step<'_>]) -> bool {
    let mut steps = path.iter().enumerate().rev().filter_map(|(at, step)| match step {
        Step::Key(key) => Some((at, *key)),
        Step::Index(_) => None,
    });
    let Some((_, key)) = steps.next() else { return true };
    let free = |at: usize, key: &str| FREE.contains(&key) && matches!(path.get(at + 1), Some(Step::Key(_)));
    let mut closed = CLOSED.contains(&key) || is_fixed(key);
    for (at, key) in steps {
        // A stream of Responses wraps the whole answer in `response`.
        if free(at, key) && !(key == "response" && at == 0) {
            return true;
        }
        closed |= CLOSED.contains(&key) || key == "format";
    }
    !closed
}

fn is_fixed(key: &str) -> bool {
    FIXED.contains(&key) || key.ends_with("_id") || key.ends_with("Id") || key.ends_with("_key")
}

/// Whether the string at `path` contains JSON, whole or in pieces. `kind` is the type of the document, where it has one.
pub fn is_json(path: &[Step<'_>], kind: &str) -> bool {
    match path.last() {
        Some(Step::Key("delta")) => kind.contains("_arguments"),
        // Converse, and Kiro, whose events have no type. Responses' freeform tools have an `input` that is plain text.
        Some(Step::Key("input")) => path.contains(&Step::Key("toolUse")) || path.len() == 1 && kind.is_empty(),
        Some(Step::Key(key)) => EMBEDDED.contains(key),
        Some(Step::Index(_)) | None => false,
    }
}
