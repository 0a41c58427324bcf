//! What each OAuth provider is asked, and what its answers are taken to mean. The expectations about providers are
//! written by hand: there is no recording of a sign-in that could be shown.

mod answers;
mod device;
mod follow;
mod requests;

use serde_json::Value;

use crate::call::HttpRequest;
use crate::fault::Millis;
use crate::oauth::{Answer, Provider, provider};
use crate::upstream::{Credential, Secret};

pub const NOW: Millis = Millis(1_700_000_000_000);

pub fn row(name: &str) -> &'static Provider {
    provider(name).unwrap_or_else(|| panic!("no row {name}"))
}

pub fn env(name: &str) -> Option<String> {
    let known = ["GEMINI_CLI_CLIENT_SECRET", "ANTIGRAVITY_CLIENT_SECRET", "IFLOW_CLIENT_SECRET"].contains(&name);
    known.then(|| format!("the {name}"))
}

pub fn with(details: &[(&str, &str)]) -> Credential {
    Credential {
        access: Secret::new("old-access-token"),
        refresh: Some(Secret::new("old-refresh-token")),
        expires: Some(NOW),
        details: details.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect(),
    }
}

/// A request in a few lines.
pub fn shown(request: &HttpRequest) -> String {
    let HttpRequest { method, url, headers, body } = request;
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let headers = headers.join("\n").replace(env!("CARGO_PKG_VERSION"), "x");
    format!("{method} {url}\n{headers}\n{}\n", String::from_utf8_lossy(body))
}

pub fn answer<'a>(status: u16, body: &'a [u8]) -> Answer<'a> {
    Answer { status, headers: &[], body }
}

/// Everything a credential holds; it has no `Debug` of its own.
pub fn told(credential: &Credential) -> String {
    let Credential { access, refresh, expires, details } = credential;
    let details: Vec<_> = details.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect();
    let seconds = expires.map(|expires| expires.0 as i64 / 1000 - NOW.0 as i64 / 1000);
    let refresh = refresh.as_ref().map_or("-", Secret::expose);
    format!("{} {refresh} {seconds:?} {}", access.expose(), details.join(" "))
}

/// An unsigned token with these claims.
pub fn jwt(claims: &Value) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
}
