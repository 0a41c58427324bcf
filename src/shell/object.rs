//! What a Worker says to the object that decides, and what it hears.

use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::Env;
use worker::web_sys::{Request, Response};

use super::refresh::Wish;
use super::settings::Settings;
use super::{admin, meter, platform, selftest, split, standby};
use crate::access::Caller;
use crate::admin::{Reply, SELF_TEST};
use crate::config::Retention;
use crate::control::balance::Balance;
use crate::control::billing::Receipt;
use crate::control::inquiry::{Denied, Grant, Inquiry, Lead, Lent, Stranded, Wanted};
use crate::control::news::Told;
use crate::control::renewal;
use crate::control::states::Tally;
use crate::fault::{Failure, Fault};
use crate::json::Json;
use crate::models::Listed;
use crate::pool::{Denial, Settlement};

/// Why nothing was heard. The reason is in the log.
struct Deaf;

fn failed(path: &str, why: &dyn std::fmt::Debug) -> Deaf {
    worker::console_error!("the object: {path}: {why:?}");
    Deaf
}

/// One round trip, and what was said. `ms` of 0: for as long as it takes.
async fn said(env: &Env, object: &str, path: &str, body: &impl Serialize, ms: f64) -> Result<String, Deaf> {
    let body = serde_json::to_string(body).map_err(|error| failed(path, &error))?;
    platform::ask_pool(env, object, &meter::told(path), &body, ms).await.map_err(|error| failed(path, &error))
}

async fn ask<T: DeserializeOwned>(env: &Env, object: &str, path: &str, body: &impl Serialize) -> Result<T, Deaf> {
    let text = said(env, object, path, body, 0.0).await?;
    serde_json::from_str(&text).map_err(|error| failed(path, &error))
}

/// An answer that may be a denial.
async fn decided<T: DeserializeOwned>(env: &Env, object: &str, path: &str, body: &impl Serialize) -> Result<T, Denied> {
    let answer: Result<Result<T, Denied>, Deaf> = ask(env, object, path, body).await;
    answer.unwrap_or_else(|Deaf| Err(Denial::Unavailable.failure(super::now()).into()))
}

/// Whom to ask, and whether only the last plan says so.
pub async fn plan(env: &Env, object: &str, inquiry: &Inquiry) -> Result<(Grant, bool), Denied> {
    let text = said(env, object, "/plan", inquiry, Settings::of(env).plan_ms).await;
    let read = |text: &String| serde_json::from_str(text).map_err(|error| failed("/plan", &error));
    let answer: Result<Result<Grant, Denied>, Deaf> = text.as_ref().map_err(|Deaf| Deaf).and_then(read);
    match (answer, text) {
        (Ok(Ok(grant)), Ok(text)) => {
            standby::keep(inquiry, text);
            Ok((grant, false))
        }
        (Ok(Err(denied)), _) => Err(denied),
        _ => match standby::plan(inquiry) {
            Some(grant) => Ok((grant, true)),
            None => Err(Denial::Unavailable.failure(super::now()).into()),
        },
    }
}

/// Nobody, where nothing is heard: what has failed so far is answer enough.
pub async fn more(env: &Env, object: &str, stranded: &Stranded) -> Vec<Lead> {
    decided(env, object, "/more", stranded).await.unwrap_or_default()
}

/// JSON of what [`plan`] would answer, and why.
pub async fn explain(env: &Env, object: &str, inquiry: &Inquiry) -> Result<Vec<u8>, Failure> {
    let explained: Json = decided(env, object, "/explain", inquiry).await.map_err(|denied| denied.failure)?;
    Ok(explained.get().as_bytes().to_vec())
}

pub async fn balance(env: &Env, object: &str, balance: &Balance) -> Result<Vec<u8>, Failure> {
    let shown: Json = decided(env, object, "/balance", balance).await.map_err(|denied| denied.failure)?;
    Ok(shown.get().as_bytes().to_vec())
}

pub async fn report(env: &Env, object: &str, settlement: &Settlement) -> Option<Receipt> {
    // Lost, it costs a place until the lease ends, and a budget what was held.
    let told = said(env, object, "/report", settlement, Settings::of(env).patience_ms).await.ok()?;
    serde_json::from_str(&told).map_err(|error| failed("/report", &error)).ok()
}

/// How the accounts are; `None`: the object does not answer.
pub async fn health(env: &Env, object: &str) -> Option<Tally> {
    let told: Result<Tally, Deaf> = ask(env, object, "/health", &()).await;
    told.ok()
}

/// Let those hear who listen.
pub async fn tell(env: &Env, object: &str, told: &Told) {
    let _: Result<(), Deaf> = ask(env, object, "/tell", told).await;
}

/// The operator's API, which the object answers by itself.
pub async fn operate(env: &Env, object: &str, request: &Request) -> Response {
    match platform::forward(env, object, request).await {
        Ok(response) if response.ok() && asks_for(request, SELF_TEST) => selftest::finish(env, object, response).await,
        Ok(response) => response,
        Err(error) => {
            worker::console_error!("the object: /admin/api: {error:?}");
            admin::respond(Reply::failure(&Denial::Unavailable.failure(super::now())))
        }
    }
}

fn asks_for(request: &Request, what: &str) -> bool {
    let url = request.url();
    split(&url).0.trim_end_matches('/').strip_prefix("/admin/api/") == Some(what)
}

/// Another token for `account` than the one of this mark.
pub async fn refresh(env: &Env, object: &str, wish: &Wish) -> Result<Lent, Fault> {
    match ask::<Result<Lent, renewal::Denied>>(env, object, "/refresh", wish).await {
        Ok(Ok(lent)) => Ok(lent),
        Ok(Err(denied)) if denied.ended => Err(Fault::Unauthorized),
        // It is the sign-in service that is busy; in a while the account is as good as it was.
        Ok(Err(_)) | Err(Deaf) => Err(Fault::Overloaded),
    }
}

/// Let the object do what is due.
/// How long calls are kept, if it answers.
pub async fn wake(env: &Env, object: &str) -> Option<Retention> {
    ask(env, object, "/wake", &()).await.ok()
}

pub async fn models(env: &Env, object: &str, wanted: &Wanted) -> Result<Vec<Listed>, Failure> {
    decided(env, object, "/models", wanted).await.map_err(|denied| denied.failure)
}

pub async fn model(env: &Env, object: &str, caller: Caller, model: String) -> Result<Listed, Failure> {
    let found = models(env, object, &Wanted { caller, provider: None, model: Some(model.clone()) }).await?;
    found.into_iter().next().ok_or_else(|| crate::route::unknown(&model))
}

/// Whether the caller may call at all.
pub async fn admitted(env: &Env, object: &str, caller: Caller) -> Result<(), Failure> {
    match caller {
        Caller::Operator => Ok(()),
        Caller::Key(_) => decided(env, object, "/admit", &caller).await.map_err(|denied| denied.failure),
    }
}
