//! Who pays for a call: the client it is admitted as, what is held for it, what it cost.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Control;
use super::inquiry::{Denied, Inquiry, Payer};
use super::quotas::Stage;
use super::tally::{Over, Sums};
use crate::access::{self, Caller};
use crate::call::Operation;
use crate::clients::{self, Clients, Lapsed, Refusal};
use crate::fault::Millis;
use crate::ir::event::Usage;
use crate::pool::{Ask, Attempt, Candidate, Outcome, Settlement};
use crate::prices::{Cost, Sold};

/// What a report is answered with, for the books.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Receipt {
    #[serde(default)]
    pub cost: Cost,
    /// Calls that never reported, and now count as what was held for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lapsed: Vec<Lapsed>,
    /// Somebody wants to see how it went.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heard: bool,
    /// The usage log has no row for it, only its sums.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
}

impl From<Refusal> for Denied {
    fn from(Refusal { failure, headers }: Refusal) -> Self {
        Self { headers, ..failure.into() }
    }
}

impl Control {
    pub fn clients(&mut self) -> &mut Clients {
        &mut self.clients
    }

    pub fn token_name(&self, id: &str) -> Option<&str> {
        self.clients.get(id).map(|token| token.terms.name.as_str())
    }

    /// Rows of the books that could not be written since the object woke.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Calls that were planned without the object since it woke.
    pub fn alone(&self) -> u64 {
        self.alone
    }

    /// Which token calls; `None`: the operator.
    pub(super) fn payer(&self, caller: &Caller, now: Millis) -> Result<Option<String>, Denied> {
        match caller {
            Caller::Operator => Ok(None),
            Caller::Key(_) if !self.has_own_key && self.clients.is_empty() => Err(access::not_configured().into()),
            Caller::Key(hash) => {
                let id = self.clients.identify(hash, now)?;
                self.clients.is_active(id, now)?;
                Ok(Some(id.to_owned()))
            }
        }
    }

    /// What of `ask` the token may have; an error if that is nothing.
    pub(super) fn narrowed(&self, payer: Option<&str>, inquiry: &Inquiry, ask: Ask) -> Result<Ask, Denied> {
        let Some(token) = payer.and_then(|id| self.clients.get(id)) else { return Ok(ask) };
        let mut ask = ask;
        for tier in &mut ask.tiers {
            tier.retain(|goal| token.terms.allows(&inquiry.model, &goal.provider, &goal.model));
        }
        ask.tiers.retain(|tier| !tier.is_empty());
        if ask.tiers.is_empty() {
            return Err(clients::wrong_model(&inquiry.model).into());
        }
        Ok(ask)
    }

    /// Hold the most that the call can cost, whoever of `candidates` answers. Returns who pays and what to tell the
    /// client.
    pub(super) fn hold(
        &mut self,
        id: &str,
        inquiry: &Inquiry,
        candidates: &[Candidate],
        lease: u64,
        hedged: bool,
        now: Millis,
    ) -> Result<(Payer, Vec<(String, String)>), Denied> {
        // One that has no price has the last word: it might be the one that answers.
        let dearest = |output: u64| {
            let most = |candidate: &Candidate| {
                let ceiling = |sold: &Sold<'_>| self.config.prices.ceiling(sold, inquiry.input_tokens, output);
                self.with_sold(&candidate.account, &candidate.provider, &candidate.model, ceiling)
            };
            candidates.iter().map(most).try_fold(0, |dearest: u64, most| Some(dearest.max(most?)))
        };
        // A second account may read the prompt for nothing.
        let in_vain = if hedged { dearest(0) } else { Some(0) };
        let ceiling = dearest(inquiry.max_output).zip(in_vain).map(|(most, more)| most.saturating_add(more));
        let again = if hedged { inquiry.input_tokens } else { 0 };
        let wanted = wanted(inquiry);
        let wanted = clients::Ask { max_output: wanted.max_output.saturating_add(again), ..wanted };
        let admission = self.clients.take(id, &wanted, ceiling, lease, now)?;
        let terms = self.clients.get(id).map(|token| token.terms.clone()).unwrap_or_default();
        let payer = Payer {
            id: id.to_owned(),
            name: terms.name,
            project: terms.project,
            capture: terms.capture && self.tally.stage(now) < Stage::Uncaptured,
            rules: terms.rules,
            operator: terms.operator,
        };
        Ok((payer, admission.headers))
    }

    /// What came of it, to the micro-dollar.
    pub(super) fn charge(&mut self, settlement: &Settlement, again: bool, now: Millis) -> Receipt {
        let cost = settlement.attempts.last().map(|Attempt { account, provider, model, .. }| {
            self.with_sold(account, provider, model, |sold| self.config.prices.cost(&settlement.usage, sold))
        });
        // Nothing was used where nobody answered.
        let mut cost = cost.filter(|_| settlement.usage.total() > 0).unwrap_or_default();
        let mut tokens = settlement.usage.total();
        // What another was asked in vain: how far it got nobody knows, but it has read the prompt.
        let read = Usage { input: settlement.usage.prompt(), ..Usage::default() };
        for Candidate { account, provider, model, .. } in &settlement.beaten {
            let spent = self.with_sold(account, provider, model, |sold| self.config.prices.cost(&read, sold));
            cost.micro = cost.micro.saturating_add(spent.micro);
            cost.saved = cost.saved.saturating_add(spent.saved);
            tokens = tokens.saturating_add(read.input);
        }
        let mut unlisted = false;
        if settlement.done {
            // One that was written off counts as what was held for it, here as in the books.
            if settlement.lease != 0 && !again && !self.clients.is_written_off(settlement.lease) {
                self.tell(settlement, &cost, now);
                // One that may have a row already must find it.
                unlisted = !self.tally.stage(now).has_row(settlement.lease);
            }
            self.clients.settle(settlement.lease, cost.micro, tokens, now);
        }
        self.clients.expire(now);
        self.lost = self.lost.saturating_add(settlement.lost);
        self.alone = self.alone.saturating_add(settlement.alone);
        let lapsed = self.clients.lapsed();
        for Lapsed { token, micro, tokens, .. } in &lapsed {
            let usage = Usage { input: *tokens, ..Usage::default() };
            let sums = Sums::of(&usage, &Cost { micro: *micro, ..Cost::default() }, false);
            self.tally.call(&Over { model: "", account: "", token, sums, first_ms: None }, now);
        }
        Receipt { cost, lapsed, heard: false, unlisted }
    }

    /// A call that is over, for the overview.
    fn tell(&mut self, settlement: &Settlement, cost: &Cost, now: Millis) {
        let Some(last) = settlement.attempts.last() else {
            // A filter refused it before anybody was asked.
            let today = self.tally.today(now);
            today.deny("filtered");
            today.log();
            return;
        };
        // A lease is when it was given, and ten bits: what went before the last attempt was waiting too.
        let first_ms = last.first_ms.map(|first| (last.began.0 + first).saturating_sub(settlement.lease >> 10));
        let is_error = matches!(last.outcome, Outcome::Failed(_));
        let token = self.clients.holder(settlement.lease).unwrap_or_default();
        let sums = Sums::of(&settlement.usage, cost, is_error);
        self.tally.call(&Over { model: &last.model, account: &last.account, token, sums, first_ms }, now);
    }

    fn with_sold<T>(&self, account: &str, provider: &str, model: &str, f: impl FnOnce(&Sold<'_>) -> T) -> T {
        let record = self.records.get(account);
        let own = record.and_then(|record| record.prices.as_ref()).and_then(|document| document.read().ok());
        let subscription = record.is_some_and(|record| record.subscription);
        f(&Sold { provider, model, subscription, own: own.as_ref() })
    }
}

pub(super) fn wanted(inquiry: &Inquiry) -> clients::Ask {
    clients::Ask {
        address: inquiry.ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok()),
        pinned: inquiry.pin.is_some(),
        raw: inquiry.operation == Operation::Raw,
        input_tokens: inquiry.input_tokens,
        max_output: inquiry.max_output,
    }
}

/// An account that was named, as the only one to ask.
pub(super) fn pinned(mut ask: Ask, pin: Option<&str>) -> Ask {
    for goal in ask.tiers.iter_mut().flatten() {
        goal.only = pin.map(str::to_owned).or_else(|| goal.only.take());
    }
    ask
}
