//! The entry points of `scripts/fuzz` on everything we have recorded, whole and damaged. With `SLUICE_SEEDS` the whole
//! ones are written there, to begin from.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::laws::{any_json, damage};
use super::rig::{CLIENTS, WIRES, fixtures, streams};
use super::schema::{shared, shared_folder};
use crate::fuzzing::requests::url;
use crate::fuzzing::{TARGETS, Target};
use crate::ir::Protocol;

type Seeds = Vec<Vec<u8>>;

/// What an entry point is given, beginning with the bytes it chooses by.
fn seeds(target: &str) -> Seeds {
    let with = |choice: &[u8], body: &[u8]| [choice, body].concat();
    let found: Seeds = match target {
        "framing" => streams()
            .iter()
            .map(|(wire, fixture)| {
                let framing = match wire {
                    Protocol::Ollama => 1,
                    Protocol::Kiro | Protocol::Converse => 2,
                    _ => 0,
                };
                with(&[framing, 3, 40], &fixture.bytes)
            })
            .collect(),
        "event_stream" => vec![
            b"\0\x11\x03\x05\x07\x08textEven\x05\x01h\x04\0\0\x08\0\0\0\x10\0\0\0\0{\"text\":\"hi\"}".to_vec(),
            b"\0\x03\x01\x01\x30\x01e\x0d\x0b:error-code\x07\0\x01B\x08\0\xff\xff\xff\0\0\0\0later".to_vec(),
        ],
        "pump" => {
            let place = |wire: &Protocol| WIRES.iter().position(|one| one == wire).unwrap() as u8;
            let clients = 0..CLIENTS.len() as u8;
            let streams = streams();
            let streamed = streams.iter().flat_map(|(wire, fixture)| {
                clients.clone().map(|client| with(&[place(wire), client, 0, 9, 80], &fixture.bytes))
            });
            let whole = WIRES.iter().flat_map(|wire| {
                let files = fixtures(&format!("whole/{}", super::rig::name(*wire)));
                let seed = |client| {
                    files.iter().map(move |file| with(&[place(wire), client, 3, 9, 80], &file.bytes)).collect()
                };
                clients.clone().flat_map(|client| -> Seeds { seed(client) }).collect::<Vec<_>>()
            });
            streamed.chain(whole).collect()
        }
        "requests" => requests(),
        "paths" => [
            "v1/chat/completions",
            "openai/v1/files/a%2Fb",
            "proxy/openai@a-1/v1/x/%2e/y",
            "v1beta/models/m:generateContent",
        ]
        .iter()
        .map(|path| [&[0, path.len() as u8][..], path.as_bytes(), b"\x09key=a&b=ctext/plain"].concat())
        .collect(),
        "paste" => [
            "http://localhost:1455/auth/callback?code=ac_1&state=S",
            "?error=access_denied&error_description=no+way%21&code=x",
            "http://localhost/cb?code=ac\n  _1&sta\r\nte=S#_=_",
            "thecode_-1#thestate",
            "\"<code=4%2F0Ab%2Bc&amp;state=a%20b>\"",
        ]
        .iter()
        .map(|text| with(b"\x01\x03a/b\x02S+", text.as_bytes()))
        .collect(),
        "document" => documents(),
        other => panic!("no seeds for {other}"),
    };
    let kept = super::rig::folder("fixtures/fuzz").join(target);
    let kept = std::fs::read_dir(kept).into_iter().flatten().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    found.into_iter().chain(kept).collect()
}

/// Recorded requests, the largest left out: they only repeat themselves.
fn requests() -> Seeds {
    let fixtures = fixtures("requests").into_iter().map(|fixture| fixture.bytes);
    let clients = shared_folder("captures");
    let captured = clients.iter().flat_map(|client| shared_folder(client)).filter_map(|path| shared(&path));
    let mut found = Vec::new();
    for recorded in fixtures.chain(captured) {
        let recorded: Value = serde_json::from_slice(&recorded).unwrap();
        let body = recorded["body"].to_string();
        let path = recorded["path"].as_str().unwrap();
        if body.len() < 20_000 && recorded["body"].is_object() {
            let protocol = crate::call::protocol_of(path.split('?').next().unwrap());
            let wires = (0..WIRES.len() as u8).chain([9, 15, 30]);
            found.extend(wires.map(|to| [&[url(protocol) as u8, to][..], body.as_bytes()].concat()));
        }
    }
    found
}

fn documents() -> Seeds {
    let client = br#"{"models":["gpt-5"],"provider":{"order":["openai"],"max_price":{"prompt":1}}}"#;
    let texts = [
        r#"{"routes":{"fast":{"tiers":[["groq/llama-3.3-70b-versatile",{"model":"gpt-4.1-mini","weight":2}],["gemini-2.5-flash"]],"sort":"price"},"claude-*":{"tiers":[["claude/*"],["kiro/*"]],"strategy":"fill_first","defaults":{"temperature":0.5}}},"fallbacks":{"gemini-cli":["antigravity","google"]},"models":{"my-small-*":{"tools":false,"context":100}}}"#,
        r#"{"prices":{"unknown":"deny","models":{"gpt-*":{"input":1250000,"output":10000000,"tiers":[]}}}}"#,
        r#"{"rules":[{"name":"r","when":{"models":["*"]},"system":[{"append":"Be brief."},{"replace":{"find":"k[i]nd","with":"$0er","pattern":true}}],"overrides":{"max_tokens":7}}]}"#,
        r#"{"filters":[{"name":"f","find":{"personal":["email","card"]},"action":"mask","on":"both"},{"name":"g","find":{"patterns":["a(b|c)+"]},"action":"flag","label":"WORD"},{"name":"h","find":{"words":["x y"]},"action":"refuse","message":"no"}]}"#,
    ];
    for text in texts {
        assert!(crate::config::read(text.as_bytes()).is_ok(), "{text}: {:?}", crate::config::read(text.as_bytes()));
    }
    texts.map(|text| [&[client.len() as u8][..], client, text.as_bytes()].concat()).to_vec()
}

fn target(name: &str) -> Target {
    TARGETS.iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn everything_recorded_keeps_the_laws() {
    for (name, run) in TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name}");
        for seed in &seeds {
            run(seed);
        }
        let Ok(place) = std::env::var("SLUICE_SEEDS") else { continue };
        let place = Path::new(&place).join(name);
        std::fs::create_dir_all(&place).unwrap();
        for (at, seed) in seeds.iter().enumerate() {
            std::fs::write(place.join(format!("seed-{at:04}")), seed).unwrap();
        }
    }
}

/// A seed, damaged in a few places, by whatever chooses before it.
fn damaged(name: &'static str) -> impl Strategy<Value = Vec<u8>> {
    static SEEDS: LazyLock<Vec<(&str, Seeds)>> =
        LazyLock::new(|| TARGETS.iter().map(|(name, _)| (*name, seeds(name))).collect());
    let seeds = &SEEDS.iter().find(|(known, _)| *known == name).unwrap().1;
    let damages = prop::collection::vec((any::<prop::sample::Index>(), damage()), 0..4);
    (any::<prop::sample::Index>(), any::<[u8; 3]>(), any::<bool>(), damages).prop_map(
        |(seed, choice, choose, damages)| {
            let mut bytes = seed.get(seeds).clone();
            if choose {
                bytes.iter_mut().zip(choice).for_each(|(byte, choice)| *byte = choice);
            }
            for (place, damage) in damages {
                let at = place.index(bytes.len() + 1);
                if at > 3 && at < bytes.len() {
                    damage.to(&mut bytes, at);
                }
            }
            bytes
        },
    )
}

macro_rules! laws {
    ($($name:ident),*) => {
        mod law {
            use super::*;
            proptest! {
            $(#[test]
            fn $name(damaged in damaged(stringify!($name)), bytes: Vec<u8>, choice: [u8; 2], json in any_json()) {
                let run = target(stringify!($name));
                run(&damaged);
                run(&bytes);
                run(&[&choice[..], &[0, 0, 0], json.as_bytes()].concat());
            })*
            }
        }
    };
}

laws!(framing, event_stream, requests, paths, pump, paste, document);

#[test]
fn every_entry_point_has_a_harness() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(found, known);
}
