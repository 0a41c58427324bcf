//! Which addresses an account may be at.
//!
//! An address is the operator's word, but a pasted or imported one may be somebody else's: what only exists inside a
//! network (loopback, private ranges, link-local with a cloud's metadata service, names without a dot) is refused unless
//! `SLUICE_PRIVATE_ADDRESSES` allows it. Hosts are read as the URL standard reads them, so that `0x7f.1` is 127.0.0.1.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::is_on;

/// What an operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    #[default]
    Public,
    Any,
}

/// The variable that allows private ones.
pub const VARIABLE: &str = "SLUICE_PRIVATE_ADDRESSES";

impl Addresses {
    pub fn of(value: Option<&str>) -> Self {
        if value.is_some_and(is_on) { Self::Any } else { Self::Public }
    }

    /// An address to put a path behind, without a slash at its end.
    pub fn base_url(self, text: &str) -> Result<String, String> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or("expected an address that begins with https:// or http://")?;
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            return Err("an address must not hold a credential".to_owned());
        }
        let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\');
        if authority.is_empty() || rest.contains(strange) {
            return Err("not an address that a path can follow".to_owned());
        }
        let host = host(authority);
        // An escape or another alphabet would be turned into ASCII by whoever connects.
        if host.is_empty() || !host.is_ascii() || host.contains('%') {
            return Err("the host is not written in plain ASCII".to_owned());
        }
        if self == Self::Public && is_private(host) {
            return Err(format!("{host} is a private address, which only {VARIABLE}=1 allows"));
        }
        Ok(text.trim_end_matches('/').to_owned())
    }
}

/// Without the port.
fn host(authority: &str) -> &str {
    match authority.rfind(']') {
        Some(end) => authority.get(..=end).unwrap_or(authority),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

fn is_private(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.trim_end_matches(']').parse().map_or(true, |address| !is_public(IpAddr::V6(address)));
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    // A host that ends in a number is an IPv4 address or none at all.
    if name.rsplit('.').next().is_some_and(|last| number(last).is_some()) {
        return ipv4(&name).is_none_or(|address| !is_public(IpAddr::V4(address)));
    }
    const INSIDE: [&str; 6] = ["localhost", "local", "internal", "lan", "intranet", "home.arpa"];
    let inside = |end: &str| name.strip_suffix(end).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    !name.contains('.') || INSIDE.into_iter().any(inside)
}

/// One to four numbers, the last of which fills what is left.
fn ipv4(name: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u64> = name.split('.').map(number).collect::<Option<_>>()?;
    let (&last, front) = parts.split_last()?;
    let filled = u32::try_from(front.len()).ok().filter(|filled| *filled < 4)?;
    let mut address = u32::try_from(last).ok().filter(|last| u64::from(*last) < 1 << (8 * (4 - filled)))?;
    for (part, place) in front.iter().zip([24, 16, 8]) {
        address |= u32::from(u8::try_from(*part).ok()?) << place;
    }
    Some(Ipv4Addr::from(address))
}

/// Decimal, or with a zero in front octal, or hexadecimal.
fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some("") => return Some(0),
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let inside = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified();
            // This network, shared by carriers, protocol assignments, benchmarks, multicast and what is reserved.
            let special = matches!((a, b, c), (0, _, _) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _));
            !inside && !special && a < 224
        }
        IpAddr::V6(v6) => match carried(v6) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => v6.octets().first().is_some_and(|first| first & 0xe0 == 0x20),
        },
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, translated by NAT64, or 6to4.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(join(high, low))
        }
        _ => None,
    }
}
