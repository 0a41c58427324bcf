//! Which addresses are refused.

use crate::accounts::address::Addresses;

const PRIVATE: &[&str] = &[
    "http://localhost/v1",
    "http://LOCALHOST:11434",
    "http://api.localhost.",
    "https://box.local",
    "https://metadata.google.internal/computeMetadata/v1",
    "http://metadata/latest",
    "http://ollama:11434",
    "http://router.home.arpa",
    "http://127.0.0.1:8080/v1",
    "http://127.1",
    "http://2130706433/",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://0177.0.0.1",
    "http://127.0.0.1.",
    "http://0/",
    "http://0.0.0.0",
    "http://10.1.2.3",
    "http://172.16.0.1",
    "http://172.31.255.255",
    "http://192.168.1.5",
    "http://100.64.0.1",
    "http://169.254.169.254/latest/meta-data",
    "http://0xa9.254.0251.0xfe",
    "http://198.18.0.1",
    "http://224.0.0.1",
    "http://255.255.255.255",
    // Ends in a number and is no address: whoever connects decides what it is, so it is nobody's.
    "http://1.2.3.4.5",
    "http://256.1.1.1",
    "http://[::1]:8080",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[64:ff9b::7f00:1]",
    "http://[2002:7f00:1::]",
    "http://[fd00:ec2::254]",
    "http://[fe80::1]",
    "http://[ff02::1]",
    "http://[not-an-address]",
];

const PUBLIC: &[&str] = &[
    "https://api.openai.com/v1",
    "http://relay.example.com:3000/v1",
    "https://8.8.8.8/v1",
    "https://172.32.0.1",
    "https://100.128.0.1",
    "https://169.253.0.1",
    "https://[2606:4700::1111]/v1",
    "https://[::ffff:8.8.8.8]",
    "https://localhost.example.com",
    "https://internal-api.example.com",
    "https://local.ai",
    "https://xn--fiqs8s.example",
];

#[test]
fn what_exists_only_inside_a_network_is_refused_unless_it_is_allowed() {
    for url in PRIVATE {
        let refused = Addresses::Public.base_url(url);
        assert!(refused.as_ref().is_err_and(|why| why.contains("SLUICE_PRIVATE_ADDRESSES=1")), "{url}: {refused:?}");
        assert!(Addresses::Any.base_url(url).is_ok(), "{url}");
    }
    for url in PUBLIC {
        assert!(Addresses::Public.base_url(url).is_ok(), "{url}: {:?}", Addresses::Public.base_url(url));
    }
}

#[test]
fn what_cannot_be_an_address_is_refused_whatever_is_allowed() {
    for url in [
        "",
        "api.openai.com",
        "file:///etc/passwd",
        "ftp://host/",
        "https://",
        "https:///v1",
        "https://user:secret@host.example/v1",
        "https://host.example/v1?key=1",
        "https://host.example/v1#x",
        "https://host.example\\@127.0.0.1/",
        "https://host.example/a b",
        "https://host.example\r\nx: y",
        "https://%31%32%37.0.0.1/",
        "https://１２７.0.0.1/",
    ] {
        assert!(Addresses::Any.base_url(url).is_err(), "{url:?}");
    }
}

#[test]
fn only_a_plain_yes_allows_private_addresses() {
    for (value, allowed) in
        [(None, false), (Some(""), false), (Some("0"), false), (Some("off"), false), (Some("1"), true)]
    {
        assert_eq!(Addresses::of(value) == Addresses::Any, allowed, "{value:?}");
    }
}
