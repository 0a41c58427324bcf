//! What is sealed opens for its owner, with its key, and for nobody else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use crate::fault::Millis;
use crate::upstream::{Credential, Secret};
use crate::vault::{Vault, VaultError};

const MASTER: &str = "correct horse battery staple";
const OLDER: &str = "a key from a year before that";

fn vault() -> Vault {
    Vault::of(Some(MASTER), None).unwrap_or_else(|error| panic!("{error}"))
}

fn credential() -> Credential {
    Credential {
        access: Secret::new("access-canary"),
        refresh: Some(Secret::new("refresh-canary")),
        expires: Some(Millis(1_700_000_000_000)),
        details: [("project_id".to_owned(), Secret::new("deep \"quoted\" 项目"))].into(),
    }
}

/// Everything a credential holds; it has no `Debug` of its own.
fn told(credential: &Credential) -> String {
    let Credential { access, refresh, expires, details } = credential;
    let details: Vec<_> = details.iter().map(|(name, value)| (name, value.expose())).collect();
    format!("{:?} {:?} {expires:?} {details:?}", access.expose(), refresh.as_ref().map(Secret::expose))
}

fn error<T>(result: Result<T, VaultError>) -> VaultError {
    result.err().expect("an error")
}

#[test]
fn what_goes_in_comes_out() {
    let vault = vault();
    let sealed = vault.seal("work", "oauth", &credential(), [7; 12]).unwrap();
    assert!(!sealed.contains("canary"));
    let opened = vault.open("work", "oauth", &sealed).unwrap();
    assert_eq!(told(&opened.value), told(&credential()));
    assert!(!opened.outdated);
    let bare = Credential { access: Secret::new("key"), ..Credential::default() };
    let sealed = vault.seal("k", "api_key", &bare, [8; 12]).unwrap();
    assert_eq!(told(&vault.open("k", "api_key", &sealed).unwrap().value), told(&bare));
}

/// Made with `hkdfSync` and `createCipheriv` of node:crypto, so that the format cannot drift with a library.
#[test]
fn the_format_is_what_the_module_says() {
    let sealed = "v1.a6fe4a06.BwcHBwcHBwcHBwcH.OGNP8pNv9Z5Wqp_f1Zw9eu6bMRwo";
    assert_eq!(vault().seal_bytes("work", "oauth", b"plain", [7; 12]).unwrap(), sealed);
    assert_eq!(vault().open_bytes("work", "oauth", sealed).unwrap().value, b"plain");
}

#[test]
fn another_owner_or_kind_does_not_open_it() {
    let vault = vault();
    let sealed = vault.seal("work", "oauth", &credential(), [7; 12]).unwrap();
    for (id, kind) in [("home", "oauth"), ("work", "api_key"), ("oauth", "work"), ("", "")] {
        assert_eq!(error(vault.open(id, kind, &sealed)), VaultError::Corrupt, "{id} {kind}");
    }
}

#[test]
fn a_wrong_key_is_named_and_a_previous_one_opens() {
    let old = Vault::of(Some(OLDER), None).unwrap_or_else(|error| panic!("{error}"));
    let sealed = old.seal("work", "oauth", &credential(), [7; 12]).unwrap();
    assert_eq!(error(vault().open("work", "oauth", &sealed)), VaultError::WrongKey(old.key_id().to_owned()));
    let rotated = Vault::of(Some(MASTER), Some(OLDER)).unwrap_or_else(|error| panic!("{error}"));
    assert!(rotated.open("work", "oauth", &sealed).unwrap().outdated);
    let renewed = rotated.reseal("work", "oauth", &sealed, [9; 12]).unwrap().expect("it was outdated");
    assert_eq!(told(&vault().open("work", "oauth", &renewed).unwrap().value), told(&credential()));
    assert_eq!(rotated.reseal("work", "oauth", &renewed, [10; 12]).unwrap(), None);
}

#[test]
fn keys_that_protect_nothing_are_refused() {
    let table = [
        (None, None, VaultError::NoKey),
        (Some(" \n"), None, VaultError::NoKey),
        (Some("short"), None, VaultError::ShortKey("SLUICE_MASTER_KEY")),
        (Some(MASTER), Some("short"), VaultError::ShortKey("SLUICE_MASTER_KEY_PREVIOUS")),
    ];
    for (master, previous, expected) in table {
        assert_eq!(error(Vault::of(master, previous)), expected);
    }
    // A line break that `wrangler secret put` was fed with is not part of the key.
    let padded = Vault::of(Some(&format!("{MASTER}\n")), None).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(padded.key_id(), vault().key_id());
}

#[test]
fn one_changed_bit_is_noticed() {
    let vault = vault();
    let sealed = vault.seal("work", "oauth", &credential(), [7; 12]).unwrap();
    let parts: Vec<_> = sealed.split('.').collect();
    for part in [2, 3] {
        let bytes = URL_SAFE_NO_PAD.decode(parts[part]).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut parts: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
            parts[part] = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(error(vault.open("work", "oauth", &parts.join("."))), VaultError::Corrupt);
        }
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_stored() {
    assert_eq!(error(vault().seal_bytes("work", "oauth", &vec![0; 300 << 10], [0; 12])), VaultError::TooLarge);
}

proptest! {
    #[test]
    fn any_text_is_opened_or_refused(text in ".{0,80}", tail in "[A-Za-z0-9_-]{0,60}") {
        let vault = vault();
        let _ = vault.open("work", "oauth", &text);
        let near = format!("v1.{}.{tail}", vault.key_id());
        prop_assert!(vault.open("work", "oauth", &near).is_err());
        let near = format!("v1.{}.AAAAAAAAAAAAAAAA.{tail}", vault.key_id());
        prop_assert!(vault.open("work", "oauth", &near).is_err());
    }

    #[test]
    fn any_secret_survives(plain in proptest::collection::vec(any::<u8>(), 0..200), nonce in any::<[u8; 12]>()) {
        let sealed = vault().seal_bytes("work", "oauth", &plain, nonce).unwrap();
        prop_assert_eq!(vault().open_bytes("work", "oauth", &sealed).unwrap().value, plain);
    }
}
