//! What other gateways got wrong around this protocol, one sentence each.

use serde_json::{Value, json};

use super::{Script, chunks, dialect, encode, events, feed, messages, sse, streamed, whole, with};
use crate::fault::Failure;
use crate::ir::event::{Block, Completion, Delta, Event, Finish, FinishReason, Usage};
use crate::ir::{Part, PartKind, Protocol, Request, Role, ToolChoice, ToolKind};
use crate::protocol::chat::{Chat, ReasoningStyle};
use crate::protocol::{Echo, Outbound, inbound, tools, turns};
use crate::tests::upstreams;

/// A client's request of `protocol`, as a Chat provider is sent it.
fn across(protocol: Protocol, body: &Value) -> Value {
    let mut request = inbound(protocol).decode_request(&upstreams::call(protocol, body)).unwrap();
    turns::normalize(&mut request);
    tools::fit(&mut request, Chat::OPENAI.tool_rules());
    encode(&Chat::OPENAI, &request)
}

fn claude(messages: Value, members: Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 100, "messages": messages});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    across(Protocol::Messages, &body)
}

/// A Chat provider's frames, as a client of `protocol` is answered.
fn answered(protocol: Protocol, frames: &[&str]) -> Result<String, (String, Failure)> {
    let call = upstreams::call(protocol, &json!({"model": "m", "stream": true}));
    let mut encoder = inbound(protocol).encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    let result = feed(sse(frames).as_bytes(), &mut |event: Event<'_>| encoder.event(event, &mut out));
    let text = |out: Vec<u8>| String::from_utf8(out).unwrap();
    match result {
        Ok(()) => Ok(text(out)),
        Err(error) => Err((text(out), crate::pump::failure_of(&error))),
    }
}

const HI: &str = r#"{"id":"c1","model":"gpt","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"id":"c1","model":"gpt","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn weather() -> Value {
    json!([{"name": "w", "description": "d", "input_schema": {"type": "object", "properties": {}}}])
}

#[test]
fn every_tool_use_of_a_turn_reaches_the_provider_with_its_text_and_its_result() {
    let sent = claude(
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "both"},
                {"type": "tool_use", "id": "toolu_1", "name": "w", "input": {"city": "Paris"}},
                {"type": "tool_use", "id": "toolu_2", "name": "w", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
                {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": true, "content": [
                    {"type": "text", "text": "no such city"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                ]},
                {"type": "text", "text": "and?"},
            ]},
        ]),
        json!({"tools": weather()}),
    );
    let list = sent["messages"].as_array().unwrap();
    let roles: Vec<_> = list.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "user"]);
    assert_eq!((&list[1]["content"], list[1]["tool_calls"].as_array().unwrap().len()), (&json!("both"), 2));
    assert_eq!((&list[2]["tool_call_id"], &list[2]["content"]), (&json!("toolu_1"), &json!("sunny")));
    assert_eq!((&list[3]["tool_call_id"], &list[3]["content"]), (&json!("toolu_2"), &json!("Error: no such city")));
    let last = list[4]["content"].to_string();
    assert!(last.contains("data:image/png;base64,AAAA") && last.contains("and?"), "{last}");
}

#[test]
fn an_anthropic_clients_settings_are_kept() {
    let sent = claude(
        json!([{"role": "user", "content": [
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
            {"type": "text", "text": "  both?\n"},
        ]}]),
        json!({
            "tools": weather(), "tool_choice": {"type": "none"}, "temperature": 0.0, "top_p": 0.5,
            "stop_sequences": ["END"], "metadata": {"user_id": "u"},
        }),
    );
    let content = &sent["messages"][0]["content"];
    assert_eq!(content[0]["file"]["file_data"], "data:application/pdf;base64,JVBERi0=");
    assert_eq!(content[1]["image_url"]["url"], "https://x.test/a.png");
    assert_eq!(content[2]["text"], "  both?\n");
    assert_eq!(sent["tool_choice"], "none");
    assert_eq!((sent["temperature"].as_f64(), sent["top_p"].as_f64()), (Some(0.0), Some(0.5)));
    assert_eq!((&sent["stop"], &sent["max_completion_tokens"]), (&json!(["END"]), &json!(100)));
    let single = json!({"tools": weather(), "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}});
    let sent = claude(json!([{"role": "user", "content": "x"}]), single);
    assert_eq!((&sent["tool_choice"], &sent["parallel_tool_calls"]), (&json!("auto"), &json!(false)));
}

#[test]
fn nothing_is_made_up_for_a_client_that_did_not_say() {
    let sent = claude(json!([{"role": "user", "content": "x"}]), json!({}));
    let keys: Vec<_> = sent.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["model", "messages", "max_completion_tokens"]);
    let request = with(json!({})).unwrap();
    assert_eq!((request.sampling, request.tool_choice, request.parallel_tools), Default::default());
}

#[test]
fn usage_is_asked_for_in_every_stream() {
    let request = with(json!({"stream": true})).unwrap();
    assert_eq!(encode(&Chat::OPENAI, &request)["stream_options"]["include_usage"], true);
}

#[test]
fn a_developers_instructions_stay_instructions() {
    let body = json!({"model": "m", "instructions": "a", "temperature": 0.5, "top_p": 0.25, "input": [
        {"role": "developer", "content": "b"},
        {"role": "user", "content": [
            {"type": "input_text", "text": "c"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        ]},
    ]});
    let sent = across(Protocol::Responses, &body);
    assert!(sent["messages"][0]["role"] == "system" || sent["messages"][0]["role"] == "developer", "{sent}");
    let text = sent["messages"].to_string();
    assert!(text.contains("\"a\"") && text.contains("\"b\"") && text.contains("JVBERi0="), "{text}");
    assert_eq!((sent["temperature"].as_f64(), sent["top_p"].as_f64()), (Some(0.5), Some(0.25)));
}

#[test]
fn a_chat_clients_request_reaches_the_canonical_form_whole() {
    let request = with(json!({
        "temperature": 0, "tool_choice": "none", "parallel_tool_calls": false, "seed": 7, "presence_penalty": 0.5,
        "stop": "END", "max_completion_tokens": 9, "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }))
    .unwrap();
    assert_eq!((request.tool_choice, request.parallel_tools), (Some(ToolChoice::None), Some(false)));
    assert_eq!((request.sampling.temperature, request.sampling.max_tokens), (Some(0.0), Some(9)));
    assert_eq!((request.sampling.seed, request.sampling.presence_penalty), (Some(7), Some(0.5)));
    assert!(request.output.is_some() && request.sampling.stop == ["END"]);
    let ToolKind::Function { schema, .. } = &request.tools[0].kind else { panic!() };
    assert_eq!(schema.value()["type"], "object", "a tool without parameters has a schema all the same");
}

#[test]
fn a_trailing_assistant_message_is_kept() {
    let request = messages(json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "Sure: "}]));
    assert_eq!(request.turns[1].role, Role::Assistant);
    assert_eq!(request.turns[1].parts, [Part::text("Sure: ")]);
}

#[test]
fn each_tool_result_is_there_once() {
    let mut request = messages(json!([
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "{\"temp\":20}"},
        {"role": "tool", "tool_call_id": "a", "content": "again"},
    ]));
    turns::normalize(&mut request);
    let sent = encode(&Chat::OPENAI, &request)["messages"].clone();
    assert_eq!((sent.as_array().unwrap().len(), &sent[1]["content"]), (2, &json!("{\"temp\":20}")));
}

#[test]
fn arguments_are_passed_on_as_they_come() {
    let head =
        r#"{"choices":[{"delta":{"tool_calls":[{"index":3,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#;
    let more = r#"{"choices":[{"delta":{"tool_calls":[{"index":3,"function":{"arguments":"{\"x\":"}}]}}]}"#;
    assert_eq!(events(&[head, more]).unwrap()[1..], ["[call a f", "{\"x\":"]);
    let open = [
        Event::Start { id: "", model: "" },
        Event::BlockStart { index: 0, block: Block::ToolCall { id: "a", name: "f", freeform: false } },
        Event::Delta { index: 0, delta: Delta::Json("{\"x\":") },
    ];
    assert!(
        streamed(&json!({"model": "m"}), &open)
            .ends_with("{\"arguments\":\"{\\\"x\\\":\"}}]},\"finish_reason\":null}]}\n\n")
    );
}

#[test]
fn thoughts_never_leak_into_the_content_and_count_as_completion() {
    let usage = Usage { input: 10_000 - 8_000, cache_read: 8_000, output: 500, reasoning: 300, ..Usage::default() };
    let parts = vec![PartKind::Thinking { text: "secret".to_owned(), seal: None }.into(), Part::text("said")];
    let answer = whole(&Completion { parts, usage, finish: Some(FinishReason::Length), ..Completion::default() });
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["message"]["reasoning_content"]),
        (&json!("said"), &json!("secret"))
    );
    assert_eq!(choice["finish_reason"], "length");
    let usage = &answer["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(10_000), &json!(800)));
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 8_000);
    assert!(answer["created"].as_u64().unwrap() > 0);
}

#[test]
fn the_finish_is_written_once_and_needs_no_usage() {
    let call = Block::ToolCall { id: "a", name: "f", freeform: false };
    let events = [
        Event::Start { id: "", model: "" },
        Event::BlockStart { index: 0, block: call },
        Event::BlockEnd { index: 0 },
        Event::Finish(Finish::Stop),
    ];
    let (chunks, done) = chunks(&streamed(&json!({"model": "m"}), &events));
    let reasons: Vec<_> = chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).collect();
    assert_eq!((reasons, done), (vec!["tool_calls"], true));
}

#[test]
fn an_error_chunk_is_never_a_clean_end_for_an_anthropic_client() {
    let error = r#"{"error":{"message":"capacity","type":"server_error","code":503}}"#;
    let (out, failure) = answered(Protocol::Messages, &[HI, error]).unwrap_err();
    assert!(out.contains("hi") && !out.contains("message_stop"), "{out}");
    assert_eq!((failure.status, failure.message.as_str()), (503, "capacity"));
}

#[test]
fn an_anthropic_client_gets_the_blocks_the_calls_and_the_usage() {
    let call = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}"#;
    let out = answered(Protocol::Messages, &[HI, call, &STOP.replace("stop", "tool_calls"), usage, "[DONE]"]).unwrap();
    for part in
        ["message_start", "text_delta", "\"tool_use\"", "input_json_delta", "\"output_tokens\":5", "message_stop"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let out = answered(Protocol::Messages, &[HI, &STOP.replace("stop", "content_filter"), "[DONE]"]).unwrap();
    assert!(out.contains("\"refusal\""), "{out}");
}

#[test]
fn two_streams_at_once_share_nothing() {
    let text = |text: &str| json!({"id": text, "model": "m", "choices": [{"delta": {"content": text}}]}).to_string();
    let tool = |id: &str| {
        let call = json!([{"index": 0, "id": id, "function": {"name": id, "arguments": "{}"}}]);
        json!({"id": id, "model": "m", "choices": [{"delta": {"tool_calls": call}}]}).to_string()
    };
    let streams = [[text("a"), STOP.to_owned()], [tool("b"), STOP.to_owned()]];
    let mut decoders = [Chat::OPENAI.decoder(), Chat::OPENAI.decoder()];
    let mut scripts = [Script::default(), Script::default()];
    for side in [0, 1, 0, 1] {
        let (decoder, script) = (&mut decoders[side], &mut scripts[side]);
        let next = usize::from(!script.lines.is_empty());
        let frame = crate::framing::Frame { data: streams[side][next].as_bytes(), ..Default::default() };
        decoder.frame(frame, script).unwrap();
    }
    for (decoder, script) in decoders.iter_mut().zip(&mut scripts) {
        decoder.end(script).unwrap();
    }
    assert_eq!(scripts[0].lines, ["start a m", "[text", "a", "]", "finish Stop"]);
    assert_eq!(scripts[1].lines, ["start b m", "[call b b", "{}", "]", "finish ToolCalls"]);
}

#[test]
fn a_large_line_does_not_break_the_stream() {
    let data = "A".repeat(2 << 20);
    let image =
        json!({"choices": [{"delta": {"images": [{"image_url": {"url": format!("data:image/png;base64,{data}")}}]}}]});
    let found = events(&[HI, &image.to_string(), STOP]).unwrap();
    assert!(found.contains(&data));
}

#[test]
fn reasoning_of_a_tool_loop_goes_back_to_who_demands_it() {
    let request = messages(json!([
        {"role": "assistant", "reasoning_content": "because", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]));
    assert_eq!(encode(&dialect(ReasoningStyle::Thinking), &request)["messages"][0]["reasoning_content"], "because");
}

#[test]
fn a_null_where_a_choice_may_be_is_no_choice() {
    let nulls = json!({"tool_choice": null, "tools": null, "stop": null, "max_tokens": null, "response_format": null,
        "reasoning_effort": null, "stream_options": null, "temperature": null, "user": null, "thinking": null});
    assert_eq!(
        with(nulls).unwrap(),
        Request { turns: with(json!({})).unwrap().turns, model: "m".to_owned(), ..Request::default() }
    );
    // Assistant messages are echoed with every member the SDK knows.
    let request =
        messages(json!([{"role": "assistant", "content": "x", "refusal": null, "annotations": [], "audio": null,
        "function_call": null, "tool_calls": null, "parsed": null}]));
    assert_eq!(request.turns[0].parts, [Part::text("x")]);
}
