//! The order of turns that strict wires demand, made once for all of them.
//!
//! - No turn is empty, and no two turns of one role are adjacent.
//! - The results of an assistant's tool calls open the user turn right after it, in the order of the calls, wherever
//!   the client put them. Only the first result of a call counts.
//! - A result whose call is nowhere before it stays where it is: what that means is for the provider to say.

use crate::ir::{Part, PartKind, Request, Role, Turn};

pub fn normalize(request: &mut Request) {
    let mut slots: Vec<Slot> = Vec::with_capacity(request.turns.len());
    for mut turn in request.turns.drain(..) {
        if turn.parts.is_empty() {
            continue;
        }
        if turn.role != Role::Assistant {
            claim(&mut slots, &mut turn.parts);
        }
        match slots.last_mut() {
            // Before its results arrive: calls that came one by one are one parallel round.
            Some(last) if last.turn.role == turn.role => last.turn.parts.append(&mut turn.parts),
            _ => slots.push(Slot { turn, results: Vec::new() }),
        }
    }
    let mut turns: Vec<Turn> = Vec::with_capacity(slots.len());
    for Slot { turn, mut results } in slots {
        results.sort_by_key(|(call, _)| *call);
        push(&mut turns, turn);
        push(&mut turns, Turn { role: Role::User, parts: results.into_iter().map(|(_, part)| part).collect() });
    }
    request.turns = turns;
}

/// A turn, and the results that belong right after it, each with the position of its call.
struct Slot {
    turn: Turn,
    results: Vec<(usize, Part)>,
}

/// Take the results out of `parts` and hand them to the turns that called. Ids repeat in some clients' histories, so the
/// latest turn with the call has it.
fn claim(slots: &mut [Slot], parts: &mut Vec<Part>) {
    if !parts.iter().any(|part| matches!(part.kind, PartKind::ToolResult { .. })) {
        return;
    }
    for part in std::mem::take(parts) {
        let PartKind::ToolResult { id, .. } = &part.kind else {
            parts.push(part);
            continue;
        };
        let owner = slots.iter_mut().rev().find_map(|slot| Some((position(&slot.turn, id)?, slot)));
        match owner {
            Some((call, slot)) if slot.results.iter().all(|(answered, _)| *answered != call) => {
                slot.results.push((call, part));
            }
            Some(_) => {}
            None => parts.push(part),
        }
    }
}

/// Where in an assistant's turn the call `id` is.
fn position(turn: &Turn, id: &str) -> Option<usize> {
    if turn.role != Role::Assistant {
        return None;
    }
    turn.parts.iter().position(|part| matches!(&part.kind, PartKind::ToolCall(call) if call.id == id))
}

fn push(turns: &mut Vec<Turn>, turn: Turn) {
    match turns.last_mut() {
        _ if turn.parts.is_empty() => {}
        Some(last) if last.role == turn.role => last.parts.extend(turn.parts),
        _ => turns.push(turn),
    }
}
