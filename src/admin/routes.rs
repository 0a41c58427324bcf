//! Every endpoint of the operator's API: the one table that requests are dispatched by and the document is made from.

use super::{Asked, Errand, Other, Outcome, Reply, Request, SELF_TEST};
use super::{
    accounts, audit, captures, config, logins, models, overview, probe, restore, session, tokens, transfer, trial,
    usage,
};
use crate::call::printable;
use crate::control::Control;
use crate::fault::{Failure, Kind};

type Handler = fn(&mut Control, &Asked<'_, '_>) -> Result<Outcome, Failure>;

pub struct Route {
    pub method: &'static str,
    /// Behind `/admin/api/`. `{id}` stands for one segment.
    pub path: &'static str,
    /// Asked before anybody has signed in.
    pub open: bool,
    pub(super) handler: Handler,
}

const fn on(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, open: false, handler }
}

const fn open(method: &'static str, path: &'static str, handler: Handler) -> Route {
    Route { method, path, open: true, handler }
}

fn done(reply: Result<Reply, Failure>) -> Result<Outcome, Failure> {
    reply.map(Outcome::from)
}

/// A word goes before an `{id}` in its place.
pub const ROUTES: &[Route] = &[
    open("GET", "session", |control, asked| done(Ok(session::show(control, asked.request)))),
    open("POST", "session", |control, asked| done(session::sign_in(control, asked.request))),
    open("DELETE", "session", |control, asked| done(Ok(session::sign_out(control, asked.request)))),
    on("GET", "accounts", |control, asked| done(accounts::list(control, asked.request))),
    on("POST", "accounts", |control, asked| done(accounts::create(control, asked))),
    on("GET", "accounts/{id}", |control, asked| done(accounts::show(control, asked))),
    on("PATCH", "accounts/{id}", |control, asked| done(accounts::change(control, asked))),
    on("DELETE", "accounts/{id}", |control, asked| done(accounts::delete(control, asked))),
    on("POST", "accounts/{id}/cool", |control, asked| done(accounts::cool(control, asked))),
    on("POST", "accounts/{id}/reset", |control, asked| done(accounts::reset(control, asked))),
    on("POST", "accounts/{id}/models", |control, asked| models::ask_account(control, asked.id)),
    on("GET", "accounts/{id}/quota", |control, asked| done(probe::quota_known(control, asked))),
    on("POST", "accounts/{id}/quota", probe::ask_quota),
    on("POST", "accounts/{id}/test", probe::test),
    on("POST", "accounts/{id}/refresh", probe::renew),
    on("GET", "audit", |_, asked| audit::page(asked.request)),
    on("GET", "audit/verify", |_, asked| audit::verify(asked.request)),
    on("GET", "captures", |_, asked| captures::list(asked.request)),
    on("DELETE", "captures", |_, asked| captures::remove_all(asked)),
    on("GET", "captures/export", captures::export),
    on("GET", "captures/{id}", |_, asked| captures::one(asked)),
    on("DELETE", "captures/{id}", |_, asked| captures::remove(asked)),
    on("GET", "config", |control, _| done(Ok(config::show(control)))),
    on("PUT", "config", |control, asked| done(config::replace(control, asked))),
    on("GET", "config/schema", |_, _| done(Ok(config::schema()))),
    on("GET", "config/history", |control, _| done(Ok(config::history(control)))),
    on("POST", "config/validate", |_, asked| done(Ok(config::validate(asked.request)))),
    on("POST", "config/undo", |control, asked| done(config::undo(control, asked))),
    on("GET", "health", |control, _| done(Ok(probe::health(control)))),
    on("POST", "route/explain", |control, asked| done(config::explain(control, asked.request))),
    on("POST", "import", |control, asked| done(transfer::import(control, asked))),
    on("GET", "export", |control, asked| done(Ok(transfer::export(control, asked)))),
    on("POST", "logins", logins::begin),
    on("GET", "logins/{id}", |control, asked| done(logins::look(control, asked))),
    on("DELETE", "logins/{id}", |control, asked| done(logins::cancel(control, asked))),
    on("POST", "logins/{id}/paste", logins::paste),
    on("GET", "models", |control, asked| done(models::models(control, asked.request))),
    on("POST", "models/refresh", |control, asked| models::ask_providers(control, asked.request)),
    on("GET", "overview", |control, asked| done(overview::show(control, asked.request))),
    on("GET", "providers", |_, _| done(Ok(accounts::providers()))),
    on("POST", "restore", |_, asked| restore::begin(asked)),
    on("POST", "rules/try", |control, asked| done(trial::try_out(control, asked.request))),
    on("GET", "tail", |_, _| Ok(Outcome::Other(Other::Tail))),
    on("GET", "metrics", |_, _| Ok(Outcome::Other(Other::Metrics))),
    on("GET", "tokens", |control, asked| done(tokens::list(control, asked.request))),
    on("POST", "tokens", |control, asked| done(tokens::create(control, asked))),
    on("GET", "tokens/{id}", |control, asked| done(tokens::show(control, asked))),
    on("PATCH", "tokens/{id}", |control, asked| done(tokens::change(control, asked))),
    on("DELETE", "tokens/{id}", |control, asked| done(tokens::delete(control, asked))),
    on("POST", "tokens/{id}/rotate", |control, asked| done(tokens::rotate(control, asked))),
    on("GET", "usage", |_, asked| usage::page(asked.request)),
    on("GET", "usage/daily", |_, asked| usage::daily(asked.request)),
    on("GET", "usage/{id}", |_, asked| usage::row(asked)),
    on("POST", SELF_TEST, |_, _| Ok(Outcome::Errand(Errand::SelfTest))),
    on("GET", "prices", |_, _| done(Ok(usage::prices()))),
    on("POST", "undo/{id}", |control, asked| match tokens::is_token(asked.id) {
        true => done(tokens::undo(control, asked)),
        false => done(accounts::undo(control, asked)),
    }),
];

/// Whether a path is for those who have not signed in.
pub(super) fn is_open(path: &str) -> bool {
    ROUTES.iter().any(|route| route.open && fits(route.path, path).is_some())
}

/// The route of a request, and what stands for `{id}` in its path.
pub(super) fn find<'a>(request: &'a Request<'_>) -> Result<(&'static Route, &'a str), Failure> {
    let mut allowed = Vec::new();
    for route in ROUTES {
        let Some(id) = fits(route.path, request.path) else { continue };
        // Of two paths that fit the first is meant, whatever its methods are.
        if allowed.first().is_some_and(|first: &&Route| first.path != route.path) {
            break;
        }
        if route.method == request.method {
            return Ok((route, id));
        }
        allowed.push(route);
    }
    let Request { method, path, .. } = request;
    let path = printable(path);
    if allowed.is_empty() {
        return Err(Failure::new(Kind::NotFound, format!("no such endpoint: {method} /admin/api/{path}")));
    }
    let allowed = allowed.iter().map(|route| route.method).collect::<Vec<_>>().join(", ");
    Err(Failure::new(Kind::MethodNotAllowed, format!("/admin/api/{path} takes {allowed}, not {method}")))
}

fn fits<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    let mut id = "";
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(id),
            (Some("{id}"), Some(segment)) if !segment.is_empty() => id = segment,
            (Some(word), Some(segment)) if word == segment => {}
            _ => return None,
        }
    }
}
