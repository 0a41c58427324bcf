//! What is kept of a call, and what is shown of its way: whatever the wire, the client, the cut and the filters.

use serde_json::{Value, json};

use super::rig::{self, CLIENTS, SECRET};
use crate::call::Call;
use crate::captures::export::{Export, Lines};
use crate::captures::{self, Meta};
use crate::fault::Millis;
use crate::filter::Filter;
use crate::ir::Protocol;
use crate::protocol::Echo;
use crate::pump::{Answering, Pump, failure_of};
use crate::upstream::{Secret, payload_through};
use crate::witness::{Kept, Witness};

struct Seen {
    out: Vec<u8>,
    kept: Option<Kept>,
    shown: Vec<Value>,
}

fn filters(value: Value) -> Vec<Filter> {
    serde_json::from_value(value).unwrap()
}

/// Ask `wire`, and give the client what comes in pieces of `size`; `watched` by a witness or not.
fn play(call: &Call, wire: Protocol, filters: &[Filter], body: &[u8], size: usize, watched: bool) -> Seen {
    let target = rig::target(wire, "a", "m");
    let passing = rig::pass(&[], filters, call).unwrap();
    let asked = passing.as_ref().map_or(call, |passing| &passing.call);
    let payload = payload_through(passing.as_ref(), asked, &target).unwrap();
    let request = target.upstream.request(asked, &target, &payload).unwrap();
    let secret = Secret::new(SECRET);
    let mut pump = Pump::new(&Answering { call, payload: &payload, streamed: true, secret: &secret });
    let witness = Witness::new(watched, watched);
    if let Some(witness) = &witness {
        witness.borrow_mut().asks(call, asked, &target, &payload, &request);
        witness.borrow_mut().answered(call, &payload, true);
        pump.witness = Some(witness.clone());
    }
    let mut out = Vec::new();
    let pushed = body.chunks(size).try_for_each(|chunk| pump.chunk(chunk, &mut out));
    let result = pushed.and_then(|()| pump.end(&Echo { call, request: payload.request.as_ref() }, &mut out));
    match result {
        Err(error) if pump.started() => pump.fail(&failure_of(&error), &mut out),
        Err(_) => out.clear(),
        Ok(()) => {}
    }
    let Some(witness) = witness else { return Seen { out, kept: None, shown: Vec::new() } };
    let mut witness = witness.borrow_mut();
    Seen { out, kept: witness.kept(), shown: witness.shown() }
}

#[test]
fn an_answer_is_kept_whole_however_it_came_and_the_client_notices_nothing() {
    let mut kept_any = 0;
    for (wire, fixture) in rig::streams() {
        for client in CLIENTS.iter().copied() {
            let call = rig::simple_call(client, true);
            let plain = play(&call, wire, &[], &fixture.bytes, 7, false);
            let seen = play(&call, wire, &[], &fixture.bytes, 7, true);
            let name = format!("{} {} {client:?}", rig::name(wire), fixture.name);
            assert!(seen.out == plain.out, "{name}: the client's bytes");
            let at_once = play(&call, wire, &[], &fixture.bytes, usize::MAX, true);
            assert_eq!(seen.kept, at_once.kept, "{name}: any cut");
            let heard = rig::hear(client, &seen.out);
            assert_eq!(seen.kept.is_some(), !heard.finishes.is_empty(), "{name}: a whole answer, and only that");
            let Some(kept) = seen.kept else { continue };
            kept_any += 1;
            assert_eq!(&kept.request, call.body.bytes(), "{name}");
            // What a client that does not stream would have had of the same frames.
            let whole = play(&rig::simple_call(client, false), wire, &[], &fixture.bytes, 7, false);
            let read = |body: &[u8]| {
                let mut whole: Value = serde_json::from_slice(body).unwrap();
                // Responses repeats parameters of the request, as a relay does not.
                if client == Protocol::Responses { whole["output"].take() } else { whole }
            };
            assert_eq!(read(&kept.answer), read(&whole.out), "{name}");
        }
    }
    assert!(kept_any > 100, "{kept_any} answers");
}

#[test]
fn a_cut_answer_is_not_kept() {
    let call = rig::simple_call(Protocol::Chat, true);
    let fixture = rig::fixtures("streams/messages").into_iter().find(|fixture| fixture.name == "text").unwrap();
    let half = &fixture.bytes[..fixture.bytes.len() / 2];
    assert_eq!(play(&call, Protocol::Messages, &[], half, 50, true).kept, None);
    assert!(play(&call, Protocol::Messages, &[], &fixture.bytes, 50, true).kept.is_some());
}

#[test]
fn what_is_masked_stays_masked_in_what_is_kept() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":"write to ann@example.org"}],"stream":true}"#;
    let call = rig::call("POST", "/v1/chat/completions", &[], body).unwrap();
    let filters = filters(json!([
        {"name": "mail", "on": "input", "find": {"personal": ["email"]}, "action": "mask"},
        {"name": "words", "on": "output", "find": {"words": ["Zebra"]}, "action": "mask", "label": "ANIMAL"},
    ]));
    // The provider repeats the placeholder, and says a word that must not pass.
    let masked = rig::pass(&[], &filters, &call).unwrap().unwrap().call;
    let sent: Value = serde_json::from_slice(masked.body.bytes()).unwrap();
    let placeholder = sent["messages"][0]["content"].as_str().unwrap().strip_prefix("write to ").unwrap().to_owned();
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!(
            "data: {}\n\n",
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})
        )
    };
    let stream = [
        chunk(json!({"role": "assistant", "content": "To "}), Value::Null),
        chunk(json!({"content": placeholder}), Value::Null),
        chunk(json!({"content": " from a Zebra."}), Value::Null),
        chunk(json!({}), json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ];
    for size in [1, 9, usize::MAX] {
        let seen = play(&call, Protocol::Chat, &filters, stream.concat().as_bytes(), size, true);
        let told = rig::hear(Protocol::Chat, &seen.out).text;
        assert_eq!(told, "To ann@example.org from a [ANIMAL].", "the client has its own words back");
        let kept = seen.kept.unwrap();
        let (request, answer) = (String::from_utf8_lossy(&kept.request), String::from_utf8(kept.answer).unwrap());
        assert!(!request.contains("ann@") && request.contains(&placeholder), "{request}");
        assert!(answer.contains(&placeholder) && !answer.contains("ann@") && !answer.contains("Zebra"), "{answer}");
    }
}

#[test]
fn a_monitor_shows_both_sides_and_no_secret() {
    let head = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":""#;
    // The end of what is shown goes through the middle of a secret.
    let (before, behind) = ("x".repeat((32 << 10) - head.len() - SECRET.len() / 2), "x".repeat(60_000));
    let body = format!(r#"{head}{before}{SECRET}{behind}"}}]}}"#);
    let call = rig::call("POST", "/v1/chat/completions", &[], body).unwrap();
    let fixture = rig::fixtures("streams/messages").into_iter().find(|fixture| fixture.name == "text").unwrap();
    let text = String::from_utf8(fixture.bytes).unwrap().replacen("\"text\":\"", &format!("\"text\":\"{SECRET}"), 2);
    let seen = play(&call, Protocol::Messages, &[], text.as_bytes(), 11, true);
    let [step] = seen.shown.as_slice() else { panic!("{:?}", seen.shown) };
    assert_eq!((&step["client"], &step["wire"], &step["relayed"]), (&json!("chat"), &json!("messages"), &json!(false)));
    assert!(step["before"].as_str().unwrap().starts_with(head));
    assert!(step["after"].as_str().unwrap().contains("max_tokens"), "{}", step["after"]);
    assert!(step["received"][0].as_str().unwrap().starts_with("message_start: {"));
    assert!(step["sent"][0].as_str().unwrap().contains("chat.completion.chunk"));
    let shown = step.to_string();
    assert!(!shown.contains(&SECRET[..SECRET.len() / 2]), "{shown}");
    assert!(shown.len() < 4 * (32 << 10), "{} bytes", shown.len());
    assert!(step["sent"].as_array().unwrap().len() <= 24);
}

fn meta(protocol: &str, operation: &str) -> Meta {
    let text = str::to_owned;
    Meta {
        id: 1,
        at: Millis(5000),
        model: text("m"),
        protocol: text(protocol),
        operation: text(operation),
        finish: text("stop"),
        ..Meta::default()
    }
}

fn export(query: &str) -> Lines {
    Lines::new(&Export::of(&|name| crate::call::query(query, name)).unwrap())
}

#[test]
fn every_client_s_conversation_becomes_one_of_chat() {
    for client in CLIENTS.iter().copied() {
        let call = rig::simple_call(client, true);
        let fixtures = rig::fixtures("streams/messages");
        for name in ["text", "tools-parallel"] {
            let fixture = fixtures.iter().find(|fixture| fixture.name == name).unwrap();
            let kept = play(&call, Protocol::Messages, &[], &fixture.bytes, 64, true).kept.unwrap();
            let document = format!(
                "{{\"request\":{},\"answer\":{}}}",
                String::from_utf8_lossy(&kept.request),
                String::from_utf8_lossy(&kept.answer)
            );
            let meta = meta(client.name(), "generate");
            let mut lines = export("format=chat");
            let line: Value = serde_json::from_str(&lines.line(&meta, &document).unwrap()).unwrap();
            let messages = line["messages"].as_array().unwrap();
            assert_eq!((&messages[0]["role"], &messages[0]["content"]), (&json!("user"), &json!("hi")), "{client:?}");
            let answer = messages.last().unwrap();
            assert_eq!(answer["role"], "assistant");
            let known = ["role", "content", "tool_calls"];
            assert!(answer.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{answer}");
            assert_eq!(name == "text", answer.get("tool_calls").is_none(), "{client:?} {answer}");
            assert_eq!(lines.line(&meta, &document), None, "once");
            let pair: Value = serde_json::from_str(&export("format=pairs").line(&meta, &document).unwrap()).unwrap();
            assert_eq!(pair["request"], serde_json::from_slice::<Value>(&kept.request).unwrap());
            let mut all = export("format=pairs&distinct=false");
            assert!((0..2).all(|_| all.line(&meta, &document).is_some()));
        }
    }
}

#[test]
fn what_is_asked_of_captures_is_checked() {
    for query in ["format=csv", "from=yesterday", "distinct=maybe"] {
        assert!(Export::of(&|name| crate::call::query(query, name)).is_err(), "{query}");
    }
    let filter = captures::Filter::of(&|name| crate::call::query("from=5&token=t&model=m&finish=stop", name)).unwrap();
    let page = captures::page(&filter);
    assert_eq!(page.values, [json!(0), json!(5), json!("t"), json!("m"), json!("stop"), json!(200), json!(1 << 20)]);
    assert!(page.sql.contains("at >= ?2 AND token = ?3 AND model = ?4 AND finish = ?5"), "{}", page.sql);
}
