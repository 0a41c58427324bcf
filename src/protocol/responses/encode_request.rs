//! The canonical form to a Responses request.
//!
//! Instructions go as developer messages in place: every provider of this protocol takes those, not every one takes
//! `instructions`. Nothing is stored (`store: false`), so reasoning travels in the request, encrypted, or not at all.

use serde_json::{Value, json};

use super::encode_input::Items;
use crate::catalogue::{self, Thinking};
use crate::fault::Failure;
use crate::ir::{
    Depth, Effort, Issuer, OutputFormat, PartKind, Protocol, Reasoning, Request, Sampling, Tool, ToolChoice, ToolKind,
};
use crate::json::{Json, write_str, write_u64};

/// Members of the canonical request's extras that are written by name below.
const WRITTEN: [&str; 3] = ["store", "include", "verbosity"];

pub(super) fn encode(request: &Request) -> Result<Vec<u8>, Failure> {
    refuse(&request.sampling)?;
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(b"{\"model\":");
    write_str(&request.model, &mut out);
    out.extend_from_slice(b",\"input\":");
    Items::of(request).write(request, &mut out)?;
    if request.stream {
        out.extend_from_slice(b",\"stream\":true");
    }
    tools(request, &mut out)?;
    sampling(&request.sampling, &mut out);
    reasoning(request, &mut out);
    text(request, &mut out);
    if let Some(user) = &request.user {
        member("user", &mut out);
        write_str(user, &mut out);
    }
    for (key, value) in request.extras.of(Protocol::Responses).into_iter().flatten() {
        if !WRITTEN.contains(&key.as_str()) {
            put_value(key, value, &mut out);
        }
    }
    out.push(b'}');
    Ok(out)
}

/// Meaning this wire has no member for.
fn refuse(sampling: &Sampling) -> Result<(), Failure> {
    if !sampling.stop.is_empty() {
        return Err(Failure::unsupported("stop", "the Responses API has no stop sequences"));
    }
    if sampling.n.is_some_and(|n| n > 1) {
        return Err(Failure::unsupported("n", "the Responses API gives one answer"));
    }
    Ok(())
}

pub(super) fn member(key: &str, out: &mut Vec<u8>) {
    out.push(b',');
    write_str(key, out);
    out.push(b':');
}

pub(super) fn put_value(key: &str, value: &Value, out: &mut Vec<u8>) {
    member(key, out);
    out.extend_from_slice(Json::of(value).get().as_bytes());
}

fn sampling(sampling: &Sampling, out: &mut Vec<u8>) {
    if let Some(limit) = sampling.max_tokens {
        member("max_output_tokens", out);
        write_u64(limit, out);
    }
    for (key, value) in [("temperature", sampling.temperature), ("top_p", sampling.top_p)] {
        if let Some(value) = value {
            put_value(key, &json!(value), out);
        }
    }
}

fn tools(request: &Request, out: &mut Vec<u8>) -> Result<(), Failure> {
    if !request.tools.is_empty() {
        member("tools", out);
        out.push(b'[');
        for (at, tool) in request.tools.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_tool(at, tool, out)?;
        }
        out.push(b']');
    }
    let choice = match &request.tool_choice {
        None => None,
        Some(ToolChoice::Auto) => Some(json!("auto")),
        Some(ToolChoice::Required) => Some(json!("required")),
        Some(ToolChoice::None) => Some(json!("none")),
        Some(ToolChoice::Named(name)) => {
            let custom = |tool: &Tool| tool.name == *name && matches!(tool.kind, ToolKind::Custom { .. });
            let kind = if request.tools.iter().any(custom) { "custom" } else { "function" };
            Some(json!({"type": kind, "name": name}))
        }
    };
    if let Some(choice) = choice {
        put_value("tool_choice", &choice, out);
    }
    if let Some(parallel) = request.parallel_tools {
        put_value("parallel_tool_calls", &json!(parallel), out);
    }
    Ok(())
}

fn write_tool(at: usize, tool: &Tool, out: &mut Vec<u8>) -> Result<(), Failure> {
    let head = |kind: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(b"{\"type\":");
        write_str(kind, out);
        out.extend_from_slice(b",\"name\":");
        write_str(&tool.name, out);
        if let Some(description) = &tool.description {
            member("description", out);
            write_str(description, out);
        }
    };
    match &tool.kind {
        ToolKind::Function { schema, strict } => {
            head("function", out);
            out.extend_from_slice(b",\"parameters\":");
            out.extend_from_slice(schema.get().as_bytes());
            // Absent means `true` here and `false` everywhere else.
            let strict: &[u8] = if *strict == Some(true) { b",\"strict\":true" } else { b",\"strict\":false" };
            out.extend_from_slice(strict);
            out.push(b'}');
        }
        ToolKind::Custom { format } => {
            head("custom", out);
            if let Some(format) = format {
                put_value("format", &flat_format(format), out);
            }
            out.push(b'}');
        }
        ToolKind::Opaque { owner: Protocol::Responses, value } => {
            out.extend_from_slice(Json::of(value).get().as_bytes());
        }
        kind if kind.is_web_search() => {
            out.extend_from_slice(b"{\"type\":\"web_search\"}");
        }
        ToolKind::Opaque { .. } => {
            let why = format!("the tool {:?} runs at another provider and cannot be offered here", tool.name);
            return Err(Failure::unsupported(format!("tools[{at}]"), why));
        }
    }
    Ok(())
}

/// Chat nests a grammar one level deeper than Responses.
fn flat_format(format: &Value) -> Value {
    match format.get("grammar") {
        Some(Value::Object(grammar)) => {
            let mut flat = grammar.clone();
            flat.insert("type".to_owned(), json!("grammar"));
            Value::Object(flat)
        }
        _ => format.clone(),
    }
}

fn reasoning(request: &Request, out: &mut Vec<u8>) {
    let Reasoning { depth, visible } = request.reasoning.unwrap_or_default();
    let depth = depth.and_then(|depth| crate::reasoning::fit(&request.model, depth));
    let effort = match depth {
        None | Some(Depth::Adaptive) => None,
        Some(Depth::Off) => Some("none"),
        Some(Depth::Effort(effort)) => Some(word(effort)),
        Some(Depth::Budget(tokens)) => Some(word(crate::reasoning::effort(tokens))),
    };
    let thinks = catalogue::thinking(&request.model) != Thinking::Never;
    let summary = (thinks && visible == Some(true) && depth != Some(Depth::Off)).then_some("auto");
    if effort.is_some() || summary.is_some() {
        let pairs = [("effort", effort), ("summary", summary)];
        let object = pairs.iter().filter_map(|(key, word)| Some(((*key).to_owned(), json!((*word)?)))).collect();
        put_value("reasoning", &Value::Object(object), out);
    }
    let extras = request.extras.of(Protocol::Responses);
    let said = |key: &str| extras.and_then(|extras| extras.get(key));
    let store = said("store").and_then(Value::as_bool).unwrap_or(false);
    put_value("store", &json!(store), out);
    // A model that does not reason refuses to be asked for its reasoning.
    let reasons = match catalogue::thinking(&request.model) {
        Thinking::Never => false,
        Thinking::Unknown => request.reasoning.is_some_and(|r| r.depth != Some(Depth::Off)) || has_seal(request),
        Thinking::Budget { .. } | Thinking::Levels { .. } => true,
    };
    match said("include") {
        Some(include) => put_value("include", include, out),
        None if reasons && !store => put_value("include", &json!(["reasoning.encrypted_content"]), out),
        None => {}
    }
}

fn has_seal(request: &Request) -> bool {
    request.turns.iter().flat_map(|turn| &turn.parts).any(|part| match &part.kind {
        PartKind::Thinking { seal: Some(seal), .. } => seal.issuer == Issuer::OpenAi,
        _ => false,
    })
}

fn word(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    }
}

fn text(request: &Request, out: &mut Vec<u8>) {
    let verbosity = request.extras.of(Protocol::Responses).and_then(|extras| extras.get("verbosity"));
    if request.output.is_none() && verbosity.is_none() {
        return;
    }
    out.extend_from_slice(b",\"text\":{");
    let from = out.len();
    match &request.output {
        None => {}
        Some(OutputFormat::JsonObject) => out.extend_from_slice(b"\"format\":{\"type\":\"json_object\"}"),
        Some(OutputFormat::JsonSchema { name, description, schema, strict }) => {
            out.extend_from_slice(b"\"format\":{\"type\":\"json_schema\",\"name\":");
            write_str(name.as_deref().unwrap_or("response"), out);
            if let Some(description) = description {
                member("description", out);
                write_str(description, out);
            }
            out.extend_from_slice(b",\"schema\":");
            out.extend_from_slice(schema.get().as_bytes());
            if let Some(strict) = strict {
                put_value("strict", &json!(strict), out);
            }
            out.push(b'}');
        }
    }
    if let Some(verbosity) = verbosity {
        if out.len() > from {
            out.push(b',');
        }
        out.extend_from_slice(b"\"verbosity\":");
        out.extend_from_slice(Json::of(verbosity).get().as_bytes());
    }
    out.push(b'}');
}
