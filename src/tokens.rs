//! How many tokens a prompt may have, where nobody can be asked. An estimate, and never 0.
//!
//! No tokenizer fits every model, and its table would be larger than this program. Runs of characters of one kind,
//! though, cost about the same with all of them. Hundredths of a token for the first character of a run, and for each
//! that follows it:
//!
//! | characters | first | more |
//! |---|---|---|
//! | small letters | 80, behind a capital 0 | 7 |
//! | capitals | 80 | 85 |
//! | digits | 105 | 38 |
//! | other visible ASCII | 72 | 22 |
//! | tabs, ends of lines | 25 | 0 |
//! | blanks | 0 | 0 |
//! | accented Latin | 110 | 110 |
//! | other alphabets: Greek, Cyrillic, Hebrew, Arabic … | 43 | 43 |
//! | Indic and Southeast Asian | 52 | 52 |
//! | from U+1100 up: Hangul, kana, Han, symbols | 84 | 84 |
//!
//! `docs/TOKENS.md` has how far off that is. Between an older vocabulary and a newer one it had to choose: texts in
//! other scripts cost half as much with the newer.
//!
//! A turn costs 4 tokens, a tool 12, beside their text; a picture or a document what its protocol says of an ordinary
//! one. Base64 is never counted as text.

use serde::Deserialize;

use crate::call::{Call, Operation};
use crate::catalogue;
use crate::fault::Failure;
use crate::ir::event::Usage;
use crate::ir::{Media, Part, PartKind, Protocol, Request, ToolInput, ToolKind};
use crate::json::{Count, Json};
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
        Protocol::Chat | Protocol::Responses | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => 765,
    };
    if media.is_image() { image } else { image + 1_500 }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Small,
    Capital,
    Digit,
    Sign,
    Line,
    Blank,
    Accented,
    Alphabet,
    Indic,
    Wide,
}

impl Sort {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' => Self::Small,
            'A'..='Z' => Self::Capital,
            '0'..='9' => Self::Digit,
            ' ' => Self::Blank,
            '!'..='~' => Self::Sign,
            '\0'..='\x7f' => Self::Line,
            '\u{80}'..='\u{24f}' => Self::Accented,
            '\u{250}'..='\u{8ff}' => Self::Alphabet,
            '\u{900}'..='\u{10ff}' => Self::Indic,
            _ => Self::Wide,
        }
    }

    /// Hundredths of a token behind a character of the sort `before`.
    fn cost(self, before: Self) -> u64 {
        match (self, before) {
            (Self::Small, Self::Small | Self::Accented) => 7,
            (Self::Small, Self::Capital) | (Self::Line, Self::Line) | (Self::Blank, _) => 0,
            (Self::Capital, Self::Capital) => 85,
            (Self::Digit, Self::Digit) => 38,
            (Self::Sign, Self::Sign) => 22,
            (Self::Small | Self::Capital, _) => 80,
            (Self::Digit, _) => 105,
            (Self::Sign, _) => 72,
            (Self::Line, _) => 25,
            (Self::Accented, _) => 110,
            (Self::Alphabet, _) => 43,
            (Self::Indic, _) => 52,
            (Self::Wide, _) => 84,
        }
    }
}

pub fn of_text(text: &str) -> u64 {
    let mut before = Sort::Blank;
    let mut hundredths = 0;
    for sort in text.chars().map(Sort::of) {
        hundredths += sort.cost(before);
        before = sort;
    }
    ((hundredths + 50) / 100).max(u64::from(hundredths > 0))
}

/// What a call can use at most, as far as can be said before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    pub input: u64,
    pub output: u64,
}

/// An answer whose length nobody limits. Longer ones are rare, and money held for nothing is somebody else's.
const UNSAID: u64 = 16_384;

/// Told from the size of the body, not from its text: the call has not been allowed yet.
pub fn bounds(call: &Call) -> Bounds {
    let known = catalogue::find(&call.model);
    // Three bytes are a token of Chinese; of English, four are.
    let bytes = u64::try_from(call.body.bytes().len()).unwrap_or(u64::MAX).div_ceil(3);
    let input = known.map_or(bytes, |model| bytes.min(model.context));
    let output = match call.endpoint.operation {
        Operation::Embed | Operation::EmbedOne | Operation::CountTokens => 0,
        Operation::Generate | Operation::Complete | Operation::Draw | Operation::Redraw | Operation::Raw => {
            let most = known.and_then(|model| model.output);
            match said(call) {
                Some(said) => most.map_or(said, |most| said.min(most)),
                None => most.unwrap_or(UNSAID).min(UNSAID),
            }
        }
    };
    let answers = call.body.get::<Count>("n").ok().flatten().map_or(1, |n| n.0.clamp(1, 128));
    Bounds { input, output: output.saturating_mul(answers) }
}

/// The length that the client allows its answer.
fn said(call: &Call) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Within {
        max_output_tokens: Option<Count>,
        #[serde(rename = "num_predict")]
        num_predict: Option<i64>,
    }
    let body = &call.body;
    let named = ["max_completion_tokens", "max_tokens", "max_output_tokens"].iter();
    let mut named = named.filter_map(|name| body.get::<Count>(name).ok().flatten()).map(|count| count.0);
    let within = |name| body.get::<Within>(name).ok().flatten();
    named
        .next()
        .or_else(|| within("generationConfig").and_then(|config| config.max_output_tokens).map(|count| count.0))
        .or_else(|| within("options").and_then(|options| u64::try_from(options.num_predict?).ok()))
}

/// What a call used whose provider did not say: the prompt as it was estimated, and about a token of the answer for
/// every frame of a stream, which is some 200 bytes.
pub fn told(usage: &Usage, input: u64, bytes: u64) -> Usage {
    let mut usage = *usage;
    if usage.prompt() == 0 {
        usage.input = input;
    }
    if usage.completion() < bytes / 200 {
        usage.output = (bytes / 200).saturating_sub(usage.reasoning);
    }
    usage
}

/// A body whose text is most of it.
pub fn of_json(body: &[u8]) -> u64 {
    of_text(&String::from_utf8_lossy(body)).max(1)
}
