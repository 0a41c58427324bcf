//! ChatGPT's Codex service: what it refuses is not sent, what it forgets is put back, and who wants a whole answer gets
//! one.

use std::time::Duration;

use serde_json::{Value, json};

use super::quota::account;
use super::rig::{CLIENTS, Fixture, Play, call, fixtures, hear, simple_call, stage};
use crate::call::{HttpRequest, header};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::upstream::quota::Window;
use crate::upstream::{Payload, Refusal, payload};

const NOW: Millis = Millis(1_787_393_472_000);

fn sent(url: &str, body: impl Into<bytes::Bytes>) -> Result<(Payload, HttpRequest), Failure> {
    let target = account("codex", &[("account_id", "acc-1")]);
    let call = call("POST", url, &[], body)?;
    let payload = payload(&call, &target)?;
    let request = target.upstream.request(&call, &target, &payload)?;
    Ok((payload, request))
}

fn relayed(body: &str) -> String {
    let (payload, request) = sent("/v1/responses", body.to_owned()).unwrap();
    assert!(payload.request.is_none(), "{body} is relayed");
    String::from_utf8(request.body.to_vec()).unwrap()
}

#[test]
fn a_relay_keeps_what_the_service_takes_byte_for_byte() {
    let as_it_wants = r#"{ "model":"gpt-5.4","instructions":"be\u0020kind", "input":[ {"role":"user","content":"hi"} ],"stream":true,"store":false,"service_tier":"priority","prompt_cache_key":"k","include":[],"unheardOf":1.0}"#;
    let (payload, request) = sent("/v1/responses", as_it_wants.replace("gpt-5.4", "m")).unwrap();
    assert_eq!(request.body, as_it_wants.replace("gpt-5.4", "m"));
    assert!(payload.stream);
    assert_eq!((request.method, request.url.as_str()), ("POST", "https://chatgpt.com/backend-api/codex/responses"));
    assert_eq!(header(&request.headers, "chatgpt-account-id"), Some("acc-1"));
    assert_eq!(header(&request.headers, "authorization"), Some("Bearer sk-canary-000111"));
    assert_eq!(header(&request.headers, "accept"), Some("text/event-stream"));
    assert_eq!(header(&request.headers, "originator"), Some("sluice"));
    assert!(header(&request.headers, "user-agent").unwrap().starts_with("sluice/"));
}

#[test]
fn what_the_service_refuses_is_taken_out_of_a_relay_and_what_it_demands_put_in() {
    let forced = r#""stream":true,"store":false,"instructions":"""#;
    let cases = [
        (
            r#"{"model":"m","input":[]}"#.to_owned(),
            format!(r#"{{{forced},"model":"m","input":[]}}"#),
        ),
        (
            r#"{"model":"m","stream":false,"store":true,"instructions":null,"input":[]}"#.to_owned(),
            r#"{"model":"m","stream":true,"store":false,"instructions":"","input":[]}"#.to_owned(),
        ),
        (
            r#"{"temperature":1,"model":"m","max_output_tokens":5,"top_p":1,"user":"u","metadata":{},"truncation":"auto","stream_options":{},"service_tier":"flex","input":[]}"#.to_owned(),
            format!(r#"{{{forced},"model":"m","input":[]}}"#),
        ),
        (
            r#"{"model":"m","input":"h\u0069"}"#.to_owned(),
            format!(
                r#"{{{forced},"model":"m","input":[{{"type":"message","role":"user","content":[{{"type":"input_text","text":"h\u0069"}}]}}]}}"#
            ),
        ),
        (
            r#"{"model":"m","input":[{"role":"system", "content":"s"},{"role":"user","content":"\"system\""}]}"#.to_owned(),
            format!(
                r#"{{{forced},"model":"m","input":[{{"role":"developer", "content":"s"}},{{"role":"user","content":"\"system\""}}]}}"#
            ),
        ),
        (
            r#"{"model":"m","input":[],"tools":[{"type":"web_search_preview_2025_03_11","x":1},{"type":"function","name":"f"}]}"#.to_owned(),
            format!(
                r#"{{{forced},"model":"m","input":[],"tools":[{{"type":"web_search","x":1}},{{"type":"function","name":"f"}}]}}"#
            ),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(relayed(&body), expected);
    }
}

#[test]
fn what_refers_to_something_stored_is_refused_by_name() {
    for member in ["previous_response_id", "conversation", "prompt"] {
        let body = json!({"model": "m", "input": "hi", member: "x"}).to_string();
        let failure = sent("/v1/responses", body).err().unwrap();
        assert_eq!((failure.status, failure.param.as_deref()), (400, Some(member)));
    }
    let body = json!({"model": "m", "input": "hi", "background": true}).to_string();
    assert_eq!(sent("/v1/responses", body).err().unwrap().param.as_deref(), Some("background"));
    relayed(r#"{"model":"m","input":[],"previous_response_id":null,"background":false}"#);
}

#[test]
fn other_clients_requests_have_the_services_own_form() {
    let chat = json!({"model": "m", "messages": [
        {"role": "system", "content": "be kind"}, {"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"},
    ], "temperature": 0.5, "max_tokens": 9, "top_p": 0.1, "user": "u"});
    let (payload, request) = sent("/v1/chat/completions", chat.to_string()).unwrap();
    assert!(payload.stream, "the service only streams");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["instructions"], "be kind\n\nbe brief");
    assert_eq!((&body["stream"], &body["store"]), (&json!(true), &json!(false)));
    assert_eq!(
        body["input"],
        json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}])
    );
    for gone in ["temperature", "top_p", "max_output_tokens", "user"] {
        assert!(body.get(gone).is_none(), "{gone}");
    }
    let (_, request) = sent("/v1/chat/completions", simple_call(Protocol::Chat, true).body.bytes().clone()).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["instructions"], "", "nobody's prompt is put in for a client that has none");
}

const LONG: &str = "mcp__a_server_with_a_very_long_name_of_its_own__and_a_tool_with_an_even_longer_name";

#[test]
fn a_name_the_service_refuses_comes_back_as_the_clients_own() {
    let tools = json!([{"type": "function", "name": LONG, "parameters": {"type": "object"}}]);
    let body = json!({"model": "m", "input": "hi", "tools": tools, "stream": true, "temperature": 1,
        "service_tier": "default", "previous_response_id": null});
    let target = account("codex", &[]);
    for stream in [true, false] {
        let mut body = body.clone();
        body["stream"] = json!(stream);
        let call = call("POST", "/v1/responses", &[], body.to_string()).unwrap();
        let payload = payload(&call, &target).unwrap();
        let sent: Value = serde_json::from_slice(&payload.body).unwrap();
        let short = sent["tools"][0]["name"].as_str().unwrap().to_owned();
        assert!(short.len() <= 64 && short != LONG);
        assert!(sent.get("temperature").is_none() && sent.get("service_tier").is_none(), "{sent}");
        assert_eq!((&sent["store"], &sent["stream"]), (&json!(false), &json!(true)));
        let item =
            json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": short, "arguments": "{}"});
        let answer = format!(
            "data: {}\n\ndata: {}\n\ndata: {}\n\n",
            json!({"type": "response.created", "response": {"id": "r", "model": "m"}}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
            json!({"type": "response.completed", "response": {"id": "r", "output": []}}),
        );
        let played = Play::new(&call, &payload).run([answer.as_bytes()]);
        assert_eq!(played.error, None);
        assert!(played.text().contains(LONG) && !played.text().contains(&short), "{}", played.text());
    }
}

/// The stream as the service sends it: nothing in the last event's output.
fn forgetful(stream: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(stream).unwrap();
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let ends = ["response.completed", "response.incomplete"];
        let event = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data).ok());
        match event.filter(|event| ends.iter().any(|end| event["type"] == *end)) {
            Some(mut event) => {
                event["response"]["output"] = json!([]);
                out.push_str(&format!("data: {event}\n"));
            }
            None => out.push_str(line),
        }
    }
    out.into_bytes()
}

fn streams() -> Vec<Fixture> {
    fixtures("streams/responses")
}

#[test]
fn a_relay_puts_the_answer_back_into_the_last_event_and_touches_nothing_else() {
    let mut rebuilt = 0;
    for fixture in streams() {
        let call = simple_call(Protocol::Responses, true);
        let target = account("codex", &[]);
        let payload = payload(&call, &target).unwrap();
        let as_it_came = Play::new(&call, &payload).run([&fixture.bytes[..]]);
        let stream = forgetful(&fixture.bytes);
        rebuilt += usize::from(stream.len() + 50 < fixture.bytes.len());
        for size in [1, 64, stream.len()] {
            let played = Play::new(&call, &payload).run(stream.chunks(size));
            assert_eq!((&played.error, played.report), (&as_it_came.error, as_it_came.report), "{}", fixture.name);
            let lines = as_it_came.text().lines().zip(played.text().lines());
            for (expected, got) in lines {
                let read = |line: &str| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok();
                let same = expected == got || read(expected).is_some() && read(expected) == read(got);
                assert!(same, "{}: {got} for {expected}", fixture.name);
            }
            assert_eq!(as_it_came.text().lines().count(), played.text().lines().count(), "{}", fixture.name);
        }
    }
    assert!(rebuilt >= 5, "{rebuilt}");
}

#[test]
fn every_client_hears_the_same_from_a_service_that_forgets() {
    for fixture in streams() {
        let stream = forgetful(&fixture.bytes);
        for &client in CLIENTS {
            for streaming in [true, false] {
                let (call, plain) = stage(client, Protocol::Responses, streaming);
                let own = payload(&call, &account("codex", &[])).unwrap();
                let expected = Play::new(&call, &plain).run([&fixture.bytes[..]]);
                let played = Play::new(&call, &own).run([&stream[..]]);
                let what = format!("{} to {client:?}, stream {streaming}", fixture.name);
                assert_eq!((&played.error, played.report), (&expected.error, expected.report), "{what}");
                if client != Protocol::Responses {
                    assert_eq!(played.text(), expected.text(), "{what}");
                } else if streaming {
                    let (played, expected) = (hear(client, &played.out), hear(client, &expected.out));
                    assert_eq!(played, expected, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_forgetful_stream_cut_anywhere_is_never_complete() {
    for fixture in streams() {
        let stream = forgetful(&fixture.bytes);
        let call = simple_call(Protocol::Responses, true);
        let payload = payload(&call, &account("codex", &[])).unwrap();
        let end = ["{\"type\":\"response.completed\"", "{\"type\":\"response.incomplete\""];
        let text = std::str::from_utf8(&stream).unwrap();
        let end = end.iter().filter_map(|mark| text.rfind(mark)).max();
        let end = end.map_or(usize::MAX, |at| at + text[at..].find('\n').unwrap());
        for at in 0..stream.len() {
            let played = Play::new(&call, &payload).run([&stream[..at]]);
            let complete =
                played.text().contains("\"response.completed\"") || played.text().contains("\"response.incomplete\"");
            assert!(played.error.is_some() || at >= end, "{} cut at {at}", fixture.name);
            assert!(!complete || played.error.is_none(), "{} cut at {at}: {}", fixture.name, played.text());
        }
    }
}

fn judge(status: u16, headers: &[(&str, &str)], body: &Value) -> Fault {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body = body.to_string();
    account("codex", &[]).upstream.classify(Refusal { status, headers: &headers, body: body.as_bytes() }, NOW)
}

#[test]
fn a_used_up_plan_rests_until_its_window_ends() {
    let quota = |seconds: Option<u64>, scope| Fault::Quota { wait: seconds.map(Duration::from_secs), scope };
    let reached = |more: Value| {
        let mut error =
            json!({"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus"});
        error.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "error": error })
    };
    let account = Scope::Account;
    assert_eq!(judge(429, &[], &reached(json!({"resets_at": 1_787_393_472 + 90}))), quota(Some(90), account));
    assert_eq!(judge(429, &[], &reached(json!({"resets_in_seconds": 45}))), quota(Some(45), account));
    assert_eq!(judge(429, &[], &reached(json!({}))), quota(None, account));
    let windows = [
        ("x-codex-primary-used-percent", "100"),
        ("x-codex-primary-reset-after-seconds", "600"),
        ("x-codex-secondary-used-percent", "40"),
        ("x-codex-secondary-reset-at", "1787993472"),
    ];
    assert_eq!(judge(429, &windows, &reached(json!({}))), quota(Some(600), account));
    assert_eq!(judge(429, &windows[2..], &reached(json!({}))), quota(None, account), "that one is not used up");
    let family = [
        ("x-codex-active-limit", "codex_bengalfox"),
        ("x-codex-bengalfox-primary-used-percent", "100.0"),
        ("x-codex-bengalfox-primary-reset-at", "1787393532"),
        ("x-codex-primary-used-percent", "100"),
        ("x-codex-primary-reset-after-seconds", "9999"),
    ];
    assert_eq!(judge(429, &family, &reached(json!({}))), quota(Some(60), Scope::Model));
    assert_eq!(judge(429, &[], &json!({"error": {"type": "usage_not_included"}})), Fault::Suspended);
    assert_eq!(judge(400, &[], &json!({"detail": "Unsupported parameter: top_k"})), Fault::Rejected);
    assert_eq!(judge(401, &[], &json!({"detail": "Unauthorized"})), Fault::Unauthorized);
    let inside = json!({"response": {"error": {"code": "server_is_overloaded"}}});
    assert_eq!(judge(503, &[], &inside), Fault::Overloaded);
}

#[test]
fn the_windows_of_a_plan_are_told() {
    let codex = account("codex", &[("account_id", "acc-1")]);
    let request = codex.upstream.quota_request(&codex).unwrap();
    assert_eq!((request.method, request.url.as_str()), ("GET", "https://chatgpt.com/backend-api/wham/usage"));
    assert_eq!(header(&request.headers, "chatgpt-account-id"), Some("acc-1"));
    let window = |used: f64, seconds: u64, at: Value| json!({"used_percent": used, "limit_window_seconds": seconds, "reset_at": at});
    let body = json!({"plan_type": "plus", "rate_limit": {
        "allowed": true, "limit_reached": false,
        "primary_window": window(3.0, 18_000, json!(1_787_393_532u64)),
        "secondary_window": {"used_percent": 75, "limit_window_seconds": 604_800, "reset_after_seconds": 10},
    }, "additional_rate_limits": [{"limit_name": "gpt-5.3-codex-spark", "rate_limit": {"primary_window": window(150.0, 5400, Value::Null), "secondary_window": null}}],
        "code_review_rate_limit": null});
    let told = codex.upstream.quota(200, body.to_string().as_bytes(), NOW);
    let window = |name: &str, used: f64, resets: Option<u64>| Window {
        name: name.into(),
        used,
        limit: 1.0,
        resets: resets.map(Millis),
    };
    let expected = [
        window("5 hours", 0.03, Some(1_787_393_532_000)),
        window("7 days", 0.75, Some(1_787_393_482_000)),
        window("gpt-5.3-codex-spark: 90 minutes", 1.0, None),
    ];
    assert_eq!(told, expected);
    assert_eq!(codex.upstream.quota(401, body.to_string().as_bytes(), NOW), []);
    let request = codex.upstream.models_request(&codex, None).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(request.url, format!("https://chatgpt.com/backend-api/codex/models?client_version={version}"));
}
