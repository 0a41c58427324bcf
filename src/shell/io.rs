//! [`Io`] on workerd: a Durable Object decides, providers are `fetch`.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use worker::web_sys::AbortSignal;
use worker::{Context, Env};

use super::refresh::Wish;
use super::settings::Settings;
use super::stream::Body;
use super::{captures, ledger, now, object, standby, telemetry};
use crate::call::{Call, HttpRequest, HttpResponse};
use crate::control::billing::Receipt;
use crate::control::denials::reason;
use crate::control::inquiry::{Denied, Grant, Inquiry, Lead, Lent, Stranded};
use crate::control::news::Told;
use crate::exec::{Io, Trace};
use crate::fault::{Failure, Fault, Millis};
use crate::filter::Hits;
use crate::ledger::{Entry, Facts};
use crate::passing::{Passing, Shelf};
use crate::pool::{Attempt, Candidate, Outcome, Plan, Settlement};
use crate::protocol::StreamError;
use crate::refresh::mark;
use crate::telemetry::otlp::Parent;
use crate::tokens;
use crate::upstream::{Refusal, Target};
use crate::witness::{Shared, Witness};

thread_local! {
    static SHELF: RefCell<Shelf> = RefCell::default();
}

/// What a request says beside what it asks.
pub struct Aside {
    /// What the client calls itself.
    pub agent: Option<String>,
    /// It wants to see what becomes of it.
    pub debug: bool,
    /// The trace it is a part of.
    pub parent: Parent,
}

pub struct Workerd {
    pub settings: Rc<Settings>,
    pub context: Context,
    /// Aborted when the client has left.
    pub client: AbortSignal,
    env: Env,
    /// The object that decides about this call.
    object: String,
    inquiry: Inquiry,
    grant: OnceCell<Grant>,
    leads: RefCell<Vec<Lead>>,
    /// Why there is no grant.
    denied: OnceCell<Denied>,
    call: Rc<Call>,
    aside: Aside,
    /// Whether the call is to be kept, and shown. Known with the grant.
    watched: Cell<(bool, bool)>,
    /// Who looks on, for each account that was asked: two may be asked at once.
    witnesses: RefCell<Vec<Shared>>,
    /// What filters find.
    hits: OnceCell<Rc<RefCell<Hits>>>,
    began: Millis,
    /// What the client was sent. Known when the answer is, and so before its books are closed.
    status: Rc<Cell<u16>>,
    /// How often the object was asked or told.
    calls: Cell<u8>,
    /// The object could not be reached: the plan is an older one.
    alone: Cell<bool>,
    /// Attempts the object has been told of already.
    told: RefCell<Vec<Attempt>>,
}

impl Workerd {
    #[expect(clippy::too_many_arguments, reason = "what a call is made of, each once")]
    pub fn new(
        env: Env,
        object: String,
        context: Context,
        client: AbortSignal,
        settings: Rc<Settings>,
        inquiry: Inquiry,
        call: Rc<Call>,
        aside: Aside,
    ) -> Self {
        Self {
            settings,
            context,
            client,
            env,
            object,
            inquiry,
            grant: OnceCell::new(),
            leads: RefCell::default(),
            denied: OnceCell::new(),
            call,
            aside,
            watched: Cell::default(),
            witnesses: RefCell::default(),
            hits: OnceCell::new(),
            began: now(),
            status: Rc::new(Cell::new(200)),
            calls: Cell::new(1),
            alone: Cell::new(false),
            told: RefCell::default(),
        }
    }

    /// The tokens of the prompt, as they were estimated.
    pub fn input_tokens(&self) -> u64 {
        self.inquiry.input_tokens
    }

    /// The client was sent an error.
    pub fn refused(&self, status: u16, trace: &Trace) {
        self.status.set(status);
        if let Some(entry) = self.denied.get().and_then(|denied| self.book_denied(denied)) {
            let env = self.env.clone();
            self.context.wait_until(async move { ledger::write(&env, &[entry]).await });
        } else if trace.lease == 0 {
            #[derive(serde::Serialize)]
            struct Line<'a> {
                event: &'static str,
                request: &'a str,
                model: &'a str,
                status: u16,
            }
            let Call { id, model, .. } = &*self.call;
            ledger::log(&Line { event: "refused", request: id, model, status });
        }
    }

    /// The row of a call that nobody was asked for, if the object gave it a number.
    fn book_denied(&self, denied: &Denied) -> Option<Entry> {
        let settlement = Settlement { lease: denied.row?, ..Settlement::default() };
        let facts = Facts {
            request: &self.call.id,
            inquiry: &self.inquiry,
            payer: None,
            settlement: &settlement,
            receipt: &Receipt::default(),
            stream: self.call.stream,
            status: self.status.get(),
            began: self.began,
            total_ms: 0,
            agent: self.aside.agent.as_deref(),
            hits: &Hits::default(),
            object_calls: self.calls.get(),
        };
        Some(Entry::denied(&facts, denied.token.clone(), reason(&denied.failure)))
    }

    /// What the books need once the object has said what the call cost.
    fn book(&self, settlement: &Settlement) -> impl FnOnce(&Receipt) -> Entry + use<> {
        let mut settlement = settlement.clone();
        settlement.attempts.splice(0..0, self.told.take());
        let (call, inquiry, status) = (Rc::clone(&self.call), self.inquiry.clone(), Rc::clone(&self.status));
        let payer = self.grant.get().and_then(|grant| grant.payer.clone());
        let (began, agent) = (self.began, self.aside.agent.clone());
        let hits = self.hits.get().map(|hits| hits.borrow().clone()).unwrap_or_default();
        let object_calls = self.calls.get();
        let total_ms = u64::try_from(now().since(began).as_millis()).unwrap_or_default();
        move |receipt| {
            Entry::of(&Facts {
                request: &call.id,
                inquiry: &inquiry,
                payer: payer.as_ref(),
                settlement: &settlement,
                receipt,
                stream: call.stream,
                status: status.get(),
                began,
                total_ms,
                agent: agent.as_deref(),
                object_calls,
                hits: &hits,
            })
        }
    }

    /// Nobody counts tokens for this model, so that an estimate is the answer.
    pub fn estimates(&self) -> bool {
        self.grant.get().is_some_and(|grant| grant.estimate)
    }

    /// What the client is told of its limits, and of ours.
    pub fn limits(&self) -> Vec<(String, String)> {
        let granted = self.grant.get().map(|grant| &grant.headers);
        let mut limits = granted.or(self.denied.get().map(|denied| &denied.headers)).cloned().unwrap_or_default();
        let degraded = match (self.alone.get(), ledger::is_failing()) {
            (false, false) => return limits,
            (true, false) => "pool",
            (false, true) => "log",
            (true, true) => "pool, log",
        };
        limits.push(("x-sluice-degraded".to_owned(), degraded.to_owned()));
        limits
    }

    fn find(&self, candidate: &Candidate) -> Option<Target> {
        let leads = self.leads.borrow();
        match &leads.iter().find(|lead| lead.candidate.account == candidate.account)?.lent {
            Some(lent) => lent.target(candidate),
            None => {
                let setup = self.settings.accounts.iter().find(|setup| setup.account.id == candidate.account);
                setup.map(|setup| setup.target(&candidate.model))
            }
        }
    }

    fn lent(&self, account: &str) -> Option<Lent> {
        self.leads.borrow().iter().find(|lead| lead.candidate.account == account)?.lent.clone()
    }

    /// The candidate with another token than `refused`.
    async fn renewed(&self, candidate: &Candidate, refused: &str) -> Result<Target, Fault> {
        let wish = Wish { account: candidate.account.clone(), refused: mark(refused) };
        object::refresh(&self.env, &self.object, &wish).await?.target(candidate).ok_or(Fault::Unauthorized)
    }

    /// What a break after the commitment means for the account that answered.
    pub fn judge(&self, trace: &Trace, error: &StreamError) -> Fault {
        let answered = trace.last().map(|last| Candidate {
            account: last.account.clone(),
            provider: last.provider.clone(),
            model: last.model.clone(),
            probe: false,
        });
        match (error, answered.and_then(|candidate| self.find(&candidate))) {
            (StreamError::Refused { status, body }, Some(target)) => {
                target.upstream.classify(Refusal { status: *status, headers: &[], body }, now())
            }
            (StreamError::Withheld(_), _) => Fault::Rejected,
            (StreamError::Malformed(_) | StreamError::TooLarge, _) => Fault::Malformed,
            (StreamError::Refused { .. } | StreamError::Cut | StreamError::Stalled, _) => Fault::Transport,
        }
    }
}

impl Io for Workerd {
    type Body = Body;

    fn now(&self) -> Millis {
        now()
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        let (mut grant, alone) = object::plan(&self.env, &self.object, &self.inquiry).await.map_err(|denied| {
            let failure = denied.failure.clone();
            let _ = self.denied.set(denied);
            failure
        })?;
        self.alone.set(alone);
        let candidates = grant.leads.iter().map(|lead| lead.candidate.clone()).collect();
        let plan = Plan { lease: grant.lease, candidates, hedge_ms: grant.hedge_ms };
        self.leads.replace(std::mem::take(&mut grant.leads));
        let payer = grant.payer.as_ref();
        let captures = payer.is_some_and(|payer| payer.capture);
        // The deployment's own key, or a token that the operator trusts like it.
        let shows = self.aside.debug && payer.is_none_or(|payer| payer.operator);
        self.watched.set((captures, shows));
        // Once a call; a second plan would not be asked for.
        let _ = self.grant.set(grant);
        Ok(plan)
    }

    async fn more(&self, so_far: Settlement) -> Vec<Candidate> {
        self.calls.set(self.calls.get().saturating_add(1));
        let stranded = Stranded { inquiry: self.inquiry.clone(), so_far };
        let leads = object::more(&self.env, &self.object, &stranded).await;
        let candidates = leads.iter().map(|lead| lead.candidate.clone()).collect();
        self.leads.borrow_mut().extend(leads);
        candidates
    }

    async fn pause(&self, ms: u64) {
        worker::Delay::from(Duration::from_millis(ms)).await;
    }

    fn passing(&self, call: &Call) -> Result<Option<Passing>, Failure> {
        match self.grant.get() {
            Some(Grant { rules, filters, .. }) if !(rules.is_empty() && filters.is_empty()) => {
                let ready = SHELF.with_borrow_mut(|shelf| shelf.take(rules, filters))?;
                let passing = Passing::new(&ready, self.settings.mask_key(), call)?;
                if let Some(passing) = &passing {
                    let _ = self.hits.set(passing.hits());
                }
                Ok(passing)
            }
            Some(_) | None => Ok(None),
        }
    }

    fn witness(&self) -> Option<Shared> {
        let (captures, shows) = self.watched.get();
        let witness = Witness::new(captures, shows)?;
        self.witnesses.borrow_mut().push(Rc::clone(&witness));
        Some(witness)
    }

    async fn target(&self, candidate: &Candidate) -> Result<Target, Fault> {
        if let Some(lent) = self.lent(&candidate.account).filter(|lent| lent.is_stale(now())) {
            return self.renewed(candidate, &lent.access).await;
        }
        // The object may have been told of another set of accounts a moment before a deployment.
        self.find(candidate).ok_or(Fault::Unauthorized)
    }

    async fn refresh(&self, target: &Target) -> Result<Target, Fault> {
        if self.lent(&target.account).is_none_or(|lent| !lent.renews) {
            return Err(Fault::Unauthorized);
        }
        let (account, provider, model) = (target.account.clone(), target.provider.clone(), target.model.clone());
        let candidate = Candidate { account, provider, model, probe: false };
        self.renewed(&candidate, target.credential.access.expose()).await
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Body>, Fault> {
        if self.client.aborted() {
            return Err(Fault::Transport);
        }
        Body::send(&self.env, request, self.settings.idle_ms, &self.client).await
    }

    fn report(&self, mut settlement: Settlement) {
        if self.client.aborted() {
            // What the client's departure cut off is nobody's fault.
            for attempt in &mut settlement.attempts {
                if attempt.outcome == Outcome::Failed(Fault::Transport) {
                    attempt.outcome = Outcome::Cancelled;
                }
            }
        }
        self.calls.set(self.calls.get().saturating_add(1));
        if !settlement.done {
            let known = settlement.attempts.len().saturating_sub(1);
            self.told.borrow_mut().extend(settlement.attempts.iter().take(known).cloned());
        }
        let answered = settlement.attempts.last().is_some_and(|last| last.outcome == Outcome::Answered);
        if settlement.done && answered && settlement.usage.total() == 0 {
            settlement.usage = tokens::told(&settlement.usage, self.inquiry.input_tokens, 0);
            settlement.estimated = true;
        }
        if settlement.done {
            (settlement.lost, settlement.alone) = (ledger::lost(), standby::alone());
        }
        let book = settlement.done.then(|| self.book(&settlement));
        let witnesses = if settlement.done { self.witnesses.take() } else { Vec::new() };
        let kept = witnesses.iter().find_map(|witness| witness.borrow_mut().kept());
        let shown = witnesses.iter().flat_map(|witness| witness.borrow_mut().shown()).collect();
        let (settings, parent) = (Rc::clone(&self.settings), self.aside.parent.clone());
        let (env, object) = (self.env.clone(), self.object.clone());
        self.context.wait_until(async move {
            let receipt = object::report(&env, &object, &settlement).await;
            if receipt.is_none() {
                ledger::lose(settlement.lost);
                standby::untold(settlement.alone);
            }
            if let Some(book) = book {
                // Without a receipt the call is still a line: what it cost is not known here.
                let receipt = receipt.unwrap_or_default();
                let lapsed = receipt.lapsed.iter().map(Entry::lapsed);
                let entries: Vec<Entry> = lapsed.chain([book(&receipt)]).collect();
                if receipt.heard {
                    let rows = entries.iter().map(Entry::row).collect();
                    object::tell(&env, &object, &Told { rows, conversions: shown }).await;
                }
                ledger::write(&env, &entries).await;
                if let (Some(entry), Some(kept)) = (entries.last(), &kept) {
                    captures::keep(&env, entry, kept).await;
                }
                if let (Some(entry), Some(exporter)) = (entries.last(), &settings.exporter) {
                    telemetry::export(exporter.request(entry, &parent)).await;
                }
            }
        });
    }
}
