//! The sums of the overview: they add up, they stay bounded, and they outlive a restart.

use proptest::prelude::*;

use crate::control::tally::{Over, Spread, Sums, Tally};
use crate::fault::Millis;
use crate::ir::event::Usage;
use crate::prices::Cost;

const DAY: u64 = 86_400_000;

fn call<'a>(model: &'a str, token: &'a str, input: u64, micro: u64) -> Over<'a> {
    let usage = Usage { input, ..Usage::default() };
    let sums = Sums::of(&usage, &Cost { micro, ..Cost::default() }, micro.is_multiple_of(7));
    Over { model, account: "a", token, sums, first_ms: Some(input) }
}

proptest! {
    #[test]
    fn every_way_of_adding_up_a_day_comes_to_the_same(
        calls in prop::collection::vec((0_usize..300, 0_usize..5, 0_u64..DAY, 0_u64..9_000, 0_u64..90_000), 1..400),
    ) {
        let mut tally = Tally::default();
        let (mut expected, mut requests) = (0, 0);
        for (model, token, at, input, micro) in calls {
            let (model, token) = (format!("m{model}"), format!("t{token}"));
            tally.call(&call(&model, &token, input, micro), Millis(40 * DAY + at));
            expected += micro;
            requests += 1;
        }
        let days = tally.days(1, Millis(41 * DAY - 1));
        let day = &days[0].1;
        let sum = |tops: &crate::control::tally::Tops| {
            let mut all = tops.others;
            tops.names.values().for_each(|sums| all.add(sums));
            (all.cost, all.requests)
        };
        prop_assert_eq!((day.totals().cost, day.totals().requests), (expected, requests));
        for tops in [&day.models, &day.tokens, &day.accounts] {
            prop_assert_eq!(sum(tops), (expected, requests));
            prop_assert!(tops.names.len() <= 128);
        }
        prop_assert_eq!(day.first.count(), requests);
    }

    #[test]
    fn a_percentile_is_within_a_sixteenth_of_the_exact_one(
        mut values in prop::collection::vec(0_u64..1_000_000, 1..500),
        percent in 1_u64..100,
    ) {
        let mut spread = Spread::default();
        values.iter().for_each(|value| spread.add(*value));
        values.sort_unstable();
        let rank = (values.len() as u64 * percent).div_ceil(100).max(1);
        let exact = values[usize::try_from(rank).unwrap() - 1];
        let told = spread.percentile(percent).unwrap();
        prop_assert!(told.abs_diff(exact) <= exact / 16 + 1, "{} for {}", told, exact);
    }
}

#[test]
fn days_are_kept_for_a_month_and_come_back_from_their_rows() {
    let mut tally = Tally::default();
    let mut stored = std::collections::BTreeMap::new();
    for day in 100..140 {
        tally.call(&call("m", "t", 1, day), Millis(day * DAY));
        for (day, row) in tally.rows() {
            match row {
                Some(row) => stored.insert(day, row),
                None => stored.remove(&day),
            };
        }
    }
    assert!(tally.rows().is_empty(), "nothing has changed since");
    assert_eq!((*stored.keys().next().unwrap(), stored.len()), (109, 31));
    let mut again = Tally::default();
    for (day, row) in stored {
        again.load(day, row, Millis(139 * DAY + 5));
    }
    let of = |tally: &Tally| tally.days(30, Millis(139 * DAY + 5));
    assert_eq!(of(&again), of(&tally));
    let costs: Vec<u64> = of(&again).iter().map(|(_, day)| day.totals().cost).collect();
    assert_eq!(costs, (110..140).collect::<Vec<_>>());
    // A day in which nothing was asked is there, and empty.
    assert_eq!(again.days(7, Millis(141 * DAY)).last().unwrap().1.totals(), Sums::default());
}

#[test]
fn a_clock_that_goes_back_counts_in_the_day_it_was_in() {
    let mut tally = Tally::default();
    tally.call(&call("m", "t", 1, 5), Millis(200 * DAY));
    tally.call(&call("m", "t", 1, 5), Millis(200 * DAY - 1));
    assert_eq!(tally.days(1, Millis(200 * DAY))[0].1.totals().requests, 2);
}
