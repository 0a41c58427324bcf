//! What is asked of models and is no conversation: embeddings, images, and completions of a bare prompt.

use bytes::Bytes;
use serde_json::{Value, json};

use super::schema::{spec, violations};
use super::upstreams::setups;
use crate::call::{Call, Head, Route, route};
use crate::fault::Failure;
use crate::framing::{Framer, Framing};
use crate::protocol::{Echo, StreamError, inbound};
use crate::pump::{Answering, Pump};
use crate::upstream::{Payload, Secret, Target, payload};

fn call(path: &str, body: &Value) -> Call {
    let head = Head { method: "POST", path, query: "", header: &|_| None };
    let Ok(Route::Call(endpoint)) = route(&head) else { panic!("{path}") };
    Call::read(endpoint, Bytes::from(body.to_string()), &head, "7", 1_700_000_000).unwrap()
}

fn target(provider: &str, model: &str) -> Target {
    let keys = ["OPENAI", "GEMINI", "ANTHROPIC", "VLLM", "DEEPSEEK"].map(|stem| format!("{stem}_API_KEY"));
    let mut variables: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "k")).collect();
    variables.push(("VLLM_BASE_URL", "http://h.test/v1"));
    let setups = setups(&variables);
    setups.iter().find(|setup| setup.answers_to(provider)).unwrap().target(model)
}

/// Address and body of what is sent to `provider/model`.
fn sent(call: &Call, provider: &str, model: &str) -> Result<(String, Value, Payload), Failure> {
    let target = target(provider, model);
    let payload = payload(call, &target)?;
    let request = target.upstream.request(call, &target, &payload)?;
    let path = request.url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).unwrap().1.to_owned();
    Ok((path, serde_json::from_slice(&request.body).unwrap(), payload))
}

/// What the client gets when `provider/model` answers so.
fn got(call: &Call, provider: &str, model: &str, answer: &[u8], streamed: bool) -> Result<Vec<u8>, StreamError> {
    let (_, _, payload) = sent(call, provider, model).unwrap();
    let mut pump = Pump::new(&Answering { call, payload: &payload, streamed, secret: &Secret::default() });
    let mut out = Vec::new();
    pump.chunk(answer, &mut out)?;
    pump.end(&Echo { call, request: payload.request.as_ref() }, &mut out)?;
    assert!(pump.report().finished);
    Ok(out)
}

fn whole(call: &Call, provider: &str, model: &str, answer: &Value) -> Value {
    serde_json::from_slice(&got(call, provider, model, answer.to_string().as_bytes(), false).unwrap()).unwrap()
}

fn refusal(call: &Call, provider: &str) -> (u16, String) {
    let failure = sent(call, provider, "m").map(|_| ()).unwrap_err();
    (failure.status, failure.message)
}

#[test]
fn texts_to_embed_reach_each_provider_in_its_words() {
    let openai = |input: Value| json!({"model": "m", "input": input});
    let gemini = |text: &str| json!({"model": "models/x", "content": {"parts": [{"text": text}]}});
    let content = |text: &str| json!({"content": {"parts": [{"text": text}]}});
    let float = |input: Value| json!({"model": "x", "input": input, "encoding_format": "float"});
    let batch = "v1beta/models/x:batchEmbedContents";
    #[rustfmt::skip]
    let table = [
        // A relay: only the model changes.
        ("/v1/embeddings", json!({"model": "m", "input": [[1, 2]], "encoding_format": "base64", "new": 1}), "openai", "v1/embeddings",
            json!({"model": "x", "input": [[1, 2]], "encoding_format": "base64", "new": 1})),
        ("/v1beta/models/x:embedContent", json!({"content": {"parts": [{"text": "a"}]}, "new": 1}), "google", "v1beta/models/x:embedContent",
            json!({"content": {"parts": [{"text": "a"}]}, "new": 1})),
        ("/v1/embeddings", openai(json!("a")), "google", batch, json!({"requests": [gemini("a")]})),
        ("/v1/embeddings", json!({"model": "m", "input": ["a", "b"], "dimensions": 3, "user": "u"}), "google", batch,
            json!({"requests": [
                {"model": "models/x", "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 3},
                {"model": "models/x", "content": {"parts": [{"text": "b"}]}, "outputDimensionality": 3}]})),
        ("/v1beta/models/m:batchEmbedContents", json!({"requests": [{"model": "models/m", "taskType": "T", "title": "t", "content": {"parts": [{"text": "a"}, {"text": "b"}]}}]}),
            "google", batch, json!({"requests": [{"model": "models/x", "content": {"parts": [{"text": "ab"}]}, "taskType": "T", "title": "t"}]})),
        ("/v1beta/models/m:batchEmbedContents", json!({"requests": [content("a"), content("b")]}), "openai", "v1/embeddings", float(json!(["a", "b"]))),
        ("/v1beta/models/m:embedContent", json!({"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 2}), "openai", "v1/embeddings",
            json!({"model": "x", "input": "a", "encoding_format": "float", "dimensions": 2})),
        ("/api/embed", json!({"model": "m", "input": ["a", "b"], "truncate": true, "keep_alive": 1}), "openai", "v1/embeddings", float(json!(["a", "b"]))),
        ("/api/embeddings", json!({"model": "m", "prompt": "a"}), "openai", "v1/embeddings", float(json!("a"))),
        ("/api/embeddings", json!({"model": "m", "prompt": "a"}), "google", "v1beta/models/x:embedContent", gemini("a")),
    ];
    for (path, body, provider, address, expected) in table {
        let (url, sent, _) = sent(&call(path, &body), provider, "x").unwrap();
        assert_eq!((url.as_str(), sent), (address, expected), "{path} {provider}");
    }
}

#[test]
fn vectors_come_back_in_the_clients_shape() {
    // 0.5 and -2 are exact in 32 bits; 0.1234567891 must not lose digits where nothing is converted.
    let openai = json!({"object": "list", "model": "x", "usage": {"prompt_tokens": 3, "total_tokens": 3}, "data": [
        {"object": "embedding", "index": 1, "embedding": [-2]},
        {"object": "embedding", "index": 0, "embedding": "AAAAPwAAAMA="},
    ]});
    let gemini = json!({"embeddings": [{"values": [0.5, -2.0]}, {"values": [0.1234567891]}], "usageMetadata": {"promptTokenCount": 3}});
    let two = json!({"model": "m", "input": ["a", "b"]});
    assert_eq!(whole(&call("/v1/embeddings", &two), "openai", "x", &openai), openai);
    let floats = whole(&call("/v1/embeddings", &two), "google", "x", &gemini);
    assert_eq!(
        floats,
        json!({"object": "list", "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}, "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -2.0]},
            {"object": "embedding", "index": 1, "embedding": [0.1234567891]},
        ]})
    );
    let coded = json!({"model": "m", "input": ["a", "b"], "encoding_format": "base64"});
    let coded = whole(&call("/v1/embeddings", &coded), "google", "x", &gemini);
    assert_eq!(coded["data"][0]["embedding"], "AAAAPwAAAMA=");
    let batch = json!({"requests": [{"content": {"parts": [{"text": "a"}]}}]});
    assert_eq!(
        whole(&call("/v1beta/models/m:batchEmbedContents", &batch), "openai", "x", &openai),
        json!({"embeddings": [{"values": [0.5, -2.0]}, {"values": [-2]}]})
    );
    let one = json!({"content": {"parts": [{"text": "a"}]}});
    assert_eq!(
        whole(&call("/v1beta/models/m:embedContent", &one), "openai", "x", &openai),
        json!({"embedding": {"values": [0.5, -2.0]}})
    );
    assert_eq!(
        whole(&call("/api/embed", &two), "openai", "x", &openai),
        json!({"model": "m", "embeddings": [[0.5, -2.0], [-2]], "total_duration": 1, "load_duration": 1, "prompt_eval_count": 3})
    );
    let prompt = json!({"model": "m", "prompt": "a"});
    let single = json!({"embedding": {"values": [0.5]}});
    assert_eq!(whole(&call("/api/embeddings", &prompt), "google", "x", &single), json!({"embedding": [0.5]}));
    if let Some(spec) = spec("openai-slim.json") {
        assert_eq!(violations(&spec, "CreateEmbeddingResponse", &floats), [] as [&str; 0]);
    }
}

#[test]
fn what_cannot_be_embedded_is_refused_by_name() {
    let with = |body: Value| {
        let mut whole = json!({"model": "m"});
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        refusal(&call("/v1/embeddings", &whole), "google")
    };
    let tokens = "the provider of this model takes text, not tokens";
    #[rustfmt::skip]
    let table = [
        (json!({"input": [1, 2]}), format!("input[0]: {tokens}")),
        (json!({"input": ["a", [1]]}), format!("input[1]: {tokens}")),
        (json!({"input": []}), "input: is empty".to_owned()),
        (json!({}), "input: is required".to_owned()),
        (json!({"input": [null]}), "input[0]: expected a string".to_owned()),
        (json!({"input": "a", "encoding_format": "int8"}), "encoding_format: expected float or base64".to_owned()),
    ];
    for (body, message) in table {
        assert_eq!(with(body), (400, message));
    }
    let gemini = |body| refusal(&call("/v1beta/models/m:batchEmbedContents", &body), "openai").1;
    let image =
        json!({"requests": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA"}}]}}]});
    assert_eq!(gemini(image), "requests[0].content.parts[0]: only text can be embedded here");
    assert_eq!(gemini(json!({"requests": []})), "requests: is empty");
    let content = json!({"parts": [{"text": "a"}]});
    let mixed = json!({"requests": [{"content": content, "outputDimensionality": 2}, {"content": content}]});
    assert_eq!(gemini(mixed), "requests[1].outputDimensionality: must be the same for all texts");
    assert_eq!(
        refusal(&call("/v1/embeddings", &json!({"model": "m", "input": "a"})), "anthropic"),
        (404, "anthropic does not embed".to_owned())
    );
}

#[test]
fn an_answer_without_vectors_is_none() {
    let call = call("/v1/embeddings", &json!({"model": "m", "input": "a"}));
    for answer in
        ["{}", r#"{"data":[]}"#, r#"{"data":[{"embedding":"AAA="}]}"#, "<html>", r#"{"error":{"message":"x"}}"#]
    {
        assert!(got(&call, "openai", "x", answer.as_bytes(), false).is_err(), "{answer}");
    }
}

#[test]
fn a_drawing_is_asked_of_gemini_as_it_likes_it() {
    let ask = |body: Value| {
        let mut whole = json!({"model": "m", "prompt": "a cat"});
        whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        call("/v1/images/generations", &whole)
    };
    let (url, body, _) = sent(&ask(json!({"size": "1024x1536", "quality": "high"})), "google", "x").unwrap();
    assert_eq!(url, "v1beta/models/x:generateContent");
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "2:3"}}})
    );
    for (size, expected) in [
        ("1024x1024", json!({"aspectRatio": "1:1"})),
        ("1792x1024", json!({"aspectRatio": "16:9"})),
        ("4096x2304", json!({"aspectRatio": "16:9", "imageSize": "4K"})),
        ("2048x2048", json!({"aspectRatio": "1:1", "imageSize": "2K"})),
        ("auto", Value::Null),
        ("0x7", Value::Null),
    ] {
        let (_, body, _) = sent(&ask(json!({"size": size})), "google", "x").unwrap();
        assert_eq!(body["generationConfig"]["imageConfig"], expected, "{size}");
    }
    let (url, body, _) = sent(&ask(json!({"n": 4})), "openai", "x").unwrap();
    assert_eq!((url.as_str(), body), ("v1/images/generations", json!({"model": "x", "prompt": "a cat", "n": 4})));
    #[rustfmt::skip]
    let table = [
        (json!({"n": 11}), "n: expected a number from 1 to 10"),
        (json!({"n": 0}), "n: expected a number from 1 to 10"),
        (json!({"stream": true}), "stream: the answer comes in one piece"),
        (json!({"prompt": ""}), "prompt: is required"),
        (json!({"response_format": "png"}), "response_format: expected b64_json or url"),
    ];
    for (body, message) in table {
        assert_eq!(refusal(&ask(body), "google"), (400, message.to_owned()));
    }
    assert_eq!(refusal(&ask(json!({})), "anthropic"), (404, "anthropic does not make images".to_owned()));
}

#[test]
fn a_drawing_comes_back_as_data_or_as_an_address() {
    let drawn = json!({"candidates": [{"content": {"parts": [
        {"thought": true, "inlineData": {"mimeType": "image/png", "data": "ZHJhZnQ="}},
        {"text": "here"}, {"inlineData": {"mimeType": "image/png", "data": "aW1n"}}]}}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1290}});
    let ask =
        |format: &str| call("/v1/images/generations", &json!({"model": "m", "prompt": "p", "response_format": format}));
    let data = whole(&ask("b64_json"), "google", "x", &drawn);
    assert_eq!(data["data"], json!([{"b64_json": "aW1n"}]));
    assert_eq!((&data["usage"]["total_tokens"], &data["created"]), (&json!(1295), &json!(1_700_000_000)));
    assert_eq!(whole(&ask("url"), "google", "x", &drawn)["data"], json!([{"url": "data:image/png;base64,aW1n"}]));
    if let Some(spec) = spec("openai-slim.json") {
        assert_eq!(violations(&spec, "ImagesResponse", &data), [] as [&str; 0]);
    }
    let three = whole(&ask("b64_json"), "google", "x", &json!([drawn, drawn, drawn]));
    assert_eq!(three["data"], json!([{"b64_json": "aW1n"}, {"b64_json": "aW1n"}, {"b64_json": "aW1n"}]));
    assert_eq!((&three["usage"]["input_tokens"], &three["usage"]["output_tokens"]), (&json!(15), &json!(3870)));
    let refused = json!({"candidates": [{"content": {"parts": [{"text": "I will not."}]}, "finishReason": "STOP"}]});
    let error = got(&ask("url"), "google", "x", refused.to_string().as_bytes(), false).unwrap_err();
    let StreamError::Refused { status: 400, body } = error else { panic!("{error:?}") };
    assert_eq!(body, br#"{"error":{"message":"I will not."}}"#);
    let some = json!([drawn, refused]).to_string();
    assert!(got(&ask("url"), "google", "x", some.as_bytes(), false).is_err(), "all or none");
    let relayed = json!({"created": 1, "data": [{"b64_json": "aW1n"}]});
    assert_eq!(whole(&ask("url"), "openai", "x", &relayed), relayed);
}

const FORM: &str = "multipart/form-data; boundary=xYz";

/// An edit of two pictures, one of them full of line ends.
fn edit(extra: &[(&str, &str)]) -> Call {
    let field = |head: &str, value: &str| format!("--xYz\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n");
    let mut body = field("name=\"model\"", "m") + &field("name=\"prompt\"", "wet");
    body += &field("name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png", "\r\n--xY\r\n");
    body += &field("name=\"image[]\"; filename=\"b.webp\"\r\ncontent-type: image/webp", "b");
    for (name, value) in extra {
        body += &field(&format!("name=\"{name}\""), value);
    }
    body += "--xYz--\r\n";
    raw("POST", "/v1/images/edits", FORM, body).unwrap()
}

fn raw(method: &str, path: &str, kind: &str, body: String) -> Result<Call, Failure> {
    let header = |name: &str| (name == "content-type").then(|| kind.to_owned());
    let head = Head { method, path, query: "", header: &header };
    let Ok(Route::Call(endpoint)) = route(&head) else { panic!() };
    Call::read(endpoint, Bytes::from(body), &head, "7", 1)
}

#[test]
fn an_edit_reaches_its_provider_as_the_form_it_was_or_as_a_conversation() {
    let call = edit(&[("size", "1536x1024"), ("n", "1")]);
    assert_eq!(call.model, "m");
    let body = |model: &str| {
        let target = target("openai", model);
        let payload = payload(&call, &target).unwrap();
        let request = target.upstream.request(&call, &target, &payload).unwrap();
        assert_eq!(crate::call::header(&request.headers, "content-type"), Some(FORM));
        assert!(request.url.ends_with("/v1/images/edits"), "{}", request.url);
        String::from_utf8(request.body.to_vec()).unwrap()
    };
    let original = std::str::from_utf8(call.body.bytes()).unwrap();
    assert_eq!(body("m"), original);
    assert_eq!(body("gpt-image-1"), original.replacen("\r\n\r\nm\r\n", "\r\n\r\ngpt-image-1\r\n", 1));
    let (url, body, _) = sent(&call, "google", "x").unwrap();
    assert_eq!(url, "v1beta/models/x:generateContent");
    let picture = |mime: &str, data: &str| json!({"inlineData": {"mimeType": mime, "data": data}});
    assert_eq!(
        body["contents"][0]["parts"],
        json!([{"text": "wet"}, picture("image/png", "DQotLXhZDQo="), picture("image/webp", "Yg==")])
    );
    assert_eq!(body["generationConfig"]["imageConfig"]["aspectRatio"], "3:2");
    assert_eq!(sent(&edit(&[("n", "2")]), "google", "x").unwrap().2.copies, 2);
    assert_eq!(refusal(&edit(&[("mask", "x")]), "google").1, "mask: the provider of this model takes none");
}

#[test]
fn a_form_that_is_none_is_refused() {
    let whole = String::from_utf8(edit(&[]).body.bytes().to_vec()).unwrap();
    for cut in [0, 10, 40, 90, whole.len() - 6] {
        let read = raw("POST", "/v1/images/edits", FORM, whole[..cut].to_owned());
        assert_eq!(read.unwrap_err().status, 400, "{cut}");
    }
    let nameless = raw("POST", "/v1/images/edits", FORM, "--xYz--\r\n".to_owned()).unwrap_err();
    assert_eq!(nameless.message, "model: is missing");
    assert_eq!(raw("POST", "/v1/images/edits", "multipart/form-data", whole).unwrap_err().status, 400);
}

#[test]
fn whatever_else_a_provider_has_is_relayed_byte_for_byte() {
    let call = raw("POST", "/openai/v1/audio/transcriptions", FORM, "no form at all \0".to_owned()).unwrap();
    let target = target("openai", "");
    let payload = payload(&call, &target).unwrap();
    let request = target.upstream.request(&call, &target, &payload).unwrap();
    assert_eq!((request.method, request.url.as_str()), ("POST", "https://api.openai.com/v1/audio/transcriptions"));
    assert_eq!(request.body, call.body.bytes());
    let header = |name: &str| crate::call::header(&request.headers, name);
    assert_eq!(
        (header("content-type"), header("authorization"), header("accept")),
        (Some(FORM), Some("Bearer k"), Some("*/*"))
    );
    let mut pump =
        Pump::new(&Answering { call: &call, payload: &payload, streamed: false, secret: &Secret::default() });
    let mut out = Vec::new();
    pump.chunk(b"\xff\x00ID3", &mut out).unwrap();
    assert!(pump.started());
    pump.chunk(b"more", &mut out).unwrap();
    pump.end(&Echo { call: &call, request: None }, &mut out).unwrap();
    assert_eq!(out, b"\xff\x00ID3more");

    let list = raw("GET", "/anthropic/v1/files", "", String::new()).unwrap();
    let target = super::operations::target("anthropic", "");
    let payload = crate::upstream::payload(&list, &target).unwrap();
    let request = target.upstream.request(&list, &target, &payload).unwrap();
    assert_eq!((request.method, request.url.as_str()), ("GET", "https://api.anthropic.com/v1/files"));
    let google = super::operations::target("google", "");
    assert_eq!(crate::upstream::payload(&list, &google).map(|_| ()).unwrap_err().status, 404);
}

fn complete(body: Value) -> Call {
    let mut whole = json!({"model": "m", "prompt": "say hi"});
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    call("/v1/completions", &whole)
}

#[test]
fn a_bare_prompt_becomes_a_conversation_where_nobody_takes_it_bare() {
    for prompt in [json!("say hi"), json!(["say hi"])] {
        let call = complete(json!({"prompt": prompt, "max_tokens": 5, "stop": "x", "user": "u", "best_of": 1}));
        let (url, body, _) = sent(&call, "deepseek", "x").unwrap();
        assert_eq!(url, "v1/chat/completions");
        assert_eq!(body["messages"], json!([{"role": "user", "content": "say hi"}]));
        assert_eq!((&body["max_tokens"], &body["stop"], &body["model"]), (&json!(5), &json!(["x"]), &json!("x")));
        assert_eq!(sent(&call, "anthropic", "x").unwrap().0, "v1/messages");
        assert_eq!(sent(&call, "google", "x").unwrap().0, "v1beta/models/x:generateContent");
    }
    let tokens = complete(json!({"prompt": [[1], [2]], "suffix": "s", "logprobs": 2, "n": 3}));
    let (url, body, _) = sent(&tokens, "vllm", "x").unwrap();
    assert_eq!((url.as_str(), &body["prompt"], &body["suffix"]), ("v1/completions", &json!([[1], [2]]), &json!("s")));
    assert_eq!(sent(&complete(json!({})), "openai", "gpt-3.5-turbo-instruct").unwrap().0, "v1/completions");
    assert_eq!(sent(&complete(json!({})), "openai", "gpt-4o").unwrap().0, "v1/chat/completions");
}

#[test]
fn a_completion_that_means_more_than_a_conversation_is_refused_by_name() {
    #[rustfmt::skip]
    let table = [
        (json!({"suffix": "s"}), "suffix: the provider of this model cannot be asked for it"),
        (json!({"logprobs": 1}), "logprobs: the provider of this model cannot be asked for it"),
        (json!({"logit_bias": {"5": 1}}), "logit_bias: the provider of this model cannot be asked for it"),
        (json!({"n": 2}), "n: the provider of this model gives one answer"),
        (json!({"best_of": 2}), "best_of: the provider of this model gives one answer"),
        (json!({"prompt": ["a", "b"]}), "prompt: the provider of this model takes one prompt at a time"),
        (json!({"prompt": [1, 2]}), "prompt: the provider of this model takes text, not tokens"),
        (json!({"prompt": []}), "prompt: is empty"),
        (json!({"prompt": null}), "prompt: is required"),
        (json!({"prompt": 1}), "prompt: expected a string or an array of strings"),
    ];
    for (body, message) in table {
        assert_eq!(refusal(&complete(body), "deepseek"), (400, message.to_owned()));
    }
}

#[test]
fn a_completion_is_text_whole_or_streamed() {
    let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi", "reasoning_content": "hm"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}});
    let done = whole(&complete(json!({})), "deepseek", "x", &answer);
    assert_eq!(
        (&done["id"], &done["object"], &done["model"]),
        (&json!("cmpl-7"), &json!("text_completion"), &json!("m"))
    );
    assert_eq!(done["choices"], json!([{"text": "hi", "index": 0, "logprobs": null, "finish_reason": "length"}]));
    assert_eq!(done["usage"]["total_tokens"], 5);
    let echoed = whole(&complete(json!({"echo": true})), "deepseek", "x", &answer);
    assert_eq!(echoed["choices"][0]["text"], "say hihi");

    let frames = [
        r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{"content":"h\"i"}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
        "[DONE]",
    ];
    let stream: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    let call = complete(json!({"stream": true, "echo": true, "stream_options": {"include_usage": true}}));
    let out = got(&call, "deepseek", "x", stream.as_bytes(), true).unwrap();
    let mut chunks: Vec<Value> = Vec::new();
    let mut last = Vec::new();
    let mut framer = Framer::new(Framing::Sse);
    let read = framer.push(&out, |frame, _| {
        last = frame.data.to_vec();
        chunks.extend(serde_json::from_slice::<Value>(frame.data).ok());
        Ok::<(), StreamError>(())
    });
    read.unwrap();
    assert_eq!(last, b"[DONE]");
    let texts: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(texts, "say hih\"i");
    let reasons: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["finish_reason"]).collect();
    assert_eq!(reasons, [&Value::Null, &Value::Null, &json!("stop"), &Value::Null]);
    assert_eq!(chunks[3]["usage"]["total_tokens"], 5);
    if let Some(spec) = spec("openai-slim.json") {
        assert_eq!(violations(&spec, "CreateCompletionResponse", &done), [] as [&str; 0]);
    }
}

#[test]
fn a_relayed_completion_starts_with_its_text() {
    let call = complete(json!({"stream": true}));
    let (_, _, payload) = sent(&call, "vllm", "x").unwrap();
    let mut pump = Pump::new(&Answering { call: &call, payload: &payload, streamed: true, secret: &Secret::default() });
    let mut out = Vec::new();
    let chunk = b"data: {\"choices\":[{\"index\":0,\"text\":\"h\",\"finish_reason\":null}]}\n\n";
    pump.chunk(chunk, &mut out).unwrap();
    assert!(pump.started() && out == chunk);
}

#[test]
fn an_error_is_in_the_clients_own_shape() {
    let failure =
        sent(&call("/api/embed", &json!({"model": "m", "input": []})), "openai", "x").map(|_| ()).unwrap_err();
    assert_eq!(inbound(crate::ir::Protocol::Ollama).encode_failure(&failure), br#"{"error":"input: is empty"}"#);
}
