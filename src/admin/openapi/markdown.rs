//! The document as people read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

const HEAD: &str = "# The operator's API

Made of the routes and types of the program, as [openapi.json](openapi.json) is, which a deployment serves at
`/admin/api/openapi.json`.

- **Who may.** Scripts send the secret `SLUICE_ADMIN_KEY` as `Authorization: Bearer …`. Browsers sign in with `POST session`
  and have a cookie for twelve hours; what changes something must carry `x-sluice-console` besides.
- **Refusals** are `{\"error\": {\"code\", \"message\", \"field\"}}`; `field` names what is wrong, or is null.
- **Lists** take `limit` (1 to 500) and `after`, which is `next` of the page before; `next` is null at the end.
- **Times** are milliseconds since 1970, **money** is whole micro-dollars.

```sh
curl \"$SLUICE_URL/admin/api/overview?days=1\" -H \"authorization: Bearer $SLUICE_ADMIN_KEY\"
```
";

pub fn of(document: &Value) -> String {
    let mut groups: BTreeMap<&str, String> = BTreeMap::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let group = operation["tags"][0].as_str().unwrap();
            let text = groups.entry(group).or_default();
            let _ =
                write!(text, "\n### {} {path}\n\n{}\n", method.to_uppercase(), operation["summary"].as_str().unwrap());
            parameters(text, operation);
            if let Some(body) = operation.pointer("/requestBody/content/application~1json/schema") {
                let _ = write!(text, "\nBody: {}\n", kind(body));
            }
            let _ = write!(text, "\nAnswers: {}\n", answers(operation));
        }
    }
    let mut text = HEAD.to_owned();
    for (group, part) in groups {
        let _ = write!(text, "\n## {group}\n{part}");
    }
    text.push_str("\n## Types\n");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        fields(&mut text, name, schema);
    }
    text
}

fn parameters(text: &mut String, operation: &Value) {
    let queries: Vec<&Value> =
        operation["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["in"] == "query").collect();
    if queries.is_empty() {
        return;
    }
    text.push_str("\n| parameter | | |\n|---|---|---|\n");
    for parameter in queries {
        let (name, what) = (parameter["name"].as_str().unwrap(), parameter["description"].as_str().unwrap_or_default());
        let _ = writeln!(text, "| `{name}` | {} | {} |", kind(&parameter["schema"]), cell(what));
    }
}

fn answers(operation: &Value) -> String {
    let mut told = Vec::new();
    for (status, reply) in operation["responses"].as_object().unwrap() {
        let content = reply["content"].as_object().and_then(|content| content.iter().next());
        told.push(match content {
            Some((mime, content)) if mime == "application/json" => format!("{status} {}", kind(&content["schema"])),
            Some((mime, _)) => format!("{status} `{mime}`"),
            None => status.clone(),
        });
    }
    told.join(" · ")
}

fn anchor(name: &str) -> String {
    name.to_lowercase().replace('.', "")
}

/// A type in a few words.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap();
        return format!("[{name}](#{})", anchor(name));
    }
    for either in ["anyOf", "oneOf"] {
        if let Some(kinds) = schema[either].as_array() {
            return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|word| format!("`{}`", word.as_str().map_or_else(|| word.to_string(), str::to_owned)))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any"],
    };
    let bounds = match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(least), Some(most)) if most < 1 << 53 => format!(" {least}–{most}"),
        _ => String::new(),
    };
    let names = names.into_iter().map(|name| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" => match schema["properties"].as_object() {
            Some(members) if !members.is_empty() => {
                let members = members.iter().map(|(name, schema)| format!("`{name}`: {}", kind(schema)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            }
            _ => match schema.get("additionalProperties") {
                Some(more @ Value::Object(_)) => format!("object of {}", kind(more)),
                _ => "object".to_owned(),
            },
        },
        name => format!("{name}{bounds}"),
    });
    names.collect::<Vec<_>>().join(" or ")
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace("[`", "`").replace("`]", "`")
}

fn fields(text: &mut String, name: &str, schema: &Value) {
    let _ = write!(text, "\n### {name}\n");
    if let Some(what) = schema["description"].as_str() {
        let _ = write!(text, "\n{}\n", cell(what));
    }
    let Some(members) = schema["properties"].as_object() else {
        let _ = write!(text, "\n{}\n", kind(schema));
        return;
    };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    text.push_str("\n| member | | |\n|---|---|---|\n");
    for (name, schema) in members {
        let always = if required.iter().any(|other| other == name) { "" } else { " (may be absent)" };
        let what = schema["description"].as_str().unwrap_or_default();
        let _ = writeln!(text, "| `{name}`{always} | {} | {} |", kind(schema).replace('|', "\\|"), cell(what));
    }
}
