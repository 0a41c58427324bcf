//! What a token endpoint answered: a credential, an end, or a delay.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Answer, Provider, Wire, seconds, text};
use crate::call::header;
use crate::fault::Millis;
use crate::json;
use crate::upstream::{Credential, Secret};

/// Why a credential was not renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshFault {
    /// It never will be: somebody has to sign in again.
    Permanent(String),
    /// It may be later. What we hold stays as good as it was.
    Transient { wait: Option<Duration>, why: String },
}

/// Errors after which the refresh token is of no use, as RFC 6749, OpenAI, AWS and Kiro call them.
const ENDED: &[&str] = &[
    "invalid_grant",
    "access_denied",
    "refresh_token_expired",
    "refresh_token_invalidated",
    "refresh_token_reused",
    "refresh_token_revoked",
    "invalid_refresh_token",
    "token_expired",
    "expired_token",
    "InvalidGrantException",
    "ExpiredTokenException",
    "AccessDeniedException",
    "UnauthorizedException",
];

/// Errors of a 4xx that say nothing against the refresh token: our settings, our request, or the provider's day.
const ALIVE: &[&str] = &[
    "invalid_request",
    "invalid_scope",
    "unsupported_grant_type",
    "temporarily_unavailable",
    "server_error",
    "slow_down",
    "rate_limit_exceeded",
    "rate_limit_error",
    "overloaded_error",
    "InternalServerException",
    "InvalidRequestException",
    "SlowDownException",
];

/// Errors about the client rather than the token.
const CLIENT: &[&str] =
    &["invalid_client", "unauthorized_client", "InvalidClientException", "UnauthorizedClientException"];

/// The answer to a refresh request. The old refresh token stays where no new one came.
pub fn refreshed(
    provider: &Provider,
    answer: &Answer<'_>,
    old: &Credential,
    now: Millis,
) -> Result<Credential, RefreshFault> {
    let body = answer.json();
    if answer.is_success() {
        if let Some(fresh) = signed_in(provider, answer, old, now) {
            return Ok(fresh);
        }
        // Some say no with a 200.
        if code(&body).is_none_or(|code| !ENDED.contains(&code)) {
            return Err(transient(answer, format!("the answer has no access token{}", colon(&told(&body, old)))));
        }
    }
    let told = told(&body, old);
    let said = if told.is_empty() { format!("status {}", answer.status) } else { told };
    let ended = match code(&body) {
        Some(code) if ENDED.contains(&code) => true,
        Some(code) if ALIVE.contains(&code) => false,
        // Only AWS's clients are registered by a sign-in, so only there a new sign-in mends it.
        Some(code) if CLIENT.contains(&code) => provider.wire == Wire::Oidc,
        // An unknown word, but the provider's own: a page of a proxy or a challenge is not JSON.
        Some(_) | None => matches!(answer.status, 400 | 401) && body.is_object(),
    };
    let busy = matches!(answer.status, 408 | 425 | 429) || answer.status >= 500;
    if ended && !busy { Err(RefreshFault::Permanent(said)) } else { Err(transient(answer, said)) }
}

/// A credential from a token answer, on top of what was known before. `None`: there is no token in it.
pub fn signed_in(provider: &Provider, answer: &Answer<'_>, before: &Credential, now: Millis) -> Option<Credential> {
    let body = answer.json();
    // iFlow and some relays wrap their answers.
    let body = match body.get("data") {
        Some(data) if text(&body, TOKEN).is_none() && data.is_object() => data,
        _ => &body,
    };
    let token = text(body, TOKEN)?;
    let mut fresh = before.clone();
    if let Some(refresh) = text(body, &["refresh_token", "refreshToken"]) {
        fresh.refresh = Some(Secret::new(refresh));
    }
    let lifetime = seconds(body, &["expires_in", "expiresIn"]).filter(|lifetime| *lifetime > 0);
    let stated = claims(token).and_then(|claims| seconds(&claims, &["exp"]));
    fresh.expires = match (lifetime, stated) {
        (Some(lifetime), _) => Some(now.plus(Duration::from_secs(lifetime.min(LONGEST)))),
        (None, Some(at)) => Some(Millis(at.saturating_mul(1000))),
        (None, None) => None,
    };
    let mut keep = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            fresh.details.insert(name.to_owned(), Secret::new(value));
        }
    };
    keep("auth_method", provider.method.filter(|_| before.detail("auth_method").is_none()));
    keep("resource_url", text(body, &["resource_url"]));
    keep("profile_arn", text(body, &["profileArn", "profile_arn"]));
    keep("email", body.get("account").and_then(|account| text(account, &["email_address", "email"])));
    keep("account_id", body.get("account").and_then(|account| text(account, &["uuid"])));
    keep("organization_id", body.get("organization").and_then(|organization| text(organization, &["uuid"])));
    if let Some(identity) = text(body, &["id_token", "idToken"]) {
        keep("id_token", Some(identity));
        let claims = claims(identity).unwrap_or_default();
        keep("email", text(&claims, &["email"]));
        let openai = claims.get("https://api.openai.com/auth");
        keep("account_id", openai.and_then(|openai| text(openai, &["chatgpt_account_id"])));
        keep("plan", openai.and_then(|openai| text(openai, &["chatgpt_plan_type"])));
    }
    // What iFlow's requests are signed with is asked for with this, and stays until it has been.
    if provider.needs.contains(&super::Need::ApiKey) {
        keep("access_token", Some(token));
    } else {
        fresh.access = Secret::new(token);
    }
    Some(fresh)
}

/// Ten years, in seconds: what lives longer does not expire.
const LONGEST: u64 = 315_360_000;

const TOKEN: &[&str] = &["access_token", "accessToken"];

/// The claims of a token, unverified: it came from the provider itself, over TLS.
pub fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1).filter(|payload| payload.len() <= 64 << 10)?;
    json::read(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}

/// The provider's word for what is wrong.
pub(super) fn code(body: &Value) -> Option<&str> {
    let error = body.get("error").unwrap_or(&Value::Null);
    text(error, &["code", "type"]).or_else(|| error.as_str()).or_else(|| text(body, &["code", "__type"]))
}

/// What an answer says is wrong, in a line, with nothing of `credential` in it.
pub fn said(answer: &Answer<'_>, credential: &Credential) -> String {
    let told = told(&answer.json(), credential);
    if told.is_empty() { format!("status {}", answer.status) } else { told }
}

fn told(body: &Value, credential: &Credential) -> String {
    let error = body.get("error").filter(|error| error.is_object());
    let words = text(body, &["error_description", "errorMessage", "message", "Message"])
        .or_else(|| error.and_then(|error| text(error, &["message"])));
    let told = match (code(body), words) {
        (Some(code), Some(words)) if !words.contains(code) => format!("{code}: {words}"),
        (_, Some(words)) => words.to_owned(),
        (Some(code), None) => code.to_owned(),
        (None, None) => String::new(),
    };
    let secrets = [Some(&credential.access), credential.refresh.as_ref()].into_iter().flatten();
    let told = secrets.chain(credential.details.values()).fold(told, |told, secret| secret.scrub(&told));
    // A sentence; providers are known to answer with whole pages.
    told.chars().filter(|letter| !letter.is_control()).take(300).collect()
}

fn colon(told: &str) -> String {
    if told.is_empty() { String::new() } else { format!(": {told}") }
}

fn transient(answer: &Answer<'_>, why: String) -> RefreshFault {
    let number = |name, unit: fn(u64) -> Duration| header(answer.headers, name)?.trim().parse().ok().map(unit);
    let wait = number("retry-after-ms", Duration::from_millis).or_else(|| number("retry-after", Duration::from_secs));
    RefreshFault::Transient { wait, why }
}
