//! A provider's vectors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Vector;
use crate::ir::Protocol;
use crate::json::{Count, Json, decode as parse};
use crate::protocol::StreamError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<Vec<Datum<'a>>>,
    #[serde(borrow)]
    embedding: Option<Values<'a>>,
    #[serde(borrow)]
    embeddings: Option<Vec<Values<'a>>>,
    usage: Option<WireUsage>,
    usage_metadata: Option<UsageMetadata>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Datum<'a> {
    #[serde(borrow)]
    embedding: &'a RawValue,
    index: Option<u64>,
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<Count>,
    total_tokens: Option<Count>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageMetadata {
    prompt_token_count: Option<Count>,
}

/// The vectors in the order of their texts, and how many tokens those were, if the provider says.
pub(super) fn decode(wire: Protocol, body: &[u8]) -> Result<(Vec<Vector>, Option<u64>), StreamError> {
    let answer: Answer<'_> = parse(body).map_err(|error| StreamError::Malformed(error.to_string()))?;
    if answer.error.is_some_and(|error| error.get() != "null") {
        return Err(StreamError::Refused { status: 502, body: body.to_vec() });
    }
    let usage = answer.usage.and_then(|usage| usage.prompt_tokens.or(usage.total_tokens));
    let usage = usage.or_else(|| answer.usage_metadata.and_then(|usage| usage.prompt_token_count));
    let vectors = if wire == Protocol::Gemini {
        let vectors = answer.embeddings.unwrap_or_default().into_iter().chain(answer.embedding);
        vectors.map(|vector| vector.values.map_or_else(String::new, |values| values.get().to_owned())).collect()
    } else {
        let mut data = answer.data.unwrap_or_default();
        data.sort_by_key(|datum| datum.index);
        data.iter().map(|datum| numbers(datum.embedding)).collect::<Result<_, _>>()?
    };
    Ok((vectors, usage.map(|count| count.0).filter(|count| *count > 0)))
}

/// Some providers send base64 unasked.
fn numbers(raw: &RawValue) -> Result<Vector, StreamError> {
    if raw.get().starts_with('[') {
        return Ok(raw.get().to_owned());
    }
    let broken = || StreamError::Malformed("data[].embedding: neither numbers nor base64".to_owned());
    let text: String = serde_json::from_str(raw.get()).map_err(|_| broken())?;
    let bytes = STANDARD.decode(text).map_err(|_| broken())?;
    let (floats, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(broken());
    }
    let floats: Vec<f32> = floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(Json::of(&floats).get().to_owned())
}
