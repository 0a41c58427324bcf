//! Parameters that several routes share.

use serde_json::{Value, json};

pub fn query(name: &str, schema: Value, description: &str) -> Value {
    json!({"name": name, "in": "query", "required": false, "schema": schema, "description": description})
}

pub fn text(name: &str, description: &str) -> Value {
    query(name, json!({"type": "string", "maxLength": 512}), description)
}

pub fn whole(name: &str, description: &str) -> Value {
    query(name, json!({"type": "integer", "minimum": 0, "maximum": 1_u64 << 53}), description)
}

pub fn one_of(name: &str, words: &[&str], description: &str) -> Value {
    query(name, json!({"type": "string", "enum": words}), description)
}

/// Of a list by name.
pub fn page() -> Vec<Value> {
    vec![limit(), text("after", "`next` of the page before.")]
}

/// Of a list by number.
pub fn rows() -> Vec<Value> {
    vec![limit(), whole("after", "`next` of the page before.")]
}

fn limit() -> Value {
    query("limit", json!({"type": "integer", "minimum": 1, "maximum": 500, "default": 50}), "How many.")
}

pub fn span() -> [Value; 2] {
    [whole("from", "Milliseconds since 1970."), whole("to", "Milliseconds since 1970, not included.")]
}

pub fn captures() -> Vec<Value> {
    let names = [("token", "Its id."), ("model", "As the client named it."), ("finish", "How it ended.")];
    span().into_iter().chain(names.map(|(name, description)| text(name, description))).collect()
}
