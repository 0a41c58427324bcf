//! Tool names and kinds that fit a wire, and their way back.
//!
//! [`fit`] changes the request before it is encoded; the [`Restore`] it returns gives the client its own names again.
//! One map per request: two streams never share it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::fault::Failure;
use crate::ir::event::{Block, Delta, Event, Sink};
use crate::ir::{OutputFormat, PartKind, Request, Tool, ToolChoice, ToolInput, ToolKind};
use crate::json::Json;

/// What a wire allows.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Characters in a name.
    pub name_limit: usize,
    pub allowed: fn(char) -> bool,
    /// Whether a name must start with a letter or an underscore.
    pub letter_first: bool,
    /// Whether the wire has freeform tools of its own.
    pub freeform: bool,
}

/// From the names that were sent back to the names the client gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restore {
    names: BTreeMap<String, String>,
    /// Sent names of freeform tools that went as functions.
    freeform: BTreeSet<String>,
}

/// Parsers of ours and of providers give up somewhat deeper.
const DEPTH: usize = 100;

/// Refuse what is nested so deeply that it could not be translated: it would go out as nothing.
pub fn shallow(request: &Request) -> Result<(), Failure> {
    let too_deep = |field: &str, name: &str| {
        let message = format!("{} is nested more than {DEPTH} levels deep", crate::call::printable(name));
        Err(Failure::invalid(field, message))
    };
    for tool in &request.tools {
        if let ToolKind::Function { schema, .. } = &tool.kind
            && is_deep(schema.get())
        {
            return too_deep("tools", &format!("the schema of {}", tool.name));
        }
    }
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        if let PartKind::ToolCall(call) = &part.kind
            && let ToolInput::Json(input) = &call.input
            && is_deep(input.get())
        {
            return too_deep("messages", &format!("the input of a call of {}", call.name));
        }
    }
    match &request.output {
        Some(OutputFormat::JsonSchema { schema, .. }) if is_deep(schema.get()) => {
            too_deep("response_format", "the schema of the answer")
        }
        _ => Ok(()),
    }
}

fn is_deep(json: &str) -> bool {
    let (mut depth, mut text, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            _ if text => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Make every tool name, call and choice obey `rules`.
pub fn fit(request: &mut Request, rules: Rules) -> Restore {
    let mut restore = Restore::default();
    let mut sent: HashMap<String, String> = HashMap::new();
    // Whoever has a legal name keeps it, even if an earlier tool's name is cleaned into the same.
    let legal = |tool: &&Tool| !matches!(tool.kind, ToolKind::Opaque { .. }) && clean(&tool.name, rules) == tool.name;
    let mut reserved: HashSet<String> = request.tools.iter().filter(legal).map(|tool| tool.name.clone()).collect();
    let mut taken: HashSet<String> = HashSet::new();
    for tool in &mut request.tools {
        if matches!(tool.kind, ToolKind::Opaque { .. }) {
            continue;
        }
        reserved.remove(&tool.name);
        let name = sendable(&tool.name, rules, |name| taken.contains(name) || reserved.contains(name));
        taken.insert(name.clone());
        if name != tool.name {
            restore.names.insert(name.clone(), tool.name.clone());
            sent.insert(std::mem::replace(&mut tool.name, name.clone()), name.clone());
        }
        if let (ToolKind::Custom { format }, false) = (&tool.kind, rules.freeform) {
            restore.freeform.insert(name);
            let mut describe = "The tool's whole input, as plain text.".to_owned();
            if let Some(grammar) =
                format.as_ref().and_then(|f| f.get("definition").or(f.pointer("/grammar/definition")))
            {
                describe.push_str(&format!(" It follows this grammar:\n{}", grammar.as_str().unwrap_or_default()));
            }
            let schema = json!({"type": "object", "properties": {"input": {"type": "string", "description": describe}},
                "required": ["input"], "additionalProperties": false});
            tool.kind = ToolKind::Function { schema: Json::of(&schema), strict: None };
        }
    }
    if let Some(ToolChoice::Named(name)) = &mut request.tool_choice
        && let Some(short) = sent.get(name)
    {
        name.clone_from(short);
    }
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        let PartKind::ToolCall(call) = &mut part.kind else { continue };
        match sent.get(&call.name) {
            Some(short) => call.name.clone_from(short),
            // A tool that is no longer offered still has its calls in the history.
            None => call.name = sendable(&call.name, rules, |_| false),
        }
        if let (ToolInput::Text(text), false) = (&call.input, rules.freeform) {
            call.input = ToolInput::Json(Json::of(&json!({ "input": text })));
        }
    }
    restore
}

/// A legal name: the client's own if it is one, else cleaned, cut and told apart by a hash of the original.
fn sendable(name: &str, rules: Rules, taken: impl Fn(&str) -> bool) -> String {
    let clean = clean(name, rules);
    if !clean.is_empty() && clean.chars().count() <= rules.name_limit && !taken(&clean) {
        return clean;
    }
    let digest = Sha256::digest(name.as_bytes());
    (0..=u8::MAX)
        .map(|salt| {
            let suffix = digest.iter().take(4).map(|b| format!("{:02x}", b ^ salt)).collect::<String>();
            let keep = rules.name_limit.saturating_sub(suffix.len() + 1);
            format!("{}_{suffix}", clean.chars().take(keep).collect::<String>())
        })
        .find(|candidate| !taken(candidate))
        .unwrap_or(clean)
}

/// The name with every character replaced that the wire does not allow; perhaps still too long.
fn clean(name: &str, rules: Rules) -> String {
    let mut clean: String = name.chars().map(|c| if (rules.allowed)(c) { c } else { '_' }).collect();
    if rules.letter_first && !clean.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        clean.insert(0, '_');
    }
    clean
}

impl Restore {
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.freeform.is_empty()
    }

    /// The client's name for a tool the provider called.
    pub fn name<'a>(&'a self, sent: &'a str) -> &'a str {
        self.names.get(sent).map_or(sent, String::as_str)
    }
}

/// Stands between a decoder and an encoder and gives calls their own names and kinds back.
pub struct Restorer<'a> {
    pub restore: &'a Restore,
    /// Arguments of the open freeform call, until they are whole.
    pub pending: &'a mut Option<String>,
    pub sink: &'a mut dyn Sink,
}

impl Sink for Restorer<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::BlockStart { index, block: Block::ToolCall { id, name, freeform } } => {
                let as_function = self.restore.freeform.contains(name);
                if as_function {
                    *self.pending = Some(String::new());
                }
                let name = self.restore.name(name);
                let block = Block::ToolCall { id, name, freeform: freeform || as_function };
                self.sink.event(Event::BlockStart { index, block });
            }
            Event::Delta { index, delta: Delta::Json(json) } => match self.pending {
                Some(pending) => pending.push_str(json),
                None => self.sink.event(Event::Delta { index, delta: Delta::Json(json) }),
            },
            Event::BlockEnd { index } => {
                if let Some(json) = self.pending.take() {
                    let value: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
                    let text = value.get("input").and_then(|input| input.as_str()).unwrap_or(&json);
                    self.sink.event(Event::Delta { index, delta: Delta::Text(text) });
                }
                self.sink.event(Event::BlockEnd { index });
            }
            other => self.sink.event(other),
        }
    }
}
