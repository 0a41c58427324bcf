//! Levels and budgets of reasoning, and what a model takes of them.

use crate::catalogue::{self, Thinking};
use crate::ir::{Depth, Effort};

/// Tokens a level stands for. The table is the field's usual one.
pub fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::Minimal => 512,
        Effort::Low => 1_024,
        Effort::Medium => 8_192,
        Effort::High => 24_576,
        Effort::XHigh => 32_768,
        Effort::Max => 128_000,
    }
}

/// The level a budget amounts to.
pub fn effort(budget: u64) -> Effort {
    match budget {
        0..=512 => Effort::Minimal,
        513..=1_024 => Effort::Low,
        1_025..=8_192 => Effort::Medium,
        8_193..=24_576 => Effort::High,
        24_577..=32_768 => Effort::XHigh,
        _ => Effort::Max,
    }
}

/// `depth` as `model` takes it: the nearest level or budget it has; `None` when it does not reason at all.
/// A model we do not know gets what was said.
pub fn fit(model: &str, depth: Depth) -> Option<Depth> {
    match (catalogue::thinking(model), depth) {
        (Thinking::Unknown, depth) => Some(depth),
        (Thinking::Never, _) => None,
        (Thinking::Budget { off: true, .. } | Thinking::Levels { off: true, .. }, Depth::Off) => Some(Depth::Off),
        (Thinking::Budget { min, .. }, Depth::Off) => Some(Depth::Budget(min)),
        (Thinking::Budget { dynamic: true, .. }, Depth::Adaptive) => Some(Depth::Adaptive),
        (Thinking::Budget { min, max, .. }, Depth::Adaptive) => Some(Depth::Budget(min + (max - min) / 2)),
        (Thinking::Budget { min, max, .. }, Depth::Budget(tokens)) => Some(Depth::Budget(tokens.clamp(min, max))),
        (Thinking::Budget { min, max, .. }, Depth::Effort(level)) => Some(Depth::Budget(budget(level).clamp(min, max))),
        (Thinking::Levels { levels, .. }, Depth::Off) => levels.first().copied().map(Depth::Effort),
        (Thinking::Levels { .. }, Depth::Adaptive) => Some(Depth::Adaptive),
        (Thinking::Levels { levels, .. }, Depth::Budget(tokens)) => nearest(levels, effort(tokens)),
        (Thinking::Levels { levels, .. }, Depth::Effort(level)) => nearest(levels, level),
    }
}

/// The nearest level offered; a tie goes to the lower.
fn nearest(levels: &[Effort], wanted: Effort) -> Option<Depth> {
    levels.iter().min_by_key(|level| (**level as i32 - wanted as i32).abs()).copied().map(Depth::Effort)
}
