//! What passes through one call: its prompt rules and filters, made ready. A call without any has none of this.
//!
//! ```text
//! client's body ──> rules: system prompt ──> filters: masks ──> Passing.call ──> relay, or translation
//!                                                                     parameters set on the way
//! answer ──> Watch: masks lifted, words looked at ──> Pump
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;

use crate::call::{Call, Operation};
use crate::fault::{Failure, Kind};
use crate::filter::masks::Masks;
use crate::filter::watch::{Looks, Watch};
use crate::filter::{Filter, Finder, Hits, Problem, Refused, Side, request};
use crate::ir::Request;
use crate::json::Body;
use crate::protocol::{Outbound, inbound};
use crate::rules::parameters::{self, Edit};
use crate::rules::{Rule, Rules};

pub struct Passing {
    /// The client's call as a provider may see it.
    pub call: Call,
    rules: Rules,
    looks: Option<Looks>,
    hits: Rc<RefCell<Hits>>,
}

impl Passing {
    /// The rules and filters of one call, all of which are for it. `None`: they change nothing here. `key` is the
    /// deployment's own, for placeholders that nobody can guess.
    pub fn new(rules: &[Rule], filters: &[Filter], key: [u8; 32], call: &Call) -> Result<Option<Self>, Failure> {
        let is_json = call.body.members().next().is_some();
        if rules.is_empty() && filters.is_empty() || !is_json {
            return Ok(None);
        }
        let rules = Rules::new(rules).map_err(|problem| unusable(&problem))?;
        let finder = |side| Finder::new(filters, side).map_err(|problem| unusable(&problem));
        let (input, output) = (finder(Side::Input)?, finder(Side::Output)?);
        let mut hits = Hits::default();
        let mut masks = Masks::new(key);
        let speaks =
            matches!(call.endpoint.operation, Operation::Generate | Operation::Complete | Operation::CountTokens);
        let mut body = call.body.bytes().clone();
        if speaks {
            let changed = rules.apply(call.protocol(), &call.body);
            body = changed.map_err(|error| Failure::new(Kind::InvalidRequest, error.to_string()))?;
        }
        if let Some(finder) = &input {
            body = request::clean(finder, &mut masks, &body, &mut hits).map_err(refusal)?;
        }
        let hits = Rc::new(RefCell::new(hits));
        let looks = (speaks && (output.is_some() || !masks.is_empty())).then(|| Looks {
            finder: output.map(Rc::new),
            masks: Rc::new(masks),
            hits: Rc::clone(&hits),
        });
        let call = Call { body: Body::parse(body)?, ..call.clone() };
        Ok(Some(Self { call, rules, looks, hits }))
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
        parameters::apply(&self.rules.defaults, &self.rules.overrides, request);
    }

    /// The same for one that is relayed to `model`: members to splice.
    pub fn edits(&self, model: &str, wire: &dyn Outbound) -> Result<Vec<Edit>, Failure> {
        let counts = self.call.endpoint.operation == Operation::CountTokens;
        if counts || self.rules.defaults.is_empty() && self.rules.overrides.is_empty() {
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

/// What rules and filters would make of a request, for the operator to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    pub before: String,
    pub after: String,
    /// Members a relay would set or remove for parameters; a translation sets them in the provider's words.
    pub parameters: Vec<Edit>,
    pub hits: Hits,
    /// What the client would be told instead.
    pub refused: Option<String>,
}

/// Try rules and filters on a call without asking anybody.
pub fn try_out(rules: &[Rule], filters: &[Filter], call: &Call, wire: &dyn Outbound) -> Trial {
    let before = String::from_utf8_lossy(call.body.bytes()).into_owned();
    let trial = Trial { after: before.clone(), before, parameters: Vec::new(), hits: Hits::default(), refused: None };
    // The placeholders shown are not those of real calls.
    match Passing::new(rules, filters, [0; 32], call) {
        Ok(None) => trial,
        Ok(Some(passing)) => Trial {
            after: String::from_utf8_lossy(passing.call.body.bytes()).into_owned(),
            parameters: passing.edits(&call.model, wire).unwrap_or_default(),
            hits: passing.hits.borrow().clone(),
            ..trial
        },
        Err(failure) => Trial { refused: Some(failure.message), ..trial },
    }
}
