//! Sign-ins in the object: move the bytes until there is nothing to do but wait.

use std::rc::Rc;

use super::pool::Core;
use super::settings::Settings;
use super::{nonce, now, outside};
use crate::login::Next;

impl Core {
    /// Do what a sign-in wants done now, and be woken when it wants more. Only one at a time does it.
    pub async fn advance(self: &Rc<Self>, id: &str) -> Result<(), String> {
        if !self.logins.borrow_mut().insert(id.to_owned()) {
            return Ok(());
        }
        let done = self.steps(id).await;
        self.logins.borrow_mut().remove(id);
        done
    }

    async fn steps(&self, id: &str) -> Result<(), String> {
        let settings = Settings::of(&self.env);
        let env = |name: &str| settings.sign_in(name);
        let words = |failure: crate::fault::Failure| failure.message;
        loop {
            let nonces = [nonce()?, nonce()?, nonce()?];
            let next = self.control.borrow_mut().next_login(id, &env, nonces, now());
            self.persist().map_err(|error| error.to_string())?;
            match next.map_err(words)? {
                Next::Send(request) => {
                    let nonce = nonce()?;
                    let answer = outside::ask(request).await;
                    let answer = answer.as_ref().map(outside::Answer::read);
                    let fed = self.control.borrow_mut().feed_login(id, answer.as_ref(), nonce, now());
                    self.persist().map_err(|error| error.to_string())?;
                    fed.map_err(words)?;
                }
                Next::Wait(until) => {
                    return self.schedule(until).await.map_err(|error| error.to_string());
                }
                Next::Finished => {
                    let view = self.control.borrow().login(id).map_err(words)?;
                    if let Some(account) = view.account {
                        self.mirror(&account).await;
                    }
                    return Ok(());
                }
            }
        }
    }

    /// All that are under way, after a wake.
    pub async fn advance_all(self: &Rc<Self>) {
        let open = self.control.borrow().open_logins();
        for id in open {
            if let Err(error) = self.advance(&id).await {
                worker::console_error!("sign-in: {error}");
            }
        }
    }
}
