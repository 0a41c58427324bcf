//! `/admin/api/models`: what can be asked for, what it costs, and where it is known from. `models/refresh` and
//! `accounts/{id}/models` ask the providers now.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Errand, Outcome, Reply, Request};
use crate::access::Caller;
use crate::accounts;
use crate::control::Control;
use crate::control::inquiry::Wanted;
use crate::control::lists::{Surveyed, Whose};
use crate::fault::{Failure, Kind, Millis};
use crate::models::lists::Source;
use crate::prices::{Basis, Found, Price, Sold};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Model"))]
pub struct Offered {
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
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ModelPrice"))]
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
pub fn models(control: &mut Control, request: &Request<'_>) -> Result<Reply, Failure> {
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
    let lists: Vec<Read<'_>> = control.lists().filter_map(|(source, list)| Read::of(source, list)).collect();
    Ok(Reply::json(200, &json!({"items": items, "next": null, "lists": lists})))
}

/// Where names are known from.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ModelList"))]
pub struct Read<'a> {
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<&'a str>,
    models: usize,
    /// When it was last read, and when it will be again.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<Millis>,
    due: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> Read<'a> {
    fn of(source: &'a Source, list: &'a crate::models::lists::List) -> Option<Self> {
        let error = list.trouble.as_deref();
        (list.read.is_some() || error.is_some()).then(|| Self {
            provider: &source.provider,
            base_url: source.base_url.as_deref(),
            models: list.offers.len(),
            read: list.read,
            due: list.due(),
            error,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Refresh {
    #[serde(default)]
    provider: Option<String>,
}

/// `models/refresh`: all, or only the provider named in the body.
pub fn ask_providers(control: &Control, request: &Request<'_>) -> Result<Outcome, Failure> {
    let Refresh { provider } = request.read()?;
    let Some(name) = provider else { return Ok(Outcome::Errand(Errand::Survey(Whose::All))) };
    let provider = accounts::canonical(&name);
    if !control.setups().any(|setup| setup.account.provider == provider) {
        return Err(Failure::invalid("provider", "there is no account of this provider"));
    }
    Ok(Outcome::Errand(Errand::Survey(Whose::Provider(provider))))
}

/// `accounts/{id}/models`
pub fn ask_account(control: &Control, id: &str) -> Result<Outcome, Failure> {
    if control.setup(id).is_none() {
        return Err(super::accounts::nobody(id));
    }
    Ok(Outcome::Errand(Errand::Survey(Whose::Account(id.to_owned()))))
}

/// What came of it: who was asked, and for one account what it said.
pub fn asked(control: &Control, whose: &Whose, asked: &[Surveyed]) -> Reply {
    let Whose::Account(id) = whose else {
        return Reply::json(200, &json!({"asked": asked}));
    };
    let setup = control.setup(id);
    let provider = setup.map(|setup| setup.account.provider.as_str()).unwrap_or_default();
    match (asked.first(), setup) {
        (Some(Surveyed { error: None, .. }), Some(setup)) => {
            let of = |source: &Source| source.provider == provider && source.base_url == setup.base_url;
            let list = control.lists().find(|(source, _)| of(source)).map(|(_, list)| list);
            let items = list.map(|list| list.offers.as_slice()).unwrap_or_default();
            Reply::json(200, &json!({"provider": provider, "items": items, "next": null}))
        }
        (Some(Surveyed { error: Some(why), .. }), _) => {
            Reply::failure(&Failure::new(Kind::Upstream, format!("{provider} gave no list of models: {why}")))
        }
        _ => Reply::failure(&Failure::new(Kind::NotFound, format!("{provider} lists no models that can be asked for"))),
    }
}
