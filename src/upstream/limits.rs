//! When a provider says to come back: every header and body form of a reset time.
//!
//! | what | form | scope |
//! |---|---|---|
//! | `anthropic-ratelimit-unified-{window}-status: rejected`, `-reset` | epoch seconds or RFC 3339; the latest | account, or model where every such window is one family's |
//! | Google `QuotaFailure` with a per-day quota | midnight in California | model |
//! | Google `RetryInfo.retryDelay`, `ErrorInfo.metadata.quotaResetDelay`, `quotaResetTimeStamp` | span, RFC 3339 | model |
//! | Codex `resets_at`, `resets_in_seconds` | epoch seconds, seconds | account |
//! | Codex `x-codex-{primary,secondary}-reset-at`, `-reset-after-seconds` of a window used to 100 % | epoch seconds, seconds | account, or model where the limit that was met is one family's |
//! | Zhipu's date in the sentence of a used-up plan | Beijing time | account |
//! | xAI `free-usage-exhausted` | 24 h | account |
//! | `retry-after-ms`, `retry-after` | ms; seconds or HTTP date | the provider's |
//! | `x-ratelimit-reset*`, `ratelimit-reset`, `anthropic-ratelimit-*-reset`, also in OpenRouter's `error.metadata.headers` | span, seconds, epoch s or ms, RFC 3339 | the provider's |
//! | `… try again in 7m12s`, `… reset after 1h2m3s` | span in the provider's sentence | the provider's |
//!
//! What describes the exhausted quota itself comes first, together with `retry-after` (the later of the two); the rest is
//! asked in this order. Nothing is believed beyond seven days, and a time that has passed is no hint.

pub mod time;

use std::time::Duration;

use serde_json::Value;

use super::Refusal;
use crate::call::header;
use crate::fault::{Millis, Scope};

/// No provider's window is longer; a longer wait is a mistake in a header.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a refusal says about when, and how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    pub wait: Option<Duration>,
    pub scope: Option<Scope>,
}

/// The limit that `refused` describes, `body` being its JSON.
pub fn limit(refused: Refusal<'_>, body: &Value, now: Millis) -> Limit {
    let headers = refused.headers;
    let quota =
        [unified(headers, now), plan(headers, now), google(body, now), codex(body, now), zhipu(body, now), xai(body)]
            .into_iter()
            .reduce(|all, one| Limit { wait: all.wait.max(one.wait), scope: all.scope.or(one.scope) })
            .unwrap_or_default();
    let wait = quota.wait.max(retry_after(refused.headers, now));
    let wait = wait.or_else(|| resets(refused.headers, now)).or_else(|| relayed(body, now)).or_else(|| words(body));
    Limit { wait: wait.filter(|wait| !wait.is_zero()).map(|wait| wait.min(LONGEST)), scope: quota.scope }
}

fn retry_after(headers: &[(String, String)], now: Millis) -> Option<Duration> {
    let ms = header(headers, "retry-after-ms").and_then(|text| fraction(text, 1e-3));
    ms.or_else(|| {
        let text = header(headers, "retry-after")?.trim();
        fraction(text, 1.0).or_else(|| time::http_date(text).map(|at| at.since(now))).or_else(|| moment(text, now))
    })
}

fn fraction(text: &str, unit: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse::<f64>().ok()? * unit).ok()
}

/// A reset in any of its spellings. A bare number is a span unless it is too large to be one: then an epoch.
fn moment(text: &str, now: Millis) -> Option<Duration> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>() {
        let epoch = match number {
            1e12.. => number,
            1e9.. => number * 1e3,
            _ => return Duration::try_from_secs_f64(number).ok(),
        };
        return Some(Duration::try_from_secs_f64(epoch / 1e3).ok()?.saturating_sub(Duration::from_millis(now.0)));
    }
    time::span(text).or_else(|| time::rfc3339(text).map(|at| at.since(now)))
}

/// Anthropic's subscription windows. Several may be open; the one that was rejected and ends last decides.
fn unified(headers: &[(String, String)], now: Millis) -> Limit {
    const PREFIX: &str = "anthropic-ratelimit-unified-";
    let windows = headers.iter().filter(|(_, value)| value == "rejected");
    let windows = windows.filter_map(|(name, _)| name.strip_prefix(PREFIX)?.strip_suffix("status"));
    let mut limit = Limit::default();
    for window in windows {
        let reset = header(headers, &format!("{PREFIX}{window}reset")).and_then(|text| moment(text, now));
        // `5h-` and `7d-` are for everything, `7d_opus-` for one family; the bare one repeats its windows, and
        // `overage-` says that nothing is sold beyond them.
        let scope = match window {
            "" | "overage-" => continue,
            _ if window.contains('_') => Scope::Model,
            _ => Scope::Account,
        };
        limit.wait = limit.wait.max(reset);
        limit.scope = if limit.scope == Some(Scope::Account) { limit.scope } else { Some(scope) };
    }
    if limit.scope.is_none() && header(headers, &format!("{PREFIX}status")) == Some("rejected") {
        let wait = header(headers, &format!("{PREFIX}reset")).and_then(|text| moment(text, now));
        return Limit { wait, scope: Some(Scope::Account) };
    }
    limit
}

fn google(body: &Value, now: Millis) -> Limit {
    let Some(details) = body.pointer("/error/details").and_then(Value::as_array) else { return Limit::default() };
    let kind = |detail: &&Value, name: &str| {
        detail.get("@type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with(name))
    };
    let span = |value: &Value| time::span(value.as_str()?);
    let mut wait = None;
    let mut limited = false;
    for detail in details {
        if kind(&detail, "RetryInfo") {
            wait = wait.max(detail.get("retryDelay").and_then(span));
            limited = true;
        } else if kind(&detail, "ErrorInfo") {
            let data = |name: &str| detail.pointer(&format!("/metadata/{name}"));
            let at = |value: &Value| Some(time::rfc3339(value.as_str()?)?.since(now));
            wait = wait.max(data("quotaResetDelay").and_then(span));
            wait = wait.max(data("quotaResetTimeStamp").and_then(at));
        } else if kind(&detail, "QuotaFailure") {
            let violations = detail.get("violations").and_then(Value::as_array);
            let daily = |violation: &Value| {
                violation.get("quotaId").and_then(Value::as_str).is_some_and(|id| id.contains("PerDay"))
            };
            limited = true;
            if violations.is_some_and(|all| all.iter().any(daily)) {
                // `retryDelay` beside it is the next minute's; the day's quota will not be back then.
                wait = wait.max(Some(time::next_midnight_pacific(now).since(now)));
            }
        }
    }
    Limit { wait, scope: (limited || wait.is_some()).then_some(Scope::Model) }
}

fn codex(body: &Value, now: Millis) -> Limit {
    let error = body.pointer("/response/error").or_else(|| body.get("error")).unwrap_or(body);
    let number = |name: &str| error.get(name).and_then(Value::as_f64);
    let at = number("resets_at").and_then(|at| Duration::try_from_secs_f64(at).ok());
    let at = at.map(|at| at.saturating_sub(Duration::from_millis(now.0))).filter(|wait| !wait.is_zero());
    let wait = at.or_else(|| Duration::try_from_secs_f64(number("resets_in_seconds")?).ok());
    Limit { wait, scope: wait.map(|_| Scope::Account) }
}

/// The windows of a ChatGPT plan, as every answer of Codex carries them. Those that are not used up say nothing about
/// a refusal.
fn plan(headers: &[(String, String)], now: Millis) -> Limit {
    let active = header(headers, "x-codex-active-limit").map(|name| name.trim().to_ascii_lowercase().replace('_', "-"));
    let family = active.as_deref().filter(|name| !name.is_empty()).unwrap_or("codex");
    let get = |window: &str, what: &str| header(headers, &format!("x-{family}-{window}-{what}"));
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<f64>().ok());
    let mut limit = Limit::default();
    for window in ["primary", "secondary"] {
        if number(get(window, "used-percent")).is_none_or(|used| used < 100.0) {
            continue;
        }
        let reset = get(window, "reset-at").and_then(|text| moment(text, now));
        limit.wait = limit.wait.max(reset.or_else(|| fraction(get(window, "reset-after-seconds")?, 1.0)));
        limit.scope = Some(if family == "codex" { Scope::Account } else { Scope::Model });
    }
    limit
}

/// 1308 and 1310 name the hour of the next allowance only in their sentence.
fn zhipu(body: &Value, now: Millis) -> Limit {
    let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default();
    if !matches!(text("/error/code"), "1308" | "1310") {
        return Limit::default();
    }
    let message = text("/error/message");
    let at = message
        .char_indices()
        .filter(|(_, c)| *c == '2')
        .find_map(|(at, _)| time::rfc3339(&format!("{}+08:00", message.get(at..at + "2026-08-22 10:11:12".len())?)));
    Limit { wait: at.map(|at| at.since(now)), scope: Some(Scope::Account) }
}

fn xai(body: &Value) -> Limit {
    let code = body.get("code").or_else(|| body.pointer("/error/code")).and_then(Value::as_str);
    match code {
        Some(code) if code.rsplit(':').next() == Some("free-usage-exhausted") => {
            Limit { wait: Some(Duration::from_secs(24 * 3600)), scope: Some(Scope::Account) }
        }
        _ => Limit::default(),
    }
}

/// The family of reset headers. Where the provider says which allowance is used up, that one decides (the latest of
/// several); else the earliest, since asking once too early costs less than resting for a day.
fn resets(headers: &[(String, String)], now: Millis) -> Option<Duration> {
    let mut spent: Option<Duration> = None;
    let mut any: Option<Duration> = None;
    for (name, value) in headers {
        let remaining = match name.strip_prefix("anthropic-ratelimit-").and_then(|rest| rest.strip_suffix("-reset")) {
            Some(kind) if kind.starts_with("unified") => continue,
            Some(kind) => format!("anthropic-ratelimit-{kind}-remaining"),
            None if name.contains("ratelimit-reset") => name.replacen("ratelimit-reset", "ratelimit-remaining", 1),
            None => continue,
        };
        let Some(wait) = moment(value, now).filter(|wait| !wait.is_zero()) else { continue };
        if header(headers, &remaining).and_then(|text| text.trim().parse::<f64>().ok()) == Some(0.0) {
            spent = spent.max(Some(wait));
        }
        any = Some(any.map_or(wait, |earliest| earliest.min(wait)));
    }
    spent.or(any)
}

/// OpenRouter quotes the headers of whoever refused it.
fn relayed(body: &Value, now: Millis) -> Option<Duration> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let quoted = body.pointer("/error/metadata/headers")?.as_object()?;
    let headers: Vec<_> = quoted.iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect();
    retry_after(&headers, now).max(resets(&headers, now))
}

fn words(body: &Value) -> Option<Duration> {
    let message = ["/error/message", "/response/error/message", "/message", "/error"]
        .iter()
        .find_map(|path| body.pointer(path)?.as_str())?
        .to_ascii_lowercase();
    ["again in ", "retry in ", "reset in ", "resets in ", "after "]
        .iter()
        .find_map(|anchor| time::leading_span(message.split_once(anchor)?.1).0)
}
