//! Which blocks stand in which message of the request to a provider.
//!
//! - Instructions in the middle of a conversation join the user's side, between `<system>` tags.
//! - A conversation must open with the user. Of a request that is nothing but instructions, they are the user's message;
//!   one that opens with the assistant gets a `.` in front.
//! - Blank text and thinking that Anthropic did not seal are left out, and messages that are empty without them.

use crate::ir::{Cache, Issuer, Part, PartKind, Request, Role};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    User,
    Assistant,
}

pub struct Message<'a> {
    pub speaker: Speaker,
    pub blocks: Vec<Block<'a>>,
}

pub enum Block<'a> {
    /// A part, with the indices of its turn and itself for whoever must name it.
    Part(&'a Part, usize, usize),
    Instructions(&'a [Part]),
    Opening,
}

impl Block<'_> {
    pub fn cache(&self) -> Option<Cache> {
        match self {
            // Thinking cannot be marked.
            Self::Part(Part { kind: PartKind::Thinking { .. }, .. }, ..) | Self::Opening => None,
            Self::Part(part, ..) => mark(part),
            Self::Instructions(parts) => parts.iter().rev().find_map(mark),
        }
    }
}

/// A part's mark; inside a tool result there is room for one.
fn mark(part: &Part) -> Option<Cache> {
    match &part.kind {
        PartKind::ToolResult { output, .. } => part.cache.or_else(|| output.iter().rev().find_map(mark)),
        _ => part.cache,
    }
}

impl Message<'_> {
    pub fn answers_tools(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Part(part, ..) if is_result(part)))
    }

    pub fn begins_with_thinking(&self) -> bool {
        let first = self.blocks.first();
        matches!(first, Some(Block::Part(Part { kind: PartKind::Thinking { .. }, .. }, ..)))
    }
}

fn is_result(part: &Part) -> bool {
    matches!(part.kind, PartKind::ToolResult { .. })
}

/// The messages of a normalized request.
pub fn plan(request: &Request) -> Vec<Message<'_>> {
    let mut messages: Vec<Message<'_>> = Vec::with_capacity(request.turns.len());
    for (index, turn) in request.turns.iter().enumerate() {
        let blocks: Vec<Block<'_>> = match turn.role {
            Role::System if turn.parts.iter().any(is_said) => vec![Block::Instructions(&turn.parts)],
            Role::System => Vec::new(),
            Role::User | Role::Assistant => {
                let parts = turn.parts.iter().enumerate().filter(|(_, part)| is_said(part));
                parts.map(|(at, part)| Block::Part(part, index, at)).collect()
            }
        };
        let speaker = if turn.role == Role::Assistant { Speaker::Assistant } else { Speaker::User };
        match messages.last_mut() {
            _ if blocks.is_empty() => {}
            Some(last) if last.speaker == speaker => last.blocks.extend(blocks),
            _ => messages.push(Message { speaker, blocks }),
        }
    }
    if messages.first().is_some_and(|first| first.speaker == Speaker::Assistant) {
        messages.insert(0, Message { speaker: Speaker::User, blocks: vec![Block::Opening] });
    }
    if messages.is_empty() {
        let parts = request.system.iter().filter(|part| is_said(part)).enumerate();
        let blocks: Vec<_> = parts.map(|(at, part)| Block::Part(part, 0, at)).collect();
        if !blocks.is_empty() {
            messages.push(Message { speaker: Speaker::User, blocks });
        }
    }
    messages
}

/// Whether anything of a part is sent.
pub fn is_said(part: &Part) -> bool {
    match &part.kind {
        PartKind::Text(text) => !text.trim().is_empty(),
        PartKind::Thinking { seal, .. } => seal.as_ref().is_some_and(|seal| seal.issuer == Issuer::Anthropic),
        PartKind::Media(_) | PartKind::ToolCall(_) | PartKind::ToolResult { .. } | PartKind::Opaque { .. } => true,
    }
}
