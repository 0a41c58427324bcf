//! Recorded requests in a relay: the client's bytes, but for the model.

use serde_json::Value;

use super::rig::{WIRES, call, target};
use super::schema::{shared, shared_folder};
use crate::upstream::payload;

/// Every recorded request that a provider of its own protocol may get, written with white space that a re-serialized
/// body would lose.
fn recorded() -> Vec<(String, Value, String)> {
    let paths = shared_folder("captures").into_iter().flat_map(|client| shared_folder(&client));
    let read = |path: String| {
        let capture: Value = serde_json::from_slice(&shared(&path)?).unwrap();
        let body = capture["body"].as_object()?;
        let text = serde_json::to_string_pretty(body).unwrap();
        let asks = ["chat/completions", "messages", "responses", "enerateContent"];
        let url = capture["path"].as_str()?;
        asks.iter().any(|ask| url.contains(ask)).then_some((path, capture, text))
    };
    paths.filter_map(read).collect()
}

#[test]
fn a_relayed_request_is_the_clients_own_bytes_but_for_the_model() {
    let (mut same, mut filtered) = (0, Vec::new());
    for (path, capture, text) in recorded() {
        let url = capture["path"].as_str().unwrap();
        let Ok(call) = call("POST", url, &[], text.clone()) else { continue };
        if !WIRES.contains(&call.protocol()) {
            continue;
        }
        let Ok(sent) = payload(&call, &target(call.protocol(), "a", "another model")) else { continue };
        if sent.request.is_some() {
            continue;
        }
        let model = serde_json::to_string(&call.model).unwrap();
        let expected = if call.endpoint.model.is_some() {
            text.clone()
        } else {
            text.replacen(&format!("\n  \"model\": {model}"), "\n  \"model\": \"another model\"", 1)
        };
        if sent.body == expected {
            same += 1;
        } else {
            filtered.push(path);
        }
    }
    if same + filtered.len() > 0 {
        assert!(same >= 100, "{same}");
        assert!(filtered.is_empty(), "{filtered:?}");
    }
}
