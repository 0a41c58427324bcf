//! A Responses request to the canonical form.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::decode_input::Conversation;
use super::decode_tools;
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::{Depth, Effort, Extras, OutputFormat, Part, Protocol, Reasoning, Request, Sampling};
use crate::json::{self, Body, Json, JsonError, Text, TextOr};

/// Members that say nothing another protocol could act on. They are kept for this protocol alone; the hints among
/// them are listed in the module's documentation.
const SPELLING: [&str; 15] = [
    "client_metadata",
    "context_management",
    "include",
    "max_tool_calls",
    "metadata",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream_options",
    "top_logprobs",
    "truncation",
];

/// State that lives at the provider. Ignoring one of these would silently forget the conversation.
const STATE: [(&str, &str); 3] = [
    ("previous_response_id", "answers are not stored here; send the whole conversation in input"),
    ("conversation", "conversations are not stored here; send the whole conversation in input"),
    ("prompt", "prompt templates live at the provider; send the prompt itself"),
];

#[derive(serde::Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    instructions: Option<String>,
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    tool_choice: Option<&'a RawValue>,
    parallel_tool_calls: Option<bool>,
    reasoning: Option<ReasoningWire>,
    #[serde(borrow)]
    text: Option<TextWire<'a>>,
    max_output_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    // Not OpenAI's own, but servers of this protocol take them, and they change the answer.
    top_k: Option<u64>,
    seed: Option<i64>,
    #[serde(borrow)]
    stop: Option<TextOr<'a, Vec<String>>>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    user: Option<String>,
    safety_identifier: Option<String>,
    background: Option<bool>,
}

#[derive(serde::Deserialize)]
struct ReasoningWire {
    effort: Option<String>,
    summary: Option<String>,
    generate_summary: Option<String>,
}

#[derive(serde::Deserialize)]
struct TextWire<'a> {
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    verbosity: Option<String>,
}

#[derive(serde::Deserialize)]
struct FormatWire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    name: Option<String>,
    description: Option<String>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    strict: Option<bool>,
}

pub(super) fn decode(call: &Call) -> Result<Request, Failure> {
    let body = &call.body;
    for (member, why) in STATE {
        if body.raw(member).is_some_and(|raw| raw != b"null") {
            return Err(Failure::unsupported(member, why));
        }
    }
    let wire: Wire<'_> = body.decode()?;
    if wire.background == Some(true) {
        return Err(Failure::unsupported("background", "an answer is given at once or not at all"));
    }
    let mut conversation = Conversation::default();
    if let Some(instructions) = wire.instructions.filter(|text| !text.is_empty()) {
        conversation.system.push(Part::text(instructions));
    }
    for (at, tool) in wire.tools.unwrap_or_default().into_iter().enumerate() {
        decode_tools::decode(tool, &mut conversation.tools).map_err(|e| e.within(&format!("tools[{at}]")))?;
    }
    let input = wire.input.ok_or_else(|| JsonError::new("input", "missing"))?;
    conversation.input(input).map_err(|e| e.within("input"))?;
    let Conversation { system, turns, mut tools } = conversation;
    let tool_choice = match wire.tool_choice {
        Some(choice) => decode_tools::choice(choice, &mut tools).map_err(|e| e.within("tool_choice"))?,
        None => None,
    };
    let verbosity = wire.text.as_ref().and_then(|text| text.verbosity.clone());
    let output = wire.text.and_then(|text| text.format).map(format).transpose();
    Ok(Request {
        model: call.model.clone(),
        stream: call.stream,
        system,
        turns,
        tools,
        tool_choice,
        parallel_tools: wire.parallel_tool_calls,
        sampling: Sampling {
            max_tokens: wire.max_output_tokens,
            temperature: wire.temperature,
            top_p: wire.top_p,
            top_k: wire.top_k,
            stop: match wire.stop {
                None => Vec::new(),
                Some(TextOr::Text(stop)) => vec![stop.into_owned()],
                Some(TextOr::Or(stop)) => stop,
            },
            seed: wire.seed,
            presence_penalty: wire.presence_penalty,
            frequency_penalty: wire.frequency_penalty,
            n: None,
        },
        reasoning: wire.reasoning.map(reasoning).transpose()?,
        output: output.map_err(|e| e.within("text.format"))?.flatten(),
        user: wire.safety_identifier.or(wire.user),
        extras: extras(body, verbosity)?,
    })
}

fn reasoning(wire: ReasoningWire) -> Result<Reasoning, JsonError> {
    let depth = match wire.effort.as_deref() {
        None => None,
        Some("none") => Some(Depth::Off),
        Some(word) => Some(Depth::Effort(effort(word).ok_or_else(|| {
            JsonError::new("reasoning.effort", "unknown level; known: none, minimal, low, medium, high, xhigh, max")
        })?)),
    };
    // Without `summary` the client has not said; OpenAI then shows none, others what they like.
    let visible = wire.summary.or(wire.generate_summary).map(|_| true);
    Ok(Reasoning { depth, visible })
}

fn effort(word: &str) -> Option<Effort> {
    Some(match word {
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

fn format(raw: &RawValue) -> Result<Option<OutputFormat>, JsonError> {
    let wire: FormatWire<'_> = json::decode(raw.get().as_bytes())?;
    match &*wire.kind {
        "text" => Ok(None),
        "json_object" => Ok(Some(OutputFormat::JsonObject)),
        "json_schema" => {
            let schema = wire.schema.ok_or_else(|| JsonError::new("schema", "missing"))?;
            let FormatWire { name, description, strict, .. } = wire;
            Ok(Some(OutputFormat::JsonSchema { name, description, schema: Json::from(schema), strict }))
        }
        other => Err(JsonError::new("type", format!("unknown format {other:?}"))),
    }
}

fn extras(body: &Body, verbosity: Option<String>) -> Result<Extras, JsonError> {
    let mut members = Map::new();
    for key in SPELLING {
        if let Some(value) = body.get::<Value>(key)? {
            members.insert(key.to_owned(), value);
        }
    }
    if let Some(verbosity) = verbosity {
        members.insert("verbosity".to_owned(), Value::String(verbosity));
    }
    Ok(Extras::new(Protocol::Responses, members))
}
