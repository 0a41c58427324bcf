//! Amazon's signature, against its own test suite, and what is sent to Bedrock and Kiro.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::rig::call;
use super::upstreams::setups;
use crate::call::{HttpRequest, header};
use crate::fault::{Fault, Millis, Scope};
use crate::upstream::{self, Credential, Refusal, Secret, Target, aws, payload};

/// 2015-08-30T12:36:00Z
const THEN: u64 = 1_440_938_160;
const KEY: aws::Key<'_> =
    aws::Key { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", session: None };

fn signed(method: &'static str, path: &str, headers: &[(&str, &str)], body: &str, key: aws::Key<'_>) -> HttpRequest {
    let mut request = HttpRequest {
        method,
        url: format!("https://example.amazonaws.com{path}"),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    aws::sign(&mut request, key, "service", "us-east-1", THEN);
    request
}

/// <https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4>
#[test]
fn signatures_are_those_of_amazons_test_suite() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let none: [(&str, &str); 0] = [];
    type Case<'a> = (&'a str, &'static str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);
    let cases: [Case<'_>; 6] = [
        (
            "get-vanilla",
            "GET",
            "/",
            &none,
            "",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "post-vanilla",
            "POST",
            "/",
            &none,
            "",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "get-space",
            "GET",
            "/example space/",
            &none,
            "",
            "host;x-amz-date",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        (
            "get-utf8",
            "GET",
            "/ሴ",
            &none,
            "",
            "host;x-amz-date",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            "get-unreserved",
            "GET",
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            &none,
            "",
            "host;x-amz-date",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            "post-x-www-form-urlencoded",
            "POST",
            "/",
            &form,
            "Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ];
    for (what, method, path, headers, body, names, signature) in cases {
        let request = signed(method, path, headers, body, KEY);
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, \
             Signature={signature}"
        );
        assert_eq!(header(&request.headers, "authorization"), Some(expected.as_str()), "{what}");
        assert_eq!(header(&request.headers, "x-amz-date"), Some("20150830T123600Z"), "{what}");
    }
}

/// The suite's `post-sts-header-before`: a temporary key's token is signed as well.
#[test]
fn a_session_token_is_signed() {
    let session = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
    let request = signed("POST", "/", &[], "", aws::Key { session: Some(session), ..KEY });
    let authorization = header(&request.headers, "authorization").unwrap();
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token, "), "{authorization}");
    let signature = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead";
    assert!(authorization.ends_with(signature), "{authorization}");
    assert_eq!(header(&request.headers, "x-amz-security-token"), Some(session));
}

fn target(provider: &str, model: &str, access: &str, details: &[(&str, &str)]) -> Target {
    let details: BTreeMap<String, Secret> =
        details.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    Target {
        account: format!("{provider}-1"),
        provider: provider.to_owned(),
        upstream: upstream::by_name(provider).unwrap(),
        base_url: None,
        model: model.to_owned(),
        headers: Vec::new(),
        credential: Credential { access: Secret::new(access), details, ..Credential::default() },
    }
}

fn request(target: &Target, stream: bool) -> HttpRequest {
    let body = json!({"model": target.model, "messages": [{"role": "user", "content": "hi"}], "stream": stream});
    let call = call("POST", "/v1/chat/completions", &[], body.to_string()).unwrap();
    let payload = payload(&call, target).unwrap_or_else(|failure| panic!("{failure:?}"));
    target.upstream.request(&call, target, &payload).unwrap_or_else(|failure| panic!("{failure:?}"))
}

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

#[test]
fn bedrock_is_asked_by_converse_and_signed_by_either_kind_of_key() {
    let bearer = request(&target("bedrock", CLAUDE, "ABSKkey", &[("region", "eu-west-1")]), true);
    assert_eq!(
        bearer.url,
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"
    );
    assert_eq!(header(&bearer.headers, "authorization"), Some("Bearer ABSKkey"));
    assert_eq!(header(&bearer.headers, "accept"), Some("application/vnd.amazon.eventstream"));
    assert_eq!(header(&bearer.headers, "user-agent"), Some(concat!("sluice/", env!("CARGO_PKG_VERSION"))));

    let details = [("secret_access_key", "s3cr3t"), ("session_token", "tok")];
    let signed = request(&target("bedrock", CLAUDE, "AKIA1", &details), false);
    assert!(
        signed.url.starts_with("https://bedrock-runtime.us-east-1.amazonaws.com/model/")
            && signed.url.ends_with("/converse")
    );
    let authorization = header(&signed.headers, "authorization").unwrap();
    let start = "AWS4-HMAC-SHA256 Credential=AKIA1/20260921/us-east-1/bedrock/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(authorization.starts_with(start), "{authorization}");
    assert_eq!(header(&signed.headers, "x-amz-security-token"), Some("tok"));
    // Its name of the model is that of Anthropic's, for what the table knows of it.
    let body: Value = serde_json::from_slice(&signed.body).unwrap();
    assert_eq!(body["inferenceConfig"]["maxTokens"], 64_000);
}

#[test]
fn a_region_cannot_become_another_host() {
    for region in ["x.evil.example/", "us-east-1.evil", "US", "a b", ""] {
        let target = target("bedrock", CLAUDE, "k", &[("region", region)]);
        let call =
            call("POST", "/v1/chat/completions", &[], r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#);
        let call = call.unwrap();
        let payload = payload(&call, &target).unwrap_or_else(|failure| panic!("{failure:?}"));
        let sent = target.upstream.request(&call, &target, &payload);
        // An empty detail is none.
        assert_eq!(sent.is_ok(), region.is_empty(), "{region}");
    }
}

#[test]
fn kiro_is_told_the_profile_of_a_login_and_the_kind_of_a_key() {
    let profile = ("profile_arn", "arn:aws:codewhisperer:eu-central-1:1:profile/P");
    let login =
        request(&target("kiro", "claude-sonnet-4-5-20250929", "token", &[profile, ("region", "eu-central-1")]), false);
    assert_eq!(login.url, "https://q.eu-central-1.amazonaws.com/generateAssistantResponse");
    let body: Value = serde_json::from_slice(&login.body).unwrap();
    assert_eq!(body["profileArn"], profile.1);
    assert_eq!(body["conversationState"]["currentMessage"]["userInputMessage"]["modelId"], "claude-sonnet-4.5");
    assert_eq!(header(&login.headers, "authorization"), Some("Bearer token"));
    assert_eq!(header(&login.headers, "tokentype"), None);
    assert_eq!(header(&login.headers, "user-agent"), Some(concat!("sluice/", env!("CARGO_PKG_VERSION"))));

    let key = request(&target("kiro", "claude-opus-4-6", "ksk_1", &[profile]), true);
    assert_eq!(header(&key.headers, "tokentype"), Some("API_KEY"));
    let body: Value = serde_json::from_slice(&key.body).unwrap();
    assert_eq!(body.get("profileArn"), None);
}

#[test]
fn kiros_names_of_models_have_dots() {
    let cases = [
        ("claude-sonnet-4-5", "claude-sonnet-4.5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4.5"),
        ("claude-opus-4-8-thinking", "claude-opus-4.8"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-sonnet-4.5", "claude-sonnet-4.5"),
        ("claude-opus-5", "claude-opus-5"),
        ("auto", "auto"),
        ("glm-5", "glm-5"),
    ];
    for (name, expected) in cases {
        let sent = request(&target("kiro", name, "k", &[]), false);
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(body["conversationState"]["currentMessage"]["userInputMessage"]["modelId"], expected);
    }
}

#[test]
fn a_refusal_of_amazons_is_understood() {
    let classify = |provider: &str, status: u16, headers: &[(&str, &str)], body: Value| {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = body.to_string();
        let refusal = Refusal { status, headers: &headers, body: body.as_bytes() };
        upstream::by_name(provider).unwrap().classify(refusal, Millis(0))
    };
    let quota = |scope| Fault::Quota { wait: None, scope };
    let limited = |scope| Fault::RateLimited { wait: None, scope };
    let reason = |message: &str, reason: &str| json!({"message": message, "reason": reason});
    let kiro = [
        (402, reason("You have reached the limit.", "MONTHLY_REQUEST_COUNT"), quota(Scope::Account)),
        (402, json!({"message": "Payment required"}), quota(Scope::Account)),
        (429, reason("Slow down", "MONTHLY_REQUEST_COUNT"), quota(Scope::Account)),
        (429, json!({"message": "Too many requests", "reason": null}), limited(Scope::Account)),
        (429, reason("Busy", "INSUFFICIENT_MODEL_CAPACITY"), Fault::Overloaded),
        (403, json!({"message": "The bearer token included in the request is invalid."}), Fault::Unauthorized),
        (403, reason("Your account is suspended", "TEMPORARILY_SUSPENDED"), Fault::Suspended),
        (403, json!({"message": "User is not authorized to make this call."}), Fault::Suspended),
        (401, json!({}), Fault::Unauthorized),
        (400, reason("Input is too long.", "CONTENT_LENGTH_EXCEEDS_THRESHOLD"), Fault::Rejected),
        (400, reason("Invalid model.", "INVALID_MODEL_ID"), Fault::ModelMissing),
        (
            400,
            json!({"__type": "com.amazon.aws.codewhisperer#ThrottlingException", "message": "m"}),
            limited(Scope::Account),
        ),
        (500, json!({"__type": "InternalServerException"}), Fault::Overloaded),
    ];
    for (status, body, expected) in kiro {
        assert_eq!(classify("kiro", status, &[], body.clone()), expected, "{status} {body}");
    }
    let bedrock = [
        (429, "ThrottlingException", "Too many tokens, please wait", limited(Scope::Model)),
        (403, "AccessDeniedException:http://internal.amazon.com/", "You don't have access", Fault::Suspended),
        (403, "UnrecognizedClientException", "The security token is invalid", Fault::Unauthorized),
        (403, "ExpiredTokenException", "expired", Fault::Unauthorized),
        (400, "ValidationException", "max_tokens: 99999 > 8192", Fault::Rejected),
        (400, "ValidationException", "The provided model identifier is invalid.", Fault::ModelMissing),
        (
            400,
            "ValidationException",
            "Invocation of model ID x with on-demand throughput isn't supported.",
            Fault::ModelMissing,
        ),
        (404, "ResourceNotFoundException", "Could not resolve the foundation model", Fault::ModelMissing),
        (424, "ModelErrorException", "broken", Fault::Overloaded),
        (503, "ServiceUnavailableException", "busy", Fault::Overloaded),
    ];
    for (status, kind, message, expected) in bedrock {
        let body = json!({ "message": message });
        assert_eq!(classify("bedrock", status, &[("x-amzn-errortype", kind)], body), expected, "{status} {kind}");
    }
}

#[test]
fn amazons_own_variables_make_an_account() {
    let told = |variables: &[(&str, &str)]| -> Vec<String> {
        let tell = |setup: &crate::accounts::Setup| {
            let detail = |name: &str| setup.credential.detail(name).unwrap_or("-").to_owned();
            let key = setup.credential.access.expose();
            format!(
                "{}={key} {} {} {}",
                setup.account.id,
                detail("secret_access_key"),
                detail("session_token"),
                detail("region")
            )
        };
        setups(variables).iter().map(tell).collect()
    };
    let pair = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s")];
    assert_eq!(told(&pair), ["bedrock-1=AKIA s - -"]);
    assert_eq!(told(&pair[..1]), [""; 0]);
    let all = [pair[0], pair[1], ("AWS_SESSION_TOKEN", "t"), ("AWS_REGION", "eu-west-3"), ("BEDROCK_API_KEY", "b")];
    assert_eq!(told(&all), ["bedrock-1=b - - eu-west-3", "bedrock-2=AKIA s t eu-west-3"]);
    assert_eq!(told(&[("AWS_BEARER_TOKEN_BEDROCK", "b"), ("BEDROCK_REGION", "r-1")]), ["bedrock-1=b - - r-1"]);
}
