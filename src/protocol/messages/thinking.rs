//! How much a request lets the model think and say, in Anthropic's terms.
//!
//! | model | depth | sent |
//! |---|---|---|
//! | has budgets | any | `thinking: {type: enabled, budget_tokens}` |
//! | has levels | level | `thinking: {type: adaptive}`, `output_config.effort` |
//! | unknown, `claude…` | as said | a level as above, a budget as above |
//! | unknown, another maker's | level | the budget the level stands for, which all compatible endpoints take |
//!
//! Thinking is left out where Anthropic would refuse it: while a tool is forced; behind a prefilled answer; and, with a
//! budget, inside a tool loop whose last assistant turn does not begin with thinking that Anthropic sealed (the loop
//! began at another provider, or its client dropped the block).
//!
//! A budget must leave room for the answer. If it does not, `max_tokens` grows as far as the model allows; else the
//! budget shrinks; else there is no thinking.

use super::turns::{Message, Speaker};
use crate::catalogue::{self, Thinking};
use crate::ir::{Depth, Effort, Request, ToolChoice};
use crate::json::Object;
use crate::reasoning;

/// Anthropic takes no smaller budget.
const LEAST: u64 = 1024;
/// For models we do not know: every model still served can answer at this length.
const USUAL_OUTPUT: u64 = 8192;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub max_tokens: u64,
    pub mode: Option<Mode>,
    pub effort: Option<Effort>,
    visible: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Off,
    Adaptive,
    Budget(u64),
}

impl Plan {
    pub fn of(request: &Request, messages: &[Message<'_>]) -> Self {
        let (said, limit) = (request.sampling.max_tokens, catalogue::max_output(&request.model));
        let max_tokens = match (said, limit) {
            (Some(said), Some(limit)) => said.min(limit),
            (said, limit) => said.or(limit).unwrap_or(USUAL_OUTPUT),
        };
        let (mode, effort) = mode(request);
        let visible = request.reasoning.and_then(|reasoning| reasoning.visible);
        let mode = mode.filter(|mode| *mode == Mode::Off || may_think(*mode, request, messages));
        let plan = Self { max_tokens, mode, effort, visible };
        match mode {
            Some(Mode::Budget(budget)) => plan.with_room(budget.max(LEAST), said, limit),
            _ => plan,
        }
    }

    fn with_room(self, budget: u64, said: Option<u64>, limit: Option<u64>) -> Self {
        if budget < self.max_tokens {
            return Self { mode: Some(Mode::Budget(budget)), ..self };
        }
        let wanted = budget + said.unwrap_or(USUAL_OUTPUT);
        let max_tokens = match limit {
            Some(limit) => wanted.min(limit).max(self.max_tokens),
            // What the client said may be all an unknown model can do.
            None if said.is_some() => self.max_tokens,
            None => wanted,
        };
        // At least a quarter is for the answer.
        let budget = budget.min(max_tokens - (max_tokens / 4).min(wanted - budget));
        let mode = match budget {
            LEAST.. => Some(Mode::Budget(budget)),
            _ if max_tokens > LEAST => Some(Mode::Budget(LEAST)),
            _ => None,
        };
        Self { max_tokens, mode, ..self }
    }

    pub fn thinks(&self) -> bool {
        matches!(self.mode, Some(Mode::Adaptive | Mode::Budget(_)))
    }

    pub fn write(&self, body: &mut Object<'_>) {
        let Some(mode) = self.mode else { return };
        let mut thinking = Object::begin(body.key("thinking"));
        match mode {
            Mode::Off => thinking.str("type", "disabled"),
            Mode::Adaptive => thinking.str("type", "adaptive"),
            Mode::Budget(tokens) => {
                thinking.str("type", "enabled");
                thinking.u64("budget_tokens", tokens);
            }
        }
        if let (true, Some(visible)) = (self.thinks(), self.visible) {
            thinking.str("display", if visible { "summarized" } else { "omitted" });
        }
        thinking.end();
    }
}

fn mode(request: &Request) -> (Option<Mode>, Option<Effort>) {
    let depth = request.reasoning.and_then(|reasoning| reasoning.depth);
    let Some(depth) = depth.and_then(|depth| reasoning::fit(&request.model, depth)) else { return (None, None) };
    let unknown = catalogue::thinking(&request.model) == Thinking::Unknown;
    let compatible = unknown && !request.model.contains("claude");
    match depth {
        Depth::Off => (Some(Mode::Off), None),
        Depth::Budget(tokens) => (Some(Mode::Budget(tokens)), None),
        Depth::Adaptive if compatible => (Some(Mode::Budget(reasoning::budget(Effort::Medium))), None),
        Depth::Adaptive => (Some(Mode::Adaptive), None),
        Depth::Effort(level) if compatible => (Some(Mode::Budget(reasoning::budget(level))), None),
        Depth::Effort(level) => (Some(Mode::Adaptive), Some(level.max(Effort::Low))),
    }
}

fn may_think(mode: Mode, request: &Request, messages: &[Message<'_>]) -> bool {
    if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
        return false;
    }
    match messages {
        [.., last] if last.speaker == Speaker::Assistant => false,
        [.., assistant, results] if results.answers_tools() => {
            mode == Mode::Adaptive || assistant.begins_with_thinking()
        }
        _ => true,
    }
}

/// Whether a model takes temperature and its like: those with the `xhigh` level answer 400 to them.
pub fn takes_sampling(model: &str) -> bool {
    !matches!(catalogue::thinking(model), Thinking::Levels { levels, .. } if levels.contains(&Effort::XHigh))
        || !model.contains("claude")
}
