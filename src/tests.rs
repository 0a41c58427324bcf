//! Tests of the whole core, natively.

mod access;
mod accounts;
mod affinity;
mod call;
mod chat;
mod defects;
mod demo;
mod event;
mod exec;
mod framing;
mod gemini;
mod json;
mod laws;
mod limits;
mod messages;
mod models;
mod ollama;
mod pool;
mod responses;
mod rig;
mod route;
mod schema;
mod seal;
mod tools;
mod turns;
mod upstreams;
