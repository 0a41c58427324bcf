//! Real clients' requests, there and back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::ir::{OutputFormat, ToolKind};
use crate::json::Json;
use crate::tests::schema::{shared, shared_folder};

/// Envelopes are taken off; what no Gemini codec is about (lists, counts of quota, embeddings) is left out.
fn captures() -> Vec<(String, Value)> {
    let clients = [
        "gemini-cli",
        "gemini-cli-parallel",
        "gemini-cli-codeassist",
        "js-google-genai",
        "pylatest-google-genai",
        "qwen-gemini",
        "aichat-gwg",
    ];
    let mut found = Vec::new();
    for path in clients.iter().flat_map(|client| shared_folder(&format!("captures/{client}"))) {
        let Some(bytes) = shared(&path) else { continue };
        let capture: Value = serde_json::from_slice(&bytes).unwrap();
        let mut body = capture["body"].clone();
        if let Some(inner) = body.get_mut("request") {
            body = inner.take();
            body.as_object_mut().unwrap().shift_remove("session_id");
        }
        if body.get("contents").is_some() {
            found.push((path, body));
        }
    }
    assert!(found.is_empty() || found.len() >= 30, "only {} captures", found.len());
    found
}

#[test]
fn real_requests_keep_their_meaning_through_the_canonical_form() {
    for (name, body) in captures() {
        let once = decoded(&body);
        let wire = encoded(&once);
        spec::check("GenerateContentRequest", &wire);
        let twice = decoded(&wire);
        let schemas = |request: &Request| -> Vec<Value> {
            request
                .tools
                .iter()
                .map(|tool| match &tool.kind {
                    ToolKind::Function { schema, .. } => schema::cleaned(&schema.value()),
                    other => json!(format!("{other:?}")),
                })
                .collect()
        };
        assert_eq!(schemas(&once), schemas(&twice), "{name}");
        let bare = |mut request: Request| {
            for tool in &mut request.tools {
                if let ToolKind::Function { schema, .. } = &mut tool.kind {
                    *schema = Json::empty_object();
                }
            }
            if let Some(OutputFormat::JsonSchema { schema, .. }) = &mut request.output {
                // The order of words in a schema means nothing.
                let members: BTreeMap<String, Value> = serde_json::from_str(schema.get()).unwrap();
                *schema = Json::of(&members);
            }
            request
        };
        let (once, twice) = (bare(once), bare(twice));
        assert_eq!(once, twice, "{name}");
    }
}

#[test]
fn every_word_of_a_real_conversation_arrives() {
    fn words(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::String(text) => out.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| words(item, out)),
            Value::Object(members) => members.values().for_each(|member| words(member, out)),
            _ => {}
        }
    }
    for (name, body) in captures() {
        let wire = encoded(&decoded(&body));
        let (mut sent, mut arrived) = (Vec::new(), Vec::new());
        words(&body["contents"], &mut sent);
        words(&body["systemInstruction"]["parts"], &mut sent);
        words(&wire["contents"], &mut arrived);
        words(&wire["systemInstruction"], &mut arrived);
        for word in sent {
            assert!(arrived.contains(&word), "{name} lost {word:?}");
        }
    }
}

#[test]
fn the_same_request_is_the_same_bytes() {
    for (_, body) in captures() {
        let request = decoded(&body);
        assert_eq!(Gemini.encode_request(&request), Gemini.encode_request(&decoded(&body)));
    }
}
