//! Routes as the operator writes them: names of the operator's own, and who stands in for whom.
//!
//! ```json
//! { "routes": { "fast": { "tiers": [["groq/llama-3.3-70b-versatile", {"model": "gpt-4.1-mini", "weight": 2}],
//!                                   ["gemini-2.5-flash"]] },
//!               "claude-*": { "tiers": [["claude/*"], ["kiro/*"], ["anthropic/*"]], "strategy": "fill_first" } },
//!   "fallbacks": { "gemini-cli": ["antigravity", "google"], "gpt-5*": ["claude-sonnet-5"] },
//!   "models": { "my-small-*": { "tools": false, "images": false } } }
//! ```
//!
//! Tiers are tried in order; those of one tier share the load. A candidate is `provider/model` or the bare name of a
//! model that somebody offers; `*` in it stands for the name that was asked for.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::preferences::Sort;
use crate::pool::Strategy;
use crate::rules::{Parameters, Rule};

/// 20 candidates in all: more than anybody waits for.
const CANDIDATES: usize = 20;
const ROUTES: usize = 500;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    /// By the name that clients ask for, or a pattern of it; the longest that fits counts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, Route>,
    /// By a provider's name or a pattern of models: who is asked when those cannot answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fallbacks: BTreeMap<String, Vec<String>>,
    /// What models can do, by pattern of `model` or `provider/model`, where the catalogue does not know it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Traits>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub tiers: Vec<Vec<Candidate>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Within each tier, the cheapest or fastest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// Ask a second account where the first is silent for longer than 95 of 100 calls are; the first content wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<bool>,
    /// For what the client does not say.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub defaults: Parameters,
    /// Whatever the client says.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub overrides: Parameters,
}

impl Route {
    /// What the route says of parameters, as a rule.
    pub fn rule(&self, name: &str) -> Rule {
        let (defaults, overrides) = (self.defaults.clone(), self.overrides.clone());
        Rule { name: name.to_owned(), defaults, overrides, ..Rule::default() }
    }
}

/// A bare string is a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    pub model: String,
    /// Share of the tier.
    pub weight: Option<u32>,
    /// One account's id, or a group of accounts.
    pub account: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
}

impl Serialize for Candidate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self { model, weight: None, account: None } => serializer.serialize_str(model),
            Self { model, weight, account } => {
                Written { model: model.clone(), weight: *weight, account: account.clone() }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Candidate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Candidate;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a model, or an object with `model`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Candidate, E> {
                Ok(Candidate { model: text.to_owned(), ..Candidate::default() })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Candidate, A::Error> {
                let Written { model, weight, account } = Written::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Candidate { model, weight, account })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `None`: nobody has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<bool>,
    /// Tokens of prompt and answer together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    pub path: String,
    pub message: String,
}

impl Document {
    /// Everything that is wrong beyond the types.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut say = |path: String, message: &str| found.push(Problem { path, message: message.to_owned() });
        if self.routes.len() > ROUTES {
            say("routes".to_owned(), "more than 500 routes");
        }
        for (name, route) in &self.routes {
            let path = format!("routes.{name}");
            if name.trim().is_empty() || name.len() > 200 {
                say(path.clone(), "a route needs a name of at most 200 characters");
            }
            if route.tiers.iter().flatten().count() > CANDIDATES {
                say(format!("{path}.tiers"), "more than 20 candidates");
            }
            if route.tiers.iter().all(Vec::is_empty) {
                say(format!("{path}.tiers"), "names nobody");
            }
            for (tier, candidates) in route.tiers.iter().enumerate() {
                for (at, candidate) in candidates.iter().enumerate() {
                    let path = format!("{path}.tiers[{tier}][{at}]");
                    if candidate.model.trim().is_empty() {
                        say(path.clone(), "needs the name of a model");
                    }
                    if candidate.weight == Some(0) {
                        say(format!("{path}.weight"), "0 would never be asked: leave the candidate out");
                    }
                    if candidate.model == *name {
                        say(path, "is the route itself: name the provider, as in provider/model");
                    }
                }
            }
        }
        for (name, others) in &self.fallbacks {
            let path = format!("fallbacks.{name}");
            if others.len() > CANDIDATES {
                say(path.clone(), "more than 20 candidates");
            }
            for (at, other) in others.iter().enumerate() {
                if other.trim().is_empty() || other == name {
                    say(format!("{path}[{at}]"), "must name another provider or model");
                }
            }
        }
        found
    }
}
