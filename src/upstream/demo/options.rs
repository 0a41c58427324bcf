//! The demo's model names: what they order.

use crate::fault::{Failure, Kind};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The whole name, as it was ordered.
    pub name: String,
    /// Repeat the user word for word.
    pub echo: bool,
    pub chunks: Option<usize>,
    pub pace: u64,
    pub delay: u64,
    pub think: bool,
    pub sealed: bool,
    pub calls: Option<usize>,
    pub cached: u64,
    pub who: bool,
    pub retry: Option<u64>,
    fail: Option<Fail>,
    fail_all: Option<Fail>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    Status(u16),
    Quota,
    Page,
    Event,
    Mid,
    Cut,
    Early,
    Stall,
    Hang,
}

impl Options {
    pub fn failure(&self, account: &str) -> Option<Fail> {
        self.fail_all.or(self.fail.filter(|_| account == "demo-1"))
    }
}

/// A word per event, a day's patience: more is a mistake.
const CHUNKS: u64 = 100_000;
const WAIT: u64 = 60_000;

pub fn parse(name: &str) -> Result<Options, Failure> {
    let mut words = name.split('+');
    let model = words.next().unwrap_or_default();
    if !matches!(model, "echo" | "chat" | "responses" | "messages" | "gemini") {
        let message = format!("the demo has no model {model}; it has echo, chat, responses, messages and gemini");
        return Err(Failure::new(Kind::NotFound, message).code("model_not_found"));
    }
    let mut options = Options { name: name.to_owned(), echo: model == "echo", ..Options::default() };
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let number = |most: u64| match value.parse::<u64>() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(Failure::invalid("model", format!("option {key}: expected a number up to {most}"))),
        };
        let count = |most: u64| number(most).map(|number| Some(usize::try_from(number).unwrap_or(usize::MAX)));
        match key {
            "chunks" => options.chunks = count(CHUNKS)?,
            "pace" => options.pace = number(WAIT)?,
            "delay" => options.delay = number(WAIT)?,
            "think" => options.think = true,
            "sealed" => options.sealed = true,
            "calls" => options.calls = count(16)?,
            "cached" => options.cached = number(u64::from(u32::MAX))?,
            "who" => options.who = true,
            "retry" => options.retry = Some(number(u64::from(u32::MAX))?),
            "fail" => options.fail = Some(fail(value)?),
            "failall" => options.fail_all = Some(fail(value)?),
            _ => return Err(Failure::invalid("model", format!("the demo has no option {key}"))),
        }
    }
    Ok(options)
}

fn fail(word: &str) -> Result<Fail, Failure> {
    Ok(match word {
        "quota" => Fail::Quota,
        "page" => Fail::Page,
        "event" => Fail::Event,
        "mid" => Fail::Mid,
        "cut" => Fail::Cut,
        "early" => Fail::Early,
        "stall" => Fail::Stall,
        "hang" => Fail::Hang,
        status => match status.parse() {
            Ok(status @ 400..=599) => Fail::Status(status),
            _ => return Err(Failure::invalid("model", format!("the demo cannot fail by {status}"))),
        },
    })
}
