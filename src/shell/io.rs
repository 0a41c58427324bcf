//! [`Io`] on workerd: the pool is a Durable Object, providers are `fetch`.

use std::cell::Cell;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::{Context, Env};

use super::settings::Settings;
use super::stream::Body;
use super::{now, platform};
use crate::call::{HttpRequest, HttpResponse};
use crate::exec::{Io, Trace};
use crate::fault::{Fault, Millis};
use crate::pool::{Ask, Candidate, Denial, Plan, Settlement, shard};
use crate::protocol::StreamError;
use crate::upstream::{Refusal, Target};

pub struct Workerd {
    pub settings: Rc<Settings>,
    pub context: Context,
    env: Env,
    /// Of the plan in hand, for a client that leaves before anybody has answered.
    lease: Cell<Option<u64>>,
}

impl Workerd {
    pub fn new(env: Env, context: Context, settings: Rc<Settings>) -> Self {
        Self { settings, context, env, lease: Cell::new(None) }
    }

    /// The client left before anybody had answered.
    pub fn abandon(&self) {
        if let Some(lease) = self.lease.take() {
            self.report(Settlement { lease, done: true, ..Settlement::default() });
        }
    }

    /// What a break after the commitment means for the account that answered.
    pub fn judge(&self, trace: &Trace, error: &StreamError) -> Fault {
        let answered = trace.last().map(|last| last.account.as_str());
        let setup = self.settings.accounts.iter().find(|setup| Some(setup.account.id.as_str()) == answered);
        match (error, setup) {
            (StreamError::Refused { status, body }, Some(setup)) => {
                setup.upstream.classify(Refusal { status: *status, headers: &[], body }, now())
            }
            (StreamError::Malformed(_) | StreamError::TooLarge(_), _) => Fault::Malformed,
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
        let plan: Result<Plan, Denial> = ask_pool(&self.env, "/plan", ask).await.unwrap_or(Err(Denial::Unavailable));
        self.lease.set(plan.as_ref().ok().map(|plan| plan.lease));
        plan
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
        Body::send(request, self.settings.idle_ms).await
    }

    fn report(&self, settlement: Settlement) {
        let env = self.env.clone();
        self.context.wait_until(async move {
            let _: Option<()> = ask_pool(&env, "/report", &settlement).await;
        });
    }
}
