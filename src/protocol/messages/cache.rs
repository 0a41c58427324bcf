//! Cache marks within Anthropic's bounds.

use crate::ir::Cache;
use crate::json::Object;

/// At most this many marks in a request.
const LIMIT: usize = 4;

/// The marks that are sent, in the order of their places: tools, system, messages.
///
/// Of more than four the last stay, which cover the longest prompts. A one-hour mark may not follow a five-minute one;
/// it becomes one.
pub struct Marks(std::vec::IntoIter<Option<Cache>>);

impl Marks {
    pub fn of(wanted: impl Iterator<Item = Option<Cache>>) -> Self {
        let wanted: Vec<Cache> = wanted.flatten().collect();
        let dropped = wanted.len().saturating_sub(LIMIT);
        let mut longest = Cache::Long;
        let sent = wanted.into_iter().enumerate().map(|(index, mark)| {
            if index < dropped {
                return None;
            }
            if mark == Cache::Short {
                longest = Cache::Short;
            }
            Some(longest)
        });
        Self(sent.collect::<Vec<_>>().into_iter())
    }

    /// Write the mark of the next place, which wanted `mark`.
    pub fn write(&mut self, mark: Option<Cache>, block: &mut Object<'_>) {
        if mark.is_none() {
            return;
        }
        match self.0.next().flatten() {
            Some(Cache::Short) => block.raw("cache_control", r#"{"type":"ephemeral"}"#),
            Some(Cache::Long) => block.raw("cache_control", r#"{"type":"ephemeral","ttl":"1h"}"#),
            None => {}
        }
    }
}
