//! A client's request, in canonical form.
//!
//! | members | become |
//! |---|---|
//! | `messages`, `tools`, `functions`, `tool_choice`, `function_call`, `parallel_tool_calls` | turns and tools |
//! | `max_tokens`, `max_completion_tokens`, `temperature`, `top_p`, `top_k`, `stop`, `seed`, penalties, `n` | [`Sampling`] |
//! | `response_format` | [`OutputFormat`] |
//! | what [`reasoning`] lists | `Reasoning` |
//! | `user`, else `safety_identifier` | `user` |
//! | `web_search_options` | a web search among the tools |
//! | `logprobs`, `top_logprobs`, `logit_bias`, audio in `modalities` | a refusal: no other wire has them |
//! | everything else: `prediction`, `verbosity`, `store`, `metadata`, `service_tier`, `prompt_cache_key` … | hints, in [`Extras`] |
//!
//! [`Sampling`]: crate::ir::Sampling

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{decode_messages, reasoning};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::{Extras, OutputFormat, Protocol, Request, Tool, ToolChoice, ToolKind};
use crate::json::{self, Json, JsonError, Text, TextOr, decode};

pub fn decode_request(call: &Call) -> Result<Request, Failure> {
    let mut request = Request { model: call.model.clone(), stream: call.stream, ..Request::default() };
    let mut said = reasoning::Said::default();
    let mut extras = Map::new();
    let (mut max_tokens, mut safety_identifier, mut choice, mut messages) = (None, None, None, None);
    for (key, raw) in call.body.members().filter(|(_, raw)| *raw != b"null") {
        let sampling = &mut request.sampling;
        match key {
            "messages" => messages = Some(raw),
            // Settled by routing, or the encoder's business.
            "model" | "stream" | "stream_options" => {}
            "tools" => request.tools.extend(tools(raw)?),
            "functions" => request.tools.extend(functions(raw)?),
            SEARCH => request.tools.push(web_search(member(key, raw)?)),
            "tool_choice" | "function_call" => choice = Some(tool_choice(key, raw)?),
            "parallel_tool_calls" => request.parallel_tools = Some(member(key, raw)?),
            "max_tokens" => max_tokens = Some(member(key, raw)?),
            "max_completion_tokens" => sampling.max_tokens = Some(member(key, raw)?),
            "temperature" => sampling.temperature = Some(member(key, raw)?),
            "top_p" => sampling.top_p = Some(member(key, raw)?),
            "top_k" => sampling.top_k = Some(member(key, raw)?),
            "stop" => {
                sampling.stop = match member::<TextOr<'_, Vec<String>>>(key, raw)? {
                    TextOr::Text(one) => vec![one.into_owned()],
                    TextOr::Or(many) => many,
                }
            }
            "seed" => sampling.seed = Some(member(key, raw)?),
            "presence_penalty" => sampling.presence_penalty = Some(member(key, raw)?),
            "frequency_penalty" => sampling.frequency_penalty = Some(member(key, raw)?),
            "n" => sampling.n = Some(member(key, raw)?),
            "response_format" => request.output = response_format(raw).map_err(|error| error.within(key))?,
            "user" => request.user = Some(member(key, raw)?),
            "safety_identifier" => safety_identifier = Some(member(key, raw)?),
            _ if said.member(key, raw)? => {}
            _ => {
                let value: Value = member(key, raw)?;
                if let Some(why) = untranslatable(key, &value) {
                    return Err(Failure::unsupported(key, why));
                }
                extras.insert(key.to_owned(), value);
            }
        }
    }
    request.sampling.max_tokens = request.sampling.max_tokens.or(max_tokens);
    request.user = request.user.take().or(safety_identifier);
    request.reasoning = said.done();
    request.extras = Extras::new(Protocol::Chat, extras);
    if let Some(Choice { choice, only }) = choice {
        request.tool_choice = Some(choice);
        let only = only.as_ref();
        request.tools.retain(|tool| tool.name == SEARCH || only.is_none_or(|only| only.contains(&tool.name)));
    }
    let messages = messages.ok_or_else(|| Failure::invalid("messages", "is required"))?;
    decode_messages::decode_messages(messages, &mut request)?;
    Ok(request)
}

/// The search that OpenAI's search models do unasked, as the tool it is elsewhere.
pub const SEARCH: &str = "web_search_options";

fn web_search(mut options: Map<String, Value>) -> Tool {
    options.insert("type".to_owned(), Value::String(SEARCH.to_owned()));
    let kind = ToolKind::Opaque { owner: Protocol::Chat, value: Value::Object(options) };
    Tool { name: SEARCH.to_owned(), description: None, kind, cache: None, extras: Extras::default() }
}

fn member<'a, T: Deserialize<'a>>(key: &str, raw: &'a [u8]) -> Result<T, JsonError> {
    decode(raw).map_err(|error| error.within(key))
}

/// Why a member cannot be left out silently: what the client wants to read would be missing, or an instruction lost.
fn untranslatable(key: &str, value: &Value) -> Option<&'static str> {
    match (key, value) {
        ("logprobs", Value::Bool(true)) => {}
        ("top_logprobs", Value::Number(count)) if count.as_u64() != Some(0) => {}
        ("logit_bias", Value::Object(bias)) if !bias.is_empty() => {}
        ("modalities", Value::Array(list)) if list.iter().any(|item| item == "audio") => {}
        _ => return None,
    }
    Some("the provider of this model cannot be asked for it")
}

#[derive(Deserialize)]
struct WireTool<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<WireFunction<'a>>,
    #[serde(borrow)]
    custom: Option<WireCustom<'a>>,
    cache_control: Option<decode_messages::CacheControl>,
}

#[derive(Deserialize)]
struct WireFunction<'a> {
    name: String,
    description: Option<String>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
    cache_control: Option<decode_messages::CacheControl>,
}

#[derive(Deserialize)]
struct WireCustom<'a> {
    name: String,
    description: Option<String>,
    #[serde(borrow)]
    format: Option<WireFormat<'a>>,
}

/// `{type: text}` or `{type: grammar, grammar: {syntax, definition}}`.
#[derive(Deserialize)]
struct WireFormat<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    grammar: Option<Map<String, Value>>,
}

fn tools(raw: &[u8]) -> Result<Vec<Tool>, JsonError> {
    let tools: Vec<WireTool<'_>> = member("tools", raw)?;
    let one = |(index, tool): (usize, WireTool<'_>)| {
        let within = |error: JsonError| error.within(&format!("tools[{index}]"));
        let missing = |name| within(JsonError::new(name, "is required"));
        let cache = tool.cache_control;
        match (tool.kind.as_deref(), tool.function, tool.custom) {
            (Some("function") | None, Some(function), _) => {
                let cache = cache.as_ref().or(function.cache_control.as_ref()).and_then(|control| control.cache());
                let tool = function_tool(function).map_err(|error| within(error.within("function")))?;
                Ok(Tool { cache, ..tool })
            }
            (Some("function"), None, _) => Err(missing("function")),
            (Some("custom"), _, Some(custom)) => Ok(Tool {
                name: custom.name,
                description: custom.description,
                kind: ToolKind::Custom { format: custom.format.map(canonical_format) },
                cache: cache.and_then(|control| control.cache()),
                extras: Extras::default(),
            }),
            (Some("custom"), _, None) => Err(missing("custom")),
            (None, ..) => Err(missing("type")),
            (Some(kind), ..) => Ok(Tool {
                name: kind.to_owned(),
                description: None,
                kind: ToolKind::Opaque { owner: Protocol::Chat, value: nth(raw, index) },
                cache: None,
                extras: Extras::default(),
            }),
        }
    };
    tools.into_iter().enumerate().map(one).collect()
}

/// One item of an array again, as a value: what only one wire understands is rare enough to be read twice.
fn nth(raw: &[u8], index: usize) -> Value {
    let items: Vec<&RawValue> = json::read(raw).unwrap_or_default();
    items.get(index).map(|item| Json::from(*item).value()).unwrap_or_default()
}

fn functions(raw: &[u8]) -> Result<Vec<Tool>, JsonError> {
    let functions: Vec<WireFunction<'_>> = member("functions", raw)?;
    let one = |(index, function)| {
        function_tool(function).map_err(|error: JsonError| error.within(&format!("functions[{index}]")))
    };
    functions.into_iter().enumerate().map(one).collect()
}

fn function_tool(function: WireFunction<'_>) -> Result<Tool, JsonError> {
    let schema = match function.parameters.filter(|schema| schema.get() != "{}").map(Json::from) {
        Some(schema) if schema.is_object() => schema,
        Some(_) => return Err(JsonError::new("parameters", "must be a JSON Schema object")),
        // A function without parameters; other wires demand a schema.
        None => Json::of(&serde_json::json!({"type": "object", "properties": {}})),
    };
    let kind = ToolKind::Function { schema, strict: function.strict };
    let WireFunction { name, description, .. } = function;
    Ok(Tool { name, description, kind, cache: None, extras: Extras::default() })
}

fn canonical_format(format: WireFormat<'_>) -> Value {
    let mut flat = Map::new();
    flat.insert("type".to_owned(), Value::String(format.kind.into()));
    flat.extend(format.grammar.unwrap_or_default());
    Value::Object(flat)
}

/// A choice, and with `allowed_tools` the tools it leaves.
struct Choice {
    choice: ToolChoice,
    only: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireChoice<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    /// The legacy `function_call: {name}`.
    name: Option<String>,
    function: Option<Named>,
    custom: Option<Named>,
    #[serde(borrow)]
    allowed_tools: Option<AllowedTools<'a>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct AllowedTools<'a> {
    #[serde(borrow)]
    mode: Text<'a>,
    tools: Vec<AllowedTool>,
}

#[derive(Deserialize)]
struct AllowedTool {
    function: Option<Named>,
    custom: Option<Named>,
    name: Option<String>,
}

fn tool_choice(key: &str, raw: &[u8]) -> Result<Choice, JsonError> {
    let unknown = |at: &str, word: &str| {
        JsonError::new(at, format!("unknown choice `{word}`, expected none, auto or required")).within(key)
    };
    let mode = |at: &str, word: &str| match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" | "any" => Ok(ToolChoice::Required),
        other => Err(unknown(at, other)),
    };
    let object = match member::<TextOr<'_, WireChoice<'_>>>(key, raw)? {
        TextOr::Text(word) => return Ok(Choice { choice: mode("", &word)?, only: None }),
        TextOr::Or(object) => object,
    };
    if let Some(allowed) = object.allowed_tools {
        let name = |tool: AllowedTool| tool.function.or(tool.custom).map(|named| named.name).or(tool.name);
        return Ok(Choice {
            choice: mode("allowed_tools.mode", &allowed.mode)?,
            only: Some(allowed.tools.into_iter().filter_map(name).collect()),
        });
    }
    let named = object.function.or(object.custom).map(|named| named.name).or(object.name);
    let choice = match (named, object.kind.as_deref()) {
        (Some(name), _) => ToolChoice::Named(name),
        (None, Some(word)) => mode("type", word)?,
        (None, None) => return Err(JsonError::new(key, "must name a function")),
    };
    Ok(Choice { choice, only: None })
}

#[derive(Deserialize)]
struct WireOutput<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    json_schema: Option<WireSchema<'a>>,
}

#[derive(Deserialize)]
struct WireSchema<'a> {
    name: Option<String>,
    description: Option<String>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    strict: Option<bool>,
}

fn response_format(raw: &[u8]) -> Result<Option<OutputFormat>, JsonError> {
    let output: WireOutput<'_> = decode(raw)?;
    match (&*output.kind, output.json_schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(OutputFormat::JsonObject)),
        ("json_schema", Some(WireSchema { name, description, schema: Some(schema), strict })) => {
            Ok(Some(OutputFormat::JsonSchema { name, description, schema: schema.into(), strict }))
        }
        ("json_schema", None) => Err(JsonError::new("json_schema", "is required")),
        ("json_schema", Some(_)) => Err(JsonError::new("json_schema.schema", "is required")),
        (other, _) => {
            Err(JsonError::new("type", format!("unknown format `{other}`, expected text, json_object or json_schema")))
        }
    }
}
