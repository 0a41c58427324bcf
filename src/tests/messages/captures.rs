//! What real clients sent: every recorded Messages request is read, and survives the way out and back.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{call, decode, encode};
use crate::call::Operation;
use crate::ir::Request;
use crate::protocol::messages::Messages;
use crate::protocol::{Inbound, turns};
use crate::tests::schema;

fn captures() -> Vec<(String, Value)> {
    let shared = std::env::var("SLUICE_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let root = PathBuf::from(shared).join("captures");
    let entries = |path: &Path| {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(path).into_iter().flatten().map(|e| e.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let mut found = Vec::new();
    for path in entries(&root).iter().flat_map(|client| entries(client)) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let Ok(capture) = serde_json::from_slice::<Value>(&bytes) else { continue };
        if capture["path"].as_str().is_some_and(|path| path.starts_with("/v1/messages")) {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            found.push((name, capture));
        }
    }
    if found.is_empty() {
        eprintln!("skipped: no captures in {}", root.display());
    }
    found
}

/// What is known to change on the way to Anthropic, and why.
fn expected(name: &str, mut request: Request) -> Request {
    if name == "claude-code-readimage/002.json" {
        // The recorded loop began with a call without thinking; Anthropic would refuse to think on.
        request.reasoning = None;
    }
    if request.sampling.temperature.is_some() {
        // Of the two, one is sent.
        request.sampling.top_p = None;
    }
    request
}

#[test]
fn every_recorded_request_survives_the_way_out_and_back() {
    let spec = schema::spec("anthropic-sdk.json");
    let (mut survived, mut threads) = (0, 0);
    for (name, capture) in captures() {
        let body = &capture["body"];
        if capture["path"] == "/v1/messages/count_tokens" {
            let mut call = call(body);
            call.endpoint.operation = Operation::CountTokens;
            Messages.decode_request(&call).unwrap();
            continue;
        }
        if !body["thread"].is_null() {
            let failure = Messages.decode_request(&call(body)).unwrap_err();
            assert_eq!(failure.code.as_deref(), Some("thread_unsupported_request"), "{name}");
            threads += 1;
            continue;
        }
        let mut request = decode(body);
        turns::normalize(&mut request);
        let sent = encode(&request);
        if let Some(spec) = &spec {
            let streams = sent["stream"] == true;
            let kind = if streams { "MessageCreateParamsStreaming" } else { "MessageCreateParams" };
            assert_eq!(schema::violations(spec, kind, &sent), [""; 0], "{name}");
        }
        let mut again = decode(&sent);
        turns::normalize(&mut again);
        assert!(again == expected(&name, request), "{name} came back changed");
        survived += 1;
    }
    eprintln!("{survived} survived, {threads} threads refused");
    assert!(spec.is_none() || survived >= 35 && threads == 2, "{survived} {threads}");
}
