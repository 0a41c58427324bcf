//! From a service account to a token: what to sign, what to ask, what is answered.
//! <https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests>
//!
//! The signature (RS256 over [`unsigned`]) is made where keys can be used: WebCrypto in the Worker.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use crate::call::HttpRequest;
use crate::fault::Millis;
use crate::upstream::{Credential, Secret};

const ENDPOINT: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// An hour: the longest that Google grants.
const LIFETIME: u64 = 3600;

/// Header and claims of the assertion, as they are signed.
pub fn unsigned(client_email: &str, key_id: Option<&str>, now: Millis) -> String {
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let (Some(members), Some(id)) = (header.as_object_mut(), key_id) {
        members.insert("kid".to_owned(), id.into());
    }
    let issued = now.seconds();
    let claims = json!({
        "iss": client_email, "scope": SCOPE, "aud": ENDPOINT, "iat": issued, "exp": issued + LIFETIME,
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(&header), part(&claims))
}

/// The assertion, whole.
pub fn assertion(unsigned: &str, signature: &[u8]) -> String {
    format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The bytes of a PKCS#8 private key, out of the PEM that a service account's file holds.
pub fn private_key(pem: &str) -> Option<Vec<u8>> {
    let inside = pem.split("-----BEGIN PRIVATE KEY-----").nth(1)?.split("-----END PRIVATE KEY-----").next()?;
    // Pasted through a shell or a form, the line ends may have become two characters.
    let base64: String = inside.replace("\\n", "").chars().filter(|c| !c.is_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(base64).ok()
}

pub fn request(assertion: &str) -> HttpRequest {
    let body = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
    let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    HttpRequest { method: "POST", url: ENDPOINT.to_owned(), headers, body: Bytes::from(body) }
}

/// The credential with its new token; `None` if the answer has none.
pub fn answer(body: &[u8], credential: &Credential, now: Millis) -> Option<Credential> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
        expires_in: Option<u64>,
    }
    let Answer { access_token, expires_in } = serde_json::from_slice(body).ok()?;
    let lifetime = std::time::Duration::from_secs(expires_in.unwrap_or(LIFETIME));
    Some(Credential { access: Secret::new(access_token), expires: Some(now.plus(lifetime)), ..credential.clone() })
}
