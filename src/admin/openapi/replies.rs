//! What each route takes and answers. Types say most of it; what is put together as it is answered is said here.

use serde_json::{Map, Value, json};

use super::requests::{captures, one_of, page, query, rows as numbered, span, text as said, whole};
use super::{Told, Types, named, object, several};
use crate::admin::{
    accounts, audit, config, logins, models, overview, probe, restore, session, tokens, transfer, trial,
};
use crate::{clients, control, ledger, login, route, selftest, upstream};

const JSON: &str = "application/json";

/// Tables whose rows are shown as they lie, and what becomes of some of their columns.
pub fn rows() -> Vec<(String, Value)> {
    let sql = include_str!("../../../migrations/0001_books.sql");
    let flag = || json!({"type": "boolean"});
    let name = || json!({"type": "string", "description": "For people."});
    let dressed = [("token_name", name()), ("account_label", name())];
    let mut usage = columns(sql, "usage", &[]);
    let attempt = json!({"type": "object", "required": ["account", "provider", "model", "outcome", "ms"]});
    for (name, schema) in [("attempts", several(attempt)), ("stream", flag()), ("estimated", flag())] {
        usage["properties"][name] = schema;
    }
    let mut capture = columns(sql, "captures", &["body"]);
    for row in [&mut usage, &mut capture] {
        for (name, schema) in &dressed {
            row["properties"][*name] = schema.clone();
        }
    }
    usage["properties"]["captured"] = flag();
    let mut whole = capture.clone();
    whole["properties"]["request"] = json!({"description": "In the client's protocol."});
    whole["properties"]["answer"] = json!({"description": "In the client's protocol."});
    let mut sums = columns(sql, "daily", &[]);
    let keys = ["day", "token", "model", "account"];
    let required = sums["required"].as_array().unwrap().clone();
    sums["required"] = required.into_iter().filter(|name| !keys.iter().any(|key| name == key)).collect();
    let named = [("UsageRow", usage), ("Capture", capture), ("WholeCapture", whole), ("UsageSums", sums)];
    named.map(|(name, schema)| (name.to_owned(), schema)).into()
}

/// The columns of a table as the statement that makes it says.
fn columns(sql: &str, table: &str, without: &[&str]) -> Value {
    let start = format!("CREATE TABLE IF NOT EXISTS {table} (\n");
    let body = sql.split(&start).nth(1).and_then(|rest| rest.split("\n)").next()).unwrap();
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for line in body.lines().map(|line| line.trim().trim_end_matches(',')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, kind, rest @ ..] = words.as_slice() else { continue };
        if without.contains(name) || *name == "PRIMARY" {
            continue;
        }
        let kind = if *kind == "TEXT" { "string" } else { "integer" };
        let may_lack = rest.is_empty();
        let schema = if may_lack { json!({"type": [kind, "null"]}) } else { json!({"type": kind}) };
        properties.insert((*name).to_owned(), schema);
        required.push(*name);
    }
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn list(item: Value) -> Value {
    object([("items", several(item)), ("next", json!({"type": ["string", "null"]}))])
}

fn counted(item: Value) -> Value {
    let mut list = list(item);
    list["properties"]["total"] = number();
    list["required"].as_array_mut().unwrap().push("total".into());
    list
}

/// All there are.
fn whole_list(item: Value) -> Value {
    object([("items", several(item)), ("next", json!({"type": "null"}))])
}

fn number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn maybe(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

fn config_shown() -> Value {
    object([("revision", number()), ("document", named("Config"))])
}

fn undo() -> Value {
    object([("undo", text())])
}

fn ok(group: &'static str, summary: &'static str, schema: Value) -> Told {
    Told { group, summary, replies: vec![(200, JSON, schema)], ..Told::default() }
}

fn nothing(group: &'static str, summary: &'static str) -> Told {
    Told { group, summary, replies: vec![(204, "", Value::Null)], ..Told::default() }
}

impl Told {
    fn asked(self, query: impl IntoIterator<Item = Value>) -> Self {
        Self { query: self.query.into_iter().chain(query).collect(), ..self }
    }

    fn body(self, schema: Value) -> Self {
        Self { body: Some(schema), ..self }
    }

    fn or(mut self, status: u16, content: &'static str, schema: Value) -> Self {
        self.replies.push((status, content, schema));
        self
    }

    fn made(mut self) -> Self {
        self.replies.iter_mut().for_each(|(status, ..)| *status = 201);
        self
    }

    fn refuses(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }
}

pub fn told(method: &str, path: &str, types: &mut Types) -> Option<Told> {
    let account = types.written::<accounts::View<'static>>();
    let token = types.written::<clients::View>();
    let sign_in = types.written::<login::View>();
    let problems = several(types.written::<route::document::Problem>());
    Some(match (method, path) {
        ("GET", "session") => {
            let configured = object([("admin", flag()), ("master", flag()), ("api_key", flag())]);
            let members =
                [("signed_in", flag()), ("version", text()), ("configured", configured), ("problem", maybe("string"))];
            ok("session", "Whether somebody is signed in, and what is set up.", object(members))
        }
        ("POST", "session") => {
            nothing("session", "Sign in: the answer sets a cookie.").body(types.read::<session::Credentials>())
        }
        ("DELETE", "session") => nothing("session", "Sign out."),
        ("GET", "accounts") => ok("accounts", "Accounts, by id.", counted(account))
            .asked(page())
            .asked([said("q", "Part of an id or a label."), said("provider", "Its name.")]),
        ("POST", "accounts") => {
            let problem =
                object([("line", number()), ("hint", text()), ("field", maybe("string")), ("message", text())]);
            let many = object([("created", several(account.clone())), ("problems", several(problem))]);
            let either = json!({"anyOf": [account, many.clone()]});
            ok("accounts", "Add an account, or with `keys` one for each line.", either)
                .made()
                .body(types.read::<accounts::Change>())
                .or(422, JSON, json!({"anyOf": [many, named("Error")]}))
                .refuses(&[409])
        }
        ("GET", "accounts/{id}") => ok("accounts", "One account.", account),
        ("PATCH", "accounts/{id}") => {
            ok("accounts", "Change what is named.", account).body(types.read::<accounts::Change>()).refuses(&[409])
        }
        ("DELETE", "accounts/{id}") => ok("accounts", "Remove an account; for ten minutes it can be undone.", undo()),
        ("POST", "accounts/{id}/cool") => {
            ok("accounts", "Let an account rest.", account).body(types.read::<accounts::Rest>())
        }
        ("POST", "accounts/{id}/reset") => ok("accounts", "Forget why an account rests.", account),
        ("POST", "accounts/{id}/models") => {
            let offers = several(types.written::<upstream::listing::Offer>());
            let members = [("provider", text()), ("items", offers), ("next", json!({"type": "null"}))];
            ok("accounts", "Ask an account's provider for its models, now.", object(members)).refuses(&[502])
        }
        ("GET" | "POST", "accounts/{id}/quota") => {
            let windows = several(types.written::<upstream::quota::Window>());
            let known = object([("quota", windows), ("at", maybe("integer"))]);
            match method {
                "GET" => ok("accounts", "What is known of an account's allowances.", known),
                _ => ok("accounts", "Ask an account's provider what is left, now.", known).refuses(&[429, 502, 504]),
            }
        }
        ("POST", "accounts/{id}/test") => {
            let failure = object([("message", text())]);
            let mut members = object([("ok", flag()), ("ms", maybe("integer")), ("model", maybe("string"))]);
            members["properties"]["status"] = number();
            members["properties"]["error"] = failure;
            ok("accounts", "One real call.", members).body(types.read::<probe::Wanted>())
        }
        ("POST", "accounts/{id}/refresh") => {
            ok("accounts", "Another token for an account, whatever is left of the one it has.", account)
                .refuses(&[400, 429, 502, 504])
        }
        ("GET", "audit") => {
            ok("audit", "Who changed what, newest first.", list(types.written::<ledger::Link>())).asked(numbered())
        }
        ("GET", "audit/verify") => {
            ok("audit", "Check a thousand lines of the chain.", types.written::<audit::Verdict>())
                .asked([whole("after", "`next` of the check before.")])
        }
        ("GET", "captures") => ok("captures", "Kept conversations, newest first.", list(named("Capture")))
            .asked(numbered())
            .asked(captures()),
        ("DELETE", "captures") => {
            let deleted = object([("deleted", number())]);
            ok("captures", "Forget those that fit: some at a time, until 0 are deleted.", deleted).asked(captures())
        }
        ("GET", "captures/export") => Told {
            group: "captures",
            summary: "A data set for training, a line for each conversation.",
            replies: vec![(200, "application/jsonl", text())],
            ..Told::default()
        }
        .asked(captures())
        .asked([
            one_of("format", &["chat", "pairs"], "`chat` unless said."),
            one_of("distinct", &["true", "false"], "Leave out what is part of a longer one; `true` unless said."),
        ]),
        ("GET", "captures/{id}") => ok("captures", "One conversation, word for word.", named("WholeCapture")),
        ("DELETE", "captures/{id}") => ok("captures", "Forget one conversation.", object([("deleted", number())])),
        ("GET", "config") => ok("config", "The configuration.", config_shown()),
        ("PUT", "config") => {
            let mut wrong = json!({"type": "object", "required": ["error", "problems"]});
            wrong["properties"] = json!({"error": {"type": "object"}, "problems": problems});
            ok("config", "Replace the configuration that has this revision.", config_shown())
                .body(config_shown())
                .or(422, JSON, wrong)
                .refuses(&[409])
        }
        ("GET", "config/schema") => {
            ok("config", "The JSON Schema of the configuration.", json!({"type": "object", "required": ["$schema"]}))
        }
        ("GET", "config/history") => {
            let past = [("revision", number()), ("until", number()), ("actor", text()), ("document", named("Config"))];
            ok("config", "What the configuration was, newest first.", whole_list(object(past)))
        }
        ("POST", "config/validate") => {
            ok("config", "What is wrong with a document, without taking it.", object([("problems", problems)]))
                .body(json!({}))
        }
        ("POST", "config/undo") => {
            ok("config", "Go back to the configuration before.", config_shown()).refuses(&[400, 404, 409])
        }
        ("GET", "health") => {
            let vault = json!({"type": "object", "required": ["state"], "properties": {"state": text()}});
            ok("service", "Whether credentials can be read.", object([("vault", vault), ("accounts", number())]))
        }
        ("POST", "route/explain") => {
            let explained = json!({"type": "object", "required": ["order", "accounts"], "properties": {
                "route": text(), "effort": text(), "denial": {},
                "order": several(json!({"type": "object"})), "accounts": several(json!({"type": "object"}))}});
            ok("config", "Whom a call would go to, and why.", explained)
                .body(types.read::<config::Question>())
                .refuses(&[404, 429])
        }
        ("POST", "import") => {
            let taken = several(types.written::<transfer::Taken>());
            let config = json!({"type": ["object", "null"], "required": ["action"], "properties": {
                "action": {"enum": ["skip", "update", "refuse"]}, "problems": problems}});
            let members = [("dry_run", flag()), ("accounts", taken.clone()), ("tokens", taken), ("config", config)];
            ok("moving", "Take in a bundle or a backup. Nothing is taken away.", object(members))
                .body(types.read::<transfer::Incoming>())
                .asked([query(
                    "dry_run",
                    json!({"type": "string", "enum": ["0", "1"]}),
                    "`1`: only say what would be done.",
                )])
        }
        ("GET", "export") => {
            let records = several(json!({"type": "object"}));
            let members = [
                ("format", text()),
                ("made", number()),
                ("version", text()),
                ("accounts", records.clone()),
                ("tokens", records),
                ("config", named("Config")),
            ];
            ok("moving", "Everything there is, credentials under seal.", object(members))
        }
        ("POST", "logins") => ok("logins", "Begin a sign-in at a provider.", sign_in)
            .made()
            .body(types.read::<logins::Wanted>())
            .refuses(&[404, 409, 502, 504]),
        ("GET", "logins/{id}") => ok("logins", "How a sign-in stands.", sign_in),
        ("DELETE", "logins/{id}") => nothing("logins", "Give a sign-in up."),
        ("POST", "logins/{id}/paste") => ok("logins", "Hand in what the provider's page showed.", sign_in)
            .body(types.read::<logins::Pasted>())
            .refuses(&[409, 502, 504]),
        ("GET", "models") => {
            let (items, lists) = (types.written::<models::Offered>(), types.written::<models::Read<'static>>());
            let members = [("items", several(items)), ("next", json!({"type": "null"})), ("lists", several(lists))];
            ok("models", "What can be asked for, and what it costs.", object(members))
                .asked([said("provider", "Its name.")])
                .refuses(&[404])
        }
        ("POST", "models/refresh") => {
            let asked = several(types.written::<control::lists::Surveyed>());
            ok("models", "Ask providers for their models, now.", object([("asked", asked)]))
                .body(types.read::<models::Refresh>())
        }
        ("GET", "overview") => {
            let days = query("days", json!({"type": "integer", "enum": [1, 7, 30], "default": 7}), "How many days.");
            ok("usage", "What was used, what it cost, whether it works.", types.written::<overview::Overview>())
                .asked([days])
        }
        ("GET", "providers") => {
            let (sign_ins, keys) = (types.written::<logins::Offered>(), types.written::<crate::accounts::Offered>());
            ok(
                "accounts",
                "Providers, and how an account of each is made.",
                several(json!({"anyOf": [sign_ins, keys]})),
            )
        }
        ("POST", "restore") => {
            let recalled = several(types.written::<control::copies::Recalled>());
            let members = [("dry_run", flag()), ("accounts", recalled), ("next", maybe("string"))];
            ok("moving", "Take accounts from their sealed copies in KV, a hundred at a time.", object(members))
                .body(types.read::<restore::Wanted>())
        }
        ("POST", "rules/try") => {
            let trial = json!({"type": "object", "required": ["before", "after", "parameters", "hits", "refused", "answer"],
                "properties": {"before": text(), "after": text(), "parameters": several(json!({})), "hits": {},
                "refused": maybe("string"), "answer": maybe("string")}});
            ok("config", "What rules and filters make of a request and an answer.", trial)
                .body(types.read::<trial::Question>())
                .refuses(&[422])
        }
        ("GET", "tail") => Told {
            group: "service",
            summary: "What happens from now on: events of `text/event-stream`, without an end.",
            replies: vec![(200, "text/event-stream", text())],
            ..Told::default()
        },
        ("GET", "metrics") => Told {
            group: "service",
            summary: "Figures as Prometheus reads them.",
            replies: vec![(200, "text/plain", text())],
            ..Told::default()
        },
        ("GET", "tokens") => ok("tokens", "Client tokens, by id.", counted(token))
            .asked(page())
            .asked([said("q", "Part of an id, a name or a project.")]),
        ("POST", "tokens") => {
            let key =
                json!({"type": ["string", "null"], "description": "One that clients have; it is not shown again."});
            let key = json!({"type": "object", "required": ["name"], "properties": {"key": key}});
            let terms = token_terms(types);
            let body = merged(terms, &key);
            ok(
                "tokens",
                "A new token; its key is shown this once.",
                object([("token", token), ("key", maybe("string"))]),
            )
            .made()
            .body(body)
        }
        ("GET", "tokens/{id}") => ok("tokens", "One token.", token),
        ("PATCH", "tokens/{id}") => ok("tokens", "Change what is named; `null` takes it away.", token)
            .body(merged(token_terms(types), &json!({"properties": {"revision": number()}})))
            .refuses(&[409]),
        ("DELETE", "tokens/{id}") => ok("tokens", "Remove a token; for ten minutes it can be undone.", undo()),
        ("POST", "tokens/{id}/rotate") => ok(
            "tokens",
            "A new key; the old one works as long as is said.",
            object([("token", token), ("key", text())]),
        )
        .body(types.read::<tokens::Rotation>()),
        ("GET", "usage") => {
            let mut page = list(named("UsageRow"));
            for (name, schema) in [("lost", number()), ("degraded", flag_or_number())] {
                page["properties"][name] = schema;
                page["required"].as_array_mut()?.push(name.into());
            }
            let names = [
                ("token", "Its id."),
                ("model", "As the client or the provider names it."),
                ("account", "Its id."),
                ("status", "`ok`, `error`, or a number."),
            ];
            ok("usage", "Calls, newest first.", page)
                .asked(numbered())
                .asked(span())
                .asked(names.map(|(name, what)| said(name, what)))
        }
        ("GET", "usage/daily") => {
            let by = said("by", "Some of `day`, `token`, `model` and `account`, with commas; `day` unless said.");
            ok("usage", "Sums of days.", object([("items", several(named("UsageSums")))])).asked(span()).asked([by])
        }
        ("GET", "usage/{id}") => ok("usage", "One call.", named("UsageRow")),
        ("POST", "selftest") => ok("service", "Measure this deployment.", types.written::<selftest::Report>()),
        ("GET", "prices") => {
            let rates = || {
                let names = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"];
                object(names.map(|name| (name, number())))
            };
            let tier = object([("over", number()), ("rates", rates())]);
            let item = object([("model", text()), ("rates", rates()), ("tiers", several(tier))]);
            ok("models", "The shipped prices.", object([("items", several(item)), ("unit", text())]))
        }
        ("POST", "undo/{id}") => ok("moving", "Bring an account or a token back.", json!({"anyOf": [account, token]})),
        _ => return None,
    })
}

/// What may be said of a token, in place.
fn token_terms(types: &mut Types) -> Value {
    types.read::<clients::Terms>();
    types.read.definitions()["TokenTerms"].clone()
}

fn merged(mut schema: Value, more: &Value) -> Value {
    for (name, member) in more["properties"].as_object().unwrap() {
        schema["properties"][name] = member.clone();
    }
    if let Some(required) = more.get("required") {
        schema["required"] = required.clone();
    }
    schema
}

fn flag_or_number() -> Value {
    json!({"type": ["boolean", "integer"]})
}
