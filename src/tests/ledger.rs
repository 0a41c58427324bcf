//! The books: what is written of a call, what is asked of them, and that nobody alters the audit log unseen.

use serde_json::{Value, json};

use crate::access::Caller;
use crate::call::Operation;
use crate::control::billing::Receipt;
use crate::control::inquiry::{Inquiry, Payer};
use crate::fault::{Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::ir::event::Usage;
use crate::ledger::{
    Change, Entry, Facts, Filter, Tail, by_day, is_old, page, prune_before, prune_beyond, schema, upgrade, verify,
    version_of,
};
use crate::pool::{Attempt, Outcome, Settlement};
use crate::prices::{Basis, Cost};

const AT: Millis = Millis(1_700_000_000_000);

pub fn entry(model: &str) -> Entry {
    let inquiry = Inquiry {
        affinity: Some(7),
        ip: Some("203.0.113.7".to_owned()),
        ..Inquiry::about(Caller::Operator, model.to_owned(), Protocol::Messages, Operation::Generate)
    };
    let attempt = |account: &str, outcome, began: u64| Attempt {
        account: account.to_owned(),
        provider: "p".to_owned(),
        model: "served".to_owned(),
        outcome,
        began: Millis(AT.0 + began),
        ms: 90,
        windows: Vec::new(),
        first_ms: Some(40),
    };
    let limited = Outcome::Failed(Fault::RateLimited { wait: None, scope: Scope::Model });
    let settlement = Settlement {
        lease: AT.0 << 10,
        attempts: vec![attempt("a", limited, 0), attempt("b", Outcome::Answered, 100)],
        usage: Usage { input: 1, cache_read: 2, cache_write: 3, cache_write_long: 4, output: 5, reasoning: 6 },
        done: true,
        ..Settlement::default()
    };
    let receipt = Receipt { cost: Cost { micro: 12, saved: 0, basis: Basis::List }, ..Receipt::default() };
    Entry::of(&Facts {
        request: "r",
        inquiry: &inquiry,
        payer: Some(&Payer { id: "tok_1".to_owned(), ..Payer::default() }),
        settlement: &settlement,
        receipt: &receipt,
        stream: true,
        status: 200,
        began: AT,
        total_ms: 200,
        agent: Some("agent/1"),
        object_calls: 2,
        hits: &crate::filter::Hits::default(),
    })
}

#[test]
fn a_call_is_one_row_with_its_whole_chain_and_no_address() {
    let statement = entry("m").insert();
    let chain = r#"[{"account":"a","provider":"p","model":"served","outcome":"rate_limited","ms":90},{"account":"b","provider":"p","model":"served","outcome":"answered","ms":90}]"#;
    let expected = json!([
        AT.0 << 10,
        AT.0,
        "r",
        "tok_1",
        "m",
        "served",
        "p",
        "b",
        "messages",
        "generate",
        1,
        200,
        "answered",
        chain,
        140,
        200,
        1,
        2,
        3,
        4,
        5,
        6,
        12,
        0,
        "list",
        0,
        "0000000000000007",
        "agent/1"
    ]);
    assert_eq!(Value::Array(statement.values.clone()), expected);
    assert!(statement.sql.contains(&format!("?{})", statement.values.len())));
    assert!(!expected.to_string().contains("203.0.113.7"));
    // Bound as JavaScript numbers.
    const { assert!(AT.0 << 10 < 1 << 53) };
}

#[test]
fn a_name_that_a_client_chose_is_cut_to_a_sane_length() {
    let long = format!("{}\n{}", "x".repeat(150), "y".repeat(5000));
    assert_eq!(entry(&long).model, format!("{}{}", "x".repeat(150), "y".repeat(50)));
}

#[test]
fn the_tables_are_made_by_statements_that_can_be_repeated() {
    let statements = schema(0);
    assert_eq!(statements.len(), 12);
    for statement in &statements {
        let sql = &statement.sql;
        let repeatable = ["IF NOT EXISTS", "ON CONFLICT", "UPDATE meta"].iter().any(|words| sql.contains(words));
        assert!(repeatable, "{sql}");
        assert!(!sql.contains("--") && !sql.ends_with(';'), "{sql}");
        assert_eq!(sql.starts_with("CREATE TRIGGER"), sql.ends_with("END"), "{sql}");
    }
}

#[test]
fn an_older_database_gets_what_it_lacks_and_no_column_twice() {
    const LATER: &[&str] = &[
        "CREATE TABLE IF NOT EXISTS a (x);\n\nCREATE INDEX IF NOT EXISTS b ON a (x);",
        "-- A column.\nALTER TABLE a ADD COLUMN y;\n\nDROP TRIGGER IF EXISTS t;\n",
        "ALTER TABLE a ADD COLUMN z;",
    ];
    let altered = |version| {
        let statements = upgrade(LATER, version);
        let last = statements.last().unwrap();
        assert_eq!(
            (last.sql.starts_with("UPDATE meta"), &last.values),
            (true, &vec![json!(version.max(3).to_string())])
        );
        assert_eq!(statements.iter().filter(|statement| !statement.sql.starts_with("ALTER")).count(), 4);
        let columns = statements.iter().filter_map(|statement| statement.sql.strip_prefix("ALTER TABLE a ADD COLUMN "));
        columns.map(str::to_owned).collect::<String>()
    };
    assert_eq!([0, 1, 2, 3, 4].map(altered), ["yz", "yz", "z", "", ""]);
    // A newer database is left as new as it is.
    assert!(is_old(0) && !is_old(9));
    let row = json!({"value": "7"});
    assert_eq!((version_of(Some(&row)), version_of(None), version_of(Some(&json!({"value": 7})))), (7, 0, 0));
}

#[test]
fn a_filter_binds_what_it_is_given_and_writes_none_of_it() {
    let evil = "x' OR 1=1 --";
    let filter = Filter {
        from: Some(AT),
        to: Some(Millis(AT.0 + 1)),
        token: Some(evil.to_owned()),
        model: Some(evil.to_owned()),
        account: Some(evil.to_owned()),
        status: Some("error".to_owned()),
    };
    let statement = page(&filter, Some(99), 50).unwrap();
    assert_eq!(
        statement.sql,
        "WITH far (least, looked) AS (SELECT min(id), count(*) FROM (SELECT id FROM usage WHERE id >= ?1 AND id < ?2 \
         AND id < ?3 AND token = ?4 ORDER BY id DESC LIMIT 2500)) SELECT usage.*, account = ?5 AND ?6 IN (served, model) AND \
         status >= ?7 AS fits, (SELECT looked FROM far) = 2500 AS further FROM usage WHERE id >= ?1 AND id < ?2 AND id < ?3 AND \
         token = ?4 AND id >= (SELECT least FROM far) AND (fits OR id = (SELECT least FROM far)) ORDER BY id DESC LIMIT ?8"
    );
    let values = json!([AT.0 << 10, (AT.0 + 1) << 10, 99, evil, evil, evil, 400, 50]);
    assert_eq!(Value::Array(statement.values), values);
    let account = Filter { account: Some(evil.to_owned()), ..Filter::default() };
    let sql = page(&account, None, 50).unwrap().sql;
    assert_eq!(sql, "SELECT * FROM usage WHERE account = ?1 ORDER BY id DESC LIMIT ?2");
    assert!(page(&Filter { status: Some(evil.to_owned()), ..Filter::default() }, None, 1).is_err());
    assert!(by_day(AT, AT, &["day", evil]).is_err());
    assert!(by_day(AT, AT, &[]).is_err());
    let sums = by_day(AT, AT, &["model", "day"]).unwrap();
    assert!(sums.sql.starts_with("SELECT day, model, sum(requests) AS requests, "), "{}", sums.sql);
    assert_eq!(sums.values, [19_675, 19_675]);
}

#[test]
fn what_is_forgotten_is_forgotten_in_bounded_steps() {
    assert_eq!(Value::Array(prune_before(AT).values), json!([AT.0 << 10, 2000]));
    assert_eq!(Value::Array(prune_beyond(100_000, AT).values), json!([100_000, 2000, 19_675]));
}

#[test]
fn an_audit_line_that_is_altered_taken_out_or_moved_shows() {
    let mut tail = Tail::default();
    let change = |subject: &str| Change {
        at: AT,
        actor: "key".to_owned(),
        action: "token.create".to_owned(),
        subject: subject.to_owned(),
        detail: String::new(),
    };
    let mut links = Vec::new();
    for subject in ["a", "b", "c", "d"] {
        // Between any two of them the object may have been restarted.
        tail = serde_json::from_value(serde_json::to_value(&tail).unwrap()).unwrap();
        links.push(tail.push(change(subject)));
    }
    assert_eq!(verify(&links), None);
    assert_eq!(verify(&links[1..]), None, "older lines may be gone");
    let mut altered = links.clone();
    altered[2].change.subject = "x".to_owned();
    assert_eq!(verify(&altered), Some(3));
    let mut taken = links.clone();
    taken.remove(1);
    assert_eq!(verify(&taken), Some(3));
    let mut forged = links.clone();
    forged[1] = Tail { seq: 1, hash: String::new() }.push(change("b"));
    assert_eq!(verify(&forged), Some(2));
    // Fields cannot flow into one another.
    let one = Tail::default().push(Change { action: "ab".to_owned(), subject: "c".to_owned(), ..change("") });
    let other = Tail::default().push(Change { action: "a".to_owned(), subject: "bc".to_owned(), ..change("") });
    assert_ne!(one.hash, other.hash);
}
