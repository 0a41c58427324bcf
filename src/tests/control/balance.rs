//! What clients are shown of what is left.

use serde_json::{Value, json};

use super::billing::{NOW, with_token};
use super::*;
use crate::control::balance::{Balance, Page};

fn shown(control: &mut Control, caller: &Caller, page: Page) -> Value {
    control.balance(&Balance { caller: caller.clone(), page }, NOW).unwrap_or_else(|denied| panic!("{denied:?}"))
}

#[test]
fn a_budget_is_shown_in_the_words_of_each_client() {
    let (mut control, caller, id) = with_token(json!({"budget": {"micro": 2_500_000, "window": "total"}}));
    let ask = crate::clients::Ask::default();
    control.clients().take(&id, &ask, Some(500_000), 1, NOW).unwrap();
    control.clients().settle(1, 500_000, 10, NOW);
    let subscription = shown(&mut control, &caller, Page::Subscription);
    assert_eq!((&subscription["hard_limit_usd"], &subscription["access_until"]), (&json!(2.5), &json!(0)));
    assert_eq!(shown(&mut control, &caller, Page::Usage)["total_usage"], json!(50.0));
    let key = shown(&mut control, &caller, Page::Key)["data"].clone();
    assert_eq!((&key["limit"], &key["limit_remaining"], &key["usage"]), (&json!(2.5), &json!(2.0), &json!(0.5)));
}

#[test]
fn whoever_has_no_limit_is_told_so() {
    let (mut control, ..) = with_token(json!({}));
    let key = shown(&mut control, &Caller::Operator, Page::Key)["data"].clone();
    assert_eq!(
        (&key["label"], &key["limit"], &key["limit_remaining"]),
        (&json!("operator"), &Value::Null, &Value::Null)
    );
    let stranger = Balance { caller: Caller::Key("00".repeat(32)), page: Page::Key };
    assert_eq!(control.balance(&stranger, NOW).unwrap_err().failure.status, 401);
}
