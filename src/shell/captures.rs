//! Captures on their way into D1 and out of it.

use wasm_bindgen::prelude::*;
use worker::Env;
use worker::js_sys::Array;
use worker::web_sys::{ReadableStream, Response};

use super::{ledger, platform};
use crate::admin::Reply;
use crate::captures::export::{Export, Format, Lines};
use crate::captures::{self, Errand, LARGEST, Meta};
use crate::fault::{Failure, Kind};
use crate::ledger::{Entry, Statement, is_unmade};
use crate::witness::Kept;

#[wasm_bindgen(module = "/src/shell/captures.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = keep)]
    async fn keep_js(env: &Env, statement: &str, document: &[u8], largest: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = one)]
    async fn one_js(env: &Env, statement: &str) -> Result<Option<Array>, JsValue>;
    #[wasm_bindgen(js_name = exported)]
    fn exported_js(env: &Env, statement: &str, lines: Exporting) -> ReadableStream;
}

/// Keep a call. What cannot be kept is said in the log; nobody waits for it.
pub async fn keep(env: &Env, entry: &Entry, kept: &Kept) {
    let (statement, document) = captures::keep(entry, kept);
    let largest = u32::try_from(LARGEST).unwrap_or(u32::MAX);
    let Ok(text) = serde_json::to_string(&statement) else { return };
    let mut stored = keep_js(env, &text, &document, largest).await;
    if stored.as_ref().is_err_and(|error| is_unmade(&format!("{error:?}")))
        && ledger::run(env, &[captures::one(0)]).await.is_ok()
    {
        stored = keep_js(env, &text, &document, largest).await;
    }
    match stored {
        Ok(small) if small.is_truthy() => {}
        Ok(_) => worker::console_warn!("captures: {} is too large to be kept", entry.request),
        Err(error) => worker::console_error!("captures: {error:?}"),
    }
}

/// One capture with all that was said.
pub async fn one(env: &Env, statement: &Statement) -> Reply {
    let text = serde_json::to_string(statement).unwrap_or_default();
    match one_js(env, &text).await {
        Ok(Some(parts)) => {
            let (row, document) = (parts.get(0).as_string(), parts.get(1).as_string());
            let row = row.and_then(|row| serde_json::from_str(&row).ok()).unwrap_or_default();
            crate::admin::captures::shown(&row, &document.unwrap_or_default())
        }
        Ok(None) => captures::told(&Errand::One { statement: statement.clone() }, Ok(Vec::new())),
        Err(error) => {
            worker::console_error!("captures: {error:?}");
            Reply::failure(&Failure::new(Kind::Overloaded, "the captures cannot be read at the moment"))
        }
    }
}

/// The Rust half of an export.
#[wasm_bindgen]
pub struct Exporting(Lines);

#[wasm_bindgen]
impl Exporting {
    pub fn line(&mut self, meta: &str, document: &str) -> Option<String> {
        let meta: Meta = serde_json::from_str(meta).ok()?;
        self.0.line(&meta, document)
    }
}

pub fn export(env: &Env, export: &Export) -> Response {
    let text = serde_json::to_string(&captures::page(&export.filter)).unwrap_or_default();
    let stream = exported_js(env, &text, Exporting(Lines::new(export)));
    let name = match export.format {
        Format::Chat => "attachment; filename=\"captures.chat.jsonl\"",
        Format::Pairs => "attachment; filename=\"captures.pairs.jsonl\"",
    };
    let headers = [
        ("content-type", "application/jsonl"),
        ("content-disposition", name),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ];
    let headers = headers.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
    platform::streamed(200, headers, &stream)
}
