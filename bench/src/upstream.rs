//! Fake LLM upstream for loopback benchmarks.
//!
//!   fakeup --port 9000 [--threads 1]
//!
//! Speaks (by path suffix; any prefix is accepted):
//!   POST  .../chat/completions                     OpenAI chat   (stream / non-stream by body "stream":true)
//!   POST  .../messages                             Anthropic     (stream / non-stream)
//!   POST  .../responses                            OpenAI Responses (stream / non-stream)
//!   POST  ...:streamGenerateContent                Gemini SSE;  v1internal:* wraps in {"response":..}
//!   POST  ...:generateContent                      Gemini non-stream
//!   POST  .../api/chat                             Ollama NDJSON / non-stream
//!   GET   .../models                               a model list
//!   POST  .../token                                fake OAuth token
//!   POST  /query, /execute                         a D1 database that only says that it has written
//!   GET   /__stats                                 counters;  GET /__ctl?n=500&rate=0&batch=1&size=4 sets defaults
//!
//! A model name "fake-n5000-r50-b1-s4" (anywhere in body or URL) overrides the defaults:
//!   n = delta events per stream, r = events/s per stream (0 = flood), b = events per HTTP write, s = words per delta.
//! Every delta's text starts with "@<16 hex monotonic ns>@" so that a client on the same machine can
//! measure transit time of each chunk through any translating gateway.
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

static N: AtomicUsize = AtomicUsize::new(500);
static RATE: AtomicUsize = AtomicUsize::new(0);
static BATCH: AtomicUsize = AtomicUsize::new(1);
static SIZE: AtomicUsize = AtomicUsize::new(1);
static REQS: AtomicU64 = AtomicU64::new(0);
static STREAMS: AtomicU64 = AtomicU64::new(0);
static CHUNKS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn now_ns() -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

#[derive(Clone, Copy)]
struct Shape {
    n: usize,
    rate: usize,
    batch: usize,
    size: usize,
}

fn shape(hay: &[u8]) -> Shape {
    let mut s =
        Shape { n: N.load(Relaxed), rate: RATE.load(Relaxed), batch: BATCH.load(Relaxed), size: SIZE.load(Relaxed) };
    if let Some(p) = memchr::memmem::find(hay, b"fake-n") {
        let mut i = p + 5;
        while i < hay.len() {
            let k = hay[i];
            let mut j = i + 1;
            let mut v = 0usize;
            while j < hay.len() && hay[j].is_ascii_digit() {
                v = v * 10 + (hay[j] - b'0') as usize;
                j += 1;
            }
            if j == i + 1 {
                break;
            }
            match k {
                b'n' => s.n = v,
                b'r' => s.rate = v,
                b'b' => s.batch = v.max(1),
                b's' => s.size = v.max(1),
                _ => break,
            }
            if j < hay.len() && hay[j] == b'-' { i = j + 1 } else { break }
        }
    }
    s
}

#[derive(Clone, Copy, PartialEq)]
enum P {
    OpenAI,
    Anthropic,
    Responses,
    Gemini,
    GeminiCli,
    Ollama,
}

const WORDS: [&str; 8] =
    ["alpha ", "be\\\"ta ", "gamma, ", "\\n\\n", "delta ", "\u{4f60}\u{597d} ", "epsilon. ", "zeta "];

fn text(out: &mut Vec<u8>, i: usize, size: usize, stamp: bool) {
    if stamp {
        let t = now_ns();
        out.push(b'@');
        for s in (0..16).rev() {
            out.push(b"0123456789abcdef"[((t >> (s * 4)) & 15) as usize]);
        }
        out.push(b'@');
    }
    for k in 0..size {
        out.extend_from_slice(WORDS[(i + k) & 7].as_bytes());
    }
}

fn head(p: P, o: &mut Vec<u8>) {
    match p {
        P::OpenAI => o.extend_from_slice(b"data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44added55e\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}]}\n\n"),
        P::Anthropic => o.extend_from_slice(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01XFDUDYJgAACzvnptvVoYEL\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"claude-sonnet-4-20250514\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n"),
        P::Responses => o.extend_from_slice(b"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654\",\"object\":\"response\",\"created_at\":1741290958,\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"instructions\":null,\"max_output_tokens\":null,\"model\":\"gpt-4.1-2025-04-14\",\"output\":[],\"parallel_tool_calls\":true,\"previous_response_id\":null,\"store\":true,\"temperature\":1.0,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1.0,\"truncation\":\"disabled\",\"usage\":null,\"user\":null,\"metadata\":{}}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\nevent: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":2,\"item_id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}\n\n"),
        _ => {}
    }
}

fn event(p: P, i: usize, s: Shape, o: &mut Vec<u8>) {
    let (a, b): (&[u8], &[u8]) = match p {
        P::OpenAI => (b"data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44added55e\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", b"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"),
        P::Anthropic => (b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"", b"\"}}\n\n"),
        P::Responses => (b"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":7,\"item_id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654\",\"output_index\":0,\"content_index\":0,\"delta\":\"", b"\"}\n\n"),
        P::Gemini => (b"data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"", b"\"}],\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 25,\"candidatesTokenCount\": 12,\"totalTokenCount\": 37,\"promptTokensDetails\": [{\"modality\": \"TEXT\",\"tokenCount\": 25}]},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"mA2GaM_3D9WJmNAPu7qKyAE\"}\r\n\r\n"),
        P::GeminiCli => (b"data: {\"response\": {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"", b"\"}],\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 25,\"candidatesTokenCount\": 12,\"totalTokenCount\": 37,\"promptTokensDetails\": [{\"modality\": \"TEXT\",\"tokenCount\": 25}]},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"mA2GaM_3D9WJmNAPu7qKyAE\"}}\r\n\r\n"),
        P::Ollama => (b"{\"model\":\"llama3.2\",\"created_at\":\"2024-01-01T08:52:19.385406455Z\",\"message\":{\"role\":\"assistant\",\"content\":\"", b"\"},\"done\":false}\n"),
    };
    o.extend_from_slice(a);
    text(o, i, s.size, true);
    o.extend_from_slice(b);
}

fn tail(p: P, o: &mut Vec<u8>) {
    o.extend_from_slice(match p {
        P::OpenAI => b"data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44added55e\",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\"created\":1741569952,\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44added55e\",\"choices\":[],\"usage\":{\"prompt_tokens\":25,\"completion_tokens\":500,\"total_tokens\":525}}\n\ndata: [DONE]\n\n" as &[u8],
        P::Anthropic => b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":500}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        P::Responses => b"event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"sequence_number\":8,\"item_id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654\",\"output_index\":0,\"content_index\":0,\"text\":\"x\"}\n\nevent: response.content_part.done\ndata: {\"type\":\"response.content_part.done\",\"sequence_number\":9,\"item_id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"x\",\"annotations\":[]}}\n\nevent: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":10,\"output_index\":0,\"item\":{\"id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\",\"annotations\":[]}]}}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":11,\"response\":{\"id\":\"resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654\",\"object\":\"response\",\"created_at\":1741290958,\"status\":\"completed\",\"error\":null,\"model\":\"gpt-4.1-2025-04-14\",\"output\":[{\"id\":\"msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"x\",\"annotations\":[]}]}],\"usage\":{\"input_tokens\":25,\"output_tokens\":500,\"total_tokens\":525}}}\n\n",
        P::Gemini => b"data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"\"}],\"role\": \"model\"},\"finishReason\": \"STOP\",\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 25,\"candidatesTokenCount\": 500,\"totalTokenCount\": 525},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"mA2GaM_3D9WJmNAPu7qKyAE\"}\r\n\r\n",
        P::GeminiCli => b"data: {\"response\": {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"\"}],\"role\": \"model\"},\"finishReason\": \"STOP\",\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 25,\"candidatesTokenCount\": 500,\"totalTokenCount\": 525},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"mA2GaM_3D9WJmNAPu7qKyAE\"}}\r\n\r\n",
        P::Ollama => b"{\"model\":\"llama3.2\",\"created_at\":\"2024-01-01T08:52:20.385406455Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":4883583458,\"load_duration\":1334875,\"prompt_eval_count\":25,\"prompt_eval_duration\":342546000,\"eval_count\":500,\"eval_duration\":4535599000}\n",
    });
}

fn whole(p: P, s: Shape) -> Vec<u8> {
    let mut t = Vec::new();
    // non-stream answer: ~60 words unless size>1
    let words = if s.size > 1 { s.size } else { 60 };
    text(&mut t, 0, words, false);
    let t = String::from_utf8(t).unwrap();
    match p {
        P::OpenAI => format!("{{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion\",\"created\":1741569952,\"model\":\"gpt-4.1-2025-04-14\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{t}\",\"refusal\":null,\"annotations\":[]}},\"logprobs\":null,\"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29,\"prompt_tokens_details\":{{\"cached_tokens\":0,\"audio_tokens\":0}},\"completion_tokens_details\":{{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_44added55e\"}}"),
        P::Anthropic => format!("{{\"id\":\"msg_01XFDUDYJgAACzvnptvVoYEL\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-20250514\",\"content\":[{{\"type\":\"text\",\"text\":\"{t}\"}}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{{\"input_tokens\":25,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":60}}}}"),
        P::Responses => format!("{{\"id\":\"resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654\",\"object\":\"response\",\"created_at\":1741290958,\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,\"instructions\":null,\"max_output_tokens\":null,\"model\":\"gpt-4.1-2025-04-14\",\"output\":[{{\"id\":\"msg_67c9\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{{\"type\":\"output_text\",\"text\":\"{t}\",\"annotations\":[]}}]}}],\"parallel_tool_calls\":true,\"usage\":{{\"input_tokens\":25,\"output_tokens\":60,\"total_tokens\":85}}}}"),
        P::Gemini => format!("{{\"candidates\": [{{\"content\": {{\"parts\": [{{\"text\": \"{t}\"}}],\"role\": \"model\"}},\"finishReason\": \"STOP\",\"index\": 0}}],\"usageMetadata\": {{\"promptTokenCount\": 25,\"candidatesTokenCount\": 60,\"totalTokenCount\": 85}},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"mA2GaM_3D9WJmNAPu7qKyAE\"}}"),
        P::GeminiCli => format!("{{\"response\": {{\"candidates\": [{{\"content\": {{\"parts\": [{{\"text\": \"{t}\"}}],\"role\": \"model\"}},\"finishReason\": \"STOP\",\"index\": 0}}],\"usageMetadata\": {{\"promptTokenCount\": 25,\"candidatesTokenCount\": 60,\"totalTokenCount\": 85}},\"modelVersion\": \"gemini-2.5-pro\"}}}}"),
        P::Ollama => format!("{{\"model\":\"llama3.2\",\"created_at\":\"2024-01-01T08:52:20.385406455Z\",\"message\":{{\"role\":\"assistant\",\"content\":\"{t}\"}},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":25,\"eval_count\":60}}"),
    }.into_bytes()
}

struct SseBody {
    p: P,
    s: Shape,
    i: usize,
    stage: u8,
    t0: tokio::time::Instant,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Body for SseBody {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let me = &mut *self;
        let mut o = Vec::with_capacity(512);
        match me.stage {
            0 => {
                head(me.p, &mut o);
                me.stage = 1;
                if o.is_empty() {
                    return Pin::new(me).poll_frame(cx);
                }
            }
            1 => {
                if me.s.rate > 0 {
                    // event i is due at t0 + (i+batch)/rate
                    let due =
                        me.t0 + Duration::from_nanos(((me.i + me.s.batch) as u64) * 1_000_000_000 / me.s.rate as u64);
                    if me.sleep.is_none() {
                        me.sleep = Some(Box::pin(tokio::time::sleep_until(due)));
                    }
                    match me.sleep.as_mut().unwrap().as_mut().poll(cx) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(_) => me.sleep = None,
                    }
                }
                let end = (me.i + me.s.batch).min(me.s.n);
                while me.i < end {
                    event(me.p, me.i, me.s, &mut o);
                    me.i += 1;
                    CHUNKS.fetch_add(1, Relaxed);
                }
                if me.i >= me.s.n {
                    me.stage = 2;
                }
            }
            2 => {
                tail(me.p, &mut o);
                me.stage = 3;
            }
            _ => return Poll::Ready(None),
        }
        BYTES.fetch_add(o.len() as u64, Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(o)))))
    }
}

type B = BoxBody<Bytes, Infallible>;
fn full(b: impl Into<Bytes>) -> B {
    Full::new(b.into()).boxed()
}
fn json(b: impl Into<Bytes>) -> Response<B> {
    Response::builder().header("content-type", "application/json").body(full(b)).unwrap()
}

fn has_stream(b: &[u8]) -> bool {
    for p in memchr::memmem::find_iter(b, b"\"stream\"") {
        let r = &b[p + 8..];
        let r: &[u8] = &r[..r.len().min(8)];
        let s: Vec<u8> = r.iter().copied().filter(|c| !c.is_ascii_whitespace()).collect();
        if s.starts_with(b":true") {
            return true;
        }
    }
    false
}

async fn handle(req: Request<Incoming>) -> Result<Response<B>, Infallible> {
    let (parts, body) = req.into_parts();
    let path = parts.uri.path().to_string();
    let q = parts.uri.query().unwrap_or("").to_string();
    if path == "/__stats" {
        return Ok(json(format!(
            "{{\"reqs\":{},\"streams\":{},\"chunks\":{},\"bytes\":{}}}",
            REQS.load(Relaxed),
            STREAMS.load(Relaxed),
            CHUNKS.load(Relaxed),
            BYTES.load(Relaxed)
        )));
    }
    if path == "/__ctl" {
        for kv in q.split('&') {
            let mut it = kv.splitn(2, '=');
            let (k, v) = (it.next().unwrap_or(""), it.next().unwrap_or("").parse::<usize>().unwrap_or(0));
            match k {
                "n" => N.store(v, Relaxed),
                "rate" => RATE.store(v, Relaxed),
                "batch" => BATCH.store(v.max(1), Relaxed),
                "size" => SIZE.store(v.max(1), Relaxed),
                _ => {}
            }
        }
        return Ok(json("{}"));
    }
    let b = body.collect().await.map(|c| c.to_bytes()).unwrap_or_default();
    REQS.fetch_add(1, Relaxed);
    // The books: a database that has written whatever it was told to, one answer for each statement.
    if path == "/query" || path == "/execute" {
        let done = "{\"success\":true,\"results\":[],\"meta\":{\"duration\":0.1,\"changes\":1,\"last_row_id\":1,\"changed_db\":true,\"size_after\":4096,\"rows_read\":0,\"rows_written\":4}}";
        if !b.starts_with(b"[") {
            return Ok(json(done));
        }
        let count = memchr::memmem::find_iter(&b, b"\"sql\"").count().max(1);
        return Ok(json(format!("[{}]", vec![done; count].join(","))));
    }
    if path.ends_with("/models") {
        return Ok(json(
            "{\"object\":\"list\",\"data\":[{\"id\":\"fake\",\"object\":\"model\",\"created\":1,\"owned_by\":\"fake\"}]}",
        ));
    }
    if path.ends_with("/token") {
        return Ok(json(
            "{\"access_token\":\"ya29.fake\",\"expires_in\":36000,\"token_type\":\"Bearer\",\"scope\":\"https://www.googleapis.com/auth/cloud-platform\"}",
        ));
    }
    if path.ends_with(":loadCodeAssist") {
        return Ok(json("{\"cloudaicompanionProject\":\"fake-project\",\"currentTier\":{\"id\":\"free-tier\"}}"));
    }
    let (p, stream) = if path.ends_with("/chat/completions") {
        (P::OpenAI, has_stream(&b))
    } else if path.ends_with("/messages") {
        (P::Anthropic, has_stream(&b))
    } else if path.ends_with("/responses") {
        (P::Responses, has_stream(&b))
    } else if path.ends_with("/api/chat") {
        (P::Ollama, !memchr::memmem::find(&b, b"\"stream\":false").is_some())
    } else if path.ends_with("v1internal:streamGenerateContent") {
        (P::GeminiCli, true)
    } else if path.ends_with("v1internal:generateContent") {
        (P::GeminiCli, false)
    } else if path.ends_with(":streamGenerateContent") {
        (P::Gemini, true)
    } else if path.ends_with(":generateContent") {
        (P::Gemini, false)
    } else {
        return Ok(Response::builder()
            .status(404)
            .header("content-type", "application/json")
            .body(full(format!("{{\"error\":{{\"message\":\"no route {path}\"}}}}")))
            .unwrap());
    };
    let mut hay = BytesMut::with_capacity(path.len() + 256);
    hay.extend_from_slice(path.as_bytes());
    hay.extend_from_slice(b" ");
    hay.extend_from_slice(&b);
    let s = shape(&hay);
    if !stream {
        return Ok(json(whole(p, s)));
    }
    STREAMS.fetch_add(1, Relaxed);
    let ct = if p == P::Ollama { "application/x-ndjson" } else { "text/event-stream" };
    let body = SseBody { p, s, i: 0, stage: 0, t0: tokio::time::Instant::now(), sleep: None };
    Ok(Response::builder().header("content-type", ct).header("cache-control", "no-cache").body(body.boxed()).unwrap())
}

async fn serve(port: u16) {
    let l = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    eprintln!("fakeup on 127.0.0.1:{port} pid {}", std::process::id());
    loop {
        let Ok((s, _)) = l.accept().await else { continue };
        s.set_nodelay(true).ok();
        tokio::spawn(async move {
            let _ =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(s), service_fn(handle)).await;
        });
    }
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let get = |k: &str, d: &str| a.iter().position(|x| x == k).and_then(|i| a.get(i + 1).cloned()).unwrap_or(d.into());
    let port: u16 = get("--port", "9000").parse().unwrap();
    let th: usize = get("--threads", "1").parse().unwrap();
    let rt = if th <= 1 {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    } else {
        tokio::runtime::Builder::new_multi_thread().worker_threads(th).enable_all().build().unwrap()
    };
    rt.block_on(serve(port));
}
