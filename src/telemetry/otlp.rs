//! A call as a trace: a span for the call, one below it for each account that was asked, by the conventions for
//! generative AI.
//!
//! <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>, as OTLP's JSON over HTTP
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::call::HttpRequest;
use crate::ledger::Entry;
use crate::upstream::Secret;

/// Where traces go. No `Debug`: its headers are credentials.
#[derive(Clone)]
pub struct Exporter {
    url: String,
    headers: Vec<(String, Secret)>,
}

/// What the client's own trace calls this call: `traceparent`, as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parent {
    trace: Option<String>,
    span: Option<String>,
}

impl Parent {
    /// `00-<32 hex>-<16 hex>-<2 hex>`; anything else is none.
    pub fn of(header: Option<&str>) -> Self {
        let parts: Vec<&str> = header.unwrap_or_default().split('-').collect();
        let is_id = |text: &str, length| {
            let hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            text.len() == length && hex && text.bytes().any(|byte| byte != b'0')
        };
        match parts.as_slice() {
            ["00", trace, span, flags] if is_id(trace, 32) && is_id(span, 16) && flags.len() == 2 => {
                Self { trace: Some((*trace).to_owned()), span: Some((*span).to_owned()) }
            }
            _ => Self::default(),
        }
    }
}

impl Exporter {
    /// From the standard variables: a base address, to which the path is added; one for traces alone, as it is; and
    /// `name=value` pairs, percent-encoded.
    pub fn of(get: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let said = |name: &str| get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let base =
            || said("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| format!("{}/v1/traces", base.trim_end_matches('/')));
        let url = said("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(base)?;
        let headers = said("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        let pairs = headers.split(',').filter_map(|pair| pair.split_once('='));
        let pair =
            |(name, value): (&str, &str)| (name.trim().to_owned(), Secret::new(crate::call::unescape(value.trim())));
        Some(Self { url, headers: pairs.map(pair).collect() })
    }

    pub fn request(&self, entry: &Entry, parent: &Parent) -> HttpRequest {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
        let headers = [("content-type".to_owned(), "application/json".to_owned())].into_iter().chain(headers).collect();
        HttpRequest { method: "POST", url: self.url.clone(), headers, body: trace(entry, parent).to_string().into() }
    }
}

/// <https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/#gen-ai-operation-name>
fn operation(entry: &Entry) -> &str {
    match entry.operation {
        "generate" => "chat",
        "complete" => "text_completion",
        "embed" | "embed_one" => "embeddings",
        other => other,
    }
}

/// The conventions' words for those providers they know.
fn provider(name: &str) -> &str {
    match name {
        "gemini" => "gcp.gemini",
        "vertex" => "gcp.vertex_ai",
        "bedrock" => "aws.bedrock",
        "azure" => "azure.ai.openai",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        other => other,
    }
}

pub fn trace(entry: &Entry, parent: &Parent) -> Value {
    let own = Sha256::digest(format!("{} {}", entry.id, entry.request));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (trace, rest) = own.split_at(16);
    let trace = parent.trace.clone().unwrap_or_else(|| hex(trace));
    let span = hex(rest.get(..8).unwrap_or_default());
    let text = |key: &str, text: &str| (!text.is_empty()).then(|| json!({"key": key, "value": {"stringValue": text}}));
    let number = |key: &str, number: u64| Some(json!({"key": key, "value": {"intValue": number.to_string()}}));
    let usage = &entry.usage;
    let failed = entry.status >= 400 || !matches!(entry.ended.as_ref(), "answered" | "left");
    let attributes = [
        text("gen_ai.operation.name", operation(entry)),
        text("gen_ai.provider.name", provider(&entry.provider)),
        text("gen_ai.request.model", &entry.model),
        text("gen_ai.response.model", &entry.served),
        text("gen_ai.conversation.id", entry.session.as_deref().unwrap_or_default()),
        number("gen_ai.usage.input_tokens", usage.prompt()),
        number("gen_ai.usage.output_tokens", usage.completion()),
        number("gen_ai.usage.cache_read.input_tokens", usage.cache_read),
        number("gen_ai.usage.cache_creation.input_tokens", usage.cache_write + usage.cache_write_long),
        number("http.response.status_code", entry.status.into()),
        text("error.type", if failed { entry.ended.as_ref() } else { "" }),
        text("sluice.request.id", &entry.request),
        text("sluice.token.id", &entry.token),
        text("sluice.account.id", &entry.account),
        text("sluice.client.protocol", entry.protocol),
        number("sluice.cost.micro_usd", entry.cost.micro),
        entry.first_ms.and_then(|ms| number("sluice.first_content_ms", ms)),
    ];
    let nanos = |ms: u64| format!("{ms}000000");
    let mut root = json!({
        "traceId": trace,
        "spanId": span,
        "name": format!("{} {}", operation(entry), entry.model),
        "kind": 2,
        "startTimeUnixNano": nanos(entry.at.0),
        "endTimeUnixNano": nanos(entry.at.0 + entry.total_ms),
        "attributes": attributes.into_iter().flatten().collect::<Vec<_>>(),
        "status": {"code": if failed { 2 } else { 1 }},
    });
    if let (Some(span), Some(root)) = (&parent.span, root.as_object_mut()) {
        root.insert("parentSpanId".to_owned(), span.as_str().into());
    }
    let mut spans = vec![root];
    let mut at = entry.at.0;
    for (number, tried) in entry.attempts.iter().enumerate() {
        let id = Sha256::digest(format!("{span} {number}"));
        let failed = tried.outcome != "answered" && tried.outcome != "left";
        let attributes = [
            text("gen_ai.operation.name", operation(entry)),
            text("gen_ai.provider.name", provider(&tried.provider)),
            text("gen_ai.request.model", &tried.model),
            text("sluice.account.id", &tried.account),
            text("error.type", if failed { tried.outcome } else { "" }),
        ];
        spans.push(json!({
            "traceId": trace,
            "spanId": hex(id.get(..8).unwrap_or_default()),
            "parentSpanId": span,
            "name": format!("{} {}", operation(entry), tried.model),
            "kind": 3,
            "startTimeUnixNano": nanos(at),
            // Until the head of its answer, or its refusal.
            "endTimeUnixNano": nanos(at + tried.ms),
            "attributes": attributes.into_iter().flatten().collect::<Vec<_>>(),
            "status": {"code": if failed { 2 } else { 1 }},
        }));
        at += tried.ms;
    }
    let version = env!("CARGO_PKG_VERSION");
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "sluice"}},
            {"key": "service.version", "value": {"stringValue": version}},
        ]},
        "scopeSpans": [{"scope": {"name": "sluice", "version": version}, "spans": spans}],
    }]})
}
