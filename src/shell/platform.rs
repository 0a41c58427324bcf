//! The few lines of JavaScript between Rust and the runtime.

use wasm_bindgen::prelude::*;
use worker::Env;
use worker::js_sys::Uint8Array;
use worker::web_sys::{ReadableStream, Request, Response};

#[wasm_bindgen(module = "/src/shell/platform.js")]
extern "C" {
    /// `None`: it exceeds `limit`.
    #[wasm_bindgen(catch, js_name = readBody)]
    pub async fn read_body(request: &Request, limit: u32) -> Result<Option<Uint8Array>, JsValue>;
    pub fn texts(env: &Env) -> Vec<String>;
    #[wasm_bindgen(js_name = hasAi)]
    pub fn has_ai(env: &Env) -> bool;
    #[wasm_bindgen(catch, js_name = askPool)]
    pub async fn ask_pool(env: &Env, name: &str, path: &str, body: &str, ms: f64) -> Result<String, JsValue>;
    #[wasm_bindgen(catch)]
    pub async fn forward(env: &Env, name: &str, request: &Request) -> Result<Response, JsValue>;
    #[wasm_bindgen(catch)]
    pub async fn mirror(env: &Env, key: &str, value: Option<String>, ms: f64) -> Result<(), JsValue>;
    /// `{copies: [[name, value]], cursor}`; `None`: that was all.
    #[wasm_bindgen(catch)]
    pub async fn copies(env: &Env, prefix: &str, cursor: Option<String>) -> Result<String, JsValue>;
    #[wasm_bindgen(catch)]
    pub async fn books(env: &Env, statements: &str, ms: f64) -> Result<String, JsValue>;
    pub fn respond(status: u16, headers: Vec<String>, body: &[u8]) -> Response;
    pub fn streamed(status: u16, headers: Vec<String>, body: &ReadableStream) -> Response;
}
