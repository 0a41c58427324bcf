//! What `docs/openapi.json` and `docs/API.md` say: made of the table of routes and of the types, and stale when this fails.
//! `UPDATE_DOCS=1 cargo test the_document_of_the_api` writes both anew.

mod markdown;
mod replies;
mod requests;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::routes::ROUTES;

/// What one route takes and answers.
#[derive(Default)]
struct Told {
    group: &'static str,
    summary: &'static str,
    query: Vec<Value>,
    body: Option<Value>,
    /// Status, content type, schema.
    replies: Vec<(u16, &'static str, Value)>,
    /// Refusals besides those that every route has.
    refusals: &'static [u16],
}

/// Schemas by name: as requests are read, and as answers are written.
struct Types {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

const WHERE: &str = "/components/schemas";

impl Types {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = WHERE.into();
                settings.meta_schema = None;
            })
        };
        let (read, written) = (settings().for_deserialize(), settings().for_serialize());
        Self { read: read.into_generator(), written: written.into_generator() }
    }

    fn read<T: JsonSchema>(&mut self) -> Value {
        self.read.subschema_for::<T>().to_value()
    }

    fn written<T: JsonSchema>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }
}

/// An object that has all of these and nothing else.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "additionalProperties": false, "required": names, "properties": properties})
}

fn several(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

fn named(name: &str) -> Value {
    json!({"$ref": format!("#{WHERE}/{name}")})
}

/// The schema of the configuration is written by hand, with parts of its own.
fn config_schema() -> Map<String, Value> {
    fn moved(value: &mut Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get_mut("$ref") {
                    *target = target.replace("#/$defs/", &format!("#{WHERE}/Config."));
                }
                members.values_mut().for_each(moved);
            }
            Value::Array(items) => items.iter_mut().for_each(moved),
            _ => {}
        }
    }
    let mut schema: Value = serde_json::from_str(include_str!("config.schema.json")).unwrap();
    moved(&mut schema);
    let schema_object = schema.as_object_mut().unwrap();
    schema_object.remove("$schema");
    let parts = schema_object.remove("$defs").unwrap();
    let parts = parts.as_object().unwrap().iter().map(|(name, part)| (format!("Config.{name}"), part.clone()));
    let parts: Vec<_> = parts.collect();
    std::iter::once(("Config".to_owned(), schema)).chain(parts).collect()
}

/// Names of what is read end in `Input` where it is written in another shape.
fn schemas(mut types: Types, paths: &mut Value) -> Map<String, Value> {
    let written = types.written.take_definitions(true);
    let read = types.read.take_definitions(true);
    let differ: BTreeSet<&String> = read
        .iter()
        .filter(|(name, schema)| written.get(*name).is_some_and(|other| other != *schema))
        .map(|(name, _)| name)
        .collect();
    // What holds one that differs is another, too, under the same name.
    let holds = |schema: &Value, differ: &BTreeSet<&String>| {
        let text = schema.to_string();
        differ.iter().any(|name| text.contains(&format!("\"#{WHERE}/{name}\"")))
    };
    let mut all = differ.clone();
    loop {
        let more: Vec<&String> = read
            .iter()
            .filter(|(name, schema)| !all.contains(name) && written.contains_key(*name) && holds(schema, &all))
            .map(|(name, _)| name)
            .collect();
        if more.is_empty() {
            break;
        }
        all.extend(more);
    }
    let renamed = |value: &Value| -> Value {
        let mut text = value.to_string();
        for name in &all {
            text = text.replace(&format!("\"#{WHERE}/{name}\""), &format!("\"#{WHERE}/{name}Input\""));
        }
        serde_json::from_str(&text).unwrap()
    };
    for operations in paths.as_object_mut().unwrap().values_mut() {
        for operation in operations.as_object_mut().unwrap().values_mut() {
            if let Some(body) = operation.get_mut("requestBody") {
                *body = renamed(body);
            }
        }
    }
    let read = read.iter().map(|(name, schema)| {
        (if all.contains(name) { format!("{name}Input") } else { name.clone() }, renamed(schema))
    });
    let mut schemas: std::collections::BTreeMap<String, Value> = read.collect();
    schemas.extend(written.iter().map(|(name, schema)| (name.clone(), schema.clone())));
    schemas.extend(config_schema());
    schemas.extend(replies::rows());
    let text = json!({"type": "string"});
    let failure = object([("code", text.clone()), ("message", text), ("field", json!({"type": ["string", "null"]}))]);
    schemas.insert("Error".to_owned(), object([("error", failure)]));
    schemas.into_iter().collect()
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "Done.",
        201 => "Made.",
        204 => "Done; there is nothing to say.",
        400 => "Something in the request is wrong: `field` names it.",
        401 => "Nobody has signed in, or the key is not valid.",
        403 => "This may not be done, or the request comes from another site.",
        404 => "There is no such thing.",
        409 => "It has changed since, or is there already.",
        413 => "The body is larger than 4 MiB.",
        422 => "The document, or each of the keys, is wrong.",
        429 => "Too many wrong keys from this address.",
        502 => "The provider gave no answer that could be used.",
        504 => "The provider did not answer in time.",
        _ => "No admin key is set, or what is needed does not answer at the moment.",
    }
}

fn operation(method: &str, path: &str, open: bool, told: &Told) -> Value {
    let mut replies = std::collections::BTreeMap::new();
    for (status, content, schema) in &told.replies {
        let mut reply = json!({"description": meaning(*status)});
        if !content.is_empty() {
            reply["content"] = json!({*content: {"schema": schema}});
        }
        replies.insert(status.to_string(), reply);
    }
    let is_told = told.body.is_some() || !told.query.is_empty() || path.contains("{id}");
    let standing = [
        (400, is_told),
        (401, !open || method == "POST"),
        (403, method != "GET"),
        (404, path.contains("{id}")),
        (413, told.body.is_some()),
        (429, !open || method == "POST"),
        (503, true),
    ];
    let standing = standing.into_iter().filter(|(_, is)| *is).map(|(status, _)| status);
    for status in standing.chain(told.refusals.iter().copied()) {
        let name = format!("#/components/responses/{status}");
        replies.entry(status.to_string()).or_insert_with(|| json!({"$ref": name}));
    }
    let id = json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1, "maxLength": 200}});
    let id = path.contains("{id}").then_some(id);
    let parameters: Vec<Value> = id.into_iter().chain(told.query.iter().cloned()).collect();
    let mut operation = json!({
        "operationId": format!("{} {path}", method.to_lowercase()).replace(['/', ' ', '{', '}'], "_").replace("__", "_").trim_matches('_'),
        "summary": told.summary,
        "tags": [told.group],
        "parameters": parameters,
        "responses": replies,
    });
    if let Some(schema) = &told.body {
        operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    if open {
        operation["security"] = json!([]);
    }
    operation
}

fn document() -> Value {
    let mut types = Types::new();
    let mut paths = json!({});
    for route in ROUTES {
        let told = replies::told(route.method, route.path, &mut types);
        let told = told.unwrap_or_else(|| panic!("{} {} is described nowhere", route.method, route.path));
        let operation = operation(route.method, route.path, route.open, &told);
        paths[format!("/admin/api/{}", route.path)][route.method.to_lowercase()] = operation;
    }
    let this = Told {
        group: "service",
        summary: "This document.",
        replies: vec![(200, "application/json", json!({"type": "object"}))],
        ..Told::default()
    };
    let mut itself = operation("GET", "openapi.json", true, &this);
    itself["responses"].as_object_mut().unwrap().remove("503");
    paths["/admin/api/openapi.json"]["get"] = itself;
    let schemas = schemas(types, &mut paths);
    let wait = json!({"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}});
    let refusals = [400, 401, 403, 404, 409, 413, 422, 429, 502, 503, 504].map(|status: u16| {
        let mut reply =
            json!({"description": meaning(status), "content": {"application/json": {"schema": named("Error")}}});
        if status == 429 {
            reply["headers"] = json!({"retry-after": wait});
        }
        (status.to_string(), reply)
    });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sluice: the operator's API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {"session": [], "console": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "The secret SLUICE_ADMIN_KEY."},
                "session": {"type": "apiKey", "in": "cookie", "name": "sluice_session", "description": "What POST session gives, for twelve hours."},
                "console": {"type": "apiKey", "in": "header", "name": "x-sluice-console", "description": "Any value; beside a session, where something is changed."},
            },
            "responses": refusals.into_iter().collect::<Map<_, _>>(),
            "schemas": schemas,
        },
    })
}

fn hold(name: &str, expected: &str) {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/{name} is stale: UPDATE_DOCS=1 cargo test the_document_of_the_api writes it anew");
}

#[test]
fn the_document_of_the_api_is_what_routes_and_types_say() {
    let document = document();
    hold("openapi.json", &format!("{}\n", serde_json::to_string_pretty(&document).unwrap()));
    hold("API.md", &markdown::of(&document));
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = document();
    let text = document.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}
