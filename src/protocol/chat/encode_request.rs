//! A canonical request, in the spelling of one provider.
//!
//! | hint | here |
//! |---|---|
//! | cache marks | dropped: providers of this protocol cache by themselves |
//! | seals, thinking history | dropped; `thinking` dialects get the text of a tool loop back, which they demand |
//! | a web search in another protocol's words | dropped |
//! | `top_k` | kept where the dialect is known to take it |
//! | whether reasoning is shown | dropped where the dialect has no word for it |

use serde_json::{Map, Value};

use super::decode_request::SEARCH;
use super::{Dialect, ReasoningStyle, encode_messages, reasoning};
use crate::fault::Failure;
use crate::ir::{OutputFormat, Protocol, Request, Tool, ToolChoice, ToolKind};
use crate::json::{Array, Object};

pub fn encode_request(dialect: Dialect, request: &Request) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(4096);
    let mut body = Object::begin(&mut out);
    body.str("model", &request.model);
    encode_messages::encode_messages(dialect, request, body.key("messages"))?;
    tools(request, &mut body)?;
    sampling(dialect, request, &mut body)?;
    if let Some(said) = request.reasoning {
        reasoning::encode(dialect, &request.model, said, &mut body);
    }
    if let Some(format) = &request.output {
        response_format(format, body.key("response_format"));
    }
    if let Some(user) = &request.user {
        body.str("user", user);
    }
    for (key, value) in request.extras.of(Protocol::Chat).into_iter().flatten() {
        body.value(key, value);
    }
    if request.stream {
        body.bool("stream", true);
        if dialect.stream_usage {
            body.raw("stream_options", r#"{"include_usage":true}"#);
        }
    }
    body.end();
    Ok(out)
}

fn sampling(dialect: Dialect, request: &Request, body: &mut Object<'_>) -> Result<(), Failure> {
    let sampling = &request.sampling;
    if sampling.n.is_some_and(|n| n > 1) {
        return Err(Failure::unsupported("n", "this provider gives one answer at a time"));
    }
    if let Some(tokens) = sampling.max_tokens {
        body.u64(if dialect.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" }, tokens);
    }
    let floats = [
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
    ];
    for (name, number) in floats {
        number.iter().for_each(|number| body.value(name, number));
    }
    if let (Some(top_k), ReasoningStyle::Object | ReasoningStyle::EnableThinking) = (sampling.top_k, dialect.reasoning)
    {
        body.u64("top_k", top_k);
    }
    sampling.seed.iter().for_each(|seed| body.value("seed", seed));
    if !sampling.stop.is_empty() {
        body.value("stop", &sampling.stop);
    }
    Ok(())
}

fn tools(request: &Request, body: &mut Object<'_>) -> Result<(), Failure> {
    if let Some(ToolKind::Opaque { value: Value::Object(options), .. }) =
        request.tools.iter().find(|tool| tool.name == SEARCH).map(|tool| &tool.kind)
    {
        let mut options = options.clone();
        options.shift_remove("type");
        body.value(SEARCH, &options);
    }
    // Agents offer a web search beside their own tools by habit; without one here, they are left with theirs.
    let foreign = |tool: &Tool| match tool.kind {
        ToolKind::Opaque { owner: Protocol::Chat, .. } => tool.name == SEARCH,
        _ => tool.kind.is_web_search(),
    };
    if request.tools.iter().all(foreign) {
        return Ok(());
    }
    let mut list = Array::begin(body.key("tools"));
    for (index, tool) in request.tools.iter().enumerate().filter(|(_, tool)| !foreign(tool)) {
        encode_tool(index, tool, list.item())?;
    }
    list.end();
    match &request.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => body.str("tool_choice", "auto"),
        Some(ToolChoice::Required) => body.str("tool_choice", "required"),
        Some(ToolChoice::None) => body.str("tool_choice", "none"),
        Some(ToolChoice::Named(name)) => {
            let tool = request.tools.iter().find(|tool| tool.name == *name);
            let custom = tool.is_some_and(|tool| matches!(tool.kind, ToolKind::Custom { .. }));
            let kind = if custom { "custom" } else { "function" };
            let mut choice = Object::begin(body.key("tool_choice"));
            choice.str("type", kind);
            let mut named = Object::begin(choice.key(kind));
            named.str("name", name);
            named.end();
            choice.end();
        }
    }
    request.parallel_tools.iter().for_each(|parallel| body.bool("parallel_tool_calls", *parallel));
    Ok(())
}

fn encode_tool(index: usize, tool: &Tool, out: &mut Vec<u8>) -> Result<(), Failure> {
    let kind = match &tool.kind {
        ToolKind::Function { .. } => "function",
        ToolKind::Custom { .. } => "custom",
        ToolKind::Opaque { owner: Protocol::Chat, value } => {
            out.extend_from_slice(value.to_string().as_bytes());
            return Ok(());
        }
        ToolKind::Opaque { .. } => {
            let why = format!("this provider has no tool `{}`", tool.name);
            return Err(Failure::unsupported(format!("tools[{index}]"), why));
        }
    };
    let mut object = Object::begin(out);
    object.str("type", kind);
    let mut inner = Object::begin(object.key(kind));
    inner.str("name", &tool.name);
    tool.description.iter().for_each(|text| inner.str("description", text));
    match &tool.kind {
        ToolKind::Function { schema, strict } => {
            inner.raw("parameters", schema.get());
            strict.iter().for_each(|strict| inner.bool("strict", *strict));
        }
        ToolKind::Custom { format: Some(format) } => inner.value("format", &nested_format(format)),
        ToolKind::Custom { format: None } | ToolKind::Opaque { .. } => {}
    }
    inner.end();
    object.end();
    Ok(())
}

/// `{type, syntax, definition}` as this protocol nests it.
fn nested_format(format: &Value) -> Value {
    let mut grammar: Map<String, Value> = format.as_object().cloned().unwrap_or_default();
    let kind = grammar.shift_remove("type").unwrap_or_else(|| Value::String("text".to_owned()));
    let mut nested = Map::new();
    nested.insert("type".to_owned(), kind);
    if !grammar.is_empty() {
        nested.insert("grammar".to_owned(), Value::Object(grammar));
    }
    Value::Object(nested)
}

fn response_format(format: &OutputFormat, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    match format {
        OutputFormat::JsonObject => object.str("type", "json_object"),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            object.str("type", "json_schema");
            let mut inner = Object::begin(object.key("json_schema"));
            inner.str("name", &schema_name(name.as_deref()));
            description.iter().for_each(|text| inner.str("description", text));
            inner.raw("schema", schema.get());
            strict.iter().for_each(|strict| inner.bool("strict", *strict));
            inner.end();
        }
    }
    object.end();
}

/// A name is required here, and must be an identifier of 64 characters at most.
fn schema_name(name: Option<&str>) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let name: String = name.unwrap_or_default().chars().take(64).map(legal).collect();
    if name.is_empty() { "answer".to_owned() } else { name }
}
