//! Measures this deployment: most of it in the object, which may compute for longer, its distance in the Worker.

use wasm_bindgen::prelude::*;
use worker::Env;
use worker::web_sys::Response;

use super::admin::respond;
use super::settings::Settings;
use crate::admin::Reply;
use crate::selftest::{EVENTS, Measured, TRIED, report, translate};

#[wasm_bindgen(module = "/src/shell/selftest.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn measure(env: &Env, tried: u32, translate: &Closure<dyn Fn()>) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = roundTrip)]
    async fn round_trip(env: &Env, name: &str) -> Result<JsValue, JsValue>;
}

/// What the object sees: [`Measured`], still without its own distance.
pub async fn inside(env: &Env) -> Reply {
    let work = Closure::<dyn Fn()>::new(|| {
        // What is measured is how long it takes; whether it is right is what tests are for.
        let _ = translate(EVENTS);
    });
    let found = measure(env, TRIED, &work).await;
    let mut measured = match found.map(|found| found.as_string().unwrap_or_default()) {
        Ok(found) => serde_json::from_str(&found).unwrap_or_else(|error| failed(&error.to_string())),
        Err(error) => failed(&format!("{error:?}")),
    };
    measured.master_key = Settings::of(env).vault().err().map(|error| error.to_string());
    Reply::json(200, &measured)
}

fn failed(error: &str) -> Measured {
    Measured { errors: vec![error.to_owned()], ..Measured::default() }
}

/// The report on what the object measured, which has let the operator in.
pub async fn finish(env: &Env, object: &str, measured: Response) -> Response {
    let Ok(text) = worker::Response::from(measured).text().await else {
        return respond(Reply::json(200, &report(&failed("the object broke off"))));
    };
    let mut measured: Measured = serde_json::from_str(&text).unwrap_or_else(|error| failed(&error.to_string()));
    measured.object_ms = round_trip(env, object).await.ok().and_then(|ms| ms.as_f64());
    respond(Reply::json(200, &report(&measured)))
}
