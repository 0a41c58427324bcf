//! Vectors, for a client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Vector;
use crate::call::{Call, Operation};
use crate::ir::Protocol;
use crate::json::{Array, Object};
use crate::protocol::StreamError;

pub(super) fn encode(call: &Call, vectors: &[Vector], tokens: u64) -> Result<Vec<u8>, StreamError> {
    let size = vectors.iter().map(|vector| vector.len() + 64).sum::<usize>();
    let mut out = Vec::with_capacity(size + 128);
    let mut object = Object::begin(&mut out);
    let one = call.endpoint.operation == Operation::EmbedOne;
    let first = vectors.first().map(String::as_str).unwrap_or_default();
    match call.protocol() {
        Protocol::Gemini if one => write_values(first, object.key("embedding")),
        Protocol::Gemini => {
            let mut list = Array::begin(object.key("embeddings"));
            vectors.iter().for_each(|vector| write_values(vector, list.item()));
            list.end();
        }
        Protocol::Ollama if one => object.raw("embedding", first),
        Protocol::Ollama => {
            object.str("model", &call.model);
            let mut list = Array::begin(object.key("embeddings"));
            vectors.iter().for_each(|vector| list.item().extend_from_slice(vector.as_bytes()));
            list.end();
            // Nothing here measures durations, and clients divide by them.
            object.u64("total_duration", 1);
            object.u64("load_duration", 1);
            object.u64("prompt_eval_count", tokens);
        }
        Protocol::Chat | Protocol::Responses | Protocol::Messages | Protocol::Kiro | Protocol::Converse => {
            openai(call, vectors, tokens, &mut object)?;
        }
    }
    object.end();
    Ok(out)
}

fn write_values(vector: &str, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.raw("values", vector);
    object.end();
}

fn openai(call: &Call, vectors: &[Vector], tokens: u64, object: &mut Object<'_>) -> Result<(), StreamError> {
    let base64 = call.body.get::<String>("encoding_format").ok().flatten().as_deref() == Some("base64");
    object.str("object", "list");
    let mut data = Array::begin(object.key("data"));
    for (index, vector) in (0u64..).zip(vectors) {
        let mut item = Object::begin(data.item());
        item.str("object", "embedding");
        item.u64("index", index);
        if base64 {
            let floats: Vec<f32> = serde_json::from_str(vector)
                .map_err(|error| StreamError::Malformed(format!("embedding {index}: {error}")))?;
            let bytes: Vec<u8> = floats.into_iter().flat_map(f32::to_le_bytes).collect();
            item.str("embedding", &STANDARD.encode(bytes));
        } else {
            item.raw("embedding", vector);
        }
        item.end();
    }
    data.end();
    object.str("model", &call.model);
    let mut usage = Object::begin(object.key("usage"));
    usage.u64("prompt_tokens", tokens);
    usage.u64("total_tokens", tokens);
    usage.end();
    Ok(())
}
