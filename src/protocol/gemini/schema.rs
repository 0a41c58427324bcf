//! Any JSON Schema as one that Gemini takes in `parametersJsonSchema` and `responseJsonSchema`.
//!
//! Google documents these words (<https://ai.google.dev/api/generate-content#FIELDS.response_json_schema>): `type` (also a
//! list with `null`), `format`, `title`, `description`, `enum` of strings and numbers, `items`, `prefixItems`, `minItems`,
//! `maxItems`, `minimum`, `maximum`, `anyOf`, `oneOf` (as `anyOf`), `properties`, `additionalProperties`, `required`. The
//! older `parameters` field knows fewer and answers 400 to the rest, which is why it is not used.
//!
//! | word | becomes |
//! |---|---|
//! | `$ref` | the schema it names; a cycle ends in a bare type with a hint |
//! | `const` | `enum` of one |
//! | `type` of several | one `anyOf` branch each; `null` stays in the list |
//! | `allOf` | merged into its parent |
//! | `oneOf` | `anyOf`; beside another union, a hint |
//! | `nullable`, `null` in `enum` | `null` in `type` |
//! | `minLength`, `pattern`, `default`, `not` … | a hint in the description |
//! | `if`, `patternProperties`, `propertyNames`, `$comment`, `x-*` … | dropped |

use serde_json::{Map, Value};

use crate::json::Json;

/// A reference may be inlined many times; the largest recorded tool schema has 120 nodes.
const NODES: usize = 4_000;
/// The deepest recorded schema has 9 levels.
const DEPTH: usize = 32;
/// Characters of one hint. Longer ones are cut: they are help, not law.
const HINT: usize = 200;

/// The schema of a function's arguments: always an object.
pub fn parameters(schema: &Json) -> Json {
    let source = wrapped(schema.value());
    let Value::Object(mut root) = clean(&source) else { return Json::empty_object() };
    if !root.contains_key("type") {
        root.insert("type".to_owned(), "object".into());
    }
    Json::of(&root)
}

/// The schema of an answer.
pub fn output(schema: &Json) -> Value {
    clean(&schema.value())
}

fn clean(source: &Value) -> Value {
    let mut cleaner = Cleaner { root: source, nodes: NODES, expanding: Vec::new() };
    Value::Object(cleaner.schema(source, DEPTH))
}

/// Some MCP servers send the map of properties alone.
fn wrapped(source: Value) -> Value {
    const WORDS: &[&str] = &["type", "properties", "$ref", "anyOf", "oneOf", "allOf", "required", "description"];
    match &source {
        Value::Object(members)
            if !members.is_empty()
                && members.values().all(Value::is_object)
                && !members.keys().any(|key| WORDS.contains(&key.as_str()) || key.starts_with('$')) =>
        {
            serde_json::json!({"type": "object", "properties": source})
        }
        _ => source,
    }
}

struct Cleaner<'s> {
    root: &'s Value,
    /// Nodes left to write.
    nodes: usize,
    /// References being followed.
    expanding: Vec<&'s str>,
}

/// What a schema says beside its plain members, until they can be settled together.
#[derive(Default)]
struct Said {
    types: Vec<String>,
    unions: Vec<Vec<Value>>,
    values: Option<Vec<Value>>,
    merge: Vec<Map<String, Value>>,
    required: Vec<String>,
    hints: Vec<String>,
}

impl<'s> Cleaner<'s> {
    fn schema(&mut self, source: &'s Value, depth: usize) -> Map<String, Value> {
        let Value::Object(members) = source else { return Map::new() };
        if depth == 0 || self.nodes == 0 {
            return bare(members);
        }
        self.nodes -= 1;
        let mut out = Map::with_capacity(members.len());
        let mut said = Said::default();
        for (word, value) in members {
            self.word(word, value, depth - 1, &mut out, &mut said);
        }
        if let Some(Value::String(target)) = members.get("$ref") {
            let target = self.reference(target, depth - 1, &mut said);
            said.merge.insert(0, target);
        }
        settle(&mut out, said);
        out
    }

    fn word(&mut self, word: &'s str, value: &'s Value, depth: usize, out: &mut Map<String, Value>, said: &mut Said) {
        let mut keep = |value: Value| {
            out.insert(word.to_owned(), value);
        };
        match (word, value) {
            ("title" | "description", Value::String(_)) => keep(value.clone()),
            ("type", Value::String(one)) => said.types.push(one.to_ascii_lowercase()),
            ("type", Value::Array(all)) => {
                said.types.extend(all.iter().filter_map(Value::as_str).map(str::to_ascii_lowercase));
            }
            ("nullable", Value::Bool(true)) => said.types.push("null".to_owned()),
            ("properties", Value::Object(named)) => {
                let mut properties = Map::with_capacity(named.len());
                for (name, property) in named {
                    // `required: true` inside a property is draft 3 and common.
                    if property.get("required") == Some(&Value::Bool(true)) {
                        said.required.push(name.clone());
                    }
                    if property != &Value::Bool(false) {
                        properties.insert(name.clone(), self.schema(property, depth).into());
                    }
                }
                keep(properties.into());
            }
            ("required", Value::Array(names)) => {
                said.required.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            ("items", Value::Array(all)) => {
                out.insert("prefixItems".to_owned(), self.all(all, depth).into());
            }
            ("items", Value::Object(_)) => keep(self.schema(value, depth).into()),
            ("prefixItems", Value::Array(all)) => keep(self.all(all, depth).into()),
            ("additionalProperties", Value::Bool(_)) => keep(value.clone()),
            ("additionalProperties", Value::Object(_)) => keep(self.schema(value, depth).into()),
            ("anyOf" | "oneOf", Value::Array(all)) if !all.is_empty() => said.unions.push(self.all(all, depth)),
            ("allOf", Value::Array(all)) => {
                for one in all {
                    said.merge.push(self.schema(one, depth));
                }
            }
            ("enum", Value::Array(values)) => said.values = Some(values.clone()),
            ("const", _) => said.values = Some(vec![value.clone()]),
            ("minItems" | "maxItems" | "minimum" | "maximum", Value::Number(_)) => keep(value.clone()),
            ("format", Value::String(format)) if is_known(format) => keep(value.clone()),
            (
                "format" | "minLength" | "maxLength" | "pattern" | "exclusiveMinimum" | "exclusiveMaximum"
                | "multipleOf" | "minProperties" | "maxProperties" | "uniqueItems" | "default" | "example" | "examples"
                | "not",
                _,
            ) if value != &Value::Bool(false) && !value.is_null() => said.hints.push(hint(word, value)),
            // Structure without a counterpart, or words about the schema and not about the value.
            _ => {}
        }
    }

    fn all(&mut self, schemas: &'s [Value], depth: usize) -> Vec<Value> {
        schemas.iter().map(|one| self.schema(one, depth).into()).collect()
    }

    /// The schema that a reference within the document names, inlined.
    fn reference(&mut self, target: &'s str, depth: usize, said: &mut Said) -> Map<String, Value> {
        let name = target.rsplit('/').next().unwrap_or(target);
        let found = match target.strip_prefix('#') {
            Some(pointer) => self.root.pointer(&crate::call::unescape(pointer)),
            None => None,
        };
        let Some(found) = found else {
            said.hints.push(format!("see {name}"));
            return Map::new();
        };
        if self.expanding.contains(&target) {
            said.hints.push(if name.is_empty() || name == "#" {
                "same shape as the whole".to_owned()
            } else {
                format!("same shape as {name}")
            });
            return found.as_object().map(bare).unwrap_or_default();
        }
        self.expanding.push(target);
        let inlined = self.schema(found, depth);
        self.expanding.pop();
        inlined
    }
}

/// Where the walk ends: what kind of value it is, and no more.
fn bare(members: &Map<String, Value>) -> Map<String, Value> {
    let known = ["type", "description"];
    let kept = known.iter().filter_map(|word| Some(((*word).to_owned(), members.get(*word)?.clone())));
    kept.filter(|(_, value)| value.is_string()).collect()
}

fn is_known(format: &str) -> bool {
    matches!(format, "date-time" | "date" | "time" | "duration" | "int32" | "int64" | "float" | "double")
}

fn hint(word: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("{word}: {}", cut(&text))
}

fn cut(text: &str) -> &str {
    text.char_indices().nth(HINT).and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

fn settle(out: &mut Map<String, Value>, mut said: Said) {
    settle_values(out, &mut said);
    for one in std::mem::take(&mut said.merge) {
        merge(out, one, &mut said);
    }
    settle_types(out, &mut said);
    let mut unions = std::mem::take(&mut said.unions).into_iter();
    if let Some(branches) = unions.next() {
        match out.get("anyOf") {
            Some(_) => said.hints.push(also(&branches)),
            None => {
                out.insert("anyOf".to_owned(), branches.into());
            }
        }
    }
    for branches in unions {
        said.hints.push(also(&branches));
    }
    settle_required(out, &mut said);
    if !said.hints.is_empty() {
        let hints = said.hints.join("; ");
        let text = match out.get("description").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            Some(text) => format!("{text} ({hints})"),
            None => hints,
        };
        out.insert("description".to_owned(), text.into());
    }
}

/// Gemini has one union per schema. The second is told in words.
fn also(branches: &[Value]) -> String {
    let branches: Vec<_> = branches.iter().map(Value::to_string).collect();
    format!("also one of: {}", cut(&branches.join(" | ")))
}

/// `enum` holds strings and numbers, and no empty string; the rest moves to `type` or into words.
fn settle_values(out: &mut Map<String, Value>, said: &mut Said) {
    let Some(values) = said.values.take() else { return };
    let untyped = said.types.iter().all(|one| one == "null");
    let mut kept = Vec::with_capacity(values.len());
    let mut told = Vec::new();
    let mut types: Vec<&str> = Vec::new();
    for value in values {
        let kind = match &value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !types.contains(&kind) {
            types.push(kind);
        }
        match &value {
            Value::Null => {}
            Value::Number(_) => kept.push(value),
            Value::String(text) if !text.is_empty() => kept.push(value),
            _ => told.push(value.to_string()),
        }
    }
    if types.contains(&"number") {
        types.retain(|kind| *kind != "integer");
    }
    if untyped {
        said.types.extend(types.into_iter().map(str::to_owned));
    } else if types.contains(&"null") {
        said.types.push("null".to_owned());
    }
    // Both booleans say nothing beyond the type.
    let both = kept.is_empty() && told.len() == 2 && told.iter().all(|word| word == "true" || word == "false");
    if !told.is_empty() && !both {
        // An `enum` of a part of the values would forbid the others.
        let all: Vec<_> = kept.drain(..).map(|value| value.to_string()).chain(told).collect();
        said.hints.push(format!("allowed: {}", cut(&all.join(", "))));
    }
    if !kept.is_empty() {
        out.insert("enum".to_owned(), kept.into());
    }
}

fn settle_types(out: &mut Map<String, Value>, said: &mut Said) {
    let mut types = std::mem::take(&mut said.types);
    if types.is_empty() {
        let implied = [("properties", "object"), ("items", "array"), ("prefixItems", "array")];
        let implied = implied.iter().find(|(word, _)| out.contains_key(*word)).map(|(_, kind)| *kind);
        if let (Some(kind), false) = (implied, out.contains_key("type")) {
            out.insert("type".to_owned(), kind.into());
        }
        return;
    }
    let mut seen = Vec::new();
    types.retain(|one| {
        !seen.contains(one) && {
            seen.push(one.clone());
            true
        }
    });
    let nullable = types.iter().any(|one| one == "null");
    types.retain(|one| one != "null");
    match types.as_slice() {
        [] => {
            out.entry("type").or_insert_with(|| "null".into());
        }
        [one] if nullable => {
            out.insert("type".to_owned(), serde_json::json!([one, "null"]));
        }
        [one] => {
            out.insert("type".to_owned(), one.as_str().into());
        }
        several if said.unions.is_empty() && !out.contains_key("anyOf") => {
            let mut branches: Vec<Value> = several.iter().map(|one| branch(one, out)).collect();
            if nullable {
                branches.push(serde_json::json!({"type": "null"}));
            }
            for word in ["properties", "additionalProperties", "items", "prefixItems", "minItems", "maxItems"] {
                out.shift_remove(word);
            }
            for word in ["minimum", "maximum", "format", "enum"] {
                out.shift_remove(word);
            }
            said.unions.push(branches);
        }
        several => said.hints.push(format!("accepts: {}", several.join(" | "))),
    }
}

/// One type of several, with the words that speak of it.
fn branch(kind: &str, all: &Map<String, Value>) -> Value {
    let mut out = Map::from_iter([("type".to_owned(), Value::from(kind))]);
    let words: &[&str] = match kind {
        "object" => &["properties", "additionalProperties"],
        "array" => &["items", "prefixItems", "minItems", "maxItems"],
        "integer" | "number" => &["minimum", "maximum", "format"],
        "string" => &["format"],
        _ => &[],
    };
    out.extend(words.iter().filter_map(|word| Some(((*word).to_owned(), all.get(*word)?.clone()))));
    if let Some(Value::Array(values)) = all.get("enum") {
        let is_kind = |value: &&Value| if kind == "string" { value.is_string() } else { value.is_number() };
        let mine: Vec<Value> = values.iter().filter(is_kind).cloned().collect();
        if matches!(kind, "string" | "integer" | "number") && !mine.is_empty() {
            out.insert("enum".to_owned(), mine.into());
        }
    }
    out.into()
}

/// Names that are required must be properties; the others are told in words.
fn settle_required(out: &mut Map<String, Value>, said: &mut Said) {
    let mut names: Vec<String> = Vec::new();
    let mut strangers: Vec<String> = Vec::new();
    let merged = match out.shift_remove("required") {
        Some(Value::Array(names)) => names,
        _ => Vec::new(),
    };
    let merged = merged.into_iter().filter_map(|name| name.as_str().map(str::to_owned));
    for name in said.required.drain(..).chain(merged) {
        let known = out.get("properties").is_some_and(|properties| properties.get(&name).is_some());
        let list = if known { &mut names } else { &mut strangers };
        if !list.contains(&name) {
            list.push(name);
        }
    }
    if !names.is_empty() {
        out.insert("required".to_owned(), names.into());
    }
    if !strangers.is_empty() {
        said.hints.push(format!("requires: {}", cut(&strangers.join(", "))));
    }
}

/// `allOf`, or the target of a reference: what the parent says itself wins.
fn merge(out: &mut Map<String, Value>, mut one: Map<String, Value>, said: &mut Said) {
    // Values of a type that the parent excludes.
    if one.get("type").is_some_and(|kind| !said.types.is_empty() && !overlaps(kind, &said.types)) {
        one.shift_remove("enum");
    }
    for (word, value) in one {
        match (word.as_str(), out.get_mut(&word), value) {
            ("properties", Some(Value::Object(mine)), Value::Object(theirs)) => {
                for (name, property) in theirs {
                    mine.entry(name).or_insert(property);
                }
            }
            ("required", _, Value::Array(names)) => {
                said.required.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            ("type", _, Value::String(kind)) if said.types.is_empty() => said.types.push(kind),
            ("type", _, Value::Array(kinds)) if said.types.is_empty() => {
                said.types.extend(kinds.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            ("type", ..) => {}
            ("anyOf", _, Value::Array(branches)) => said.unions.push(branches),
            ("description", Some(Value::String(mine)), Value::String(theirs)) if *mine != theirs => {
                mine.push(' ');
                mine.push_str(&theirs);
            }
            (_, None, value) => {
                out.insert(word, value);
            }
            (_, Some(_), _) => {}
        }
    }
}

fn overlaps(kind: &Value, types: &[String]) -> bool {
    let is_one = |kind: &Value| types.iter().any(|one| kind == one);
    kind.as_array().map_or_else(|| is_one(kind), |kinds| kinds.iter().any(is_one))
}
