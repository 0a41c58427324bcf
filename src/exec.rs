//! Try candidates in order until one commits to an answer.
//!
//! A candidate has committed when content has arrived. Before that its bytes are held back and any fault moves on to the
//! next candidate unseen; a fault of the request itself ends the call. When all have failed the pool is asked for
//! others. Nobody is tried twice, nobody sleeps.

mod race;
mod several;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use self::race::{Asked, End, race};
use self::several::{ask_hosts, gather};
use crate::call::{Call, HttpRequest, HttpResponse, Operation, header};
use crate::fault::{Failure, Fault, Kind, Millis};
use crate::filter::Hits;
use crate::ir::event::Usage;
use crate::json;
use crate::passing::Passing;
use crate::pool::{Attempt, Candidate, Outcome, Plan, Settlement};
use crate::protocol::{Echo, StreamError, any_error_message, inbound};
use crate::pump::{Answering, Pump, failure_of};
use crate::upstream::quota::Window;
use crate::upstream::{Payload, Reading, Refusal, Target, payload_through};
use crate::witness;

/// A provider's body. One per runtime.
pub trait Source {
    /// The next bytes; `None` at the end. Err is a cut, a reset or a stall.
    async fn next(&mut self) -> Option<Result<Bytes, StreamError>>;
}

/// Everything the executor cannot compute. One per runtime.
pub trait Io {
    type Body: Source;
    fn now(&self) -> Millis;
    /// Whom to ask, in order.
    async fn plan(&self) -> Result<Plan, Failure>;
    /// Resolve a candidate to an account with its credential.
    async fn target(&self, candidate: &Candidate) -> Result<Target, Fault>;
    /// Renew a refused credential, once. The fault is what is left to say of the account if that fails.
    async fn refresh(&self, target: &Target) -> Result<Target, Fault>;
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Self::Body>, Fault>;
    /// The rules and filters of a call that has been planned; `None` costs nothing.
    fn passing(&self, call: &Call) -> Result<Option<Passing>, Failure> {
        let _ = call;
        Ok(None)
    }
    /// Who looks on, if anybody does.
    fn witness(&self) -> Option<witness::Shared> {
        None
    }
    /// All candidates of a plan have failed, as `so_far` tells: others, if there are any.
    async fn more(&self, so_far: Settlement) -> Vec<Candidate> {
        let _ = so_far;
        Vec::new()
    }
    /// Wait for so long. Only asked where a plan wants it.
    async fn pause(&self, ms: u64) {
        let _ = ms;
        std::future::pending().await
    }
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
    /// 200, but for a proxied request.
    pub status: u16,
    /// Of a proxied answer, beside its type.
    pub headers: Vec<(String, String)>,
    pub content_type: Cow<'static, str>,
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
    /// Who was asked beside another and said nothing in time.
    pub beaten: Vec<Candidate>,
    /// What filters find, until the end of the answer.
    pub hits: Option<Rc<RefCell<Hits>>>,
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
        let beaten = self.beaten.clone();
        Settlement { lease: self.lease, attempts, beaten, usage, done: true, ..Settlement::default() }
    }
}

/// A call may make 50 requests in all: an attempt takes two when a token is renewed, and every fourth asks for more.
const ATTEMPTS: usize = 16;

/// Why one candidate did not answer, and what to tell the client if nobody does.
struct Failed {
    fault: Fault,
    /// We refused before the provider was asked: its wire cannot carry the request, another's might.
    unasked: bool,
    status: u16,
    body: Bytes,
    retry_after: Option<Duration>,
    windows: Vec<Window>,
}

impl Failed {
    fn stops(&self) -> bool {
        !self.fault.fails_over() && !self.unasked
    }
}

pub async fn run<I: Io>(io: &I, call: &Call) -> Reply<I::Body> {
    let plan = match io.plan().await {
        Ok(plan) => plan,
        Err(failure) => return Reply::Refused(refuse(call, &failure, Trace::default())),
    };
    let mut trace = Trace { lease: plan.lease, ..Trace::default() };
    let passing = match io.passing(call) {
        Ok(passing) => passing,
        Err(failure) => {
            io.report(trace.settle(Outcome::Answered, Usage::default()));
            return Reply::Refused(refuse(call, &failure, trace));
        }
    };
    let passing = passing.as_ref();
    trace.hits = passing.map(Passing::hits);
    let mut last = None;
    let mut probing = plan.candidates.iter().any(|candidate| candidate.probe);
    let mut hedge = plan.hedge_ms.filter(|_| call.stream);
    let mut candidates = VecDeque::from(plan.candidates);
    while let Some(candidate) = candidates.pop_front() {
        let asked = match hedge.zip(candidates.front()) {
            None => vec![Asked::alone(io, call, passing, candidate).await],
            Some((ms, rival)) => race(io, call, passing, candidate, rival.clone(), ms).await,
        };
        if asked.len() > 1 {
            // One more is asked, once.
            hedge = None;
            candidates.pop_front();
        }
        let mut stop = false;
        for Asked { candidate, began, ms, end } in asked {
            trace.tried += 1;
            let attempt = |outcome, windows| Attempt {
                account: candidate.account.clone(),
                provider: candidate.provider.clone(),
                model: candidate.model.clone(),
                outcome,
                began,
                ms,
                first_ms: None,
                windows,
            };
            match end {
                End::Committed(committed) => {
                    let Committed { status, headers, content_type, head, rest, usage, outcome, windows } = *committed;
                    let first_ms = rest.is_some().then_some(ms);
                    trace.attempts.push(Attempt { first_ms, ..attempt(outcome.clone(), windows) });
                    if rest.is_none() {
                        io.report(trace.settle(outcome, usage));
                    } else if trace.attempts.len() > 1 || probing {
                        // While this answer streams on, others must not run into the accounts that just failed, nor
                        // wait to hear that this one is back.
                        let attempts = trace.attempts.clone();
                        io.report(Settlement { lease: plan.lease, attempts, ..Settlement::default() });
                        trace.attempts.drain(..trace.attempts.len() - 1).for_each(drop);
                    }
                    return Reply::Answer(Box::new(Answer { status, headers, content_type, head, rest, trace }));
                }
                End::Failed(mut failed) => {
                    let windows = std::mem::take(&mut failed.windows);
                    trace.attempts.push(attempt(Outcome::Failed(failed.fault.clone()), windows));
                    stop |= failed.stops();
                    last = Some(failed);
                }
                End::Beaten => {
                    trace.attempts.push(attempt(Outcome::Beaten, Vec::new()));
                    trace.beaten.push(candidate.clone());
                }
            }
        }
        if stop {
            break;
        }
        if candidates.is_empty() && trace.tried < ATTEMPTS {
            let attempts = trace.attempts.clone();
            let so_far = Settlement { lease: plan.lease, attempts, ..Settlement::default() };
            candidates.extend(io.more(so_far).await);
            probing |= candidates.iter().any(|candidate| candidate.probe);
        }
    }
    let (attempts, beaten) = (trace.attempts.clone(), trace.beaten.clone());
    io.report(Settlement { lease: plan.lease, attempts, beaten, done: true, ..Settlement::default() });
    match last {
        Some(Failed { status, body, retry_after, .. }) => Reply::Refused(Refused { status, body, retry_after, trace }),
        None => {
            let failure = Failure::new(Kind::Internal, "the pool offered no account");
            Reply::Refused(refuse(call, &failure, trace))
        }
    }
}

/// A candidate's answer, as far as it is known.
struct Committed<B> {
    status: u16,
    headers: Vec<(String, String)>,
    content_type: Cow<'static, str>,
    head: Vec<u8>,
    rest: Option<(B, Pump)>,
    usage: Usage,
    /// Anything but `Answered` only when `head` already ends in an error.
    outcome: Outcome,
    windows: Vec<Window>,
}

async fn try_candidate<I: Io>(
    io: &I,
    call: &Call,
    passing: Option<&Passing>,
    candidate: &Candidate,
) -> Result<Committed<I::Body>, Failed> {
    let target = io.target(candidate).await.map_err(|fault| unusable(call, candidate, fault))?;
    match ask_hosts(io, call, passing, &target).await {
        Err(failed) if failed.fault == Fault::Unauthorized => match io.refresh(&target).await {
            Ok(renewed) => ask_hosts(io, call, passing, &renewed).await,
            Err(fault) => Err(Failed { fault, ..failed }),
        },
        other => other,
    }
}

async fn ask_target<I: Io>(
    io: &I,
    call: &Call,
    passing: Option<&Passing>,
    target: &Target,
) -> Result<Committed<I::Body>, Failed> {
    let refused = |failure: Failure| Failed { unasked: true, ..failed(call, Fault::Rejected, &failure) };
    let asked = passing.map_or(call, |passing| &passing.call);
    let payload = payload_through(passing, asked, target).map_err(refused)?;
    if payload.copies > 1 {
        return gather(io, call, asked, target, &payload).await;
    }
    let request = target.upstream.request(asked, target, &payload).map_err(refused)?;
    let witness = io.witness();
    if let Some(witness) = &witness {
        witness.borrow_mut().asks(call, asked, target, &payload, &request);
    }
    let response = io.send(request).await.map_err(|fault| unreachable(call, target, fault))?;
    let windows = target.upstream.windows(&response.headers, io.now());
    // A proxied client knows what a redirect or an unfinished upload means.
    let last = if call.is_proxied() { 400 } else { 300 };
    if !(200..last).contains(&response.status) {
        let body = read_error(response.body).await;
        if let Some(witness) = &witness {
            witness.borrow_mut().refused(response.status, &body);
        }
        let refusal = Refusal { status: response.status, headers: &response.headers, body: &body };
        return Err(Failed { windows, ..judge(io, call, target, &payload, refusal) });
    }
    let streamed = is_stream(&response.headers, payload.stream);
    let mut pump = Pump::new(&Answering { call, payload: &payload, streamed, secret: &target.credential.access });
    if let Some(witness) = &witness {
        witness.borrow_mut().answered(call, &payload, streamed);
    }
    pump.witness = witness;
    let echo = Echo { call, request: payload.request.as_ref() };
    let HttpResponse { status, headers, mut body } = response;
    let mut head = Vec::new();
    let mut outcome = Outcome::Answered;
    let mut ended = false;
    while !(ended || pump.started() && call.stream) {
        let step = match body.next().await {
            Some(Ok(_)) if head.len() > HELD_LIMIT => Err(StreamError::TooLarge),
            Some(Ok(chunk)) => pump.chunk(&chunk, &mut head),
            Some(Err(error)) => {
                ended = true;
                pump.broke(error, &echo, &mut head)
            }
            None => {
                ended = true;
                pump.end(&echo, &mut head)
            }
        };
        if let Err(error) = step {
            let committed = pump.started() && call.stream;
            let failed = broken(io, call, target, &payload, &headers, &error);
            if !committed {
                return Err(Failed { windows, ..failed });
            }
            // Content and break came together: what came is the client's, and so is the truth about it. Whether the
            // client sees the break must not depend on how the bytes were cut into chunks.
            pump.fail(&failure_of(&error), &mut head);
            outcome = Outcome::Failed(failed.fault);
            ended = true;
        }
    }
    let client = inbound(call.protocol());
    let content_type = match payload.reading {
        Reading::Raw => header(&headers, "content-type").unwrap_or("application/octet-stream").to_owned().into(),
        Reading::Model | Reading::Other(_) if call.stream => client.stream_type(call).into(),
        Reading::Model | Reading::Other(_) => "application/json".into(),
    };
    let usage = pump.report().usage;
    let rest = if ended { None } else { Some((body, pump)) };
    let (status, headers) = if call.is_proxied() { (status, proxied(headers)) } else { (200, Vec::new()) };
    Ok(Committed { status, headers, content_type, head, rest, usage, outcome, windows })
}

/// What a proxied answer says of itself. Its length and encoding are the connection's, cookies are nobody's here.
fn proxied(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    const KEPT: [&str; 5] = ["content-disposition", "content-range", "etag", "last-modified", "location"];
    let is_kept = |name: &str| KEPT.contains(&name) || name.starts_with("x-goog-upload-");
    headers.into_iter().filter(|(name, _)| is_kept(name)).collect()
}

/// 32 MiB: the largest frame, twice. More is held back only if a provider talks for ever and says nothing.
const HELD_LIMIT: usize = 32 << 20;

/// Whether a 2xx body is a stream of frames. Providers answer a streaming request with a JSON error, or a plain one
/// with a stream; the content type decides, and where it says nothing, what was asked for.
fn is_stream(headers: &[(String, String)], asked: bool) -> bool {
    let kind = header(headers, "content-type").unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/event-stream" | "application/x-ndjson" | "application/ndjson" | "application/vnd.amazon.eventstream" => {
            true
        }
        "application/json" | "text/html" => false,
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
    error: &StreamError,
) -> Failed {
    let (fault, kind) = match error {
        StreamError::Refused { status, body } => {
            return judge(io, call, target, payload, Refusal { status: *status, headers, body });
        }
        StreamError::Withheld(_) => return failed(call, Fault::Rejected, &failure_of(error)),
        StreamError::Cut => (Fault::Transport, Kind::Upstream),
        StreamError::Stalled => (Fault::Transport, Kind::Timeout),
        StreamError::Malformed(_) | StreamError::TooLarge => (Fault::Malformed, Kind::Upstream),
    };
    failed(call, fault, &Failure::new(kind, format!("{}: {error}", target.provider)))
}

/// A provider's refusal: relayed as it came when it is about the request, else re-told in the client's protocol.
fn judge<I: Io>(io: &I, call: &Call, target: &Target, payload: &Payload, refusal: Refusal<'_>) -> Failed {
    // An error inside a 200 says which status it would have had; one that says nonsense is the provider's own fault.
    let status = if (400..600).contains(&refusal.status) { refusal.status } else { 502 };
    let refusal = Refusal { status, ..refusal };
    let secret = &target.credential.access;
    let fault = match target.upstream.classify(refusal, io.now()) {
        // What is not there is a file or a batch: the account has nothing to do with it.
        Fault::ModelMissing if call.endpoint.operation == Operation::Raw => Fault::Rejected,
        fault => fault,
    };
    let wait = match &fault {
        Fault::Quota { wait, .. } | Fault::RateLimited { wait, .. } => *wait,
        _ => None,
    };
    let same = payload.wire.protocol() == call.protocol() || call.is_proxied();
    if fault == Fault::Rejected && same && json::read::<serde::de::IgnoredAny>(refusal.body).is_ok() {
        let body = secret.scrub(&String::from_utf8_lossy(refusal.body)).into_bytes();
        let (status, body) = (refusal.status, body.into());
        return Failed { fault, unasked: false, status, body, retry_after: wait, windows: Vec::new() };
    }
    let said = payload.wire.error_message(refusal.body).or_else(|| any_error_message(refusal.body));
    let said = said.map(|said| secret.scrub(&said));
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
    let Failure { status, retry_after, .. } = *failure;
    Failed { fault, unasked: false, status, body, retry_after, windows: Vec::new() }
}

fn unreachable(call: &Call, target: &Target, fault: Fault) -> Failed {
    let failure = Failure::new(Kind::Upstream, format!("{} could not be reached", target.provider));
    failed(call, fault, &failure)
}

fn unusable(call: &Call, candidate: &Candidate, fault: Fault) -> Failed {
    let message = format!("account {} cannot be used", candidate.account);
    failed(call, fault, &Failure::new(Kind::Upstream, message))
}

/// An error of ours as an answer.
pub fn refuse(call: &Call, failure: &Failure, trace: Trace) -> Refused {
    let body = inbound(call.protocol()).encode_failure(failure).into();
    Refused { status: failure.status, body, retry_after: failure.retry_after, trace }
}
