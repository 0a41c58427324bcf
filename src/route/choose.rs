//! From what a client asks, by way of the operator's routes and its own preferences, to tiers for the pool.
//!
//! ```text
//! names asked for ──> route of that name, or whoever offers it ──> stand-ins ──> providers wanted
//!                 ──> what the request needs ──> price and pace ──> tiers
//! ```

use super::document::{Candidate, Document, Route, Traits};
use super::preferences::{Preferences, Provider, Sort, suffixes};
use super::{Needs, is_provider, named_as, resolve, unknown};
use crate::accounts::{Has, Setup};
use crate::call::printable;
use crate::catalogue::{self, Modality};
use crate::fault::{Failure, Kind};
use crate::pool::{Ask, Goal, Pace};
use crate::upstream::pattern;

/// What else routing knows of a goal.
pub struct Knowledge<'a> {
    pub setups: &'a [Setup],
    /// Micro-dollars per million tokens of prompt and answer.
    pub price: &'a dyn Fn(&Goal) -> Option<(u64, u64)>,
    pub pace: &'a dyn Fn(&Goal) -> Option<Pace>,
}

/// A call as routing sees it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub model: &'a str,
    /// Named by the path or a header.
    pub provider: Option<&'a str>,
    pub preferences: Option<&'a Preferences>,
    pub needs: Needs,
}

/// Whom to ask, and what the name said about how.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chosen {
    pub ask: Ask,
    /// The route that was taken.
    pub route: Option<String>,
    pub effort: Option<String>,
}

pub fn choose(asked: &Asked<'_>, document: &Document, known: &Knowledge<'_>) -> Result<Chosen, Failure> {
    let suffixed = suffixes(asked.model);
    let mut chosen = Chosen { effort: suffixed.effort.map(str::to_owned), ..Chosen::default() };
    let mut tiers = Vec::new();
    let mut sort = suffixed.sort;
    let names = std::iter::once(suffixed.name)
        .chain(asked.preferences.iter().flat_map(|said| said.models.iter().map(String::as_str)));
    for name in names {
        match route(document, name).filter(|_| asked.provider.is_none()) {
            Some((key, route)) => {
                tiers.extend(expand(route, name, known.setups));
                chosen.route.get_or_insert_with(|| key.to_owned());
                chosen.ask.strategy = route.strategy.unwrap_or_default();
                sort = sort.or(route.sort);
            }
            None => {
                let found = resolve(name, asked.provider, known.setups).map(|ask| ask.tiers).unwrap_or_default();
                let others =
                    if asked.provider.is_none() { stand_ins(document, &found, known.setups) } else { Vec::new() };
                tiers.extend(found);
                tiers.extend(others);
            }
        }
    }
    dedup(&mut tiers);
    if tiers.is_empty() {
        return Err(unknown(asked.model));
    }
    let wanted = asked.preferences.and_then(|said| said.provider.as_ref());
    if let Some(wanted) = wanted {
        tiers = prefer(tiers, wanted, known)?;
        sort = sort.or(wanted.sort);
    }
    tiers = capable(tiers, asked.needs, document, known.setups)?;
    if let Some(sort) = sort {
        tiers = sorted(tiers, sort, known);
    }
    if wanted.is_some_and(|wanted| !wanted.allow_fallbacks) {
        tiers.truncate(1);
    }
    if let Some(tag) = suffixed.tag {
        // A router behind us has the same words, for what only it can see.
        let routers = tiers.iter_mut().flatten().filter(|goal| goal.provider == ROUTER);
        routers.for_each(|goal| goal.model.push_str(tag));
    }
    chosen.ask.tiers = tiers;
    Ok(chosen)
}

/// A provider that routes by itself, in the same words.
pub const ROUTER: &str = "openrouter";

/// The operator's route for a name: its own, else the longest pattern that fits.
fn route<'a>(document: &'a Document, name: &str) -> Option<(&'a str, &'a Route)> {
    if let Some((key, route)) = document.routes.get_key_value(name) {
        return Some((key, route));
    }
    let patterns = document.routes.iter().filter(|(key, _)| key.contains('*') && pattern::any(&[key], name));
    patterns.max_by_key(|(key, _)| key.len()).map(|(key, route)| (key.as_str(), route))
}

fn expand(route: &Route, name: &str, setups: &[Setup]) -> Vec<Vec<Goal>> {
    let tier = |candidates: &Vec<Candidate>| candidates.iter().flat_map(|one| goals(one, name, setups)).collect();
    route.tiers.iter().map(tier).filter(|tier: &Vec<Goal>| !tier.is_empty()).collect()
}

fn goals(candidate: &Candidate, name: &str, setups: &[Setup]) -> Vec<Goal> {
    // The name without a provider that it may begin with.
    let bare = name.split_once('/').filter(|(first, _)| is_provider(first, setups)).map_or(name, |(_, rest)| rest);
    let model = candidate.model.replace('*', bare);
    let found = resolve(&model, None, setups).map(|ask| ask.tiers.concat()).unwrap_or_default();
    let dress = |goal: Goal| Goal { weight: candidate.weight, only: candidate.account.clone(), ..goal };
    found.into_iter().map(dress).collect()
}

/// Who is asked when those cannot answer.
fn stand_ins(document: &Document, tiers: &[Vec<Goal>], setups: &[Setup]) -> Vec<Vec<Goal>> {
    let mut found = Vec::new();
    for goal in tiers.iter().flatten() {
        let fits = |key: &str| key == goal.provider || pattern::any(&[key], &goal.model);
        for other in document.fallbacks.iter().filter(|(key, _)| fits(key)).flat_map(|(_, others)| others) {
            let goals = match named_as(other, setups) {
                // A provider alone serves the same model, if it has it.
                Some(setup) if serves(setup, &goal.model) => vec![super::goal(setup, &goal.model)],
                Some(_) => Vec::new(),
                None => resolve(other, None, setups).map(|ask| ask.tiers.concat()).unwrap_or_default(),
            };
            if !goals.is_empty() {
                found.push(goals);
            }
        }
    }
    found
}

fn serves(setup: &Setup, model: &str) -> bool {
    setup.models.is_empty() || setup.has(model) != Has::No
}

/// Each goal once, where it comes first.
fn dedup(tiers: &mut Vec<Vec<Goal>>) {
    let mut seen: Vec<(String, String, Option<String>)> = Vec::new();
    for tier in tiers.iter_mut() {
        tier.retain(|goal| {
            let key = (goal.provider.clone(), goal.model.clone(), goal.only.clone());
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
    }
    tiers.retain(|tier| !tier.is_empty());
}

fn prefer(tiers: Vec<Vec<Goal>>, wanted: &Provider, known: &Knowledge<'_>) -> Result<Vec<Vec<Goal>>, Failure> {
    let is = |goal: &Goal, names: &[String]| {
        let mut setups = known.setups.iter().filter(|setup| setup.account.provider == goal.provider);
        setups.any(|setup| names.iter().any(|name| setup.answers_to(name)))
    };
    let affordable = |goal: &Goal| match (wanted.max_price, (known.price)(goal)) {
        (None, _) => true,
        // What costs nobody knows how much is not known to be cheap enough.
        (Some(_), None) => false,
        (Some(most), Some((prompt, completion))) => {
            let within = |micro: u64, most: Option<f64>| most.is_none_or(|most| dollars(micro) <= most);
            within(prompt, most.prompt) && within(completion, most.completion)
        }
    };
    let keep = |goal: &Goal| {
        (wanted.only.is_empty() || is(goal, &wanted.only)) && !is(goal, &wanted.ignore) && affordable(goal)
    };
    let mut left: Vec<Vec<Goal>> =
        tiers.into_iter().map(|tier| tier.into_iter().filter(|goal| keep(goal)).collect()).collect();
    let mut first = Vec::new();
    for name in &wanted.order {
        let mut tier = Vec::new();
        for goals in &mut left {
            let (named, others) =
                std::mem::take(goals).into_iter().partition(|goal| is(goal, std::slice::from_ref(name)));
            tier.extend::<Vec<Goal>>(named);
            *goals = others;
        }
        first.push(tier);
    }
    if !wanted.order.is_empty() && !wanted.allow_fallbacks {
        left.clear();
    }
    let tiers: Vec<Vec<Goal>> = first.into_iter().chain(left).filter(|tier| !tier.is_empty()).collect();
    if tiers.is_empty() {
        return Err(Failure::invalid("provider", "leaves nobody who has the model").code("provider_not_found"));
    }
    Ok(tiers)
}

#[expect(clippy::cast_precision_loss, reason = "a price is far below 2^53 micro-dollars")]
fn dollars(micro: u64) -> f64 {
    micro as f64 / 1_000_000.0
}

/// Without those that are known not to have what the request needs.
fn capable(
    tiers: Vec<Vec<Goal>>,
    needs: Needs,
    document: &Document,
    setups: &[Setup],
) -> Result<Vec<Vec<Goal>>, Failure> {
    let lacks = |goal: &Goal| lacking(goal, needs, document, setups);
    let Some((what, param, model)) =
        tiers.iter().flatten().find_map(|goal| lacks(goal).map(|(what, param)| (what, param, goal.model.clone())))
    else {
        return Ok(tiers);
    };
    let left: Vec<Vec<Goal>> = tiers
        .iter()
        .map(|tier| tier.iter().filter(|goal| lacks(goal).is_none()).cloned().collect::<Vec<Goal>>())
        .filter(|tier| !tier.is_empty())
        .collect();
    if left.is_empty() && needs.tokens > 0 {
        // How long is too long only the provider knows: a guess may choose among accounts, and turns nobody away.
        return capable(tiers, Needs { tokens: 0, ..needs }, document, setups);
    }
    if left.is_empty() {
        return Err(Failure::unsupported(param, format!("{} takes no {what}", printable(&model))));
    }
    Ok(left)
}

/// What of `needs` a goal is known not to have, and the member of a request that asks for it.
fn lacking(goal: &Goal, needs: Needs, document: &Document, setups: &[Setup]) -> Option<(&'static str, &'static str)> {
    let said = traits(document, goal);
    let mut own = setups.iter().filter(|setup| setup.account.provider == goal.provider);
    let offer = own.find_map(|setup| setup.offer(&goal.model));
    let known = catalogue::find(&goal.model);
    let listed = offer.and_then(|offer| offer.input.as_deref()).or_else(|| known.map(|model| model.input));
    let sees = said.images.or_else(|| listed.map(|input| input.contains(&Modality::Image)));
    if needs.images && sees == Some(false) {
        return Some(("images", "messages"));
    }
    if needs.tools && said.tools == Some(false) {
        return Some(("tools", "tools"));
    }
    if needs.schema && said.schema == Some(false) {
        return Some(("schema for its answer", "response_format"));
    }
    let context =
        said.context.or_else(|| offer.and_then(|offer| offer.context)).or_else(|| known.map(|model| model.context));
    (context.is_some_and(|context| needs.tokens > context)).then_some(("prompt of this length", "messages"))
}

/// What the operator says of a model, the longest pattern that fits first.
fn traits(document: &Document, goal: &Goal) -> Traits {
    let whole = format!("{}/{}", goal.provider, goal.model);
    let fits = |key: &&String| pattern::any(&[key], &goal.model) || pattern::any(&[key], &whole);
    let mut fitting: Vec<&String> = document.models.keys().filter(fits).collect();
    fitting.sort_by_key(|key| std::cmp::Reverse(key.len()));
    let said = fitting.into_iter().filter_map(|key| document.models.get(key));
    said.fold(Traits::default(), |sum, one| Traits {
        tools: sum.tools.or(one.tools),
        images: sum.images.or(one.images),
        schema: sum.schema.or(one.schema),
        context: sum.context.or(one.context),
    })
}

/// One goal after another, the best first; those of which nothing is known come last.
fn sorted(tiers: Vec<Vec<Goal>>, sort: Sort, known: &Knowledge<'_>) -> Vec<Vec<Goal>> {
    let score = |goal: &Goal| -> f64 {
        match sort {
            // Four fifths of what a conversation takes is read.
            Sort::Price => {
                (known.price)(goal).map_or(f64::MAX, |(prompt, answer)| 4.0 * dollars(prompt) + dollars(answer))
            }
            Sort::Latency => (known.pace)(goal).map_or(f64::MAX, |pace| pace.first_ms),
            Sort::Throughput => {
                let pace = (known.pace)(goal).filter(|pace| pace.tokens_per_second > 0.0);
                pace.map_or(f64::MAX, |pace| -pace.tokens_per_second)
            }
        }
    };
    let one = |mut tier: Vec<Goal>| {
        tier.sort_by(|a, b| score(a).total_cmp(&score(b)));
        tier.into_iter().map(|goal| vec![goal])
    };
    tiers.into_iter().flat_map(one).collect()
}

/// Why a provider that was named cannot be asked.
pub fn no_such_provider(name: &str) -> Failure {
    let message = format!("no account of a provider named {}", printable(name));
    Failure::new(Kind::NotFound, message).code("provider_not_found")
}
