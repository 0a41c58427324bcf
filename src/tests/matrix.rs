//! The golden matrix: every fixture meets every protocol, and what comes out is kept in `tests/snapshots`, one file per
//! fixture. A pair that is not supported says so there. Nobody lists pairs.

use std::fmt::Write as _;

use serde_json::Value;

use super::rig::{CLIENTS, Fixture, Play, Played, WIRES, call, fixtures, name, stage, streams, target};
use crate::fault::Failure;
use crate::ir::Protocol;
use crate::pump::failure_of;
use crate::upstream::payload;

fn assert_golden(name: &str, cells: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, cells));
}

#[test]
fn requests_to_every_wire() {
    for fixture in fixtures("requests") {
        let request: Value = serde_json::from_slice(&fixture.bytes).unwrap();
        let headers: Vec<(&str, &str)> = request["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let mut cells = format!("{method} {path}\n");
        match call(method, path, &headers, request["body"].to_string()) {
            Err(failure) => refused(&failure, &mut cells),
            Ok(call) => {
                for &wire in WIRES {
                    write!(cells, "\n=== to {}\n", name(wire)).unwrap();
                    match payload(&call, &target(wire, "a", &call.model)) {
                        Err(failure) => refused(&failure, &mut cells),
                        Ok(payload) if payload.request.is_none() => {
                            assert_eq!(payload.body, call.body.bytes(), "{}", fixture.name);
                            cells.push_str("relayed as it came\n");
                        }
                        Ok(payload) => {
                            let body: Value = serde_json::from_slice(&payload.body).unwrap();
                            print(&body, 0, &mut cells);
                            cells.push('\n');
                            if !payload.restore.is_empty() {
                                writeln!(cells, "restores {:?}", payload.restore).unwrap();
                            }
                        }
                    }
                }
            }
        }
        assert_golden(&format!("request-{}", fixture.name), &cells);
    }
}

#[test]
fn streams_to_every_client() {
    for (wire, fixture) in streams() {
        let mut cells = String::new();
        for &client in CLIENTS {
            for stream in [true, false] {
                let (call, payload) = stage(client, wire, stream);
                let played = Play::new(&call, &payload).run([&fixture.bytes[..]]);
                cell(client, stream, &fixture, &played, &mut cells);
            }
        }
        assert_golden(&format!("stream-{}-{}", name(wire), fixture.name), &cells);
    }
}

#[test]
fn whole_answers_to_every_client() {
    for &wire in WIRES {
        for fixture in fixtures(&format!("whole/{}", name(wire))) {
            let mut cells = String::new();
            for &client in CLIENTS {
                for stream in [true, false] {
                    let (call, payload) = stage(client, wire, stream);
                    let played = Play { streamed: false, ..Play::new(&call, &payload) }.run([&fixture.bytes[..]]);
                    cell(client, stream, &fixture, &played, &mut cells);
                }
            }
            assert_golden(&format!("whole-{}-{}", name(wire), fixture.name), &cells);
        }
    }
}

fn cell(client: Protocol, stream: bool, fixture: &Fixture, played: &Played, cells: &mut String) {
    writeln!(cells, "=== {}, {}", name(client), if stream { "streamed" } else { "whole" }).unwrap();
    let text = played.text();
    match (stream, serde_json::from_str::<Value>(text)) {
        _ if text.is_empty() => {}
        _ if played.out == fixture.bytes => cells.push_str("relayed as it came\n"),
        (false, Ok(mut value)) => {
            brief(&mut value);
            print(&value, 0, cells);
            cells.push('\n');
        }
        _ => frames(text, cells),
    }
    match &played.error {
        Some(error) => writeln!(cells, "--- {}: {error:?}", failure_of(error).status).unwrap(),
        None => {
            let u = played.report.usage;
            let cached = (u.cache_read, u.cache_write, u.cache_write_long);
            writeln!(cells, "--- in {} cache {cached:?} out {} thought {}", u.input, u.output, u.reasoning).unwrap();
        }
    }
    cells.push('\n');
}

/// The lines of a stream, without what every answer repeats.
fn frames(text: &str, cells: &mut String) {
    let mut last = "";
    for line in text.lines().filter(|line| !line.is_empty()) {
        let same = line.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
        // At a place that reads well, which is also one between characters.
        let same = line.as_bytes()[..same].iter().rposition(|byte| b"{[,".contains(byte)).unwrap_or(0);
        let (same, rest) = if same < 60 { ("", line) } else { ("…", &line[same..]) };
        let frame = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data).ok());
        match frame.filter(|frame| frame.get("response").is_some()) {
            Some(mut frame) => {
                brief(&mut frame["response"]);
                writeln!(cells, "data: {frame}").unwrap();
            }
            None => writeln!(cells, "{same}{rest}").unwrap(),
        }
        if line.starts_with("data:") || line.starts_with('{') {
            last = line;
        }
    }
}

/// A Responses object repeats forty settings of its request; the schema's tests look at those.
fn brief(value: &mut Value) {
    let Some(members) = value.as_object_mut().filter(|members| members.get("object") == Some(&"response".into()))
    else {
        return;
    };
    let shown = ["id", "status", "error", "incomplete_details", "model", "output", "usage"];
    members.retain(|key, value| shown.contains(&key.as_str()) && !value.is_null());
}

fn refused(failure: &Failure, cells: &mut String) {
    writeln!(cells, "refused, {}: {}", failure.status, failure.message).unwrap();
}

/// JSON for readers of diffs: what fits in a line is one line.
fn print(value: &Value, depth: usize, out: &mut String) {
    let flat = value.to_string();
    let indent = "  ".repeat(depth + 1);
    match value {
        Value::Object(members) if flat.len() + 2 * depth > 118 => {
            out.push_str("{\n");
            for (at, (key, value)) in members.iter().enumerate() {
                write!(out, "{indent}{}: ", Value::from(key.as_str())).unwrap();
                print(value, depth + 1, out);
                out.push_str(if at + 1 < members.len() { ",\n" } else { "\n" });
            }
            write!(out, "{}}}", "  ".repeat(depth)).unwrap();
        }
        Value::Array(items) if flat.len() + 2 * depth > 118 => {
            out.push_str("[\n");
            for (at, value) in items.iter().enumerate() {
                out.push_str(&indent);
                print(value, depth + 1, out);
                out.push_str(if at + 1 < items.len() { ",\n" } else { "\n" });
            }
            write!(out, "{}]", "  ".repeat(depth)).unwrap();
        }
        _ => out.push_str(&flat),
    }
}
