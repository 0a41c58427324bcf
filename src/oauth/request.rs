//! The requests of the authorization code and refresh grants.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Env, Provider, Renewal, Unready, Wire, service};
use crate::call::HttpRequest;
use crate::fault::Millis;
use crate::upstream::{Credential, Secret, USER_AGENT};

/// What RFC 3986 leaves as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A secret that only who began a sign-in can end it with.
#[derive(Clone)]
pub struct Pkce {
    pub verifier: Secret,
}

impl Pkce {
    pub fn of(random: [u8; 32]) -> Self {
        Self { verifier: Secret::new(URL_SAFE_NO_PAD.encode(random)) }
    }

    /// S256; the plain method is not used anywhere.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose()))
    }
}

/// The client a request speaks for.
pub(super) struct Client {
    pub id: String,
    pub secret: Option<String>,
}

/// A refresh token only works for the client it was given to, so what a credential brought along comes first.
pub(super) fn client(provider: &Provider, credential: Option<&Credential>, env: Env<'_>) -> Result<Client, Unready> {
    let setting = |name: &str| env(&format!("{}_{name}", provider.prefix)).filter(|value| !value.trim().is_empty());
    let detail = |name: &str| credential.and_then(|credential| credential.detail(name)).map(str::to_owned);
    let own = setting("CLIENT_ID").map(|id| id.trim().to_owned());
    let id = detail("client_id").or(own).unwrap_or_else(|| provider.client.to_owned());
    let secret = detail("client_secret").or_else(|| setting("CLIENT_SECRET").map(|secret| secret.trim().to_owned()));
    if provider.needs_secret && secret.is_none() {
        return Err(Unready::NoClientSecret(provider.prefix));
    }
    Ok(Client { id, secret })
}

/// An address of the provider's, through the operator's relay if there is one.
pub(super) fn address(
    provider: &Provider,
    url: &str,
    credential: Option<&Credential>,
    env: Env<'_>,
) -> Result<String, Unready> {
    let region = credential.and_then(|credential| credential.detail("region")).unwrap_or("us-east-1");
    if url.contains("{region}") && !is_region(region) {
        return Err(Unready::BadRegion);
    }
    let url = url.replace("{region}", region);
    let relay = env(&format!("{}_AUTH_URL", provider.prefix)).or_else(|| env("SLUICE_AUTH_URL"));
    Ok(match relay.as_deref().map(str::trim).filter(|relay| !relay.is_empty()) {
        Some(relay) => {
            format!("{}/{}", relay.trim_end_matches('/'), url.strip_prefix("https://").unwrap_or(&url))
        }
        None => url,
    })
}

/// It becomes part of a host name, and an import can bring anything.
fn is_region(region: &str) -> bool {
    region.len() <= 32
        && region.contains('-')
        && !region.starts_with('-')
        && !region.ends_with('-')
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, ESCAPED));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

pub(super) fn post_form(url: String, pairs: &[(&str, &str)]) -> HttpRequest {
    post(url, "application/x-www-form-urlencoded", query(pairs))
}

pub(super) fn post_json(url: String, pairs: &[(&str, &str)]) -> HttpRequest {
    let members: Map<String, Value> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    post_value(url, &Value::Object(members))
}

pub(super) fn post_value(url: String, value: &Value) -> HttpRequest {
    post(url, "application/json", value.to_string())
}

fn post(url: String, kind: &str, body: String) -> HttpRequest {
    let mut headers = headers();
    headers.push(("content-type".to_owned(), kind.to_owned()));
    HttpRequest { method: "POST", url, headers, body: body.into() }
}

pub(super) fn get(url: String) -> HttpRequest {
    HttpRequest { method: "GET", url, headers: headers(), body: bytes::Bytes::new() }
}

fn headers() -> Vec<(String, String)> {
    [("accept", "application/json"), ("user-agent", USER_AGENT)].map(|(name, value)| (name.into(), value.into())).into()
}

pub(super) fn bearer(mut request: HttpRequest, token: &str) -> HttpRequest {
    request.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    request
}

/// A request to a token endpoint that takes the standard's names.
pub(super) fn token_request<'a>(
    provider: &Provider,
    url: String,
    client: &'a Client,
    mut pairs: Vec<(&'a str, &'a str)>,
) -> HttpRequest {
    pairs.push(("client_id", &client.id));
    if let Some(secret) = &client.secret {
        pairs.push(("client_secret", secret));
    }
    match provider.wire {
        Wire::Form | Wire::Assertion => post_form(url, &pairs),
        Wire::FormBasic => {
            let mut request = post_form(url, &pairs);
            let basic = format!("{}:{}", client.id, client.secret.as_deref().unwrap_or_default());
            request.headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(basic))));
            request
        }
        Wire::Json | Wire::Kiro | Wire::Oidc => post_json(url, &pairs),
    }
}

/// Ask for a new access token.
pub fn refresh_request(
    provider: &Provider,
    credential: &Credential,
    env: Env<'_>,
    now: Millis,
) -> Result<Renewal, Unready> {
    if provider.wire == Wire::Assertion {
        return service::signing(provider, credential, now).map(Renewal::Sign);
    }
    let refresh = credential.refresh.as_ref().filter(|refresh| !refresh.is_empty()).ok_or(Unready::NoRefreshToken)?;
    let url = address(provider, provider.refresh.unwrap_or(provider.token), Some(credential), env)?;
    let request = match provider.wire {
        Wire::Kiro => post_json(url, &[("refreshToken", refresh.expose())]),
        Wire::Oidc => {
            let detail = |name| credential.detail(name).ok_or(Unready::NoDetail(name));
            let pairs = [
                ("clientId", detail("client_id")?),
                ("clientSecret", detail("client_secret")?),
                ("grantType", "refresh_token"),
                ("refreshToken", refresh.expose()),
            ];
            post_json(url, &pairs)
        }
        Wire::Form | Wire::FormBasic | Wire::Json | Wire::Assertion => {
            let client = client(provider, Some(credential), env)?;
            let pairs = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
            token_request(provider, url, &client, pairs)
        }
    };
    Ok(Renewal::Send(request))
}

/// Where the person goes to sign in. `options`: what the operator chose before.
pub fn authorize_url(
    provider: &Provider,
    state: &str,
    pkce: &Pkce,
    options: &Credential,
    env: Env<'_>,
) -> Result<String, Unready> {
    let code = provider.code.as_ref().ok_or(Unready::NoFlow(provider.name))?;
    let client = client(provider, Some(options), env)?;
    let challenge = pkce.challenge();
    let mut pairs = Vec::from(code.extra);
    if provider.wire == Wire::Kiro {
        pairs.push(("idp", options.detail("idp").unwrap_or("Google")));
    } else {
        pairs.push(("response_type", "code"));
        pairs.push(("client_id", &client.id));
    }
    pairs.push((code.redirect_name, code.redirect));
    if !provider.scopes.is_empty() {
        pairs.push(("scope", provider.scopes));
    }
    if code.pkce {
        pairs.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
    }
    pairs.push(("state", state));
    Ok(format!("{}?{}", address(provider, code.authorize, Some(options), env)?, query(&pairs)))
}

/// The code, for tokens. `redirect` is that of the flow the code came from.
pub fn exchange_request(
    provider: &Provider,
    code: &Secret,
    redirect: &str,
    verifier: Option<&Secret>,
    state: Option<&str>,
    options: &Credential,
    env: Env<'_>,
) -> Result<HttpRequest, Unready> {
    let url = address(provider, provider.token, Some(options), env)?;
    let mut pairs = vec![("code", code.expose()), ("redirect_uri", redirect)];
    pairs.extend(verifier.map(|verifier| ("code_verifier", verifier.expose())));
    if provider.wire == Wire::Kiro {
        return Ok(post_json(url, &pairs));
    }
    let client = client(provider, Some(options), env)?;
    pairs.push(("grant_type", "authorization_code"));
    // Anthropic's alone wants the state back.
    if provider.wire == Wire::Json {
        pairs.extend(state.map(|state| ("state", state)));
    }
    Ok(token_request(provider, url, &client, pairs))
}
