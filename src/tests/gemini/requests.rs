//! What clients send: bodies in, canonical requests out.

use serde_json::{Value, json};

use super::*;
use crate::ir::{
    Depth, Effort, Issuer, Media, OutputFormat, Part, PartKind, Reasoning, Role, Seal, Source, ToolCall, ToolChoice,
    ToolInput, ToolKind,
};
use crate::json::Json;

fn parts(parts: Value) -> Vec<PartKind> {
    let mut request = decoded(&json!({"contents": [{"role": "user", "parts": parts}]}));
    request.turns.remove(0).parts.into_iter().map(|part| part.kind).collect()
}

fn texts(parts: &[Part]) -> Vec<&str> {
    parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Text(text) => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn both_spellings_mean_the_same_in_any_mixture() {
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "https://x.test/a.mp4"}, "videoMetadata": {"fps": 1}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": "ok"}}}]}
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"},
            "responseJsonSchema": {"type": "string"}}]}, {"googleSearch": {}}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 50, "topP": 0.9, "topK": 4, "stopSequences": ["X"],
            "presencePenalty": 0.1, "frequencyPenalty": 0.2, "candidateCount": 1, "seed": 1, "temperature": 0,
            "responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"},
            "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 128}},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    });
    // Names of our own values (`f`, `fps`) are one word, so every key can be respelled blindly.
    fn snake(value: &Value, every: usize, count: &mut usize) -> Value {
        match value {
            Value::Object(members) => {
                let respell = |key: &str| {
                    key.chars().fold(String::new(), |mut out, c| {
                        if c.is_ascii_uppercase() {
                            out.push('_');
                        }
                        out.push(c.to_ascii_lowercase());
                        out
                    })
                };
                let mut out = serde_json::Map::new();
                for (key, member) in members {
                    *count += 1;
                    let key = if count.is_multiple_of(every) { respell(key) } else { key.clone() };
                    let member = snake(member, every, count);
                    out.insert(key, member);
                }
                out.into()
            }
            Value::Array(items) => items.iter().map(|item| snake(item, every, count)).collect(),
            other => other.clone(),
        }
    }
    let expected = decoded(&camel);
    assert_eq!(expected.sampling.max_tokens, Some(50));
    assert_eq!(expected.sampling.temperature, Some(0.0));
    assert_eq!(expected.tool_choice, Some(ToolChoice::Named("f".to_owned())));
    for every in [1, 2, 3] {
        let mixed = snake(&camel, every, &mut 0);
        assert_eq!(decoded(&mixed), expected, "{mixed}");
    }
}

#[test]
fn contents_and_parts_may_be_single_objects() {
    let request = decoded(&json!({"contents": {"parts": {"text": "hi"}}}));
    assert_eq!(request.turns.len(), 1);
    assert_eq!(request.turns[0].role, Role::User);
    assert_eq!(texts(&request.turns[0].parts), ["hi"]);
}

#[test]
fn system_instructions_come_in_four_shapes() {
    for shape in [
        json!("be terse"),
        json!({"parts": [{"text": "be terse"}], "role": "user"}),
        json!({"parts": {"text": "be terse"}}),
        json!([{"text": "be terse"}]),
        json!({"text": "be terse"}),
    ] {
        let request = decoded(&json!({"contents": [user("x")], "systemInstruction": shape}));
        assert_eq!(texts(&request.system), ["be terse"], "{shape}");
    }
    assert_eq!(decoded(&json!({"contents": [user("x")], "systemInstruction": null})).system, []);
}

#[test]
fn roles_are_user_and_model_and_what_old_clients_wrote() {
    let turn = |role: Value| json!({"role": role, "parts": [{"text": "x"}]});
    let contents: Vec<Value> = ["user", "model", "function"].map(|role| turn(role.into())).into();
    let roles: Vec<Role> = decoded(&json!({"contents": contents})).turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    let message = refused(&json!({"contents": [turn("user".into()), turn("system".into())]}));
    assert_eq!(message, "contents[1].role: unknown role, expected user or model");
}

#[test]
fn every_kind_of_part_has_its_meaning() {
    let seal = Seal { issuer: Issuer::Google, value: "c2ln".to_owned(), redacted: false };
    let media = |mime: &str, source: Source| PartKind::Media(Media { mime: mime.to_owned(), source, name: None });
    let file = |id: &str| Source::File { owner: Protocol::Gemini, id: id.to_owned() };
    let table = [
        (json!({"text": "hi"}), PartKind::Text("hi".to_owned())),
        (
            json!({"text": "hm", "thought": true, "thoughtSignature": "c2ln"}),
            PartKind::Thinking { text: "hm".to_owned(), seal: Some(seal.clone()) },
        ),
        (
            json!({"text": "", "thoughtSignature": "c2ln"}),
            PartKind::Thinking { text: String::new(), seal: Some(seal.clone()) },
        ),
        (
            json!({"inlineData": {"mimeType": "image/png", "data": "iV-O_w"}}),
            media("image/png", Source::Base64("iV+O/w==".to_owned())),
        ),
        (
            json!({"fileData": {"mimeType": "image/png", "fileUri": "https://x.test/a.png"}}),
            media("image/png", Source::Url("https://x.test/a.png".to_owned())),
        ),
        (
            json!({"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}}),
            media("", Source::Url("https://www.youtube.com/watch?v=1".to_owned())),
        ),
        (
            json!({"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}}),
            media("", file("https://generativelanguage.googleapis.com/v1beta/files/abc")),
        ),
        (json!({"fileData": {"fileUri": "gs://bucket/a.pdf"}}), media("", file("gs://bucket/a.pdf"))),
        (
            json!({"functionCall": {"id": "c1", "name": "f", "args": {"a": 1.0}}, "thoughtSignature": "c2ln"}),
            PartKind::ToolCall(ToolCall {
                id: "c1".to_owned(),
                name: "f".to_owned(),
                input: ToolInput::Json(Json::object("{\"a\":1.0}").unwrap()),
                seal: Some(seal),
            }),
        ),
        (
            json!({"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"}),
            PartKind::Opaque {
                owner: Protocol::Gemini,
                value: json!({"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"}),
            },
        ),
        (
            json!({"code_execution_result": {"outcome": "OUTCOME_OK"}}),
            PartKind::Opaque {
                owner: Protocol::Gemini,
                value: json!({"codeExecutionResult": {"outcome": "OUTCOME_OK"}}),
            },
        ),
    ];
    for (wire, expected) in table {
        assert_eq!(parts(json!([wire])), [expected], "{wire}");
    }
    assert_eq!(parts(json!([{"text": ""}])), [], "an empty text is nothing");
}

#[test]
fn results_are_text_where_they_can_be_and_objects_otherwise() {
    let table = [
        (json!({"result": "sunny"}), "sunny", false),
        (json!({"output": "sunny"}), "sunny", false),
        (json!({"error": "no"}), "no", true),
        (json!({"error": {"code": 5}}), "{\"code\":5}", true),
        (json!({"result": 1}), "{\"result\":1}", false),
        (json!({"result": "a", "exit": 0}), "{\"result\":\"a\",\"exit\":0}", false),
        (json!({"error": "no", "exit": 1}), "{\"error\":\"no\",\"exit\":1}", false),
        (json!({"weather": "sunny"}), "{\"weather\":\"sunny\"}", false),
    ];
    for (response, text, error) in table {
        let part = &parts(json!([{"functionResponse": {"id": "x", "name": "f", "response": response}}]))[0];
        let PartKind::ToolResult { output, is_error, .. } = part else { panic!() };
        assert_eq!((texts(output), *is_error), (vec![text], error), "{response}");
    }
    let part = &parts(json!([{"functionResponse": {"name": "f", "response": {}}}]))[0];
    assert!(matches!(part, PartKind::ToolResult { output, is_error: false, .. } if output.is_empty()));
}

#[test]
fn images_inside_a_result_are_kept() {
    let response = json!({"name": "f", "response": {"result": "see"},
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBO"}}]});
    let PartKind::ToolResult { output, .. } = &parts(json!([{"functionResponse": response}]))[0] else { panic!() };
    assert!(matches!(&output[1].kind, PartKind::Media(media) if media.mime == "image/png"));
}

/// Ids of calls and of the results that answer them, in order.
fn ids(contents: Value) -> (Vec<String>, Vec<String>) {
    let request = decoded(&json!({ "contents": contents }));
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        match &part.kind {
            PartKind::ToolCall(call) => calls.push(call.id.clone()),
            PartKind::ToolResult { id, .. } => results.push(id.clone()),
            _ => {}
        }
    }
    (calls, results)
}

#[test]
fn calls_without_ids_are_answered_first_in_first_out_by_name() {
    let call = |name: &str| json!({"functionCall": {"name": name, "args": {}}});
    let result = |name: &str, n: u32| json!({"functionResponse": {"name": name, "response": {"result": n}}});
    let contents = json!([
        {"role": "model", "parts": [call("f"), call("g"), call("f")]},
        {"role": "function", "parts": [result("f", 1), result("f", 2), result("g", 3)]},
        {"role": "model", "parts": [call("f")]},
        {"role": "function", "parts": [result("f", 4)]},
    ]);
    let (calls, results) = ids(contents.clone());
    assert_eq!(calls, ["call_0_f", "call_1_g", "call_2_f", "call_3_f"]);
    assert_eq!(results, ["call_0_f", "call_2_f", "call_1_g", "call_3_f"]);
    assert_eq!(ids(contents), (calls, results), "the same request has the same ids");
}

#[test]
fn a_result_without_an_id_answers_a_call_that_has_one() {
    let contents = json!([
        {"role": "model", "parts": [{"functionCall": {"id": "fc_1", "name": "get_weather", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "get_weather", "response": {"result": "x"}}}]},
    ]);
    assert_eq!(ids(contents), (vec!["fc_1".to_owned()], vec!["fc_1".to_owned()]));
}

#[test]
fn ids_are_unique_in_a_conversation_even_where_the_client_repeats_them() {
    let call = |id: &str| json!({"functionCall": {"id": id, "name": "f", "args": {}}});
    let result = |id: &str| json!({"functionResponse": {"id": id, "name": "f", "response": {}}});
    let (calls, results) = ids(json!([
        {"role": "model", "parts": [call("same"), {"functionCall": {"name": "f"}}, call("call_0_f")]},
        {"role": "user", "parts": [result("same"), {"functionResponse": {"name": "f", "response": {}}}, result("call_0_f")]},
        {"role": "model", "parts": [call("same")]},
        {"role": "user", "parts": [result("same")]},
    ]));
    let unique: std::collections::HashSet<_> = calls.iter().collect();
    assert_eq!(unique.len(), 4, "{calls:?}");
    assert_eq!(results, calls);
    assert_eq!((calls[0].as_str(), calls[2].as_str()), ("same", "call_0_f"), "the client's own stay");
}

#[test]
fn a_result_with_an_id_answers_that_call_in_whatever_order() {
    let call = |id: &str| json!({"functionCall": {"id": id, "name": "f", "args": {}}});
    let result = |id: &str| json!({"functionResponse": {"id": id, "name": "f", "response": {}}});
    let (_, results) = ids(json!([
        {"role": "model", "parts": [call("a"), call("b")]},
        {"role": "user", "parts": [result("b"), result("a")]},
    ]));
    assert_eq!(results, ["b", "a"]);
}

#[test]
fn tools_of_a_client_and_tools_of_google() {
    let request = decoded(&json!({"contents": [user("x")], "tools": [
        {"functionDeclarations": [
            {"name": "a", "description": "d", "parameters": {"type": "OBJECT",
                "properties": {"city": {"type": "STRING", "nullable": true}}, "required": ["city"]}},
            {"name": "b", "parametersJsonSchema": {"type": "object", "$defs": {}}},
            {"name": "c"}]},
        {"google_search": {}, "codeExecution": {}},
    ]}));
    let schemas: Vec<Value> = request
        .tools
        .iter()
        .filter_map(|tool| match &tool.kind {
            ToolKind::Function { schema, .. } => Some(schema.value()),
            _ => None,
        })
        .collect();
    assert_eq!(
        schemas,
        [
            json!({"type": "object", "properties": {"city": {"type": ["string", "null"]}}, "required": ["city"]}),
            json!({"type": "object", "$defs": {}}),
            json!({"type": "object", "properties": {}}),
        ]
    );
    let provided: Vec<&str> = request
        .tools
        .iter()
        .filter(|tool| matches!(&tool.kind, ToolKind::Opaque { owner: Protocol::Gemini, .. }))
        .map(|tool| tool.name.as_str())
        .collect();
    assert_eq!(provided, ["codeExecution", "googleSearch"]);
}

#[test]
fn calling_modes_become_choices() {
    let choice = |config: Value| {
        let request = decoded(&json!({"contents": [user("x")], "toolConfig": {"functionCallingConfig": config},
            "tools": [{"functionDeclarations": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}]}));
        let names: Vec<String> = request.tools.iter().map(|tool| tool.name.clone()).collect();
        (request.tool_choice, names.concat())
    };
    let all = || "abc".to_owned();
    assert_eq!(choice(json!({"mode": "AUTO"})), (Some(ToolChoice::Auto), all()));
    assert_eq!(choice(json!({"mode": "NONE"})), (Some(ToolChoice::None), all()));
    assert_eq!(choice(json!({"mode": "ANY"})), (Some(ToolChoice::Required), all()));
    assert_eq!(choice(json!({"mode": "VALIDATED"})), (Some(ToolChoice::Auto), all()));
    assert_eq!(choice(json!({"mode": "MODE_UNSPECIFIED"})), (None, all()));
    let named = Some(ToolChoice::Named("b".to_owned()));
    assert_eq!(choice(json!({"mode": "any", "allowed_function_names": ["b"]})), (named, "b".to_owned()));
    let some = json!({"mode": "ANY", "allowedFunctionNames": ["a", "c"]});
    assert_eq!(choice(some), (Some(ToolChoice::Required), "ac".to_owned()));
}

#[test]
fn thinking_is_kept_as_it_was_said() {
    let thinking = |config: Value| {
        decoded(&json!({"contents": [user("x")], "generationConfig": {"thinkingConfig": config}})).reasoning
    };
    let said = |depth, visible| Some(Reasoning { depth, visible });
    assert_eq!(thinking(json!({"thinkingBudget": 0})), said(Some(Depth::Off), None));
    assert_eq!(thinking(json!({"thinkingBudget": -1})), said(Some(Depth::Adaptive), None));
    assert_eq!(
        thinking(json!({"thinking_budget": 128, "include_thoughts": true})),
        said(Some(Depth::Budget(128)), Some(true))
    );
    assert_eq!(thinking(json!({"thinkingLevel": "low"})), said(Some(Depth::Effort(Effort::Low)), None));
    assert_eq!(thinking(json!({"includeThoughts": false})), said(None, Some(false)));
    assert_eq!(
        thinking(json!({"includeThoughts": true, "thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"})),
        said(None, Some(true))
    );
    assert_eq!(thinking(json!({})), None);
}

#[test]
fn output_formats() {
    let output = |config: Value| decoded(&json!({"contents": [user("x")], "generationConfig": config})).output;
    assert_eq!(output(json!({"responseMimeType": "application/json"})), Some(OutputFormat::JsonObject));
    assert_eq!(output(json!({"responseMimeType": "text/plain"})), None);
    let schema = |schema: Value| {
        Some(OutputFormat::JsonSchema { name: None, description: None, schema: Json::of(&schema), strict: None })
    };
    assert_eq!(
        output(json!({"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT",
            "properties": {"a": {"type": "INTEGER"}, "b": {"type": "STRING"}}, "property_ordering": ["b", "a"]}})),
        schema(json!({"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}})),
    );
    assert_eq!(
        output(json!({"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}})),
        schema(json!({"type": "object"})),
    );
}

#[test]
fn every_refusal_names_its_place() {
    let table = [
        (json!({"contents": [user("x")], "cachedContent": "cachedContents/1"}), "cachedContent: "),
        (json!({"contents": [user("x")], "cached_content": "cachedContents/1"}), "cachedContent: "),
        (json!({"contents": 5}), "contents: "),
        (json!({"contents": [{"parts": [{"text": 5}]}]}), "contents[0].parts[0].text: "),
        (json!({"contents": [{"parts": [{"hologram": 5}]}]}), "contents[0].parts[0]: unknown kind of part"),
        (
            json!({"contents": [{"parts": [{"text": "a", "functionCall": {"name": "f"}}]}]}),
            "contents[0].parts[0]: a part holds one kind",
        ),
        (json!({"contents": [{"parts": [{"functionCall": {"args": {}}}]}]}), "contents[0].parts[0].functionCall"),
        (
            json!({"contents": [{"parts": [{"functionCall": {"name": "f", "args": [1]}}]}]}),
            "contents[0].parts[0].functionCall.args: expected an object",
        ),
        (
            json!({"contents": [{"parts": [{"functionResponse": {"response": {}}}]}]}),
            "contents[0].parts[0].functionResponse: neither id nor name",
        ),
        (
            json!({"contents": [user("x")], "generationConfig": {"temperature": "hot"}}),
            "generationConfig.temperature: ",
        ),
        (
            json!({"contents": [user("x")], "generationConfig": {"thinkingConfig": {"thinkingBudget": -5}}}),
            "generationConfig.thinkingConfig.thinkingBudget: ",
        ),
        (
            json!({"contents": [user("x")], "generationConfig": {"thinkingConfig": {"thinkingLevel": "ultra"}}}),
            "generationConfig.thinkingConfig.thinkingLevel: unknown level",
        ),
        (
            json!({"contents": [user("x")],
                "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 5}}}),
            "generationConfig.thinkingConfig.thinkingLevel: excludes",
        ),
        (
            json!({"contents": [user("x")], "generationConfig": {"responseMimeType": "text/x.enum"}}),
            "generationConfig.responseMimeType: ",
        ),
        (
            json!({"contents": [user("x")], "generationConfig": {"topK": 1, "top_k": 2}}),
            "generationConfig.topK: given in both spellings",
        ),
        (
            json!({"contents": [user("x")], "tools": [{"functionDeclarations": [{"description": "d"}]}]}),
            "tools[0].functionDeclarations",
        ),
        (
            json!({"contents": [user("x")], "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}}),
            "toolConfig.functionCallingConfig.mode: unknown mode",
        ),
        (
            json!({"contents": [user("x")],
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}}),
            "toolConfig.functionCallingConfig.allowedFunctionNames: no function",
        ),
    ];
    for (body, expected) in table {
        let message = refused(&body);
        assert!(message.starts_with(expected), "{message}");
    }
}

/// The hints of the module's documentation: read, kept for Gemini, and no reason to refuse.
#[test]
fn hints_are_no_reason_to_refuse() {
    let request = decoded(&json!({
        "contents": [{"role": "user", "parts": [{"text": "x", "partMetadata": {"a": 1}}, {"functionResponse":
            {"name": "f", "response": {}, "willContinue": false, "scheduling": "SILENT"}}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING", "response": {"type": "STRING"}}]}],
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "labels": {"team": "a"}, "store": false,
        "toolConfig": {"retrievalConfig": {"languageCode": "en"}},
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "speech_config": {}, "imageConfig": {},
            "mediaResolution": "MEDIA_RESOLUTION_LOW", "responseLogprobs": true, "logprobs": 3}
    }));
    let extras = request.extras.of(Protocol::Gemini).unwrap();
    let names: Vec<&str> = extras.keys().map(String::as_str).collect();
    assert_eq!(names, ["toolConfig", "generationConfig", "labels", "safetySettings", "store"]);
    assert_eq!(extras["generationConfig"]["responseModalities"], json!(["TEXT", "IMAGE"]));
    assert_eq!(extras["generationConfig"]["speechConfig"], json!({}));
    assert!(request.extras.of(Protocol::Chat).is_none());
}

#[test]
fn a_count_may_wrap_the_request_it_is_about() {
    let inner = json!({"model": "models/gemini-2.5-flash", "contents": [user("x")], "systemInstruction": "s"});
    let request = Gemini.decode_request(&call("countTokens", &json!({"generateContentRequest": inner}))).unwrap();
    assert_eq!((texts(&request.system), texts(&request.turns[0].parts)), (vec!["s"], vec!["x"]));
    assert!(request.extras.of(Protocol::Gemini).is_none());
}

#[test]
fn model_and_stream_are_in_the_path() {
    let body = json!({"contents": [user("x")], "model": "models/other", "stream": false});
    let request = Gemini.decode_request(&call("streamGenerateContent?alt=sse", &body)).unwrap();
    assert_eq!((request.model.as_str(), request.stream), ("gemini-2.5-flash", true));
}
