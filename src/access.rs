//! Who may call: the client key, wherever an SDK puts it.

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

/// `configured` is the secret `SLUICE_API_KEY`; without one nobody may call.
pub fn check(head: &Head<'_>, configured: Option<&str>) -> Result<(), Failure> {
    let Some(configured) = configured.filter(|key| !key.is_empty()) else {
        let message = "no client key is set, so nobody may call; set one with: npx wrangler secret put SLUICE_API_KEY";
        return Err(Failure::new(Kind::Overloaded, message).code("not_configured"));
    };
    let Some(key) = presented(head) else {
        let message = "no API key: send it as `Authorization: Bearer`, `x-api-key`, `x-goog-api-key` or `?key=`";
        return Err(Failure::new(Kind::Unauthorized, message).code("invalid_api_key"));
    };
    // Hashed first, so that the comparison does not depend on the length either.
    let digest = |text: &str| <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(text.as_bytes()));
    if bool::from(digest(&key).ct_eq(&digest(configured))) {
        Ok(())
    } else {
        Err(Failure::new(Kind::Unauthorized, "the API key is not valid").code("invalid_api_key"))
    }
}
