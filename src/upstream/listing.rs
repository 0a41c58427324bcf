//! The models a provider says it has. One reader for all of them: they differ in names, not in shape.
//!
//! | list | name | context | answer | next page |
//! |---|---|---|---|---|
//! | `data`, `models`, or the document | `id`, `slug`, `name` | `context_length`, `context_window`, `max_context_length`, `max_model_len`, `max_input_tokens`, `inputTokenLimit` | `max_completion_tokens`, `max_output_tokens`, `max_tokens`, `outputTokenLimit`, also in `top_provider` | `nextPageToken`; `last_id` while `has_more` |
//!
//! Left out: what a provider hides from its own users, and Gemini's models for neither conversations nor vectors.

use serde_json::Value;

use crate::catalogue::Modality;
use crate::json;

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    pub models: Vec<Offer>,
    /// What to ask for the next page with.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Offer {
    /// As the provider takes it.
    pub id: String,
    /// Tokens of a prompt, or of prompt and answer together: providers do not agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// What it can be shown, beside text; `None`: not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<Modality>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
}

impl Offer {
    pub fn of(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }
}

/// The answer is no list of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not a list of models")]
pub struct Unlisted;

/// The longest list known has about 600, the longest name 90 characters.
const MODELS: usize = 2000;
const NAME: usize = 200;

pub fn read(body: &[u8]) -> Result<Listing, Unlisted> {
    let body: Value = json::read(body).map_err(|_| Unlisted)?;
    let list = body.get("data").or_else(|| body.get("models")).unwrap_or(&body).as_array().ok_or(Unlisted)?;
    let mut models: Vec<Offer> = Vec::new();
    for item in list.iter().take(MODELS) {
        let Some(id) = name(item) else { continue };
        if is_offered(item) && !models.iter().any(|known| known.id == id) {
            let (context, output) = (number(item, CONTEXT), number(item, OUTPUT));
            models.push(Offer { id, context, output, input: input(item), reasoning: reasoning(item) });
        }
    }
    Ok(Listing { models, next: next(&body) })
}

const CONTEXT: &[&str] = &[
    "/context_length",
    "/context_window",
    "/max_context_length",
    "/max_model_len",
    "/max_input_tokens",
    "/inputTokenLimit",
    "/top_provider/context_length",
];
const OUTPUT: &[&str] = &[
    "/max_completion_tokens",
    "/max_output_tokens",
    "/max_tokens",
    "/outputTokenLimit",
    "/top_provider/max_completion_tokens",
];

/// Lists of OpenRouter's shape name what goes in.
fn input(item: &Value) -> Option<Vec<Modality>> {
    let said = item.pointer("/architecture/input_modalities").or_else(|| item.get("input_modalities"))?.as_array()?;
    Some(Modality::ALL.iter().copied().filter(|one| said.iter().any(|word| word == one.word())).collect())
}

fn reasoning(item: &Value) -> Option<bool> {
    if let Some(said) = ["thinking", "reasoning"].iter().find_map(|name| item.get(*name)?.as_bool()) {
        return Some(said);
    }
    let takes = item.get("supported_parameters")?.as_array()?;
    Some(takes.iter().any(|name| name == "reasoning"))
}

fn number(item: &Value, places: &[&str]) -> Option<u64> {
    places.iter().find_map(|place| item.pointer(place)?.as_u64()).filter(|number| *number > 0)
}

fn name(item: &Value) -> Option<String> {
    let said = ["id", "slug", "name"].iter().find_map(|key| item.get(*key)?.as_str()).or_else(|| item.as_str())?;
    let said = said.strip_prefix("models/").unwrap_or(said);
    let plain = !said.is_empty() && said.len() <= NAME && !said.contains(|c: char| c.is_control() || c.is_whitespace());
    plain.then(|| said.to_owned())
}

fn is_offered(item: &Value) -> bool {
    let hidden = item.get("visibility").and_then(Value::as_str).is_some_and(|said| said != "list");
    let methods = item.get("supportedGenerationMethods").and_then(Value::as_array);
    let useful = |method: &Value| matches!(method.as_str(), Some("generateContent" | "embedContent"));
    !hidden && methods.is_none_or(|methods| methods.iter().any(useful))
}

fn next(body: &Value) -> Option<String> {
    let more = body.get("has_more").and_then(Value::as_bool).unwrap_or(false);
    let last = body.get("last_id").filter(|_| more);
    let next = body.get("nextPageToken").or(last)?.as_str()?;
    (!next.is_empty() && next.len() <= 1000).then(|| next.to_owned())
}
