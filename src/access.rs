//! Who may call: the client key, wherever an SDK puts it.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::call::Head;
use crate::fault::{Failure, Kind};

/// The key a request carries. Never logged, never forwarded.
pub fn presented(head: &Head<'_>) -> Option<String> {
    let bearer = |value: String| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    };
    // An SDK may fill one slot with nothing and put the key into another.
    let said = |key: &String| !key.is_empty();
    let header = |name| (head.header)(name).filter(said);
    header("authorization")
        .and_then(bearer)
        .filter(said)
        .or_else(|| header("x-api-key"))
        .or_else(|| header("x-goog-api-key"))
        .or_else(|| header("api-key"))
        .or_else(|| head.query("key").filter(said))
}

/// Who calls, as far as a Worker can tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// The deployment's own key, `SLUICE_API_KEY`: everything is allowed.
    Operator,
    /// Another key, as the SHA-256 of it in hex: the object knows whose it is.
    Key(String),
}

/// A key as it came, and the account that was named behind it: `key@account`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    pub caller: Caller,
    pub pin: Option<String>,
}

/// `configured` is the secret `SLUICE_API_KEY`.
pub fn caller(head: &Head<'_>, configured: Option<&str>) -> Result<Presented, Failure> {
    let Some(key) = presented(head) else {
        let message = "no API key: send it as `Authorization: Bearer`, `x-api-key`, `x-goog-api-key` or `?key=`";
        return Err(Failure::new(Kind::Unauthorized, message).code("invalid_api_key"));
    };
    // Hashed first, so that the comparison does not depend on the length either.
    let own = configured.filter(|own| !own.is_empty()).map(digest);
    let is_own = |hash: &[u8; 32]| own.is_some_and(|own| bool::from(hash.ct_eq(&own)));
    let whole = digest(&key);
    if is_own(&whole) {
        return Ok(Presented { caller: Caller::Operator, pin: None });
    }
    // The operator's own key may have an `@` in it, a client's has none.
    let (hash, pin) = match key.rsplit_once('@') {
        Some((key, account)) if !account.is_empty() => (digest(key), Some(account.to_owned())),
        _ => (whole, None),
    };
    let caller = if is_own(&hash) { Caller::Operator } else { Caller::Key(hex(&hash)) };
    Ok(Presented { caller, pin })
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(text: &str) -> [u8; 32] {
    <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes()).into()
}

pub fn unknown_key() -> Failure {
    Failure::new(Kind::Unauthorized, "the API key is not valid").code("invalid_api_key")
}

/// Closed by default: there is neither a key of the deployment's own nor a client's.
pub fn not_configured() -> Failure {
    let message = "no client key is set, so nobody may call; set one with: npx wrangler secret put SLUICE_API_KEY";
    Failure::new(Kind::Overloaded, message).code("not_configured")
}
