//! What the API server checks of texts, in its own words.
//!
//! Takes: names, keys, values. Gives: the faults, as `k8s.io/apimachinery` words them (`pkg/util/validation`, `pkg/api/validate/content`); none if it is
//! fine. Knows nothing of where they stand.

use std::net::IpAddr;

use ipnet::IpNet;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// `Invalid value: "x": why`, behind the path of the field.
pub(super) fn wrong(path: &str, value: &str, why: &str) -> String {
    format!("{path}: Invalid value: {value:?}: {why}")
}

/// The same of a number.
pub(super) fn wrong_number(path: &str, value: i64, why: &str) -> String {
    format!("{path}: Invalid value: {value}: {why}")
}

/// `Unsupported value: "x": supported values: …`, behind the path of the field.
pub(super) fn unsupported(path: &str, value: &str, known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|one| format!("{one:?}")).collect();
    format!(
        "{path}: Unsupported value: {value:?}: supported values: {}",
        known.join(", ")
    )
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} bytes")
}

/// Bytes of `inner`, with an alphanumeric one (as `edge` says) at both ends.
fn edged(text: &str, edge: fn(u8) -> bool, inner: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            edge(*first) && edge(*last) && bytes.iter().all(|byte| inner(*byte))
        }
        _ => false,
    }
}

fn lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    edged(text, lower, |byte| lower(byte) || byte == b'-')
}

fn is_word(text: &str) -> bool {
    edged(
        text,
        |byte| byte.is_ascii_alphanumeric(),
        |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte),
    )
}

/// A name of an object: an RFC 1123 subdomain, at most 253 bytes.
pub(super) fn subdomain(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > 253 {
        faults.push(too_long(253));
    }
    if !text.split('.').all(is_label) {
        faults.push(SUBDOMAIN.to_owned());
    }
    faults
}

/// A name of a namespace: an RFC 1123 label, at most 63 bytes.
pub(super) fn namespace(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > 63 {
        faults.push(too_long(63));
    }
    if !is_label(text) {
        faults.push(if text.split('.').all(is_label) {
            "must not contain dots".to_owned()
        } else {
            LABEL.to_owned()
        });
    }
    faults
}

/// A key of a label or an annotation.
pub(super) fn label_key(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut parts = text.splitn(3, '/');
    let (prefix, name) = match (parts.next().unwrap_or(""), parts.next(), parts.next()) {
        (name, None, _) => (None, name),
        (prefix, Some(name), None) => (Some(prefix), name),
        _ => {
            return vec![format!(
                "a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    match prefix {
        Some("") => faults.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => faults.extend(
            subdomain(prefix)
                .into_iter()
                .map(|fault| format!("prefix part {fault}")),
        ),
        None => {}
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push(format!("name part {}", too_long(63)));
    }
    if !is_word(name) {
        faults.push(format!("name part {KEY}"));
    }
    faults
}

/// A value of a label.
pub(super) fn label_value(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > 63 {
        faults.push(too_long(63));
    }
    if !text.is_empty() && !is_word(text) {
        faults.push(VALUE.to_owned());
    }
    faults
}

/// The name of a port.
pub(super) fn port_name(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > 15 {
        faults.push(too_long(15));
    }
    if text.is_empty() || !text.bytes().all(|byte| lower(byte) || byte == b'-') {
        faults.push(
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned(),
        );
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen".to_owned());
    }
    faults
}

/// The number of a port, if it is one.
pub(super) fn port_number(number: i64) -> Result<u16, &'static str> {
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err("must be between 1 and 65535, inclusive"),
    }
}

/// A CIDR as the API server reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WrittenCidr {
    /// The block, with its host bits.
    pub(super) net: IpNet,
    /// What stricter servers refuse of the way in which it is written.
    pub(super) strictly: Option<&'static str>,
}

impl WrittenCidr {
    /// Whether it is an IPv4 address written as an IPv6 one.
    pub(super) fn is_mapped(&self) -> bool {
        matches!(self.net.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
    }
}

/// Reads a CIDR as `ParseCIDRSloppy` of `k8s.io/utils/net` does: numbers may have leading zeros (and are decimal all the same), bits may be set beyond the
/// prefix length.
pub(super) fn cidr(text: &str) -> Result<WrittenCidr, &'static str> {
    const NONE: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
    let plain = without_leading_zeros(text);
    let net: IpNet = plain.parse().map_err(|_| NONE)?;
    let mut written = WrittenCidr {
        net,
        strictly: None,
    };
    // An address of IPv6 may have leading zeros: its groups have up to four digits.
    let zeros = match net {
        IpNet::V4(_) => plain != text,
        IpNet::V6(_) => text.parse::<IpNet>().is_err(),
    };
    if zeros {
        written.strictly = Some("must not have leading 0s in IP or prefix length");
    } else if written.is_mapped() {
        written.strictly = Some("must not have an IPv4-mapped IPv6 address");
    } else if net.trunc() != net {
        written.strictly = Some("must not have bits set beyond the prefix length");
    }
    Ok(written)
}

fn without_leading_zeros(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c: char| c.is_ascii_hexdigit() != first.is_ascii_hexdigit())
            .unwrap_or(rest.len());
        let run = &rest[..end];
        if first.is_ascii_hexdigit() {
            let significant = run.trim_start_matches('0');
            plain.push_str(if significant.is_empty() {
                "0"
            } else {
                significant
            });
        } else {
            plain.push_str(run);
        }
        rest = &rest[end..];
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cidrs_are_read_as_leniently_as_the_server_does() {
        let read = |text: &str| {
            cidr(text).map(|cidr| (cidr.net.trunc().to_string(), cidr.strictly.is_some()))
        };
        let fine = |net: &str, strictly: bool| Ok((net.to_owned(), strictly));
        assert_eq!(read("10.0.0.0/8"), fine("10.0.0.0/8", false));
        assert_eq!(read("10.0.0.5/24"), fine("10.0.0.0/24", true));
        assert_eq!(read("010.0.0.0/08"), fine("10.0.0.0/8", true));
        assert_eq!(read("2001:0db8::/32"), fine("2001:db8::/32", false));
        assert_eq!(read("2001:00db8::/32"), fine("2001:db8::/32", true));
        assert_eq!(read("::FFFF/128"), fine("::ffff/128", false));
        assert_eq!(
            read("::ffff:10.0.0.0/104"),
            fine("::ffff:10.0.0.0/104", true)
        );
        assert_eq!(read("0.0.0.0/0"), fine("0.0.0.0/0", false));
        for text in [
            "",
            "10.0.0.0",
            "10.0.0/8",
            "10.0.0.0/33",
            "10.0.0.256/32",
            "a/8",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "fe80::1%eth0/64",
            "10.0.0.0/8 ",
        ] {
            assert!(cidr(text).is_err(), "{text}");
        }
    }

    /// A validator: its reasons against a text.
    type Rule = fn(&str) -> Vec<String>;

    #[test]
    fn texts_are_checked_as_the_server_does() {
        let table: [(Rule, &str, usize); 26] = [
            (subdomain, "web", 0),
            (subdomain, "web.1-a", 0),
            (subdomain, "Web", 1),
            (subdomain, "a..b", 1),
            (subdomain, "", 1),
            (namespace, "shop", 0),
            (namespace, "shop.a", 1),
            (namespace, "-shop", 1),
            (label_key, "app", 0),
            (label_key, "a.b/App_1", 0),
            (label_key, "/app", 1),
            (label_key, "a/b/c", 1),
            (label_key, "A.b/c", 1),
            (label_key, "", 2),
            (label_key, "app-", 1),
            (label_value, "", 0),
            (label_value, "a_B.c", 0),
            (label_value, "a b", 1),
            (label_value, "_", 1),
            (port_name, "http", 0),
            (port_name, "80", 1),
            (port_name, "a--b", 1),
            (port_name, "-a", 1),
            (port_name, "HTTP", 2),
            (port_name, "", 2),
            (port_name, "sixteen-letters1", 1),
        ];
        for (check, text, faults) in table {
            assert_eq!(check(text).len(), faults, "{text}: {:?}", check(text));
        }
        assert_eq!(
            label_value(&"x".repeat(64)),
            ["must be no more than 63 bytes"]
        );
        assert_eq!(
            subdomain(&"x".repeat(254)),
            ["must be no more than 253 bytes"]
        );
    }
}
