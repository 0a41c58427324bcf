//! A canonical request, as Anthropic takes it.

use super::cache::Marks;
use super::encode_content::{message, write_text};
use super::encode_tools::tools;
use super::schema;
use super::thinking::{Plan, takes_sampling};
use super::turns::{self, is_said};
use crate::fault::Failure;
use crate::ir::{OutputFormat, PartKind, Protocol, Request};
use crate::json::{Array, Object};

pub fn encode_request(request: &Request) -> Result<Vec<u8>, Failure> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(Failure::unsupported("n", "this provider gives one answer at a time"));
    }
    let messages = turns::plan(request);
    if messages.is_empty() {
        return Err(Failure::invalid("messages", "empty"));
    }
    let plan = Plan::of(request, &messages);
    // Without turns the instructions are the user's message.
    let system: Vec<_> = match request.turns.iter().any(|turn| turn.parts.iter().any(is_said)) {
        true => request.system.iter().filter(|part| is_said(part)).collect(),
        false => Vec::new(),
    };
    let offered = request.tools.iter().map(|tool| tool.cache);
    let blocks = messages.iter().flat_map(|message| &message.blocks).map(turns::Block::cache);
    let mut marks = Marks::of(offered.chain(system.iter().map(|part| part.cache)).chain(blocks));

    let mut out = Vec::with_capacity(4096);
    let mut body = Object::begin(&mut out);
    body.str("model", &request.model);
    body.u64("max_tokens", plan.max_tokens);
    if request.stream {
        body.bool("stream", true);
    }
    sampling(request, &plan, &mut body);
    plan.write(&mut body);
    output_config(request, &plan, &mut body);
    if let Some(user) = &request.user {
        let mut metadata = Object::begin(body.key("metadata"));
        metadata.str("user_id", user);
        metadata.end();
    }
    for (name, value) in request.extras.of(Protocol::Messages).into_iter().flatten() {
        if name != "output_config" {
            body.value(name, value);
        }
    }
    tools(request, &messages, &mut marks, &mut body)?;
    if !system.is_empty() {
        let mut list = Array::begin(body.key("system"));
        for (index, part) in system.into_iter().enumerate() {
            let PartKind::Text(text) = &part.kind else {
                return Err(Failure::unsupported(format!("system[{index}]"), "this provider is instructed in text"));
            };
            write_text(text, part, part.cache, &mut marks, list.item());
        }
        list.end();
    }
    let mut list = Array::begin(body.key("messages"));
    messages.iter().try_for_each(|one| message(one, &mut marks, list.item()))?;
    list.end();
    body.end();
    Ok(out)
}

fn sampling(request: &Request, plan: &Plan, body: &mut Object<'_>) {
    let sampling = &request.sampling;
    // Anthropic refuses blank ones.
    let stop: Vec<&String> = sampling.stop.iter().filter(|stop| !stop.trim().is_empty()).collect();
    if !stop.is_empty() {
        body.value("stop_sequences", &stop);
    }
    if !takes_sampling(&request.model) {
        return;
    }
    // Thinking needs its own: 1, or a `top_p` that cuts next to nothing.
    let temperature = sampling.temperature.map(|value| value.clamp(0.0, 1.0));
    let temperature = temperature.filter(|value| !plan.thinks() || *value == 1.0);
    let top_p = sampling.top_p.filter(|value| !plan.thinks() || (0.95..=1.0).contains(value));
    if let Some(temperature) = temperature {
        body.value("temperature", &temperature);
    } else if let Some(top_p) = top_p {
        body.value("top_p", &top_p);
    }
    if let (Some(top_k), false) = (sampling.top_k, plan.thinks()) {
        body.u64("top_k", top_k);
    }
}

fn output_config(request: &Request, plan: &Plan, body: &mut Object<'_>) {
    let schema = match &request.output {
        Some(OutputFormat::JsonSchema { schema, .. }) => Some(schema),
        Some(OutputFormat::JsonObject) | None => None,
    };
    let extra = request.extras.of(Protocol::Messages).and_then(|members| members.get("output_config")?.as_object());
    if schema.is_none() && plan.effort.is_none() && extra.is_none() {
        return;
    }
    let mut config = Object::begin(body.key("output_config"));
    if let Some(effort) = plan.effort {
        config.str("effort", effort.word());
    }
    if let Some(schema) = schema {
        let mut format = Object::begin(config.key("format"));
        format.str("type", "json_schema");
        format.raw("schema", &schema::output(schema));
        format.end();
    }
    extra.into_iter().flatten().for_each(|(name, value)| config.value(name, value));
    config.end();
}
