//! Tools, their choice, and the shape of the answer.

use super::*;

/// Seen in other gateways: tool choice `none` ignored, `parallel_tool_calls` dropped; choice always `auto`.
#[test]
fn the_choice_of_tools_is_sent() {
    let table = [
        (None, None, json!(null)),
        (None, Some(true), json!(null)),
        (None, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Auto), None, json!({"type": "auto"})),
        (Some(ToolChoice::Required), Some(false), json!({"type": "any", "disable_parallel_tool_use": true})),
        (Some(ToolChoice::Named("f".into())), None, json!({"type": "tool", "name": "f"})),
        (Some(ToolChoice::None), Some(false), json!({"type": "none"})),
    ];
    for (choice, parallel, expected) in table {
        let mut request = hi();
        (request.tool_choice, request.parallel_tools) = (choice.clone(), parallel);
        assert_eq!(encode(&request).get("tool_choice"), None, "no choice without tools");
        request.tools = vec![function("f", "{\"type\":\"object\"}")];
        assert_eq!(encode(&request)["tool_choice"], expected, "{choice:?} {parallel:?}");
    }
}

#[test]
fn a_web_search_is_anthropics_own_for_claude_and_nothing_for_others() {
    let search = |value: Value| Tool {
        kind: ToolKind::Opaque { owner: Protocol::Responses, value },
        ..function("web_search", "{}")
    };
    let location = json!({"type": "approximate", "country": "DE"});
    let asked = json!({"type": "web_search", "external_web_access": true, "user_location": location,
        "filters": {"allowed_domains": ["a.org"]}});
    let own = json!({"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a.org"],
        "user_location": location});
    let offline = json!({"type": "web_search", "external_web_access": false});
    let f = || function("f", "{\"type\":\"object\"}");
    let sent_f = json!({"name": "f", "input_schema": {"type": "object"}});
    let taken = function("web_search", "{\"type\":\"object\"}");
    let table = [
        (OLD, vec![f(), search(asked.clone())], json!([sent_f, own])),
        (OLD, vec![search(offline)], json!(null)),
        (OLD, vec![taken, search(asked.clone())], json!([{"name": "web_search", "input_schema": {"type": "object"}}])),
        ("kimi-k2", vec![f(), search(asked.clone())], json!([sent_f])),
        ("kimi-k2", vec![search(asked)], json!(null)),
    ];
    for (model, tools, expected) in table {
        let request = Request { model: model.to_owned(), tools, ..hi() };
        assert_eq!(encode(&request)["tools"], expected, "{model}");
    }
}

#[test]
fn tools_of_the_history_are_declared_even_if_none_is_offered() {
    let history = request(vec![
        (Role::User, vec![Part::text("hi")]),
        (Role::Assistant, vec![call("a"), call("b")]),
        (Role::User, vec![result("a", vec![]), result("b", vec![])]),
    ]);
    let sent = encode(&history);
    assert_eq!(sent["tools"], json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}]));
    assert_eq!(sent["tool_choice"], json!({"type": "none"}));
}

/// Seen in other gateways: a tool without parameters got no `input_schema`.
#[test]
fn an_input_schema_is_always_an_object() {
    let table = [
        ("{}", json!({"type": "object", "properties": {}})),
        (r#"{"properties":{"a":{}}}"#, json!({"properties": {"a": {}}, "type": "object"})),
        (r#"{"type":["object","null"]}"#, json!({"type": "object", "properties": {}})),
        (
            r#"{"anyOf":[{"properties":{"a":{},"b":{}},"required":["a","b"]},{"properties":{"a":{}},"required":["a"]}]}"#,
            json!({"properties": {"a": {}, "b": {}}, "required": ["a"], "type": "object"}),
        ),
        (
            r##"{"type":"object","$defs":{"x":{"properties":{"a":{}},"required":["a"]}},"required":["c"],
                "allOf":[{"$ref":"#/$defs/x"},{"properties":{"b":{}},"required":["b"]}]}"##,
            json!({"type": "object", "$defs": {"x": {"properties": {"a": {}}, "required": ["a"]}},
                "properties": {"a": {}, "b": {}}, "required": ["c", "a", "b"]}),
        ),
    ];
    for (schema, expected) in table {
        let mut request = hi();
        request.tools = vec![function("f", schema)];
        assert_eq!(encode(&request)["tools"][0]["input_schema"], expected, "{schema}");
    }
    let raw = r#"{ "type":"object", "properties":{"n":{"maximum":1.50}} }"#;
    let mut request = hi();
    request.tools = vec![Tool { description: Some("d".into()), ..function("f", raw) }];
    request.tools[0].kind = ToolKind::Function { schema: Json::parse(raw).unwrap(), strict: Some(true) };
    let bytes = Messages.encode_request(&request).unwrap();
    let expected = format!(r#""tools":[{{"name":"f","description":"d","input_schema":{raw},"strict":true}}]"#);
    assert!(String::from_utf8(bytes).unwrap().contains(&expected), "a fitting schema is sent as it was written");
}

/// Seen in other gateways: `response_format` was dropped.
#[test]
fn an_answers_schema_is_sent_with_its_objects_closed() {
    let schema = Json::parse(
        r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"object"}},"type":{"type":"string"}},
            "$defs":{"x":{"anyOf":[{"type":"object","additionalProperties":true}]}}}"#,
    );
    let mut request = hi();
    let schema = schema.unwrap();
    request.output = Some(OutputFormat::JsonSchema { name: Some("n".into()), description: None, schema, strict: None });
    let expected = json!({"format": {"type": "json_schema", "schema": {"type": "object", "properties": {
            "a": {"type": "array", "items": {"type": "object", "additionalProperties": false}}, "type": {"type": "string"}},
        "$defs": {"x": {"anyOf": [{"type": "object", "additionalProperties": true}]}}, "additionalProperties": false}}});
    assert_eq!(encode(&request)["output_config"], expected);
    request.output = Some(OutputFormat::JsonObject);
    assert_eq!(encode(&request).get("output_config"), None, "a hint: the prompt asks for JSON too");
}
