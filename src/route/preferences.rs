//! What a client may ask of routing, in OpenRouter's words and in suffixes of the model's name, from every protocol.
//! <https://openrouter.ai/docs/features/provider-routing>
//!
//! | where | meaning |
//! |---|---|
//! | `models: []` | further models to try, in order |
//! | `provider.order` | these providers first, in this order |
//! | `provider.only`, `provider.ignore` | none but these; all but these |
//! | `provider.allow_fallbacks: false` | nobody beyond the first choice |
//! | `provider.sort` | `price`, `throughput` or `latency` first, whatever the weights |
//! | `provider.max_price` | `{prompt, completion}` in dollars per million tokens |
//! | `provider.require_parameters` | nobody who is known not to have what the request needs |
//! | `model:floor`, `model:nitro` | `sort: price`, `sort: throughput` |
//! | `model(high)` | reasoning effort |

use serde::{Deserialize, Serialize};

use crate::fault::Failure;
use crate::ir::Effort;
use crate::json::Body;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    Price,
    Throughput,
    Latency,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provider {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    pub allow_fallbacks: bool,
    pub require_parameters: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_price: Option<MaxPrice>,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            only: Vec::new(),
            ignore: Vec::new(),
            allow_fallbacks: true,
            require_parameters: false,
            sort: None,
            max_price: None,
        }
    }
}

/// Dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MaxPrice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion: Option<f64>,
}

/// OpenRouter takes three.
const MODELS: usize = 8;

impl Preferences {
    /// From members that no protocol has: whatever else stands under these names is not for us.
    pub fn of(body: &Body) -> Result<Option<Self>, Failure> {
        let mut said = Self::default();
        for name in members(body) {
            match name {
                "models" => said.models = body.get(name)?.unwrap_or_default(),
                _ => said.provider = body.get(name)?,
            }
        }
        if said.models.len() > MODELS {
            return Err(Failure::invalid("models", format!("names more than {MODELS} models")));
        }
        Ok((said != Self::default()).then_some(said))
    }
}

/// Members of a body that are for a router, and that nobody else must see.
pub fn members(body: &Body) -> impl Iterator<Item = &'static str> {
    let ours = |(name, first): &(&'static str, &[u8])| body.raw(name).is_some_and(|raw| raw.starts_with(first));
    [("models", b"[".as_slice()), ("provider", b"{")].into_iter().filter(ours).map(|(name, _)| name)
}

/// A model's name and what its suffixes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suffixed<'a> {
    pub name: &'a str,
    pub effort: Option<&'a str>,
    pub sort: Option<Sort>,
    /// The suffix that says `sort`, with its colon.
    pub tag: Option<&'a str>,
}

/// `gpt-5(high):nitro`; what is no suffix of ours belongs to the name.
pub fn suffixes(model: &str) -> Suffixed<'_> {
    let at = model.rfind(':').unwrap_or(model.len());
    let (name, tag) = model.split_at(at);
    let sort = match tag {
        ":floor" => Some(Sort::Price),
        ":nitro" => Some(Sort::Throughput),
        _ => None,
    };
    let (name, tag) = if sort.is_some() { (name, Some(tag)) } else { (model, None) };
    let effort = name.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    let effort = effort.filter(|(name, word)| !name.is_empty() && (*word == "none" || Effort::parse(word).is_some()));
    match effort {
        Some((name, word)) => Suffixed { name, effort: Some(word), sort, tag },
        None => Suffixed { name, effort: None, sort, tag },
    }
}
