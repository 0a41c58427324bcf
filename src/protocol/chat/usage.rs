//! Tokens as this protocol counts them: the prompt includes what was cached, the completion includes the reasoning.

use serde::Deserialize;

use crate::ir::event::Usage;
use crate::json::{Count, Object};

/// What providers of this family report; they differ in where they put what was cached.
#[derive(Debug, Deserialize)]
pub struct WireUsage {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    total_tokens: Option<Count>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek.
    prompt_cache_hit_tokens: Option<Count>,
    /// Moonshot.
    cached_tokens: Option<Count>,
}

#[derive(Debug, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<Count>,
    cache_write_tokens: Option<Count>,
}

#[derive(Debug, Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<Count>,
}

impl WireUsage {
    pub fn buckets(&self) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        let details = self.prompt_tokens_details.as_ref();
        let cached = details.and_then(|details| details.cached_tokens).filter(|cached| cached.0 > 0);
        let cache_read = count(cached.or(self.prompt_cache_hit_tokens).or(self.cached_tokens));
        let cache_write = count(details.and_then(|details| details.cache_write_tokens));
        let reasoning = count(self.completion_tokens_details.as_ref().and_then(|details| details.reasoning_tokens));
        let (prompt, completion) = (count(self.prompt_tokens), count(self.completion_tokens));
        // A few providers count reasoning beside the completion. The total shows it, or a completion too small to hold it.
        let beside = count(self.total_tokens) == prompt + completion + reasoning || reasoning > completion;
        Usage {
            input: prompt.saturating_sub(cache_read + cache_write),
            cache_read,
            cache_write,
            cache_write_long: 0,
            output: if beside { completion } else { completion - reasoning },
            reasoning,
        }
    }
}

/// Write `usage` as a client of this protocol expects it.
pub fn write_usage(usage: &Usage, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.u64("prompt_tokens", usage.prompt());
    object.u64("completion_tokens", usage.completion());
    object.u64("total_tokens", usage.total());
    let mut details = Object::begin(object.key("prompt_tokens_details"));
    details.u64("cached_tokens", usage.cache_read);
    let written = usage.cache_write + usage.cache_write_long;
    if written > 0 {
        details.u64("cache_write_tokens", written);
    }
    details.end();
    let mut details = Object::begin(object.key("completion_tokens_details"));
    details.u64("reasoning_tokens", usage.reasoning);
    details.end();
    object.end();
}
