//! Try candidates in order until one commits to an answer.
//!
//! A candidate has committed when content has arrived. Before that its bytes are held back and any fault moves on to the
//! next candidate unseen; a fault of the request itself ends the call. Nobody is tried twice, nobody sleeps.

use std::time::Duration;

use bytes::Bytes;

use crate::call::{Call, HttpRequest, HttpResponse, header};
use crate::fault::{Failure, Fault, Kind, Millis};
use crate::ir::event::Usage;
use crate::pool::{Ask, Attempt, Candidate, Denial, Outcome, Plan, Settlement};
use crate::protocol::{Echo, StreamError, any_error_message, inbound};
use crate::pump::{Answering, Pump};
use crate::upstream::{Payload, Refusal, Target, payload};

/// A provider's body. One per runtime.
pub trait Source {
    /// The next bytes; `None` at the end. Err is a cut, a reset or a stall.
    async fn next(&mut self) -> Option<Result<Bytes, StreamError>>;
}

/// Everything the executor cannot compute. One per runtime.
pub trait Io {
    type Body: Source;
    fn now(&self) -> Millis;
    async fn plan(&self, ask: &Ask) -> Result<Plan, Denial>;
    /// Resolve a candidate to an account with its credential.
    async fn target(&self, candidate: &Candidate) -> Result<Target, Fault>;
    /// Renew a refused credential, once. `None`: it cannot be renewed.
    async fn refresh(&self, target: &Target) -> Option<Target>;
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Self::Body>, Fault>;
    /// Bookkeeping. Must not delay the answer.
    fn report(&self, settlement: Settlement);
}

/// What the client gets.
pub enum Reply<B> {
    Answer(Box<Answer<B>>),
    Refused(Refused),
}

/// A committed answer: `head` is ready to be sent, `rest` follows through the pump.
pub struct Answer<B> {
    pub content_type: &'static str,
    pub head: Vec<u8>,
    pub rest: Option<(B, Pump)>,
    pub trace: Trace,
}

/// An error answer.
pub struct Refused {
    pub status: u16,
    pub body: Bytes,
    pub retry_after: Option<Duration>,
    pub trace: Trace,
}

/// How the answer came about.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    pub lease: u64,
    pub attempts: Vec<Attempt>,
    /// How many candidates were asked; those already reported are no longer among `attempts`.
    pub tried: usize,
}

impl Trace {
    /// The attempt that answered, or the last that failed.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Close the books on a call.
    pub fn settle(&self, outcome: Outcome, usage: Usage) -> Settlement {
        let mut attempts = self.attempts.clone();
        if let Some(last) = attempts.last_mut() {
            last.outcome = outcome;
        }
        Settlement { lease: self.lease, attempts, usage, done: true }
    }
}

/// Why one candidate did not answer, and what to tell the client if nobody does.
struct Failed {
    fault: Fault,
    status: u16,
    body: Bytes,
    retry_after: Option<Duration>,
}

pub async fn run<I: Io>(io: &I, call: &Call, ask: &Ask) -> Reply<I::Body> {
    let plan = match io.plan(ask).await {
        Ok(plan) => plan,
        Err(denial) => return Reply::Refused(refuse(call, &denial.failure(io.now()), Trace::default())),
    };
    let mut trace = Trace { lease: plan.lease, ..Trace::default() };
    let mut last = None;
    for candidate in &plan.candidates {
        let began = io.now();
        trace.tried += 1;
        let attempt = |outcome| Attempt {
            account: candidate.account.clone(),
            provider: candidate.provider.clone(),
            model: candidate.model.clone(),
            outcome,
            began,
            ms: u64::try_from(io.now().since(began).as_millis()).unwrap_or(u64::MAX),
            first_ms: None,
        };
        match try_candidate(io, call, candidate).await {
            Ok((content_type, head, rest, usage)) => {
                let answered = attempt(Outcome::Answered);
                let first_ms = rest.is_some().then_some(answered.ms);
                trace.attempts.push(Attempt { first_ms, ..answered });
                if rest.is_none() {
                    io.report(trace.settle(Outcome::Answered, usage));
                } else if trace.attempts.len() > 1 || plan.candidates.iter().any(|candidate| candidate.probe) {
                    // While this answer streams on, others must not run into the accounts that just failed, nor wait
                    // to hear that this one is back.
                    let attempts = trace.attempts.clone();
                    io.report(Settlement { lease: plan.lease, attempts, usage: Usage::default(), done: false });
                    trace.attempts.drain(..trace.attempts.len() - 1).for_each(drop);
                }
                return Reply::Answer(Box::new(Answer { content_type, head, rest, trace }));
            }
            Err(failed) => {
                trace.attempts.push(attempt(Outcome::Failed(failed.fault.clone())));
                let stop = !failed.fault.fails_over();
                last = Some(failed);
                if stop {
                    break;
                }
            }
        }
    }
    io.report(Settlement { lease: plan.lease, attempts: trace.attempts.clone(), usage: Usage::default(), done: true });
    match last {
        Some(Failed { status, body, retry_after, .. }) => Reply::Refused(Refused { status, body, retry_after, trace }),
        None => {
            let failure = Failure::new(Kind::Internal, "the pool offered no account");
            Reply::Refused(refuse(call, &failure, trace))
        }
    }
}

type Committed<B> = (&'static str, Vec<u8>, Option<(B, Pump)>, Usage);

async fn try_candidate<I: Io>(io: &I, call: &Call, candidate: &Candidate) -> Result<Committed<I::Body>, Failed> {
    let target = io.target(candidate).await.map_err(|fault| explain(call, candidate, fault, None))?;
    match ask_target(io, call, &target).await {
        Err(failed) if failed.fault == Fault::Unauthorized => match io.refresh(&target).await {
            Some(renewed) => ask_target(io, call, &renewed).await,
            None => Err(failed),
        },
        other => other,
    }
}

async fn ask_target<I: Io>(io: &I, call: &Call, target: &Target) -> Result<Committed<I::Body>, Failed> {
    let refused = |failure: Failure| Failed {
        fault: Fault::Rejected,
        status: failure.status,
        retry_after: None,
        body: inbound(call.protocol()).encode_failure(&failure).into(),
    };
    let payload = payload(call, target).map_err(refused)?;
    let request = target.upstream.request(call, target, &payload).map_err(refused)?;
    let response = io.send(request).await.map_err(|fault| unreachable_provider(call, target, fault))?;
    if !(200..300).contains(&response.status) {
        let body = read_error(response.body).await;
        let refusal = Refusal { status: response.status, headers: &response.headers, body: &body };
        return Err(judge(io, call, target, &payload, refusal));
    }
    let streamed = is_stream(&response.headers, payload.stream);
    let mut pump = Pump::new(&Answering { call, payload: &payload, streamed });
    let echo = Echo { call, request: payload.request.as_ref() };
    let (mut body, mut head) = (response.body, Vec::new());
    let mut ended = false;
    while !ended && !(pump.started() && call.stream) {
        let step = match body.next().await {
            Some(Ok(chunk)) => pump.chunk(&chunk, &mut head),
            Some(Err(error)) => Err(error),
            None => {
                ended = true;
                pump.end(&echo, &mut head)
            }
        };
        if let Err(error) = step {
            if call.stream && pump.started() {
                // Content and break in one chunk: what came is the client's, and so is the truth about it.
                pump.fail(&crate::pump::failure_of(&error), &mut head);
                break;
            }
            return Err(broken(io, call, target, &payload, &response.headers, error));
        }
    }
    let client = inbound(call.protocol());
    let content_type = if call.stream { client.stream_type(call) } else { "application/json" };
    let usage = pump.report().usage;
    let rest = if ended { None } else { Some((body, pump)) };
    Ok((content_type, head, rest, usage))
}

/// Whether a 2xx body is a stream of frames. Providers answer a streaming request with a JSON error, or a plain one
/// with a stream; the content type decides, and where it says nothing, what was asked for.
fn is_stream(headers: &[(String, String)], asked: bool) -> bool {
    match header(headers, "content-type") {
        Some(kind) if kind.starts_with("text/event-stream") || kind.contains("ndjson") => true,
        Some(kind) if kind.starts_with("application/json") || kind.starts_with("text/html") => false,
        _ => asked,
    }
}

/// 256 KiB: no provider explains itself at greater length.
const ERROR_LIMIT: usize = 256 << 10;

async fn read_error(mut body: impl Source) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(Ok(chunk)) = body.next().await {
        let room = ERROR_LIMIT.saturating_sub(whole.len());
        whole.extend_from_slice(chunk.get(..chunk.len().min(room)).unwrap_or_default());
        if whole.len() >= ERROR_LIMIT {
            break;
        }
    }
    whole
}

fn broken<I: Io>(
    io: &I,
    call: &Call,
    target: &Target,
    payload: &Payload,
    headers: &[(String, String)],
    error: StreamError,
) -> Failed {
    match error {
        StreamError::Refused { status, body } => {
            judge(io, call, target, payload, Refusal { status, headers, body: &body })
        }
        StreamError::Cut | StreamError::Stalled => unreachable_provider(call, target, Fault::Transport),
        StreamError::Malformed(_) | StreamError::TooLarge(_) => {
            let failure = Failure::new(Kind::Upstream, format!("{}: {error}", target.provider));
            failed(call, Fault::Malformed, &failure)
        }
    }
}

/// A provider's refusal: relayed as it came when it is about the request, else re-told in the client's protocol.
fn judge<I: Io>(io: &I, call: &Call, target: &Target, payload: &Payload, refusal: Refusal<'_>) -> Failed {
    let fault = target.upstream.classify(refusal, io.now());
    let wait = match &fault {
        Fault::Quota { wait, .. } | Fault::RateLimited { wait, .. } => *wait,
        _ => None,
    };
    let same = payload.wire.protocol() == call.protocol();
    if fault == Fault::Rejected && same && serde_json::from_slice::<serde::de::IgnoredAny>(refusal.body).is_ok() {
        let body = scrub(&String::from_utf8_lossy(refusal.body), target).into_bytes();
        return Failed { fault, status: refusal.status, body: body.into(), retry_after: wait };
    }
    let said = payload.wire.error_message(refusal.body).or_else(|| any_error_message(refusal.body));
    let said = said.map(|said| scrub(&said, target));
    let Target { provider, account, .. } = target;
    let failure = match &fault {
        Fault::Rejected => {
            let said = said.unwrap_or_else(|| format!("{provider} refused the request ({})", refusal.status));
            Failure { status: refusal.status, ..Failure::new(Kind::of_status(refusal.status), said) }
        }
        Fault::Unauthorized | Fault::Suspended => Failure::new(
            Kind::Upstream,
            format!("{provider} does not accept account {account} ({}){}", refusal.status, colon(said)),
        ),
        Fault::Quota { .. } => Failure::new(Kind::QuotaExceeded, format!("{provider}: quota used up{}", colon(said))),
        Fault::RateLimited { .. } => {
            Failure::new(Kind::RateLimited, format!("{provider}: rate limited{}", colon(said)))
        }
        Fault::ModelMissing => {
            Failure::new(Kind::NotFound, format!("{provider} has no model {}{}", target.model, colon(said)))
        }
        Fault::Overloaded => Failure::new(Kind::Overloaded, format!("{provider} is overloaded{}", colon(said))),
        Fault::Transport | Fault::Malformed => {
            Failure::new(Kind::Upstream, format!("{provider} gave no usable answer{}", colon(said)))
        }
    };
    failed(call, fault, &failure.retry_after(wait))
}

fn colon(said: Option<String>) -> String {
    said.map_or_else(String::new, |said| format!(": {said}"))
}

fn failed(call: &Call, fault: Fault, failure: &Failure) -> Failed {
    let body = inbound(call.protocol()).encode_failure(failure).into();
    Failed { fault, status: failure.status, body, retry_after: failure.retry_after }
}

fn unreachable_provider(call: &Call, target: &Target, fault: Fault) -> Failed {
    let failure = Failure::new(Kind::Upstream, format!("{} could not be reached", target.provider));
    failed(call, fault, &failure)
}

fn explain(call: &Call, candidate: &Candidate, fault: Fault, said: Option<String>) -> Failed {
    let message = format!("account {} cannot be used{}", candidate.account, colon(said));
    failed(call, fault, &Failure::new(Kind::Upstream, message))
}

/// A provider that quotes a credential back must not tell the client.
fn scrub(text: &str, target: &Target) -> String {
    let secret = target.credential.access.expose();
    if secret.len() < 8 { text.to_owned() } else { text.replace(secret, "[redacted]") }
}

/// An error of ours as an answer.
pub fn refuse(call: &Call, failure: &Failure, trace: Trace) -> Refused {
    let body = inbound(call.protocol()).encode_failure(failure).into();
    Refused { status: failure.status, body, retry_after: failure.retry_after, trace }
}
