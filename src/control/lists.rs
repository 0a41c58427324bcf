//! The models there are: which providers are asked for their lists, when, with whose credential, and what a caller may
//! see of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Control;
use super::inquiry::{Denied, Wanted};
use super::record::Record;
use crate::accounts::Setup;
use crate::fault::Millis;
use crate::models::lists::{List, Source};
use crate::models::{self, Listed};
use crate::route;
use crate::upstream::Target;
use crate::upstream::listing::Offer;

/// Whose lists are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Those that are old.
    Due,
    All,
    Provider(String),
    /// The one that this account can ask for, with its own credential.
    Account(String),
}

/// One list to ask for. No `Debug`: it holds a credential.
pub struct Survey {
    pub source: Source,
    pub account: String,
    pub target: Target,
    /// Its token has to be renewed first.
    pub stale: bool,
}

/// What was asked, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Surveyed {
    pub provider: String,
    pub account: String,
    pub models: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Lists in one go: each is up to three requests, and there are 50 of those for all that a wake does.
pub const AT_ONCE: usize = 5;

impl Control {
    /// The models a caller may use.
    pub fn models(&mut self, wanted: &Wanted, now: Millis) -> Result<Vec<Listed>, Denied> {
        self.gather();
        let payer = self.payer(&wanted.caller, now)?;
        let mut listed = match &wanted.model {
            Some(model) => vec![models::find(model, &self.faces)?],
            None => models::list(&self.faces, wanted.provider.as_deref()),
        };
        if let Some(token) = payer.and_then(|id| self.clients.get(&id)) {
            listed.retain(|model| token.terms.allows(&model.id, &model.provider, &model.model));
        }
        match &wanted.model {
            Some(model) if listed.is_empty() => Err(route::unknown(model).into()),
            _ => Ok(listed),
        }
    }

    pub fn lists(&self) -> impl Iterator<Item = (&Source, &List)> {
        self.lists.iter()
    }

    /// Whether somebody's list has never been asked for, or is old.
    pub fn has_lists_due(&self, now: Millis) -> bool {
        self.sources(&Whose::Due, now).next().is_some()
    }

    /// The lists to ask for now. They count as asked for from here on.
    pub fn surveys(&mut self, whose: &Whose, now: Millis) -> Vec<Survey> {
        let mut accounts: BTreeMap<Source, Vec<String>> = BTreeMap::new();
        for (source, account) in self.sources(whose, now) {
            accounts.entry(source).or_default().push(account.to_owned());
        }
        let mut surveys = Vec::new();
        let most = if *whose == Whose::Due { AT_ONCE } else { 4 * AT_ONCE };
        for (source, accounts) in accounts {
            if surveys.len() == most {
                break;
            }
            // The clock renews tokens in its own order.
            let fresh = |id: &String| *whose != Whose::Due || !self.is_stale(id, now);
            let accounts: Vec<String> = accounts.into_iter().filter(fresh).collect();
            if accounts.is_empty() {
                continue;
            }
            let turn = self.lists.begin(&source, accounts.len(), now);
            let Some(account) = accounts.into_iter().nth(turn) else { continue };
            self.open(&account);
            let Some(setup) = self.setups.get(&account) else { continue };
            let target = setup.target("");
            // Most clouds have no list, or one of something else.
            if target.upstream.models_request(&target, None).is_none() {
                continue;
            }
            let stale = self.is_stale(&account, now) || setup.credential.access.is_empty() && self.renews(&account);
            surveys.push(Survey { source, account, target, stale });
        }
        surveys
    }

    pub fn surveyed(&mut self, survey: &Survey, outcome: Result<Vec<Offer>, String>, now: Millis) -> Surveyed {
        let (models, error) = match &outcome {
            Ok(offers) => (offers.len(), None),
            Err(why) => (0, Some(why.clone())),
        };
        self.lists.end(&survey.source, outcome, now);
        self.know();
        let (provider, account) = (survey.source.provider.clone(), survey.account.clone());
        Surveyed { provider, account, models, error }
    }

    /// Whether its token has to be renewed before anything can be asked with it.
    fn is_stale(&self, account: &str, now: Millis) -> bool {
        let over = |record: &Record| record.expires.is_some_and(|expires| expires <= now);
        self.renews(account) && self.records.get(account).is_some_and(over)
    }

    fn renews(&self, account: &str) -> bool {
        self.records.get(account).is_some_and(Record::renews)
    }

    /// Who could ask for a list.
    fn sources(&self, whose: &Whose, now: Millis) -> impl Iterator<Item = (Source, &str)> {
        let wanted = move |source: &Source, account: &str| match whose {
            Whose::Due => self.lists.is_due(source, now),
            Whose::All => true,
            Whose::Provider(name) => source.provider == *name,
            Whose::Account(id) => account == id,
        };
        let named = matches!(whose, Whose::Account(_));
        self.setups.values().filter(move |setup| named || setup.account.enabled).filter_map(move |setup| {
            let source = source(setup);
            let account = setup.account.id.as_str();
            wanted(&source, account).then_some((source, account))
        })
    }

    /// Let routing know what the lists say.
    pub(super) fn know(&mut self) {
        for face in &mut self.faces {
            face.offers = self.lists.offers(&face.account.provider);
        }
    }

    /// After the accounts have changed.
    pub(super) fn keep_lists(&mut self) {
        let setups = &self.setups;
        self.lists.keep(&|known| {
            let asks = |setup: &Setup| setup.account.provider == known.provider && setup.base_url == known.base_url;
            setups.values().any(asks)
        });
        self.know();
    }
}

fn source(setup: &Setup) -> Source {
    Source { provider: setup.account.provider.clone(), base_url: setup.base_url.clone() }
}
