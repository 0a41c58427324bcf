//! Who is asked: from what a call needs to an order of candidates.

use super::cooldown::Standing;
use super::lane::{Lane, Member, State, Turn};
use super::lease::{Place, TERM};
use super::{Account, Ask, Candidate, Denial, Goal, Plan, Pool, Slot, Strategy, rows};
use crate::fault::Millis;
use crate::upstream::pattern;

/// Candidates in one plan.
const CANDIDATES: usize = 4;
/// So many that a single failure is not the end.
const ALTERNATIVE: usize = 2;
/// Lanes kept, and the accounts in all of them: 200,000 × 72 bytes is a ninth of an isolate.
const LANES: usize = 64;
const SEATS: usize = 200_000;
/// Tiers whose turns are remembered.
const CREDITS: usize = 256;
/// When a place may be free again, in milliseconds. Nobody knows; answers take seconds.
const BUSY_MS: u64 = 2000;

/// A candidate while it is being chosen.
struct Choice<'a> {
    slot: u32,
    lane: usize,
    goal: &'a Goal,
    bind: Option<u64>,
    due: bool,
}

/// The goals of one tier and where their turns are.
struct Tier<'a> {
    goals: &'a [Goal],
    lanes: Vec<usize>,
    /// The conversation within this tier.
    key: Option<u64>,
}

impl Account {
    /// Whether the operator lets this account be asked at all.
    pub(super) fn is_on(&self) -> bool {
        self.enabled && self.weight > 0 && self.cap != Some(0)
    }

    pub(super) fn may_serve(&self, model: &str) -> bool {
        (self.allow.is_empty() || pattern::any(&self.allow, model)) && !pattern::any(&self.deny, model)
    }

    pub(super) fn is_among(&self, only: Option<&str>) -> bool {
        only.is_none_or(|only| self.id == only || self.group.as_deref() == Some(only))
    }
}

impl Slot {
    pub(super) fn is_full(&self) -> bool {
        self.account.cap.is_some_and(|cap| self.held.len() >= cap as usize)
    }

    pub(super) fn load(&self) -> u64 {
        (self.held.len() as u64).saturating_mul(1 << 20) / u64::from(self.account.weight.max(1))
    }
}

impl Pool {
    /// Who is to be asked, in order. The first holds a place until the report.
    pub fn plan(&mut self, ask: &Ask, now: Millis) -> Result<Plan, Denial> {
        self.plans += 1;
        self.expire(now);
        self.trim();
        let mut tiers = self.tiers(ask, now);
        let mut choices: Vec<Choice<'_>> = Vec::with_capacity(CANDIDATES);
        for tier in &mut tiers {
            if choices.is_empty() {
                choices.extend(self.first(tier, ask.strategy, now));
            }
            self.fill(tier, false, &[], CANDIDATES, &mut choices);
        }
        // A doubtful account that may not even be asked keeps others from finding out: only to have an alternative.
        for tier in &tiers {
            self.fill(tier, true, &[], ALTERNATIVE, &mut choices);
        }
        if choices.is_empty() {
            return Err(self.denial(&tiers, now));
        }
        let lease = self.leases.number(now);
        let (places, candidates) = self.commit(&choices, lease, now);
        self.leases.open(lease, places, now);
        self.tell(&choices, now);
        Ok(Plan { lease, candidates, hedge_ms: None })
    }

    /// Others for a call whose candidates have all failed, as was reported; none if there are no others.
    pub fn more(&mut self, ask: &Ask, lease: u64, now: Millis) -> Vec<Candidate> {
        self.expire(now);
        let Some(known) = self.leases.get(lease) else { return Vec::new() };
        let tried: Vec<u32> = known.places.iter().map(|place| place.slot).collect();
        let tiers = self.tiers(ask, now);
        let mut choices: Vec<Choice<'_>> = Vec::with_capacity(CANDIDATES);
        for (due, most) in [(false, CANDIDATES), (true, ALTERNATIVE)] {
            tiers.iter().for_each(|tier| self.fill(tier, due, &tried, most, &mut choices));
        }
        if choices.is_empty() {
            return Vec::new();
        }
        let (places, candidates) = self.commit(&choices, lease, now);
        let before = self.leases.extend(lease, places);
        self.vacate(before, lease, now);
        self.tell(&choices, now);
        candidates
    }

    fn tiers<'a>(&mut self, ask: &'a Ask, now: Millis) -> Vec<Tier<'a>> {
        let tier = |goals: &'a Vec<Goal>| Tier {
            goals,
            lanes: goals.iter().map(|goal| self.lane(goal, ask.strategy, now)).collect(),
            key: ask.affinity.map(|conversation| conversation_in(conversation, goals)),
        };
        ask.tiers.iter().map(tier).collect()
    }

    fn first<'a>(&mut self, tier: &mut Tier<'a>, strategy: Strategy, now: Millis) -> Option<Choice<'a>> {
        let lanes = || tier.goals.iter().zip(&tier.lanes);
        let fronts: Vec<Option<Turn>> =
            tier.lanes.iter().map(|lane| self.lanes.get(*lane).and_then(Lane::first)).collect();
        let top = fronts.iter().flatten().map(|turn| turn.priority).min()?;
        let (mut busy, bound) = (false, tier.key.and_then(|key| self.affinity.get(key, now)));
        if let Some((model, slot)) = bound.and_then(|bound| Some((&bound.model, *self.ids.get(&bound.account)?))) {
            let same = |(goal, _): &(&Goal, &usize)| goal.model == *model;
            let (known, others) = (lanes().filter(same), lanes().filter(|pair| !same(pair)));
            for (goal, lane) in known.chain(others) {
                let Some(found) = self.lanes.get(*lane) else { continue };
                match found.state(slot) {
                    Some(State::Ready | State::Due) if found.turn(slot).is_some_and(|turn| turn.priority == top) => {
                        let due = found.state(slot) == Some(State::Due);
                        return Some(Choice { slot, lane: *lane, goal, bind: tier.key, due });
                    }
                    // It is well, only busy: the conversation will be back.
                    Some(State::Busy(_)) => busy = true,
                    _ => {}
                }
            }
        }
        let well = |goal: &Goal| !self.is_broken(&goal.provider, now);
        let some_well = tier.goals.iter().zip(&fronts).any(|(goal, front)| front.is_some() && well(goal));
        let open = |(goal, front): (&Goal, &Option<Turn>)| front.filter(|_| !some_well || well(goal));
        let open: Vec<Option<Turn>> = tier.goals.iter().zip(&fronts).map(open).collect();
        let top = open.iter().flatten().map(|turn| turn.priority).min()?;
        let open: Vec<Option<Turn>> = open.iter().map(|turn| turn.filter(|turn| turn.priority == top)).collect();
        let at = self.choose_goal(tier, &open, strategy, now)?;
        let (goal, lane, turn) = (tier.goals.get(at)?, *tier.lanes.get(at)?, (*open.get(at)?)?);
        let found = self.lanes.get(lane)?;
        let slot = found.slot(turn)?;
        let due = found.state(slot) == Some(State::Due);
        if busy {
            tier.key = None;
        }
        Some(Choice { slot, lane, goal, bind: tier.key, due })
    }

    /// Which of the goals with an account in front has its turn.
    fn choose_goal(
        &mut self,
        tier: &Tier<'_>,
        fronts: &[Option<Turn>],
        strategy: Strategy,
        now: Millis,
    ) -> Option<usize> {
        let mut ready = fronts.iter().enumerate().filter_map(|(at, turn)| turn.map(|turn| (at, turn)));
        let (first, _) = ready.next()?;
        if strategy == Strategy::FillFirst || ready.next().is_none() {
            return Some(first);
        }
        let least = fronts.iter().flatten().map(|turn| turn.load).min();
        let weighted = tier.goals.iter().any(|goal| goal.weight.is_some());
        let weights: Vec<i64> = tier
            .goals
            .iter()
            .zip(&tier.lanes)
            .zip(fronts)
            .map(|((goal, lane), front)| match front.filter(|turn| Some(turn.load) == least) {
                None => -1,
                Some(_) if weighted => i64::from(goal.weight.unwrap_or(1)),
                Some(turn) => {
                    let weight = self.lanes.get(*lane).map_or(0, |lane| lane.weight(turn.priority));
                    i64::try_from(weight).unwrap_or(i64::MAX)
                }
            })
            .collect();
        if self.credits.len() >= CREDITS {
            self.credits.clear();
        }
        let credits = self.credits.entry(tier_turns(tier.goals)).or_insert_with(|| {
            let mut credits = vec![0; weights.len()];
            let total = weights.iter().filter(|weight| **weight > 0).sum::<i64>().max(1);
            // Somewhere in the round, so that a pool that is restarted before every call is fair too.
            for _ in 0..now.0 % u64::try_from(total.min(256)).unwrap_or(1) {
                take_turn(&mut credits, &weights);
            }
            credits
        });
        take_turn(credits, &weights)
    }

    /// Add candidates after the first: by priority, then from goal to goal, so that the next is of another provider if
    /// there is one.
    fn fill<'a>(&self, tier: &Tier<'a>, due: bool, tried: &[u32], most: usize, choices: &mut Vec<Choice<'a>>) {
        while choices.len() < most {
            let taken = |slot: u32| tried.contains(&slot) || choices.iter().any(|choice| choice.slot == slot);
            let next = tier
                .goals
                .iter()
                .zip(&tier.lanes)
                .filter_map(|(goal, lane)| {
                    let found = self.lanes.get(*lane)?;
                    let turn = found.next(due, taken)?;
                    let used = choices.iter().filter(|choice| choice.goal.provider == goal.provider).count();
                    Some((turn.priority, used, goal, *lane, found.slot(turn)?))
                })
                .min_by_key(|(priority, used, ..)| (*priority, *used));
            let Some((_, _, goal, lane, slot)) = next else { return };
            choices.push(Choice { slot, lane, goal, bind: tier.key, due });
        }
    }

    fn commit(&mut self, choices: &[Choice<'_>], lease: u64, now: Millis) -> (Vec<Place>, Vec<Candidate>) {
        let mut places = Vec::with_capacity(choices.len());
        let mut candidates = Vec::with_capacity(choices.len());
        for (at, Choice { slot: number, lane, goal, bind, due }) in choices.iter().enumerate() {
            let Some(slot) = self.slots.get_mut(*number as usize) else { continue };
            let probe = *due && slot.health.probe(&goal.model, lease, now);
            candidates.push(Candidate {
                account: slot.account.id.clone(),
                provider: goal.provider.clone(),
                model: goal.model.clone(),
                probe,
            });
            places.push(Place { slot: *number, bind: *bind, probe: probe.then(|| goal.model.clone()) });
            if at == 0 {
                slot.held.insert(lease);
                if let Some(lane) = self.lanes.get_mut(*lane) {
                    lane.charge(*number, self.plans);
                }
                if let Some(key) = bind {
                    let unsaved = &mut self.unsaved;
                    self.affinity.bind(*key, &slot.account.id, &goal.model, now, |key| {
                        unsaved.insert(rows::Key::Binding(key));
                    });
                }
            }
        }
        (places, candidates)
    }

    /// Let every lane know what has become of those chosen.
    fn tell(&mut self, choices: &[Choice<'_>], now: Millis) {
        for (at, choice) in choices.iter().enumerate() {
            if choice.due || at == 0 && self.load_matters(choice.slot) {
                self.refresh(choice.slot, now);
            }
        }
    }

    fn denial(&self, tiers: &[Tier<'_>], now: Millis) -> Denial {
        let lanes = || tiers.iter().flat_map(|tier| &tier.lanes).filter_map(|lane| self.lanes.get(*lane));
        let soonest = lanes().filter_map(|lane| Some((lane.next_wake()?, lane))).min_by_key(|(wake, _)| *wake);
        match soonest {
            None => Denial::NoAccount,
            Some(((until, _), _)) if lanes().any(Lane::busy) => {
                Denial::Busy { until: until.min(Millis(now.0.saturating_add(BUSY_MS))) }
            }
            Some(((until, slot), lane)) => {
                let cause = self.slots.get(slot as usize).and_then(|slot| slot.health.why(&lane.model));
                Denial::Cooling { until, why: cause.map_or("", |cause| cause.words()).to_owned() }
            }
        }
    }

    /// The lane of a goal, up to date; built if there is none.
    fn lane(&mut self, goal: &Goal, strategy: Strategy, now: Millis) -> usize {
        let Some(at) = self.lanes.iter().position(|lane| lane.serves(goal, strategy)) else {
            let slots = self.providers.get(&goal.provider).into_iter().flatten();
            let members = slots.filter_map(|&number| {
                let slot = self.slots.get(number as usize)?;
                let account = &slot.account;
                let fits = account.is_on() && account.may_serve(&goal.model) && account.is_among(goal.only.as_deref());
                let load = if strategy == Strategy::LeastUsed { slot.load() } else { 0 };
                let state = self.state(slot, &goal.model, now);
                fits.then_some(Member { slot: number, account, state, load })
            });
            self.lanes.push(Lane::new(goal, strategy, members, scatter(now.0), self.plans));
            return self.lanes.len() - 1;
        };
        while let Some(number) = self.lanes.get(at).and_then(|lane| lane.woken(now)) {
            let Some(slot) = self.slots.get(number as usize) else { break };
            let (state, load) = (self.state(slot, &goal.model, now), slot.load());
            let Some(lane) = self.lanes.get_mut(at) else { break };
            lane.update(number, state, load);
        }
        if let Some(lane) = self.lanes.get_mut(at) {
            lane.used = self.plans;
        }
        at
    }

    /// Forget the lanes that were not used for longest.
    fn trim(&mut self) {
        let mut seats: usize = self.lanes.iter().map(Lane::len).sum();
        while self.lanes.len() > LANES || seats > SEATS && self.lanes.len() > 1 {
            let oldest = self.lanes.iter().enumerate().min_by_key(|(_, lane)| lane.used);
            let Some((at, lane)) = oldest else { return };
            seats -= lane.len();
            self.lanes.swap_remove(at);
        }
    }

    fn state(&self, slot: &Slot, model: &str, now: Millis) -> State {
        let standing = slot.health.standing(model, now);
        // Failover can put more calls on an account than its cap: then more than one must end.
        let excess = slot.account.cap.and_then(|cap| slot.held.len().checked_sub(cap as usize));
        let last = excess.and_then(|excess| slot.held.iter().nth(excess));
        let free = last.and_then(|lease| self.leases.get(*lease)).map(super::lease::Lease::end);
        match (standing, free) {
            (Standing::Well, None) => State::Ready,
            (Standing::Due, None) => State::Due,
            (Standing::Resting(until), free) => State::Resting(until.max(free.unwrap_or_default())),
            (Standing::Well | Standing::Due, Some(free)) => State::Busy(free),
        }
    }

    /// Whether lanes must hear that an account has one call more or less.
    pub(super) fn load_matters(&self, slot: u32) -> bool {
        self.slots.get(slot as usize).is_some_and(|slot| slot.account.cap.is_some())
            || self.lanes.iter().any(|lane| lane.strategy == Strategy::LeastUsed)
    }

    /// Tell every lane of its provider what an account is now.
    pub(super) fn refresh(&mut self, number: u32, now: Millis) {
        for at in 0..self.lanes.len() {
            let Some((lane, slot)) = self.lanes.get(at).zip(self.slots.get(number as usize)) else { continue };
            if lane.provider == slot.account.provider && lane.state(number).is_some() {
                let (state, load) = (self.state(slot, &lane.model, now), slot.load());
                if let Some(lane) = self.lanes.get_mut(at) {
                    lane.update(number, state, load);
                }
            }
        }
    }

    /// Free the places of calls that were never reported.
    pub(super) fn expire(&mut self, now: Millis) {
        debug_assert!(TERM >= super::cooldown::PROBE, "a lease outlives its probes");
        while let Some((number, lease)) = self.leases.overdue(now) {
            self.vacate(lease.holder, number, now);
        }
    }
}

/// One step of the smooth weighted round robin. A negative weight takes no part.
fn take_turn(credits: &mut [i64], weights: &[i64]) -> Option<usize> {
    let mut best: Option<(usize, i64)> = None;
    let mut total = 0;
    for (at, (credit, weight)) in credits.iter_mut().zip(weights).enumerate().filter(|(_, (_, weight))| **weight >= 0) {
        total += weight;
        *credit += weight;
        if best.is_none_or(|(_, most)| *credit > most) {
            best = Some((at, *credit));
        }
    }
    let (at, _) = best?;
    if let Some(credit) = credits.get_mut(at) {
        *credit -= total;
    }
    Some(at)
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a. Stored in rows, so it must be the same in every release.
fn hash(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A conversation within a tier: the same client session may ask for several models, each with its own best account.
fn conversation_in(conversation: u64, goals: &[Goal]) -> u64 {
    goals.iter().fold(hash(FNV, &conversation.to_le_bytes()), |state, Goal { provider, model, only, .. }| {
        let only = only.as_deref().unwrap_or_default();
        [provider, model, only].iter().fold(state, |state, text| hash(hash(state, text.as_bytes()), &[0xff]))
    })
}

fn tier_turns(goals: &[Goal]) -> u64 {
    goals.iter().fold(conversation_in(0, goals), |state, goal| {
        hash(state, &goal.weight.map_or(u64::MAX, u64::from).to_le_bytes())
    })
}

/// Bits that look random, from a number that counts up.
fn scatter(number: u64) -> u64 {
    let mixed = hash(FNV, &number.to_le_bytes());
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
}
