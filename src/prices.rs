//! What a call costs, in whole micro-dollars.
//!
//! Tokens come in disjoint buckets ([`Usage`]); each bucket has a rate in micro-dollars per million tokens, and the cost
//! is one dot product. It is computed exactly and rounded up once per call: a call that costs anything costs at least a
//! micro-dollar, and sums of costs are sums of whole numbers.
//!
//! Where a price comes from, first match wins: the account's own prices, the operator's, the shipped table. A model
//! nobody has priced follows [`Unknown`], and says so in its [`Cost`].

pub mod document;
mod table;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::catalogue;
use crate::ir::event::Usage;
use crate::upstream::pattern;

pub use self::document::{Document, Problem};

/// Micro-dollars. 2⁶³ of them are nine trillion dollars.
pub type Micro = u64;

const MILLION: u128 = 1_000_000;

/// Micro-dollars per million tokens: $2.50 is 2,500,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub cache_write_long: u64,
    /// Reasoning is output everywhere.
    pub output: u64,
}

/// What calls with a prompt of more than `over` tokens cost, all of their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    pub over: u64,
    pub rates: Rates,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Price {
    pub rates: Rates,
    pub per_request: Micro,
    /// In ascending order of `over`.
    pub tiers: Cow<'static, [Tier]>,
}

impl Price {
    pub const FREE: Self = Self {
        rates: Rates { input: 0, cache_read: 0, cache_write: 0, cache_write_long: 0, output: 0 },
        per_request: 0,
        tiers: Cow::Borrowed(&[]),
    };

    /// Rounded up to a whole micro-dollar.
    pub fn cost(&self, usage: &Usage) -> Micro {
        let prompt = [usage.input, usage.cache_read, usage.cache_write, usage.cache_write_long];
        let prompt = prompt.into_iter().fold(0_u64, u64::saturating_add);
        let rates = self.rates(prompt);
        // Each product is below 2¹²⁸ / 8; together they may pass it only with numbers no provider has ever sent.
        let of = |tokens: u64, rate: u64| u128::from(tokens) * u128::from(rate);
        let exact = [
            of(usage.input, rates.input),
            of(usage.cache_read, rates.cache_read),
            of(usage.cache_write, rates.cache_write),
            of(usage.cache_write_long, rates.cache_write_long),
            of(usage.output, rates.output),
            of(usage.reasoning, rates.output),
        ];
        let exact = exact.into_iter().fold(0_u128, u128::saturating_add);
        let cost = exact.div_ceil(MILLION).saturating_add(u128::from(self.per_request));
        Micro::try_from(cost).unwrap_or(Micro::MAX)
    }

    /// The most that a call can cost whose prompt is at most `input` tokens and whose answer is at most `output`: no
    /// cache helps, and what is written to it is written for long.
    pub fn ceiling(&self, input: u64, output: u64) -> Micro {
        let Rates { input: fresh, cache_write, cache_write_long, .. } = *self.rates(input);
        let mut usage = Usage { output, ..Usage::default() };
        if cache_write_long > fresh.max(cache_write) {
            usage.cache_write_long = input;
        } else if cache_write > fresh {
            usage.cache_write = input;
        } else {
            usage.input = input;
        }
        self.cost(&usage)
    }

    fn rates(&self, prompt: u64) -> &Rates {
        self.tiers.iter().rev().find(|tier| prompt > tier.over).map_or(&self.rates, |tier| &tier.rates)
    }
}

/// What to do with a model that has no price.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Unknown {
    /// Whoever has a budget in money may not use it: nobody could say what is left.
    #[default]
    Deny,
    /// It costs nothing, and the usage log says that the price was not known.
    Zero,
    Fallback(Price),
}

/// How a cost was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Basis {
    /// The shipped table.
    #[default]
    List,
    /// The operator's own price.
    Override,
    /// The operator's price for models without one.
    Fallback,
    /// No price: it counts as nothing.
    Unknown,
    /// Paid for otherwise.
    Subscription,
}

impl Basis {
    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Override => "override",
            Self::Fallback => "fallback",
            Self::Unknown => "unknown",
            Self::Subscription => "subscription",
        }
    }
}

/// What one call cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    pub micro: Micro,
    /// What it would have cost without the subscription.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub saved: Micro,
    #[serde(default)]
    pub basis: Basis,
}

fn is_zero(micro: &Micro) -> bool {
    *micro == 0
}

/// What is asked about: an account that serves a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sold<'a> {
    pub provider: &'a str,
    pub model: &'a str,
    pub subscription: bool,
    /// The account's own prices.
    pub own: Option<&'a Prices>,
}

/// A price and where it was found; `None`: none is known and the policy is to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub price: Option<Price>,
    pub basis: Basis,
}

/// The operator's prices: names or patterns of `model` or `provider/model`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    pub models: Vec<(String, Price)>,
    pub unknown: Unknown,
}

impl Prices {
    pub fn find(&self, sold: &Sold<'_>) -> Found {
        let listed = || table::free(sold.provider).or_else(|| table::list(sold.model));
        if let Some(price) = sold.own.and_then(|own| own.named(sold)).or_else(|| self.named(sold)) {
            Found { price: Some(price.clone()), basis: Basis::Override }
        } else if let Some(price) = listed() {
            Found { price: Some(price), basis: Basis::List }
        } else {
            match &self.unknown {
                Unknown::Deny => Found { price: None, basis: Basis::Unknown },
                Unknown::Zero => Found { price: Some(Price::FREE), basis: Basis::Unknown },
                Unknown::Fallback(price) => Found { price: Some(price.clone()), basis: Basis::Fallback },
            }
        }
    }

    pub fn cost(&self, usage: &Usage, sold: &Sold<'_>) -> Cost {
        let Found { price, basis } = self.find(sold);
        let list = price.map_or(0, |price| price.cost(usage));
        if sold.subscription {
            Cost { micro: 0, saved: list, basis: Basis::Subscription }
        } else {
            Cost { micro: list, saved: 0, basis }
        }
    }

    /// The most that a call can cost; `None`: nobody knows, and the policy is to refuse.
    pub fn ceiling(&self, sold: &Sold<'_>, input: u64, output: u64) -> Option<Micro> {
        if sold.subscription {
            return Some(0);
        }
        self.find(sold).price.map(|price| price.ceiling(input, output))
    }

    /// The longest pattern that fits: it says the most.
    fn named(&self, sold: &Sold<'_>) -> Option<&Price> {
        let whole = format!("{}/{}", sold.provider, sold.model);
        let fits = |name: &str| {
            let name = std::slice::from_ref(&name);
            pattern::any(name, sold.model) || pattern::any(name, &whole)
        };
        let fitting = self.models.iter().filter(|(name, _)| fits(name));
        fitting.max_by_key(|(name, _)| name.bytes().filter(|byte| *byte != b'*').count()).map(|(_, price)| price)
    }
}

/// A row of the shipped table.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// As its maker sells it; other names for it are found as [`catalogue::nearest`] finds them.
    pub name: &'static str,
    pub rates: Rates,
    pub tiers: &'static [Tier],
}

impl Listed {
    pub fn price(&self) -> Price {
        Price { rates: self.rates, per_request: 0, tiers: Cow::Borrowed(self.tiers) }
    }
}

/// The shipped table, for whoever shows it.
pub fn shipped() -> &'static [Listed] {
    table::PRICES
}

fn listed(name: &str) -> Option<&'static Listed> {
    catalogue::nearest(name, table::PRICES, |listed| listed.name)
}
