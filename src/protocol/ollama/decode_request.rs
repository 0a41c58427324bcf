//! A chat or generate request to the canonical form.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::call::{Call, Operation};
use crate::fault::Failure;
use crate::ir::{
    Depth, Effort, Extras, Media, OutputFormat, Part, PartKind, Reasoning, Request, Role, Sampling, Source, Tool,
    ToolCall, ToolInput, ToolKind, Turn,
};
use crate::json::{self, Json, JsonError, Text, TextOr};
use crate::protocol::{media, seal};

#[derive(serde::Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    messages: Option<Vec<&'a RawValue>>,
    prompt: Option<String>,
    system: Option<String>,
    images: Option<Vec<String>>,
    suffix: Option<String>,
    template: Option<String>,
    raw: Option<bool>,
    context: Option<Vec<Value>>,
    #[serde(borrow)]
    tools: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    think: Option<&'a RawValue>,
    #[serde(borrow)]
    options: Option<Options<'a>>,
}

#[derive(Default, serde::Deserialize)]
struct Options<'a> {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    num_predict: Option<i64>,
    #[serde(borrow)]
    stop: Option<TextOr<'a, Vec<String>>>,
    seed: Option<i64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
}

#[derive(serde::Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Text<'a>,
    content: Option<String>,
    thinking: Option<String>,
    images: Option<Vec<String>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<CallWire<'a>>>,
    tool_name: Option<String>,
    tool_call_id: Option<String>,
}

#[derive(serde::Deserialize)]
struct CallWire<'a> {
    id: Option<String>,
    #[serde(borrow)]
    function: FunctionCall<'a>,
}

#[derive(serde::Deserialize)]
struct FunctionCall<'a> {
    name: String,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct ToolWire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    function: FunctionWire<'a>,
}

#[derive(serde::Deserialize)]
struct FunctionWire<'a> {
    name: String,
    description: Option<String>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
}

pub(super) fn decode(call: &Call) -> Result<Request, Failure> {
    let wire: Wire<'_> = call.body.decode()?;
    let mut history = History::default();
    if call.endpoint.operation == Operation::Complete {
        history.prompt(&wire)?;
    } else {
        let messages = wire.messages.as_deref().unwrap_or_default();
        if messages.is_empty() {
            return Err(Failure::invalid("messages", "is empty; a model cannot be loaded ahead of a question"));
        }
        for (at, raw) in messages.iter().enumerate() {
            history.message(raw).map_err(|error| error.within(&format!("messages[{at}]")))?;
        }
    }
    let tools = wire.tools.unwrap_or_default().into_iter().enumerate();
    let tools = tools.map(|(at, raw)| tool(raw).map_err(|error| error.within(&format!("tools[{at}]"))));
    Ok(Request {
        model: call.model.clone(),
        stream: call.stream,
        system: history.system,
        turns: history.turns,
        tools: tools.collect::<Result<_, _>>()?,
        sampling: sampling(wire.options.unwrap_or_default()),
        reasoning: wire.think.map(think).transpose()?.flatten(),
        output: wire.format.map(format).transpose()?.flatten(),
        ..Request::default()
    })
}

fn sampling(options: Options<'_>) -> Sampling {
    Sampling {
        // −1 is without limit, −2 as far as the context goes.
        max_tokens: options.num_predict.and_then(|limit| u64::try_from(limit).ok()).filter(|limit| *limit > 0),
        temperature: options.temperature,
        top_p: options.top_p,
        top_k: options.top_k.and_then(|k| u64::try_from(k).ok()).filter(|k| *k > 0),
        stop: match options.stop {
            None => Vec::new(),
            Some(TextOr::Text(stop)) => vec![stop.into_owned()],
            Some(TextOr::Or(stop)) => stop,
        },
        seed: options.seed,
        presence_penalty: options.presence_penalty,
        frequency_penalty: options.frequency_penalty,
        n: None,
    }
}

fn think(raw: &RawValue) -> Result<Option<Reasoning>, JsonError> {
    let depth = match raw.get() {
        "true" => Depth::Adaptive,
        "false" => Depth::Off,
        "\"low\"" => Depth::Effort(Effort::Low),
        "\"medium\"" => Depth::Effort(Effort::Medium),
        "\"high\"" => Depth::Effort(Effort::High),
        "\"max\"" => Depth::Effort(Effort::Max),
        "null" | "\"\"" => return Ok(None),
        _ => return Err(JsonError::new("think", "neither true, false, low, medium, high nor max")),
    };
    Ok(Some(Reasoning { depth: Some(depth), visible: (depth != Depth::Off).then_some(true) }))
}

fn format(raw: &RawValue) -> Result<Option<OutputFormat>, JsonError> {
    match raw.get() {
        "null" | "\"\"" => Ok(None),
        "\"json\"" => Ok(Some(OutputFormat::JsonObject)),
        object if object.starts_with('{') => {
            Ok(Some(OutputFormat::JsonSchema { name: None, description: None, schema: Json::from(raw), strict: None }))
        }
        _ => Err(JsonError::new("format", "neither \"json\" nor a JSON schema")),
    }
}

fn tool(raw: &RawValue) -> Result<Tool, JsonError> {
    let wire: ToolWire<'_> = json::decode(raw.get().as_bytes())?;
    if let Some(kind) = wire.kind.as_deref().filter(|kind| *kind != "function") {
        return Err(JsonError::new("type", format!("unknown tool type {kind:?}")));
    }
    let FunctionWire { name, description, parameters } = wire.function;
    let schema = parameters.map(Json::from).filter(Json::is_object);
    let schema = schema.unwrap_or_else(|| Json::of(&serde_json::json!({"type": "object", "properties": {}})));
    let kind = ToolKind::Function { schema, strict: None };
    Ok(Tool { name, description, kind, cache: None, extras: Extras::default() })
}

fn image(data: String) -> Part {
    let (mime, data) = match media::data_url(&data) {
        Some((mime, data)) => (mime.to_owned(), data.to_owned()),
        None => (media::sniff_image(&data).to_owned(), data),
    };
    PartKind::Media(Media { mime, source: Source::Base64(data), name: None }).into()
}

/// The conversation so far.
#[derive(Default)]
struct History {
    system: Vec<Part>,
    turns: Vec<Turn>,
    /// Id and name of calls that have no result yet: few clients repeat an id, so results find their call by name.
    waiting: Vec<(String, String)>,
    calls: usize,
}

impl History {
    fn push(&mut self, role: Role, part: Part) {
        if role == Role::System && self.turns.is_empty() {
            self.system.push(part);
            return;
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.parts.push(part),
            _ => self.turns.push(Turn { role, parts: vec![part] }),
        }
    }

    fn text(&mut self, role: Role, text: Option<String>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.push(role, Part::text(text));
        }
    }

    fn prompt(&mut self, wire: &Wire<'_>) -> Result<(), Failure> {
        let said = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let refused = [
            ("suffix", said(&wire.suffix), "filling in the middle is not supported"),
            ("template", said(&wire.template), "providers use their own templates"),
            ("raw", wire.raw == Some(true), "providers use their own templates"),
            (
                "context",
                wire.context.as_ref().is_some_and(|context| !context.is_empty()),
                "conversations are not kept as tokens; use /api/chat",
            ),
        ];
        if let Some((member, _, why)) = refused.into_iter().find(|(_, used, _)| *used) {
            return Err(Failure::unsupported(member, why));
        }
        if !said(&wire.prompt) && wire.images.as_ref().is_none_or(Vec::is_empty) {
            return Err(Failure::invalid("prompt", "is empty; a model cannot be loaded ahead of a question"));
        }
        self.text(Role::System, wire.system.clone());
        self.text(Role::User, wire.prompt.clone());
        wire.images.iter().flatten().for_each(|data| self.push(Role::User, image(data.clone())));
        Ok(())
    }

    fn message(&mut self, raw: &RawValue) -> Result<(), JsonError> {
        let message: Message<'_> = json::decode(raw.get().as_bytes())?;
        match &*message.role {
            "system" => self.text(Role::System, message.content),
            "user" => {
                self.text(Role::User, message.content);
                message.images.into_iter().flatten().for_each(|data| self.push(Role::User, image(data)));
            }
            "assistant" => {
                if let Some(text) = message.thinking.filter(|text| !text.is_empty()) {
                    self.push(Role::Assistant, PartKind::Thinking { text, seal: None }.into());
                }
                self.text(Role::Assistant, message.content);
                message.images.into_iter().flatten().for_each(|data| self.push(Role::Assistant, image(data)));
                for (at, call) in message.tool_calls.into_iter().flatten().enumerate() {
                    self.call(call).map_err(|error| error.within(&format!("tool_calls[{at}]")))?;
                }
            }
            "tool" => self.result(message)?,
            other => return Err(JsonError::new("role", format!("unknown role {other:?}"))),
        }
        Ok(())
    }

    fn call(&mut self, call: CallWire<'_>) -> Result<(), JsonError> {
        let FunctionCall { name, arguments } = call.function;
        let input = match arguments.map(Json::from) {
            None => Json::empty_object(),
            Some(json) if json.is_object() => json,
            Some(_) => return Err(JsonError::new("function.arguments", "not an object")),
        };
        let given = call.id.filter(|id| !id.is_empty());
        let (id, seal) = match &given {
            Some(id) => seal::split(id),
            None => ("", None),
        };
        let id = if id.is_empty() { format!("call_{}", self.calls) } else { id.to_owned() };
        self.calls += 1;
        self.waiting.push((id.clone(), name.clone()));
        let call = ToolCall { id, name, input: ToolInput::Json(input), seal };
        self.push(Role::Assistant, PartKind::ToolCall(call).into());
        Ok(())
    }

    fn result(&mut self, message: Message<'_>) -> Result<(), JsonError> {
        let id = message.tool_call_id.as_deref().map(|id| seal::split(id).0);
        let at = match (id, message.tool_name.as_deref()) {
            (Some(id), _) => self.waiting.iter().position(|(waiting, _)| waiting == id),
            (None, Some(name)) => self.waiting.iter().position(|(_, waiting)| waiting == name),
            (None, None) => (!self.waiting.is_empty()).then_some(0),
        };
        let id = match (at, id) {
            (Some(at), _) => self.waiting.remove(at).0,
            (None, Some(id)) => id.to_owned(),
            (None, None) => return Err(JsonError::new("", "no tool call waits for this result")),
        };
        let mut output: Vec<Part> =
            message.content.filter(|text| !text.is_empty()).map(Part::text).into_iter().collect();
        output.extend(message.images.into_iter().flatten().map(image));
        self.push(Role::User, PartKind::ToolResult { id, output, is_error: false }.into());
        Ok(())
    }
}
