//! What the object answers to one call.

mod balance;
pub mod billing;
mod copies;
mod queue;
mod quota;
mod quotas;
mod tally;
mod vault;

use super::upstreams::setups;
use crate::access::Caller;
use crate::call::Operation;
use crate::control::Control;
use crate::control::inquiry::{Denied, Inquiry, Wanted};
use crate::control::record::Record;
use crate::fault::Millis;
use crate::ir::Protocol;
use crate::upstream::{Credential, Secret};
use crate::vault::{Vault, VaultError};

fn control(has_own_key: bool) -> Control {
    let setups = setups(&[("OPENAI_API_KEY", "a,b"), ("ANTHROPIC_API_KEY", "c")]);
    Control::new(setups, Err(VaultError::NoKey), has_own_key)
}

fn inquiry(model: &str) -> Inquiry {
    Inquiry::about(Caller::Operator, model.to_owned(), Protocol::Chat, Operation::Generate)
}

fn denied(denied: Denied) -> (u16, String, String) {
    (denied.failure.status, denied.failure.code.unwrap_or_default(), denied.failure.message)
}

fn accounts(control: &mut Control, inquiry: &Inquiry) -> Result<Vec<String>, (u16, String, String)> {
    let grant = control.plan(inquiry, Millis(1_000)).map_err(denied)?;
    Ok(grant.leads.into_iter().map(|lead| lead.candidate.account).collect())
}

#[test]
fn a_model_leads_to_the_accounts_that_have_it() {
    let control = &mut control(true);
    let mut both = accounts(control, &inquiry("gpt-4.1")).unwrap();
    both.sort();
    assert_eq!(both, ["openai-1", "openai-2"]);
    assert_eq!(accounts(control, &inquiry("claude-sonnet-5")).unwrap(), ["anthropic-1"]);
    let pinned = Inquiry { provider: Some("anthropic".to_owned()), ..inquiry("gpt-4.1") };
    assert_eq!(accounts(control, &pinned).unwrap(), ["anthropic-1"]);
    // The deployment's own accounts are known to the Worker: nothing of them travels.
    assert!(
        control.plan(&inquiry("gpt-4.1"), Millis(0)).unwrap_or_default().leads.iter().all(|lead| lead.lent.is_none())
    );
}

#[test]
fn what_nobody_has_is_not_found_and_says_what() {
    let control = &mut control(true);
    let (status, code, message) = accounts(control, &inquiry("unheard-of")).unwrap_err();
    assert_eq!((status, code.as_str()), (404, "model_not_found"), "{message}");
    let elsewhere = Inquiry { provider: Some("mistral".to_owned()), ..inquiry("gpt-4.1") };
    let nobody = (404, "provider_not_found".to_owned(), "no account of a provider named mistral".to_owned());
    assert_eq!(accounts(control, &elsewhere), Err(nobody));
}

#[test]
fn a_key_that_nobody_has_is_refused_before_anything_else() {
    let stranger = Caller::Key("00".repeat(32));
    for (has_own_key, status) in [(true, 401), (false, 503)] {
        let control = &mut control(has_own_key);
        for model in ["gpt-4.1", "unheard-of"] {
            let asked = Inquiry { caller: stranger.clone(), ..inquiry(model) };
            assert_eq!(accounts(control, &asked).unwrap_err().0, status);
        }
        let wanted = Wanted { caller: stranger.clone(), provider: None, model: None };
        assert_eq!(control.models(&wanted, Millis(0)).unwrap_err().failure.status, status);
        assert_eq!(control.admitted(&stranger, Millis(0)).unwrap_err().failure.status, status);
    }
}

fn record(id: &str, provider: &str) -> Record {
    Record { id: id.to_owned(), provider: provider.to_owned(), weight: 1, enabled: true, ..Record::default() }
}

fn key(text: &str) -> Credential {
    Credential { access: Secret::new(text), ..Credential::default() }
}

fn vault(key: &str) -> Result<Vault, VaultError> {
    Vault::of(Some(key), None)
}

#[test]
fn a_stored_account_is_lent_with_its_credential_and_survives_a_restart() {
    let master = "a master key of the tests";
    let mut first = Control::new(Vec::new(), vault(master), true);
    let headers = [("x-team".to_owned(), "blue".to_owned())].into();
    let stored = Record { label: "work".to_owned(), headers, priority: 3, ..record("groq-work", "groq") };
    first.store(stored, Some((&key("gsk_0123456789abcdef"), [7; 12])), Millis(5)).unwrap();
    let rows: Vec<(String, String)> = first.changes().into_iter().map(|row| (row.key, row.value.unwrap())).collect();
    assert!(rows.iter().all(|(_, value)| !value.contains("gsk_0123456789")), "a credential in the clear");
    let mut control = Control::new(Vec::new(), vault(master), true);
    assert!(control.load(rows, Millis(6)).is_empty());
    for control in [&mut first, &mut control] {
        let asked = Inquiry { provider: Some("groq".to_owned()), ..inquiry("llama-3.3-70b-versatile") };
        let grant = control.plan(&asked, Millis(1_000)).unwrap_or_default();
        let lead = &grant.leads[0];
        let target = lead.lent.as_ref().unwrap().target(&lead.candidate).unwrap();
        assert_eq!(target.credential.access.expose(), "gsk_0123456789abcdef");
        assert_eq!((target.account.as_str(), target.upstream.name()), ("groq-work", "groq"));
        assert_eq!(target.headers, [("x-team".to_owned(), "blue".to_owned())]);
    }
    assert!(control.remove("groq-work").is_some());
    assert_eq!(
        control.changes().into_iter().map(|row| (row.key, row.value)).collect::<Vec<_>>(),
        [("record/groq-work".to_owned(), None)]
    );
    assert_eq!(accounts(&mut control, &inquiry("llama-3.3-70b-versatile")).unwrap_err().0, 404);
}

#[test]
fn an_account_that_cannot_be_used_or_sealed_is_not_stored() {
    let table = [
        (
            vault("a master key of the tests"),
            record("x-1", "nobody-knows"),
            400,
            "base_url: nobody-knows has no usual address",
        ),
        (
            Err(VaultError::NoKey),
            record("x-1", "groq"),
            500,
            "SLUICE_MASTER_KEY is not set, so no credential can be stored",
        ),
    ];
    for (vault, record, status, message) in table {
        let mut control = Control::new(Vec::new(), vault, true);
        let failure = control.store(record, Some((&key("k"), [0; 12])), Millis(0)).unwrap_err();
        assert_eq!((failure.status, failure.message.as_str()), (status, message));
        assert!(control.changes().is_empty());
    }
}

#[test]
fn accounts_that_offer_the_same_are_routed_as_one_however_many_they_are() {
    let mut control = Control::new(Vec::new(), vault("a master key of the tests"), true);
    for at in 0..50 {
        control.store(record(&format!("anthropic-{at}"), "anthropic"), Some((&key("k"), [at; 12])), Millis(0)).unwrap();
    }
    let wanted = Wanted { caller: Caller::Operator, provider: None, model: None };
    let models = control.models(&wanted, Millis(0)).unwrap();
    let mut ids: Vec<_> = models.iter().map(|model| &model.id).collect();
    let count = ids.len();
    ids.dedup();
    assert!(count > 0 && ids.len() == count);
}
