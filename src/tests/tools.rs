//! Tool names and kinds on their way to a provider and back.

use serde_json::json;

use crate::ir::event::{Block, Collector, Completion, Delta, Event, Finish, Sink};
use crate::ir::{
    Extras, Part, PartKind, Protocol, Request, Role, Tool, ToolCall, ToolChoice, ToolInput, ToolKind, Turn,
};
use crate::json::Json;
use crate::protocol::tools::{Restore, Restorer, Rules, fit};

const RULES: Rules =
    Rules { name_limit: 20, allowed: |c| c.is_ascii_alphanumeric() || c == '_', letter_first: true, freeform: false };

fn function(name: &str) -> Tool {
    let kind = ToolKind::Function { schema: Json::empty_object(), strict: None };
    Tool { name: name.to_owned(), description: None, kind, cache: None, extras: Extras::default() }
}

fn offering(names: &[&str]) -> Request {
    Request { tools: names.iter().map(|name| function(name)).collect(), ..Request::default() }
}

fn names(request: &Request) -> Vec<&str> {
    request.tools.iter().map(|tool| tool.name.as_str()).collect()
}

fn called(name: &str, input: ToolInput) -> Turn {
    let call = ToolCall { id: "a".to_owned(), name: name.to_owned(), input, seal: None };
    Turn { role: Role::Assistant, parts: vec![Part::from(PartKind::ToolCall(call))] }
}

/// What a client reads when the provider calls `name` with these fragments of arguments.
fn answered(restore: &Restore, name: &str, fragments: &[&str]) -> ToolCall {
    let mut collector = Collector::default();
    let mut pending = None;
    let mut restorer = Restorer { restore, pending: &mut pending, sink: &mut collector };
    restorer.event(Event::Start { id: "x", model: "m" });
    restorer.event(Event::BlockStart { index: 0, block: Block::ToolCall { id: "a", name, freeform: false } });
    fragments.iter().for_each(|json| restorer.event(Event::Delta { index: 0, delta: Delta::Json(json) }));
    restorer.event(Event::BlockEnd { index: 0 });
    restorer.event(Event::Finish(Finish::ToolCalls));
    match Completion::of(collector).unwrap().parts.remove(0).kind {
        PartKind::ToolCall(call) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn legal_names_are_left_alone() {
    let mut request = offering(&["f", "get_weather", "x1"]);
    assert!(fit(&mut request, RULES).is_empty());
    assert_eq!(names(&request), ["f", "get_weather", "x1"]);
}

#[test]
fn illegal_names_are_cleaned_and_come_back() {
    let long = "mcp__server__a_very_long_name";
    let table = ["a.b", "9lives", long, "\u{e9}t\u{e9}"];
    let mut request = offering(&table);
    request.tool_choice = Some(ToolChoice::Named(long.to_owned()));
    request.turns = vec![called("a.b", ToolInput::Json(Json::empty_object()))];
    let restore = fit(&mut request, RULES);
    for (sent, name) in names(&request).into_iter().zip(table) {
        assert!(sent.len() <= 20 && sent.chars().all(RULES.allowed) && !sent.starts_with('9'), "{sent}");
        assert_eq!(answered(&restore, sent, &["{}"]).name, name);
    }
    assert_eq!(request.tool_choice, Some(ToolChoice::Named(request.tools[2].name.clone())));
    assert_eq!(request.turns, [called("a_b", ToolInput::Json(Json::empty_object()))]);
    assert_eq!(answered(&restore, "unheard_of", &["{}"]).name, "unheard_of");
}

#[test]
fn names_that_would_be_the_same_stay_apart() {
    let mut request = offering(&["a.b", "a-b", "a_b", "mcp__one__search_files", "mcp__one__search_folders", ""]);
    let restore = fit(&mut request, RULES);
    assert_eq!(request.tools[2].name, "a_b", "a legal name is its owner's");
    let mut sent: Vec<_> = request.tools.iter().map(|tool| tool.name.clone()).collect();
    assert_eq!(answered(&restore, &sent[0], &[]).name, "a.b");
    assert_eq!(answered(&restore, &sent[1], &[]).name, "a-b");
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 6);
}

#[test]
fn one_request_is_always_fitted_alike() {
    let fitted = |mut request: Request| {
        fit(&mut request, RULES);
        request
    };
    let request = offering(&["a.b", "a_b", "mcp__one__search_files"]);
    assert_eq!(fitted(request.clone()), fitted(request.clone()));
    // A tool that is gone still has the name in the history that it had when it was offered.
    let call = called("mcp__one__search_files", ToolInput::Json(Json::empty_object()));
    let gone = fitted(Request { turns: vec![call], ..offering(&[]) });
    let PartKind::ToolCall(call) = &gone.turns[0].parts[0].kind else { panic!() };
    assert_eq!(call.name, fitted(request).tools[2].name);
}

#[test]
fn a_freeform_tool_goes_as_a_function_and_its_calls_come_back_as_text() {
    let format = Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: /a/"}));
    let custom = Tool { kind: ToolKind::Custom { format }, ..function("apply_patch") };
    let turns = vec![called("apply_patch", ToolInput::Text("*** Begin".to_owned()))];
    let request = Request { tools: vec![custom, function("f")], turns, ..Request::default() };

    let mut sent = request.clone();
    let restore = fit(&mut sent, RULES);
    let ToolKind::Function { schema, .. } = &sent.tools[0].kind else { panic!() };
    assert!(schema.get().contains("start: /a/"), "{schema:?}");
    let input = ToolInput::Json(Json::of(&json!({"input": "*** Begin"})));
    assert_eq!(sent.turns, [called("apply_patch", input)]);
    let text = |fragments: &[&str]| answered(&restore, "apply_patch", fragments).input;
    assert_eq!(text(&["{\"inp", "ut\": \"a\\n", "b\"}"]), ToolInput::Text("a\nb".to_owned()));
    assert_eq!(text(&["no object"]), ToolInput::Text("no object".to_owned()));
    assert_eq!(
        answered(&restore, "f", &["{\"input\":1}"]).input,
        ToolInput::Json(Json::parse("{\"input\":1}").unwrap())
    );

    let mut kept = request.clone();
    assert!(fit(&mut kept, Rules { freeform: true, ..RULES }).is_empty());
    assert_eq!(kept, request);
}

#[test]
fn tools_of_the_provider_keep_their_words() {
    let value = json!({"type": "web_search_20250305", "name": "web.search"});
    let opaque = Tool { kind: ToolKind::Opaque { owner: Protocol::Messages, value }, ..function("web.search") };
    let mut request = Request { tools: vec![opaque], ..Request::default() };
    let before = request.clone();
    assert!(fit(&mut request, RULES).is_empty());
    assert_eq!(request, before);
}

#[test]
fn what_is_nested_too_deeply_to_be_translated_is_refused_by_name() {
    let deep = |levels: usize| format!("{}{}", r#"{"a":"#.repeat(levels), "1".to_owned() + &"}".repeat(levels));
    let ask = |schema: &str, input: &str| {
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"tools":[{{"name":"f","input_schema":{schema}}}],"messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"f","input":{input}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c","content":"{{{{{{"}}]}}]}}"#
        );
        let call = super::rig::call("POST", "/v1/messages", &[], body).unwrap();
        let target = super::rig::target(crate::ir::Protocol::Gemini, "a", "m");
        crate::upstream::payload(&call, &target).map(|payload| payload.body)
    };
    let refused = |schema: &str, input: &str| ask(schema, input).map(|_| ()).unwrap_err();
    let schema = refused(&deep(101), "{}");
    assert_eq!(
        (schema.status, schema.message.as_str()),
        (400, "tools: the schema of f is nested more than 100 levels deep")
    );
    let input = refused("{}", &deep(4000));
    assert_eq!(input.message, "messages: the input of a call of f is nested more than 100 levels deep");
    let sent = ask(r#"{"type":"object","properties":{}}"#, &deep(100)).unwrap();
    assert!(String::from_utf8(sent.to_vec()).unwrap().contains(&deep(100)), "what is not too deep goes out whole");
    let text = format!(r#"{{"a":"{}"}}"#, "[{".repeat(500));
    assert!(ask("{}", &text).is_ok(), "brackets in a text are text");
}
