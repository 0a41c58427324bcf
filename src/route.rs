//! Which providers have a model: from the name a client uses to goals for the pool.

pub mod choose;
pub mod document;
pub mod preferences;

use serde::{Deserialize, Serialize};

use crate::accounts::{Has, Setup};
use crate::call::printable;
use crate::fault::{Failure, Kind};
use crate::json::{Body, Marks};
use crate::pool::{Ask, Goal};
use crate::upstream::pattern;

/// What a request needs of a model, as far as its bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Needs {
    #[serde(skip_serializing_if = "is_false")]
    pub tools: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub images: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub schema: bool,
    /// At least so many tokens of prompt.
    pub tokens: u64,
}

fn is_false(claim: &bool) -> bool {
    !claim
}

impl Needs {
    pub fn of(body: &Body) -> Self {
        let Marks { images, schema, media } = body.marks();
        let member = |name: &str| body.raw(name).is_some_and(|raw| !matches!(raw, b"null" | b"[]" | b"{}"));
        Self {
            tools: member("tools") || member("functions"),
            images: images || member("images"),
            schema,
            // Eight bytes a token: no language is denser, and nobody is turned away by a guess. Media are no text.
            tokens: if media { 0 } else { body.bytes().len() as u64 / 8 },
        }
    }
}

/// `provider/model`, `[Provider] model`, or a bare name that somebody offers. `pinned` is a provider named by path or
/// header. `None`: nobody has it.
pub fn resolve(model: &str, pinned: Option<&str>, setups: &[Setup]) -> Option<Ask> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let (label, model) = label(model);
    let model = untagged(model, setups);
    if model.is_empty() {
        return None;
    }
    // A label for nobody here is a name that nobody has.
    let label = match label {
        Some(label) => Some(labeled(label, setups)?),
        None => None,
    };
    let pinned = pinned.or(label);
    let named = pinned.or_else(|| model.split_once('/').map(|(provider, _)| provider));
    let goals = match named.and_then(|name| named_as(name, setups)) {
        Some(setup) => vec![goal(setup, own_name(setup, model))],
        None if pinned.is_some() => Vec::new(),
        None => return offering(model, setups),
    };
    (!goals.is_empty()).then(|| Ask { tiers: vec![goals], ..Ask::default() })
}

/// `[Gemini CLI] gemini-2.5-pro`: lists of models made for people to choose from name the provider this way.
fn label(model: &str) -> (Option<&str>, &str) {
    let parts = model.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    parts.map_or((None, model), |(label, rest)| (Some(label.trim()), rest.trim_start()))
}

/// The provider a label means: the one of that name, else of its first word (`[OpenAI Responses]` is `openai`).
fn labeled<'a>(label: &str, setups: &'a [Setup]) -> Option<&'a str> {
    let whole = label.replace(' ', "-");
    let first = label.split(' ').next().unwrap_or_default();
    let setup = [whole.as_str(), first].into_iter().find_map(|name| named_as(name, setups))?;
    Some(&setup.account.provider)
}

/// Clients of Ollama add its default tag to any name that has none. Where a model is called so, it stays.
fn untagged<'a>(model: &'a str, setups: &[Setup]) -> &'a str {
    match model.strip_suffix(":latest") {
        Some(bare) if !setups.iter().any(|setup| has_tagged(setup, model)) => bare,
        _ => model,
    }
}

/// By its own name, or with the provider's in front.
fn has_tagged(setup: &Setup, model: &str) -> bool {
    [model, own_name(setup, model)].into_iter().any(|name| {
        setup.declared && pattern::any(&setup.models, name) || setup.offer(name).is_some_and(|offer| offer.id == name)
    })
}

/// Anything of one provider, for a relay that does not know what it carries. An account restricted to some models is
/// not asked: nobody could tell whether this is one of them.
pub fn whatever(provider: &str, setups: &[Setup]) -> Option<Ask> {
    let setup = named_as(provider, setups)?;
    Some(Ask { tiers: vec![vec![goal(setup, "")]], ..Ask::default() })
}

/// What a client hears of a model that nobody has.
pub fn unknown(model: &str) -> Failure {
    let message = format!("no account offers the model {}", printable(model));
    Failure { param: Some("model".to_owned()), ..Failure::new(Kind::NotFound, message).code("model_not_found") }
}

/// An account of the provider that `name` means: of the one so called, else of one that also answers to it.
pub fn named_as<'a>(name: &str, setups: &'a [Setup]) -> Option<&'a Setup> {
    let mut answering = setups.iter().filter(|setup| setup.answers_to(name));
    let first = answering.next()?;
    let is_own = |setup: &&Setup| setup.account.provider.eq_ignore_ascii_case(name);
    Some(std::iter::once(first).chain(answering).find(is_own).unwrap_or(first))
}

/// Whether a path segment or a header may name a provider.
pub fn is_provider(name: &str, setups: &[Setup]) -> bool {
    setups.iter().any(|setup| setup.answers_to(name))
}

/// Everybody who has the model; behind them those whose own list lacks it, although it sounds like theirs: a list need
/// not be whole. Else servers of the operator's own whose list is unknown, for they may.
fn offering(model: &str, setups: &[Setup]) -> Option<Ask> {
    let has: Vec<(&Setup, Has)> = setups.iter().map(|setup| (setup, setup.has(model))).collect();
    let mut taken: Vec<&str> = Vec::new();
    let mut collect = |wanted: Has| {
        let mut goals: Vec<Goal> = Vec::new();
        for (setup, _) in has.iter().filter(|(_, has)| *has == wanted) {
            if !taken.contains(&setup.account.provider.as_str()) {
                taken.push(&setup.account.provider);
                goals.push(goal(setup, model));
            }
        }
        goals
    };
    let mut tiers = vec![collect(Has::Yes), collect(Has::Unlisted)];
    if tiers.iter().all(Vec::is_empty) {
        tiers = vec![collect(Has::Maybe)];
    }
    tiers.retain(|tier| !tier.is_empty());
    (!tiers.is_empty()).then(|| Ask { tiers, ..Ask::default() })
}

fn goal(setup: &Setup, model: &str) -> Goal {
    Goal { provider: setup.account.provider.clone(), model: model.to_owned(), ..Goal::default() }
}

/// A model's name without its provider. Some providers have models under their own name (`openrouter/auto`,
/// `groq/compound`): those keep it.
fn own_name<'a>(setup: &Setup, model: &'a str) -> &'a str {
    match model.split_once('/') {
        Some((provider, rest)) if setup.answers_to(provider) && !rest.is_empty() => {
            let whole = !rest.contains('/') && pattern::any(&setup.models, model) && !pattern::any(&setup.models, rest);
            if whole { model } else { rest }
        }
        _ => model,
    }
}
