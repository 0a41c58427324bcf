//! The executor against a scripted world: who is asked, in which order, with what; what the client gets and what the
//! pool hears.

use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{SECRET, hear, simple_call, stage};
use super::script::{Answer, Script, answer, breaking, chunks, refusal, sse, stream, whole, with_header};
use crate::fault::{Failure, Fault, Kind, Millis, Scope};
use crate::ir::Protocol::{self, Chat, Gemini, Messages, Responses};
use crate::ir::event::Usage;
use crate::pool::{Denial, Outcome};
use crate::protocol::{Echo, StreamError};
use crate::pump::{Answering, Pump};
use crate::upstream::Secret;

const TWO: &[(&str, Protocol)] = &[("a", Chat), ("b", Chat)];

#[test]
fn the_first_candidate_answers_and_nobody_else_is_asked() {
    let text = stream(Chat, "text");
    let script = Script::new(TWO, [sse(&chunks(&text))]);
    let call = simple_call(Chat, true);
    let got = script.play(&call);
    assert_eq!((got.status, got.body, got.attempts), (200, text, 1));
    assert_eq!(got.content_type, "text/event-stream; charset=utf-8");
    assert_eq!(script.reported(), [(vec![("a".to_owned(), "answered".to_owned())], true)]);
    let usage = Usage { input: 20, cache_read: 10, output: 7, reasoning: 5, ..Usage::default() };
    assert_eq!(script.reports.borrow()[0].usage, usage);
    let sent = script.sent.borrow();
    assert_eq!(sent[0].2, serde_json::from_slice::<Value>(call.body.bytes()).unwrap());
}

#[test]
fn each_candidate_gets_a_body_in_its_own_words() {
    let answers = [refusal(503, "busy"), refusal(503, "busy"), sse(&[&stream(Gemini, "text")])];
    let script = Script::new(&[("a", Chat), ("b", Responses), ("c", Gemini)], answers);
    let got = script.play(&simple_call(Chat, true));
    assert_eq!(hear(Chat, got.body.as_bytes()).text, "Grüße, 日本語のテキスト 😀\n");
    let sent = script.sent.borrow();
    let members: Vec<_> =
        sent.iter().map(|(.., body)| ["messages", "input", "contents"].map(|key| body.get(key).is_some())).collect();
    assert_eq!(members, [[true, false, false], [false, true, false], [false, false, true]]);
}

#[test]
fn an_account_that_fails_before_content_is_left_unseen() {
    let text = stream(Chat, "text");
    let role = chunks(&text)[0];
    let error = stream(Chat, "error-first");
    let cut = || sse(&[role]);
    #[rustfmt::skip]
    let table: Vec<(&str, Answer, &str)> = vec![
        ("no connection", Err(Fault::Transport), "transport"),
        ("401", refusal(401, "no"), "unauthorized"),
        ("402", refusal(402, "no"), "quota"),
        ("403", refusal(403, "no"), "suspended"),
        ("404", refusal(404, "no"), "model_missing"),
        ("429", refusal(429, "no"), "rate_limited"),
        ("500", refusal(500, "no"), "overloaded"),
        ("a page with 502", answer(502, "text/html", &["<html>"]), "overloaded"),
        ("an error event in a 200", sse(&[&error]), "rate_limited"),
        ("an error event after the role", sse(&[role, &error]), "rate_limited"),
        ("an end before content", cut(), "transport"),
        ("an end before anything", sse(&[]), "transport"),
        ("half a frame", sse(&[role, "data: {\"id\":\"chatcmpl-7\",\"choices\":[{\"delta\":{\"content\":\"secret"]), "transport"),
        ("a reset before content", breaking(cut(), StreamError::Cut), "transport"),
        ("silence before content", breaking(cut(), StreamError::Stalled), "transport"),
        ("a page with 200", answer(200, "text/html; charset=utf-8", &["<html>", "busy</html>"]), "malformed"),
        ("a page that calls itself a stream", sse(&["<html>busy</html>\n\n"]), "transport"),
        ("frames that are no JSON", sse(&["data: <html>busy</html>\n\n"]), "malformed"),
        ("a JSON error with 200", answer(200, "application/json", &[&whole(Chat, "error")]), "quota"),
        ("an empty 200", answer(200, "application/json", &[]), "malformed"),
    ];
    for (what, first, fault) in table {
        let script = Script::new(TWO, [first, sse(&chunks(&text))]);
        let got = script.play(&simple_call(Chat, true));
        assert_eq!((got.status, got.body.as_str(), got.attempts), (200, text.as_str(), 2), "{what}");
        assert_eq!(script.asked(), ["a", "b"], "{what}");
        // The pool hears of the failure while the answer still streams, and of the answer at its end.
        let reported = script.reported();
        assert_eq!(reported[0].0[0], ("a".to_owned(), fault.to_owned()), "{what}");
        assert_eq!((reported[0].1, reported.len(), script.verdict().as_str()), (false, 2, "b:answered"), "{what}");
    }
}

#[test]
fn the_same_failures_are_unseen_by_clients_of_other_protocols_and_of_whole_answers() {
    for client in [Chat, Messages, Gemini, Responses] {
        for streamed in [true, false] {
            let text = stream(Chat, "text");
            let first = [
                sse(&[&stream(Chat, "error-first")]),
                sse(&[chunks(&text)[0]]),
                answer(200, "text/html", &["<html>"]),
                answer(200, "application/json", &[&whole(Chat, "error")]),
                answer(200, "application/json", &[whole(Chat, "text").split_at(300).0]),
                answer(200, "application/json", &[&whole(Chat, "text").replace("\"stop\"", "\"error\"")]),
            ];
            for first in first {
                let script = Script::new(TWO, [first, sse(&chunks(&text))]);
                let got = script.play(&simple_call(client, streamed));
                assert_eq!((got.status, script.asked().len()), (200, 2));
                assert!(got.body.contains("日本語"), "{}", got.body);
                if streamed {
                    let heard = hear(client, got.body.as_bytes());
                    assert_eq!(
                        (heard.failures, heard.finishes.len(), heard.text),
                        (0, 1, "Grüße, 日本語のテキスト 😀\n".into())
                    );
                } else {
                    assert_eq!(got.content_type, "application/json");
                }
            }
        }
    }
}

#[test]
fn a_whole_answer_that_is_cut_is_never_begun() {
    let text = stream(Chat, "text");
    let four = &chunks(&text)[..4];
    for first in
        [sse(four), breaking(sse(four), StreamError::Cut), sse(&[four.concat().as_str(), &stream(Chat, "error-later")])]
    {
        let script = Script::new(TWO, [first, answer(200, "application/json", &[&whole(Chat, "text")])]);
        let got = script.play(&simple_call(Chat, false));
        assert_eq!((got.status, got.body), (200, whole(Chat, "text")));
        // It is over as soon as it is begun: one report says all.
        assert_eq!(script.reported().len(), 1);
        assert!(script.verdict().ends_with("b:answered"), "{}", script.verdict());
    }
}

#[test]
fn what_breaks_after_content_ends_in_one_error() {
    let text = stream(Chat, "text");
    let begun = &chunks(&text)[..3];
    for client in [Chat, Messages, Gemini, Responses] {
        let broken = [
            ("cut", sse(begun)),
            ("cut in one chunk", sse(&[&begun.concat()])),
            ("reset", breaking(sse(begun), StreamError::Cut)),
            ("silence", breaking(sse(begun), StreamError::Stalled)),
            ("an error event", sse(&[begun, &[&stream(Chat, "error-first")]].concat())),
            ("an error event in the same chunk", sse(&[&[&begun.concat(), &*stream(Chat, "error-first")].concat()])),
            ("nonsense", sse(&[begun, &["data: {\"error\":7}\n\n"]].concat())),
        ];
        for (what, first) in broken {
            let script = Script::new(TWO, [first]);
            let got = script.play(&simple_call(client, true));
            let heard = hear(client, got.body.as_bytes());
            assert_eq!(heard.text, "Grüße, 日本語の", "{what} to {client:?}");
            assert_eq!((heard.failures, heard.afterwards, heard.finishes.len()), (1, 0, 0), "{what} to {client:?}");
            assert_eq!((script.asked().len(), script.reported().len()), (1, 1), "{what} to {client:?}");
            assert!(!script.verdict().contains("answered"), "{what} to {client:?}: {}", script.verdict());
        }
    }
}

#[test]
fn an_accounts_trouble_inside_a_stream_is_not_the_clients() {
    let text = stream(Chat, "text");
    let begun = &chunks(&text)[..3];
    for (code, word) in [(401, "api_error"), (403, "api_error"), (429, "rate_limit_error"), (503, "overloaded_error")] {
        let error = format!("data: {{\"error\":{{\"code\":{code},\"message\":\"no {SECRET}\"}}}}\n\n");
        let script = Script::new(&[("a", Chat)], [sse(&[begun, &[&error]].concat())]);
        let got = script.play(&simple_call(Messages, true));
        assert!(got.body.contains(&format!("\"type\":\"{word}\",\"message\":\"no [redacted]\"")), "{}", got.body);
    }
}

#[test]
fn an_error_that_calls_itself_a_success_is_still_an_error() {
    for code in [0, 200, 302, 999] {
        let error = format!("data: {{\"error\":{{\"code\":{code},\"message\":\"odd\"}}}}\n\n");
        let script = Script::new(&[("a", Chat)], [sse(&[&error])]);
        let got = script.play(&simple_call(Chat, true));
        assert!((400..600).contains(&got.status), "{code}: {}", got.status);
    }
}

#[test]
fn comments_of_a_relayed_stream_do_not_wait_for_its_next_frame() {
    let (call, payload) = stage(Chat, Chat, true);
    let secret = &Secret::default();
    let mut pump = Pump::new(&Answering { call: &call, payload: &payload, streamed: true, secret });
    let mut out = Vec::new();
    for comment in [": PROCESSING\n\n", ": PROC", "ESSING\n", "\n", ": still\r\n\r", "\n"] {
        pump.chunk(comment.as_bytes(), &mut out).unwrap();
    }
    assert_eq!(String::from_utf8_lossy(&out), ": PROCESSING\n\n: PROCESSING\n\n: still\r\n\r\n");
    pump.chunk(b": then\nevent: x\n", &mut out).unwrap();
    assert!(!out.ends_with(b"x\n"), "half a frame is kept");
}

#[test]
fn what_is_cut_behind_the_finish_reason_is_still_cut() {
    let text = stream(Chat, "text");
    let begun = chunks(&text)[..5].concat();
    assert!(begun.contains("finish_reason\":\"stop") && !begun.contains("usage"));
    for client in [Chat, Messages, Gemini, Responses] {
        for half in ["data: {\"id\":\"chatcm", "data: {\"choices\":[],\"usage\":{\"prompt_tok", "data: [DO"] {
            let script = Script::new(&[("a", Chat)], [sse(&[&begun, half])]);
            let got = script.play(&simple_call(client, true));
            let heard = hear(client, got.body.as_bytes());
            assert_eq!((heard.failures, heard.finishes.len()), (1, 0), "{half} to {client:?}: {}", got.body);
        }
    }
}

#[test]
fn an_answer_fails_once_and_never_behind_its_end() {
    let failure = Failure::new(Kind::Upstream, "no more");
    for client in [Chat, Messages, Gemini, Responses] {
        for provider in [Chat, Messages] {
            let (call, payload) = stage(client, provider, true);
            let secret = &Secret::default();
            let pump = || Pump::new(&Answering { call: &call, payload: &payload, streamed: true, secret });
            let echo = Echo { call: &call, request: payload.request.as_ref() };
            let text = stream(provider, "text");

            let (mut broken, mut out) = (pump(), Vec::new());
            broken.chunk(&text.as_bytes()[..900], &mut out).unwrap();
            broken.fail(&failure, &mut out);
            let once = out.clone();
            broken.fail(&failure, &mut out);
            assert!(broken.failed() && hear(client, &out).failures == 1 && out == once);
            assert_eq!((broken.chunk(text.as_bytes(), &mut out), broken.end(&echo, &mut out)), (Ok(()), Ok(())));
            assert_eq!(out, once);

            let (mut complete, mut out) = (pump(), Vec::new());
            complete.chunk(text.as_bytes(), &mut out).unwrap();
            complete.end(&echo, &mut out).unwrap();
            let whole = out.clone();
            complete.fail(&failure, &mut out);
            assert!(!complete.failed() && out == whole);
        }
    }
}

#[test]
fn a_reset_behind_a_complete_answer_is_no_failure() {
    for (provider, client) in
        [(Messages, Messages), (Messages, Chat), (Chat, Chat), (Chat, Messages), (Responses, Chat)]
    {
        let text = stream(provider, "text");
        for pieces in [chunks(&text), vec![text.as_str()]] {
            let script = Script::new(&[("a", provider)], [breaking(sse(&pieces), StreamError::Cut)]);
            let got = script.play(&simple_call(client, true));
            let heard = hear(client, got.body.as_bytes());
            assert_eq!((heard.failures, heard.finishes.len()), (0, 1), "{provider:?} to {client:?}: {}", got.body);
            assert_eq!(script.verdict(), "a:answered");
        }
    }
}

#[test]
fn a_refused_request_stops_the_search_and_is_told_as_it_came() {
    for status in [400, 409, 413, 422] {
        let body = json!({"error": {"message": format!("bad for {SECRET}"), "type": "t", "odd": [1]}}).to_string();
        let script = Script::new(TWO, [answer(status, "application/json", &[&body])]);
        let got = script.play(&simple_call(Chat, true));
        assert_eq!((got.status, got.body, got.attempts), (status, body.replace(SECRET, "[redacted]"), 1));
        assert_eq!(script.verdict(), "a:rejected");
    }
    // In another protocol only the sentence and the status are.
    let script = Script::new(TWO, [refusal(413, "too long")]);
    let got = script.play(&simple_call(Messages, true));
    assert_eq!((got.status, got.said(Messages)), (413, "too long".to_owned()));
    // What is not JSON is not a body of the client's protocol.
    let script = Script::new(TWO, [answer(400, "text/html", &["<html>"])]);
    let got = script.play(&simple_call(Chat, false));
    assert_eq!((got.status, got.said(Chat)), (400, "chat refused the request (400)".to_owned()));
}

#[test]
fn an_unauthorized_account_is_refreshed_once() {
    let text = stream(Chat, "text");
    // It helps.
    let script = Script::new(TWO, [refusal(401, "expired"), sse(&[&text])]);
    script.fresh.borrow_mut().push("sk-fresh-222333");
    let got = script.play(&simple_call(Chat, true));
    assert_eq!(
        (got.status, script.asked(), script.verdict().as_str()),
        (200, vec!["a".into(), "a".into()], "a:answered")
    );
    assert_eq!(script.sent.borrow()[1].1, "Bearer sk-fresh-222333");
    // It does not: once is enough, and the next account is asked.
    let script = Script::new(TWO, [refusal(401, "expired"), refusal(401, "revoked"), sse(&[&text])]);
    script.fresh.borrow_mut().extend(["sk-never-444555", "sk-fresh-222333"]);
    let got = script.play(&simple_call(Chat, true));
    assert_eq!((got.status, script.asked()), (200, vec!["a".into(), "a".into(), "b".into()]));
    assert_eq!(script.reported()[0].0[0], ("a".to_owned(), "unauthorized".to_owned()));
}

#[test]
fn the_last_refusal_is_told_when_everybody_fails() {
    let minute = Some(Duration::from_secs(60));
    let limited = || with_header(refusal(429, "slow down, sk-canary-000111"), "retry-after", "60");
    #[rustfmt::skip]
    let table: Vec<(Answer, u16, Option<Duration>, &str)> = vec![
        (refusal(401, "bad key sk-canary-000111"), 502, None, "chat does not accept account b (401): bad key [redacted]"),
        (with_header(refusal(402, "pay"), "retry-after", "60"), 429, minute, "chat: quota used up: pay"),
        (refusal(403, "banned"), 502, None, "chat does not accept account b (403): banned"),
        (refusal(404, "what"), 404, None, "chat has no model m: what"),
        (limited(), 429, minute, "chat: rate limited: slow down, [redacted]"),
        (refusal(500, "oops"), 503, None, "chat is overloaded: oops"),
        (answer(529, "text/plain", &["busy"]), 503, None, "chat is overloaded"),
        (answer(302, "text/html", &["moved"]), 503, None, "chat is overloaded"),
        (Err(Fault::Transport), 502, None, "chat could not be reached"),
        (sse(&[]), 502, None, "chat: the answer was cut off"),
        (breaking(sse(&[]), StreamError::Stalled), 504, None, "chat: the provider sent nothing for too long"),
        (sse(&[&stream(Chat, "error-first")]), 429, None, "chat: rate limited: Rate limit reached for key [redacted]"),
        (answer(200, "text/html", &["<html>"]), 502, None, "chat: malformed answer: expected value at line 1 column 1"),
    ];
    for (last, status, retry_after, said) in table {
        let script = Script::new(TWO, [refusal(503, "first"), last]);
        let got = script.play(&simple_call(Messages, true));
        assert_eq!((got.status, got.said(Messages).as_str(), got.retry_after), (status, said, retry_after));
        assert_eq!((script.reported().len(), got.attempts), (1, 2), "{said}");
        assert!(script.verdict().starts_with("a:overloaded b:"), "{}", script.verdict());
    }
}

#[test]
fn a_wire_that_cannot_carry_the_request_is_passed_over() {
    // A file by its id means something to its own provider only.
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#;
    let call = super::rig::call("POST", "/v1/chat/completions", &[], body).unwrap();
    let script = Script::new(&[("a", Gemini), ("b", Chat)], [answer(200, "application/json", &[&whole(Chat, "text")])]);
    let got = script.play(&call);
    assert_eq!((got.status, script.asked()), (200, vec!["b".to_owned()]));
    assert_eq!(script.verdict(), "a:rejected b:answered");
    // Nobody else: the client is told which field it was, and no account is to blame.
    let script = Script::new(&[("a", Gemini)], []);
    let got = script.play(&call);
    assert_eq!((got.status, script.verdict().as_str()), (400, "a:rejected"));
    assert!(got.said(Chat).starts_with("messages[0].content[0]"), "{}", got.body);
}

#[test]
fn an_account_that_cannot_be_resolved_is_passed_over() {
    let lost = |accounts: &[&'static str], answers: Vec<Answer>| Script {
        lost: accounts.iter().map(|account| (*account, Fault::Unauthorized)).collect(),
        ..Script::new(TWO, answers)
    };
    let script = lost(&["a"], vec![sse(&[&stream(Chat, "text")])]);
    assert_eq!(script.play(&simple_call(Chat, true)).status, 200);
    assert_eq!(script.asked(), ["b"]);
    assert_eq!(script.reported()[0].0[0], ("a".to_owned(), "unauthorized".to_owned()));
    let script = lost(&["a", "b"], vec![]);
    let got = script.play(&simple_call(Chat, true));
    assert_eq!((got.status, got.said(Chat).as_str()), (502, "account b cannot be used"));
}

#[test]
fn the_pools_denials_are_told_in_the_clients_protocol() {
    let cooling = Denial::Cooling { until: Millis(3_500), why: "quota".to_owned() };
    #[rustfmt::skip]
    let table = [
        (cooling, 429, Some(4), "every account for this model is resting for 4 s: quota"),
        (Denial::NoAccount, 404, None, "no account offers this model"),
        (Denial::Unavailable, 503, None, "the account pool could not be reached"),
    ];
    for client in [Chat, Messages, Gemini, Responses] {
        for (denial, status, wait, said) in table.clone() {
            let script = Script { denial: Some(denial), ..Script::default() };
            let got = script.play(&simple_call(client, true));
            assert_eq!((got.status, got.said(client).as_str()), (status, said));
            assert_eq!(got.retry_after.map(|wait| wait.as_secs()), wait);
            assert!(script.reported().is_empty());
        }
    }
    let script = Script::new(&[], []);
    assert_eq!(script.play(&simple_call(Chat, true)).status, 500);
}

#[test]
fn the_shape_that_came_is_turned_into_the_shape_that_was_asked() {
    for provider in [Chat, Messages, Gemini, Responses] {
        for client in [Chat, Messages, Gemini, Responses] {
            // Asked for a stream, given a whole answer.
            let script =
                Script::new(&[("a", provider)], [answer(200, "application/json", &[&whole(provider, "text")])]);
            let got = script.play(&simple_call(client, true));
            assert_eq!(got.content_type, "text/event-stream; charset=utf-8");
            let heard = hear(client, got.body.as_bytes());
            assert_eq!((heard.text.as_str(), heard.finishes.len(), heard.failures), ("日本語 😀", 1, 0));
            // The reverse.
            let script = Script::new(&[("a", provider)], [sse(&[&stream(provider, "text")])]);
            let got = script.play(&simple_call(client, false));
            assert_eq!(got.content_type, "application/json");
            serde_json::from_str::<Value>(&got.body).unwrap();
            assert!(got.body.contains("日本語の"), "{provider:?} to {client:?}: {}", got.body);
            assert_eq!((script.verdict().as_str(), script.reported().len()), ("a:answered", 1));
            assert_ne!(script.reports.borrow()[0].usage, Usage::default());
        }
    }
}

#[test]
fn a_provider_that_never_comes_to_the_point_is_given_up() {
    // Frames without content are held back until content comes, but not for ever.
    let role = chunks(&stream(Chat, "text"))[0].to_owned();
    let padded = role.replace("\"gpt-x\"", &format!("\"{}\"", "x".repeat(1 << 20)));
    let endless = sse(&vec![padded.as_str(); 40]);
    let script = Script::new(TWO, [endless, sse(&[&stream(Chat, "text")])]);
    let got = script.play(&simple_call(Chat, true));
    assert_eq!((got.status, got.body), (200, stream(Chat, "text")));
    assert_eq!(script.reported()[0].0[0].1, "malformed");
}

#[test]
fn a_limit_names_its_wait_to_the_pool() {
    let script = Script::new(&[("a", Chat)], [with_header(refusal(429, "no"), "retry-after", "20")]);
    script.play(&simple_call(Chat, true));
    let expected = Fault::RateLimited { wait: Some(Duration::from_secs(20)), scope: Scope::Model };
    assert_eq!(script.reports.borrow()[0].attempts[0].outcome, Outcome::Failed(expected));
}
