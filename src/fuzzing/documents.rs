//! What people write: an address they paste, a configuration, preferences in a request.

use std::sync::LazyLock;

use super::Input;
use super::rig::{call, pass, target};
use crate::accounts::{self, Setup};
use crate::config::{self, Config};
use crate::fault::Millis;
use crate::ir::Protocol;
use crate::json::Body;
use crate::login::paste::{self, Outcome, Unreadable};
use crate::route::Needs;
use crate::route::choose::{Asked, Knowledge, choose};
use crate::route::preferences::Preferences;
use crate::upstream::payload_through;

/// A pasted text is read or refused, never with two states; and what a browser would write is read as it was meant.
pub fn paste(data: &[u8]) {
    let mut input = Input(data);
    let (form, code, state) = (input.byte(), input.short(), input.short());
    let text = String::from_utf8_lossy(input.0);
    match paste::read(&text) {
        Ok(pasted) => {
            let (Outcome::Code(said) | Outcome::Error(said)) = &pasted.outcome;
            assert!(!said.is_empty() && said.len() <= text.len() * 3, "{pasted:?}");
            assert!(pasted.state.as_ref().is_none_or(|state| state.len() <= text.len() * 3));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }

    let (Ok(code), Ok(state)) = (std::str::from_utf8(code), std::str::from_utf8(state)) else { return };
    if code.is_empty() || state.is_empty() {
        return;
    }
    let escape = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let head = ["http://localhost:1455/auth/callback?", "?", "", "kiro://x/y#"][form % 4];
    let (one, two) = (format!("code={}", escape(code)), format!("state={}", escape(state)));
    let address = if form & 4 == 0 { format!("{head}{one}&{two}") } else { format!("{head}{two}&{one}") };
    let pasted = paste::read(&address).unwrap();
    assert_eq!((pasted.outcome, pasted.state.as_deref()), (Outcome::Code(code.to_owned()), Some(state)));
    let other = paste::read(&format!("{address}&state={}x", escape(state)));
    assert_eq!(other, Err(Unreadable::Twice("state")));
}

fn told(config: &Config) -> (u64, String) {
    (config.revision, without_digits(&config.document))
}

/// The last digit of a long number may be another when it is read again.
fn without_digits(document: &config::Document) -> String {
    let text = serde_json::to_string(document).unwrap();
    text.replace(|letter: char| letter.is_ascii_digit() || matches!(letter, '.' | 'e' | '+' | '-'), "")
}

static SETUPS: LazyLock<Vec<Setup>> = LazyLock::new(|| {
    let names = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "SLUICE_DEMO"];
    accounts::from_env(&names.map(str::to_owned), &|name| names.contains(&name).then(|| "1".to_owned()))
});

/// A configuration is refused with its faults named, or it is stored, read back the same, and serves.
pub fn document(data: &[u8]) {
    let mut input = Input(data);
    let client = input.short();
    let document = match config::read(input.0) {
        Ok(document) => document,
        Err(problems) => {
            assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.message.is_empty()));
            return;
        }
    };
    let written = serde_json::to_vec(&document).unwrap();
    let mut config = Config::new();
    config.replace(config.revision, document.clone(), "fuzz", Millis(1)).expect("a document without faults");
    let stored = Config::load(&config.row().expect("a changed document")).unwrap();
    assert_eq!(told(&stored), told(&config));
    // It may be larger when we write it, for what was left out.
    if written.len() < 400_000 {
        let again = config::read(&written).expect("what we write ourselves");
        assert_eq!(without_digits(&again), without_digits(&document));
    }

    let preferences = Body::parse(client.to_vec().into()).ok().and_then(|body| Preferences::of(&body).ok().flatten());
    let known = Knowledge { setups: &SETUPS, price: &|_| None, pace: &|_| None };
    let names = document.routes.keys().map(String::as_str).take(20);
    for model in names.chain(["gpt-5", "claude-sonnet-5:nitro", "openrouter/auto"]) {
        let needs = Needs { tools: true, ..Needs::default() };
        let asked = Asked { model, provider: None, preferences: preferences.as_ref(), needs };
        match choose(&asked, &config.routes, &known) {
            Ok(chosen) => assert!(chosen.ask.tiers.iter().all(|tier| !tier.is_empty()), "{model}"),
            Err(failure) => assert!((400..500).contains(&failure.status), "{failure:?}"),
        }
    }

    let body = r#"{"model":"m","messages":[{"role":"system","content":"Be kind to a@b.example."},{"role":"user","content":"4111 1111 1111 1111"}]}"#;
    let call = call("POST", "/v1/chat/completions", &[], body).unwrap();
    match pass(&document.rules, &document.filters, &call) {
        Ok(passing) => {
            let asked = passing.as_ref().map_or(&call, |passing| &passing.call);
            for wire in [Protocol::Chat, Protocol::Messages] {
                if let Ok(payload) = payload_through(passing.as_ref(), asked, &target(wire, "a", "m")) {
                    serde_json::from_slice::<serde_json::Value>(&payload.body).unwrap();
                }
            }
        }
        Err(failure) => assert_ne!(failure.status, 500, "{failure:?}"),
    }
}
