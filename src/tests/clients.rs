//! Client tokens: who may call, with what, how fast, for how much. Time is a number.

mod budgets;
mod denials;
mod laws;
mod terms;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clients::{Admission, Ask, Clients, Fresh, Refusal, Terms};
use crate::fault::Millis;

/// A Tuesday: 2023-11-14T22:13:20Z.
const START: u64 = 1_700_000_000_000;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn at(ms: u64) -> Millis {
    Millis(START + ms)
}

fn terms(json: Value) -> Terms {
    Terms { name: "test".to_owned(), ..Terms::default() }.patched(&json).unwrap()
}

fn key(seed: u8) -> Fresh {
    Fresh::new([seed; 32])
}

/// One token with these terms.
fn clients(json: Value) -> (Clients, String) {
    let mut clients = Clients::default();
    let id = clients.create(terms(json), &key(1), at(0)).unwrap().id;
    (clients, id)
}

/// A call of 100 tokens that may cost `ceiling`.
fn call(clients: &mut Clients, id: &str, ceiling: u64, lease: u64, ms: u64) -> Result<Admission, Refusal> {
    let ask = Ask { input_tokens: 60, max_output: 40, ..Ask::default() };
    clients.permit(id, &ask, at(ms))?;
    clients.take(id, &ask, Some(ceiling), lease, at(ms))
}

fn code(refusal: &Refusal) -> &str {
    refusal.failure.code.as_deref().unwrap()
}

fn used(clients: &Clients, id: &str, ms: u64) -> u64 {
    clients.view(id, at(ms)).unwrap().used.micro
}

#[derive(Default, Clone)]
struct Store(BTreeMap<String, String>);

impl Store {
    fn save(&mut self, clients: &mut Clients) -> usize {
        let changes = clients.changes();
        for row in &changes {
            match &row.value {
                Some(value) => drop(self.0.insert(row.key.clone(), value.clone())),
                None => drop(self.0.remove(&row.key)),
            }
        }
        changes.len()
    }

    fn restart(&self) -> Clients {
        let mut clients = Clients::default();
        assert_eq!(clients.load(self.0.clone()), [""; 0]);
        clients
    }
}

#[test]
fn a_key_is_256_random_bits_and_only_its_hash_is_kept() {
    let fresh = Fresh::new([0xfb; 32]);
    assert_eq!(fresh.expose(), "sk-sluice--_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
    assert_eq!(fresh.hint, "sk-sluice-…7-_s");
    let (mut clients, id) = clients(json!({}));
    assert_eq!(clients.identify(&key(1).hash, at(0)), Ok(id.as_str()));
    assert!(clients.identify(&key(2).hash, at(0)).is_err());
    let mut store = Store::default();
    store.save(&mut clients);
    assert!(!format!("{:?}", store.0).contains(key(1).expose()));
}

#[test]
fn a_key_from_elsewhere_is_taken_if_nobody_could_guess_it() {
    assert!(Fresh::brought("sk-12345").is_err());
    assert!(Fresh::brought("a key with spaces in it, long enough").is_err());
    assert!(Fresh::brought("sk-12345678901234567@account").is_err());
    let brought = Fresh::brought("sk-proj-1234567890abcdef").unwrap();
    let mut clients = Clients::default();
    let id = clients.create(terms(json!({})), &brought, at(0)).unwrap().id;
    assert_eq!(clients.identify(&crate::clients::hash("sk-proj-1234567890abcdef"), at(0)), Ok(id.as_str()));
    assert!(clients.create(terms(json!({})), &brought, at(0)).is_err(), "the same key twice");
}

#[test]
fn a_key_that_was_replaced_works_for_as_long_as_was_said() {
    let (mut clients, id) = clients(json!({}));
    let keep = std::time::Duration::from_secs(3600);
    clients.rotate(&id, &key(2), keep, at(0)).unwrap();
    for ms in [0, HOUR - 1] {
        assert!(clients.identify(&key(1).hash, at(ms)).is_ok());
        assert!(clients.identify(&key(2).hash, at(ms)).is_ok());
    }
    assert!(clients.identify(&key(1).hash, at(HOUR)).is_err());
    assert!(clients.identify(&key(2).hash, at(HOUR)).is_ok());
    clients.rotate(&id, &key(3), std::time::Duration::ZERO, at(HOUR)).unwrap();
    assert!(clients.identify(&key(2).hash, at(HOUR)).is_err(), "nothing was kept");
}

#[test]
fn what_is_stored_is_what_was_known() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 1000, "window": "total"}, "models": ["gpt-*"]}));
    clients.rotate(&id, &key(2), std::time::Duration::from_secs(60), at(0)).unwrap();
    call(&mut clients, &id, 100, 7, 0).unwrap();
    call(&mut clients, &id, 200, 8, 0).unwrap();
    clients.settle(7, 50, 10, at(1));
    let mut store = Store::default();
    store.save(&mut clients);
    let after = store.restart();
    assert_eq!(after.view(&id, at(2)), clients.view(&id, at(2)));
    assert!(after.identify(&key(1).hash, at(2)).is_ok());
}

#[test]
fn a_removed_token_can_be_brought_back_and_nothing_of_it_stays_otherwise() {
    let (mut clients, id) = clients(json!({"budget": {"micro": 1000}}));
    let mut store = Store::default();
    call(&mut clients, &id, 100, 7, 0).unwrap();
    store.save(&mut clients);
    let token = clients.remove(&id).unwrap();
    assert!(clients.identify(&key(1).hash, at(0)).is_err());
    assert!(clients.settle(7, 50, 10, at(1)));
    store.save(&mut clients);
    assert!(store.0.is_empty(), "{:?}", store.0);
    clients.restore(token.clone()).unwrap();
    assert!(clients.identify(&key(1).hash, at(0)).is_ok());
    assert!(clients.restore(token).is_err());
}
