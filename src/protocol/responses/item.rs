//! One output item, from its announcement to its end.

use super::decode_tools::Namespaces;
use super::seals;
use crate::ir::event::Block;
use crate::ir::{Issuer, Protocol, Seal};
use crate::json::{Json, write_escaped, write_str};
use crate::protocol::seal;

#[derive(Debug)]
pub(super) struct Open {
    pub kind: Kind,
    /// Of the item, once it is announced.
    pub id: Option<String>,
    /// Content so far, escaped.
    pub text: Vec<u8>,
    pub ended: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    Text,
    Thinking {
        seal: Option<Seal>,
    },
    Call {
        call_id: String,
        name: String,
        freeform: bool,
        seal: Option<Seal>,
    },
    Image {
        mime: String,
    },
    Opaque {
        item: Json,
    },
    /// Nothing this protocol has an item for.
    Skipped,
}

impl Kind {
    pub(super) fn of(block: Block<'_>) -> Self {
        match block {
            Block::Text => Self::Text,
            Block::Thinking => Self::Thinking { seal: None },
            Block::ToolCall { id, name, freeform } => {
                Self::Call { call_id: id.to_owned(), name: name.to_owned(), freeform, seal: None }
            }
            Block::Media { mime } if mime.starts_with("image/") => Self::Image { mime: mime.to_owned() },
            Block::Opaque { owner: Protocol::Responses, value } => Self::Opaque { item: Json::of(value) },
            Block::Media { .. } | Block::Opaque { .. } => Self::Skipped,
        }
    }
}

/// Of an item's life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Added,
    Done,
    /// Ended because the answer did.
    Cut,
}

impl Open {
    /// Whether nothing is left of the item: an empty text, reasoning without words or proof.
    pub(super) fn is_nothing(&self) -> bool {
        match &self.kind {
            Kind::Text | Kind::Image { .. } => self.id.is_none() && self.text.is_empty(),
            Kind::Thinking { seal } => self.id.is_none() && self.text.is_empty() && seal.is_none(),
            Kind::Call { .. } | Kind::Opaque { .. } => false,
            Kind::Skipped => true,
        }
    }

    pub(super) fn write(&self, stage: Stage, namespaces: &Namespaces, out: &mut Vec<u8>) {
        let id = self.id.as_deref().unwrap_or_default();
        let text: &[u8] = if stage == Stage::Added { b"" } else { &self.text };
        let status: &[u8] = match stage {
            Stage::Added => b"\",\"status\":\"in_progress\"",
            Stage::Done => b"\",\"status\":\"completed\"",
            Stage::Cut => b"\",\"status\":\"incomplete\"",
        };
        let head = |kind: &[u8], out: &mut Vec<u8>| {
            for bytes in [b"{\"type\":\"", kind, b"\",\"id\":\""] {
                out.extend_from_slice(bytes);
            }
            write_escaped(id, out);
            out.extend_from_slice(status);
        };
        match &self.kind {
            Kind::Text => {
                head(b"message", out);
                out.extend_from_slice(b",\"role\":\"assistant\",\"content\":[");
                if stage != Stage::Added {
                    output_text(text, out);
                }
                out.extend_from_slice(b"]}");
            }
            Kind::Thinking { seal } => {
                head(b"reasoning", out);
                out.extend_from_slice(b",\"summary\":[");
                if !text.is_empty() {
                    summary_text(text, out);
                }
                out.push(b']');
                if let (Some(seal), true) = (seal, stage != Stage::Added) {
                    out.extend_from_slice(b",\"encrypted_content\":");
                    let value = seal::tag(seal, Issuer::OpenAi);
                    write_str(seals::split(&value).1, out);
                }
                out.push(b'}');
            }
            Kind::Call { call_id, name, freeform, .. } => {
                head(if *freeform { b"custom_tool_call" } else { b"function_call" }, out);
                out.extend_from_slice(b",\"call_id\":");
                write_str(call_id, out);
                let (namespace, name) = namespaces.split(name);
                if let Some(namespace) = namespace {
                    out.extend_from_slice(b",\"namespace\":");
                    write_str(namespace, out);
                }
                out.extend_from_slice(b",\"name\":");
                write_str(name, out);
                out.extend_from_slice(if *freeform { b",\"input\":\"" } else { b",\"arguments\":\"" });
                out.extend_from_slice(text);
                out.extend_from_slice(b"\"}");
            }
            Kind::Image { mime } => {
                head(b"image_generation_call", out);
                out.extend_from_slice(b",\"output_format\":");
                write_str(mime.strip_prefix("image/").unwrap_or(mime), out);
                out.extend_from_slice(b",\"result\":");
                if stage == Stage::Added {
                    out.extend_from_slice(b"null}");
                } else {
                    out.push(b'"');
                    out.extend_from_slice(text);
                    out.extend_from_slice(b"\"}");
                }
            }
            Kind::Opaque { item } => out.extend_from_slice(item.get().as_bytes()),
            Kind::Skipped => {}
        }
    }
}

pub(super) fn output_text(escaped: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"output_text\",\"text\":\"");
    out.extend_from_slice(escaped);
    out.extend_from_slice(b"\",\"annotations\":[],\"logprobs\":[]}");
}

pub(super) fn summary_text(escaped: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"summary_text\",\"text\":\"");
    out.extend_from_slice(escaped);
    out.extend_from_slice(b"\"}");
}
