//! A client's request, made canonical.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::decode_content::{CacheIn, parts};
use super::failure::NO_THREADS;
use crate::call::{Call, Operation};
use crate::fault::Failure;
use crate::ir::{
    Depth, Effort, Extras, OutputFormat, Part, PartKind, Protocol, Reasoning, Request, Role, Sampling, Tool,
    ToolChoice, ToolKind, Turn,
};
use crate::json::{self, Body, Json, JsonError, Text};

/// Members that mean something only Anthropic can do.
const MEANING: [(&str, &str); 2] = [
    ("mcp_servers", "this provider cannot reach MCP servers; offer their tools in `tools`"),
    ("container", "this provider has no containers"),
];

/// Members kept for Anthropic itself, and without effect elsewhere.
const HINTS: [&str; 13] = [
    "betas",
    "billing_policy",
    "cache_control",
    "compaction",
    "context_management",
    "diagnostics",
    "fallback_credit_token",
    "fallbacks",
    "inference_geo",
    "service_tier",
    "speed",
    "user_profile_id",
    "workspace_id",
];

pub fn decode_request(call: &Call) -> Result<Request, Failure> {
    let body = &call.body;
    if is_present(body, "thread") {
        let why = "conversations are not kept here; send the whole history";
        return Err(Failure::invalid("thread", why).code(NO_THREADS));
    }
    if let Some((member, why)) = MEANING.iter().find(|(member, _)| is_present(body, member)) {
        return Err(Failure::unsupported(*member, *why));
    }
    let mut request = Request {
        model: body.get("model")?.unwrap_or_default(),
        stream: call.stream,
        system: system(body)?,
        tools: tools(body)?,
        sampling: sampling(call)?,
        user: body.get::<Metadata>("metadata")?.and_then(|metadata| metadata.user_id),
        ..Request::default()
    };
    messages(body, &mut request)?;
    choice(body, &mut request)?;
    let config: OutputConfig = body.get("output_config")?.unwrap_or_default();
    request.reasoning = reasoning(body, &config)?;
    request.output = output(body, &config)?;
    request.extras = extras(body, config)?;
    Ok(request)
}

fn is_present(body: &Body, member: &str) -> bool {
    body.raw(member).is_some_and(|raw| raw != b"null" && raw != b"[]")
}

#[derive(Deserialize)]
struct Metadata {
    user_id: Option<String>,
}

fn sampling(call: &Call) -> Result<Sampling, Failure> {
    let body = &call.body;
    let max_tokens = body.get("max_tokens")?;
    if max_tokens.is_none() && call.endpoint.operation == Operation::Generate {
        return Err(Failure::invalid("max_tokens", "missing"));
    }
    Ok(Sampling {
        max_tokens,
        temperature: body.get("temperature")?,
        top_p: body.get("top_p")?,
        top_k: body.get("top_k")?,
        stop: body.get("stop_sequences")?.unwrap_or_default(),
        ..Sampling::default()
    })
}

fn system(body: &Body) -> Result<Vec<Part>, JsonError> {
    let Some(raw) = body.raw("system") else { return Ok(Vec::new()) };
    let parts = json::decode::<Option<&RawValue>>(raw).and_then(|raw| raw.map_or(Ok(Vec::new()), parts));
    let parts = parts.map_err(|error| error.within("system"))?;
    match parts.iter().position(|part| !matches!(part.kind, PartKind::Text(_))) {
        Some(index) => Err(JsonError::new(format!("system[{index}]"), "only text can instruct")),
        None => Ok(parts),
    }
}

#[derive(Deserialize)]
struct MessageIn<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

fn messages(body: &Body, request: &mut Request) -> Result<(), JsonError> {
    let raw = body.raw("messages").ok_or_else(|| JsonError::new("messages", "missing"))?;
    let messages: Vec<MessageIn<'_>> = json::decode(raw).map_err(|error| error.within("messages"))?;
    for (index, MessageIn { role, content }) in messages.into_iter().enumerate() {
        let at = |error: JsonError| error.within(&format!("[{index}]")).within("messages");
        let role = match &*role {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            other => return Err(at(JsonError::new("role", format!("unknown role `{other}`")))),
        };
        let content = content.ok_or_else(|| at(JsonError::new("content", "missing")))?;
        let parts = parts(content).map_err(|error| at(error.within("content")))?;
        if role == Role::System && request.turns.is_empty() {
            request.system.extend(parts);
        } else {
            request.turns.push(Turn { role, parts });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct ToolIn<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    description: Option<String>,
    #[serde(borrow)]
    input_schema: Option<&'a RawValue>,
    strict: Option<bool>,
    cache_control: Option<CacheIn<'a>>,
    allowed_callers: Option<Value>,
    defer_loading: Option<Value>,
    eager_input_streaming: Option<Value>,
    input_examples: Option<Value>,
}

fn tools(body: &Body) -> Result<Vec<Tool>, JsonError> {
    let Some(raw) = body.raw("tools") else { return Ok(Vec::new()) };
    let raws = json::decode::<Option<Vec<&RawValue>>>(raw).map_err(|error| error.within("tools"))?.unwrap_or_default();
    let tool = |(index, raw): (usize, &&RawValue)| {
        tool(raw).map_err(|error| error.within(&format!("[{index}]")).within("tools"))
    };
    raws.iter().enumerate().map(tool).collect()
}

fn tool(raw: &RawValue) -> Result<Tool, JsonError> {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<Text<'a>>,
        #[serde(borrow)]
        name: Option<Text<'a>>,
        cache_control: Option<CacheIn<'a>>,
    }
    let bytes = raw.get().as_bytes();
    let tag: Tag<'_> = json::decode(bytes)?;
    if tag.kind.as_deref().is_some_and(|kind| kind != "custom") {
        let mut value: Value = json::decode(bytes)?;
        value.as_object_mut().map(|members| members.shift_remove("cache_control"));
        return Ok(Tool {
            name: tag.name.map(String::from).unwrap_or_default(),
            description: None,
            kind: ToolKind::Opaque { owner: Protocol::Messages, value },
            cache: tag.cache_control.map(|cache| cache.mark()),
            extras: Extras::default(),
        });
    }
    let tool: ToolIn<'_> = json::decode(bytes)?;
    if tool.name.is_empty() {
        return Err(JsonError::new("name", "empty"));
    }
    let schema: Json = tool.input_schema.ok_or_else(|| JsonError::new("input_schema", "missing"))?.into();
    if !schema.is_object() {
        return Err(JsonError::new("input_schema", "not an object"));
    }
    let extras = [
        ("allowed_callers", tool.allowed_callers),
        ("defer_loading", tool.defer_loading),
        ("eager_input_streaming", tool.eager_input_streaming),
        ("input_examples", tool.input_examples),
    ];
    Ok(Tool {
        name: tool.name.into(),
        description: tool.description,
        kind: ToolKind::Function { schema, strict: tool.strict },
        cache: tool.cache_control.map(|cache| cache.mark()),
        extras: kept(extras),
    })
}

/// What is there of some members, for their owner.
pub fn kept<const N: usize>(members: [(&str, Option<Value>); N]) -> Extras {
    let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Extras::new(Protocol::Messages, there.collect())
}

#[derive(Deserialize)]
struct ChoiceIn {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    disable_parallel_tool_use: Option<bool>,
}

fn choice(body: &Body, request: &mut Request) -> Result<(), JsonError> {
    let Some(choice) = body.get::<ChoiceIn>("tool_choice")? else { return Ok(()) };
    request.tool_choice = Some(match choice.kind.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.name.ok_or_else(|| JsonError::new("tool_choice.name", "missing"))?),
        other => return Err(JsonError::new("tool_choice.type", format!("unknown type `{other}`"))),
    });
    request.parallel_tools = choice.disable_parallel_tool_use.map(|disable| !disable);
    Ok(())
}

#[derive(Deserialize, Default)]
struct OutputConfig {
    effort: Option<String>,
    format: Option<FormatIn>,
    task_budget: Option<Value>,
}

#[derive(Deserialize)]
struct FormatIn {
    #[serde(rename = "type")]
    kind: String,
    schema: Option<Json>,
}

#[derive(Deserialize)]
struct ThinkingIn {
    #[serde(rename = "type")]
    kind: String,
    budget_tokens: Option<u64>,
    display: Option<String>,
}

/// Anthropic wants a budget; who leaves it out means the usual one of the gateways that do not.
const UNSAID_BUDGET: u64 = 20_000;

fn reasoning(body: &Body, config: &OutputConfig) -> Result<Option<Reasoning>, JsonError> {
    let effort = config.effort.as_deref().map(|word| {
        let unknown = || JsonError::new("output_config.effort", format!("unknown level `{word}`"));
        Effort::parse(word).map(Depth::Effort).ok_or_else(unknown)
    });
    let effort = effort.transpose()?;
    let thinking: Option<ThinkingIn> = body.get("thinking")?;
    let depth = match thinking.as_ref().map(|thinking| (thinking.kind.as_str(), thinking.budget_tokens)) {
        None => effort,
        Some(("disabled", _)) => Some(Depth::Off),
        Some(("enabled", tokens)) => Some(Depth::Budget(tokens.unwrap_or(UNSAID_BUDGET))),
        Some(("adaptive" | "between_tools", _)) => Some(effort.unwrap_or(Depth::Adaptive)),
        Some((other, _)) => return Err(JsonError::new("thinking.type", format!("unknown type `{other}`"))),
    };
    let visible = thinking.and_then(|thinking| thinking.display).map(|display| display != "omitted");
    Ok((depth.is_some() || visible.is_some()).then_some(Reasoning { depth, visible }))
}

/// `output_format` is where the format stood while it was a beta.
fn output(body: &Body, config: &OutputConfig) -> Result<Option<OutputFormat>, JsonError> {
    let (at, format) = match &config.format {
        Some(FormatIn { kind, schema }) => ("output_config.format", Some((kind.clone(), schema.clone()))),
        None => ("output_format", body.get::<FormatIn>("output_format")?.map(|format| (format.kind, format.schema))),
    };
    let at = |member: &str, message: &str| JsonError::new(format!("{at}.{member}"), message);
    match format {
        None => Ok(None),
        Some((kind, _)) if kind != "json_schema" => Err(at("type", &format!("unknown type `{kind}`"))),
        Some((_, schema)) => {
            let schema = schema.filter(Json::is_object).ok_or_else(|| at("schema", "not an object"))?;
            Ok(Some(OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }))
        }
    }
}

fn extras(body: &Body, config: OutputConfig) -> Result<Extras, JsonError> {
    let mut members = Map::new();
    for name in HINTS {
        if let Some(value) = body.get::<Value>(name)? {
            members.insert(name.to_owned(), value);
        }
    }
    if let Some(budget) = config.task_budget {
        members.insert("output_config".to_owned(), serde_json::json!({ "task_budget": budget }));
    }
    Ok(Extras::new(Protocol::Messages, members))
}
