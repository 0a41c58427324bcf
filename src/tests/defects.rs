//! What other gateways get wrong between their parts: executor, pool and pump together.

use std::time::Duration;

use super::rig::{CLIENTS, Play, call, hear, simple_call, stage, target, wire};
use super::script::{Got, Script, answer, chunks, refusal, sse, stream, whole, with_header};
use crate::call::Call;
use crate::ir::Protocol::{self, Chat, Gemini, Messages, Responses};
use crate::ir::event::{Block, Delta, Event, Finish};
use crate::protocol::{Echo, inbound};

/// Accounts `a` and `b` of two providers, in this order, in a real pool.
fn world() -> Script {
    Script::pooled(&[("a", Chat), ("b", Responses)])
}

fn later(script: &Script, seconds: u64) {
    script.clock.set(script.clock.get() + seconds * 1000);
}

/// The next call, answered by whoever is asked, in turn.
fn next(script: &Script, call: &Call, answers: Vec<super::script::Answer>) -> (Got, Vec<String>) {
    let before = script.asked().len();
    script.answers.borrow_mut().extend(answers);
    let got = script.play(call);
    (got, script.asked().split_off(before))
}

fn limited(seconds: &str) -> super::script::Answer {
    with_header(refusal(429, "slow down"), "retry-after", seconds)
}

#[test]
fn a_limited_account_is_left_alone_until_its_time_and_nobody_sleeps() {
    let script = world();
    let chat = || sse(&[&stream(Chat, "text")]);
    let responses = || sse(&[&stream(Responses, "text")]);
    let call = simple_call(Messages, true);
    assert_eq!(next(&script, &call, vec![limited("20"), responses()]).1, ["a", "b"]);
    assert_eq!(next(&script, &call, vec![responses()]).1, ["b"]);
    later(&script, 18);
    assert_eq!(next(&script, &call, vec![responses()]).1, ["b"]);
    later(&script, 2);
    assert_eq!(next(&script, &call, vec![chat()]).1, ["a"]);
}

#[test]
fn when_everybody_is_limited_the_client_is_told_when_to_come_back() {
    let script = world();
    let call = simple_call(Gemini, true);
    // One request to each, not six, and no clean 200 around an error.
    let (got, asked) = next(&script, &call, vec![limited("20"), limited("50")]);
    assert_eq!((got.status, got.retry_after, asked.len()), (429, Some(Duration::from_secs(50)), 2));
    later(&script, 5);
    let (got, asked) = next(&script, &call, vec![]);
    assert_eq!((got.status, asked.len()), (429, 0));
    let wait = got.retry_after.unwrap().as_secs();
    assert!((14..=15).contains(&wait), "the earliest recovery, not the last limit: {wait}");
    assert!(got.said(Gemini).contains("resting"), "{}", got.body);
}

#[test]
fn a_bad_request_neither_rests_nor_revives_an_account() {
    let script = world();
    let call = simple_call(Chat, true);
    let chat = || sse(&[&stream(Chat, "text")]);
    for _ in 0..10 {
        assert_eq!(next(&script, &call, vec![refusal(400, "bad")]).1, ["a"]);
    }
    assert_eq!(next(&script, &call, vec![chat()]).1, ["a"]);
    assert_eq!(next(&script, &call, vec![limited("60"), refusal(400, "bad")]).1, ["a", "b"]);
    assert_eq!(next(&script, &call, vec![refusal(422, "bad")]).1, ["b"]);
}

#[test]
fn failures_between_successes_do_not_add_up() {
    let script = world();
    let call = simple_call(Chat, true);
    let chat = || sse(&[&stream(Chat, "text")]);
    for _ in 0..8 {
        let responses = sse(&[&stream(Responses, "text")]);
        assert_eq!(next(&script, &call, vec![refusal(500, "oops"), responses]).1, ["a", "b"]);
        // The first rest, every time: five seconds.
        later(&script, 6);
        assert_eq!(next(&script, &call, vec![chat()]).1, ["a"]);
    }
}

#[test]
fn an_answer_after_a_failover_ends_once() {
    let ends = [
        (Chat, "[DONE]"),
        (Messages, "event: message_stop"),
        (Gemini, "finishReason"),
        (Responses, "event: response.completed"),
    ];
    for (client, end) in ends {
        for provider in [Chat, Messages, Gemini, Responses] {
            let text = stream(provider, "text");
            let first = sse(&[chunks(&text)[0], &stream(provider, "error-first")]);
            // The first frame of a stream of Gemini's is content, so its error must come alone.
            let first = if provider == Gemini { sse(&[&stream(Gemini, "error-first")]) } else { first };
            let script = Script::new(&[("a", provider), ("b", provider)], [first, sse(&chunks(&text))]);
            let got = script.play(&simple_call(client, true));
            assert_eq!(got.body.matches(end).count(), 1, "{provider:?} to {client:?}: {}", got.body);
            assert_eq!(got.attempts, 2);
        }
    }
}

/// A stream of `wire` that says `pieces`, made by our own client's half of it.
fn spoken(wire: Protocol, pieces: &[&str]) -> Vec<u8> {
    let call = simple_call(wire, true);
    let mut encoder = inbound(wire).encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    encoder.event(Event::Start { id: "x", model: "m" }, &mut out);
    encoder.event(Event::BlockStart { index: 0, block: Block::Text }, &mut out);
    for piece in pieces {
        encoder.event(Event::Delta { index: 0, delta: Delta::Text(piece) }, &mut out);
    }
    encoder.event(Event::BlockEnd { index: 0 }, &mut out);
    encoder.event(Event::Finish(Finish::Stop), &mut out);
    out
}

fn passes(pieces: &[&str]) {
    for provider in [Chat, Messages, Gemini, Responses] {
        let body = spoken(provider, pieces);
        for &client in CLIENTS {
            let (call, payload) = stage(client, provider, true);
            let played = Play::new(&call, &payload).run(body.chunks(11));
            assert_eq!(played.error, None, "{provider:?} to {client:?}: {pieces:?}");
            let heard = hear(client, &played.out);
            assert_eq!((heard.text, heard.failures), (pieces.concat(), 0), "{provider:?} to {client:?}");
        }
    }
}

#[test]
fn text_is_not_touched() {
    passes(&["ha", "ha", "ha!", "ha", "\n", "\n", "  ", "    indented"]);
    passes(&[r#"printf("a\n")"#, r"\u0041 \\ \/", "\u{0}\u{7f}\u{2028}\r\n\t", "e\u{301}👩‍👩‍👧", "\u{feff}"]);
    passes(&["<thinking>no</thinking>", "<think>", "data: [DONE]\n\nevent: error\n\n", "[DONE]", "\n\ndata: {}"]);
}

#[test]
fn words_about_errors_are_only_words() {
    passes(&[
        "give credit to the author",
        r#"{"error":{"message":"insufficient_quota"}}"#,
        r#""error": {"#,
        "rate limit 429",
    ]);
    passes(&[r#""finish_reason":"stop""#, r#""finishReason":"STOP","usage":{"#, "response.failed", "message_stop"]);
}

mod any_text {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn passes_between_any_two_protocols(pieces: Vec<String>) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assume!(pieces.iter().any(|piece| !piece.is_empty()));
            super::passes(&pieces);
        }
    }
}

#[test]
fn a_body_that_cannot_be_read_is_the_clients_mistake() {
    #[rustfmt::skip]
    let table = [
        ("/v1/chat/completions", "{\"model\":", "request body is not a JSON object"),
        ("/v1/chat/completions", "{\"messages\":[]}", "model: is missing"),
        ("/v1/messages", "{\"model\":7}", "model: invalid type"),
        ("/v1/messages", "{\"model\":\"m\",\"stream\":\"yes\"}", "stream: invalid type"),
        ("/v1/responses", "{\"model\":\"m\",\"model\":\"n\"}", "model: duplicate key"),
        ("/v1beta/models/m:generateContent", "[]", "request body is not a JSON object"),
    ];
    for (path, body, said) in table {
        let failure = call("POST", path, &[], body).unwrap_err();
        assert_eq!(failure.status, 400, "{path} {body}");
        assert!(failure.message.starts_with(said), "{path} {body}: {}", failure.message);
    }
}

#[test]
fn a_relay_adds_nothing_to_the_body_and_a_translation_nothing_of_ours() {
    for provider in [Chat, Messages, Gemini, Responses] {
        for &client in CLIENTS {
            let call = simple_call(client, true);
            let payload = crate::upstream::payload(&call, &target(provider, "a", "other")).unwrap();
            let body = String::from_utf8(payload.body.to_vec()).unwrap();
            for leak in ["sluice", "req7", super::rig::SECRET, "account"] {
                assert!(!body.to_lowercase().contains(leak), "{client:?} to {provider:?}: {body}");
            }
            if client == provider && client != Gemini {
                assert_eq!(body, String::from_utf8(call.body.bytes().to_vec()).unwrap().replace("\"m\"", "\"other\""));
            }
        }
    }
}

#[test]
fn an_html_page_is_never_an_answer() {
    for provider in [Chat, Messages, Gemini, Responses] {
        for streamed in [true, false] {
            let page = || answer(200, "text/html", &["<!doctype html>", "<title>Just a moment...</title>"]);
            let good = answer(200, "application/json", &[&whole(provider, "text")]);
            let script = Script::new(&[("a", provider), ("b", provider)], [page(), good]);
            let got = script.play(&simple_call(provider, streamed));
            assert_eq!((got.status, got.attempts), (200, 2));
            assert!(!got.body.contains("<!doctype") && got.body.contains("日本語"), "{}", got.body);
            assert_eq!(wire(provider).protocol(), provider);
        }
    }
}

#[test]
fn an_account_that_could_answer_is_found_behind_any_number_that_cannot() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let accounts: Vec<(&'static str, Protocol)> = names.into_iter().map(|name| (name, Chat)).collect();
    let script = Script::pooled(&accounts);
    let mut answers: Vec<_> = (0..9).map(|_| limited("3600")).collect();
    answers.push(sse(&[&stream(Chat, "text")]));
    let (got, mut asked) = next(&script, &simple_call(Chat, true), answers);
    assert_eq!((got.status, got.attempts), (200, 10));
    asked.sort();
    assert_eq!(asked, names);
}
