//! Service accounts: an assertion signed with the account's own key buys an access token (RFC 7523).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::request::{address, post_form};
use super::{Env, Provider, Unready};
use crate::call::HttpRequest;
use crate::fault::Millis;
use crate::upstream::Credential;

/// How a credential is renewed.
pub enum Renewal {
    Send(HttpRequest),
    /// RSA is the runtime's: its WebCrypto is faster than ours would be and weighs nothing.
    Sign(Signing),
}

/// What is to be signed with RSASSA-PKCS1-v1_5 and SHA-256. No `Debug`: it holds a private key.
pub struct Signing {
    pub pkcs8: Vec<u8>,
    pub input: String,
}

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Google's limit is an hour.
const LIFETIME_SECONDS: u64 = 3600;

pub(super) fn signing(provider: &Provider, credential: &Credential, now: Millis) -> Result<Signing, Unready> {
    let detail = |name| credential.detail(name).ok_or(Unready::NoDetail(name));
    let pkcs8 = pkcs8(detail("private_key")?).ok_or(Unready::BadKey)?;
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let (Some(key), Some(header)) = (credential.detail("private_key_id"), header.as_object_mut()) {
        header.insert("kid".to_owned(), key.into());
    }
    // The audience is Google's whatever the key file says: an assertion for a stranger's server is a stranger's.
    let claims = json!({
        "iss": detail("client_email")?,
        "scope": provider.scopes,
        "aud": provider.token,
        "iat": now.seconds(),
        "exp": now.seconds() + LIFETIME_SECONDS,
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    Ok(Signing { pkcs8, input: format!("{}.{}", part(&header), part(&claims)) })
}

impl Signing {
    pub fn request(&self, provider: &Provider, signature: &[u8], env: Env<'_>) -> Result<HttpRequest, Unready> {
        let assertion = format!("{}.{}", self.input, URL_SAFE_NO_PAD.encode(signature));
        let url = address(provider, provider.token, None, env)?;
        Ok(post_form(url, &[("grant_type", GRANT), ("assertion", &assertion)]))
    }
}

/// The bytes of a PEM key. Key files pasted into a setting often have their line breaks escaped.
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let pem = pem.replace("\\n", "\n");
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    STANDARD.decode(body).ok().filter(|bytes| !bytes.is_empty())
}
