//! What Amazon's services share: regions, and signature version 4.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::borrow::Cow;

use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::{Credential, Refusal};
use crate::call::{HttpRequest, header};
use crate::fault::{Failure, Kind};
use crate::protocol::exception;
use crate::protocol::ollama::timestamp;

/// What stands unescaped in a canonical path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// The account's region; it becomes part of a host name.
pub fn region(credential: &Credential) -> Result<&str, Failure> {
    let region = credential.detail("region").unwrap_or("us-east-1");
    let is_name =
        region.len() <= 32 && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_name { Ok(region) } else { Err(Failure::new(Kind::Internal, "the account's region is not a region's name")) }
}

/// An access key. No `Debug`: it holds a secret.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub id: &'a str,
    pub secret: &'a str,
    /// Of a temporary key.
    pub session: Option<&'a str>,
}

/// Sign `request`, made at `seconds` since the epoch, for a service in a region. Signed are the method, the host, the path,
/// the content type and the body; there must be no query.
pub fn sign(request: &mut HttpRequest, key: Key<'_>, service: &str, region: &str, seconds: u64) {
    let date: String = timestamp(seconds).chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let day = date.get(..8).unwrap_or_default();
    let rest = request.url.split_once("://").map_or(request.url.as_str(), |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut signed: Vec<(&str, &str)> = vec![("host", host), ("x-amz-date", &date)];
    signed.extend(header(&request.headers, "content-type").map(|kind| ("content-type", kind)));
    signed.extend(key.session.map(|session| ("x-amz-security-token", session)));
    signed.sort_unstable();
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let path = if path.is_empty() { "/" } else { path };
    let path = utf8_percent_encode(path, PATH);
    let canonical = format!("{}\n{path}\n\n{lines}\n{names}\n{}", request.method, hex(&Sha256::digest(&request.body)));
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let mut secret = hmac(format!("AWS4{}", key.secret).as_bytes(), day);
    for part in [region, service, "aws4_request"] {
        secret = hmac(&secret, part);
    }
    let signature = hex(&hmac(&secret, &text));
    let credential = format!("Credential={}/{scope}", key.id);
    let authorization = format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}");
    let session = key.session.map(|session| ("x-amz-security-token".to_owned(), session.to_owned()));
    request.headers.extend(session);
    request.headers.push(("x-amz-date".to_owned(), date));
    request.headers.push(("authorization".to_owned(), authorization));
}

/// HMAC-SHA256.
pub fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // Keys of every length are taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A refusal's body with the name of the exception, which many services tell in a header alone.
pub fn named<'a>(refused: Refusal<'a>) -> Cow<'a, [u8]> {
    match header(refused.headers, "x-amzn-errortype") {
        Some(kind) => {
            let name = kind.split(':').next().unwrap_or(kind);
            Cow::Owned(exception(name, refused.body))
        }
        None => Cow::Borrowed(refused.body),
    }
}
