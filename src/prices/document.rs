//! Prices as the operator writes them in the configuration.
//!
//! ```json
//! { "unknown": "deny",
//!   "models": { "gpt-4.1": { "input": 2000000, "cache_read": 500000, "output": 8000000 },
//!               "my-relay/*": { "input": 100000, "output": 300000, "per_request": 50 } } }
//! ```
//!
//! Whole numbers of micro-dollars: per million tokens, `per_request` for each call. What is left out of the cache's
//! prices costs what fresh input costs, and an hour's write what a short one does.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Price, Prices, Rates, Tier, Unknown};

/// $1,000 per thousand tokens: beyond it somebody has mistaken the unit.
const DEAREST: u64 = 1_000_000_000_000;
const MODELS: usize = 1000;
const TIERS: usize = 8;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Prices"))]
pub struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Policy>,
    /// By name or pattern of `model` or `provider/model`; the longest that fits counts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Written>,
}

/// `"deny"`, `"zero"`, or `{"fallback": price}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "UnknownPrice"))]
pub enum Policy {
    Deny,
    Zero,
    Fallback(Written),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Price"))]
pub struct Written {
    pub input: u64,
    pub output: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// For five minutes, or for as long as the provider decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<WrittenTier>,
}

/// What all tokens of a call cost whose prompt has more than `over`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "PriceTier"))]
pub struct WrittenTier {
    pub over: u64,
    pub input: u64,
    pub output: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub path: String,
    pub message: String,
}

impl Document {
    /// The prices, unless something is wrong with them; all of what is wrong.
    pub fn read(&self) -> Result<Prices, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.models.len() > MODELS {
            let message = format!("more than {MODELS} prices");
            problems.push(Problem { path: "models".to_owned(), message });
        }
        let models = self.models.iter().map(|(name, written)| {
            let path = format!("models.{name}");
            if name.trim().is_empty() {
                problems.push(Problem { path: path.clone(), message: "a price needs a name or a pattern".to_owned() });
            }
            (name.clone(), written.read(&path, &mut problems))
        });
        let models = models.collect();
        let unknown = match &self.unknown {
            None | Some(Policy::Deny) => Unknown::Deny,
            Some(Policy::Zero) => Unknown::Zero,
            Some(Policy::Fallback(written)) => Unknown::Fallback(written.read("unknown.fallback", &mut problems)),
        };
        if problems.is_empty() { Ok(Prices { models, unknown }) } else { Err(problems) }
    }
}

impl Written {
    fn read(&self, path: &str, problems: &mut Vec<Problem>) -> Price {
        let mut problem =
            |field: &str, message: String| problems.push(Problem { path: format!("{path}.{field}"), message });
        let mut dear = |field: &str, rates: &Rates| {
            let Rates { input, cache_read, cache_write, cache_write_long, output } = *rates;
            if [input, cache_read, cache_write, cache_write_long, output].iter().any(|rate| *rate > DEAREST) {
                problem(field, format!("more than {DEAREST} micro-dollars per million tokens"));
            }
        };
        let base = rates(self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h, self.output);
        dear("input", &base);
        let mut tiers: Vec<Tier> = Vec::with_capacity(self.tiers.len().min(TIERS));
        for (at, tier) in self.tiers.iter().enumerate().take(TIERS) {
            let of = rates(tier.input, tier.cache_read, tier.cache_write_5m, tier.cache_write_1h, tier.output);
            dear(&format!("tiers[{at}]"), &of);
            tiers.push(Tier { over: tier.over, rates: of });
        }
        if self.tiers.len() > TIERS {
            problem("tiers", format!("more than {TIERS} tiers"));
        }
        if !tiers.is_sorted_by(|a, b| a.over < b.over) {
            problem("tiers", "not in ascending order of `over`".to_owned());
        }
        let per_request = self.per_request.unwrap_or_default();
        if per_request > DEAREST {
            problem("per_request", format!("more than {DEAREST} micro-dollars"));
        }
        Price { rates: base, per_request, tiers: Cow::Owned(tiers) }
    }
}

fn rates(input: u64, read: Option<u64>, short: Option<u64>, long: Option<u64>, output: u64) -> Rates {
    let cache_write = short.unwrap_or(input);
    Rates {
        input,
        cache_read: read.unwrap_or(input),
        cache_write,
        cache_write_long: long.unwrap_or(cache_write),
        output,
    }
}
