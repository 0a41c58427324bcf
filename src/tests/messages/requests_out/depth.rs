//! How deep the model thinks, and how it samples.

use super::*;

/// `(model, depth, max_tokens)` to `(max_tokens, thinking, effort)`.
#[test]
fn thinking_is_what_the_model_takes_and_leaves_room_to_answer() {
    use Depth::{Adaptive, Budget, Effort as Level, Off};
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    let adaptive = json!({"type": "adaptive"});
    let (no, off) = (json!(null), json!({"type": "disabled"}));
    let table = [
        // Models with budgets.
        (OLD, Budget(31_999), Some(32_000), 32_000, enabled(31_999), no.clone()),
        (OLD, Budget(100), Some(32_000), 32_000, enabled(1_024), no.clone()),
        (OLD, Budget(16_000), Some(4_000), 20_000, enabled(16_000), no.clone()),
        (OLD, Budget(60_000), Some(32_000), 64_000, enabled(48_000), no.clone()),
        (OLD, Level(Effort::High), Some(1_000), 25_576, enabled(24_576), no.clone()),
        (OLD, Level(Effort::Low), None, 64_000, enabled(1_024), no.clone()),
        (OLD, Off, Some(100), 100, off.clone(), no.clone()),
        (OLD, Off, Some(200_000), 64_000, off.clone(), no.clone()),
        ("claude-3-5-haiku-20241022", Level(Effort::High), None, 8_192, no.clone(), no.clone()),
        // Models with levels.
        ("claude-opus-5", Level(Effort::Minimal), Some(10), 10, adaptive.clone(), json!("low")),
        ("claude-opus-5", Level(Effort::XHigh), Some(10), 10, adaptive.clone(), json!("xhigh")),
        ("claude-opus-4-6", Level(Effort::XHigh), Some(10), 10, adaptive.clone(), json!("high")),
        ("claude-opus-5", Budget(20_000), Some(10), 10, adaptive.clone(), json!("high")),
        ("claude-opus-5", Adaptive, None, 128_000, adaptive.clone(), no.clone()),
        ("claude-opus-5", Off, Some(10), 10, off, no.clone()),
        // Models nobody knows.
        ("claude-next", Level(Effort::Max), Some(10), 10, adaptive.clone(), json!("max")),
        ("claude-next", Budget(2_000), None, 8_192, enabled(2_000), no.clone()),
        ("claude-next", Budget(9_000), None, 17_192, enabled(9_000), no.clone()),
        ("someone-else", Level(Effort::Medium), Some(32_000), 32_000, enabled(8_192), no.clone()),
        ("someone-else", Level(Effort::Medium), Some(4_000), 4_000, enabled(3_000), no.clone()),
        ("someone-else", Level(Effort::Medium), Some(1_200), 1_200, enabled(1_024), no.clone()),
        ("someone-else", Level(Effort::Medium), Some(1_024), 1_024, no.clone(), no.clone()),
        ("someone-else", Adaptive, Some(32_000), 32_000, enabled(8_192), no.clone()),
    ];
    for (model, depth, said, max_tokens, thinking, effort) in table {
        let mut request = hi();
        request.model = model.to_owned();
        request.sampling.max_tokens = said;
        request.reasoning = Some(Reasoning { depth: Some(depth), visible: None });
        let sent = encode(&request);
        let found = (&sent["max_tokens"], &sent["thinking"], &sent["output_config"]["effort"]);
        assert_eq!(found, (&json!(max_tokens), &thinking, &effort), "{model} {depth:?} {said:?}");
        for (visible, display) in [(true, "summarized"), (false, "omitted")] {
            request.reasoning = Some(Reasoning { depth: Some(depth), visible: Some(visible) });
            let sent = encode(&request);
            let thinks = thinking["type"] == "enabled" || thinking["type"] == "adaptive";
            assert_eq!(sent["thinking"].get("display"), thinks.then_some(&json!(display)), "{model} {depth:?}");
        }
    }
}

#[test]
fn thinking_is_left_out_where_anthropic_would_refuse_it() {
    let text = || Part::text("hi");
    let sealed = || thinking(Some(Issuer::Anthropic), false);
    let loop_of = |first: Vec<Part>| {
        vec![(Role::User, vec![text()]), (Role::Assistant, first), (Role::User, vec![result("c", vec![text()])])]
    };
    let (budget, adaptive) = (Depth::Budget(2_000), Depth::Effort(Effort::High));
    let table = [
        ("a tool is forced", OLD, budget, Some(ToolChoice::Required), vec![(Role::User, vec![text()])], false),
        (
            "a named tool",
            "claude-opus-5",
            adaptive,
            Some(ToolChoice::Named("f".into())),
            vec![(Role::User, vec![text()])],
            false,
        ),
        ("tools are free", OLD, budget, Some(ToolChoice::Auto), vec![(Role::User, vec![text()])], true),
        ("a loop without thinking", OLD, budget, None, loop_of(vec![call("c")]), false),
        (
            "a loop with foreign thinking",
            OLD,
            budget,
            None,
            loop_of(vec![thinking(Some(Issuer::Google), false), call("c")]),
            false,
        ),
        ("a loop with thinking too late", OLD, budget, None, loop_of(vec![text(), sealed(), call("c")]), false),
        ("a loop with its thinking", OLD, budget, None, loop_of(vec![sealed(), call("c")]), true),
        (
            "a loop with hidden thinking",
            OLD,
            budget,
            None,
            loop_of(vec![thinking(Some(Issuer::Anthropic), true), call("c")]),
            true,
        ),
        ("a loop of a model that decides itself", "claude-opus-5", adaptive, None, loop_of(vec![call("c")]), true),
        (
            "a finished loop",
            OLD,
            budget,
            None,
            {
                let mut turns = loop_of(vec![call("c")]);
                turns.extend([(Role::Assistant, vec![text()]), (Role::User, vec![text()])]);
                turns
            },
            true,
        ),
        (
            "a prefilled answer",
            OLD,
            budget,
            None,
            vec![(Role::User, vec![text()]), (Role::Assistant, vec![text()])],
            false,
        ),
    ];
    for (name, model, depth, choice, turns, expected) in table {
        let mut request = request(turns);
        request.model = model.to_owned();
        request.sampling.max_tokens = Some(9_000);
        request.tools = vec![function("f", "{\"type\":\"object\"}")];
        request.tool_choice = choice;
        request.reasoning = Some(Reasoning { depth: Some(depth), visible: None });
        assert_eq!(encode(&request).get("thinking").is_some(), expected, "{name}");
    }
    let mut off = hi();
    off.tools = vec![function("f", "{\"type\":\"object\"}")];
    off.tool_choice = Some(ToolChoice::Required);
    off.reasoning = Some(Reasoning { depth: Some(Depth::Off), visible: None });
    assert_eq!(encode(&off)["thinking"], json!({"type": "disabled"}), "off is never refused");
}

/// Seen in other gateways: temperature, `top_p` and stop were dropped; temperature 0 became 1, both of
/// temperature and `top_p` were sent, `stop` was dropped.
#[test]
fn sampling_is_sent_as_far_as_the_model_takes_it() {
    let thinks = Some(Reasoning { depth: Some(Depth::Budget(2_000)), visible: None });
    let table = [
        (OLD, None, Some(0.0), None, None, json!({"temperature": 0.0})),
        (OLD, None, Some(1.7), None, None, json!({"temperature": 1.0})),
        (OLD, None, Some(0.3), Some(0.9), Some(5), json!({"temperature": 0.3, "top_k": 5})),
        (OLD, None, None, Some(0.9), None, json!({"top_p": 0.9})),
        (OLD, thinks, Some(0.3), Some(0.9), Some(5), json!({})),
        (OLD, thinks, Some(1.0), None, None, json!({"temperature": 1.0})),
        (OLD, thinks, Some(0.3), Some(0.97), None, json!({"top_p": 0.97})),
        ("claude-opus-4-6", None, Some(0.3), None, None, json!({"temperature": 0.3})),
        ("claude-opus-4-7", None, Some(0.3), Some(0.9), Some(5), json!({})),
        ("claude-opus-5", None, Some(0.3), None, None, json!({})),
        ("someone-else", None, Some(0.3), None, Some(5), json!({"temperature": 0.3, "top_k": 5})),
    ];
    for (model, reasoning, temperature, top_p, top_k, expected) in table {
        let mut request = hi();
        request.model = model.to_owned();
        request.reasoning = reasoning;
        request.sampling.max_tokens = Some(9_000);
        (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k) = (temperature, top_p, top_k);
        // Hints that this wire has no word for.
        request.sampling.seed = Some(7);
        request.sampling.presence_penalty = Some(0.5);
        request.sampling.frequency_penalty = Some(0.5);
        request.sampling.n = Some(1);
        let sent = encode(&request);
        let mut found = sent.as_object().unwrap().clone();
        found.retain(|name, _| !["model", "max_tokens", "messages", "thinking"].contains(&name.as_str()));
        assert_eq!(Value::Object(found), expected, "{model} {temperature:?} {top_p:?}");
    }
    let mut request = hi();
    request.sampling.stop = vec!["END".to_owned(), " \n".to_owned(), String::new()];
    assert_eq!(encode(&request)["stop_sequences"], json!(["END"]));
    request.sampling.n = Some(2);
    assert_eq!(refusal(&request), "n: this provider gives one answer at a time");
}
