//! One request and its whole answer: what the object asks by itself, apart from any client's call.

use wasm_bindgen::prelude::*;
use worker::js_sys::{Array, Uint8Array};

use crate::call::HttpRequest;
use crate::oauth;

#[wasm_bindgen(module = "/src/shell/outside.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = ask)]
    async fn ask_js(
        method: &str,
        url: &str,
        headers: Vec<String>,
        body: &[u8],
        ms: u32,
        limit: u32,
    ) -> Result<Array, JsValue>;
    #[wasm_bindgen(catch, js_name = sign)]
    async fn sign_js(pkcs8: &[u8], input: &str) -> Result<Uint8Array, JsValue>;
}

/// What a sign-in service may take; the official tools give it a quarter of that to a minute.
const PATIENCE_MS: u32 = 30_000;

/// 1 MiB: a list of a thousand models is a third of it.
const LIMIT: u32 = 1 << 20;

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn read(&self) -> oauth::Answer<'_> {
        oauth::Answer { status: self.status, headers: &self.headers, body: &self.body }
    }
}

/// `None`: there was no answer. Why is not said: an address can hold a token.
pub async fn ask(request: HttpRequest) -> Option<Answer> {
    let HttpRequest { method, url, headers, body } = request;
    let headers = headers.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let parts = ask_js(method, &url, headers, &body, PATIENCE_MS, LIMIT).await.ok()?;
    let status = parts.get(0).as_f64()? as u16;
    let lines = parts.get(1).as_string()?;
    let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers = lines.lines().filter_map(pair).collect();
    Some(Answer { status, headers, body: parts.get(2).dyn_into::<Uint8Array>().ok()?.to_vec() })
}

/// `None`: the key is none.
pub async fn sign(pkcs8: &[u8], input: &str) -> Option<Vec<u8>> {
    Some(sign_js(pkcs8, input).await.ok()?.to_vec())
}
