//! Tests of the whole core, natively.

mod access;
mod accounts;
mod call;
mod framing;
mod json;
mod limits;
mod route;
mod turns;
mod upstreams;
