//! OpenAI Chat Completions. <https://platform.openai.com/docs/api-reference/chat>

use super::{Decode, Echo, Encode, Inbound, Inspect, Outbound, Report, StreamError, tools};
use crate::call::Call;
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

impl Inbound for Chat {
    fn decode_request(&self, _: &Call) -> Result<Request, Failure> {
        Err(Failure::unsupported("model", "this protocol is not translated yet"))
    }
    fn encode_response(&self, _: &Completion, _: &Echo<'_>, _: &mut Vec<u8>) {}
    fn encoder(&self, _: &Echo<'_>) -> Box<dyn Encode> {
        todo!()
    }
    fn encode_failure(&self, failure: &Failure) -> Vec<u8> {
        serde_json::json!({"error": {"message": failure.message}}).to_string().into_bytes()
    }
    fn failure_frame(&self, _: &Failure, _: &mut Vec<u8>) {}
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
            freeform: false,
        }
    }
    fn encode_request(&self, _: &Request) -> Result<Vec<u8>, Failure> {
        Err(Failure::unsupported("model", "this protocol is not translated yet"))
    }
    fn decoder(&self) -> Box<dyn Decode> {
        todo!()
    }
    fn decode_response(&self, _: &[u8], _: &mut dyn Sink) -> Result<(), StreamError> {
        Ok(())
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        todo!()
    }
    fn inspect_response(&self, _: &[u8], _: &mut Report) -> Result<(), StreamError> {
        Ok(())
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        super::any_error_message(body)
    }
}
