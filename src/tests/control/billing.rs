//! Who pays for a call, through the object.

use serde_json::{Value, json};

use super::*;
use crate::clients::{Fresh, Terms};
use crate::control::inquiry::Grant;
use crate::ir::event::Usage;
use crate::pool::{Attempt, Candidate, Outcome, Settlement};
use crate::prices::{Basis, Cost, Document};

pub const NOW: Millis = Millis(1_700_000_000_000);

/// A control with one token, and the caller that has its key.
pub fn with_token(patch: Value) -> (Control, Caller, String) {
    let mut control = control(true);
    let terms = Terms { name: "laptop".to_owned(), ..Terms::default() }.patched(&patch).unwrap();
    let key = Fresh::new([1; 32]);
    let id = control.clients().create(terms, &key, NOW).unwrap().id;
    (control, Caller::Key(key.hash), id)
}

pub fn asked(caller: &Caller, model: &str) -> Inquiry {
    Inquiry { caller: caller.clone(), input_tokens: 1000, max_output: 100, ..inquiry(model) }
}

pub fn plan(control: &mut Control, inquiry: &Inquiry) -> Result<Grant, (u16, String)> {
    control.plan(inquiry, NOW).map_err(|denied| (denied.failure.status, denied.failure.code.unwrap_or_default()))
}

pub fn answered(grant: &Grant, usage: Usage) -> Settlement {
    let candidate = &grant.leads[0].candidate;
    let attempts = vec![Attempt {
        account: candidate.account.clone(),
        provider: candidate.provider.clone(),
        model: candidate.model.clone(),
        outcome: Outcome::Answered,
        ..Attempt::default()
    }];
    Settlement { lease: grant.lease, attempts, usage, done: true, ..Settlement::default() }
}

pub const USAGE: Usage =
    Usage { input: 1000, cache_read: 0, cache_write: 0, cache_write_long: 0, output: 100, reasoning: 0 };

#[test]
fn a_call_is_held_at_the_most_it_can_cost_and_charged_with_what_it_did() {
    let (mut control, caller, id) = with_token(json!({"budget": {"micro": 10_000, "window": "total"}}));
    let grant = plan(&mut control, &asked(&caller, "gpt-4.1")).unwrap();
    assert_eq!(
        grant.payer.as_ref().map(|payer| (payer.id.as_str(), payer.name.as_str())),
        Some((id.as_str(), "laptop"))
    );
    assert!(grant.headers.contains(&("x-ratelimit-remaining-budget-micro".to_owned(), "7200".to_owned())));
    let receipt = control.report(&answered(&grant, Usage { output: 50, ..USAGE }), NOW);
    assert_eq!(receipt.cost, Cost { micro: 2400, saved: 0, basis: Basis::List });
    let view = control.clients().view(&id, NOW).unwrap();
    assert_eq!((view.used.micro, view.used.tokens, view.left_micro), (2400, 1050, Some(7600)));
    // The operator pays for nothing, and is told what it cost.
    let grant = plan(&mut control, &asked(&Caller::Operator, "gpt-4.1")).unwrap();
    assert_eq!((&grant.payer, grant.headers.len()), (&None, 0));
    assert_eq!(control.report(&answered(&grant, USAGE), NOW).cost.micro, 2800);
}

#[test]
fn who_was_asked_in_vain_has_read_the_prompt() {
    let (mut control, caller, id) = with_token(json!({"budget": {"micro": 10_000, "window": "total"}}));
    let grant = plan(&mut control, &asked(&caller, "gpt-4.1")).unwrap();
    let beaten = vec![Candidate {
        account: "openai-2".into(),
        provider: "openai".into(),
        model: "gpt-4.1".into(),
        probe: false,
    }];
    let receipt = control.report(&Settlement { beaten, ..answered(&grant, USAGE) }, NOW);
    assert_eq!(receipt.cost, Cost { micro: 2800 + 2000, saved: 0, basis: Basis::List });
    let view = control.clients().view(&id, NOW).unwrap();
    assert_eq!((view.used.micro, view.used.tokens), (4800, 2100));
}

#[test]
fn a_call_that_may_be_asked_twice_is_held_at_what_both_can_cost() {
    let (mut control, caller, _) = with_token(json!({"budget": {"micro": 10_000, "window": "total"}}));
    let document = json!({"routes": {"fast": {"tiers": [["openai/gpt-4.1"]], "hedge": true}}}).to_string();
    let document = crate::config::read(document.as_bytes()).unwrap();
    control.configure(|config| config.replace(config.revision, document, "test", NOW)).unwrap();
    for n in 0..20 {
        let grant = plan(&mut control, &asked(&Caller::Operator, "fast")).unwrap();
        assert_eq!(grant.hedge_ms, None, "{n} calls say nothing");
        let mut told = answered(&grant, USAGE);
        told.attempts[0].first_ms = Some(700);
        control.report(&told, NOW);
    }
    let grant = plan(&mut control, &asked(&caller, "fast")).unwrap();
    assert_eq!(grant.hedge_ms, Some(700));
    let left = |grant: &Grant| {
        grant.headers.iter().find(|(name, _)| name.ends_with("remaining-budget-micro")).unwrap().1.clone()
    };
    assert_eq!(left(&grant), (10_000 - 2800 - 2000).to_string());
    let alone = plan(&mut control, &asked(&caller, "gpt-4.1")).unwrap();
    assert_eq!((alone.hedge_ms, left(&alone)), (None, (10_000 - 4800 - 2800).to_string()));
}

#[test]
fn a_call_that_nobody_answered_costs_nothing() {
    let (mut control, caller, id) = with_token(json!({"budget": {"micro": 10_000}}));
    let grant = plan(&mut control, &asked(&caller, "gpt-4.1")).unwrap();
    let receipt = control.report(&Settlement { lease: grant.lease, done: true, ..Settlement::default() }, NOW);
    assert_eq!(receipt.cost, Cost::default());
    assert_eq!(control.clients().view(&id, NOW).unwrap().left_micro, Some(10_000));
}

#[test]
fn news_of_a_failed_attempt_settles_nothing() {
    let (mut control, caller, id) = with_token(json!({"budget": {"micro": 10_000}}));
    let grant = plan(&mut control, &asked(&caller, "gpt-4.1")).unwrap();
    control.report(&Settlement { done: false, ..answered(&grant, Usage::default()) }, NOW);
    assert_eq!(control.clients().view(&id, NOW).unwrap().calls, 1);
    control.report(&answered(&grant, USAGE), NOW);
    assert_eq!(control.clients().view(&id, NOW).unwrap().used.micro, 2800);
}

#[test]
fn a_subscription_is_free_and_its_budget_stays_whole() {
    let mut control = Control::new(Vec::new(), vault("a master key of the tests"), true);
    let record = Record { subscription: true, ..record("anthropic-1", "anthropic") };
    control.store(record, Some((&key("k"), [7; 12])), NOW).unwrap();
    let grant = plan(&mut control, &asked(&Caller::Operator, "claude-sonnet-4-5")).unwrap();
    let receipt = control.report(&answered(&grant, USAGE), NOW);
    assert_eq!(receipt.cost, Cost { micro: 0, saved: 4500, basis: Basis::Subscription });
}

#[test]
fn an_accounts_own_price_counts() {
    let mut control = Control::new(Vec::new(), vault("a master key of the tests"), true);
    let prices: Document = serde_json::from_value(json!({"models": {"*": {"input": 1, "output": 0}}})).unwrap();
    let record = Record { prices: Some(prices), ..record("anthropic-1", "anthropic") };
    control.store(record, Some((&key("k"), [7; 12])), NOW).unwrap();
    let grant = plan(&mut control, &asked(&Caller::Operator, "claude-sonnet-4-5")).unwrap();
    assert_eq!(control.report(&answered(&grant, USAGE), NOW).cost, Cost { micro: 1, saved: 0, basis: Basis::Override });
}

#[test]
fn a_token_sees_and_gets_what_it_is_for() {
    let (mut control, caller, _) = with_token(json!({"models": ["gpt-*"], "providers": ["!anthropic"]}));
    assert!(plan(&mut control, &asked(&caller, "gpt-4.1")).is_ok());
    let forbidden = Err((403, "model_not_allowed".to_owned()));
    assert_eq!(plan(&mut control, &asked(&caller, "claude-sonnet-5")).map(drop), forbidden);
    assert_eq!(plan(&mut control, &asked(&caller, "o3")).map(drop), forbidden);
    assert_eq!(plan(&mut control, &asked(&caller, "unheard-of")).map(drop).unwrap_err().0, 404);
    let wanted =
        |model: Option<&str>| Wanted { caller: caller.clone(), provider: None, model: model.map(str::to_owned) };
    let listed = control.models(&wanted(None), NOW).unwrap();
    assert!(!listed.is_empty() && listed.iter().all(|model| model.model.starts_with("gpt-")), "{listed:?}");
    assert!(control.models(&wanted(Some("gpt-4.1")), NOW).is_ok());
    assert_eq!(control.models(&wanted(Some("o3")), NOW).unwrap_err().failure.status, 404);
}

#[test]
fn only_an_operators_key_names_the_account() {
    let named = |caller: &Caller| Inquiry { pin: Some("openai-2".to_owned()), ..asked(caller, "gpt-4.1") };
    let (mut control, caller, id) = with_token(json!({}));
    assert_eq!(plan(&mut control, &named(&caller)).map(drop), Err((403, "pin_not_allowed".to_owned())));
    control.clients().change(&id, &json!({"operator": true}), NOW).unwrap();
    for caller in [caller, Caller::Operator] {
        let grant = plan(&mut control, &named(&caller)).unwrap();
        let accounts: Vec<_> = grant.leads.iter().map(|lead| lead.candidate.account.as_str()).collect();
        assert_eq!(accounts, ["openai-2"]);
    }
    let nobody = Inquiry { pin: Some("anthropic-1".to_owned()), ..asked(&Caller::Operator, "gpt-4.1") };
    assert_eq!(plan(&mut control, &nobody).map(drop).unwrap_err().0, 404);
}

#[test]
fn a_call_that_is_not_allowed_takes_no_place_in_the_pool() {
    let mut setups = setups(&[("OPENAI_API_KEY", "a")]);
    setups[0].account.cap = Some(1);
    let mut control = Control::new(setups, Err(VaultError::NoKey), true);
    let terms = Terms { name: "x".to_owned(), ..Terms::default() };
    let terms = terms.patched(&json!({"budget": {"micro": 5000, "window": "total"}})).unwrap();
    let poor = Fresh::new([2; 32]);
    control.clients().create(terms, &poor, NOW).unwrap();
    let poor = Caller::Key(poor.hash);
    let unpriced = asked(&poor, "openai/gpt-9-nobody-knows");
    assert_eq!(plan(&mut control, &unpriced).map(drop), Err((403, "price_unknown".to_owned())));
    assert!(plan(&mut control, &asked(&Caller::Operator, "gpt-4.1")).is_ok());
}

#[test]
fn the_object_needs_no_key_of_the_deployments_once_there_are_tokens() {
    let (control, caller, _) = with_token(json!({}));
    assert_eq!(control.admitted(&caller, NOW), Ok(()));
    let stranger = Caller::Key("00".repeat(32));
    assert_eq!(control.admitted(&stranger, NOW).unwrap_err().failure.status, 401);
}
