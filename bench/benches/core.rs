//! How long the core takes natively: every wire to every client, requests on their way in, and a large body that is
//! indexed and spliced. `cargo bench --manifest-path bench/Cargo.toml`; what a plan and a report cost is in
//! `benches/pool.rs`.

#[path = "../../benches/rig.rs"]
mod rig;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice::json::Body;

use rig::{CLIENTS, KINDS, WIRES, answer, name, prepare, request, short, stream};

const EVENTS: usize = 500;

/// One answer of text, thinking or tool input; the time is per event.
fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("event");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for wire in WIRES {
        for client in CLIENTS {
            let (call, payload) = prepare(wire, &short(client));
            for kind in KINDS {
                let chunks = stream(wire, kind, EVENTS);
                let id = format!("{} to {}, {kind:?}", name(wire), name(client));
                group.bench_function(id, |bencher| bencher.iter(|| answer(&call, &payload, black_box(&chunks))));
            }
        }
    }
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    for client in CLIENTS {
        let request = request(client);
        group.throughput(Throughput::Bytes(request.1.len() as u64));
        for wire in WIRES {
            let id = format!("{} to {}", name(client), name(wire));
            group.bench_function(id, |bencher| bencher.iter(|| prepare(wire, black_box(&request))));
        }
    }
}

/// 200 KB of prompt.
fn bodies(criterion: &mut Criterion) {
    let prompt = "You are a careful coding assistant, step by step.\\n".repeat(4000);
    let text = format!(r#"{{"model":"m","stream":true,"messages":[{{"role":"user","content":"{prompt}"}}]}}"#);
    let bytes = Bytes::from(text);
    let mut group = criterion.benchmark_group("body");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("index", |bencher| bencher.iter(|| Body::parse(black_box(bytes.clone()))));
    let Ok(body) = Body::parse(bytes.clone()) else { return };
    group.bench_function("splice", |bencher| bencher.iter(|| black_box(&body).splice(&[("model", Some("\"other\""))])));
}

criterion_group!(benches, streams, requests, bodies);
criterion_main!(benches);
