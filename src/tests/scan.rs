//! The one reading of a request: it accepts what serde_json accepts, and finds what serde_json finds.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::json::{Body, Marks, Parts, opening};

/// The members as serde_json sees them; `None`: it refuses.
fn members(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes).ok()?;
    Some(members.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect())
}

fn agrees(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = Body::parse(Bytes::copy_from_slice(bytes));
    let shown = String::from_utf8_lossy(bytes);
    match (&ours, members(bytes)) {
        (Ok(body), Some(theirs)) => {
            let text = |(key, raw): (&str, &[u8])| (key.to_owned(), String::from_utf8(raw.to_vec()).unwrap());
            prop_assert_eq!(body.members().map(text).collect::<BTreeMap<_, _>>(), theirs, "{}", shown);
        }
        (Err(error), Some(_)) => prop_assert!(error.message == "duplicate key", "{}: {}", shown, error),
        (Ok(_), None) => prop_assert!(false, "{} is no JSON", shown),
        (Err(error), None) => prop_assert!(error.message.len() > 40, "{}: {}", shown, error),
    }
    Ok(())
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
        any::<String>().prop_map(|text| Value::String(text).to_string()),
        "\"([a-z é日]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,12}\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(("\"[a-z]{0,9}\"", inner), 0..4).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("{key} :\n{value}")).collect();
                format!("{{ {}\t}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_json_is_read_as_serde_reads_it(members in prop::collection::vec(("[a-z]{1,9}", value()), 0..6)) {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
        agrees(format!(" {{{}}}\r\n", members.join(" , ")).as_bytes())?;
    }

    #[test]
    fn what_is_damaged_anywhere_is_refused_where_serde_refuses(
        members in prop::collection::vec(("[a-z]{1,9}", value()), 1..4),
        at: prop::sample::Index,
        damage in prop_oneof![
            any::<u8>().prop_map(Some),
            prop::sample::select(&b"\"\\{}[],:0123456789.eE+-tfnu \x00\x1f\x7f\x80\xc3\xff"[..]).prop_map(Some),
            Just(None),
        ],
    ) {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let mut bytes = format!("{{{}}}", members.join(",")).into_bytes();
        let at = at.index(bytes.len());
        match damage {
            Some(byte) => bytes[at] = byte,
            None => _ = bytes.remove(at),
        }
        agrees(&bytes)?;
    }

    /// A bracket where another one belongs, or none.
    #[test]
    fn brackets_belong_together(members in prop::collection::vec(("[a-z]{1,9}", value()), 1..4), at: prop::sample::Index, with: prop::sample::Index) {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let mut text = format!("{{\"list\":[1],\"map\":{{\"a\":1}},{}}}", members.join(","));
        let brackets: Vec<_> = text.match_indices(['[', ']', '{', '}']).map(|(at, _)| at).collect();
        let at = brackets[at.index(brackets.len())];
        text.replace_range(at..=at, ["[", "]", "{", "}", ""][with.index(5)]);
        agrees(text.as_bytes())?;
    }

    #[test]
    fn arbitrary_bytes_are_refused_where_serde_refuses(bytes: Vec<u8>, text in "[{}\\[\\]\":,0-9a \\\\u-]{0,40}") {
        agrees(&bytes)?;
        agrees(text.as_bytes())?;
        agrees(format!("{{\"a\":{text}}}").as_bytes())?;
    }

    #[test]
    fn a_string_of_any_length_ends_where_it_ends(before in 0..40usize, special in "[\"\\\\\\x00-\\x20~é日😀]", after in 0..40usize) {
        agrees(format!("{{\"a\":\"{}{special}{}\"}}", "x".repeat(before), "y".repeat(after)).as_bytes())?;
    }

    #[test]
    fn parts_are_what_serde_sees(list in prop::collection::vec(value(), 0..5)) {
        let array = format!("[ {} ]", list.join(" ,\n"));
        let parts: Vec<_> = Parts::of(array.as_bytes()).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        prop_assert_eq!(&parts, &list);
        let object: Vec<_> = list.iter().enumerate().map(|(at, value)| format!("\"k{at}\" : {value}")).collect();
        let object = format!("{{{}}}", object.join(" , "));
        for (at, value) in list.iter().enumerate() {
            prop_assert_eq!(Parts::member(object.as_bytes(), &format!("k{at}")), Some(value.as_bytes()));
        }
        prop_assert_eq!(Parts::member(object.as_bytes(), "k"), None);
    }

    /// Whatever a string says first is a prefix of what it says, and nearly as long as it may be.
    #[test]
    fn an_opening_is_a_prefix(text: String, spelled in "([a-zé日]|\\\\[nt\"]|\\\\ud83d\\\\ude00){0,40}", most in 0..60usize) {
        for quoted in [Value::String(text).to_string(), format!("\"{spelled}\"")] {
            let whole: String = serde_json::from_str(&quoted).unwrap();
            let head = opening(quoted.as_bytes(), most).unwrap();
            prop_assert!(whole.starts_with(&head));
            if quoted.len() - 2 <= most {
                prop_assert_eq!(head, whole);
            } else {
                let rest: String = whole[head.len()..].chars().take(1).collect();
                prop_assert!(!rest.is_empty() && Value::String(head).to_string().len() + 12 >= most.min(14));
            }
        }
    }
}

#[test]
fn what_stands_out_is_found_by_its_place_and_not_in_what_somebody_says() {
    let marks = |body: Value| Body::parse(body.to_string().into()).unwrap().marks();
    let (none, images) = (Marks::default(), Marks { images: true, ..Marks::default() });
    let said = r#"say "image_url", "type":"image", "json_schema", data:, base64, "image/png""#;
    assert_eq!(marks(json!({"messages": [{"role": "user", "content": said}]})), none);
    assert_eq!(marks(json!({"image": "image", "type": "text", "format": "png"})), none);
    assert_eq!(marks(json!({"type": {"kind": "image"}})), none);
    let url = json!({"type": "image_url", "image_url": {"url": "https://example.org/a"}});
    assert_eq!(marks(json!({"m": [url]})), Marks { media: true, ..images });
    assert_eq!(marks(json!({"m": [{"type": "image", "source": {"type": "url"}}]})), images);
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}});
    assert_eq!(marks(json!({"contents": [{"parts": [inline]}]})), Marks { media: true, ..images });
    let document = json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf"}});
    assert_eq!(marks(json!({"m": [document]})), Marks { media: true, ..none });
    assert_eq!(
        marks(json!({"m": [{"input_image": 1}, {"type": "input_image", "image_url": "data:,"}]})),
        Marks { media: true, ..images }
    );
    let schema = Marks { schema: true, ..none };
    assert_eq!(marks(json!({"response_format": {"type": "json_schema"}})), schema);
    assert_eq!(marks(json!({"generationConfig": {"responseSchema": {}}})), schema);
    assert_eq!(marks(json!({"generationConfig": {"responseJsonSchema": {}}})), schema);
    assert_eq!(marks(json!({"text": {"format": {"type": "json_schema"}}})), schema);
}
