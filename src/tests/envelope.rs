//! An envelope around a provider's answers changes nothing for anybody: every stream and every whole answer of Gemini,
//! wrapped as Code Assist wraps it, comes out as if it had come bare.

use serde_json::{Value, json};

use super::rig::{CLIENTS, Fixture, Play, call, fixtures, simple_call, target};
use crate::call::{Call, header};
use crate::framing::sse;
use crate::ir::Protocol;
use crate::upstream::code_assist::CodeAssist;
use crate::upstream::{Payload, Secret, Target, payload};

fn enveloped() -> Target {
    let mut target = target(Protocol::Gemini, "a", "gemini-2.5-pro");
    target.upstream = &CodeAssist;
    target.credential.details.insert("project_id".into(), Secret::new("project-7"));
    target
}

fn staged(client: Protocol, stream: bool) -> (Call, Payload, Payload) {
    let call = simple_call(client, stream);
    let bare = payload(&call, &target(Protocol::Gemini, "a", "m")).unwrap();
    let wrapped = payload(&call, &enveloped()).unwrap();
    (call, bare, wrapped)
}

/// The data of every event, in an envelope. Errors come without one.
fn wrap_stream(stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"data: ") {
            Some(data) if !data.starts_with(b"{\"error\"") => {
                let end = data.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).unwrap() + 1;
                out.extend_from_slice(b"data: {\"traceId\":\"t\", \"response\": ");
                out.extend_from_slice(&data[..end]);
                out.extend_from_slice(b" ,\"consumedCredits\":[]}");
                out.extend_from_slice(&data[end..]);
            }
            _ => out.extend_from_slice(line),
        }
    }
    out
}

fn streams() -> Vec<(Fixture, Vec<u8>)> {
    fixtures("streams/gemini").into_iter().map(|bare| (wrap_stream(&bare.bytes), bare)).map(|(w, b)| (b, w)).collect()
}

#[test]
fn an_enveloped_stream_is_told_as_the_stream_itself() {
    for (bare, wrapped) in streams() {
        assert_eq!(bare.bytes == wrapped, bare.name == "error-first", "{}", bare.name);
        for &client in CLIENTS {
            for stream in [true, false] {
                let (call, plain, enveloped) = staged(client, stream);
                let expected = Play::new(&call, &plain).run([&bare.bytes[..]]);
                for size in [1, 7, 100, usize::MAX] {
                    let size = size.min(wrapped.len());
                    let got = Play::new(&call, &enveloped).run(wrapped.chunks(size));
                    let what = format!("{} to {client:?}, stream {stream}, chunks of {size}", bare.name);
                    assert_eq!(got.text(), expected.text(), "{what}");
                    assert_eq!((got.error, got.report), (expected.error.clone(), expected.report), "{what}");
                }
            }
        }
    }
}

#[test]
fn an_array_of_enveloped_elements_is_the_array_of_what_is_inside() {
    let url = "/v1beta/models/m:streamGenerateContent";
    let call = call("POST", url, &[], r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#).unwrap();
    let plain = payload(&call, &target(Protocol::Gemini, "a", "m")).unwrap();
    let enveloped = payload(&call, &enveloped()).unwrap();
    for (bare, wrapped) in streams() {
        let expected = Play::new(&call, &plain).run([&bare.bytes[..]]);
        let got = Play::new(&call, &enveloped).run(wrapped.chunks(50));
        assert_eq!(got.text(), expected.text(), "{}", bare.name);
    }
}

/// Wherever it is cut: the client has a beginning of what it would have had, then one failure.
#[test]
fn an_enveloped_stream_cut_anywhere_is_cut_for_the_client_too() {
    for (bare, wrapped) in streams() {
        for client in [Protocol::Gemini, Protocol::Chat] {
            let (call, plain, enveloped) = staged(client, true);
            let whole = Play::new(&call, &plain).run([&bare.bytes[..]]);
            for at in 0..wrapped.len() {
                let got = Play::new(&call, &enveloped).run([&wrapped[..at]]);
                let what = format!("{} to {client:?} cut at {at}", bare.name);
                let said = got.text().split("data: {\"error\"").next().unwrap();
                let same = whole.text().bytes().zip(said.bytes()).take_while(|(a, b)| a == b).count();
                // A last frame may lack the blank line that nobody needs.
                assert!(said.len() - same <= 2, "{what}: {said}");
                assert!(!got.text().contains("traceId"), "{what}");
                if got.error.is_none() && client == Protocol::Gemini {
                    assert!(got.report.finished && got.text().contains("eason"), "{what}");
                }
            }
        }
    }
}

#[test]
fn an_enveloped_answer_is_told_as_the_answer_itself() {
    for fixture in fixtures("whole/gemini") {
        let bare = String::from_utf8(fixture.bytes).unwrap();
        let wrapped = if fixture.name == "error" { bare.clone() } else { format!("{{ \"response\" :{bare} }}\n") };
        for &client in CLIENTS {
            for stream in [true, false] {
                let (call, plain, enveloped) = staged(client, stream);
                let expected = Play { streamed: false, ..Play::new(&call, &plain) }.run([bare.as_bytes()]);
                let got = Play { streamed: false, ..Play::new(&call, &enveloped) }.run(wrapped.as_bytes().chunks(9));
                let what = format!("{} to {client:?}, stream {stream}", fixture.name);
                // White space around a value belongs to nobody.
                assert_eq!(got.text().trim(), expected.text().trim(), "{what}");
                assert_eq!((got.error, got.report), (expected.error, expected.report), "{what}");
            }
        }
    }
}

#[test]
fn the_clients_bytes_are_in_the_envelope_as_they_came() {
    let body = "{ \"contents\" : [{\"role\":\"user\",\n \"parts\":[{\"text\":\"h\\u0069\"}]}], \"unheardOf\":1.0 }";
    let target = enveloped();
    for (method, path) in
        [("streamGenerateContent?alt=sse", "streamGenerateContent?alt=sse"), ("generateContent", "generateContent")]
    {
        let call = call("POST", &format!("/v1beta/models/m:{method}"), &[], body).unwrap();
        let payload = payload(&call, &target).unwrap();
        let request = target.upstream.request(&call, &target, &payload).unwrap();
        assert_eq!(request.url, format!("https://cloudcode-pa.googleapis.com/v1internal:{path}"));
        let head = r#"{"model":"gemini-2.5-pro","project":"project-7","user_prompt_id":"req7","request":"#;
        assert_eq!(request.body, format!("{head}{body}}}"));
        assert_eq!(header(&request.headers, "authorization"), Some("Bearer sk-canary-000111"));
        assert!(header(&request.headers, "user-agent").unwrap().starts_with("sluice/"));
    }
}

#[test]
fn without_a_project_the_envelope_names_none() {
    let mut target = enveloped();
    target.credential.details.clear();
    target.model = "models/gemini-2.5-flash".into();
    let call = simple_call(Protocol::Chat, false);
    let payload = payload(&call, &target).unwrap();
    let request = target.upstream.request(&call, &target, &payload).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["model"], body.get("project")), (&json!("gemini-2.5-flash"), None));
    assert_eq!(body["request"]["contents"][0]["parts"][0]["text"], "hi");
    assert!(target.upstream.quota_request(&target).is_none(), "there is nothing to ask it for");
}

#[test]
fn a_count_is_of_contents_alone_and_instructions_are_one_of_them() {
    let target = enveloped();
    let cases = [
        (r#"{"contents":[{"parts":[1]}]}"#, r#"[{"parts":[1]}]"#),
        (
            r#"{"generateContentRequest":{"model":"x","system_instruction":{"parts":[0]},"contents":[{"parts":[1]}]}}"#,
            r#"[{"role":"user","parts":[0]},{"parts":[1]}]"#,
        ),
        (r#"{"systemInstruction":{"parts":[0]},"contents": [ ]}"#, r#"[{"role":"user","parts":[0]} ]"#),
        (r#"{"systemInstruction":{"parts":[0]}}"#, r#"[{"role":"user","parts":[0]}]"#),
        (r#"{}"#, "[]"),
    ];
    for (body, contents) in cases {
        let call = call("POST", "/v1beta/models/m:countTokens", &[], body).unwrap();
        let payload = payload(&call, &target).unwrap();
        let request = target.upstream.request(&call, &target, &payload).unwrap();
        assert_eq!(request.url, "https://cloudcode-pa.googleapis.com/v1internal:countTokens");
        let expected = format!(r#"{{"request":{{"model":"models/gemini-2.5-pro","contents":{contents}}}}}"#);
        assert_eq!(request.body, expected, "{body}");
        serde_json::from_slice::<Value>(&request.body).unwrap();
        let played = Play { streamed: false, ..Play::new(&call, &payload) }.run([&br#"{"totalTokens":7}"#[..]]);
        assert_eq!(played.text(), r#"{"totalTokens":7}"#);
    }
}

#[test]
fn new_data_takes_the_place_of_old_and_nothing_else_changes() {
    let cases = [
        ("data: old\n\n", "data: new\n\n"),
        ("data:old\r\n\r\n", "data: new\r\n\r\n"),
        (": hi\nid: 7\nevent: e\ndata: o\ndata: ld\n\n", ": hi\nid: 7\nevent: e\ndata: new\n\n"),
        ("\u{feff}data: old\r\r", "data: new\r\r"),
        ("data: old", "data: new"),
        ("data\ndatabase: x\n\n", "data: new\ndatabase: x\n\n"),
    ];
    for (event, expected) in cases {
        let mut out = Vec::new();
        sse::replace_data(event.as_bytes(), b"new", &mut out);
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected, "{event:?}");
    }
    let mut out = Vec::new();
    sse::replace_data(b"data: old\r\n\r\n", b"{\n\"a\":1}", &mut out);
    assert_eq!(out, b"data: {\r\ndata: \"a\":1}\r\n\r\n");
}
