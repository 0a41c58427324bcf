//! Bodies indexed and spliced, and the JSON we write by hand.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::json::{self, Body, Json, decode};

fn body(text: &str) -> Body {
    Body::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn refusal(text: &[u8]) -> String {
    Body::parse(Bytes::copy_from_slice(text)).unwrap_err().to_string()
}

fn spliced(text: &str, edits: &[(&str, Option<&str>)]) -> String {
    String::from_utf8(body(text).splice(edits).to_vec()).unwrap()
}

#[test]
fn a_splice_touches_only_its_member() {
    let set = |key, text| (key, Some(text));
    let cut = |key| (key, None);
    type Row<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)], &'a str);
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        (r#"{"model":"a","n":1}"#, &[set("model", r#""b""#)], r#"{"model":"b","n":1}"#),
        (r#"{"n":1,"model":"a"}"#, &[set("model", r#""longer""#)], r#"{"n":1,"model":"longer"}"#),
        ("\n{ \"model\" :\t\"a\" ,\r\n\"n\":1 } ", &[set("model", "2")], "\n{ \"model\" :\t2 ,\r\n\"n\":1 } "),
        (r#"{"z":1e400,"a":-0,"n":123456789012345678901234567890.10,"model":0}"#, &[set("model", "1")],
            r#"{"z":1e400,"a":-0,"n":123456789012345678901234567890.10,"model":1}"#),
        (r#"{"mod\u0065l":"a","x":"\u0041\/"}"#, &[set("model", r#""b""#)], r#"{"mod\u0065l":"b","x":"\u0041\/"}"#),
        (r#"{"a":"日本","b":{"model":1}}"#, &[set("a", "[]")], r#"{"a":[],"b":{"model":1}}"#),
        (r#"{"a":1}"#, &[set("b", "{}")], r#"{"b":{},"a":1}"#),
        (r#" { "a":1}"#, &[set("b", "2"), set("c", "3")], r#" {"b":2,"c":3, "a":1}"#),
        (r#"{}"#, &[set("a", "1")], r#"{"a":1}"#),
        (r#"{ }"#, &[set("a", "1"), set("b", "2")], r#"{"a":1,"b":2 }"#),
        (r#"{"a":1}"#, &[set("q\"uote", "1")], r#"{"q\"uote":1,"a":1}"#),
        (r#"{"a":1,"b":2,"c":3}"#, &[cut("a")], r#"{"b":2,"c":3}"#),
        (r#"{"a":1,"b":2,"c":3}"#, &[cut("b")], r#"{"a":1,"c":3}"#),
        (r#"{"a":1,"b":2,"c":3}"#, &[cut("c")], r#"{"a":1,"b":2}"#),
        (r#"{"a":1,"b":2,"c":3}"#, &[cut("a"), cut("b")], r#"{"c":3}"#),
        (r#"{"a":1,"b":2,"c":3}"#, &[cut("b"), cut("c")], r#"{"a":1}"#),
        (r#"{"a":1,"b":2,"c":3}"#, &[cut("a"), cut("c")], r#"{"b":2}"#),
        (r#"{"a":1,"b":2,"c":3}"#, &[cut("c"), cut("b"), cut("a")], r#"{}"#),
        (r#"{"a":1,"b":2,"c":3}"#, &[cut("a"), set("b", "9"), cut("c")], r#"{"b":9}"#),
        (r#"{"a":1,"b":2}"#, &[set("a", "8"), cut("b")], r#"{"a":8}"#),
        (r#"{"a":1}"#, &[cut("a"), set("b", "2")], r#"{"b":2}"#),
        (r#"{ "a" : 1 , "b" : 2 }"#, &[cut("a")], r#"{ "b" : 2 }"#),
        (r#"{ "a" : 1 , "b" : 2 }"#, &[cut("b")], r#"{ "a" : 1 }"#),
        (r#"{"a":",\"b\":2,","b":"}"}"#, &[cut("b")], r#"{"a":",\"b\":2,"}"#),
        (r#"{"a":1}"#, &[cut("b")], r#"{"a":1}"#),
        (r#"{"a":1}"#, &[], r#"{"a":1}"#),
    ];
    for (text, edits, expected) in table {
        assert_eq!(spliced(text, edits), *expected, "{text} {edits:?}");
    }
}

#[test]
fn a_splice_of_nothing_copies_nothing() {
    let bytes = Bytes::from_static(br#"{"a":1}"#);
    let same = Body::parse(bytes.clone()).unwrap().splice(&[("b", None)]);
    assert_eq!(same.as_ptr(), bytes.as_ptr());
}

#[test]
fn a_body_is_an_object_without_doubt() {
    #[rustfmt::skip]
    let table: &[(&[u8], &str)] = &[
        (b"", "request body is not a JSON object: "),
        (b"[]", "request body is not a JSON object: invalid type: sequence"),
        (b"null", "request body is not a JSON object: invalid type: null"),
        (b"\"{}\"", "request body is not a JSON object: invalid type: string"),
        (b"{\"a\":1", "request body is not a JSON object: EOF"),
        (b"{\"a\":1}{}", "request body is not a JSON object: trailing characters"),
        (b"{\"a\":1,}", "request body is not a JSON object: trailing comma"),
        (b"{'a':1}", "request body is not a JSON object: key must be a string"),
        (b"{\"a\":NaN}", "request body is not a JSON object: "),
        (b"{\"a\":\"\xff\"}", "request body is not a JSON object: invalid unicode"),
        (b"{\"\\ud800\":1}", "request body is not a JSON object: "),
        (b"model=gpt&x=1", "request body is not a JSON object: "),
        (b"{\"model\":1,\"model\":2}", "model: duplicate key"),
        (b"{\"model\":1,\"mod\\u0065l\":2}", "model: duplicate key"),
    ];
    for (bytes, expected) in table {
        let found = refusal(bytes);
        assert!(found.starts_with(expected), "{:?}: {found}", String::from_utf8_lossy(bytes));
    }
    // Duplicates further in are the reader's business.
    body(r#"{"a":{"b":1,"b":2}}"#);
}

#[test]
fn members_are_counted() {
    let members = |n: usize| format!("{{{}}}", (0..n).map(|i| format!("\"k{i}\":{i}")).collect::<Vec<_>>().join(","));
    assert_eq!(body(&members(256)).raw("k255"), Some(&b"255"[..]));
    assert_eq!(refusal(members(257).as_bytes()), "more than 256 top-level members");
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for depth in [1_000, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        // A relay may carry what we do not look into; whoever looks is refused.
        let held = body(&format!(r#"{{"model":"m","deep":{deep}}}"#));
        assert_eq!(held.get::<String>("model").unwrap().unwrap(), "m");
        let error = held.get::<serde_json::Value>("deep").unwrap_err();
        assert!(error.to_string().contains("recursion limit"), "{error}");
        assert!(held.decode::<serde_json::Value>().is_err());
        assert!(!held.splice(&[("deep", None)]).is_empty());
        assert!(Json::parse(&deep).is_ok());
    }
}

#[test]
fn members_are_read_one_by_one() {
    let body = body(r#" { "a" : [1, 2] , "n":null,"s":"x\ny", "big":18446744073709551616 } "#);
    assert_eq!(body.raw("a"), Some(&b"[1, 2]"[..]));
    assert_eq!(body.raw("none"), None);
    assert_eq!(body.get::<Vec<u8>>("a").unwrap(), Some(vec![1, 2]));
    assert_eq!(body.get::<u8>("n").unwrap(), None);
    assert_eq!(body.get::<u8>("none").unwrap(), None);
    assert_eq!(body.get::<String>("s").unwrap().unwrap(), "x\ny");
    assert!(body.get::<u64>("big").unwrap_err().to_string().starts_with("big: invalid type"));
    assert!(body.get::<Vec<bool>>("a").unwrap_err().to_string().starts_with("a[0]: invalid type"));
}

#[test]
fn an_error_names_its_place() {
    #[derive(serde::Deserialize, Debug)]
    struct Outer {
        #[expect(dead_code, reason = "only its errors are of interest")]
        items: Vec<Inner>,
    }
    #[derive(serde::Deserialize, Debug)]
    struct Inner {
        #[expect(dead_code, reason = "only its errors are of interest")]
        n: u8,
    }
    let at = |text: &str| decode::<Outer>(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(at(r#"{"items":[{"n":1},{"n":"x"}]}"#), "items[1].n: invalid type: string \"x\", expected u8");
    assert_eq!(at(r#"{"items":[{}]}"#), "items[0]: missing field `n`");
    assert_eq!(at(r#"{}"#), "missing field `items`");
    assert!(at(r#"{"items":[{"n":1}"#).contains("EOF while parsing"));
}

fn members() -> impl Strategy<Value = Vec<(String, String)>> {
    #[rustfmt::skip]
    let value = prop::sample::select(vec![
        "1", "-0.0", "1e999", "123456789012345678901", "null", "true", r#""""#, r#""a,\"b\":1}""#, "[]", "[1, {\"a\":2}]",
        "{}", r#"{"model":"x","k0":1}"#, r#""日本\u0041""#,
    ]);
    prop::collection::vec(value, 0..8)
        .prop_map(|values| (0..).zip(values).map(|(i, value)| (format!("k{i}"), value.to_owned())).collect())
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", " ", "\n\t", "\r\n  "])
}

proptest! {
    #[test]
    fn a_splice_leaves_valid_json_and_every_other_value_as_it_was(
        members in members(),
        space in space(),
        edits in prop::collection::btree_map(0..10usize, prop::option::of("[0-9]{1,9}"), 0..5),
    ) {
        let edits: Vec<_> = edits.into_iter().map(|(i, edit)| (format!("k{i}"), edit.map(|n| format!("1{n}")))).collect();
        let text = members
            .iter()
            .map(|(key, value)| format!("{space}\"{key}\"{space}:{space}{value}{space}"))
            .collect::<Vec<_>>()
            .join(",");
        let text = format!("{space}{{{text}{space}}}{space}");
        let edited: Vec<_> = edits.iter().map(|(key, edit)| (key.as_str(), edit.as_deref())).collect();
        let out = spliced(&text, &edited);

        let mut expected = members.clone();
        for (key, edit) in &edits {
            match (expected.iter_mut().find(|(k, _)| k == key), edit) {
                (Some(member), Some(text)) => member.1.clone_from(text),
                (Some(_), None) => expected.retain(|(k, _)| k != key),
                (None, Some(text)) => expected.push((key.clone(), text.clone())),
                (None, None) => {}
            }
        }
        let found: std::collections::BTreeMap<String, Box<RawValue>> = serde_json::from_str(&out).unwrap();
        expected.sort();
        let found: Vec<_> = found.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect();
        prop_assert_eq!(&found, &expected);
        // What stayed stayed in its order, and nothing was moved or respaced: the rest is a subsequence of the input.
        let untouched = members.iter().filter(|(key, _)| !edits.iter().any(|(k, _)| k == key));
        let mut rest = out.as_str();
        for (key, value) in untouched {
            let member = format!("\"{key}\"{space}:{space}{value}");
            let at = rest.find(&member);
            prop_assert!(at.is_some(), "{} in {}", member, rest);
            rest = &rest[at.unwrap() + member.len()..];
        }
    }

    #[test]
    fn a_splice_and_its_inverse_are_the_identity(members in members(), space in space(), at: prop::sample::Index) {
        prop_assume!(!members.is_empty());
        let text = members.iter().map(|(key, value)| format!("\"{key}\":{space}{value}")).collect::<Vec<_>>().join(",");
        let text = format!("{{{text}}}{space}");
        let (key, value) = &members[at.index(members.len())];
        let there = spliced(&text, &[(key, Some("\"something else\""))]);
        prop_assert_eq!(spliced(&there, &[(key, Some(value))]), text);
    }

    #[test]
    fn any_body_is_indexed_or_refused(bytes: Vec<u8>) {
        if let Ok(body) = Body::parse(bytes.clone().into()) {
            prop_assert_eq!(body.bytes(), &bytes);
        }
    }

    #[test]
    fn strings_are_written_as_serde_writes_them(text: String, raw in "[\\x00-\\x7f\"\\\\\u{2028}日😀]{0,30}") {
        for text in [text, raw] {
            let (mut ours, mut inside) = (Vec::new(), Vec::new());
            json::write_str(&text, &mut ours);
            json::write_escaped(&text, &mut inside);
            prop_assert_eq!(&ours, &serde_json::to_vec(&text).unwrap());
            prop_assert_eq!(&inside[..], &ours[1..ours.len() - 1]);
        }
    }

    #[test]
    fn numbers_are_written_as_serde_writes_them(number: u64, shift in 0..64u32) {
        for number in [number, number >> shift] {
            let mut ours = Vec::new();
            json::write_u64(number, &mut ours);
            prop_assert_eq!(ours, number.to_string().into_bytes());
        }
    }
}

#[test]
fn every_control_character_and_the_extreme_numbers_are_written() {
    let all: String = (0..=0x7fu8).map(char::from).collect();
    let mut out = Vec::new();
    json::write_str(&all, &mut out);
    assert_eq!(out, serde_json::to_vec(&all).unwrap());
    for number in [0, 9, 10, u64::MAX] {
        out.clear();
        json::write_u64(number, &mut out);
        assert_eq!(out, number.to_string().into_bytes());
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only decoded")]
struct Sample<'a> {
    #[serde(borrow)]
    text: Option<json::Text<'a>>,
    #[serde(default)]
    list: Vec<Sample<'a>>,
    inner: Option<Box<Sample<'a>>>,
    pair: Option<(u8, String)>,
    #[serde(default)]
    map: std::collections::BTreeMap<String, bool>,
    kind: Option<Kind>,
    must: u8,
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    One,
}

/// Where serde itself says the mistake is, found by tracing every step.
fn oracle(text: &str) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let error = serde_path_to_error::deserialize::<_, Sample<'_>>(&mut deserializer).err()?;
    let path = error.path().to_string();
    Some(if path == "." { String::new() } else { path })
}

#[test]
fn a_mistake_is_found_where_serde_finds_it() {
    let wrong = [
        r#"[]"#,
        r#"5"#,
        r#"{"text":"a"}"#,
        r#"{"must":300}"#,
        r#"{"must":"1"}"#,
        r#"{"must":1,"text":5}"#,
        r#"{"must":1,"text":{"a":1}}"#,
        r#"{"must":1,"text":["a"]}"#,
        "{\n  \"must\": 1,\n  \"text\": false\n}",
        r#"{"must":1,"list":{}}"#,
        r#"{"must":1,"list":[{"must":1},{"must":-1}]}"#,
        r#"{"must":1,"list":[{"must":1},{}]}"#,
        r#"{"must":1,"list":[{"must":1},{"text":"a,b]}\""}]}"#,
        r#"{"must":1,"list":[{"must":1}, 7 ]}"#,
        r#"{"must":1,"inner":{"inner":{"must":"x"},"must":1}}"#,
        r#"{"must":1,"inner":{"inner":{"must":1,"list":[{"must":1}]}}}"#,
        r#"{"inner":{"must":1}}"#,
        r#"{"must":1,"pair":[1]}"#,
        r#"{"must":1,"pair":[1,2]}"#,
        r#"{"must":1,"map":{"a":true,"b, c":1}}"#,
        r#"{"must":1,"map":{"\u0061":1}}"#,
        r#"{"must":1,"kind":"two"}"#,
        r#"{"must":1,"raw":{"deep":[1,{"a":"]"}]},"text":1}"#,
    ];
    for text in wrong {
        let found = decode::<Sample<'_>>(text.as_bytes()).unwrap_err();
        assert_eq!(Some(&found.at), oracle(text).as_ref(), "{text}: {found}");
    }
}

proptest! {
    #[test]
    fn a_mistake_anywhere_is_found_where_serde_finds_it(at in 0usize..110, wrong in "[ -~]") {
        let text = r#"{"must":1,"list":[{"must":2,"pair":[1,"x"]},{"text":"é\n","must":3}],"inner":{"must":4,"map":{"k":true}}}"#;
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = wrong.as_bytes()[0];
        let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(()) };
        let error = serde_json::from_slice::<Sample<'_>>(&bytes).err();
        if error.is_some_and(|error| error.is_data()) {
            let found = decode::<Sample<'_>>(&bytes).unwrap_err();
            prop_assert_eq!(Some(found.at), oracle(text), "{}", text);
        }
    }
}
