//! `tools` and `tool_choice` of a request.
//!
//! A namespace is flattened: its tool `t` becomes `{namespace}__t`, and calls of it get their two names back from
//! [`Namespaces`].

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::ir::{Extras, Protocol, Tool, ToolChoice, ToolKind};
use crate::json::{self, Body, Json, JsonError, Text};

#[derive(Debug, serde::Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    description: Option<String>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
}

pub(super) fn flat(namespace: &str, name: &str) -> String {
    format!("{namespace}__{name}")
}

pub(super) fn decode(raw: &RawValue, tools: &mut Vec<Tool>) -> Result<(), JsonError> {
    one(raw, None, tools)
}

fn one(raw: &RawValue, namespace: Option<&str>, tools: &mut Vec<Tool>) -> Result<(), JsonError> {
    let wire: Wire<'_> = json::decode(raw.get().as_bytes())?;
    let name = || {
        let name = wire.name.as_deref().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| JsonError::new("name", "missing"))?;
        Ok::<_, JsonError>(namespace.map_or_else(|| name.to_owned(), |namespace| flat(namespace, name)))
    };
    let (name, kind) = match &*wire.kind {
        "function" => {
            let schema = wire.parameters.map(Json::from).filter(Json::is_object);
            let schema = schema.unwrap_or_else(|| Json::of(&serde_json::json!({"type": "object", "properties": {}})));
            (name()?, ToolKind::Function { schema, strict: wire.strict })
        }
        "custom" => {
            let format = wire.format.map(|raw| Json::from(raw).value());
            (name()?, ToolKind::Custom { format })
        }
        "namespace" => {
            let namespace = name()?;
            for (at, tool) in wire.tools.unwrap_or_default().into_iter().enumerate() {
                one(tool, Some(&namespace), tools).map_err(|e| e.within(&format!("tools[{at}]")))?;
            }
            return Ok(());
        }
        other => {
            let value = json::decode(raw.get().as_bytes())?;
            (other.to_owned(), ToolKind::Opaque { owner: Protocol::Responses, value })
        }
    };
    let callable = !matches!(kind, ToolKind::Opaque { .. });
    if callable && tools.iter().any(|tool| tool.name == name && !matches!(tool.kind, ToolKind::Opaque { .. })) {
        return Err(JsonError::new("name", format!("two tools are called {name:?}")));
    }
    tools.push(Tool { name, description: wire.description, kind, cache: None, extras: Extras::default() });
    Ok(())
}

#[derive(Debug, serde::Deserialize)]
struct Choice<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    namespace: Option<Text<'a>>,
    #[serde(borrow)]
    mode: Option<Text<'a>>,
    #[serde(borrow)]
    tools: Option<Vec<Choice<'a>>>,
}

impl Choice<'_> {
    fn callable(&self) -> Option<String> {
        let name = self.name.as_deref()?;
        Some(self.namespace.as_deref().map_or_else(|| name.to_owned(), |namespace| flat(namespace, name)))
    }
}

/// The choice; `allowed_tools` also takes the other tools away, which is what it means.
pub(super) fn choice(raw: &RawValue, tools: &mut Vec<Tool>) -> Result<Option<ToolChoice>, JsonError> {
    let bytes = raw.get().as_bytes();
    if raw.get().starts_with('"') {
        let word: String = json::decode(bytes)?;
        return word_choice(&word).map(Some);
    }
    let wire: Choice<'_> = json::decode(bytes)?;
    match &*wire.kind {
        "function" | "custom" => {
            let name = wire.callable().ok_or_else(|| JsonError::new("name", "missing"))?;
            Ok(Some(ToolChoice::Named(name)))
        }
        "allowed_tools" => {
            let allowed = wire.tools.unwrap_or_default();
            let is_allowed = |tool: &Tool| {
                allowed.iter().any(|choice| match &tool.kind {
                    ToolKind::Opaque { .. } => *choice.kind == *tool.name,
                    ToolKind::Function { .. } | ToolKind::Custom { .. } => {
                        choice.callable().as_ref() == Some(&tool.name)
                    }
                })
            };
            tools.retain(is_allowed);
            word_choice(wire.mode.as_deref().unwrap_or("auto")).map_err(|e| e.within("mode")).map(Some)
        }
        other => Err(JsonError::new("type", format!("a choice of {other:?} cannot be translated for this provider"))),
    }
}

fn word_choice(word: &str) -> Result<ToolChoice, JsonError> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "required" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        other => Err(JsonError::new("", format!("unknown choice {other:?}"))),
    }
}

/// From flattened names to `(namespace, name)`, as the client declared them.
#[derive(Debug, Default)]
pub(super) struct Namespaces(HashMap<String, (String, String)>);

#[derive(serde::Deserialize)]
struct Declared<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    tools: Option<Vec<Declared<'a>>>,
}

impl Namespaces {
    /// Reads the client's own body: the canonical request has only flat names, and a relay has none.
    pub(super) fn of(body: &Body) -> Self {
        let mut all = Self::default();
        if memchr::memmem::find(body.bytes(), b"\"namespace\"").is_none() {
            return all;
        }
        let read = |member| body.raw(member).and_then(|raw| json::read::<Vec<&RawValue>>(raw).ok());
        for raw in read("tools").into_iter().chain(read("input")).flatten() {
            if let Ok(declared) = serde_json::from_str::<Declared<'_>>(raw.get()) {
                all.add(&declared);
            }
        }
        all
    }

    fn add(&mut self, declared: &Declared<'_>) {
        let tools = declared.tools.iter().flatten();
        match (declared.kind.as_deref(), declared.name.as_deref()) {
            (Some("additional_tools"), _) => tools.for_each(|tool| self.add(tool)),
            (Some("namespace"), Some(namespace)) => {
                for name in tools.filter_map(|tool| tool.name.as_deref()) {
                    self.0.insert(flat(namespace, name), (namespace.to_owned(), name.to_owned()));
                }
            }
            _ => {}
        }
    }

    pub(super) fn split<'a>(&'a self, name: &'a str) -> (Option<&'a str>, &'a str) {
        self.0.get(name).map_or((None, name), |(namespace, name)| (Some(namespace), name))
    }
}
