//! Prompt rules: what a provider gets of a client's system prompt and parameters.

use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::rig::{CLIENTS, call, name, pass, target};
use crate::call::Call;
use crate::filter::Filter;
use crate::ir::Protocol;
use crate::json::Body;
use crate::passing::{self, Ready, Shelf};
use crate::rules::{Rule, Rules, Subject, select};
use crate::upstream::{Target, payload_through};

fn rules(list: Value) -> Vec<Rule> {
    serde_json::from_value(list).unwrap()
}

fn edited(protocol: Protocol, edits: Value, body: &str) -> String {
    let ready = Rules::new(&rules(json!([{"name": "r", "system": edits}]))).unwrap();
    let body = Body::parse(body.to_owned().into()).unwrap();
    String::from_utf8(ready.apply(protocol, &body).unwrap().to_vec()).unwrap()
}

#[test]
fn a_system_prompt_is_changed_in_the_shape_it_has() {
    use Protocol::{Chat, Gemini, Messages, Ollama, Responses};
    let append = || json!([{"append": "B"}]);
    let prepend = || json!([{"prepend": "B"}]);
    let set = || json!([{"override": "B"}]);
    let cases = [
        (
            Chat,
            append(),
            r#"{"messages": [ {"role":"user"}]}"#,
            r#"{"messages": [{"role":"system","content":"B"}, {"role":"user"}]}"#,
        ),
        (Chat, append(), r#"{"messages":[]}"#, r#"{"messages":[{"role":"system","content":"B"}]}"#),
        (
            Chat,
            append(),
            r#"{"messages":[{"role":"system","content":"A"}, 1]}"#,
            r#"{"messages":[{"role":"system","content":"A\n\nB"}, 1]}"#,
        ),
        (
            Chat,
            prepend(),
            r#"{"messages":[{"role":"developer","content":[{"type":"text","text":"A"}] }]}"#,
            r#"{"messages":[{"role":"developer","content":[{"type":"text","text":"B"},{"type":"text","text":"A"}] }]}"#,
        ),
        (
            Chat,
            set(),
            r#"{"messages":[{"role":"system","content":"A","x":1} , {"role":"developer","content":"C"}, {"role":"user","content":"u"}]}"#,
            r#"{"messages":[{"role":"system","content":"B","x":1}, {"role":"user","content":"u"}]}"#,
        ),
        (Chat, append(), r#"{"prompt":"bare"}"#, r#"{"prompt":"bare"}"#),
        (Responses, append(), r#"{"input":"x"}"#, r#"{"instructions":"B","input":"x"}"#),
        (Responses, append(), r#"{"instructions" : "A"}"#, r#"{"instructions" : "A\n\nB"}"#),
        (Responses, set(), r#"{"instructions":"A"}"#, r#"{"instructions":"B"}"#),
        (
            Messages,
            append(),
            r#"{"system":[{"type":"text","text":"A","cache_control":{"type":"ephemeral"}}]}"#,
            r#"{"system":[{"type":"text","text":"A","cache_control":{"type":"ephemeral"}},{"type":"text","text":"B"}]}"#,
        ),
        (Messages, prepend(), r#"{"system":"A"}"#, r#"{"system":"B\n\nA"}"#),
        (Messages, append(), r#"{"system":[]}"#, r#"{"system":[{"type":"text","text":"B"}]}"#),
        (
            Gemini,
            append(),
            r#"{"systemInstruction":{"role":"user","parts":[{"text":"A"}]}}"#,
            r#"{"systemInstruction":{"role":"user","parts":[{"text":"A"},{"text":"B"}]}}"#,
        ),
        (
            Gemini,
            prepend(),
            r#"{"system_instruction":{"parts":[]}}"#,
            r#"{"system_instruction":{"parts":[{"text":"B"}]}}"#,
        ),
        (Gemini, set(), r#"{"contents":[]}"#, r#"{"systemInstruction":{"parts":[{"text":"B"}]},"contents":[]}"#),
        (
            Ollama,
            append(),
            r#"{"messages":[{"role":"system","content":"A"}]}"#,
            r#"{"messages":[{"role":"system","content":"A\n\nB"}]}"#,
        ),
        (Ollama, append(), r#"{"prompt":"x","system":""}"#, r#"{"prompt":"x","system":"B"}"#),
    ];
    for (protocol, edits, before, after) in cases {
        assert_eq!(edited(protocol, edits.clone(), before), after, "{protocol:?} {edits} {before}");
    }
}

#[test]
fn a_replacement_reaches_every_text_of_the_prompt_and_nothing_else() {
    let edits = json!([{"replace": {"find": "You are Claude", "with": "You are ours"}},
        {"replace": {"find": "v([0-9]+)", "with": "version $1", "pattern": true}}]);
    let before = r#"{"system":[{"type":"text","text":"You are Claude v2."},{"type":"v3","text":"\u0076\u0034"}],"messages":[{"role":"user","content":"You are Claude v5"}]}"#;
    let after = r#"{"system":[{"type":"text","text":"You are ours version 2."},{"type":"v3","text":"version 4"}],"messages":[{"role":"user","content":"You are Claude v5"}]}"#;
    assert_eq!(edited(Protocol::Messages, edits, before), after);
}

#[test]
fn rules_are_applied_in_their_order() {
    let edits = json!([{"append": "last"}, {"prepend": "first"}, {"replace": {"find": "last", "with": "end"}}]);
    assert_eq!(
        edited(Protocol::Responses, edits, r#"{"instructions":"mid"}"#),
        r#"{"instructions":"first\n\nmid\n\nend"}"#
    );
}

#[test]
fn a_rule_that_cannot_work_is_refused_by_name() {
    for rule in [
        json!({"name": "x", "system": [{"replace": {"find": "(", "with": "", "pattern": true}}]}),
        json!({"name": "x", "system": [{"replace": {"find": "", "with": ""}}]}),
        json!({"name": "x", "overrides": {"reasoning_effort": "hard"}}),
    ] {
        assert_eq!(passing::check(&rules(json!([rule])), &[])[0].name, "x");
    }
    let unknown: Result<Rule, _> = serde_json::from_value(json!({"name": "x", "overrides": {"temprature": 1}}));
    assert!(unknown.unwrap_err().to_string().contains("temprature"));
}

#[test]
fn a_rule_is_for_the_calls_it_names() {
    let when = |when: Value| rules(json!([{"name": "r", "when": when}])).remove(0).when;
    let subject = Subject { model: "gpt-5", protocol: Protocol::Chat, token: &["t1", "Ada"], project: Some("home") };
    for (list, fits) in [
        (json!({}), true),
        (json!({"models": ["gpt-*"]}), true),
        (json!({"models": ["gpt-*", "!gpt-5*"]}), false),
        (json!({"tokens": ["ada"], "protocols": ["chat"]}), true),
        (json!({"tokens": ["t2"]}), false),
        (json!({"projects": ["work"]}), false),
        (json!({"protocols": ["messages"]}), false),
    ] {
        assert_eq!(when(list.clone()).fits(&subject), fits, "{list}");
    }
    let nobody = Subject { token: &[], project: None, ..subject };
    assert!(!when(json!({"tokens": ["*"]})).fits(&nobody), "the operator's own key is no token");
}

#[test]
fn an_optional_rule_is_for_those_who_name_it() {
    let rules =
        rules(json!([{"name": "all"}, {"name": "some", "optional": true}, {"name": "b", "when": {"models": ["b"]}}]));
    let subject = Subject { model: "a", protocol: Protocol::Chat, token: &[], project: None };
    let names = |named: &[String]| {
        let (rules, _) = select(&rules, &[], &subject, named);
        rules.into_iter().map(|rule| rule.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["all"]);
    assert_eq!(names(&["some".to_owned(), "b".to_owned()]), ["all", "some"]);
}

fn asked(protocol: Protocol, more: Value) -> Call {
    let user = json!([{"role": "user", "content": "hi"}]);
    let (url, mut body) = match protocol {
        Protocol::Chat => ("/v1/chat/completions", json!({"model": "gpt-5", "messages": user})),
        Protocol::Messages => {
            ("/v1/messages", json!({"model": "claude-sonnet-4-5", "max_tokens": 9000, "messages": user}))
        }
        Protocol::Responses => ("/v1/responses", json!({"model": "gpt-5", "input": "hi"})),
        Protocol::Gemini => {
            ("/v1beta/models/gemini-2.5-pro:generateContent", json!({"contents": [{"parts": [{"text": "hi"}]}]}))
        }
        Protocol::Ollama => ("/api/chat", json!({"model": "gpt-5", "messages": user})),
        Protocol::Kiro | Protocol::Converse => panic!("no client speaks {protocol:?}"),
    };
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call("POST", url, &[], body.to_string()).unwrap()
}

fn at(wire: Protocol) -> Target {
    let model = match wire {
        Protocol::Messages => "claude-sonnet-4-5",
        Protocol::Gemini => "gemini-2.5-pro",
        _ => "gpt-5",
    };
    target(wire, "a", model)
}

fn sent(rule: Value, call: &Call, wire: Protocol) -> Value {
    let passing = pass(&rules(json!([rule])), &[], call).unwrap().unwrap();
    let payload = payload_through(Some(&passing), &passing.call, &at(wire)).unwrap();
    serde_json::from_slice(&payload.body).unwrap()
}

#[test]
fn parameters_are_set_in_the_words_of_every_wire() {
    let rule = json!({"name": "r", "overrides": {"temperature": 0.25, "max_tokens": 5000, "reasoning_effort": "low"}});
    for &client in CLIENTS {
        for &wire in &[Protocol::Chat, Protocol::Messages, Protocol::Gemini, Protocol::Responses] {
            let sent = sent(rule.clone(), &asked(client, json!({})), wire);
            let place = match wire {
                Protocol::Chat => ["/temperature", "/max_completion_tokens", "/reasoning_effort"],
                Protocol::Messages => ["/temperature", "/max_tokens", "/thinking/budget_tokens"],
                Protocol::Gemini => [
                    "/generationConfig/temperature",
                    "/generationConfig/maxOutputTokens",
                    "/generationConfig/thinkingConfig/thinkingBudget",
                ],
                _ => ["/temperature", "/max_output_tokens", "/reasoning/effort"],
            };
            let said = place.map(|pointer| sent.pointer(pointer).cloned());
            let what = format!("{client:?} to {wire:?}: {sent}");
            assert_eq!(said[1], Some(json!(5000)), "{what}");
            let budget = said[2].clone().unwrap();
            assert!(budget == "low" || budget == 1024 || budget.as_u64() > Some(0), "{what}");
            // A model that thinks may refuse a temperature; where it takes one, it is ours.
            assert!(said[0].is_none() || said[0] == Some(json!(0.25)), "{what}");
        }
    }
}

#[test]
fn a_default_yields_to_the_client_and_an_override_does_not() {
    let rule = |what: &str| json!({"name": "r", what: {"temperature": 0.5, "max_tokens": 7}});
    let said = json!({"temperature": 1, "max_tokens": 99, "stop": "x"});
    let relayed = sent(rule("defaults"), &asked(Protocol::Chat, said.clone()), Protocol::Chat);
    assert_eq!(
        (&relayed["temperature"], &relayed["max_tokens"], relayed.get("max_completion_tokens")),
        (&json!(1), &json!(99), None)
    );
    let relayed = sent(rule("overrides"), &asked(Protocol::Chat, said), Protocol::Chat);
    assert_eq!(
        (&relayed["temperature"], relayed.get("max_tokens"), &relayed["max_completion_tokens"]),
        (&json!(0.5), None, &json!(7))
    );
    let relayed = sent(rule("defaults"), &asked(Protocol::Gemini, json!({})), Protocol::Gemini);
    assert_eq!(relayed["generationConfig"], json!({"temperature": 0.5, "maxOutputTokens": 7}));
}

#[test]
fn a_relay_keeps_what_the_rule_does_not_name() {
    let body = r#"{"contents":[{"parts":[{"text":"hi"}]}] ,"generation_config": {"max_output_tokens":3, "candidateCount" : 1},"x":1.50}"#;
    let call = call("POST", "/v1beta/models/gemini-2.5-pro:generateContent", &[], body).unwrap();
    let rule = rules(json!([{"name": "r", "overrides": {"max_tokens": 7}}]));
    let passing = pass(&rule, &[], &call).unwrap().unwrap();
    let payload = payload_through(Some(&passing), &passing.call, &at(Protocol::Gemini)).unwrap();
    let sent = std::str::from_utf8(&payload.body).unwrap();
    assert_eq!(sent, body.replace(r#""max_output_tokens":3"#, r#""max_output_tokens":7"#));
}

#[test]
fn a_dry_run_shows_before_and_after() {
    let rule = rules(json!([{"name": "r", "system": [{"append": "B"}], "overrides": {"seed": 7}}]));
    let filters: Vec<Filter> =
        serde_json::from_value(json!([{"name": "p", "action": "mask", "find": {"personal": ["email"]}}])).unwrap();
    let call = asked(Protocol::Chat, json!({"messages": [{"role": "system", "content": "ada@example.org"}]}));
    let ready = Rc::new(Ready::new(&rule, &filters).unwrap());
    let trial = passing::try_out(&ready, &call, super::rig::wire(Protocol::Chat), Some("Write to grace@example.org."));
    assert!(trial.before.contains("ada@example.org") && !trial.after.contains("ada@example.org"));
    assert!(trial.after.contains("EMAIL-") && trial.after.contains(r"\n\nB"), "{}", trial.after);
    assert_eq!(trial.parameters, [("seed".to_owned(), Some("7".to_owned()))]);
    assert_eq!((trial.hits.list().len(), trial.refused), (2, None));
    assert_eq!(trial.answer.as_deref(), Some("Write to [EMAIL]."));
    let placeholder = trial.after.split(['"', '\\']).find(|text| text.starts_with("EMAIL-")).unwrap();
    let restored = passing::try_out(&ready, &call, super::rig::wire(Protocol::Chat), Some(placeholder));
    assert_eq!(restored.answer.as_deref(), Some("ada@example.org"));
}

#[test]
fn what_a_call_before_needed_is_not_compiled_again() {
    let mut shelf = Shelf::default();
    let rule = |text: &str| rules(json!([{"name": "r", "system": [{"append": text}]}]));
    let first = shelf.take(&rule("A"), &[]).unwrap();
    assert!(Rc::ptr_eq(&first, &shelf.take(&rule("A"), &[]).unwrap()));
    let other = shelf.take(&rule("B"), &[]).unwrap();
    assert!(!Rc::ptr_eq(&first, &other), "a rule that was changed");
    for text in ["C", "D", "E", "F", "G", "H"] {
        shelf.take(&rule(text), &[]).unwrap();
        shelf.take(&rule("A"), &[]).unwrap();
    }
    assert!(Rc::ptr_eq(&first, &shelf.take(&rule("A"), &[]).unwrap()), "what is used stays");
    shelf.take(&rule("I"), &[]).unwrap();
    assert!(!Rc::ptr_eq(&other, &shelf.take(&rule("B"), &[]).unwrap()), "what is not used goes");
    let words: Vec<String> = (0..30_000).map(|word| format!("{word:05}{:05}", word * 7 % 30_000)).collect();
    let heavy = |name: &str| -> Vec<Filter> {
        serde_json::from_value(json!([{"name": name, "action": "flag", "find": {"words": words}}])).unwrap()
    };
    shelf.take(&[], &heavy("one")).unwrap();
    let two = shelf.take(&[], &heavy("two")).unwrap();
    assert!(Rc::ptr_eq(&two, &shelf.take(&[], &heavy("two")).unwrap()), "the latest stays, whatever it weighs");
    assert!(!Rc::ptr_eq(&first, &shelf.take(&rule("A"), &[]).unwrap()), "the heavy have pushed out the rest");
}

proptest! {
    #[test]
    fn appending_changes_nothing_but_the_prompt(old in ".{0,20}", new in ".{1,20}", protocol in 0..CLIENTS.len()) {
        let protocol = CLIENTS[protocol];
        let call = asked(protocol, json!({"odd": old}));
        let before: Value = serde_json::from_slice(call.body.bytes()).unwrap();
        let ready = Rules::new(&rules(json!([{"name": "r", "system": [{"append": new}]}]))).unwrap();
        let after: Value = serde_json::from_slice(&ready.apply(protocol, &call.body).unwrap()).unwrap();
        let call = Call { body: Body::parse(after.to_string().into()).unwrap(), ..call };
        let request = crate::protocol::inbound(protocol).decode_request(&call).unwrap();
        prop_assert_eq!(&request.system[0].kind, &crate::ir::PartKind::Text(new));
        for (key, value) in before.as_object().unwrap() {
            prop_assert!(key == "messages" || after[key] == *value, "{} {}", name(protocol), key);
        }
    }
}
