//! Those who listen to what happens in the object.

use wasm_bindgen::prelude::*;
use worker::web_sys::{AbortSignal, ReadableStream, Request, Response};

use super::platform;
use crate::control::news::News;

#[wasm_bindgen(module = "/src/shell/tail.js")]
extern "C" {
    #[wasm_bindgen(js_name = Tail)]
    type JsTail;
    #[wasm_bindgen(constructor, js_class = "Tail")]
    fn new() -> JsTail;
    #[wasm_bindgen(method, getter)]
    fn listeners(this: &JsTail) -> u32;
    #[wasm_bindgen(method, getter)]
    fn dropped(this: &JsTail) -> f64;
    #[wasm_bindgen(method)]
    fn open(this: &JsTail, signal: &AbortSignal) -> ReadableStream;
    #[wasm_bindgen(method)]
    fn say(this: &JsTail, event: &str, data: &str);
}

pub struct Tail(JsTail);

impl Tail {
    pub fn new() -> Self {
        Self(JsTail::new())
    }

    pub fn listeners(&self) -> u32 {
        self.0.listeners()
    }

    /// Events that a listener did not take in time.
    pub fn dropped(&self) -> u64 {
        self.0.dropped() as u64
    }

    /// Until whoever sent `request` leaves, or comes back.
    pub fn open(&self, request: &Request) -> Response {
        let stream = self.0.open(&request.signal());
        let headers = [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-accel-buffering", "no"),
            ("x-sluice-listeners", &self.listeners().to_string()),
        ];
        let headers = headers.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
        platform::streamed(200, headers, &stream)
    }

    /// Nothing is made where nobody listens.
    pub fn say(&self, news: impl FnOnce() -> News) {
        if self.listeners() > 0 {
            let News { event, data } = news();
            self.0.say(event, &data.to_string());
        }
    }
}
