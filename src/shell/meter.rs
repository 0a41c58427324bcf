//! What this isolate has used of the day's quotas and not told the object yet.

use std::cell::Cell;

#[derive(Clone, Copy, Default)]
pub struct Used {
    pub requests: u64,
    pub written: u64,
    pub read: u64,
}

thread_local! {
    static USED: Cell<Used> = const { Cell::new(Used { requests: 0, written: 0, read: 0 }) };
}

/// The Worker was invoked.
pub fn request() {
    USED.with(|used| used.set(Used { requests: used.get().requests + 1, ..used.get() }));
}

/// Rows of the books.
pub fn books(written: u64, read: u64) {
    USED.with(|used| {
        let now = used.get();
        used.set(Used { written: now.written + written, read: now.read + read, ..now });
    });
}

pub fn take() -> Used {
    USED.take()
}

/// What is used, for an address of the object's: telling costs no request of its own. What is told and not heard is
/// not counted.
pub fn told(path: &str) -> String {
    let Used { requests, written, read } = take();
    if requests + written + read == 0 { path.to_owned() } else { format!("{path}?{requests},{written},{read}") }
}

/// What [`told`] said.
pub fn heard(query: &str) -> Used {
    let mut numbers = query.split(',').map(|number| number.parse().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    Used { requests: next(), written: next(), read: next() }
}
