//! Sluice: one base URL and one key in front of all your AI accounts, on Cloudflare Workers.
//!
//! ```text
//!  client bytes                                                                client bytes
//!     |                                                                            ^
//!  call::route ──> Call                                                            |
//!  access      ──> who is calling                                                  |
//!  route       ──> which providers have the model                                  |
//!  exec::run   ──> pool.plan ──> [account, account, …]                             |
//!     |   for each: upstream::payload ──> Upstream::request ──> io.send            |
//!     |             non-2xx ──> Upstream::classify ──> Fault ──> next, or stop     |
//!     |             2xx ──> Pump: relay or translate ..............................+
//!     └──> io.report, after the answer
//! ```
//!
//! Everything but `shell` is pure: bytes and values in, bytes and values out; time and randomness are arguments.

// Modules in the order a request meets them.
pub mod call;
pub mod form;
pub mod json;

pub mod access;
pub mod affinity;
pub mod clients;
pub mod models;
pub mod route;
pub mod shard;

pub mod accounts;
pub mod admin;
pub mod captures;
pub mod config;
pub mod control;
pub mod ledger;
pub mod pool;
pub mod selftest;
pub mod telemetry;
pub mod vault;

pub mod login;
pub mod oauth;
pub mod refresh;

pub mod filter;
pub mod passing;
pub mod rules;
pub mod witness;

pub mod exec;
pub mod pump;
pub mod upstream;

pub mod framing;
pub mod ir;
pub mod protocol;

pub mod catalogue;
pub mod prices;
pub mod reasoning;
pub mod tokens;

pub mod fault;

#[cfg(target_arch = "wasm32")]
mod shell;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

#[cfg(test)]
mod tests;
