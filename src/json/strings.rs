//! Every scalar of a JSON text with its path and place, so that strings can be changed where they stand.

use std::borrow::Cow;
use std::ops::Range;

use super::place::string;
use super::write_str;

/// One step into a container. A key is as it was written, escapes and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf<'a> {
    Text(Quoted<'a>),
    /// A number, `true`, `false` or `null`.
    Other(&'a str),
}

/// A JSON string as it was written, with its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a>(&'a str);

impl<'a> Quoted<'a> {
    /// What it says.
    pub fn text(self) -> Cow<'a, str> {
        let inside = self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default();
        if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
            return Cow::Borrowed(inside);
        }
        serde_json::from_str(self.0).map_or(Cow::Borrowed(inside), Cow::Owned)
    }

    pub fn len(self) -> usize {
        self.0.len()
    }

    pub fn is_empty(self) -> bool {
        self.0.len() <= 2
    }
}

/// Takes a scalar, with its path and place.
pub type Visit<'v, 'a> = dyn FnMut(&[Step<'a>], Leaf<'a>, Range<usize>) + 'v;

/// Deeper than any document that means something, and than serde_json goes into values.
const DEPTH: usize = 128;

/// Visit every scalar of `json` in order. `None`: it is not JSON, or nested too deeply; what came before was visited.
pub fn walk<'a>(json: &'a [u8], visit: &mut Visit<'_, 'a>) -> Option<()> {
    let text = std::str::from_utf8(json).ok()?;
    let mut path: Vec<Step<'a>> = Vec::with_capacity(16);
    // Whether a string is a key: a step is pending between a key and the end of its value.
    let (mut at, mut expects_key, mut done) = (0, false, false);
    while let Some(&byte) = json.get(at) {
        let start = at;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b':' => continue,
            _ if done => return None,
            b'{' | b'[' if path.len() == DEPTH => return None,
            b'{' => {
                path.push(Step::Key(""));
                expects_key = true;
                continue;
            }
            b'[' => {
                path.push(Step::Index(0));
                expects_key = false;
                continue;
            }
            b',' => {
                match path.last_mut()? {
                    Step::Index(index) => *index += 1,
                    Step::Key(_) => expects_key = true,
                }
                continue;
            }
            b'}' | b']' => {
                path.pop()?;
                expects_key = false;
            }
            b'"' => {
                at += string(json.get(at..)?) + 1;
                let quoted = text.get(start..at)?;
                if let (true, Some(Step::Key(key))) = (expects_key, path.last_mut()) {
                    *key = quoted.get(1..quoted.len().checked_sub(1)?)?;
                    expects_key = false;
                    continue;
                }
                visit(&path, Leaf::Text(Quoted(quoted)), start..at);
            }
            _ => {
                let more = json
                    .get(at..)?
                    .iter()
                    .take_while(|b| !matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
                at += more.count();
                visit(&path, Leaf::Other(text.get(start..at)?), start..at);
            }
        }
        done = path.is_empty();
    }
    done.then_some(())
}

/// `json` with some strings replaced; the ranges are in order, and from [`walk`].
pub fn replace(json: &[u8], edits: &[(Range<usize>, String)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + edits.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut from = 0;
    for (span, text) in edits {
        out.extend_from_slice(json.get(from..span.start).unwrap_or_default());
        write_str(text, &mut out);
        from = span.end;
    }
    out.extend_from_slice(json.get(from..).unwrap_or_default());
    out
}

/// `messages[3].content`.
pub fn spell(path: &[Step<'_>]) -> String {
    let mut spelled = String::new();
    for step in path {
        match step {
            Step::Index(index) => spelled.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                spelled.push_str(if spelled.is_empty() { "" } else { "." });
                spelled.push_str(key);
            }
        }
    }
    spelled
}
