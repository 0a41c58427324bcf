//! What the demo has to say, and how it comes in pieces.

use serde_json::{Value, json};

use super::options::Options;
use super::schema;
use crate::fault::Failure;
use crate::ir::event::{Block, Completion, Delta, Event, FinishReason, Sink, Usage};
use crate::ir::{
    Depth, Issuer, OutputFormat, Part, PartKind, Protocol, Request, Role, Seal, Tool, ToolCall, ToolChoice, ToolInput,
    ToolKind, Turn,
};
use crate::json::Json;

/// The demo's proof that a thought is its own. Base64, as every real one.
const SEAL: &str = "c2x1aWNlIGRlbW8gc2VhbCwgbm90IGEgcmVhbCBzaWduYXR1cmU=";

pub fn answer(asked: &Request, options: &Options, account: &str, wire: Protocol) -> Result<Completion, Failure> {
    let seal = seal(wire);
    check_seals(asked, options, seal.as_ref())?;
    let last = asked.turns.iter().rev().find(|turn| turn.role == Role::User);
    let calls = calls(asked, last, options, seal.as_ref());
    let mut parts = Vec::new();
    let mut usage = Usage { input: prompt(asked), ..Usage::default() };
    usage.cache_read = options.cached.min(usage.input);
    usage.input -= usage.cache_read;
    if options.think || asked.reasoning.is_some_and(|said| !matches!(said.depth, None | Some(Depth::Off))) {
        let text = "The user wants an answer. I know one.".to_owned();
        usage.reasoning = words(&text);
        // With a call to come, Gemini seals the call and not the thought.
        let seal = seal.filter(|seal| calls.is_empty() || seal.issuer != Issuer::Google);
        parts.push(PartKind::Thinking { text, seal }.into());
    }
    let mut finish = FinishReason::Stop;
    if calls.is_empty() {
        let mut text = text(asked, last, options, account);
        if let Some(at) = asked.sampling.stop.iter().filter_map(|stop| text.find(stop.as_str())).min() {
            text.truncate(at);
        }
        if let Some(most) = asked.sampling.max_tokens.filter(|most| *most < words(&text)) {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            text = text.split_inclusive(char::is_whitespace).take(most).collect();
            finish = FinishReason::Length;
        }
        usage.output = words(&text);
        parts.push(Part::text(text));
    } else {
        usage.output = 10 * calls.len() as u64;
        parts.extend(calls.into_iter().map(|call| PartKind::ToolCall(call).into()));
        finish = FinishReason::ToolCalls;
    }
    let model = format!("demo/{}", options.name);
    Ok(Completion { id: "demo".to_owned(), model, parts, usage, finish: Some(finish) })
}

/// Who seals on `wire`; Chat has no place for one.
fn seal(wire: Protocol) -> Option<Seal> {
    let issuer = match wire {
        Protocol::Messages => Issuer::Anthropic,
        Protocol::Gemini => Issuer::Google,
        Protocol::Responses => Issuer::OpenAi,
        Protocol::Chat | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => return None,
    };
    Some(Seal { issuer, value: SEAL.to_owned(), redacted: false })
}

/// What Google's API takes in place of a signature it never gave.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// Responses keeps the item's id before the value.
fn check_seals(asked: &Request, options: &Options, own: Option<&Seal>) -> Result<(), Failure> {
    let Some(own) = own else { return Ok(()) };
    for (place, turn) in asked.turns.iter().enumerate() {
        let seals: Vec<&Seal> = turn.parts.iter().filter_map(sealed).collect();
        let foreign = |seal: &&Seal| seal.issuer != own.issuer || !seal.value.ends_with(SEAL) && seal.value != UNSIGNED;
        if seals.iter().any(foreign) {
            return Err(Failure::invalid(format!("messages[{place}]"), "the signature is not the demo's"));
        }
        let lost = !seals.iter().any(|seal| seal.value.ends_with(SEAL));
        if options.sealed && turn.role == Role::Assistant && lost {
            return Err(Failure::invalid(format!("messages[{place}]"), "the signature is missing"));
        }
    }
    Ok(())
}

fn sealed(part: &Part) -> Option<&Seal> {
    match &part.kind {
        PartKind::Thinking { seal, .. } => seal.as_ref(),
        PartKind::ToolCall(call) => call.seal.as_ref(),
        _ => None,
    }
}

fn text(asked: &Request, last: Option<&Turn>, options: &Options, account: &str) -> String {
    if let Some(chunks) = options.chunks {
        return (1..=chunks).map(|number| format!("word{number}")).collect::<Vec<_>>().join(" ");
    }
    if options.who {
        return account.to_owned();
    }
    let said = last.map(|turn| texts(&turn.parts)).unwrap_or_default();
    match &asked.output {
        Some(OutputFormat::JsonSchema { schema, .. }) => return schema::value(&schema.value(), "").to_string(),
        Some(OutputFormat::JsonObject) => return json!({ "answer": said }).to_string(),
        None => {}
    }
    let results: Vec<String> =
        last.iter().flat_map(|turn| &turn.parts).filter_map(|part| result(asked, part)).collect();
    match (results.is_empty(), options.echo) {
        (false, _) => results.join("\n"),
        (true, true) => said,
        (true, false) => format!("You said: {said}"),
    }
}

/// A tool's result, quoted.
fn result(asked: &Request, part: &Part) -> Option<String> {
    let PartKind::ToolResult { id, output, is_error } = &part.kind else { return None };
    let calls = asked.turns.iter().flat_map(|turn| &turn.parts);
    let mut names = calls.filter_map(|part| match &part.kind {
        PartKind::ToolCall(call) if call.id == *id => Some(call.name.as_str()),
        _ => None,
    });
    let verb = if *is_error { "failed" } else { "said" };
    Some(format!("{} {verb}: {}", names.next_back().unwrap_or("A tool"), texts(output)))
}

fn calls(asked: &Request, last: Option<&Turn>, options: &Options, seal: Option<&Seal>) -> Vec<ToolCall> {
    let has_result = |turn: &Turn| turn.parts.iter().any(|part| matches!(part.kind, PartKind::ToolResult { .. }));
    if asked.tool_choice == Some(ToolChoice::None) || last.is_none_or(has_result) {
        return Vec::new();
    }
    let mut tools: Vec<&Tool> =
        asked.tools.iter().filter(|tool| !matches!(tool.kind, ToolKind::Opaque { .. })).collect();
    let said = last.map(|turn| texts(&turn.parts)).unwrap_or_default();
    let wanted = |tool: &&Tool| match &asked.tool_choice {
        Some(ToolChoice::Named(name)) => tool.name == *name,
        _ => said.contains(tool.name.as_str()),
    };
    if let Some(first) = tools.iter().position(wanted) {
        tools.rotate_left(first);
    }
    let two =
        asked.turns.iter().find(|turn| turn.role == Role::User).is_some_and(|turn| texts(&turn.parts).contains("two"));
    let count = options.calls.unwrap_or(if two && asked.parallel_tools != Some(false) { 2 } else { 1 });
    let earlier = asked.turns.iter().flat_map(|turn| &turn.parts);
    let earlier = earlier.filter(|part| matches!(part.kind, PartKind::ToolCall(_))).count();
    let call = |(index, tool): (usize, &&Tool)| ToolCall {
        id: format!("call_demo_{}", earlier + index + 1),
        name: tool.name.clone(),
        input: match &tool.kind {
            ToolKind::Function { schema, .. } => ToolInput::Json(arguments(&schema.value())),
            ToolKind::Custom { .. } | ToolKind::Opaque { .. } => ToolInput::Text("demo".to_owned()),
        },
        // As Gemini does it: the first of parallel calls carries the seal.
        seal: seal.filter(|seal| seal.issuer == Issuer::Google && index == 0).cloned(),
    };
    tools.iter().cycle().take(if tools.is_empty() { 0 } else { count }).enumerate().map(call).collect()
}

fn arguments(schema: &Value) -> Json {
    let value = schema::value(schema, "");
    if value.is_object() { Json::of(&value) } else { Json::empty_object() }
}

fn texts(parts: &[Part]) -> String {
    let text = |part: &Part| match &part.kind {
        PartKind::Text(text) => Some(text.clone()),
        PartKind::Media(media) => Some(format!("[{}]", media.mime)),
        _ => None,
    };
    parts.iter().filter_map(text).collect::<Vec<_>>().join(" ")
}

/// Tokens of a request: its words, whatever they stand in.
pub fn prompt(asked: &Request) -> u64 {
    let turns = asked.turns.iter().map(|turn| {
        let results = turn.parts.iter().map(|part| match &part.kind {
            PartKind::ToolResult { output, .. } => texts(output),
            PartKind::ToolCall(call) => format!("{} {:?}", call.name, call.input),
            _ => String::new(),
        });
        format!("{} {}", texts(&turn.parts), results.collect::<Vec<_>>().join(" "))
    });
    let tools =
        asked.tools.iter().map(|tool| format!("{} {}", tool.name, tool.description.as_deref().unwrap_or_default()));
    [texts(&asked.system)].into_iter().chain(tools).chain(turns).map(|text| words(&text)).sum()
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// Deltas of one block, unless an order says otherwise: an echo of a book is not ten thousand events.
const PIECES: usize = 200;

/// The answer as the events of a stream.
pub fn play(done: &Completion, options: &Options, sink: &mut dyn Sink) {
    sink.event(Event::Start { id: &done.id, model: &done.model });
    sink.event(Event::Usage(Usage { output: 0, reasoning: 0, ..done.usage }));
    for (index, part) in (0..).zip(&done.parts) {
        let block = match &part.kind {
            PartKind::Text(_) => Block::Text,
            PartKind::Thinking { .. } => Block::Thinking,
            PartKind::ToolCall(call) => {
                let freeform = matches!(call.input, ToolInput::Text(_));
                Block::ToolCall { id: &call.id, name: &call.name, freeform }
            }
            PartKind::Media(_) | PartKind::ToolResult { .. } | PartKind::Opaque { .. } => continue,
        };
        sink.event(Event::BlockStart { index, block });
        let mut delta = |delta| sink.event(Event::Delta { index, delta });
        match &part.kind {
            PartKind::Text(text) => {
                pieces(text, options.chunks.unwrap_or(PIECES)).for_each(|piece| delta(Delta::Text(piece)));
            }
            PartKind::Thinking { text, seal } => {
                pieces(text, PIECES).for_each(|piece| delta(Delta::Text(piece)));
                seal.iter().for_each(|seal| delta(Delta::Seal(seal)));
            }
            PartKind::ToolCall(call) => {
                call.seal.iter().for_each(|seal| delta(Delta::Seal(seal)));
                match &call.input {
                    ToolInput::Json(json) => halves(json.get()).into_iter().for_each(|half| delta(Delta::Json(half))),
                    ToolInput::Text(text) => halves(text).into_iter().for_each(|half| delta(Delta::Text(half))),
                }
            }
            PartKind::Media(_) | PartKind::ToolResult { .. } | PartKind::Opaque { .. } => {}
        }
        sink.event(Event::BlockEnd { index });
    }
    sink.event(Event::Usage(done.usage));
    if let Some(finish) = &done.finish {
        sink.event(Event::Finish(finish.as_event()));
    }
}

/// `text` in at most `most` pieces, cut behind white space.
fn pieces(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let ends: Vec<usize> = text
        .split_inclusive(char::is_whitespace)
        .scan(0, |at, word| {
            *at += word.len();
            Some(*at)
        })
        .collect();
    let size = ends.len().div_ceil(most.max(1)).max(1);
    let last = ends.len();
    let cuts: Vec<usize> = ends
        .into_iter()
        .enumerate()
        .filter(|(at, _)| (at + 1) % size == 0 || at + 1 == last)
        .map(|(_, end)| end)
        .collect();
    cuts.into_iter().scan(0, move |from, to| text.get(std::mem::replace(from, to)..to))
}

fn halves(text: &str) -> Vec<&str> {
    let middle = text.floor_char_boundary(text.len() / 2);
    let (first, second) = text.split_at(middle);
    [first, second].into_iter().filter(|half| !half.is_empty()).collect()
}
