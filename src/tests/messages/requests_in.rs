//! A client's request, made canonical.

use serde_json::{Value, json};

use super::{call, decode};
use crate::call::Operation;
use crate::ir::{
    Cache, Depth, Effort, Extras, Issuer, Media, OutputFormat, Part, PartKind, Protocol, Reasoning, Role, Seal, Source,
    ToolCall, ToolChoice, ToolInput, ToolKind,
};
use crate::json::Json;
use crate::protocol::messages::Messages;
use crate::protocol::{Inbound, seal};

fn with(member: &str, value: Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    body[member] = value;
    body
}

fn said(content: Value) -> Value {
    with("messages", json!([{"role": "user", "content": content}]))
}

fn part(block: Value) -> Part {
    decode(&said(json!([block]))).turns.remove(0).parts.remove(0)
}

fn media(mime: &str, source: Source) -> PartKind {
    PartKind::Media(Media { mime: mime.to_owned(), source, name: None })
}

fn extras(members: Value) -> Extras {
    Extras::new(Protocol::Messages, members.as_object().unwrap().clone())
}

#[test]
fn every_block_becomes_its_part() {
    let data = || Source::Base64("aWk=".to_owned());
    let file = || Source::File { owner: Protocol::Messages, id: "file_1".to_owned() };
    let url = || Source::Url("https://x/y".to_owned());
    let image = |source| json!({"type": "image", "source": source});
    let document = |source| json!({"type": "document", "source": source});
    let opaque = |value| PartKind::Opaque { owner: Protocol::Messages, value };
    let call = |seal| ToolCall {
        id: "toolu_1".to_owned(),
        name: "f".to_owned(),
        input: ToolInput::Json(Json::parse("{\"a\":1.50}").unwrap()),
        seal,
    };
    let google = Seal { issuer: Issuer::Google, value: "Zw==".to_owned(), redacted: false };
    let result = |output, is_error| PartKind::ToolResult { id: "toolu_1".to_owned(), output, is_error };
    let table = [
        (json!({"type": "text", "text": "a"}), PartKind::Text("a".to_owned())),
        (image(json!({"type": "base64", "media_type": "image/png", "data": "aWk="})), media("image/png", data())),
        (image(json!({"type": "url", "url": "https://x/y"})), media("image/*", url())),
        (image(json!({"type": "url", "url": "data:image/gif;base64,aWk="})), media("image/gif", data())),
        (image(json!({"type": "file", "file_id": "file_1"})), media("image/*", file())),
        (
            document(json!({"type": "base64", "media_type": "application/pdf", "data": "aWk="})),
            media("application/pdf", data()),
        ),
        (document(json!({"type": "url", "url": "https://x/y"})), media("application/pdf", url())),
        (document(json!({"type": "file", "file_id": "file_1"})), media("application/pdf", file())),
        (
            document(json!({"type": "text", "media_type": "text/plain", "data": "doc"})),
            PartKind::Text("doc".to_owned()),
        ),
        (
            document(
                json!({"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
            ),
            PartKind::Text("a\n\nb".to_owned()),
        ),
        (
            json!({"type": "search_result", "source": "https://s", "title": "T",
                "content": [{"type": "text", "text": "found"}]}),
            PartKind::Text("T\nhttps://s\n\nfound".to_owned()),
        ),
        (json!({"type": "tool_reference", "tool_name": "f"}), PartKind::Text("f".to_owned())),
        (
            json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"}),
            PartKind::Thinking {
                text: "hm".to_owned(),
                seal: Some(Seal { issuer: Issuer::Anthropic, value: "c2ln".to_owned(), redacted: false }),
            },
        ),
        (
            json!({"type": "thinking", "thinking": "hm", "signature": ""}),
            PartKind::Thinking { text: "hm".to_owned(), seal: None },
        ),
        (
            json!({"type": "thinking", "thinking": "hm", "signature": seal::tag(&google, Issuer::Anthropic)}),
            PartKind::Thinking { text: "hm".to_owned(), seal: Some(google.clone()) },
        ),
        (
            json!({"type": "redacted_thinking", "data": "ZA=="}),
            PartKind::Thinking {
                text: String::new(),
                seal: Some(Seal { issuer: Issuer::Anthropic, value: "ZA==".to_owned(), redacted: true }),
            },
        ),
        (json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1.5}}), {
            let input = ToolInput::Json(Json::parse("{\"a\":1.5}").unwrap());
            PartKind::ToolCall(ToolCall { input, ..call(None) })
        }),
        (
            json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok", "is_error": true}),
            result(vec![Part::text("ok")], true),
        ),
        (json!({"type": "tool_result", "tool_use_id": "toolu_1"}), result(vec![], false)),
        (
            json!({"type": "tool_result", "tool_use_id": seal::carry("toolu_1", Some(&google)), "content": [
                {"type": "text", "text": "see"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aWk="}}]}),
            result(vec![Part::text("see"), media("image/png", data()).into()], false),
        ),
        (
            json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}),
            opaque(json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}})),
        ),
        (json!({"type": "novelty", "text": 7}), opaque(json!({"type": "novelty", "text": 7}))),
    ];
    for (block, kind) in table {
        assert_eq!(part(block.clone()).kind, kind, "{block}");
    }
    let carried = json!({"type": "tool_use", "id": seal::carry("toolu_1", Some(&google)), "name": "f", "input": {}});
    let PartKind::ToolCall(found) = part(carried).kind else { panic!() };
    assert_eq!((found.id.as_str(), found.seal), ("toolu_1", Some(google)));
}

#[test]
fn numbers_in_tool_input_are_kept_as_they_were_written() {
    let body = r#"{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[
        {"type":"tool_use","id":"t","name":"f","input": {"a":1.50,"b":12345678901234567890123}}]}]}"#;
    let mut call = call(&json!({}));
    call.body = crate::json::Body::parse(bytes::Bytes::from_static(body.as_bytes())).unwrap();
    let request = Messages.decode_request(&call).unwrap();
    let PartKind::ToolCall(found) = &request.turns[0].parts[0].kind else { panic!() };
    let ToolInput::Json(input) = &found.input else { panic!() };
    assert_eq!(input.get(), r#"{"a":1.50,"b":12345678901234567890123}"#);
}

#[test]
fn spelling_is_kept_for_its_owner() {
    let document = json!({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "x"},
        "title": "report.pdf", "context": "c", "citations": {"enabled": true}, "cache_control": {"type": "ephemeral"}});
    let found = part(document);
    assert!(matches!(&found.kind, PartKind::Media(media) if media.name.as_deref() == Some("report.pdf")));
    assert_eq!(found.extras, extras(json!({"citations": {"enabled": true}, "context": "c"})));
    assert_eq!(found.cache, Some(Cache::Short));
    let text = json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "doc"}});
    assert_eq!(part(text.clone()).extras, extras(json!({ "block": text })));
    let hints = json!({"service_tier": "auto", "context_management": {"edits": []}, "speed": "fast"});
    let mut body = said(json!("hi"));
    hints.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    body["output_config"] = json!({"task_budget": {"type": "tokens", "total": 5}});
    let mut expected = hints;
    expected["output_config"] = body["output_config"].clone();
    let found = decode(&body).extras;
    assert_eq!(found.of(Protocol::Messages).cloned().map(Value::Object), Some(expected));
}

#[test]
fn cache_marks_are_read_wherever_they_stand() {
    let short = json!({"type": "ephemeral"});
    let long = json!({"type": "ephemeral", "ttl": "1h"});
    let mut body = said(json!([{"type": "text", "text": "a", "cache_control": long}, {"type": "text", "text": "b"}]));
    body["system"] = json!([{"type": "text", "text": "s", "cache_control": short}]);
    body["tools"] = json!([
        {"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral", "ttl": "5m"}},
        {"type": "web_search_20250305", "name": "web_search", "cache_control": long}]);
    let request = decode(&body);
    let marks: Vec<_> = request.turns[0].parts.iter().map(|part| part.cache).collect();
    assert_eq!(marks, [Some(Cache::Long), None]);
    assert_eq!(request.system[0].cache, Some(Cache::Short));
    let marks: Vec<_> = request.tools.iter().map(|tool| tool.cache).collect();
    assert_eq!(marks, [Some(Cache::Short), Some(Cache::Long)]);
    let ToolKind::Opaque { owner: Protocol::Messages, value } = &request.tools[1].kind else { panic!() };
    assert_eq!(*value, json!({"type": "web_search_20250305", "name": "web_search"}));
}

#[test]
fn tools_and_their_choice_are_read() {
    let mut body = said(json!("hi"));
    body["tools"] = json!([{"type": "custom", "name": "f", "description": "d", "input_schema": {"type": "object"},
        "strict": true, "defer_loading": true, "input_examples": [{}], "eager_input_streaming": true}]);
    let request = decode(&body);
    let tool = &request.tools[0];
    assert_eq!((tool.name.as_str(), tool.description.as_deref()), ("f", Some("d")));
    let schema = Json::parse("{\"type\":\"object\"}").unwrap();
    assert_eq!(tool.kind, ToolKind::Function { schema, strict: Some(true) });
    let spelling = json!({"defer_loading": true, "eager_input_streaming": true, "input_examples": [{}]});
    assert_eq!(tool.extras, extras(spelling));
    let table = [
        (json!({"type": "auto"}), ToolChoice::Auto, None),
        (json!({"type": "any", "disable_parallel_tool_use": true}), ToolChoice::Required, Some(false)),
        (
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": false}),
            ToolChoice::Named("f".into()),
            Some(true),
        ),
        (json!({"type": "none"}), ToolChoice::None, None),
    ];
    for (choice, expected, parallel) in table {
        let request = decode(&with("tool_choice", choice));
        assert_eq!((request.tool_choice, request.parallel_tools), (Some(expected), parallel));
    }
}

#[test]
fn depth_and_visibility_of_thinking_are_read_apart() {
    let some = |depth, visible| Some(Reasoning { depth, visible });
    let effort = json!({"effort": "xhigh"});
    let table = [
        (json!(null), json!(null), None),
        (json!(null), effort.clone(), some(Some(Depth::Effort(Effort::XHigh)), None)),
        (json!({"type": "disabled"}), effort.clone(), some(Some(Depth::Off), None)),
        (json!({"type": "adaptive"}), json!(null), some(Some(Depth::Adaptive), None)),
        (
            json!({"type": "adaptive", "display": "summarized"}),
            effort.clone(),
            some(Some(Depth::Effort(Effort::XHigh)), Some(true)),
        ),
        (
            json!({"type": "enabled", "budget_tokens": 31999, "display": "omitted"}),
            effort,
            some(Some(Depth::Budget(31999)), Some(false)),
        ),
        (json!({"type": "between_tools"}), json!(null), some(Some(Depth::Adaptive), None)),
    ];
    for (thinking, config, expected) in table {
        let mut body = with("thinking", thinking.clone());
        body["output_config"] = config;
        assert_eq!(decode(&body).reasoning, expected, "{thinking}");
    }
}

#[test]
fn the_rest_of_a_request_is_read() {
    let mut body = said(json!("hi"));
    let members = json!({"system": "be", "temperature": 0, "top_p": 0.5, "top_k": 3, "stop_sequences": ["X"],
        "metadata": {"user_id": "u"}, "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}});
    members.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
    let request = decode(&body);
    assert_eq!(request.system, [Part::text("be")]);
    let sampling = &request.sampling;
    assert_eq!((sampling.max_tokens, sampling.temperature, sampling.top_p), (Some(9), Some(0.0), Some(0.5)));
    assert_eq!((sampling.top_k, sampling.stop.as_slice()), (Some(3), ["X".to_owned()].as_slice()));
    assert_eq!(request.user.as_deref(), Some("u"));
    let schema = Json::parse("{\"type\":\"object\"}").unwrap();
    let expected = OutputFormat::JsonSchema { name: None, description: None, schema, strict: None };
    assert_eq!(request.output, Some(expected.clone()));
    let old = with("output_format", json!({"type": "json_schema", "schema": {"type": "object"}}));
    assert_eq!(decode(&old).output, Some(expected));
}

/// Claude Code's `role: "system"` messages.
#[test]
fn instructions_in_the_middle_stay_there() {
    let request = decode(&with(
        "messages",
        json!([
        {"role": "system", "content": "first"},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": [{"type": "text", "text": "later"}]},
        {"role": "assistant", "content": "yo"}]),
    ));
    assert_eq!(request.system, [Part::text("first")]);
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::System, Role::Assistant]);
}

#[test]
fn a_refusal_names_the_field_and_its_place() {
    let message = |content: Value| json!([{"role": "user", "content": "hi"}, {"role": "user", "content": content}]);
    let tool = |tool: Value| json!([{"name": "a", "input_schema": {}}, tool]);
    let table = [
        ("max_tokens", json!(null), "max_tokens: missing"),
        ("max_tokens", json!("many"), "max_tokens: invalid type: string \"many\", expected u64"),
        ("messages", json!(null), "messages: invalid type: null, expected a sequence"),
        ("messages", json!([{"role": "robot", "content": "x"}]), "messages[0].role: unknown role `robot`"),
        ("messages", json!([{"role": "user"}]), "messages[0].content: missing"),
        ("messages", json!([{"content": "x"}]), "messages[0]: missing field `role`"),
        ("messages", message(json!(7)), "messages[1].content: invalid type: integer `7`, expected a string"),
        ("messages", message(json!([{"type": "text"}])), "messages[1].content[0].text: missing"),
        ("messages", message(json!([{"type": "text", "text": 7}])), "messages[1].content[0].text: invalid type"),
        ("messages", message(json!([{"text": "x"}])), "messages[1].content[0]: missing field `type`"),
        ("messages", message(json!([{"type": "image"}])), "messages[1].content[0].source: missing"),
        (
            "messages",
            message(json!([{"type": "image", "source": {"type": "ftp"}}])),
            "messages[1].content[0].source.type: unknown type `ftp`",
        ),
        (
            "messages",
            message(json!([{"type": "image", "source": {"type": "base64", "data": "x"}}])),
            "messages[1].content[0].source.media_type: missing",
        ),
        (
            "messages",
            message(json!([{"type": "tool_use", "id": "t", "name": "f", "input": [1]}])),
            "messages[1].content[0].input: not an object",
        ),
        (
            "messages",
            message(json!([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image"}]}])),
            "messages[1].content[0].content[0].source: missing",
        ),
        (
            "system",
            json!([{"type": "image", "source": {"type": "url", "url": "u"}}]),
            "system[0]: only text can instruct",
        ),
        ("tools", tool(json!({"name": "b"})), "tools[1].input_schema: missing"),
        ("tools", tool(json!({"input_schema": {}})), "tools[1]: missing field `name`"),
        ("tools", tool(json!({"name": "b", "input_schema": 3})), "tools[1].input_schema: not an object"),
        ("tool_choice", json!({"type": "some"}), "tool_choice.type: unknown type `some`"),
        ("tool_choice", json!({"type": "tool"}), "tool_choice.name: missing"),
        ("thinking", json!({"type": "deep"}), "thinking.type: unknown type `deep`"),
        ("output_config", json!({"effort": "huge"}), "output_config.effort: unknown level `huge`"),
        ("output_config", json!({"format": {"type": "xml"}}), "output_config.format.type: unknown type `xml`"),
        ("temperature", json!("hot"), "temperature: invalid type"),
        ("mcp_servers", json!([{"type": "url"}]), "mcp_servers: this provider cannot reach MCP servers"),
        ("container", json!("c_1"), "container: this provider has no containers"),
    ];
    for (member, value, expected) in table {
        let failure = Messages.decode_request(&call(&with(member, value))).unwrap_err();
        assert_eq!(failure.status, 400);
        assert!(failure.message.starts_with(expected), "{} / {expected}", failure.message);
        let param = failure.param.unwrap();
        assert!(failure.message.starts_with(&param) && param.starts_with(member), "{param}");
    }
    decode(&with("mcp_servers", json!([])));
}

#[test]
fn counting_tokens_needs_no_limit() {
    let mut call = call(&json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}));
    assert!(Messages.decode_request(&call).is_err());
    call.endpoint.operation = Operation::CountTokens;
    assert!(Messages.decode_request(&call).is_ok());
}

/// The answer that makes the SDKs' tool runner go on with its whole history.
#[test]
fn a_thread_is_refused_in_the_words_the_sdk_waits_for() {
    let failure = Messages.decode_request(&call(&with("thread", json!({"type": "create"})))).unwrap_err();
    let body: Value = serde_json::from_slice(&Messages.encode_failure(&failure)).unwrap();
    let expected = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "thread: conversations are not kept here; send the whole history",
        "details": {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}}});
    assert_eq!((failure.status, body), (400, expected));
    decode(&with("thread", json!(null)));
}
