//! Renewals in the object: one at a time for an account, on behalf of everybody who waits for it.
//!
//! Order: the object's storage, then the mirror, then whoever waits. The platform holds what leaves the object until
//! what was stored is safe, so nobody has a token that a crash could lose.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::{JsFuture, future_to_promise};

use super::pool::Core;
use super::settings::Settings;
use super::{nonce, now, outside, platform};
use crate::control::inquiry::Lent;
use crate::control::quotas::Meter;
use crate::control::renewal::{Boarding, Denied, Takeoff};
use crate::oauth::{self, Follow, RefreshFault, Renewal, refresh_request, refreshed};
use crate::refresh::Wake;
use crate::shard;
use crate::upstream::Credential;

/// What a Worker asks when a token does not serve.
#[derive(Serialize, Deserialize)]
pub struct Wish {
    pub account: String,
    /// The mark of the token that was refused or has expired.
    pub refused: String,
}

/// A renewal that failed is not tried again for whoever waited for it.
const ROUNDS: usize = 3;

impl Core {
    pub async fn renewed(self: &Rc<Self>, wish: &Wish) -> worker::Result<Result<Lent, Denied>> {
        let lost = || Denied { why: "the renewal was lost".to_owned(), ended: false };
        for _ in 0..ROUNDS {
            let boarding = self.control.borrow_mut().board(&wish.account, &wish.refused, now());
            match boarding {
                Boarding::Lent(lent) => return Ok(Ok(lent)),
                Boarding::Denied(denied) => {
                    self.persist()?;
                    return Ok(Err(denied));
                }
                Boarding::Start => self.fly(&wish.account),
                Boarding::Wait => {}
            }
            if !self.landing(&wish.account).await {
                return Ok(Err(lost()));
            }
        }
        Ok(Err(lost()))
    }

    /// Renew what is due by the clock.
    pub async fn wake(self: &Rc<Self>) -> worker::Result<()> {
        let Wake { renew, over, next } = self.control.borrow_mut().wake(now());
        self.persist()?;
        for account in &renew {
            self.fly(account);
        }
        for account in &over {
            self.mirror(account).await;
        }
        for account in &renew {
            self.landing(account).await;
        }
        if let Some(next) = next {
            self.schedule(next).await?;
        }
        Ok(())
    }

    /// Set out. It goes on when whoever began it has left.
    fn fly(self: &Rc<Self>, account: &str) {
        let (core, id) = (Rc::clone(self), account.to_owned());
        let promise = future_to_promise(async move {
            if let Err(error) = core.renew(&id).await {
                worker::console_error!("renewal of account {id}: {error}");
            }
            core.control.borrow_mut().touched_down(&id);
            core.flights.borrow_mut().remove(&id);
            Ok(JsValue::UNDEFINED)
        });
        self.flights.borrow_mut().insert(account.to_owned(), promise.clone());
        self.state.wait_until(async move {
            let _ = JsFuture::from(promise).await;
        });
    }

    /// Wait for a renewal. Whether there was one.
    async fn landing(&self, account: &str) -> bool {
        let flight = self.flights.borrow().get(account).cloned();
        match flight {
            Some(flight) => JsFuture::from(flight).await.is_ok(),
            None => false,
        }
    }

    async fn renew(&self, account: &str) -> Result<(), String> {
        let takeoff = self.control.borrow_mut().takeoff(account);
        let Some(Takeoff { provider, credential }) = takeoff else { return Ok(()) };
        // Made first: without randomness there would be a token that cannot be stored.
        let nonces = [nonce()?, nonce()?];
        let settings = Settings::of(&self.env);
        let env = |name: &str| settings.sign_in(name);
        let answer = match refresh_request(provider, &credential, &env, now()) {
            Ok(Renewal::Send(request)) => Ok(outside::ask(request).await),
            Ok(Renewal::Sign(signing)) => match outside::sign(&signing.pkcs8, &signing.input).await {
                Some(signature) => match signing.request(provider, &signature, &env) {
                    Ok(request) => Ok(outside::ask(request).await),
                    Err(unready) => Err(unready),
                },
                None => Err(oauth::Unready::BadKey),
            },
            Err(unready) => Err(unready),
        };
        let outcome = match &answer {
            Ok(Some(answer)) => refreshed(provider, &answer.read(), &credential, now()),
            Ok(None) => Err(RefreshFault::Transient { wait: None, why: "no answer".to_owned() }),
            Err(unready) => Err(unready.clone().into()),
        };
        let [first, second] = nonces;
        self.land(account, &credential, outcome.as_ref(), first)?;
        if let Ok(mut fresh) = outcome {
            let before = fresh.clone();
            if self.follow(provider, &mut fresh, &env).await {
                self.land(account, &before, Ok(&fresh), second)?;
            }
        }
        self.mirror(account).await;
        Ok(())
    }

    /// What is asked once there is a token. Whether anything was.
    async fn follow(&self, provider: &oauth::Provider, credential: &mut Credential, env: oauth::Env<'_>) -> bool {
        let mut follow = Follow::default();
        let mut asked = false;
        while let Some(Ok(request)) = follow.request(provider, credential, env) {
            asked = true;
            let answer = outside::ask(request).await;
            let read = answer.as_ref().map(outside::Answer::read);
            if let Some(wait) = follow.feed(provider, credential, read.as_ref()) {
                worker::Delay::from(wait).await;
            }
        }
        for note in &follow.notes {
            worker::console_warn!("{note}");
        }
        asked
    }

    /// Copy an account to where it outlives the object.
    pub async fn mirror(&self, account: &str) {
        let value = self.control.borrow().record(account).and_then(|record| serde_json::to_string(record).ok());
        self.control.borrow_mut().lately().count(Meter::KvWrites, 1, now());
        let patience = Settings::of(&self.env).patience_ms;
        let name = format!("{}{account}", shard::copies(&self.name));
        if let Err(error) = platform::mirror(&self.env, &name, value, patience).await {
            worker::console_error!("mirror of account {account}: {error:?}");
            self.control.borrow_mut().owe_copy(account);
        }
    }

    fn land(
        &self,
        account: &str,
        before: &Credential,
        outcome: Result<&Credential, &RefreshFault>,
        nonce: [u8; 12],
    ) -> Result<(), String> {
        let landed = self.control.borrow_mut().landed(account, before, outcome, nonce, now());
        self.persist().map_err(|error| error.to_string())?;
        landed.map_err(|failure| failure.message)
    }
}
