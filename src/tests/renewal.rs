//! Renewals as the object lives them: who may try, what is stored, and what is left after a crash at any step.

use std::time::Duration;

use crate::control::Control;
use crate::control::record::{Kind, Record};
use crate::control::renewal::{Boarding, Denied};
use crate::fault::Millis;
use crate::oauth::RefreshFault;
use crate::refresh::mark;
use crate::upstream::{Credential, Secret};
use crate::vault::Vault;

const NOW: Millis = Millis(1_700_000_000_000);
const HOUR: u64 = 3_600_000;

/// The object, and what it has stored.
struct World {
    control: Control,
    disk: std::collections::BTreeMap<String, String>,
}

fn empty() -> Control {
    Control::new(Vec::new(), Vault::of(Some("a master key of the tests"), None), true)
}

fn token(access: &str, refresh: &str, expires: u64) -> Credential {
    Credential {
        access: Secret::new(access),
        refresh: Some(Secret::new(refresh)),
        expires: Some(Millis(expires)),
        ..Credential::default()
    }
}

impl World {
    /// One account, `work`, whose token ends at `expires`.
    fn with(expires: u64) -> Self {
        let mut world = Self { control: empty(), disk: Default::default() };
        let record = Record {
            id: "work".to_owned(),
            provider: "codex".to_owned(),
            kind: Kind::Oauth,
            base_url: Some("https://upstream.example".to_owned()),
            weight: 1,
            enabled: true,
            created: Millis(NOW.0 - HOUR),
            ..Record::default()
        };
        world.control.store(record, Some((&token("old", "refresh-1", expires), [1; 12])), NOW).unwrap();
        world.persist();
        world
    }

    fn persist(&mut self) {
        for row in self.control.changes() {
            match row.value {
                Some(value) => drop(self.disk.insert(row.key, value)),
                None => drop(self.disk.remove(&row.key)),
            }
        }
    }

    /// The process dies: what was not stored is gone.
    fn crash(&mut self) {
        self.control = empty();
        assert!(self.control.load(self.disk.clone(), NOW).is_empty());
    }

    fn board(&mut self, refused: &str) -> String {
        match self.control.board("work", &mark(refused), NOW) {
            Boarding::Lent(lent) => format!("use {}", lent.access),
            Boarding::Wait => "wait".to_owned(),
            Boarding::Start => "start".to_owned(),
            Boarding::Denied(Denied { why, ended }) => format!("{} {why}", if ended { "sign in:" } else { "later:" }),
        }
    }

    /// As it is stored.
    fn record(&mut self) -> Record {
        self.persist();
        serde_json::from_str(&self.disk["record/work"]).unwrap()
    }

    fn held(&mut self) -> (String, String) {
        let credential = self.control.takeoff("work").unwrap().credential;
        (credential.access.expose().to_owned(), credential.refresh.unwrap().expose().to_owned())
    }

    fn land(&mut self, outcome: Result<&Credential, &RefreshFault>) {
        let before = self.control.takeoff("work").unwrap().credential;
        self.control.landed("work", &before, outcome, [2; 12], NOW).unwrap();
    }
}

#[test]
fn everybody_but_the_first_waits_and_then_has_the_new_token() {
    let mut world = World::with(NOW.0);
    assert_eq!(world.board("old"), "start");
    assert_eq!([world.board("old"), world.board("old")], ["wait", "wait"]);
    assert!(world.control.wake(NOW).renew.is_empty(), "the clock starts no second one");
    world.land(Ok(&token("new", "refresh-2", NOW.0 + HOUR)));
    world.control.touched_down("work");
    assert_eq!([world.board("old"), world.board("older")], ["use new", "use new"]);
    assert_eq!(world.board("new"), "later: a new token was refused");
    assert_eq!(world.control.board("stranger", "x", NOW).told(), "sign in: there is no such account");
}

trait Told {
    fn told(self) -> String;
}

impl Told for Boarding {
    fn told(self) -> String {
        match self {
            Boarding::Denied(Denied { why, ended }) => format!("{} {why}", if ended { "sign in:" } else { "later:" }),
            Boarding::Lent(_) | Boarding::Wait | Boarding::Start => "something".to_owned(),
        }
    }
}

/// | the process dies | the account afterwards |
/// |---|---|
/// | before the provider was asked | renews as if nothing had been |
/// | after the provider has answered, before we have stored | renews with the old token; a strict provider says no, and somebody signs in again |
/// | after we have stored | has the new token |
#[test]
fn a_crash_leaves_the_last_stored_token_and_never_half_of_one() {
    let mut world = World::with(NOW.0);
    world.board("old");
    world.crash();
    assert_eq!((world.held().1.as_str(), world.board("old").as_str()), ("refresh-1", "start"));

    world.land(Ok(&token("new", "refresh-2", NOW.0 + HOUR)));
    world.crash();
    assert_eq!((world.held().1.as_str(), world.board("old").as_str()), ("refresh-1", "start"));
    world.land(Err(&RefreshFault::Permanent("refresh_token_reused".to_owned())));
    world.persist();
    world.crash();
    assert_eq!(world.board("old"), "sign in: refresh_token_reused");
    assert_eq!(world.record().sign_in.as_deref(), Some("refresh_token_reused"));

    let mut world = World::with(NOW.0);
    world.board("old");
    world.land(Ok(&token("new", "refresh-2", NOW.0 + HOUR)));
    world.persist();
    world.crash();
    assert_eq!(world.held(), ("new".to_owned(), "refresh-2".to_owned()));
    assert_eq!(world.board("old"), "use new");
}

#[test]
fn a_failure_keeps_the_token_and_rests() {
    let mut world = World::with(NOW.0 + 60_000);
    assert_eq!(world.control.wake(NOW).renew, ["work"]);
    let busy = RefreshFault::Transient { wait: Some(Duration::from_secs(90)), why: "busy".to_owned() };
    world.land(Err(&busy));
    world.control.touched_down("work");
    world.persist();
    world.crash();
    assert_eq!(world.held(), ("old".to_owned(), "refresh-1".to_owned()));
    assert_eq!(world.board("old"), "later: busy");
    let wake = world.control.wake(NOW);
    assert_eq!((wake.renew.len(), wake.next), (0, Some(Millis(NOW.0 + 90_000))));
    assert_eq!(world.control.wake(Millis(NOW.0 + 90_000)).renew, ["work"]);
}

#[test]
fn an_ended_account_serves_until_its_last_token_does() {
    let mut world = World::with(NOW.0 + 60_000);
    world.control.wake(NOW);
    world.land(Err(&RefreshFault::Permanent("invalid_grant".to_owned())));
    world.control.touched_down("work");
    assert_eq!(world.record().sign_in, None);
    assert_eq!(world.control.wake(NOW).next, Some(Millis(NOW.0 + 60_000)));
    assert_eq!(world.control.wake(Millis(NOW.0 + 60_000)).over, ["work"]);
    assert_eq!(world.record().sign_in.as_deref(), Some("invalid_grant"));
    // A new sign-in makes it whole again.
    let before = token("x", "refresh-1", 0);
    world.control.landed("work", &before, Ok(&token("new", "refresh-9", NOW.0 + HOUR)), [3; 12], NOW).unwrap();
    let record = world.record();
    assert_eq!((&record.sign_in, &record.trouble, record.revision > 1), (&None, &None, true));
}

#[test]
fn what_came_by_another_way_in_the_meantime_is_kept() {
    let mut world = World::with(NOW.0);
    world.board("old");
    let before = world.control.takeoff("work").unwrap().credential;
    let record = world.record();
    world.control.store(record, Some((&token("signed", "refresh-in", NOW.0 + HOUR), [4; 12])), NOW).unwrap();
    let late = token("late", "refresh-2", NOW.0 + HOUR);
    world.control.landed("work", &before, Ok(&late), [5; 12], NOW).unwrap();
    assert_eq!(world.held(), ("signed".to_owned(), "refresh-in".to_owned()));
    let fault = RefreshFault::Permanent("invalid_grant".to_owned());
    world.control.landed("work", &before, Err(&fault), [6; 12], NOW).unwrap();
    assert_eq!(world.record().trouble, None);
    world.control.remove("work");
    world.control.landed("work", &before, Ok(&late), [7; 12], NOW).unwrap();
    world.persist();
    assert!(!world.disk.contains_key("record/work"));
}

#[test]
fn a_new_master_key_seals_anew_and_the_old_one_can_go() {
    let mut world = World::with(NOW.0);
    let keyed = |master, previous| Control::new(Vec::new(), Vault::of(Some(master), previous), true);
    let (old, new) = ("a master key of the tests", "another master key of the tests");
    for (master, previous, resealed) in [(new, Some(old), 1), (new, Some(old), 0), (new, None, 0)] {
        world.control = keyed(master, previous);
        assert!(world.control.load(world.disk.clone(), NOW).is_empty());
        assert_eq!(world.held().0, "old", "with {previous:?} before it");
        assert_eq!(world.control.reseal(&mut || Some([9; 12])).len(), resealed);
        world.persist();
    }
}

#[test]
fn keys_are_not_renewed() {
    let mut world = World::with(NOW.0);
    let record = Record { kind: Kind::ApiKey, ..world.record() };
    world.control.store(record, Some((&token("old", "refresh-1", NOW.0), [8; 12])), NOW).unwrap();
    assert_eq!(world.board("old"), "sign in: its credential cannot be renewed");
    assert_eq!(world.control.wake(NOW).renew.len(), 0);
}
