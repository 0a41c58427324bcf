//! Qwen with the login of Qwen Code: OpenAI's Chat at the host that the login names.
//!
//! The endpoint wants one system message and that one first; a client's other instructions are put into it. A client
//! without instructions has none here either: an operator may give it some with a prompt rule.

use std::time::Duration;

use serde::Deserialize;

use super::refusal::{self, Means, Reading};
use super::{Payload, Refusal, Target, Upstream, ask, bearer, openai, post};
use crate::call::{Call, HttpRequest};
use crate::fault::{Failure, Fault, Kind, Millis, Scope};
use crate::ir::{PartKind, Protocol, Request, Role};
use crate::json::{self, Text};
use crate::protocol::Outbound;

pub struct Qwen;

pub const MODELS: &[&str] = &["coder-model", "vision-model", "qwen3-coder-plus", "qwen3-coder-flash"];

const DEFAULT: &str = "portal.qwen.ai";
/// Whose hosts a login may name: a token goes to nobody else.
const OWN: [&str; 2] = ["qwen.ai", "aliyuncs.com"];

const REFUSALS: Reading = Reading {
    limits: Scope::Account,
    codes: &[],
    sentences: &[
        ("Free allocated quota exceeded", Means::Quota(Scope::Account)),
        ("Qwen OAuth quota exceeded", Means::Quota(Scope::Account)),
    ],
};

impl Upstream for Qwen {
    fn name(&self) -> &'static str {
        "qwen-code"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        openai::PLAIN
    }

    fn adapt(&self, request: &mut Request) {
        // What stands between the turns is said first.
        let mut said = Vec::new();
        request.turns.retain_mut(|turn| {
            if turn.role == Role::System {
                said.append(&mut turn.parts);
            }
            turn.role != Role::System
        });
        request.system.extend(said);
        // One message of one text, which every server of this protocol takes.
        let texts = request.system.iter().map(|part| match &part.kind {
            PartKind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        if request.system.len() > 1
            && let Some(texts) = texts.collect::<Option<Vec<&str>>>()
        {
            let all = texts.join("\n\n");
            request.system.truncate(1);
            request.system.iter_mut().for_each(|part| part.kind = PartKind::Text(all.clone()));
        }
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        openai::include_usage(call, wire)
    }

    fn takes(&self, call: &Call, _: Protocol) -> bool {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            role: Option<Text<'a>>,
        }
        let Some(raw) = call.body.raw("messages") else { return true };
        let Ok(messages) = json::read::<Vec<Message<'_>>>(raw) else { return true };
        let odd = |(at, message): (usize, &Message<'_>)| match message.role.as_deref() {
            Some("system") => at > 0,
            Some("developer") => true,
            _ => false,
        };
        !messages.iter().enumerate().any(odd)
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let url = format!("{}/chat/completions", base(target)?);
        Ok(post(call, target, payload, url, signature(target)))
    }

    /// The day's allowance comes back at midnight in Beijing; nobody says so with the refusal.
    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        match refusal::classify(refused, REFUSALS, now) {
            Fault::Quota { wait: None, scope } => Fault::Quota { wait: Some(until_midnight_beijing(now)), scope },
            other => other,
        }
    }

    fn models_request(&self, target: &Target, _: Option<&str>) -> Option<HttpRequest> {
        Some(ask(target, format!("{}/models", base(target).ok()?), signature(target), None))
    }
}

fn signature(target: &Target) -> Vec<(&'static str, String)> {
    vec![bearer(target), ("x-dashscope-authtype", "qwen-oauth".to_owned())]
}

/// `https://{resource_url}/v1`. Logins name a host, with or without a scheme and a path.
fn base(target: &Target) -> Result<String, Failure> {
    if let Some(base) = &target.base_url {
        return Ok(base.clone());
    }
    let named = target.credential.detail("resource_url").unwrap_or(DEFAULT);
    let named = named.strip_prefix("https://").unwrap_or(named).trim_end_matches('/');
    let host = named.split('/').next().unwrap_or_default();
    let plain = named.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/' | b'_'));
    let own = |domain: &&str| host.strip_suffix(*domain).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    if !plain || !OWN.iter().any(own) {
        return Err(Failure::new(Kind::Internal, "resource_url: not an address of Qwen's"));
    }
    Ok(format!("https://{named}{}", if named.ends_with("/v1") { "" } else { "/v1" }))
}

const DAY: u64 = 24 * 3600;
/// Beijing is eight hours ahead all year.
const AHEAD: u64 = 8 * 3600;

fn until_midnight_beijing(now: Millis) -> Duration {
    Duration::from_secs(DAY - (now.seconds() + AHEAD) % DAY)
}
