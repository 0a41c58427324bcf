//! A client's generateContent body to the canonical request: tools, tool choice, sampling, thinking, output format.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::dialect;
use super::wire::{Many, Members};
use crate::fault::Failure;
use crate::ir::{Depth, Effort, Extras, OutputFormat, Protocol, Reasoning, Request, Tool, ToolChoice, ToolKind};
use crate::json::{Count, Json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declaration {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
    #[serde(alias = "parameters_json_schema")]
    parameters_json_schema: Option<Json>,
    response: Option<Value>,
    #[serde(alias = "response_json_schema")]
    response_json_schema: Option<Value>,
    behavior: Option<Value>,
}

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// Everything of `body` but the conversation. What is left of it belongs to Gemini alone.
pub fn decode(mut body: Members<'_>, request: &mut Request) -> Result<(), Failure> {
    if body.take::<String>("cachedContent")?.is_some_and(|name| !name.is_empty()) {
        return Err(Failure::unsupported(
            body.at("cachedContent"),
            "a prompt cached at Google cannot be used with another provider",
        ));
    }
    let mut extras = Map::new();
    let at = body.at("tools");
    for (index, tool) in body.take::<Many<Object<'_>>>("tools")?.unwrap_or_default().0.into_iter().enumerate() {
        tools(tool, &format!("{at}[{index}]"), &mut request.tools)?;
    }
    if let Some(config) = body.take::<Object<'_>>("toolConfig")? {
        let mut config = Members::new(&body.at("toolConfig"), config);
        tool_choice(&mut config, request)?;
        keep(&mut extras, "toolConfig", config);
    }
    if let Some(config) = body.take::<Object<'_>>("generationConfig")? {
        let mut config = Members::new(&body.at("generationConfig"), config);
        generation(&mut config, request)?;
        keep(&mut extras, "generationConfig", config);
    }
    // The path has said which model it is.
    body.take::<Value>("model")?;
    extras.extend(body.rest());
    request.extras = Extras::new(Protocol::Gemini, extras);
    Ok(())
}

fn keep(extras: &mut Map<String, Value>, name: &str, members: Members<'_>) {
    let rest = members.rest();
    if !rest.is_empty() {
        extras.insert(name.to_owned(), rest.into());
    }
}

fn tools(tool: Object<'_>, at: &str, tools: &mut Vec<Tool>) -> Result<(), Failure> {
    let mut members = Members::new(at, tool);
    let at = members.at("functionDeclarations");
    for (index, one) in
        members.take::<Many<Declaration>>("functionDeclarations")?.unwrap_or_default().0.into_iter().enumerate()
    {
        tools.push(function(one, &format!("{at}[{index}]"))?);
    }
    // googleSearch, codeExecution, urlContext …: run by Google, known to nobody else.
    for (name, value) in members.rest() {
        let value = Value::Object(Map::from_iter([(name.clone(), value)]));
        let kind = ToolKind::Opaque { owner: Protocol::Gemini, value };
        tools.push(Tool { name, description: None, kind, cache: None, extras: Extras::default() });
    }
    Ok(())
}

fn function(one: Declaration, at: &str) -> Result<Tool, Failure> {
    let schema = match (one.parameters, one.parameters_json_schema) {
        (Some(_), Some(_)) => {
            return Err(Failure::invalid(at, "parameters and parametersJsonSchema exclude each other"));
        }
        (Some(schema), None) => dialect::to_json_schema(&schema),
        (None, Some(schema)) if schema.is_object() => schema,
        (None, Some(_)) => return Err(Failure::invalid(format!("{at}.parametersJsonSchema"), "expected an object")),
        (None, None) => Json::of(&serde_json::json!({"type": "object", "properties": {}})),
    };
    let hints =
        [("response", one.response), ("responseJsonSchema", one.response_json_schema), ("behavior", one.behavior)];
    let hints = hints.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Ok(Tool {
        name: one.name,
        description: one.description,
        kind: ToolKind::Function { schema, strict: None },
        cache: None,
        extras: Extras::new(Protocol::Gemini, hints),
    })
}

fn tool_choice(config: &mut Members<'_>, request: &mut Request) -> Result<(), Failure> {
    let Some(calling) = config.take::<Object<'_>>("functionCallingConfig")? else { return Ok(()) };
    let mut calling = Members::new(&config.at("functionCallingConfig"), calling);
    let mode = calling.take::<String>("mode")?.unwrap_or_default().to_ascii_uppercase();
    let allowed = calling.take::<Many<String>>("allowedFunctionNames")?.unwrap_or_default().0;
    request.tool_choice = match (mode.as_str(), allowed.as_slice()) {
        ("" | "MODE_UNSPECIFIED", _) => None,
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", [name]) => Some(ToolChoice::Named(name.clone())),
        ("ANY", _) => Some(ToolChoice::Required),
        // VALIDATED also promises that calls obey their schema: a hint to everybody else.
        ("AUTO" | "VALIDATED", _) => Some(ToolChoice::Auto),
        _ => return Err(Failure::invalid(calling.at("mode"), "unknown mode, expected AUTO, ANY, NONE or VALIDATED")),
    };
    // Only these may be called: elsewhere that is said by offering nothing else.
    if matches!(mode.as_str(), "ANY" | "VALIDATED") && !allowed.is_empty() {
        let is_allowed = |tool: &Tool| matches!(tool.kind, ToolKind::Opaque { .. }) || allowed.contains(&tool.name);
        if let Some(name) = allowed.iter().find(|name| !request.tools.iter().any(|tool| tool.name == **name)) {
            let at = calling.at("allowedFunctionNames");
            return Err(Failure::invalid(at, format!("no function is declared as {}", crate::call::printable(name))));
        }
        request.tools.retain(is_allowed);
    }
    Ok(())
}

fn generation(config: &mut Members<'_>, request: &mut Request) -> Result<(), Failure> {
    let sampling = &mut request.sampling;
    sampling.max_tokens = config.take::<Count>("maxOutputTokens")?.map(|count| count.0);
    sampling.temperature = config.take("temperature")?;
    sampling.top_p = config.take("topP")?;
    sampling.top_k = config.take::<Count>("topK")?.map(|count| count.0);
    sampling.stop = config.take::<Many<String>>("stopSequences")?.unwrap_or_default().0;
    sampling.seed = config.take("seed")?;
    sampling.presence_penalty = config.take("presencePenalty")?;
    sampling.frequency_penalty = config.take("frequencyPenalty")?;
    sampling.n = config.take("candidateCount")?;
    request.output = output(config)?;
    if let Some(thinking) = config.take::<Object<'_>>("thinkingConfig")? {
        request.reasoning = reasoning(Members::new(&config.at("thinkingConfig"), thinking))?;
    }
    Ok(())
}

fn output(config: &mut Members<'_>) -> Result<Option<OutputFormat>, Failure> {
    let mime = config.take::<String>("responseMimeType")?.unwrap_or_default();
    let json_schema = config.take::<Json>("responseJsonSchema")?;
    let schema = config.take::<Value>("responseSchema")?;
    match (mime.as_str(), json_schema, schema) {
        ("" | "application/json", Some(_), Some(_)) => {
            Err(Failure::invalid(config.at("responseSchema"), "excludes responseJsonSchema"))
        }
        ("" | "application/json", Some(schema), None) => Ok(Some(json_output(schema))),
        ("" | "application/json", None, Some(schema)) => Ok(Some(json_output(dialect::to_json_schema(&schema)))),
        ("application/json", None, None) => Ok(Some(OutputFormat::JsonObject)),
        ("" | "text/plain", None, None) => Ok(None),
        _ => Err(Failure::unsupported(
            config.at("responseMimeType"),
            "other providers answer as text/plain or application/json, a schema needs the latter",
        )),
    }
}

fn json_output(schema: Json) -> OutputFormat {
    OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }
}

fn reasoning(mut thinking: Members<'_>) -> Result<Option<Reasoning>, Failure> {
    let visible = thinking.take::<bool>("includeThoughts")?;
    let budget = match thinking.take::<i64>("thinkingBudget")? {
        None => None,
        Some(-1) => Some(Depth::Adaptive),
        Some(0) => Some(Depth::Off),
        Some(tokens) => match u64::try_from(tokens) {
            Ok(tokens) => Some(Depth::Budget(tokens)),
            Err(_) => return Err(Failure::invalid(thinking.at("thinkingBudget"), "expected -1 (dynamic) or more")),
        },
    };
    let level = match thinking.take::<String>("thinkingLevel")?.unwrap_or_default().to_ascii_uppercase().as_str() {
        "" | "THINKING_LEVEL_UNSPECIFIED" => None,
        "MINIMAL" => Some(Effort::Minimal),
        "LOW" => Some(Effort::Low),
        "MEDIUM" => Some(Effort::Medium),
        "HIGH" => Some(Effort::High),
        _ => {
            let at = thinking.at("thinkingLevel");
            return Err(Failure::invalid(at, "unknown level, expected MINIMAL, LOW, MEDIUM or HIGH"));
        }
    };
    let depth = match (budget, level) {
        (Some(_), Some(_)) => {
            return Err(Failure::invalid(thinking.at("thinkingLevel"), "excludes thinkingBudget"));
        }
        (budget, level) => budget.or(level.map(Depth::Effort)),
    };
    Ok((depth.is_some() || visible.is_some()).then_some(Reasoning { depth, visible }))
}
