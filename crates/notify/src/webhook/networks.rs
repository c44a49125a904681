//! Which addresses are not of the public internet, and what they are instead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What an address is, where it is not one of the public internet.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => V4
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(_, name)| *name),
        IpAddr::V6(address) => V6
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(_, name)| *name)
            // Whatever lies outside of what was ever handed out as public.
            .or_else(|| (!PUBLIC_V6.contains(&address)).then_some("of a reserved network")),
    }
}

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 4], prefix: u8) -> Ipv6Net {
    let [a, b, c, d] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

const fn v6_low(segments: [u16; 4], prefix: u8) -> Ipv6Net {
    let [a, b, c, d] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, a, b, c, d), prefix)
}

/// The networks of IPv4 that are not public (RFC 6890 and the registry that it founded; RFC 1112 §4
/// for 240.0.0.0/4). A narrower one stands before a wider one.
const V4: [(Ipv4Net, &str); 18] = [
    (v4([0, 0, 0, 0], 32), "unspecified"),
    (v4([0, 0, 0, 0], 8), "of \"this network\""),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([100, 64, 0, 0], 10), "of a carrier's network"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    // Cloud machines ask their metadata service here.
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([192, 0, 0, 0], 24), "reserved for protocols"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
    (v4([192, 88, 99, 0], 24), "of a relay into IPv6"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
    // Public by its number; but in Azure, and only there, the platform answers here.
    (v4([168, 63, 129, 16], 32), "the platform's own in Azure"),
];

/// The one part of IPv6 from which public addresses come (RFC 4291 §2.4, the registry of the IANA).
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// The networks of IPv6 that are not public, with names for those outside of [`PUBLIC_V6`]. What
/// stands for an IPv4 address within is refused whatever that address is: no receiver needs such a
/// spelling, and each is a way round the rules for what it stands for.
const V6: [(Ipv6Net, &str); 21] = [
    (v6_low([0, 0, 0, 0], 128), "unspecified"),
    (v6_low([0, 0, 0, 1], 128), "loopback"),
    (
        v6_low([0, 0xffff, 0, 0], 96),
        "an IPv4 address mapped into IPv6",
    ),
    (v6_low([0, 0, 0, 0], 96), "an IPv4 address in IPv6"),
    (
        v6_low([0xffff, 0, 0, 0], 96),
        "an IPv4 address translated into IPv6",
    ),
    (v6([0x64, 0xff9b, 0, 0], 96), "an IPv4 address behind NAT64"),
    (
        v6([0x64, 0xff9b, 1, 0], 48),
        "an IPv4 address behind a local NAT64",
    ),
    (v6([0x100, 0, 0, 0], 64), "for discarding"),
    (v6([0x100, 0, 0, 1], 64), "a placeholder"),
    (v6([0x2001, 0, 0, 0], 32), "an IPv4 address behind Teredo"),
    (v6([0x2001, 2, 0, 0], 48), "for benchmarks"),
    (
        v6([0x2001, 0x10, 0, 0], 28),
        "a name in the form of an address",
    ),
    (
        v6([0x2001, 0x20, 0, 0], 28),
        "a name in the form of an address",
    ),
    (v6([0x2001, 0, 0, 0], 23), "reserved for protocols"),
    (v6([0x2001, 0xdb8, 0, 0], 32), "for documentation"),
    (v6([0x2002, 0, 0, 0], 16), "an IPv4 address behind 6to4"),
    (v6([0x3fff, 0, 0, 0], 20), "for documentation"),
    (v6([0xfc00, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0], 8), "multicast"),
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// For each class of addresses: its name, and addresses of it, the first and the last of each
    /// network among them.
    pub(in crate::webhook) const CLASSES: [(&str, &[&str]); 32] = [
        ("unspecified", &["0.0.0.0", "::"]),
        ("of \"this network\"", &["0.0.0.1", "0.255.255.255"]),
        (
            "private",
            &[
                "10.0.0.0",
                "10.255.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "fc00::",
                "fd00:ec2::254",
                "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        (
            "of a carrier's network",
            &["100.64.0.0", "100.100.100.200", "100.127.255.255"],
        ),
        (
            "loopback",
            &["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"],
        ),
        (
            "link-local",
            &[
                "169.254.0.0",
                "169.254.169.254",
                "169.254.255.255",
                "fe80::",
                "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        (
            "reserved for protocols",
            &[
                "192.0.0.0",
                "192.0.0.192",
                "192.0.0.255",
                "2001:1::1",
                "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        (
            "for documentation",
            &[
                "192.0.2.0",
                "192.0.2.255",
                "198.51.100.0",
                "198.51.100.255",
                "203.0.113.0",
                "203.0.113.255",
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                "3fff::",
                "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        ("of a relay into IPv6", &["192.88.99.0", "192.88.99.255"]),
        (
            "for benchmarks",
            &[
                "198.18.0.0",
                "198.19.255.255",
                "2001:2::",
                "2001:2:0:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        (
            "multicast",
            &[
                "224.0.0.0",
                "239.255.255.255",
                "ff00::",
                "ff02::1",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        ("broadcast", &["255.255.255.255"]),
        ("reserved", &["240.0.0.0", "255.255.255.254"]),
        ("the platform's own in Azure", &["168.63.129.16"]),
        (
            "an IPv4 address mapped into IPv6",
            &[
                "::ffff:0.0.0.0",
                "::ffff:10.0.0.1",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "::ffff:8.8.8.8",
                "::ffff:255.255.255.255",
            ],
        ),
        (
            "an IPv4 address in IPv6",
            &[
                "::2",
                "::127.0.0.1",
                "::10.0.0.1",
                "::8.8.8.8",
                "::255.255.255.255",
            ],
        ),
        (
            "an IPv4 address translated into IPv6",
            &["::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"],
        ),
        (
            "an IPv4 address behind NAT64",
            &[
                "64:ff9b::",
                "64:ff9b::127.0.0.1",
                "64:ff9b::8.8.8.8",
                "64:ff9b::ffff:ffff",
            ],
        ),
        (
            "an IPv4 address behind a local NAT64",
            &["64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
        ),
        ("for discarding", &["100::", "100::ffff:ffff:ffff:ffff"]),
        ("a placeholder", &["100:0:0:1::"]),
        (
            "an IPv4 address behind Teredo",
            &[
                "2001::",
                "2001:0:7f00:1::",
                "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        (
            "a name in the form of an address",
            &[
                "2001:10::",
                "2001:1f::1",
                "2001:20::",
                "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        (
            "an IPv4 address behind 6to4",
            &[
                "2002::",
                "2002:7f00:1::",
                "2002:a00:1::1",
                "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        (
            "site-local",
            &["fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        ),
        (
            "of a reserved network",
            &[
                "0:0:1::1",
                "64:ff9a::1",
                "64:ff9b:2::1",
                "100:0:0:2::",
                "200::1",
                "400::1",
                "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "4000::",
                "5f00::1",
                "8000::1",
                "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "fe00::1",
                "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
        ),
        // Beside each of the networks above, where they end.
        (
            "",
            &[
                "1.0.0.0",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
            ],
        ),
        (
            "",
            &[
                "126.255.255.255",
                "128.0.0.0",
                "168.63.129.15",
                "168.63.129.17",
            ],
        ),
        (
            "",
            &[
                "169.253.255.255",
                "169.255.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "191.255.255.255",
            ],
        ),
        (
            "",
            &[
                "192.0.1.0",
                "192.0.3.0",
                "192.88.98.255",
                "192.88.100.0",
                "192.167.255.255",
            ],
        ),
        (
            "",
            &[
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "198.51.99.255",
                "198.51.101.0",
                "203.0.112.255",
                "203.0.114.0",
                "223.255.255.255",
            ],
        ),
        (
            "",
            &[
                "2000::1",
                "2001:200::1",
                "2001:db7:ffff::1",
                "2001:db9::1",
                "2001:4860:4860::8888",
                "2003::1",
                "2606:4700::1111",
                "2a00:1450::1",
                "3ffe::1",
                "3fff:1000::1",
            ],
        ),
    ];

    /// Every class of addresses is what it is in both families and in every form in which the one
    /// can stand for the other, and its neighbours are public.
    #[test]
    fn addresses_are_of_their_class() {
        for (class, addresses) in CLASSES {
            for address in addresses {
                let found = not_public(address.parse().unwrap()).unwrap_or_default();
                assert_eq!(found, class, "{address}");
            }
        }
    }
}
