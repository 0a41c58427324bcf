//! The part of JSON Schema that the published specifications of the protocols use.

use std::path::PathBuf;

use serde_json::Value;

/// A specification from the shared test data; `None`, said aloud, without it.
pub fn spec(name: &str) -> Option<Value> {
    shared(&format!("specs/{name}")).map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

/// A file of the shared test data; `None`, said aloud, without it.
pub fn shared(path: &str) -> Option<Vec<u8>> {
    let path = place(path);
    std::fs::read(&path).map_err(|error| eprintln!("skipped: {}: {error}", path.display())).ok()
}

/// The files of a folder of the shared test data, in order, as [`shared`] takes them.
pub fn shared_folder(path: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(place(path)) else {
        eprintln!("skipped: no {}", place(path).display());
        return Vec::new();
    };
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().into_owned();
    let mut paths: Vec<String> = entries.map(|entry| format!("{path}/{}", name(entry))).collect();
    paths.sort();
    paths
}

fn place(path: &str) -> PathBuf {
    PathBuf::from(std::env::var("SLUICE_SHARED").unwrap_or_else(|_| "../shared".to_owned())).join(path)
}

/// What `instance` violates of the component `name`, each with its place.
pub fn violations(spec: &Value, name: &str, instance: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(spec, &spec["components"]["schemas"][name], instance, name, &mut found);
    found
}

fn check(spec: &Value, schema: &Value, instance: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = spec.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("no {reference}"));
        return check(spec, target, instance, at, found);
    }
    // OpenAPI 3.0's own word.
    if schema["nullable"] == true && instance.is_null() {
        return;
    }
    for key in ["anyOf", "oneOf"] {
        let Some(variants) = schema[key].as_array() else { continue };
        let tries = variants.iter().map(|variant| {
            let mut found = Vec::new();
            check(spec, variant, instance, at, &mut found);
            found
        });
        // The variant that comes closest says best what is wrong.
        if let Some(best) = tries.min_by_key(Vec::len) {
            found.extend(best);
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(spec, part, instance, at, found);
    }
    if let Some(expected) = schema.get("const").filter(|expected| *expected != instance) {
        found.push(format!("{at}: {instance} is not {expected}"));
        // A wrong tag is a wrong variant, however few its other faults.
        found.extend(std::iter::repeat_n(String::new(), 20));
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(instance)) {
        found.push(format!("{at}: {instance} is not one of {}", schema["enum"]));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let fits = |kind: &&str| match *kind {
        "object" => instance.is_object(),
        "array" => instance.is_array(),
        "string" => instance.is_string(),
        "boolean" => instance.is_boolean(),
        "integer" => instance.is_i64() || instance.is_u64(),
        "number" => instance.is_number(),
        "null" => instance.is_null(),
        _ => true,
    };
    if !kinds.is_empty() && !kinds.iter().any(fits) {
        found.push(format!("{at}: {instance} is not {kinds:?}"));
        return;
    }
    if let Some(object) = instance.as_object() {
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(key) {
                found.push(format!("{at}.{key}: missing"));
            }
        }
        for (key, value) in object {
            match schema["properties"].get(key) {
                Some(property) => check(spec, property, value, &format!("{at}.{key}"), found),
                None if schema["additionalProperties"] == false => found.push(format!("{at}.{key}: unknown")),
                None if schema["additionalProperties"].is_object() => {
                    check(spec, &schema["additionalProperties"], value, &format!("{at}.{key}"), found);
                }
                None => {}
            }
        }
    }
    for (index, item) in instance.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            check(spec, &schema["items"], item, &format!("{at}[{index}]"), found);
        }
    }
}
