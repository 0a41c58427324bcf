//! What is known of models: context, output, modalities, reasoning. A table; a model not in it is not refused.

use crate::ir::Effort;

/// How a model is told how hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// Not in the table.
    Unknown,
    Never,
    /// Tokens from `min` to `max`; `off`: may be switched off; `dynamic`: may decide itself.
    Budget {
        min: u64,
        max: u64,
        off: bool,
        dynamic: bool,
    },
    /// In ascending order.
    Levels {
        levels: &'static [Effort],
        off: bool,
    },
}

pub fn thinking(model: &str) -> Thinking {
    let _ = model;
    Thinking::Unknown
}
