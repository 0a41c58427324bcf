//! JSON without re-serializing: a body indexed by its top-level members, raw values kept as they were written, and
//! decoding errors that name the field.

mod place;
mod scan;
mod shape;
pub mod strings;
mod write;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use scan::Scanned;
pub use scan::{Marks, Parts, canonical, same};
pub use shape::{Count, Few, TextOr};
pub use write::{Array, Object, write_escaped, write_str, write_u64};

/// A borrowed string inside an `Option` or a `Vec`; serde borrows a bare `Cow` only at the top of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

/// A JSON value kept as its source text: big numbers, key order and white space survive.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The text, if it is one complete JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        // `from_str` would keep surrounding white space inside the raw value.
        RawValue::from_string(text.trim().to_owned()).map(Self)
    }

    /// The text, if it is a JSON object.
    pub fn object(text: &str) -> Option<Self> {
        Self::parse(text).ok().filter(Self::is_object)
    }

    pub fn empty_object() -> Self {
        Self::of(&serde_json::Map::new())
    }

    /// A value of ours as JSON. Maps with string keys and plain structs cannot fail to serialize.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        serde_json::value::to_raw_value(value).map_or_else(|_| Self(RawValue::NULL.to_owned()), Self)
    }

    pub fn get(&self) -> &str {
        self.0.get()
    }

    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }

    pub fn value(&self) -> Value {
        serde_json::from_str(self.get()).unwrap_or_default()
    }
}

impl From<&RawValue> for Json {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl Default for Json {
    fn default() -> Self {
        Self::empty_object()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get())
    }
}

/// Textual: `1.0` and `1` differ.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

/// Why a JSON text was refused, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{message}", .at, if .at.is_empty() { "" } else { ": " })]
pub struct JsonError {
    /// Path of the offending value, `messages[3].content`; empty for the document itself.
    pub at: String,
    pub message: String,
}

impl JsonError {
    pub fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into() }
    }

    /// The same error, seen from one level further out.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        let dot = if self.at.is_empty() || self.at.starts_with('[') { "" } else { "." };
        self.at = format!("{outer}{dot}{}", self.at);
        self
    }
}

/// Read `bytes`, which must be UTF-8. Bytes and text are read alike, so that the program holds one copy of every
/// type's decoder.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, serde_json::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        // Only this reader tells in which string the fault is.
        Err(error) => {
            let told = serde_json::from_slice::<Value>(bytes).err();
            Err(told.unwrap_or_else(|| serde::de::Error::custom(error)))
        }
    }
}

/// Decode `bytes`. The path of a failure is found by a second look, so that success costs nothing extra.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    read(bytes).map_err(|error| traced(bytes, &error))
}

fn traced(bytes: &[u8], error: &serde_json::Error) -> JsonError {
    let consumed = place::consumed(bytes, error.line(), error.column());
    JsonError::new(place::path(bytes, consumed), words(error))
}

/// serde's own words end in a position that only a syntax error needs.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.is_data() { text.split(" at line ").next().unwrap_or_default().to_owned() } else { text }
}

/// A JSON object body, indexed by top-level member and never re-serialized.
#[derive(Debug, Clone, Default)]
pub struct Body {
    bytes: Bytes,
    index: Vec<(String, Range<usize>)>,
    marks: Marks,
}

/// More top-level members than this are a mistake or an attack: the widest recorded request has 21.
const MEMBERS: usize = 256;

impl Body {
    /// Index `bytes`. Duplicate keys are refused: two readers may disagree on which one wins, and that disagreement
    /// would slip past a model allow-list.
    pub fn parse(bytes: Bytes) -> Result<Self, JsonError> {
        let Scanned { members, marks } = scan::object(&bytes).ok_or_else(|| unreadable(&bytes))?;
        let mut index = Vec::<(String, Range<usize>)>::with_capacity(members.len());
        for (key, span) in members {
            let key = bytes.get(key).and_then(unquoted).ok_or_else(|| unreadable(&bytes))?;
            if index.iter().any(|(seen, _)| *seen == key) {
                return Err(JsonError::new(key, "duplicate key"));
            }
            if index.len() == MEMBERS {
                return Err(JsonError::new("", format!("more than {MEMBERS} top-level members")));
            }
            index.push((key.into_owned(), span));
        }
        Ok(Self { bytes, index, marks })
    }

    /// A body that is no JSON, or none of our business.
    pub fn opaque(bytes: Bytes) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// A part of the source; nothing beyond its end.
    pub fn at(&self, span: &Range<usize>) -> &[u8] {
        self.bytes.get(span.clone()).unwrap_or_default()
    }

    /// What stands out in it.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Where the value of one member is.
    pub fn span(&self, key: &str) -> Option<Range<usize>> {
        self.index.iter().find(|(k, _)| k == key).map(|(_, span)| span.clone())
    }

    /// The source text of one member.
    pub fn raw(&self, key: &str) -> Option<&[u8]> {
        let (_, span) = self.index.iter().find(|(k, _)| k == key)?;
        self.bytes.get(span.clone())
    }

    /// The top-level members in their order, as source text.
    pub fn members(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.index.iter().map(|(key, span)| (key.as_str(), self.bytes.get(span.clone()).unwrap_or_default()))
    }

    /// One member, decoded; `None` when absent or `null`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, JsonError> {
        self.raw(key).map_or(Ok(None), |raw| decode::<Option<T>>(raw).map_err(|error| error.within(key)))
    }

    /// The whole body decoded as one type.
    pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, JsonError> {
        decode(&self.bytes)
    }

    /// The body with some top-level members set (`Some`) or removed (`None`); every other byte is as it was.
    pub fn splice(&self, edits: &[(&str, Option<&str>)]) -> Bytes {
        let edit = |key: &str| edits.iter().find(|(k, _)| *k == key).map(|(_, edit)| *edit);
        let mut cuts: Vec<(Range<usize>, Cow<'_, str>)> = Vec::with_capacity(edits.len() + 1);
        let open = memchr::memchr(b'{', &self.bytes).map_or(0, |at| at + 1);
        // A removed member takes the comma before it along, or, while nothing before it stays, the one behind it.
        let (mut from, mut kept) = (open, 0);
        for (key, span) in &self.index {
            match edit(key) {
                Some(None) if kept == 0 => {
                    let end = self.behind_comma(span.end);
                    cuts.push((from..end, Cow::Borrowed("")));
                    from = end;
                    continue;
                }
                Some(None) => cuts.push((from..span.end, Cow::Borrowed(""))),
                Some(Some(text)) => cuts.push((span.clone(), Cow::Borrowed(text))),
                None => {}
            }
            kept += usize::from(edit(key) != Some(None));
            from = span.end;
        }
        let absent = edits.iter().filter(|(key, _)| !self.index.iter().any(|(k, _)| k == key));
        let mut added: String =
            absent.filter_map(|(key, edit)| Some(format!("{}:{},", Json::of(*key).get(), (*edit)?))).collect();
        if kept == 0 {
            added.pop();
        }
        if cuts.is_empty() && added.is_empty() {
            return self.bytes.clone();
        }
        cuts.insert(0, (open..open, Cow::Owned(added)));
        let mut out = Vec::with_capacity(self.bytes.len() + cuts.iter().map(|(_, text)| text.len()).sum::<usize>());
        let mut at = 0;
        for (span, text) in cuts {
            out.extend_from_slice(self.bytes.get(at..span.start).unwrap_or_default());
            out.extend_from_slice(text.as_bytes());
            at = span.end;
        }
        out.extend_from_slice(self.bytes.get(at..).unwrap_or_default());
        out.into()
    }

    /// The place behind the comma that follows the value ending at `end`; `end` itself for the last value.
    fn behind_comma(&self, end: usize) -> usize {
        let after = self.bytes.get(end..).unwrap_or_default();
        let gap = after.iter().take_while(|b| b.is_ascii_whitespace()).count();
        if after.get(gap) == Some(&b',') { end + gap + 1 } else { end }
    }
}

/// What a JSON string says, if it is one.
fn unquoted(quoted: &[u8]) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'\\', quoted).is_some() {
        return read(quoted).ok().map(Cow::Owned);
    }
    std::str::from_utf8(quoted.get(1..quoted.len().checked_sub(1)?)?).ok().map(Cow::Borrowed)
}

/// What a JSON string says first: as much as its first `most` bytes or a few less spell.
pub fn opening(quoted: &[u8], most: usize) -> Option<String> {
    let inside = quoted.get(1..quoted.len().checked_sub(1)?)?;
    let mut head = Vec::with_capacity(most.min(inside.len()) + 2);
    // An escape or a character may be cut: the longest is a pair of surrogates, twelve bytes.
    (0..12).find_map(|less| {
        let size = if inside.len() <= most { inside.len() } else { most.saturating_sub(less) };
        head.clear();
        head.push(b'"');
        head.extend_from_slice(inside.get(..size)?);
        head.push(b'"');
        read(&head).ok()
    })
}

/// Why `bytes` are no JSON object, in serde_json's words.
fn unreadable(bytes: &[u8]) -> JsonError {
    let error = read::<Members>(bytes).err().map(|error| error.to_string());
    JsonError::new("", format!("request body is not a JSON object: {}", error.unwrap_or_default()))
}

struct Members;

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                while map.next_entry::<Text<'de>, &'de RawValue>()?.is_some() {}
                Ok(Members)
            }
        }
        deserializer.deserialize_map(Visit)
    }
}
