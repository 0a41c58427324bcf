//! From a client's request to the canonical one.

use serde_json::{Value, json};

use super::{PLAIN, decode, encode, messages, with};
use crate::ir::{
    Cache, Depth, Effort, Issuer, Media, OutputFormat, Part, PartKind, Protocol, Reasoning, Role, Seal, Source,
    ToolCall, ToolChoice, ToolInput, ToolKind, Turn,
};
use crate::json::Json;
use crate::protocol::seal;

fn kinds(parts: &[Part]) -> Vec<PartKind> {
    parts.iter().map(|part| part.kind.clone()).collect()
}

fn turn(role: Role, parts: Vec<PartKind>) -> Turn {
    Turn { role, parts: parts.into_iter().map(Part::from).collect() }
}

fn text(text: &str) -> PartKind {
    PartKind::Text(text.to_owned())
}

fn media(mime: &str, source: Source) -> PartKind {
    PartKind::Media(Media { mime: mime.to_owned(), source, name: None })
}

fn function(id: &str, arguments: &str) -> PartKind {
    let input = ToolInput::Json(Json::parse(arguments).unwrap());
    PartKind::ToolCall(ToolCall { id: id.to_owned(), name: "f".to_owned(), input, seal: None })
}

fn result(id: &str, output: Vec<PartKind>) -> PartKind {
    let output = output.into_iter().map(Part::from).collect();
    PartKind::ToolResult { id: id.to_owned(), output, is_error: false }
}

/// The parts of a user message with this content.
fn user(content: Value) -> Vec<Part> {
    messages(json!([{"role": "user", "content": content}])).turns.remove(0).parts
}

#[test]
fn every_instruction_is_kept_and_later_ones_keep_their_place() {
    let request = messages(json!([
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "d"},
    ]));
    assert_eq!(kinds(&request.system), [text("a"), text("b"), text("c")]);
    assert_eq!(request.turns, [turn(Role::User, vec![text("hi")]), turn(Role::System, vec![text("d")])]);
}

#[test]
fn text_is_never_trimmed() {
    let request =
        messages(json!([{"role": "user", "content": "  indented\n"}, {"role": "assistant", "content": "\tx "}]));
    assert_eq!(
        request.turns,
        [turn(Role::User, vec![text("  indented\n")]), turn(Role::Assistant, vec![text("\tx ")])]
    );
}

#[test]
fn content_parts_become_parts() {
    let pdf =
        |source| PartKind::Media(Media { mime: "application/pdf".to_owned(), source, name: Some("a.pdf".to_owned()) });
    let table = [
        (json!({"type": "text", "text": "t"}), text("t")),
        (
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
            media("image/png", Source::Base64("AAAA".to_owned())),
        ),
        (
            json!({"type": "image_url", "image_url": "https://x.test/a.JPG?w=1"}),
            media("image/jpeg", Source::Url("https://x.test/a.JPG?w=1".to_owned())),
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "https://x.test/a"}}),
            media("image/*", Source::Url("https://x.test/a".to_owned())),
        ),
        (
            json!({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
            media("audio/wav", Source::Base64("UklGRg==".to_owned())),
        ),
        (
            json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}),
            pdf(Source::Base64("JVBERi0=".to_owned())),
        ),
        (
            json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0="}}),
            pdf(Source::Base64("JVBERi0=".to_owned())),
        ),
        (
            json!({"type": "file", "file": {"file_id": "file-1"}}),
            media("", Source::File { owner: Protocol::Chat, id: "file-1".to_owned() }),
        ),
        (
            json!({"type": "novelty", "x": [1]}),
            PartKind::Opaque { owner: Protocol::Chat, value: json!({"type": "novelty", "x": [1]}) },
        ),
    ];
    for (part, expected) in table {
        assert_eq!(kinds(&user(json!([part]))), [expected], "{part}");
    }
}

#[test]
fn an_assistant_message_keeps_its_text_beside_its_calls() {
    let request = messages(json!([
        {"role": "assistant", "content": "let me see", "reasoning_content": "hm", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1.0}"}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": ""}},
            {"id": "c", "type": "custom", "custom": {"name": "f", "input": "free"}},
        ]},
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        {"role": "tool", "tool_call_id": "b", "content": [
            {"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ]},
    ]));
    let free = ToolInput::Text("free".to_owned());
    assert_eq!(
        request.turns,
        [
            turn(
                Role::Assistant,
                vec![
                    PartKind::Thinking { text: "hm".to_owned(), seal: None },
                    text("let me see"),
                    function("a", "{\"x\": 1.0}"),
                    function("b", "{}"),
                    PartKind::ToolCall(ToolCall { id: "c".to_owned(), name: "f".to_owned(), input: free, seal: None }),
                ]
            ),
            turn(Role::User, vec![result("a", vec![text("sunny")])]),
            turn(
                Role::User,
                vec![result("b", vec![text("see"), media("image/png", Source::Base64("AAAA".to_owned()))])]
            ),
        ]
    );
}

#[test]
fn calls_without_ids_meet_their_results_by_name() {
    let request = messages(json!([
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "2"},
    ]));
    assert_eq!(
        request.turns,
        [
            turn(Role::Assistant, vec![function("call_0", "{}")]),
            turn(Role::User, vec![result("call_0", vec![text("1")])]),
            turn(Role::Assistant, vec![function("call_2", "{}")]),
            turn(Role::User, vec![result("call_2", vec![text("2")])]),
        ]
    );
}

#[test]
fn seals_come_back_out_of_ids() {
    let sealed = |issuer, value: &str| Seal { issuer, value: value.to_owned(), redacted: false };
    let google = sealed(Issuer::Google, "g1");
    let anthropic = sealed(Issuer::Anthropic, "a1");
    let call = |id: String| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let first = seal::carry("a", Some(&anthropic));
    let second = seal::carry("b", Some(&google));
    let request = messages(json!([
        {"role": "assistant", "content": "text", "reasoning_content": "hm", "tool_calls": [
            call(first.clone()), call(second.clone()),
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "g2"}}},
        ]},
        {"role": "tool", "tool_call_id": first, "content": "1"},
        {"role": "tool", "tool_call_id": second, "content": "2"},
    ]));
    let with_seal = |part, value: &str| match part {
        PartKind::ToolCall(call) => PartKind::ToolCall(ToolCall { seal: Some(sealed(Issuer::Google, value)), ..call }),
        other => other,
    };
    assert_eq!(
        request.turns,
        [
            turn(
                Role::Assistant,
                vec![
                    PartKind::Thinking { text: "hm".to_owned(), seal: Some(anthropic.clone()) },
                    text("text"),
                    function("a", "{}"),
                    with_seal(function("b", "{}"), "g1"),
                    with_seal(function("c", "{}"), "g2"),
                ]
            ),
            turn(Role::User, vec![result("a", vec![text("1")])]),
            turn(Role::User, vec![result("b", vec![text("2")])]),
        ]
    );
    // A client that does not echo the reasoning still brings its proof back, before everything it led to.
    let request = messages(json!([
        {"role": "assistant", "content": "text", "tool_calls": [call(seal::carry("a", Some(&anthropic)))]},
    ]));
    assert_eq!(
        kinds(&request.turns[0].parts),
        [PartKind::Thinking { text: String::new(), seal: Some(anthropic) }, text("text"), function("a", "{}"),]
    );
}

#[test]
fn a_cache_mark_on_a_part_beats_the_one_on_its_message() {
    let mark = json!({"type": "ephemeral"});
    let long = json!({"type": "ephemeral", "ttl": "1h"});
    let request = decode(&json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "s", "cache_control": mark},
            {"role": "user", "cache_control": mark, "content": [
                {"type": "text", "text": "a", "cache_control": mark}, {"type": "text", "text": "b"},
            ]},
            {"role": "user", "cache_control": mark, "content": [{"type": "text", "text": "c", "cache_control": long}]},
        ],
        "tools": [
            {"type": "function", "cache_control": mark, "function": {"name": "f"}},
            {"type": "function", "function": {"name": "g", "cache_control": long}},
        ],
    }))
    .unwrap();
    let caches = |parts: &[Part]| parts.iter().map(|part| part.cache).collect::<Vec<_>>();
    assert_eq!(caches(&request.system), [Some(Cache::Short)]);
    assert_eq!(caches(&request.turns[0].parts), [Some(Cache::Short), Some(Cache::Short)]);
    assert_eq!(caches(&request.turns[1].parts), [Some(Cache::Long)]);
    let tools: Vec<_> = request.tools.iter().map(|tool| tool.cache).collect();
    assert_eq!(tools, [Some(Cache::Short), Some(Cache::Long)]);
}

#[test]
fn tools_keep_their_kind_and_a_function_without_parameters_has_a_schema() {
    let request = with(json!({
        "tools": [
            {"type": "function", "function": {"name": "f"}},
            {"type": "function", "function": {"name": "e", "parameters": {}}},
            {"type": "function", "function": {"name": "g", "description": "d", "strict": true,
                "parameters": {"type": "object", "properties": {"n": {"const": 1.50}}}}},
            {"type": "custom", "custom": {"name": "c", "format":
                {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}}},
            {"type": "web_search", "filters": {}},
        ],
        "functions": [{"name": "old", "parameters": {"type": "object"}}],
    }))
    .unwrap();
    let function = |schema: &str, strict| ToolKind::Function { schema: Json::parse(schema).unwrap(), strict };
    let kinds: Vec<_> = request.tools.iter().map(|tool| (tool.name.as_str(), tool.kind.clone())).collect();
    assert_eq!(
        kinds,
        [
            ("f", function(r#"{"type":"object","properties":{}}"#, None)),
            ("e", function(r#"{"type":"object","properties":{}}"#, None)),
            ("g", function(r#"{"type":"object","properties":{"n":{"const":1.5}}}"#, Some(true))),
            (
                "c",
                ToolKind::Custom {
                    format: Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: /a/"}))
                }
            ),
            (
                "web_search",
                ToolKind::Opaque { owner: Protocol::Chat, value: json!({"type": "web_search", "filters": {}}) }
            ),
            ("old", function(r#"{"type":"object"}"#, None)),
        ]
    );
}

#[test]
fn a_search_by_option_is_a_search_by_tool() {
    let options = json!({"search_context_size": "low"});
    let mut body = json!({"web_search_options": options, "tools": [{"type": "function", "function": {"name": "f"}}]});
    body["tool_choice"] = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}});
    let request = with(body).unwrap();
    assert!(request.tools.len() == 1 && request.tools[0].kind.is_web_search(), "{:?}", request.tools);
    let sent = encode(&PLAIN, &request);
    assert_eq!((&sent["web_search_options"], sent.get("tools")), (&options, None));
}

#[test]
fn every_tool_choice_is_understood() {
    let tools = json!([
        {"type": "function", "function": {"name": "f"}},
        {"type": "function", "function": {"name": "g"}},
        {"type": "custom", "custom": {"name": "c"}},
    ]);
    let allowed = |mode| {
        let tools = json!([{"type": "function", "function": {"name": "g"}}]);
        json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
    };
    let named = |name: &str| ToolChoice::Named(name.to_owned());
    let table = [
        ("tool_choice", json!("auto"), Some(ToolChoice::Auto), 3),
        ("tool_choice", json!("none"), Some(ToolChoice::None), 3),
        ("tool_choice", json!("required"), Some(ToolChoice::Required), 3),
        ("tool_choice", json!({"type": "function", "function": {"name": "f"}}), Some(named("f")), 3),
        ("tool_choice", json!({"type": "custom", "custom": {"name": "c"}}), Some(named("c")), 3),
        ("tool_choice", allowed("auto"), Some(ToolChoice::Auto), 1),
        ("tool_choice", allowed("required"), Some(ToolChoice::Required), 1),
        ("tool_choice", Value::Null, None, 3),
        ("function_call", json!({"name": "f"}), Some(named("f")), 3),
        ("function_call", json!("none"), Some(ToolChoice::None), 3),
    ];
    for (key, choice, expected, left) in table {
        let request = with(json!({"tools": tools, key: choice})).unwrap();
        assert_eq!((request.tool_choice, request.tools.len()), (expected, left), "{choice}");
    }
}

#[test]
fn sampling_is_read_and_zero_is_a_temperature() {
    let request = with(json!({
        "max_tokens": 5, "max_completion_tokens": 7, "temperature": 0, "top_p": 0.5, "top_k": 40, "stop": "x",
        "seed": -3, "presence_penalty": 0.25, "frequency_penalty": -2, "n": 2, "parallel_tool_calls": false,
        "safety_identifier": "s", "stream_options": {"include_usage": true}, "verbosity": "low", "x": 1,
    }))
    .unwrap();
    let sampling = request.sampling;
    assert_eq!((sampling.max_tokens, sampling.temperature, sampling.top_p), (Some(7), Some(0.0), Some(0.5)));
    assert_eq!((sampling.top_k, sampling.seed, sampling.n), (Some(40), Some(-3), Some(2)));
    assert_eq!((sampling.presence_penalty, sampling.frequency_penalty), (Some(0.25), Some(-2.0)));
    assert_eq!((sampling.stop, request.parallel_tools), (vec!["x".to_owned()], Some(false)));
    assert_eq!(request.user.as_deref(), Some("s"));
    let hints = json!({"verbosity": "low", "x": 1});
    assert_eq!(request.extras.of(Protocol::Chat), hints.as_object());
    assert_eq!(with(json!({"stop": ["a", "b"]})).unwrap().sampling.stop, ["a", "b"]);
    assert_eq!(with(json!({"stop": null, "max_tokens": null})).unwrap().sampling, Default::default());
}

#[test]
fn reasoning_is_read_in_every_spelling() {
    let effort = |effort| Some(Depth::Effort(effort));
    let table = [
        (json!({"reasoning_effort": "none"}), Some(Depth::Off), None),
        (json!({"reasoning_effort": "minimal"}), effort(Effort::Minimal), None),
        (json!({"reasoning_effort": "xhigh"}), effort(Effort::XHigh), None),
        (json!({"reasoning_effort": "max"}), effort(Effort::Max), None),
        (json!({"reasoning": {"effort": "high", "exclude": true}}), effort(Effort::High), Some(false)),
        (json!({"reasoning": {"max_tokens": 2000}}), Some(Depth::Budget(2000)), None),
        (json!({"reasoning": {"enabled": true}}), Some(Depth::Adaptive), None),
        (json!({"reasoning": {"enabled": false}}), Some(Depth::Off), None),
        (json!({"thinking": {"type": "enabled"}}), Some(Depth::Adaptive), None),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}), Some(Depth::Budget(1024)), None),
        (json!({"thinking": {"type": "disabled"}}), Some(Depth::Off), None),
        (json!({"thinking": {"type": "enabled"}, "reasoning_effort": "low"}), effort(Effort::Low), None),
        (json!({"thinking": {"type": "disabled"}, "reasoning_effort": "low"}), Some(Depth::Off), None),
        (json!({"enable_thinking": true, "thinking_budget": 50}), Some(Depth::Budget(50)), None),
        (json!({"chat_template_kwargs": {"enable_thinking": false}}), Some(Depth::Off), None),
        (
            json!({"extra_body": {"anthropic": {"thinking": {"type": "enabled", "budget_tokens": 4096}}}}),
            Some(Depth::Budget(4096)),
            None,
        ),
        (
            json!({"extra_body": {"google": {"thinking_config": {"thinking_budget": -1, "include_thoughts": true}}}}),
            Some(Depth::Adaptive),
            Some(true),
        ),
    ];
    for (members, depth, visible) in table {
        assert_eq!(with(members.clone()).unwrap().reasoning, Some(Reasoning { depth, visible }), "{members}");
    }
    assert_eq!(with(json!({})).unwrap().reasoning, None);
}

#[test]
fn the_output_format_is_read() {
    let output = |format| with(json!({"response_format": format})).unwrap().output;
    assert_eq!(output(json!({"type": "text"})), None);
    assert_eq!(output(json!({"type": "json_object"})), Some(OutputFormat::JsonObject));
    let schema = Json::parse(r#"{"type":"object"}"#).unwrap();
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "object"}}});
    let (name, strict) = (Some("n".to_owned()), Some(true));
    assert_eq!(output(format), Some(OutputFormat::JsonSchema { name, description: None, schema, strict }));
}

#[test]
fn a_refusal_names_the_field_and_its_place() {
    let say =
        |content: Value| json!({"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": content}]});
    let calls = |call: Value| json!({"messages": [{"role": "assistant", "tool_calls": [call]}]});
    let table = [
        (json!({"messages": null}), "messages"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": [{"content": "x"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "robot"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "tool", "content": "x"}]}), "messages[0].tool_call_id"),
        (json!({"messages": [{"role": "function", "name": "f", "content": "x"}]}), "messages[0].name"),
        (say(json!([{"type": "text"}])), "messages[1].content[0].text"),
        (say(json!([{"text": "x"}])), "messages[1].content[0].type"),
        (say(json!([{"type": "text", "text": 5}])), "messages[1].content[0].text"),
        (say(json!([{"type": "image_url"}])), "messages[1].content[0].image_url"),
        (say(json!([{"type": "image_url", "image_url": {"url": "ftp://x"}}])), "messages[1].content[0].image_url.url"),
        (say(json!([{"type": "image_url", "image_url": "data:image/png,x"}])), "messages[1].content[0].image_url.url"),
        (say(json!([{"type": "video_url", "video_url": {"url": "x"}}])), "messages[1].content[0].video_url"),
        (say(json!([{"type": "file", "file": {}}])), "messages[1].content[0].file.file_data"),
        (calls(json!({"function": {"name": "f"}})), "messages[0].tool_calls[0].id"),
        (calls(json!({"id": "a", "type": "function"})), "messages[0].tool_calls[0].function"),
        (json!({"tools": [{"type": "function"}]}), "tools[0].function"),
        (json!({"tools": [{"type": "function", "function": {}}]}), "tools[0].function"),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": 1}}]}),
            "tools[0].function.parameters",
        ),
        (json!({"tool_choice": "maybe"}), "tool_choice"),
        (json!({"tool_choice": {}}), "tool_choice"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"max_tokens": -1}), "max_tokens"),
        (json!({"stop": [1]}), "stop[0]"),
        (json!({"reasoning_effort": "heroic"}), "reasoning_effort"),
        (json!({"reasoning": {"effort": "heroic"}}), "reasoning.effort"),
        (json!({"thinking": {"type": "maybe"}}), "thinking.type"),
        (json!({"response_format": {"type": "xml"}}), "response_format.type"),
        (json!({"response_format": {"type": "json_schema"}}), "response_format.json_schema"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"top_logprobs": 2}), "top_logprobs"),
        (json!({"logit_bias": {"50256": -100}}), "logit_bias"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
    ];
    for (members, param) in table {
        let failure = with(members.clone()).unwrap_err();
        assert_eq!((failure.status, failure.param.as_deref()), (400, Some(param)), "{members}: {}", failure.message);
        assert!(failure.message.starts_with(param), "{}", failure.message);
    }
    for hint in
        [json!({"logprobs": false}), json!({"top_logprobs": 0}), json!({"logit_bias": {}}), json!({"store": true})]
    {
        assert!(with(hint.clone()).is_ok(), "{hint}");
    }
}
