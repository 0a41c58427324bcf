//! The operator's API in the object: a request for [`crate::admin`], its reply, and what has to be done besides.

use std::cell::Cell;
use std::rc::Rc;

use sha2::{Digest, Sha256};
use worker::web_sys::{Request, Response};

use super::pool::Core;
use super::settings::Settings;
use super::{captures, ledger, now, platform, selftest, split};
use crate::admin::{self, BODY_LIMIT, Effect, Errand, Other, Outcome, Reply, logins, restore};
use crate::call::unescape;
use crate::control::copies;
use crate::control::metrics::Around;
use crate::fault::{Failure, Kind};
use crate::ledger::Change;
use crate::shard;

/// Handle one request. What has changed is stored before anything else sees it.
pub async fn handle(core: &Rc<Core>, request: &Request) -> worker::Result<Response> {
    let limit = u32::try_from(BODY_LIMIT).unwrap_or(u32::MAX);
    let body = match platform::read_body(request, limit).await {
        Ok(Some(bytes)) => bytes.to_vec(),
        Ok(None) => {
            let failure = Failure::new(Kind::TooLarge, format!("the request body exceeds {BODY_LIMIT} bytes"));
            return Ok(respond(Reply::failure(&failure)));
        }
        Err(_) => {
            let failure = Failure::new(Kind::InvalidRequest, "the request body could not be read");
            return Ok(respond(Reply::failure(&failure)));
        }
    };
    let Some(random) = randomness() else {
        return Ok(respond(Reply::failure(&Failure::new(Kind::Internal, "the platform gives no randomness"))));
    };
    let headers = request.headers();
    let url = request.url();
    let (path, query) = split(&url);
    let settings = Settings::of(&core.env);
    let outcome = admin::handle(
        &mut core.control.borrow_mut(),
        &admin::Request {
            method: &request.method(),
            path: unescape(path).trim_start_matches("/admin/api/").trim_end_matches('/'),
            query: &|name| crate::call::query(query, name),
            header: &|name| headers.get(name).ok().flatten(),
            body: &body,
            now: now(),
            random: &random,
            env: &|name| settings.sign_in(name),
            admin_key: settings.admin_key.as_ref(),
        },
    );
    core.persist()?;
    let reply = match outcome {
        Outcome::Done(reply) => reply,
        Outcome::Other(Other::Tail) => return Ok(core.tail.open(request)),
        Outcome::Other(Other::Captures(export)) => {
            core.tell_audit().await;
            return Ok(captures::export(&core.env, &export));
        }
        Outcome::Other(Other::Metrics) => return Ok(metrics(core)),
        Outcome::Errand(errand) => run(core, errand).await,
    };
    let mut copied = 0;
    for effect in &reply.effects {
        match effect {
            // An import is more than one request may ask of KV: the clock goes on with it.
            Effect::Mirror { account } if copied >= copies::AT_ONCE => core.control.borrow_mut().owe_copy(account),
            Effect::Mirror { .. } => {
                copied += 1;
                perform(core, effect).await;
            }
            Effect::Audit { .. } => perform(core, effect).await,
        }
    }
    if reply.effects.iter().any(|effect| matches!(effect, Effect::Mirror { .. })) {
        core.look_soon().await;
    }
    core.tell_audit().await;
    core.persist()?;
    core.call_up()?;
    Ok(respond(reply))
}

async fn run(core: &Rc<Core>, errand: Errand) -> Reply {
    match errand {
        Errand::Login { id, status, effects } => {
            if let Err(error) = core.advance(&id).await {
                worker::console_error!("sign-in: {error}");
            }
            let reply = core.control.borrow().login(&id).map(|view| logins::shown(&view, status));
            let reply = reply.unwrap_or_else(|failure| Reply::failure(&failure));
            Reply { effects, ..reply }
        }
        Errand::Survey(whose) => {
            let asked = core.survey(&whose).await;
            admin::models::asked(&core.control.borrow(), &whose, &asked)
        }
        Errand::Recall { cursor, dry, actor } => recall(core, cursor, dry, actor).await,
        Errand::Quota { account } => core.quota(&account).await,
        Errand::Test { account, model, effects } => core.test(&account, &model, effects).await,
        Errand::Renew { account, effects } => core.renew_now(&account, effects).await,
        Errand::SelfTest => selftest::inside(&core.env).await,
        Errand::Captures { errand, effects } => {
            use crate::captures::Errand::{List, One, Removed};
            let reply = match &errand {
                One { statement } => captures::one(&core.env, statement).await,
                List { statement, .. } | Removed { statement } => {
                    let rows = ledger::run(&core.env, std::slice::from_ref(statement)).await;
                    let rows = rows.map(|done| {
                        let rows = done.into_iter().flat_map(|done| done.rows);
                        let dressed = rows.map(|mut row| {
                            admin::usage::dress(&core.control.borrow(), &mut row);
                            row
                        });
                        dressed.collect()
                    });
                    crate::captures::told(&errand, rows)
                }
            };
            Reply { effects, ..reply }
        }
        Errand::Books { statement, shape } => {
            core.tell_audit().await;
            let rows = ledger::run(&core.env, &[statement]).await;
            let rows = rows.map(|done| done.into_iter().flat_map(|done| done.rows).collect());
            if let Err(error) = &rows {
                worker::console_error!("the books: {error}");
            }
            admin::usage::finish(&mut core.control.borrow_mut(), &shape, rows)
        }
    }
}

/// Take accounts from their copies, a page at a time.
async fn recall(core: &Rc<Core>, cursor: Option<String>, dry: bool, actor: String) -> Reply {
    let page =
        platform::copies(&core.env, &shard::copies(&core.name), cursor).await.map_err(|error| format!("{error:?}"));
    let page = page.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    match page {
        Ok(page) => restore::restored(&mut core.control.borrow_mut(), &page, dry, actor, now()),
        Err(error) => {
            worker::console_error!("copies in KV: {error}");
            Reply::failure(&Failure::new(Kind::Overloaded, "the copies in KV could not be read"))
        }
    }
}

fn metrics(core: &Core) -> Response {
    let (listeners, dropped) = (core.tail.listeners(), core.tail.dropped());
    let page = core.control.borrow().metrics(Around { listeners, dropped, unsent: core.unsent.get() }, now());
    let headers = [("content-type", "text/plain; version=0.0.4; charset=utf-8"), ("cache-control", "no-store")];
    let headers = headers.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
    platform::respond(200, headers, page.as_bytes())
}

async fn perform(core: &Core, effect: &Effect) {
    match effect {
        Effect::Mirror { account } => core.mirror(account).await,
        Effect::Audit(Change { actor, action, subject, detail, .. }) => {
            worker::console_log!("{actor}: {action} {subject} {detail}");
        }
    }
}

pub fn respond(reply: Reply) -> Response {
    let fixed = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    let fixed = fixed.into_iter().map(|(name, value)| (name, value.to_owned()));
    let headers = fixed.chain(reply.headers).flat_map(|(name, value)| [name.to_owned(), value]).collect();
    platform::respond(reply.status, headers, reply.body.as_bytes())
}

/// As much randomness as a request takes, from one crossing. `None`: there is none, and nothing that must not be
/// guessed may be made.
fn randomness() -> Option<impl Fn() -> [u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).ok()?;
    let count = Cell::new(0_u64);
    Some(move || {
        count.set(count.get() + 1);
        Sha256::new().chain_update(seed).chain_update(count.get().to_le_bytes()).finalize().into()
    })
}
