//! Providers that take more than one request for an answer: several hosts in their order, several pictures.

use std::cell::RefCell;
use std::collections::VecDeque;

use futures_executor::block_on;
use serde_json::{Value, json};

use super::rig::call;
use super::script::{Answer, Body, answer, refusal};
use crate::call::{Call, HttpRequest};
use crate::exec::{Io, Refused, Reply, run};
use crate::fault::{Failure, Fault, Millis};
use crate::pool::{Candidate, Outcome, Plan, Settlement};
use crate::upstream::{self, Credential, Secret, Target};

/// One account, answers in turn, and the addresses they came from.
struct One {
    target: Target,
    answers: RefCell<VecDeque<Answer>>,
    urls: RefCell<Vec<String>>,
    outcome: RefCell<Option<Outcome>>,
}

impl Io for One {
    type Body = Body;

    fn now(&self) -> Millis {
        Millis(1)
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        let (account, provider, model) = ("a".to_owned(), self.target.provider.clone(), self.target.model.clone());
        Ok(Plan { lease: 7, candidates: vec![Candidate { account, provider, model, probe: false }], hedge_ms: None })
    }

    async fn target(&self, _: &Candidate) -> Result<Target, Fault> {
        Ok(self.target.clone())
    }

    async fn refresh(&self, _: &Target) -> Result<Target, Fault> {
        Err(Fault::Unauthorized)
    }

    async fn send(&self, request: HttpRequest) -> Answer {
        self.urls.borrow_mut().push(request.url);
        self.answers.borrow_mut().pop_front().expect("nobody else was to be asked")
    }

    fn report(&self, settlement: Settlement) {
        *self.outcome.borrow_mut() = settlement.attempts.last().map(|last| last.outcome.clone());
    }
}

fn target(provider: &str, base_url: Option<&str>) -> Target {
    Target {
        account: "a".to_owned(),
        provider: provider.to_owned(),
        upstream: upstream::by_name(provider).unwrap(),
        base_url: base_url.map(str::to_owned),
        model: "gemini-3-image".to_owned(),
        headers: Vec::new(),
        credential: Credential { access: Secret::new("ya29.token"), ..Credential::default() },
    }
}

/// Status and body for the client, and the hosts that were asked.
fn play(target: Target, call: &Call, answers: impl IntoIterator<Item = Answer>) -> (u16, Value, Vec<String>, Outcome) {
    let answers = RefCell::new(answers.into_iter().collect());
    let world = One { target, answers, urls: RefCell::default(), outcome: RefCell::default() };
    let (status, body) = match block_on(run(&world, call)) {
        Reply::Refused(Refused { status, body, .. }) => (status, body.to_vec()),
        Reply::Answer(answer) => (200, answer.head),
    };
    assert!(world.answers.borrow().is_empty(), "somebody was not asked");
    let host = |url: &String| url.split('/').nth(2).unwrap().to_owned();
    let hosts = world.urls.borrow().iter().map(host).collect();
    (status, serde_json::from_slice(&body).unwrap(), hosts, world.outcome.take().unwrap())
}

fn whole(text: &str) -> Answer {
    let body = json!({"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}]}});
    answer(200, "application/json", &[&body.to_string()])
}

#[test]
fn the_second_host_is_asked_when_the_first_is_not_well() {
    const FIRST: &str = "daily-cloudcode-pa.googleapis.com";
    const SECOND: &str = "cloudcode-pa.googleapis.com";
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let call = &call("POST", "/v1/chat/completions", &[], body).unwrap();
    let said = |value: &Value| value["choices"][0]["message"]["content"].as_str().map(str::to_owned);
    let hosts = |base_url, answers: Vec<Answer>| play(target("antigravity", base_url), call, answers);

    let (status, body, asked, _) = hosts(None, vec![whole("one")]);
    assert_eq!((status, said(&body).as_deref(), asked), (200, Some("one"), vec![FIRST.to_owned()]));
    for sick in [refusal(503, "no capacity"), Err(Fault::Transport), answer(200, "application/json", &["{"])] {
        let malformed = sick.as_ref().is_ok_and(|answer| answer.status == 200);
        let (status, body, asked, outcome) = hosts(None, if malformed { vec![sick] } else { vec![sick, whole("two")] });
        if malformed {
            // What it says may be wrong everywhere: this is the account's attempt, and it is over.
            assert_eq!((status, asked.len()), (502, 1), "{body}");
        } else {
            assert_eq!((status, said(&body).as_deref()), (200, Some("two")));
            assert_eq!((asked, outcome), (vec![FIRST.to_owned(), SECOND.to_owned()], Outcome::Answered));
        }
    }
    let (status, _, asked, outcome) = hosts(None, vec![refusal(503, "no"), refusal(503, "no")]);
    assert_eq!((status, asked.len(), outcome), (503, 2, Outcome::Failed(Fault::Overloaded)));
    // A limit is the account's, wherever it is met; a mistake is the client's.
    for status in [429, 400] {
        let (told, _, asked, _) = hosts(None, vec![refusal(status, "no")]);
        assert_eq!((told, asked.len()), (status, 1));
    }
    let (_, _, asked, _) = hosts(Some("https://mine.example"), vec![refusal(503, "no")]);
    assert_eq!(asked, ["mine.example"]);
}

#[test]
fn several_pictures_are_several_requests_and_all_or_none() {
    let picture = |data: &str| {
        let parts = json!([{"inlineData": {"mimeType": "image/png", "data": data}}]);
        let body = json!({"candidates": [{"content": {"parts": parts}}], "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3}});
        answer(200, "application/json", &[&body.to_string()])
    };
    let ask = |n: u64| {
        let body = json!({"model": "m", "prompt": "a cat", "n": n}).to_string();
        call("POST", "/v1/images/generations", &[], body).unwrap()
    };
    let (status, body, asked, _) =
        play(target("google", None), &ask(3), [picture("b25l"), picture("dHdv"), picture("ZHJlaQ==")]);
    assert_eq!((status, asked.len()), (200, 3));
    assert_eq!(body["data"], json!([{"b64_json": "b25l"}, {"b64_json": "dHdv"}, {"b64_json": "ZHJlaQ=="}]));
    assert_eq!(body["usage"]["total_tokens"], 15);
    let (status, _, asked, outcome) = play(target("google", None), &ask(3), [picture("b25l"), refusal(429, "enough")]);
    assert_eq!((status, asked.len()), (429, 2));
    assert!(matches!(outcome, Outcome::Failed(Fault::RateLimited { .. })), "{outcome:?}");
}
