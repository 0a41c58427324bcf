//! What is asked once there is a token: whose it is, and what its calls need beside it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::request::{address, bearer, get, post_value, query};
use super::{Answer, Env, Provider, Unready, said, text};
use crate::call::HttpRequest;
use crate::upstream::{Credential, Secret};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Google's word on whose account it is.
    Email,
    /// The Google Cloud project that Code Assist calls are made in; made for those who have none.
    Project,
    /// The key iFlow's calls are signed with. Asked for after every refresh.
    ApiKey,
    /// Anthropic's word on whose account it is.
    Profile,
}

const USER_INFO: &str = "https://www.googleapis.com/oauth2/v2/userinfo?alt=json";
const LOAD: &str = "https://cloudcode-pa.googleapis.com/v1internal:loadCodeAssist";
const ONBOARD: &str = "https://cloudcode-pa.googleapis.com/v1internal:onboardUser";
const IFLOW_USER: &str = "https://iflow.cn/api/oauth/getUserInfo";
const PROFILE: &str = "https://api.anthropic.com/api/oauth/profile";

const ONBOARD_PAUSE: Duration = Duration::from_secs(2);
/// A minute: the official tool gives up after as long.
const ONBOARD_TRIES: u8 = 30;

/// How far one has come. `request` says what to send; `feed` takes the answer; then again, until there is no request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    done: usize,
    /// Being put on this tier, because there is no project yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(default)]
    tries: u8,
    /// What could not be had, in a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Follow {
    /// What is still wanted.
    fn need(&self, provider: &Provider, credential: &Credential) -> Option<(usize, Need)> {
        let wanted = |need: Need| match need {
            Need::Email | Need::Profile => credential.detail("email").is_none(),
            Need::Project => credential.detail("project_id").is_none(),
            Need::ApiKey => true,
        };
        provider.needs.iter().copied().enumerate().skip(self.done).find(|(_, need)| wanted(*need))
    }

    pub fn request(
        &self,
        provider: &Provider,
        credential: &Credential,
        env: Env<'_>,
    ) -> Option<Result<HttpRequest, Unready>> {
        let (_, need) = self.need(provider, credential)?;
        let at = |url| address(provider, url, Some(credential), env);
        let token = credential.access.expose();
        let request = match need {
            Need::Email => at(USER_INFO).map(|url| bearer(get(url), token)),
            Need::Profile => at(PROFILE).map(|url| bearer(get(url), token)),
            Need::ApiKey => {
                let token = credential.detail("access_token").unwrap_or_default();
                at(IFLOW_USER).map(|url| get(format!("{url}?{}", query(&[("accessToken", token)]))))
            }
            Need::Project => {
                let metadata = metadata(provider);
                let (url, body) = match &self.tier {
                    None => (LOAD, json!({ "metadata": metadata })),
                    Some(tier) => (ONBOARD, json!({ "tierId": tier, "metadata": metadata })),
                };
                at(url).map(|url| bearer(post_value(url, &body), token))
            }
        };
        Some(request)
    }

    /// Take the answer; `None`: there was none. How long to wait before the next request.
    pub fn feed(
        &mut self,
        provider: &Provider,
        credential: &mut Credential,
        answer: Option<&Answer<'_>>,
    ) -> Option<Duration> {
        let (at, need) = self.need(provider, credential)?;
        let heard = answer.filter(|answer| answer.is_success()).map(Answer::json);
        let why = answer.map_or_else(|| "no answer".to_owned(), |answer| said(answer, credential));
        let mut keep = |name: &str, value: Option<&str>| {
            value.map(|value| credential.details.insert(name.to_owned(), Secret::new(value))).is_some()
        };
        self.done = at + 1;
        match need {
            Need::Email => {
                keep("email", heard.as_ref().and_then(|heard| text(heard, &["email"])));
            }
            Need::Profile => {
                let account = heard.as_ref().and_then(|heard| heard.get("account"));
                keep("email", account.and_then(|account| text(account, &["email", "email_address"])));
                keep("account_id", account.and_then(|account| text(account, &["uuid"])));
            }
            Need::ApiKey => {
                let data = heard.as_ref().and_then(|heard| heard.get("data"));
                keep("email", data.and_then(|data| text(data, &["email", "phone"])));
                match data.and_then(|data| text(data, &["apiKey"])) {
                    Some(key) => credential.access = Secret::new(key),
                    None => self.notes.push(format!("{} gave no API key: {why}", provider.title)),
                }
            }
            Need::Project => return self.project(at, provider, credential, heard.as_ref(), &why),
        }
        None
    }

    fn project(
        &mut self,
        at: usize,
        provider: &Provider,
        credential: &mut Credential,
        heard: Option<&Value>,
        why: &str,
    ) -> Option<Duration> {
        let Some(heard) = heard else {
            self.notes.push(format!("{} told no project: {why}", provider.title));
            return None;
        };
        let found = match &self.tier {
            None => project_of(heard),
            Some(_) => heard.get("response").and_then(project_of),
        };
        if let Some(project) = found {
            credential.details.insert("project_id".to_owned(), Secret::new(project));
            return None;
        }
        let finished = heard.get("done").and_then(Value::as_bool) == Some(true);
        match &self.tier {
            None if heard.get("currentTier").is_none_or(Value::is_null) => {
                self.tier = Some(tier_of(heard));
                self.done = at;
                None
            }
            Some(_) if !finished && self.tries < ONBOARD_TRIES => {
                self.tries += 1;
                self.done = at;
                Some(ONBOARD_PAUSE)
            }
            // A Workspace account on a paid tier brings its own project.
            None | Some(_) => {
                self.notes.push(format!("{} told no project; set project_id", provider.title));
                None
            }
        }
    }
}

/// Sent because the endpoint looks its answer up by it.
fn metadata(provider: &Provider) -> Value {
    match provider.name {
        "antigravity" => json!({"ideType": "ANTIGRAVITY"}),
        _ => json!({"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}),
    }
}

fn project_of(heard: &Value) -> Option<&str> {
    let project = heard.get("cloudaicompanionProject")?;
    project.as_str().or_else(|| text(project, &["id"])).filter(|project| !project.is_empty())
}

fn tier_of(heard: &Value) -> String {
    let tiers = heard.get("allowedTiers").and_then(Value::as_array);
    let default =
        tiers.and_then(|tiers| tiers.iter().find(|tier| tier.get("isDefault").and_then(Value::as_bool) == Some(true)));
    default.and_then(|tier| text(tier, &["id"])).unwrap_or("free-tier").to_owned()
}
