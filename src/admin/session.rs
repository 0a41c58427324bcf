//! Who may use the operator's API: the admin key of a script, or the session of a browser.
//!
//! A session is 256 random bits in a cookie that only this site sends; what is stored is their hash. A request that
//! comes with a cookie and changes something must also say that the console sent it, in a header that no other site
//! can set, and must not come from another origin.

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Reply, Request};
use crate::control::Control;
use crate::fault::{Failure, Kind, Millis};

const COOKIE: &str = "sluice_session";
const HOURS: u64 = 12;
const TERM_MS: u64 = HOURS * 3600 * 1000;

/// Whether somebody is signed in, and what is set up.
pub fn show(control: &mut Control, request: &Request<'_>) -> Reply {
    let signed_in = authorize(control, request).is_ok();
    let vault = control.vault_health();
    Reply::json(
        200,
        &json!({
            "signed_in": signed_in,
            "version": env!("CARGO_PKG_VERSION"),
            "configured": {
                "admin": request.admin_key.is_some(),
                "master": !matches!(vault.state, "missing" | "short"),
                "api_key": control.has_own_key(),
            },
            "problem": vault.why.filter(|_| signed_in),
        }),
    )
}

pub fn sign_out(control: &mut Control, request: &Request<'_>) -> Reply {
    if let Some(token) = cookie(request) {
        control.sessions().end(&hash(&token));
    }
    Reply { headers: vec![("set-cookie", set_cookie("", 0))], ..Reply::nothing() }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Credentials {
    key: String,
}

pub fn sign_in(control: &mut Control, request: &Request<'_>) -> Result<Reply, Failure> {
    same_origin(request)?;
    let Credentials { key } = request.read()?;
    check_key(control, request, &key)?;
    let token: String = (request.random)().iter().map(|byte| format!("{byte:02x}")).collect();
    control.sessions().begin(hash(&token), Millis(request.now.0 + TERM_MS), request.now);
    Ok(Reply { headers: vec![("set-cookie", set_cookie(&token, HOURS * 3600))], ..Reply::nothing() })
}

/// Who asks: for the audit log.
pub fn authorize(control: &mut Control, request: &Request<'_>) -> Result<String, Failure> {
    if let Some(value) = (request.header)("authorization") {
        let key = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let key = key.ok_or_else(|| Failure::new(Kind::Unauthorized, "authorization: expected `Bearer` and a key"))?.1;
        check_key(control, request, key.trim())?;
        return Ok("key".to_owned());
    }
    let token = cookie(request).ok_or_else(|| {
        configured(request).err().unwrap_or_else(|| {
            Failure::new(Kind::Unauthorized, "sign in, or send the admin key as `Authorization: Bearer`")
        })
    })?;
    if !matches!(request.method, "GET" | "HEAD") {
        if (request.header)("x-sluice-console").is_none() {
            let message = "x-sluice-console: a request of the console must carry this header";
            return Err(Failure::new(Kind::Forbidden, message).code("cross_site"));
        }
        same_origin(request)?;
    }
    let hash = hash(&token);
    if control.sessions().is_open(&hash, request.now) {
        Ok("console".to_owned())
    } else {
        Err(Failure::new(Kind::Unauthorized, "the session is over: sign in again").code("session_over"))
    }
}

/// What a session is called where its token must not be.
pub fn name(request: &Request<'_>) -> String {
    let by_key = (request.header)("authorization").is_some();
    cookie(request).filter(|_| !by_key).map_or_else(|| "key".to_owned(), |token| hash(&token))
}

fn configured<'a>(request: &'a Request<'_>) -> Result<&'a str, Failure> {
    let key = request.admin_key.map(|key| key.expose()).filter(|key| !key.is_empty());
    key.ok_or_else(|| {
        let message = "no admin key is set; set one with: npx wrangler secret put SLUICE_ADMIN_KEY";
        Failure::new(Kind::Overloaded, message).code("not_configured")
    })
}

fn check_key(control: &mut Control, request: &Request<'_>, key: &str) -> Result<(), Failure> {
    let expected = configured(request)?;
    let from = (request.header)("cf-connecting-ip").unwrap_or_default();
    if let Some(wait) = control.sessions().must_wait(&from, request.now) {
        let message = "too many wrong keys from this address";
        return Err(Failure::new(Kind::RateLimited, message).retry_after(Some(wait)));
    }
    // Hashed first, so that the comparison does not depend on the length either.
    if bool::from(Sha256::digest(key).ct_eq(&Sha256::digest(expected))) {
        return Ok(());
    }
    control.sessions().failed(&from, request.now);
    Err(Failure::new(Kind::Unauthorized, "the admin key is not valid"))
}

/// A browser says where a request comes from; another site's page is refused whatever it knows.
fn same_origin(request: &Request<'_>) -> Result<(), Failure> {
    let foreign = || Failure::new(Kind::Forbidden, "origin: the request comes from another site").code("cross_site");
    match (request.header)("sec-fetch-site").as_deref() {
        None | Some("same-origin" | "none") => {}
        Some(_) => return Err(foreign()),
    }
    let Some(origin) = (request.header)("origin") else { return Ok(()) };
    let host = (request.header)("host").unwrap_or_default();
    let from = origin.split_once("://").map_or("", |(_, rest)| rest);
    if !host.is_empty() && from.eq_ignore_ascii_case(&host) { Ok(()) } else { Err(foreign()) }
}

fn cookie(request: &Request<'_>) -> Option<String> {
    let header = (request.header)("cookie")?;
    let pair = |pair: &str| pair.trim().split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut pairs = header.split(';').filter_map(pair);
    pairs.find(|(name, value)| name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}

fn set_cookie(value: &str, seconds: u64) -> String {
    format!("{COOKIE}={value}; Path=/admin; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict")
}

fn hash(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}
