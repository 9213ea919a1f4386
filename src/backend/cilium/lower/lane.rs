//! One direction of a program, as boxes: what the lowering works on.

use crate::meaning::{By, Decision, Partition, Verdict, in_box, ordered};
use crate::model::{Action, Block, Program, RuleRef, RuleSite, TierId};
use crate::source::Span;
use crate::space::{Direction, EndpointSet, Flow, FlowBox, Namespaces, Pods, PortSet, ValueSet};
use rustc_hash::FxHashMap;

use super::super::peers::{self, Effect};
use super::super::traffic;
use super::boxes::{self, Unsayable};

/// A rule as the union of its boxes; `log` is left away.
pub(super) struct LaneRule {
    pub(super) at: RuleRef,
    pub(super) action: Action,
    pub(super) boxes: Vec<FlowBox>,
    /// It matches whatever its policy selects.
    pub(super) everything: bool,
}

/// A policy with a block of the direction, or the default.
pub(super) struct Site {
    pub(super) site: RuleSite,
    /// Index of its tier; the default comes after the last.
    pub(super) tier: usize,
    /// Whether it closes its pods.
    pub(super) closes: bool,
    pub(super) subject: Vec<Pods>,
    pub(super) rules: Vec<LaneRule>,
    pub(super) span: Span,
}

impl Site {
    /// Everything of its pods.
    pub(super) fn whole(&self, carried: &PortSet) -> Vec<FlowBox> {
        self.subject
            .iter()
            .map(|subject| FlowBox {
                subject: subject.clone(),
                peers: EndpointSet::anywhere(),
                ports: carried.clone(),
            })
            .collect()
    }

    pub(super) fn selects(&self, flow: &Flow) -> bool {
        crate::meaning::selects(&self.subject, &flow.subject)
    }
}

/// One direction of a program: its sites in the order in which they decide.
pub(super) struct Lane<'p> {
    pub(super) program: &'p Program,
    pub(super) direction: Direction,
    pub(super) version: (u16, u16),
    /// What policy is asked about.
    pub(super) carried: PortSet,
    pub(super) sites: Vec<Site>,
    by_site: FxHashMap<RuleSite, usize>,
}

impl<'p> Lane<'p> {
    pub(super) fn new(
        program: &'p Program,
        version: (u16, u16),
        direction: Direction,
        carried: &PortSet,
    ) -> Self {
        let mut sites = Vec::new();
        for tier in 0..program.tiers.len() {
            for id in ordered(program, TierId(tier as u32)) {
                let policy = program.policy(id);
                let Some(block) = policy.block(direction).filter(|_| !policy.staged) else {
                    continue;
                };
                sites.push(Site {
                    site: RuleSite::Policy(id),
                    tier,
                    closes: program.tiers[tier].otherwise.denies(),
                    subject: policy.subject.clone(),
                    rules: rules(
                        program,
                        block,
                        RuleSite::Policy(id),
                        direction,
                        &policy.subject,
                        carried,
                    ),
                    span: policy.span,
                });
            }
        }
        if let Some(default) = &program.default
            && let Some(block) = default.block(direction)
        {
            sites.push(Site {
                site: RuleSite::Default,
                tier: program.tiers.len(),
                closes: true,
                subject: default.subject.clone(),
                rules: rules(
                    program,
                    block,
                    RuleSite::Default,
                    direction,
                    &default.subject,
                    carried,
                ),
                span: default.span,
            });
        }
        Lane {
            program,
            direction,
            version,
            carried: carried.clone(),
            by_site: sites
                .iter()
                .enumerate()
                .map(|(at, site)| (site.site, at))
                .collect(),
            sites,
        }
    }

    /// Whether a box can be written with an effect.
    ///
    /// # Errors
    /// With what of it cannot.
    pub(super) fn sayable(&self, one: &FlowBox, effect: Effect) -> Result<(), Unsayable> {
        let cluster = &self.program.cluster;
        peers::sayable(&one.peers, self.direction, effect, cluster).map_err(Unsayable::Peer)?;
        traffic::matched(&one.ports, &self.carried, self.version)
            .map(|_| ())
            .map_err(Unsayable::Traffic)
    }

    /// The index of the site of a rule.
    pub(super) fn site_of(&self, at: RuleRef) -> usize {
        self.by_site[&at.site]
    }

    /// The boxes of a rule; none of a rule that only records.
    pub(super) fn boxes(&self, at: RuleRef) -> &[FlowBox] {
        self.sites[self.site_of(at)]
            .rules
            .iter()
            .find(|rule| rule.at == at)
            .map_or(&[], |rule| &rule.boxes)
    }

    /// The decision on a flow whose pod is in a partition that only these sites touch: the definition, on boxes.
    pub(super) fn decide(&self, touching: &[usize], flow: &Flow) -> Decision {
        let mut passed = Vec::new();
        let mut at = 0;
        let decided = |verdict, by, passed| Decision {
            verdict,
            by,
            passed,
            logged: Vec::new(),
        };
        while at < touching.len() {
            let tier = self.sites[touching[at]].tier;
            let end = touching[at..]
                .iter()
                .position(|site| self.sites[*site].tier != tier)
                .map_or(touching.len(), |more| at + more);
            let mut closes = false;
            let mut first = None;
            for site in &touching[at..end] {
                let site = &self.sites[*site];
                if !site.selects(flow) {
                    continue;
                }
                closes |= site.closes;
                first = site
                    .rules
                    .iter()
                    .find(|rule| rule.boxes.iter().any(|one| in_box(one, flow)));
                if first.is_some() {
                    break;
                }
            }
            match first.map(|rule| (rule.action, rule.at)) {
                Some((Action::Allow, rule)) => {
                    return decided(Verdict::Allow, By::Rule(rule), passed);
                }
                Some((Action::Deny, rule)) => {
                    return decided(Verdict::Deny, By::Rule(rule), passed);
                }
                Some((_, rule)) => passed.push(rule),
                None if closes && tier == self.program.tiers.len() => {
                    return decided(Verdict::Deny, By::DefaultEnd, passed);
                }
                None if closes => {
                    return decided(Verdict::Deny, By::Otherwise(TierId(tier as u32)), passed);
                }
                None => {}
            }
            at = end;
        }
        decided(Verdict::Allow, By::Open, passed)
    }
}

fn rules(
    program: &Program,
    block: &Block,
    site: RuleSite,
    direction: Direction,
    subject: &[Pods],
    carried: &PortSet,
) -> Vec<LaneRule> {
    let mut rules = Vec::new();
    for (at, rule) in block.rules.iter().enumerate() {
        if rule.action == Action::Log {
            continue;
        }
        let mut all = Vec::new();
        let mut everything = false;
        for clause in &rule.clauses {
            let ports = traffic::cut(&clause.ports, carried);
            everything |=
                clause.subject.is_none() && clause.peers.is_anywhere() && ports == *carried;
            let pods: Vec<Pods> = match &clause.subject {
                None => subject.to_vec(),
                Some(some) => subject
                    .iter()
                    .flat_map(|one| some.iter().map(|other| one.intersect(other)))
                    .filter(|pods| !pods.is_empty())
                    .collect(),
            };
            for pods in pods {
                all.extend(boxes::settle(
                    program,
                    FlowBox {
                        subject: pods,
                        peers: clause.peers.clone(),
                        ports: ports.clone(),
                    },
                ));
            }
        }
        rules.push(LaneRule {
            at: RuleRef {
                site,
                direction,
                rule: at as u32,
            },
            action: rule.action,
            boxes: all,
            everything,
        });
    }
    rules
}

/// Whether pods of a partition can be among these namespaces.
pub(super) fn meets(program: &Program, namespaces: &Namespaces, partition: Partition) -> bool {
    match partition {
        Partition::Declared(at) => {
            let namespace = &program.namespaces[at];
            namespaces.names.contains(Some(&namespace.name))
                && namespaces.labels.matches(|key| namespace.label(key))
        }
        Partition::Undeclared(at) => {
            namespaces.names.contains(Some(&program.undeclared[at]))
                && !namespaces.labels.is_empty()
        }
        Partition::Other => {
            matches!(namespaces.names, ValueSet::NotIn(_)) && !namespaces.labels.is_empty()
        }
    }
}
