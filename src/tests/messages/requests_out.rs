//! A canonical request, as Anthropic gets it.

mod depth;
mod offers;

use serde_json::{Value, json};

use super::encode;
use crate::ir::{
    Cache, Depth, Effort, Issuer, Media, OutputFormat, Part, PartKind, Protocol, Reasoning, Request, Role, Seal,
    Source, Tool, ToolCall, ToolChoice, ToolInput, ToolKind, Turn,
};
use crate::json::Json;
use crate::protocol::messages::Messages;
use crate::protocol::{Outbound, tools, turns};

const OLD: &str = "claude-sonnet-4-5";

type Turns = Vec<(Role, Vec<Part>)>;

fn request(turns: Turns) -> Request {
    let turns = turns.into_iter().map(|(role, parts)| Turn { role, parts }).collect();
    Request { model: OLD.to_owned(), turns, ..Request::default() }
}

fn hi() -> Request {
    request(vec![(Role::User, vec![Part::text("hi")])])
}

fn call(id: &str) -> Part {
    let input = ToolInput::Json(Json::parse("{\"a\":1.50}").unwrap());
    PartKind::ToolCall(ToolCall { id: id.to_owned(), name: "f".to_owned(), input, seal: None }).into()
}

fn result(id: &str, output: Vec<Part>) -> Part {
    PartKind::ToolResult { id: id.to_owned(), output, is_error: false }.into()
}

fn thinking(issuer: Option<Issuer>, redacted: bool) -> Part {
    let seal = issuer.map(|issuer| Seal { issuer, value: "c2ln".to_owned(), redacted });
    PartKind::Thinking { text: if redacted { String::new() } else { "hm".to_owned() }, seal }.into()
}

fn media(mime: &str, source: Source) -> Part {
    PartKind::Media(Media { mime: mime.to_owned(), source, name: None }).into()
}

fn function(name: &str, schema: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        description: None,
        kind: ToolKind::Function { schema: Json::parse(schema).unwrap(), strict: None },
        cache: None,
        extras: Default::default(),
    }
}

fn refusal(request: &Request) -> String {
    let failure = Messages.encode_request(request).unwrap_err();
    assert_eq!(failure.status, 400);
    failure.message
}

#[test]
fn the_smallest_request() {
    let expected = json!({"model": OLD, "max_tokens": 64000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]});
    assert_eq!(encode(&hi()), expected);
}

#[test]
fn a_conversation_is_the_users_and_the_assistants_in_turn() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let t = Part::text;
    let (s, u, a) = (Role::System, Role::User, Role::Assistant);
    let table: [(&str, Turns, Value); 7] = [
        (
            "instructions join the user who follows",
            vec![(u, vec![t("1")]), (a, vec![t("2")]), (s, vec![t("be"), t("kind")]), (u, vec![t("3")])],
            json!([
                ["user", [text("1")]],
                ["assistant", [text("2")]],
                ["user", [text("<system>\nbe\nkind\n</system>"), text("3")]]
            ]),
        ),
        (
            "instructions join the user before",
            vec![(u, vec![t("1")]), (s, vec![t("be")]), (a, vec![t("2")])],
            json!([["user", [text("1"), text("<system>\nbe\n</system>")]], ["assistant", [text("2")]]]),
        ),
        (
            "instructions between assistant turns",
            vec![(u, vec![t("1")]), (a, vec![t("2")]), (s, vec![t("be")]), (a, vec![t("3")])],
            json!([
                ["user", [text("1")]],
                ["assistant", [text("2")]],
                ["user", [text("<system>\nbe\n</system>")]],
                ["assistant", [text("3")]]
            ]),
        ),
        (
            "instructions behind tool results",
            vec![(u, vec![t("1")]), (a, vec![call("c")]), (s, vec![t("be")]), (u, vec![result("c", vec![t("ok")])])],
            json!([["user", [text("1")]],
                ["assistant", [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1.5}}]],
                ["user", [{"type": "tool_result", "tool_use_id": "c", "content": "ok"}, text("<system>\nbe\n</system>")]]]),
        ),
        (
            "the assistant cannot open",
            vec![(a, vec![t("hello")]), (u, vec![t("1")])],
            json!([["user", [text(".")]], ["assistant", [text("hello")]], ["user", [text("1")]]]),
        ),
        (
            "blank parts and what they leave empty",
            vec![(u, vec![t("1"), t(" \n")]), (a, vec![t(""), thinking(None, false)]), (u, vec![t("2")])],
            json!([["user", [text("1"), text("2")]]]),
        ),
        ("indentation is kept", vec![(u, vec![t("  if x:\n    y\n")])], json!([["user", [text("  if x:\n    y\n")]]])),
    ];
    for (name, turns, expected) in table {
        let mut request = request(turns);
        turns::normalize(&mut request);
        let sent = encode(&request);
        let found: Vec<Value> =
            sent["messages"].as_array().unwrap().iter().map(|m| json!([m["role"], m["content"]])).collect();
        assert_eq!(Value::Array(found), expected, "{name}");
    }
}

#[test]
fn instructions_alone_are_the_users_message() {
    let mut alone = request(vec![]);
    alone.system = vec![Part::text("Write a poem.")];
    let sent = encode(&alone);
    assert_eq!(sent["messages"], json!([{"role": "user", "content": [{"type": "text", "text": "Write a poem."}]}]));
    assert_eq!(sent.get("system"), None);
    assert_eq!(refusal(&request(vec![])), "messages: empty");
}

#[test]
fn only_anthropics_own_seals_go_back() {
    let parts = vec![
        thinking(Some(Issuer::Anthropic), false),
        thinking(Some(Issuer::Anthropic), true),
        thinking(Some(Issuer::Google), false),
        thinking(Some(Issuer::OpenAi), true),
        thinking(None, false),
        Part::text("so"),
    ];
    let sent = encode(&request(vec![(Role::User, vec![Part::text("hi")]), (Role::Assistant, parts)]));
    let expected = json!([{"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "c2ln"}, {"type": "text", "text": "so"}]);
    assert_eq!(sent["messages"][1]["content"], expected);
}

#[test]
fn ids_outside_the_alphabet_change_alike_in_call_and_result() {
    for id in ["functions.f:0", "call|x", "", "ü"] {
        let mut request = request(vec![
            (Role::User, vec![Part::text("hi")]),
            (Role::Assistant, vec![call(id)]),
            (Role::User, vec![result(id, vec![])]),
        ]);
        request.tools = vec![function("f", "{\"type\":\"object\"}")];
        let sent = encode(&request);
        let called = sent["messages"][1]["content"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], called.as_str());
        assert!(
            !called.is_empty() && called.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'),
            "{called}"
        );
    }
    let two = ["a.b", "a:b"].map(|id| {
        let sent = encode(&request(vec![(Role::User, vec![Part::text("hi")]), (Role::Assistant, vec![call(id)])]));
        sent["messages"][1]["content"][0]["id"].clone()
    });
    assert_ne!(two[0], two[1]);
}

/// Seen in other gateways: images, `is_error` and text beside a tool result were lost.
#[test]
fn a_tool_result_keeps_everything_in_and_beside_it() {
    let image = || media("image/png", Source::Base64("aWk=".to_owned()));
    let failed =
        PartKind::ToolResult { id: "b".to_owned(), output: vec![Part::text("see"), image()], is_error: true }.into();
    let mut request = request(vec![
        (Role::User, vec![Part::text("hi")]),
        (Role::Assistant, vec![Part::text("looking"), call("a"), call("b")]),
        (Role::User, vec![Part::text("and?"), failed, result("a", vec![Part::text("")])]),
    ]);
    turns::normalize(&mut request);
    let sent = encode(&request);
    let kinds = |index: usize| -> Vec<Value> {
        let content = sent["messages"][index]["content"].as_array().unwrap();
        content.iter().map(|block| block["type"].clone()).collect()
    };
    assert_eq!(kinds(1), ["text", "tool_use", "tool_use"]);
    let expected = json!([
        {"type": "tool_result", "tool_use_id": "a"},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "see"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aWk="}}], "is_error": true},
        {"type": "text", "text": "and?"}]);
    assert_eq!(sent["messages"][2]["content"], expected);
}

#[test]
fn media_is_sent_as_what_it_is_or_refused_by_name() {
    let data = |data: &str| Source::Base64(data.to_owned());
    let url = |url: &str| Source::Url(url.to_owned());
    let block = |kind: &str, source: Value| Ok(json!({"type": kind, "source": source}));
    let base64 = |mime: &str| json!({"type": "base64", "media_type": mime, "data": "aWk="});
    let at = |url: &str| json!({"type": "url", "url": url});
    let refused = |what: &str| Err(format!("messages[0].content[0]: this provider does not take {what}"));
    let file = |owner| Source::File { owner, id: "f1".to_owned() };
    let table = [
        (media("image/png", data("aWk=")), block("image", base64("image/png"))),
        (media("image/jpg", data("aWk=")), block("image", base64("image/jpeg"))),
        (media("image/*", url("https://x/a")), block("image", at("https://x/a"))),
        (
            media("", data("R0lGaa==")),
            block("image", json!({"type": "base64", "media_type": "image/gif", "data": "R0lGaa=="})),
        ),
        (media("", url("https://x/a")), block("image", at("https://x/a"))),
        (media("", url("https://x/a.pdf")), block("document", at("https://x/a.pdf"))),
        (media("application/pdf", data("aWk=")), block("document", base64("application/pdf"))),
        (media("application/pdf", url("https://x/a")), block("document", at("https://x/a"))),
        (
            media("text/csv", data("YSxi")),
            block("document", json!({"type": "text", "media_type": "text/plain", "data": "a,b"})),
        ),
        (media("image/*", file(Protocol::Messages)), block("image", json!({"type": "file", "file_id": "f1"}))),
        (
            media("application/pdf", file(Protocol::Messages)),
            block("document", json!({"type": "file", "file_id": "f1"})),
        ),
        (media("application/pdf", file(Protocol::Responses)), refused("files stored at another provider")),
        (media("audio/wav", data("aWk=")), refused("`audio/wav`")),
        (media("video/mp4", url("https://x/a")), refused("`video/mp4`")),
        (
            media("image/*", data("/9j/aWk=")),
            block("image", json!({"type": "base64", "media_type": "image/jpeg", "data": "/9j/aWk="})),
        ),
        (media("text/plain", data("/w==")), refused("text that is not UTF-8 in base64")),
    ];
    for (part, expected) in table {
        let request = request(vec![(Role::User, vec![part.clone()])]);
        let found = match Messages.encode_request(&request) {
            Ok(bytes) => Ok(serde_json::from_slice::<Value>(&bytes).unwrap()["messages"][0]["content"][0].clone()),
            Err(failure) => Err(failure.message),
        };
        assert_eq!(found, expected, "{part:?}");
    }
    let pdf = Media { mime: "application/pdf".into(), source: data("aWk="), name: Some("a.pdf".into()) };
    let sent = encode(&request(vec![(Role::User, vec![PartKind::Media(pdf).into()])]));
    assert_eq!(sent["messages"][0]["content"][0]["title"], "a.pdf");
}

#[test]
fn cache_marks_stay_within_bounds() {
    use Cache::{Long as L, Short as S};
    let ttl = |mark: &Value| match (mark.is_null(), mark["ttl"] == "1h") {
        (true, _) => '-',
        (_, true) => 'L',
        (_, false) => 'S',
    };
    // Places: one tool, one system part, then text parts.
    let table: [(&[Option<Cache>], &str); 6] = [
        (&[Some(S), Some(S), Some(S), Some(S)], "SSSS"),
        (&[Some(S), None, Some(S)], "S-S"),
        (&[Some(S), Some(S), Some(S), Some(S), Some(S), Some(S)], "--SSSS"),
        (&[Some(L), Some(L), Some(S)], "LLS"),
        (&[Some(S), Some(L), Some(L)], "SSS"),
        (&[Some(S), Some(L), Some(L), None, Some(L), Some(S)], "-LL-LS"),
    ];
    for (marks, expected) in table {
        let mut request = request(vec![]);
        request.tools = vec![Tool { cache: marks[0], ..function("f", "{\"type\":\"object\"}") }];
        request.system = vec![Part { cache: marks[1], ..Part::text("s") }];
        let parts = marks[2..].iter().map(|mark| Part { cache: *mark, ..Part::text("t") }).collect();
        request.turns = vec![Turn { role: Role::User, parts }];
        let sent = encode(&request);
        let content = sent["messages"].as_array().into_iter().flatten().flat_map(|m| m["content"].as_array().unwrap());
        let places = [&sent["tools"][0], &sent["system"][0]].into_iter().chain(content);
        let found: String = places.map(|block| ttl(&block["cache_control"])).collect();
        assert_eq!(found, expected);
    }
    let inner = vec![Part { cache: Some(S), ..Part::text("ok") }, Part::text("so")];
    let marked = request(vec![
        (Role::User, vec![Part::text("hi")]),
        (Role::Assistant, vec![call("c")]),
        (Role::User, vec![result("c", inner)]),
    ]);
    let sent = encode(&marked);
    assert_eq!(sent["messages"][2]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    let sealed = Part { cache: Some(S), ..thinking(Some(Issuer::Anthropic), false) };
    let sent = encode(&request(vec![(Role::User, vec![Part::text("hi")]), (Role::Assistant, vec![sealed])]));
    assert_eq!(sent["messages"][1]["content"][0].get("cache_control"), None, "thinking cannot be marked");
}

#[test]
fn what_only_another_protocol_knows_is_refused_by_name() {
    let opaque = |kind: &str| PartKind::Opaque { owner: Protocol::Responses, value: json!({ "type": kind }) };
    let part = request(vec![(Role::User, vec![Part::text("a"), opaque("computer_call").into()])]);
    assert_eq!(refusal(&part), "messages[0].content[1]: this provider does not know `computer_call` items");
    let mut tool = hi();
    tool.tools = vec![function("f", "{}"), function("g", "{}")];
    tool.tools[1].kind = ToolKind::Opaque { owner: Protocol::Responses, value: json!({"type": "file_search"}) };
    assert_eq!(refusal(&tool), "tools[1]: this provider cannot run `file_search` tools");
    tool.tools[1].name = "codeExecution".into();
    tool.tools[1].kind = ToolKind::Opaque { owner: Protocol::Gemini, value: json!({"codeExecution": {}}) };
    assert_eq!(refusal(&tool), "tools[1]: this provider cannot run `codeExecution` tools");
    let mut system = hi();
    system.system = vec![media("image/png", Source::Base64("x".into()))];
    assert_eq!(refusal(&system), "system[0]: this provider is instructed in text");
    let nested = request(vec![(Role::User, vec![result("c", vec![Part::text("a"), call("d")])])]);
    let expected = "messages[0].content[0].content[1]: a tool result holds text, images and documents";
    assert_eq!(refusal(&nested), expected);
}

/// Seen in other gateways: names were not made legal for Claude; freeform tools lost.
#[test]
fn names_and_freeform_tools_fit_after_the_rules_were_applied() {
    let mut request = hi();
    let long = "n".repeat(200);
    request.tools = vec![function("a.b", "{}"), function(&long, "{}"), function("patch", "{}")];
    request.tools[2].kind = ToolKind::Custom { format: None };
    assert_eq!(refusal(&request), "tools[2]: this provider has no freeform tools");
    tools::fit(&mut request, Messages.tool_rules());
    let sent = encode(&request);
    for tool in sent["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        assert!(name.len() <= 128 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
    }
    assert_eq!(sent["tools"][2]["input_schema"]["required"], json!(["input"]));
}

#[test]
fn the_end_user_and_streaming_are_sent() {
    let request = Request { user: Some("u".to_owned()), stream: true, ..hi() };
    let sent = encode(&request);
    assert_eq!((&sent["metadata"], &sent["stream"]), (&json!({"user_id": "u"}), &json!(true)));
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let request = request(vec![
        (Role::User, vec![Part::text("hi")]),
        (Role::Assistant, vec![call("a:b"), call("c")]),
        (Role::User, vec![result("a:b", vec![]), result("c", vec![])]),
    ]);
    let once = Messages.encode_request(&request).unwrap();
    assert_eq!(Messages.encode_request(&request.clone()).unwrap(), once);
}
