//! `icmps` to sets of messages: types of a family, never codes.

use super::ports::{MOST, Traffic, int_or_text};
use crate::backend::read::document::{Fields, invalid};
use crate::diagnostic::Diagnostics;
use crate::space::{PortSet, Ranges};

/// The names of the types of ICMP (`icmpIpv4TypeNameToCode`).
const V4: [(&str, u8); 14] = [
    ("EchoReply", 0),
    ("DestinationUnreachable", 3),
    ("Redirect", 5),
    ("Echo", 8),
    ("EchoRequest", 8),
    ("RouterAdvertisement", 9),
    ("RouterSelection", 10),
    ("TimeExceeded", 11),
    ("ParameterProblem", 12),
    ("Timestamp", 13),
    ("TimestampReply", 14),
    ("Photuris", 40),
    ("ExtendedEchoRequest", 42),
    ("ExtendedEchoReply", 43),
];

/// The names of the types of ICMPv6 (`icmpIpv6TypeNameToCode`).
const V6: [(&str, u8); 27] = [
    ("DestinationUnreachable", 1),
    ("PacketTooBig", 2),
    ("TimeExceeded", 3),
    ("ParameterProblem", 4),
    ("EchoRequest", 128),
    ("EchoReply", 129),
    ("MulticastListenerQuery", 130),
    ("MulticastListenerReport", 131),
    ("MulticastListenerDone", 132),
    ("RouterSolicitation", 133),
    ("RouterAdvertisement", 134),
    ("NeighborSolicitation", 135),
    ("NeighborAdvertisement", 136),
    ("RedirectMessage", 137),
    ("RouterRenumbering", 138),
    ("ICMPNodeInformationQuery", 139),
    ("ICMPNodeInformationResponse", 140),
    ("InverseNeighborDiscoverySolicitation", 141),
    ("InverseNeighborDiscoveryAdvertisement", 142),
    ("HomeAgentAddressDiscoveryRequest", 144),
    ("HomeAgentAddressDiscoveryReply", 145),
    ("MobilePrefixSolicitation", 146),
    ("MobilePrefixAdvertisement", 147),
    ("DuplicateAddressRequestCodeSuffix", 157),
    ("DuplicateAddressConfirmationCodeSuffix", 158),
    ("ExtendedEchoRequest", 160),
    ("ExtendedEchoReply", 161),
];

/// Reads `icmps` into the traffic; whether there are any.
pub(super) fn read(
    element: &mut Fields<'_>,
    traffic: &mut Traffic,
    diagnostics: &mut Diagnostics,
) -> bool {
    let path = element.at("icmps");
    let rules = element.list("icmps", diagnostics).unwrap_or_default();
    for (at, node) in rules.iter().enumerate() {
        let Some(mut rule) = Fields::of(node, format!("{path}[{at}]"), diagnostics) else {
            continue;
        };
        let path = rule.at("fields");
        let list = rule.list("fields", diagnostics).unwrap_or_default();
        if list.len() > MOST {
            let why = format!("{path}: too many types, the max is {MOST}");
            diagnostics.push(invalid(node.span, why));
        }
        for (at, node) in list.iter().enumerate() {
            if let Some(field) = Fields::of(node, format!("{path}[{at}]"), diagnostics) {
                message(field, traffic, diagnostics);
            }
        }
        rule.finish(diagnostics);
    }
    !rules.is_empty()
}

fn message(mut field: Fields<'_>, traffic: &mut Traffic, diagnostics: &mut Diagnostics) {
    let span = field.span;
    let (at_family, at_type) = (field.at("family"), field.at("type"));
    let family = field.text("family", diagnostics).map_or("", |text| text);
    let written = field.get("type");
    field.finish(diagnostics);
    let mut refuse = |why: String| diagnostics.push(invalid(span, why));
    let v6 = match family {
        // The server writes the default in.
        "" | "IPv4" => false,
        "IPv6" => true,
        other => {
            return refuse(format!(
                "{at_family}: Unsupported value: \"{other}\": supported values: \"IPv4\", \"IPv6\""
            ));
        }
    };
    let Some(written) = written else {
        return refuse(format!("{at_type}: Required value"));
    };
    let number = match int_or_text(written) {
        Some(Ok(number)) => number,
        Some(Err(text)) => {
            let known = if v6 { &V6[..] } else { &V4[..] };
            let named = known.iter().find(|(name, _)| *name == text);
            let digits = text.parse::<u8>().ok().filter(|n| n.to_string() == text);
            match named.map(|(_, number)| *number).or(digits) {
                Some(number) => i64::from(number),
                None => {
                    let family = if v6 { "IPv6" } else { "IPv4" };
                    return refuse(format!("{at_type}: ICMP type {text} not found in {family}"));
                }
            }
        }
        None => {
            let kind = written.value.kind();
            return refuse(format!(
                "{at_type}: {kind} where a string or a number is due"
            ));
        }
    };
    let messages = |ranges: Ranges<u16>| {
        let mut ports = PortSet::empty();
        *(if v6 {
            &mut ports.icmpv6
        } else {
            &mut ports.icmp
        }) = ranges;
        ports
    };
    match u8::try_from(number) {
        // Type 0 is kept as port 0, which is every type of the family.
        Ok(0) => traffic.sure(&messages(Ranges::full())),
        Ok(kind) => {
            let first = u16::from(kind) << 8;
            traffic.sure(&messages(Ranges::of(first, first | 255)));
        }
        // Larger ones are taken, and no message has them.
        Err(_) if number > 0 => {}
        Err(_) => traffic.perhaps(
            &messages(Ranges::full()),
            "the agent reads a negative ICMP type as something else",
        ),
    }
}
