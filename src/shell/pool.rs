//! The Durable Object around [`Control`]: load, call a pure method, persist, reply.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use worker::js_sys::Promise;
use worker::{Delay, DurableObject, Env, Request, Response, SqlStorage, State, durable_object};

use super::meter::{self, Used};
use super::queue::Waiter;
use super::settings::{self, Settings};
use super::tail::Tail;
use super::{admin, ledger, now, split, telemetry};
use crate::accounts::Setup;
use crate::control::Control;
use crate::control::billing::Receipt;
use crate::control::lists::Whose;
use crate::control::news::Told;
use crate::control::quotas::{Meter, Stage};
use crate::fault::Millis;
use crate::json;
use crate::ledger::{Link, Statement};
use crate::pool::{Row, Settlement};
use crate::telemetry::webhook::{self, Hook};

#[durable_object(alarm)]
pub struct Pool(Rc<Core>);

/// What outlives one request to the object.
pub struct Core {
    pub state: State,
    /// Of this object.
    pub name: String,
    pub env: Env,
    pub sql: SqlStorage,
    pub control: RefCell<Control>,
    /// Renewals under way, by account.
    pub flights: RefCell<HashMap<String, Promise>>,
    /// Sign-ins that somebody is going on with.
    pub logins: RefCell<HashSet<String>>,
    pub tail: Tail,
    /// Calls that wait for a place.
    pub waiters: RefCell<HashMap<u64, Waiter>>,
    /// Who is told when an account changes its state, what was told, and what could not be.
    pub hook: Option<Hook>,
    pub told: RefCell<webhook::Told>,
    pub unsent: Cell<u64>,
    /// Whether the day's sums are about to be stored.
    storing: Cell<bool>,
    /// What the log was last told is given up.
    stage: Cell<Stage>,
}

#[derive(Deserialize)]
struct Saved {
    key: String,
    value: String,
}

impl DurableObject for Pool {
    fn new(state: State, env: Env) -> Self {
        let sql = state.storage().sql();
        let settings = Settings::of(&env);
        let name = state.id().name().unwrap_or_default();
        let own = |setup: &&Setup| settings.shards.holds(&name, &setup.account.provider);
        let own = settings.accounts.iter().filter(own).cloned().collect();
        let control = Control::new(own, settings.vault(), settings.api_key.is_some());
        let mut control = control.at(settings.addresses);
        control.lately().limit(settings.limits);
        match saved(&sql) {
            Ok(rows) => {
                for problem in control.load(rows.into_iter().map(|row| (row.key, row.value)), now()) {
                    worker::console_error!("{problem}");
                }
            }
            // Cooldowns are relearnt from the next refusal; nobody is locked out meanwhile.
            Err(error) => worker::console_error!("the object's storage: {error}"),
        }
        let control = RefCell::new(control);
        let (flights, logins, waiters) = (RefCell::default(), RefCell::default(), RefCell::default());
        let (hook, told, unsent) = (settings.hook.clone(), RefCell::default(), Cell::default());
        let tail = Tail::new();
        Self(Rc::new(Core {
            state,
            name,
            env,
            sql,
            control,
            flights,
            logins,
            tail,
            waiters,
            hook,
            told,
            unsent,
            storing: Cell::new(false),
            stage: Cell::default(),
        }))
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let core = &self.0;
        let url = request.inner().url();
        core.meter(meter::heard(split(&url).1));
        core.store_later();
        if request.path().starts_with("/admin/api/") {
            // In the middle of a change, as a real one would come.
            let changing = core.control.borrow_mut();
            settings::provoke(&core.env, request.inner());
            drop(changing);
            return Ok(admin::handle(core, request.inner()).await?.into());
        }
        let body = request.bytes().await?;
        match request.path().as_str() {
            "/refresh" => return Response::ok(text(&core.renewed(&read(&body)?).await?)?),
            "/ping" => return Response::ok("null"),
            "/wake" => {
                core.work().await?;
                return Response::ok(text(&core.control.borrow().config().document.retention)?);
            }
            _ => {}
        }
        if request.path() == "/plan" {
            return Response::ok(core.plan(&read(&body)?, request.inner().signal()).await?);
        }
        let reply = {
            let mut control = core.control.borrow_mut();
            match request.path().as_str() {
                "/more" => text(&control.more(&read(&body)?, now())),
                "/report" => {
                    let settlement: Settlement = read(&body)?;
                    let receipt = control.report(&settlement, now());
                    if let Some(hook) = &core.hook {
                        let accounts = settlement.attempts.iter().map(|attempt| attempt.account.as_str());
                        telemetry::turned(core, hook, control.turned_among(accounts, now()));
                    }
                    text(&Receipt { heard: core.tail.listeners() > 0, ..receipt })
                }
                "/tell" => {
                    let told: Told = read(&body)?;
                    told.news(&control).for_each(|news| core.tail.say(|| news));
                    text(&())
                }
                "/health" => text(&control.tally(now())),
                "/explain" => text(&control.explain(&read(&body)?, now())),
                "/balance" => text(&control.balance(&read(&body)?, now())),
                "/models" => text(&control.models(&read(&body)?, now())),
                "/admit" => text(&control.admitted(&read(&body)?, now())),
                _ => return Response::error("not found", 404),
            }?
        };
        core.keep()?;
        core.call_up()?;
        Response::ok(reply)
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.0.meter(Used::default());
        self.0.store_later();
        self.0.work().await?;
        Response::empty()
    }
}

impl Core {
    /// Be woken at `at`, or before.
    pub async fn schedule(&self, at: Millis) -> worker::Result<()> {
        let storage = self.state.storage();
        let set = storage.get_alarm().await?;
        if set.is_none_or(|set| u64::try_from(set).is_ok_and(|set| set > at.0)) {
            // A number would be taken as a time from now, too.
            storage.set_alarm(at.since(now())).await?;
        }
        Ok(())
    }

    /// Whatever is due.
    async fn work(self: &Rc<Self>) -> worker::Result<()> {
        self.advance_all().await;
        self.tell_audit().await;
        self.wake().await?;
        self.survey(&Whose::Due).await;
        if let Some(hook) = &self.hook {
            let changes = self.control.borrow_mut().turned(now());
            telemetry::turned(self, hook, changes);
        }
        let resealed = self.control.borrow_mut().reseal(&mut || super::nonce().ok());
        self.persist()?;
        for account in &resealed {
            self.mirror(account).await;
        }
        let owed = self.control.borrow_mut().owed_copies();
        for account in &owed {
            self.mirror(account).await;
        }
        // Not before: a copy is made twice rather than never.
        self.persist()?;
        Ok(())
    }

    pub fn persist(&self) -> worker::Result<()> {
        let rows = self.control.borrow_mut().changes();
        self.write(rows)
    }

    /// What a call has changed: now, or where rows of the day are running out, with the day's sums.
    pub fn keep(&self) -> worker::Result<()> {
        if self.stage.get() == Stage::Memory { Ok(()) } else { self.persist() }
    }

    /// Somebody asked, who used this much before.
    fn meter(&self, used: Used) {
        let mut control = self.control.borrow_mut();
        let mut count = |meter, more| control.lately().count(meter, more, now());
        count(Meter::ObjectRequests, 1);
        count(Meter::WorkerRequests, used.requests);
        count(Meter::D1RowsWritten, used.written);
        count(Meter::D1RowsRead, used.read);
        let stage = control.lately().stage(now());
        if self.stage.replace(stage) == stage {
            return;
        }
        worker::console_warn!(r#"{{"event":"quota","stage":"{}"}}"#, stage.word());
        let rows = control.tallied();
        drop(control);
        // At once: whoever comes after a crash is to spare as much.
        if let Err(error) = self.write(rows) {
            worker::console_error!("the sums of the day: {error}");
        }
    }

    /// Store the day's sums in a few seconds: one row, however many calls there were.
    fn store_later(self: &Rc<Self>) {
        if self.storing.replace(true) {
            return;
        }
        let core = Rc::clone(self);
        self.state.wait_until(async move {
            let sparing = core.stage.get() == Stage::Memory;
            Delay::from(Duration::from_secs(if sparing { 30 } else { 5 })).await;
            core.storing.set(false);
            let rows = core.control.borrow_mut().tallied();
            if let Err(error) = core.persist().and_then(|()| core.write(rows)) {
                worker::console_error!("the sums of the day: {error}");
            }
        });
    }

    /// Lines of the audit log that the database does not have yet.
    pub async fn tell_audit(&self) {
        let waiting = self.control.borrow_mut().audit().waiting();
        let Some(last) = waiting.last() else { return };
        let statements: Vec<Statement> = waiting.iter().map(Link::insert).collect();
        match ledger::run(&self.env, &statements).await {
            Ok(_) => self.control.borrow_mut().audit().arrived(last.seq),
            Err(error) => worker::console_error!("the audit log: {error}"),
        }
        if let Err(error) = self.persist() {
            worker::console_error!("the audit log: {error}");
        }
    }

    fn write(&self, rows: Vec<Row>) -> worker::Result<()> {
        let written = u64::try_from(rows.len()).unwrap_or_default();
        if written > 0 {
            self.control.borrow_mut().lately().count(Meter::ObjectRowsWritten, written, now());
        }
        for row in rows {
            match row.value {
                Some(value) => {
                    let bindings = vec![row.key.into(), value.into()];
                    self.sql.exec("INSERT OR REPLACE INTO saved (key, value) VALUES (?, ?)", bindings)?
                }
                None => self.sql.exec("DELETE FROM saved WHERE key = ?", vec![row.key.into()])?,
            };
        }
        Ok(())
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> worker::Result<T> {
    json::decode(body).map_err(|error| error.to_string().into())
}

pub fn text(reply: &impl Serialize) -> worker::Result<String> {
    Ok(serde_json::to_string(reply)?)
}

fn saved(sql: &SqlStorage) -> worker::Result<Vec<Saved>> {
    sql.exec("CREATE TABLE IF NOT EXISTS saved (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID", None)?;
    sql.exec("SELECT key, value FROM saved", None)?.to_array()
}
