//! What a provider sees of a request.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{chat, clean, filters, passing, personal, sent};
use crate::fault::Kind;
use crate::filter::masks::{Masks, lookalikes};
use crate::ir::Protocol;
use crate::tests::rig::{CLIENTS, WIRES, call, pass};

const MAIL: &str = "ada@example.org";

#[test]
fn nobody_upstream_reads_what_is_masked() {
    for &client in CLIENTS {
        for &wire in WIRES {
            let sent = sent(&passing(&personal(), &chat(client, &format!("I am {MAIL}, 13800138000."))), wire);
            assert!(!sent.contains(MAIL) && !sent.contains("13800138000"), "{client:?} to {wire:?}: {sent}");
            assert!(sent.contains("I am EMAIL-") && sent.contains("PHONE-"), "{client:?} to {wire:?}: {sent}");
        }
    }
}

#[test]
fn everything_but_the_find_is_as_it_was() {
    let body = |mail: &str| {
        format!(
            r#"{{ "model":"m" , "tools":[{{"function":{{"description":"{MAIL}"}}}}],
            "messages":[{{"role":"user","content":[{{"type":"text","text":"a\u00e9\n{mail}" , "cache_control":{{}}}},
            {{"type":"image_url","image_url":{{"url":"https://x.example/?m={MAIL}"}}}}]}}], "n" : 1.0 }}"#
        )
    };
    let cleaned = clean(&personal(), &body(MAIL)).unwrap();
    let placeholder = &cleaned.body[cleaned.body.find("EMAIL-").unwrap()..][..14];
    // A string that is changed is written anew, the rest is not.
    assert_eq!(cleaned.body, body(placeholder).replace(r"\u00e9", "é"));
    assert_eq!(cleaned.masks.restore(placeholder), MAIL);
}

#[test]
fn arguments_of_calls_are_text_whatever_their_members_are_called() {
    let arguments = json!({"id": MAIL, "type": {"url": [MAIL]}}).to_string();
    for (what, body) in [
        (
            "chat",
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function":
            {"name": "f", "arguments": arguments}}]}]}),
        ),
        (
            "messages",
            json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f",
            "input": {"id": MAIL, "type": {"url": [MAIL]}}}]}]}),
        ),
        (
            "gemini",
            json!({"contents": [{"parts": [{"functionCall": {"name": "f", "args": {"id": MAIL, "type": {"url": [MAIL]}}}},
            {"functionResponse": {"name": "f", "response": {"name": MAIL}}}]}]}),
        ),
        ("ollama", json!({"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": {"id": MAIL}}}]}]})),
    ] {
        let cleaned = clean(&personal(), &body.to_string()).unwrap();
        assert!(!cleaned.body.contains(MAIL), "{what}: {}", cleaned.body);
        let value: Value = serde_json::from_str(&cleaned.body).unwrap();
        assert_eq!(value.to_string().matches("EMAIL-").count(), body.to_string().matches(MAIL).count(), "{what}");
    }
}

#[test]
fn a_value_inside_arguments_is_masked_as_it_is_meant() {
    let quoted = filters(json!([{"name": "q", "action": "mask", "find": {"patterns": ["say \"[a-z]+\""]}}]));
    let body = json!({"messages": [{"content": "say \"hi\""}, {"tool_calls": [{"function":
        {"arguments": json!({"text": "say \"hi\""}).to_string()}}]}]});
    let cleaned = clean(&quoted, &body.to_string()).unwrap();
    let value: Value = serde_json::from_str(&cleaned.body).unwrap();
    let placeholder = value["messages"][0]["content"].as_str().unwrap();
    let arguments = value["messages"][1]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    assert_eq!(arguments, json!({ "text": placeholder }).to_string());
}

#[test]
fn the_same_value_has_the_same_placeholder_and_another_key_another() {
    let of = |key, value: &str| Masks::new([key; 32]).hide("EMAIL", value).unwrap();
    assert_eq!(of(1, MAIL), of(1, MAIL));
    assert_ne!(of(1, MAIL), of(2, MAIL));
    assert_ne!(of(1, MAIL), of(1, "b@example.org"));
}

#[test]
fn a_refusal_is_told_in_the_operators_words() {
    let no = filters(json!([{"name": "no", "action": "refuse", "message": "not here", "find": {"words": ["dragon"]}}]));
    for &client in CLIENTS {
        let failure = pass(&[], &no, &chat(client, "a DRAGON.")).err().unwrap();
        assert_eq!((failure.kind, failure.message.as_str()), (Kind::InvalidRequest, "not here"), "{client:?}");
        assert!(pass(&[], &no, &chat(client, "a drag on.")).is_ok(), "{client:?}");
    }
}

#[test]
fn a_hit_is_told_by_place_and_never_by_text() {
    let flag = filters(json!([{"name": "beasts", "action": "flag", "find": {"words": ["dragon"]}}]));
    let cleaned = clean(&flag, &json!({"messages": [{"content": "a dragon, a dragon"}]}).to_string()).unwrap();
    let told = serde_json::to_value(cleaned.hits.list()).unwrap();
    assert_eq!(told, json!([{"filter": "beasts", "at": "messages[0].content", "position": 2}]));
}

#[test]
fn what_cannot_be_masked_is_refused() {
    let many: String = (0..5000).map(|n| format!("a{n}@example.org ")).collect();
    assert!(clean(&personal(), &json!({ "prompt": many }).to_string()).is_err(), "too many");
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert!(clean(&personal(), &format!(r#"{{"messages":{deep}}}"#)).is_err(), "too deep");
}

#[test]
fn a_body_that_is_no_json_is_left_alone() {
    let form = call(
        "POST",
        "/v1/images/edits",
        &[("content-type", "multipart/form-data; boundary=b")],
        "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--\r\n",
    )
    .unwrap();
    assert!(pass(&[], &personal(), &form).unwrap().is_none());
    assert!(pass(&[], &[], &chat(Protocol::Chat, MAIL)).unwrap().is_none(), "off");
}

proptest! {
    #[test]
    fn masked_text_is_restored_exactly(parts in proptest::collection::vec(super::answers::part(), 0..8)) {
        let text = parts.concat();
        let cleaned = clean(&personal(), &json!({ "prompt": text }).to_string()).unwrap();
        let value: Value = serde_json::from_str(&cleaned.body).unwrap();
        let masked = value["prompt"].as_str().unwrap();
        prop_assert_eq!(cleaned.masks.restore(masked), text);
        // Nothing looks like a placeholder but what is one.
        prop_assert_eq!(lookalikes(masked).len(), cleaned.masks.find(masked).len());
    }
}
