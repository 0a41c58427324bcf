//! Tests of the whole core, natively.

mod accounts;
mod limits;
mod route;
mod turns;
mod upstreams;
