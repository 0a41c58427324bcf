//! What a refusal means: by status, and by machine-readable codes. Never by the words of a message, which may quote
//! the user.

use serde_json::Value;

use super::Refusal;
use super::limits::limit;
use crate::call::header;
use crate::fault::{Fault, Millis, Scope};
use crate::json;

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    Rejected,
    Unauthorized,
    Suspended,
    Quota(Scope),
    RateLimited,
    Overloaded,
    ModelMissing,
}

use Means::{ModelMissing, Overloaded, Quota, RateLimited, Rejected, Suspended, Unauthorized};

/// How one provider differs from the rest.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// What a rate limit that does not explain itself covers.
    pub limits: Scope,
    /// Codes that mean something only here: mostly numbers.
    pub codes: &'static [(&'static str, Means)],
    /// Whole beginnings of sentences, where a provider has no code for what they say.
    pub sentences: &'static [(&'static str, Means)],
}

/// Codes, types, statuses and reasons that mean the same wherever they occur. Case counts.
const CODES: &[(&str, Means)] = &[
    ("context_length_exceeded", Rejected),
    ("string_above_max_length", Rejected),
    ("message_too_big", Rejected),
    ("invalid_prompt", Rejected),
    ("invalid_value", Rejected),
    ("unsupported_value", Rejected),
    ("unsupported_parameter", Rejected),
    ("unknown_parameter", Rejected),
    ("missing_required_parameter", Rejected),
    ("content_policy_violation", Rejected),
    ("content_filter", Rejected),
    ("moderation_blocked", Rejected),
    ("cyber_policy", Rejected),
    ("previous_response_not_found", Rejected),
    ("data_inspection_failed", Rejected),
    ("DataInspectionFailed", Rejected),
    ("invalid_api_key", Unauthorized),
    ("invalid_authentication_error", Unauthorized),
    ("incorrect_api_key_error", Unauthorized),
    ("InvalidApiKey", Unauthorized),
    ("API_KEY_INVALID", Unauthorized),
    ("ACCESS_TOKEN_EXPIRED", Unauthorized),
    ("token_expired", Unauthorized),
    ("token_invalidated", Unauthorized),
    ("unauthenticated:bad-credentials", Unauthorized),
    ("billing_not_active", Suspended),
    ("account_deactivated", Suspended),
    ("unsupported_country_region_territory", Suspended),
    ("Arrearage", Suspended),
    ("AccessDenied.Unpurchased", Suspended),
    ("FAILED_PRECONDITION", Suspended),
    ("SERVICE_DISABLED", Suspended),
    ("CONSUMER_SUSPENDED", Suspended),
    ("BILLING_DISABLED", Suspended),
    ("insufficient_quota", Quota(Scope::Account)),
    ("insufficient_balance", Quota(Scope::Account)),
    ("quota_exceeded", Quota(Scope::Account)),
    ("exceeded_current_quota_error", Quota(Scope::Account)),
    ("billing_hard_limit_reached", Quota(Scope::Account)),
    ("usage_limit_reached", Quota(Scope::Account)),
    ("subscription:free-usage-exhausted", Quota(Scope::Account)),
    ("AllocationQuota.FreeTierOnly", Quota(Scope::Model)),
    ("QUOTA_EXHAUSTED", Quota(Scope::Model)),
    ("engine_overloaded_error", Overloaded),
    ("server_is_overloaded", Overloaded),
    ("overloaded_error", Overloaded),
    ("MODEL_CAPACITY_EXHAUSTED", Overloaded),
    ("UNAVAILABLE", Overloaded),
    ("rate_limit_exceeded", RateLimited),
    ("rate_limit_error", RateLimited),
    ("rate_limit_reached_error", RateLimited),
    ("too_many_requests", RateLimited),
    ("slow_down", RateLimited),
    ("RATE_LIMIT_EXCEEDED", RateLimited),
    ("RESOURCE_EXHAUSTED", RateLimited),
    ("Throttling", RateLimited),
    ("Throttling.RateQuota", RateLimited),
    ("Throttling.AllocationQuota", RateLimited),
    ("LimitRequests", RateLimited),
    ("model_not_found", ModelMissing),
    ("model_not_supported", ModelMissing),
    ("model_not_available", ModelMissing),
    ("model_decommissioned", ModelMissing),
    ("model_terms_required", ModelMissing),
    ("unsupported_model", ModelMissing),
    ("invalid_model", ModelMissing),
    ("ModelNotFound", ModelMissing),
];

pub fn classify(refused: Refusal<'_>, reading: Reading, now: Millis) -> Fault {
    let body: Value = json::read(refused.body).unwrap_or_default();
    // Google's streams refuse with an array of one.
    let body = body.get(0).unwrap_or(&body);
    let error = body.pointer("/response/error").or_else(|| body.get("error")).unwrap_or(body);
    // Too large is too large, whichever allowance the provider holds it against.
    let means = if refused.status == 413 { None } else { coded(body, error, reading) };
    let limit = limit(refused, body, now);
    let scope = |usual| limit.scope.unwrap_or(usual);
    match means.unwrap_or_else(|| by_status(refused, error)) {
        Rejected => Fault::Rejected,
        Unauthorized => Fault::Unauthorized,
        Suspended => Fault::Suspended,
        Quota(usual) => Fault::Quota { wait: limit.wait, scope: scope(usual) },
        RateLimited => Fault::RateLimited { wait: limit.wait, scope: scope(reading.limits) },
        Overloaded => Fault::Overloaded,
        ModelMissing => Fault::ModelMissing,
    }
}

fn coded(body: &Value, error: &Value, reading: Reading) -> Option<Means> {
    let reasons = error.get("details").and_then(Value::as_array).into_iter().flatten();
    let reasons = reasons.filter_map(|detail| detail.get("reason"));
    // From the particular to the general: the first that means something decides.
    let code = error.get("code").or_else(|| error.pointer("/details/error_code"));
    // Cloudflare's own API has a list of errors.
    let listed = body.pointer("/errors/0/code");
    let said = [code, body.pointer("/base_resp/status_code"), body.get("code"), listed].into_iter().flatten();
    // Amazon's reason is more particular than its exception, which may come with a namespace.
    let amazon = [error.get("reason"), body.get("__type")];
    let said = said.chain(reasons).chain([error.get("type"), error.get("status")].into_iter().chain(amazon).flatten());
    let known = |word: &Value| {
        let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
        let word = word.rsplit('#').next().unwrap_or_default();
        reading.codes.iter().chain(CODES).find(|(code, _)| *code == word).map(|(_, means)| *means)
    };
    said.filter(|value| value.is_string() || value.is_number()).find_map(known).or_else(|| {
        let message = error.get("message").and_then(Value::as_str)?;
        reading.sentences.iter().find(|(start, _)| message.starts_with(start)).map(|(_, means)| *means)
    })
}

fn by_status(refused: Refusal<'_>, error: &Value) -> Means {
    match refused.status {
        401 => Unauthorized,
        // A challenge page in front of the provider says nothing about the account.
        403 if header(refused.headers, "cf-mitigated").is_some() || is_page(refused) => Overloaded,
        402 | 403 => Suspended,
        // A file, a response or an item that is not there; a missing model has a code, or no error object at all.
        404 if error.get("type").and_then(Value::as_str) == Some("invalid_request_error") => Rejected,
        404 => ModelMissing,
        429 => RateLimited,
        408 | 425 | 499 => Overloaded,
        400..=498 => Rejected,
        // Also what is no status of a refusal at all: the provider is not itself.
        _ => Overloaded,
    }
}

fn is_page(refused: Refusal<'_>) -> bool {
    header(refused.headers, "content-type").is_some_and(|kind| kind.starts_with("text/html"))
}
