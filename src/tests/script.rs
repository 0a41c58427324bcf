//! A scripted world for the executor: providers that answer from a list, accounts from a list or a real pool, and the
//! books that are kept.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_executor::block_on;
use serde_json::{Value, json};

use super::rig::{SECRET, fixtures, name, target, wire};
use crate::call::{Call, HttpRequest, HttpResponse};
use crate::exec::{Io, Refused, Reply, Source, run};
use crate::fault::{Failure, Fault, Millis};
use crate::ir::Protocol;
use crate::pool::{Account, Ask, Candidate, Denial, Goal, Outcome, Plan, Pool, Settlement};
use crate::protocol::{Echo, StreamError};
use crate::pump::failure_of;
use crate::upstream::{Secret, Target};

/// The rest of a provider's body: chunks, perhaps an error.
#[derive(Default)]
pub struct Body {
    pub chunks: VecDeque<Result<Bytes, StreamError>>,
    /// How often a reader is told to wait before each of them.
    pub slow: usize,
}

impl Source for Body {
    async fn next(&mut self) -> Option<Result<Bytes, StreamError>> {
        let mut waits = self.slow;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            match waits.checked_sub(1) {
                Some(left) => {
                    waits = left;
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }
        })
        .await;
        self.chunks.pop_front()
    }
}

/// What the next request is answered with.
pub type Answer = Result<HttpResponse<Body>, Fault>;

pub fn answer(status: u16, content_type: &str, chunks: &[&str]) -> Answer {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    let body = chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk.as_bytes()))).collect();
    Ok(HttpResponse { status, headers, body: Body { chunks: body, slow: 0 } })
}

pub fn sse(chunks: &[&str]) -> Answer {
    answer(200, "text/event-stream; charset=utf-8", chunks)
}

pub fn refusal(status: u16, message: &str) -> Answer {
    answer(status, "application/json", &[&json!({"error": {"message": message}}).to_string()])
}

pub fn with_header(mut answer: Answer, name: &str, value: &str) -> Answer {
    answer.iter_mut().for_each(|answer| answer.headers.push((name.to_owned(), value.to_owned())));
    answer
}

/// The body ends in an error instead of an end.
pub fn breaking(mut answer: Answer, error: StreamError) -> Answer {
    answer.iter_mut().for_each(|answer| answer.body.chunks.push_back(Err(error.clone())));
    answer
}

/// Each chunk, and the end, is late by so many looks.
pub fn slow(mut answer: Answer, looks: usize) -> Answer {
    answer.iter_mut().for_each(|answer| answer.body.slow = looks);
    answer
}

#[derive(Default)]
pub struct Script {
    pub candidates: Vec<(&'static str, Protocol)>,
    pub denial: Option<Denial>,
    pub answers: RefCell<VecDeque<Answer>>,
    /// Who plans and hears the reports; without one the candidates are the plan.
    pub pool: Option<RefCell<Pool>>,
    /// When a second is asked beside the first.
    pub hedge_ms: Option<u64>,
    /// Accounts that cannot be resolved.
    pub lost: Vec<(&'static str, Fault)>,
    /// Credentials that a refresh brings, in turn.
    pub fresh: RefCell<Vec<&'static str>>,
    pub clock: Cell<u64>,
    pub sent: RefCell<Vec<(String, String, Value)>>,
    pub reports: RefCell<Vec<Settlement>>,
}

impl Script {
    fn ask(&self) -> Ask {
        let goal = |(_, wire): &(&str, Protocol)| Goal { provider: name(*wire), model: "m".into(), ..Goal::default() };
        Ask { tiers: self.candidates.iter().map(|candidate| vec![goal(candidate)]).collect(), ..Ask::default() }
    }
}

impl Io for Script {
    type Body = Body;

    fn now(&self) -> Millis {
        self.clock.set(self.clock.get() + 10);
        Millis(self.clock.get())
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        if let Some(pool) = &self.pool {
            let ask = self.ask();
            let now = self.now();
            return pool.borrow_mut().plan(&ask, now).map_err(|denial| denial.failure(now));
        }
        let candidate = |(account, wire): &(&str, Protocol)| Candidate {
            account: (*account).to_owned(),
            provider: name(*wire),
            model: "m".to_owned(),
            probe: false,
        };
        match &self.denial {
            Some(denial) => Err(denial.failure(self.now())),
            None => Ok(Plan {
                lease: 7,
                candidates: self.candidates.iter().map(candidate).collect(),
                hedge_ms: self.hedge_ms,
            }),
        }
    }

    async fn pause(&self, ms: u64) {
        assert_eq!(Some(ms), self.hedge_ms);
    }

    async fn more(&self, so_far: Settlement) -> Vec<Candidate> {
        let Some(pool) = &self.pool else { return Vec::new() };
        let now = self.now();
        pool.borrow_mut().report(&so_far, now);
        let ask = self.ask();
        pool.borrow_mut().more(&ask, so_far.lease, now)
    }

    async fn target(&self, candidate: &Candidate) -> Result<Target, Fault> {
        match self.lost.iter().find(|(account, _)| *account == candidate.account) {
            Some((_, fault)) => Err(fault.clone()),
            None => {
                let (account, wire) = self.candidates.iter().find(|(name, _)| *name == candidate.account).unwrap();
                Ok(target(*wire, account, &candidate.model))
            }
        }
    }

    async fn refresh(&self, target: &Target) -> Result<Target, Fault> {
        let access = Secret::new(self.fresh.borrow_mut().pop().ok_or(Fault::Unauthorized)?);
        let mut renewed = target.clone();
        renewed.credential.access = access;
        Ok(renewed)
    }

    async fn send(&self, request: HttpRequest) -> Answer {
        let header = |name: &str| request.headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
        let body = serde_json::from_slice(&request.body).unwrap();
        self.sent.borrow_mut().push((header("x-account"), header("authorization"), body));
        self.answers.borrow_mut().pop_front().expect("nobody else was to be asked")
    }

    fn report(&self, settlement: Settlement) {
        if let Some(pool) = &self.pool {
            pool.borrow_mut().report(&settlement, self.now());
        }
        self.reports.borrow_mut().push(settlement);
    }
}

/// What the client got of a call, driven to its end as the shell does.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub content_type: String,
    pub body: String,
    pub retry_after: Option<Duration>,
    pub attempts: usize,
}

impl Got {
    /// The sentence of an error body.
    pub fn said(&self, client: Protocol) -> String {
        wire(client).error_message(self.body.as_bytes()).unwrap_or_else(|| panic!("no message: {}", self.body))
    }
}

impl Script {
    pub fn new(candidates: &[(&'static str, Protocol)], answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = RefCell::new(answers.into_iter().collect());
        Self { candidates: candidates.to_vec(), answers, ..Self::default() }
    }

    /// A world whose candidates come from a real pool.
    pub fn pooled(candidates: &[(&'static str, Protocol)]) -> Self {
        let mut pool = Pool::default();
        let account =
            |(id, wire): &(&str, Protocol)| Account { id: (*id).into(), provider: name(*wire), ..Account::default() };
        pool.set_accounts(candidates.iter().map(account).collect());
        Self { pool: Some(RefCell::new(pool)), ..Self::new(candidates, []) }
    }

    pub fn play(&self, call: &Call) -> Got {
        let got = match block_on(run(self, call)) {
            Reply::Refused(Refused { status, body, retry_after, trace }) => Got {
                status,
                content_type: "application/json".to_owned(),
                body: String::from_utf8(body.to_vec()).unwrap(),
                retry_after,
                attempts: trace.tried,
            },
            Reply::Answer(answer) => {
                let mut body = answer.head;
                if let Some((mut source, mut pump)) = answer.rest {
                    let mut outcome = Outcome::Answered;
                    loop {
                        let next = block_on(source.next());
                        let ended = next.is_none();
                        let echo = Echo { call, request: None };
                        let step = match next {
                            Some(Ok(chunk)) => pump.chunk(&chunk, &mut body),
                            Some(Err(error)) => pump.broke(error, &echo, &mut body),
                            None => pump.end(&echo, &mut body),
                        };
                        if let Err(error) = &step {
                            pump.fail(&failure_of(error), &mut body);
                            outcome = Outcome::Failed(Fault::Transport);
                        }
                        if ended || step.is_err() {
                            break;
                        }
                    }
                    self.report(answer.trace.settle(outcome, pump.report().usage));
                }
                let body = String::from_utf8(body).unwrap();
                let attempts = answer.trace.tried;
                Got { status: 200, content_type: answer.content_type.into_owned(), body, retry_after: None, attempts }
            }
        };
        assert!(!got.body.contains(SECRET), "the credential is in the answer: {}", got.body);
        assert!(self.answers.borrow().is_empty(), "somebody was not asked");
        got
    }

    pub fn asked(&self) -> Vec<String> {
        self.sent.borrow().iter().map(|(account, ..)| account.clone()).collect()
    }

    /// Accounts and outcomes of each report, and whether it was the last word.
    pub fn reported(&self) -> Vec<(Vec<(String, String)>, bool)> {
        let outcome = |outcome: &Outcome| match outcome {
            Outcome::Answered => "answered".to_owned(),
            Outcome::Failed(fault) => fault.name().to_owned(),
            Outcome::Cancelled => "cancelled".to_owned(),
            Outcome::Beaten => "beaten".to_owned(),
        };
        let reports = self.reports.borrow();
        assert!(reports.iter().all(|report| report.lease == if self.denial.is_some() { 0 } else { 7 }));
        assert_eq!(reports.iter().filter(|report| report.done).count(), usize::from(self.denial.is_none()));
        let attempts = |report: &Settlement| {
            report.attempts.iter().map(|attempt| (attempt.account.clone(), outcome(&attempt.outcome))).collect()
        };
        reports.iter().map(|report| (attempts(report), report.done)).collect()
    }

    /// The last word on the call: accounts with outcomes, `a:quota b:answered`.
    pub fn verdict(&self) -> String {
        let reports = self.reported();
        let last = reports.iter().find(|(_, done)| *done).unwrap();
        last.0.iter().map(|(account, outcome)| format!("{account}:{outcome}")).collect::<Vec<_>>().join(" ")
    }
}

pub fn stream(wire: Protocol, topic: &str) -> String {
    let found = fixtures(&format!("streams/{}", name(wire))).into_iter().find(|fixture| fixture.name == topic);
    String::from_utf8(found.unwrap().bytes).unwrap()
}

pub fn whole(wire: Protocol, topic: &str) -> String {
    let found = fixtures(&format!("whole/{}", name(wire))).into_iter().find(|fixture| fixture.name == topic);
    String::from_utf8(found.unwrap().bytes).unwrap()
}

/// The frames of a stream, each as a chunk.
pub fn chunks(stream: &str) -> Vec<&str> {
    stream.split_inclusive("\n\n").collect()
}
