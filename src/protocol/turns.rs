//! The order of turns that strict wires demand, made once for all of them.
//!
//! Adjacent turns of one role are merged. The results of an assistant's tool calls open the user turn right after it,
//! in the order of the calls; a second result for the same call is dropped.

use std::collections::HashSet;

use crate::ir::{Part, PartKind, Request, Role, Turn};

pub fn normalize(request: &mut Request) {
    let mut turns: Vec<Turn> = Vec::with_capacity(request.turns.len());
    for turn in request.turns.drain(..) {
        if turn.parts.is_empty() {
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.role == turn.role => last.parts.extend(turn.parts),
            _ => turns.push(turn),
        }
    }
    let mut calls: Vec<String> = Vec::new();
    for turn in &mut turns {
        match turn.role {
            Role::Assistant => calls = call_ids(&turn.parts),
            Role::User => order_results(&mut turn.parts, &calls),
            Role::System => {}
        }
    }
    request.turns = turns;
}

fn call_ids(parts: &[Part]) -> Vec<String> {
    let id = |part: &Part| match &part.kind {
        PartKind::ToolCall(call) => Some(call.id.clone()),
        _ => None,
    };
    parts.iter().filter_map(id).collect()
}

fn order_results(parts: &mut Vec<Part>, calls: &[String]) {
    let mut seen = HashSet::new();
    parts.retain(|part| match &part.kind {
        PartKind::ToolResult { id, .. } => seen.insert(id.clone()),
        _ => true,
    });
    // Stable: results by call order, results of unknown calls next, everything else as it came.
    parts.sort_by_key(|part| match &part.kind {
        PartKind::ToolResult { id, .. } => calls.iter().position(|call| call == id).unwrap_or(calls.len()),
        _ => calls.len() + 1,
    });
}
