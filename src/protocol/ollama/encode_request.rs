//! A canonical request as a chat with an Ollama server.

use serde_json::{Map, Value, json};

use crate::fault::Failure;
use crate::ir::{
    Depth, Effort, Media, OutputFormat, Part, PartKind, Request, Role, Source, ToolChoice, ToolInput, ToolKind,
};
use crate::json::{Array, Object};

pub fn encode(request: &Request) -> Result<Vec<u8>, Failure> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(Failure::unsupported("n", "this provider gives one answer at a time"));
    }
    if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
        return Err(Failure::unsupported("tool_choice", "this provider cannot be made to call a tool"));
    }
    let mut out = Vec::with_capacity(4096);
    let mut body = Object::begin(&mut out);
    body.str("model", &request.model);
    // Said either way: a server streams unless it is told not to.
    body.bool("stream", request.stream);
    let mut list = Array::begin(body.key("messages"));
    let system = Message::of(&request.system, "system")?;
    if !system.is_empty() {
        system.write("system", list.item());
    }
    for (index, turn) in request.turns.iter().enumerate() {
        turn_of(request, index, turn.role, &turn.parts, &mut list)?;
    }
    list.end();
    tools(request, &mut body)?;
    match &request.output {
        None => {}
        Some(OutputFormat::JsonObject) => body.str("format", "json"),
        Some(OutputFormat::JsonSchema { schema, .. }) => body.raw("format", schema.get()),
    }
    if let Some(think) = think(request) {
        body.value("think", &think);
    }
    options(request, &mut body);
    body.end();
    Ok(out)
}

/// What one message says.
#[derive(Default)]
struct Message<'a> {
    text: String,
    thinking: String,
    images: Vec<&'a str>,
    calls: Vec<&'a crate::ir::ToolCall>,
}

impl<'a> Message<'a> {
    fn of(parts: impl IntoIterator<Item = &'a Part>, place: &str) -> Result<Self, Failure> {
        let mut message = Self::default();
        for (at, part) in parts.into_iter().enumerate() {
            match &part.kind {
                PartKind::Text(text) => {
                    if !message.text.is_empty() && !text.is_empty() {
                        message.text.push('\n');
                    }
                    message.text.push_str(text);
                }
                PartKind::Thinking { text, .. } => message.thinking.push_str(text),
                PartKind::Media(media) => message.images.push(image(media, &format!("{place}[{at}]"))?),
                PartKind::ToolCall(call) => message.calls.push(call),
                // Results are messages of their own.
                PartKind::ToolResult { .. } => {}
                PartKind::Opaque { value, .. } => {
                    let kind = value.get("type").and_then(Value::as_str).unwrap_or("this");
                    let why = format!("this provider does not know `{kind}` items");
                    return Err(Failure::unsupported(format!("{place}[{at}]"), why));
                }
            }
        }
        Ok(message)
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.images.is_empty() && self.calls.is_empty() && self.thinking.is_empty()
    }

    fn write(&self, role: &str, out: &mut Vec<u8>) {
        let mut member = Object::begin(out);
        member.str("role", role);
        member.str("content", &self.text);
        if !self.thinking.is_empty() {
            member.str("thinking", &self.thinking);
        }
        if !self.images.is_empty() {
            member.value("images", &self.images);
        }
        if !self.calls.is_empty() {
            let mut list = Array::begin(member.key("tool_calls"));
            for call in &self.calls {
                let mut item = Object::begin(list.item());
                item.str("id", &call.id);
                let mut function = Object::begin(item.key("function"));
                function.str("name", &call.name);
                match &call.input {
                    ToolInput::Json(json) => function.raw("arguments", json.get()),
                    ToolInput::Text(text) => function.value("arguments", &json!({ "input": text })),
                }
                function.end();
                item.end();
            }
            list.end();
        }
        member.end();
    }
}

fn turn_of(request: &Request, index: usize, role: Role, parts: &[Part], list: &mut Array<'_>) -> Result<(), Failure> {
    let place = format!("messages[{index}].content");
    for (at, part) in parts.iter().enumerate() {
        let PartKind::ToolResult { id, output, .. } = &part.kind else { continue };
        let message = Message::of(output, &format!("{place}[{at}].content"))?;
        let mut member = Object::begin(list.item());
        member.str("role", "tool");
        member.str("content", &message.text);
        if !message.images.is_empty() {
            member.value("images", &message.images);
        }
        if let Some(name) = name_of(request, id) {
            member.str("tool_name", name);
        }
        member.str("tool_call_id", id);
        member.end();
    }
    let role = match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let message = Message::of(parts, &place)?;
    if !message.is_empty() {
        message.write(role, list.item());
    }
    Ok(())
}

/// The name of the tool that the call `id` called.
fn name_of<'a>(request: &'a Request, id: &str) -> Option<&'a str> {
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let mut calls = parts.filter_map(|part| match &part.kind {
        PartKind::ToolCall(call) => Some(call),
        _ => None,
    });
    calls.find(|call| call.id == id).map(|call| call.name.as_str())
}

fn image<'a>(media: &'a Media, at: &str) -> Result<&'a str, Failure> {
    match &media.source {
        Source::Base64(data) if media.is_image() || media.mime.is_empty() => Ok(data),
        Source::Base64(_) => Err(Failure::unsupported(at, format!("this provider does not take `{}`", media.mime))),
        Source::Url(_) | Source::File { .. } => Err(Failure::unsupported(at, "this provider takes images inline only")),
    }
}

fn tools(request: &Request, body: &mut Object<'_>) -> Result<(), Failure> {
    let mut offered = Vec::new();
    for (index, tool) in request.tools.iter().enumerate() {
        match &tool.kind {
            ToolKind::Function { .. } if request.tool_choice == Some(ToolChoice::None) => {}
            ToolKind::Function { schema, .. } => offered.push((tool, schema)),
            // Agents offer it by habit, beside tools of their own.
            ToolKind::Opaque { .. } if tool.kind.is_web_search() => {}
            ToolKind::Opaque { .. } | ToolKind::Custom { .. } => {
                let place = format!("tools[{index}]");
                return Err(Failure::unsupported(place, "this provider takes functions alone"));
            }
        }
    }
    if offered.is_empty() {
        return Ok(());
    }
    let mut list = Array::begin(body.key("tools"));
    for (tool, schema) in offered {
        let mut member = Object::begin(list.item());
        member.str("type", "function");
        let mut function = Object::begin(member.key("function"));
        function.str("name", &tool.name);
        function.str("description", tool.description.as_deref().unwrap_or_default());
        function.raw("parameters", schema.get());
        function.end();
        member.end();
    }
    list.end();
    Ok(())
}

/// Only gpt-oss has levels; all others think or do not.
fn think(request: &Request) -> Option<Value> {
    let has_levels = request.model.contains("gpt-oss");
    Some(match request.reasoning?.depth? {
        Depth::Off => false.into(),
        Depth::Effort(effort) if has_levels => match effort {
            Effort::Minimal | Effort::Low => "low".into(),
            Effort::Medium => "medium".into(),
            Effort::High | Effort::XHigh | Effort::Max => "high".into(),
        },
        Depth::Adaptive | Depth::Effort(_) | Depth::Budget(_) => true.into(),
    })
}

fn options(request: &Request, body: &mut Object<'_>) {
    let sampling = &request.sampling;
    let mut options = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            options.insert(name.to_owned(), value);
        }
    };
    set("num_predict", sampling.max_tokens.map(Value::from));
    set("temperature", sampling.temperature.map(Value::from));
    set("top_p", sampling.top_p.map(Value::from));
    set("top_k", sampling.top_k.map(Value::from));
    set("stop", (!sampling.stop.is_empty()).then(|| json!(sampling.stop)));
    set("seed", sampling.seed.map(Value::from));
    set("presence_penalty", sampling.presence_penalty.map(Value::from));
    set("frequency_penalty", sampling.frequency_penalty.map(Value::from));
    if !options.is_empty() {
        body.value("options", &options);
    }
}
