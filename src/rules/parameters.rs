//! Parameters in our own words, and what they are in a provider's.
//!
//! There is no table of their names in each protocol: the codecs know. For a relay the request is encoded for the wire
//! twice, as it is and with the parameters set; the members in which the two differ are what must be spliced into the
//! client's own bytes. So dialects (`max_completion_tokens`, `thinking`, …) and what a model takes are respected.

use serde::{Deserialize, Serialize};

use crate::fault::Failure;
use crate::ir::{Depth, Effort, Request};
use crate::json::{Body, JsonError};
use crate::protocol::Outbound;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
}

/// Which of a client's own words and a rule's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Default,
    Override,
}

impl Parameters {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match &self.reasoning_effort {
            Some(word) if depth(word).is_none() => Err(format!("reasoning_effort: unknown level {word:?}")),
            _ => Ok(()),
        }
    }

    /// What `later` says counts.
    pub(super) fn extend(&mut self, later: &Self) {
        fn set<T: Clone>(value: &mut Option<T>, later: &Option<T>) {
            if later.is_some() {
                value.clone_from(later);
            }
        }
        set(&mut self.temperature, &later.temperature);
        set(&mut self.top_p, &later.top_p);
        set(&mut self.top_k, &later.top_k);
        set(&mut self.max_tokens, &later.max_tokens);
        set(&mut self.seed, &later.seed);
        set(&mut self.presence_penalty, &later.presence_penalty);
        set(&mut self.frequency_penalty, &later.frequency_penalty);
        set(&mut self.reasoning_effort, &later.reasoning_effort);
    }

    fn put(&self, request: &mut Request, rank: Rank) {
        fn set<T: Copy>(value: &mut Option<T>, said: Option<T>, rank: Rank) {
            if said.is_some() && (rank == Rank::Override || value.is_none()) {
                *value = said;
            }
        }
        let sampling = &mut request.sampling;
        set(&mut sampling.temperature, self.temperature, rank);
        set(&mut sampling.top_p, self.top_p, rank);
        set(&mut sampling.top_k, self.top_k, rank);
        set(&mut sampling.max_tokens, self.max_tokens, rank);
        set(&mut sampling.seed, self.seed, rank);
        set(&mut sampling.presence_penalty, self.presence_penalty, rank);
        set(&mut sampling.frequency_penalty, self.frequency_penalty, rank);
        if let Some(depth) = self.reasoning_effort.as_deref().and_then(depth) {
            set(&mut request.reasoning.get_or_insert_default().depth, Some(depth), rank);
        }
    }
}

fn depth(word: &str) -> Option<Depth> {
    if word == "none" { Some(Depth::Off) } else { Effort::parse(word).map(Depth::Effort) }
}

/// `request` with what the client left open, and what the operator decides.
pub fn apply(defaults: &Parameters, overrides: &Parameters, request: &mut Request) {
    defaults.put(request, Rank::Default);
    overrides.put(request, Rank::Override);
}

/// A member to set or to remove.
pub type Edit = (String, Option<String>);

/// The members of a relayed `body` in which `asked` and `wanted`, both as `wire` writes them, differ.
pub fn edits(body: &Body, wire: &dyn Outbound, asked: &Request, wanted: &Request) -> Result<Vec<Edit>, Failure> {
    let (asked, wanted) = (wire.encode_request(asked)?, wire.encode_request(wanted)?);
    Ok(difference(body, &Body::parse(asked.into())?, &Body::parse(wanted.into())?)?)
}

fn difference(body: &Body, asked: &Body, wanted: &Body) -> Result<Vec<Edit>, JsonError> {
    let mut edits = Vec::new();
    for (key, raw) in wanted.members() {
        let old = asked.raw(key);
        if old == Some(raw) {
            continue;
        }
        let name = spelled(body, key);
        // An object of several parameters: the client's other ones stay.
        let inner = |raw: Option<&[u8]>| raw.filter(|raw| raw.starts_with(b"{")).map(bytes::Bytes::copy_from_slice);
        let text = match (inner(body.raw(&name)), inner(Some(raw))) {
            (Some(said), Some(raw)) => {
                let said = Body::parse(said)?;
                let old = inner(old).map(Body::parse).transpose()?.unwrap_or_default();
                let changes = difference(&said, &old, &Body::parse(raw)?)?;
                let changes: Vec<_> = changes.iter().map(|(key, text)| (key.as_str(), text.as_deref())).collect();
                said.splice(&changes).to_vec()
            }
            _ => raw.to_vec(),
        };
        edits.push((name, Some(String::from_utf8_lossy(&text).into_owned())));
    }
    let gone = asked.members().filter(|(key, _)| wanted.raw(key).is_none());
    edits.extend(gone.map(|(key, _)| (spelled(body, key), None)));
    // OpenAI's two names for one limit exclude each other.
    for (name, other) in [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")] {
        if body.raw(other).is_some() && edits.iter().any(|(key, text)| key == name && text.is_some()) {
            edits.push((other.to_owned(), None));
        }
    }
    Ok(edits)
}

/// The client's own spelling of a member: Gemini takes `max_output_tokens` for `maxOutputTokens`.
fn spelled(body: &Body, key: &str) -> String {
    let bare = |key: &str| key.replace('_', "").to_ascii_lowercase();
    let known = body.members().map(|(known, _)| known).find(|known| *known == key || bare(known) == bare(key));
    known.unwrap_or(key).to_owned()
}
