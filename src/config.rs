//! The operator's configuration: one JSON document, checked before it is stored, with its history.

use serde::{Deserialize, Serialize};

use crate::control::queue;
use crate::fault::{Failure, Kind, Millis};
use crate::filter::Filter;
use crate::json;
use crate::passing;
use crate::prices::{self, Prices};
use crate::route::document::{self, Document as Routes, Problem};
use crate::rules::Rule;

/// 512 KiB: five hundred routes. A row of the object's storage holds 2 MiB.
const LARGEST: usize = 512 << 10;
/// Rules, and filters. Each is looked at with every call.
const MANY: usize = 100;
/// Revisions that can be gone back to.
const HISTORY: usize = 20;

/// Everything in one document; what is absent is as shipped.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Document {
    #[serde(skip_serializing_if = "is_default")]
    pub routes: std::collections::BTreeMap<String, document::Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallbacks: Option<std::collections::BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "is_default")]
    pub models: std::collections::BTreeMap<String, document::Traits>,
    #[serde(skip_serializing_if = "is_default")]
    pub prices: prices::document::Document,
    /// In this order, for the calls that fit.
    #[serde(skip_serializing_if = "is_default")]
    pub rules: Vec<Rule>,
    #[serde(skip_serializing_if = "is_default")]
    pub filters: Vec<Filter>,
    /// Calls that may wait where everybody is busy; none unless this is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<queue::Terms>,
    #[serde(skip_serializing_if = "is_default")]
    pub retention: Retention,
}

/// How long the usage log keeps a call, and how many, and the same of captures; the deployment's variables hold where it
/// says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture_days: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture_mb: Option<u64>,
}

impl Retention {
    /// Ten years; and more rows and megabytes than any database of D1 holds.
    const MOST: [(&str, u64); 4] =
        [("days", 3650), ("rows", 10_000_000), ("capture_days", 3650), ("capture_mb", 10_000)];

    fn problems(self) -> impl Iterator<Item = Problem> {
        let said = Self::MOST.into_iter().zip([self.days, self.rows, self.capture_days, self.capture_mb]);
        let wrong = said.filter(|((_, most), said)| said.is_some_and(|said| said == 0 || said > *most));
        wrong.map(|((name, most), _)| Problem {
            path: format!("retention.{name}"),
            message: format!("expected a number from 1 to {most}"),
        })
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Who stands in for whom unless the operator says otherwise: logins first for the same models, keys last.
const FALLBACKS: &[(&str, &[&str])] = &[
    ("gemini-cli", &["antigravity", "google"]),
    ("antigravity", &["gemini-cli", "google"]),
    ("kiro", &["claude", "anthropic"]),
    ("claude", &["anthropic"]),
    ("codex", &["openai"]),
    ("qwen-code", &["dashscope"]),
];

/// A document that was found to be right, ready for use.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    pub revision: u64,
    pub document: Document,
    pub routes: Routes,
    pub prices: Prices,
    history: Vec<Past>,
}

/// A document as it was before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub revision: u64,
    /// When it was replaced.
    pub until: Millis,
    pub actor: String,
    pub document: Document,
}

/// What is stored.
#[derive(Serialize, Deserialize)]
struct Saved {
    revision: u64,
    document: Document,
    #[serde(default)]
    history: Vec<Past>,
}

/// Why a document is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Somebody else has changed it since.
    Stale {
        revision: u64,
    },
    Wrong(Vec<Problem>),
}

impl Config {
    pub fn new() -> Self {
        let mut config = Self::default();
        config.routes = config.document.routes();
        config
    }

    /// From the row that [`Config::row`] made.
    pub fn load(row: &str) -> Result<Self, String> {
        let Saved { revision, document, history } = serde_json::from_str(row).map_err(|error| error.to_string())?;
        let (routes, prices) = (document.routes(), document.prices.read().unwrap_or_default());
        Ok(Self { revision, document, routes, prices, history })
    }

    pub fn row(&self) -> Option<String> {
        let Self { revision, document, history, .. } = self.clone();
        serde_json::to_string(&Saved { revision, document, history }).ok()
    }

    /// Newest first.
    pub fn history(&self) -> impl Iterator<Item = &Past> {
        self.history.iter().rev()
    }

    /// Replace the document that has `revision` by another.
    pub fn replace(&mut self, revision: u64, document: Document, actor: &str, now: Millis) -> Result<(), Refused> {
        if revision != self.revision {
            return Err(Refused::Stale { revision: self.revision });
        }
        let problems = document.problems();
        if !problems.is_empty() {
            return Err(Refused::Wrong(problems));
        }
        if self.history.len() >= HISTORY {
            self.history.remove(0);
        }
        let before = std::mem::take(&mut self.document);
        self.history.push(Past { revision, until: now, actor: actor.to_owned(), document: before });
        self.routes = document.routes();
        self.prices = document.prices.read().unwrap_or_default();
        self.document = document;
        self.revision += 1;
        Ok(())
    }

    /// The document before this one, as a new revision.
    pub fn undo(&mut self, actor: &str, now: Millis) -> Result<(), Failure> {
        let before = self.history.last().map(|past| past.document.clone());
        let before = before.ok_or_else(|| Failure::new(Kind::NotFound, "there is nothing to go back to"))?;
        let replaced = self.replace(self.revision, before, actor, now);
        replaced.map_err(|_| Failure::new(Kind::Internal, "the earlier document does not hold any more"))
    }
}

/// Read a document and say all that is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Document, Vec<Problem>> {
    let wrong = |path: String, message: String| vec![Problem { path, message }];
    if bytes.len() > LARGEST {
        return Err(wrong(String::new(), format!("the document is larger than {LARGEST} bytes")));
    }
    let document: Document = json::decode(bytes).map_err(|error| wrong(error.at.clone(), error.to_string()))?;
    let problems = document.problems();
    if problems.is_empty() { Ok(document) } else { Err(problems) }
}

impl Document {
    fn routes(&self) -> Routes {
        let shipped = || {
            let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
            FALLBACKS.iter().map(|(name, others)| ((*name).to_owned(), owned(others))).collect()
        };
        Routes {
            routes: self.routes.clone(),
            fallbacks: self.fallbacks.clone().unwrap_or_else(shipped),
            models: self.models.clone(),
        }
    }

    pub fn problems(&self) -> Vec<Problem> {
        let prices = self.prices.read().err().unwrap_or_default();
        let prices = prices
            .into_iter()
            .map(|problem| Problem { path: format!("prices.{}", problem.path), message: problem.message });
        let mut problems = self.routes().problems();
        problems.extend(prices);
        problems.extend(self.queue.iter().flat_map(queue::Terms::problems));
        problems.extend(self.retention.problems());
        for (name, count) in [("rules", self.rules.len()), ("filters", self.filters.len())] {
            if count > MANY {
                problems.push(Problem { path: name.to_owned(), message: format!("more than {MANY}") });
            }
        }
        let mut alone = |path: String, found: Vec<crate::filter::Problem>| {
            problems.extend(found.into_iter().map(|problem| Problem { path: path.clone(), message: problem.message }));
        };
        for (at, rule) in self.rules.iter().enumerate().take(MANY) {
            alone(format!("rules[{at}]"), passing::check(std::slice::from_ref(rule), &[]));
        }
        for (at, filter) in self.filters.iter().enumerate().take(MANY) {
            alone(format!("filters[{at}]"), passing::check(&[], std::slice::from_ref(filter)));
        }
        for (name, route) in &self.routes {
            alone(format!("routes.{name}"), passing::check(&[route.rule(name)], &[]));
        }
        problems
    }
}
