//! What providers say they have: read now and then, kept, and never asked for while somebody waits for an answer.
//!
//! A list belongs to a provider at an address; accounts there share it, and take turns in asking when one is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Millis;
use crate::upstream::listing::Offer;

/// Providers add a model every few weeks.
pub const TTL: Duration = Duration::from_secs(6 * 3600);
const FIRST_RETRY: Duration = Duration::from_secs(300);

/// A provider's name, and the address of its own where an operator gave one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub provider: String,
    pub base_url: Option<String>,
}

impl Source {
    fn row(&self) -> String {
        match &self.base_url {
            Some(base) => format!("list/{}@{base}", self.provider),
            None => format!("list/{}", self.provider),
        }
    }

    /// From the name of a row, without `list/`.
    fn of(row: &str) -> Self {
        let (provider, base_url) = match row.split_once('@') {
            Some((provider, base)) => (provider, Some(base.to_owned())),
            None => (row, None),
        };
        Self { provider: provider.to_owned(), base_url }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct List {
    pub offers: Vec<Offer>,
    /// When `offers` came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Millis>,
    /// When it was last asked for.
    pub asked: Millis,
    /// How often in a row there was no answer.
    pub misses: u32,
    /// Why, the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl List {
    pub fn due(&self) -> Millis {
        let rest = match self.misses {
            0 => TTL,
            misses => TTL.min(FIRST_RETRY.saturating_mul(1 << misses.saturating_sub(1).min(8))),
        };
        self.asked.plus(rest)
    }
}

/// All that a provider offers, wherever it is asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// In the provider's own order.
    all: Vec<Offer>,
    /// In lower case.
    places: BTreeMap<String, usize>,
}

impl Offers {
    fn of<'a>(lists: impl Iterator<Item = &'a List>) -> Self {
        let mut offers = Self::default();
        for offer in lists.flat_map(|list| &list.offers) {
            let name = offer.id.to_ascii_lowercase();
            if !offers.places.contains_key(&name) {
                offers.places.insert(name, offers.all.len());
                offers.all.push(offer.clone());
            }
        }
        offers
    }

    pub fn iter(&self) -> impl Iterator<Item = &Offer> {
        self.all.iter()
    }

    /// By its name, or by one that providers take for it although their lists do not say so: without Ollama's default
    /// tag, or without the date of its edition.
    pub fn find(&self, name: &str) -> Option<&Offer> {
        let name = name.to_ascii_lowercase();
        let at = self.places.get(&name).or_else(|| self.places.get(&format!("{name}:latest"))).copied();
        self.all.get(at.or_else(|| self.edition(&name))?)
    }

    /// The latest of those that are `name` with a date behind it.
    fn edition(&self, name: &str) -> Option<usize> {
        let is_date = |date: &str| {
            let year = date.get(..4).is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit()));
            year && matches!(date.len(), 8 | 10) && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        };
        let stem = format!("{name}-");
        let behind = self.places.range(stem.clone()..).take_while(|(full, _)| full.starts_with(&stem));
        let editions = behind.filter(|(full, _)| full.strip_prefix(&stem).is_some_and(is_date));
        editions.last().map(|(_, at)| *at)
    }
}

#[derive(Debug, Default)]
pub struct Lists {
    lists: BTreeMap<Source, List>,
    offers: BTreeMap<String, Arc<Offers>>,
    unsaved: BTreeSet<Source>,
}

impl Lists {
    /// A stored row, by its name without `list/`.
    pub fn load(&mut self, row: &str, value: &str) -> Result<(), serde_json::Error> {
        let source = Source::of(row);
        let list = serde_json::from_str(value)?;
        let provider = source.provider.clone();
        self.lists.insert(source, list);
        self.gather(&provider);
        Ok(())
    }

    pub fn changes(&mut self) -> Vec<(String, Option<String>)> {
        let rows = std::mem::take(&mut self.unsaved).into_iter();
        rows.map(|source| {
            let value = self.lists.get(&source).and_then(|list| serde_json::to_string(list).ok());
            (source.row(), value)
        })
        .collect()
    }

    /// Forget what no account asks for any more.
    pub fn keep(&mut self, is_asked: &dyn Fn(&Source) -> bool) {
        let gone: Vec<Source> = self.lists.keys().filter(|source| !is_asked(source)).cloned().collect();
        for source in gone {
            self.lists.remove(&source);
            self.gather(&source.provider);
            self.unsaved.insert(source);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Source, &List)> {
        self.lists.iter()
    }

    /// `None`: nobody has told yet.
    pub fn offers(&self, provider: &str) -> Option<Arc<Offers>> {
        self.offers.get(provider).cloned()
    }

    pub fn is_due(&self, source: &Source, now: Millis) -> bool {
        self.lists.get(source).is_none_or(|list| list.due() <= now)
    }

    /// It is about to be asked for. Whose turn it is among `accounts` that can ask.
    pub fn begin(&mut self, source: &Source, accounts: usize, now: Millis) -> usize {
        let list = self.lists.entry(source.clone()).or_default();
        list.asked = now;
        usize::try_from(list.misses).unwrap_or_default().checked_rem(accounts).unwrap_or_default()
    }

    /// What came of it. A list that was read stays when it cannot be read again.
    pub fn end(&mut self, source: &Source, outcome: Result<Vec<Offer>, String>, now: Millis) {
        let Some(list) = self.lists.get_mut(source) else { return };
        match outcome {
            Ok(offers) => *list = List { offers, read: Some(now), asked: now, ..List::default() },
            Err(why) => {
                list.misses = list.misses.saturating_add(1);
                list.trouble = Some(why);
            }
        }
        self.gather(&source.provider);
        self.unsaved.insert(source.clone());
    }

    fn gather(&mut self, provider: &str) {
        let own = || self.lists.iter().filter(|(source, _)| source.provider == provider).map(|(_, list)| list);
        if own().any(|list| list.read.is_some()) {
            self.offers.insert(provider.to_owned(), Arc::new(Offers::of(own())));
        } else {
            self.offers.remove(provider);
        }
    }
}
