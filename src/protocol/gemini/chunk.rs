//! A provider's chunk, read without copying: each one is a whole `GenerateContentResponse`.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::ir::event::Usage;
use crate::json::{self, Count, Few, Text};
use crate::protocol::StreamError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chunk<'a> {
    #[serde(borrow)]
    candidates: Option<Few<Candidate<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<Feedback<'a>>,
    pub usage_metadata: Option<Metadata>,
    #[serde(borrow)]
    pub model_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub response_id: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate<'a> {
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    pub index: Option<u32>,
}

#[derive(Deserialize)]
pub struct Content<'a> {
    /// Read part by part, without a list of them.
    #[serde(borrow)]
    pub parts: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow)]
    block_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WirePart<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    pub thought: Option<bool>,
    #[serde(borrow)]
    pub thought_signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub function_call: Option<FunctionCall<'a>>,
    #[serde(borrow)]
    pub inline_data: Option<Blob<'a>>,
    #[serde(borrow)]
    pub executable_code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub code_execution_result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tool_call: Option<&'a RawValue>,
    #[serde(borrow)]
    pub tool_response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub struct FunctionCall<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blob<'a> {
    #[serde(borrow)]
    pub mime_type: Text<'a>,
    #[serde(borrow)]
    pub data: Text<'a>,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    prompt_token_count: Option<Count>,
    tool_use_prompt_token_count: Option<Count>,
    cached_content_token_count: Option<Count>,
    candidates_token_count: Option<Count>,
    thoughts_token_count: Option<Count>,
}

impl Candidate<'_> {
    /// The reason, if one was really given.
    pub fn finish(&self) -> Option<&str> {
        let word: &str = self.finish_reason.as_deref()?;
        (!matches!(word, "" | "FINISH_REASON_UNSPECIFIED")).then_some(word)
    }
}

impl<'a> Chunk<'a> {
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate<'a>> {
        self.candidates.iter().flat_map(|few| few.first.iter().chain(&few.rest))
    }

    /// Why there is no answer at all.
    pub fn blocked(&self) -> bool {
        let reason = self.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason.as_deref());
        reason.is_some_and(|reason: &str| !reason.is_empty())
    }

    /// An error inside a 200, with the status it would have been.
    pub fn refusal(&self, whole: &[u8]) -> Option<StreamError> {
        #[derive(Deserialize)]
        struct Error<'a> {
            code: Option<u16>,
            #[serde(borrow)]
            status: Option<Text<'a>>,
        }
        let error = self.error.filter(|raw| raw.get() != "null")?;
        let error = serde_json::from_str::<Error<'_>>(error.get()).unwrap_or(Error { code: None, status: None });
        let status = error.code.filter(|code| (400..600).contains(code)).unwrap_or(match error.status.as_deref() {
            Some("INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE") => 400,
            Some("UNAUTHENTICATED") => 401,
            Some("PERMISSION_DENIED") => 403,
            Some("NOT_FOUND") => 404,
            Some("RESOURCE_EXHAUSTED") => 429,
            Some("UNAVAILABLE") => 503,
            Some("DEADLINE_EXCEEDED") => 504,
            _ => 500,
        });
        Some(StreamError::Refused { status, body: whole.to_vec() })
    }
}

impl Metadata {
    /// Cumulative: what this chunk says replaces what earlier ones said, what it leaves out stays.
    pub fn onto(self, seen: &mut Metadata) -> Usage {
        let keep = |new: Option<Count>, old: &mut Option<Count>| *old = new.or(*old);
        keep(self.prompt_token_count, &mut seen.prompt_token_count);
        keep(self.tool_use_prompt_token_count, &mut seen.tool_use_prompt_token_count);
        keep(self.cached_content_token_count, &mut seen.cached_content_token_count);
        keep(self.candidates_token_count, &mut seen.candidates_token_count);
        keep(self.thoughts_token_count, &mut seen.thoughts_token_count);
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let cached = count(seen.cached_content_token_count);
        let prompt = count(seen.prompt_token_count).saturating_add(count(seen.tool_use_prompt_token_count));
        Usage {
            input: prompt.saturating_sub(cached),
            cache_read: cached,
            output: count(seen.candidates_token_count),
            reasoning: count(seen.thoughts_token_count),
            ..Usage::default()
        }
    }
}

/// What a body holds: one chunk, or an array of them where a proxy forgot `alt=sse`.
pub fn each_chunk(
    json: &[u8],
    mut on: impl FnMut(Chunk<'_>, &[u8]) -> Result<(), StreamError>,
) -> Result<(), StreamError> {
    let json = json.trim_ascii();
    if json.is_empty() || json == b"[DONE]" {
        return Ok(());
    }
    if json.starts_with(b"[") {
        let elements: Vec<&RawValue> = json::read(json).map_err(|error| malformed(&error))?;
        for element in elements {
            on(parse(element.get().as_bytes())?, element.get().as_bytes())?;
        }
        return Ok(());
    }
    on(parse(json)?, json)
}

fn parse(json: &[u8]) -> Result<Chunk<'_>, StreamError> {
    json::read(json).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> StreamError {
    StreamError::Malformed(format!("GenerateContentResponse: {error}"))
}

/// Calls `on` with each part of a list of parts; no list is built.
pub fn each_part(parts: &RawValue, on: impl FnMut(WirePart<'_>)) -> Result<(), StreamError> {
    struct Each<F>(F);
    impl<'de, F: FnMut(WirePart<'de>)> Visitor<'de> for Each<F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of parts")
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
        fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
            while let Some(part) = seq.next_element::<WirePart<'de>>()? {
                (self.0)(part);
            }
            Ok(())
        }
    }
    impl<'de, F: FnMut(WirePart<'de>)> DeserializeSeed<'de> for Each<F> {
        type Value = ();
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_any(self)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(parts.get());
    Each(on)
        .deserialize(&mut deserializer)
        .map_err(|error| StreamError::Malformed(format!("candidates[0].content.parts: {error}")))
}
