//! The demo provider, asked through the executor as a client would ask: every client protocol meets every wire.

mod harness;

use serde_json::{Value, json};

use super::upstreams::{call, setups};
use crate::call::Call;
use crate::ir::Protocol;
use crate::ir::event::Usage;
use crate::upstream::demo::serve;
use harness::ask;

const CLIENTS: [Protocol; 4] = [Protocol::Chat, Protocol::Responses, Protocol::Messages, Protocol::Gemini];

/// A request in the client's own protocol.
fn asking(protocol: Protocol, model: &str, text: &str, stream: bool) -> Call {
    let model = format!("demo/{model}");
    let body = match protocol {
        Protocol::Chat => json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}),
        Protocol::Responses => json!({"model": model, "stream": stream, "input": text}),
        Protocol::Messages => json!({"model": model, "stream": stream, "max_tokens": 1000,
            "messages": [{"role": "user", "content": text}]}),
        Protocol::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
        Protocol::Ollama | Protocol::Kiro | Protocol::Converse => unreachable!(),
    };
    let mut call = call(protocol, &body);
    call.model.clone_from(&model);
    call.stream = stream;
    call.endpoint.stream = (protocol == Protocol::Gemini).then_some(stream);
    call.endpoint.model = (protocol == Protocol::Gemini).then_some(model);
    call
}

/// All text a client of `protocol` is shown, from a whole answer or a stream.
fn shown(protocol: Protocol, body: &str) -> String {
    let paths = match protocol {
        Protocol::Chat => ["/choices/0/message/content", "/choices/0/delta/content"],
        Protocol::Responses => ["/output/0/content/0/text", "/delta"],
        Protocol::Messages => ["/content/0/text", "/delta/text"],
        _ => ["/candidates/0/content/parts/0/text", "/candidates/0/content/parts/0/text"],
    };
    let documents: Vec<Value> = match serde_json::from_str(body) {
        Ok(whole) => vec![whole],
        Err(_) => body.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect(),
    };
    documents.iter().flat_map(|document| paths.iter().find_map(|path| document.pointer(path)?.as_str())).collect()
}

fn pairs() -> Vec<(Protocol, &'static str)> {
    let wires = ["chat", "responses", "messages", "gemini"];
    CLIENTS.iter().flat_map(|client| wires.map(|wire| (*client, wire))).collect()
}

#[test]
fn every_client_is_answered_from_every_wire() {
    for (client, wire) in pairs() {
        for stream in [false, true] {
            let got = ask(&asking(client, wire, "hello out there", stream));
            assert_eq!(got.status, 200, "{client:?} {wire}: {got:?}");
            assert_eq!(shown(client, &got.text), "You said: hello out there", "{client:?} {wire}: {}", got.text);
            assert!(!got.failed);
        }
    }
}

#[test]
fn an_echo_is_a_relay_and_says_the_same_words() {
    for client in CLIENTS {
        for stream in [false, true] {
            let call = asking(client, "echo", "naïve 你好 🙂", stream);
            let got = ask(&call);
            assert_eq!(shown(client, &got.text), "naïve 你好 🙂", "{client:?}: {}", got.text);
        }
    }
}

#[test]
fn a_stream_counts_its_tokens_whatever_the_wire() {
    for (client, wire) in pairs() {
        let got = ask(&asking(client, &format!("{wire}+cached=2"), "one two three", true));
        let expected = Usage { input: 1, cache_read: 2, output: 5, ..Usage::default() };
        assert_eq!(got.usage, expected, "{client:?} {wire}: {}", got.text);
    }
}

#[test]
fn a_failure_of_one_account_is_not_seen_and_of_both_is() {
    for (client, wire) in pairs() {
        for stream in [false, true] {
            for (fail, fault) in [
                ("429", "rate_limited"),
                ("quota", "quota"),
                ("500", "overloaded"),
                ("401", "unauthorized"),
                ("403", "suspended"),
                ("404", "model_missing"),
                ("page", "overloaded"),
                ("event", "overloaded"),
                ("early", "transport"),
                ("hang", "transport"),
            ] {
                let place = format!("{client:?} {wire} {fail} stream={stream}");
                let one = ask(&asking(client, &format!("{wire}+who+fail={fail}"), "x", stream));
                assert_eq!(
                    (one.status, one.tried.as_slice()),
                    (200, ["demo-1", "demo-2", "answered"].map(str::to_owned).as_slice()),
                    "{place}: {}",
                    one.text
                );
                assert_eq!(shown(client, &one.text), "demo-2", "{place}");
                let both = ask(&asking(client, &format!("{wire}+failall={fail}"), "x", stream));
                assert!(both.status >= 400, "{place}: {both:?}");
                assert_eq!(both.tried, ["demo-1", "demo-2", fault], "{place}: {}", both.text);
            }
        }
    }
}

#[test]
fn a_wrong_request_is_nobodys_fault_and_asked_once() {
    for (client, wire) in pairs() {
        for fail in ["400", "409", "413", "422"] {
            let got = ask(&asking(client, &format!("{wire}+failall={fail}"), "x", false));
            assert_eq!(got.tried, ["demo-1", "rejected"], "{client:?} {wire} {fail}: {}", got.text);
            assert_eq!(got.status.to_string(), fail);
        }
    }
}

#[test]
fn a_wait_is_passed_on() {
    for (client, wire) in pairs() {
        let got = ask(&asking(client, &format!("{wire}+failall=429+retry=7"), "x", true));
        assert_eq!((got.status, got.retry_after), (429, Some(7)), "{client:?} {wire}: {}", got.text);
    }
}

#[test]
fn a_break_after_content_is_an_error_and_never_an_end() {
    for (client, wire) in pairs() {
        for fail in ["mid", "cut", "stall"] {
            let got = ask(&asking(client, &format!("{wire}+chunks=10+failall={fail}"), "x", true));
            let place = format!("{client:?} {wire} {fail}: {}", got.text);
            assert_eq!((got.status, got.failed), (200, true), "{place}");
            let text = shown(client, &got.text);
            assert!(text.starts_with("word1 ") && !text.contains("word10"), "{place}");
            for end in ["[DONE]", "\"finish_reason\":\"stop\"", "message_stop", "response.completed", "\"STOP\""] {
                assert!(!got.text.contains(end), "{end} in {place}");
            }
        }
    }
}

#[test]
fn chunks_are_as_many_as_ordered_and_paced() {
    let target = setups(&[("SLUICE_DEMO", "1")])[0].target("echo+chunks=50+pace=20+delay=300");
    let call = asking(Protocol::Chat, "echo+chunks=50+pace=20+delay=300", "x", true);
    let payload = crate::upstream::payload(&call, &target).unwrap();
    let request = target.upstream.request(&call, &target, &payload).unwrap();
    let script = serve(&request);
    let waits: Vec<u64> = script.steps.iter().map(|step| step.wait_ms).collect();
    assert_eq!(waits.first(), Some(&320));
    assert_eq!(waits.iter().filter(|wait| **wait == 20).count(), 49);
    assert_eq!(script, serve(&request), "the same request, the same answer");
}

/// A request with two tools, in each client's words; `history` is what follows the user's first turn.
fn with_tools(protocol: Protocol, model: &str, text: &str, history: &[Value]) -> Call {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]},
        "days": {"type": "integer", "minimum": 3}, "note": {"type": "string"}}, "required": ["city", "days"]});
    let names = ["get_weather", "get_time"];
    let mut call = asking(protocol, model, text, false);
    let mut body: Value = serde_json::from_slice(call.body.bytes()).unwrap();
    let tools: Vec<Value> = names
        .iter()
        .map(|name| match protocol {
            Protocol::Chat => json!({"type": "function", "function": {"name": name, "parameters": schema}}),
            Protocol::Responses => json!({"type": "function", "name": name, "parameters": schema}),
            Protocol::Messages => json!({"name": name, "input_schema": schema}),
            _ => json!({"name": name, "parameters": schema}),
        })
        .collect();
    body["tools"] = if protocol == Protocol::Gemini { json!([{"functionDeclarations": tools}]) } else { json!(tools) };
    let key = if protocol == Protocol::Gemini { "contents" } else { "messages" };
    if !history.is_empty() {
        body[key].as_array_mut().unwrap().extend(history.iter().cloned());
    }
    call.body = crate::json::Body::parse(body.to_string().into()).unwrap();
    call
}

/// `name(arguments)` of every call in a whole answer.
fn called(protocol: Protocol, body: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(body).unwrap();
    let items = |path: &str| body.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    let tell = |name: &Value, arguments: &Value| {
        let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
        format!("{}({arguments})", name.as_str().unwrap())
    };
    match protocol {
        Protocol::Chat => items("/choices/0/message/tool_calls")
            .iter()
            .map(|call| tell(&call["function"]["name"], &call["function"]["arguments"]))
            .collect(),
        Protocol::Responses => items("/output")
            .iter()
            .filter(|item| item["type"] == "function_call")
            .map(|call| tell(&call["name"], &call["arguments"]))
            .collect(),
        Protocol::Messages => items("/content")
            .iter()
            .filter(|item| item["type"] == "tool_use")
            .map(|call| tell(&call["name"], &call["input"]))
            .collect(),
        _ => items("/candidates/0/content/parts")
            .iter()
            .filter_map(|part| part.get("functionCall"))
            .map(|call| tell(&call["name"], &call["args"]))
            .collect(),
    }
}

#[test]
fn tools_are_called_with_arguments_that_obey_their_schema() {
    let arguments = r#"({"city":"Oslo","days":3})"#;
    for (client, wire) in pairs() {
        let one = ask(&with_tools(client, wire, "what now?", &[]));
        assert_eq!(called(client, &one.text), [format!("get_weather{arguments}")], "{client:?} {wire}: {}", one.text);
        let named = ask(&with_tools(client, wire, "use get_time", &[]));
        assert_eq!(called(client, &named.text), [format!("get_time{arguments}")], "{client:?} {wire}");
        let two = ask(&with_tools(client, wire, "both two of them", &[]));
        let expected = ["get_weather", "get_time"].map(|name| format!("{name}{arguments}"));
        assert_eq!(called(client, &two.text), expected, "{client:?} {wire}: {}", two.text);
        let none = ask(&with_tools(client, &format!("{wire}+calls=0"), "hi", &[]));
        assert_eq!(shown(client, &none.text), "You said: hi", "{client:?} {wire}: {}", none.text);
    }
}

#[test]
fn results_of_tools_are_quoted() {
    let history = [
        json!({"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]}),
        json!({"role": "tool", "tool_call_id": "c1", "content": "sunny, 21 °C"}),
    ];
    for (_, wire) in pairs().into_iter().filter(|(client, _)| *client == Protocol::Chat) {
        let got = ask(&with_tools(Protocol::Chat, wire, "weather", &history));
        assert_eq!(shown(Protocol::Chat, &got.text), "get_weather said: sunny, 21 °C", "{wire}: {}", got.text);
    }
}

#[test]
fn limits_and_shapes_are_obeyed() {
    let with = |extra: Value| {
        let mut body = json!({"model": "demo/echo", "messages": [{"role": "user", "content": "one two three"}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let got = ask(&call(Protocol::Chat, &body));
        let body: Value = serde_json::from_str(&got.text).unwrap();
        let choice = &body["choices"][0];
        (
            choice["message"]["content"].as_str().unwrap().to_owned(),
            choice["finish_reason"].as_str().unwrap().to_owned(),
        )
    };
    let told = |text: &str, finish: &str| (text.to_owned(), finish.to_owned());
    assert_eq!(with(json!({"max_tokens": 2})), told("one two ", "length"));
    assert_eq!(with(json!({"max_tokens": 3})), told("one two three", "stop"));
    assert_eq!(with(json!({"stop": ["three"]})), told("one two ", "stop"));
    let schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}},
        "required": ["a"], "$defs": {"b": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}}});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}});
    assert_eq!(with(format), told(r#"{"a":[true]}"#, "stop"));
    assert_eq!(
        with(json!({"response_format": {"type": "json_object"}})),
        told(r#"{"answer":"one two three"}"#, "stop")
    );
}

#[test]
fn an_order_that_makes_no_sense_is_refused_by_name() {
    for (model, words) in [
        ("echo+chunks=x", "chunks"),
        ("echo+pace=60001", "pace"),
        ("echo+fly", "fly"),
        ("echo+fail=soon", "soon"),
        ("echo+fail=200", "200"),
    ] {
        let got = ask(&asking(Protocol::Chat, model, "x", false));
        assert_eq!((got.status, got.text.contains(words)), (400, true), "{model}: {}", got.text);
    }
    let got = ask(&asking(Protocol::Chat, "nothing", "x", false));
    assert_eq!((got.status, got.tried.last().unwrap().as_str()), (404, "model_missing"), "{}", got.text);
}

#[test]
fn tokens_are_counted_by_who_can_and_never_by_answering() {
    let count = |client, model: &str| {
        let mut call = asking(client, model, "one two three", false);
        call.endpoint.operation = crate::call::Operation::CountTokens;
        ask(&call)
    };
    for (client, expected) in
        [(Protocol::Messages, json!({"input_tokens": 3})), (Protocol::Gemini, json!({"totalTokens": 3}))]
    {
        let got = count(client, "echo");
        assert_eq!((got.status, got.text), (200, expected.to_string()), "{client:?}");
        let refused = count(client, "chat");
        assert_eq!((refused.status, refused.tried.len()), (404, 1), "{client:?}: {}", refused.text);
    }
}

/// The client's next request: all it was told, word for word, and a result for every call.
fn with_results(protocol: Protocol, first: &Call, answer: &str) -> Call {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let mut body: Value = serde_json::from_slice(first.body.bytes()).unwrap();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let said: Vec<Value> = match protocol {
        Protocol::Chat => {
            let message = answer["choices"][0]["message"].clone();
            let results = items(&message["tool_calls"]);
            let results =
                results.iter().map(|call| json!({"role": "tool", "tool_call_id": call["id"], "content": "sunny"}));
            [message.clone()].into_iter().chain(results).collect()
        }
        Protocol::Responses => {
            let output = items(&answer["output"]);
            let calls = output.iter().filter(|item| item["type"] == "function_call");
            let results: Vec<Value> = calls
                .map(|call| json!({"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}))
                .collect();
            output.into_iter().chain(results).collect()
        }
        Protocol::Messages => {
            let content = items(&answer["content"]);
            let calls = content.iter().filter(|item| item["type"] == "tool_use");
            let results: Vec<Value> = calls
                .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"}))
                .collect();
            vec![json!({"role": "assistant", "content": content}), json!({"role": "user", "content": results})]
        }
        _ => {
            let content = answer["candidates"][0]["content"].clone();
            let parts = items(&content["parts"]);
            let results: Vec<Value> = parts
                .iter()
                .filter_map(|part| part.get("functionCall"))
                .map(|call| {
                    let mut result = json!({"name": call["name"], "response": {"output": "sunny"}});
                    if let Some(id) = call.get("id") {
                        result["id"] = id.clone();
                    }
                    json!({"functionResponse": result})
                })
                .collect();
            vec![content, json!({"role": "user", "parts": results})]
        }
    };
    let key = match protocol {
        Protocol::Gemini => "contents",
        Protocol::Responses => "input",
        _ => "messages",
    };
    if protocol == Protocol::Responses && body[key].is_string() {
        body[key] = json!([{"role": "user", "content": body[key]}]);
    }
    body[key].as_array_mut().unwrap().extend(said);
    Call { body: crate::json::Body::parse(body.to_string().into()).unwrap(), ..first.clone() }
}

/// The demo refuses a seal that is not its own, as the providers do: so this is also the way of the seals, out to the
/// client and back, through whatever field or id the client's protocol has for them.
#[test]
fn a_conversation_with_thoughts_and_tools_goes_on() {
    for (client, wire) in pairs() {
        let first = with_tools(client, &format!("{wire}+think+sealed"), "both two of them", &[]);
        let answer = ask(&first);
        assert_eq!(called(client, &answer.text).len(), 2, "{client:?} {wire}: {}", answer.text);
        let second = with_results(client, &first, &answer.text);
        let got = ask(&second);
        let place = format!("{client:?} {wire}: {} after {}", got.text, answer.text);
        assert_eq!(got.status, 200, "{place}");
        let said = ["get_weather", "get_time"].map(|name| format!("{name} said: "));
        assert!(said.iter().all(|said| got.text.contains(said.as_str())), "{place}");
        assert!(got.text.contains("sunny"), "{place}");
    }
}
