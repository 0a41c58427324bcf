//! What goes to Google: canonical requests out.

use serde_json::{Value, json};

use super::*;
use crate::ir::{
    Depth, Effort, Issuer, Media, OutputFormat, Part, PartKind, Reasoning, Role, Seal, Source, Tool, ToolCall,
    ToolChoice, ToolInput, ToolKind, Turn,
};
use crate::json::Json;

fn request(model: &str, turns: Vec<(Role, Vec<PartKind>)>) -> Request {
    let turn = |(role, parts): (Role, Vec<PartKind>)| Turn { role, parts: parts.into_iter().map(Part::from).collect() };
    Request { model: model.to_owned(), turns: turns.into_iter().map(turn).collect(), ..Request::default() }
}

fn text(text: &str) -> PartKind {
    PartKind::Text(text.to_owned())
}

fn asked(model: &str) -> Request {
    request(model, vec![(Role::User, vec![text("x")])])
}

fn function_call(id: &str, name: &str, seal: Option<Seal>) -> PartKind {
    let input = ToolInput::Json(Json::object("{\"a\":1}").unwrap());
    PartKind::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), input, seal })
}

fn result(id: &str, output: Vec<PartKind>, is_error: bool) -> PartKind {
    PartKind::ToolResult { id: id.to_owned(), output: output.into_iter().map(Part::from).collect(), is_error }
}

fn image() -> PartKind {
    media("image/png", Source::Base64("iVBO".to_owned()))
}

fn media(mime: &str, source: Source) -> PartKind {
    PartKind::Media(Media { mime: mime.to_owned(), source, name: Some("a name".to_owned()) })
}

fn seal(issuer: Issuer) -> Option<Seal> {
    Some(Seal { issuer, value: "c2ln".to_owned(), redacted: false })
}

fn function(name: &str, schema: Value) -> Tool {
    Tool {
        name: name.to_owned(),
        description: Some("d".to_owned()),
        kind: ToolKind::Function { schema: Json::of(&schema), strict: Some(true) },
        cache: None,
        extras: crate::ir::Extras::default(),
    }
}

fn provided(owner: Protocol, value: Value) -> Tool {
    Tool {
        name: "provided".to_owned(),
        description: None,
        kind: ToolKind::Opaque { owner, value },
        cache: None,
        extras: crate::ir::Extras::default(),
    }
}

fn contents(request: &Request) -> Value {
    encoded(request)["contents"].clone()
}

fn config(change: impl FnOnce(&mut Request)) -> Value {
    let mut request = asked("gemini-2.5-flash");
    change(&mut request);
    encoded(&request).get("generationConfig").cloned().unwrap_or_default()
}

fn refusal(request: &Request) -> String {
    Gemini.encode_request(request).unwrap_err().message
}

#[test]
fn a_conversation_alternates_and_results_follow_their_calls() {
    let request = request(
        "gemini-2.5-flash",
        vec![
            (Role::User, vec![text("a")]),
            (Role::User, vec![text("b")]),
            (Role::Assistant, vec![text("calling"), function_call("toolu_01", "get_weather", None)]),
            (Role::System, vec![text("be careful")]),
            (Role::User, vec![text("and"), result("toolu_01", vec![text("sunny")], false)]),
        ],
    );
    assert_eq!(
        contents(&request),
        json!([
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "calling"},
                {"functionCall": {"id": "toolu_01", "name": "get_weather", "args": {"a": 1}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "toolu_01", "name": "get_weather", "response": {"result": "sunny"}}},
                {"text": "<system>\nbe careful\n</system>"}, {"text": "and"}]},
        ])
    );
}

#[test]
fn the_name_of_a_result_is_its_calls_never_cut_out_of_an_id() {
    for id in ["toolu_01AbC", "call-get-weather-1", "get_weather-123-4", ""] {
        let request = request(
            "gemini-2.5-flash",
            vec![(Role::Assistant, vec![function_call(id, "f", None)]), (Role::User, vec![result(id, vec![], false)])],
        );
        assert_eq!(contents(&request)[1]["parts"][0]["functionResponse"]["name"], "f", "{id}");
    }
    let orphan = request("gemini-2.5-flash", vec![(Role::User, vec![text("x"), result("toolu_9", vec![], false)])]);
    assert_eq!(refusal(&orphan), "messages[0].content[1]: answers a tool call that is not in the conversation");
}

#[test]
fn a_result_is_an_object_and_keeps_its_structure() {
    let response = |output: Vec<PartKind>, is_error| {
        let turns = vec![
            (Role::Assistant, vec![function_call("c", "f", None)]),
            (Role::User, vec![result("c", output, is_error)]),
        ];
        contents(&request("gemini-2.5-flash", turns))[1]["parts"][0]["functionResponse"]["response"].clone()
    };
    let table = [
        (vec![text("sunny")], false, json!({"result": "sunny"})),
        (vec![text("{\"t\": 1.0}")], false, json!({"t": 1.0})),
        (vec![text("[1,2]")], false, json!({"result": [1, 2]})),
        (vec![text("12")], false, json!({"result": "12"})),
        (vec![text("{broken")], false, json!({"result": "{broken"})),
        (vec![text("a"), text("b")], false, json!({"result": "a\nb"})),
        (vec![], false, json!({"result": ""})),
        (vec![text("no")], true, json!({"error": "no"})),
        (vec![text("{\"code\":5}")], true, json!({"error": {"code": 5}})),
    ];
    for (output, is_error, expected) in table {
        assert_eq!(response(output.clone(), is_error), expected, "{output:?}");
    }
}

#[test]
fn images_of_a_result_go_into_it_or_beside_it_as_the_model_takes_them() {
    let turns = vec![
        (Role::Assistant, vec![function_call("c", "f", seal(Issuer::Google))]),
        (Role::User, vec![result("c", vec![text("see"), image()], false)]),
    ];
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "iVBO"}});
    let older = contents(&request("gemini-2.5-flash", turns.clone()));
    assert_eq!(older[1]["parts"][1], picture);
    assert!(older[1]["parts"][0]["functionResponse"].get("parts").is_none());
    let two = vec![
        (Role::Assistant, vec![function_call("c", "f", None), function_call("d", "f", None)]),
        (Role::User, vec![result("c", vec![image()], false), result("d", vec![image()], false)]),
    ];
    let kinds = |part: &Value| part.as_object().unwrap().keys().next().unwrap().clone();
    let order: Vec<String> =
        contents(&request("gemini-2.5-flash", two))[1]["parts"].as_array().unwrap().iter().map(kinds).collect();
    assert_eq!(order, ["functionResponse", "functionResponse", "inlineData", "inlineData"]);
    let newer = contents(&request("gemini-3-pro-preview", turns));
    assert_eq!(newer[1]["parts"][0]["functionResponse"]["parts"], json!([picture]));
    assert_eq!(newer[1]["parts"].as_array().unwrap().len(), 1);
}

#[test]
fn only_googles_own_seals_go_back() {
    let thinking = |seal| PartKind::Thinking { text: "hm".to_owned(), seal };
    let model =
        |parts| contents(&request("gemini-2.5-pro", vec![(Role::User, vec![text("x")]), (Role::Assistant, parts)]));
    assert_eq!(
        model(vec![thinking(seal(Issuer::Google)), function_call("c", "f", seal(Issuer::Google))])[1]["parts"],
        json!([{"text": "hm", "thought": true, "thoughtSignature": "c2ln"},
            {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}])
    );
    let foreign = vec![thinking(seal(Issuer::Anthropic)), function_call("c", "f", seal(Issuer::OpenAi))];
    assert_eq!(model(foreign)[1]["parts"], json!([{"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}]));
    let redacted = Some(Seal { redacted: true, ..seal(Issuer::Google).unwrap() });
    assert_eq!(model(vec![thinking(redacted)]), json!([{"role": "user", "parts": [{"text": "x"}]}]));
}

#[test]
fn the_third_generation_gets_a_stand_in_on_the_first_unsigned_call_of_a_step() {
    let turns = || {
        vec![
            (Role::User, vec![text("x")]),
            (Role::Assistant, vec![function_call("1", "f", None), function_call("2", "f", None)]),
            (Role::User, vec![result("1", vec![], false), result("2", vec![], false)]),
            (Role::Assistant, vec![function_call("3", "f", seal(Issuer::Google)), function_call("4", "f", None)]),
            (Role::User, vec![result("3", vec![], false), result("4", vec![], false)]),
            (Role::Assistant, vec![text("so"), function_call("5", "f", seal(Issuer::Anthropic))]),
        ]
    };
    let signatures = |model: &str| -> Vec<Value> {
        let all = contents(&request(model, turns()));
        let parts = all.as_array().unwrap().iter().flat_map(|content| content["parts"].as_array().unwrap().clone());
        parts.filter(|part| part.get("functionCall").is_some()).map(|part| part["thoughtSignature"].clone()).collect()
    };
    let skip = "skip_thought_signature_validator";
    for model in ["gemini-3-pro-preview", "gemini-3.7-flash", "models/gemini-10-ultra", "gemini-flash-latest"] {
        assert_eq!(signatures(model), [json!(skip), Value::Null, json!("c2ln"), Value::Null, json!(skip)], "{model}");
    }
    for model in ["gemini-2.5-pro", "gemini-2.0-flash", "gemma-3-27b-it"] {
        assert_eq!(signatures(model), [json!(null), json!(null), json!("c2ln"), json!(null), json!(null)], "{model}");
    }
}

#[test]
fn a_trailing_assistant_turn_is_a_prefill() {
    let request = request("gemini-2.5-pro", vec![(Role::User, vec![text("x")]), (Role::Assistant, vec![text("{")])]);
    assert_eq!(contents(&request)[1], json!({"role": "model", "parts": [{"text": "{"}]}));
}

#[test]
fn instructions_alone_become_the_question() {
    let mut alone = Request { model: "gemini-2.5-pro".to_owned(), ..Request::default() };
    assert_eq!(refusal(&alone), "messages: the conversation is empty");
    alone.system = vec![Part::text("say hi")];
    assert_eq!(encoded(&alone), json!({"contents": [{"role": "user", "parts": [{"text": "say hi"}]}]}));
}

#[test]
fn several_system_parts_all_arrive() {
    let mut request = asked("gemini-2.5-pro");
    request.system = vec![Part::text("one"), Part::text(""), Part::text("two")];
    assert_eq!(encoded(&request)["systemInstruction"], json!({"parts": [{"text": "one"}, {"text": "two"}]}));
    request.system = vec![image().into()];
    assert_eq!(refusal(&request), "system[0]: Gemini takes text alone here");
}

#[test]
fn media_go_inline_or_by_address() {
    let part = |kind| contents(&request("gemini-2.5-pro", vec![(Role::User, vec![kind])]))[0]["parts"][0].clone();
    let url = |url: &str| Source::Url(url.to_owned());
    assert_eq!(part(image()), json!({"inlineData": {"mimeType": "image/png", "data": "iVBO"}}));
    assert_eq!(
        part(media("", url("https://x.test/a/b.PDF?sig=1.png"))),
        json!({"fileData": {"mimeType": "application/pdf", "fileUri": "https://x.test/a/b.PDF?sig=1.png"}})
    );
    assert_eq!(
        part(media("image/*", url("https://x.test/b.jpg"))),
        json!({"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.test/b.jpg"}})
    );
    assert_eq!(part(media("", url("https://x.test/b"))), json!({"fileData": {"fileUri": "https://x.test/b"}}));
    assert_eq!(part(media("image/*", url("https://x.test/b"))), json!({"fileData": {"fileUri": "https://x.test/b"}}));
    let file = Source::File { owner: Protocol::Gemini, id: "files/abc".to_owned() };
    assert_eq!(part(media("video/mp4", file)), json!({"fileData": {"mimeType": "video/mp4", "fileUri": "files/abc"}}));
    let theirs = media("", Source::File { owner: Protocol::Chat, id: "file-1".to_owned() });
    let refused = refusal(&request("gemini-2.5-pro", vec![(Role::User, vec![text("x"), theirs])]));
    assert_eq!(refused, "messages[0].content[1]: the file is stored at another provider");
}

#[test]
fn another_providers_own_part_is_refused_by_name() {
    let part = PartKind::Opaque { owner: Protocol::Responses, value: json!({"type": "computer_call"}) };
    let refused = refusal(&request("gemini-2.5-pro", vec![(Role::User, vec![part])]));
    assert_eq!(refused, "messages[0].content[0]: Gemini has no computer_call");
}

#[test]
fn sampling_is_sent_as_it_was_given() {
    let all = config(|request| {
        request.sampling.max_tokens = Some(100);
        request.sampling.temperature = Some(0.0);
        request.sampling.top_p = Some(0.5);
        request.sampling.top_k = Some(7);
        request.sampling.stop = vec!["X".to_owned(), "Y".to_owned()];
        request.sampling.seed = Some(7);
        request.sampling.presence_penalty = Some(0.5);
        request.sampling.frequency_penalty = Some(-0.5);
        request.sampling.n = Some(1);
    });
    assert_eq!(
        all,
        json!({"maxOutputTokens": 100, "temperature": 0.0, "topP": 0.5, "topK": 7,
        "stopSequences": ["X", "Y"], "seed": 7, "presencePenalty": 0.5, "frequencyPenalty": -0.5, "candidateCount": 1})
    );
    assert_eq!(config(|_| {}), Value::Null, "no defaults of our own");
    assert_eq!(config(|request| request.sampling.presence_penalty = Some(0.0)), Value::Null);
    assert_eq!(config(|request| request.sampling.seed = Some(i64::MAX))["seed"], 0x7fff_ffff);
}

#[test]
fn what_gemini_cannot_do_is_refused() {
    let mut many = asked("gemini-2.5-pro");
    many.sampling.stop = vec!["x".to_owned(); 6];
    assert_eq!(refusal(&many), "stop: Gemini takes at most 5 stop sequences");
    let mut two = asked("gemini-2.5-pro");
    two.sampling.n = Some(2);
    assert_eq!(refusal(&two), "n: one answer per request");
    let mut tool = asked("gemini-2.5-pro");
    tool.tools = vec![provided(Protocol::Responses, json!({"type": "code_interpreter"}))];
    assert_eq!(refusal(&tool), "tools[0]: Gemini cannot run code_interpreter");
}

#[test]
fn nothing_is_injected() {
    let wire = encoded(&asked("gemini-3-pro-preview"));
    assert_eq!(wire, json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}]}));
}

/// The hints of the module's documentation: what other clients say and Gemini never hears.
#[test]
fn hints_of_other_protocols_are_dropped() {
    let schema = || Json::of(&json!({"type": "object"}));
    let output = |name: Option<&str>, strict| OutputFormat::JsonSchema {
        name: name.map(str::to_owned),
        description: None,
        schema: schema(),
        strict,
    };
    let mut plain = asked("gemini-2.5-flash");
    plain.turns[0].parts.push(media("image/png", Source::Base64("iVBO".to_owned())).into());
    plain.tools = vec![function("a", json!({"type": "object"}))];
    plain.output = Some(output(None, None));
    let mut hinted = plain.clone();
    hinted.turns[0].parts[0].cache = Some(crate::ir::Cache::Long);
    hinted.tools[0].cache = Some(crate::ir::Cache::Short);
    hinted.tools[0].kind = ToolKind::Function { schema: schema(), strict: None };
    hinted.parallel_tools = Some(false);
    hinted.user = Some("u".to_owned());
    hinted.output = Some(output(Some("n"), Some(true)));
    if let PartKind::Media(media) = &mut hinted.turns[0].parts[1].kind {
        media.name = None;
    }
    hinted.extras =
        crate::ir::Extras::new(Protocol::Chat, serde_json::Map::from_iter([("logit_bias".to_owned(), json!({}))]));
    assert_eq!(encoded(&hinted), encoded(&plain));
}

#[test]
fn thinking_is_a_budget_or_a_level_and_never_both() {
    let thinking = |model: &str, depth, visible| {
        let mut request = asked(model);
        request.reasoning = Some(Reasoning { depth, visible });
        encoded(&request)["generationConfig"]["thinkingConfig"].clone()
    };
    let (two, three) = ("gemini-2.5-flash", "gemini-3-pro-preview");
    let effort = |level| Some(Depth::Effort(level));
    assert_eq!(thinking(two, effort(Effort::High), None), json!({"thinkingBudget": 24_576, "includeThoughts": true}));
    assert_eq!(
        thinking(two, Some(Depth::Budget(1_000)), Some(false)),
        json!({"thinkingBudget": 1_000, "includeThoughts": false})
    );
    assert_eq!(thinking(two, Some(Depth::Adaptive), None), json!({"thinkingBudget": -1, "includeThoughts": true}));
    assert_eq!(thinking(two, Some(Depth::Off), None), json!({"thinkingBudget": 0}));
    assert_eq!(thinking(two, None, Some(true)), json!({"includeThoughts": true}));
    assert_eq!(thinking(three, effort(Effort::High), None), json!({"thinkingLevel": "HIGH", "includeThoughts": true}));
    assert_eq!(thinking(three, effort(Effort::Low), None), json!({"thinkingLevel": "LOW", "includeThoughts": true}));
    for depth in [Depth::Off, Depth::Budget(1), Depth::Budget(50_000), Depth::Effort(Effort::Max), Depth::Adaptive] {
        let said = thinking(three, Some(depth), None);
        assert!(said.get("thinkingBudget").is_none(), "{said}");
        // A model too new for the catalogue is asked in the words of its generation.
        let said = thinking("gemini-9-ultra", Some(depth), None);
        assert!(said.get("thinkingBudget").is_none(), "{said}");
    }
}

#[test]
fn output_formats_go_as_json_schema() {
    let schema = Json::of(&json!({"type": "object", "properties": {"a": {"const": "x"}}}));
    let format = OutputFormat::JsonSchema {
        name: Some("n".to_owned()),
        description: Some("d".to_owned()),
        schema,
        strict: Some(true),
    };
    assert_eq!(
        config(|request| request.output = Some(format)),
        json!({"responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "description": "d"}})
    );
    let object = config(|request| request.output = Some(OutputFormat::JsonObject));
    assert_eq!(object, json!({"responseMimeType": "application/json"}));
}

#[test]
fn tools_go_as_one_list_of_declarations() {
    let mut request = asked("gemini-2.5-flash");
    request.tools = vec![function("a", json!({"type": "object"})), function("b", json!({}))];
    request.tool_choice = Some(ToolChoice::Required);
    request.parallel_tools = Some(false);
    let wire = encoded(&request);
    spec::check("GenerateContentRequest", &wire);
    assert_eq!(
        wire["tools"],
        json!([{"functionDeclarations": [
        {"name": "a", "description": "d", "parametersJsonSchema": {"type": "object"}},
        {"name": "b", "description": "d", "parametersJsonSchema": {"type": "object"}}]}])
    );
    assert_eq!(wire["toolConfig"], json!({"functionCallingConfig": {"mode": "ANY"}}));
    let choice = |choice| {
        let mut request = request.clone();
        request.tool_choice = choice;
        encoded(&request).get("toolConfig").map(|config| config["functionCallingConfig"].clone())
    };
    assert_eq!(choice(None), None);
    assert_eq!(choice(Some(ToolChoice::Auto)), Some(json!({"mode": "AUTO"})));
    assert_eq!(choice(Some(ToolChoice::None)), Some(json!({"mode": "NONE"})));
    assert_eq!(
        choice(Some(ToolChoice::Named("b".to_owned()))),
        Some(json!({"mode": "ANY", "allowedFunctionNames": ["b"]}))
    );
    let mut without = asked("gemini-2.5-flash");
    without.tool_choice = Some(ToolChoice::None);
    assert!(encoded(&without).get("toolConfig").is_none(), "Google refuses a choice of nothing");
}

#[test]
fn a_web_search_is_googles_where_no_function_stands_in_its_way() {
    let search = || provided(Protocol::Messages, json!({"type": "web_search_20260209", "name": "web_search"}));
    let mut request = asked("gemini-2.5-flash");
    request.tools = vec![search()];
    assert_eq!(encoded(&request)["tools"], json!([{"googleSearch": {}}]));
    request.tools = vec![search(), function("a", json!({"type": "object"}))];
    let tools = encoded(&request)["tools"].clone();
    assert_eq!(tools.as_array().unwrap().len(), 1);
    assert!(tools[0].get("functionDeclarations").is_some());
}

#[test]
fn names_google_refuses_are_changed_and_given_back() {
    let rules = Gemini.tool_rules();
    let mut request = asked("gemini-2.5-flash");
    let long = "mcp__".to_owned() + &"x".repeat(80);
    request.tools = vec![function("1st tool", json!({})), function(&long, json!({})), function("a.b:c-d", json!({}))];
    let restore = crate::protocol::tools::fit(&mut request, rules);
    for tool in &request.tools {
        assert!(tool.name.chars().all(rules.allowed) && tool.name.len() <= 64 && !tool.name.starts_with('1'));
    }
    assert_eq!(request.tools[2].name, "a.b:c-d");
    assert_eq!(restore.name(&request.tools[0].name), "1st tool");
    assert_eq!(restore.name(&request.tools[1].name), long);
}

#[test]
fn a_relayed_body_loses_the_signatures_of_others_and_nothing_else() {
    let done = crate::ir::event::Completion {
        parts: vec![PartKind::Thinking { text: "hm".to_owned(), seal: seal(Issuer::Anthropic) }.into()],
        ..Default::default()
    };
    let echo_call = call("generateContent", &json!({"contents": []}));
    let mut out = Vec::new();
    Gemini.encode_response(&done, &Echo { call: &echo_call, request: None }, &mut out);
    let answer: Value = serde_json::from_slice(&out).unwrap();
    let foreign = answer["candidates"][0]["content"]["parts"][0]["thoughtSignature"].as_str().unwrap();
    let body =
        |signature: &str| format!("{{ \"contents\":[{{\"parts\":[{{\"thoughtSignature\" : \"{signature}\"}}]}}]}}");
    let relayed = crate::protocol::gemini::foreign_out(&body(foreign).into());
    assert_eq!(relayed, body("skip_thought_signature_validator"));
    for own in ["c2ln", "", "X19zZWFsX", "X19zZWFsXw=="] {
        assert_eq!(crate::protocol::gemini::foreign_out(&body(own).into()), body(own));
    }
}
