//! What is taken for personal data, and what is not.

use super::{Finder, Side, filters};
use crate::filter::Personal;
use crate::filter::words::Words;
use proptest::prelude::*;
use serde_json::json;

fn found(personal: Personal, text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    personal.find(text, &mut |span| found.push(&text[span]));
    found
}

#[test]
fn an_address_has_a_name_a_host_and_a_top_level() {
    for (text, expected) in [
        ("write to ada.l+x@mail.example.org.", vec!["ada.l+x@mail.example.org"]),
        ("<a@b.io>, c@d.com;", vec!["a@b.io", "c@d.com"]),
        ("邮箱是a@b.cn。", vec!["a@b.cn"]),
        ("npm i @scope/pkg@1.2.3 user@host @me a@b.c", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(found(Personal::Email, text), expected, "{text}");
    }
}

#[test]
fn a_phone_number_is_international_chinese_or_american() {
    for (text, expected) in [
        ("call +49 30 901820 now", vec!["+49 30 901820"]),
        ("电话13800138000，或 138 0013 8000", vec!["13800138000", "138 0013 8000"]),
        ("(555) 123-4567? 555-123-4567! 1-555-123-4567", vec!["555) 123-4567", "555-123-4567", "1-555-123-4567"]),
        ("10.0.0.1 192.168.100.200 2024-01-02 10:20:30 12345678901 v1.38001.38000", vec![]),
        ("id 138001380001, x13800138000", vec![]),
    ] {
        assert_eq!(found(Personal::Phone, text), expected, "{text}");
    }
}

#[test]
fn a_card_passes_its_check() {
    for (text, expected) in [
        ("4111 1111 1111 1111 and 5500-0000-0000-0004", vec!["4111 1111 1111 1111", "5500-0000-0000-0004"]),
        ("378282246310005", vec!["378282246310005"]),
        ("4111111111111112 1700000000000 4111.1111.1111.1111", vec![]),
        ("13800138000 4111111111111111", vec!["4111111111111111"]),
    ] {
        assert_eq!(found(Personal::Card, text), expected, "{text}");
    }
}

#[test]
fn a_chinese_id_has_a_birthday_and_its_check_character() {
    for (text, expected) in [
        ("身份证11010519491231002X。", vec!["11010519491231002X"]),
        ("440524188001010014", vec!["440524188001010014"]),
        ("440524188001010015 440524188013010014 11010519491231002Xa 1101051949123100", vec![]),
    ] {
        assert_eq!(found(Personal::ChineseId, text), expected, "{text}");
    }
}

#[test]
fn a_key_is_known_by_how_it_begins() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
    for (text, expected) in [
        ("OPENAI_API_KEY=sk-proj-abcdefghij0123456789xyz.", vec!["sk-proj-abcdefghij0123456789xyz"]),
        ("AKIAIOSFODNN7EXAMPLE", vec!["AKIAIOSFODNN7EXAMPLE"]),
        (token, vec![token]),
        (pem, vec![pem]),
        ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", vec![]),
        ("sk-short ask-the-people-who-know-better-1 sk-only-letters-and-no-digits-here", vec![]),
    ] {
        assert_eq!(found(Personal::Key, text), expected, "{text}");
    }
}

#[test]
fn a_filter_that_cannot_work_is_refused_by_name() {
    for (filter, why) in [
        (json!({"name": "x", "find": {"patterns": ["(a"]}, "action": "flag"}), "the pattern"),
        (json!({"name": "x", "find": {"patterns": ["a*"]}, "action": "flag"}), "fits everywhere"),
        (json!({"name": "x", "find": {"words": ["a"]}, "action": "mask", "label": "no"}), "the label"),
    ] {
        let problem = Finder::new(&filters(json!([filter])), Side::Both).unwrap_err();
        assert!(problem.name == "x" && problem.message.contains(why), "{problem}");
    }
}

proptest! {
    #[test]
    fn words_are_found_however_a_text_is_cut(
        words in proptest::collection::vec("[abc]{1,4}", 1..6),
        text in "[abcABC]{0,30}",
        cuts in proptest::collection::vec(0..40usize, 0..6),
    ) {
        let automaton = Words::new(words.iter().map(String::as_str)).unwrap();
        let (mut state, mut read, mut found) = (0, 0, Vec::new());
        for piece in super::pieces(&text, &cuts) {
            state = automaton.read(state, piece, |word| found.push((read + word.end - word.length, word.word)));
            read += piece.len();
        }
        let lower = text.to_lowercase();
        let mut expected: Vec<(usize, u32)> = Vec::new();
        for (number, word) in (0..).zip(&words) {
            expected.extend((0..lower.len()).filter(|at| lower[*at..].starts_with(word)).map(|at| (at, number)));
        }
        found.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
        // What is held back is exactly the longest end of the text with which a word begins.
        let begins = |tail: &str| words.iter().any(|word| word.len() > tail.len() && word.starts_with(tail));
        let longest = (1..=lower.len()).rev().find(|length| begins(&lower[lower.len() - length..]));
        prop_assert_eq!(automaton.pending(state), longest.unwrap_or(0));
    }

    #[test]
    fn nothing_is_found_that_could_not_have_been_waited_for(text in "[ a-z0-9@.+-]{0,60}", at in 0..60usize) {
        // Whatever straddles a cut began within the tail that is held back at the cut.
        let at = at % (text.len() + 1);
        let held = crate::filter::personal::pending(&text[..at]);
        for personal in [Personal::Email, Personal::Phone, Personal::Card, Personal::ChineseId, Personal::Key] {
            personal.find(&text, &mut |span| {
                assert!(!(span.start < at && at < span.end) || at - span.start <= held, "{personal:?} at {span:?}");
            });
        }
    }
}
