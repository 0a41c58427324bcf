//! Cloudflare Workers AI, by its REST endpoints in OpenAI's dialect.
//! <https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/>
//!
//! The detail `account_id` is part of the address.

use super::{Payload, Refusal, Target, Upstream, openai, segment};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Kind, Millis};
use crate::ir::Protocol;
use crate::protocol::Outbound;

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
