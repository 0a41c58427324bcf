//! What real clients send.

use serde_json::Value;

use super::{decode, encode, openai};
use crate::ir::{Depth, PartKind, Request};
use crate::protocol::chat::Chat;
use crate::protocol::turns;
use crate::reasoning::fit;
use crate::tests::schema::{shared, shared_folder, violations};

const FOLDERS: [&str; 4] = ["aisdk-openai-chat", "js-openai", "pylatest-openai", "qwen-code"];

/// Name and body of every recorded request to this protocol.
fn captures() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for name in shared_folder(&format!("captures/{folder}")) {
            let Some(bytes) = shared(&name) else { continue };
            let capture: Value = serde_json::from_slice(&bytes).unwrap();
            if capture["path"].as_str().unwrap_or_default().contains("/chat/completions") {
                found.push((name, capture["body"].clone()));
            }
        }
    }
    found
}

fn canonical(name: &str, body: &Value) -> Request {
    let mut request = decode(body).unwrap_or_else(|failure| panic!("{name}: {}", failure.message));
    turns::normalize(&mut request);
    request
}

/// Without what is not sent back: thinking, "as much as you like", a depth for a model without any, and that one answer
/// is wanted.
fn sendable(mut request: Request) -> Request {
    for turn in &mut request.turns {
        turn.parts.retain(|part| !matches!(part.kind, PartKind::Thinking { .. }));
    }
    request.sampling.n = None;
    let depth = request.reasoning.and_then(|reasoning| fit(&request.model, reasoning.depth?));
    request.reasoning = request.reasoning.filter(|_| depth.is_some_and(|depth| depth != Depth::Adaptive));
    request
}

#[test]
fn recorded_requests_survive_the_way_there_and_back() {
    for (name, mut body) in captures() {
        if name.ends_with("pylatest-openai/002.json") {
            // Everything the SDK has a parameter for. Three of them cannot be translated, and say so.
            for member in ["logit_bias", "logprobs", "top_logprobs"] {
                assert_eq!(decode(&body).unwrap_err().param.as_deref(), Some(member));
                body.as_object_mut().unwrap().shift_remove(member);
            }
        }
        let request = canonical(&name, &body);
        let sent = encode(&Chat::OPENAI, &request);
        let again = canonical(&name, &sent);
        assert_eq!(again, sendable(request), "{name}");
        assert_eq!(encode(&Chat::OPENAI, &again), sent, "{name}: a second time");
        if let Some(spec) = openai() {
            let found = violations(spec, "CreateChatCompletionRequest", &sent);
            // `thinking` and `x` came from the client as extras; the model is a free choice.
            let found: Vec<_> = found.iter().filter(|text| !text.contains(".model:")).collect();
            assert_eq!(found, Vec::<&String>::new(), "{name}");
        }
    }
}
