//! Bytes to frames: SSE, NDJSON and AWS event stream. Incremental, capped, no I/O.
//!
//! A frame that lies within one network chunk is borrowed from it. The result does not depend on how the bytes were cut
//! into chunks. [SSE grammar](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).

pub mod event_stream;
pub mod sse;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Sse,
    Ndjson,
    EventStream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frame<'a> {
    pub event: Option<&'a str>,
    /// The name of the error this frame is, in a framing that tells errors from events.
    pub error: Option<&'a str>,
    pub data: &'a [u8],
}

/// Why bytes are no frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("frame exceeds {} bytes", LIMIT)]
    TooLarge,
    #[error("{0}")]
    Corrupt(&'static str),
    #[error("the body ended inside a frame")]
    Cut,
}

/// 16 MiB: the largest observed image frame is about 4 MiB of base64, times four.
const LIMIT: usize = 16 << 20;

/// Finds frames in a byte stream.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    /// The unfinished line, or message: bytes seen since the last end of one.
    line: Vec<u8>,
    /// Data of the unfinished event, lines joined by LF.
    data: Vec<u8>,
    event: String,
    has_event: bool,
    has_data: bool,
    /// A CR ended the last line; an LF right after it belongs to the same end.
    skip_lf: bool,
    started: bool,
}

/// What one line means.
enum Line<'a> {
    Blank,
    Data(&'a [u8]),
    Event(&'a [u8]),
    /// A whole NDJSON document.
    Document(&'a [u8]),
    Ignored,
}

impl Framer {
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            line: Vec::new(),
            data: Vec::new(),
            event: String::new(),
            has_event: false,
            has_data: false,
            skip_lf: false,
            started: false,
        }
    }

    /// Whether nothing is pending: all bytes so far belong to frames that were given out, or mean nothing.
    pub fn is_between_frames(&self) -> bool {
        self.line.is_empty() && !self.has_data && !self.has_event
    }

    /// Whether `chunk` begins with the LF of a CRLF whose CR ended the one before.
    pub fn is_owed(&self, chunk: &[u8]) -> bool {
        self.skip_lf && chunk.first() == Some(&b'\n')
    }

    /// Feed `chunk`; `on` gets every frame it completes, with the offset in `chunk` just behind that frame.
    /// `on` stops the walk by returning an error.
    pub fn push<E: From<Broken>>(
        &mut self,
        chunk: &[u8],
        mut on: impl FnMut(Frame<'_>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        self.push_ahead(chunk, |frame, after| on(frame, after).map(|()| after))
    }

    /// The same, where `on` may have taken whole frames behind the one it got, and says where they end.
    pub fn push_ahead<E: From<Broken>>(
        &mut self,
        chunk: &[u8],
        mut on: impl FnMut(Frame<'_>, usize) -> Result<usize, E>,
    ) -> Result<(), E> {
        if self.framing == Framing::EventStream {
            // Binary frames have checksums, so that no two are alike.
            return event_stream::push(&mut self.line, chunk, |frame, after| on(frame, after).map(drop));
        }
        // Data of the current event while it is still a slice of this chunk.
        let mut borrowed: Option<&[u8]> = None;
        let mut at = 0;
        if let Some(first) = chunk.first() {
            at = usize::from(std::mem::take(&mut self.skip_lf) && *first == b'\n');
        }
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.hold(rest)?;
                break;
            };
            let (head, tail) = rest.split_at(end);
            at += end + 1;
            match tail {
                [b'\r', b'\n', ..] => at += 1,
                [b'\r'] => self.skip_lf = true,
                _ => {}
            }
            if self.line.is_empty() {
                match self.read(head) {
                    Line::Data(value) if !self.has_data => {
                        borrowed = Some(value);
                        self.has_data = true;
                    }
                    line => at = self.end_line(line, &mut borrowed, at, &mut on)?,
                }
            } else {
                self.hold(head)?;
                let mut held = std::mem::take(&mut self.line);
                let line = self.read(&held);
                let result = self.end_line(line, &mut borrowed, at, &mut on);
                held.clear();
                self.line = held; // keep the allocation
                at = result?;
            }
        }
        self.spill(&mut borrowed)?;
        Ok(())
    }

    /// The body ended. Providers forget the final blank line; what is pending is a frame all the same.
    pub fn finish<E: From<Broken>>(&mut self, mut on: impl FnMut(Frame<'_>, usize) -> Result<(), E>) -> Result<(), E> {
        let mut on = |frame: Frame<'_>, after| on(frame, after).map(|()| after);
        let held = std::mem::take(&mut self.line);
        if !held.is_empty() {
            if self.framing == Framing::EventStream {
                return Err(Broken::Cut.into());
            }
            let line = self.read(&held);
            self.end_line(line, &mut None, 0, &mut on)?;
        }
        self.end_line(Line::Blank, &mut None, 0, &mut on).map(drop)
    }

    fn read<'l>(&mut self, line: &'l [u8]) -> Line<'l> {
        let started = std::mem::replace(&mut self.started, true);
        let line = if started { line } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) };
        if self.framing == Framing::Ndjson {
            return if line.iter().all(u8::is_ascii_whitespace) { Line::Ignored } else { Line::Document(line) };
        }
        if line.is_empty() {
            return Line::Blank;
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                let value = value.get(1..).unwrap_or_default();
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match name {
            b"data" => Line::Data(value),
            b"event" => Line::Event(value),
            _ => Line::Ignored,
        }
    }

    /// Where to go on: behind the line, or behind what `on` has taken.
    fn end_line<E: From<Broken>>(
        &mut self,
        line: Line<'_>,
        borrowed: &mut Option<&[u8]>,
        after: usize,
        on: &mut impl FnMut(Frame<'_>, usize) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let mut behind = after;
        match line {
            Line::Ignored => {}
            Line::Document(data) => behind = on(Frame { data, ..Frame::default() }, after)?,
            Line::Event(name) => {
                self.event.clear();
                self.event.push_str(&String::from_utf8_lossy(name));
                self.has_event = !name.is_empty();
            }
            Line::Data(value) => {
                self.spill(borrowed)?;
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.spill(&mut Some(value))?;
            }
            Line::Blank => {
                let event = std::mem::take(&mut self.has_event).then_some(self.event.as_str());
                if std::mem::take(&mut self.has_data) {
                    behind = on(Frame { event, data: borrowed.take().unwrap_or(&self.data), error: None }, after)?;
                }
                self.data.clear();
            }
        }
        Ok(behind)
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.line.len() + self.data.len() + bytes.len() > LIMIT {
            return Err(Broken::TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Move borrowed data into the buffer: its event does not end in this chunk, or has more lines.
    fn spill(&mut self, borrowed: &mut Option<&[u8]>) -> Result<(), Broken> {
        if let Some(data) = borrowed.take() {
            if self.data.len() + data.len() > LIMIT {
                return Err(Broken::TooLarge);
            }
            self.data.extend_from_slice(data);
        }
        Ok(())
    }
}
