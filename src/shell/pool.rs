//! The Durable Object around [`Control`]: load, call a pure method, persist, reply.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};
use worker::{DurableObject, Env, Request, Response, SqlStorage, State, durable_object};

use super::settings::Settings;
use super::{admin, now};
use crate::control::Control;
use crate::json;

#[durable_object(fetch)]
pub struct Pool {
    env: Env,
    sql: SqlStorage,
    control: RefCell<Control>,
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
        let mut control = Control::new(settings.accounts.clone(), settings.vault(), settings.api_key.is_some());
        match saved(&sql) {
            Ok(rows) => {
                for problem in control.load(rows.into_iter().map(|row| (row.key, row.value)), now()) {
                    worker::console_error!("{problem}");
                }
            }
            // Cooldowns are relearnt from the next refusal; nobody is locked out meanwhile.
            Err(error) => worker::console_error!("the object's storage: {error}"),
        }
        Self { env, sql, control: RefCell::new(control) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        if request.path().starts_with("/admin/api/") {
            let response = admin::handle(&self.env, &self.control, request.inner(), || self.persist()).await?;
            return Ok(response.into());
        }
        let body = request.bytes().await?;
        let reply = {
            let mut control = self.control.borrow_mut();
            match request.path().as_str() {
                "/plan" => text(&control.plan(&read(&body)?, now())),
                "/report" => text(&control.report(&read(&body)?, now())),
                "/explain" => text(&control.explain(&read(&body)?, now())),
                "/models" => text(&control.models(&read(&body)?, now())),
                "/admit" => text(&control.admitted(&read(&body)?, now())),
                _ => return Response::error("not found", 404),
            }?
        };
        self.persist()?;
        Response::ok(reply)
    }
}

impl Pool {
    fn persist(&self) -> worker::Result<()> {
        for row in self.control.borrow_mut().changes() {
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

fn text(reply: &impl Serialize) -> worker::Result<String> {
    Ok(serde_json::to_string(reply)?)
}

fn saved(sql: &SqlStorage) -> worker::Result<Vec<Saved>> {
    sql.exec("CREATE TABLE IF NOT EXISTS saved (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID", None)?;
    sql.exec("SELECT key, value FROM saved", None)?.to_array()
}
