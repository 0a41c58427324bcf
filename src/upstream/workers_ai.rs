//! Cloudflare Workers AI, by its REST endpoints in OpenAI's dialect.
//! <https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/>
//!
//! The detail `account_id` is part of the address. Where the deployment itself has the binding `AI`, [`Bound`] needs
//! neither that nor a key: its models are one more account, which the platform charges to its own.

use super::{Payload, Refusal, Target, Upstream, openai, segment};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Kind, Millis};
use crate::ir::Protocol;
use crate::json::Body;
use crate::protocol::{Outbound, workers_ai as native};

pub struct WorkersAi;

pub static ROW: openai::Compatible = openai::WORKERS_AI;

impl Upstream for WorkersAi {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn speaks(&self, protocol: Protocol, target: &Target) -> &'static dyn Outbound {
        ROW.speaks(protocol, target)
    }

    fn supports(&self, operation: Operation, wire: Protocol, _: &Target) -> bool {
        // It has no endpoints for images in OpenAI's dialect.
        wire == Protocol::Chat && matches!(operation, Operation::Generate | Operation::Embed | Operation::EmbedOne)
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        ROW.splices(call, wire)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        if target.base_url.is_some() {
            return ROW.request(call, target, payload);
        }
        let Some(account) = target.credential.detail("account_id") else {
            return Err(Failure::new(Kind::Internal, "the account has no account_id, which is part of the address"));
        };
        let base = format!("{}/client/v4/accounts/{}/ai/v1", ROW.root, segment(account)?);
        ROW.request(call, &Target { base_url: Some(base), ..target.clone() }, payload)
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        ROW.classify(refused, now)
    }
}

/// The binding `AI`. What it is asked for goes to [`SCHEME`] and the model's name: the shell knows what that is.
pub struct Bound;

pub const SCHEME: &str = "binding:ai/";

static NATIVE: native::WorkersAi = native::WorkersAi(ROW.codec);

impl Upstream for Bound {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        &NATIVE
    }

    /// Its answers are no client's as they come.
    fn takes(&self, _: &Call, _: Protocol) -> bool {
        false
    }

    fn request(&self, _: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        // The model is named beside its inputs, and usage comes unasked.
        let body = Body::parse(payload.body.clone())?.splice(&[("model", None), ("stream_options", None)]);
        Ok(HttpRequest { method: "POST", url: format!("{SCHEME}{}", target.model), headers: Vec::new(), body })
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        ROW.classify(refused, now)
    }
}
