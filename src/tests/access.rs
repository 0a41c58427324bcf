//! Who may call.

use crate::access::{check, presented};
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
fn only_the_configured_key_opens() {
    let key = "sk-sluice-1234";
    let verdict = |presented: &str, configured| {
        let headers: &[(&str, &str)] = if presented.is_empty() { &[] } else { &[("x-api-key", presented)] };
        with(headers, "", |head| check(head, configured)).map_err(|failure| (failure.kind, failure.status))
    };
    assert_eq!(verdict(key, Some(key)), Ok(()));
    let unauthorized = Err((Kind::Unauthorized, 401));
    for wrong in ["", "sk-sluice-123", "sk-sluice-12345", "SK-SLUICE-1234", " sk-sluice-1234", "x"] {
        assert_eq!(verdict(wrong, Some(key)), unauthorized, "{wrong:?}");
    }
    // Closed by default, and an empty secret is none.
    for configured in [None, Some("")] {
        for presented in ["", key] {
            assert_eq!(verdict(presented, configured), Err((Kind::Overloaded, 503)));
        }
    }
}

#[test]
fn a_refusal_does_not_repeat_the_key() {
    let failure = with(&[("x-api-key", "sk-guess-777")], "", |head| check(head, Some("sk-real-888"))).unwrap_err();
    assert!(!failure.message.contains("777") && !failure.message.contains("888"), "{}", failure.message);
}
