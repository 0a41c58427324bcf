//! Signing in and staying signed in: what each OAuth provider wants to be asked, and what its answers mean.
//!
//! Pure: requests come out, answers go in. [`crate::login`] walks a person through a sign-in, [`crate::refresh`] says
//! when a token is renewed. The grammar is RFC 6749, RFC 7636 (PKCE) and RFC 8628 (device), except where a row of
//! [`table`] says otherwise.
//!
//! Settings, for a provider whose prefix is `X`:
//!
//! | variable | |
//! |---|---|
//! | `X_CLIENT_SECRET` | the client's secret, where the provider demands one; found in the official tool's own source |
//! | `X_CLIENT_ID` | another client than the official tool's, such as one the operator registered |
//! | `X_AUTH_URL`, `SLUICE_AUTH_URL` | a relay all sign-in and token requests go through: `{it}/{host}/{path}` |

mod answer;
mod device;
mod follow;
mod request;
mod service;
pub mod table;

use std::time::Duration;

use serde_json::Value;

pub use answer::{RefreshFault, claims, refreshed, said, signed_in};
pub use device::{
    Poll, Registered, Started, device_request, poll_request, polled, register_request, registered, started,
};
pub use follow::{Follow, Need};
pub use request::{Pkce, authorize_url, exchange_request, refresh_request};
pub use service::{Renewal, Signing};

use crate::json;
use crate::upstream::Credential;

/// A deployment's variables.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How a provider's token endpoint wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// A form, the client in it.
    Form,
    /// A form, the client in it and in `Authorization: Basic` as well.
    FormBasic,
    /// The same members as JSON.
    Json,
    /// Kiro's own sign-in service: camel case, no client.
    Kiro,
    /// AWS SSO-OIDC: camel case, the client registered by each sign-in.
    Oidc,
    /// Google's service accounts: a signed assertion (RFC 7523) instead of a refresh token.
    Assertion,
}

/// The sign-in that ends in an address with a code in it.
#[derive(Debug, Clone, Copy)]
pub struct CodeFlow {
    pub authorize: &'static str,
    /// Registered for the client, so it cannot be ours.
    pub redirect: &'static str,
    /// What `redirect` is called in the authorize URL.
    pub redirect_name: &'static str,
    pub pkce: bool,
    /// Its page shows the bare code to be copied, without the state. Only with PKCE, which then ties the code to us.
    pub shows_code: bool,
    pub extra: &'static [(&'static str, &'static str)],
}

/// The sign-in that shows a code to type at another address.
#[derive(Debug, Clone, Copy)]
pub enum DeviceFlow {
    /// RFC 8628.
    Standard { start: &'static str, pkce: bool },
    /// OpenAI's: a code to type, then an authorization code to exchange.
    Codex { start: &'static str, poll: &'static str, verify: &'static str, redirect: &'static str },
    /// RFC 8628 in camel case, after registering a client.
    Oidc { register: &'static str, start: &'static str, portal: &'static str },
}

/// One way to sign in at a provider.
#[derive(Debug)]
pub struct Provider {
    /// Of the sign-in. Several can lead to accounts of one provider.
    pub name: &'static str,
    /// What the accounts' records call their provider.
    pub account: &'static str,
    /// `auth_method` in the details of its credentials, where the account's provider has several.
    pub method: Option<&'static str>,
    pub title: &'static str,
    pub note: &'static str,
    /// Of its settings.
    pub prefix: &'static str,
    pub client: &'static str,
    pub needs_secret: bool,
    pub wire: Wire,
    pub token: &'static str,
    /// Where it is not `token`.
    pub refresh: Option<&'static str>,
    pub scopes: &'static str,
    pub code: Option<CodeFlow>,
    pub device: Option<DeviceFlow>,
    /// How long before its end a token is renewed.
    pub lead: Duration,
    /// Whether a refresh token is good for one use.
    pub rotates: bool,
    /// What is asked once there is a token.
    pub needs: &'static [Need],
}

/// Why a request cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    #[error("there is no refresh token")]
    NoRefreshToken,
    #[error("{0}_CLIENT_SECRET is not set")]
    NoClientSecret(&'static str),
    #[error("{0}: is missing from the credential")]
    NoDetail(&'static str),
    #[error("region: is not the name of an AWS region")]
    BadRegion,
    #[error("private_key: is not a PKCS #8 key in PEM")]
    BadKey,
    #[error("{0} has no such sign-in")]
    NoFlow(&'static str),
}

/// Of a renewal that cannot even be asked for. A setting can be made good without signing in.
impl From<Unready> for RefreshFault {
    fn from(unready: Unready) -> Self {
        let why = unready.to_string();
        match unready {
            Unready::NoClientSecret(_) => Self::Transient { wait: None, why },
            Unready::NoRefreshToken
            | Unready::NoDetail(_)
            | Unready::BadRegion
            | Unready::BadKey
            | Unready::NoFlow(_) => Self::Permanent(why),
        }
    }
}

/// The sign-in of this name.
pub fn provider(name: &str) -> Option<&'static Provider> {
    table::PROVIDERS.iter().find(|row| row.name == name)
}

/// The row that renews an account's credential.
pub fn of_account(account: &str, credential: &Credential) -> Option<&'static Provider> {
    let mut rows = table::PROVIDERS.iter().filter(|row| row.account == account);
    let first = rows.clone().next();
    let method = credential.detail("auth_method").map(str::to_ascii_lowercase);
    // An organisation's own portal signs in as Builder ID does.
    let method = method.map(|method| if method == "idc" { "builder-id".to_owned() } else { method });
    rows.find(|row| row.method.is_some() && row.method == method.as_deref()).or(first)
}

/// What a provider answered, as far as sign-ins read it.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub status: u16,
    /// Lower-case names.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl Answer<'_> {
    fn json(&self) -> Value {
        // 1 MiB: tokens are a few KiB; nothing longer is worth reading.
        if self.body.len() > 1 << 20 { Value::Null } else { json::read(self.body).unwrap_or_default() }
    }

    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The first of `names` that is a text and not empty.
fn text<'a>(value: &'a Value, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| value.get(name)?.as_str()).filter(|text| !text.is_empty())
}

/// The first of `names` that is a number, or a text that spells one.
fn seconds(value: &Value, names: &[&str]) -> Option<u64> {
    let number = names.iter().find_map(|name| value.get(name).filter(|value| !value.is_null()))?;
    let number = number.as_f64().or_else(|| number.as_str()?.trim().parse().ok())?;
    (number.is_finite() && number >= 0.0).then_some(number as u64)
}
