//! A client's texts.

use serde::Deserialize;
use serde_json::Value;

use super::{Asked, Item};
use crate::call::{Call, Operation};
use crate::fault::Failure;
use crate::ir::Protocol;
use crate::json::decode as parse;

pub(super) fn decode(call: &Call) -> Result<Asked, Failure> {
    let asked = match call.protocol() {
        Protocol::Gemini => gemini(call)?,
        Protocol::Chat
        | Protocol::Responses
        | Protocol::Messages
        | Protocol::Ollama
        | Protocol::Kiro
        | Protocol::Converse => {
            let member = if call.endpoint.operation == Operation::EmbedOne { "prompt" } else { "input" };
            Asked { items: texts(call, member)?, dimensions: call.body.get("dimensions")? }
        }
    };
    if call.protocol() == Protocol::Chat
        && !matches!(call.body.get::<String>("encoding_format")?.as_deref(), None | Some("float" | "base64"))
    {
        return Err(Failure::invalid("encoding_format", "expected float or base64"));
    }
    Ok(asked)
}

/// A string or an array of strings.
fn texts(call: &Call, member: &str) -> Result<Vec<Item>, Failure> {
    let value = call.body.get::<Value>(member)?.ok_or_else(|| Failure::invalid(member, "is required"))?;
    let values = match value {
        Value::Array(values) if values.is_empty() => return Err(Failure::invalid(member, "is empty")),
        Value::Array(values) => values,
        one => vec![one],
    };
    let text = |(index, value)| match value {
        Value::String(text) => Ok(Item { text, ..Item::default() }),
        Value::Number(_) | Value::Array(_) => {
            Err(Failure::unsupported(format!("{member}[{index}]"), "the provider of this model takes text, not tokens"))
        }
        _ => Err(Failure::invalid(format!("{member}[{index}]"), "expected a string")),
    };
    values.into_iter().enumerate().map(text).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireItem {
    content: Content,
    #[serde(alias = "task_type")]
    task_type: Option<String>,
    title: Option<String>,
    #[serde(alias = "output_dimensionality")]
    output_dimensionality: Option<u64>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<WirePart>,
}

#[derive(Deserialize)]
struct WirePart {
    text: Option<String>,
}

fn gemini(call: &Call) -> Result<Asked, Failure> {
    let batch = call.endpoint.operation == Operation::Embed;
    let items: Vec<WireItem> = if batch {
        call.body.get("requests")?.ok_or_else(|| Failure::invalid("requests", "is required"))?
    } else {
        vec![parse(call.body.bytes())?]
    };
    let mut asked = Asked { dimensions: items.first().and_then(|item| item.output_dimensionality), ..Asked::default() };
    for (index, item) in items.into_iter().enumerate() {
        let at = |name: &str| if batch { format!("requests[{index}].{name}") } else { name.to_owned() };
        if item.output_dimensionality != asked.dimensions {
            return Err(Failure::unsupported(at("outputDimensionality"), "must be the same for all texts"));
        }
        let mut text = String::new();
        for (place, part) in item.content.parts.into_iter().enumerate() {
            let place = || at(&format!("content.parts[{place}]"));
            text.push_str(&part.text.ok_or_else(|| Failure::unsupported(place(), "only text can be embedded here"))?);
        }
        asked.items.push(Item { text, task: item.task_type, title: item.title });
    }
    if asked.items.is_empty() {
        return Err(Failure::invalid("requests", "is empty"));
    }
    Ok(asked)
}
