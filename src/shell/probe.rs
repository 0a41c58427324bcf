//! What the object asks of a provider because the operator pressed a button.

use std::cell::RefCell;
use std::rc::Rc;

use worker::web_sys::AbortSignal;

use super::pool::Core;
use super::refresh::Wish;
use super::settings::Settings;
use super::stream::Body;
use super::{ledger, now, outside, random_id};
use crate::access::Caller;
use crate::admin::{Effect, Reply, probe};
use crate::call::{HttpRequest, HttpResponse, Operation};
use crate::control::inquiry::Inquiry;
use crate::exec::{self, Io, Refused};
use crate::fault::{Failure, Fault, Kind, Millis};
use crate::ir::Protocol;
use crate::ledger::{Entry, Facts};
use crate::pool::{Candidate, Plan, Settlement};
use crate::refresh::mark;
use crate::upstream::Target;

/// For how long the operator waits.
const PATIENCE_MS: u32 = 30_000;

impl Core {
    /// The account with a token that serves.
    async fn fresh(self: &Rc<Self>, account: &str, model: &str) -> Result<Target, Fault> {
        let target = self.control.borrow_mut().target(account, model).ok_or(Fault::Unauthorized)?;
        let renews = self.control.borrow().record(account).is_some_and(|record| record.renews());
        let ends = target.credential.expires.is_some_and(|end| end <= now());
        match renews && (ends || target.credential.access.is_empty()) {
            true => self.renewed_target(&target).await,
            false => Ok(target),
        }
    }

    async fn renewed_target(self: &Rc<Self>, target: &Target) -> Result<Target, Fault> {
        let wish = Wish { account: target.account.clone(), refused: mark(target.credential.access.expose()) };
        match self.renewed(&wish).await {
            Ok(Ok(_)) => self.control.borrow_mut().target(&target.account, &target.model).ok_or(Fault::Unauthorized),
            Ok(Err(denied)) if denied.ended => Err(Fault::Unauthorized),
            _ => Err(Fault::Overloaded),
        }
    }

    /// What is left of an account's allowances, from the provider itself where it can be asked.
    pub async fn quota(self: &Rc<Self>, account: &str) -> Reply {
        let failed = |what: String| Reply::failure(&Failure::new(Kind::Upstream, what));
        let Ok(mut target) = self.fresh(account, "").await else {
            return failed(format!("there is no token for account {account} now"));
        };
        for round in 0..2 {
            let Some(request) = target.upstream.quota_request(&target) else { break };
            let Some(answer) = outside::ask(request).await else {
                return failed(format!("{} gave no answer", target.provider));
            };
            if answer.status == 401
                && round == 0
                && let Ok(renewed) = self.renewed_target(&target).await
            {
                target = renewed;
                continue;
            }
            if !(200..300).contains(&answer.status) {
                return failed(format!("{} answered {}", target.provider, answer.status));
            }
            let windows = target.upstream.quota(answer.status, &answer.body, now());
            self.control.borrow_mut().learn_quota(account, windows, now());
            break;
        }
        match self.persist() {
            Ok(()) => probe::quota(&self.control.borrow(), account),
            Err(error) => Reply::failure(&Failure::new(Kind::Internal, error.to_string())),
        }
    }

    /// Another token, now.
    pub async fn renew_now(self: &Rc<Self>, account: &str, effects: Vec<Effect>) -> Reply {
        let Some(target) = self.control.borrow_mut().target(account, "") else {
            return Reply::failure(&Failure::new(Kind::NotFound, "no such account"));
        };
        let wish = Wish { account: account.to_owned(), refused: mark(target.credential.access.expose()) };
        let reply = match self.renewed(&wish).await {
            Ok(Ok(_)) => probe::account(&self.control.borrow(), account, now()),
            Ok(Err(denied)) => Reply::failure(&Failure::new(Kind::Upstream, denied.why)),
            Err(error) => Reply::failure(&Failure::new(Kind::Internal, error.to_string())),
        };
        Reply { effects, ..reply }
    }

    /// One real call to one account, as a client would make it. What it shows counts like any other's.
    pub async fn test(self: &Rc<Self>, account: &str, model: &str, effects: Vec<Effect>) -> Reply {
        let call = match probe::call(model, &random_id(), now()) {
            Ok(call) => call,
            Err(failure) => return Reply::failure(&failure),
        };
        let provider = self.control.borrow().setup(account).map(|setup| setup.account.provider.clone());
        let candidate = Candidate {
            account: account.to_owned(),
            provider: provider.unwrap_or_default(),
            model: model.to_owned(),
            probe: false,
        };
        let io = Probe { core: Rc::clone(self), candidate, settled: RefCell::default() };
        let began = now();
        let (trace, status, body) = match exec::run(&io, &call).await {
            exec::Reply::Answer(answer) => (answer.trace, answer.status, bytes::Bytes::from(answer.head)),
            exec::Reply::Refused(Refused { status, body, trace, .. }) => (trace, status, body),
        };
        let reply = probe::tested(trace.last(), status, &body, effects);
        if let Some(settlement) = io.settled.take() {
            let receipt = self.control.borrow_mut().report(&settlement, now());
            let inquiry = Inquiry::about(Caller::Operator, model.to_owned(), Protocol::Chat, Operation::Generate);
            let entry = Entry::of(&Facts {
                request: &call.id,
                inquiry: &inquiry,
                payer: None,
                settlement: &settlement,
                receipt: &receipt,
                stream: false,
                status,
                began,
                total_ms: u64::try_from(now().since(began).as_millis()).unwrap_or_default(),
                agent: Some("test"),
                object_calls: 0,
                hits: &crate::filter::Hits::default(),
            });
            if let Err(error) = self.persist() {
                worker::console_error!("the test of account {account}: {error}");
            }
            ledger::write(&self.env, &[entry]).await;
        }
        reply
    }
}

/// [`Io`] that has one candidate, whatever the pool thinks of it.
struct Probe {
    core: Rc<Core>,
    candidate: Candidate,
    settled: RefCell<Option<Settlement>>,
}

impl Io for Probe {
    type Body = Body;

    fn now(&self) -> Millis {
        now()
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        // A number without a lease: no place is taken, and the books have a row of their own.
        let lease = self.core.control.borrow_mut().pool().number(now());
        Ok(Plan { lease, candidates: vec![self.candidate.clone()], hedge_ms: None })
    }

    async fn target(&self, candidate: &Candidate) -> Result<Target, Fault> {
        self.core.fresh(&candidate.account, &candidate.model).await
    }

    async fn refresh(&self, target: &Target) -> Result<Target, Fault> {
        let renews = self.core.control.borrow().record(&target.account).is_some_and(|record| record.renews());
        if renews { self.core.renewed_target(target).await } else { Err(Fault::Unauthorized) }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Body>, Fault> {
        let settings = Settings::of(&self.core.env);
        Body::send(&self.core.env, request, settings.idle_ms, &AbortSignal::timeout_with_u32(PATIENCE_MS)).await
    }

    fn report(&self, settlement: Settlement) {
        if settlement.done {
            self.settled.replace(Some(settlement));
        }
    }
}
