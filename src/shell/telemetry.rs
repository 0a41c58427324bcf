//! Traces and messages on their way out. Neither delays anybody, and neither fails a call.

use std::rc::Rc;

use worker::Delay;

use super::outside;
use super::pool::Core;
use crate::call::HttpRequest;
use crate::telemetry::webhook::{Change, Hook, RETRIES};

/// One try: a trace that is lost is lost.
pub async fn export(request: HttpRequest) {
    let status = outside::ask(request).await.map(|answer| answer.status);
    if status.is_none_or(|status| !(200..300).contains(&status)) {
        worker::console_warn!("traces: the collector answered {status:?}");
    }
}

/// Tell the operator's address of accounts that are not as they were.
pub fn turned(core: &Rc<Core>, hook: &Hook, changes: Vec<Change>) {
    for change in changes {
        if core.told.borrow_mut().is_news(&change) {
            let (hook, told) = (hook.clone(), Rc::clone(core));
            core.state.wait_until(async move {
                if !deliver(&hook, &change).await {
                    told.unsent.set(told.unsent.get() + 1);
                    worker::console_warn!("webhook: a message about {} could not be delivered", change.account);
                }
            });
        }
    }
}

async fn deliver(hook: &Hook, change: &Change) -> bool {
    for wait in std::iter::once(None).chain(RETRIES.map(Some)) {
        if let Some(wait) = wait {
            Delay::from(wait).await;
        }
        match outside::ask(hook.message(change)).await.map(|answer| answer.status) {
            Some(200..300) => return true,
            // It will not be taken another time either.
            Some(status) if (400..=428).contains(&status) && status != 408 => return false,
            Some(_) | None => {}
        }
    }
    false
}
