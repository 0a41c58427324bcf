//! A canonical request, as Anthropic gets it.

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

/// aiclient2api §2: images, `is_error` and text beside a tool result were lost.
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

/// `(model, depth, max_tokens)` to `(max_tokens, thinking, effort)`.
#[test]
fn thinking_is_what_the_model_takes_and_leaves_room_to_answer() {
    use Depth::{Adaptive, Budget, Effort as Level, Off};
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    let adaptive = json!({"type": "adaptive"});
    let (no, off) = (json!(null), json!({"type": "disabled"}));
    let table = [
        // Models with budgets.
        (OLD, Budget(31_999), Some(32_000), 32_000, enabled(31_999), no.clone()),
        (OLD, Budget(100), Some(32_000), 32_000, enabled(1_024), no.clone()),
        (OLD, Budget(16_000), Some(4_000), 20_000, enabled(16_000), no.clone()),
        (OLD, Budget(60_000), Some(32_000), 64_000, enabled(48_000), no.clone()),
        (OLD, Level(Effort::High), Some(1_000), 25_576, enabled(24_576), no.clone()),
        (OLD, Level(Effort::Low), None, 64_000, enabled(1_024), no.clone()),
        (OLD, Off, Some(100), 100, off.clone(), no.clone()),
        (OLD, Off, Some(200_000), 64_000, off.clone(), no.clone()),
        ("claude-3-5-haiku-20241022", Level(Effort::High), None, 8_192, no.clone(), no.clone()),
        // Models with levels.
        ("claude-opus-5", Level(Effort::Minimal), Some(10), 10, adaptive.clone(), json!("low")),
        ("claude-opus-5", Level(Effort::XHigh), Some(10), 10, adaptive.clone(), json!("xhigh")),
        ("claude-opus-4-6", Level(Effort::XHigh), Some(10), 10, adaptive.clone(), json!("high")),
        ("claude-opus-5", Budget(20_000), Some(10), 10, adaptive.clone(), json!("high")),
        ("claude-opus-5", Adaptive, None, 128_000, adaptive.clone(), no.clone()),
        ("claude-opus-5", Off, Some(10), 10, off, no.clone()),
        // Models nobody knows.
        ("claude-next", Level(Effort::Max), Some(10), 10, adaptive.clone(), json!("max")),
        ("claude-next", Budget(2_000), None, 8_192, enabled(2_000), no.clone()),
        ("claude-next", Budget(9_000), None, 17_192, enabled(9_000), no.clone()),
        ("someone-else", Level(Effort::Medium), Some(32_000), 32_000, enabled(8_192), no.clone()),
        ("someone-else", Level(Effort::Medium), Some(4_000), 4_000, enabled(3_000), no.clone()),
        ("someone-else", Level(Effort::Medium), Some(1_200), 1_200, enabled(1_024), no.clone()),
        ("someone-else", Level(Effort::Medium), Some(1_024), 1_024, no.clone(), no.clone()),
        ("someone-else", Adaptive, Some(32_000), 32_000, enabled(8_192), no.clone()),
    ];
    for (model, depth, said, max_tokens, thinking, effort) in table {
        let mut request = hi();
        request.model = model.to_owned();
        request.sampling.max_tokens = said;
        request.reasoning = Some(Reasoning { depth: Some(depth), visible: None });
        let sent = encode(&request);
        let found = (&sent["max_tokens"], &sent["thinking"], &sent["output_config"]["effort"]);
        assert_eq!(found, (&json!(max_tokens), &thinking, &effort), "{model} {depth:?} {said:?}");
        for (visible, display) in [(true, "summarized"), (false, "omitted")] {
            request.reasoning = Some(Reasoning { depth: Some(depth), visible: Some(visible) });
            let sent = encode(&request);
            let thinks = thinking["type"] == "enabled" || thinking["type"] == "adaptive";
            assert_eq!(sent["thinking"].get("display"), thinks.then_some(&json!(display)), "{model} {depth:?}");
        }
    }
}

#[test]
fn thinking_is_left_out_where_anthropic_would_refuse_it() {
    let text = || Part::text("hi");
    let sealed = || thinking(Some(Issuer::Anthropic), false);
    let loop_of = |first: Vec<Part>| {
        vec![(Role::User, vec![text()]), (Role::Assistant, first), (Role::User, vec![result("c", vec![text()])])]
    };
    let (budget, adaptive) = (Depth::Budget(2_000), Depth::Effort(Effort::High));
    let table = [
        ("a tool is forced", OLD, budget, Some(ToolChoice::Required), vec![(Role::User, vec![text()])], false),
        (
            "a named tool",
            "claude-opus-5",
            adaptive,
            Some(ToolChoice::Named("f".into())),
            vec![(Role::User, vec![text()])],
            false,
        ),
        ("tools are free", OLD, budget, Some(ToolChoice::Auto), vec![(Role::User, vec![text()])], true),
        ("a loop without thinking", OLD, budget, None, loop_of(vec![call("c")]), false),
        (
            "a loop with foreign thinking",
            OLD,
            budget,
            None,
            loop_of(vec![thinking(Some(Issuer::Google), false), call("c")]),
            false,
        ),
        ("a loop with thinking too late", OLD, budget, None, loop_of(vec![text(), sealed(), call("c")]), false),
        ("a loop with its thinking", OLD, budget, None, loop_of(vec![sealed(), call("c")]), true),
        (
            "a loop with hidden thinking",
            OLD,
            budget,
            None,
            loop_of(vec![thinking(Some(Issuer::Anthropic), true), call("c")]),
            true,
        ),
        ("a loop of a model that decides itself", "claude-opus-5", adaptive, None, loop_of(vec![call("c")]), true),
        (
            "a finished loop",
            OLD,
            budget,
            None,
            {
                let mut turns = loop_of(vec![call("c")]);
                turns.extend([(Role::Assistant, vec![text()]), (Role::User, vec![text()])]);
                turns
            },
            true,
        ),
        (
            "a prefilled answer",
            OLD,
            budget,
            None,
            vec![(Role::User, vec![text()]), (Role::Assistant, vec![text()])],
            false,
        ),
    ];
    for (name, model, depth, choice, turns, expected) in table {
        let mut request = request(turns);
        request.model = model.to_owned();
        request.sampling.max_tokens = Some(9_000);
        request.tools = vec![function("f", "{\"type\":\"object\"}")];
        request.tool_choice = choice;
        request.reasoning = Some(Reasoning { depth: Some(depth), visible: None });
        assert_eq!(encode(&request).get("thinking").is_some(), expected, "{name}");
    }
    let mut off = hi();
    off.tools = vec![function("f", "{\"type\":\"object\"}")];
    off.tool_choice = Some(ToolChoice::Required);
    off.reasoning = Some(Reasoning { depth: Some(Depth::Off), visible: None });
    assert_eq!(encode(&off)["thinking"], json!({"type": "disabled"}), "off is never refused");
}

/// cliproxyapi §3.8: temperature, `top_p` and stop were dropped; aiclient2api §2: temperature 0 became 1, both of
/// temperature and `top_p` were sent, `stop` was dropped.
#[test]
fn sampling_is_sent_as_far_as_the_model_takes_it() {
    let thinks = Some(Reasoning { depth: Some(Depth::Budget(2_000)), visible: None });
    let table = [
        (OLD, None, Some(0.0), None, None, json!({"temperature": 0.0})),
        (OLD, None, Some(1.7), None, None, json!({"temperature": 1.0})),
        (OLD, None, Some(0.3), Some(0.9), Some(5), json!({"temperature": 0.3, "top_k": 5})),
        (OLD, None, None, Some(0.9), None, json!({"top_p": 0.9})),
        (OLD, thinks, Some(0.3), Some(0.9), Some(5), json!({})),
        (OLD, thinks, Some(1.0), None, None, json!({"temperature": 1.0})),
        (OLD, thinks, Some(0.3), Some(0.97), None, json!({"top_p": 0.97})),
        ("claude-opus-4-6", None, Some(0.3), None, None, json!({"temperature": 0.3})),
        ("claude-opus-4-7", None, Some(0.3), Some(0.9), Some(5), json!({})),
        ("claude-opus-5", None, Some(0.3), None, None, json!({})),
        ("someone-else", None, Some(0.3), None, Some(5), json!({"temperature": 0.3, "top_k": 5})),
    ];
    for (model, reasoning, temperature, top_p, top_k, expected) in table {
        let mut request = hi();
        request.model = model.to_owned();
        request.reasoning = reasoning;
        request.sampling.max_tokens = Some(9_000);
        (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k) = (temperature, top_p, top_k);
        // Hints that this wire has no word for.
        request.sampling.seed = Some(7);
        request.sampling.presence_penalty = Some(0.5);
        request.sampling.frequency_penalty = Some(0.5);
        request.sampling.n = Some(1);
        let sent = encode(&request);
        let mut found = sent.as_object().unwrap().clone();
        found.retain(|name, _| !["model", "max_tokens", "messages", "thinking"].contains(&name.as_str()));
        assert_eq!(Value::Object(found), expected, "{model} {temperature:?} {top_p:?}");
    }
    let mut request = hi();
    request.sampling.stop = vec!["END".to_owned(), " \n".to_owned(), String::new()];
    assert_eq!(encode(&request)["stop_sequences"], json!(["END"]));
    request.sampling.n = Some(2);
    assert_eq!(refusal(&request), "n: this provider gives one answer at a time");
}

/// cliproxyapi §3.8: tool choice `none` ignored, `parallel_tool_calls` dropped; aiclient2api §2: choice always `auto`.
#[test]
fn the_choice_of_tools_is_sent() {
    let table = [
        (None, None, json!(null)),
        (None, Some(true), json!(null)),
        (None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Auto), None, json!({"type": "auto"})),
        (Some(ToolChoice::Required), Some(false), json!({"type": "any", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Named("f".into())), None, json!({"type": "tool", "name": "f"})),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"})),
    ];
    for (choice, parallel, expected) in table {
        let mut request = hi();
        (request.tool_choice, request.parallel_tools) = (choice.clone(), parallel);
        assert_eq!(encode(&request).get("tool_choice"), None, "no choice without tools");
        request.tools = vec![function("f", "{\"type\":\"object\"}")];
        assert_eq!(encode(&request)["tool_choice"], expected, "{choice:?} {parallel:?}");
    }
}

#[test]
fn a_web_search_is_anthropics_own_for_claude_and_nothing_for_others() {
    let search = |value: Value| Tool {
        kind: ToolKind::Opaque { owner: Protocol::Responses, value },
        ..function("web_search", "{}")
    };
    let location = json!({"type": "approximate", "country": "DE"});
    let asked = json!({"type": "web_search", "external_web_access": true, "user_location": location,
        "filters": {"allowed_domains": ["a.org"]}});
    let own = json!({"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.org"],
        "user_location": location});
    let offline = json!({"type": "web_search", "external_web_access": false});
    let f = || function("f", "{\"type\":\"object\"}");
    let sent_f = json!({"name": "f", "input_schema": {"type": "object"}});
    let taken = function("web_search", "{\"type\":\"object\"}");
    let table = [
        (OLD, vec![f(), search(asked.clone())], json!([sent_f, own])),
        (OLD, vec![search(offline)], json!(null)),
        (OLD, vec![taken, search(asked.clone())], json!([{"name": "web_search", "input_schema": {"type": "object"}}])),
        ("kimi-k2", vec![f(), search(asked.clone())], json!([sent_f])),
        ("kimi-k2", vec![search(asked)], json!(null)),
    ];
    for (model, tools, expected) in table {
        let request = Request { model: model.to_owned(), tools, ..hi() };
        assert_eq!(encode(&request)["tools"], expected, "{model}");
    }
}

#[test]
fn tools_of_the_history_are_declared_even_if_none_is_offered() {
    let history = request(vec![
        (Role::User, vec![Part::text("hi")]),
        (Role::Assistant, vec![call("a"), call("b")]),
        (Role::User, vec![result("a", vec![]), result("b", vec![])]),
    ]);
    let sent = encode(&history);
    assert_eq!(sent["tools"], json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}]));
    assert_eq!(sent["tool_choice"], json!({"type": "none"}));
}

/// cliproxyapi §3.8: a tool without parameters got no `input_schema`.
#[test]
fn an_input_schema_is_always_an_object() {
    let table = [
        ("{}", json!({"type": "object", "properties": {}})),
        (r#"{"properties":{"a":{}}}"#, json!({"properties": {"a": {}}, "type": "object"})),
        (r#"{"type":["object","null"]}"#, json!({"type": "object", "properties": {}})),
        (
            r#"{"anyOf":[{"properties":{"a":{},"b":{}},"required":["a","b"]},{"properties":{"a":{}},"required":["a"]}]}"#,
            json!({"properties": {"a": {}, "b": {}}, "required": ["a"], "type": "object"}),
        ),
        (
            r##"{"type":"object","$defs":{"x":{"properties":{"a":{}},"required":["a"]}},"required":["c"],
                "allOf":[{"$ref":"#/$defs/x"},{"properties":{"b":{}},"required":["b"]}]}"##,
            json!({"type": "object", "$defs": {"x": {"properties": {"a": {}}, "required": ["a"]}},
                "properties": {"a": {}, "b": {}}, "required": ["c", "a", "b"]}),
        ),
    ];
    for (schema, expected) in table {
        let mut request = hi();
        request.tools = vec![function("f", schema)];
        assert_eq!(encode(&request)["tools"][0]["input_schema"], expected, "{schema}");
    }
    let raw = r#"{ "type":"object", "properties":{"n":{"maximum":1.50}} }"#;
    let mut request = hi();
    request.tools = vec![Tool { description: Some("d".into()), ..function("f", raw) }];
    request.tools[0].kind = ToolKind::Function { schema: Json::parse(raw).unwrap(), strict: Some(true) };
    let bytes = Messages.encode_request(&request).unwrap();
    let expected = format!(r#""tools":[{{"name":"f","description":"d","input_schema":{raw},"strict":true}}]"#);
    assert!(String::from_utf8(bytes).unwrap().contains(&expected), "a fitting schema is sent as it was written");
}

/// cliproxyapi §3.8: `response_format` was dropped.
#[test]
fn an_answers_schema_is_sent_with_its_objects_closed() {
    let schema = Json::parse(
        r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"object"}},"type":{"type":"string"}},
            "$defs":{"x":{"anyOf":[{"type":"object","additionalProperties":true}]}}}"#,
    );
    let mut request = hi();
    let schema = schema.unwrap();
    request.output = Some(OutputFormat::JsonSchema { name: Some("n".into()), description: None, schema, strict: None });
    let expected = json!({"format": {"type": "json_schema", "schema": {"type": "object", "properties": {
            "a": {"type": "array", "items": {"type": "object", "additionalProperties": false}}, "type": {"type": "string"}},
        "$defs": {"x": {"anyOf": [{"type": "object", "additionalProperties": true}]}}, "additionalProperties": false}}});
    assert_eq!(encode(&request)["output_config"], expected);
    request.output = Some(OutputFormat::JsonObject);
    assert_eq!(encode(&request).get("output_config"), None, "a hint: the prompt asks for JSON too");
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

/// cliproxyapi §3.8: names were not made legal for Claude; freeform tools lost.
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
