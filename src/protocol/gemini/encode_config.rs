//! The canonical request as a generateContent body: tools, tool choice, sampling, thinking, output format.

use serde_json::{Map, Value, json};

use super::schema;
use super::wire::is_third_generation;
use crate::fault::Failure;
use crate::ir::{Depth, Effort, OutputFormat, Protocol, Request, Tool, ToolChoice, ToolKind};
use crate::json::{Array, Object};
use crate::reasoning;

/// More are refused by Google.
const STOPS: usize = 5;

pub fn encode(request: &Request, body: &mut Object<'_>) -> Result<(), Failure> {
    let mut own = request.extras.of(Protocol::Gemini).cloned().unwrap_or_default();
    let mut own_object = |name: &str| match own.shift_remove(name) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let tool_config = tool_config(request, own_object("toolConfig"));
    let generation = generation(request, own_object("generationConfig"))?;
    tools(request, body)?;
    if !tool_config.is_empty() {
        body.value("toolConfig", &tool_config);
    }
    if !generation.is_empty() {
        body.value("generationConfig", &generation);
    }
    for (name, value) in &own {
        body.value(name, value);
    }
    Ok(())
}

fn functions(request: &Request) -> impl Iterator<Item = &Tool> {
    request.tools.iter().filter(|tool| !matches!(tool.kind, ToolKind::Opaque { .. }))
}

fn tools(request: &Request, body: &mut Object<'_>) -> Result<(), Failure> {
    let mut provided: Vec<Value> = Vec::new();
    let has_functions = functions(request).next().is_some();
    for (index, tool) in request.tools.iter().enumerate() {
        let ToolKind::Opaque { owner, value } = &tool.kind else { continue };
        let kind = value.get("type").and_then(Value::as_str).unwrap_or(&tool.name);
        match owner {
            Protocol::Gemini => provided.push(value.clone()),
            // Every provider searches the web; Google cannot do it beside functions, and functions are what was built.
            _ if kind.starts_with("web_search") => {
                if !has_functions && provided.is_empty() {
                    provided.push(json!({"googleSearch": {}}));
                }
            }
            _ => {
                let kind = crate::call::printable(kind);
                return Err(Failure::unsupported(format!("tools[{index}]"), format!("Gemini cannot run {kind}")));
            }
        }
    }
    if !has_functions && provided.is_empty() {
        return Ok(());
    }
    let mut list = Array::begin(body.key("tools"));
    if has_functions {
        let mut tool = Object::begin(list.item());
        let mut declarations = Array::begin(tool.key("functionDeclarations"));
        for function in functions(request) {
            declare(function, declarations.item());
        }
        declarations.end();
        tool.end();
    }
    for tool in &provided {
        // A value of ours cannot fail to serialize.
        let _ = serde_json::to_writer(list.item(), tool);
    }
    list.end();
    Ok(())
}

fn declare(tool: &Tool, out: &mut Vec<u8>) {
    let mut function = Object::begin(out);
    function.str("name", &tool.name);
    if let Some(description) = &tool.description {
        function.str("description", description);
    }
    if let ToolKind::Function { schema, .. } = &tool.kind {
        // The JSON Schema field, not `parameters`: it keeps unions, references and bounds.
        function.raw("parametersJsonSchema", schema::parameters(schema).get());
    }
    for (name, value) in tool.extras.of(Protocol::Gemini).into_iter().flatten() {
        function.value(name, value);
    }
    function.end();
}

fn tool_config(request: &Request, mut config: Map<String, Value>) -> Map<String, Value> {
    let calling = match &request.tool_choice {
        // Without functions Google refuses to hear how they are to be called.
        _ if functions(request).next().is_none() => None,
        None => None,
        Some(ToolChoice::Auto) => Some(json!({"mode": "AUTO"})),
        Some(ToolChoice::None) => Some(json!({"mode": "NONE"})),
        Some(ToolChoice::Required) => Some(json!({"mode": "ANY"})),
        Some(ToolChoice::Named(name)) => Some(json!({"mode": "ANY", "allowedFunctionNames": [name]})),
    };
    config.extend(calling.map(|calling| ("functionCallingConfig".to_owned(), calling)));
    config
}

fn generation(request: &Request, mut config: Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let sampling = &request.sampling;
    if sampling.stop.len() > STOPS {
        return Err(Failure::unsupported("stop", format!("Gemini takes at most {STOPS} stop sequences")));
    }
    if sampling.n.is_some_and(|n| n > 1) {
        return Err(Failure::unsupported("n", "one answer per request"));
    }
    let mut set = |name: &str, value: Option<Value>| config.extend(value.map(|value| (name.to_owned(), value)));
    set("maxOutputTokens", sampling.max_tokens.map(Value::from));
    set("temperature", sampling.temperature.map(Value::from));
    set("topP", sampling.top_p.map(Value::from));
    set("topK", sampling.top_k.map(Value::from));
    set("stopSequences", (!sampling.stop.is_empty()).then(|| json!(sampling.stop)));
    // Seeds are 32 bits wide here. A wider one still picks the same one every time.
    set("seed", sampling.seed.map(|seed| Value::from(i32::try_from(seed).map_or(seed & 0x7fff_ffff, i64::from))));
    // Zero is the absence of a penalty, and models without the feature refuse to hear of it.
    set("presencePenalty", sampling.presence_penalty.filter(|penalty| *penalty != 0.0).map(Value::from));
    set("frequencyPenalty", sampling.frequency_penalty.filter(|penalty| *penalty != 0.0).map(Value::from));
    set("candidateCount", sampling.n.map(Value::from));
    match &request.output {
        None => {}
        Some(OutputFormat::JsonObject) => set("responseMimeType", Some("application/json".into())),
        Some(OutputFormat::JsonSchema { schema, description, .. }) => {
            set("responseMimeType", Some("application/json".into()));
            let mut schema = schema::output(schema);
            if let (Value::Object(root), Some(description)) = (&mut schema, description) {
                root.entry("description").or_insert_with(|| description.clone().into());
            }
            set("responseJsonSchema", Some(schema));
        }
    }
    set("thinkingConfig", thinking(request));
    Ok(config)
}

/// Budgets for Gemini 2.5, levels since Gemini 3, never both.
/// <https://ai.google.dev/gemini-api/docs/thinking>
fn thinking(request: &Request) -> Option<Value> {
    let asked = request.reasoning?;
    let third = is_third_generation(&request.model);
    let depth = match asked.depth {
        Some(depth) => Some(reasoning::fit(&request.model, depth)?),
        None => None,
    };
    let mut config = Map::new();
    let budget = |tokens: u64| ("thinkingBudget", Value::from(tokens));
    let said = match depth {
        None => None,
        Some(Depth::Adaptive) if third => None,
        Some(Depth::Adaptive) => Some(("thinkingBudget", Value::from(-1))),
        Some(Depth::Off) if third => Some(("thinkingLevel", level(Effort::Low).into())),
        Some(Depth::Off) => Some(budget(0)),
        Some(Depth::Budget(tokens)) if third => Some(("thinkingLevel", level(reasoning::effort(tokens)).into())),
        Some(Depth::Budget(tokens)) => Some(budget(tokens)),
        Some(Depth::Effort(effort)) if third => Some(("thinkingLevel", level(effort).into())),
        Some(Depth::Effort(effort)) => Some(budget(reasoning::budget(effort))),
    };
    config.extend(said.map(|(name, value)| (name.to_owned(), value)));
    // Whoever asks for reasoning without saying whether to see it expects to see it.
    if asked.visible.is_some() || asked.depth.is_some_and(|depth| depth != Depth::Off) {
        config.insert("includeThoughts".to_owned(), asked.visible.unwrap_or(true).into());
    }
    Some(config.into())
}

fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::XHigh | Effort::Max => "HIGH",
    }
}
