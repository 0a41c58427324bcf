//! Requests that are repeated as they are: what a provider gets of them, and what comes back.

use futures_executor::block_on;
use serde_json::json;

use super::rig::{SECRET, call};
use super::script::{Answer, Body, Script};
use crate::accounts;
use crate::call::{Call, HttpRequest, HttpResponse, Operation};
use crate::control::inquiry::Inquiry;
use crate::exec::{Io, Reply, run};
use crate::fault::{Failure, Fault, Millis};
use crate::ir::Protocol;
use crate::pool::{Candidate, Plan, Settlement};
use crate::upstream::{Credential, Secret, Target, by_name, payload};

fn at(provider: &str, base_url: Option<&str>) -> Target {
    Target {
        account: "a".to_owned(),
        provider: provider.to_owned(),
        upstream: by_name(provider).unwrap(),
        base_url: base_url.map(str::to_owned),
        model: String::new(),
        headers: Vec::new(),
        credential: Credential { access: Secret::new(SECRET), ..Credential::default() },
    }
}

fn proxied(method: &str, url: &str, headers: &[(&str, &str)], body: &'static [u8]) -> Call {
    call(method, url, headers, body).unwrap()
}

fn sent(call: &Call, target: &Target) -> HttpRequest {
    target.upstream.request(call, target, &payload(call, target).unwrap()).unwrap_or_else(|f| panic!("{f:?}"))
}

#[test]
fn method_path_and_query_are_the_clients_own() {
    let table = [
        (
            "POST",
            "openai",
            None,
            "v1/files?purpose=x&key=mine&a=%2F",
            "https://api.openai.com/v1/files?purpose=x&a=%2F",
        ),
        ("GET", "openai", Some("https://eu.example/v1"), "v1/files/a%2Fb/", "https://eu.example/v1/files/a%2Fb/"),
        ("DELETE", "anthropic", None, "v1/files/f", "https://api.anthropic.com/v1/files/f"),
        (
            "POST",
            "google",
            None,
            "upload/v1beta/files",
            "https://generativelanguage.googleapis.com/upload/v1beta/files",
        ),
        ("PUT", "google", Some("https://g.example/x/v1beta"), "v1beta/a", "https://g.example/x/v1beta/a"),
        ("PATCH", "groq", None, "openai/v1/files", "https://api.groq.com/openai/v1/files"),
        ("HEAD", "zhipu", None, "api/paas/v4/files", "https://open.bigmodel.cn/api/paas/v4/files"),
    ];
    for (method, provider, base, path, url) in table {
        let call = proxied(method, &format!("/proxy/{provider}/{path}"), &[], b"");
        let request = sent(&call, &at(provider, base));
        assert_eq!((request.method, request.url.as_str()), (method, url));
    }
}

#[test]
fn the_body_is_repeated_and_the_key_is_ours() {
    let body: &[u8] = b"--b\r\n\x00\xff\r\n--b--\r\n";
    let headers = [
        ("content-type", "multipart/form-data; boundary=b"),
        ("authorization", "Bearer client"),
        ("x-api-key", "client"),
        ("x-goog-api-key", "client"),
        ("cookie", "client"),
        ("cf-connecting-ip", "client"),
        ("x-goog-upload-protocol", "resumable"),
        ("range", "bytes=0-1"),
    ];
    for provider in ["openai", "anthropic", "google"] {
        let call = proxied("POST", &format!("/proxy/{provider}/v1/files"), &headers, body);
        let request = sent(&call, &at(provider, None));
        assert_eq!(&request.body[..], body);
        let told = |name: &str| request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(told("content-type"), Some("multipart/form-data; boundary=b"));
        assert_eq!((told("range"), told("x-goog-upload-protocol")), (Some("bytes=0-1"), Some("resumable")));
        assert!(request.headers.iter().all(|(_, value)| value != "client" && value != "Bearer client"), "{provider}");
        assert!(request.headers.iter().any(|(_, value)| value.ends_with(SECRET)), "{provider}");
    }
    let call = proxied("GET", "/proxy/openai/v1/files", &[], b"");
    assert!(
        sent(&call, &at("openai", None)).headers.iter().all(|(name, _)| name != "content-type"),
        "nothing invented"
    );
}

#[test]
fn an_account_may_be_named_and_the_path_may_not_stray() {
    let call = proxied("GET", "/proxy/openai@my%20key/v1/files", &[], b"");
    assert_eq!(call.endpoint.provider.as_deref(), Some("openai"));
    let presented = crate::access::Presented { caller: crate::access::Caller::Operator, pin: None };
    let inquiry = Inquiry::of(&call, presented, None, None).unwrap();
    assert_eq!((inquiry.pin.as_deref(), inquiry.operation), (Some("my key"), Operation::Raw));
    for path in [
        "/proxy/openai",
        "/proxy/openai/",
        "/proxy/openai/a/../b",
        "/proxy/openai/%2e%2e/b",
        "/proxy//v1/files",
        "/proxy/openai@/v1/files",
        "/proxy/openai/a%5Cb",
        "/proxy/openai/a%0Ab",
    ] {
        let failure = super::rig::call("GET", path, &[], "").unwrap_err();
        assert_eq!(failure.status, 404, "{path}");
    }
    assert_eq!(super::rig::call("TRACE", "/proxy/openai/v1/files", &[], "").unwrap_err().status, 405);
}

/// A world of two accounts at OpenAI.
struct World(Script);

impl Io for World {
    type Body = Body;
    fn now(&self) -> Millis {
        self.0.now()
    }
    async fn plan(&self) -> Result<Plan, Failure> {
        self.0.plan().await
    }
    async fn target(&self, candidate: &Candidate) -> Result<Target, Fault> {
        Ok(Target { account: candidate.account.clone(), ..at("openai", None) })
    }
    async fn refresh(&self, _: &Target) -> Result<Target, Fault> {
        Err(Fault::Unauthorized)
    }
    async fn send(&self, _: HttpRequest) -> Answer {
        self.0.answers.borrow_mut().pop_front().unwrap()
    }
    fn report(&self, settlement: Settlement) {
        self.0.report(settlement);
    }
}

fn answered(status: u16, headers: &[(&str, &str)], body: &'static [u8]) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(HttpResponse { status, headers, body: Body { chunks: [Ok(body.into())].into(), slow: 0 } })
}

fn play(answers: impl IntoIterator<Item = Answer>) -> (u16, Vec<(String, String)>, Vec<u8>, String) {
    let world = World(Script::new(&[("a", Protocol::Chat), ("b", Protocol::Chat)], answers));
    let call = proxied("POST", "/proxy/openai/v1/files", &[], b"x");
    let got = match block_on(run(&world, &call)) {
        Reply::Refused(refused) => (refused.status, Vec::new(), refused.body.to_vec(), refused.trace),
        Reply::Answer(answer) => (answer.status, answer.headers, answer.head, answer.trace),
    };
    let tried: Vec<_> = got.3.attempts.iter().map(|attempt| attempt.account.clone()).collect();
    (got.0, got.1, got.2, tried.join(" "))
}

#[test]
fn status_headers_and_bytes_come_back_as_they_were() {
    let headers = [
        ("content-type", "text/plain"),
        ("x-goog-upload-url", "https://g.example/u"),
        ("set-cookie", "no"),
        ("content-length", "3"),
        ("location", "/x"),
    ];
    let (status, headers, body, _) = play([answered(308, &headers, b"\x00\xff\n")]);
    let kept = [("x-goog-upload-url", "https://g.example/u"), ("location", "/x")];
    assert_eq!((status, &body[..]), (308, &b"\x00\xff\n"[..]));
    assert_eq!(headers, kept.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn a_limited_account_hands_over_and_a_missing_file_does_not() {
    let limited = || answered(429, &[], b"{\"error\":{\"message\":\"slow\"}}");
    let (status, _, body, tried) = play([limited(), answered(201, &[], b"ok")]);
    assert_eq!((status, &body[..], tried.as_str()), (201, &b"ok"[..], "b"));
    let missing = json!({"error": {"message": "No such File object: f", "code": "model_not_found"}}).to_string();
    let missing: &'static [u8] = missing.leak().as_bytes();
    let (status, _, body, tried) = play([answered(404, &[("content-type", "application/json")], missing)]);
    assert_eq!((status, &body[..], tried.as_str()), (404, missing, "a"));
}

#[test]
fn providers_that_sign_in_otherwise_are_not_proxied() {
    let call = proxied("GET", "/proxy/x/v1/files", &[], b"");
    assert!(accounts::upstream("demo", None).is_ok());
    let failure = payload(&call, &at("demo", None)).err().unwrap();
    assert_eq!(failure.code.as_deref(), Some("unsupported_operation"));
}
