//! What an operator says into every prompt of a model, a route or a client: system prompts and parameters.
//!
//! The system prompt is changed in the client's own body, whatever protocol that is in, before it is relayed or
//! translated: one place for both. Parameters are set late, where it is known whose words they must be in.

pub mod parameters;
mod system;

use std::fmt;

use bytes::Bytes;
use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use crate::filter::{Filter, Problem, pattern};
use crate::ir::Protocol;
use crate::json::Body;
use crate::upstream::pattern as names;
pub use parameters::Parameters;

/// One rule, as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    #[serde(skip_serializing_if = "When::is_always")]
    pub when: When,
    /// Only for client tokens and routes that name it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// In this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<Edit>,
    /// For what the client does not say.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub defaults: Parameters,
    /// Whatever the client says.
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    pub overrides: Parameters,
}

/// Which calls a rule or a filter is for: those that fit every list that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Patterns of models, as the client names them: `gpt-*`, `!gpt-oss*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Patterns of client tokens, by id or name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// What the client speaks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<Protocol>,
}

/// What `When` looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub model: &'a str,
    pub protocol: Protocol,
    /// Id and name; nothing for the operator's own key.
    pub token: &'a [&'a str],
    pub project: Option<&'a str>,
}

impl When {
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }

    pub fn fits(&self, subject: &Subject<'_>) -> bool {
        let any = |list: &[String], named: &[&str]| list.is_empty() || named.iter().any(|name| names::any(list, name));
        any(&self.models, &[subject.model])
            && any(&self.tokens, subject.token)
            && any(&self.projects, subject.project.as_slice())
            && (self.protocols.is_empty() || self.protocols.contains(&subject.protocol))
    }
}

/// The rules and filters for a call, out of all there are. `named` are those its token and its route ask for.
pub fn select(rules: &[Rule], filters: &[Filter], subject: &Subject<'_>, named: &[String]) -> (Vec<Rule>, Vec<Filter>) {
    let fits = |name: &String, when: &When, optional: bool| when.fits(subject) && (!optional || named.contains(name));
    let rules = rules.iter().filter(|rule| fits(&rule.name, &rule.when, rule.optional));
    let filters = filters.iter().filter(|filter| fits(&filter.name, &filter.when, filter.optional));
    (rules.cloned().collect(), filters.cloned().collect())
}

/// A change of the system prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    Append(String),
    Prepend(String),
    /// In the place of whatever the client says.
    Override(String),
    /// Every occurrence in what the client says.
    Replace {
        find: String,
        with: String,
        /// `find` is a regular expression, and `$1` in `with` its first group.
        #[serde(default)]
        pattern: bool,
    },
}

/// Rules ready to be applied.
#[derive(Default)]
pub struct Rules {
    edits: Vec<Ready>,
    pub defaults: Parameters,
    pub overrides: Parameters,
}

enum Ready {
    Append(String),
    Prepend(String),
    Override(String),
    Literal { find: String, with: String },
    Pattern { find: Regex, with: String },
}

/// What a replacement may make of a system prompt: 1 MiB.
const PROMPT: usize = 1 << 20;

impl Rules {
    /// Rules in their order; of two that set the same parameter the later wins.
    pub fn new(rules: &[Rule]) -> Result<Self, Problem> {
        let mut ready = Self::default();
        for rule in rules {
            for edit in &rule.system {
                ready.edits.push(match edit {
                    Edit::Append(text) => Ready::Append(text.clone()),
                    Edit::Prepend(text) => Ready::Prepend(text.clone()),
                    Edit::Override(text) => Ready::Override(text.clone()),
                    Edit::Replace { find, .. } if find.is_empty() => {
                        return Err(Problem::new(&rule.name, "system.replace.find: is empty"));
                    }
                    Edit::Replace { find, with, pattern: false } => {
                        Ready::Literal { find: find.clone(), with: with.clone() }
                    }
                    Edit::Replace { find, with, pattern: true } => {
                        let find = pattern(find).map_err(|message| Problem::new(&rule.name, message))?;
                        Ready::Pattern { find, with: with.clone() }
                    }
                });
            }
            for (list, said) in [(&mut ready.defaults, &rule.defaults), (&mut ready.overrides, &rule.overrides)] {
                said.check().map_err(|message| Problem::new(&rule.name, message))?;
                list.extend(said);
            }
        }
        Ok(ready)
    }

    /// The client's body with the system prompt as the rules want it.
    pub fn apply(&self, protocol: Protocol, body: &Body) -> Result<Bytes, Unreadable> {
        if self.edits.is_empty() {
            return Ok(body.bytes().clone());
        }
        let mut body = body.clone();
        for edit in &self.edits {
            let changed = match edit {
                Ready::Append(text) => system::add(protocol, &body, text, system::End::Back),
                Ready::Prepend(text) => system::add(protocol, &body, text, system::End::Front),
                Ready::Override(text) => system::set(protocol, &body, text),
                Ready::Literal { find, with } => system::rewrite(protocol, &body, &|text| {
                    text.contains(find.as_str()).then(|| text.replace(find, with))
                }),
                Ready::Pattern { find, with } => system::rewrite(protocol, &body, &|text| {
                    find.is_match(text).then(|| find.replace_all(text, with.as_str()).into_owned())
                }),
            };
            let changed = changed.ok_or(Unreadable)?;
            if changed.len() > body.bytes().len() + PROMPT {
                return Err(Unreadable);
            }
            body = Body::parse(changed).map_err(|_| Unreadable)?;
        }
        Ok(body.bytes().clone())
    }
}

/// The client's system prompt is in no shape its protocol has, or would grow beyond measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system prompt cannot be changed as a prompt rule demands")]
pub struct Unreadable;

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("defaults", &self.defaults).field("overrides", &self.overrides).finish()
    }
}
