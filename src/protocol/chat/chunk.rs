//! What providers send: a chunk of a stream, or a whole answer, which differ in one name.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::usage::WireUsage;
use crate::json::{Few, Text, TextOr};

#[derive(Deserialize)]
pub struct Chunk<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub model: Option<Text<'a>>,
    #[serde(borrow)]
    pub choices: Option<Few<Choice<'a>>>,
    pub usage: Option<WireUsage>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
    /// Relays report failure in words of their own, without an answer.
    pub message: Option<IgnoredAny>,
    pub msg: Option<IgnoredAny>,
    pub detail: Option<IgnoredAny>,
    /// MiniMax reports failure beside an empty answer.
    pub base_resp: Option<BaseResponse>,
}

#[derive(Deserialize)]
pub struct BaseResponse {
    pub status_code: Option<i64>,
}

#[derive(Deserialize)]
pub struct Choice<'a> {
    pub index: Option<u32>,
    /// In a stream.
    #[serde(borrow)]
    pub delta: Option<Message<'a>>,
    /// In a whole answer.
    #[serde(borrow)]
    pub message: Option<Message<'a>>,
    /// Of a completion of a bare prompt.
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub finish_reason: Option<Text<'a>>,
    /// Moonshot puts it here.
    pub usage: Option<WireUsage>,
}

#[derive(Deserialize)]
pub struct Message<'a> {
    #[serde(borrow)]
    pub content: Option<TextOr<'a, Vec<ContentPart<'a>>>>,
    #[serde(borrow)]
    pub refusal: Option<Text<'a>>,
    #[serde(borrow)]
    pub reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    pub reasoning: Option<TextOr<'a, IgnoredAny>>,
    #[serde(borrow)]
    pub reasoning_details: Option<Vec<ReasoningDetail<'a>>>,
    #[serde(borrow)]
    pub tool_calls: Option<Few<ToolCall<'a>>>,
    #[serde(borrow)]
    pub function_call: Option<Function<'a>>,
    #[serde(borrow)]
    pub images: Option<Vec<Image<'a>>>,
}

/// Mistral streams its reasoning as parts of the content.
#[derive(Deserialize)]
pub struct ContentPart<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<TextOr<'a, Vec<ThinkingText<'a>>>>,
}

#[derive(Deserialize)]
pub struct ThinkingText<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub struct ReasoningDetail<'a> {
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub summary: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub struct ToolCall<'a> {
    pub index: Option<u32>,
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub function: Option<Function<'a>>,
    #[serde(borrow)]
    pub custom: Option<Custom<'a>>,
}

#[derive(Deserialize)]
pub struct Function<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// A string; some providers of whole answers forget to quote it.
    #[serde(borrow)]
    pub arguments: Option<TextOr<'a, Map<String, Value>>>,
}

#[derive(Deserialize)]
pub struct Custom<'a> {
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub input: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub struct Image<'a> {
    #[serde(borrow)]
    pub image_url: Option<TextOr<'a, ImageUrl<'a>>>,
}

#[derive(Deserialize)]
pub struct ImageUrl<'a> {
    #[serde(borrow)]
    pub url: Text<'a>,
}

impl Chunk<'_> {
    /// Whether the provider says that it failed.
    pub fn failed(&self) -> bool {
        // A few always send the member, empty.
        let error = self.error.is_some_and(|error| !matches!(error.get(), "{}" | "\"\"" | "false"));
        let explained = self.message.is_some() || self.msg.is_some() || self.detail.is_some();
        let code = self.base_resp.as_ref().and_then(|base| base.status_code);
        error || code.is_some_and(|code| code != 0) || explained && self.choices.is_none() && self.usage.is_none()
    }
}
