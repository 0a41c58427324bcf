//! The list of models the configured accounts offer, in every protocol's shape.

pub mod lists;
mod ollama;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::accounts::{Has, Setup};
use crate::catalogue::{self, Modality, Model, Thinking};
use crate::fault::Failure;
use crate::ir::Protocol;
use crate::json::{Array, Body, Object};
use crate::route;
use crate::upstream::listing::Offer;
use crate::upstream::{demo, pattern};

/// A model somebody offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// A name that [`route::resolve`] leads to it.
    pub id: String,
    pub provider: String,
    /// The provider's name for it.
    pub model: String,
    /// What the provider itself says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
}

impl Listed {
    fn known(&self) -> Option<&'static Model> {
        catalogue::find(&self.model)
    }

    pub fn context(&self) -> Option<u64> {
        self.said(|offer| offer.context).or_else(|| self.known().map(|model| model.context))
    }

    fn output(&self) -> Option<u64> {
        self.said(|offer| offer.output).or_else(|| self.known().and_then(|model| model.output))
    }

    fn thinks(&self) -> bool {
        let known = || self.known().is_some_and(|model| !matches!(model.thinking, Thinking::Never | Thinking::Unknown));
        self.said(|offer| offer.reasoning).unwrap_or_else(known)
    }

    /// What it can be shown, beside text; `None`: nobody knows.
    fn input(&self) -> Option<&[Modality]> {
        let said = self.offer.as_ref().and_then(|offer| offer.input.as_deref());
        said.or_else(|| self.known().map(|model| model.input))
    }

    fn takes(&self, modality: Modality) -> bool {
        self.input().is_some_and(|input| input.contains(&modality))
    }

    fn said<T>(&self, what: impl Fn(&Offer) -> Option<T>) -> Option<T> {
        self.offer.as_ref().and_then(what)
    }

    /// Makers of embedding models all say so in the name.
    pub fn embeds(&self) -> bool {
        let id = self.id.to_ascii_lowercase();
        id.contains("embed") || id.rsplit('/').next().is_some_and(|name| name.starts_with("bge-"))
    }
}

/// Makers do not say in one voice when a model was made; clients only need a time that does not change.
const CREATED: u64 = 1_767_225_600; // 2026-01-01
const CREATED_AT: &str = "2026-01-01T00:00:00Z";

/// Every name that is known to lead somewhere, each once: the provider's own list if it has been read, else what the
/// catalogue knows of it. What a provider has beyond that can be called all the same. `provider`: only what this one offers.
pub fn list(setups: &[Setup], provider: Option<&str>) -> Vec<Listed> {
    let mut models: Vec<Listed> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    let mut add = |model: &str, setup: &Setup| {
        let id = reachable(model, setup, setups);
        if seen.insert(id.clone()) {
            let (provider, offer) = (setup.account.provider.clone(), setup.offer(model).cloned());
            models.push(Listed { id, provider, model: model.to_owned(), offer });
        }
    };
    for setup in setups.iter().filter(|setup| setup.account.enabled) {
        if provider.is_some_and(|name| !setup.answers_to(name)) {
            continue;
        }
        if setup.account.provider == "demo" {
            demo::MODELS.iter().for_each(|name| add(name, setup));
        }
        for name in setup.models.iter().filter(|name| setup.declared && !name.contains(['*', '!'])) {
            add(name, setup);
        }
        if let Some(offers) = &setup.offers {
            offers.iter().filter(|offer| setup.has(&offer.id) == Has::Yes).for_each(|offer| add(&offer.id, setup));
            continue;
        }
        for model in catalogue::MODELS.iter().filter(|model| model.listed) {
            if pattern::any(&setup.models, model.name) {
                add(model.name, setup);
            }
        }
    }
    models
}

/// The name of a provider's model that leads to this provider: one that begins like another's has it in front.
fn reachable(model: &str, setup: &Setup, setups: &[Setup]) -> String {
    match model.split_once('/').and_then(|(first, _)| route::named_as(first, setups)) {
        Some(other) if other.account.provider != setup.account.provider => {
            format!("{}/{model}", setup.account.provider)
        }
        _ => model.to_owned(),
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub limit: Option<usize>,
    pub after: Option<String>,
    pub before: Option<String>,
}

impl Page {
    /// From the query of `protocol`.
    pub fn of(protocol: Protocol, query: &dyn Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| query(name).and_then(|text| text.parse().ok()).filter(|limit| *limit > 0);
        match protocol {
            Protocol::Messages => Self { limit: number("limit"), after: query("after_id"), before: query("before_id") },
            Protocol::Gemini => Self { limit: number("pageSize"), after: query("pageToken"), before: None },
            Protocol::Chat | Protocol::Responses | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => {
                Self::default()
            }
        }
    }

    /// The page, and whether there is more in the direction of the walk.
    fn cut<'m>(&self, models: &'m [Listed]) -> (&'m [Listed], bool) {
        let place = |id: &String| models.iter().position(|model| model.id == *id);
        let from = self.after.as_ref().and_then(place).map_or(0, |at| at + 1);
        let to = self.before.as_ref().and_then(place).unwrap_or(models.len());
        let limit = self.limit.unwrap_or(models.len());
        let backwards = self.before.is_some();
        let (start, end) = if backwards {
            (from.max(to.saturating_sub(limit)), to)
        } else {
            (from, to.min(from.saturating_add(limit)))
        };
        let more = if backwards { start > from } else { end < to };
        (models.get(start..end).unwrap_or_default(), more)
    }
}

/// A list as `protocol` has it.
pub fn encode(models: &[Listed], protocol: Protocol, page: &Page) -> Vec<u8> {
    let (shown, more) = page.cut(models);
    let mut out = Vec::with_capacity(64 + shown.len() * 128);
    let mut list = Object::begin(&mut out);
    if protocol == Protocol::Chat || protocol == Protocol::Responses {
        list.str("object", "list");
    }
    let mut items = Array::begin(list.key(match protocol {
        Protocol::Gemini | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => "models",
        Protocol::Chat | Protocol::Responses | Protocol::Messages => "data",
    }));
    for model in shown {
        write(model, protocol, items.item());
    }
    items.end();
    match protocol {
        Protocol::Messages => {
            list.bool("has_more", more);
            for (name, model) in [("first_id", shown.first()), ("last_id", shown.last())] {
                list.value(name, &model.map(|model| &model.id));
            }
        }
        Protocol::Gemini => {
            if let Some(last) = shown.last().filter(|_| more) {
                list.str("nextPageToken", &last.id);
            }
        }
        Protocol::Chat | Protocol::Responses | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => {}
    }
    list.end();
    out
}

/// One model.
pub fn encode_one(model: &Listed, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(model, protocol, &mut out);
    out
}

/// The model that the body of Ollama's `/api/show` names.
pub fn shown(body: &Body) -> Result<String, Failure> {
    let id = match body.get::<String>("model")? {
        Some(id) => Some(id),
        None => body.get::<String>("name")?,
    };
    id.ok_or_else(|| Failure::invalid("model", "is missing"))
}

/// Ollama's answer to `/api/show`.
pub fn show(model: &Listed) -> Vec<u8> {
    ollama::show(model)
}

/// A name that leads somewhere is answered even if no list shows it.
pub fn find(id: &str, setups: &[Setup]) -> Result<Listed, Failure> {
    let id = id.strip_prefix("models/").unwrap_or(id);
    let ask = route::resolve(id, None, setups);
    let Some(goal) = ask.iter().flat_map(|ask| ask.tiers.iter().flatten()).next() else {
        return Err(route::unknown(id));
    };
    let offer = setups.iter().filter(|setup| setup.account.provider == goal.provider);
    let offer = offer.filter_map(|setup| setup.offer(&goal.model)).next().cloned();
    Ok(Listed { id: id.to_owned(), provider: goal.provider.clone(), model: goal.model.clone(), offer })
}

fn write(model: &Listed, protocol: Protocol, out: &mut Vec<u8>) {
    if protocol == Protocol::Ollama {
        return ollama::summary(model, out);
    }
    let mut item = Object::begin(out);
    match protocol {
        Protocol::Chat | Protocol::Responses | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => {
            item.str("id", &model.id);
            item.str("object", "model");
            item.u64("created", CREATED);
            item.str("owned_by", &model.provider);
            // OpenAI's own list says no more; what follows is what the lists of others say under these names.
            if let Some(context) = model.context() {
                item.u64("context_length", context);
            }
            if let Some(output) = model.output() {
                item.u64("max_output_tokens", output);
            }
            if let Some(input) = model.input() {
                let inputs = input.iter().map(|modality| modality.word());
                item.value("input_modalities", &std::iter::once("text").chain(inputs).collect::<Vec<_>>());
                item.bool("reasoning", model.thinks());
            }
        }
        Protocol::Messages => {
            item.str("type", "model");
            item.str("id", &model.id);
            item.str("display_name", &model.id);
            item.str("created_at", CREATED_AT);
            item.str("lifecycle", "active");
            item.value("max_input_tokens", &model.context());
            item.value("max_tokens", &model.output());
        }
        Protocol::Gemini => {
            item.str("name", &format!("models/{}", model.id));
            item.str("version", "001");
            item.str("displayName", &model.id);
            if let Some(context) = model.context() {
                item.u64("inputTokenLimit", context);
            }
            if let Some(output) = model.output() {
                item.u64("outputTokenLimit", output);
            }
            let methods = if model.embeds() {
                r#"["embedContent","batchEmbedContents"]"#
            } else {
                r#"["generateContent","streamGenerateContent","countTokens"]"#
            };
            item.raw("supportedGenerationMethods", methods);
            item.bool("thinking", model.thinks());
        }
    }
    item.end();
}
