//! From the canonical request to what a provider is sent.

use serde_json::{Value, json};

use super::{PLAIN, dialect, encode, messages, refusal, with};
use crate::ir::{
    Cache, Depth, Effort, Extras, Issuer, Media, OutputFormat, Part, PartKind, Protocol, Reasoning, Request, Role,
    Seal, Source, Tool, ToolCall, ToolChoice, ToolInput, ToolKind, Turn,
};
use crate::json::Json;
use crate::protocol::chat::{Chat, ReasoningStyle};

fn of(turns: Vec<(Role, Vec<PartKind>)>) -> Request {
    let turns =
        turns.into_iter().map(|(role, parts)| Turn { role, parts: parts.into_iter().map(Part::from).collect() });
    Request { model: "m".to_owned(), turns: turns.collect(), ..Request::default() }
}

fn sent(turns: Vec<(Role, Vec<PartKind>)>) -> Value {
    encode(&PLAIN, &of(turns))["messages"].clone()
}

fn text(text: &str) -> PartKind {
    PartKind::Text(text.to_owned())
}

fn inline(mime: &str, data: &str) -> PartKind {
    let source = Source::Base64(data.to_owned());
    PartKind::Media(Media { mime: mime.to_owned(), source, name: None })
}

fn result(id: &str, is_error: bool, output: Vec<PartKind>) -> PartKind {
    let output = output.into_iter().map(Part::from).collect();
    PartKind::ToolResult { id: id.to_owned(), output, is_error }
}

fn function(id: &str) -> PartKind {
    let input = ToolInput::Json(Json::parse(r#"{"x": 1.0}"#).unwrap());
    PartKind::ToolCall(ToolCall { id: id.to_owned(), name: "f".to_owned(), input, seal: None })
}

fn tool(name: &str, kind: ToolKind) -> Tool {
    Tool { name: name.to_owned(), description: None, kind, cache: None, extras: Extras::default() }
}

fn schema() -> ToolKind {
    ToolKind::Function { schema: Json::parse(r#"{"type":"object","properties":{}}"#).unwrap(), strict: None }
}

#[test]
fn instructions_are_one_message_and_keep_their_parts() {
    let one = messages(json!([{"role": "system", "content": "a"}, {"role": "user", "content": "hi"}]));
    let expected = json!([{"role": "system", "content": "a"}, {"role": "user", "content": "hi"}]);
    assert_eq!(encode(&PLAIN, &one)["messages"], expected);
    let several = messages(json!([
        {"role": "system", "content": "a"}, {"role": "system", "content": "b"}, {"role": "user", "content": "hi"},
        {"role": "developer", "content": "c"},
    ]));
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    let expected = json!([
        {"role": "system", "content": parts}, {"role": "user", "content": "hi"}, {"role": "system", "content": "c"},
    ]);
    assert_eq!(encode(&PLAIN, &several)["messages"], expected);
}

#[test]
fn every_call_of_a_turn_is_sent_and_its_results_follow_it_directly() {
    let turns = vec![
        (Role::User, vec![text("go")]),
        (Role::Assistant, vec![text("both"), function("a"), function("b")]),
        (
            Role::User,
            vec![
                result("a", false, vec![text("one")]),
                result("b", false, vec![text("two"), text("three")]),
                text("and now?"),
            ],
        ),
    ];
    let call = |id| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1.0}"}});
    let expected = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "both", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": [
            {"type": "text", "text": "two"}, {"type": "text", "text": "three"},
        ]},
        {"role": "user", "content": "and now?"},
    ]);
    assert_eq!(sent(turns), expected);
}

#[test]
fn images_of_a_result_follow_in_a_user_message_that_points_back() {
    let turns = vec![
        (Role::Assistant, vec![function("a"), function("b")]),
        (
            Role::User,
            vec![
                result("a", false, vec![inline("image/png", "AAAA")]),
                result("b", false, vec![text("ok")]),
                text("well?"),
            ],
        ),
    ];
    let expected = json!([
        {"role": "tool", "tool_call_id": "a", "content": "The result follows in the next message."},
        {"role": "tool", "tool_call_id": "b", "content": "ok"},
        {"role": "user", "content": [
            {"type": "text", "text": "From the result of tool call a:"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "text", "text": "well?"},
        ]},
    ]);
    assert_eq!(sent(turns).as_array().unwrap()[1..], expected.as_array().unwrap()[..]);
}

#[test]
fn an_image_the_assistant_made_is_shown_to_it_by_the_user() {
    let turns = vec![
        (Role::Assistant, vec![text("here"), inline("image/png", "AAAA")]),
        (Role::User, vec![text("bluer")]),
        (Role::Assistant, vec![inline("image/png", "BBBB")]),
    ];
    let image = |data| {
        [
            json!({"type": "text", "text": "From the assistant's last answer:"}),
            json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}}),
        ]
    };
    let [pointer, first] = image("AAAA");
    let expected = json!([
        {"role": "assistant", "content": "here"},
        {"role": "user", "content": [pointer, first, {"type": "text", "text": "bluer"}]},
        {"role": "user", "content": image("BBBB")},
    ]);
    assert_eq!(sent(turns), expected);
}

#[test]
fn a_failed_result_says_so_once() {
    let table = [
        (vec![text("no such file")], "Error: no such file"),
        (vec![text("error: no such file")], "error: no such file"),
        (vec![], "Error: the tool failed"),
        (vec![text("é")], "Error: é"),
    ];
    for (output, expected) in table {
        let turns = vec![(Role::Assistant, vec![function("a")]), (Role::User, vec![result("a", true, output)])];
        assert_eq!(sent(turns)[1]["content"], expected);
    }
}

#[test]
fn documents_and_audio_are_sent_inline() {
    let named = |mime: &str, source, name: Option<&str>| {
        PartKind::Media(Media { mime: mime.to_owned(), source, name: name.map(str::to_owned) })
    };
    let base64 = |data: &str| Source::Base64(data.to_owned());
    let table = [
        (
            named("application/pdf", base64("JVBERi0="), Some("a.pdf")),
            json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}),
        ),
        (named("text/plain", base64("aGk="), Some("a.txt")), json!({"type": "text", "text": "a.txt:\nhi"})),
        (
            named("audio/mpeg", base64("AA=="), None),
            json!({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}}),
        ),
        (
            named("audio/wav", base64("AA=="), None),
            json!({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}),
        ),
        (
            named("", Source::File { owner: Protocol::Responses, id: "file-1".to_owned() }, None),
            json!({"type": "file", "file": {"file_id": "file-1"}}),
        ),
        (
            named("image/*", Source::Url("https://x.test/a".to_owned()), None),
            json!({"type": "image_url", "image_url": {"url": "https://x.test/a"}}),
        ),
    ];
    for (part, expected) in table {
        assert_eq!(sent(vec![(Role::User, vec![part])])[0]["content"], json!([expected]));
    }
}

#[test]
fn meaning_this_protocol_lacks_is_refused_by_name() {
    let part = |kind| of(vec![(Role::User, vec![text("x")]), (Role::User, vec![kind])]);
    let url =
        |mime: &str| PartKind::Media(Media { mime: mime.to_owned(), source: Source::Url("u".to_owned()), name: None });
    let opaque = || PartKind::Opaque { owner: Protocol::Messages, value: json!({}) };
    let stored = Source::File { owner: Protocol::Messages, id: "f".to_owned() };
    let place = "messages[1].content[0]";
    let table = [
        (part(opaque()), place),
        (part(url("application/pdf")), place),
        (part(url("audio/wav")), place),
        (part(inline("video/mp4", "AA==")), place),
        (part(PartKind::Media(Media { mime: "image/png".to_owned(), source: stored, name: None })), place),
        (of(vec![(Role::System, vec![inline("image/png", "AA==")])]), "messages[0].content[0]"),
        (of(vec![(Role::Assistant, vec![opaque()])]), "messages[0].content[0]"),
        (part(result("a", false, vec![opaque()])), "messages[1].content[0].output[0]"),
        (with(json!({"n": 2})).unwrap(), "n"),
        (
            Request {
                tools: vec![
                    tool("f", schema()),
                    tool("web_search", ToolKind::Opaque { owner: Protocol::Messages, value: json!({}) }),
                ],
                ..Request::default()
            },
            "tools[1]",
        ),
    ];
    for (request, param) in table {
        let (named, message) = refusal(&PLAIN, &request);
        assert_eq!(named, param, "{message}");
    }
}

#[test]
fn thinking_goes_back_only_to_who_demands_it() {
    let thinking = |text: &str| {
        let seal = Seal { issuer: Issuer::Anthropic, value: "sig".to_owned(), redacted: false };
        PartKind::Thinking { text: text.to_owned(), seal: Some(seal) }
    };
    let request = of(vec![
        (Role::User, vec![text("go")]),
        (Role::Assistant, vec![thinking("loop"), function("a")]),
        (Role::User, vec![result("a", false, vec![text("1")])]),
        (Role::Assistant, vec![thinking("done"), text("there")]),
    ]);
    let plain = encode(&PLAIN, &request).to_string();
    assert!(!plain.contains("loop") && !plain.contains("done") && !plain.contains("sig"), "{plain}");
    let deepseek = encode(&dialect(ReasoningStyle::Thinking), &request);
    assert_eq!(deepseek["messages"][1]["reasoning_content"], "loop");
    assert_eq!(deepseek["messages"][3], json!({"role": "assistant", "content": "there"}));
}

#[test]
fn tools_choices_and_formats_are_sent() {
    let custom =
        ToolKind::Custom { format: Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: /a/"})) };
    let request = |choice| Request {
        tools: vec![tool("f", schema()), tool("c", custom.clone())],
        tool_choice: Some(choice),
        parallel_tools: Some(false),
        ..of(vec![])
    };
    let sent = encode(&PLAIN, &request(ToolChoice::Required));
    let expected = json!([
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}},
        {"type": "custom", "custom": {"name": "c", "format":
            {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a/"}}}},
    ]);
    assert_eq!(sent["tools"], expected);
    assert_eq!((&sent["tool_choice"], &sent["parallel_tool_calls"]), (&json!("required"), &json!(false)));
    let table = [
        (ToolChoice::Auto, json!("auto")),
        (ToolChoice::None, json!("none")),
        (ToolChoice::Named("f".to_owned()), json!({"type": "function", "function": {"name": "f"}})),
        (ToolChoice::Named("c".to_owned()), json!({"type": "custom", "custom": {"name": "c"}})),
    ];
    for (choice, expected) in table {
        assert_eq!(encode(&PLAIN, &request(choice))["tool_choice"], expected);
    }
    let bare = encode(&PLAIN, &Request { tools: vec![], ..request(ToolChoice::None) });
    assert!(bare.get("tool_choice").is_none() && bare.get("parallel_tool_calls").is_none());
    let schema = Json::parse(r#"{"type":"object"}"#).unwrap();
    let output =
        Some(OutputFormat::JsonSchema { name: Some("a b".to_owned()), description: None, schema, strict: None });
    let sent = encode(&PLAIN, &Request { output, ..of(vec![]) });
    let expected = json!({"type": "json_schema", "json_schema": {"name": "a_b", "schema": {"type": "object"}}});
    assert_eq!(sent["response_format"], expected);
}

#[test]
fn sampling_is_spelled_as_the_dialect_has_it() {
    let request = with(
        json!({"max_tokens": 5, "temperature": 0, "top_k": 3, "stop": "x", "seed": 1, "user": "u", "stream": true}),
    )
    .unwrap();
    let openai = encode(&Chat::OPENAI, &request);
    assert_eq!((&openai["max_completion_tokens"], openai.get("max_tokens")), (&json!(5), None));
    assert_eq!(openai["temperature"].as_f64(), Some(0.0));
    assert_eq!((&openai["stop"], &openai["seed"], &openai["user"]), (&json!(["x"]), &json!(1), &json!("u")));
    assert_eq!((&openai["stream"], &openai["stream_options"]), (&json!(true), &json!({"include_usage": true})));
    let plain = encode(&PLAIN, &request);
    assert_eq!((&plain["max_tokens"], plain.get("max_completion_tokens")), (&json!(5), None));
    assert_eq!(encode(&dialect(ReasoningStyle::Object), &request)["top_k"], 3);
    let quiet = Chat { dialect: crate::protocol::chat::Dialect { stream_usage: false, ..PLAIN.dialect } };
    assert!(encode(&quiet, &request).get("stream_options").is_none());
    let whole = encode(&Chat::OPENAI, &Request { stream: false, ..request });
    assert!(whole.get("stream").is_none() && whole.get("stream_options").is_none());
    assert!(encode(&PLAIN, &of(vec![])).as_object().unwrap().keys().eq(["model", "messages"]), "nothing is made up");
}

/// The hints, as the module's table lists them.
#[test]
fn hints_are_dropped_without_a_word() {
    let mut request = with(json!({"top_k": 3, "reasoning": {"exclude": true}})).unwrap();
    request.turns[0].parts[0].cache = Some(Cache::Long);
    let search = |value| tool("web_search", ToolKind::Opaque { owner: Protocol::Messages, value });
    request.tools = vec![search(json!({"type": "web_search_20250305", "name": "web_search"}))];
    request.tool_choice = Some(ToolChoice::Auto);
    request.extras = Extras::new(Protocol::Messages, json!({"context_management": {}}).as_object().unwrap().clone());
    let sent = encode(&PLAIN, &request);
    assert_eq!(sent, json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}));
}

#[test]
fn depth_is_spelled_as_the_dialect_has_it() {
    use ReasoningStyle::{Effort as ByEffort, EnableThinking, Object, Thinking, Unsupported};
    let effort = |level| Depth::Effort(level);
    let table = [
        (ByEffort, effort(Effort::Low), json!({"reasoning_effort": "low"})),
        (ByEffort, Depth::Budget(8_192), json!({"reasoning_effort": "medium"})),
        (ByEffort, Depth::Adaptive, json!({})),
        // A model we know nothing of might not reason, and would refuse to be told to stop.
        (ByEffort, Depth::Off, json!({})),
        (Object, effort(Effort::XHigh), json!({"reasoning": {"effort": "xhigh"}})),
        (Object, Depth::Budget(9), json!({"reasoning": {"max_tokens": 9}})),
        (Object, Depth::Off, json!({"reasoning": {"enabled": false}})),
        (Object, Depth::Adaptive, json!({"reasoning": {"enabled": true}})),
        (Thinking, effort(Effort::Low), json!({"thinking": {"type": "enabled"}})),
        (Thinking, Depth::Off, json!({"thinking": {"type": "disabled"}})),
        (EnableThinking, Depth::Budget(9), json!({"enable_thinking": true, "thinking_budget": 9})),
        (EnableThinking, effort(Effort::Low), json!({"enable_thinking": true, "thinking_budget": 1024})),
        (EnableThinking, effort(Effort::Max), json!({"enable_thinking": true})),
        (EnableThinking, Depth::Off, json!({"enable_thinking": false})),
        (Unsupported, effort(Effort::High), json!({})),
    ];
    for (style, depth, expected) in table {
        let reasoning = Some(Reasoning { depth: Some(depth), visible: None });
        let mut sent = encode(&dialect(style), &Request { model: "nobody/knows".to_owned(), reasoning, ..of(vec![]) });
        let members = sent.as_object_mut().unwrap();
        members.shift_remove("model");
        members.shift_remove("messages");
        assert_eq!(sent, expected, "{style:?} {depth:?}");
    }
    let hidden = Some(Reasoning { depth: None, visible: Some(false) });
    let sent = encode(&dialect(Object), &Request { reasoning: hidden, ..of(vec![]) });
    assert_eq!(sent["reasoning"], json!({"exclude": true}));
}

#[test]
fn long_ids_are_shortened_alike_in_call_and_result() {
    let id = "x".repeat(41);
    let turns = vec![(Role::Assistant, vec![function(&id)]), (Role::User, vec![result(&id, false, vec![text("1")])])];
    let sent = sent(turns);
    let short = sent[0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(short.len() <= 40 && short == sent[1]["tool_call_id"].as_str().unwrap(), "{sent}");
}

#[test]
fn a_named_speaker_has_a_message_of_their_own() {
    let speakers = json!([
        {"role": "user", "content": "a"},
        {"role": "user", "name": "bob", "content": "b"},
        {"role": "user", "name": "eve", "content": "c"},
    ]);
    let mut request = messages(speakers.clone());
    crate::protocol::turns::normalize(&mut request);
    assert_eq!(encode(&PLAIN, &request)["messages"], speakers);
}
