//! Which addresses a token may be used from: `203.0.113.7`, `10.0.0.0/8`, `2001:db8::/32`.

use std::net::IpAddr;

/// A network, as far as its prefix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) if bits.len() <= 3 && bits.bytes().all(|b| b.is_ascii_digit()) => {
                (address, Some(bits.parse::<u32>().ok()?))
            }
            Some(_) => return None,
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (widest, before) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
        let bits = bits.unwrap_or(widest);
        (bits <= widest).then(|| Self { address: number(address), bits: before + bits })
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = self.address ^ number(address);
        differing.checked_shr(128 - self.bits).unwrap_or_default() == 0
    }
}

/// IPv4 as it is written in IPv6, so that one compares with the other.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
