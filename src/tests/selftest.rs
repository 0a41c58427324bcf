//! What a deployment says of itself.

use crate::selftest::{Measured, Report, Row, Verdict, report, translate};

fn check(report: &Report, name: &str) -> (Verdict, String) {
    let check = report.checks.iter().find(|check| check.name == name).unwrap();
    (check.verdict, check.message.clone())
}

#[test]
fn the_work_that_is_timed_is_a_whole_translated_answer() {
    let (few, many) = (translate(100).unwrap(), translate(1_100).unwrap());
    // A chunk of Chat for each event, and nothing else that grows.
    let each = (many - few) / 1_000;
    assert!(many - few == 1_000 * each && (100..400).contains(&each), "{few} {many}");
    let whole = translate(0).unwrap();
    assert!(whole > 100 && few - whole == 100 * each, "{whole}");
}

#[test]
fn what_is_measured_is_said_in_words() {
    let row = |done, error: Option<&str>| Row { tried: 60, done, error: error.map(str::to_owned) };
    let measured = Measured {
        master_key: None,
        kv_read_ms: Some(7.0),
        kv_write_ms: Some(31.0),
        d1_ms: Some(420.0),
        object_ms: Some(12.0),
        translate_ms: Some(40.0),
        kv_reads: row(60, None),
        fetches: row(49, Some("Too many subrequests.")),
        colo: Some("FRA".to_owned()),
        country: Some("DE".to_owned()),
        errors: Vec::new(),
    };
    let told = report(&measured);
    let says = |name: &str, verdict: Verdict, words: &[&str]| {
        let (found, means) = check(&told, name);
        assert_eq!(found, verdict, "{name}: {means}");
        for word in words {
            assert!(means.contains(word), "{name}: {means}");
        }
    };
    says("object", Verdict::Good, &["12 ms"]);
    says("kv", Verdict::Good, &["7 ms", "31 ms"]);
    says("d1", Verdict::Slow, &["420 ms"]);
    says("subrequests_inside", Verdict::Good, &["60 reads", "no more were tried"]);
    says("subrequests_outside", Verdict::Good, &["stopped after 49", "Too many subrequests"]);
    says("translate", Verdict::Good, &["2 µs", "5000 events"]);
    says("egress", Verdict::Good, &["FRA", "DE"]);
}

#[test]
fn what_could_not_be_measured_is_not_good() {
    let told = report(&Measured {
        master_key: Some("it is not set".to_owned()),
        fetches: Row { tried: 1, done: 0, error: Some("no route".to_owned()) },
        translate_ms: Some(0.0),
        ..Measured::default()
    });
    let verdicts: Vec<_> = told.checks.iter().map(|check| (check.name, check.verdict)).collect();
    assert_eq!(
        verdicts,
        [
            ("object", Verdict::Failed),
            ("master_key", Verdict::Failed),
            ("kv", Verdict::Failed),
            ("d1", Verdict::Failed),
            ("subrequests_inside", Verdict::Unknown),
            ("subrequests_outside", Verdict::Unknown),
            ("translate", Verdict::Unknown),
            ("egress", Verdict::Unknown),
        ]
    );
}
