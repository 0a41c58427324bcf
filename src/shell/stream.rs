//! A provider's answer as a [`Source`], and the Rust half of the loop that drives it to the client.

use std::rc::Rc;

use bytes::Bytes;
use wasm_bindgen::prelude::*;
use worker::Env;
use worker::js_sys::Uint8Array;
use worker::web_sys::{AbortSignal, ReadableStream};
use worker::worker_sys::Context as JsContext;

use super::io::Workerd;
use super::settings::Settings;
use crate::call::{Call, HttpRequest, HttpResponse, Operation};
use crate::exec::{Io as _, Source, Trace};
use crate::fault::Fault;
use crate::pool::Outcome;
use crate::protocol::{Echo, StreamError, inbound};
use crate::pump::{Pump, failure_of};
use crate::tokens;
use crate::upstream::demo::{self, End};
use crate::upstream::workers_ai;

// Named here so that it is shipped: `stream.js` imports it.
#[wasm_bindgen(module = "/src/shell/read.js")]
extern "C" {
    #[wasm_bindgen(js_name = Reader)]
    type _Reader;
}

#[wasm_bindgen(module = "/src/shell/stream.js")]
extern "C" {
    #[wasm_bindgen(js_name = Source)]
    pub type JsSource;
    #[wasm_bindgen(constructor, js_class = "Source")]
    fn new(idle_ms: f64, client: &AbortSignal) -> JsSource;
    #[wasm_bindgen(method, catch)]
    async fn send(this: &JsSource, method: &str, url: &str, headers: Vec<String>, body: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn infer(this: &JsSource, env: &Env, model: &str, body: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn play(this: &JsSource, status: u16, headers: Vec<String>, waits: Vec<f64>, chunks: Vec<Uint8Array>, end: &str);
    #[wasm_bindgen(method, getter)]
    fn status(this: &JsSource) -> u16;
    #[wasm_bindgen(method, getter)]
    fn headers(this: &JsSource) -> String;
    #[wasm_bindgen(method, catch)]
    async fn next(this: &JsSource) -> Result<Option<Uint8Array>, JsValue>;
    #[wasm_bindgen(method)]
    fn cancel(this: &JsSource);

    /// After a panic: everything that is under way ends, cut off.
    pub fn fell();

    #[wasm_bindgen(js_name = drive)]
    fn drive_js(
        source: JsSource,
        answer: Answering,
        head: &[u8],
        keep_alive: &[u8],
        keep_alive_ms: f64,
        window_ms: f64,
        scarce: bool,
        context: &JsContext,
    ) -> ReadableStream;
}

/// A provider's answer. Dropped, it takes the connection with it.
pub struct Body(Option<JsSource>);

impl Body {
    pub async fn send(
        env: &Env,
        request: HttpRequest,
        idle_ms: f64,
        client: &AbortSignal,
    ) -> Result<HttpResponse<Self>, Fault> {
        // Made first, so that whoever drops this future cancels the request.
        let body = Self(Some(JsSource::new(idle_ms, client)));
        let Some(source) = &body.0 else { return Err(Fault::Transport) };
        if request.url.starts_with(demo::SCHEME) {
            play(source, &request);
        } else if let Some(model) = request.url.strip_prefix(workers_ai::SCHEME) {
            source.infer(env, model, &request.body).await.map_err(|_| Fault::Transport)?;
        } else {
            let headers = request.headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
            let sent = source.send(request.method, &request.url, headers, &request.body).await;
            sent.map_err(|_| Fault::Transport)?;
        }
        let lines = source.headers();
        let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(HttpResponse { status: source.status(), headers: lines.lines().filter_map(pair).collect(), body })
    }
}

fn play(source: &JsSource, request: &HttpRequest) {
    let script = demo::serve(request);
    let headers = script.headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let waits = script.steps.iter().map(|step| step.wait_ms as f64).collect();
    let chunks = script.steps.iter().map(|step| Uint8Array::from(&*step.bytes)).collect();
    let end = match script.end {
        End::Complete => "complete",
        End::Cut => "cut",
        End::Stall => "stall",
    };
    source.play(script.status, headers, waits, chunks, end);
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(source) = &self.0 {
            source.cancel();
        }
    }
}

impl Source for Body {
    async fn next(&mut self) -> Option<Result<Bytes, StreamError>> {
        match self.0.as_ref()?.next().await {
            Ok(chunk) => chunk.map(|chunk| Ok(chunk.to_vec().into())),
            Err(error) => Some(Err(cause(error.as_string().is_some()))),
        }
    }
}

fn cause(stalled: bool) -> StreamError {
    if stalled { StreamError::Stalled } else { StreamError::Cut }
}

/// The rest of a committed answer, in JavaScript's hands.
#[wasm_bindgen]
pub struct Answering {
    pump: Pump,
    call: Rc<Call>,
    trace: Trace,
    io: Rc<Workerd>,
    /// Reused for every chunk.
    out: Vec<u8>,
    broken: Option<Fault>,
    /// Sent to the client.
    bytes: u64,
}

/// Bytes for the client, or the last bytes of an answer that broke.
type Written = Result<Uint8Array, Uint8Array>;

#[wasm_bindgen]
impl Answering {
    pub fn chunk(&mut self, bytes: &[u8]) -> Written {
        self.out.clear();
        let result = self.pump.chunk(bytes, &mut self.out);
        self.written(result)
    }

    pub fn end(&mut self) -> Written {
        self.out.clear();
        let echo = Echo { call: &self.call, request: None };
        let result = self.pump.end(&echo, &mut self.out);
        self.written(result)
    }

    /// The provider was silent for too long, or was cut off. No bytes: the answer was complete by then.
    pub fn broke(&mut self, stalled: bool) -> Uint8Array {
        self.out.clear();
        let echo = Echo { call: &self.call, request: None };
        if let Err(error) = self.pump.broke(cause(stalled), &echo, &mut self.out) {
            self.fail(&error);
        }
        Uint8Array::from(&*self.out)
    }

    /// Close the books. `left`: the client did not wait for the end.
    pub fn settle(&mut self, left: bool) {
        let outcome = match self.broken.take() {
            Some(fault) => Outcome::Failed(fault),
            None if left => Outcome::Cancelled,
            None => Outcome::Answered,
        };
        let usage = self.pump.report().usage;
        let whole = outcome == Outcome::Answered;
        let mut settlement = self.trace.settle(outcome, usage);
        if !whole || usage.total() == 0 {
            // The provider says at the end what was used, and there was none.
            settlement.usage = tokens::told(&usage, self.io.input_tokens(), self.bytes);
            settlement.estimated = true;
        }
        self.io.report(settlement);
    }
}

impl Answering {
    fn written(&mut self, result: Result<(), StreamError>) -> Written {
        self.bytes += self.out.len() as u64;
        match result {
            Ok(()) => Ok(Uint8Array::from(&*self.out)),
            Err(error) => {
                self.fail(&error);
                Err(Uint8Array::from(&*self.out))
            }
        }
    }

    fn fail(&mut self, error: &StreamError) {
        self.pump.fail(&failure_of(error), &mut self.out);
        self.broken = Some(self.io.judge(&self.trace, error));
    }
}

/// Everything behind the head. The loop holds the request open until the books are closed.
pub fn drive(mut body: Body, pump: Pump, head: &[u8], call: Rc<Call>, trace: Trace, io: Rc<Workerd>) -> ReadableStream {
    let keep_alive = match call.endpoint.operation {
        // What it carries is unknown, so nothing can be added.
        Operation::Raw => b"",
        _ => inbound(call.protocol()).keep_alive(&call),
    };
    let keep_alive_ms = io.settings.keep_alive_ms;
    // A body that has been committed has not been taken: `None` cannot occur, and would be an empty answer.
    let source = body.0.take().unwrap_or_else(|| JsSource::new(keep_alive_ms, &io.client));
    let answer =
        Answering { pump, call, trace, io: Rc::clone(&io), out: Vec::new(), broken: None, bytes: head.len() as u64 };
    let Settings { window_ms, scarce, .. } = *io.settings;
    drive_js(source, answer, head, keep_alive, keep_alive_ms, window_ms, scarce, io.context.as_ref())
}
