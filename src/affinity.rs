//! Which conversation a call belongs to, so that it stays with one account: prompt caches and reasoning seals live there.
//!
//! A client that names its conversation is believed, in this order: a session header (Claude Code, Codex, OpenCode and
//! others), the session in Anthropic's `metadata.user_id`, `prompt_cache_key`, `conversation`, `session_id`,
//! `conversation_id`. Otherwise a conversation is what begins the same way: instructions and the first user turn. The
//! name of a user alone is not one: it would bind everything they do to one account.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::json::{self, Parts};

const HEADERS: &[&str] = &[
    "x-claude-code-session-id",
    "x-session-id",
    "session-id",
    "session_id",
    "x-session-affinity",
    "x-grok-conv-id",
    "x-client-request-id",
];

/// The conversation as a number; `header` reads a header of the client by its lower-case name.
pub fn of(call: &Call, header: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let headers = HEADERS.iter().find_map(|name| usable(header(name)?));
    headers.or_else(|| named(call)).map(|id| hash([id.as_bytes()])).or_else(|| beginning(call))
}

/// Ids of clients are short and printable; anything else is not one.
fn usable(id: String) -> Option<String> {
    (!id.is_empty() && id.len() <= 256 && !id.chars().any(char::is_control)).then_some(id)
}

fn named(call: &Call) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: Option<String>,
    }
    #[derive(Deserialize)]
    struct User {
        session_id: String,
    }
    #[derive(Deserialize)]
    struct Conversation {
        id: String,
    }
    let user = call.body.get::<Metadata>("metadata").ok().flatten().and_then(|metadata| metadata.user_id);
    let session = user.and_then(|user| match serde_json::from_str::<User>(&user) {
        Ok(user) => Some(user.session_id),
        Err(_) => user.split_once("_session_").map(|(_, session)| session.to_owned()),
    });
    let text = |key: &str| call.body.get::<String>(key).ok().flatten().and_then(usable);
    let conversation = || {
        let object = call.body.get::<Conversation>("conversation").ok().flatten();
        object.map(|conversation| conversation.id).and_then(usable)
    };
    session
        .and_then(usable)
        .or_else(|| text("prompt_cache_key"))
        .or_else(conversation)
        .or_else(|| ["conversation", "session_id", "conversation_id"].iter().find_map(|key| text(key)))
}

/// Bytes of instructions and of the first user turn that are looked at. What tells conversations apart is at the start.
const LOOK: usize = 1024;
/// Turns before the first user turn: system and developer messages.
const TURNS: usize = 8;

fn beginning(call: &Call) -> Option<u64> {
    let raw = |keys: &[&str]| keys.iter().find_map(|key| call.body.raw(key));
    let head = |bytes: &'_ [u8]| bytes.get(..bytes.len().min(LOOK)).unwrap_or_default().to_vec();
    let mut seen = raw(&["system", "instructions", "systemInstruction", "system_instruction"]).map_or(vec![], head);
    let turns = raw(&["messages", "contents", "input", "prompt"])?;
    if turns.first() == Some(&b'"') {
        return Some(hash([&seen, &head(turns)]));
    }
    // A long history is not read to find its beginning, nor a long text.
    for turn in turns.starts_with(b"[").then(|| Parts::of(turns))?.take(TURNS) {
        said(turn, &mut seen);
        let role = Parts::member(turn, "role");
        if turn.starts_with(b"{") && matches!(role, None | Some(b"null" | b"\"user\"")) {
            return Some(hash([seen.as_slice()]));
        }
    }
    None
}

/// How the text of a turn begins, in any protocol and spelled as a string or in parts.
fn said(turn: &[u8], seen: &mut Vec<u8>) {
    let most = seen.len() + LOOK;
    let mut add = |text: &[u8]| {
        let text = if text.starts_with(b"\"") { json::opening(text, LOOK) } else { None };
        seen.extend_from_slice(text.unwrap_or_default().as_bytes());
        seen.truncate(most);
        seen.len() < most
    };
    match Parts::member(turn, "content").or_else(|| Parts::member(turn, "parts")) {
        Some(parts @ [b'[', ..]) => {
            let _ = Parts::of(parts).filter_map(|part| Parts::member(part, "text")).all(add);
        }
        Some(text) => _ = add(text),
        None => {}
    }
}

fn hash<const N: usize>(parts: [&[u8]; N]) -> u64 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        digest.update([0]);
    }
    digest.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
