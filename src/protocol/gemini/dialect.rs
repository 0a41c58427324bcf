//! Gemini's own schema dialect, read as JSON Schema: `parameters` and `responseSchema` of a client.
//! <https://ai.google.dev/api/caching#Schema>

use serde_json::{Map, Value};

use super::wire::camel;
use crate::json::Json;

/// Deeper is no schema that a model could follow; the deepest recorded has 9 levels.
const DEPTH: usize = 64;

pub fn to_json_schema(schema: &Value) -> Json {
    let mut converted = convert(schema, DEPTH);
    if let Value::Object(root) = &mut converted
        && root.is_empty()
    {
        root.insert("type".to_owned(), "object".into());
    }
    Json::of(&converted)
}

fn convert(schema: &Value, depth: usize) -> Value {
    let (Value::Object(members), Some(depth)) = (schema, depth.checked_sub(1)) else {
        return if schema.is_boolean() { schema.clone() } else { Value::Object(Map::new()) };
    };
    let mut out = Map::with_capacity(members.len());
    let mut nullable = false;
    let mut order = Vec::new();
    for (key, value) in members {
        let key = if key.starts_with('$') { key.clone() } else { camel(key) };
        let converted = match (key.as_str(), value) {
            (_, Value::Null) => continue,
            ("type", Value::String(word)) if word == "TYPE_UNSPECIFIED" => continue,
            ("type", Value::String(word)) => word.to_ascii_lowercase().into(),
            ("type", Value::Array(words)) => {
                words.iter().filter_map(|word| Some(Value::from(word.as_str()?.to_ascii_lowercase()))).collect()
            }
            ("nullable", _) => {
                nullable = value == &Value::Bool(true);
                continue;
            }
            ("properties" | "defs" | "$defs", Value::Object(named)) => {
                named.iter().map(|(name, value)| (name.clone(), convert(value, depth))).collect()
            }
            ("items" | "additionalProperties", _) => convert(value, depth),
            ("anyOf" | "prefixItems", Value::Array(all)) => all.iter().map(|one| convert(one, depth)).collect(),
            ("ref" | "$ref", Value::String(target)) => target.replacen("#/defs/", "#/$defs/", 1).into(),
            // JSON has no 64-bit integers in the eyes of protobuf: they may come as strings.
            (
                "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties",
                Value::String(digits),
            ) => digits.parse::<u64>().map_or_else(|_| value.clone(), Value::from),
            ("example", _) => Value::Array(vec![value.clone()]),
            // Says no more than `enum` itself.
            ("format", Value::String(word)) if word == "enum" => continue,
            ("propertyOrdering", Value::Array(names)) => {
                order = names.iter().filter_map(Value::as_str).collect();
                continue;
            }
            _ => value.clone(),
        };
        let key = match key.as_str() {
            "defs" => "$defs".to_owned(),
            "ref" => "$ref".to_owned(),
            "example" => "examples".to_owned(),
            _ => key,
        };
        out.insert(key, converted);
    }
    typed_enum(&mut out);
    if !order.is_empty() {
        reorder(&mut out, &order);
    }
    if nullable {
        allow_null(&mut out);
    }
    Value::Object(out)
}

/// `enum` is a list of strings in the dialect, whatever the type.
fn typed_enum(schema: &mut Map<String, Value>) {
    let numeric = matches!(schema.get("type").and_then(Value::as_str), Some("integer" | "number"));
    if let (true, Some(Value::Array(values))) = (numeric, schema.get_mut("enum")) {
        for value in values {
            if let Some(number) = value.as_str().and_then(|text| text.parse::<serde_json::Number>().ok()) {
                *value = number.into();
            }
        }
    }
}

/// JSON keeps the order of members, so `propertyOrdering` needs no word of its own.
fn reorder(schema: &mut Map<String, Value>, order: &[&str]) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let mut all = std::mem::take(properties);
        for name in order {
            properties.extend(all.shift_remove_entry(*name));
        }
        properties.extend(all);
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(one) => *one = Value::Array(vec![one.take(), "null".into()]),
        None => {
            if let Some(Value::Array(branches)) = schema.get_mut("anyOf") {
                branches.push(serde_json::json!({"type": "null"}));
            }
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}
