//! What a client gets of an answer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{PROVIDERS, clean, filters, looks, personal, pieces, play, stream};
use crate::filter::masks::Masks;
use crate::filter::watch::Looks;
use crate::filter::watch::Watch;
use crate::framing::Frame;
use crate::ir::Protocol;
use crate::protocol::StreamError;
use crate::tests::rig::{CLIENTS, Play, hear, simple_call, target, wire};
use crate::upstream::payload;

const MAIL: &str = "ada@example.org";

/// A piece of a text: words, personal data, what looks like a placeholder, beginnings of all of them.
pub fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ a-zA-Z0-9,.\n\"\\\\-]{0,12}",
        "[é中🙂 ]{0,4}",
        Just(MAIL.to_owned()),
        Just("13800138000".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        "(EMAIL|PHONE|TEXT|CARD|AB)-[0-9a-f]{6,9}",
        "[A-Z]{1,5}-?",
    ]
}

fn masks(values: &[(&str, &str)]) -> (Masks, Vec<String>) {
    let mut masks = Masks::new([7; 32]);
    let placeholders = values.iter().map(|(kind, value)| masks.hide(kind, value).unwrap()).collect();
    (masks, placeholders)
}

/// What is said to every pair of protocols that is heard is said through `looks`.
fn heard(
    client: Protocol,
    provider: Protocol,
    looks: &Looks,
    text: &[&str],
    arguments: &[&str],
) -> (String, Vec<Value>) {
    let played = play(client, provider, looks, &stream(provider, text, arguments));
    assert_eq!(played.error, None, "{client:?} of {provider:?}");
    let heard = hear(client, &played.out);
    assert_eq!((heard.finishes.len(), heard.broken_grammar.as_ref()), (1, None), "{client:?} of {provider:?}");
    let calls = heard.calls.iter().map(|(_, input)| serde_json::from_str(input).unwrap()).collect();
    (heard.text, calls)
}

#[test]
fn a_placeholder_comes_back_whole_to_every_client_from_every_provider() {
    let (masks, names) = masks(&[("EMAIL", MAIL), ("QUOTE", "say \"hi\"\n\\")]);
    let looks = looks(&[], masks);
    let text = format!("To {} and {}.", names[0], names[1]);
    let arguments = json!({"to": names[0], "text": names[1]}).to_string();
    for cut in 0..text.len() {
        let text = [&text[..cut], &text[cut..]];
        let arguments = [&arguments[..cut.min(arguments.len())], &arguments[cut.min(arguments.len())..]];
        for &client in CLIENTS {
            for &provider in PROVIDERS {
                let heard = heard(client, provider, &looks, &text, &arguments);
                let expected = format!("To {MAIL} and say \"hi\"\n\\.");
                let calls = vec![json!({"to": MAIL, "text": "say \"hi\"\n\\"})];
                assert_eq!(heard, (expected, calls), "{client:?} of {provider:?} cut at {cut}");
            }
        }
    }
}

#[test]
fn a_whole_answer_is_restored_too() {
    for &provider in PROVIDERS {
        let (masks, names) = masks(&[("EMAIL", MAIL)]);
        let mut answer = Vec::new();
        let call = simple_call(provider, false);
        let collected = crate::ir::event::Completion {
            id: "a".into(),
            model: "m".into(),
            parts: vec![crate::ir::Part::text(format!("To {}.", names[0]))],
            finish: Some(crate::ir::event::FinishReason::Stop),
            ..Default::default()
        };
        let echo = crate::protocol::Echo { call: &call, request: None };
        crate::protocol::inbound(provider).encode_response(&collected, &echo, &mut answer);
        for &client in CLIENTS {
            let call = simple_call(client, false);
            let mut payload = payload(&call, &target(provider, "a", "m")).unwrap();
            payload.looks = Some(looks(&[], Masks::new([0; 32])));
            payload.looks.as_mut().unwrap().masks = std::rc::Rc::new(masks_of(&names[0]));
            let played = Play { streamed: false, ..Play::new(&call, &payload) }.run([&answer[..]]);
            assert_eq!(played.error, None, "{client:?} of {provider:?}");
            assert!(played.text().contains(&format!("To {MAIL}.")), "{client:?} of {provider:?}: {}", played.text());
        }
        drop(masks);
    }
}

/// The same masks again: they are made of nothing but their key.
fn masks_of(name: &str) -> Masks {
    let (masks, names) = masks(&[("EMAIL", MAIL)]);
    assert_eq!(names[0], name);
    masks
}

#[test]
fn a_word_of_the_answer_is_masked_across_any_boundary() {
    let filter = filters(json!([{"name": "beast", "action": "mask", "label": "BEAST", "on": "output",
        "find": {"words": ["dragon", "龙"]}}]));
    let text = "A Dragon, 龙, and a dragonfly; no drag on.";
    for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        for &provider in PROVIDERS {
            let looks = looks(&filter, Masks::new([0; 32]));
            let (text, _) = heard(provider, provider, &looks, &[&text[..cut], &text[cut..]], &[]);
            assert_eq!(text, "A [BEAST], [BEAST], and a [BEAST]fly; no drag on.", "{provider:?} cut at {cut}");
        }
    }
}

#[test]
fn new_personal_data_is_masked_across_any_boundary() {
    let filter =
        filters(json!([{"name": "personal", "action": "mask", "find": {"personal": ["email", "phone", "card"]}}]));
    let text = format!("I am {MAIL}. Call +49 30 901820 or pay 4111 1111 1111 1111, ok?");
    for cut in 0..text.len() {
        let looks = looks(&filter, Masks::new([0; 32]));
        let (text, _) = heard(Protocol::Chat, Protocol::Chat, &looks, &[&text[..cut], &text[cut..]], &[]);
        assert_eq!(text, "I am [EMAIL]. Call [PHONE] or pay [CARD], ok?", "cut at {cut}");
    }
}

#[test]
fn a_pattern_sees_across_any_boundary() {
    let filter = filters(
        json!([{"name": "ticket", "action": "mask", "label": "TICKET", "find": {"patterns": ["\\bT-[0-9]{3}\\b"]}}]),
    );
    let text = format!("{} T-123, XT-456. T-7890", "words ".repeat(60));
    for cut in 0..text.len() {
        let looks = looks(&filter, Masks::new([0; 32]));
        let (heard, _) = heard(Protocol::Chat, Protocol::Messages, &looks, &[&text[..cut], &text[cut..]], &[]);
        assert_eq!(heard, text.replace("T-123", "[TICKET]"), "cut at {cut}");
    }
}

#[test]
fn a_refused_answer_ends_in_one_failure_before_the_word() {
    let filter =
        filters(json!([{"name": "beast", "action": "refuse", "message": "not here", "find": {"words": ["dragon"]}}]));
    let text = "Here be dragons.";
    for cut in 0..text.len() {
        for &client in CLIENTS {
            let looks = looks(&filter, Masks::new([0; 32]));
            let frames = stream(Protocol::Chat, &["Once ", &text[..cut], &text[cut..]], &[]);
            let played = play(client, Protocol::Chat, &looks, &frames);
            assert_eq!(played.error, Some(StreamError::Withheld("not here".to_owned())), "{client:?}");
            let heard = hear(client, &played.out);
            assert_eq!((heard.finishes.len(), heard.failures), (0, 1), "{client:?}: {}", played.text());
            assert!(!heard.text.contains('d') && played.text().contains("not here"), "{client:?}: {}", heard.text);
            assert_eq!(looks.hits.borrow().list().len(), 1);
        }
    }
}

#[test]
fn a_flag_holds_nothing_back_and_still_sees_across_boundaries() {
    let filter = filters(json!([{"name": "beast", "action": "flag", "find": {"words": ["dragon"]}},
        {"name": "ticket", "action": "flag", "find": {"patterns": ["T-[0-9]{3}"]}}]));
    let looks = looks(&filter, Masks::new([0; 32]));
    let mut watch = Watch::new(looks.clone());
    for letter in "a dragon with T-123".chars() {
        let frame = json!({"choices": [{"index": 0, "delta": {"content": letter.to_string()}}]}).to_string();
        let mut out = 0;
        watch
            .frame(Frame { data: frame.as_bytes(), ..Frame::default() }, &mut |given| {
                assert_eq!(given.data, frame.as_bytes());
                out += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(out, 1, "{letter} waits");
    }
    let told: Vec<_> = looks.hits.borrow().list().iter().map(|hit| (hit.filter.clone(), hit.position)).collect();
    assert_eq!(told, [("beast".to_owned(), 2), ("ticket".to_owned(), 14)]);
}

#[test]
fn frames_without_a_find_keep_every_byte_of_their_data() {
    for (provider, fixture) in crate::tests::rig::streams() {
        let (masks, _) = masks(&[("EMAIL", MAIL)]);
        let mut watch = Watch::new(looks(&personal(), masks));
        let mut framer = crate::framing::Framer::new(wire(provider).framing());
        let (mut given, mut taken) = (Vec::new(), Vec::new());
        let mut emit = |frame: Frame<'_>| {
            given.push((frame.event.map(str::to_owned), frame.data.to_vec()));
            Ok(())
        };
        let mut take = |frame: Frame<'_>, _| {
            taken.push((frame.event.map(str::to_owned), frame.data.to_vec()));
            watch.frame(frame, &mut emit)
        };
        framer.push(&fixture.bytes, &mut take).unwrap();
        framer.finish(&mut take).unwrap();
        watch.end(&mut emit).unwrap();
        assert_eq!(given, taken, "{provider:?}/{}", fixture.name);
    }
}

#[test]
fn parallel_choices_do_not_run_into_each_other() {
    let (masks, names) = masks(&[("EMAIL", MAIL)]);
    let mut watch = Watch::new(looks(&[], masks));
    let mut said = [String::new(), String::new()];
    let mut emit = |frame: Frame<'_>| {
        let value: Value = serde_json::from_slice(frame.data).unwrap();
        let choice = &value["choices"][0];
        said[choice["index"].as_u64().unwrap() as usize] += choice["delta"]["content"].as_str().unwrap();
        Ok(())
    };
    for letter in names[0].chars() {
        for choice in 0..2 {
            let frame = json!({"choices": [{"index": choice, "delta": {"content": letter.to_string()}}]}).to_string();
            watch.frame(Frame { data: frame.as_bytes(), ..Frame::default() }, &mut emit).unwrap();
        }
    }
    watch.end(&mut emit).unwrap();
    assert_eq!(said, [MAIL, MAIL]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mask_and_restore_is_the_identity_for_any_text_and_split(
        parts in proptest::collection::vec(part(), 0..6),
        cuts in proptest::collection::vec(0..200usize, 0..8),
    ) {
        let text = parts.concat();
        let cleaned = clean(&personal(), &json!({ "prompt": text }).to_string()).unwrap();
        let value: Value = serde_json::from_str(&cleaned.body).unwrap();
        let masked = value["prompt"].as_str().unwrap();
        let looks = looks(&[], cleaned.masks);
        for &provider in PROVIDERS {
            let (heard, _) = heard(provider, provider, &looks, &pieces(masked, &cuts), &[]);
            prop_assert_eq!(&heard, &text);
        }
        let (heard, _) = heard(Protocol::Ollama, Protocol::Gemini, &looks, &pieces(masked, &cuts), &[]);
        prop_assert_eq!(&heard, &text);
    }

    #[test]
    fn no_more_than_a_placeholder_waits(
        parts in proptest::collection::vec(part(), 0..8),
        cuts in proptest::collection::vec(0..200usize, 0..30),
    ) {
        let (masks, names) = masks(&[("EMAIL", MAIL), ("PHONE", "13800138000")]);
        let text = parts.concat().replace(MAIL, &names[0]);
        let mut watch = Watch::new(looks(&[], masks));
        let (mut said, mut heard) = (0, 0);
        for piece in pieces(&text, &cuts) {
            said += piece.len();
            let frame = json!({"choices": [{"delta": {"content": piece}}]}).to_string();
            watch.frame(Frame { data: frame.as_bytes(), ..Frame::default() }, &mut |given| {
                let value: Value = serde_json::from_slice(given.data).unwrap();
                heard += value["choices"][0]["delta"]["content"].as_str().unwrap().len();
                Ok(())
            }).unwrap();
            let longest = pieces(&text, &cuts).iter().map(|piece| piece.len()).max().unwrap_or(0);
            // A frame waits whole: what its text begins with waits along.
            prop_assert!(said <= heard + 21 + longest + 20 * text.matches(&names[0]).count(), "{said} {heard}");
        }
    }
}
