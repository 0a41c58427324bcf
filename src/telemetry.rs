//! What others are told of calls and accounts: traces for an OpenTelemetry collector, messages for a webhook. Made
//! here, sent by the shell after the answer. Never a body, a key or an address of a client.

pub mod otlp;
pub mod webhook;
