//! A client's request, cleaned of what its provider must not see.

use bytes::Bytes;

use super::masks::{LOOKALIKE, Masks, lookalikes};
use super::{Action, Finder, Found, Hits, Refused, fields};
use crate::json::strings::{self, Leaf, Step};

/// Number of the find that only looks like a placeholder: no filter's.
const NOBODY: usize = usize::MAX;

/// `body` with every find dealt with. What is not JSON is not looked at, and says so by being refused.
pub fn clean(finder: &Finder, masks: &mut Masks, body: &Bytes, hits: &mut Hits) -> Result<Bytes, Refused> {
    let mut cleaner = Cleaner { finder, masks, hits, refused: None };
    let cleaned = cleaner.document(body, None);
    match (cleaner.refused, cleaned) {
        (Some(refused), _) => Err(refused),
        (None, None) => Err(Refused("the request is nested too deeply to be filtered".to_owned())),
        (None, Some(None)) => Ok(body.clone()),
        (None, Some(Some(cleaned))) => Ok(cleaned.into()),
    }
}

struct Cleaner<'a> {
    finder: &'a Finder,
    masks: &'a mut Masks,
    hits: &'a mut Hits,
    refused: Option<Refused>,
}

impl Cleaner<'_> {
    /// `None`: it cannot be read. `Some(None)`: nothing to change. `within`: path of the string the document stands in,
    /// which makes all of its strings text.
    fn document(&mut self, json: &[u8], within: Option<&str>) -> Option<Option<Vec<u8>>> {
        let mut edits = Vec::new();
        strings::walk(json, &mut |path, leaf, span| {
            let Leaf::Text(quoted) = leaf else { return };
            if self.refused.is_some() || quoted.is_empty() || within.is_none() && !fields::is_text(path) {
                return;
            }
            let text = quoted.text();
            if let Some(cleaned) = self.string(path, &text, within) {
                edits.push((span, cleaned));
            }
        })?;
        Some((!edits.is_empty()).then(|| strings::replace(json, &edits)))
    }

    fn string(&mut self, path: &[Step<'_>], text: &str, within: Option<&str>) -> Option<String> {
        let spell = || within.map_or_else(|| strings::spell(path), str::to_owned);
        if within.is_none() && fields::is_json(path, "") && text.trim_start().starts_with(['{', '[']) {
            // Its strings are masked as they are meant, not as they are written.
            if let Some(changed) = self.document(text.as_bytes(), Some(&spell())) {
                return changed.and_then(|json| String::from_utf8(json).ok());
            }
        }
        let mut found = self.finder.all(text);
        for find in &found {
            let Some(deed) = self.finder.deed(find.filter) else { continue };
            self.hits.add(&deed.name, &spell(), find.span.start as u64);
            if deed.action == Action::Refuse {
                self.refused = Some(Refused(deed.message.clone()));
                return None;
            }
        }
        found.retain(|find| self.finder.action(find.filter) == Action::Mask);
        if self.finder.deeds.iter().any(|deed| deed.action == Action::Mask) {
            found.extend(lookalikes(text).into_iter().map(|span| Found { span, filter: NOBODY, kind: LOOKALIKE }));
        }
        self.masked(text, found)
    }

    fn masked(&mut self, text: &str, found: Vec<Found>) -> Option<String> {
        let found = merged(found);
        if found.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for find in found {
            let value = text.get(find.span.clone())?;
            let label = self.finder.label(&find);
            match self.masks.hide(label, value) {
                Ok(placeholder) => {
                    out.push_str(text.get(from..find.span.start)?);
                    out.push_str(&placeholder);
                    from = find.span.end;
                }
                Err(full) => {
                    self.refused = Some(Refused(full.to_string()));
                    return None;
                }
            }
        }
        out.push_str(text.get(from..)?);
        Some(out)
    }
}

/// The finds in order, those that overlap as one.
fn merged(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|find| (find.span.start, std::cmp::Reverse(find.span.end)));
    let mut merged: Vec<Found> = Vec::with_capacity(found.len());
    for find in found {
        match merged.last_mut().filter(|last| find.span.start < last.span.end) {
            Some(last) => last.span.end = last.span.end.max(find.span.end),
            None => merged.push(find),
        }
    }
    merged
}
