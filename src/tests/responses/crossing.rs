//! Requests of real clients on their way to providers of other protocols, and those of others to this one.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{call, captures, decode};
use crate::call::{Call, Head, Route, route};
use crate::ir::Request;
use crate::protocol::chat::Chat;
use crate::protocol::gemini::Gemini;
use crate::protocol::messages::Messages;
use crate::protocol::responses::Responses;
use crate::protocol::{Inbound, Outbound, inbound, tools, turns};
use crate::tests::schema;

fn send(mut request: Request, wire: &dyn Outbound) -> Result<Value, String> {
    turns::normalize(&mut request);
    tools::fit(&mut request, wire.tool_rules());
    let body = wire.encode_request(&request).map_err(|failure| failure.message)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

/// Codex offers a web search with every request; a provider that has none must not be lost to it.
#[test]
fn real_clients_reach_every_provider() {
    let wires: [&dyn Outbound; 4] = [&Chat::OPENAI, &Messages, &Gemini, &Responses];
    for (name, body) in captures::captures() {
        let Ok(request) = Responses.decode_request(&call(&body)) else { continue };
        // Built-in tools besides the search exist nowhere else.
        let built_in =
            body["tools"].as_array().is_some_and(|tools| tools.iter().any(|t| t["type"] == "code_interpreter"));
        for wire in wires {
            let sent = send(request.clone(), wire);
            if sent.as_ref().is_err_and(|why| why.contains("not translated yet")) {
                eprintln!("skipped: {:?} does not write requests yet", wire.protocol());
                continue;
            }
            let refused = built_in && wire.protocol() != Responses.protocol();
            assert_eq!(sent.is_err(), refused, "{name} to {:?}: {sent:?}", wire.protocol());
        }
    }
}

#[test]
fn what_we_send_obeys_the_published_schema() {
    let Some(spec) = schema::spec("openai-slim.json") else { return };
    let mut seen = HashSet::new();
    for path in schema::shared_folder("captures").iter().flat_map(|folder| schema::shared_folder(folder)) {
        let capture: Value = serde_json::from_slice(&schema::shared(&path).unwrap()).unwrap();
        let (path_called, body) = (capture["path"].as_str().unwrap_or_default(), capture["body"].to_string());
        let (bare, query) = path_called.split_once('?').unwrap_or((path_called, ""));
        let head = Head { method: "POST", path: bare, query, header: &|_| None };
        let Ok(Route::Call(endpoint)) = route(&head) else { continue };
        let Ok(call) = Call::read(endpoint, body.into(), &head, "7", 0) else { continue };
        let Ok(request) = inbound(call.protocol()).decode_request(&call) else { continue };
        let Ok(sent) = send(request, &Responses) else { continue };
        // Not in the published list of content, but in its components, and servers of this protocol take it.
        if sent.to_string().contains("\"input_audio\"") {
            continue;
        }
        let found = schema::violations(&spec, "CreateResponse", &sent);
        assert!(found.is_empty(), "{path}: {found:?}");
        seen.insert(call.protocol());
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

/// The check above would be worth nothing if it passed everything.
#[test]
fn the_schema_check_sees_a_mistake() {
    let Some(spec) = schema::spec("openai-slim.json") else { return };
    let sent = send(decode(&json!({"model": "m", "input": "x", "reasoning": {"effort": "low"}})), &Responses).unwrap();
    assert!(schema::violations(&spec, "CreateResponse", &sent).is_empty());
    for (pointer, wrong) in [("/reasoning/effort", json!("huge")), ("/store", json!("no")), ("/input/0/role", json!(5))]
    {
        let mut sent = sent.clone();
        *sent.pointer_mut(pointer).unwrap() = wrong;
        assert!(!schema::violations(&spec, "CreateResponse", &sent).is_empty(), "{pointer}");
    }
}
