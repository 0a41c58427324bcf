//! Which providers have a model: from the name a client uses to goals for the pool.

use crate::pool::{Ask, Goal};

/// `provider/model`, or a bare name that `offers` finds providers for. `None`: unknown.
pub fn resolve(
    model: &str,
    pinned: Option<&str>,
    is_provider: &dyn Fn(&str) -> bool,
    offers: &dyn Fn(&str) -> Vec<String>,
) -> Option<Ask> {
    let goal = |provider: &str, model: &str| Goal { provider: provider.to_owned(), model: model.to_owned() };
    let goals = match (pinned, model.split_once('/')) {
        (Some(provider), _) => vec![goal(provider, model)],
        (None, Some((provider, rest))) if is_provider(provider) => vec![goal(provider, rest)],
        _ => offers(model).iter().map(|provider| goal(provider, model)).collect(),
    };
    (!goals.is_empty()).then(|| Ask { tiers: vec![goals], affinity: None })
}
