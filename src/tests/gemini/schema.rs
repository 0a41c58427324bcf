//! Schemas as Gemini takes them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ir::{OutputFormat, Part, Role, Tool, ToolKind, Turn};
use crate::json::Json;
use crate::tests::schema::{shared, shared_folder};

/// A function's schema, as it is sent.
pub fn cleaned(schema: &Value) -> Value {
    let mut request = Request { model: "gemini-2.5-flash".to_owned(), ..Request::default() };
    request.turns = vec![Turn { role: Role::User, parts: vec![Part::text("x")] }];
    request.tools = vec![Tool {
        name: "f".to_owned(),
        description: None,
        kind: ToolKind::Function { schema: Json::of(schema), strict: None },
        cache: None,
        extras: crate::ir::Extras::default(),
    }];
    request.output =
        Some(OutputFormat::JsonSchema { name: None, description: None, schema: Json::of(schema), strict: None });
    encoded(&request)["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"].clone()
}

/// One property's schema, as it is sent.
fn property(schema: Value) -> Value {
    cleaned(&json!({"type": "object", "properties": {"p": schema}}))["properties"]["p"].clone()
}

#[test]
fn what_google_knows_stays_as_it_is() {
    let kept = [
        json!({"type": "string", "description": "d", "title": "t", "enum": ["a", "b"]}),
        json!({"type": "integer", "minimum": 1, "maximum": 5, "format": "int32"}),
        json!({"type": "string", "format": "date-time"}),
        json!({"type": ["string", "null"]}),
        json!({"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 2}),
        json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"anyOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "null"}}}]}),
        json!({}),
    ];
    for schema in kept {
        assert_eq!(property(schema.clone()), schema);
    }
}

#[test]
fn what_google_refuses_is_said_otherwise() {
    let table = [
        ("const", json!({"const": "x"}), json!({"type": "string", "enum": ["x"]})),
        ("numeric const", json!({"const": 3}), json!({"type": "integer", "enum": [3]})),
        ("boolean const", json!({"const": true}), json!({"type": "boolean", "description": "allowed: true"})),
        ("enum with null", json!({"enum": ["a", null]}), json!({"type": ["string", "null"], "enum": ["a"]})),
        ("both booleans", json!({"enum": [true, false]}), json!({"type": "boolean"})),
        (
            "an empty string",
            json!({"type": "string", "enum": ["", "a"]}),
            json!({"type": "string", "description": "allowed: \"a\", \"\""}),
        ),
        (
            "oneOf",
            json!({"oneOf": [{"type": "string"}, {"const": 1}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "integer", "enum": [1]}]}),
        ),
        ("nullable", json!({"type": "string", "nullable": true}), json!({"type": ["string", "null"]})),
        (
            "several types",
            json!({"type": ["string", "array", "null"], "items": {"type": "string"}, "description": "d"}),
            json!({"description": "d", "anyOf": [{"type": "string"},
                {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}),
        ),
        (
            "several types beside a union",
            json!({"type": ["string", "number"], "anyOf": [{"const": "a"}]}),
            json!({"anyOf": [{"type": "string", "enum": ["a"]}], "description": "accepts: string | number"}),
        ),
        (
            "hints",
            json!({"type": "string", "minLength": 1, "pattern": "^a", "description": "d", "default": "a"}),
            json!({"type": "string", "description": "d (minLength: 1; pattern: ^a; default: a)"}),
        ),
        (
            "bounds",
            json!({"type": "number", "exclusiveMinimum": 0, "multipleOf": 2}),
            json!({"type": "number", "description": "exclusiveMinimum: 0; multipleOf: 2"}),
        ),
        (
            "unknown format",
            json!({"type": "string", "format": "uri"}),
            json!({"type": "string", "description": "format: uri"}),
        ),
        (
            "not",
            json!({"type": "string", "not": {"enum": ["x"]}}),
            json!({"type": "string", "description": "not: {\"enum\":[\"x\"]}"}),
        ),
        (
            "allOf",
            json!({"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "number"}}, "required": ["b"]}]}),
            json!({"properties": {"a": {"type": "string"}, "b": {"type": "number"}}, "type": "object",
                "required": ["a", "b"]}),
        ),
        (
            "two unions",
            json!({"anyOf": [{"type": "string"}], "oneOf": [{"const": "a"}, {"const": "b"}]}),
            json!({"anyOf": [{"type": "string"}],
                "description": "also one of: {\"enum\":[\"a\"],\"type\":\"string\"} | {\"enum\":[\"b\"],\"type\":\"string\"}"}),
        ),
        (
            "unions of requirements",
            json!({"type": "object", "properties": {"a": {}, "b": {}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            json!({"type": "object", "properties": {"a": {}, "b": {}},
                "anyOf": [{"description": "requires: a"}, {"description": "requires: b"}]}),
        ),
        (
            "required strangers",
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "z"]}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
                "description": "requires: z"}),
        ),
        (
            "draft 3",
            json!({"type": "object", "properties": {"a": {"type": "string", "required": true}}}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        ),
        (
            "tuples",
            json!({"type": "array", "items": [{"type": "string"}]}),
            json!({"type": "array", "prefixItems": [{"type": "string"}]}),
        ),
        (
            "dropped",
            json!({"type": "object", "$schema": "x", "$id": "y", "$comment": "z", "x-order": 1, "if": {}, "then": {},
            "else": {}, "propertyNames": {"pattern": "a"}, "patternProperties": {"^a": {}}, "deprecated": true,
            "unevaluatedProperties": false, "enumDescriptions": []}),
            json!({"type": "object"}),
        ),
        ("true", json!(true), json!({})),
        ("upper case", json!({"type": "STRING"}), json!({"type": "string"})),
    ];
    for (name, before, after) in table {
        assert_eq!(property(before), after, "{name}");
        assert_eq!(property(after.clone()), after, "{name}: cleaning twice changes nothing more");
    }
}

#[test]
fn references_are_inlined() {
    let schema = json!({"type": "object", "$defs": {"Color": {"type": "string", "enum": ["red"]},
        "Box": {"type": "object", "properties": {"lid": {"$ref": "#/$defs/Color"}}}},
        "definitions": {"a b": {"type": "integer"}},
        "properties": {"c": {"$ref": "#/$defs/Color", "description": "which"}, "b": {"$ref": "#/$defs/Box"},
            "d": {"$ref": "#/definitions/a%20b"}, "e": {"$ref": "https://x.test/schema.json"}}});
    assert_eq!(
        cleaned(&schema),
        json!({"type": "object", "properties": {
        "c": {"description": "which", "type": "string", "enum": ["red"]},
        "b": {"type": "object", "properties": {"lid": {"type": "string", "enum": ["red"]}}},
        "d": {"type": "integer"},
        "e": {"description": "see schema.json"}}})
    );
}

#[test]
fn a_cycle_ends() {
    let tree = json!({"$defs": {"Node": {"type": "object", "properties": {
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}}}}, "$ref": "#/$defs/Node"});
    assert_eq!(
        cleaned(&tree),
        json!({"type": "object", "properties": {"children": {"type": "array",
        "items": {"type": "object", "description": "same shape as Node"}}}})
    );
    let itself = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
    assert_eq!(
        cleaned(&itself)["properties"]["next"]["properties"]["next"],
        json!({"type": "object", "description": "same shape as the whole"})
    );
}

#[test]
fn a_bomb_of_references_stays_small() {
    let mut defs = serde_json::Map::new();
    for level in 0..30 {
        let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
        defs.insert(format!("l{level}"), json!({"type": "object", "properties": {"a": next, "b": next, "c": next}}));
    }
    let bomb = json!({"$defs": defs, "$ref": "#/$defs/l0"});
    assert!(cleaned(&bomb).to_string().len() < 1 << 20);
    let mut deep = json!({"type": "string"});
    for _ in 0..100 {
        deep = json!({"type": "array", "items": deep});
    }
    assert!(property(deep).to_string().len() < 4_000);
}

#[test]
fn a_property_may_be_called_like_a_word() {
    let words =
        ["pattern", "title", "properties", "$ref", "const", "not", "type", "enum", "required", "x-a", "default"];
    let properties: serde_json::Map<String, Value> =
        words.iter().map(|word| ((*word).to_owned(), json!({"type": "string"}))).collect();
    let schema = json!({"type": "object", "properties": properties, "required": words});
    assert_eq!(cleaned(&schema), schema);
}

#[test]
fn malformed_roots_become_objects() {
    assert_eq!(cleaned(&json!({})), json!({"type": "object"}));
    assert_eq!(cleaned(&json!({"properties": {"a": {}}})), json!({"properties": {"a": {}}, "type": "object"}));
    let bare = json!({"city": {"type": "string"}, "zip": {"type": "string"}});
    assert_eq!(cleaned(&bare), json!({"type": "object", "properties": bare}));
}

fn schema() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("type"),
        Just("properties"),
        Just("items"),
        Just("anyOf"),
        Just("oneOf"),
        Just("allOf"),
        Just("enum"),
        Just("const"),
        Just("$ref"),
        Just("required"),
        Just("description"),
        Just("nullable"),
        Just("not"),
        Just("x"),
    ];
    let leaf = prop_oneof![
        Just(json!("string")),
        Just(json!("object")),
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(1)),
        Just(json!("#")),
        Just(json!("#/properties/x")),
        Just(json!(["string", "null"])),
        Just(json!([])),
    ];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec((word.clone(), inner.clone()), 0..5)
                .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Value>()),
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
        ]
    })
}

/// Only documented words, in every schema of the tree.
fn is_clean(schema: &Value) -> bool {
    let Value::Object(members) = schema else { return false };
    members.iter().all(|(word, value)| match word.as_str() {
        "type" => value.is_string() || value.is_array(),
        "title" | "description" | "format" => value.is_string(),
        "enum" => {
            value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(|v| v.is_string() || v.is_number()))
        }
        "minItems" | "maxItems" | "minimum" | "maximum" => value.is_number(),
        "required" => value.as_array().is_some_and(|all| {
            all.iter().all(|name| {
                members.get("properties").is_some_and(|properties| properties.get(name.as_str().unwrap()).is_some())
            })
        }),
        "properties" => value.as_object().is_some_and(|all| all.values().all(is_clean)),
        "items" => is_clean(value),
        "additionalProperties" => value.is_boolean() || is_clean(value),
        "anyOf" | "prefixItems" => value.as_array().is_some_and(|all| all.iter().all(is_clean)),
        _ => false,
    })
}

proptest! {
    #[test]
    fn whatever_goes_in_only_known_words_come_out(schema in schema()) {
        let out = cleaned(&schema);
        prop_assert!(is_clean(&out), "{} -> {}", schema, out);
    }
}

#[test]
fn schemas_of_real_clients_are_clean() {
    for client in ["claude-code", "gemini-cli", "qwen-gemini", "js-google-genai", "pylatest-google-genai"] {
        for path in shared_folder(&format!("captures/{client}")) {
            let Some(bytes) = shared(&path) else { continue };
            let capture: Value = serde_json::from_slice(&bytes).unwrap();
            for tool in capture["body"]["tools"].as_array().into_iter().flatten() {
                let declarations = tool["functionDeclarations"].as_array().into_iter().flatten();
                let schemas = declarations.map(|one| &one["parametersJsonSchema"]).chain([&tool["input_schema"]]);
                for schema in schemas.filter(|schema| schema.is_object()) {
                    let out = cleaned(schema);
                    assert!(is_clean(&out), "{schema} -> {out}");
                    assert_eq!(cleaned(&out), out);
                }
            }
        }
    }
}
