//! iFlow: OpenAI's Chat, and a signature beside the key.
//!
//! The endpoint wants each request to say which session it is of and when it was made, and both signed together with the
//! name of the program: hex HMAC-SHA256 of `user agent:session:milliseconds` under the key. The name is ours.

use super::{Payload, Refusal, Target, Upstream, aws, openai};
use crate::call::{Call, HttpRequest, header};
use crate::fault::{Failure, Fault, Millis};
use crate::ir::Protocol;
use crate::protocol::Outbound;

pub struct Iflow;

pub static ROW: openai::Compatible = openai::IFLOW;

impl Upstream for Iflow {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn speaks(&self, protocol: Protocol, target: &Target) -> &'static dyn Outbound {
        ROW.speaks(protocol, target)
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        ROW.splices(call, wire)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        // Calls are made with a key that the login was given, not with its token.
        let key = target.credential.detail("api_key").unwrap_or(target.credential.access.expose()).to_owned();
        let mut target = target.clone();
        target.credential.access = super::Secret::new(key.as_str());
        let mut request = ROW.request(call, &target, payload)?;
        let session = match call.affinity {
            Some(hash) => format!("session-{hash:016x}"),
            None => format!("session-{}", call.id),
        };
        let time = (call.created * 1000).to_string();
        let agent = header(&request.headers, "user-agent").unwrap_or_default();
        let signature = aws::hex(&aws::hmac(key.as_bytes(), &format!("{agent}:{session}:{time}")));
        for (name, value) in [("session-id", session), ("x-iflow-timestamp", time), ("x-iflow-signature", signature)] {
            request.headers.push((name.to_owned(), value));
        }
        Ok(request)
    }

    fn models_request(&self, target: &Target, after: Option<&str>) -> Option<HttpRequest> {
        ROW.models_request(target, after)
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        ROW.classify(refused, now)
    }
}
