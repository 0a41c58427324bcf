//! [`Io`] on workerd: the pool is a Durable Object, providers are `fetch`.

use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::web_sys::AbortSignal;
use worker::{Context, Env};

use super::settings::Settings;
use super::stream::Body;
use super::{now, platform};
use crate::call::{HttpRequest, HttpResponse};
use crate::exec::{Io, Trace};
use crate::fault::{Fault, Millis};
use crate::pool::{Ask, Candidate, Denial, Outcome, Plan, Settlement, shard};
use crate::protocol::StreamError;
use crate::upstream::{Refusal, Target};

pub struct Workerd {
    pub settings: Rc<Settings>,
    pub context: Context,
    /// Aborted when the client has left.
    pub client: AbortSignal,
    env: Env,
}

impl Workerd {
    pub fn new(env: Env, context: Context, client: AbortSignal, settings: Rc<Settings>) -> Self {
        Self { settings, context, client, env }
    }

    /// What a break after the commitment means for the account that answered.
    pub fn judge(&self, trace: &Trace, error: &StreamError) -> Fault {
        let answered = trace.last().map(|last| last.account.as_str());
        let setup = self.settings.accounts.iter().find(|setup| Some(setup.account.id.as_str()) == answered);
        match (error, setup) {
            (StreamError::Refused { status, body }, Some(setup)) => {
                setup.upstream.classify(Refusal { status: *status, headers: &[], body }, now())
            }
            (StreamError::Malformed(_) | StreamError::TooLarge, _) => Fault::Malformed,
            (StreamError::Refused { .. } | StreamError::Cut | StreamError::Stalled, _) => Fault::Transport,
        }
    }
}

/// One round trip to the object.
async fn ask_pool<T: DeserializeOwned>(env: &Env, path: &str, body: &impl Serialize) -> Option<T> {
    let body = serde_json::to_string(body).ok()?;
    match platform::ask_pool(env, &shard(""), path, &body).await {
        Ok(text) => serde_json::from_str(&text).ok(),
        Err(error) => {
            worker::console_error!("pool: {error:?}");
            None
        }
    }
}

impl Io for Workerd {
    type Body = Body;

    fn now(&self) -> Millis {
        now()
    }

    async fn plan(&self, ask: &Ask) -> Result<Plan, Denial> {
        ask_pool(&self.env, "/plan", ask).await.unwrap_or(Err(Denial::Unavailable))
    }

    async fn target(&self, candidate: &Candidate) -> Result<Target, Fault> {
        let setup = self.settings.accounts.iter().find(|setup| setup.account.id == candidate.account);
        // The object may have been told of another set of accounts a moment before a deployment.
        setup.map(|setup| setup.target(&candidate.model)).ok_or(Fault::Unauthorized)
    }

    async fn refresh(&self, _: &Target) -> Option<Target> {
        None
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse<Body>, Fault> {
        if self.client.aborted() {
            return Err(Fault::Transport);
        }
        Body::send(request, self.settings.idle_ms, &self.client).await
    }

    fn report(&self, mut settlement: Settlement) {
        if self.client.aborted() {
            // What the client's departure cut off is nobody's fault.
            for attempt in &mut settlement.attempts {
                if attempt.outcome == Outcome::Failed(Fault::Transport) {
                    attempt.outcome = Outcome::Cancelled;
                }
            }
        }
        let env = self.env.clone();
        self.context.wait_until(async move {
            let _: Option<()> = ask_pool(&env, "/report", &settlement).await;
        });
    }
}
