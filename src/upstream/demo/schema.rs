//! A value that obeys a JSON schema: the least one, always the same.

use serde_json::{Map, Value, json};

/// A schema that refers to itself ends here.
const DEPTH: usize = 12;

/// `name`: the property it is for.
pub fn value(schema: &Value, name: &str) -> Value {
    fill(schema, schema, name, DEPTH)
}

fn fill(root: &Value, schema: &Value, name: &str, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    let below = |schema: &Value, name: &str| fill(root, schema, name, depth - 1);
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        let target = path.strip_prefix('#').and_then(|path| root.pointer(path));
        return target.map_or(Value::Null, |target| below(target, name));
    }
    if let Some(value) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
        return value.clone();
    }
    if let Some(first) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema.get(key)?.get(0)) {
        return below(first, name);
    }
    let kind = schema.get("type").and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    let kind = kind.map_or_else(|| guess(schema).to_owned(), str::to_ascii_lowercase);
    match kind.as_str() {
        "object" => object(schema, &below),
        "array" => array(schema, name, &below),
        "string" => json!(string(schema, name)),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        _ => Value::Null,
    }
}

fn guess(schema: &Value) -> &'static str {
    if schema.get("properties").is_some() {
        "object"
    } else if schema.get("items").is_some() {
        "array"
    } else {
        "string"
    }
}

fn object(schema: &Value, below: &dyn Fn(&Value, &str) -> Value) -> Value {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let member = |name: &str| {
        let property = schema.get("properties").and_then(|properties| properties.get(name));
        (name.to_owned(), property.map_or_else(|| json!("demo"), |property| below(property, name)))
    };
    Value::Object(required.map(member).collect::<Map<_, _>>())
}

fn array(schema: &Value, name: &str, below: &dyn Fn(&Value, &str) -> Value) -> Value {
    let item = schema.get("items").map_or_else(|| json!("demo"), |items| below(items, name));
    if name == "command" && item.is_string() {
        return json!(["echo", "demo"]);
    }
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, 16);
    Value::Array((0..least).map(|_| item.clone()).collect())
}

/// Agents run what they are told: let it be harmless.
fn string(schema: &Value, name: &str) -> String {
    let text = match (name, schema.get("format").and_then(Value::as_str)) {
        ("command" | "cmd", _) => "echo demo",
        (_, Some("date")) => "2026-01-01",
        (_, Some("date-time")) => "2026-01-01T00:00:00Z",
        (_, Some("uri" | "url")) => "https://example.com/",
        (_, Some("email")) => "demo@example.com",
        (_, Some("uuid")) => "00000000-0000-4000-8000-000000000000",
        _ => "demo",
    };
    let least = schema.get("minLength").and_then(Value::as_u64).and_then(|least| usize::try_from(least).ok());
    let padding = least.unwrap_or(0).min(1024).saturating_sub(text.len());
    format!("{text}{}", "o".repeat(padding))
}
