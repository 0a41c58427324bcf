//! The grammar of answers, their fold into a whole, and the helper that makes blocks where a wire has none.

use proptest::prelude::*;
use serde_json::json;

use crate::ir::event::{
    Block, Blocks, Collector, Completion, Delta, Event, Finish, FinishReason, Grammar, GrammarError, Sink, Usage,
    arguments,
};
use crate::ir::{Issuer, Media, PartKind, Protocol, Seal, Source, ToolCall, ToolInput};
use crate::json::Json;

const START: Event<'_> = Event::Start { id: "i", model: "m" };

fn open(index: u32) -> Event<'static> {
    Event::BlockStart { index, block: Block::Text }
}

fn say(index: u32) -> Event<'static> {
    Event::Delta { index, delta: Delta::Text("x") }
}

fn end(index: u32) -> Event<'static> {
    Event::BlockEnd { index }
}

const USAGE: Event<'_> =
    Event::Usage(Usage { input: 1, cache_read: 2, cache_write: 3, cache_write_long: 4, output: 5, reasoning: 6 });
const FINISH: Event<'_> = Event::Finish(Finish::Stop);

#[test]
fn the_grammar_takes_what_it_says_and_nothing_else() {
    use GrammarError::{AfterFinish, Nested, NotStarted, Orphan, Restarted};
    let table: [(&[Event<'_>], Option<GrammarError>); 18] = [
        (&[START, FINISH], None),
        (&[START, open(0), say(0), say(0), end(0), open(1), end(1), USAGE, FINISH], None),
        (&[START, USAGE, open(0), USAGE, say(0), end(0), FINISH], None),
        (&[START, open(0)], None),
        (&[USAGE], Some(NotStarted)),
        (&[open(0)], Some(NotStarted)),
        (&[FINISH], Some(NotStarted)),
        (&[START, START], Some(Restarted)),
        (&[START, open(1)], Some(Nested)),
        (&[START, open(0), open(1)], Some(Nested)),
        (&[START, open(0), end(0), open(0)], Some(Nested)),
        (&[START, say(0)], Some(Orphan)),
        (&[START, open(0), say(1)], Some(Orphan)),
        (&[START, open(0), end(0), say(0)], Some(Orphan)),
        (&[START, open(0), end(0), end(0)], Some(Orphan)),
        (&[START, open(0), FINISH], Some(Orphan)),
        (&[START, FINISH, USAGE], Some(AfterFinish)),
        (&[START, FINISH, FINISH], Some(AfterFinish)),
    ];
    for (events, expected) in table {
        let mut grammar = Grammar::default();
        let (last, before) = events.split_last().unwrap();
        for event in before {
            assert_eq!(grammar.event(event), Ok(()), "{events:?}");
        }
        assert_eq!(grammar.event(last).err(), expected, "{events:?}");
        if expected.is_none() {
            assert_eq!(grammar.finished(), *last == FINISH);
        }
    }
}

#[test]
fn the_open_block_is_known_for_whoever_must_close_it() {
    let mut grammar = Grammar::default();
    let mut found = Vec::new();
    for event in [START, open(0), end(0), open(1), say(1), end(1), FINISH] {
        grammar.event(&event).unwrap();
        found.push(grammar.open_block());
    }
    assert_eq!(found, [None, Some(0), None, Some(1), Some(1), None, None]);
}

fn whole() -> Completion {
    let seal = |issuer| Some(Seal { issuer, value: "s".to_owned(), redacted: false });
    let call =
        |input, seal| PartKind::ToolCall(ToolCall { id: "c".to_owned(), name: "f".to_owned(), input, seal }).into();
    let Event::Usage(usage) = USAGE else { unreachable!() };
    Completion {
        id: "i".to_owned(),
        model: "m".to_owned(),
        parts: vec![
            PartKind::Thinking { text: "hm".to_owned(), seal: seal(Issuer::Anthropic) }.into(),
            PartKind::Thinking { text: String::new(), seal: None }.into(),
            PartKind::Text("hi".to_owned()).into(),
            call(ToolInput::Json(Json::parse("{\"a\":1.50}").unwrap()), seal(Issuer::Google)),
            call(ToolInput::Text("patch".to_owned()), None),
            PartKind::Media(Media {
                mime: "image/png".to_owned(),
                source: Source::Base64("aWk=".to_owned()),
                name: None,
            })
            .into(),
            PartKind::Opaque { owner: Protocol::Messages, value: json!({"type": "x"}) }.into(),
        ],
        usage,
        finish: Some(FinishReason::Other("odd".to_owned())),
    }
}

#[test]
fn a_replayed_answer_obeys_the_grammar_and_folds_into_itself() {
    let (mut grammar, mut collector) = (Grammar::default(), Collector::default());
    whole().replay(&mut |event: Event<'_>| {
        grammar.event(&event).unwrap();
        collector.event(event);
    });
    assert!(grammar.finished());
    assert_eq!(Completion::of(collector), Some(whole()));
}

#[test]
fn a_part_that_is_no_answer_leaves_no_gap_in_a_replay() {
    let mut odd = whole();
    odd.parts.insert(1, PartKind::ToolResult { id: "c".to_owned(), output: vec![], is_error: false }.into());
    let mut grammar = Grammar::default();
    odd.replay(&mut |event: Event<'_>| grammar.event(&event).unwrap());
    assert!(grammar.finished());
}

#[test]
fn a_truncated_answer_is_no_answer() {
    let mut collector = Collector::default();
    [START, open(0), say(0), end(0), USAGE].into_iter().for_each(|event| collector.event(event));
    assert_eq!(Completion::of(collector), None);
}

#[test]
fn arguments_are_always_an_object() {
    let table = [
        ("", "{}"),
        (" \n", "{}"),
        ("{\"a\": 1.50}", "{\"a\": 1.50}"),
        (" {} ", "{}"),
        ("[1]", "{\"arguments\":[1]}"),
        ("null", "{\"arguments\":null}"),
        ("{\"a\":", "{\"arguments\":\"{\\\"a\\\":\"}"),
        ("{} {}", "{\"arguments\":\"{} {}\"}"),
    ];
    for (text, expected) in table {
        assert_eq!(arguments(text).get(), expected, "{text}");
    }
}

#[test]
fn usage_adds_up_to_each_protocols_sums() {
    let Event::Usage(usage) = USAGE else { unreachable!() };
    assert_eq!((usage.prompt(), usage.completion(), usage.total()), (10, 11, 21));
}

/// What a wire without blocks may bring.
#[derive(Debug, Clone)]
enum Bit {
    Text,
    Thinking,
    Tool(u32),
    Json,
    Seal,
    Whole,
    Close,
}

fn play(bits: &[Bit], sink: &mut dyn Sink) {
    let mut blocks = Blocks::default();
    let seal = Seal { issuer: Issuer::Google, value: "s".to_owned(), redacted: false };
    sink.event(START);
    for bit in bits {
        match bit {
            Bit::Text => blocks.text("t", sink),
            Bit::Thinking => blocks.thinking("h", sink),
            Bit::Tool(call) => drop(blocks.tool(*call, "c", "f", false, sink)),
            Bit::Json => blocks.arguments("{}", sink),
            Bit::Seal => blocks.seal(&seal, sink),
            Bit::Whole => blocks.whole(Block::Media { mime: "image/png" }, &[Delta::Data("aWk=")], sink),
            Bit::Close => blocks.close(sink),
        }
    }
    blocks.close(sink);
    sink.event(FINISH);
}

#[test]
fn a_change_of_content_closes_one_block_and_opens_the_next() {
    let bits =
        [Bit::Thinking, Bit::Thinking, Bit::Text, Bit::Tool(0), Bit::Tool(0), Bit::Tool(1), Bit::Whole, Bit::Text];
    let mut kinds = Vec::new();
    play(&bits, &mut |event: Event<'_>| {
        if let Event::BlockStart { index, block } = event {
            let kind = match block {
                Block::Text => "text",
                Block::Thinking => "thinking",
                Block::ToolCall { .. } => "tool",
                Block::Media { .. } => "media",
                Block::Opaque { .. } => "opaque",
            };
            kinds.push((index, kind));
        }
    });
    assert_eq!(kinds, [(0, "thinking"), (1, "text"), (2, "tool"), (3, "tool"), (4, "media"), (5, "text")]);
}

proptest! {
    #[test]
    fn whatever_comes_the_blocks_obey_the_grammar(
        bits in prop::collection::vec(prop_oneof![
            Just(Bit::Text), Just(Bit::Thinking), (0u32..3).prop_map(Bit::Tool), Just(Bit::Json), Just(Bit::Seal),
            Just(Bit::Whole), Just(Bit::Close),
        ], 0..20)
    ) {
        let mut grammar = Grammar::default();
        let mut broken = None;
        play(&bits, &mut |event: Event<'_>| broken = broken.or(grammar.event(&event).err()));
        prop_assert_eq!(broken, None);
        prop_assert!(grammar.finished());
    }
}
