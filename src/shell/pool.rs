//! The Durable Object around [`pool::Pool`]: load, call a pure method, persist, reply.

use std::cell::RefCell;

use serde::Deserialize;
use worker::{DurableObject, Env, Request, Response, SqlStorage, State, durable_object};

use super::now;
use super::settings::Settings;
use crate::json;
use crate::pool::{self, Ask, Settlement};

#[durable_object(fetch)]
pub struct Pool {
    sql: SqlStorage,
    pool: RefCell<pool::Pool>,
}

#[derive(Deserialize)]
struct Saved {
    key: String,
    value: String,
}

impl DurableObject for Pool {
    fn new(state: State, env: Env) -> Self {
        let sql = state.storage().sql();
        let mut pool = pool::Pool::default();
        pool.set_accounts(Settings::of(&env).accounts.iter().map(|setup| setup.account.clone()).collect());
        match saved(&sql) {
            Ok(rows) => pool.load(rows.into_iter().map(|row| (row.key, row.value)), now()),
            // Cooldowns are relearnt from the next refusal; nobody is locked out meanwhile.
            Err(error) => worker::console_error!("pool: {error}"),
        }
        Self { sql, pool: RefCell::new(pool) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let body = request.bytes().await?;
        let mut pool = self.pool.borrow_mut();
        let reply = match request.path().as_str() {
            "/plan" => {
                let ask: Ask = json::decode(&body).map_err(|error| error.to_string())?;
                serde_json::to_string(&pool.plan(&ask, now()))?
            }
            "/report" => {
                let settlement: Settlement = json::decode(&body).map_err(|error| error.to_string())?;
                pool.report(&settlement, now());
                "null".to_owned()
            }
            _ => return Response::error("not found", 404),
        };
        for row in pool.changes() {
            match row.value {
                Some(value) => {
                    let bindings = vec![row.key.into(), value.into()];
                    self.sql.exec("INSERT OR REPLACE INTO saved (key, value) VALUES (?, ?)", bindings)?
                }
                None => self.sql.exec("DELETE FROM saved WHERE key = ?", vec![row.key.into()])?,
            };
        }
        Response::ok(reply)
    }
}

fn saved(sql: &SqlStorage) -> worker::Result<Vec<Saved>> {
    sql.exec("CREATE TABLE IF NOT EXISTS saved (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID", None)?;
    sql.exec("SELECT key, value FROM saved", None)?.to_array()
}
