//! Content blocks of a client's messages, as canonical parts.
//!
//! A block that is text in another dress (a text document, a search result, a reference to a tool) becomes text that
//! every protocol has, and keeps itself in its extras for Anthropic. A block of a kind we do not know is opaque.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::decode_request::kept;
use crate::ir::{Cache, Extras, Issuer, Media, Part, PartKind, Protocol, Seal, Source, ToolCall, ToolInput};
use crate::json::{self, Json, JsonError, Text, TextOr};
use crate::protocol::{media, seal};

/// The extras member that holds a block which went as text.
pub const BLOCK: &str = "block";

#[derive(Deserialize)]
pub struct CacheIn<'a> {
    #[serde(borrow)]
    ttl: Option<Text<'a>>,
}

impl CacheIn<'_> {
    pub fn mark(&self) -> Cache {
        if self.ttl.as_deref() == Some("1h") { Cache::Long } else { Cache::Short }
    }
}

#[derive(Deserialize)]
struct BlockIn<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    tool_name: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    is_error: Option<bool>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    title: Option<String>,
    cache_control: Option<CacheIn<'a>>,
    caller: Option<Value>,
    citations: Option<Value>,
    context: Option<Value>,
    toolset_name: Option<Value>,
    transformations: Option<Value>,
}

const KNOWN: [&str; 9] = [
    "text",
    "image",
    "document",
    "search_result",
    "tool_reference",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
];

/// A message's or a tool result's `content`.
pub fn parts(content: &RawValue) -> Result<Vec<Part>, JsonError> {
    match json::decode::<TextOr<'_, Vec<&RawValue>>>(content.get().as_bytes())? {
        TextOr::Text(text) if text.is_empty() => Ok(Vec::new()),
        TextOr::Text(text) => Ok(vec![Part::text(text)]),
        TextOr::Or(raws) => {
            let at = |(index, raw): (usize, _)| part(raw).map_err(|error| error.within(&format!("[{index}]")));
            raws.into_iter().enumerate().map(at).collect()
        }
    }
}

fn part(raw: &RawValue) -> Result<Part, JsonError> {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        cache_control: Option<CacheIn<'a>>,
    }
    let bytes = raw.get().as_bytes();
    match json::decode::<BlockIn<'_>>(bytes) {
        Ok(block) if KNOWN.contains(&&*block.kind) => known(raw, block),
        Err(error) => match json::decode::<Tag<'_>>(bytes) {
            Ok(tag) if !KNOWN.contains(&&*tag.kind) => opaque(raw, tag.cache_control),
            _ => Err(error),
        },
        Ok(block) => opaque(raw, block.cache_control),
    }
}

fn opaque(raw: &RawValue, cache: Option<CacheIn<'_>>) -> Result<Part, JsonError> {
    let value = Value::Object(bare(raw)?);
    let kind = PartKind::Opaque { owner: Protocol::Messages, value };
    Ok(Part { cache: cache.map(|cache| cache.mark()), ..kind.into() })
}

/// A block without its cache mark, which the part has.
fn bare(raw: &RawValue) -> Result<Map<String, Value>, JsonError> {
    let mut members: Map<String, Value> = json::decode(raw.get().as_bytes())?;
    members.shift_remove("cache_control");
    Ok(members)
}

fn known(raw: &RawValue, block: BlockIn<'_>) -> Result<Part, JsonError> {
    let missing = |member: &str| JsonError::new(member, "missing");
    let cache = block.cache_control.as_ref().map(CacheIn::mark);
    let (kind, extras) = match &*block.kind {
        "text" => {
            let text = block.text.ok_or_else(|| missing("text"))?;
            (PartKind::Text(text.into()), kept([("citations", block.citations)]))
        }
        "image" => {
            let source = block.source.ok_or_else(|| missing("source"))?;
            let media = image(source).map_err(|error| error.within("source"))?;
            (PartKind::Media(media), kept([("transformations", block.transformations)]))
        }
        "document" => document(raw, block)?,
        "search_result" => {
            let source: Text<'_> = decode(block.source.ok_or_else(|| missing("source"))?, "source")?;
            let found = parts(block.content.ok_or_else(|| missing("content"))?).map_err(|e| e.within("content"))?;
            let title = block.title.unwrap_or_default();
            let text = format!("{title}\n{}\n\n{}", &*source, texts(&found).unwrap_or_default().join("\n\n"));
            (PartKind::Text(text), itself(raw)?)
        }
        "tool_reference" => {
            let name = block.tool_name.ok_or_else(|| missing("tool_name"))?;
            (PartKind::Text(name.into()), itself(raw)?)
        }
        "thinking" => {
            let seal = block.signature.and_then(|signature| seal::untag(&signature, Issuer::Anthropic));
            let text = block.thinking.ok_or_else(|| missing("thinking"))?.into();
            (PartKind::Thinking { text, seal }, Extras::default())
        }
        "redacted_thinking" => {
            let data = block.data.ok_or_else(|| missing("data"))?;
            let seal = seal::untag(&data, Issuer::Anthropic).map(|seal| Seal { redacted: true, ..seal });
            (PartKind::Thinking { text: String::new(), seal }, Extras::default())
        }
        "tool_use" => {
            let id = block.id.ok_or_else(|| missing("id"))?;
            let (id, seal) = seal::split(&id);
            let name = block.name.ok_or_else(|| missing("name"))?.into();
            let input = block.input.map_or_else(Json::empty_object, Json::from);
            if !input.is_object() {
                return Err(JsonError::new("input", "not an object"));
            }
            let call = ToolCall { id: id.to_owned(), name, input: ToolInput::Json(input), seal };
            let extras = kept([("caller", block.caller), ("toolset_name", block.toolset_name)]);
            (PartKind::ToolCall(call), extras)
        }
        // "tool_result"
        _ => {
            let id = block.tool_use_id.ok_or_else(|| missing("tool_use_id"))?;
            let output = block.content.map_or(Ok(Vec::new()), parts).map_err(|error| error.within("content"))?;
            let (id, is_error) = (seal::split(&id).0.to_owned(), block.is_error == Some(true));
            (PartKind::ToolResult { id, output, is_error }, kept([("toolset_name", block.toolset_name)]))
        }
    };
    Ok(Part { kind, cache, extras })
}

fn decode<'a, T: Deserialize<'a>>(raw: &'a RawValue, member: &str) -> Result<T, JsonError> {
    json::decode(raw.get().as_bytes()).map_err(|error| error.within(member))
}

/// The block, for the extras of the text it went as.
fn itself(raw: &RawValue) -> Result<Extras, JsonError> {
    Ok(kept([(BLOCK, Some(Value::Object(bare(raw)?)))]))
}

/// The texts of parts that are nothing else.
fn texts(parts: &[Part]) -> Option<Vec<&str>> {
    parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

#[derive(Deserialize)]
struct SourceIn<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    media_type: Option<String>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    url: Option<String>,
    file_id: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

impl SourceIn<'_> {
    /// The three sources that images and documents share. `mime` is what is known of it without being told.
    fn media(self, mime: &str, name: Option<String>) -> Result<Media, JsonError> {
        let missing = |member: &str| JsonError::new(member, "missing");
        let told = self.media_type.filter(|told| !told.is_empty());
        let (mime, source) = match &*self.kind {
            "base64" => {
                let data = self.data.ok_or_else(|| missing("data"))?;
                (told.ok_or_else(|| missing("media_type"))?, Source::Base64(data.into()))
            }
            "url" => {
                let url = self.url.ok_or_else(|| missing("url"))?;
                match media::data_url(&url) {
                    Some((mime, data)) => (mime.to_owned(), Source::Base64(data.to_owned())),
                    None => (told.unwrap_or_else(|| mime.to_owned()), Source::Url(url)),
                }
            }
            "file" => {
                let id = self.file_id.ok_or_else(|| missing("file_id"))?;
                (told.unwrap_or_else(|| mime.to_owned()), Source::File { owner: Protocol::Messages, id })
            }
            other => return Err(JsonError::new("type", format!("unknown type `{other}`"))),
        };
        Ok(Media { mime, source, name })
    }
}

fn image(source: &RawValue) -> Result<Media, JsonError> {
    json::decode::<SourceIn<'_>>(source.get().as_bytes())?.media("image/*", None)
}

fn document(raw: &RawValue, block: BlockIn<'_>) -> Result<(PartKind, Extras), JsonError> {
    let source = block.source.ok_or_else(|| JsonError::new("source", "missing"))?;
    let source: SourceIn<'_> = decode(source, "source")?;
    let missing = |member: &str| JsonError::new(member, "missing").within("source");
    match &*source.kind {
        "text" => {
            let text = source.data.ok_or_else(|| missing("data"))?;
            Ok((PartKind::Text(text.into()), itself(raw)?))
        }
        "content" => {
            let content = source.content.ok_or_else(|| missing("content"))?;
            let inner = parts(content).map_err(|error| error.within("content").within("source"))?;
            match texts(&inner) {
                Some(texts) => Ok((PartKind::Text(texts.join("\n\n")), itself(raw)?)),
                None => Ok((opaque(raw, None)?.kind, Extras::default())),
            }
        }
        _ => {
            let extras = kept([("citations", block.citations), ("context", block.context)]);
            let media = source.media("application/pdf", block.title).map_err(|error| error.within("source"))?;
            Ok((PartKind::Media(media), extras))
        }
    }
}
