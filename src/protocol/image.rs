//! Images on request: OpenAI's endpoint, and Gemini's models that draw.
//! <https://platform.openai.com/docs/api-reference/images/create>
//!
//! Toward Gemini, **hints** become what it has: `size` an aspect ratio and, from 2048 pixels up, a size class; `quality`,
//! `style`, `background`, `moderation`, `output_format`, `output_compression` and `user` are dropped. It draws one picture at a
//! time, so that `n` of them are as many requests, and all or none. **Refused**: `n` above 10, a `mask`, `stream`, edits
//! that are no form. A picture has no address of its own here: `response_format: url` gets a `data:` URL.

use serde::Deserialize;
use serde_json::json;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::call::{Call, Operation};
use crate::fault::Failure;
use crate::form;
use crate::ir::Protocol;
use crate::ir::event::Usage;
use crate::json::{Array, Body, Count, Object, decode};
use crate::protocol::StreamError;
use crate::upstream::Target;

/// The request of `call` as Gemini has it. OpenAI's own is never composed: no other client asks for images.
pub fn request(call: &Call, _: Protocol, _: &str) -> Result<Vec<u8>, Failure> {
    let form = form(call);
    let is_form = form.is_some();
    let (body, pictures) = match form {
        Some(form) => form?,
        None => (call.body.clone(), Vec::new()),
    };
    if call.endpoint.operation == Operation::Redraw {
        if !is_form {
            return Err(Failure::invalid("", "the provider of this model takes the images as a form"));
        }
        if pictures.is_empty() {
            return Err(Failure::invalid("image", "is required"));
        }
    }
    let prompt = body.get::<String>("prompt")?.filter(|prompt| !prompt.is_empty());
    let prompt = prompt.ok_or_else(|| Failure::invalid("prompt", "is required"))?;
    if !matches!(body.get::<String>("response_format")?.as_deref(), None | Some("b64_json" | "url")) {
        return Err(Failure::invalid("response_format", "expected b64_json or url"));
    }
    let mut config = json!({"responseModalities": ["TEXT", "IMAGE"]});
    if let Some((width, height)) = body.get::<String>("size")?.as_deref().and_then(pixels) {
        let class = match width.max(height) {
            0..2048 => None,
            2048..4096 => Some("2K"),
            _ => Some("4K"),
        };
        let mut image = json!({"aspectRatio": ratio(width, height)});
        if let (Some(class), Some(image)) = (class, image.as_object_mut()) {
            image.insert("imageSize".to_owned(), class.into());
        }
        if let Some(config) = config.as_object_mut() {
            config.insert("imageConfig".to_owned(), image);
        }
    }
    let pictures = pictures.into_iter().map(|(mime, data)| json!({"inlineData": {"mimeType": mime, "data": data}}));
    let parts: Vec<_> = std::iter::once(json!({"text": prompt})).chain(pictures).collect();
    let request = json!({"contents": [{"role": "user", "parts": parts}], "generationConfig": config});
    Ok(request.to_string().into_bytes())
}

/// How many requests it takes to have all pictures that `call` asks for.
pub fn copies(call: &Call, wire: Protocol) -> Result<u32, Failure> {
    if wire == call.protocol() {
        return Ok(1);
    }
    let wanted = match form(call) {
        Some(form) => form?.0.get::<u32>("n")?,
        None => call.body.get::<u32>("n")?,
    };
    match wanted {
        None => Ok(1),
        Some(count @ 1..=10) => Ok(count),
        Some(_) => Err(Failure::invalid("n", "expected a number from 1 to 10")),
    }
}

/// A form's members as if they had come as JSON, and its pictures in base64.
type Form = (Body, Vec<(String, String)>);

fn form(call: &Call) -> Option<Result<Form, Failure>> {
    let (_, kind) = call.headers.iter().find(|(name, _)| *name == "content-type")?;
    Some(read_form(call, form::fields(kind, call.body.bytes()).unwrap_or_default()))
}

fn read_form(call: &Call, fields: Vec<form::Field>) -> Result<Form, Failure> {
    let (mut members, mut pictures) = (serde_json::Map::new(), Vec::new());
    for form::Field { name, mime, span } in fields {
        let bytes = call.body.at(&span);
        match name.as_str() {
            "image" | "image[]" => {
                pictures.push((mime.unwrap_or_else(|| "image/png".to_owned()), STANDARD.encode(bytes)))
            }
            "mask" => return Err(Failure::unsupported("mask", "the provider of this model takes none")),
            _ => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let number = text.parse::<u64>().ok().filter(|_| name == "n");
                members.insert(name, number.map_or_else(|| text.into(), Into::into));
            }
        }
    }
    let body = Body::parse(serde_json::Value::Object(members).to_string().into())?;
    Ok((body, pictures))
}

/// The form for a provider that takes it as it is, under its own name for the model.
pub fn relayed_form(call: &Call, target: &Target) -> Option<Bytes> {
    let (_, kind) = call.headers.iter().find(|(name, _)| *name == "content-type")?;
    if target.upstream.speaks(Protocol::Chat, target).protocol() != Protocol::Chat {
        return None;
    }
    let whole = call.body.bytes();
    let fields = form::fields(kind, whole)?;
    match fields.iter().find(|field| field.name == "model").filter(|_| target.model != call.model) {
        None => Some(whole.clone()),
        Some(field) => {
            let (before, after) = (whole.get(..field.span.start)?, whole.get(field.span.end..)?);
            Some([before, target.model.as_bytes(), after].concat().into())
        }
    }
}

/// `1024x1536`; `auto` is no size.
fn pixels(size: &str) -> Option<(u32, u32)> {
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?)).filter(|(width, height)| *width > 0 && *height > 0)
}

/// The nearest of the ratios Gemini draws in.
fn ratio(width: u32, height: u32) -> &'static str {
    const RATIOS: [(&str, f64); 10] = [
        ("1:1", 1.0),
        ("2:3", 2.0 / 3.0),
        ("3:2", 1.5),
        ("3:4", 0.75),
        ("4:3", 4.0 / 3.0),
        ("4:5", 0.8),
        ("5:4", 1.25),
        ("9:16", 9.0 / 16.0),
        ("16:9", 16.0 / 9.0),
        ("21:9", 21.0 / 9.0),
    ];
    let wanted = (f64::from(width) / f64::from(height)).ln();
    let distance = |ratio: f64| (ratio.ln() - wanted).abs();
    RATIOS.iter().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1))).map_or("1:1", |(name, _)| name)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Drawn {
    #[serde(default)]
    candidates: Vec<Candidate>,
    usage_metadata: Option<UsageMetadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<WirePart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePart {
    text: Option<String>,
    inline_data: Option<Blob>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    mime_type: String,
    data: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct UsageMetadata {
    prompt_token_count: Option<Count>,
    candidates_token_count: Option<Count>,
}

/// The client's body from the provider's.
pub fn answer(call: &Call, wire: Protocol, body: &[u8]) -> Result<(Vec<u8>, Usage), StreamError> {
    if wire == call.protocol() {
        return Ok((body.to_vec(), relayed(body)?));
    }
    let several = body.trim_ascii_start().starts_with(b"[");
    let drawn: Result<Vec<Drawn>, _> = if several { decode(body) } else { decode(body).map(|one| vec![one]) };
    let drawn = drawn.map_err(|error| StreamError::Malformed(error.to_string()))?;
    if let Some(nothing) = drawn.iter().find(|one| blobs(one).next().is_none()) {
        return Err(undrawn(nothing));
    }
    let told = || drawn.iter().filter_map(|one| one.usage_metadata.as_ref());
    let count = |count: Option<Count>| count.map_or(0, |count| count.0);
    let input: u64 = told().map(|told| count(told.prompt_token_count)).sum();
    let output: u64 = told().map(|told| count(told.candidates_token_count)).sum();
    let as_url = call.body.get::<String>("response_format").ok().flatten().as_deref() == Some("url");
    let mut out = Vec::with_capacity(body.len());
    let mut object = Object::begin(&mut out);
    object.u64("created", call.created);
    let mut data = Array::begin(object.key("data"));
    for Blob { mime_type, data: base64 } in drawn.iter().flat_map(blobs) {
        let mut item = Object::begin(data.item());
        if as_url {
            item.str("url", &format!("data:{mime_type};base64,{base64}"));
        } else {
            item.str("b64_json", base64);
        }
        item.end();
    }
    data.end();
    object.value(
        "usage",
        &json!({"input_tokens": input, "input_tokens_details": {"text_tokens": input, "image_tokens": 0},
            "output_tokens": output, "total_tokens": input + output}),
    );
    object.end();
    Ok((out, Usage { input, output, ..Usage::default() }))
}

/// The pictures of one answer.
fn blobs(drawn: &Drawn) -> impl Iterator<Item = &Blob> {
    let content = drawn.candidates.first().and_then(|candidate| candidate.content.as_ref());
    let parts = content.map(|content| content.parts.as_slice()).unwrap_or_default();
    parts.iter().filter(|part| !part.thought).filter_map(|part| part.inline_data.as_ref())
}

/// Why there is no image: the model's own words, if it said any.
fn undrawn(drawn: &Drawn) -> StreamError {
    let first = drawn.candidates.first();
    let parts = first.and_then(|candidate| candidate.content.as_ref()).map(|content| content.parts.as_slice());
    let said: String = parts.unwrap_or_default().iter().filter_map(|part| part.text.as_deref()).collect();
    let reason = first.and_then(|candidate| candidate.finish_reason.as_deref()).unwrap_or("no candidate");
    let message = if said.is_empty() { format!("the model drew nothing: {reason}") } else { said };
    StreamError::Refused { status: 400, body: json!({"error": {"message": message}}).to_string().into_bytes() }
}

fn relayed(body: &[u8]) -> Result<Usage, StreamError> {
    #[derive(Deserialize)]
    struct Told {
        usage: Option<ImagesUsage>,
        data: Option<Vec<serde::de::IgnoredAny>>,
    }
    #[derive(Deserialize)]
    struct ImagesUsage {
        input_tokens: Option<Count>,
        output_tokens: Option<Count>,
    }
    let told: Told = decode(body).map_err(|error| StreamError::Malformed(error.to_string()))?;
    if told.data.is_none() {
        return Err(StreamError::Refused { status: 502, body: body.to_vec() });
    }
    let count = |count: Option<Count>| count.map_or(0, |count| count.0);
    let usage = told.usage.map(|usage| (count(usage.input_tokens), count(usage.output_tokens))).unwrap_or_default();
    Ok(Usage { input: usage.0, output: usage.1, ..Usage::default() })
}
