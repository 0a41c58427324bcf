//! The accounts that may serve one model of one provider, in the order of their turns.
//!
//! Each account has a pass, a moment in virtual time; the earliest is next and moves on by `STRIDE / weight`. That shares
//! like a smooth weighted round robin, in logarithmic time. Whoever comes back from a rest comes back at the present
//! moment: a rest earns nothing. A lane is not stored; a new one begins at a place drawn by weight, so that a pool that
//! is restarted before every call still shares by weight.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, Goal, Strategy};
use crate::fault::Millis;

/// Virtual time between two turns of an account of weight 1. A million, the largest sensible weight, leaves 12 bits.
const STRIDE: u64 = 1 << 32;
/// Turns that an account can be ahead of the others, by conversations that stay with it.
const DEBT: u64 = 64;

/// What an account is to a lane at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ready,
    /// Its window is over; one call may find out.
    Due,
    Resting(Millis),
    /// As many calls as it may have, the oldest given up at that time.
    Busy(Millis),
}

/// A turn. The order of the fields is the order of the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    pub priority: u32,
    pub load: u64,
    pass: u64,
    seat: u32,
}

#[derive(Debug, Clone)]
struct Seat {
    slot: u32,
    weight: u32,
    turn: Turn,
    state: State,
}

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Of those that are ready or due.
    weight: u64,
    now: u64,
}

#[derive(Debug, Clone)]
pub struct Lane {
    pub provider: String,
    pub model: String,
    only: Option<String>,
    pub strategy: Strategy,
    /// The plan that last used it.
    pub used: u64,
    seats: Vec<Seat>,
    /// Seats by account, sorted.
    index: Vec<(u32, u32)>,
    ready: BTreeSet<Turn>,
    due: BTreeSet<Turn>,
    wakes: BTreeSet<(Millis, u32)>,
    busy: usize,
    levels: BTreeMap<u32, Level>,
}

/// An account as it enters a lane.
pub struct Member<'a> {
    pub slot: u32,
    pub account: &'a Account,
    pub state: State,
    pub load: u64,
}

impl Lane {
    pub fn new<'a>(
        goal: &Goal,
        strategy: Strategy,
        members: impl Iterator<Item = Member<'a>>,
        seed: u64,
        used: u64,
    ) -> Self {
        let mut lane = Self {
            provider: goal.provider.clone(),
            model: goal.model.clone(),
            only: goal.only.clone(),
            strategy,
            used,
            seats: Vec::new(),
            index: Vec::new(),
            ready: BTreeSet::new(),
            due: BTreeSet::new(),
            wakes: BTreeSet::new(),
            busy: 0,
            levels: BTreeMap::new(),
        };
        let mut totals: BTreeMap<u32, u64> = BTreeMap::new();
        let mut states = Vec::new();
        for (seat, Member { slot, account, state, load }) in (0..).zip(members) {
            *totals.entry(account.priority).or_default() += u64::from(account.weight);
            let pass = if strategy == Strategy::Weighted { STRIDE / u64::from(account.weight.max(1)) / 2 } else { 1 };
            let turn = Turn { priority: account.priority, load, pass, seat };
            // Parked at no time until its state is known.
            lane.seats.push(Seat { slot, weight: account.weight, turn, state: State::Resting(Millis::default()) });
            lane.wakes.insert((Millis::default(), seat));
            lane.index.push((slot, seat));
            states.push(state);
        }
        lane.index.sort_unstable();
        if strategy != Strategy::FillFirst {
            let mut marks: BTreeMap<u32, u64> =
                totals.iter().map(|(level, sum)| (*level, seed % (*sum).max(1))).collect();
            for seat in &mut lane.seats {
                let Some(mark) = marks.get_mut(&seat.turn.priority) else { continue };
                if *mark < u64::from(seat.weight) {
                    seat.turn.pass = 0;
                    *mark = u64::MAX;
                } else {
                    *mark = mark.saturating_sub(u64::from(seat.weight));
                }
            }
        }
        for (seat, state) in (0..).zip(states) {
            lane.leave(seat);
            lane.enter(seat, state);
        }
        lane
    }

    pub fn serves(&self, goal: &Goal, strategy: Strategy) -> bool {
        self.strategy == strategy
            && self.model == goal.model
            && self.provider == goal.provider
            && self.only == goal.only
    }

    pub fn len(&self) -> usize {
        self.seats.len()
    }

    pub fn busy(&self) -> bool {
        self.busy > 0
    }

    fn seat(&self, slot: u32) -> Option<(u32, &Seat)> {
        let at = self.index.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
        let (_, seat) = *self.index.get(at)?;
        Some((seat, self.seats.get(seat as usize)?))
    }

    pub fn state(&self, slot: u32) -> Option<State> {
        self.seat(slot).map(|(_, seat)| seat.state)
    }

    pub fn slot(&self, turn: Turn) -> Option<u32> {
        self.seats.get(turn.seat as usize).map(|seat| seat.slot)
    }

    pub fn turn(&self, slot: u32) -> Option<Turn> {
        self.seat(slot).map(|(_, seat)| seat.turn)
    }

    /// Take in what an account is now.
    pub fn update(&mut self, slot: u32, state: State, load: u64) {
        let Some((seat, found)) = self.seat(slot) else { return };
        let load = if self.strategy == Strategy::LeastUsed { load } else { 0 };
        if found.state == state && found.turn.load == load {
            return;
        }
        self.leave(seat);
        if let Some(found) = self.seats.get_mut(seat as usize) {
            found.turn.load = load;
        }
        self.enter(seat, state);
    }

    fn leave(&mut self, seat: u32) {
        let Some(found) = self.seats.get(seat as usize) else { return };
        let level = self.levels.entry(found.turn.priority).or_default();
        match found.state {
            State::Ready => {
                self.ready.remove(&found.turn);
                level.weight = level.weight.saturating_sub(u64::from(found.weight));
            }
            State::Due => {
                self.due.remove(&found.turn);
                level.weight = level.weight.saturating_sub(u64::from(found.weight));
            }
            State::Resting(until) => {
                self.wakes.remove(&(until, seat));
            }
            State::Busy(until) => {
                self.wakes.remove(&(until, seat));
                self.busy -= 1;
            }
        }
    }

    fn enter(&mut self, seat: u32, state: State) {
        let Some(found) = self.seats.get_mut(seat as usize) else { return };
        let level = self.levels.entry(found.turn.priority).or_default();
        let was_out = matches!(found.state, State::Resting(_) | State::Busy(_));
        found.state = state;
        match state {
            State::Ready | State::Due => {
                if was_out && self.strategy == Strategy::Weighted {
                    found.turn.pass = found.turn.pass.max(level.now);
                }
                level.weight += u64::from(found.weight);
                if state == State::Ready { &mut self.ready } else { &mut self.due }.insert(found.turn);
            }
            State::Resting(until) => {
                self.wakes.insert((until, seat));
            }
            State::Busy(until) => {
                self.wakes.insert((until, seat));
                self.busy += 1;
            }
        }
    }

    /// An account whose rest is over by `now` and that must be looked at again.
    pub fn woken(&self, now: Millis) -> Option<u32> {
        let (until, seat) = self.wakes.first()?;
        if *until > now { None } else { self.seats.get(*seat as usize).map(|seat| seat.slot) }
    }

    /// When the first of those that cannot be asked can be, and who that is.
    pub fn next_wake(&self) -> Option<(Millis, u32)> {
        let (until, seat) = self.wakes.first()?;
        self.seats.get(*seat as usize).map(|seat| (*until, seat.slot))
    }

    /// Whose turn it is, of those that may be asked at all.
    pub fn first(&self) -> Option<Turn> {
        match (self.ready.first(), self.due.first()) {
            // The next call finds out whether it is back. In turn it might be a long time until then.
            (Some(ready), Some(due)) if due.priority == ready.priority && self.strategy != Strategy::FillFirst => {
                Some(*due)
            }
            (ready, due) => ready.into_iter().chain(due).min().copied(),
        }
    }

    /// Who is next after the accounts in `taken`.
    pub fn next(&self, due: bool, taken: impl Fn(u32) -> bool) -> Option<Turn> {
        let turns = if due { &self.due } else { &self.ready };
        turns.iter().find(|turn| self.slot(**turn).is_some_and(|slot| !taken(slot))).copied()
    }

    /// Weight of those at `priority` that may be asked.
    pub fn weight(&self, priority: u32) -> u64 {
        self.levels.get(&priority).map_or(0, |level| level.weight)
    }

    /// The account has had a turn. `count` is the number of the plan.
    pub fn charge(&mut self, slot: u32, count: u64) {
        let Some((seat, found)) = self.seat(slot) else { return };
        let (state, turn, weight) = (found.state, found.turn, u64::from(found.weight.max(1)));
        let pass = match self.strategy {
            Strategy::FillFirst => return,
            Strategy::LeastUsed => count.saturating_add(1),
            Strategy::Weighted => {
                let start = Turn { priority: turn.priority, load: 0, pass: 0, seat: 0 };
                let earliest = [&self.ready, &self.due]
                    .into_iter()
                    .filter_map(|turns| turns.range(start..).next())
                    .filter(|first| first.priority == turn.priority)
                    .map(|first| first.pass)
                    .min();
                let level = self.levels.entry(turn.priority).or_default();
                level.now = level.now.max(earliest.unwrap_or(turn.pass));
                let stride = STRIDE / weight;
                turn.pass.saturating_add(stride).min(level.now.saturating_add(stride.saturating_mul(DEBT)))
            }
        };
        self.leave(seat);
        if let Some(found) = self.seats.get_mut(seat as usize) {
            found.turn.pass = pass;
        }
        self.enter(seat, state);
    }
}
