//! Anthropic's stream to Chat's, and nothing else: what a chunk costs whoever enters WebAssembly once for it. Reads
//! what our provider of the benchmark writes, in typed structures, and is called by bench/workers/loop.js.

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<Borrowed<'a>>,
    stop_reason: Option<String>,
}

/// serde borrows a bare `Cow` only at the top of a field.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

/// One answer. `bytes` holds what has come and is not translated yet, `head` a chunk up to its delta.
pub struct Translator {
    bytes: Vec<u8>,
    out: Vec<u8>,
    model: String,
    head: Vec<u8>,
    input: u64,
}

impl Translator {
    fn translate(&mut self) {
        self.out.clear();
        let bytes = std::mem::take(&mut self.bytes);
        let mut rest = &bytes[..];
        while let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") {
            for line in rest[..end].split(|byte| *byte == b'\n') {
                if let Some(data) = line.strip_prefix(b"data:") {
                    self.frame(data);
                }
            }
            rest = &rest[end + 2..];
        }
        self.bytes = rest.to_vec();
    }

    fn frame(&mut self, data: &[u8]) {
        let Ok(Frame { kind, message, delta, usage }) = serde_json::from_slice(data) else { return };
        match (&*kind, message, delta) {
            ("message_start", Some(message), _) => {
                let name = |text: &str| serde_json::to_string(text).unwrap_or_default();
                let (id, model) = (name(&message.id), name(&self.model));
                self.input = message.usage.input_tokens.unwrap_or(0);
                self.head = format!(
                    "data: {{\"id\":{id},\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":{model},\
                     \"choices\":[{{\"index\":0,\"delta\":{{"
                )
                .into_bytes();
                self.chunk(b"\"role\":\"assistant\",\"content\":\"\"", "null", "");
            }
            ("content_block_delta", _, Some(Delta { text: Some(Borrowed(text)), .. })) => {
                self.out.extend_from_slice(&self.head);
                self.out.extend_from_slice(b"\"content\":");
                _ = serde_json::to_writer(&mut self.out, &text);
                self.out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
            }
            ("message_delta", _, Some(Delta { stop_reason, .. })) => {
                let reason = match stop_reason.as_deref() {
                    Some("max_tokens") => "\"length\"",
                    Some("tool_use") => "\"tool_calls\"",
                    _ => "\"stop\"",
                };
                let (input, output) = (self.input, usage.and_then(|usage| usage.output_tokens).unwrap_or(0));
                let total = input + output;
                let usage = format!(
                    ",\"usage\":{{\"prompt_tokens\":{input},\"completion_tokens\":{output},\"total_tokens\":{total}}}"
                );
                self.chunk(b"", reason, &usage);
            }
            ("message_stop", ..) => self.out.extend_from_slice(b"data: [DONE]\n\n"),
            _ => {}
        }
    }

    fn chunk(&mut self, delta: &[u8], reason: &str, usage: &str) {
        self.out.extend_from_slice(&self.head);
        self.out.extend_from_slice(delta);
        let end = format!("}},\"logprobs\":null,\"finish_reason\":{reason}}}]{usage}}}\n\n");
        self.out.extend_from_slice(end.as_bytes());
    }
}

/// A translator whose first chunk is to be the name of the model.
#[unsafe(no_mangle)]
pub extern "C" fn begin() -> *mut Translator {
    let translator =
        Translator { bytes: Vec::new(), out: Vec::new(), model: String::new(), head: Vec::new(), input: 0 };
    Box::into_raw(Box::new(translator))
}

/// Where `size` more bytes are to be written.
///
/// # Safety
/// `translator` is one that [`begin`] gave and [`end`] has not taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn room(translator: *mut Translator, size: usize) -> *mut u8 {
    let bytes = unsafe { &mut (*translator).bytes };
    let from = bytes.len();
    bytes.resize(from + size, 0);
    bytes[from..].as_mut_ptr()
}

/// What has been written is the model's name.
///
/// # Safety
/// As for [`room`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn name(translator: *mut Translator) {
    let translator = unsafe { &mut *translator };
    translator.model = String::from_utf8_lossy(&std::mem::take(&mut translator.bytes)).into_owned();
}

/// Translates what has come: how many bytes it is.
///
/// # Safety
/// As for [`room`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn turn(translator: *mut Translator) -> usize {
    let translator = unsafe { &mut *translator };
    translator.translate();
    translator.out.len()
}

/// Where they are.
///
/// # Safety
/// As for [`room`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn out(translator: *const Translator) -> *const u8 {
    unsafe { (*translator).out.as_ptr() }
}

/// # Safety
/// As for [`room`], for the last time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn end(translator: *mut Translator) {
    drop(unsafe { Box::from_raw(translator) });
}
