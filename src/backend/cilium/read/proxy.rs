//! What a rule of layer 7 may say, and where: `rules`, `listener`, `serverNames` and the TLS contexts of `toPorts`.
//!
//! None of it changes what the policy of a pod allows: such traffic is allowed and then inspected by a proxy, which may still refuse a request.
//! What is read here is what validators refuse, and the names that the DNS proxy lets through.

use super::merge::Merge;
use super::names;
use super::ports::{Place, Port, Traffic};
use crate::backend::read::document::{Fields, invalid};
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::space::Direction;

/// How many rules of each kind an element has.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    dns: usize,
    http: usize,
    kafka: usize,
    other: usize,
}

impl Kinds {
    /// What is refused for where the element stands: names are asked for at egress only, and the host has a proxy for names only.
    pub(super) fn check(
        &self,
        span: Span,
        path: &str,
        place: Place<'_>,
        diagnostics: &mut Diagnostics,
    ) {
        let spoken = [
            ("DNS", self.dns),
            ("HTTP", self.http),
            ("Kafka", self.kafka),
            ("L7", self.other),
        ];
        let mut some = spoken.into_iter().filter(|(_, count)| *count > 0);
        let why = match place.direction {
            Direction::Ingress if place.host && some.clone().next().is_some() => {
                "L7 policy is not supported on host ingress yet".to_owned()
            }
            Direction::Egress if place.host => match some.find(|(kind, _)| *kind != "DNS") {
                Some((kind, _)) => {
                    format!("L7 protocol {kind} is not supported on host egress yet")
                }
                None => return,
            },
            _ => return,
        };
        diagnostics.push(invalid(span, format!("{path}: {why}")));
    }
}

/// Reads what stands beside `ports` in a rule that allows.
pub(super) fn read(
    fields: &mut Fields<'_>,
    ports: &[Port],
    place: Place<'_>,
    traffic: &mut Traffic,
    kinds: &mut Kinds,
    diagnostics: &mut Diagnostics,
) {
    let (span, path) = (fields.span, fields.path.clone());
    let terminating = tls("terminatingTLS", fields, diagnostics);
    let originating = tls("originatingTLS", fields, diagnostics);
    let names = fields.texts("serverNames", diagnostics);
    let listener = listener(fields, diagnostics);
    let mut own = Kinds::default();
    let rules = fields.map("rules", diagnostics);
    if let Some(rules) = rules {
        read_rules(rules, place, traffic, &mut own, diagnostics);
    }
    let mut refuse = |why: String| diagnostics.push(invalid(span, format!("{path}: {why}")));
    let empty = own.dns + own.http + own.kafka + own.other == 0;
    if own.dns > 0 {
        if place.direction == Direction::Ingress {
            refuse("DNS rules are not allowed on ingress".into());
        }
        if ports.is_empty() {
            refuse("port 53 must be specified for DNS rules".into());
        }
        if ports
            .iter()
            .any(|port| port.number.is_some_and(|number| port.end > number))
        {
            refuse("DNS rules do not support port ranges".into());
        }
    }
    let named = names.as_ref().is_some_and(|names| !names.is_empty());
    for (asks, merge) in [
        (own.dns > 0, Merge::Dns),
        (own.http > 0, Merge::Http),
        (own.kafka > 0, Merge::Kafka),
        (named, Merge::Names),
        (
            own.other > 0 || listener || terminating || originating,
            Merge::Beyond,
        ),
    ] {
        if asks {
            let ports = traffic.certain.union(&traffic.possible);
            traffic.merges.push((merge, ports));
        }
    }
    if let Some(names) = names {
        if names.is_empty() {
            refuse("serverNames in body should have at least 1 items".into());
        }
        if names.iter().any(|(name, _)| name.is_empty()) {
            refuse("empty server name is not allowed".into());
        }
        if !names.is_empty() && !empty && !terminating {
            refuse("ServerNames are not allowed with L7 rules without TLS termination".into());
        }
    }
    if listener {
        if place.direction == Direction::Ingress {
            refuse("Listener is not allowed on ingress".into());
        }
        if !empty {
            refuse("Listener is not allowed with L7 rules".into());
        }
    }
    if !empty {
        if own.dns == 0 && ports.iter().any(|port| !port.tcp) {
            refuse("L7 rules can only apply to TCP except for DNS rules".into());
        }
        if ports.iter().any(|port| port.number == Some(0)) {
            refuse("L7 rules can not be used when a port is 0".into());
        }
    }
    kinds.dns += own.dns;
    kinds.http += own.http;
    kinds.kafka += own.kafka;
    kinds.other += own.other;
}

/// A TLS context; whether there is one.
fn tls(key: &str, fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> bool {
    let Some(mut context) = fields.map(key, diagnostics) else {
        return false;
    };
    match context.map("secret", diagnostics) {
        Some(secret) => self::secret(secret, diagnostics),
        None => {
            let why = format!("{}: Required value", context.at("secret"));
            diagnostics.push(invalid(context.span, why));
        }
    }
    for key in ["trustedCA", "certificate", "privateKey"] {
        context.text(key, diagnostics);
    }
    context.finish(diagnostics);
    true
}

fn secret(mut secret: Fields<'_>, diagnostics: &mut Diagnostics) {
    secret.text("namespace", diagnostics);
    if secret.text("name", diagnostics).is_none() {
        let why = format!("{}: Required value", secret.at("name"));
        diagnostics.push(invalid(secret.span, why));
    }
    secret.finish(diagnostics);
}

/// A listener of Envoy; whether there is one.
fn listener(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> bool {
    let Some(mut listener) = fields.map("listener", diagnostics) else {
        return false;
    };
    let span = listener.span;
    if let Some(mut config) = listener.map("envoyConfig", diagnostics) {
        config.text("kind", diagnostics);
        config.text("name", diagnostics);
        config.finish(diagnostics);
    } else {
        let why = format!("{}: Required value", listener.at("envoyConfig"));
        diagnostics.push(invalid(span, why));
    }
    if listener.text("name", diagnostics).is_none() {
        let why = format!("{}: Required value", listener.at("name"));
        diagnostics.push(invalid(span, why));
    }
    if let Some(priority) = listener.int("priority", diagnostics)
        && !(1..=100).contains(&priority)
    {
        let at = listener.at("priority");
        let why = format!("{at}: Invalid value: {priority}: should be between 1 and 100");
        diagnostics.push(invalid(span, why));
    }
    listener.finish(diagnostics);
    true
}

fn read_rules(
    mut rules: Fields<'_>,
    place: Place<'_>,
    traffic: &mut Traffic,
    kinds: &mut Kinds,
    diagnostics: &mut Diagnostics,
) {
    let version = place.facts.version;
    let (span, path) = (rules.span, rules.path.clone());
    let mut types = 0;
    let at = rules.at("dns");
    if let Some(list) = rules.list("dns", diagnostics) {
        types += 1;
        kinds.dns = list.len();
        for (index, node) in list.iter().enumerate() {
            let fields = Fields::of(node, format!("{at}[{index}]"), diagnostics);
            let read = fields.and_then(|fields| names::read(fields, version, diagnostics));
            traffic.dns.extend(read);
        }
    }
    let at = rules.at("http");
    if let Some(list) = rules.list("http", diagnostics) {
        types += 1;
        kinds.http = list.len();
        for (index, node) in list.iter().enumerate() {
            if let Some(fields) = Fields::of(node, format!("{at}[{index}]"), diagnostics) {
                traffic.dubious |= http(fields, diagnostics);
            }
        }
    }
    // Kafka and the parsers of proxylib are gone since 1.20.
    if version < (1, 20) {
        let at = rules.at("kafka");
        if let Some(list) = rules.list("kafka", diagnostics) {
            types += 1;
            kinds.kafka = list.len();
            for (index, node) in list.iter().enumerate() {
                if let Some(mut fields) = Fields::of(node, format!("{at}[{index}]"), diagnostics) {
                    for key in ["role", "apiKey", "apiVersion", "clientID", "topic"] {
                        // Names of roles, keys and versions, and which of them go together, are not checked here.
                        let text = fields.text(key, diagnostics);
                        traffic.dubious |= text.is_some_and(|text| {
                            let word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                            key != "topic" || text.len() > 255 || !text.chars().all(word)
                        });
                    }
                    fields.finish(diagnostics);
                }
            }
        }
        let parser = rules.text("l7proto", diagnostics);
        let at = rules.at("l7");
        if let Some(list) = rules.list("l7", diagnostics) {
            if parser.is_none() {
                let why = "'l7' may only be specified when a 'l7proto' is also specified";
                diagnostics.push(invalid(span, format!("{path}: {why}")));
            }
            kinds.other = list.len();
            for (index, node) in list.iter().enumerate() {
                // The keys are the parser's.
                Fields::of(node, format!("{at}[{index}]"), diagnostics);
            }
        }
        types += usize::from(parser.is_some());
        kinds.other = kinds.other.max(usize::from(parser.is_some()));
    }
    if types > 1 && kinds.dns + kinds.http + kinds.kafka + kinds.other > 0 {
        let why = "multiple L7 protocol rule types specified in single rule";
        diagnostics.push(invalid(span, format!("{path}: {why}")));
    }
    rules.finish(diagnostics);
}

/// Whether the agent may refuse the rule: it compiles `path` and `method` as regular expressions.
fn http(mut rule: Fields<'_>, diagnostics: &mut Diagnostics) -> bool {
    let mut dubious = false;
    for key in ["path", "method"] {
        let text = rule.text(key, diagnostics);
        dubious |= text.is_some_and(|text| !surely_compiles(text));
    }
    rule.text("host", diagnostics);
    rule.texts("headers", diagnostics);
    let at = rule.at("headerMatches");
    let matches = rule.list("headerMatches", diagnostics).unwrap_or_default();
    for (index, node) in matches.iter().enumerate() {
        let Some(mut fields) = Fields::of(node, format!("{at}[{index}]"), diagnostics) else {
            continue;
        };
        let (name, span) = (fields.text("name", diagnostics), fields.span);
        if name.is_none_or(|name| name.is_empty()) {
            diagnostics.push(invalid(
                span,
                format!("{}: Header name missing", fields.path),
            ));
        }
        fields.text("value", diagnostics);
        if let Some(secret) = fields.map("secret", diagnostics) {
            self::secret(secret, diagnostics);
        }
        let mismatch = fields.text("mismatch", diagnostics);
        if let Some(word) = mismatch
            && !["LOG", "ADD", "DELETE", "REPLACE"].contains(&word.as_str())
        {
            diagnostics.push(invalid(
                span,
                format!("{}: Invalid header action: {word}", fields.path),
            ));
        }
        fields.finish(diagnostics);
    }
    rule.finish(diagnostics);
    dubious
}

/// Whether a text certainly is a regular expression of Go: of literal characters, `.`, anchors, `|`, groups, escapes of punctuation and of the
/// common classes, classes of word characters and `-` between them, and a repetition after what can be repeated. What is richer may be one, too.
fn surely_compiles(text: &str) -> bool {
    let mut open = 0;
    // Whether what stands before can be repeated.
    let mut atom = false;
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '(' => {
                open += 1;
                atom = false;
            }
            ')' if open > 0 => {
                open -= 1;
                atom = true;
            }
            '*' | '+' | '?' if atom => atom = false,
            '\\' => match rest.next() {
                Some(next) if next.is_ascii_punctuation() || "dDwWsS".contains(next) => atom = true,
                _ => return false,
            },
            '[' => {
                let Some((class, after)) = rest.as_str().split_once(']') else {
                    return false;
                };
                rest = after.chars();
                let class = class.strip_prefix('^').unwrap_or(class);
                let known = ["a-zA-Z0-9", "A-Za-z0-9", "a-z", "A-Z", "0-9"];
                let known = known
                    .iter()
                    .fold(class.to_owned(), |class, range| class.replace(range, "x"));
                if known.is_empty()
                    || !known
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "_./".contains(c))
                {
                    return false;
                }
                atom = true;
            }
            '|' | '^' | '$' => atom = false,
            '.' | '/' | '-' | '_' | '~' | '%' | '=' | '&' | ':' | ',' | ' ' => atom = true,
            character if character.is_alphanumeric() => atom = true,
            _ => return false,
        }
    }
    open == 0
}

#[cfg(test)]
mod tests {
    use super::surely_compiles;

    #[test]
    fn an_expression_is_taken_for_one_only_if_it_is() {
        for text in [
            "GET",
            "/api/v1/.*",
            "/(a|b)?",
            "^/x[0-9]+\\.json$",
            "",
            "GET|POST",
        ] {
            assert!(surely_compiles(text), "{text}");
        }
        for text in [
            "(", "a)", "*", "a**", "[", "[]", "[z-a]", "\\", "\\Q", "a{2,1}", "|*", "[a",
        ] {
            assert!(!surely_compiles(text), "{text}");
        }
    }
}
