//! A canonical request as one of Kiro's conversation states.
//!
//! What Kiro demands of a history, and answers with "improperly formed request" otherwise:
//!
//! - user and assistant take turns; the user begins, and has the last word as `currentMessage`
//! - no content is empty: `.` stands for nothing said, a sentence for bare tool results
//! - ids of calls and results occur once in a message; tools that a history uses are declared
//! - a tool's description is not empty and at most [`DESCRIPTION`] long; longer ones go whole into the instructions
//! - schemas have neither `additionalProperties` nor an empty `required`
//!
//! The instructions stand before the first thing the user said, and the tags that ask for thinking before them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::fault::Failure;
use crate::ir::{
    Depth, Effort, Media, OutputFormat, Part, PartKind, Request, Source, Tool, ToolCall, ToolChoice, ToolInput,
    ToolKind,
};
use crate::json::{Array, Json, Object};
use crate::protocol::media::sniff_image;
use crate::protocol::messages::turns::{self, Block, Speaker};

/// Bytes of a tool's description; Kiro's limit is a little above 10,000.
const DESCRIPTION: usize = 9_216;
/// Kiro's own bounds of a thinking budget.
const BUDGET: (u64, u64) = (1_024, 24_576);

/// One side's turn.
#[derive(Default)]
struct Message<'a> {
    text: Vec<&'a str>,
    /// Format and base64.
    images: Vec<(&'static str, &'a str)>,
    results: Vec<Outcome<'a>>,
    calls: Vec<&'a ToolCall>,
}

struct Outcome<'a> {
    id: &'a str,
    text: String,
    is_error: bool,
}

struct Offer<'a> {
    name: &'a str,
    description: String,
    schema: Value,
}

pub fn encode(request: &Request) -> Result<Vec<u8>, Failure> {
    refuse(request)?;
    let plan = turns::plan(request);
    if plan.is_empty() {
        return Err(Failure::invalid("messages", "empty"));
    }
    let mut messages = Vec::with_capacity(plan.len() + 1);
    for message in &plan {
        messages.push((message.speaker, read(message)?));
    }
    if messages.last().is_some_and(|(speaker, _)| *speaker == Speaker::Assistant) {
        messages.push((Speaker::User, Message { text: vec!["Continue"], ..Message::default() }));
    }
    let mut head = instructions(request)?;
    let offers = offers(request, &messages, &mut head)?;
    let id = conversation_id(&head, messages.first().map(|(_, first)| first));
    let Some((_, current)) = messages.pop() else { return Err(Failure::invalid("messages", "empty")) };

    let mut out = Vec::with_capacity(4096);
    let mut body = Object::begin(&mut out);
    let mut state = Object::begin(body.key("conversationState"));
    state.str("chatTriggerType", "MANUAL");
    state.str("conversationId", &id);
    // Whoever speaks first has the instructions.
    let mut head = Some(head.join("\n\n")).filter(|head| !head.is_empty());
    if !messages.is_empty() {
        let mut history = Array::begin(state.key("history"));
        for (speaker, message) in &messages {
            let mut item = Object::begin(history.item());
            match speaker {
                Speaker::User => user(message, &request.model, head.take(), &[], item.key("userInputMessage")),
                Speaker::Assistant => assistant(message, item.key("assistantResponseMessage")),
            }
            item.end();
        }
        history.end();
    }
    let mut member = Object::begin(state.key("currentMessage"));
    user(&current, &request.model, head, &offers, member.key("userInputMessage"));
    member.end();
    state.end();
    inference(request, &mut body);
    body.end();
    Ok(out)
}

/// Meaning that Kiro has no words for.
fn refuse(request: &Request) -> Result<(), Failure> {
    let sampling = &request.sampling;
    let (param, why) = if sampling.n.is_some_and(|n| n > 1) {
        ("n", "this provider gives one answer at a time")
    } else if sampling.stop.iter().any(|stop| !stop.is_empty()) {
        ("stop", "this provider has no stop sequences")
    } else if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
        ("tool_choice", "this provider cannot be made to call a tool")
    } else if matches!(request.output, Some(OutputFormat::JsonSchema { .. })) {
        ("response_format", "this provider does not hold its answer to a schema")
    } else {
        return Ok(());
    };
    Err(Failure::unsupported(param, why))
}

/// The tags that ask for thinking, then what the client instructs.
fn instructions(request: &Request) -> Result<Vec<String>, Failure> {
    let mut head: Vec<String> = thinking(request).into_iter().collect();
    // Without turns the instructions are the user's message, and `turns::plan` has put them there.
    if request.turns.iter().all(|turn| !turn.parts.iter().any(turns::is_said)) {
        return Ok(head);
    }
    for (at, part) in request.system.iter().enumerate().filter(|(_, part)| turns::is_said(part)) {
        let PartKind::Text(text) = &part.kind else {
            return Err(Failure::unsupported(format!("system[{at}]"), "this provider is instructed in text"));
        };
        head.push(text.clone());
    }
    Ok(head)
}

fn thinking(request: &Request) -> Option<String> {
    let adaptive = |effort: Effort| {
        let word = match effort {
            Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High | Effort::XHigh | Effort::Max => "high",
        };
        format!("<thinking_mode>adaptive</thinking_mode><thinking_effort>{word}</thinking_effort>")
    };
    match request.reasoning?.depth? {
        Depth::Off => None,
        Depth::Adaptive => Some(adaptive(Effort::High)),
        Depth::Effort(effort) => Some(adaptive(effort)),
        Depth::Budget(tokens) => {
            let tokens = tokens.clamp(BUDGET.0, BUDGET.1);
            let length = format!("<max_thinking_length>{tokens}</max_thinking_length>");
            Some(format!("<thinking_mode>enabled</thinking_mode>{length}"))
        }
    }
}

fn read<'a>(message: &turns::Message<'a>) -> Result<Message<'a>, Failure> {
    let mut read = Message::default();
    for block in &message.blocks {
        match block {
            Block::Opening => read.text.push("."),
            Block::Instructions(parts) => {
                for part in parts.iter().filter(|part| turns::is_said(part)) {
                    let PartKind::Text(text) = &part.kind else {
                        return Err(Failure::unsupported("messages", "this provider is instructed in text"));
                    };
                    read.text.push(text);
                }
            }
            Block::Part(part, turn, at) => take(part, &format!("messages[{turn}].content[{at}]"), &mut read)?,
        }
    }
    Ok(read)
}

fn take<'a>(part: &'a Part, at: &str, message: &mut Message<'a>) -> Result<(), Failure> {
    match &part.kind {
        PartKind::Text(text) => message.text.push(text),
        PartKind::Thinking { .. } => {}
        PartKind::Media(media) => message.images.push(image(media, at)?),
        PartKind::ToolCall(call) => message.calls.push(call),
        PartKind::ToolResult { id, output, is_error } => {
            let mut text = Vec::new();
            for (index, part) in output.iter().enumerate() {
                match &part.kind {
                    PartKind::Text(said) => text.push(said.as_str()),
                    // A result is text; its pictures stand beside it.
                    PartKind::Media(media) => {
                        message.images.push(image(media, &format!("{at}.content[{index}]"))?);
                    }
                    PartKind::Thinking { .. } => {}
                    PartKind::ToolCall(_) | PartKind::ToolResult { .. } | PartKind::Opaque { .. } => {
                        let place = format!("{at}.content[{index}]");
                        return Err(Failure::unsupported(place, "a tool result holds text and images"));
                    }
                }
            }
            message.results.push(Outcome { id, text: text.join("\n"), is_error: *is_error });
        }
        PartKind::Opaque { value, .. } => {
            let kind = value.get("type").and_then(Value::as_str).unwrap_or("this");
            return Err(Failure::unsupported(at, format!("this provider does not know `{kind}` items")));
        }
    }
    Ok(())
}

fn image<'a>(media: &'a Media, at: &str) -> Result<(&'static str, &'a str), Failure> {
    let Source::Base64(data) = &media.source else {
        return Err(Failure::unsupported(at, "this provider takes images inline only"));
    };
    let mime = if matches!(media.mime.as_str(), "" | "image/*") { sniff_image(data) } else { &media.mime };
    let format = match mime {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        other => return Err(Failure::unsupported(at, format!("this provider does not take `{other}`"))),
    };
    Ok((format, data))
}

/// The tools to declare. Descriptions that do not fit are added to `head`.
fn offers<'a>(
    request: &'a Request,
    messages: &[(Speaker, Message<'a>)],
    head: &mut Vec<String>,
) -> Result<Vec<Offer<'a>>, Failure> {
    let mut offers = Vec::with_capacity(request.tools.len());
    let tools = request.tools.iter().enumerate().filter(|_| request.tool_choice != Some(ToolChoice::None));
    for (index, tool) in tools {
        match &tool.kind {
            ToolKind::Function { schema, .. } => {
                let mut schema = schema.value();
                clean(&mut schema);
                offers.push(Offer { name: &tool.name, description: describe(tool, head), schema });
            }
            // Agents offer it by habit, beside tools of their own.
            ToolKind::Opaque { .. } if tool.kind.is_web_search() => {}
            ToolKind::Opaque { .. } | ToolKind::Custom { .. } => {
                let place = format!("tools[{index}]");
                return Err(Failure::unsupported(place, "this provider takes functions alone"));
            }
        }
    }
    let declared: BTreeSet<&str> = offers.iter().map(|offer| offer.name).collect();
    let used = messages.iter().flat_map(|(_, message)| &message.calls).map(|call| call.name.as_str());
    let former: BTreeSet<&str> = used.filter(|name| !declared.contains(name)).collect();
    offers.extend(former.into_iter().map(|name| Offer {
        name,
        description: "No longer available.".to_owned(),
        schema: json!({"type": "object", "properties": {}}),
    }));
    Ok(offers)
}

fn describe(tool: &Tool, head: &mut Vec<String>) -> String {
    let description = tool.description.as_deref().unwrap_or_default();
    if description.trim().is_empty() {
        return tool.name.clone();
    }
    if description.len() <= DESCRIPTION {
        return description.to_owned();
    }
    head.push(format!("The tool {}:\n{description}", tool.name));
    format!("Described in the instructions under \"The tool {}\".", tool.name)
}

/// Take out what Kiro refuses in a schema, at every level that is a schema.
fn clean(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    members.remove("additionalProperties");
    members.remove("$schema");
    if members.get("required").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        members.remove("required");
    }
    for (name, value) in members {
        match (name.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(schemas)) => {
                schemas.values_mut().for_each(clean);
            }
            ("items" | "anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(clean);
            }
            ("items" | "not" | "contains" | "if" | "then" | "else", schema) => clean(schema),
            // Values, not schemas: examples, enumerations, defaults.
            _ => {}
        }
    }
}

fn user(message: &Message<'_>, model: &str, head: Option<String>, offers: &[Offer<'_>], out: &mut Vec<u8>) {
    let mut text = message.text.join("\n\n");
    if text.trim().is_empty() {
        text = if message.results.is_empty() { "." } else { "Tool results provided." }.to_owned();
    }
    if let Some(head) = head {
        text = format!("{head}\n\n{text}");
    }
    let mut body = Object::begin(out);
    body.str("content", &text);
    body.str("modelId", model);
    body.str("origin", "AI_EDITOR");
    if !message.images.is_empty() {
        let mut list = Array::begin(body.key("images"));
        for (format, data) in &message.images {
            let mut image = Object::begin(list.item());
            image.str("format", format);
            let mut source = Object::begin(image.key("source"));
            source.str("bytes", data);
            source.end();
            image.end();
        }
        list.end();
    }
    if !(message.results.is_empty() && offers.is_empty()) {
        let mut context = Object::begin(body.key("userInputMessageContext"));
        results(&message.results, &mut context);
        tools(offers, &mut context);
        context.end();
    }
    body.end();
}

fn results(results: &[Outcome<'_>], context: &mut Object<'_>) {
    if results.is_empty() {
        return;
    }
    let mut seen = BTreeSet::new();
    let mut list = Array::begin(context.key("toolResults"));
    for result in results.iter().filter(|result| seen.insert(result.id)) {
        let mut member = Object::begin(list.item());
        member.str("toolUseId", result.id);
        member.str("status", if result.is_error { "error" } else { "success" });
        let text = if result.text.is_empty() { "." } else { &result.text };
        member.value("content", &json!([{ "text": text }]));
        member.end();
    }
    list.end();
}

fn tools(offers: &[Offer<'_>], context: &mut Object<'_>) {
    if offers.is_empty() {
        return;
    }
    let mut list = Array::begin(context.key("tools"));
    for Offer { name, description, schema } in offers {
        let mut tool = Object::begin(list.item());
        let mut specification = Object::begin(tool.key("toolSpecification"));
        specification.str("name", name);
        specification.str("description", description);
        let mut input = Object::begin(specification.key("inputSchema"));
        input.value("json", schema);
        input.end();
        specification.end();
        tool.end();
    }
    list.end();
}

fn assistant(message: &Message<'_>, out: &mut Vec<u8>) {
    let text = message.text.join("\n\n");
    let mut body = Object::begin(out);
    body.str("content", if text.trim().is_empty() { "." } else { &text });
    if !message.calls.is_empty() {
        let mut seen = BTreeSet::new();
        let mut list = Array::begin(body.key("toolUses"));
        for call in message.calls.iter().filter(|call| seen.insert(&call.id)) {
            let mut member = Object::begin(list.item());
            member.str("toolUseId", &call.id);
            member.str("name", &call.name);
            match &call.input {
                ToolInput::Json(json) => member.raw("input", json.get()),
                ToolInput::Text(text) => member.raw("input", Json::of(&json!({ "input": text })).get()),
            }
            member.end();
        }
        list.end();
    }
    body.end();
}

fn inference(request: &Request, body: &mut Object<'_>) {
    let sampling = &request.sampling;
    let mut members = Map::new();
    if let Some(limit) = sampling.max_tokens {
        members.insert("maxTokens".to_owned(), limit.into());
    }
    if let Some(temperature) = sampling.temperature {
        members.insert("temperature".to_owned(), temperature.into());
    }
    if let Some(top_p) = sampling.top_p {
        members.insert("topP".to_owned(), top_p.into());
    }
    if !members.is_empty() {
        body.value("inferenceConfig", &members);
    }
}

/// The same for every request of one conversation: a UUID made of how it begins.
fn conversation_id(head: &[String], first: Option<&Message<'_>>) -> String {
    let mut digest = Sha256::new();
    head.iter().for_each(|text| digest.update(text));
    first.into_iter().flat_map(|message| &message.text).for_each(|text| digest.update(text));
    let hex: String = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
