//! Histories that other providers had a part in, relayed to Anthropic.

use bytes::Bytes;

use super::decode;
use crate::ir::{Issuer, PartKind, Seal};
use crate::protocol::messages::foreign_out;
use crate::protocol::seal;

fn tagged(issuer: Issuer, redacted: bool) -> String {
    seal::tag(&Seal { issuer, value: "c2ln".to_owned(), redacted }, Issuer::Anthropic)
}

fn body(extra: &str, first: &str, call: &str) -> String {
    format!(
        r#"{{"model": "m", {extra}"messages": [ {{"role":"user","content":"hi"}},{{"role":"assistant","content":[{first}{{"type":"tool_use","id":"{call}","name":"f","input":{{"a": 1.50}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{call}"}}]}}],"x":[1.0]}}"#
    )
}

fn relayed(text: &str) -> String {
    String::from_utf8(foreign_out(&Bytes::from(text.to_owned())).to_vec()).unwrap()
}

#[test]
fn foreign_reasoning_stays_out_and_everything_else_stays() {
    let thinking = |signature: &str| format!(r#"{{"type":"thinking","thinking":"hm","signature":"{signature}"}},"#);
    let redacted = |data: &str| format!(r#"{{"type":"redacted_thinking","data":"{data}"}},"#);
    let bare = body("", "", "c").replace("[ {\"role\":\"user\"", "[{\"role\":\"user\"");
    let foreign = [
        thinking(&tagged(Issuer::Google, false)),
        thinking(&tagged(Issuer::OpenAi, true)),
        thinking(seal::UNSEALED),
        redacted(&tagged(Issuer::OpenAi, true)),
    ];
    for block in foreign {
        assert_eq!(relayed(&body("", &block, "c")), bare, "{block}");
    }
    let google = Seal { issuer: Issuer::Google, value: "Zw==".to_owned(), redacted: false };
    let carried = body("", &thinking("c2ln"), &seal::carry("c", Some(&google)));
    for own in [body("", &thinking("c2ln"), "c"), body("", &redacted("ZA=="), "c"), carried] {
        assert_eq!(relayed(&own), own);
    }
}

#[test]
fn a_message_of_nothing_else_goes_too() {
    let of = |middle: &str| {
        format!(r#"{{"messages":[{{"role":"user","content":"a"}},{middle}{{"role":"user","content":"b"}}]}}"#)
    };
    let message = format!(
        r#"{{"role":"assistant","content":[{{"type":"thinking","thinking":"x","signature":"{}"}}]}},"#,
        seal::UNSEALED
    );
    assert_eq!(relayed(&of(&message)), of(""));
}

#[test]
fn a_budget_is_given_up_only_in_the_loop_that_lost_its_thinking() {
    let unsealed = format!(r#"{{"type":"thinking","thinking":"x","signature":"{}"}},"#, seal::UNSEALED);
    let own = r#"{"type":"thinking","thinking":"x","signature":"c2ln"},"#;
    let budget = r#""thinking":{"type":"enabled","budget_tokens":2000},"context_management":{"edits":[]},"#;
    let adaptive = r#""thinking":{"type":"adaptive"},"#;
    let table = [
        (budget, unsealed.clone(), false),
        (budget, format!("{own}{unsealed}"), true),
        (adaptive, unsealed.clone(), true),
    ];
    for (extra, first, thinks) in table {
        let sent = relayed(&body(extra, &first, "c"));
        assert!(!sent.contains(seal::UNSEALED), "{sent}");
        assert_eq!(sent.contains("\"thinking\":{"), thinks, "{sent}");
        assert_eq!(sent.contains("context_management"), thinks && extra == budget, "{sent}");
    }
}

#[test]
fn unsealed_thinking_comes_back_unsealed() {
    let block = serde_json::json!({"type": "thinking", "thinking": "x", "signature": seal::UNSEALED});
    let body =
        serde_json::json!({"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": [block]}]});
    let PartKind::Thinking { seal, .. } = &decode(&body).turns[0].parts[0].kind else { panic!() };
    assert_eq!(*seal, None);
}
