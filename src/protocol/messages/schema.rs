//! JSON Schemas as Anthropic takes them.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::json::Json;

/// The schema of a tool's input: its root must be an object, and no combination of schemas.
pub fn input(schema: &Json) -> Cow<'_, str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Root<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
        any_of: Option<IgnoredAny>,
        one_of: Option<IgnoredAny>,
        all_of: Option<IgnoredAny>,
    }
    if let Ok(Root { kind: Some(kind), any_of: None, one_of: None, all_of: None }) = serde_json::from_str(schema.get())
        && kind.get() == "\"object\""
    {
        return Cow::Borrowed(schema.get());
    }
    let root = schema.value();
    let mut members = root.as_object().cloned().unwrap_or_default();
    for combination in COMBINATIONS {
        let Some(variants) = members.shift_remove(combination) else { continue };
        flatten(&root, variants.as_array().map_or(&[], Vec::as_slice), combination == "allOf", &mut members);
    }
    members.insert("type".to_owned(), json!("object"));
    members.entry("properties").or_insert_with(|| json!({}));
    Cow::Owned(Value::Object(members).to_string())
}

const COMBINATIONS: [&str; 3] = ["anyOf", "oneOf", "allOf"];

/// Variants become one object with all their properties, of which those are required that every variant requires
/// (or, of `allOf`, any). Looser than what the client wrote, so that nothing it meant is forbidden.
fn flatten(root: &Value, variants: &[Value], all: bool, members: &mut Map<String, Value>) {
    let mut required: Option<Vec<Value>> = None;
    for variant in variants {
        let pointer = variant["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        let variant = pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(variant);
        let properties = members.entry("properties").or_insert_with(|| json!({}));
        if let (Some(into), Some(from)) = (properties.as_object_mut(), variant["properties"].as_object()) {
            for (name, schema) in from {
                into.entry(name).or_insert_with(|| schema.clone());
            }
        }
        let these = variant["required"].as_array().cloned().unwrap_or_default();
        required = Some(match required {
            None => these,
            Some(seen) if all => seen.into_iter().chain(these).collect(),
            Some(seen) => seen.into_iter().filter(|name| these.contains(name)).collect(),
        });
    }
    let own = members.shift_remove("required");
    let mut names: Vec<Value> = own.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
    for name in required.into_iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if !names.is_empty() {
        members.insert("required".to_owned(), Value::Array(names));
    }
}

/// The schema of an answer: every object must say that it takes no other properties.
pub fn output(schema: &Json) -> Cow<'_, str> {
    let mut value = schema.value();
    if close(&mut value) { Cow::Owned(value.to_string()) } else { Cow::Borrowed(schema.get()) }
}

/// Whether anything had to be added.
fn close(schema: &mut Value) -> bool {
    let Some(members) = schema.as_object_mut() else { return false };
    let mut changed = false;
    let is_object = members.get("type").is_some_and(|kind| kind == "object") || members.contains_key("properties");
    if is_object && !members.contains_key("additionalProperties") {
        members.insert("additionalProperties".to_owned(), Value::Bool(false));
        changed = true;
    }
    for (key, value) in members {
        match key.as_str() {
            "properties" | "$defs" | "definitions" => {
                value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(|one| changed |= close(one));
            }
            "anyOf" | "oneOf" | "allOf" => {
                value.as_array_mut().into_iter().flatten().for_each(|one| changed |= close(one));
            }
            "items" | "not" => changed |= close(value),
            _ => {}
        }
    }
    changed
}
