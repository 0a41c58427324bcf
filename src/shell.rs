//! The Worker: bindings in, bindings out. Thin on purpose.
//!
//! ```text
//! fetch event ── route ── caller ── body ── Call ── exec::run ───────────> Response
//!                                                      |                      |
//!                                   io: plan, send, report        stream: the answer behind its head
//! ```

mod admin;
mod captures;
mod health;
mod io;
mod ledger;
mod lists;
mod login;
mod meter;
mod object;
mod outside;
mod platform;
mod pool;
mod probe;
mod queue;
mod refresh;
mod reply;
mod selftest;
mod settings;
mod standby;
mod stream;
mod tail;
mod telemetry;

use std::rc::Rc;

use bytes::Bytes;
use worker::web_sys::{Request, Response};
use worker::{Context, Env, ScheduleContext, ScheduledEvent, event};

use crate::access::{self, Caller};
use crate::call::{Call, Head, Route, protocol_of, route};
use crate::control::balance::Balance;
use crate::control::inquiry::{Inquiry, Wanted};
use crate::exec::{self, Refused, Reply};
use crate::fault::{Failure, Kind, Millis};
use crate::json::Body;
use crate::models::{self, Page};
use crate::protocol::inbound;
use crate::telemetry::otlp::Parent;
use crate::vault::SealNonce;
use crate::{affinity, tokens};
use io::{Aside, Workerd};
use reply::Headers;
use settings::Settings;

/// A panic ends every call of its instance, which the runtime then makes anew. Where it was is all that is said of it:
/// its words may hold what must not be told.
#[event(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        worker::console_error!("a defect: panicked at {place}");
        stream::fell();
    }));
}

/// Renews what is due, and forgets what is old.
#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, _: ScheduleContext) {
    let settings = Settings::of(&env);
    let mut kept = Vec::new();
    for object in settings.shards.objects() {
        kept.push(object::wake(&env, &object).await);
    }
    ledger::keep_up(&env).await;
    // The first has the configuration of all. Nothing is forgotten by a guess.
    let Some(Some(retention)) = kept.into_iter().next() else { return };
    // The clock strikes every five minutes.
    let hourly = event.schedule() / 60_000.0 % 60.0 < 5.0;
    ledger::prune(&env, &settings, retention, hourly).await;
}

/// 32 MiB: the largest request that any provider takes, and a quarter of an isolate.
const BODY_LIMIT: u32 = 32 << 20;

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response, worker::Error> {
    settings::provoke(&env, &request);
    meter::request();
    let headers = request.headers();
    let header = |name: &str| headers.get(name).ok().flatten();
    let method = request.method();
    if method == "OPTIONS" {
        return Ok(reply::preflight(header("access-control-request-headers")));
    }
    let url = request.url();
    let (path, query) = split(&url);
    let head = Head { method: &method, path, query, header: &header };
    if path.starts_with("/admin/api/") {
        let shard = Settings::of(&env).shards.object(header("x-sluice-shard").as_deref());
        return Ok(object::operate(&env, &shard, &request).await);
    }
    let protocol = protocol_of(path);
    let id = random_id();
    let response = match serve(&request, &head, &id, env, context).await {
        Ok(response) => response,
        Err(failure) => {
            let body = inbound(protocol).encode_failure(&failure);
            Headers::new(&id, protocol).retry_after(failure.retry_after).send(failure.status, "application/json", &body)
        }
    };
    Ok(response)
}

async fn serve(request: &Request, head: &Head<'_>, id: &str, env: Env, context: Context) -> Result<Response, Failure> {
    let settings = Settings::of(&env);
    let answer = |body: &[u8]| Headers::new(id, protocol_of(head.path)).send(200, "application/json", body);
    let caller = || access::caller(head, settings.api_key.as_deref());
    let named = (head.header)("x-sluice-provider");
    let shard = |provider: Option<&str>| settings.shards.object(provider.or(named.as_deref()));
    match route(head)? {
        Route::Health => {
            let (status, body) = health::answer(&env, &settings).await;
            Ok(Headers::new(id, protocol_of(head.path)).send(status, "application/json", &body))
        }
        Route::Fixed { content_type, body } => {
            Ok(Headers::new(id, protocol_of(head.path)).send(200, content_type, body.as_bytes()))
        }
        Route::Models { protocol, provider } => {
            let object = shard(provider.as_deref());
            let wanted = Wanted { caller: caller()?.caller, provider, model: None };
            let page = Page::of(protocol, &|name| head.query(name));
            Ok(answer(&models::encode(&object::models(&env, &object, &wanted).await?, protocol, &page)))
        }
        Route::Model { protocol, id } => {
            Ok(answer(&models::encode_one(&object::model(&env, &shard(None), caller()?.caller, id).await?, protocol)))
        }
        Route::Show => {
            let caller = caller()?.caller;
            let body = Body::parse(read_body(request).await?)?;
            Ok(answer(&models::show(&object::model(&env, &shard(None), caller, models::shown(&body)?).await?)))
        }
        Route::Balance(page) => {
            let balance = Balance { caller: caller()?.caller, page };
            Ok(answer(&object::balance(&env, &shard(None), &balance).await?))
        }
        Route::Call(endpoint) => {
            let caller = caller()?;
            let object = shard(endpoint.provider.as_deref());
            let body = read_body(request).await?;
            let mut call = match Call::read(endpoint, body, head, id, now().seconds()) {
                Ok(call) => call,
                // What is wrong with a request is nobody's business who may not send one.
                Err(failure) => {
                    return Err(object::admitted(&env, &object, caller.caller).await.err().unwrap_or(failure));
                }
            };
            call.affinity = affinity::of(&call, head.header);
            let inquiry = Inquiry::of(&call, caller, named.clone(), (head.header)("cf-connecting-ip"))?;
            if (head.header)("x-sluice-explain").is_some() && inquiry.caller == Caller::Operator {
                return Ok(answer(&object::explain(&env, &object, &inquiry).await?));
            }
            let call = Rc::new(call);
            let aside = Aside {
                agent: (head.header)("user-agent"),
                debug: (head.header)("x-sluice-debug").as_deref() == Some("1"),
                parent: Parent::of((head.header)("traceparent").as_deref()),
            };
            let io = Workerd::new(env, object, context, request.signal(), settings, inquiry, Rc::clone(&call), aside);
            answer_call(call, io).await
        }
    }
}

async fn answer_call(call: Rc<Call>, io: Workerd) -> Result<Response, Failure> {
    let io = Rc::new(io);
    let reply = exec::run(&*io, &call).await;
    let headers = Headers::new(&call.id, call.protocol()).with(&io.limits());
    if io.estimates() {
        let body = tokens::answer(&call)?;
        return Ok(headers.estimated().send(200, "application/json", &body));
    }
    Ok(match reply {
        Reply::Refused(Refused { status, body, retry_after, trace }) => {
            io.refused(status, &trace);
            headers.trace(&trace).retry_after(retry_after).send(status, "application/json", &body)
        }
        Reply::Answer(answer) => {
            let headers = headers.trace(&answer.trace).with(&answer.headers);
            match answer.rest {
                None => headers.send(answer.status, &answer.content_type, &answer.head),
                Some((body, pump)) => {
                    let stream = stream::drive(body, pump, &answer.head, call, answer.trace, io);
                    headers.stream(answer.status, &answer.content_type, &stream)
                }
            }
        }
    })
}

async fn read_body(request: &Request) -> Result<Bytes, Failure> {
    match platform::read_body(request, BODY_LIMIT).await {
        Ok(Some(bytes)) => Ok(bytes.to_vec().into()),
        Ok(None) => Err(Failure::new(Kind::TooLarge, format!("the request body exceeds {BODY_LIMIT} bytes"))),
        Err(_) => Err(Failure::new(Kind::InvalidRequest, "the request body could not be read")),
    }
}

/// Path and query of an absolute URL.
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let path = path.split('#').next().unwrap_or_default();
    path.split_once('?').unwrap_or((path, ""))
}

fn now() -> Millis {
    // A clock before 1970 is none.
    Millis(worker::Date::now().as_millis())
}

/// For one sealing.
fn nonce() -> Result<SealNonce, String> {
    let mut nonce = [0; 12];
    getrandom::fill(&mut nonce).map_err(|error| format!("no randomness: {error}"))?;
    Ok(nonce)
}

fn random_id() -> String {
    use std::fmt::Write as _;
    let mut bytes = [0; 16];
    // Without randomness ids are not unique, and nothing else depends on these.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}
