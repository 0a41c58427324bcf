//! How hard to think, in the many spellings of this family.
//!
//! | spelling | from |
//! |---|---|
//! | `reasoning_effort` | OpenAI |
//! | `reasoning: {effort, max_tokens, enabled, exclude, summary}`, `include_reasoning` | OpenRouter |
//! | `thinking: {type, budget_tokens, effort, display}` | DeepSeek, Zhipu, Moonshot, Anthropic |
//! | `enable_thinking`, `thinking_budget`, `chat_template_kwargs` | DashScope, SiliconFlow, vLLM |
//! | `extra_body: {anthropic: {thinking}, google: {thinking_config}}` | clients that pass SDK options on as they are |
//!
//! Said in several ways at once, "off" wins, then the most precise: tokens, a level, "on".

use serde::Deserialize;

use super::{Dialect, ReasoningStyle};
use crate::catalogue::{self, Thinking};
use crate::ir::{Depth, Effort, Reasoning};
use crate::json::{JsonError, Object, Text, decode};
use crate::reasoning;

/// What a request has said so far.
#[derive(Debug, Default)]
pub struct Said {
    off: bool,
    on: bool,
    budget: Option<u64>,
    effort: Option<Effort>,
    visible: Option<bool>,
}

#[derive(Deserialize)]
struct ReasoningObject<'a> {
    #[serde(borrow)]
    effort: Option<Text<'a>>,
    max_tokens: Option<i64>,
    enabled: Option<bool>,
    exclude: Option<bool>,
    #[serde(borrow)]
    summary: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ThinkingObject<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    budget_tokens: Option<i64>,
    #[serde(borrow)]
    effort: Option<Text<'a>>,
    #[serde(borrow)]
    display: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct TemplateArguments {
    enable_thinking: Option<bool>,
    thinking: Option<bool>,
}

#[derive(Deserialize)]
struct ExtraBody<'a> {
    #[serde(borrow)]
    anthropic: Option<AnthropicBody<'a>>,
    #[serde(borrow)]
    google: Option<GoogleBody<'a>>,
}

#[derive(Deserialize)]
struct AnthropicBody<'a> {
    #[serde(borrow)]
    thinking: Option<ThinkingObject<'a>>,
}

#[derive(Deserialize)]
struct GoogleBody<'a> {
    #[serde(borrow)]
    thinking_config: Option<ThinkingConfig<'a>>,
}

#[derive(Deserialize)]
struct ThinkingConfig<'a> {
    thinking_budget: Option<i64>,
    #[serde(borrow)]
    thinking_level: Option<Text<'a>>,
    include_thoughts: Option<bool>,
}

impl Said {
    /// Read the top-level member `key`; whether it is about reasoning at all.
    pub fn member(&mut self, key: &str, raw: &[u8]) -> Result<bool, JsonError> {
        self.read(key, raw).map_err(|error| error.within(key))
    }

    fn read(&mut self, key: &str, raw: &[u8]) -> Result<bool, JsonError> {
        match key {
            "reasoning_effort" => self.effort(&decode::<Text<'_>>(raw)?)?,
            "reasoning" => {
                let object: ReasoningObject<'_> = decode(raw)?;
                if let Some(word) = object.effort {
                    self.effort(&word).map_err(|error| error.within("effort"))?;
                }
                object.max_tokens.into_iter().for_each(|tokens| self.budget(tokens));
                object.enabled.into_iter().for_each(|on| self.switch(on));
                self.visible = object.exclude.map(|exclude| !exclude).or(object.summary.map(|_| true)).or(self.visible);
            }
            "thinking" => self.thinking(decode(raw)?)?,
            "enable_thinking" => self.switch(decode(raw)?),
            "thinking_budget" => self.budget(decode(raw)?),
            "include_reasoning" => self.visible = Some(decode(raw)?),
            "chat_template_kwargs" => {
                let arguments: TemplateArguments = decode(raw)?;
                arguments.enable_thinking.or(arguments.thinking).into_iter().for_each(|on| self.switch(on));
            }
            "extra_body" => {
                let body: ExtraBody<'_> = decode(raw)?;
                if let Some(thinking) = body.anthropic.and_then(|anthropic| anthropic.thinking) {
                    self.thinking(thinking).map_err(|error| error.within("anthropic.thinking"))?;
                }
                if let Some(config) = body.google.and_then(|google| google.thinking_config) {
                    config.thinking_budget.into_iter().for_each(|tokens| self.budget(tokens));
                    if let Some(word) = config.thinking_level {
                        let at = "google.thinking_config.thinking_level";
                        self.effort(&word.to_lowercase()).map_err(|error| error.within(at))?;
                    }
                    self.visible = config.include_thoughts.or(self.visible);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn thinking(&mut self, thinking: ThinkingObject<'_>) -> Result<(), JsonError> {
        match thinking.kind.as_deref() {
            Some("disabled") => self.off = true,
            Some("enabled" | "adaptive" | "auto") | None => self.on = true,
            Some(other) => return Err(JsonError::new("type", format!("unknown type `{other}`"))),
        }
        thinking.budget_tokens.into_iter().for_each(|tokens| self.budget(tokens));
        if let Some(word) = thinking.effort {
            self.effort(&word).map_err(|error| error.within("effort"))?;
        }
        match thinking.display.as_deref() {
            Some("omitted") => self.visible = Some(false),
            Some(_) => self.visible = Some(true),
            None => {}
        }
        Ok(())
    }

    fn effort(&mut self, word: &str) -> Result<(), JsonError> {
        match (word, Effort::parse(word)) {
            ("none", _) => self.off = true,
            ("auto" | "default", _) => self.on = true,
            (_, Some(effort)) => self.effort = Some(effort),
            (_, None) => {
                let known = "none, minimal, low, medium, high, xhigh or max";
                return Err(JsonError::new("", format!("unknown effort `{word}`, expected {known}")));
            }
        }
        Ok(())
    }

    /// 0 is off and -1 "as much as you like", as Google has it.
    fn budget(&mut self, tokens: i64) {
        match u64::try_from(tokens) {
            Ok(0) => self.off = true,
            Ok(tokens) => self.budget = Some(tokens),
            Err(_) => self.on = true,
        }
    }

    fn switch(&mut self, on: bool) {
        if on {
            self.on = true;
        } else {
            self.off = true;
        }
    }

    pub fn done(self) -> Option<Reasoning> {
        let depth = match self {
            Self { off: true, .. } => Some(Depth::Off),
            Self { budget: Some(tokens), .. } => Some(Depth::Budget(tokens)),
            Self { effort: Some(effort), .. } => Some(Depth::Effort(effort)),
            Self { on: true, .. } => Some(Depth::Adaptive),
            _ => None,
        };
        let reasoning = Reasoning { depth, visible: self.visible };
        (reasoning != Reasoning::default()).then_some(reasoning)
    }
}

/// Write `reasoning` as the dialect has it. What the dialect or the model cannot be told is left out: it is a hint.
pub fn encode(dialect: Dialect, model: &str, reasoning: Reasoning, out: &mut Object<'_>) {
    // Telling a model that may not reason to stop would be an error at most providers.
    let unknown = catalogue::thinking(model) == Thinking::Unknown;
    let depth = reasoning.depth.and_then(|depth| reasoning::fit(model, depth));
    match dialect.reasoning {
        ReasoningStyle::Effort => match depth {
            Some(Depth::Off) if !unknown => out.str("reasoning_effort", "none"),
            Some(Depth::Effort(effort)) => out.str("reasoning_effort", effort.word()),
            Some(Depth::Budget(tokens)) => out.str("reasoning_effort", reasoning::effort(tokens).word()),
            Some(Depth::Off | Depth::Adaptive) | None => {}
        },
        ReasoningStyle::Object => {
            let hidden = reasoning.visible == Some(false);
            if depth.is_none() && !hidden {
                return;
            }
            let mut object = Object::begin(out.key("reasoning"));
            match depth {
                Some(Depth::Off) => object.bool("enabled", false),
                Some(Depth::Adaptive) => object.bool("enabled", true),
                Some(Depth::Effort(effort)) => object.str("effort", effort.word()),
                Some(Depth::Budget(tokens)) => object.u64("max_tokens", tokens),
                None => {}
            }
            if hidden {
                object.bool("exclude", true);
            }
            object.end();
        }
        ReasoningStyle::Thinking => {
            if let Some(depth) = depth {
                let mut object = Object::begin(out.key("thinking"));
                object.str("type", if depth == Depth::Off { "disabled" } else { "enabled" });
                object.end();
            }
        }
        ReasoningStyle::EnableThinking => {
            let Some(depth) = depth else { return };
            out.bool("enable_thinking", depth != Depth::Off);
            match depth {
                Depth::Budget(tokens) => out.u64("thinking_budget", tokens),
                // The highest levels ask for no limit.
                Depth::Effort(effort) if effort <= Effort::High => {
                    out.u64("thinking_budget", reasoning::budget(effort));
                }
                Depth::Effort(_) | Depth::Off | Depth::Adaptive => {}
            }
        }
        ReasoningStyle::Template => {
            if let Some(depth) = depth {
                let mut arguments = Object::begin(out.key("chat_template_kwargs"));
                arguments.bool("enable_thinking", depth != Depth::Off);
                arguments.end();
            }
        }
        ReasoningStyle::Unsupported => {}
    }
}
