//! An event of an SSE stream with other data in it, and every other byte as it came.

/// Write `event`, the bytes of one event and of whatever stood before it, with `data` for its own. A line break in `data`
/// starts a new line of it.
pub fn replace_data(event: &[u8], data: &[u8], out: &mut Vec<u8>) {
    let mut rest = event;
    let mut replaced = false;
    while !rest.is_empty() {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        let width = match behind {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        let (ending, behind) = behind.split_at(width);
        rest = behind;
        if !is_data(line) {
            out.extend_from_slice(line);
            out.extend_from_slice(ending);
        } else if !std::mem::replace(&mut replaced, true) {
            for (at, line) in data.split(|byte| *byte == b'\n').enumerate() {
                if at > 0 {
                    out.extend_from_slice(if ending.is_empty() { b"\n" } else { ending });
                }
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(line);
            }
            out.extend_from_slice(ending);
        }
    }
}

fn is_data(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    line == b"data" || line.starts_with(b"data:")
}
