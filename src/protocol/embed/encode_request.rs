//! Texts, for a provider.

use super::{Asked, Item};
use crate::call::Operation;
use crate::ir::Protocol;
use crate::json::{Array, Object, write_str};

pub(super) fn encode(asked: &Asked, operation: Operation, wire: Protocol, model: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    match (wire, operation, asked.items.first()) {
        (Protocol::Gemini, Operation::EmbedOne, Some(item)) => gemini(item, asked.dimensions, model, &mut out),
        (Protocol::Gemini, ..) => {
            let mut object = Object::begin(&mut out);
            let mut requests = Array::begin(object.key("requests"));
            for item in &asked.items {
                gemini(item, asked.dimensions, model, requests.item());
            }
            requests.end();
            object.end();
        }
        _ => openai(asked, model, &mut out),
    }
    out
}

fn openai(asked: &Asked, model: &str, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.str("model", model);
    match asked.items.as_slice() {
        // Some servers know no lists.
        [one] => object.str("input", &one.text),
        items => {
            let mut input = Array::begin(object.key("input"));
            items.iter().for_each(|item| write_str(&item.text, input.item()));
            input.end();
        }
    }
    object.str("encoding_format", "float");
    if let Some(dimensions) = asked.dimensions {
        object.u64("dimensions", dimensions);
    }
    object.end();
}

fn gemini(item: &Item, dimensions: Option<u64>, model: &str, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    let name = if model.contains('/') { model.to_owned() } else { format!("models/{model}") };
    object.str("model", &name);
    object.value("content", &serde_json::json!({"parts": [{"text": item.text}]}));
    if let Some(task) = &item.task {
        object.str("taskType", task);
    }
    if let Some(title) = &item.title {
        object.str("title", title);
    }
    if let Some(dimensions) = dimensions {
        object.u64("outputDimensionality", dimensions);
    }
    object.end();
}
