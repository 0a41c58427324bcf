//! What is given up before a quota is used up: in order, until the day ends, and never an answer or a sum.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::billing::{NOW, USAGE, answered, asked, plan, with_token};
use super::*;
use crate::control::quotas::{Limits, Meter, Quotas, Stage};
use crate::control::tally::Tally;

const DAY: u64 = 86_400_000;
const METERS: [Meter; 6] = [
    Meter::WorkerRequests,
    Meter::ObjectRequests,
    Meter::ObjectRowsWritten,
    Meter::D1RowsWritten,
    Meter::D1RowsRead,
    Meter::KvWrites,
];
const STAGES: [Stage; 5] = [Stage::Whole, Stage::Sampled, Stage::Sums, Stage::Uncaptured, Stage::Memory];

fn limits(text: &str) -> Limits {
    let (limits, problems) = Limits::read(text);
    assert_eq!(problems, Vec::<String>::new());
    limits
}

#[test]
fn stages_begin_at_80_90_95_and_98_percent_of_any_limit() {
    for meter in METERS {
        let all = "worker_requests=1000,object_requests=1000,object_rows_written=1000,d1_rows_written=1000,\
                   d1_rows_read=1000,kv_writes=1000";
        let at = |used| {
            let mut quotas = Quotas::default();
            quotas.count(meter, used);
            quotas.stage(&limits(all))
        };
        let told: Vec<Stage> = [799, 800, 899, 900, 949, 950, 979, 980, u64::MAX].map(at).to_vec();
        let [whole, sampled, sums, uncaptured, memory] = STAGES;
        assert_eq!(told, [whole, sampled, sampled, sums, sums, uncaptured, uncaptured, memory, memory], "{meter:?}");
    }
}

#[test]
fn limits_are_the_free_plans_but_for_what_is_said() {
    let default = Quotas::default().list(&Limits::default());
    assert_eq!(
        default.iter().map(|quota| quota.limit).collect::<Vec<_>>(),
        [100_000, 100_000, 100_000, 100_000, 5_000_000, 1_000]
    );
    let own = Quotas::default().list(&limits(" kv_writes=off, d1_rows_read = 7 "));
    assert_eq!(own.iter().map(|quota| quota.limit).collect::<Vec<_>>(), [100_000, 100_000, 100_000, 100_000, 7]);
    let mut quotas = Quotas::default();
    METERS.iter().for_each(|meter| quotas.count(*meter, u64::MAX));
    assert_eq!((quotas.stage(&limits("off")), quotas.list(&limits("off")).len()), (Stage::Whole, 0));
    for wrong in ["d1_rows", "d1_rows_read=many", "moon=1", "d1_rows_read=-1"] {
        let (read, problems) = Limits::read(wrong);
        assert_eq!((read, problems.len()), (Limits::default(), 1), "{wrong}");
        assert!(problems[0].contains(wrong));
    }
}

proptest! {
    #[test]
    fn a_stage_never_goes_back_before_midnight_and_always_at_it(
        counts in prop::collection::vec((0_usize..6, 0_u64..400, 0_u64..DAY, any::<bool>()), 1..60),
    ) {
        let tiny = limits("worker_requests=900,object_requests=900,object_rows_written=900,d1_rows_written=900,\
                           d1_rows_read=900,kv_writes=900");
        let mut tally = Tally::default();
        tally.limit(tiny);
        let (mut before, mut used) = (Stage::Whole, [0_u64; 6]);
        for (meter, more, at, restarts) in counts {
            let now = Millis(40 * DAY + at);
            tally.count(METERS[meter], more, now);
            used[meter] += more;
            if restarts {
                let rows = tally.rows();
                tally = Tally::default();
                tally.limit(tiny);
                rows.into_iter().for_each(|(day, row)| tally.load(day, row.unwrap(), now));
            }
            let highest = used.iter().max().unwrap() * 100;
            let expected = [80, 90, 95, 98].iter().filter(|share| highest >= 900 * **share).count();
            let stage = tally.stage(now);
            prop_assert_eq!(stage as usize, expected);
            prop_assert!(stage >= before);
            prop_assert_eq!(tally.today(now).stages.len(), expected);
            before = stage;
        }
        prop_assert_eq!(tally.stage(Millis(41 * DAY)), Stage::Whole);
        tally.count(Meter::KvWrites, 1, Millis(41 * DAY));
        prop_assert_eq!(tally.stage(Millis(41 * DAY)), Stage::Whole);
    }

    #[test]
    fn one_row_in_eight_is_kept_however_leases_are_given(first in 1_u64..1 << 52, step in 1_u64..5_000) {
        let kept = (0..4000).filter(|at| Stage::Sampled.has_row(first + at * step)).count();
        // Neither none nor all of any row of numbers; an eighth of those that come one after the other.
        prop_assert!(step > 1 || (400..600).contains(&kept), "{} of 4000", kept);
    }
}

#[test]
fn a_stage_that_was_reached_lasts_when_a_limit_is_raised() {
    let mut tally = Tally::default();
    tally.limit(limits("kv_writes=100"));
    tally.count(Meter::KvWrites, 90, NOW);
    tally.limit(limits("kv_writes=100000"));
    tally.count(Meter::KvWrites, 1, Millis(NOW.0 + 1));
    assert_eq!(tally.stage(NOW), Stage::Sums);
    assert_eq!(tally.today(NOW).stages, [NOW, NOW]);
}

/// At each stage: a call is answered and paid to the micro-dollar, and what is given up is that and no more.
#[test]
fn every_stage_serves_and_charges_the_same() {
    let mut costs = BTreeSet::new();
    for (number, stage) in STAGES.into_iter().enumerate() {
        let (mut control, caller, id) = with_token(json!({"budget": {"micro": 10_000_000}, "capture": true}));
        control.lately().limit(limits("kv_writes=100"));
        control.lately().count(Meter::KvWrites, [0, 80, 90, 95, 98][number], NOW);
        assert_eq!(control.lately().stage(NOW), stage);
        let mut rows = 0;
        for _ in 0..64 {
            let grant = plan(&mut control, &asked(&caller, "gpt-4.1")).unwrap();
            assert_eq!(grant.payer.as_ref().unwrap().capture, stage < Stage::Uncaptured, "{stage:?}");
            let settlement = answered(&grant, USAGE);
            rows += usize::from(!control.report(&settlement, NOW).unlisted);
            // What is told twice may have a row, and must meet it.
            assert!(!control.report(&settlement, NOW).unlisted);
        }
        let expected = match stage {
            Stage::Whole => 64..=64,
            Stage::Sampled => 1..=24,
            Stage::Sums | Stage::Uncaptured | Stage::Memory => 0..=0,
        };
        assert!(expected.contains(&rows), "{stage:?}: {rows} rows");
        let stranger = Inquiry { caller: Caller::Key("00".repeat(32)), ..inquiry("gpt-4.1") };
        assert_eq!(
            control.plan(&stranger, NOW).err().and_then(|denied| denied.row).is_some(),
            stage < Stage::Sums,
            "{stage:?}"
        );
        costs.insert((control.clients().view(&id, NOW).unwrap().used.micro, control.lately().today(NOW).totals().cost));
        assert!(control.metrics(Default::default(), NOW).contains(&format!("\nsluice_quota_stage {number}\n")));
    }
    assert_eq!(costs, BTreeSet::from([(64 * 2800, 64 * 2800)]));
}
