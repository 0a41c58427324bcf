//! The Ollama codec: both endpoints, requests in, lines out.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::call::{Call, Head, Operation, Route, route};
use crate::fault::{Failure, Kind};
use crate::framing::{Framer, Framing};
use crate::ir::event::{Block, Completion, Delta, Event, Finish, FinishReason, Usage};
use crate::ir::{
    Depth, Effort, Issuer, Media, OutputFormat, Part, PartKind, Protocol, Reasoning, Request, Role, Seal, Source,
    ToolCall, ToolInput, ToolKind, Turn,
};
use crate::json::Json;
use crate::protocol::ollama::Ollama;
use crate::protocol::{Echo, Inbound, StreamError};

fn call(path: &str, body: &Value) -> Call {
    let head = Head { method: "POST", path, query: "", header: &|_| None };
    let Ok(Route::Call(endpoint)) = route(&head) else { panic!("{path}") };
    assert_eq!((endpoint.protocol, endpoint.provider.as_deref()), (Protocol::Ollama, None));
    Call::read(endpoint, Bytes::from(body.to_string()), &head, "7", 1_700_000_000).unwrap()
}

fn chat(body: &Value) -> Request {
    Ollama.decode_request(&call("/api/chat", body)).unwrap()
}

fn generate(body: &Value) -> Request {
    Ollama.decode_request(&call("/api/generate", body)).unwrap()
}

fn messages(messages: Value) -> Value {
    json!({"model": "m", "messages": messages})
}

fn image(mime: &str, data: &str) -> Part {
    PartKind::Media(Media { mime: mime.into(), source: Source::Base64(data.into()), name: None }).into()
}

fn tool_call(id: &str, name: &str, input: &str) -> Part {
    let input = ToolInput::Json(Json::parse(input).unwrap());
    PartKind::ToolCall(ToolCall { id: id.into(), name: name.into(), input, seal: None }).into()
}

fn result(id: &str, text: &str) -> Part {
    PartKind::ToolResult { id: id.into(), output: vec![Part::text(text)], is_error: false }.into()
}

#[test]
fn both_endpoints_are_found_with_and_without_the_prefix() {
    let table = [
        ("/api/chat", Operation::Generate),
        ("/ollama/api/chat", Operation::Generate),
        ("/api/generate", Operation::Complete),
        ("/ollama/api/generate", Operation::Complete),
    ];
    for (path, operation) in table {
        let call = call(path, &json!({"model": "m"}));
        assert_eq!(call.endpoint.operation, operation);
        assert!(call.stream, "Ollama streams unless told not to");
    }
    assert!(!call("/api/chat", &json!({"model": "m", "stream": false})).stream);
}

#[test]
fn a_conversation_is_read() {
    let request = chat(&messages(json!([
        {"role": "system", "content": "terse"},
        {"role": "user", "content": "what", "images": ["iVBORw0K", "/9j/AAAA", "data:image/webp;base64,UklGxx"]},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
            {"function": {"name": "f", "arguments": {"a": 1}}},
            {"function": {"name": "g", "arguments": {}}},
            {"id": "own", "function": {"index": 2, "name": "f"}}]},
        {"role": "tool", "content": "from g", "tool_name": "g"},
        {"role": "tool", "content": "from own", "tool_call_id": "own"},
        {"role": "tool", "content": "from f"},
        {"role": "system", "content": "later"},
        {"role": "user", "content": "go"},
    ])));
    assert_eq!(request.system, [Part::text("terse")]);
    let turn = |role, parts| Turn { role, parts };
    let images = [image("image/png", "iVBORw0K"), image("image/jpeg", "/9j/AAAA"), image("image/webp", "UklGxx")];
    let expected = [
        turn(Role::User, [vec![Part::text("what")], images.to_vec()].concat()),
        turn(
            Role::Assistant,
            vec![
                PartKind::Thinking { text: "hm".into(), seal: None }.into(),
                tool_call("call_0", "f", "{\"a\":1}"),
                tool_call("call_1", "g", "{}"),
                tool_call("own", "f", "{}"),
            ],
        ),
        turn(Role::User, vec![result("call_1", "from g"), result("own", "from own"), result("call_0", "from f")]),
        turn(Role::System, vec![Part::text("later")]),
        turn(Role::User, vec![Part::text("go")]),
    ];
    assert_eq!(request.turns, expected);
}

#[test]
fn a_seal_comes_back_with_its_call() {
    let seal = Seal { issuer: Issuer::Google, value: "sig".into(), redacted: false };
    let block = Block::ToolCall { id: "c", name: "f", freeform: false };
    let lines = stream(
        "/api/chat",
        &[
            Event::BlockStart { index: 0, block },
            Event::Delta { index: 0, delta: Delta::Json("{}") },
            Event::Delta { index: 0, delta: Delta::Seal(&seal) },
            Event::BlockEnd { index: 0 },
        ],
    );
    let message = lines[0]["message"].clone();
    let id = message["tool_calls"][0]["id"].clone();
    let request = chat(&messages(json!([message, {"role": "tool", "content": "x", "tool_call_id": id}])));
    let PartKind::ToolCall(call) = &request.turns[0].parts[0].kind else { panic!() };
    assert_eq!((call.id.as_str(), &call.seal), ("c", &Some(seal)));
    assert_eq!(request.turns[1].parts, [result("c", "x")]);
}

#[test]
fn a_bare_prompt_is_read() {
    let request = generate(&json!({"model": "m", "prompt": "hi", "system": "s", "images": ["R0lGxx"],
        "format": "json", "stream": true, "raw": false, "suffix": "", "context": []}));
    assert_eq!(request.system, [Part::text("s")]);
    let parts = vec![Part::text("hi"), image("image/gif", "R0lGxx")];
    assert_eq!(request.turns, [Turn { role: Role::User, parts }]);
    assert_eq!(request.output, Some(OutputFormat::JsonObject));
}

#[test]
fn options_are_read_and_those_of_a_local_engine_dropped() {
    let request = chat(&json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "keep_alive": "5m",
        "logprobs": true, "options": {"temperature": 0, "top_p": 0.5, "top_k": 40, "num_predict": 10, "stop": ["x"],
            "seed": 1, "presence_penalty": 0.1, "frequency_penalty": 0.2, "num_ctx": 2048, "min_p": 0.05,
            "repeat_penalty": 1.1, "mirostat": 1}}));
    let sampling = &request.sampling;
    assert_eq!((sampling.temperature, sampling.top_p, sampling.top_k), (Some(0.0), Some(0.5), Some(40)));
    assert_eq!(
        (sampling.max_tokens, sampling.seed, sampling.stop.as_slice()),
        (Some(10), Some(1), &["x".to_owned()][..])
    );
    assert_eq!((sampling.presence_penalty, sampling.frequency_penalty), (Some(0.1), Some(0.2)));
    let options = |options: Value| {
        chat(&json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "options": options})).sampling
    };
    assert_eq!(options(json!({"stop": "end"})).stop, ["end"]);
    assert_eq!(options(json!({"num_predict": -1})).max_tokens, None);
    assert_eq!(options(json!({"num_predict": -2})).max_tokens, None);
}

#[test]
fn thinking_and_format_are_read() {
    let ask = |key: &str, value: Value| {
        let mut body = messages(json!([{"role": "user", "content": "x"}]));
        body[key] = value;
        chat(&body)
    };
    let reasoning = |depth, visible| Some(Reasoning { depth: Some(depth), visible });
    let table = [
        (json!(true), reasoning(Depth::Adaptive, Some(true))),
        (json!(false), reasoning(Depth::Off, None)),
        (json!("high"), reasoning(Depth::Effort(Effort::High), Some(true))),
        (json!("max"), reasoning(Depth::Effort(Effort::Max), Some(true))),
        (Value::Null, None),
    ];
    for (think, expected) in table {
        assert_eq!(ask("think", think).reasoning, expected);
    }
    let schema = json!({"type": "object", "properties": {"b": {}, "a": {}}});
    let Some(OutputFormat::JsonSchema { schema: read, .. }) = ask("format", schema.clone()).output else { panic!() };
    assert_eq!(read.get(), schema.to_string());
    assert_eq!(ask("format", json!("")).output, None);
    let tools = ask("tools", json!([{"type": "function", "function": {"name": "f", "description": "d"}}])).tools;
    assert!(matches!(&tools[0].kind, ToolKind::Function { schema, .. } if schema.get().contains("object")));
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let prompt = |key: &str, value: Value| {
        let mut body = json!({"model": "m", "prompt": "x"});
        body[key] = value;
        ("/api/generate", body)
    };
    let ask = |key: &str, value: Value| {
        let mut body = messages(json!([{"role": "user", "content": "x"}]));
        body[key] = value;
        ("/api/chat", body)
    };
    let said = |message: Value| ("/api/chat", messages(json!([message])));
    let table = [
        (prompt("suffix", json!("x")), "suffix: "),
        (prompt("template", json!("x")), "template: "),
        (prompt("raw", json!(true)), "raw: "),
        (prompt("context", json!([1, 2])), "context: "),
        (prompt("prompt", json!("")), "prompt: is empty"),
        (("/api/chat", json!({"model": "m"})), "messages: is empty"),
        (ask("think", json!("a lot")), "think: neither"),
        (ask("format", json!("yaml")), "format: neither"),
        (ask("tools", json!([{"type": "magic", "function": {"name": "f"}}])), "tools[0].type: unknown"),
        (ask("options", json!({"temperature": "hot"})), "options.temperature: invalid type"),
        (said(json!({"role": "robot", "content": "x"})), "messages[0].role: unknown"),
        (said(json!({"role": "tool", "content": "x"})), "messages[0]: no tool call waits"),
        (
            said(json!({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]})),
            "messages[0].tool_calls[0].function.arguments: not an object",
        ),
    ];
    for ((path, body), expected) in table {
        let failure = Ollama.decode_request(&call(path, &body)).unwrap_err();
        assert_eq!(failure.status, 400);
        assert!(failure.message.starts_with(expected), "expected {expected:?}, got {:?}", failure.message);
    }
}

/// Encode events; every line as a value.
fn stream(path: &str, events: &[Event<'_>]) -> Vec<Value> {
    let call = call(path, &json!({"model": "llama3.2", "prompt": "x"}));
    let mut encoder = Ollama.encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    for event in [Event::Start { id: "x", model: "gpt-5" }].iter().chain(events) {
        encoder.event(*event, &mut out);
        out.extend_from_slice(Ollama.keep_alive(&call));
    }
    lines(&out)
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let mut lines = Vec::new();
    let mut framer = Framer::new(Framing::Ndjson);
    let mut on = |frame: crate::framing::Frame<'_>, _| -> Result<(), StreamError> {
        lines.push(serde_json::from_slice(frame.data).unwrap());
        Ok(())
    };
    framer.push(bytes, &mut on).unwrap();
    framer.finish(&mut on).unwrap();
    lines
}

fn rich() -> Vec<Event<'static>> {
    let delta = |index, delta| Event::Delta { index, delta };
    vec![
        Event::BlockStart { index: 0, block: Block::Thinking },
        delta(0, Delta::Text("hm")),
        Event::BlockEnd { index: 0 },
        Event::BlockStart { index: 1, block: Block::Text },
        delta(1, Delta::Text("a\"")),
        delta(1, Delta::Text("b")),
        Event::BlockEnd { index: 1 },
        Event::BlockStart { index: 2, block: Block::ToolCall { id: "c1", name: "f", freeform: false } },
        delta(2, Delta::Json("{\"x\"")),
        delta(2, Delta::Json(":1}")),
        Event::BlockEnd { index: 2 },
        Event::BlockStart { index: 3, block: Block::ToolCall { id: "c2", name: "g", freeform: false } },
        Event::BlockEnd { index: 3 },
        Event::BlockStart { index: 4, block: Block::Media { mime: "image/png" } },
        delta(4, Delta::Data("iVBO")),
        delta(4, Delta::Data("Rw0K")),
        Event::BlockEnd { index: 4 },
        Event::Usage(Usage { input: 5, cache_read: 2, output: 3, reasoning: 1, ..Usage::default() }),
        Event::Finish(Finish::ToolCalls),
    ]
}

#[test]
fn a_chat_streams_as_lines() {
    let head = json!({"model": "llama3.2", "created_at": "2023-11-14T22:13:20Z"});
    let line = |message: Value, done: bool| {
        let mut line = head.clone();
        line["message"] = message;
        line["message"]["role"] = json!("assistant");
        line["done"] = json!(done);
        line
    };
    let call = |index: u32, id: &str, name: &str, arguments: Value| json!({"id": id, "function": {"index": index, "name": name, "arguments": arguments}});
    let mut last = line(json!({"content": ""}), true);
    for (key, value) in [
        ("done_reason", json!("stop")),
        ("total_duration", json!(1)),
        ("load_duration", json!(1)),
        ("prompt_eval_count", json!(7)),
        ("prompt_eval_duration", json!(1)),
        ("eval_count", json!(4)),
        ("eval_duration", json!(1)),
    ] {
        last[key] = value;
    }
    let expected = [
        line(json!({"content": "", "thinking": "hm"}), false),
        line(json!({"content": "a\""}), false),
        line(json!({"content": "b"}), false),
        line(json!({"content": "", "tool_calls": [call(0, "c1", "f", json!({"x": 1}))]}), false),
        line(json!({"content": "", "tool_calls": [call(1, "c2", "g", json!({}))]}), false),
        line(json!({"content": "", "images": ["iVBORw0K"]}), false),
        last,
    ];
    let lines = stream("/api/chat", &rich());
    assert_eq!(lines, expected);
    dump("chat-stream", &lines);
}

#[test]
fn a_generation_streams_as_lines() {
    let lines = stream("/api/generate", &rich());
    let texts: Vec<&str> = lines.iter().map(|line| line["response"].as_str().unwrap()).collect();
    assert_eq!(texts, ["", "a\"", "b", "", "", "", ""]);
    assert_eq!(lines[0]["thinking"], "hm");
    assert!(lines.iter().all(|line| line.get("message").is_none()));
    assert_eq!(lines[6]["done_reason"], "stop");
    dump("generate-stream", &lines);
}

#[test]
fn every_finish_has_its_reason() {
    let table = [
        (Finish::Stop, "stop"),
        (Finish::ToolCalls, "stop"),
        (Finish::Length, "length"),
        (Finish::Filtered, "content_filter"),
        (Finish::Other("pause"), "pause"),
    ];
    for (finish, expected) in table {
        let lines = stream("/api/chat", &[Event::Finish(finish)]);
        assert_eq!((&lines[0]["done"], &lines[0]["done_reason"]), (&json!(true), &json!(expected)));
    }
}

#[test]
fn a_broken_stream_ends_with_an_error_and_never_with_done() {
    let call = call("/api/chat", &json!({"model": "m"}));
    let mut encoder = Ollama.encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    rich()[..6].iter().for_each(|event| encoder.event(*event, &mut out));
    let failure = Failure::new(Kind::Upstream, "cut \"off\"");
    encoder.failure(&failure, &mut out);
    encoder.failure(&failure, &mut out);
    encoder.event(Event::Finish(Finish::Stop), &mut out);
    let lines = lines(&out);
    assert_eq!(lines.last(), Some(&json!({"error": "cut \"off\""})));
    assert_eq!(lines.iter().filter(|line| line.get("error").is_some()).count(), 1);
    assert!(lines.iter().all(|line| line["done"] != true));
    assert_eq!(Ollama.encode_failure(&failure), br#"{"error":"cut \"off\""}"#);
}

#[test]
fn a_whole_answer_is_the_sum_of_its_parts() {
    let done = Completion {
        id: "x".into(),
        model: "gpt-5".into(),
        parts: vec![
            PartKind::Thinking { text: "hm".into(), seal: None }.into(),
            Part::text("a"),
            Part::text("b"),
            tool_call("c1", "f", "{\"x\":1}"),
            image("image/png", "iVBORw0K"),
        ],
        usage: Usage { input: 5, output: 3, ..Usage::default() },
        finish: Some(FinishReason::Length),
    };
    let answer = |path: &str| {
        let call = call(path, &json!({"model": "llama3.2", "prompt": "x"}));
        let mut out = Vec::new();
        Ollama.encode_response(&done, &Echo { call: &call, request: None }, &mut out);
        serde_json::from_slice::<Value>(&out).unwrap()
    };
    let chat = answer("/api/chat");
    assert_eq!(
        chat["message"],
        json!({"role": "assistant", "content": "ab", "thinking": "hm", "images": ["iVBORw0K"],
            "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}]})
    );
    assert_eq!(
        (&chat["model"], &chat["done"], &chat["done_reason"]),
        (&json!("llama3.2"), &json!(true), &json!("length"))
    );
    assert_eq!((&chat["prompt_eval_count"], &chat["eval_count"]), (&json!(5), &json!(3)));
    let generated = answer("/api/generate");
    assert_eq!((&generated["response"], &generated["thinking"]), (&json!("ab"), &json!("hm")));
    dump("chat", &[chat]);
    dump("generate", &[generated]);
}

#[test]
fn real_clients_are_understood() {
    let folder = std::env::var("SLUICE_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let folder = PathBuf::from(folder).join("captures");
    if !folder.is_dir() {
        eprintln!("SKIPPED: no captures at {}; set SLUICE_SHARED", folder.display());
        return;
    }
    let mut seen = 0;
    for client in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(client.unwrap().path()).unwrap() {
            let capture: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
            let path = capture["path"].as_str().unwrap_or_default();
            if path == "/api/chat" || path == "/api/generate" {
                let call = call(path, &capture["body"]);
                assert_eq!(call.stream, capture["body"]["stream"].as_bool().unwrap_or(true));
                assert!(!Ollama.decode_request(&call).unwrap().turns.is_empty(), "{}", capture["body"]);
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen} captures");
}

/// Hand what we wrote to the schema check, which runs outside: `SLUICE_DUMP` names its folder.
fn dump(name: &str, values: &[Value]) {
    if let Ok(folder) = std::env::var("SLUICE_DUMP") {
        let path = PathBuf::from(folder).join(format!("ollama-{name}.json"));
        std::fs::write(path, serde_json::to_vec_pretty(values).unwrap()).unwrap();
    }
}
