//! What real clients sent to `/v1/responses`.

use std::path::PathBuf;

use serde_json::Value;

use super::requests::refusal;
use super::{decode, encode};
use crate::ir::{PartKind, Role, ToolKind};
use crate::protocol::turns;

fn shared() -> Option<PathBuf> {
    let folder = std::env::var("SLUICE_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let path = PathBuf::from(&folder).join("captures");
    if !path.is_dir() {
        eprintln!("SKIPPED: no captures at {}; set SLUICE_SHARED", path.display());
        return None;
    }
    Some(path)
}

/// Bodies that real clients sent to `/v1/responses`, with their names.
pub(super) fn captures() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for client in shared().iter().flat_map(|path| std::fs::read_dir(path).unwrap()) {
        for file in std::fs::read_dir(client.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let capture: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if capture["path"].as_str().is_some_and(|path| path.ends_with("/responses")) {
                let name = path.components().rev().take(2).map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>();
                found.push((format!("{}/{}", name[1], name[0]), capture["body"].clone()));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn real_clients_survive_the_canonical_form() {
    for (name, body) in captures() {
        if body.get("previous_response_id").is_some() {
            assert!(refusal(&body).1.starts_with("previous_response_id: "), "{name}");
            continue;
        }
        let first = decode(&body);
        let sent = encode(&first);
        let mut again = decode(&sent);
        let mut first = first;
        // Our own spelling: strictness is said, storage is refused, an absent summary stays absent.
        for tool in first.tools.iter_mut().chain(&mut again.tools) {
            if let ToolKind::Function { strict, .. } = &mut tool.kind {
                *strict = Some(*strict == Some(true));
            }
        }
        first.extras = Default::default();
        again.extras = Default::default();
        for request in [&mut first, &mut again] {
            turns::normalize(request);
            for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
                part.extras = Default::default();
            }
        }
        assert_eq!(again, first, "{name}");
        assert_eq!(sent["prompt_cache_key"], body["prompt_cache_key"], "{name}");
    }
}

#[test]
fn codex_is_read_whole() {
    let Some((_, body)) = captures().into_iter().find(|(name, _)| name == "codex/002.json") else { return };
    let request = decode(&body);
    assert_eq!(request.system.len(), 3);
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    assert!(request.tools.iter().any(|tool| tool.name == "multi_agent_v1__spawn_agent"));
    assert!(matches!(&request.turns[1].parts[0].kind, PartKind::Thinking { text, seal: Some(seal) }
        if text == "thinking..." && seal.value.ends_with(":ZmFrZS1lbmNyeXB0ZWQ=")));
}
