//! A body read once: whether it is JSON, where its members are, and what stands out in it.
//!
//! serde_json checks every string twice and UTF-8 byte by byte, and a second look for words would be a third reading. A
//! prompt is long: this goes over it eight bytes at a time, once. It accepts what serde_json accepts; what is wrong with
//! anything else, serde_json says better.

use std::ops::Range;

/// What a request can be seen to hold, without being understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// A picture, in the words of any protocol.
    pub images: bool,
    /// A schema for the answer.
    pub schema: bool,
    /// Something in base64, or by its address: bytes that are no text.
    pub media: bool,
}

/// The members of one object, as it was written. Keys have their quotes.
#[derive(Debug, Default)]
pub struct Scanned {
    pub members: Vec<(Range<usize>, Range<usize>)>,
    pub marks: Marks,
}

/// Scan a whole document. `None`: it is not a JSON object.
pub fn object(bytes: &[u8]) -> Option<Scanned> {
    let mut scan = Scan { bytes, at: 0, stack: Vec::new(), is_ascii: true, typed: false, marks: Marks::default() };
    let mut members = Vec::with_capacity(16);
    scan.space();
    scan.expect(b'{')?;
    scan.space();
    if !scan.take(b'}') {
        loop {
            scan.space();
            let from = scan.at;
            scan.expect(b'"')?;
            scan.key()?;
            let key = from..scan.at;
            scan.colon()?;
            let from = scan.at;
            scan.value()?;
            members.push((key, from..scan.at));
            scan.space();
            if !scan.take(b',') {
                break;
            }
        }
        scan.expect(b'}')?;
    }
    scan.space();
    let whole = scan.at == bytes.len();
    (whole && (scan.is_ascii || std::str::from_utf8(bytes).is_ok())).then_some(Scanned { members, marks: scan.marks })
}

/// Where the value at the head of `bytes` ends, if it is one. It has been scanned before, as a part of a whole: only its
/// end is looked for.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        match byte {
            b'"' => at += skip(bytes.get(at..)?)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => continue,
            _ => at += bytes.get(at..)?.iter().take_while(|byte| !ends_word(**byte)).count(),
        }
        if depth == 0 {
            return (at <= bytes.len()).then_some(at);
        }
    }
}

/// How far the string at the head of `rest` goes, whose quote has been taken: behind its other quote.
fn skip(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += plain(rest.get(at..)?).0;
        match rest.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// The items of an array, or keys and values of an object by turns, of what has been scanned as a part of a whole.
pub struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    pub fn of(container: &'a [u8]) -> Self {
        Self(container.get(1..).unwrap_or_default())
    }

    /// The value of a member whose key needs no escapes.
    pub fn member(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let mut parts = object.starts_with(b"{").then(|| Self::of(object))?;
        loop {
            let (key, value) = (parts.next()?, parts.next()?);
            if key.get(1..key.len().checked_sub(1)?) == Some(name.as_bytes()) {
                return Some(value);
            }
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let separates = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b':');
        let rest = self.0.get(self.0.iter().position(|byte| !separates(byte))?..)?;
        let (part, rest) = rest.split_at_checked(end(rest)?)?;
        self.0 = rest;
        Some(part)
    }
}

fn ends_word(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')
}

#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Object,
    Array,
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Kept, for its allocation.
    stack: Vec<Inside>,
    /// Nothing else has been seen in strings; outside of them nothing else is JSON.
    is_ascii: bool,
    /// The last key was `type`.
    typed: bool,
    marks: Marks,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn colon(&mut self) -> Option<()> {
        self.space();
        self.expect(b':')?;
        self.space();
        Some(())
    }

    /// A value, which begins here.
    fn value(&mut self) -> Option<()> {
        self.stack.clear();
        loop {
            match self.next()? {
                b'"' => self.text()?,
                b'{' => {
                    self.space();
                    if !self.take(b'}') {
                        self.stack.push(Inside::Object);
                        self.member()?;
                        continue;
                    }
                }
                b'[' => {
                    self.space();
                    if !self.take(b']') {
                        self.stack.push(Inside::Array);
                        continue;
                    }
                }
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                b'-' => {
                    let first = self.next()?;
                    self.number(first)?;
                }
                first => self.number(first)?,
            }
            loop {
                let Some(inside) = self.stack.last() else { return Some(()) };
                let inside = *inside;
                self.space();
                match (self.next()?, inside) {
                    (b',', Inside::Object) => {
                        self.member()?;
                        break;
                    }
                    (b',', Inside::Array) => {
                        self.space();
                        break;
                    }
                    (b'}', Inside::Object) | (b']', Inside::Array) => _ = self.stack.pop(),
                    _ => return None,
                }
            }
        }
    }

    /// A key, up to its value.
    fn member(&mut self) -> Option<()> {
        self.space();
        self.expect(b'"')?;
        self.key()?;
        self.colon()
    }

    fn word(&mut self, rest: &[u8]) -> Option<()> {
        let is_there = self.bytes.get(self.at..)?.starts_with(rest);
        self.at += rest.len();
        is_there.then_some(())
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - from
    }

    fn number(&mut self, first: u8) -> Option<()> {
        match first {
            // A digit behind it is not what follows a value.
            b'0' => {}
            b'1'..=b'9' => _ = self.digits(),
            _ => return None,
        }
        if self.take(b'.') && self.digits() == 0 {
            return None;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return None;
            }
        }
        Some(())
    }

    fn key(&mut self) -> Option<()> {
        let said = self.string()?;
        let said = self.bytes.get(said)?;
        self.typed = said == b"type";
        match said {
            b"image_url" => self.marks = Marks { images: true, media: true, ..self.marks },
            b"json_schema" | b"responseSchema" | b"responseJsonSchema" => self.marks.schema = true,
            b"data" | b"base64" | b"inlineData" | b"inline_data" => self.marks.media = true,
            _ => {}
        }
        Some(())
    }

    fn text(&mut self) -> Option<()> {
        let said = self.string()?;
        match self.bytes.get(said)? {
            b"image_url" | b"input_image" => self.marks = Marks { images: true, media: true, ..self.marks },
            b"image" if self.typed => self.marks.images = true,
            b"json_schema" => self.marks.schema = true,
            b"base64" => self.marks.media = true,
            [b'i', b'm', b'a', b'g', b'e', b'/', ..] => self.marks.images = true,
            [b'd', b'a', b't', b'a', b':', ..] => self.marks.media = true,
            _ => {}
        }
        self.typed = false;
        Some(())
    }

    /// The rest of a string whose quote has been taken: what stands before its other quote.
    fn string(&mut self) -> Option<Range<usize>> {
        let from = self.at;
        loop {
            let (plain, is_ascii) = plain(self.bytes.get(self.at..)?);
            self.is_ascii &= is_ascii;
            self.at += plain;
            match self.next()? {
                b'"' => return Some(from..self.at - 1),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        let digits = self.bytes.get(self.at..self.at + 4)?;
                        if !digits.iter().all(u8::is_ascii_hexdigit) {
                            return None;
                        }
                        self.at += 4;
                    }
                    _ => return None,
                },
                // A control character.
                _ => return None,
            }
        }
    }
}

/// How long the string at the head of `rest` is, whose quote has been taken, if all its escapes are those that
/// [`write_escaped`](super::write_escaped) writes: its inside can stand in any other JSON as it is.
pub fn canonical(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += plain(rest.get(at..)?).0;
        match (rest.get(at)?, rest.get(at + 1)) {
            (b'"', _) => return Some(at),
            (b'\\', Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')) => at += 2,
            _ => return None,
        }
    }
}

/// Whether two slices are equal. The compiler's own way is byte by byte on WebAssembly.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let ((words, tail), (others, rest)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let is_same = |(one, other): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other);
    one.len() == other.len() && words.iter().zip(others).all(is_same) && tail == rest
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How many bytes stand before the first quote, backslash or control character, and whether all that was looked at is
/// ASCII.
pub fn plain(rest: &[u8]) -> (usize, bool) {
    let (words, tail) = rest.as_chunks::<8>();
    let mut seen = 0;
    for (index, bytes) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*bytes);
        seen |= word;
        // A byte that is zero borrows from the next one: what is found first is right.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zero(word ^ (ONES * b'"' as u64));
        let escape = zero(word ^ (ONES * b'\\' as u64));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quote | escape | control) & HIGH;
        if found != 0 {
            return (index * 8 + found.trailing_zeros() as usize / 8, seen & HIGH == 0);
        }
    }
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    let more = tail.iter().take_while(is_plain).count();
    (words.len() * 8 + more, seen & HIGH == 0 && tail.is_ascii())
}
