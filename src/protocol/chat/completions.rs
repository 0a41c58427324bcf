//! OpenAI's legacy Completions, client-facing: a bare prompt as the only turn of a conversation.
//! <https://platform.openai.com/docs/api-reference/completions>
//!
//! **Refused**, because they change the answer: more than one prompt, a prompt of tokens, `suffix`, `logprobs`,
//! `logit_bias`, and `n` or `best_of` above 1. A provider that has the endpoint for the model is relayed to and knows
//! them all. **Hints**, dropped: every member not named here. `max_tokens` has no default, where OpenAI's is 16: models
//! that think first would never come to an answer.

use super::usage::write_usage;
use super::{encode, wants_usage};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::event::{Block, Completion, Delta, Event, Finish, Usage};
use crate::ir::{Part, PartKind, Request, Role, Sampling, Turn};
use crate::json::{self, TextOr, write_escaped, write_str};
use crate::protocol::{Echo, Encode};

pub fn decode_request(call: &Call) -> Result<Request, Failure> {
    let body = &call.body;
    let present = |name: &str| body.raw(name).is_some_and(|raw| !matches!(raw, b"null" | b"{}" | b"\"\""));
    for name in ["suffix", "logprobs", "logit_bias"] {
        if present(name) {
            return Err(Failure::unsupported(name, "the provider of this model cannot be asked for it"));
        }
    }
    for name in ["n", "best_of"] {
        if body.get::<u64>(name)?.is_some_and(|count| count != 1) {
            return Err(Failure::unsupported(name, "the provider of this model gives one answer"));
        }
    }
    let stop = match body.raw("stop").filter(|raw| *raw != b"null") {
        None => Vec::new(),
        Some(raw) => match crate::json::decode::<TextOr<'_, Vec<String>>>(raw).map_err(|error| error.within("stop"))? {
            TextOr::Text(one) => vec![one.into_owned()],
            TextOr::Or(many) => many,
        },
    };
    Ok(Request {
        model: call.model.clone(),
        stream: call.stream,
        turns: vec![Turn { role: Role::User, parts: vec![Part::text(prompt(call)?)] }],
        sampling: Sampling {
            max_tokens: body.get("max_tokens")?,
            temperature: body.get("temperature")?,
            top_p: body.get("top_p")?,
            seed: body.get("seed")?,
            presence_penalty: body.get("presence_penalty")?,
            frequency_penalty: body.get("frequency_penalty")?,
            stop,
            ..Sampling::default()
        },
        user: body.get("user")?,
        ..Request::default()
    })
}

fn prompt(call: &Call) -> Result<String, Failure> {
    let raw = call.body.raw("prompt").filter(|raw| *raw != b"null");
    let raw = raw.ok_or_else(|| Failure::invalid("prompt", "is required"))?;
    let prompts = match json::read(raw) {
        Ok(serde_json::Value::String(text)) => return Ok(text),
        Ok(serde_json::Value::Array(prompts)) => prompts,
        _ => return Err(Failure::invalid("prompt", "expected a string or an array of strings")),
    };
    match prompts.as_slice() {
        [serde_json::Value::String(text)] => Ok(text.clone()),
        [serde_json::Value::String(_), ..] => {
            Err(Failure::unsupported("prompt", "the provider of this model takes one prompt at a time"))
        }
        [] => Err(Failure::invalid("prompt", "is empty")),
        _ => Err(Failure::unsupported("prompt", "the provider of this model takes text, not tokens")),
    }
}

/// What the client wants to read before the answer.
fn echoed(call: &Call) -> Option<String> {
    let wanted = call.body.get("echo").ok().flatten() == Some(true);
    if wanted { prompt(call).ok() } else { None }
}

pub struct Encoder {
    /// `data: {"id":…,"choices":[`
    head: Vec<u8>,
    echoed: Option<String>,
    wants_usage: bool,
    usage: Usage,
    is_text: bool,
}

impl Encoder {
    pub fn new(echo: &Echo<'_>) -> Self {
        let mut head = b"data: {".to_vec();
        encode::write_identity(echo.call, "text_completion", &mut head);
        head.extend_from_slice(b",\"choices\":[");
        let (echoed, wants_usage) = (echoed(echo.call), wants_usage(echo.call));
        Self { head, echoed, wants_usage, usage: Usage::default(), is_text: false }
    }

    fn chunk(&self, text: &str, finish: Option<Finish<'_>>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        write_choice(text, finish, out);
        out.extend_from_slice(b"]}\n\n");
    }
}

impl Encode for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { .. } => {
                if let Some(prompt) = self.echoed.take() {
                    self.chunk(&prompt, None, out);
                }
            }
            // Thoughts, calls and pictures have no place in a text.
            Event::BlockStart { block, .. } => self.is_text = block == Block::Text,
            Event::Delta { delta: Delta::Text(text), .. } if self.is_text && !text.is_empty() => {
                self.chunk(text, None, out);
            }
            Event::Delta { .. } | Event::BlockEnd { .. } => {}
            Event::Usage(usage) => self.usage = usage,
            Event::Finish(finish) => {
                self.chunk("", Some(finish), out);
                if self.wants_usage {
                    out.extend_from_slice(&self.head);
                    out.extend_from_slice(b"],\"usage\":");
                    write_usage(&self.usage, out);
                    out.extend_from_slice(b"}\n\n");
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
        }
    }

    fn failure(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        encode::failure_frame(failure, out);
    }
}

/// A whole answer.
pub fn encode_response(done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
    let mut text = echoed(echo.call).unwrap_or_default();
    for part in &done.parts {
        if let PartKind::Text(more) = &part.kind {
            text.push_str(more);
        }
    }
    out.push(b'{');
    encode::write_identity(echo.call, "text_completion", out);
    out.extend_from_slice(b",\"choices\":[");
    write_choice(&text, Some(done.finish.as_ref().map_or(Finish::Stop, |finish| finish.as_event())), out);
    out.extend_from_slice(b"],\"usage\":");
    write_usage(&done.usage, out);
    out.push(b'}');
}

fn write_choice(text: &str, finish: Option<Finish<'_>>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"text\":\"");
    write_escaped(text, out);
    out.extend_from_slice(b"\",\"index\":0,\"logprobs\":null,\"finish_reason\":");
    match finish {
        None => out.extend_from_slice(b"null"),
        Some(Finish::Length) => write_str("length", out),
        Some(Finish::Filtered) => write_str("content_filter", out),
        Some(Finish::Stop | Finish::ToolCalls | Finish::Other(_)) => write_str("stop", out),
    }
    out.push(b'}');
}
