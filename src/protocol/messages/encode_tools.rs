//! Tools and their choice, as Anthropic takes them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cache::Marks;
use super::encode_content::extras;
use super::schema;
use super::turns::{self, Message};
use crate::fault::Failure;
use crate::ir::{PartKind, Protocol, Request, Tool, ToolChoice, ToolKind};
use crate::json::{Array, Object};

pub fn tools(
    request: &Request,
    messages: &[Message<'_>],
    marks: &mut Marks,
    body: &mut Object<'_>,
) -> Result<(), Failure> {
    let offered: Vec<(usize, &Tool)> =
        request.tools.iter().enumerate().filter(|(_, tool)| is_offered(request, tool)).collect();
    if offered.is_empty() {
        former_tools(messages, body);
        return Ok(());
    }
    let mut list = Array::begin(body.key("tools"));
    for (index, one) in offered {
        tool(index, one, marks, list.item())?;
    }
    list.end();
    let single = request.parallel_tools == Some(false);
    let choice = match &request.tool_choice {
        None if single => &ToolChoice::Auto,
        None => return Ok(()),
        Some(choice) => choice,
    };
    let mut member = Object::begin(body.key("tool_choice"));
    let kind = match choice {
        ToolChoice::Auto => "auto",
        ToolChoice::Required => "any",
        ToolChoice::None => "none",
        ToolChoice::Named(_) => "tool",
    };
    member.str("type", kind);
    if let ToolChoice::Named(name) = choice {
        member.str("name", name);
    }
    if single && *choice != ToolChoice::None {
        member.bool("disable_parallel_tool_use", true);
    }
    member.end();
    Ok(())
}

/// Agents offer a web search beside their own tools by habit. Of another protocol's, Claude gets Anthropic's; models of
/// other makers that merely speak this protocol have none, and are left with the rest.
fn is_offered(request: &Request, tool: &Tool) -> bool {
    let ToolKind::Opaque { owner, value } = &tool.kind else { return true };
    if *owner == Protocol::Messages || !tool.kind.is_web_search() {
        return true;
    }
    let is_offline = value.get("external_web_access").is_some_and(|access| access == false);
    let is_taken = request.tools.iter().any(|tool| {
        let ToolKind::Opaque { owner, .. } = tool.kind else { return tool.name == SEARCH };
        owner == Protocol::Messages && tool.name == SEARCH
    });
    request.model.contains("claude") && !is_offline && !is_taken
}

const SEARCH: &str = "web_search";

fn web_search(value: &Value, member: &mut Object<'_>) {
    member.str("type", "web_search_20250305");
    member.str("name", SEARCH);
    if let Some(domains) = value.pointer("/filters/allowed_domains").filter(|domains| domains.is_array()) {
        member.value("allowed_domains", domains);
    }
    if let Some(location) = value.get("user_location").filter(|location| location.is_object()) {
        member.value("user_location", location);
    }
}

fn tool(index: usize, tool: &Tool, marks: &mut Marks, out: &mut Vec<u8>) -> Result<(), Failure> {
    let mut member = Object::begin(out);
    match &tool.kind {
        ToolKind::Function { schema, strict } => {
            member.str("name", &tool.name);
            if let Some(description) = &tool.description {
                member.str("description", description);
            }
            member.raw("input_schema", &schema::input(schema));
            if *strict == Some(true) {
                member.bool("strict", true);
            }
            extras(&tool.extras, &mut member);
        }
        ToolKind::Opaque { owner: Protocol::Messages, value } => {
            value.as_object().into_iter().flatten().for_each(|(name, value)| member.value(name, value));
        }
        ToolKind::Opaque { value, .. } if tool.kind.is_web_search() => web_search(value, &mut member),
        ToolKind::Opaque { value, .. } => {
            let kind = value.get("type").and_then(|kind| kind.as_str()).unwrap_or(&tool.name);
            let why = format!("this provider cannot run `{kind}` tools");
            return Err(Failure::unsupported(format!("tools[{index}]"), why));
        }
        ToolKind::Custom { .. } => {
            return Err(Failure::unsupported(format!("tools[{index}]"), "this provider has no freeform tools"));
        }
    }
    marks.write(tool.cache, &mut member);
    member.end();
    Ok(())
}

/// Anthropic wants the tools of a history declared, even when none is offered any more.
fn former_tools(messages: &[Message<'_>], body: &mut Object<'_>) {
    let blocks = messages.iter().flat_map(|message| &message.blocks);
    let names: BTreeSet<&str> = blocks
        .filter_map(|block| match block {
            turns::Block::Part(part, ..) => match &part.kind {
                PartKind::ToolCall(call) => Some(call.name.as_str()),
                _ => None,
            },
            turns::Block::Instructions(_) | turns::Block::Opening => None,
        })
        .collect();
    if names.is_empty() {
        return;
    }
    let mut list = Array::begin(body.key("tools"));
    for name in names {
        let mut member = Object::begin(list.item());
        member.str("name", name);
        member.raw("input_schema", r#"{"type":"object","properties":{}}"#);
        member.end();
    }
    list.end();
    body.raw("tool_choice", r#"{"type":"none"}"#);
}
