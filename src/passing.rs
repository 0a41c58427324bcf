//! What passes through one call: its prompt rules and filters, made ready. A call without any has none of this.
//!
//! ```text
//! client's body ──> rules: system prompt ──> filters: masks ──> Passing.call ──> relay, or translation
//!                                                                     parameters set on the way
//! answer ──> Watch: masks lifted, words looked at ──> Pump
//! ```

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::call::{Call, Operation};
use crate::fault::{Failure, Kind};
use crate::filter::masks::Masks;
use crate::filter::watch::{Looks, Watch};
use crate::filter::{Filter, Finder, Hits, Problem, Refused, Side, request};
use crate::ir::Request;
use crate::json::Body;
use crate::protocol::{Outbound, StreamError, inbound};
use crate::rules::parameters::{self, Edit};
use crate::rules::{Rule, Rules};

/// The rules and filters of some calls, compiled.
pub struct Ready {
    rules: Rules,
    input: Option<Rc<Finder>>,
    output: Option<Rc<Finder>>,
    /// What all of it was made of.
    source: (Vec<Rule>, Vec<Filter>),
}

impl Ready {
    pub fn new(rules: &[Rule], filters: &[Filter]) -> Result<Self, Failure> {
        let source = (rules.to_vec(), filters.to_vec());
        let rules = Rules::new(rules).map_err(|problem| unusable(&problem))?;
        let finder = |side| Finder::new(filters, side).map(|finder| finder.map(Rc::new));
        let input = finder(Side::Input).map_err(|problem| unusable(&problem))?;
        let output = if filters.iter().all(|filter| filter.on == Side::Both) {
            input.clone()
        } else {
            finder(Side::Output).map_err(|problem| unusable(&problem))?
        };
        Ok(Self { rules, input, output, source })
    }

    fn is_of(&self, rules: &[Rule], filters: &[Filter]) -> bool {
        self.source.0 == rules && self.source.1 == filters
    }

    /// States of automata: what its memory goes by.
    fn weight(&self) -> usize {
        [&self.input, &self.output].into_iter().flatten().map(|finder| finder.weight()).sum()
    }
}

/// What was compiled last, the latest first: most calls need what the call before them needed.
#[derive(Default)]
pub struct Shelf(VecDeque<Rc<Ready>>);

/// Sets that are kept: a few tokens, each with rules of its own.
const KEPT: usize = 8;
/// 2^18 states take 26 MB of the isolate's 128.
const WEIGHT: usize = 1 << 18;

impl Shelf {
    /// `rules` and `filters` compiled, if they were not before.
    pub fn take(&mut self, rules: &[Rule], filters: &[Filter]) -> Result<Rc<Ready>, Failure> {
        let known = self.0.iter().position(|ready| ready.is_of(rules, filters));
        let ready = match known.and_then(|at| self.0.remove(at)) {
            Some(ready) => ready,
            None => Rc::new(Ready::new(rules, filters)?),
        };
        self.0.push_front(Rc::clone(&ready));
        while self.0.len() > KEPT
            || self.0.len() > 1 && self.0.iter().map(|ready| ready.weight()).sum::<usize>() > WEIGHT
        {
            self.0.pop_back();
        }
        Ok(ready)
    }
}

pub struct Passing {
    /// The client's call as a provider may see it.
    pub call: Call,
    ready: Rc<Ready>,
    looks: Option<Looks>,
    hits: Rc<RefCell<Hits>>,
}

impl Passing {
    /// The rules and filters of one call, all of which are for it. `None`: they change nothing here. `key` is the
    /// deployment's own, for placeholders that nobody can guess.
    pub fn new(ready: &Rc<Ready>, key: [u8; 32], call: &Call) -> Result<Option<Self>, Failure> {
        let Ready { rules, input, output, source } = &**ready;
        let is_json = call.body.members().next().is_some();
        if source.0.is_empty() && source.1.is_empty() || !is_json {
            return Ok(None);
        }
        let mut hits = Hits::default();
        let mut masks = Masks::new(key);
        let speaks =
            matches!(call.endpoint.operation, Operation::Generate | Operation::Complete | Operation::CountTokens);
        let mut body = call.body.bytes().clone();
        if speaks {
            let changed = rules.apply(call.protocol(), &call.body);
            body = changed.map_err(|error| Failure::new(Kind::InvalidRequest, error.to_string()))?;
        }
        if let Some(finder) = input {
            body = request::clean(finder, &mut masks, &body, &mut hits).map_err(refusal)?;
        }
        let hits = Rc::new(RefCell::new(hits));
        let looks = (speaks && (output.is_some() || !masks.is_empty())).then(|| Looks {
            finder: output.clone(),
            masks: Rc::new(masks),
            hits: Rc::clone(&hits),
        });
        let call = Call { body: Body::parse(body)?, ..call.clone() };
        Ok(Some(Self { call, ready: Rc::clone(ready), looks, hits }))
    }

    /// What was found, while the answer still comes.
    pub fn hits(&self) -> Rc<RefCell<Hits>> {
        Rc::clone(&self.hits)
    }

    /// What the answer is looked at with; `None` lets it pass as it comes.
    pub fn looks(&self) -> Option<Looks> {
        self.looks.clone()
    }

    /// Set the parameters of a request that is translated.
    pub fn adjust(&self, request: &mut Request) {
        parameters::apply(&self.ready.rules.defaults, &self.ready.rules.overrides, request);
    }

    /// The same for one that is relayed to `model`: members to splice.
    pub fn edits(&self, model: &str, wire: &dyn Outbound) -> Result<Vec<Edit>, Failure> {
        let counts = self.call.endpoint.operation == Operation::CountTokens;
        if counts || self.ready.rules.defaults.is_empty() && self.ready.rules.overrides.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = inbound(self.call.protocol()).decode_request(&self.call)?;
        model.clone_into(&mut asked.model);
        asked.stream = self.call.stream;
        let mut wanted = asked.clone();
        self.adjust(&mut wanted);
        parameters::edits(&self.call.body, wire, &asked, &wanted)
    }
}

/// Watches an answer with what a request was cleaned with.
pub fn watch(looks: Option<&Looks>) -> Option<Box<Watch>> {
    looks.map(|looks| Box::new(Watch::new(looks.clone())))
}

fn refusal(refused: Refused) -> Failure {
    Failure::new(Kind::InvalidRequest, refused.0).code("content_filter")
}

/// A configuration that was checked before it was stored is never this.
fn unusable(problem: &Problem) -> Failure {
    Failure::new(Kind::Internal, format!("a rule of this gateway cannot be used: {problem}")).code("not_configured")
}

/// Everything that is wrong with rules and filters, by their names.
pub fn check(rules: &[Rule], filters: &[Filter]) -> Vec<Problem> {
    let rules = rules.iter().filter_map(|rule| Rules::new(std::slice::from_ref(rule)).err());
    let filters = filters.iter().filter_map(|filter| {
        let filter = Filter { on: Side::Both, ..filter.clone() };
        Finder::new(&[filter], Side::Input).err()
    });
    rules.chain(filters).collect()
}

/// What rules and filters would make of a request and an answer, for the operator to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    pub before: String,
    pub after: String,
    /// Members a relay would set or remove for parameters; a translation sets them in the provider's words.
    pub parameters: Vec<Edit>,
    pub hits: Hits,
    /// What the client would be told instead.
    pub refused: Option<String>,
    /// What the client would get, if the provider said what was to be tried.
    pub answer: Option<String>,
}

/// Try rules and filters on a call without asking anybody; `said` is what its provider would say.
pub fn try_out(ready: &Rc<Ready>, call: &Call, wire: &dyn Outbound, said: Option<&str>) -> Trial {
    let before = String::from_utf8_lossy(call.body.bytes()).into_owned();
    let answer = said.map(str::to_owned);
    let (parameters, hits) = (Vec::new(), Hits::default());
    let trial = Trial { after: before.clone(), before, parameters, hits, refused: None, answer };
    // The placeholders shown are not those of real calls.
    match Passing::new(ready, [0; 32], call) {
        Ok(None) => trial,
        Ok(Some(passing)) => {
            let told = said.map(|said| tell(passing.looks().as_ref(), said));
            let (answer, refused) = match told.transpose() {
                Ok(answer) => (answer, None),
                Err(error) => (None, Some(error.to_string())),
            };
            Trial {
                after: String::from_utf8_lossy(passing.call.body.bytes()).into_owned(),
                parameters: passing.edits(&call.model, wire).unwrap_or_default(),
                hits: passing.hits.borrow().clone(),
                refused,
                answer,
                ..trial
            }
        }
        Err(failure) => Trial { refused: Some(failure.message), answer: None, ..trial },
    }
}

/// What a client gets of `said`: as a whole answer of the plainest wire, which filters treat like any other.
fn tell(looks: Option<&Looks>, said: &str) -> Result<String, StreamError> {
    let Some(watch) = watch(looks) else { return Ok(said.to_owned()) };
    let told = watch.whole(json!({"message": {"content": said}}).to_string().as_bytes())?;
    let told: Value = serde_json::from_slice(&told).unwrap_or_default();
    Ok(told.pointer("/message/content").and_then(Value::as_str).unwrap_or_default().to_owned())
}
