//! AWS event stream: binary messages, each with its lengths, typed headers and two checksums.
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>
//!
//! ```text
//! u32 total | u32 headers | u32 CRC of these 8 bytes | headers | payload | u32 CRC of everything before
//! header := u8 length, name, u8 type, value          all numbers big-endian, checksums CRC-32 as in zlib
//! ```
//!
//! A message is an event, an exception the service declares, or an error it does not: `:message-type` says which.

use super::{Broken, Frame, LIMIT};

/// The two lengths and their checksum.
const PRELUDE: usize = 12;
/// 128 KiB: what AWS's own decoders accept.
const HEADERS_LIMIT: usize = 128 << 10;

/// Feed `chunk`; `pending` is what came before it of an unfinished message.
pub fn push<E: From<Broken>>(
    pending: &mut Vec<u8>,
    chunk: &[u8],
    mut on: impl FnMut(Frame<'_>, usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = 0;
    while !pending.is_empty() {
        let wanted = length(pending)?.unwrap_or(PRELUDE) - pending.len();
        let rest = chunk.get(at..).unwrap_or_default();
        let (taken, _) = rest.split_at(wanted.min(rest.len()));
        pending.extend_from_slice(taken);
        at += taken.len();
        if taken.len() < wanted {
            return Ok(());
        }
        if length(pending)? == Some(pending.len()) {
            let held = std::mem::take(pending);
            read(&held, at, &mut on)?;
        }
    }
    while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
        match length(rest)?.and_then(|total| rest.get(..total)) {
            Some(message) => {
                at += message.len();
                read(message, at, &mut on)?;
            }
            None => {
                pending.extend_from_slice(rest);
                break;
            }
        }
    }
    Ok(())
}

/// How long the message at the head of `bytes` is, once its prelude is there.
fn length(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    let Some((prelude, _)) = bytes.split_at_checked(PRELUDE) else { return Ok(None) };
    let (lengths, _) = prelude.split_at(8);
    if number(prelude, 8) != crc32(lengths) {
        return Err(Broken::Corrupt("the checksum of a message's prelude is wrong"));
    }
    let (total, headers) = (number(prelude, 0) as usize, number(prelude, 4) as usize);
    if total > LIMIT || headers > HEADERS_LIMIT {
        return Err(Broken::TooLarge);
    }
    if total < PRELUDE + 4 + headers {
        return Err(Broken::Corrupt("a message's lengths contradict each other"));
    }
    Ok(Some(total))
}

/// A whole message.
fn read<E: From<Broken>>(
    message: &[u8],
    after: usize,
    on: &mut impl FnMut(Frame<'_>, usize) -> Result<(), E>,
) -> Result<(), E> {
    let Some((body, sum)) = message.split_last_chunk::<4>().filter(|(body, _)| body.len() >= PRELUDE) else {
        return Err(Broken::Corrupt("a message is too short").into());
    };
    if u32::from_be_bytes(*sum) != crc32(body) {
        return Err(Broken::Corrupt("the checksum of a message is wrong").into());
    }
    let (_, rest) = body.split_at(PRELUDE);
    let (headers, payload) = rest.split_at((number(message, 4) as usize).min(rest.len()));
    let headers = Headers::read(headers)?;
    let frame = match headers.message_type {
        None | Some("event") => Frame { event: headers.event_type, error: None, data: payload },
        Some("exception") => {
            Frame { event: None, error: Some(headers.exception_type.unwrap_or("exception")), data: payload }
        }
        // It has no payload; what it says is in its headers.
        Some(_) => {
            let said = headers.error_message.unwrap_or_default().as_bytes();
            Frame { event: None, error: Some(headers.error_code.unwrap_or("error")), data: said }
        }
    };
    on(frame, after)
}

/// The headers that mean something here; all are strings.
#[derive(Default)]
struct Headers<'a> {
    message_type: Option<&'a str>,
    event_type: Option<&'a str>,
    exception_type: Option<&'a str>,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
}

impl<'a> Headers<'a> {
    fn read(mut bytes: &'a [u8]) -> Result<Self, Broken> {
        const CORRUPT: Broken = Broken::Corrupt("a message's headers cannot be read");
        let mut found = Self::default();
        let take = |bytes: &mut &'a [u8], count: usize| {
            let (head, tail) = bytes.split_at_checked(count).ok_or(CORRUPT)?;
            *bytes = tail;
            Ok::<&'a [u8], Broken>(head)
        };
        while !bytes.is_empty() {
            let count = big_endian(take(&mut bytes, 1)?);
            let name = take(&mut bytes, count)?;
            let kind = big_endian(take(&mut bytes, 1)?);
            let width = match kind {
                // true, false; byte; short; int; long and timestamp; UUID
                0 | 1 => 0,
                2 => 1,
                3 => 2,
                4 => 4,
                5 | 8 => 8,
                9 => 16,
                // bytes and string say their own length
                6 | 7 => big_endian(take(&mut bytes, 2)?),
                _ => return Err(CORRUPT),
            };
            let value = take(&mut bytes, width)?;
            if kind != 7 {
                continue;
            }
            let slot = match name {
                b":message-type" => &mut found.message_type,
                b":event-type" => &mut found.event_type,
                b":exception-type" => &mut found.exception_type,
                b":error-code" => &mut found.error_code,
                b":error-message" => &mut found.error_message,
                _ => continue,
            };
            *slot = Some(std::str::from_utf8(value).map_err(|_| CORRUPT)?);
        }
        Ok(found)
    }
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The 32-bit number at `at`; 0 where there is none.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

/// CRC-32 (IEEE, reflected), four bits at a time: a table of 64 bytes in place of one of 1 KiB.
pub fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = table();
    let step = |crc: u32| crc >> 4 ^ TABLE.get((crc & 15) as usize).copied().unwrap_or(0);
    !bytes.iter().fold(!0, |crc, byte| step(step(crc ^ u32::from(*byte))))
}

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut at = 0;
    while at < 16 {
        let (mut value, mut bit) = (at, 0);
        while bit < 4 {
            value = if value & 1 == 1 { value >> 1 ^ 0xEDB8_8320 } else { value >> 1 };
            bit += 1;
        }
        #[expect(clippy::indexing_slicing, reason = "a constant loop over a constant table")]
        {
            table[at as usize] = value;
        }
        at += 1;
    }
    table
}
