//! Requests: from the client to the canonical form, and from there to a provider.

use serde_json::{Value, json};

use super::{call, decode, encode};
use crate::ir::{
    Depth, Effort, Issuer, Media, OutputFormat, Part, PartKind, Protocol, Reasoning, Request, Role, Seal, Source, Tool,
    ToolCall, ToolChoice, ToolInput, ToolKind, Turn,
};
use crate::json::Json;
use crate::protocol::responses::Responses;
use crate::protocol::{Inbound, Outbound};

pub(super) fn refusal(body: &Value) -> (u16, String) {
    let failure = Responses.decode_request(&call(body)).unwrap_err();
    (failure.status, failure.message)
}

fn with(input: Value) -> Value {
    json!({"model": "gpt-5", "input": input})
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

#[test]
fn a_string_is_a_user_message() {
    let request = decode(&with(json!("hi \"there\"")));
    assert_eq!(request.turns, [turn(Role::User, vec![Part::text("hi \"there\"")])]);
}

#[test]
fn messages_need_no_type_and_leading_instructions_are_the_system() {
    let request = decode(&json!({"model": "m", "instructions": "one", "input": [
        {"role": "developer", "content": "two"},
        {"role": "system", "content": [{"type": "input_text", "text": "three"}]},
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "message", "role": "assistant", "phase": "final_answer", "id": "msg_1", "status": "completed",
            "content": [{"type": "output_text", "text": "yes", "annotations": []}, {"type": "refusal", "refusal": "no"}]},
        {"role": "developer", "content": "from now on"},
        {"role": "user", "content": "go"},
    ]}));
    assert_eq!(request.system, [Part::text("one"), Part::text("two"), Part::text("three")]);
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::System, Role::User]);
    let texts: Vec<&PartKind> = request.turns[1].parts.iter().map(|part| &part.kind).collect();
    assert_eq!(texts, [&PartKind::Text("yes".into()), &PartKind::Text("no".into())]);
    assert_eq!(request.turns[1].parts[0].extras.of(Protocol::Responses).unwrap()["phase"], "final_answer");
}

/// cliproxyapi §3.8 and aiclient2api §2: developer became user, assistant or a second system message.
#[test]
fn a_developer_message_in_the_middle_keeps_its_place_and_rank() {
    let body = with(json!([
        {"role": "user", "content": "a"}, {"role": "developer", "content": "b"}, {"role": "user", "content": "c"}]));
    let sent = encode(&decode(&body));
    let roles: Vec<&Value> = sent["input"].as_array().unwrap().iter().map(|item| &item["role"]).collect();
    assert_eq!(roles, ["user", "developer", "user"]);
    assert!(sent.get("instructions").is_none());
}

/// aiclient2api §2: images were looked for at `image_url.url`, so they were dropped.
#[test]
fn media_of_every_kind_is_kept() {
    let request = decode(&with(json!([{"role": "user", "content": [
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
        {"type": "input_image", "image_url": "https://x.test/a.png"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"},
        {"type": "input_file", "filename": "a.csv", "file_data": "CCCC"},
        {"type": "input_file", "file_url": "https://x.test/b.pdf?x=1"},
        {"type": "input_file", "file_id": "file_2"},
        {"type": "input_audio", "input_audio": {"data": "DDDD", "format": "wav"}},
    ]}])));
    let media = |mime: &str, source, name: Option<&str>| {
        PartKind::Media(Media { mime: mime.into(), source, name: name.map(str::to_owned) })
    };
    let file = |id: &str| Source::File { owner: Protocol::Responses, id: id.into() };
    let kinds: Vec<PartKind> = request.turns[0].parts.iter().map(|part| part.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            media("image/png", Source::Base64("AAAA".into()), None),
            media("image/*", Source::Url("https://x.test/a.png".into()), None),
            media("image/*", file("file_1"), None),
            media("application/pdf", Source::Base64("BBBB".into()), Some("a.pdf")),
            media("text/csv", Source::Base64("CCCC".into()), Some("a.csv")),
            media("application/pdf", Source::Url("https://x.test/b.pdf?x=1".into()), None),
            media("", file("file_2"), None),
            media("audio/wav", Source::Base64("DDDD".into()), None),
        ]
    );
    assert_eq!(
        encode(&request)["input"][0]["content"],
        json!([
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
            {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
            {"type": "input_image", "file_id": "file_1", "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"},
            {"type": "input_file", "filename": "a.csv", "file_data": "data:text/csv;base64,CCCC"},
            {"type": "input_file", "file_url": "https://x.test/b.pdf?x=1"},
            {"type": "input_file", "file_id": "file_2"},
            {"type": "input_audio", "input_audio": {"data": "DDDD", "format": "wav"}},
        ])
    );
}

#[test]
fn calls_and_results_of_both_kinds_are_read() {
    let request = decode(&with(json!([
        {"role": "user", "content": "go"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}", "status": "completed"},
        {"type": "function_call", "call_id": "c2", "name": "t", "namespace": "ns", "arguments": ""},
        {"type": "custom_tool_call", "call_id": "c3", "name": "patch", "input": "*** Begin"},
        {"type": "function_call_output", "call_id": "c1", "output": "fine"},
        {"type": "function_call_output", "call_id": "c2", "output": [
            {"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]},
        {"type": "custom_tool_call_output", "call_id": "c3", "output": [{"type": "input_text", "text": "done"}]},
    ])));
    let call = |id: &str, name: &str, input| {
        PartKind::ToolCall(ToolCall { id: id.into(), name: name.into(), input, seal: None }).into()
    };
    let result = |id: &str, output| PartKind::ToolResult { id: id.into(), output, is_error: false }.into();
    let image =
        PartKind::Media(Media { mime: "image/png".into(), source: Source::Base64("AAAA".into()), name: None }).into();
    let expected = [
        turn(Role::User, vec![Part::text("go")]),
        turn(
            Role::Assistant,
            vec![
                call("c1", "f", ToolInput::Json(Json::parse("{\"a\":1}").unwrap())),
                call("c2", "ns__t", ToolInput::Json(Json::empty_object())),
                call("c3", "patch", ToolInput::Text("*** Begin".into())),
            ],
        ),
        turn(
            Role::User,
            vec![
                result("c1", vec![Part::text("fine")]),
                result("c2", vec![Part::text("see"), image]),
                result("c3", vec![Part::text("done")]),
            ],
        ),
    ];
    assert_eq!(request.turns, expected);
    let sent = encode(&request);
    let kinds: Vec<&Value> = sent["input"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
    let call_kinds = ["message", "function_call", "function_call", "custom_tool_call"];
    let output_kinds = ["function_call_output", "function_call_output", "custom_tool_call_output"];
    assert_eq!(kinds, [call_kinds.as_slice(), &output_kinds].concat());
    assert_eq!(sent["input"][4]["output"], "fine");
    assert_eq!(sent["input"][5]["output"][1]["image_url"], "data:image/png;base64,AAAA");
}

#[test]
fn encrypted_reasoning_returns_under_its_own_id() {
    let body = with(json!([
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "content": null, "encrypted_content": "gAAA",
            "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]},
        {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "open"}]},
    ]));
    let request = decode(&body);
    let thinking = |text: &str, seal: Option<&str>| {
        let seal = seal.map(|value| Seal { issuer: Issuer::OpenAi, value: value.to_owned(), redacted: false });
        PartKind::Thinking { text: text.into(), seal }.into()
    };
    assert_eq!(request.turns[1].parts, [thinking("a\n\nb", Some("rs_1:gAAA")), thinking("open", None)]);
    let sent = encode(&request);
    assert_eq!(
        sent["input"][1],
        json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA",
            "summary": [{"type": "summary_text", "text": "a\n\nb"}]})
    );
    assert_eq!(sent["input"].as_array().unwrap().len(), 2, "reasoning without proof is not sent: {sent}");
    assert_eq!(sent["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(sent["store"], false);
}

#[test]
fn a_seal_of_another_issuer_never_reaches_openai() {
    let seal = Seal { issuer: Issuer::Anthropic, value: "sig".into(), redacted: false };
    let parts = vec![PartKind::Thinking { text: "hm".into(), seal: Some(seal) }.into(), Part::text("ok")];
    let request = Request { model: "gpt-5".into(), turns: vec![turn(Role::Assistant, parts)], ..Request::default() };
    assert_eq!(encode(&request)["input"], json!([{"type": "message", "role": "assistant", "content": "ok"}]));
}

#[test]
fn tools_of_every_kind_are_read() {
    let request = decode(&json!({"model": "m", "input": [
        {"type": "additional_tools", "role": "developer", "tools": [
            {"type": "namespace", "name": "late", "description": "d", "tools": [{"type": "function", "name": "t"}]}]},
        {"role": "user", "content": "go"}],
        "tools": [
            {"type": "function", "name": "f", "description": "d", "strict": true, "parameters": {"type": "object"}},
            {"type": "custom", "name": "p", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
            {"type": "namespace", "name": "ns", "description": "d", "tools": [
                {"type": "function", "name": "t", "parameters": {"type": "object"}}, {"type": "custom", "name": "c"}]},
            {"type": "web_search", "external_web_access": true}]}));
    let named: Vec<(&str, bool)> =
        request.tools.iter().map(|tool| (tool.name.as_str(), matches!(tool.kind, ToolKind::Custom { .. }))).collect();
    let expected =
        [("f", false), ("p", true), ("ns__t", false), ("ns__c", true), ("web_search", false), ("late__t", false)];
    assert_eq!(named, expected);
    let sent = encode(&request);
    assert_eq!(
        sent["tools"][0],
        json!({"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true})
    );
    assert_eq!(sent["tools"][1]["format"]["syntax"], "lark");
    assert_eq!(sent["tools"][4], json!({"type": "web_search", "external_web_access": true}));
}

/// Absent means strict here, and not strict in every other protocol.
#[test]
fn a_tool_of_another_protocol_is_sent_as_not_strict() {
    let kind = ToolKind::Function { schema: Json::empty_object(), strict: None };
    let tool = Tool { name: "f".into(), description: None, kind, cache: None, extras: Default::default() };
    let request = Request { tools: vec![tool], ..Request::default() };
    assert_eq!(encode(&request)["tools"][0]["strict"], false);
}

#[test]
fn web_search_of_other_protocols_becomes_our_own() {
    for (owner, value) in [
        (Protocol::Messages, json!({"type": "web_search_20250305", "name": "web_search"})),
        (Protocol::Gemini, json!({"googleSearch": {}})),
    ] {
        let kind = ToolKind::Opaque { owner, value };
        let tool = Tool { name: "s".into(), description: None, kind, cache: None, extras: Default::default() };
        let request = Request { tools: vec![tool], ..Request::default() };
        assert_eq!(encode(&request)["tools"], json!([{"type": "web_search"}]));
    }
}

/// aiclient2api §2: `tool_choice: {type: function, name}` threw, or was sent on in the wrong shape.
#[test]
fn tool_choice_is_read_in_every_shape() {
    let tools = json!([{"type": "function", "name": "f"}, {"type": "function", "name": "g"},
        {"type": "custom", "name": "p"}, {"type": "web_search"}]);
    let choose = |choice: Value| decode(&json!({"model": "m", "input": "x", "tools": tools, "tool_choice": choice}));
    let table = [
        (json!("auto"), ToolChoice::Auto, json!("auto")),
        (json!("none"), ToolChoice::None, json!("none")),
        (json!("required"), ToolChoice::Required, json!("required")),
        (
            json!({"type": "function", "name": "g"}),
            ToolChoice::Named("g".into()),
            json!({"type": "function", "name": "g"}),
        ),
        (json!({"type": "custom", "name": "p"}), ToolChoice::Named("p".into()), json!({"type": "custom", "name": "p"})),
    ];
    for (choice, expected, sent) in table {
        let request = choose(choice);
        assert_eq!(request.tool_choice, Some(expected));
        assert_eq!(encode(&request)["tool_choice"], sent);
    }
    let only = json!({"type": "allowed_tools", "mode": "required", "tools": [
        {"type": "function", "name": "g"}, {"type": "web_search"}]});
    let request = choose(only);
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["g", "web_search"]);
}

/// cliproxyapi §3.8: string input, temperature, top_p and stop were dropped on the way to others.
#[test]
fn sampling_is_read() {
    let request = decode(&json!({"model": "m", "input": "x", "temperature": 0, "top_p": 0.5, "max_output_tokens": 9,
        "stop": ["a"], "top_k": 4, "seed": 5, "presence_penalty": 0.1, "frequency_penalty": 0.2,
        "parallel_tool_calls": false, "user": "u"}));
    let sampling = &request.sampling;
    assert_eq!((sampling.temperature, sampling.top_p, sampling.max_tokens), (Some(0.0), Some(0.5), Some(9)));
    assert_eq!(
        (sampling.stop.as_slice(), sampling.top_k, sampling.seed),
        (["a".to_owned()].as_slice(), Some(4), Some(5))
    );
    assert_eq!((sampling.presence_penalty, sampling.frequency_penalty), (Some(0.1), Some(0.2)));
    assert_eq!((request.parallel_tools, request.user.as_deref()), (Some(false), Some("u")));
    assert_eq!(decode(&json!({"model": "m", "input": "x", "stop": "end"})).sampling.stop, ["end"]);
}

#[test]
fn reasoning_and_format_survive_the_round_trip() {
    let reasoning = |value: Value| {
        let request = decode(&json!({"model": "gpt-5", "input": "x", "reasoning": value}));
        (request.reasoning.unwrap(), encode(&request)["reasoning"].clone())
    };
    let depth = |depth, visible| Reasoning { depth, visible };
    let high = Some(Depth::Effort(Effort::High));
    assert_eq!(reasoning(json!({"effort": "high"})), (depth(high, None), json!({"effort": "high"})));
    let both = json!({"effort": "high", "summary": "auto"});
    assert_eq!(reasoning(both.clone()), (depth(high, Some(true)), both));
    assert_eq!(reasoning(json!({"effort": "none"})).0, depth(Some(Depth::Off), None));
    assert_eq!(reasoning(json!({"summary": "detailed"})), (depth(None, Some(true)), json!({"summary": "auto"})));
    assert_eq!(reasoning(json!({"effort": null, "summary": null})), (depth(None, None), Value::Null));

    let schema = json!({"format": {"type": "json_schema", "name": "E", "schema": {"type": "object", "b": 1, "a": 2},
        "strict": true}, "verbosity": "low"});
    let request = decode(&json!({"model": "m", "input": "x", "text": schema}));
    assert!(matches!(&request.output, Some(OutputFormat::JsonSchema { strict: Some(true), .. })));
    assert_eq!(encode(&request)["text"], schema);
    let request = decode(&json!({"model": "m", "input": "x", "text": {"format": {"type": "json_object"}}}));
    assert_eq!(request.output, Some(OutputFormat::JsonObject));
    let request = decode(&json!({"model": "m", "input": "x", "text": {"format": {"type": "text"}}}));
    assert_eq!((request.output.clone(), encode(&request).get("text")), (None, None));
}

#[test]
fn state_at_the_provider_is_refused_by_name() {
    let body = |key: &str, value: Value| {
        let mut body = json!({"model": "m", "input": "x"});
        body[key] = value;
        body
    };
    let table = [
        (body("previous_response_id", json!("resp_1")), "previous_response_id: "),
        (body("conversation", json!("conv_1")), "conversation: "),
        (body("prompt", json!({"id": "pmpt_1"})), "prompt: "),
        (body("background", json!(true)), "background: "),
        (with(json!([{"type": "item_reference", "id": "msg_1"}])), "input[0]: item_reference"),
        (with(json!([{"id": "msg_1"}])), "input[0]: item_reference"),
    ];
    for (body, expected) in table {
        let (status, message) = refusal(&body);
        assert_eq!(status, 400);
        assert!(message.starts_with(expected), "{message}");
    }
    for key in ["previous_response_id", "conversation", "prompt", "background"] {
        decode(&body(key, Value::Null));
    }
}

#[test]
fn a_mistake_is_named_with_its_place() {
    let table = [
        (json!({"model": "m"}), "input: missing"),
        (with(json!(5)), "input: invalid type"),
        (with(json!([{"role": "robot", "content": "x"}])), "input[0].role: unknown role"),
        (with(json!([{"role": "user"}])), "input[0].content: missing"),
        (with(json!([{"role": "user", "content": [{"type": "video"}]}])), "input[0].content[0].type: unknown content"),
        (with(json!([{"role": "user", "content": [{"type": "input_text"}]}])), "input[0].content[0].text: missing"),
        (
            with(json!([{"role": "user", "content": [{"type": "input_image", "image_url": "file:///x"}]}])),
            "input[0].content[0].image_url: neither",
        ),
        (
            with(json!([{"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]}])),
            "input[0].content[0].image_url: invalid type",
        ),
        (with(json!([{"type": "function_call", "name": "f"}])), "input[0].call_id: missing"),
        (with(json!([{"type": "function_call_output", "output": "x"}])), "input[0].call_id: missing"),
        (json!({"model": "m", "input": "x", "tools": [{"type": "function"}]}), "tools[0].name: missing"),
        (json!({"model": "m", "input": "x", "tools": [{"name": "f"}]}), "tools[0]"),
        (
            json!({"model": "m", "input": "x", "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "f"}]}),
            "tools[1].name: two tools",
        ),
        (json!({"model": "m", "input": "x", "tool_choice": "maybe"}), "tool_choice: unknown choice"),
        (json!({"model": "m", "input": "x", "tool_choice": {"type": "web_search"}}), "tool_choice.type: a choice of"),
        (json!({"model": "m", "input": "x", "reasoning": {"effort": "huge"}}), "reasoning.effort: unknown level"),
        (json!({"model": "m", "input": "x", "text": {"format": {"type": "xml"}}}), "text.format.type: unknown format"),
        (json!({"model": "m", "input": "x", "temperature": "hot"}), "temperature: invalid type"),
    ];
    for (body, expected) in table {
        let (status, message) = refusal(&body);
        assert_eq!(status, 400);
        assert!(message.starts_with(expected), "expected {expected:?}, got {message:?}");
    }
}

/// The list in the module's documentation.
#[test]
fn hints_are_kept_for_this_protocol_alone() {
    let mut body = json!({"model": "gpt-5", "input": "x"});
    for (key, value) in [
        ("store", json!(true)),
        ("include", json!(["reasoning.encrypted_content"])),
        ("metadata", json!({"a": "b"})),
        ("service_tier", json!("flex")),
        ("truncation", json!("auto")),
        ("prompt_cache_key", json!("k")),
        ("safety_identifier", json!("s")),
        ("max_tool_calls", json!(3)),
        ("top_logprobs", json!(2)),
        ("stream_options", json!({"include_obfuscation": false})),
        ("client_metadata", json!({"x": "y"})),
    ] {
        body[key] = value;
    }
    let request = decode(&body);
    assert!(request.extras.of(Protocol::Chat).is_none());
    let sent = encode(&request);
    for key in body.as_object().unwrap().keys().filter(|key| *key != "input") {
        assert_eq!(sent[key], body[key], "{key}");
    }
}

#[test]
fn what_this_wire_cannot_say_is_refused_and_what_only_helps_is_dropped() {
    let mut request = Request { model: "m".into(), ..Request::default() };
    request.sampling.seed = Some(1);
    request.sampling.top_k = Some(2);
    request.sampling.presence_penalty = Some(0.5);
    let sent = encode(&request);
    assert_eq!(sent, json!({"model": "m", "input": [], "store": false}));
    let refused = |request: &Request| Responses.encode_request(request).unwrap_err().message;
    request.sampling.stop = vec!["x".into()];
    assert!(refused(&request).starts_with("stop: "));
    request.sampling.stop.clear();
    request.sampling.n = Some(2);
    assert!(refused(&request).starts_with("n: "));
    request.sampling.n = Some(1);
    request.turns = vec![turn(
        Role::Assistant,
        vec![PartKind::Opaque { owner: Protocol::Messages, value: json!({"type": "server_tool_use"}) }.into()],
    )];
    assert!(refused(&request).contains("server_tool_use"));
}

#[test]
fn a_failed_tool_is_told_in_words() {
    let result = |output| PartKind::ToolResult { id: "c".into(), output, is_error: true }.into();
    let image =
        PartKind::Media(Media { mime: "image/png".into(), source: Source::Base64("AA".into()), name: None }).into();
    let parts = vec![result(vec![Part::text("no such file")]), result(vec![]), result(vec![image])];
    let request = Request { turns: vec![turn(Role::User, parts)], ..Request::default() };
    let sent = encode(&request);
    assert_eq!(sent["input"][0]["output"], "Error: no such file");
    assert_eq!(sent["input"][1]["output"], "Error:");
    assert_eq!(sent["input"][2]["output"][0], json!({"type": "input_text", "text": "Error:"}));
}
