//! Which Durable Object answers. One does, for all there is; a provider may have one of its own.
//!
//! A call crosses providers and a token's budget is counted in one place, so state is cut where nothing crosses: a
//! provider named in `SLUICE_SHARDS` has an object to itself, with its accounts, its tokens and its configuration. What
//! names the provider goes there, by path (`/groq/v1/...`) or by header; everything else goes to the first.

use crate::accounts;

/// The object of everything that is not said to be elsewhere.
const FIRST: &str = "pool";

/// Providers with an object of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shards(Vec<String>);

impl Shards {
    /// `text` is the variable `SLUICE_SHARDS`: providers, separated by commas.
    pub fn of(text: &str) -> Self {
        let mut names: Vec<String> = text.split(',').map(accounts::canonical).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// The object that decides about a call to `provider`, or to whomever it likes.
    pub fn object(&self, provider: Option<&str>) -> String {
        let own = || Some(accounts::canonical(provider?)).filter(|name| self.0.contains(name));
        if self.0.is_empty() { FIRST.to_owned() } else { own().map_or_else(|| FIRST.to_owned(), |name| named(&name)) }
    }

    /// Whether accounts of `provider` are asked by `object`.
    pub fn holds(&self, object: &str, provider: &str) -> bool {
        self.0.is_empty() || self.object(Some(provider)) == object
    }

    pub fn objects(&self) -> impl Iterator<Item = String> + '_ {
        std::iter::once(FIRST.to_owned()).chain(self.0.iter().map(|name| named(name)))
    }
}

fn named(provider: &str) -> String {
    format!("{FIRST}/{provider}")
}

/// What names of `object`'s copies in KV begin with.
pub fn copies(object: &str) -> String {
    object.split_once('/').map_or_else(|| "account/".to_owned(), |(_, provider)| format!("shard/{provider}/account/"))
}
