//! Which providers have a model: from the name a client uses to goals for the pool.

use crate::accounts::Setup;
use crate::call::printable;
use crate::fault::{Failure, Kind};
use crate::pool::{Ask, Goal};
use crate::upstream::pattern;

/// `provider/model`, or a bare name that somebody offers. `pinned` is a provider named by path or header.
/// `None`: nobody has it.
pub fn resolve(model: &str, pinned: Option<&str>, setups: &[Setup]) -> Option<Ask> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    if model.is_empty() {
        return None;
    }
    let named = pinned.or_else(|| model.split_once('/').map(|(provider, _)| provider));
    let goals = match named.and_then(|name| setups.iter().find(|setup| setup.answers_to(name))) {
        Some(setup) => vec![goal(setup, own_name(setup, model))],
        None if pinned.is_some() => Vec::new(),
        None => offering(model, setups),
    };
    (!goals.is_empty()).then(|| Ask { tiers: vec![goals], ..Ask::default() })
}

/// What a client hears of a model that nobody has.
pub fn unknown(model: &str) -> Failure {
    let message = format!("no account offers the model {}", printable(model));
    Failure { param: Some("model".to_owned()), ..Failure::new(Kind::NotFound, message).code("model_not_found") }
}

/// Whether a path segment or a header may name a provider.
pub fn is_provider(name: &str, setups: &[Setup]) -> bool {
    setups.iter().any(|setup| setup.answers_to(name))
}

/// Everybody whose list has the name; else servers of the operator's own whose list is unknown, for they may.
fn offering(model: &str, setups: &[Setup]) -> Vec<Goal> {
    let listed = |setup: &&Setup| pattern::any(&setup.models, model);
    let open = |setup: &&Setup| setup.models.is_empty() && setup.base_url.is_some();
    let collect = |wanted: &dyn Fn(&&Setup) -> bool| {
        let mut goals: Vec<Goal> = Vec::new();
        for setup in setups.iter().filter(|setup| wanted(setup)) {
            if !goals.iter().any(|goal| goal.provider == setup.account.provider) {
                goals.push(goal(setup, model));
            }
        }
        goals
    };
    let goals = collect(&listed);
    if goals.is_empty() { collect(&open) } else { goals }
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
