//! The row of one call.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use super::Statement;
use crate::clients::Lapsed;
use crate::control::billing::Receipt;
use crate::control::inquiry::{Inquiry, Payer};
use crate::fault::Millis;
use crate::filter::Hits;
use crate::ir::event::Usage;
use crate::pool::{Attempt, Outcome, Settlement};
use crate::prices::Cost;

/// Names that a client chose.
const TEXT: usize = 200;

/// What was known of a call when its books were closed.
pub struct Facts<'a> {
    /// Ours, as in `x-sluice-request-id`.
    pub request: &'a str,
    pub inquiry: &'a Inquiry,
    pub payer: Option<&'a Payer>,
    /// With all attempts, also those reported before.
    pub settlement: &'a Settlement,
    pub receipt: &'a Receipt,
    pub stream: bool,
    pub status: u16,
    pub began: Millis,
    pub total_ms: u64,
    /// What the client calls itself.
    pub agent: Option<&'a str>,
    pub object_calls: u8,
    /// What filters found: which, and where.
    pub hits: &'a Hits,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub id: u64,
    pub at: Millis,
    pub request: String,
    /// Empty: the operator's own key.
    pub token: String,
    /// As the client named it.
    pub model: String,
    /// As the provider names it.
    pub served: String,
    pub provider: String,
    pub account: String,
    pub protocol: &'static str,
    pub operation: &'static str,
    pub stream: bool,
    pub status: u16,
    /// `answered`, `left` by the client, `lapsed` without a report, or the fault that ended it, or why nobody was asked.
    pub ended: Cow<'static, str>,
    pub attempts: Vec<Tried>,
    /// Until the first content.
    pub first_ms: Option<u64>,
    pub total_ms: u64,
    pub usage: Usage,
    pub cost: Cost,
    pub estimated: bool,
    pub session: Option<String>,
    pub agent: Option<String>,
    /// How often the object was asked or told. For the log, not for the books.
    pub object_calls: u8,
    /// Filters that found something, and where; never what. For the log, too.
    #[serde(skip_serializing_if = "Hits::is_empty")]
    pub hits: Hits,
    /// Only its sums are kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unlisted: bool,
}

/// One account that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    pub account: String,
    pub provider: String,
    pub model: String,
    pub outcome: &'static str,
    pub ms: u64,
}

impl Entry {
    pub fn of(facts: &Facts<'_>) -> Self {
        let Facts { inquiry, settlement, receipt, .. } = facts;
        let attempts: Vec<Tried> = settlement.attempts.iter().map(tried).collect();
        let last = settlement.attempts.last();
        let first_ms = last.and_then(|last| Some(last.first_ms? + span(last.began, facts.began)));
        Self {
            id: settlement.lease,
            at: facts.began,
            request: facts.request.to_owned(),
            token: facts.payer.map(|payer| payer.id.clone()).unwrap_or_default(),
            model: short(&inquiry.model),
            served: last.map(|last| short(&last.model)).unwrap_or_default(),
            provider: last.map(|last| last.provider.clone()).unwrap_or_default(),
            account: last.map(|last| last.account.clone()).unwrap_or_default(),
            protocol: inquiry.protocol.name(),
            operation: inquiry.operation.name(),
            stream: facts.stream,
            status: facts.status,
            ended: last.map_or("unasked", |last| word(&last.outcome)).into(),
            attempts,
            first_ms,
            total_ms: facts.total_ms,
            usage: settlement.usage,
            cost: receipt.cost,
            estimated: settlement.estimated,
            session: inquiry.affinity.map(|key| format!("{key:016x}")),
            agent: facts.agent.map(short),
            object_calls: facts.object_calls,
            hits: facts.hits.clone(),
            unlisted: receipt.unlisted,
        }
    }

    /// A call that was refused before anybody was asked. `ended` says why.
    pub fn denied(facts: &Facts<'_>, token: String, ended: String) -> Self {
        Self { token, ended: ended.into(), total_ms: 0, ..Self::of(facts) }
    }

    /// A call that never reported: all that is known is what was held for it.
    pub fn lapsed(lapsed: &Lapsed) -> Self {
        Self {
            id: lapsed.lease,
            // A lease is the time it was given, and ten bits.
            at: Millis(lapsed.lease >> 10),
            request: String::new(),
            token: lapsed.token.clone(),
            model: String::new(),
            served: String::new(),
            provider: String::new(),
            account: String::new(),
            protocol: "",
            operation: "",
            stream: false,
            status: 0,
            ended: "lapsed".into(),
            attempts: Vec::new(),
            first_ms: None,
            total_ms: 0,
            usage: Usage { input: lapsed.tokens, ..Usage::default() },
            cost: Cost { micro: lapsed.micro, ..Cost::default() },
            estimated: true,
            session: None,
            agent: None,
            object_calls: 0,
            hits: Hits::default(),
            unlisted: false,
        }
    }

    /// The row as it will be read.
    pub fn row(&self) -> Value {
        let Statement { sql, values } = self.insert();
        let columns = sql.split(['(', ')']).nth(1).unwrap_or_default();
        columns.split(", ").map(str::to_owned).zip(values).collect::<serde_json::Map<_, _>>().into()
    }

    pub fn insert(&self) -> Statement {
        let usage = &self.usage;
        let values = json!([
            self.id,
            self.at,
            self.request,
            self.token,
            self.model,
            self.served,
            self.provider,
            self.account,
            self.protocol,
            self.operation,
            u8::from(self.stream),
            self.status,
            self.ended,
            serde_json::to_string(&self.attempts).unwrap_or_default(),
            self.first_ms,
            self.total_ms,
            usage.input,
            usage.cache_read,
            usage.cache_write,
            usage.cache_write_long,
            usage.output,
            usage.reasoning,
            self.cost.micro,
            self.cost.saved,
            self.cost.basis.word(),
            u8::from(self.estimated),
            self.session,
            self.agent
        ]);
        let Value::Array(values) = values else { return Statement::new("", Vec::new()) };
        if self.unlisted {
            // What is no table has no rows to be in conflict with.
            let sql = INSERT.trim_end_matches(ONCE).replacen("usage", "unlisted", 1);
            return Statement::new(sql, values);
        }
        Statement::new(INSERT, values)
    }
}

const INSERT: &str = "INSERT INTO usage (id, at, request, token, model, served, provider, account, protocol, operation, \
    stream, status, ended, attempts, first_ms, total_ms, input, cache_read, cache_write, cache_write_long, output, \
    reasoning, cost, saved, basis, estimated, session, agent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
    ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28) ON CONFLICT (id) DO NOTHING";

fn tried(attempt: &Attempt) -> Tried {
    Tried {
        account: attempt.account.clone(),
        provider: attempt.provider.clone(),
        model: short(&attempt.model),
        outcome: word(&attempt.outcome),
        ms: attempt.ms,
    }
}

const ONCE: &str = " ON CONFLICT (id) DO NOTHING";

/// What became of an account that was asked, in one word.
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Cancelled => "left",
        Outcome::Beaten => "beaten",
        Outcome::Failed(fault) => fault.name(),
    }
}

fn span(later: Millis, earlier: Millis) -> u64 {
    u64::try_from(later.since(earlier).as_millis()).unwrap_or_default()
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT).collect()
}
