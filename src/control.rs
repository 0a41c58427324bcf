//! What the object knows and decides: who calls, which accounts there are, which of them answers, with what credential.
//!
//! ```text
//!  Inquiry ──> caller ──> route ──> pool.plan ──> Grant: a lease, up to four accounts, what each needs to be asked
//!  Settlement ──> pool.report
//!  admin::Request ──> records, configuration ──> rows, effects
//! ```
//!
//! Pure, like everything here: the shell loads the rows, hands over what comes in, and stores [`Control::changes`]
//! before it answers. The object is asked once before an answer and told once after it, so what is changed here holds
//! from the next call on, everywhere.

pub mod audit;
pub mod balance;
pub mod billing;
pub mod copies;
pub mod denials;
pub mod health;
pub mod inquiry;
pub mod lists;
pub mod logins;
pub mod metrics;
pub mod news;
pub mod queue;
pub mod quota;
pub mod quotas;
pub mod record;
pub mod renewal;
pub mod sessions;
pub mod states;
pub mod stock;
pub mod tally;

use std::collections::{BTreeMap, BTreeSet};

use crate::access::Caller;
use crate::accounts::Setup;
use crate::accounts::address::Addresses;
use crate::call::Operation;
use crate::clients::Clients;
use crate::config::{Config, Document};
use crate::fault::{Failure, Kind, Millis};
use crate::filter::Filter;
use crate::ir::Protocol;
use crate::models::lists::Lists;
use crate::pool::{Ask, Goal, Look, Pool, Row, Settlement};
use crate::prices::Sold;
use crate::refresh::Flights;
use crate::route;
use crate::route::choose::{Asked, Chosen, Knowledge};
use crate::rules::{self, Parameters, Rule, Subject};
use crate::upstream;
use crate::vault::{Vault, VaultError};

use self::audit::Audit;
use self::billing::Receipt;
use self::copies::Copies;
use self::denials::Denials;
use self::inquiry::{Denied, Explained, Grant, Inquiry, Lead, Stranded};
use self::logins::Logins;
use self::metrics::Metrics;
use self::queue::Queue;
use self::quota::Quotas;
use self::record::Record;
use self::sessions::Sessions;
use self::stock::Index;
use self::tally::Tally;

pub struct Control {
    pool: Pool,
    /// Without a master key nothing can be stored or opened.
    vault: Result<Vault, VaultError>,
    /// The deployment's own key, which is not ours to check; only whether there is one.
    has_own_key: bool,
    addresses: Addresses,
    /// From the deployment's variables, in their order.
    environment: Vec<Setup>,
    records: BTreeMap<String, Record>,
    /// Every account that can be asked, by id.
    setups: BTreeMap<String, Setup>,
    /// What makes accounts differ in what they offer, each once: routing looks at these, however many accounts share
    /// one.
    faces: Vec<Setup>,
    /// Accounts have changed since [`Control::gather`].
    scattered: bool,
    index: Index,
    quotas: Quotas,
    copies: Copies,
    queue: Queue,
    flights: Flights,
    config: Config,
    lists: Lists,
    logins: Logins,
    sessions: Sessions,
    /// Accounts that were deleted, and until when that can be undone.
    discarded: Vec<(Record, Millis)>,
    clients: Clients,
    lost: u64,
    pub(crate) metrics: Metrics,
    /// How accounts were when that was last asked.
    known: BTreeMap<String, states::State>,
    /// Calls that went on without us since we woke.
    alone: u64,
    tally: Tally,
    denials: Denials,
    audit: Audit,
    unsaved: BTreeSet<Key>,
}

/// Rows of our own, beside the pool's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Record(String),
    Quota(String),
    Config,
    Copies,
}

const CONFIG: &str = "config/document";
const COPIES: &str = "mirror/owed";

impl Key {
    fn name(&self) -> String {
        match self {
            Self::Record(id) => format!("record/{id}"),
            Self::Quota(id) => format!("quota/{id}"),
            Self::Config => CONFIG.to_owned(),
            Self::Copies => COPIES.to_owned(),
        }
    }
}

impl Control {
    pub fn new(environment: Vec<Setup>, vault: Result<Vault, VaultError>, has_own_key: bool) -> Self {
        let mut control = Self {
            pool: Pool::default(),
            vault,
            has_own_key,
            addresses: Addresses::default(),
            environment,
            records: BTreeMap::new(),
            setups: BTreeMap::new(),
            faces: Vec::new(),
            scattered: true,
            index: Index::default(),
            quotas: Quotas::default(),
            copies: Copies::default(),
            queue: Queue::default(),
            flights: Flights::default(),
            config: Config::new(),
            lists: Lists::default(),
            logins: Logins::default(),
            sessions: Sessions::default(),
            discarded: Vec::new(),
            clients: Clients::default(),
            lost: 0,
            metrics: Metrics::default(),
            known: BTreeMap::new(),
            alone: 0,
            tally: Tally::default(),
            denials: Denials::default(),
            audit: Audit::default(),
            unsaved: BTreeSet::new(),
        };
        control.seat_all();
        control
    }

    /// Accounts may be at other addresses than public ones.
    #[must_use]
    pub fn at(self, addresses: Addresses) -> Self {
        Self { addresses, ..self }
    }

    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Rows stored from [`Control::changes`]. One that cannot be read is left as it is stored: it may hold a credential.
    pub fn load(&mut self, rows: impl IntoIterator<Item = (String, String)>, now: Millis) -> Vec<String> {
        let mut problems = Vec::new();
        let mut others = Vec::new();
        for (name, value) in rows {
            match name.split_once('/') {
                Some(("config", _)) => match Config::load(&value) {
                    Ok(config) => self.config = config,
                    Err(why) => problems.push(format!("the configuration cannot be read: {why}")),
                },
                Some(("record", id)) => match serde_json::from_str::<Record>(&value) {
                    Ok(record) => drop(self.records.insert(id.to_owned(), record)),
                    Err(error) => problems.push(format!("account {id} cannot be read: {error}")),
                },
                Some(("mirror", _)) => self.copies.load(&value),
                Some(("quota", id)) => self.quotas.load(id, &value),
                Some(("audit", name)) => {
                    if let Err(error) = self.audit.load(name, &value) {
                        problems.push(format!("a line of the audit log cannot be read: {error}"));
                    }
                }
                Some(("day", number)) => match number.parse() {
                    Ok(number) => self.tally.load(number, value, now),
                    Err(_) => problems.push("a day's sums cannot be read".to_owned()),
                },
                Some(("session", hash)) => match value.parse() {
                    Ok(until) => self.sessions.load(hash.to_owned(), Millis(until)),
                    Err(_) => problems.push("a session cannot be read".to_owned()),
                },
                Some(("list", of)) => {
                    if let Err(error) = self.lists.load(of, &value) {
                        problems.push(format!("the models of {of} cannot be read: {error}"));
                    }
                }
                Some(("login", id)) => {
                    if let Err(error) = self.logins.load(self.vault.as_ref(), id, &value) {
                        problems.push(format!("a sign-in cannot be read: {error}"));
                    }
                }
                _ => others.push((name, value)),
            }
        }
        self.seat_all();
        problems.extend(self.clients.load(others.iter().cloned()));
        self.pool.load(others, now);
        // What was told before a restart is not told again.
        let _ = self.turned(now);
        problems
    }

    /// What must be stored since this was last asked.
    pub fn changes(&mut self) -> Vec<Row> {
        self.gather();
        let mut rows = self.pool.changes();
        rows.extend(self.clients.changes());
        for key in std::mem::take(&mut self.unsaved) {
            let value = match &key {
                Key::Record(id) => self.records.get(id).and_then(|record| serde_json::to_string(record).ok()),
                Key::Quota(id) => self.quotas.row(id),
                Key::Config => self.config.row(),
                Key::Copies => self.copies.row(),
            };
            rows.push(Row { key: key.name(), value });
        }
        for (id, sealed) in self.logins.changes() {
            rows.push(Row { key: format!("login/{id}"), value: sealed });
        }
        rows.extend(self.lists.changes().into_iter().map(|(key, value)| Row { key, value }));
        rows.extend(self.audit.rows().into_iter().map(|(name, value)| Row { key: format!("audit/{name}"), value }));
        for (hash, until) in self.sessions.changes() {
            rows.push(Row { key: format!("session/{hash}"), value: until.map(|until| until.0.to_string()) });
        }
        rows
    }

    /// Who may be answered, by whom, and with what.
    pub fn plan(&mut self, inquiry: &Inquiry, now: Millis) -> Result<Grant, Denied> {
        self.decide(inquiry, now).map_err(|denied| {
            self.metrics.refused(denied.failure.status);
            self.deny(inquiry, denied, now)
        })
    }

    fn decide(&mut self, inquiry: &Inquiry, now: Millis) -> Result<Grant, Denied> {
        let payer = self.payer(&inquiry.caller, now)?;
        let payer = payer.as_deref();
        if let Some(id) = payer {
            self.clients.permit(id, &billing::wanted(inquiry), now)?;
        }
        self.gather();
        let chosen = self.choose(inquiry).map_err(|failure| self.unless_locked(failure))?;
        let (rules, filters) = self.passing(payer, inquiry, &chosen);
        let hedges = chosen.route.as_ref().and_then(|name| self.config.routes.routes.get(name)?.hedge) == Some(true);
        let ask = self.narrowed(payer, inquiry, chosen.ask)?;
        let hedge_ms = if hedges { self.pool.usual_first_ms(&ask) } else { None };
        if inquiry.operation == Operation::CountTokens && !self.counts(inquiry, &ask) {
            return Ok(Grant { estimate: true, ..Grant::default() });
        }
        let plan = self.pool.plan(&ask, now).map_err(|denial| denial.failure(now))?;
        let held =
            payer.map(|id| self.hold(id, inquiry, &plan.candidates, plan.lease, hedge_ms.is_some(), now)).transpose();
        let held = held.inspect_err(|_| {
            // Nobody will be asked: the place is free again.
            self.pool.report(&Settlement { lease: plan.lease, done: true, ..Settlement::default() }, now);
        })?;
        let (payer, headers) = held.map_or((None, Vec::new()), |(payer, headers)| (Some(payer), headers));
        let candidates = plan.candidates.into_iter();
        let leads = candidates.map(|candidate| Lead { lent: self.lend(&candidate.account), candidate }).collect();
        Ok(Grant { lease: plan.lease, leads, payer, headers, rules, filters, hedge_ms, ..Grant::default() })
    }

    /// Others to ask, under the lease of a call whose candidates have all failed.
    pub fn more(&mut self, stranded: &Stranded, now: Millis) -> Result<Vec<Lead>, Denied> {
        let Stranded { inquiry, so_far } = stranded;
        self.gather();
        self.learn(so_far, now);
        self.pool.report(so_far, now);
        let payer = self.payer(&inquiry.caller, now)?;
        let ask = self.narrowed(payer.as_deref(), inquiry, self.choose(inquiry)?.ask)?;
        let candidates = self.pool.more(&ask, so_far.lease, now).into_iter();
        Ok(candidates.map(|candidate| Lead { lent: self.lend(&candidate.account), candidate }).collect())
    }

    pub fn report(&mut self, settlement: &Settlement, now: Millis) -> Receipt {
        self.learn(settlement, now);
        let again = self.pool.is_settled(settlement.lease);
        self.pool.report(settlement, now);
        let receipt = self.charge(settlement, again, now);
        self.metrics.settled(settlement, &receipt.cost);
        receipt
    }

    /// What was used lately.
    pub fn lately(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// The rows of [`Control::lately`], which are stored apart: a call need not wait for them.
    pub fn tallied(&mut self) -> Vec<Row> {
        let rows = self.tally.rows().into_iter();
        rows.map(|(day, value)| Row { key: format!("day/{day}"), value }).collect()
    }

    /// Why [`Control::plan`] would answer as it would.
    pub fn explain(&mut self, inquiry: &Inquiry, now: Millis) -> Result<Explained, Denied> {
        self.gather();
        let Chosen { ask, route, effort } = self.choose(inquiry)?;
        Ok(Explained { route, effort, explanation: self.pool.explain(&ask, now) })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Change the configuration, if `change` does.
    pub fn configure<E>(&mut self, change: impl FnOnce(&mut Config) -> Result<(), E>) -> Result<(), E> {
        change(&mut self.config)?;
        self.unsaved.insert(Key::Config);
        Ok(())
    }

    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    pub fn pool(&mut self) -> &mut Pool {
        self.gather();
        &mut self.pool
    }

    pub fn sessions(&mut self) -> &mut Sessions {
        &mut self.sessions
    }

    pub fn record(&self, id: &str) -> Option<&Record> {
        self.records.get(id)
    }

    pub fn setup(&self, id: &str) -> Option<&Setup> {
        self.setups.get(id)
    }

    /// In the order of their ids.
    pub fn setups(&self) -> impl Iterator<Item = &Setup> {
        self.setups.values()
    }

    pub fn look(&self, id: &str, now: Millis) -> Look {
        self.pool.look(id, now)
    }

    pub fn has_own_key(&self) -> bool {
        self.has_own_key
    }

    /// Whether the caller may call at all.
    pub fn admitted(&self, caller: &Caller, now: Millis) -> Result<(), Denied> {
        self.payer(caller, now).map(drop)
    }

    fn choose(&self, inquiry: &Inquiry) -> Result<Chosen, Failure> {
        let provider = inquiry.provider.as_deref();
        if let Some(name) = provider
            && !route::is_provider(name, &self.faces)
        {
            return Err(route::choose::no_such_provider(name));
        }
        let mut chosen = match (inquiry.operation, provider) {
            (Operation::Raw, Some(provider)) => {
                let ask = route::whatever(provider, &self.faces).ok_or_else(|| route::unknown(&inquiry.model))?;
                Chosen { ask, ..Chosen::default() }
            }
            _ => {
                let asked = Asked {
                    model: &inquiry.model,
                    provider,
                    preferences: inquiry.preferences.as_ref(),
                    needs: inquiry.needs,
                };
                let known = Knowledge {
                    setups: &self.faces,
                    price: &|goal| self.list_price(goal),
                    pace: &|goal| self.pool.best_pace(&goal.provider, &goal.model),
                };
                route::choose::choose(&asked, &self.config.routes, &known)?
            }
        };
        chosen.ask = billing::pinned(Ask { affinity: inquiry.affinity, ..chosen.ask }, inquiry.pin.as_deref());
        Ok(chosen)
    }

    /// The prompt rules and filters of a call. Its route's come after the operator's, the model's suffix last.
    fn passing(&self, payer: Option<&str>, inquiry: &Inquiry, chosen: &Chosen) -> (Vec<Rule>, Vec<Filter>) {
        let Document { rules, filters, routes, .. } = &self.config.document;
        if rules.is_empty() && filters.is_empty() && chosen.route.is_none() && chosen.effort.is_none() {
            return (Vec::new(), Vec::new());
        }
        let (mut rules, filters) = self.fitting(rules, filters, payer, &inquiry.model, inquiry.protocol);
        let route = chosen.route.as_ref().and_then(|name| Some((name, routes.get(name)?)));
        rules.extend(route.map(|(name, route)| route.rule(name)));
        rules.extend(chosen.effort.as_ref().map(|effort| Rule {
            name: "the model's suffix".to_owned(),
            overrides: Parameters { reasoning_effort: Some(effort.clone()), ..Parameters::default() },
            ..Rule::default()
        }));
        rules.retain(|rule| !(rule.system.is_empty() && rule.defaults.is_empty() && rule.overrides.is_empty()));
        (rules, filters)
    }

    /// Those of `rules` and `filters` that are for calls of `payer`, or of the operator's own key.
    pub fn fitting(
        &self,
        rules: &[Rule],
        filters: &[Filter],
        payer: Option<&str>,
        model: &str,
        protocol: Protocol,
    ) -> (Vec<Rule>, Vec<Filter>) {
        let terms = payer.and_then(|id| self.clients.get(id)).map(|token| (token.id.as_str(), &token.terms));
        let token: Vec<&str> = terms.iter().flat_map(|(id, terms)| [*id, terms.name.as_str()]).collect();
        let project = terms.map(|(_, terms)| terms.project.as_str()).filter(|project| !project.is_empty());
        let named = terms.map_or(&[][..], |(_, terms)| &terms.rules);
        rules::select(rules, filters, &Subject { model, protocol, token: &token, project }, named)
    }

    /// Micro-dollars per million tokens of prompt and answer.
    fn list_price(&self, goal: &Goal) -> Option<(u64, u64)> {
        let sold = Sold { provider: &goal.provider, model: &goal.model, ..Sold::default() };
        let price = self.config.prices.find(&sold).price?;
        Some((price.rates.input, price.rates.output))
    }

    /// Whether any of those asked could count tokens in the client's own words.
    fn counts(&self, inquiry: &Inquiry, ask: &Ask) -> bool {
        ask.tiers.iter().flatten().any(|goal| {
            let mut offering = self.faces.iter().filter(|face| face.account.provider == goal.provider);
            offering.any(|face| upstream::relays(inquiry.protocol, inquiry.operation, &face.target(&goal.model)))
        })
    }
}

/// Why nothing can be sealed or opened, to the operator.
fn locked(error: &VaultError) -> Failure {
    Failure::new(Kind::Internal, error.to_string()).code("vault_locked")
}
