//! The requests of the device flow, and what their answers mean.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::code;
use super::request::{Client, Pkce, address, client, post_form, post_json, post_value};
use super::{Answer, DeviceFlow, Env, Provider, Unready, seconds, signed_in, text};
use crate::call::HttpRequest;
use crate::fault::Millis;
use crate::upstream::{Credential, Secret};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the person needs, and what only we do.
pub struct Started {
    pub device_code: Secret,
    pub user_code: String,
    pub url: String,
    pub interval: Duration,
    pub expires: Duration,
}

/// A client made for one sign-in.
pub struct Registered {
    pub id: Secret,
    pub secret: Secret,
}

/// Where the person is.
pub enum Poll {
    Pending,
    /// Asked too often.
    SlowDown,
    Denied(String),
    /// The code was not used in time.
    Expired,
    Granted(Box<Credential>),
    /// Codex: a code, and the verifier it was made with, to be exchanged at this redirect.
    Code {
        code: Secret,
        verifier: Secret,
        redirect: &'static str,
    },
}

fn flow(provider: &Provider) -> Result<&DeviceFlow, Unready> {
    provider.device.as_ref().ok_or(Unready::NoFlow(provider.name))
}

/// The registration a sign-in begins with, where it does.
pub fn register_request(
    provider: &Provider,
    options: &Credential,
    env: Env<'_>,
) -> Option<Result<HttpRequest, Unready>> {
    match provider.device {
        Some(DeviceFlow::Oidc { register, .. }) if options.detail("client_secret").is_none() => {
            let scopes: Vec<&str> = provider.scopes.split(' ').collect();
            let body = json!({
                "clientName": "Sluice",
                "clientType": "public",
                "grantTypes": [GRANT, "refresh_token"],
                "scopes": scopes,
            });
            Some(address(provider, register, Some(options), env).map(|url| post_value(url, &body)))
        }
        Some(DeviceFlow::Oidc { .. } | DeviceFlow::Standard { .. } | DeviceFlow::Codex { .. }) | None => None,
    }
}

pub fn registered(answer: &Answer<'_>) -> Option<Registered> {
    let body = answer.json();
    let part = |name| text(&body, &[name]).map(Secret::new);
    Some(Registered { id: part("clientId")?, secret: part("clientSecret")? })
}

/// Ask for a code. `options` holds the registered client, if there is one.
pub fn device_request(
    provider: &Provider,
    pkce: &Pkce,
    options: &Credential,
    env: Env<'_>,
) -> Result<HttpRequest, Unready> {
    let Client { id, .. } = client(provider, Some(options), env)?;
    let at = |url| address(provider, url, Some(options), env);
    Ok(match *flow(provider)? {
        DeviceFlow::Standard { start, pkce: with_pkce } => {
            let challenge = pkce.challenge();
            let mut pairs = vec![("client_id", id.as_str())];
            if !provider.scopes.is_empty() {
                pairs.push(("scope", provider.scopes));
            }
            if with_pkce {
                pairs.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
            }
            post_form(at(start)?, &pairs)
        }
        DeviceFlow::Codex { start, .. } => post_json(at(start)?, &[("client_id", &id)]),
        DeviceFlow::Oidc { start, portal, .. } => {
            let secret = options.detail("client_secret").ok_or(Unready::NoDetail("client_secret"))?;
            let portal = options.detail("start_url").unwrap_or(portal);
            post_json(at(start)?, &[("clientId", &id), ("clientSecret", secret), ("startUrl", portal)])
        }
    })
}

/// The answer to `device_request`. `None`: there is no code in it that a person could use.
pub fn started(provider: &Provider, answer: &Answer<'_>) -> Option<Started> {
    let body = answer.json();
    let user_code = text(&body, &["user_code", "usercode", "userCode"])?.to_owned();
    let (device_code, url) = match provider.device? {
        DeviceFlow::Codex { verify, .. } => (text(&body, &["device_auth_id"])?, verify),
        DeviceFlow::Standard { .. } | DeviceFlow::Oidc { .. } => {
            let complete = &["verification_uri_complete", "verificationUriComplete"];
            let plain = &["verification_uri", "verificationUri", "verification_url"];
            (text(&body, &["device_code", "deviceCode"])?, text(&body, complete).or_else(|| text(&body, plain))?)
        }
    };
    // The console makes a link of it.
    let is_link = url.starts_with("https://") || url.starts_with("http://127.0.0.1");
    if !is_link || url.len() > 2000 || user_code.len() > 100 || device_code.len() > 8000 {
        return None;
    }
    let within = |names, default, range: std::ops::RangeInclusive<u64>| {
        let seconds = seconds(&body, names).unwrap_or(default);
        Duration::from_secs(seconds.clamp(*range.start(), *range.end()))
    };
    Some(Started {
        device_code: Secret::new(device_code),
        user_code,
        url: url.to_owned(),
        interval: within(&["interval"], 5, 1..=60),
        expires: within(&["expires_in", "expiresIn"], 900, 60..=900),
    })
}

/// Ask whether the person has typed the code.
pub fn poll_request(
    provider: &Provider,
    device_code: &Secret,
    user_code: &str,
    pkce: &Pkce,
    options: &Credential,
    env: Env<'_>,
) -> Result<HttpRequest, Unready> {
    let client = client(provider, Some(options), env)?;
    let at = |url| address(provider, url, Some(options), env);
    Ok(match *flow(provider)? {
        DeviceFlow::Standard { pkce: with_pkce, .. } => {
            let mut pairs =
                vec![("grant_type", GRANT), ("device_code", device_code.expose()), ("client_id", client.id.as_str())];
            if with_pkce {
                pairs.push(("code_verifier", pkce.verifier.expose()));
            }
            post_form(at(provider.token)?, &pairs)
        }
        DeviceFlow::Codex { poll, .. } => {
            post_json(at(poll)?, &[("device_auth_id", device_code.expose()), ("user_code", user_code)])
        }
        DeviceFlow::Oidc { .. } => {
            let secret = client.secret.as_deref().ok_or(Unready::NoDetail("client_secret"))?;
            let pairs = [
                ("clientId", client.id.as_str()),
                ("clientSecret", secret),
                ("grantType", GRANT),
                ("deviceCode", device_code.expose()),
            ];
            post_json(at(provider.token)?, &pairs)
        }
    })
}

/// The answer to `poll_request`. What cannot be understood is asked again: the code expires by itself.
pub fn polled(provider: &Provider, answer: &Answer<'_>, options: &Credential, now: Millis) -> Poll {
    let body = answer.json();
    if let Some(DeviceFlow::Codex { redirect, .. }) = provider.device {
        let part = |name| text(&body, &[name]).map(Secret::new);
        return match (part("authorization_code"), part("code_verifier")) {
            (Some(code), Some(verifier)) if answer.is_success() => Poll::Code { code, verifier, redirect },
            _ => refused(&body, answer.status),
        };
    }
    match signed_in(provider, answer, options, now) {
        Some(credential) if answer.is_success() => Poll::Granted(Box::new(credential)),
        _ => refused(&body, answer.status),
    }
}

fn refused(body: &Value, status: u16) -> Poll {
    match code(body) {
        Some("slow_down" | "SlowDownException") => Poll::SlowDown,
        Some("expired_token" | "ExpiredTokenException" | "token_expired") => Poll::Expired,
        Some(denied @ ("access_denied" | "authorization_declined" | "AccessDeniedException")) => {
            Poll::Denied(denied.to_owned())
        }
        Some(ended @ ("invalid_grant" | "invalid_client" | "InvalidGrantException" | "InvalidClientException")) => {
            Poll::Denied(ended.to_owned())
        }
        // OpenAI's pending is a 403 or 404 with words of its own.
        Some(_) | None if status == 429 => Poll::SlowDown,
        Some(_) | None => Poll::Pending,
    }
}
