//! Sets of IPv4 and IPv6 addresses, and the way back to CIDRs with exceptions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::ranges::Ranges;

/// A set of addresses of both families.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AddressSet {
    /// IPv4.
    pub v4: Ranges<u32>,
    /// IPv6.
    pub v6: Ranges<u128>,
}

/// A CIDR and what is carved out of it; the exceptions are strict subsets, disjoint and sorted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NetworkBlock {
    /// The block, without host bits.
    pub net: IpNet,
    /// The exceptions, of the same family.
    pub except: Vec<IpNet>,
}

impl AddressSet {
    /// No address.
    pub fn empty() -> Self {
        AddressSet::default()
    }

    /// Every address of both families.
    pub fn full() -> Self {
        AddressSet {
            v4: Ranges::full(),
            v6: Ranges::full(),
        }
    }

    /// The addresses of a CIDR; host bits are ignored.
    pub fn of(net: IpNet) -> Self {
        match net {
            IpNet::V4(net) => AddressSet {
                v4: Ranges::of(net.network().into(), net.broadcast().into()),
                v6: Ranges::empty(),
            },
            IpNet::V6(net) => AddressSet {
                v4: Ranges::empty(),
                v6: Ranges::of(net.network().into(), net.broadcast().into()),
            },
        }
    }

    /// Whether it has no address.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether it has every address.
    pub fn is_full(&self) -> bool {
        self.v4.is_full() && self.v6.is_full()
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.into()),
            IpAddr::V6(address) => self.v6.contains(address.into()),
        }
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        AddressSet {
            v4: self.v4.union(&other.v4),
            v6: self.v6.union(&other.v6),
        }
    }

    /// What is in both.
    pub fn intersect(&self, other: &Self) -> Self {
        AddressSet {
            v4: self.v4.intersect(&other.v4),
            v6: self.v6.intersect(&other.v6),
        }
    }

    /// What is in this one only.
    pub fn subtract(&self, other: &Self) -> Self {
        AddressSet {
            v4: self.v4.subtract(&other.v4),
            v6: self.v6.subtract(&other.v6),
        }
    }

    /// Every other address.
    pub fn complement(&self) -> Self {
        AddressSet {
            v4: self.v4.complement(),
            v6: self.v6.complement(),
        }
    }

    /// Whether both share an address.
    pub fn meets(&self, other: &Self) -> bool {
        self.v4.meets(&other.v4) || self.v6.meets(&other.v6)
    }

    /// Whether every address of this one is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.v4.is_subset(&other.v4) && self.v6.is_subset(&other.v6)
    }

    /// One of its addresses, the smallest, IPv4 before IPv6.
    pub fn first(&self) -> Option<IpAddr> {
        self.v4
            .first()
            .map(|address| IpAddr::V4(Ipv4Addr::from(address)))
            .or_else(|| {
                self.v6
                    .first()
                    .map(|address| IpAddr::V6(Ipv6Addr::from(address)))
            })
    }

    /// The CIDRs that make exactly this set: as few as there can be, disjoint, sorted, IPv4 first.
    pub fn networks(&self) -> Vec<IpNet> {
        let v4 = self.v4.iter().flat_map(|(low, high)| {
            split(u128::from(low), u128::from(high), 32)
                .into_iter()
                .map(|(at, bits)| v4_net(at, bits))
        });
        let v6 = self.v6.iter().flat_map(|(low, high)| {
            split(low, high, 128)
                .into_iter()
                .map(|(at, bits)| v6_net(at, bits))
        });
        v4.chain(v6).collect()
    }

    /// CIDRs with exceptions that make exactly this set, with as few CIDRs and exceptions together as a search over
    /// the tree of prefixes finds: disjoint, sorted, IPv4 first. `10.0.0.0/8` less one address is one block with one exception.
    pub fn blocks(&self) -> Vec<NetworkBlock> {
        let mut out = Vec::new();
        let v4: Vec<(u128, u128)> = self
            .v4
            .iter()
            .map(|(low, high)| (u128::from(low), u128::from(high)))
            .collect();
        let v6: Vec<(u128, u128)> = self.v6.iter().collect();
        cover(&v4, 0, 0, 32, v4_net, &mut out);
        cover(&v6, 0, 0, 128, v6_net, &mut out);
        out
    }
}

fn v4_net(at: u128, bits: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(at as u32), bits))
}

fn v6_net(at: u128, bits: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from(at), bits))
}

/// The last address of the prefix of `bits` bits at `at`, in a family of `width` bits.
fn last(at: u128, bits: u8, width: u8) -> u128 {
    let host = width - bits;
    if host == 128 {
        u128::MAX
    } else {
        at | ((1u128 << host) - 1)
    }
}

/// The prefixes that make `low..=high`.
fn split(low: u128, high: u128, width: u8) -> Vec<(u128, u8)> {
    let mut out = Vec::new();
    let mut at = low;
    loop {
        let mut bits = width;
        while bits > 0 {
            let wider = bits - 1;
            let aligned = width - wider == 128 && at == 0
                || width - wider < 128 && at & ((1u128 << (width - wider)) - 1) == 0;
            if !aligned || last(at, wider, width) > high {
                break;
            }
            bits = wider;
        }
        out.push((at, bits));
        let end = last(at, bits, width);
        if end >= high {
            return out;
        }
        at = end + 1;
    }
}

/// Writes the cheapest blocks for the part of `ranges` that lies in the prefix `bits` at `at`; returns their cost (CIDRs and exceptions).
/// `ranges` are those of the set that meet the prefix: the first and the last of them may reach beyond it.
///
/// A prefix of which only one half has something is not weighed. With exceptions it would need one more of them than that half: the other half.
/// So only prefixes in whose both halves something lies are visited: of n ranges at most n × width, and of a single CIDR one.
fn cover(
    ranges: &[(u128, u128)],
    at: u128,
    bits: u8,
    width: u8,
    net: fn(u128, u8) -> IpNet,
    out: &mut Vec<NetworkBlock>,
) -> usize {
    let end = last(at, bits, width);
    let (Some(&(first_low, _)), Some(&(_, last_high))) = (ranges.first(), ranges.last()) else {
        return 0;
    };
    let (low, high) = (first_low.max(at), last_high.min(end));
    let (at, bits) = enclosing(low, high, width);
    let end = last(at, bits, width);
    if ranges.len() == 1 && (low, high) == (at, end) {
        out.push(NetworkBlock {
            net: net(at, bits),
            except: Vec::new(),
        });
        return 1;
    }
    let mark = out.len();
    let middle = last(at, bits + 1, width) + 1;
    let left = &ranges[..ranges.partition_point(|(low, _)| *low < middle)];
    let right = &ranges[ranges.partition_point(|(_, high)| *high < middle)..];
    let split_cost = cover(left, at, bits + 1, width, net, out)
        + cover(right, middle, bits + 1, width, net, out);
    let mut holes = Vec::new();
    let mut from = at;
    for (low, high) in ranges {
        if *low > from {
            holes.extend(split(from, low - 1, width));
        }
        if *high >= end {
            break;
        }
        from = high + 1;
    }
    if last_high < end {
        holes.extend(split(from, end, width));
    }
    if holes.len() < split_cost {
        out.truncate(mark);
        let cost = 1 + holes.len();
        out.push(NetworkBlock {
            net: net(at, bits),
            except: holes.into_iter().map(|(at, bits)| net(at, bits)).collect(),
        });
        return cost;
    }
    split_cost
}

/// The longest prefix that has both addresses.
fn enclosing(low: u128, high: u128, width: u8) -> (u128, u8) {
    let differing = 128 - (low ^ high).leading_zeros() as u8;
    let bits = width - differing;
    let at = match differing {
        128 => 0,
        _ => low >> differing << differing,
    };
    (at, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(nets: &[&str]) -> AddressSet {
        nets.iter().fold(AddressSet::empty(), |all, net| {
            all.union(&AddressSet::of(net.parse().expect("a CIDR")))
        })
    }

    #[test]
    fn a_block_with_a_hole_stays_one_block() {
        let less = set(&["172.16.0.0/12"]).subtract(&set(&["172.16.66.0/24", "172.18.0.1/32"]));
        let blocks = less.blocks();
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].net.to_string(), "172.16.0.0/12");
        assert_eq!(
            blocks[0]
                .except
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["172.16.66.0/24", "172.18.0.1/32"]
        );
    }

    #[test]
    fn blocks_make_the_set_again() {
        for sample in [
            AddressSet::full(),
            set(&["0.0.0.0/0"]).subtract(&set(&["10.0.0.0/8", "192.168.0.0/16"])),
            set(&["::/0"]).subtract(&set(&["fd00::/8", "2001:db8::1/128"])),
            set(&["10.0.0.0/24", "10.0.1.0/24", "10.0.3.7/32"]),
            AddressSet {
                v4: Ranges::of(5, 1_000_003),
                v6: Ranges::of(9, u128::MAX - 3),
            },
        ] {
            let again = sample
                .blocks()
                .iter()
                .fold(AddressSet::empty(), |all, block| {
                    let holes = block.except.iter().fold(AddressSet::empty(), |holes, net| {
                        holes.union(&AddressSet::of(*net))
                    });
                    all.union(&AddressSet::of(block.net).subtract(&holes))
                });
            assert_eq!(again, sample);
            let plain = sample
                .networks()
                .into_iter()
                .fold(AddressSet::empty(), |all, net| {
                    all.union(&AddressSet::of(net))
                });
            assert_eq!(plain, sample);
        }
    }

    /// What `blocks` gives, found by weighing every prefix.
    fn weighed(set: &Ranges<u128>, at: u128, bits: u8, out: &mut Vec<NetworkBlock>) -> usize {
        let window = Ranges::of(at, super::last(at, bits, 32));
        let inside = set.intersect(&window);
        let net = v4_net(at, bits);
        if inside.is_empty() {
            return 0;
        }
        if inside == window {
            let except = Vec::new();
            out.push(NetworkBlock { net, except });
            return 1;
        }
        let mark = out.len();
        let middle = super::last(at, bits + 1, 32) + 1;
        let apart = weighed(&inside, at, bits + 1, out) + weighed(&inside, middle, bits + 1, out);
        let holes = window.subtract(&inside);
        let holes = holes
            .iter()
            .flat_map(|(low, high)| super::split(low, high, 32));
        let except: Vec<IpNet> = holes.map(|(at, bits)| v4_net(at, bits)).collect();
        if except.len() >= apart {
            return apart;
        }
        out.truncate(mark);
        let cost = 1 + except.len();
        out.push(NetworkBlock { net, except });
        cost
    }

    proptest::proptest! {
        #[test]
        fn blocks_are_those_that_are_found_by_weighing_every_prefix(
            // Addresses that lie close together, so that ranges share prefixes, and a few far off.
            ends in proptest::collection::vec((proptest::bool::ANY, 0u32..96, 0u32..24), 0..8),
        ) {
            let ranges: Ranges<u32> = ends
                .iter()
                .map(|(far, low, length)| {
                    let base = if *far { 0xc0a8_0000 } else { 0x0a00_0000 };
                    (base + low, base + low + length)
                })
                .collect();
            let wide = ranges.iter().map(|(low, high)| (low.into(), high.into())).collect();
            let mut expected = Vec::new();
            weighed(&wide, 0, 0, &mut expected);
            let set = AddressSet { v4: ranges, v6: Ranges::empty() };
            proptest::prop_assert_eq!(set.blocks(), expected);
        }
    }
}
