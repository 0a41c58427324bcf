//! Secrets at rest: how a credential is sealed before anything stores it, and opened for the one who uses it.
//!
//! ```text
//!  v1.<key id>.<nonce>.<ciphertext>        key id: 8 hex digits; nonce and ciphertext: base64url without padding
//!  key        = HKDF-SHA256(SLUICE_MASTER_KEY, salt "sluice vault v1", info "key")
//!  ciphertext = AES-256-GCM(key, nonce, plaintext, associated data "v1\0<kind>\0<owner>")
//! ```
//!
//! The associated data ties a sealed text to its account: put into another account's record it does not open. A nonce is
//! 96 random bits; with one key 2^32 of them are safe, which is a rotation a second for a century.

use std::collections::BTreeMap;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::fault::Millis;
use crate::json;
use crate::upstream::{Credential, Secret};

/// Random bytes that must never be used twice.
pub type SealNonce = [u8; 12];

const VERSION: &str = "v1";

/// HKDF does not slow a guesser down, so the text must be long; `openssl rand -base64 32` gives 44 characters.
const SHORTEST_KEY: usize = 16;

/// 256 KiB: a service account's file, sixty times. A row of the object's storage holds 2 MiB.
const LARGEST: usize = 256 << 10;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("SLUICE_MASTER_KEY is not set, so no credential can be stored")]
    NoKey,
    #[error("{0} is shorter than {SHORTEST_KEY} characters; make one with: openssl rand -base64 32")]
    ShortKey(&'static str),
    /// Nothing is lost: the right key opens it.
    #[error("sealed with master key {0}, which is neither SLUICE_MASTER_KEY nor SLUICE_MASTER_KEY_PREVIOUS")]
    WrongKey(String),
    #[error("the sealed credential is damaged or belongs to another account")]
    Corrupt,
    #[error("the credential is larger than {LARGEST} bytes")]
    TooLarge,
}

struct Key {
    id: String,
    cipher: Aes256Gcm,
}

impl Key {
    fn of(name: &'static str, text: &str) -> Result<Self, VaultError> {
        if text.len() < SHORTEST_KEY {
            return Err(VaultError::ShortKey(name));
        }
        let derived = Hkdf::<Sha256>::new(Some(b"sluice vault v1"), text.as_bytes());
        let (mut key, mut id) = ([0; 32], [0; 4]);
        // Neither is longer than what HKDF can give.
        let expanded = derived.expand(b"key", &mut key).and_then(|()| derived.expand(b"key id", &mut id));
        expanded.map_err(|_| VaultError::Corrupt)?;
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id, cipher: Aes256Gcm::new(&key.into()) })
    }
}

/// The master keys: one to seal with, and perhaps the one before it to open what it sealed.
pub struct Vault {
    current: Key,
    previous: Option<Key>,
}

/// What came out, and whether it should be sealed again because it was under the previous key.
pub struct Opened<T> {
    pub value: T,
    pub outdated: bool,
}

impl Vault {
    /// `master` and `previous` are the texts of `SLUICE_MASTER_KEY` and `SLUICE_MASTER_KEY_PREVIOUS`.
    pub fn of(master: Option<&str>, previous: Option<&str>) -> Result<Self, VaultError> {
        let text = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let master = text(master).ok_or(VaultError::NoKey)?;
        let current = Key::of("SLUICE_MASTER_KEY", &master)?;
        let previous = text(previous).map(|text| Key::of("SLUICE_MASTER_KEY_PREVIOUS", &text)).transpose()?;
        Ok(Self { current, previous })
    }

    /// Names the key without saying anything about it.
    pub fn key_id(&self) -> &str {
        &self.current.id
    }

    /// Seal the credential of account `id`; `kind` as in its record.
    pub fn seal(&self, id: &str, kind: &str, credential: &Credential, nonce: SealNonce) -> Result<String, VaultError> {
        self.seal_bytes(id, kind, plain(credential).as_bytes(), nonce)
    }

    pub fn open(&self, id: &str, kind: &str, sealed: &str) -> Result<Opened<Credential>, VaultError> {
        let Opened { value, outdated } = self.open_bytes(id, kind, sealed)?;
        Ok(Opened { value: credential(&value).ok_or(VaultError::Corrupt)?, outdated })
    }

    /// Whether the previous key has sealed it.
    pub fn is_outdated(&self, sealed: &str) -> bool {
        let id = sealed.split('.').nth(1);
        self.previous
            .as_ref()
            .is_some_and(|previous| Some(previous.id.as_str()) == id && previous.id != self.current.id)
    }

    /// That neither key has sealed it, if so. Says nothing of what is inside.
    pub fn unknown_key(&self, sealed: &str) -> Option<VaultError> {
        let id = sealed.split('.').nth(1)?;
        let known = [Some(&self.current), self.previous.as_ref()].into_iter().flatten().any(|key| key.id == id);
        (!known).then(|| VaultError::WrongKey(id.to_owned()))
    }

    /// The same secret under the current key; `None` where it already is.
    pub fn reseal(&self, id: &str, kind: &str, sealed: &str, nonce: SealNonce) -> Result<Option<String>, VaultError> {
        let Opened { value, outdated } = self.open_bytes(id, kind, sealed)?;
        outdated.then(|| self.seal_bytes(id, kind, &value, nonce)).transpose()
    }

    /// Seal any secret that belongs to `owner`.
    pub fn seal_bytes(&self, owner: &str, kind: &str, plain: &[u8], nonce: SealNonce) -> Result<String, VaultError> {
        if plain.len() > LARGEST {
            return Err(VaultError::TooLarge);
        }
        let Key { id, cipher } = &self.current;
        let aad = associated(owner, kind);
        let sealed = cipher.encrypt(Nonce::from_slice(&nonce), Payload { msg: plain, aad: &aad });
        let sealed = sealed.map_err(|_| VaultError::TooLarge)?;
        Ok(format!("{VERSION}.{id}.{}.{}", URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(sealed)))
    }

    pub fn open_bytes(&self, owner: &str, kind: &str, sealed: &str) -> Result<Opened<Vec<u8>>, VaultError> {
        let mut parts = sealed.split('.');
        let (Some(VERSION), Some(id), Some(nonce), Some(body), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VaultError::Corrupt);
        };
        let known_id = id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !known_id || body.len() > 2 * LARGEST {
            return Err(VaultError::Corrupt);
        }
        let outdated = id != self.current.id;
        let key = [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == id);
        let key = key.ok_or_else(|| VaultError::WrongKey(id.to_owned()))?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| VaultError::Corrupt);
        let nonce: SealNonce = decode(nonce)?.try_into().map_err(|_| VaultError::Corrupt)?;
        let payload = Payload { msg: &decode(body)?, aad: &associated(owner, kind) };
        let value = key.cipher.decrypt(Nonce::from_slice(&nonce), payload).map_err(|_| VaultError::Corrupt)?;
        Ok(Opened { value, outdated })
    }
}

/// `kind` is one of our words and has no NUL in it, so that no two pairs are written alike.
fn associated(owner: &str, kind: &str) -> Vec<u8> {
    format!("{VERSION}\0{kind}\0{owner}").into_bytes()
}

/// The sealed form. The only place where a secret is serialized.
#[derive(Serialize, Deserialize)]
struct Plain<'a> {
    #[serde(borrow)]
    access: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Millis>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, String>,
}

/// A credential as text, to be sealed.
pub(crate) fn plain(credential: &Credential) -> String {
    let Credential { access, refresh, expires, details } = credential;
    let plain = Plain {
        access: access.expose().into(),
        refresh: refresh.as_ref().map(|refresh| refresh.expose().to_owned()),
        expires: *expires,
        details: details.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
    };
    crate::json::Json::of(&plain).get().to_owned()
}

pub(crate) fn credential(plain: &[u8]) -> Option<Credential> {
    let Plain { access, refresh, expires, details } = json::read(plain).ok()?;
    Some(Credential {
        access: Secret::new(access),
        refresh: refresh.map(Secret::new),
        expires,
        details: details.into_iter().map(|(name, value)| (name, Secret::new(value))).collect(),
    })
}
