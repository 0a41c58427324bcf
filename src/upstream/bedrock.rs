//! Amazon Bedrock, by Converse. <https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html>
//!
//! | credential | how it signs |
//! |---|---|
//! | a Bedrock API key | as a bearer token |
//! | an access key id, with the details `secret_access_key` and perhaps `session_token` | signature version 4 |
//!
//! The detail `region` says where; `us-east-1` if it does not.

use super::refusal::Means::{ModelMissing, Overloaded, Quota, RateLimited, Rejected, Suspended, Unauthorized};
use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, aws, post, segment};
use crate::call::{Call, HttpRequest};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::protocol::{Outbound, converse::Converse};

pub struct Bedrock;

pub const NAME: &str = "bedrock";

/// Makers' names, behind the region of an inference profile or bare.
pub const MODELS: &[&str] = &[
    "*anthropic.claude-*",
    "*amazon.nova-*",
    "*meta.llama*",
    "*mistral.*",
    "*deepseek.*",
    "*cohere.command-*",
    "openai.gpt-oss-*",
    "qwen.*",
    "moonshot*.kimi-*",
    "minimax.*",
    "zai.glm-*",
    "arn:aws*:bedrock:*",
];

const REFUSALS: Reading = Reading {
    limits: Scope::Model,
    codes: &[
        ("ThrottlingException", RateLimited),
        ("ServiceQuotaExceededException", Quota(Scope::Model)),
        ("ValidationException", Rejected),
        ("ResourceNotFoundException", ModelMissing),
        ("ModelNotReadyException", Overloaded),
        ("ModelErrorException", Overloaded),
        ("ModelTimeoutException", Overloaded),
        ("AccessDeniedException", Suspended),
        ("UnrecognizedClientException", Unauthorized),
        ("ExpiredTokenException", Unauthorized),
        ("InvalidSignatureException", Unauthorized),
        ("IncompleteSignatureException", Unauthorized),
        ("MissingAuthenticationTokenException", Unauthorized),
    ],
    sentences: &[],
};

/// Sentences of a `ValidationException` that are about the model alone.
const NO_MODEL: &[&str] =
    &["The provided model identifier is invalid", "Invocation of model ID", "This model version has reached the end"];

impl Upstream for Bedrock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        &Converse
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let credential = &target.credential;
        let region = aws::region(credential)?;
        let root = target.base_url.clone().unwrap_or_else(|| format!("https://bedrock-runtime.{region}.amazonaws.com"));
        let (method, accept) = if payload.stream {
            ("converse-stream", "application/vnd.amazon.eventstream")
        } else {
            ("converse", "application/json")
        };
        let url = format!("{root}/model/{}/{method}", segment(&target.model)?);
        let access = credential.access.expose();
        let mut own = vec![("accept", accept.to_owned())];
        let key = credential.detail("secret_access_key").map(|secret| aws::Key {
            id: access,
            secret,
            session: credential.detail("session_token"),
        });
        if key.is_none() {
            own.push(("authorization", format!("Bearer {access}")));
        }
        let mut request = post(call, target, payload, url, own);
        if let Some(key) = key {
            aws::sign(&mut request, key, "bedrock", region, call.created);
        }
        Ok(request)
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        let body = aws::named(refused);
        let said = crate::protocol::any_error_message(&body).unwrap_or_default();
        match refusal::classify(Refusal { body: &body, ..refused }, REFUSALS, now) {
            Fault::Rejected if NO_MODEL.iter().any(|start| said.starts_with(start)) => Fault::ModelMissing,
            fault => fault,
        }
    }
}
