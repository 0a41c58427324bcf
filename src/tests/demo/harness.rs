//! An executor's surroundings with the demo for a network.

use std::cell::RefCell;

use bytes::Bytes;
use futures_executor::block_on;

use crate::accounts::Setup;
use crate::call::{Call, HttpRequest, HttpResponse};
use crate::exec::{Io, Reply, Source, run};
use crate::fault::{Failure, Fault, Millis};
use crate::ir::event::Usage;
use crate::pool::{Account, Ask, Candidate, Outcome, Plan, Pool, Settlement};
use crate::protocol::{Echo, StreamError};
use crate::pump::failure_of;
use crate::tests::upstreams::setups;
use crate::upstream::Target;
use crate::upstream::demo::{End, Script, serve};

struct Demo {
    ask: Ask,
    setups: Vec<Setup>,
    pool: RefCell<Pool>,
    sent: RefCell<Vec<String>>,
}

struct Body {
    chunks: std::vec::IntoIter<Bytes>,
    end: Option<StreamError>,
}

impl Source for Body {
    async fn next(&mut self) -> Option<Result<Bytes, StreamError>> {
        self.chunks.next().map(Ok).or_else(|| self.end.take().map(Err))
    }
}

impl Io for Demo {
    type Body = Body;
    fn now(&self) -> Millis {
        Millis(1_787_393_472_000)
    }
    async fn plan(&self) -> Result<Plan, Failure> {
        self.pool.borrow_mut().plan(&self.ask, self.now()).map_err(|denial| denial.failure(self.now()))
    }
    async fn target(&self, candidate: &Candidate) -> Result<Target, Fault> {
        let setup = self.setups.iter().find(|setup| setup.account.id == candidate.account).unwrap();
        Ok(setup.target(&candidate.model))
    }
    async fn refresh(&self, _: &Target) -> Result<Target, Fault> {
        Err(Fault::Unauthorized)
    }
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Body>, Fault> {
        self.sent.borrow_mut().push(request.url.clone());
        let Script { status, headers, steps, end } = serve(&request);
        let end = match end {
            End::Complete => None,
            End::Cut => Some(StreamError::Cut),
            End::Stall => Some(StreamError::Stalled),
        };
        let chunks = steps.into_iter().map(|step| step.bytes.into()).collect::<Vec<_>>().into_iter();
        Ok(HttpResponse { status, headers, body: Body { chunks, end } })
    }
    fn report(&self, settlement: Settlement) {
        self.pool.borrow_mut().report(&settlement, self.now());
    }
}

/// What a client received, and how it came about.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub text: String,
    /// `account:outcome` in the order they were asked.
    pub tried: Vec<String>,
    pub retry_after: Option<u64>,
    pub usage: Usage,
    /// The answer broke off with an error of its protocol.
    pub failed: bool,
}

pub fn ask(call: &Call) -> Got {
    let setups = setups(&[("SLUICE_DEMO", "1")]);
    let mut pool = Pool::default();
    // demo-1, which is the one to fail, is asked first.
    let ranked = (0..).zip(&setups).map(|(priority, setup)| Account { priority, ..setup.account.clone() });
    pool.set_accounts(ranked.collect());
    let ask = crate::route::resolve(&call.model, None, &setups).unwrap();
    let io = Demo { ask, setups, pool: RefCell::new(pool), sent: RefCell::default() };
    let (status, bytes, trace, retry_after, usage, failed) = match block_on(run(&io, call)) {
        Reply::Refused(refused) => {
            let wait = refused.retry_after.map(|wait| wait.as_secs());
            (refused.status, refused.body.to_vec(), refused.trace, wait, Usage::default(), false)
        }
        Reply::Answer(answer) => {
            let mut out = answer.head;
            let mut usage = Usage::default();
            let mut failed = false;
            if let Some((mut body, mut pump)) = answer.rest {
                let echo = Echo { call, request: None };
                loop {
                    let step = match block_on(body.next()) {
                        Some(Ok(chunk)) => pump.chunk(&chunk, &mut out),
                        Some(Err(error)) => Err(error),
                        None => {
                            let last = pump.end(&echo, &mut out);
                            if let Err(error) = last {
                                pump.fail(&failure_of(&error), &mut out);
                            }
                            break;
                        }
                    };
                    if let Err(error) = step {
                        pump.fail(&failure_of(&error), &mut out);
                        break;
                    }
                }
                usage = pump.report().usage;
                failed = pump.failed();
            }
            (200, out, answer.trace, None, usage, failed)
        }
    };
    let urls = io.sent.into_inner();
    let accounts = urls.iter().map(|url| url.strip_prefix("demo://").unwrap().split('/').next().unwrap().to_owned());
    let outcome = trace.last().map(|attempt| match &attempt.outcome {
        Outcome::Answered => "answered",
        Outcome::Failed(fault) => fault.name(),
        Outcome::Cancelled => "cancelled",
        Outcome::Beaten => "beaten",
    });
    let mut tried: Vec<String> = accounts.collect();
    tried.extend(outcome.map(str::to_owned));
    Got { status, text: String::from_utf8(bytes).unwrap(), tried, retry_after, usage, failed }
}
