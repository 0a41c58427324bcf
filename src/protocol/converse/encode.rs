//! A canonical request as a Converse body. Model and streaming are in the path.

use serde_json::{Map, Value, json};

use super::content::{Marks, block, system};
use crate::fault::Failure;
use crate::ir::{OutputFormat, PartKind, Request, Tool, ToolChoice, ToolKind};
use crate::json::{Array, Json, Object};
use crate::protocol::messages::thinking::{Plan, takes_sampling};
use crate::protocol::messages::turns::{self, Block, Speaker};

pub fn encode(request: &Request) -> Result<Vec<u8>, Failure> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(Failure::unsupported("n", "this provider gives one answer at a time"));
    }
    let messages = turns::plan(request);
    if messages.is_empty() {
        return Err(Failure::invalid("messages", "empty"));
    }
    let is_claude = request.model.contains("claude");
    let plan = is_claude.then(|| Plan::of(request, &messages));
    // Without turns the instructions are the user's message.
    let instructed = request.turns.iter().any(|turn| turn.parts.iter().any(turns::is_said));
    let parts: Vec<_> = request.system.iter().filter(|part| instructed && turns::is_said(part)).collect();
    let offered = tools(request, &messages)?;
    let blocks = messages.iter().flat_map(|message| &message.blocks).map(Block::cache);
    let marks = offered.iter().map(|tool| tool.cache).chain(parts.iter().map(|part| part.cache)).chain(blocks);
    let mut marks = Marks::of(marks, is_claude || request.model.contains("nova"));

    let mut out = Vec::with_capacity(4096);
    let mut body = Object::begin(&mut out);
    write_tools(request, &offered, &mut marks, &mut body);
    if !parts.is_empty() {
        system(&parts, &mut marks, &mut body)?;
    }
    let mut list = Array::begin(body.key("messages"));
    for message in &messages {
        let mut member = Object::begin(list.item());
        member.str("role", if message.speaker == Speaker::Assistant { "assistant" } else { "user" });
        let mut content = Array::begin(member.key("content"));
        for part in &message.blocks {
            block(part, &mut marks, &mut content)?;
        }
        content.end();
        member.end();
    }
    list.end();
    inference(request, plan.as_ref(), &mut body);
    additional(request, plan.as_ref(), &mut body);
    output(request, &mut body);
    body.end();
    Ok(out)
}

fn inference(request: &Request, plan: Option<&Plan>, body: &mut Object<'_>) {
    let sampling = &request.sampling;
    let thinks = plan.is_some_and(Plan::thinks);
    let free = !thinks && (plan.is_none() || takes_sampling(&request.model));
    let mut members = Map::new();
    if let Some(limit) = plan.map(|plan| plan.max_tokens).or(sampling.max_tokens) {
        members.insert("maxTokens".to_owned(), limit.into());
    }
    // Claude takes one of the two, up to 1.
    let temperature = sampling.temperature.map(|value| if plan.is_some() { value.clamp(0.0, 1.0) } else { value });
    if let Some(temperature) = temperature.filter(|_| free) {
        members.insert("temperature".to_owned(), temperature.into());
    }
    if let Some(top_p) = sampling.top_p.filter(|_| free && (plan.is_none() || temperature.is_none())) {
        members.insert("topP".to_owned(), top_p.into());
    }
    let stop: Vec<&String> = sampling.stop.iter().filter(|stop| !stop.trim().is_empty()).collect();
    if !stop.is_empty() {
        members.insert("stopSequences".to_owned(), json!(stop));
    }
    if !members.is_empty() {
        body.value("inferenceConfig", &members);
    }
}

fn additional(request: &Request, plan: Option<&Plan>, body: &mut Object<'_>) {
    let Some(plan) = plan else { return };
    let top_k = request.sampling.top_k.filter(|_| !plan.thinks() && takes_sampling(&request.model));
    if plan.mode.is_none() && plan.effort.is_none() && top_k.is_none() {
        return;
    }
    let mut fields = Object::begin(body.key("additionalModelRequestFields"));
    plan.write(&mut fields);
    if let Some(effort) = plan.effort {
        let mut config = Object::begin(fields.key("output_config"));
        config.str("effort", effort.word());
        config.end();
    }
    if let Some(top_k) = top_k {
        fields.u64("top_k", top_k);
    }
    fields.end();
}

fn output(request: &Request, body: &mut Object<'_>) {
    let Some(OutputFormat::JsonSchema { name, description, schema, .. }) = &request.output else { return };
    // The schema is a string here, for whatever reason.
    let mut definition = json!({ "schema": schema.get(), "name": name.as_deref().unwrap_or("answer") });
    if let (Some(members), Some(description)) = (definition.as_object_mut(), description) {
        members.insert("description".to_owned(), description.as_str().into());
    }
    let structure = json!({ "type": "json_schema", "structure": { "jsonSchema": definition } });
    body.value("outputConfig", &json!({ "textFormat": structure }));
}

/// The tools to declare: those offered, or, when none is, those that the history used.
fn tools(request: &Request, messages: &[turns::Message<'_>]) -> Result<Vec<Tool>, Failure> {
    let mut offered = Vec::new();
    for (index, tool) in request.tools.iter().enumerate() {
        match &tool.kind {
            ToolKind::Function { .. } if request.tool_choice == Some(ToolChoice::None) => {}
            ToolKind::Function { .. } => offered.push(tool.clone()),
            // Agents offer it by habit, beside tools of their own.
            ToolKind::Opaque { .. } if tool.kind.is_web_search() => {}
            ToolKind::Opaque { .. } | ToolKind::Custom { .. } => {
                let place = format!("tools[{index}]");
                return Err(Failure::unsupported(place, "this provider takes functions alone"));
            }
        }
    }
    if !offered.is_empty() {
        return Ok(offered);
    }
    let blocks = messages.iter().flat_map(|message| &message.blocks);
    let used = blocks.filter_map(|block| match block {
        Block::Part(part, ..) => match &part.kind {
            PartKind::ToolCall(call) => Some(call.name.as_str()),
            _ => None,
        },
        Block::Instructions(_) | Block::Opening => None,
    });
    for name in used {
        if !offered.iter().any(|tool| tool.name == name) {
            let schema = Json::of(&json!({"type": "object", "properties": {}}));
            offered.push(Tool {
                name: name.to_owned(),
                description: None,
                kind: ToolKind::Function { schema, strict: None },
                cache: None,
                extras: crate::ir::Extras::default(),
            });
        }
    }
    Ok(offered)
}

fn write_tools(request: &Request, offered: &[Tool], marks: &mut Marks, body: &mut Object<'_>) {
    if offered.is_empty() {
        return;
    }
    let mut config = Object::begin(body.key("toolConfig"));
    let mut list = Array::begin(config.key("tools"));
    for tool in offered {
        let ToolKind::Function { schema, strict } = &tool.kind else { continue };
        let mut member = Object::begin(list.item());
        let mut specification = Object::begin(member.key("toolSpec"));
        specification.str("name", &tool.name);
        if let Some(description) = tool.description.as_deref().filter(|text| !text.is_empty()) {
            specification.str("description", description);
        }
        let mut input = Object::begin(specification.key("inputSchema"));
        input.raw("json", schema.get());
        input.end();
        if *strict == Some(true) {
            specification.bool("strict", true);
        }
        specification.end();
        member.end();
        marks.write(tool.cache, &mut list);
    }
    list.end();
    let choice: Option<Value> = match &request.tool_choice {
        Some(ToolChoice::Auto) => Some(json!({ "auto": {} })),
        Some(ToolChoice::Required) => Some(json!({ "any": {} })),
        Some(ToolChoice::Named(name)) => Some(json!({ "tool": { "name": name } })),
        Some(ToolChoice::None) | None => None,
    };
    if let Some(choice) = choice {
        config.value("toolChoice", &choice);
    }
    config.end();
}
