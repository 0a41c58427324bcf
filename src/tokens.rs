//! How many tokens a prompt may have, where nobody can be asked. An estimate, and never 0.
//!
//! No tokenizer fits every model, and its table would be larger than this program. A script, though, costs about the
//! same with all of them. Quarters of a token for each character:
//!
//! | characters | quarters |
//! |---|---|
//! | ASCII | 1 |
//! | other alphabets: Greek, Cyrillic, Hebrew, Arabic, accented Latin … | 2 |
//! | from U+0900 up: Indic, Hangul, kana, Han, symbols | 4 |
//!
//! A turn costs 4 tokens, a tool 12, beside their text; a picture or a document what its protocol says of an ordinary
//! one. Base64 is never counted as text.

use crate::call::Call;
use crate::fault::Failure;
use crate::ir::{Media, Part, PartKind, Protocol, Request, ToolInput, ToolKind};
use crate::json::Json;
use crate::protocol::inbound;

const TURN: u64 = 4;
const TOOL: u64 = 12;

/// The answer to a request for a count, in the client's own shape.
pub fn answer(call: &Call) -> Result<Vec<u8>, Failure> {
    let tokens = estimate(&inbound(call.protocol()).decode_request(call)?, call.protocol());
    let name = if call.protocol() == Protocol::Gemini { "totalTokens" } else { "input_tokens" };
    Ok(serde_json::json!({ name: tokens }).to_string().into_bytes())
}

/// What `request` would be as a prompt.
pub fn estimate(request: &Request, protocol: Protocol) -> u64 {
    let parts = |list: &[Part]| list.iter().map(|part| of_part(part, protocol)).sum::<u64>();
    let turns: u64 = request.turns.iter().map(|turn| TURN + parts(&turn.parts)).sum();
    let tools: u64 = request
        .tools
        .iter()
        .map(|tool| {
            let schema = match &tool.kind {
                ToolKind::Function { schema, .. } => of_text(schema.get()),
                ToolKind::Custom { format } => format.as_ref().map_or(0, |format| of_text(Json::of(format).get())),
                ToolKind::Opaque { value, .. } => of_text(Json::of(value).get()),
            };
            TOOL + of_text(&tool.name) + of_text(tool.description.as_deref().unwrap_or_default()) + schema
        })
        .sum();
    (parts(&request.system) + turns + tools).max(1)
}

fn of_part(part: &Part, protocol: Protocol) -> u64 {
    match &part.kind {
        PartKind::Text(text) | PartKind::Thinking { text, .. } => of_text(text),
        PartKind::Media(media) => of_media(media, protocol),
        PartKind::ToolCall(call) => {
            let input = match &call.input {
                ToolInput::Json(json) => json.get(),
                ToolInput::Text(text) => text,
            };
            TURN + of_text(&call.name) + of_text(input)
        }
        PartKind::ToolResult { output, .. } => TURN + output.iter().map(|part| of_part(part, protocol)).sum::<u64>(),
        PartKind::Opaque { value, .. } => of_text(Json::of(value).get()),
    }
}

/// Anthropic scales pictures to about 1600 tokens, Gemini cuts them into tiles of 258, OpenAI's common size is 765. A
/// page of a document is a picture and its text.
fn of_media(media: &Media, protocol: Protocol) -> u64 {
    let image = match protocol {
        Protocol::Messages => 1_600,
        Protocol::Gemini => 258,
        Protocol::Chat | Protocol::Responses | Protocol::Ollama => 765,
    };
    if media.is_image() { image } else { image + 1_500 }
}

fn of_text(text: &str) -> u64 {
    let quarters: u64 = text
        .chars()
        .map(|c| match c {
            '\0'..='\x7f' => 1,
            '\u{80}'..='\u{8ff}' => 2,
            _ => 4,
        })
        .sum();
    quarters.div_ceil(4)
}

/// A body whose text is most of it.
pub fn of_json(body: &[u8]) -> u64 {
    of_text(&String::from_utf8_lossy(body)).max(1)
}
