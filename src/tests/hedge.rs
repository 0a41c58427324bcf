//! A second account asked beside one that says nothing: one answer, whole, and the truth about the other.

use proptest::prelude::*;

use super::rig::{hear, simple_call};
use super::script::{Answer, Got, Script, chunks, refusal, slow, sse, stream};
use crate::ir::Protocol::{Chat, Responses};
use crate::pool::{Account, Ask, Attempt, Candidate, Goal, Outcome, Pool, Settlement};

const MS: u64 = 700;
const TWO: &[(&str, crate::ir::Protocol)] = &[("a", Chat), ("b", Chat)];
const THREE: &[(&str, crate::ir::Protocol)] = &[("a", Chat), ("b", Chat), ("c", Chat)];

/// The whole of an answer, and the same in other words.
fn texts() -> [String; 2] {
    let text = stream(Chat, "text");
    [text.clone(), text.replace("chatcmpl-", "other-")]
}

fn late(text: &str, looks: usize) -> Answer {
    slow(sse(&chunks(text)), looks)
}

fn script(candidates: &[(&'static str, crate::ir::Protocol)], answers: impl IntoIterator<Item = Answer>) -> Script {
    Script { hedge_ms: Some(MS), ..Script::new(candidates, answers) }
}

fn beaten(script: &Script) -> Vec<String> {
    let reports = script.reports.borrow();
    let last = reports.iter().find(|report| report.done).unwrap();
    last.beaten.iter().map(|candidate| candidate.account.clone()).collect()
}

/// Every attempt that was reported, in order, each once.
fn told(script: &Script) -> String {
    let reports = script.reported();
    let (first, _) = &reports[0];
    first.iter().map(|(account, outcome)| format!("{account}:{outcome}")).collect::<Vec<_>>().join(" ")
}

fn said(got: &Got, text: &str, attempts: usize) {
    assert_eq!((got.status, got.body.as_str(), got.attempts), (200, text, attempts));
}

#[test]
fn whoever_has_content_first_answers() {
    let [one, two] = texts();
    let second = script(TWO, [late(&one, 9), late(&two, 1)]);
    said(&second.play(&simple_call(Chat, true)), &two, 2);
    assert_eq!((second.asked().join(" "), told(&second)), ("a b".to_owned(), "a:beaten b:answered".to_owned()));
    assert_eq!((second.verdict(), beaten(&second)), ("b:answered".to_owned(), vec!["a".to_owned()]));
    let first = script(TWO, [late(&one, 2), late(&two, 9)]);
    said(&first.play(&simple_call(Chat, true)), &one, 2);
    assert_eq!((told(&first), beaten(&first)), ("b:beaten a:answered".to_owned(), vec!["b".to_owned()]));
}

#[test]
fn an_account_that_is_as_fast_as_ever_is_asked_alone() {
    let [one, _] = texts();
    let script = script(TWO, [sse(&chunks(&one))]);
    said(&script.play(&simple_call(Chat, true)), &one, 1);
    assert_eq!((script.asked(), beaten(&script)), (vec!["a".to_owned()], vec![]));
}

#[test]
fn only_streams_and_only_who_has_somebody_beside_them_are_hedged() {
    let [one, _] = texts();
    let whole = || slow(super::script::answer(200, "application/json", &[&super::script::whole(Chat, "text")]), 9);
    assert_eq!(script(TWO, [whole()]).play(&simple_call(Chat, false)).attempts, 1);
    assert_eq!(script(&TWO[..1], [late(&one, 9)]).play(&simple_call(Chat, true)).attempts, 1);
    let off = Script::new(TWO, [late(&one, 9)]);
    assert_eq!(off.play(&simple_call(Chat, true)).attempts, 1);
}

#[test]
fn one_that_fails_leaves_it_to_the_other() {
    let [one, two] = texts();
    let first = script(TWO, [late(&one, 3), refusal(429, "slow down")]);
    said(&first.play(&simple_call(Chat, true)), &one, 2);
    assert_eq!((told(&first), beaten(&first)), ("b:rate_limited a:answered".to_owned(), vec![]));
    let second = script(TWO, [slow(refusal(503, "busy"), 2), late(&two, 9)]);
    said(&second.play(&simple_call(Chat, true)), &two, 2);
    assert_eq!(told(&second), "a:overloaded b:answered");
    let third = script(THREE, [slow(refusal(503, "busy"), 4), refusal(429, "slow down"), late(&one, 9)]);
    said(&third.play(&simple_call(Chat, true)), &one, 3);
    assert_eq!(third.asked(), ["a", "b", "c"], "nobody is asked twice, and one more is asked once");
    assert_eq!(told(&third), "a:overloaded b:rate_limited c:answered");
}

#[test]
fn a_request_that_is_wrong_ends_both() {
    let [one, _] = texts();
    let script = script(THREE, [late(&one, 9), refusal(400, "no such field")]);
    let got = script.play(&simple_call(Chat, true));
    assert_eq!((got.status, got.attempts, script.verdict()), (400, 2, "a:beaten b:rejected".to_owned()));
}

proptest! {
    /// However the two come, the client has one of them, whole, and it is the one that is said to have answered.
    #[test]
    fn two_answers_are_never_mixed(one in 0..6_usize, two in 0..6_usize, wire in prop_oneof![Just(Chat), Just(Responses)]) {
        let [first, second] = texts();
        let script = script(TWO, [late(&first, one), late(&second, two)]);
        if one == 0 {
            script.answers.borrow_mut().pop_back();
        }
        let got = script.play(&simple_call(wire, true));
        let by = script.verdict();
        let expected = if by == "a:answered" { &first } else { &second };
        if wire == Chat {
            prop_assert_eq!(&got.body, expected);
        } else {
            prop_assert_eq!(hear(wire, got.body.as_bytes()).text, hear(Chat, expected.as_bytes()).text);
            prop_assert_eq!(got.body.matches("event: response.completed").count(), 1);
        }
    }
}

fn ask() -> Ask {
    let goal = Goal { provider: "p".into(), model: "m".into(), ..Goal::default() };
    Ask { tiers: vec![vec![goal]], ..Ask::default() }
}

#[test]
fn the_usual_time_is_that_of_ninety_five_of_a_hundred() {
    let mut pool = Pool::default();
    let account = |id: &str| Account { id: id.into(), provider: "p".into(), ..Account::default() };
    pool.set_accounts(vec![account("a"), account("b")]);
    let mut answered = |outcome: Outcome, ms: u64, n: u64| {
        let now = crate::fault::Millis(1000 * n);
        let plan = pool.plan(&ask(), now).unwrap();
        let Candidate { account, provider, model, .. } = plan.candidates[0].clone();
        let attempt =
            Attempt { account, provider, model, outcome, began: now, ms, first_ms: Some(ms), ..Attempt::default() };
        pool.report(
            &Settlement { lease: plan.lease, attempts: vec![attempt], done: true, ..Settlement::default() },
            now,
        );
        pool.usual_first_ms(&ask())
    };
    for n in 1..20 {
        assert_eq!(answered(Outcome::Answered, 100 * n, n), None, "too few say nothing");
    }
    assert_eq!(answered(Outcome::Answered, 2000, 20), Some(1900));
    // One that was beaten would have taken longer: it moves the time as that would have.
    for n in 21..40 {
        answered(Outcome::Beaten, 9000, n);
    }
    assert_eq!(answered(Outcome::Answered, 1, 40), Some(9000));
    let other = Goal { provider: "p".into(), model: "other".into(), ..Goal::default() };
    assert_eq!(pool.usual_first_ms(&Ask { tiers: vec![vec![other]], ..Ask::default() }), None);
}
