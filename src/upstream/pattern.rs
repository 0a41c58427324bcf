//! Patterns of model names: `gpt-*`, `*/*`, `!gpt-oss*`. Case does not count.

/// Whether one of `patterns` fits and no exclusion (`!…`) does.
pub fn any(patterns: &[impl AsRef<str>], name: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.as_ref().strip_prefix('!') {
            Some(excluded) if fits(excluded, name) => return false,
            Some(_) => {}
            None => found |= fits(pattern.as_ref(), name),
        }
    }
    found
}

/// `*` stands for any run of characters, also none.
fn fits(pattern: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let pattern = pattern.to_ascii_lowercase();
    let mut pieces = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_star_stands_for_any_run_and_an_exclusion_wins() {
        let cases: &[(&[&str], &str, bool)] = &[
            (&["gpt-*"], "gpt-4o", true),
            (&["gpt-*"], "GPT-4o", true),
            (&["gpt-*"], "my-gpt-4o", false),
            (&["gpt-*", "!gpt-oss*"], "gpt-oss-120b", false),
            (&["!gpt-oss*", "gpt-*"], "gpt-5", true),
            (&["o1"], "o1", true),
            (&["o1"], "o1-pro", false),
            (&["*/*"], "deepseek/deepseek-chat", true),
            (&["*/*"], "deepseek-chat", false),
            (&["*"], "", true),
            (&["a*b*c"], "a-b-b-c", true),
            (&["a*b*c"], "a-c-b", false),
            (&["ab*b"], "ab", false),
            (&[], "x", false),
        ];
        for (patterns, name, expected) in cases {
            assert_eq!(super::any(patterns, name), *expected, "{patterns:?} on {name}");
        }
    }
}
