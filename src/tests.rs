//! Tests of the whole core, natively.

mod access;
mod accounts;
mod affinity;
mod call;
mod framing;
mod json;
mod limits;
mod messages;
mod models;
mod route;
mod schema;
mod turns;
mod upstreams;
