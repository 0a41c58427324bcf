//! The keys of client tokens: 256 random bits, of which only a hash is kept.
//!
//! A key nobody can guess needs no slow hash; one that is looked up by its hash needs no comparison that takes always
//! the same time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::fault::Failure;

/// What a scanner for leaked keys looks for.
const PREFIX: &str = "sk-sluice-";
/// A key that an operator brings along could be guessed if it were shorter.
const SHORTEST: usize = 20;
const LONGEST: usize = 512;

/// A key that was just made or brought. No `Debug`: it is shown once, to whoever asked for it.
pub struct Fresh {
    key: String,
    pub hash: String,
    pub hint: String,
}

impl Fresh {
    pub fn new(random: [u8; 32]) -> Self {
        Self::of(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// A key from elsewhere, so that clients need not be told of another one.
    pub fn brought(key: &str) -> Result<Self, Failure> {
        let plain = key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
        if !plain || !(SHORTEST..=LONGEST).contains(&key.len()) {
            let message = format!("not {SHORTEST} to {LONGEST} visible ASCII characters without `@`");
            return Err(Failure::invalid("key", message));
        }
        Ok(Self::of(key.to_owned()))
    }

    fn of(key: String) -> Self {
        Self { hash: hash(&key), hint: hint(&key), key }
    }

    /// To be shown, once.
    pub fn expose(&self) -> &str {
        &self.key
    }
}

/// SHA-256 in hex.
pub fn hash(key: &str) -> String {
    use std::fmt::Write as _;
    let digest = <sha2::Sha256 as sha2::Digest>::digest(key.as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// `sk-sluice-…wxyz`: enough to tell which it is.
pub fn hint(key: &str) -> String {
    let tail = key.get(key.len().saturating_sub(4)..).unwrap_or_default();
    let head = if key.starts_with(PREFIX) { PREFIX } else { key.get(..3).unwrap_or_default() };
    format!("{head}…{tail}")
}
