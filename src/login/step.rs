//! The machine's steps: what is sent in a stage, and where its answer leads.

use std::time::Duration;

use super::{Kept, Login, Next, Stage};
use crate::fault::Millis;
use crate::oauth::{self, Answer, Env, Follow, Need, Poll};
use crate::upstream::{Credential, Secret};
use crate::vault;

/// A provider may tell us to ask less often, but the person is waiting.
const SLOWEST: Duration = Duration::from_secs(60);

impl Login {
    /// What to do now. Time alone can end a sign-in here.
    pub fn next(&mut self, env: Env<'_>, now: Millis) -> Next {
        let options = self.options();
        let provider = self.provider;
        let Kept { stage, expires, state, .. } = &self.kept;
        let late = now >= *expires;
        let request = match stage {
            Stage::Done { .. } | Stage::Stored { .. } | Stage::Failed { .. } => return Next::Finished,
            Stage::Registering | Stage::Starting | Stage::Waiting { .. } | Stage::Pasting if late => {
                self.fail("the code was not used in time");
                return Next::Finished;
            }
            Stage::Pasting => return Next::Wait(*expires),
            Stage::Waiting { next, .. } if now < *next => return Next::Wait(*next.min(expires)),
            Stage::Following { next, .. } if now < *next => return Next::Wait(*next),
            Stage::Registering => oauth::register_request(provider, &options, env)
                .unwrap_or_else(|| oauth::device_request(provider, &self.pkce(), &options, env)),
            Stage::Starting => oauth::device_request(provider, &self.pkce(), &options, env),
            Stage::Waiting { device_code, user_code, .. } => {
                let device_code = Secret::new(device_code.clone());
                oauth::poll_request(provider, &device_code, user_code, &self.pkce(), &options, env)
            }
            Stage::Exchanging { code, verifier, redirect } => {
                let (code, verifier) = (Secret::new(code.clone()), verifier.clone().map(Secret::new));
                oauth::exchange_request(provider, &code, redirect, verifier.as_ref(), Some(state), &options, env)
            }
            Stage::Following { credential, follow, .. } => {
                let credential = vault::credential(credential.as_bytes()).unwrap_or_default();
                match follow.request(provider, &credential, env) {
                    Some(request) => request,
                    None => {
                        let notes = follow.notes.clone();
                        self.done(&credential, notes);
                        return Next::Finished;
                    }
                }
            }
        };
        match request {
            Ok(request) => Next::Send(request),
            Err(error) => {
                self.fail(error.to_string());
                Next::Finished
            }
        }
    }

    /// The answer to what `next` had sent; `None`: there was none.
    pub fn feed(&mut self, answer: Option<&Answer<'_>>, now: Millis) {
        let options = self.options();
        let provider = self.provider;
        let why = || answer.map_or_else(|| "no answer".to_owned(), |answer| oauth::said(answer, &options));
        match &mut self.kept.stage {
            Stage::Pasting | Stage::Done { .. } | Stage::Stored { .. } | Stage::Failed { .. } => {}
            Stage::Registering => match answer.and_then(oauth::registered) {
                Some(client) => {
                    self.kept.options.insert("client_id".to_owned(), client.id.expose().to_owned());
                    self.kept.options.insert("client_secret".to_owned(), client.secret.expose().to_owned());
                    self.kept.stage = Stage::Starting;
                }
                None => self.fail(format!("{} registered no client: {}", provider.title, why())),
            },
            Stage::Starting => match answer.and_then(|answer| oauth::started(provider, answer)) {
                Some(started) => {
                    self.kept.expires = now.plus(started.expires);
                    self.kept.url = Some(started.url);
                    self.kept.stage = Stage::Waiting {
                        device_code: started.device_code.expose().to_owned(),
                        user_code: started.user_code,
                        interval_ms: u64::try_from(started.interval.as_millis()).unwrap_or(5000),
                        next: now.plus(started.interval),
                    };
                }
                None => self.fail(format!("{} gave no code: {}", provider.title, why())),
            },
            Stage::Waiting { interval_ms, next, .. } => {
                let polled = answer.map(|answer| oauth::polled(provider, answer, &options, now));
                match polled {
                    Some(Poll::Granted(credential)) => self.follow(&credential, now),
                    Some(Poll::Code { code, verifier, redirect }) => {
                        let (code, verifier) = (code.expose().to_owned(), Some(verifier.expose().to_owned()));
                        self.kept.stage = Stage::Exchanging { code, verifier, redirect: redirect.to_owned() };
                    }
                    Some(Poll::Denied(word)) => self.fail(format!("the sign-in was refused: {word}")),
                    Some(Poll::Expired) => self.fail("the code was not used in time"),
                    Some(Poll::SlowDown) => {
                        let slower = Duration::from_millis(*interval_ms) + Duration::from_secs(5);
                        let slower = slower.min(SLOWEST);
                        *interval_ms = u64::try_from(slower.as_millis()).unwrap_or(*interval_ms);
                        *next = now.plus(slower);
                    }
                    Some(Poll::Pending) | None => *next = now.plus(Duration::from_millis(*interval_ms)),
                }
            }
            // Nobody knows whether a code that got no answer was used, and using it twice can revoke what it gave.
            Stage::Exchanging { .. } => {
                let signed = answer.filter(|answer| (200..300).contains(&answer.status));
                match signed.and_then(|answer| oauth::signed_in(provider, answer, &options, now)) {
                    Some(credential) => self.follow(&credential, now),
                    None => self.fail(format!("{} gave no token: {}", provider.title, why())),
                }
            }
            Stage::Following { credential: kept, follow, next } => {
                let mut credential = vault::credential(kept.as_bytes()).unwrap_or_default();
                let wait = follow.feed(provider, &mut credential, answer);
                *kept = vault::plain(&credential);
                *next = now.plus(wait.unwrap_or_default());
            }
        }
    }

    fn follow(&mut self, credential: &Credential, now: Millis) {
        let credential = vault::plain(credential);
        self.kept.stage = Stage::Following { credential, follow: Follow::default(), next: now };
    }

    fn done(&mut self, credential: &Credential, notes: Vec<String>) {
        // Without the key there is nothing to sign a call with.
        if self.provider.needs.contains(&Need::ApiKey) && credential.access.is_empty() {
            return self.fail(notes.join("; "));
        }
        self.kept.stage = Stage::Done { credential: vault::plain(credential), notes };
    }
}
