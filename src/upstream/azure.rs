//! Azure OpenAI: OpenAI's endpoints under an operator's own deployments.
//! <https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference>
//!
//! A model's name is the name of a deployment. The address is that of the resource, `https://{name}.openai.azure.com`; the
//! detail `api_version` is that of the deployment endpoints. Responses are answered by the endpoint without versions.

use super::refusal::Means::{ModelMissing, Rejected};
use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, openai, post, segment};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Kind, Millis, Scope};
use crate::ir::Protocol;
use crate::protocol::{Outbound, chat::Chat, responses::Responses};

pub struct Azure;

/// The latest that is not a preview.
const VERSION: &str = "2024-10-21";

const REFUSALS: Reading = Reading {
    limits: Scope::Model,
    codes: &[
        ("DeploymentNotFound", ModelMissing),
        ("OperationNotSupported", ModelMissing),
        ("ResponsibleAIPolicyViolation", Rejected),
    ],
    sentences: &[],
};

impl Upstream for Azure {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn speaks(&self, protocol: Protocol, _: &Target) -> &'static dyn Outbound {
        match protocol {
            Protocol::Responses => &Responses,
            _ => &Chat::OPENAI,
        }
    }

    fn supports(&self, operation: Operation, wire: Protocol, _: &Target) -> bool {
        match operation {
            Operation::Generate => true,
            Operation::Embed | Operation::EmbedOne | Operation::Draw | Operation::Redraw => wire == Protocol::Chat,
            Operation::Complete | Operation::CountTokens | Operation::Raw => false,
        }
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        openai::include_usage(call, wire)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let Some(base) = &target.base_url else {
            return Err(Failure::new(Kind::Internal, "the account has no address: Azure's is a resource of one's own"));
        };
        let root = ["/openai/v1", "/openai"].iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base);
        let version = target.credential.detail("api_version").unwrap_or(VERSION);
        let url = if payload.wire.protocol() == Protocol::Responses {
            format!("{root}/openai/v1/responses")
        } else {
            let endpoint = openai::endpoint(call, payload);
            format!("{root}/openai/deployments/{}{endpoint}?api-version={}", segment(&target.model)?, segment(version)?)
        };
        let key = target.credential.access.expose();
        // A token of Entra is a JWT; a key never is.
        let own = if key.starts_with("eyJ") {
            ("authorization", format!("Bearer {key}"))
        } else {
            ("api-key", key.to_owned())
        };
        Ok(post(call, target, payload, url, vec![own]))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }
}
