//! Tests of the whole core, natively.

mod accounts;
mod framing;
mod json;
mod limits;
mod route;
mod turns;
mod upstreams;
