//! `/admin/api/models`: what can be asked for, and what it costs.

use serde::Serialize;
use serde_json::json;

use super::{Reply, Request, only};
use crate::access::Caller;
use crate::control::Control;
use crate::control::inquiry::Wanted;
use crate::fault::Failure;
use crate::prices::{Basis, Found, Price, Sold};

#[derive(Serialize)]
struct Offered {
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    provider: String,
    /// As the provider names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    model: String,
    /// A name that the operator's configuration gives.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    route: bool,
    /// Tokens of prompt and answer together.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Shown>,
}

/// Micro-dollars per million tokens.
#[derive(Serialize)]
struct Shown {
    input: u64,
    cache_read: u64,
    cache_write: u64,
    cache_write_long: u64,
    output: u64,
    per_request: u64,
    /// Dearer ones for long prompts are not among these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tiered: bool,
    basis: Basis,
}

impl Shown {
    fn of(price: &Price, basis: Basis) -> Self {
        let rates = price.rates;
        Self {
            input: rates.input,
            cache_read: rates.cache_read,
            cache_write: rates.cache_write,
            cache_write_long: rates.cache_write_long,
            output: rates.output,
            per_request: price.per_request,
            tiered: !price.tiers.is_empty(),
            basis,
        }
    }
}

/// Every name that leads somewhere: the operator's own first.
pub fn models(control: &Control, request: &Request<'_>) -> Result<Reply, Failure> {
    only(request, "GET")?;
    let wanted = Wanted { caller: Caller::Operator, provider: (request.query)("provider"), model: None };
    let listed = control.models(&wanted, request.now).map_err(|denied| denied.failure)?;
    let config = control.config();
    let names = config.document.routes.keys().filter(|name| wanted.provider.is_none() && !name.contains('*'));
    let routes = names.map(|name| Offered {
        id: name.clone(),
        provider: String::new(),
        model: String::new(),
        route: true,
        context: None,
        price: None,
    });
    let offered = listed.into_iter().map(|listed| {
        let sold = Sold { provider: &listed.provider, model: &listed.model, ..Sold::default() };
        let Found { price, basis } = config.prices.find(&sold);
        let price = price.map(|price| Shown::of(&price, basis));
        let context = listed.context();
        Offered { id: listed.id, provider: listed.provider, model: listed.model, route: false, context, price }
    });
    let items: Vec<Offered> = routes.chain(offered).collect();
    Ok(Reply::json(200, &json!({"items": items, "next": null})))
}
