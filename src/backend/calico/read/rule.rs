//! One rule: fields to clauses.
//!
//! Takes: the fields of a rule and where it stands. Gives: a [`Matched`]: the clauses that it matches for certain, and the flows that it may match besides, with the
//! reasons. A rule matches a packet of some IP family; which family a packet between pods has is known where there is only one, and where the packet is an ICMP
//! message.

use std::borrow::Cow;

use smol_str::SmolStr;

use super::ends::Ends;
use super::entity::{self, Entity, Site};
use super::solve::{Between, both, less};
use super::traffic::{self, Part, Protocol, Traffic};
use super::world::{Family, World};
use crate::backend::read::document::{Fields, invalid};
use crate::backend::read::yaml::Value;
use crate::diagnostic::Diagnostics;
use crate::model::{Action, Clause};
use crate::space::{Direction, EndpointSet, FlowBox, Pods, PortSet, Ranges};

/// What a rule comes to.
#[derive(Clone, Debug)]
pub(super) struct Matched {
    /// What it does.
    pub(super) action: Action,
    /// What it matches for certain.
    pub(super) clauses: Vec<Clause>,
    /// What it may match besides; subjects are those of the rule, to be cut with the policy's.
    pub(super) unsure: Vec<FlowBox>,
    /// Why that is open, as the rest of a sentence.
    pub(super) why: String,
}

struct Rule {
    action: Action,
    version: Option<Family>,
    traffic: Traffic,
    source: Entity,
    destination: Entity,
    /// What the facts do not settle about the rule as a whole.
    unclear: Vec<String>,
}

/// Reads a rule; `None`, reported, if it has no action.
pub(super) fn rule(
    mut fields: Fields<'_>,
    site: Site<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Matched> {
    let action = action(&mut fields, diagnostics);
    let mut unclear = Vec::new();
    let version = version(&mut fields, diagnostics);
    let protocol = traffic::protocol(&mut fields, "protocol", diagnostics);
    let not_protocol = traffic::protocol(&mut fields, "notProtocol", diagnostics);
    let icmp = traffic::message(&mut fields, "icmp", diagnostics);
    let not_icmp = traffic::message(&mut fields, "notICMP", diagnostics);
    if not_icmp.is_some() && protocol.and_then(Protocol::icmp).is_none() {
        unclear.push("it has `notICMP` without a protocol that is ICMP".to_owned());
    }
    let mut side = |fields: &mut Fields<'_>, key: &str| match fields.map(key, diagnostics) {
        Some(map) => entity::entity(map, site, diagnostics),
        None => Entity::default(),
    };
    let source = side(&mut fields, "source");
    let destination = side(&mut fields, "destination");
    http(
        &mut fields,
        action,
        protocol,
        site,
        &mut unclear,
        diagnostics,
    );
    if let Some(mut metadata) = fields.map("metadata", diagnostics) {
        metadata.strings("annotations", diagnostics);
        metadata.finish(diagnostics);
    }
    let mut rule = Rule {
        action: action?,
        version,
        traffic: Traffic {
            protocol,
            not_protocol,
            icmp,
            not_icmp,
            ports: destination.ports.clone(),
            not_ports: destination.not_ports.clone(),
        },
        source,
        destination,
        unclear,
    };
    rule.check(&fields, diagnostics);
    fields.finish(diagnostics);
    // A named ICMP is of its own family (`felix/calc/rule_convert.go`); a number is not.
    if rule.version.is_none() {
        let named = rule.traffic.protocol.filter(|protocol| protocol.named);
        rule.version = named.and_then(Protocol::icmp);
    }
    Some(rule.matched(site.direction, site.world))
}

fn action(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Action> {
    let span = fields.span;
    let Some(text) = fields.text("action", diagnostics) else {
        let why = format!("{}: Required value", fields.at("action"));
        diagnostics.push(invalid(span, why));
        return None;
    };
    let action = match text.as_str() {
        "Allow" => Some(Action::Allow),
        "Deny" => Some(Action::Deny),
        "Pass" => Some(Action::Pass),
        "Log" => Some(Action::Log),
        _ => None,
    };
    if action.is_none() {
        let why = format!(
            "{}: Unsupported value: \"{text}\": supported values: \"Allow\", \"Deny\", \"Log\", \"Pass\"",
            fields.at("action")
        );
        let span = fields.get("action").map_or(span, |node| node.span);
        diagnostics.push(invalid(span, why));
    }
    action
}

fn version(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Family> {
    let node = fields.get("ipVersion")?;
    match node.value {
        Value::Int(4) => Some(Family::V4),
        Value::Int(6) => Some(Family::V6),
        _ => {
            let why = format!("{}: Unsupported value: 4 or 6", fields.at("ipVersion"));
            diagnostics.push(invalid(node.span, why));
            None
        }
    }
}

/// `http`: the rest of the rule is enforced by Felix as it stands, this by a proxy, if there is one (reference: Calico, section 1.4).
fn http(
    fields: &mut Fields<'_>,
    action: Option<Action>,
    protocol: Option<Protocol>,
    site: Site<'_>,
    unclear: &mut Vec<String>,
    diagnostics: &mut Diagnostics,
) {
    let Some(mut http) = fields.map("http", diagnostics) else {
        return;
    };
    let methods = http.texts("methods", diagnostics).unwrap_or_default();
    let paths = http.list("paths", diagnostics).unwrap_or_default();
    let mut wrong: Vec<String> = Vec::new();
    if action.is_some_and(|action| action != Action::Allow) {
        wrong.push("HTTP match is only valid on Allow rules".to_owned());
    }
    if site.direction == Direction::Egress {
        wrong.push("HTTP match is only valid on Ingress rules".to_owned());
    }
    if protocol.is_some_and(|protocol| protocol.number != 6) {
        wrong.push("rules with HTTP match must have protocol TCP or unset".to_owned());
    }
    let mut names: Vec<&SmolStr> = methods.iter().map(|(method, _)| *method).collect();
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        wrong.push("HTTP methods must be unique".to_owned());
    }
    for (what, many) in [("methods", methods.len()), ("paths", paths.len())] {
        if many > 20 {
            wrong.push(format!(
                "{what}: Too many: {many}: must have at most 20 items"
            ));
        }
    }
    for (at, node) in paths.iter().enumerate() {
        let Some(mut path) = Fields::of(node, format!("{}[{at}]", http.at("paths")), diagnostics)
        else {
            continue;
        };
        let said = [
            path.text("exact", diagnostics),
            path.text("prefix", diagnostics),
        ];
        let mut said = said.into_iter().flatten();
        match (said.next(), said.next()) {
            (Some(text), None)
                if text.starts_with('/')
                    && !text.contains(['?', ' ', '#'])
                    && text.len() <= 1024 => {}
            (Some(text), None) => wrong.push(format!("invalid HTTP path \"{text}\"")),
            _ => wrong.push("exactly one of exact and prefix is due".to_owned()),
        }
        path.finish(diagnostics);
    }
    for why in wrong {
        diagnostics.push(invalid(http.span, format!("{}: {why}", http.path)));
    }
    http.finish(diagnostics);
    unclear.push("it matches HTTP requests, which a proxy tells apart".to_owned());
}

impl Rule {
    /// What Calico asks of the fields together.
    fn check(&mut self, fields: &Fields<'_>, diagnostics: &mut Diagnostics) {
        let (path, span) = (fields.path.as_str(), fields.span);
        let sides = [&self.source, &self.destination];
        if let [Some(source), Some(destination)] = sides.map(|side| side.family)
            && source != destination
        {
            entity::mixed(path, span, diagnostics);
        }
        if let Some(version) = self.version {
            let mut refuse = |why: &str| diagnostics.push(invalid(span, format!("{path}: {why}")));
            if sides
                .iter()
                .any(|side| side.family.is_some_and(|family| family != version))
            {
                refuse("rule IP version does not match its CIDRs");
            }
            for protocol in [self.traffic.protocol, self.traffic.not_protocol] {
                match protocol.and_then(Protocol::icmp) {
                    Some(Family::V4) if version == Family::V6 => {
                        refuse("protocol ICMP requires ipVersion 4");
                    }
                    Some(Family::V6) if version == Family::V4 => {
                        refuse("protocol ICMPv6 requires ipVersion 6");
                    }
                    _ => {}
                }
            }
        }
        let source = [&self.source.ports, &self.source.not_ports];
        traffic::check(&self.traffic, source, path, span, diagnostics);
        // Ports of the source are not in the model: whether one of all of them is it, is not known.
        let whole = Ranges::of(1, u16::MAX);
        let some = self.source.ports.as_ref();
        if some.is_some_and(|ports| ports.numbers != whole) || self.source.not_ports.is_some() {
            self.unclear
                .push("it asks for ports of the source".to_owned());
        }
    }

    fn matched(self, direction: Direction, world: &World<'_>) -> Matched {
        let mut clauses = Vec::new();
        let mut unsure = Vec::new();
        for part in self.traffic.parts() {
            for mut piece in self.pieces(&part, direction, world) {
                if !self.unclear.is_empty() {
                    piece.subject.sure.clear();
                }
                piece.split(&mut clauses, &mut unsure);
            }
        }
        // Most rules have one clause, and there may be a hundred thousand of them.
        clauses.shrink_to_fit();
        let mut why = self.unclear;
        for side in [&self.source, &self.destination] {
            why.extend(side.unclear.iter().cloned());
        }
        if why.is_empty() {
            why.push(reason(&self.source, &self.destination, self.version).to_owned());
        }
        Matched {
            action: self.action,
            clauses,
            unsure,
            why: why.join(", and "),
        }
    }

    /// A part of the traffic between the ends that the rule matches.
    fn pieces<'p>(
        &self,
        part: &'p Part,
        direction: Direction,
        world: &World<'_>,
    ) -> Vec<Piece<'p>> {
        let (own, other) = match direction {
            Direction::Ingress => (&self.destination, &self.source),
            Direction::Egress => (&self.source, &self.destination),
        };
        let inward = direction == Direction::Ingress;
        if inward && !part.pods {
            return Vec::new();
        }
        let piece = |subject, peers, ports| Piece {
            subject,
            peers,
            ports,
        };
        let ports = || Cow::Borrowed(&part.ports);
        if self.version.is_none() && !own.is_by_address() && !other.is_by_address() {
            let ends = Ends::by_identity(other);
            let ends = if inward { ends } else { ends.only(part) };
            let subject = Ends::by_identity(own).pods;
            return vec![piece(subject, ends.whole(), ports())];
        }
        let of = |family: Family| {
            if self.version.is_some_and(|version| version != family) {
                return (Between::default(), Ends::default());
            }
            let subject = Ends::of(own, family, part.itself && inward, world).pods;
            let ends = Ends::of(other, family, part.itself && !inward, world);
            (subject, if inward { ends } else { ends.only(part) })
        };
        let ((v4, ends4), (v6, ends6)) = (of(Family::V4), of(Family::V6));
        if v4 == v6 && ends4.pods == ends6.pods {
            let (a, (pods, b)) = (ends4.apart().1, ends6.apart());
            let whole = |a: EndpointSet, b: EndpointSet, pods| EndpointSet {
                pods,
                ..a.union(&b)
            };
            let peers = Between {
                sure: whole(a.sure, b.sure, pods.sure),
                possible: whole(a.possible, b.possible, pods.possible),
            };
            return vec![piece(v4, peers, ports())];
        }
        let ((pods4, addresses4), (pods6, addresses6)) = (ends4.apart(), ends6.apart());
        let mut pieces = vec![
            piece(v4.clone(), addresses4, ports()),
            piece(v6.clone(), addresses6, ports()),
        ];
        let peers = |pods: &Between<Vec<Pods>>| Between {
            sure: EndpointSet::of_pods(pods.sure.iter().cloned()),
            possible: EndpointSet::of_pods(pods.possible.iter().cloned()),
        };
        // Messages are of their own family.
        let [icmp, icmpv6, rest] = split(&part.ports);
        for (family, subject, pods, messages) in [
            (Family::V4, &v4, &pods4, icmp),
            (Family::V6, &v6, &pods6, icmpv6),
        ] {
            if world.families().contains(&family) {
                pieces.push(piece(subject.clone(), peers(pods), Cow::Owned(messages)));
            }
        }
        let rest = Cow::<Between<PortSet>>::Owned(rest);
        match world.families() {
            [Family::V4] => pieces.push(piece(v4, peers(&pods4), rest)),
            [Family::V6] => pieces.push(piece(v6, peers(&pods6), rest)),
            _ => {
                let sure = Between::exact(both(&v4.sure, &v6.sure).unwrap_or_default());
                let meet = both(&pods4.sure, &pods6.sure).unwrap_or_default();
                let meet = Between::exact(EndpointSet::of_pods(meet));
                let exact = Cow::Owned(Between::exact(rest.sure.clone()));
                let certain = piece(sure, meet, exact);
                // What both families match is certain, what one of them matches is possible.
                for (subject, pods) in [(v4, &pods4), (v6, &pods6)] {
                    let mut piece = piece(subject, peers(pods), rest.clone());
                    piece.without(&certain);
                    pieces.push(piece);
                }
                pieces.push(certain);
            }
        }
        pieces
    }
}

/// The part of the traffic that is ICMP, ICMPv6, and neither.
fn split(ports: &Between<PortSet>) -> [Between<PortSet>; 3] {
    let of = |take: &dyn Fn(&PortSet) -> PortSet| Between {
        sure: take(&ports.sure),
        possible: take(&ports.possible),
    };
    [
        of(&|set| PortSet {
            icmp: set.icmp.clone(),
            ..PortSet::empty()
        }),
        of(&|set| PortSet {
            icmpv6: set.icmpv6.clone(),
            ..PortSet::empty()
        }),
        of(&|set| PortSet {
            icmp: Ranges::empty(),
            icmpv6: Ranges::empty(),
            ..set.clone()
        }),
    ]
}

/// Flows of some subjects, with some ends, of some traffic.
struct Piece<'p> {
    subject: Between<Vec<Pods>>,
    peers: Between<EndpointSet>,
    ports: Cow<'p, Between<PortSet>>,
}

impl Piece<'_> {
    /// Makes nothing of it certain, and takes out of what is possible what another piece, of which nothing is open, has.
    fn without(&mut self, certain: &Piece<'_>) {
        self.subject.sure.clear();
        if self.ports.possible != certain.ports.sure {
            return;
        }
        let rest = less(&self.subject.possible, &certain.subject.sure);
        if rest.is_empty() {
            self.peers.possible.pods = less(&self.peers.possible.pods, &certain.peers.sure.pods);
        } else if less(&self.peers.possible.pods, &certain.peers.sure.pods).is_empty() {
            self.subject.possible = rest;
        }
    }

    /// Adds what is certain to the one, what else is possible to the other.
    fn split(self, clauses: &mut Vec<Clause>, unsure: &mut Vec<FlowBox>) {
        let Piece {
            subject,
            peers,
            ports,
        } = self;
        if subject.possible.is_empty() || peers.possible.is_empty() || ports.possible.is_empty() {
            return;
        }
        let certain = !subject.sure.is_empty() && !peers.sure.is_empty() && !ports.sure.is_empty();
        let mut open = |subjects: &[Pods], peers: &EndpointSet, ports: &PortSet| {
            if peers.is_empty() || ports.is_empty() {
                return;
            }
            unsure.extend(subjects.iter().map(|subject| FlowBox {
                subject: subject.clone(),
                peers: peers.clone(),
                ports: ports.clone(),
            }));
        };
        if !certain {
            open(&subject.possible, &peers.possible, &ports.possible);
            return;
        }
        if subject.possible != subject.sure {
            let rest = less(&subject.possible, &subject.sure);
            open(&rest, &peers.possible, &ports.possible);
        }
        if peers.possible != peers.sure {
            let rest = EndpointSet {
                pods: less(&peers.possible.pods, &peers.sure.pods),
                nodes: peers.possible.nodes.subtract(&peers.sure.nodes),
                outside: peers.possible.outside.subtract(&peers.sure.outside),
                proxy: peers.possible.proxy && !peers.sure.proxy,
                names: peers.possible.names.clone(),
            };
            open(&subject.possible, &rest, &ports.possible);
        }
        if ports.possible != ports.sure {
            let rest = ports.possible.subtract(&ports.sure);
            let rest = rest.unwrap_or_else(|| ports.possible.clone());
            open(&subject.possible, &peers.possible, &rest);
        }
        clauses.push(Clause {
            subject: (subject.sure != [Pods::any()]).then_some(subject.sure),
            peers: peers.sure,
            ports: match ports {
                Cow::Borrowed(ports) => ports.sure.clone(),
                Cow::Owned(ports) => ports.sure,
            },
        });
    }
}

/// Why something is open, by what the rule asks for.
fn reason(source: &Entity, destination: &Entity, version: Option<Family>) -> &'static str {
    let sides = [source, destination];
    let some = |holds: &dyn Fn(&Entity) -> bool| sides.into_iter().any(holds);
    if some(&|side| side.nets.is_some() || side.not_nets.is_some()) {
        return "which pods have addresses in its networks is not known";
    }
    if version.is_some() {
        return "whether pods speak IPv4 or IPv6 with each other is not known";
    }
    if some(&|side| {
        [&side.positive, &side.negative]
            .into_iter()
            .flatten()
            .any(|selection| selection.hosts)
    }) {
        return "its selector may pick out host endpoints or network sets, of which the labels or addresses are not known";
    }
    "its selectors or ports ask for what is not known"
}
