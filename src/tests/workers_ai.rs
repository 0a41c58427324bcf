//! The `AI` binding: what it is given, and what its answers are.

use serde_json::{Value, json};

use super::rig::call;
use crate::accounts::bound;
use crate::fault::{Fault, Millis, Scope};
use crate::framing::{Framer, Framing};
use crate::ir::event::{Collector, Completion};
use crate::protocol::StreamError;
use crate::upstream::{Refusal, payload};

fn sent(path: &str, body: &Value) -> (String, Value) {
    let call = call("POST", path, &[], body.to_string()).unwrap();
    let target = bound().target("@cf/meta/llama-3.3-70b-instruct-fp8-fast");
    let payload = payload(&call, &target).unwrap_or_else(|failure| panic!("{failure:?}"));
    let request = target.upstream.request(&call, &target, &payload).unwrap();
    assert!(request.headers.is_empty(), "nothing is signed");
    (request.url, serde_json::from_slice(&request.body).unwrap())
}

fn streamed(frames: &[Value], done: bool) -> Result<Completion, StreamError> {
    let target = bound().target("m");
    let wire = target.upstream.speaks(crate::ir::Protocol::Messages, &target);
    let (mut decoder, mut collector) = (wire.decoder(), Collector::default());
    let mut text: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    if done {
        text += "data: [DONE]\n\n";
    }
    let mut framer = Framer::new(Framing::Sse);
    framer.push(text.as_bytes(), |frame, _| decoder.frame(frame, &mut collector))?;
    decoder.end(&mut collector)?;
    Completion::of(collector).ok_or(StreamError::Cut)
}

fn whole(body: &Value) -> Completion {
    let target = bound().target("m");
    let wire = target.upstream.speaks(crate::ir::Protocol::Messages, &target);
    let mut collector = Collector::default();
    wire.decode_response(body.to_string().as_bytes(), &mut collector).unwrap();
    Completion::of(collector).unwrap()
}

/// Text and calls, in order.
fn said(done: &Completion) -> Value {
    let part = |part: &crate::ir::Part| match &part.kind {
        crate::ir::PartKind::Text(text) => json!(text),
        crate::ir::PartKind::ToolCall(call) => match &call.input {
            crate::ir::ToolInput::Json(input) => json!([call.name, input.value()]),
            crate::ir::ToolInput::Text(text) => json!([call.name, text]),
        },
        other => panic!("{other:?}"),
    };
    done.parts.iter().map(part).collect()
}

/// <https://developers.cloudflare.com/workers-ai/features/function-calling/traditional/>
#[test]
fn the_binding_is_asked_with_the_model_beside_its_inputs() {
    let (url, body) = sent(
        "/v1/messages",
        &json!({"model": "x", "max_tokens": 9, "stream": true, "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}]}),
    );
    assert_eq!(url, "binding:ai/@cf/meta/llama-3.3-70b-instruct-fp8-fast");
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]);
    assert_eq!(body, json!({"messages": messages, "max_tokens": 9, "stream": true}));
    // A client of Chat is translated, too: the answer is not in its words.
    let (_, chat) =
        sent("/v1/chat/completions", &json!({"model": "x", "messages": [{"role": "user", "content": "hi"}]}));
    assert_eq!(chat, json!({"messages": [{"role": "user", "content": "hi"}]}));
}

#[test]
fn its_own_words_are_read_streamed_and_whole() {
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10});
    let frames = [
        json!({"response": "Hel", "p": "abc"}),
        json!({"response": "lo"}),
        json!({"response": 4}),
        json!({"response": "", "usage": usage}),
    ];
    let done = streamed(&frames, true).unwrap();
    assert_eq!((said(&done), done.usage.input, done.usage.output), (json!(["Hello4"]), 7, 3));
    let done = whole(&json!({"response": "Hello", "usage": usage}));
    assert_eq!((said(&done), done.usage.input, done.usage.output), (json!(["Hello"]), 7, 3));
    assert_eq!(said(&whole(&json!({"response": {"a": [1]}}))), json!(["{\"a\":[1]}"]));
    let calls = json!([{"name": "getWeather", "arguments": {"city": "Paris"}}, {"name": "getWeather", "arguments": {"city": "Rome"}}]);
    let expected = json!([["getWeather", {"city": "Paris"}], ["getWeather", {"city": "Rome"}]]);
    assert_eq!(said(&whole(&json!({"response": null, "tool_calls": calls}))), expected);
    assert_eq!(said(&streamed(&[json!({"response": null, "tool_calls": calls})], true).unwrap()), expected);
}

#[test]
fn newer_models_answer_in_words_of_chat() {
    let frames = [
        json!({"id": "1", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}),
        json!({"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ];
    assert_eq!(said(&streamed(&frames, true).unwrap()), json!(["Hi"]));
    let openai =
        json!([{"id": "c1", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{\"a\":1}"}}]);
    assert_eq!(said(&whole(&json!({"response": "", "tool_calls": openai}))), json!([["f", {"a": 1}]]));
}

#[test]
fn an_answer_without_its_end_is_cut() {
    assert!(streamed(&[json!({"response": "Hel"})], false).is_err());
}

/// <https://developers.cloudflare.com/workers-ai/platform/errors/>
#[test]
fn its_errors_mean_what_the_documentation_says() {
    let upstream = bound().upstream;
    let told = |status, body: Value| {
        upstream.classify(Refusal { status, headers: &[], body: body.to_string().as_bytes() }, Millis(0))
    };
    let by = |status, code: u32| told(status, json!({"error": {"code": code, "message": format!("{code}: words")}}));
    assert_eq!(by(429, 3036), Fault::Quota { wait: None, scope: Scope::Account });
    assert_eq!(by(429, 3040), Fault::Overloaded);
    assert_eq!(by(404, 5007), Fault::ModelMissing);
    assert_eq!(by(403, 3023), Fault::Suspended);
    assert_eq!(by(400, 5004), Fault::Rejected);
    assert_eq!(by(413, 3006), Fault::Rejected);
    // The REST endpoints say the same in Cloudflare's own shape.
    let rest =
        json!({"success": false, "errors": [{"code": 3036, "message": "you have used up your daily free allocation"}]});
    assert_eq!(told(429, rest), Fault::Quota { wait: None, scope: Scope::Account });
}
