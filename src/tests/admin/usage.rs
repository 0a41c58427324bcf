//! `/admin/api/usage`: what is asked of the books, and what becomes of their rows.

use serde_json::{Value, json};

use super::{ADMIN_KEY, Desk};
use crate::admin::usage::{Shape, finish};
use crate::admin::{Errand, Outcome, Reply};

fn asked(desk: &mut Desk, line: &str) -> Result<(Errand, Value), Reply> {
    match desk.outcome(line, &[("authorization", &format!("Bearer {ADMIN_KEY}"))], "") {
        Outcome::Done(reply) => Err(reply),
        Outcome::Other(other) => panic!("{other:?}"),
        Outcome::Errand(errand) => {
            let Errand::Books { statement, .. } = &errand else { panic!("{errand:?}") };
            let values = Value::Array(statement.values.clone());
            Ok((errand, values))
        }
    }
}

#[test]
fn a_page_is_asked_for_with_one_row_more_than_it_shows() {
    let mut desk = Desk::new();
    let (errand, values) = asked(&mut desk, "GET usage?limit=2&token=tok_1&status=error&after=900").unwrap();
    assert_eq!(values, json!([900, "tok_1", 400, 3]));
    let Errand::Books { shape, .. } = errand else { panic!("{errand:?}") };
    let row = |id: u64| json!({"id": id, "attempts": "[{\"account\":\"a\"}]", "stream": 1, "estimated": 0});
    let reply = finish(&mut desk.control, &shape, Ok(vec![row(9), row(8), row(7)]));
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((&body["next"], body["items"].as_array().unwrap().len()), (&json!("8"), 2));
    let first = json!({"id": 9, "attempts": [{"account": "a"}], "stream": true, "estimated": false});
    assert_eq!(body["items"][0], first);
    let last = finish(&mut desk.control, &shape, Ok(vec![row(9)]));
    assert_eq!(serde_json::from_str::<Value>(&last.body).unwrap()["next"], Value::Null);
}

#[test]
fn a_look_that_went_far_enough_says_where_the_next_goes_on() {
    let mut desk = Desk::new();
    let row = |id: u64, fits: u64, further: u64| json!({"id": id, "fits": fits, "further": further});
    for (rows, shown, next) in [
        (vec![row(9, 1, 1), row(4, 0, 1)], vec![9], json!("4")),
        (vec![row(4, 0, 1)], vec![], json!("4")),
        (vec![row(9, 1, 0), row(4, 0, 0)], vec![9], Value::Null),
        (vec![row(9, 1, 1), row(8, 1, 1), row(7, 1, 1)], vec![9, 8], json!("8")),
    ] {
        let reply = finish(&mut desk.control, &Shape::Page { limit: 2 }, Ok(rows));
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        let ids: Vec<u64> = body["items"].as_array().unwrap().iter().filter_map(|row| row["id"].as_u64()).collect();
        assert_eq!((ids, &body["next"]), (shown, &next), "{body}");
        assert!(!reply.body.contains("fits") && !reply.body.contains("further"), "{body}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_before_anybody_is_asked() {
    let mut desk = Desk::new();
    for (line, status) in [
        ("GET usage?after=x", 400),
        ("GET usage?status=perhaps", 400),
        ("GET usage?from=yesterday", 400),
        ("GET usage/one", 400),
        ("GET usage/daily?by=day,moon", 400),
        ("POST usage", 405),
    ] {
        assert_eq!(asked(&mut desk, line).unwrap_err().status, status, "{line}");
    }
}

#[test]
fn a_call_that_is_no_longer_kept_is_not_found_and_broken_books_say_so() {
    let mut desk = Desk::new();
    assert_eq!(finish(&mut desk.control, &Shape::One, Ok(Vec::new())).status, 404);
    let broken = finish(&mut desk.control, &Shape::Sums, Err("D1_ERROR: disk of somebody's".to_owned()));
    assert_eq!((broken.status, broken.body.contains("disk")), (503, false));
}
