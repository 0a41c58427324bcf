//! A client's generateContent body to the canonical request: the conversation. Its settings are in `decode_config`.
//!
//! camelCase and snake_case are taken in any mixture, as Google takes them.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::decode_config;
use super::signature;
use super::wire::{Many, Members, standard_base64};
use crate::call::{Call, Operation};
use crate::fault::Failure;
use crate::ir::{Extras, Media, Part, PartKind, Protocol, Request, Role, Source, ToolCall, ToolInput, Turn};
use crate::json::{Json, TextOr};

#[derive(Deserialize)]
struct Content {
    role: Option<String>,
    #[serde(default)]
    parts: Many<WirePart>,
}

/// An element of `systemInstruction`: a content, or a bare part.
#[derive(Deserialize)]
struct Instruction {
    parts: Option<Many<WirePart>>,
    text: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct WirePart {
    text: Option<String>,
    thought: Option<bool>,
    #[serde(alias = "thought_signature")]
    thought_signature: Option<String>,
    #[serde(alias = "inline_data")]
    inline_data: Option<Blob>,
    #[serde(alias = "file_data")]
    file_data: Option<FileData>,
    #[serde(alias = "function_call")]
    function_call: Option<FunctionCall>,
    #[serde(alias = "function_response")]
    function_response: Option<FunctionResponse>,
    #[serde(alias = "executable_code")]
    executable_code: Option<Value>,
    #[serde(alias = "code_execution_result")]
    code_execution_result: Option<Value>,
    #[serde(alias = "tool_call")]
    tool_call: Option<Value>,
    #[serde(alias = "tool_response")]
    tool_response: Option<Value>,
    #[serde(alias = "video_metadata")]
    video_metadata: Option<Value>,
    #[serde(alias = "media_resolution")]
    media_resolution: Option<Value>,
    #[serde(alias = "part_metadata")]
    part_metadata: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    #[serde(alias = "mime_type")]
    mime_type: String,
    data: String,
    #[serde(alias = "display_name")]
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileData {
    #[serde(alias = "mime_type")]
    mime_type: Option<String>,
    #[serde(alias = "file_uri")]
    file_uri: String,
    #[serde(alias = "display_name")]
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct FunctionCall {
    id: Option<String>,
    name: String,
    args: Option<Json>,
}

#[derive(Deserialize)]
struct FunctionResponse {
    id: Option<String>,
    name: Option<String>,
    response: Option<Json>,
    #[serde(default)]
    parts: Many<ResponsePart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponsePart {
    #[serde(alias = "inline_data")]
    inline_data: Option<Blob>,
    #[serde(alias = "file_data")]
    file_data: Option<FileData>,
}

impl Instruction {
    fn parts(self) -> Vec<WirePart> {
        let bare = self.text.map(|text| WirePart { text: Some(text), ..WirePart::default() });
        bare.into_iter().chain(self.parts.unwrap_or_default().0).collect()
    }
}

pub fn decode(call: &Call) -> Result<Request, Failure> {
    let mut body = Members::parse("", call.body.bytes())?;
    if call.endpoint.operation == Operation::CountTokens
        && let Some(inner) = body.take::<BTreeMap<String, &RawValue>>("generateContentRequest")?
    {
        body = Members::new("generateContentRequest", inner);
        body.take::<String>("model")?;
    }
    let contents = body.take::<Many<Content>>("contents")?.unwrap_or_default().0;
    let system = match body.take::<TextOr<'_, Many<Instruction>>>("systemInstruction")? {
        Some(TextOr::Text(text)) => vec![WirePart { text: Some(text.into_owned()), ..WirePart::default() }],
        Some(TextOr::Or(Many(all))) => all.into_iter().flat_map(Instruction::parts).collect(),
        None => Vec::new(),
    };
    let mut request = Request { model: call.model.clone(), stream: call.stream, ..Request::default() };
    let mut calls = Calls::over(&contents);
    for (index, wire) in system.into_iter().enumerate() {
        let at = body.at(&format!("systemInstruction.parts[{index}]"));
        request.system.extend(part(wire, &at, &mut calls)?);
    }
    for (index, content) in contents.into_iter().enumerate() {
        let at = body.at(&format!("contents[{index}]"));
        let role = match content.role.as_deref() {
            None | Some("" | "user" | "function" | "tool") => Role::User,
            Some("model") => Role::Assistant,
            Some(_) => return Err(Failure::invalid(format!("{at}.role"), "unknown role, expected user or model")),
        };
        let mut parts = Vec::with_capacity(content.parts.0.len());
        for (index, wire) in content.parts.0.into_iter().enumerate() {
            parts.extend(part(wire, &format!("{at}.parts[{index}]"), &mut calls)?);
        }
        request.turns.push(Turn { role, parts });
    }
    decode_config::decode(body, &mut request)?;
    Ok(request)
}

fn part(wire: WirePart, at: &str, calls: &mut Calls) -> Result<Option<Part>, Failure> {
    let said_text = wire.text.is_some();
    let opaque = [
        ("executableCode", wire.executable_code),
        ("codeExecutionResult", wire.code_execution_result),
        ("toolCall", wire.tool_call),
        ("toolResponse", wire.tool_response),
    ];
    let opaque = opaque.into_iter().find_map(|(name, value)| Some((name, value?)));
    let text = wire.text.filter(|text| !text.is_empty());
    let kinds = [
        text.is_some(),
        wire.inline_data.is_some(),
        wire.file_data.is_some(),
        wire.function_call.is_some(),
        wire.function_response.is_some(),
        opaque.is_some(),
    ];
    if kinds.iter().filter(|present| **present).count() > 1 {
        return Err(Failure::invalid(at, "a part holds one kind of data"));
    }
    let mut extras = Map::new();
    for (name, value) in [
        ("videoMetadata", wire.video_metadata),
        ("mediaResolution", wire.media_resolution),
        ("partMetadata", wire.part_metadata),
    ] {
        extras.extend(value.map(|value| (name.to_owned(), value)));
    }
    let signature = wire.thought_signature.filter(|signature| !signature.is_empty());
    let seal = |signature: Option<String>| signature.as_deref().and_then(signature::from_client);
    let kind = if let Some(call) = wire.function_call {
        let input = call.args.unwrap_or_default();
        if !input.is_object() {
            return Err(Failure::invalid(format!("{at}.functionCall.args"), "expected an object"));
        }
        let id = calls.open(call.id, &call.name);
        PartKind::ToolCall(ToolCall { id, name: call.name, input: ToolInput::Json(input), seal: seal(signature) })
    } else if let Some(response) = wire.function_response {
        result(response, &format!("{at}.functionResponse"), calls, &mut extras)?
    } else if let Some(blob) = wire.inline_data {
        PartKind::Media(inline(blob))
    } else if let Some(file) = wire.file_data {
        PartKind::Media(remote(file))
    } else if let Some((name, value)) = opaque {
        let mut whole = Map::from_iter([(name.to_owned(), value)]);
        whole.extend(signature.map(|signature| ("thoughtSignature".to_owned(), signature.into())));
        PartKind::Opaque { owner: Protocol::Gemini, value: whole.into() }
    } else if wire.thought == Some(true) {
        PartKind::Thinking { text: text.unwrap_or_default(), seal: seal(signature) }
    } else {
        match (text, signature) {
            (Some(text), signature) => {
                // The signature of plain text has no place in another protocol; Google does not insist on it.
                extras.extend(signature.map(|signature| ("thoughtSignature".to_owned(), signature.into())));
                PartKind::Text(text)
            }
            // The last chunk of a stream carries its signature on an empty text.
            (None, Some(signature)) => {
                PartKind::Thinking { text: String::new(), seal: signature::from_client(&signature) }
            }
            (None, None) if !said_text => {
                return Err(Failure::invalid(
                    at,
                    "unknown kind of part, expected text, inlineData, fileData, functionCall or functionResponse",
                ));
            }
            (None, None) => return Ok(None),
        }
    };
    Ok(Some(Part { kind, cache: None, extras: Extras::new(Protocol::Gemini, extras) }))
}

fn inline(blob: Blob) -> Media {
    Media { mime: blob.mime_type, source: Source::Base64(standard_base64(blob.data)), name: blob.display_name }
}

/// A public address is anybody's; a file in Google's own stores is Google's.
fn remote(file: FileData) -> Media {
    let uri = file.file_uri;
    let web = uri.starts_with("http://") || uri.starts_with("https://");
    let source = if web && !uri.contains("generativelanguage.googleapis.com/") {
        Source::Url(uri)
    } else {
        Source::File { owner: Protocol::Gemini, id: uri }
    };
    Media { mime: file.mime_type.unwrap_or_default(), source, name: file.display_name }
}

fn result(
    response: FunctionResponse,
    at: &str,
    calls: &mut Calls,
    extras: &mut Map<String, Value>,
) -> Result<PartKind, Failure> {
    if response.id.is_none() && response.name.is_none() {
        return Err(Failure::invalid(at, "neither id nor name: which call does it answer?"));
    }
    let id = match calls.answer(response.id.as_deref(), response.name.as_deref()) {
        Some(id) => id,
        // The call has left the history. Gemini will want the name again.
        None => {
            extras.extend(response.name.clone().map(|name| ("name".to_owned(), name.into())));
            calls.orphan(response.id, response.name.as_deref().unwrap_or_default())
        }
    };
    let json = response.response.unwrap_or_default();
    if !json.is_object() {
        return Err(Failure::invalid(format!("{at}.response"), "expected an object"));
    }
    let (text, is_error) = said(&json);
    let mut output = Vec::with_capacity(1 + response.parts.0.len());
    if !text.is_empty() {
        output.push(Part::text(text));
    }
    for (index, part) in response.parts.0.into_iter().enumerate() {
        let media = match (part.inline_data, part.file_data) {
            (Some(blob), None) => inline(blob),
            (None, Some(file)) => remote(file),
            _ => return Err(Failure::invalid(format!("{at}.parts[{index}]"), "expected inlineData or fileData")),
        };
        output.push(PartKind::Media(media).into());
    }
    Ok(PartKind::ToolResult { id, output, is_error })
}

/// What a function said. `output` and `error` are the documented keys, `result` is what Google's SDKs write; a lone
/// string under one of them is the plain text that every other protocol has. Anything else stays the object it is.
fn said(json: &Json) -> (String, bool) {
    let whole = || json.get().to_owned();
    let Ok(members) = serde_json::from_str::<BTreeMap<String, Json>>(json.get()) else { return (whole(), false) };
    let (1, Some((key, value))) = (members.len(), members.first_key_value()) else {
        return (if members.is_empty() { String::new() } else { whole() }, false);
    };
    let text = serde_json::from_str::<String>(value.get());
    match (key.as_str(), text) {
        ("error", text) => (text.unwrap_or_else(|_| value.get().to_owned()), true),
        ("output" | "result", Ok(text)) => (text, false),
        _ => (whole(), false),
    }
}

/// Ties results to calls. Ids are optional in Gemini: without them the first unanswered call of that name is meant.
#[derive(Default)]
struct Calls {
    /// Ids that clients gave, anywhere in the conversation: none of ours may equal one.
    given: HashSet<String>,
    taken: HashSet<String>,
    open: Vec<OpenCall>,
    seen: usize,
}

struct OpenCall {
    given: Option<String>,
    id: String,
    name: String,
}

impl Calls {
    fn over(contents: &[Content]) -> Self {
        let parts = contents.iter().flat_map(|content| &content.parts.0);
        let given = parts.filter_map(|part| part.function_call.as_ref()?.id.clone()).collect();
        Self { given, ..Self::default() }
    }

    fn open(&mut self, given: Option<String>, name: &str) -> String {
        let given = given.filter(|id| !id.is_empty());
        let id = match &given {
            Some(id) if self.taken.insert(id.clone()) => id.clone(),
            _ => self.invent(name),
        };
        self.open.push(OpenCall { given, id: id.clone(), name: name.to_owned() });
        id
    }

    /// Position and name: the same conversation has the same ids in every request.
    fn invent(&mut self, name: &str) -> String {
        let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
        loop {
            let id = format!("call_{}_{name}", self.seen);
            self.seen += 1;
            if !self.given.contains(&id) && self.taken.insert(id.clone()) {
                return id;
            }
        }
    }

    fn answer(&mut self, given: Option<&str>, name: Option<&str>) -> Option<String> {
        let by_id = given.and_then(|id| self.open.iter().position(|call| call.given.as_deref() == Some(id)));
        let at = by_id.or_else(|| self.open.iter().position(|call| Some(call.name.as_str()) == name))?;
        Some(self.open.remove(at).id)
    }

    fn orphan(&mut self, given: Option<String>, name: &str) -> String {
        match given.filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => self.invent(name),
        }
    }
}
