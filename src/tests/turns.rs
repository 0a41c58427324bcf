//! The order of turns, as a table: one line in, one line out.
//!
//! A turn is its role's letter and its parts: `U:hi`, `A:+c1` (call c1), `U:=c1` (its result), `S:rule`.

use crate::ir::{Part, PartKind, Request, Role, ToolCall, ToolInput, Turn};
use crate::json::Json;
use crate::protocol::turns::normalize;

fn read(text: &str) -> Request {
    let part = |word: &str| match word.split_at(1) {
        ("+", id) => PartKind::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "f".to_owned(),
            input: ToolInput::Json(Json::empty_object()),
            seal: None,
        })
        .into(),
        ("=", id) => {
            let (id, said) = id.split_once('/').unwrap_or((id, ""));
            PartKind::ToolResult { id: id.to_owned(), output: vec![Part::text(said)], is_error: false }.into()
        }
        _ => Part::text(word),
    };
    let turn = |text: &str| {
        let (role, parts) = text.split_once(':').unwrap();
        let role = match role {
            "U" => Role::User,
            "A" => Role::Assistant,
            _ => Role::System,
        };
        Turn { role, parts: parts.split(',').filter(|word| !word.is_empty()).map(part).collect() }
    };
    Request { turns: text.split_whitespace().map(turn).collect(), ..Request::default() }
}

fn write(request: &Request) -> String {
    let part = |part: &Part| match &part.kind {
        PartKind::Text(text) => text.clone(),
        PartKind::ToolCall(call) => format!("+{}", call.id),
        PartKind::ToolResult { id, output, .. } => match &output[0].kind {
            PartKind::Text(text) if !text.is_empty() => format!("={id}/{text}"),
            _ => format!("={id}"),
        },
        _ => unreachable!(),
    };
    let turn = |turn: &Turn| {
        let parts: Vec<_> = turn.parts.iter().map(part).collect();
        let role = ["S", "U", "A"][turn.role as usize];
        format!("{role}:{}", parts.join(","))
    };
    request.turns.iter().map(turn).collect::<Vec<_>>().join(" ")
}

#[test]
fn results_follow_their_calls_in_one_user_turn() {
    let table = [
        ("nothing to do", "S:be U:hi A:yo U:ok", "S:be U:hi A:yo U:ok"),
        ("same roles merge", "U:a U:b A:c A:d", "U:a,b A:c,d"),
        ("empty turns vanish", "U:a A: U:b", "U:a,b"),
        ("results in the order of the calls", "U:x A:+1,+2 U:=2,=1", "U:x A:+1,+2 U:=1,=2"),
        ("results before text", "A:+1 U:hm,=1", "A:+1 U:=1,hm"),
        ("calls that came one by one", "A:+1 A:+2 U:=1 U:=2", "A:+1,+2 U:=1,=2"),
        ("text between call and result", "A:+1,+2 U:=1 A:hm U:=2", "A:+1,+2 U:=1,=2 A:hm"),
        ("instructions between call and result", "A:+1 S:be U:=1,ok", "A:+1 U:=1 S:be U:ok"),
        ("a result among instructions", "A:+1 S:be,=1", "A:+1 U:=1 S:be"),
        ("a second result", "A:+1 U:=1/a,=1/b", "A:+1 U:=1/a"),
        ("an id used again", "A:+1 U:=1/a A:+1 U:=1/b", "A:+1 U:=1/a A:+1 U:=1/b"),
        ("an id used again, answered late", "A:+1 U:k A:+1 U:=1/a", "A:+1 U:k A:+1 U:=1/a"),
        ("a result without a call", "U:a,=9 A:b", "U:a,=9 A:b"),
        ("a call without a result", "A:+1,+2 U:=2,go", "A:+1,+2 U:=2,go"),
        ("rounds stay apart", "A:+1 U:=1 A:+2 U:=2", "A:+1 U:=1 A:+2 U:=2"),
    ];
    for (name, before, after) in table {
        let mut request = read(before);
        normalize(&mut request);
        assert_eq!(write(&request), after, "{name}");
        normalize(&mut request);
        assert_eq!(write(&request), after, "{name}, once more");
    }
}
