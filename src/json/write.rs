//! JSON written straight into a buffer.

use serde::Serialize;

use super::scan::plain;

/// `text` as a JSON string, quotes included. Runs that need no escape are copied whole.
pub fn write_str(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// The inside of a JSON string.
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text.as_bytes();
    loop {
        let (run, _) = plain(rest);
        let (head, tail) = rest.split_at(run.min(rest.len()));
        out.extend_from_slice(head);
        let Some((&byte, tail)) = tail.split_first() else { return };
        rest = tail;
        let short = match byte {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0x00..0x20 => b'u',
            // A quote or a backslash.
            _ => byte,
        };
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// A number without the detour of `format!`.
pub fn write_u64(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(number % 10).unwrap_or(0);
        used += 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// One object, member by member; the commas are its business.
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// Where the member's value is to be written.
    pub fn key(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        write_str(name, self.out);
        self.out.push(b':');
        self.out
    }

    pub fn str(&mut self, name: &str, value: &str) {
        write_str(value, self.key(name));
    }

    /// `json` is a JSON value already.
    pub fn raw(&mut self, name: &str, json: &str) {
        self.key(name).extend_from_slice(json.as_bytes());
    }

    pub fn u64(&mut self, name: &str, value: u64) {
        write_u64(value, self.key(name));
    }

    pub fn bool(&mut self, name: &str, value: bool) {
        self.raw(name, if value { "true" } else { "false" });
    }

    /// A value of ours. Numbers, strings, maps with string keys and plain structs cannot fail to serialize.
    pub fn value<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let out = self.key(name);
        if serde_json::to_writer(&mut *out, value).is_err() {
            out.extend_from_slice(b"null");
        }
    }

    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// One array, item by item.
pub struct Array<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Array<'o> {
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, first: true }
    }

    /// Where the next item is to be written.
    pub fn item(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        self.out
    }

    pub fn end(self) {
        self.out.push(b']');
    }
}
