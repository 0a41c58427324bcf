//! A master key that is not the one, and accounts that wait for it.

use serde_json::json;

use crate::control::renewal::Boarding;
use crate::control::{Control, inquiry::Inquiry};
use crate::fault::Millis;
use crate::pool::Row;
use crate::tests::admin::Desk;
use crate::vault::Vault;

const KEY: &str = "a master key of the tests";
const OTHER: &str = "some other key of the tests";
const NOW: Millis = Millis(1_000_000);

/// What an object with one account and one sign-in has stored.
fn rows() -> Vec<(String, String)> {
    let desk = &mut Desk::with_master(KEY);
    let made = |desk: &mut Desk, body| assert_eq!(desk.ask("POST accounts", &body).0, 201);
    made(desk, json!({"provider": "groq", "credential": {"api_key": "gsk_canary_0123456789"}}));
    let login = json!({"access_token": "canary-access", "refresh_token": "canary-refresh", "expires": 1});
    made(desk, json!({"provider": "claude", "credential": login}));
    desk.control.changes().into_iter().filter_map(|Row { key, value }| Some((key, value?))).collect()
}

fn woken(master: Option<&str>, previous: Option<&str>) -> Control {
    let mut control = Control::new(Vec::new(), Vault::of(master, previous), true);
    assert_eq!(control.load(rows(), NOW), Vec::<String>::new());
    control
}

fn ask(model: &str) -> Inquiry {
    use crate::{access::Caller, call::Operation, ir::Protocol};
    Inquiry::about(Caller::Operator, model.to_owned(), Protocol::Chat, Operation::Generate)
}

#[test]
fn a_wrong_key_is_one_error_that_says_so_and_changes_nothing() {
    for (master, state, said) in [
        (Some(OTHER), "wrong_key", "neither SLUICE_MASTER_KEY nor SLUICE_MASTER_KEY_PREVIOUS"),
        (None, "missing", "SLUICE_MASTER_KEY is not set"),
        (Some("short"), "short", "shorter than 16 characters"),
    ] {
        let mut control = woken(master, None);
        let health = control.vault_health();
        assert_eq!((health.state, health.locked, health.is_well()), (state, 2, false));
        assert!(health.why.unwrap().contains(said), "{state}");
        let denied = control.plan(&ask("llama-3.3-70b-versatile"), NOW).map(drop).unwrap_err().failure;
        assert_eq!((denied.status, denied.code.as_deref()), (503, Some("vault_locked")), "{}", denied.message);
        assert!(denied.message.contains(said), "{}", denied.message);
        // Nobody renews, ends or seals what he cannot read.
        assert_eq!(control.wake(NOW).renew, Vec::<String>::new());
        assert!(matches!(control.board("claude-1", "", NOW), Boarding::Denied(denied) if !denied.ended));
        assert_eq!(control.reseal(&mut || Some([7; 12])), Vec::<String>::new());
        assert_eq!(control.changes(), []);
    }
    let well = woken(Some(KEY), None).vault_health();
    assert_eq!((well.state, well.locked, well.why.as_deref(), well.is_well()), ("ok", 0, None, true));
}

#[test]
fn the_accounts_of_a_wrong_key_are_shown_as_locked() {
    let desk = &mut Desk::with_master(OTHER);
    desk.control.load(rows(), NOW);
    let (_, account) = desk.ask("GET accounts/claude-1", &json!(null));
    assert_eq!(account["state"]["name"], "locked");
    assert_eq!(account["enabled"], true);
    let (status, health) = desk.ask("GET health", &json!(null));
    assert_eq!((status, &health["vault"]["state"], &health["vault"]["locked"]), (200, &json!("wrong_key"), &json!(2)));
}

#[test]
fn a_previous_key_opens_and_is_replaced() {
    let mut control = woken(Some(OTHER), Some(KEY));
    let health = control.vault_health();
    assert_eq!((health.state, health.locked, health.outdated), ("ok", 0, 2));
    assert!(control.plan(&ask("llama-3.3-70b-versatile"), NOW).is_ok());
    assert_eq!(control.reseal(&mut || Some([7; 12])), ["claude-1", "groq-1"]);
    assert_eq!(control.vault_health().outdated, 0);
    assert_eq!(control.changes().len(), 2);
}
