//! A client's history on its way to Anthropic untranslated, after other providers have had a part in it.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{self, Body, Text};
use crate::protocol::seal;

/// The body without reasoning that another provider sealed, or nobody: the provider would refuse all of it. Thinking
/// within a budget is switched off where such a block began a tool loop that is still running, for the same reason.
/// Every other byte is kept.
pub fn foreign_out(body: &Bytes) -> Bytes {
    if seal::may_be_tagged(body) { rewritten(body).unwrap_or_else(|| body.clone()) } else { body.clone() }
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
}

impl Tag<'_> {
    fn is_thinking(&self) -> bool {
        matches!(&*self.kind, "thinking" | "redacted_thinking")
    }

    fn is_foreign(&self) -> bool {
        let sealed = [&self.signature, &self.data].into_iter().flatten();
        self.is_thinking() && sealed.into_iter().any(|seal| seal::is_tagged(seal))
    }
}

fn read(block: &RawValue) -> Option<Tag<'_>> {
    serde_json::from_str(block.get()).ok()
}

/// `None`: nothing to change.
fn rewritten(bytes: &Bytes) -> Option<Bytes> {
    let body = Body::parse(bytes.clone()).ok()?;
    let messages: Vec<&RawValue> = json::read(body.raw("messages")?).ok()?;
    let mut changed = false;
    let mut kept: Vec<Bytes> = Vec::with_capacity(messages.len());
    for message in messages {
        match lightened(message) {
            None => kept.push(Bytes::copy_from_slice(message.get().as_bytes())),
            Some(message) => {
                changed = true;
                kept.extend(message);
            }
        }
    }
    if !changed {
        return None;
    }
    let list =
        format!("[{}]", kept.iter().map(|message| String::from_utf8_lossy(message)).collect::<Vec<_>>().join(","));
    let mut edits = vec![("messages", Some(list.as_str()))];
    if has_budget(&body) && loops_without_thinking(&kept) {
        // What clears old thinking is refused where there is none.
        edits.extend([("thinking", None), ("context_management", None)]);
    }
    Some(body.splice(&edits))
}

/// A message without its foreign blocks: `Some(None)` if nothing is left of it, `None` if there were none.
fn lightened(message: &RawValue) -> Option<Option<Bytes>> {
    let body = Body::parse(Bytes::copy_from_slice(message.get().as_bytes())).ok()?;
    let blocks: Vec<&RawValue> = json::read(body.raw("content")?).ok()?;
    let is_kept = |block: &&RawValue| !read(block).is_some_and(|tag| tag.is_foreign());
    let kept: Vec<&str> = blocks.iter().copied().filter(is_kept).map(RawValue::get).collect();
    if kept.len() == blocks.len() {
        return None;
    }
    let content = format!("[{}]", kept.join(","));
    Some((!kept.is_empty()).then(|| body.splice(&[("content", Some(&content))])))
}

fn has_budget(body: &Body) -> bool {
    let thinking: Option<Tag<'_>> = body.raw("thinking").and_then(|raw| json::read(raw).ok());
    thinking.is_some_and(|thinking| &*thinking.kind == "enabled")
}

/// Whether the last message answers tools that an assistant called without thinking first.
fn loops_without_thinking(messages: &[Bytes]) -> bool {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        role: Text<'a>,
        #[serde(borrow)]
        content: Vec<Tag<'a>>,
    }
    let read = |message: &'_ Bytes| -> Option<(bool, bool, bool)> {
        let Message { role, content } = json::read(message).ok()?;
        let thinks = content.first().is_some_and(Tag::is_thinking);
        let answers = content.iter().any(|block| &*block.kind == "tool_result");
        Some((&*role == "assistant", thinks, answers))
    };
    let [.., assistant, last] = messages else { return false };
    matches!((read(assistant), read(last)), (Some((true, false, _)), Some((false, _, true))))
}
