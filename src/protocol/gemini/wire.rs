//! What both directions of requests share: spellings, lists of one, base64 alphabets, model generations.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::fault::Failure;
use crate::json;

/// A list that some clients send as its only element.
#[derive(Debug)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = Many<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Many<T>, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = seq.next_element()? {
                    many.push(one);
                }
                Ok(Many(many))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| Many(vec![one]))
            }
            fn visit_unit<E>(self) -> Result<Many<T>, E> {
                Ok(Many::default())
            }
        }
        deserializer.deserialize_any(Visit(PhantomData))
    }
}

/// The members of an object, taken one by one under either spelling. What nobody takes is the owner's.
pub struct Members<'a> {
    at: String,
    left: BTreeMap<String, &'a RawValue>,
}

impl<'a> Members<'a> {
    pub fn new(at: &str, left: BTreeMap<String, &'a RawValue>) -> Self {
        Self { at: at.to_owned(), left }
    }

    pub fn parse(at: &str, object: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self::new(at, json::decode(object).map_err(|error| error.within(at))?))
    }

    /// The path of a member, for refusals.
    pub fn at(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    /// `name` is camelCase; the member may be spelled in snake_case. `null` counts as absent.
    pub fn take<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let camel = self.left.remove(name);
        let snake = snake(name);
        let raw = match self.left.remove(&snake) {
            Some(_) if camel.is_some() && snake != name => {
                return Err(Failure::invalid(self.at(name), "given in both spellings"));
            }
            other => camel.or(other),
        };
        let Some(raw) = raw else { return Ok(None) };
        Ok(json::decode::<Option<T>>(raw.get().as_bytes()).map_err(|error| error.within(&self.at(name)))?)
    }

    pub fn rest(self) -> Map<String, Value> {
        let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
        self.left.into_iter().map(|(key, raw)| (camel(&key), value(raw))).filter(|(_, v)| !v.is_null()).collect()
    }
}

pub fn snake(camel: &str) -> String {
    let mut out = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

pub fn camel(snake: &str) -> String {
    let mut out = String::with_capacity(snake.len());
    let mut upper = false;
    for c in snake.chars() {
        if c == '_' && !out.is_empty() {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.push(c.to_ascii_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// Standard, padded base64. Google's Python SDK writes bytes in the URL alphabet, others leave the padding out.
pub fn standard_base64(mut data: String) -> String {
    if data.contains(['-', '_']) {
        data = data.replace('-', "+").replace('_', "/");
    }
    while !data.len().is_multiple_of(4) {
        data.push('=');
    }
    data
}

/// Gemini 3 and later: thinking levels instead of budgets, signatures checked, media inside function results.
/// `gemini-flash-latest` and its like have pointed there since 3.0 left preview.
pub fn is_third_generation(model: &str) -> bool {
    let Some((_, rest)) = model.split_once("gemini-") else { return false };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<u32>().map_or(rest.ends_with("-latest"), |major| major >= 3)
}
