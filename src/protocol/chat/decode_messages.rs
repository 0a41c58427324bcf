//! A client's messages, as instructions and turns.
//!
//! Chat has no place for the seal of a thinking block; it comes back in the id of the tool call that followed it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::ir::event::arguments;
use crate::ir::{
    Cache, Extras, Issuer, Media, Part, PartKind, Protocol, Request, Role, Seal, Source, ToolCall, ToolInput, Turn,
};
use crate::json::{self, JsonError, Text, TextOr, decode};
use crate::protocol::seal;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<TextOr<'a, Vec<ContentPart<'a>>>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow)]
    images: Option<Vec<ContentPart<'a>>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow)]
    function_call: Option<Function<'a>>,
    #[serde(borrow)]
    tool_call_id: Option<Text<'a>>,
    cache_control: Option<CacheControl>,
}

#[derive(Deserialize)]
struct ContentPart<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    image_url: Option<TextOr<'a, ImageUrl<'a>>>,
    #[serde(borrow)]
    input_audio: Option<InputAudio<'a>>,
    #[serde(borrow)]
    file: Option<File<'a>>,
    cache_control: Option<CacheControl>,
}

#[derive(Deserialize)]
struct ImageUrl<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct InputAudio<'a> {
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    format: Text<'a>,
}

#[derive(Deserialize)]
struct File<'a> {
    filename: Option<String>,
    #[serde(borrow)]
    file_data: Option<Text<'a>>,
    file_id: Option<String>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
    #[serde(borrow)]
    custom: Option<Custom<'a>>,
    extra_content: Option<ExtraContent>,
}

#[derive(Deserialize)]
struct Function<'a> {
    name: String,
    #[serde(borrow)]
    arguments: Option<TextOr<'a, Map<String, Value>>>,
}

#[derive(Deserialize)]
struct Custom<'a> {
    name: String,
    #[serde(borrow)]
    input: Text<'a>,
}

#[derive(Deserialize)]
struct ExtraContent {
    google: Option<GoogleContent>,
}

#[derive(Deserialize)]
struct GoogleContent {
    thought_signature: Option<String>,
}

/// Anthropic's mark, which many clients send through this protocol too.
#[derive(Deserialize)]
pub struct CacheControl {
    #[serde(rename = "type")]
    kind: Option<String>,
    ttl: Option<String>,
}

impl CacheControl {
    pub fn cache(&self) -> Option<Cache> {
        match (self.kind.as_deref(), self.ttl.as_deref()) {
            (Some("ephemeral"), Some("1h")) => Some(Cache::Long),
            (Some("ephemeral"), _) => Some(Cache::Short),
            _ => None,
        }
    }
}

pub fn decode_messages(raw: &[u8], request: &mut Request) -> Result<(), JsonError> {
    let messages: Vec<Message<'_>> = decode(raw).map_err(|error| error.within("messages"))?;
    if messages.is_empty() {
        return Err(JsonError::new("messages", "must not be empty"));
    }
    let mut reader = Reader { raw, legacy: Vec::new() };
    for (index, message) in messages.into_iter().enumerate() {
        reader.message(index, message, request).map_err(|error| error.within(&format!("messages[{index}]")))?;
    }
    Ok(())
}

struct Reader<'a> {
    raw: &'a [u8],
    /// Calls in the form that has no ids, until their results come: name and the id we gave.
    legacy: Vec<(String, String)>,
}

impl Reader<'_> {
    fn message(&mut self, index: usize, mut message: Message<'_>, request: &mut Request) -> Result<(), JsonError> {
        let role = message.role.take().ok_or_else(|| JsonError::new("role", "is required"))?;
        let cache = message.cache_control.as_ref().and_then(CacheControl::cache);
        let name = message.name.take();
        let (role, mut parts) = match &*role {
            "system" | "developer" => (Role::System, self.content(index, message.content, Empty::Dropped)?),
            "user" => (Role::User, self.content(index, message.content, Empty::Kept)?),
            "assistant" => (Role::Assistant, self.assistant(index, message)?),
            "tool" => {
                let id = message.tool_call_id.ok_or_else(|| JsonError::new("tool_call_id", "is required"))?;
                let output = self.content(index, message.content, Empty::Dropped)?;
                (Role::User, vec![result(seal::split(&id).0.to_owned(), output)])
            }
            "function" => {
                let name = name.as_deref().ok_or_else(|| JsonError::new("name", "is required"))?;
                let call = self.legacy.iter().position(|(called, _)| called == name);
                let call = call.ok_or_else(|| JsonError::new("name", format!("no call of `{name}` came before")))?;
                let (_, id) = self.legacy.remove(call);
                let output = self.content(index, message.content, Empty::Dropped)?;
                (Role::User, vec![result(id, output)])
            }
            other => {
                let known = "system, developer, user, assistant or tool";
                return Err(JsonError::new("role", format!("unknown role `{other}`, expected {known}")));
            }
        };
        if let Some(last) = parts.last_mut() {
            last.cache = last.cache.or(cache);
        }
        if let (Some(name), Role::User | Role::Assistant) = (name, role)
            && let Some(first) = parts.first_mut()
            && !matches!(first.kind, PartKind::ToolResult { .. })
        {
            let mut members = first.extras.of(Protocol::Chat).cloned().unwrap_or_default();
            members.insert("name".to_owned(), Value::String(name.into()));
            first.extras = Extras::new(Protocol::Chat, members);
        }
        if role == Role::System && request.turns.is_empty() {
            request.system.extend(parts);
        } else if !parts.is_empty() {
            request.turns.push(Turn { role, parts });
        }
        Ok(())
    }

    fn assistant(&mut self, index: usize, message: Message<'_>) -> Result<Vec<Part>, JsonError> {
        let said = self.content(index, message.content, Empty::Dropped)?;
        let refusal = message.refusal.filter(|text| !text.is_empty());
        let mut images = Vec::new();
        for (at, mut image) in message.images.into_iter().flatten().enumerate() {
            image.kind = Some(Text("image_url".into()));
            images.push(self.part(index, at, image).map_err(|error| error.within(&format!("images[{at}]")))?);
        }
        let mut calls = Vec::new();
        for (at, call) in message.tool_calls.into_iter().flatten().enumerate() {
            calls.push(tool_call(call).map_err(|error| error.within(&format!("tool_calls[{at}]")))?);
        }
        if let Some(function) = message.function_call {
            let id = format!("call_{index}");
            self.legacy.push((function.name.clone(), id.clone()));
            calls.push(function_call(id, function));
        }

        let mut parts = Vec::new();
        let thinking = [message.reasoning_content, message.reasoning];
        if let Some(text) = thinking.into_iter().flatten().find(|text| !text.is_empty()) {
            parts.push(PartKind::Thinking { text: text.into(), seal: None }.into());
        }
        let lead = parts.len();
        parts.extend(said);
        parts.extend(refusal.map(|text| Part::text(text.0)));
        parts.append(&mut images);
        let mut first = true;
        for mut call in calls {
            // Only Google seals calls; the others seal the thinking that led to them.
            if let Some(seal) = call.seal.take_if(|seal| seal.issuer != Issuer::Google) {
                match parts.first_mut().map(|part| &mut part.kind) {
                    Some(PartKind::Thinking { seal: slot, .. }) if first && lead == 1 && !seal.redacted => {
                        *slot = Some(seal);
                    }
                    _ => {
                        let at = if first { lead } else { parts.len() };
                        parts.insert(at, PartKind::Thinking { text: String::new(), seal: Some(seal) }.into());
                    }
                }
            }
            first = false;
            parts.push(PartKind::ToolCall(call).into());
        }
        Ok(parts)
    }

    fn content(
        &self,
        message: usize,
        content: Option<TextOr<'_, Vec<ContentPart<'_>>>>,
        empty: Empty,
    ) -> Result<Vec<Part>, JsonError> {
        match content {
            None => Ok(Vec::new()),
            Some(TextOr::Text(text)) if text.is_empty() && empty == Empty::Dropped => Ok(Vec::new()),
            Some(TextOr::Text(text)) => Ok(vec![Part::text(text)]),
            Some(TextOr::Or(parts)) => {
                let one = |(at, part)| {
                    self.part(message, at, part).map_err(|error: JsonError| error.within(&format!("content[{at}]")))
                };
                parts.into_iter().enumerate().map(one).collect()
            }
        }
    }

    fn part(&self, message: usize, at: usize, part: ContentPart<'_>) -> Result<Part, JsonError> {
        let cache = part.cache_control.as_ref().and_then(CacheControl::cache);
        let kind = part.kind.ok_or_else(|| JsonError::new("type", "is required"))?;
        let missing = || JsonError::new(kind.to_string(), "is required");
        let mut extras = Extras::default();
        let kind = match &*kind {
            "text" | "input_text" | "output_text" => {
                PartKind::Text(part.text.ok_or_else(|| JsonError::new("text", "is required"))?.into())
            }
            "refusal" => PartKind::Text(part.refusal.ok_or_else(missing)?.into()),
            "image_url" => {
                let (url, detail) = match part.image_url.ok_or_else(missing)? {
                    TextOr::Text(url) => (Text(url), None),
                    TextOr::Or(ImageUrl { url, detail }) => (url, detail),
                };
                let detail = detail.map(|detail| ("detail".to_owned(), Value::String(detail)));
                extras = Extras::new(Protocol::Chat, detail.into_iter().collect());
                PartKind::Media(image(&url).map_err(|error| error.within("image_url"))?)
            }
            "input_audio" => PartKind::Media(audio(&part.input_audio.ok_or_else(missing)?)),
            "file" => PartKind::Media(document(part.file.ok_or_else(missing)?).map_err(|error| error.within("file"))?),
            "video_url" => return Err(JsonError::new("video_url", "video cannot be translated")),
            _ => PartKind::Opaque { owner: Protocol::Chat, value: self.opaque(message, at) },
        };
        Ok(Part { kind, cache, extras })
    }

    /// A part again, as a value: what only one wire understands is rare enough to be read twice.
    fn opaque(&self, message: usize, at: usize) -> Value {
        #[derive(Deserialize)]
        struct Contents<'a> {
            #[serde(borrow)]
            content: Option<&'a RawValue>,
        }
        let messages: Vec<Contents<'_>> = json::read(self.raw).unwrap_or_default();
        let content = messages.get(message).and_then(|message| message.content).map(RawValue::get);
        let mut content: Value = content.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        content.get_mut(at).map(Value::take).unwrap_or_default()
    }
}

/// What an empty string as the whole content is: a turn of the user's, or the absence of text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Kept,
    Dropped,
}

fn result(id: String, output: Vec<Part>) -> Part {
    PartKind::ToolResult { id, output, is_error: false }.into()
}

fn tool_call(call: Call<'_>) -> Result<ToolCall, JsonError> {
    let id = call.id.ok_or_else(|| JsonError::new("id", "is required"))?;
    let (bare, carried) = seal::split(&id);
    let signature = call.extra_content.and_then(|extra| extra.google?.thought_signature);
    let native = signature.map(|value| Seal { issuer: Issuer::Google, value, redacted: false });
    let done = match (call.function, call.custom) {
        (Some(function), _) => function_call(bare.to_owned(), function),
        (None, Some(Custom { name, input })) => {
            ToolCall { id: bare.to_owned(), name, input: ToolInput::Text(input.into()), seal: None }
        }
        (None, None) => return Err(JsonError::new("function", "is required")),
    };
    Ok(ToolCall { seal: native.or(carried), ..done })
}

fn function_call(id: String, function: Function<'_>) -> ToolCall {
    let text = match function.arguments {
        Some(TextOr::Text(text)) => text,
        Some(TextOr::Or(object)) => Cow::Owned(Value::Object(object).to_string()),
        None => Cow::Borrowed(""),
    };
    ToolCall { id, name: function.name, input: ToolInput::Json(arguments(&text)), seal: None }
}

/// `data:image/png;base64,…`, or the address of an image.
fn image(url: &str) -> Result<Media, JsonError> {
    if let Some((mime, data)) = data_url(url)? {
        let mime = if mime.is_empty() { "image/png" } else { mime };
        return Ok(Media { mime: mime.to_owned(), source: Source::Base64(data.to_owned()), name: None });
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(JsonError::new("url", "must be a data: or http(s): URL"));
    }
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let mime = match path.rsplit('.').next().map(str::to_ascii_lowercase).as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        // An image, of a kind only its server knows.
        _ => "image/*",
    };
    Ok(Media { mime: mime.to_owned(), source: Source::Url(url.to_owned()), name: None })
}

/// Type and base64 of a `data:` URL; `None` for other URLs.
fn data_url(url: &str) -> Result<Option<(&str, &str)>, JsonError> {
    let Some(rest) = url.strip_prefix("data:") else { return Ok(None) };
    let Some((head, data)) = rest.split_once(',') else {
        return Err(JsonError::new("url", "the data: URL has no comma"));
    };
    let Some(mime) = head.strip_suffix(";base64") else {
        return Err(JsonError::new("url", "the data: URL is not base64"));
    };
    Ok(Some((mime.split(';').next().unwrap_or_default(), data)))
}

fn audio(audio: &InputAudio<'_>) -> Media {
    // Some clients put a data: URL here; the format says what it is.
    let data = audio.data.split_once(";base64,").map_or(&*audio.data, |(_, data)| data);
    let mime = format!("audio/{}", &*audio.format);
    Media { mime, source: Source::Base64(data.to_owned()), name: None }
}

fn document(file: File<'_>) -> Result<Media, JsonError> {
    let guess = || match file.filename.as_deref().and_then(|name| name.rsplit_once('.')) {
        Some((_, "txt" | "md" | "log")) => "text/plain",
        Some((_, "csv")) => "text/csv",
        Some((_, "html")) => "text/html",
        Some((_, "json")) => "application/json",
        _ => "application/pdf",
    };
    let (mime, source) = match (&file.file_data, &file.file_id) {
        (Some(data), _) => match data_url(data).map_err(|error| JsonError::new("file_data", error.message))? {
            Some(("", data)) => (guess().to_owned(), Source::Base64(data.to_owned())),
            Some((mime, data)) => (mime.to_owned(), Source::Base64(data.to_owned())),
            None if data.starts_with("https://") || data.starts_with("http://") => {
                (guess().to_owned(), Source::Url(data.to_string()))
            }
            None => (guess().to_owned(), Source::Base64(data.to_string())),
        },
        (None, Some(id)) => (String::new(), Source::File { owner: Protocol::Chat, id: id.clone() }),
        (None, None) => return Err(JsonError::new("file_data", "is required")),
    };
    Ok(Media { mime, source, name: file.filename })
}
