//! Embeddings: texts in, vectors out, between the shapes of OpenAI, Gemini and Ollama.
//!
//! | | request | answer |
//! |---|---|---|
//! | OpenAI | `input`, `dimensions`, `encoding_format` | `data[].embedding`, numbers or base64 |
//! | Gemini | `content` or `requests[].content` | `embedding.values` or `embeddings[].values` |
//! | Ollama | `input` or `prompt`, `dimensions` | `embeddings` or `embedding` |
//!
//! **Hints**, dropped where there is no word for them: `taskType`, `title`, `user`, `truncate`, `options`, `keep_alive`.
//! **Refused**: tokens where the provider takes text, parts that are not text, dimensions that differ between texts.
//! Vectors pass as the text they came in, so no digit is lost; base64 is of little-endian 32-bit floats.

mod decode;
mod decode_request;
mod encode;
mod encode_request;

use crate::call::Call;
use crate::fault::Failure;
use crate::ir::Protocol;
use crate::ir::event::Usage;
use crate::protocol::StreamError;

/// What is to be embedded.
#[derive(Debug, Clone, PartialEq, Default)]
struct Asked {
    items: Vec<Item>,
    dimensions: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Item {
    text: String,
    /// Gemini's own.
    task: Option<String>,
    title: Option<String>,
}

/// A vector as a JSON array.
type Vector = String;

/// The request of `call`, for the wire of another protocol or another name of the model.
pub fn request(call: &Call, wire: Protocol, model: &str) -> Result<Vec<u8>, Failure> {
    Ok(encode_request::encode(&decode_request::decode(call)?, call.endpoint.operation, wire, model))
}

/// The client's body from the provider's. In a relay those are one, and only read.
pub fn answer(call: &Call, wire: Protocol, body: &[u8]) -> Result<(Vec<u8>, Usage), StreamError> {
    let (vectors, told) = decode::decode(wire, body)?;
    if vectors.is_empty() {
        return Err(StreamError::Malformed("no embeddings".to_owned()));
    }
    let tokens = told.unwrap_or_else(|| crate::tokens::of_json(call.body.bytes()));
    let usage = Usage { input: tokens, ..Usage::default() };
    let out = if wire == call.protocol() { body.to_vec() } else { encode::encode(call, &vectors, tokens)? };
    Ok((out, usage))
}
