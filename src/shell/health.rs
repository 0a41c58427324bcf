//! `/healthz`: numbers for a monitor. Anybody may ask, so that the object is asked seldom.

use std::cell::RefCell;

use worker::Env;

use super::settings::Settings;
use super::{now, object};
use crate::control::states::Health;
use crate::fault::Millis;

/// An answer serves for ten seconds.
const FRESH_MS: u64 = 10_000;

thread_local! {
    static KNOWN: RefCell<Option<(Millis, Health)>> = const { RefCell::new(None) };
}

/// Status and body.
pub async fn answer(env: &Env, settings: &Settings) -> (u16, Vec<u8>) {
    let known = KNOWN.with_borrow(Clone::clone).filter(|(at, _)| now().0 < at.0 + FRESH_MS);
    let health = match known {
        Some((_, health)) => Some(health),
        None => asked(env, settings).await,
    };
    let Some(health) = health else { return (503, br#"{"status":"unavailable"}"#.to_vec()) };
    KNOWN.with_borrow_mut(|known| {
        let at = known.as_ref().filter(|(at, _)| now().0 < at.0 + FRESH_MS).map_or(now(), |(at, _)| *at);
        *known = Some((at, health.clone()));
    });
    let status = if health.status == "ok" { 200 } else { 503 };
    (status, serde_json::to_vec(&health).unwrap_or_default())
}

/// `None`: an object does not answer.
async fn asked(env: &Env, settings: &Settings) -> Option<Health> {
    let mut tallies = Vec::new();
    for object in settings.shards.objects() {
        tallies.push(object::health(env, &object).await?);
    }
    Some(Health::of(&tallies, settings.health_percent))
}
