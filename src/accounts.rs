//! Accounts from the deployment's own variables and secrets: what an operator gets without any setup.
//!
//! | variable | meaning |
//! |---|---|
//! | `X_API_KEY` | keys of provider X, separated by commas; each is an account `x-1`, `x-2`, … by its place |
//! | `X_BASE_URL` | its address, if not the usual one; without a row of its own, X becomes an OpenAI-compatible provider |
//! | `X_MODELS` | the only names it offers, `*` for any text; with a `!`, names it does not |
//! | `X_PROTOCOL` | of an X without a row: `chat` (default), `messages` or `gemini` |
//! | `X_PRIORITY` | lower goes first; 0 |
//! | `X_REGION`, `X_PROJECT_ID`, `X_LOCATION`, `X_ACCOUNT_ID`, `X_API_VERSION`, `X_PROFILE_ARN` | what else a provider needs to know of an account |
//! | `X_WEIGHT` | share among equals; 1; with 0 the account is off |
//! | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION` | an account at Bedrock, as Amazon's own programs read it; its API keys may be in `AWS_BEARER_TOKEN_BEDROCK` |
//! | the binding `AI` | an account of Workers AI that needs no key |
//! | `SLUICE_DEMO` | two accounts of the built-in demo provider |
//! | `SLUICE_PRIVATE_ADDRESSES` | accounts may be inside a network: loopback, private ranges, names without a dot |
//!
//! An empty place in a list of keys keeps the names of those behind it: `X_API_KEY="a,,c"` is `x-1` and `x-3`.

pub mod address;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;

use serde::Serialize;

use self::address::Addresses;
use crate::control::record::Record;
use crate::models::lists::Offers;
use crate::pool::Account;
use crate::upstream::listing::Offer;
use crate::upstream::{
    self, Credential, Secret, Target, Upstream, anthropic, antigravity, azure, bedrock, claude, code_assist, codex,
    demo, google, kiro, openai, pattern, qwen, vertex, workers_ai,
};

/// One account, with everything needed to use it. No `Debug`: it holds a credential.
#[derive(Clone)]
pub struct Setup {
    pub account: Account,
    pub upstream: &'static dyn Upstream,
    /// No trailing slash; `None`: the provider's own.
    pub base_url: Option<String>,
    pub headers: Vec<(String, String)>,
    pub credential: Credential,
    /// Patterns of the names it offers.
    pub models: Vec<String>,
    /// Whether the operator wrote `models`.
    pub declared: bool,
    /// Other names the provider answers to, in lower case.
    pub aliases: Vec<String>,
    /// What its provider says it has, once that has been asked.
    pub offers: Option<Arc<Offers>>,
}

/// How likely it is that a provider has a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Has {
    No,
    /// A server whose models nobody knows.
    Maybe,
    /// It sounds like one of its models; its own list does not have it.
    Unlisted,
    Yes,
}

impl Setup {
    /// Whether `name` is this account's provider.
    pub fn answers_to(&self, name: &str) -> bool {
        let name = normal(name);
        self.account.provider == name || self.aliases.contains(&name)
    }

    pub fn has(&self, model: &str) -> Has {
        let listed = self.offer(model).is_some();
        let excluded = self.account.deny.iter().any(|pattern| pattern::any(&[pattern], model));
        let sounds = pattern::any(&self.models, model);
        match &self.offers {
            // The operator's own word, either way.
            _ if self.declared && !sounds || excluded => Has::No,
            _ if self.declared || listed => Has::Yes,
            Some(_) if sounds => Has::Unlisted,
            None if sounds => Has::Yes,
            _ if self.models.is_empty() && self.base_url.is_some() => Has::Maybe,
            _ => Has::No,
        }
    }

    /// What its provider says of `model`.
    pub fn offer(&self, model: &str) -> Option<&Offer> {
        self.offers.as_ref()?.find(model)
    }

    /// Whether routing could not tell the two apart.
    pub fn offers_the_same(&self, other: &Self) -> bool {
        self.account.provider == other.account.provider
            && self.declared == other.declared
            && self.base_url.is_some() == other.base_url.is_some()
            && self.models == other.models
            && std::ptr::addr_eq(self.upstream, other.upstream)
    }

    pub fn target(&self, model: &str) -> Target {
        Target {
            account: self.account.id.clone(),
            provider: self.account.provider.clone(),
            upstream: self.upstream,
            base_url: self.base_url.clone(),
            model: model.to_owned(),
            headers: self.headers.clone(),
            credential: self.credential.clone(),
        }
    }
}

/// What the variables amount to, and what is wrong with them, in sentences without secrets.
#[derive(Clone, Default)]
pub struct Accounts {
    pub setups: Vec<Setup>,
    pub problems: Vec<String>,
}

/// A provider before it has keys.
struct Provider {
    name: String,
    stems: Vec<String>,
    upstream: &'static dyn Upstream,
    models: &'static [&'static str],
    keyless: bool,
    /// It cannot be used without an address.
    homeless: bool,
}

impl Provider {
    fn answers_to(&self, name: &str) -> bool {
        let name = normal(name);
        self.name == name || self.stems.iter().any(|stem| normal(stem) == name)
    }
}

/// `names` are all variables there are; `get` reads one.
pub fn from_env(names: &[String], get: &dyn Fn(&str) -> Option<String>) -> Vec<Setup> {
    read(names, get).setups
}

/// [`from_env`], with the mistakes found on the way.
pub fn read(names: &[String], get: &dyn Fn(&str) -> Option<String>) -> Accounts {
    let mut found = Accounts::default();
    let known = known();
    let custom = custom(names, known, get, &mut found.problems);
    for provider in known.iter().chain(&custom) {
        accounts(provider, get, &mut found);
    }
    if get("SLUICE_DEMO").is_some_and(|value| is_on(&value)) {
        for place in 1..=2 {
            found.setups.push(Setup {
                account: account("demo", place, 0, 1),
                upstream: &demo::Demo,
                base_url: None,
                headers: Vec::new(),
                credential: Credential::default(),
                models: Vec::new(),
                declared: false,
                aliases: Vec::new(),
                offers: None,
            });
        }
    }
    found
}

/// The account that is the deployment's own `AI` binding.
pub fn bound() -> Setup {
    let row = &workers_ai::ROW;
    let id = format!("{}-binding", row.name);
    Setup {
        account: Account { id, label: "AI binding".to_owned(), ..account(row.name, 0, 0, 1) },
        upstream: &workers_ai::Bound,
        base_url: None,
        headers: Vec::new(),
        credential: Credential::default(),
        models: row.models.iter().map(|&pattern| pattern.to_owned()).collect(),
        declared: false,
        aliases: row.stems.iter().map(|stem| normal(stem)).collect(),
        offers: None,
    }
}

/// Whom we know. Made once: every account that is stored is looked up here.
fn known() -> &'static [Provider] {
    static KNOWN: LazyLock<Vec<Provider>> = LazyLock::new(providers_known);
    &KNOWN
}

fn providers_known() -> Vec<Provider> {
    let stems = |stems: &[&str]| stems.iter().map(|&stem| stem.to_owned()).collect();
    let row = |row: &'static openai::Compatible| Provider {
        name: row.name.to_owned(),
        stems: stems(row.stems),
        upstream: upstream::by_name(row.name).unwrap_or(row),
        models: row.models,
        keyless: row.keyless,
        homeless: row.root.is_empty(),
    };
    let native = |upstream: &'static dyn Upstream, names: &[&str], models| Provider {
        name: upstream.name().to_owned(),
        stems: stems(names),
        upstream,
        models,
        keyless: false,
        homeless: false,
    };
    let natives = [
        native(&anthropic::Anthropic, &["ANTHROPIC", "CLAUDE"], anthropic::MODELS),
        native(&google::Google, &["GEMINI", "GOOGLE", "GOOGLE_GEMINI"], google::MODELS),
        native(&vertex::Vertex, &["VERTEX", "VERTEX_AI"], vertex::MODELS),
        native(&bedrock::Bedrock, &["BEDROCK"], bedrock::MODELS),
        native(&kiro::Kiro, &["KIRO"], kiro::MODELS),
        // Models are named by the operator's own deployments.
        Provider { homeless: true, ..native(&azure::Azure, &["AZURE_OPENAI", "AZURE"], &[]) },
        // Logins, which no variable holds.
        native(&code_assist::CodeAssist, &[], code_assist::MODELS),
        native(&antigravity::Antigravity, &[], antigravity::MODELS),
        native(&claude::Claude, &[], claude::MODELS),
        native(&codex::Codex, &[], codex::MODELS),
        native(&qwen::Qwen, &[], qwen::MODELS),
    ];
    openai::PROVIDERS.iter().map(row).chain(natives).collect()
}

/// The provider that `name` means: the one of that name, else one that also answers to it.
fn known_as(name: &str) -> Option<&'static Provider> {
    let name = normal(name);
    let own = known().iter().find(|known| known.name == name);
    own.or_else(|| known().iter().find(|known| known.answers_to(&name)))
}

/// Stems that are never a provider of an operator's own.
const RESERVED: &[&str] = &["SLUICE", "ADMIN", "CLOUDFLARE", "CF", "DEMO"];

/// Every other `X_API_KEY` with an `X_BASE_URL`.
fn custom(
    names: &[String],
    known: &[Provider],
    get: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<String>,
) -> Vec<Provider> {
    let reserved = |stem: &str| {
        RESERVED.iter().any(|word| stem == *word || stem.strip_prefix(word).is_some_and(|rest| rest.starts_with('_')))
            || known.iter().any(|provider| provider.stems.iter().any(|known| known == stem))
    };
    let mut stems: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix("_API_KEY")).collect();
    stems.retain(|stem| !stem.is_empty() && !reserved(stem) && text(get, stem, "BASE_URL").is_some());
    stems.sort_unstable();
    stems.dedup();
    let provider = |stem: &str| Provider {
        name: normal(stem),
        stems: vec![stem.to_owned()],
        upstream: speaking(text(get, stem, "PROTOCOL").as_deref()).unwrap_or_else(|why| {
            problems.push(format!("{stem}_PROTOCOL: {why}; taken as chat"));
            &openai::CUSTOM
        }),
        models: &[],
        keyless: false,
        homeless: true,
    };
    stems.into_iter().map(provider).collect()
}

/// A server that is known by nothing but the protocol it speaks.
fn speaking(protocol: Option<&str>) -> Result<&'static dyn Upstream, String> {
    match protocol {
        None | Some("chat" | "openai") => Ok(&openai::CUSTOM),
        Some("messages" | "anthropic") => Ok(&anthropic::Anthropic),
        Some("gemini" | "google") => Ok(&google::Google),
        Some(other) => Err(format!("{other}: expected chat, messages or gemini")),
    }
}

/// Who `provider` is: one we know, or else any server that speaks `protocol`.
pub fn upstream(provider: &str, protocol: Option<&str>) -> Result<&'static dyn Upstream, String> {
    if provider == "demo" {
        return Ok(&demo::Demo);
    }
    match known_as(provider) {
        Some(known) => Ok(known.upstream),
        None => speaking(protocol).map_err(|why| format!("protocol: {why}")),
    }
}

/// The name under which `provider` is known here.
pub fn canonical(provider: &str) -> String {
    let name = normal(provider.trim());
    known_as(&name).map_or(name, |known| known.name.clone())
}

/// A provider that an operator can add an account of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "KeyProvider"))]
pub struct Offered {
    pub name: String,
    /// How an account is made: `key`, `device`, `paste` or `import`.
    pub login: &'static str,
    /// It has no usual address.
    pub needs_base_url: bool,
}

pub fn providers() -> Vec<Offered> {
    // What no variable holds has no key.
    known()
        .iter()
        .filter(|known| !known.stems.is_empty())
        .map(|known| Offered { name: known.name.clone(), login: "key", needs_base_url: known.homeless })
        .collect()
}

/// The variables that hold keys of `provider`.
pub fn variables(provider: &str) -> Vec<String> {
    let mut names: Vec<String> =
        known_as(provider).iter().flat_map(|known| &known.stems).map(|stem| format!("{stem}_API_KEY")).collect();
    if provider == bedrock::NAME {
        names.extend(["AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID"].map(str::to_owned));
    }
    names
}

/// A stored account, still without its credential. The error is a sentence for whoever stores it.
pub fn stored(record: &Record, addresses: Addresses) -> Result<Setup, String> {
    let provider = normal(&record.provider);
    let known = known_as(&provider);
    let base = record
        .base_url
        .as_deref()
        .map(|base| addresses.base_url(base))
        .transpose()
        .map_err(|why| format!("base_url: {why}"))?;
    if base.is_none() && provider != "demo" && known.is_none_or(|known| known.homeless) {
        return Err(format!("base_url: {provider} has no usual address"));
    }
    let upstream = upstream(&provider, record.protocol.as_deref())?;
    let declared = !record.allow.is_empty();
    let usual = known.iter().filter(|_| !declared).flat_map(|known| known.models).map(|&pattern| pattern.to_owned());
    let denied = record.deny.iter().map(|pattern| format!("!{pattern}"));
    Ok(Setup {
        account: Account {
            id: record.id.clone(),
            provider: known.map_or_else(|| provider.clone(), |known| known.name.clone()),
            label: record.label.clone(),
            priority: record.priority,
            weight: record.weight,
            enabled: record.enabled && record.weight > 0 && record.sign_in.is_none(),
            allow: record.allow.clone(),
            deny: record.deny.clone(),
            cap: record.cap,
            group: record.group.clone(),
        },
        upstream,
        base_url: base,
        headers: record.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        credential: Credential::default(),
        models: usual.chain(record.allow.iter().cloned()).chain(denied).collect(),
        declared,
        aliases: known.map_or_else(Vec::new, |known| known.stems.iter().map(|stem| normal(stem)).collect()),
        offers: None,
    })
}

fn accounts(provider: &Provider, get: &dyn Fn(&str) -> Option<String>, found: &mut Accounts) {
    let first = |suffix: &str| {
        provider.stems.iter().find_map(|stem| text(get, stem, suffix).map(|value| (format!("{stem}_{suffix}"), value)))
    };
    let mut keys: Vec<String> = provider.stems.iter().filter_map(|stem| text(get, stem, "API_KEY")).collect();
    if provider.name == bedrock::NAME {
        keys.extend(get("AWS_BEARER_TOKEN_BEDROCK").filter(|key| !key.trim().is_empty()));
    }
    let keys = keys.join(",");
    let mut keys: Vec<&str> = keys.split([',', '\n']).map(str::trim).collect();
    let addresses = Addresses::of(get(address::VARIABLE).as_deref());
    let base_url = match first("BASE_URL").map(|(name, value)| (name, addresses.base_url(&value))) {
        Some((name, Err(why))) => return found.problems.push(format!("{name}: {why}; {} is not used", provider.name)),
        Some((_, Ok(base))) => Some(base),
        None if provider.homeless => return,
        None => None,
    };
    if provider.keyless && keys.iter().all(|key| key.is_empty()) {
        keys = vec![""];
    } else {
        keys = keys
            .iter()
            .enumerate()
            .map(|(at, key)| if keys.iter().take(at).any(|earlier| earlier == key) { "" } else { key })
            .collect();
    }
    let mut number = |suffix: &str, default: u32| match first(suffix) {
        None => default,
        Some((name, value)) => value.parse().unwrap_or_else(|_| {
            found.problems.push(format!("{name}: expected a number from 0 up; taken as {default}"));
            default
        }),
    };
    let (priority, weight) = (number("PRIORITY", 0), number("WEIGHT", 1));
    let listed = first("MODELS").map_or_else(Vec::new, |(_, list)| split(&list));
    let (deny, allow): (Vec<String>, Vec<String>) = listed.iter().cloned().partition(|item| item.starts_with('!'));
    let declared = !allow.is_empty();
    // Exclusions alone are exclusions from the usual.
    let usual = provider.models.iter().filter(|_| !declared).map(|&pattern| pattern.to_owned());
    let models: Vec<String> = usual.chain(listed).collect();
    let deny: Vec<String> = deny.iter().map(|item| item.trim_start_matches('!').to_owned()).collect();
    let mut details: BTreeMap<String, Secret> = DETAILS
        .iter()
        .filter_map(|suffix| Some((suffix.to_ascii_lowercase(), Secret::new(first(suffix)?.1))))
        .collect();
    if provider.name == bedrock::NAME
        && let Some(region) = text(get, "AWS", "REGION").or_else(|| text(get, "AWS", "DEFAULT_REGION"))
    {
        details.entry("region".to_owned()).or_insert_with(|| Secret::new(region));
    }
    let amazon = (provider.name == bedrock::NAME).then(|| amazon(get, &details)).flatten();
    // An access key alone is the first account, not one behind an empty place.
    keys.retain(|key| amazon.is_none() || !key.is_empty());
    let keys = keys.into_iter().map(|key| Credential {
        access: Secret::new(key),
        details: details.clone(),
        ..Credential::default()
    });
    for (place, credential) in
        (1..).zip(keys.chain(amazon)).filter(|(_, key)| provider.keyless || !key.access.is_empty())
    {
        found.setups.push(Setup {
            account: Account {
                allow: allow.clone(),
                deny: deny.clone(),
                ..account(&provider.name, place, priority, weight)
            },
            upstream: provider.upstream,
            base_url: base_url.clone(),
            headers: Vec::new(),
            credential,
            models: models.clone(),
            declared,
            aliases: provider.stems.iter().map(|stem| normal(stem)).collect(),
            offers: None,
        });
    }
}

/// Suffixes of variables whose values go with every credential of a provider, under their own names in lower case.
const DETAILS: &[&str] = &["REGION", "PROJECT_ID", "LOCATION", "ACCOUNT_ID", "API_VERSION", "PROFILE_ARN"];

/// An access key, from the variables that Amazon's own programs read.
fn amazon(get: &dyn Fn(&str) -> Option<String>, details: &BTreeMap<String, Secret>) -> Option<Credential> {
    let read = |name: &str| text(get, "AWS", name);
    let mut details = details.clone();
    details.insert("secret_access_key".to_owned(), Secret::new(read("SECRET_ACCESS_KEY")?));
    if let Some(session) = read("SESSION_TOKEN") {
        details.insert("session_token".to_owned(), Secret::new(session));
    }
    Some(Credential { access: Secret::new(read("ACCESS_KEY_ID")?), details, ..Credential::default() })
}

fn account(provider: &str, place: usize, priority: u32, weight: u32) -> Account {
    Account {
        id: format!("{provider}-{place}"),
        provider: provider.to_owned(),
        priority,
        weight,
        enabled: weight > 0,
        ..Account::default()
    }
}

fn text(get: &dyn Fn(&str) -> Option<String>, stem: &str, suffix: &str) -> Option<String> {
    get(&format!("{stem}_{suffix}")).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// `MY_PROXY`, `my_proxy` and `my-proxy` are one name.
fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn split(list: &str) -> Vec<String> {
    list.split([',', '\n']).map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn is_on(value: &str) -> bool {
    !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "off" | "no")
}
