//! Tests of the whole core, natively.

mod access;
mod accounts;
mod affinity;
mod call;
mod framing;
mod json;
mod limits;
mod models;
mod route;
mod turns;
mod upstreams;
