//! `docs/PROVIDERS.md` is made of the code, and fails here when it is stale. `UPDATE_DOCS=1` writes it anew.

use std::fmt::Write as _;

use super::rig::{CLIENTS, Play, folder, hear, simple_call};
use super::script::stream;
use super::upstreams::setups;
use crate::accounts;
use crate::fault::Millis;
use crate::ir::Protocol;
use crate::oauth;
use crate::route::resolve;
use crate::upstream::{Credential, Secret, Target, Upstream, payload};

/// A row that only tests have.
const NEWCOMER: &str = "newcomer";

const HEAD: &str = "# Providers

This table is made of the code (`src/tests/providers.rs` fails when it is stale).

- **Keys**: variables that hold them, separated by commas; each key is an account. The same providers take accounts
  through the console and the API.
- **Sign-in**: how an account is made that has no key: *device* (a code to type elsewhere), *paste* (the address the
  browser ended at), *import* (a file). What a sign-in gave is renewed before it ends.
- **Wires**: what is spoken to the provider, for clients of Chat, Responses, Messages, Gemini and Ollama in this order. A
  client of the same wire is relayed byte for byte.
- **Quota**: whether the provider tells what is left. **Models**: whether it lists them.
- **Terms**: what kind of terms an account is under. Read the provider's own before you use it.

A key is made for programs. A sign-in is somebody's subscription, and its terms say with which programs it may be used;
several providers allow only their own. Which accounts are used this way is between the operator and the provider.
Sluice sends its own name everywhere.

";

fn target(upstream: &'static dyn Upstream, name: &str) -> Target {
    let details = ["project_id", "account_id", "profile_arn"].map(|name| (name.to_owned(), Secret::new("x")));
    Target {
        account: name.to_owned(),
        provider: name.to_owned(),
        upstream,
        base_url: None,
        model: "m".to_owned(),
        headers: Vec::new(),
        credential: Credential { access: Secret::new("k"), details: details.into(), ..Credential::default() },
    }
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Chat => "Chat",
        Protocol::Responses => "Responses",
        Protocol::Messages => "Messages",
        Protocol::Gemini => "Gemini",
        Protocol::Ollama => "Ollama",
        Protocol::Kiro => "Kiro",
        Protocol::Converse => "Converse",
    }
}

/// What the provider is spoken to in, said once if it is the same for all clients.
fn wires(target: &Target) -> String {
    let order = [Protocol::Chat, Protocol::Responses, Protocol::Messages, Protocol::Gemini, Protocol::Ollama];
    assert_eq!(order.len(), CLIENTS.len());
    let words = order.map(|client| word(target.upstream.speaks(client, target).protocol()));
    if words.iter().all(|word| *word == words[0]) { words[0].to_owned() } else { words.join(", ") }
}

fn logins(name: &str) -> Vec<String> {
    let of_account = oauth::table::PROVIDERS.iter().filter(|login| login.account == name);
    let told = |login: &oauth::Provider| {
        let how = match (&login.device, &login.code) {
            (Some(_), Some(_)) => "device or paste",
            (Some(_), None) => "device",
            (None, Some(_)) => "paste",
            (None, None) => "import",
        };
        let secret = if login.needs_secret { format!(", `{}_CLIENT_SECRET`", login.prefix) } else { String::new() };
        let once = if login.rotates { ", each renewal replaces its refresh token" } else { "" };
        format!("{}: {how}{secret}{once}", login.title)
    };
    of_account.map(told).collect()
}

/// What the terms of the provider are about; not what they say, which changes.
fn terms(name: &str, keys: bool, logins: bool) -> String {
    let key = if name == "kimi" { "API key of a subscription for coding" } else { "API key" };
    let login = "sign-in: one's own account only, other programs may be restricted";
    [(keys, key), (logins, login)].iter().filter(|(is, _)| *is).map(|(_, note)| *note).collect::<Vec<_>>().join("; ")
}

fn row(name: &str, keys: &[String], terms: &str, target: &Target) -> String {
    let told = |is: bool| if is { "yes" } else { "" };
    let quota = target.upstream.quota_request(target).is_some();
    let models = target.upstream.models_request(target, None).is_some();
    let (keys, logins, wires) = (keys.join(", "), logins(name).join("; "), wires(target));
    let row = format!("| {name} | {keys} | {logins} | {wires} | {} | {} | {terms} |", told(quota), told(models));
    row.replace("|  |", "| |").replace("|  |", "| |")
}

fn table() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| provider | keys | sign-in | wires | quota | models | terms |\n|---|---|---|---|---|---|---|\n");
    let mut offered: Vec<(String, bool)> =
        accounts::providers().into_iter().map(|offered| (offered.name, offered.needs_base_url)).collect();
    // What takes no key is offered by its sign-in alone.
    offered.extend(oauth::table::PROVIDERS.iter().map(|login| (login.account.to_owned(), false)));
    offered.retain(|(name, _)| name != NEWCOMER);
    offered.sort();
    offered.dedup_by(|later, first| later.0 == first.0);
    let mut rows: Vec<String> = offered
        .iter()
        .map(|(name, needs_base_url)| {
            let target = target(accounts::upstream(name, None).unwrap(), name);
            let mut keys: Vec<String> = accounts::variables(name).iter().map(|name| format!("`{name}`")).collect();
            let terms = terms(name, !keys.is_empty(), !logins(name).is_empty());
            if *needs_base_url && !keys.is_empty() {
                keys.push("and an address".to_owned());
            }
            row(name, &keys, &terms, &target)
        })
        .collect();
    let bound = accounts::bound();
    let own = "the deployment's own Cloudflare account";
    let keys = ["none: the binding `AI`".to_owned()];
    rows.push(row(&bound.account.provider, &keys, own, &bound.target("@cf/m")));
    rows.sort();
    for row in rows {
        writeln!(text, "{row}").unwrap();
    }
    text
}

#[test]
fn the_table_of_providers_is_what_the_code_says() {
    let path = folder("../docs/PROVIDERS.md");
    let expected = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "stale: UPDATE_DOCS=1 cargo test the_table_of_providers writes it anew");
}

#[test]
fn a_sign_in_leads_to_accounts_by_their_providers_own_name() {
    for login in oauth::table::PROVIDERS {
        assert_eq!(accounts::canonical(login.account), login.account, "{}", login.name);
    }
}

#[test]
fn nobody_asks_for_quota_or_models_of_another_host() {
    for offered in accounts::providers() {
        let mut target = target(accounts::upstream(&offered.name, None).unwrap(), &offered.name);
        target.base_url = Some("http://127.0.0.1:9".to_owned());
        target.credential.expires = Some(Millis(1));
        let asked = [target.upstream.quota_request(&target), target.upstream.models_request(&target, None)];
        for request in asked.into_iter().flatten() {
            assert!(request.url.starts_with("http://127.0.0.1:9/"), "{}: {}", offered.name, request.url);
        }
    }
}

#[test]
fn one_row_is_all_that_a_provider_takes_to_answer_every_client() {
    let setups = setups(&[("NEWCOMER_API_KEY", "k-1,k-2")]);
    assert_eq!(setups.len(), 2);
    for asked in ["newcomer-7b", "newcomer/anything"] {
        let ask = resolve(asked, None, &setups).unwrap();
        let providers = ask.tiers.iter().flatten().map(|goal| goal.provider.as_str());
        assert_eq!(providers.collect::<Vec<_>>(), [NEWCOMER]);
    }
    assert!(accounts::providers().iter().any(|offered| offered.name == NEWCOMER && !offered.needs_base_url));
    for &client in CLIENTS {
        let call = simple_call(client, true);
        let target = setups[0].target("newcomer-7b");
        let payload = payload(&call, &target).unwrap();
        let request = target.upstream.request(&call, &target, &payload).unwrap();
        assert_eq!(request.url, "https://api.newcomer.example/v1/chat/completions");
        let bearer = request.headers.iter().find(|(name, _)| *name == "authorization");
        assert_eq!(bearer.map(|(_, value)| value.as_str()), Some("Bearer k-1"));
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((&body["model"], &body["stream"]), (&"newcomer-7b".into(), &true.into()));
        let played = Play::new(&call, &payload).run([stream(Protocol::Chat, "text").as_bytes()]);
        let heard = hear(client, &played.out);
        assert_eq!((played.error, heard.failures, heard.finishes.len()), (None, 0, 1), "{client:?}");
        assert_eq!(heard.text, "Grüße, 日本語のテキスト 😀\n", "{client:?}");
        let listing = target.upstream.models_request(&target, None).unwrap();
        assert_eq!(listing.url, "https://api.newcomer.example/v1/models");
    }
}
