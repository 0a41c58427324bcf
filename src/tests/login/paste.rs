//! Everything people paste.

use proptest::prelude::*;

use crate::login::paste::{Outcome, Unreadable, read};

fn seen(text: &str) -> String {
    match read(text) {
        Ok(pasted) => {
            let state = pasted.state.as_deref().unwrap_or("-");
            match &pasted.outcome {
                Outcome::Code(code) => format!("code {code} state {state}{}", if pasted.bare { " bare" } else { "" }),
                Outcome::Error(why) => format!("error {why} state {state}"),
            }
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_form_is_read() {
    let none = "has no code in it; paste the whole address the browser ended at";
    #[rustfmt::skip]
    let table = [
        ("http://localhost:1455/auth/callback?code=ac_1&state=S", "code ac_1 state S"),
        ("https://localhost:1455/auth/callback?state=S&scope=x&code=ac_1", "code ac_1 state S"),
        ("localhost:1455/auth/callback?code=ac_1&state=S", "code ac_1 state S"),
        ("kiro://kiro.kiroAgent/authenticate-success?code=ac_1&state=S", "code ac_1 state S"),
        ("?code=ac_1&state=S", "code ac_1 state S"),
        ("code=ac_1&state=S", "code ac_1 state S"),
        ("  <http://localhost/cb?code=ac_1&amp;state=S>\n", "code ac_1 state S"),
        ("\"?code=ac_1&state=S\"", "code ac_1 state S"),
        ("http://localhost/cb?code=ac\n  _1&sta\r\nte=S", "code ac_1 state S"),
        ("http://localhost/cb#code=ac_1&state=S", "code ac_1 state S"),
        ("http://localhost/cb?state=S#code=ac_1", "code ac_1 state S"),
        ("http://localhost/cb?code=ac_1#thestate", "code ac_1 state thestate"),
        ("http://localhost/cb?code=ac_1&state=S#_=_", "code ac_1 state S"),
        ("thecode_-1#thestate", "code thecode_-1 state thestate bare"),
        ("4/0AbCd-efGh_i", "code 4/0AbCd-efGh_i state - bare"),
        ("?code=4%2F0Ab%2Bc&state=a%20b", "code 4/0Ab+c state a b"),
        ("?code=a+b&state=S", "code a+b state S"),
        ("?code=ac_1&code=ac_1&state=S&state=S", "code ac_1 state S"),
        ("?code=ac_1&code=ac_2&state=S", "has code twice"),
        ("?code=ac_1&state=S#state=T", "has state twice"),
        ("?error=access_denied&state=S", "error access_denied state S"),
        ("?error=access_denied&error_description=no+way%21&code=x", "error access_denied: no way! state -"),
        ("?code=&state=S", none),
        ("?encode=x&state=S", none),
        ("http://localhost:1455/auth/callback", none),
        ("short", none),
        ("I pressed the button", "code Ipressedthebutton state - bare"),
        ("", "is empty"),
        (" \n", "is empty"),
        ("\u{202e}?code=ac_1&state=S", "code ac_1 state S"),
    ];
    for (text, expected) in table {
        assert_eq!(seen(text), expected, "{text:?}");
    }
    assert_eq!(read(&"x".repeat(9000)), Err(Unreadable::TooLong));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), tail in "[?#&=%codestate:/]{0,40}") {
        let _ = read(&text);
        let _ = read(&tail);
        let _ = read(&format!("{text}{tail}"));
    }

    #[test]
    fn what_a_browser_writes_is_read_as_it_was_meant(
        code in "[ -~]{1,40}", state in "[A-Za-z0-9_-]{43}", swap: bool, place in 0..4usize,
    ) {
        let escape = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let (mut one, mut two) = (format!("code={}", escape(&code)), format!("state={}", escape(&state)));
        if swap {
            std::mem::swap(&mut one, &mut two);
        }
        let head = ["http://localhost:1455/auth/callback?", "?", "", "kiro://x/y#"][place];
        let pasted = read(&format!("{head}{one}&{two}")).unwrap();
        prop_assert_eq!(pasted.outcome, Outcome::Code(code));
        prop_assert_eq!(pasted.state, Some(state));
    }

    #[test]
    fn two_states_are_never_one(mine in "[a-z]{8}", theirs in "[a-z]{8}", fragment: bool, swap: bool) {
        prop_assume!(mine != theirs);
        let (one, two) = if swap { (&mine, &theirs) } else { (&theirs, &mine) };
        let text = if fragment { format!("?code=c&state={one}#state={two}") } else { format!("?state={one}&code=c&state={two}") };
        prop_assert_eq!(read(&text), Err(Unreadable::Twice("state")));
    }
}
