//! OpenAI Chat Completions. <https://platform.openai.com/docs/api-reference/chat>
//!
//! ```text
//! request   messages: (system | developer | user | assistant | tool)+
//! stream    chunk* finish_reason usage? [DONE]         one choice; blocks have no marks of their own
//! ```

mod calls;
mod chunk;
mod completions;
mod decode;
mod decode_messages;
mod decode_request;
mod encode;
mod encode_messages;
mod encode_request;
mod inspect;
mod reasoning;
mod refusal;
mod usage;

use super::{Decode, Echo, Encode, Inbound, Inspect, Outbound, Pass, Report, StreamError, tools};
use crate::call::{Call, Operation};
use crate::fault::Failure;
use crate::ir::event::{Completion, Sink};
use crate::ir::{Protocol, Request};

/// The codec, with the spelling of the provider it talks to.
pub struct Chat {
    pub dialect: Dialect,
}

/// Where OpenAI-compatible providers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// `max_completion_tokens` instead of `max_tokens`.
    pub max_completion_tokens: bool,
    pub developer_role: bool,
    /// Takes `stream_options.include_usage`.
    pub stream_usage: bool,
    pub reasoning: ReasoningStyle,
}

/// How a provider is told how hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningStyle {
    /// `reasoning_effort`.
    Effort,
    /// `reasoning: {effort | max_tokens | enabled}` (OpenRouter).
    Object,
    /// `thinking: {type: enabled | disabled}` (DeepSeek, Zhipu, Moonshot …).
    Thinking,
    /// `enable_thinking` and `thinking_budget` (DashScope, SiliconFlow, ModelScope).
    EnableThinking,
    /// `chat_template_kwargs: {enable_thinking}` (iFlow).
    Template,
    Unsupported,
}

impl Chat {
    pub const OPENAI: Self = Self {
        dialect: Dialect {
            max_completion_tokens: true,
            developer_role: true,
            stream_usage: true,
            reasoning: ReasoningStyle::Effort,
        },
    };
}

/// Whether the client asked for the chunk with the usage. Providers are asked for it always.
pub fn wants_usage(call: &Call) -> bool {
    #[derive(serde::Deserialize)]
    struct Options {
        include_usage: Option<bool>,
    }
    let options = call.body.get::<Options>("stream_options").ok().flatten();
    options.is_some_and(|options| options.include_usage == Some(true))
}

impl Inbound for Chat {
    fn decode_request(&self, call: &Call) -> Result<Request, Failure> {
        match call.endpoint.operation {
            Operation::Complete => completions::decode_request(call),
            _ => decode_request::decode_request(call),
        }
    }
    fn encode_response(&self, done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
        match echo.call.endpoint.operation {
            Operation::Complete => completions::encode_response(done, echo, out),
            _ => encode::encode_response(done, echo, out),
        }
    }
    fn encoder(&self, echo: &Echo<'_>) -> Box<dyn Encode> {
        match echo.call.endpoint.operation {
            Operation::Complete => Box::new(completions::Encoder::new(echo)),
            _ => Box::new(encode::Encoder::new(echo)),
        }
    }
    fn encode_failure(&self, failure: &Failure) -> Vec<u8> {
        encode::encode_failure(failure)
    }
    fn failure_frame(&self, failure: &Failure, out: &mut Vec<u8>) {
        encode::failure_frame(failure, out);
    }
    fn keep_alive(&self, _: &Call) -> &'static [u8] {
        b": keep-alive\n\n"
    }
}

impl Outbound for Chat {
    fn protocol(&self) -> Protocol {
        Protocol::Chat
    }
    fn tool_rules(&self) -> tools::Rules {
        tools::Rules {
            name_limit: 64,
            allowed: |c| c.is_ascii_alphanumeric() || c == '_' || c == '-',
            letter_first: false,
            // OpenAI has them for some models; as functions they work everywhere.
            freeform: false,
        }
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        encode_request::encode_request(self.dialect, request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(decode::Decoder::default())
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        decode::decode_response(body, sink)
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        Box::new(inspect::Inspector::default())
    }
    fn inspect_response<'a>(&self, body: &'a [u8], report: &mut Report) -> Result<Pass<'a>, StreamError> {
        inspect::inspect_response(body, report)?;
        Ok(Pass::Keep)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        super::any_error_message(body)
    }
}
