//! `POST /admin/api/selftest`: what was measured at this deployment, and what it means. The shell measures.
//!
//! A Worker's clock stands still while it computes: it moves when something arrives. So work of its own is measured
//! between two reads of the store, and what such a read takes is taken off.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Head, Route, route};
use crate::fault::Failure;
use crate::protocol::Echo;
use crate::pump::{Answering, Pump};
use crate::upstream::{Credential, Target, anthropic, payload};

/// One more than the free plan lets an invocation ask of others, with room to see it.
pub const TRIED: u32 = 60;
/// Some ten milliseconds of work: more than the clock's grain and what a read's time varies by.
pub const EVENTS: u32 = 20_000;
/// Events in a read of the network, as gathered reads of a quick provider bring them.
const GATHERED: u32 = 10;

/// How far a row of requests went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    pub tried: u32,
    pub done: u32,
    /// In the platform's words.
    pub error: Option<String>,
}

/// What the shell found; what could not be measured is absent, and why is in `errors`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// Why credentials cannot be stored; nothing where they can.
    pub master_key: Option<String>,
    pub kv_read_ms: Option<f64>,
    pub kv_write_ms: Option<f64>,
    pub d1_ms: Option<f64>,
    /// Round trips of the Worker to the object.
    pub object_ms: Option<f64>,
    pub translate_ms: Option<f64>,
    pub kv_reads: Row,
    pub fetches: Row,
    /// Of Cloudflare's trace: where requests to providers leave, and which country they seem to come from.
    pub colo: Option<String>,
    pub country: Option<String>,
    pub errors: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CheckVerdict"))]
pub enum Verdict {
    Good,
    /// It works, and costs something that the sentence names.
    Slow,
    Failed,
    /// It could not be measured here.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Check {
    pub name: &'static str,
    pub value: Option<f64>,
    pub unit: &'static str,
    pub verdict: Verdict,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    pub version: &'static str,
    pub checks: Vec<Check>,
    pub errors: Vec<String>,
}

pub fn report(measured: &Measured) -> Report {
    let checks = vec![
        object(measured.object_ms),
        master_key(measured.master_key.as_deref()),
        store(measured.kv_read_ms, measured.kv_write_ms),
        books(measured.d1_ms),
        inside(&measured.kv_reads),
        outside(&measured.fetches),
        translation(measured.translate_ms),
        egress(measured),
    ];
    Report { version: env!("CARGO_PKG_VERSION"), checks, errors: measured.errors.clone() }
}

/// One that is quick enough below `limit_ms`.
fn latency(name: &'static str, ms: Option<f64>, limit_ms: f64, failed: &str, means: impl Fn(f64) -> String) -> Check {
    let (verdict, message) = match ms {
        None => (Verdict::Failed, failed.to_owned()),
        Some(ms) if ms < limit_ms => (Verdict::Good, means(ms)),
        Some(ms) => (Verdict::Slow, means(ms)),
    };
    Check { name, value: ms, unit: "ms", verdict, message }
}

fn object(ms: Option<f64>) -> Check {
    latency("object", ms, 50.0, "the object did not answer: no call can be answered", |ms| {
        format!(
            "every call waits {ms:.0} ms for the object before it is sent on. The object is where it was first asked for; \
             far from you it adds that much to the first byte"
        )
    })
}

fn master_key(problem: Option<&str>) -> Check {
    let (verdict, message) = match problem {
        None => (Verdict::Good, "credentials are stored under its seal".to_owned()),
        Some(problem) => (Verdict::Failed, problem.to_owned()),
    };
    Check { name: "master_key", value: None, unit: "", verdict, message }
}

fn store(read: Option<f64>, write: Option<f64>) -> Check {
    latency("kv", read.and(write), 1000.0, "KV did not answer: stored accounts have no second copy", |write| {
        let read = read.unwrap_or_default();
        format!(
            "a read takes {read:.0} ms and a write {write:.0} ms. No call waits for either; imports and renewals do"
        )
    })
}

fn books(ms: Option<f64>) -> Check {
    latency("d1", ms, 200.0, "D1 did not answer: calls are answered, but the usage log loses them", |ms| {
        format!("a query takes {ms:.0} ms. No call waits for it; pages of the console do")
    })
}

fn inside(row: &Row) -> Check {
    let Row { tried, done, error } = row;
    let (verdict, message) = match error {
        _ if *tried == 0 => (Verdict::Unknown, "not tried".to_owned()),
        None => (Verdict::Good, format!("{done} reads of KV in one invocation went through, and no more were tried")),
        Some(error) => (
            Verdict::Slow,
            format!(
                "the platform stopped after {done} reads of KV in one invocation: {error}. Imports must be in parts"
            ),
        ),
    };
    Check { name: "subrequests_inside", value: Some(f64::from(*done)), unit: "requests", verdict, message }
}

fn outside(row: &Row) -> Check {
    let Row { tried, done, error } = row;
    let (verdict, message) = match error {
        None if *tried == 0 => (Verdict::Unknown, "not tried".to_owned()),
        None => (
            Verdict::Good,
            format!(
                "{done} requests to the network in one invocation went through, and no more were tried: the ceiling is higher"
            ),
        ),
        Some(error) if *done == 0 => (Verdict::Unknown, format!("the network could not be reached: {error}")),
        Some(error) => (
            Verdict::Good,
            format!(
                "the platform stopped after {done} requests to the network in one invocation: {error}. A call asks at most \
                 16 accounts, so it stays below"
            ),
        ),
    };
    Check { name: "subrequests_outside", value: Some(f64::from(*done)), unit: "requests", verdict, message }
}

fn translation(ms: Option<f64>) -> Check {
    let micros = ms.map(|ms| (1000.0 * ms / f64::from(EVENTS) * 100.0).round() / 100.0);
    let (verdict, message) = match micros {
        None => (Verdict::Unknown, "it could not be measured".to_owned()),
        // The clock moved less than a read's time varies.
        Some(micros) if micros <= 0.0 => (Verdict::Unknown, "too little for this clock".to_owned()),
        Some(micros) => {
            let events = (10_000.0 / micros / 100.0).floor() * 100.0;
            let verdict = if micros < 10.0 { Verdict::Good } else { Verdict::Slow };
            let message = format!(
                "an event of a translated stream takes {micros} µs of the program's own work, so that the 10 ms of the free \
                 plan are {events:.0} events. Waking the Worker for what arrives is not in it: the log of invocations has \
                 the CPU time that Cloudflare counts for each"
            );
            (verdict, message)
        }
    };
    Check { name: "translate", value: micros, unit: "µs", verdict, message }
}

fn egress(measured: &Measured) -> Check {
    let (verdict, message) = match (&measured.colo, &measured.country) {
        (None, _) => (Verdict::Unknown, "where requests leave could not be asked".to_owned()),
        (Some(colo), country) => {
            let country = country.as_deref().unwrap_or("an unknown country");
            let message = format!(
                "requests of the object leave from {colo} and seem to come from {country}: a provider that is not offered \
                 there refuses them. Calls leave from wherever their client reaches Cloudflare"
            );
            (Verdict::Good, message)
        }
    };
    Check { name: "egress", value: None, unit: "", verdict, message }
}

/// Translate an answer of so many events, from Messages to Chat; how many bytes that makes.
pub fn translate(events: u32) -> Result<usize, Failure> {
    let head = Head { method: "POST", path: "/v1/chat/completions", query: "", header: &|_| None };
    let Route::Call(endpoint) = route(&head)? else { return Ok(0) };
    let body = Bytes::from_static(br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#);
    let call = Call::read(endpoint, body, &head, "selftest", 0)?;
    let target = Target {
        account: String::new(),
        provider: String::new(),
        upstream: &anthropic::Anthropic,
        base_url: None,
        model: "m".to_owned(),
        headers: Vec::new(),
        credential: Credential::default(),
    };
    let payload = payload(&call, &target)?;
    let mut pump =
        Pump::new(&Answering { call: &call, payload: &payload, streamed: true, secret: &target.credential.access });
    let mut out = Vec::new();
    let mut written = 0;
    let mut push = |chunk: &[u8]| {
        // The shell hands over what there is, and reuses the buffer.
        out.clear();
        let pushed = pump.chunk(chunk, &mut out);
        written += out.len();
        pushed
    };
    let chunk = DELTA.repeat(GATHERED as usize);
    let chunks = std::iter::repeat_n(chunk.as_bytes(), (events / GATHERED) as usize);
    for chunk in std::iter::once(BEGIN.as_bytes()).chain(chunks).chain([END.as_bytes()]) {
        push(chunk).map_err(|error| crate::pump::failure_of(&error))?;
    }
    let echo = Echo { call: &call, request: payload.request.as_ref() };
    out.clear();
    pump.end(&echo, &mut out).map_err(|error| crate::pump::failure_of(&error))?;
    Ok(written + out.len())
}

const BEGIN: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

"#;
const DELTA: &str = r#"event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" and then"}}

"#;
const END: &str = r#"event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}

event: message_stop
data: {"type":"message_stop"}

"#;
