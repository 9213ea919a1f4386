//! A rule of the program to rules of Calico.
//!
//! Exact: within a rule of Calico all fields hold at once, so a rule of ours is the union over its clauses, the clause's subjects,
//! its pieces of peers and its pieces of traffic, each with the same action, side by side: nothing stands between them, so the
//! first match decides the same. `and log` puts a `Log` with the same match right before each of them; `Log` goes on.

use std::collections::BTreeMap;

use ipnet::IpNet;
use smol_str::{SmolStr, format_smolstr};

use crate::backend::metadata::fingerprint;
use crate::backend::refuse;
use crate::model::{Action, Block, Rule};
use crate::space::{Direction, Pods, PortSet, subtract_pods};

use super::manifest::{self, Entity, ServiceAccounts, action_word};
use super::peers::{self, Piece};
use super::ports::{self, Traffic, Unsayable};
use super::selector::{self, Guard};
use super::{Context, Refusal};

/// The label by which a rule finds a set of networks.
pub(super) const SET_LABEL: &str = "vauban.dev/set";

/// Sets of networks by name.
pub(super) type Sets = BTreeMap<SmolStr, Vec<IpNet>>;

/// A rule of the program, cut to pieces.
#[derive(Debug)]
pub(super) struct Draft {
    action: Action,
    log: bool,
    clauses: Vec<DraftClause>,
}

#[derive(Debug)]
struct DraftClause {
    /// Which of the policy's pods; all of them if empty.
    subject: Vec<Pods>,
    ends: Vec<(Piece, Vec<Traffic>)>,
}

impl Draft {
    /// Whether only a GlobalNetworkPolicy can say it.
    pub(super) fn is_global(&self) -> bool {
        self.clauses
            .iter()
            .flat_map(|clause| &clause.ends)
            .any(|(piece, _)| piece.is_global())
    }
}

/// Whose rules they are.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The pods.
    pub(super) pods: &'a [Pods],
    /// Their namespace, if there is just one.
    pub(super) home: Option<&'a str>,
}

/// Cuts the rules of a block to pieces; every rule that cannot be said is reported.
pub(super) fn drafts(
    context: &Context<'_>,
    block: &Block,
    direction: Direction,
    subject: Subject<'_>,
) -> Result<Vec<Draft>, Vec<Refusal>> {
    let mut drafts = Vec::with_capacity(block.rules.len());
    let mut refusals = Vec::new();
    for rule in &block.rules {
        match draft(context, rule, direction, subject) {
            Ok(draft) => drafts.push(draft),
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() {
        Ok(drafts)
    } else {
        Err(refusals)
    }
}

fn draft(
    context: &Context<'_>,
    rule: &Rule,
    direction: Direction,
    subject: Subject<'_>,
) -> Result<Draft, Refusal> {
    let mut clauses = Vec::with_capacity(rule.clauses.len());
    for clause in &rule.clauses {
        let narrowed = match &clause.subject {
            Some(pods) if !subtract_pods(subject.pods, pods).is_empty() => {
                let here: Vec<Pods> = pods
                    .iter()
                    .filter_map(|pods| context.at_home(pods, subject.home))
                    .collect();
                if here.is_empty() {
                    continue;
                }
                for pods in &here {
                    context.check_keys(pods, rule.span)?;
                }
                here
            }
            _ => Vec::new(),
        };
        let pieces = peers::pieces(context, &clause.peers, direction, subject.home, rule.span)?;
        let said = |ports: &PortSet| {
            ports::traffic(ports).map_err(|unsayable| unsaid(context, rule, unsayable))
        };
        let mut ends = Vec::new();
        // Only pods have named ports; in ingress the port is the subject's, which is one.
        if direction == Direction::Ingress || clause.ports.named.is_empty() {
            let traffic = said(&clause.ports)?;
            ends.extend(pieces.all.into_iter().map(|piece| (piece, traffic.clone())));
        } else {
            let numbered = PortSet {
                named: Default::default(),
                ..clause.ports.clone()
            };
            let named = PortSet {
                named: clause.ports.named.clone(),
                ..PortSet::empty()
            };
            let (all, numbered, named) = (said(&clause.ports)?, said(&numbered)?, said(&named)?);
            for piece in pieces.all {
                let traffic = match piece {
                    Piece::Pods(_) => &all,
                    _ => &numbered,
                };
                ends.push((piece, traffic.clone()));
            }
            for piece in pieces.pods {
                if !ends.iter().any(|(known, _)| *known == piece) {
                    ends.push((piece, named.clone()));
                }
            }
            ends.retain(|(_, traffic)| !traffic.is_empty());
        }
        clauses.push(DraftClause {
            subject: narrowed,
            ends,
        });
    }
    Ok(Draft {
        action: rule.action,
        log: rule.log,
        clauses,
    })
}

fn unsaid(context: &Context<'_>, rule: &Rule, unsayable: Unsayable) -> Refusal {
    let refusal = match unsayable {
        Unsayable::IcmpType255 => refuse(
            context.spec,
            "icmp-type-255",
            rule.span,
            "cannot name ICMP type 255",
        )
        .because("its ICMP types end at 254")
        .help("leave the type out: `icmp` is all types"),
        Unsayable::ProtocolZero => refuse(
            context.spec,
            "protocol-zero",
            rule.span,
            "cannot name protocol 0",
        )
        .because("its protocol numbers begin at 1")
        .help("write `all`, or leave the protocol to the end of the tier"),
    };
    Box::new(refusal)
}

/// The rules of drafts in a policy of a namespace, or of none.
pub(super) fn render(
    drafts: &[Draft],
    direction: Direction,
    namespace: Option<&str>,
    sets: &mut Sets,
) -> Vec<manifest::Rule> {
    let mut out = Vec::new();
    for draft in drafts {
        for clause in &draft.clauses {
            let subjects: Vec<Entity> = if clause.subject.is_empty() {
                vec![Entity::default()]
            } else {
                clause
                    .subject
                    .iter()
                    .map(|pods| of_pods(pods, namespace))
                    .collect()
            };
            for subject in &subjects {
                for (piece, traffics) in &clause.ends {
                    let (peer, version) = of_piece(piece, namespace, sets);
                    for traffic in traffics {
                        let of_traffic = traffic.version;
                        if version.is_some() && of_traffic.is_some() && version != of_traffic {
                            continue;
                        }
                        let mut subject = subject.clone();
                        let mut peer = peer.clone();
                        let (source, destination) = match direction {
                            Direction::Ingress => {
                                subject.ports.clone_from(&traffic.ports);
                                (peer, subject)
                            }
                            Direction::Egress => {
                                peer.ports.clone_from(&traffic.ports);
                                (subject, peer)
                            }
                        };
                        let rule = manifest::Rule {
                            action: action_word(draft.action),
                            ip_version: version.or(of_traffic),
                            protocol: traffic.protocol,
                            icmp: traffic.icmp,
                            source,
                            destination,
                        };
                        if draft.log {
                            out.push(manifest::Rule {
                                action: action_word(Action::Log),
                                ..rule.clone()
                            });
                        }
                        out.push(rule);
                    }
                }
            }
        }
    }
    out
}

fn of_piece(piece: &Piece, namespace: Option<&str>, sets: &mut Sets) -> (Entity, Option<u8>) {
    match piece {
        Piece::Anywhere => (Entity::default(), None),
        Piece::Pods(pods) => (of_pods(pods, namespace), None),
        Piece::NotPods(selector) => (
            Entity {
                not_selector: Some(selector.clone()),
                ..Entity::default()
            },
            None,
        ),
        Piece::Nets {
            version,
            nets,
            except,
        } => (
            Entity {
                nets: nets.clone(),
                not_nets: except.clone(),
                ..Entity::default()
            },
            Some(*version),
        ),
        Piece::NetsOfNoPod { version, nets } => (
            Entity {
                nets: nets.clone(),
                not_selector: Some(selector::IS_POD.to_owned()),
                ..Entity::default()
            },
            Some(*version),
        ),
        Piece::Set { version, nets } => {
            let list: Vec<String> = nets.iter().map(ToString::to_string).collect();
            let name = format_smolstr!("vauban-{:016x}", fingerprint(&list.join(",")));
            sets.entry(name.clone()).or_insert_with(|| nets.clone());
            // `global()` confines the selector to what has no namespace: a pod with this label is not meant.
            (
                Entity {
                    selector: Some(format!("{SET_LABEL} == \"{name}\"")),
                    namespace_selector: Some("global()".to_owned()),
                    ..Entity::default()
                },
                Some(*version),
            )
        }
    }
}

fn of_pods(pods: &Pods, namespace: Option<&str>) -> Entity {
    let fields = selector::fields(pods, Guard::Needed);
    let namespace_selector = match namespace {
        None => fields.namespaces,
        // Without the field it is the policy's own namespace.
        Some(own)
            if pods.namespaces.labels.is_any()
                && pods.namespaces.single().is_some_and(|name| name == own) =>
        {
            None
        }
        Some(_) => Some(fields.namespaces.unwrap_or_else(|| "all()".to_owned())),
    };
    Entity {
        selector: Some(fields.selector),
        namespace_selector,
        service_accounts: fields
            .service_accounts
            .map(|selector| ServiceAccounts { selector }),
        ..Entity::default()
    }
}
