//! The object asks providers what they have: when the clock says so, when accounts have changed, or when the operator asks.

use std::rc::Rc;
use std::time::Duration;

use super::pool::Core;
use super::refresh::Wish;
use super::{now, outside};
use crate::control::lists::{Survey, Surveyed, Whose};
use crate::refresh::mark;
use crate::upstream::Secret;
use crate::upstream::listing::Offer;

/// The longest list known has 60 models on its smallest page, and 600 in all.
const PAGES: usize = 3;
/// For what is known of accounts that come in a row.
const SOON: Duration = Duration::from_secs(2);

impl Core {
    pub async fn survey(self: &Rc<Self>, whose: &Whose) -> Vec<Surveyed> {
        let surveys = self.control.borrow_mut().surveys(whose, now());
        let mut asked = Vec::with_capacity(surveys.len());
        for mut survey in surveys {
            let outcome = self.list(&mut survey).await;
            asked.push(self.control.borrow_mut().surveyed(&survey, outcome, now()));
            if let Err(error) = self.persist() {
                worker::console_error!("the models of {}: {error}", survey.source.provider);
            }
        }
        asked
    }

    /// Ask in a moment, if there is somebody to be asked.
    pub async fn look_soon(&self) {
        let due = self.control.borrow().has_lists_due(now());
        if due && let Err(error) = self.schedule(now().plus(SOON)).await {
            worker::console_error!("the models: {error}");
        }
    }

    /// The error is a sentence without secrets.
    async fn list(self: &Rc<Self>, survey: &mut Survey) -> Result<Vec<Offer>, String> {
        if survey.stale {
            let refused = mark(survey.target.credential.access.expose());
            let wish = Wish { account: survey.account.clone(), refused };
            let renewed = self.renewed(&wish).await.map_err(|_| "its token could not be renewed")?;
            survey.target.credential.access = Secret::new(renewed.map_err(|denied| denied.why)?.access);
        }
        let upstream = survey.target.upstream;
        let (mut offers, mut after) = (Vec::new(), None);
        for _ in 0..PAGES {
            let Some(request) = upstream.models_request(&survey.target, after.as_deref()) else { break };
            let answer = outside::ask(request).await.ok_or("no answer")?;
            if !(200..300).contains(&answer.status) {
                return Err(format!("refused with status {}", answer.status));
            }
            let page = upstream.models_answer(&answer.body).map_err(|error| error.to_string())?;
            offers.extend(page.models);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(offers)
    }
}
