//! Who may call.

use crate::access::{Caller, Presented, caller, presented};
use crate::call::Head;
use crate::fault::Kind;

fn with<T>(headers: &[(&str, &str)], query: &str, then: impl Fn(&Head<'_>) -> T) -> T {
    let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    then(&Head { method: "POST", path: "/v1/messages", query, header: &header })
}

#[test]
fn a_key_is_found_where_every_sdk_puts_it() {
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<&'a str>);
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        (&[("authorization", "Bearer k")], "", Some("k")),
        (&[("authorization", "bearer k")], "", Some("k")),
        (&[("authorization", "BEARER  k ")], "", Some("k")),
        (&[("x-api-key", "k")], "", Some("k")),
        (&[("x-goog-api-key", "k")], "", Some("k")),
        (&[("api-key", "k")], "", Some("k")),
        (&[], "key=k", Some("k")),
        (&[], "alt=sse&key=k%2B", Some("k+")),
        (&[("authorization", "Bearer a"), ("x-api-key", "b")], "key=c", Some("a")),
        (&[("authorization", "Basic a"), ("x-api-key", "b")], "", Some("b")),
        (&[("authorization", "Bearer "), ("x-api-key", "b")], "", Some("b")),
        (&[("authorization", ""), ("x-api-key", ""), ("x-goog-api-key", "c")], "", Some("c")),
        (&[("authorization", "k")], "", None),
        (&[("authorization", "Bearer")], "", None),
        (&[("authorization", "Bearer ")], "key=", None),
        (&[], "", None),
        (&[], "monkey=k&keys=k", None),
    ];
    for (headers, query, expected) in table {
        assert_eq!(with(headers, query, presented).as_deref(), *expected, "{headers:?} {query}");
    }
}

#[test]
fn only_the_configured_key_is_the_operators_and_every_other_is_asked_about() {
    let key = "sk-sluice-1234";
    let verdict = |presented: &str, configured| {
        let headers: &[(&str, &str)] = if presented.is_empty() { &[] } else { &[("x-api-key", presented)] };
        with(headers, "", |head| caller(head, configured))
            .map(|presented| presented.caller)
            .map_err(|failure| (failure.kind, failure.status))
    };
    assert_eq!(verdict(key, Some(key)), Ok(Caller::Operator));
    assert_eq!(verdict("", Some(key)), Err((Kind::Unauthorized, 401)));
    for wrong in ["sk-sluice-123", "sk-sluice-12345", "SK-SLUICE-1234", " sk-sluice-1234", "x"] {
        let Ok(Caller::Key(hash)) = verdict(wrong, Some(key)) else { panic!("{wrong:?}") };
        assert!(hash.len() == 64 && !hash.contains(wrong));
    }
    // An empty secret is none.
    for configured in [None, Some("")] {
        assert!(matches!(verdict(key, configured), Ok(Caller::Key(_))));
        assert_eq!(verdict("", configured), Err((Kind::Unauthorized, 401)));
    }
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(verdict("abc", None), Ok(Caller::Key(abc.to_owned())));
}

#[test]
fn an_account_may_be_named_behind_the_key() {
    let of = |key: &str| with(&[("x-api-key", key)], "", |head| caller(head, Some("own@key"))).unwrap();
    assert_eq!(of("own@key"), Presented { caller: Caller::Operator, pin: None });
    let named = Presented { caller: Caller::Operator, pin: Some("openai-2".to_owned()) };
    assert_eq!(of("own@key@openai-2"), named);
    assert_eq!(of("abc@x"), Presented { pin: Some("x".to_owned()), ..of("abc") });
    assert_eq!(of("abc@").pin, None);
}
