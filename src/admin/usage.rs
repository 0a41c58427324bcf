//! `/admin/api/usage` and `/admin/api/prices`: what was used, and what it costs.

use serde_json::{Map, Value, json};

use super::audit;
use super::{Asked, Errand, Outcome, Reply, Request};
use crate::control::Control;
use crate::fault::{Failure, Kind, Millis};
use crate::ledger::{self, Filter, Statement};
use crate::prices;

/// What the rows of a statement become.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// As many as were asked for, and one more if there are more.
    Page {
        limit: usize,
    },
    One,
    Sums,
    /// Of the audit log.
    Changes {
        limit: usize,
    },
    Chain {
        after: Option<u64>,
    },
}

pub fn page(request: &Request<'_>) -> Result<Outcome, Failure> {
    let (limit, after) = request.page()?;
    let after = after.map(|text| number("after", &text)).transpose()?;
    // One more than is shown tells whether there is a next page.
    Ok(books(ledger::page(&filter(request)?, after, limit + 1)?, Shape::Page { limit }))
}

pub fn daily(request: &Request<'_>) -> Result<Outcome, Failure> {
    let by = (request.query)("by").unwrap_or_else(|| "day".to_owned());
    let by: Vec<&str> = by.split(',').filter(|key| !key.is_empty()).collect();
    let Filter { from, to, .. } = filter(request)?;
    // A month, unless somebody says otherwise.
    let to = to.unwrap_or(request.now);
    let from = from.unwrap_or(Millis(to.0.saturating_sub(30 * 86_400_000)));
    Ok(books(ledger::by_day(from, to, &by)?, Shape::Sums))
}

pub fn row(asked: &Asked<'_, '_>) -> Result<Outcome, Failure> {
    Ok(books(ledger::row(number("id", asked.id)?), Shape::One))
}

fn books(statement: Statement, shape: Shape) -> Outcome {
    Outcome::Errand(Errand::Books { statement, shape })
}

fn filter(request: &Request<'_>) -> Result<Filter, Failure> {
    let text = |name: &str| (request.query)(name).filter(|text| !text.is_empty());
    let time = |name: &str| text(name).map(|text| number(name, &text).map(Millis)).transpose();
    Ok(Filter {
        from: time("from")?,
        to: time("to")?,
        token: text("token"),
        model: text("model"),
        account: text("account"),
        status: text("status"),
    })
}

pub fn number(name: &str, text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::invalid(name, "expected a whole number"))
}

/// The answer to the request that wanted `rows`.
pub fn finish(control: &mut Control, shape: &Shape, rows: Result<Vec<Value>, String>) -> Reply {
    let mut rows = match rows {
        Ok(rows) => rows,
        Err(_) => {
            let failure = Failure::new(Kind::Overloaded, "the books cannot be read at the moment");
            return Reply::failure(&failure.code("books_unavailable"));
        }
    };
    match shape {
        Shape::Page { limit } => {
            let more = rows.len() > *limit;
            rows.truncate(*limit);
            let last = rows.last().and_then(|row| row["id"].as_u64());
            let further = rows.last().is_some_and(|row| row["further"] == 1);
            // The last row that was looked at is there whether it fits or not.
            rows.retain(|row| row["fits"] != 0);
            let next = last.filter(|_| more || further).map(|id| id.to_string());
            rows.iter_mut().for_each(|row| dress(control, row));
            Reply::json(200, &json!({"items": rows, "next": next, "lost": control.lost(), "degraded": control.alone()}))
        }
        Shape::One => match rows.first_mut() {
            Some(row) => {
                dress(control, row);
                Reply::json(200, row)
            }
            None => Reply::failure(&Failure::new(Kind::NotFound, "there is no such call, or it is no longer kept")),
        },
        Shape::Sums => Reply::json(200, &json!({ "items": rows })),
        Shape::Changes { limit } => audit::listed(rows, *limit),
        Shape::Chain { after } => audit::verified(control, rows, *after),
    }
}

/// Lists as lists, and names beside ids.
pub fn dress(control: &Control, row: &mut Value) {
    let Some(row) = row.as_object_mut() else { return };
    let text = |row: &Map<String, Value>, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(chain) = text(row, "attempts").and_then(|text| serde_json::from_str::<Value>(&text).ok()) {
        row.insert("attempts".to_owned(), chain);
    }
    for ours in ["fits", "further"] {
        row.remove(ours);
    }
    for flag in ["stream", "estimated", "captured"] {
        if let Some(value) = row.get_mut(flag) {
            *value = json!(value.as_u64() == Some(1));
        }
    }
    if let Some(name) = text(row, "token").and_then(|id| control.token_name(&id).map(str::to_owned)) {
        row.insert("token_name".to_owned(), name.into());
    }
    let label = text(row, "account").and_then(|id| Some(control.setup(&id)?.account.label.clone()));
    if let Some(label) = label.filter(|label| !label.is_empty()) {
        row.insert("account_label".to_owned(), label.into());
    }
}

/// The shipped prices; the operator's own are in the configuration.
pub fn prices() -> Reply {
    let rates = |rates: &prices::Rates| {
        json!({
            "input": rates.input,
            "cache_read": rates.cache_read,
            "cache_write_5m": rates.cache_write,
            "cache_write_1h": rates.cache_write_long,
            "output": rates.output,
        })
    };
    let items = prices::shipped().iter().map(|listed| {
        let tiers = listed.tiers.iter().map(|tier| json!({"over": tier.over, "rates": rates(&tier.rates)}));
        json!({"model": listed.name, "rates": rates(&listed.rates), "tiers": tiers.collect::<Vec<_>>()})
    });
    Reply::json(200, &json!({"items": items.collect::<Vec<_>>(), "unit": "micro-dollars per million tokens"}))
}
