//! Seals in opaque values: what goes in comes out, and nothing else is touched.

use bytes::Bytes;
use proptest::prelude::*;

use crate::ir::{Issuer, Seal};
use crate::protocol::seal::{carry, is_tagged, split, strip, tag, untag};

fn issuer() -> impl Strategy<Value = Issuer> {
    prop_oneof![Just(Issuer::Anthropic), Just(Issuer::Google), Just(Issuer::OpenAi)]
}

fn seal() -> impl Strategy<Value = Seal> {
    (issuer(), "[A-Za-z0-9+/=é\n]{0,80}", any::<bool>()).prop_map(|(issuer, value, redacted)| Seal {
        issuer,
        value,
        redacted,
    })
}

/// Ids as providers write them, and ids that come close to ours.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9_-]{1,40}",
        "[a-z_]{0,4}__seal_[agor_]{0,3}[A-Za-z0-9_-]{0,12}",
        (any::<prop::sample::Index>(), seal()).prop_map(|(_, inner)| carry("toolu_01", Some(&inner))),
    ]
}

proptest! {
    #[test]
    fn a_carried_seal_comes_back_with_its_id(id in id(), seal in seal()) {
        let carried = carry(&id, Some(&seal));
        prop_assert_eq!(split(&carried), (id.as_str(), Some(seal)));
    }

    #[test]
    fn an_id_without_a_seal_stays_as_it_is(id in "[A-Za-z0-9_:.|-]{0,60}") {
        prop_assert_eq!(carry(&id, None), id.clone());
        prop_assert_eq!(split(&id), (id.as_str(), None));
    }

    #[test]
    fn text_that_only_looks_like_a_seal_is_left_alone(id in "[a-z]{0,4}__seal_[b-fh-np-z][a-z_]{0,20}") {
        prop_assert_eq!(split(&id), (id.as_str(), None));
        prop_assert_eq!(strip(&Bytes::from(format!("{{\"id\":\"{id}\"}}"))), format!("{{\"id\":\"{id}\"}}"));
    }

    #[test]
    fn a_seal_cut_short_by_a_client_is_no_seal(seal in seal(), cut in 1usize..20) {
        let carried = carry("call_1", Some(&seal));
        let keep = carried.len().saturating_sub(cut).max("call_1__seal_gr_".len());
        let (bare, found) = split(carried.get(..keep).unwrap());
        prop_assert_eq!(found, None);
        prop_assert_eq!(bare, "call_1");
    }

    #[test]
    fn a_tagged_seal_comes_back_from_any_signature_field(seal in seal(), native in issuer()) {
        let text = tag(&seal, native);
        let foreign = seal.issuer != native || seal.redacted;
        prop_assert_eq!(is_tagged(&text), foreign);
        let expected = (!text.is_empty()).then_some(seal);
        prop_assert_eq!(untag(&text, native), expected);
    }

    #[test]
    fn a_native_signature_is_its_own_text(value in "[A-Za-z0-9+/=_-]{1,80}", native in issuer()) {
        let seal = Seal { issuer: native, value: value.clone(), redacted: false };
        prop_assert_eq!(tag(&seal, native), value.clone());
        prop_assert_eq!(untag(&value, native), Some(seal));
    }

    #[test]
    fn stripping_removes_the_seal_and_keeps_every_other_byte(
        before in "[ -!#-~]{0,30}", id in "[A-Za-z0-9]{1,12}", after in "[ -~]{0,30}", seal in seal()
    ) {
        let sealed = Bytes::from(format!("{before}\"{}\"{after}", carry(&id, Some(&seal))));
        prop_assert_eq!(strip(&sealed), format!("{before}\"{id}\"{after}"));
    }

    #[test]
    fn stripping_is_the_identity_on_bodies_without_seals(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = Bytes::from(body);
        prop_assert_eq!(strip(&body), body);
    }
}

#[test]
fn a_seal_too_large_is_not_carried() {
    let seal = Seal { issuer: Issuer::Google, value: "x".repeat((16 << 10) + 1), redacted: false };
    assert_eq!(carry("call_1", Some(&seal)), "call_1");
}

#[test]
fn a_carried_id_keeps_to_the_alphabet_every_protocol_allows() {
    let seal = Seal { issuer: Issuer::OpenAi, value: "gAAAA+/=\"\n".to_owned(), redacted: true };
    let id = carry("call_1", Some(&seal));
    assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')), "{id}");
}

#[test]
fn behind_another_gateway_only_our_own_seal_is_taken_off() {
    let theirs = carry("call_1", Some(&Seal { issuer: Issuer::Google, value: "g".to_owned(), redacted: false }));
    let ours = carry(&theirs, Some(&Seal { issuer: Issuer::OpenAi, value: "o".to_owned(), redacted: false }));
    assert_eq!(split(&ours).0, theirs);
    assert_eq!(strip(&Bytes::from(format!("[\"{ours}\"]"))), format!("[\"{theirs}\"]"));
}

#[test]
fn a_seal_in_the_middle_of_a_string_is_text() {
    let seal = Seal { issuer: Issuer::Google, value: "sig".to_owned(), redacted: false };
    let body = Bytes::from(format!("{{\"text\":\"{} was called\"}}", carry("call_1", Some(&seal))));
    assert_eq!(strip(&body), body);
}
