//! Where in a JSON text a byte lies: the path that an error names.
//!
//! serde could trace the path while it decodes, at the price of a second copy of every decoder in the script. An error's
//! position is enough to find the path afterwards.

/// One step into a container.
enum Step<'a> {
    /// Its key in quotes, once that has been read.
    Key(Option<&'a [u8]>),
    Index(usize),
}

/// The path of the value that the first `consumed` bytes of `text` end in or stand before:
/// `messages[3].content`, empty for the document itself.
pub fn path(text: &[u8], consumed: usize) -> String {
    let text = text.get(..consumed).unwrap_or(text);
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' => steps.push(Step::Key(None)),
            b'[' => steps.push(Step::Index(0)),
            b'}' | b']' => drop(steps.pop()),
            b',' => match steps.last_mut() {
                Some(Step::Index(index)) => *index += 1,
                Some(Step::Key(key)) => *key = None,
                None => {}
            },
            b'"' => {
                let open = at - 1;
                at += string(text.get(at..).unwrap_or_default()) + 1;
                if let Some(Step::Key(key @ None)) = steps.last_mut() {
                    *key = text.get(open..at);
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Key(Some(key)) => {
                path.push_str(if path.is_empty() { "" } else { "." });
                path.push_str(&super::read::<String>(key).unwrap_or_default());
            }
            Step::Key(None) => {}
        }
    }
    path
}

/// Bytes before the quote that ends a string.
pub fn string(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if rest.get(at) == Some(&b'"') {
            return at;
        }
        at += 2;
    }
    rest.len()
}

/// The number of bytes before a position that serde_json names.
pub fn consumed(text: &[u8], line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        Some(breaks) => memchr::memchr_iter(b'\n', text).nth(breaks).map_or(0, |at| at + 1),
        None => 0,
    };
    start + column
}
