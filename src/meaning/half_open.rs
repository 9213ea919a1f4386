//! Half-open flows: what a rule allows at one end and the policies of the other end deny.
//!
//! Asked of each allow and each of its other ends that are pods of namespaces said by name (or `same`): whether *no* flow of it gets through the
//! policies of that other end, from any declared namespace of the rule's subject. What gets through in part is not half-open: a generous egress beside a
//! narrow ingress is how teams live together. Ends that are said by labels of namespaces are not looked at, nor are namespaces that are not declared.
//!
//! A concrete flow of the ends as written is tried first; only where that fails are the sets of both ends related: the policies of the other end are read
//! with the roles exchanged, in the diagrams of the rule's own end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::decide::{By, Verdict, selects};
use super::index::{Index, Partition};
use super::oracle::{Oracle, Set, TooLarge};
use crate::model::{Action, Block, PolicyId, Program, Rule, RuleRef, RuleSite, TierId, inhabitant};
use crate::space::{
    Direction, End, EndpointSet, Flow, FlowBox, Namespaces, Pods, PortSet, Same, Traffic,
    Transport, ValueSet,
};

/// An allow of which nothing gets through at the other end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HalfOpen {
    /// The allow.
    pub rule: RuleRef,
    /// The other end, as far as nothing gets through.
    pub peers: Pods,
    /// A flow that the rule's end allows, as that end sees it.
    pub flow: Flow,
    /// Who denies it at the other end.
    pub by: By,
    /// The policy that denies it, or that closes the pod there; `None` for `default`.
    pub policy: Option<PolicyId>,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct HalfOpens {
    /// At most one for each rule, in order.
    pub found: Vec<HalfOpen>,
    /// How many ends of rules were not looked at, because there were too many or they were too large.
    pub left_out: usize,
}

/// Lists of more names than this are not looked at.
const MOST_NAMES: usize = 16;

/// How many ends are related exactly in one namespace and direction.
const MOST_EXACT: usize = 200;

/// One end of an allow, in one namespace.
struct Line<'p> {
    rule: RuleRef,
    clause: usize,
    pods: &'p Pods,
    /// The namespace; the subject's own if absent.
    namespace: Option<usize>,
}

/// Finds half-open flows.
pub fn half_open(index: &Arc<Index>) -> HalfOpens {
    let program = index.program;
    let lines = lines(program);
    let mut of: FxHashMap<RuleRef, Vec<usize>> = FxHashMap::default();
    for (at, line) in lines.iter().enumerate() {
        of.entry(line.rule).or_default().push(at);
    }
    let search = Search {
        index,
        lines: &lines,
        of,
        alive: lines.iter().map(|_| AtomicBool::new(false)).collect(),
        dead: Mutex::default(),
        left_out: AtomicUsize::new(0),
    };
    let places: Vec<(usize, Direction)> = (0..program.namespaces.len())
        .flat_map(|at| Direction::BOTH.map(|direction| (at, direction)))
        .collect();
    places
        .par_iter()
        .for_each(|(at, direction)| search.look(*at, *direction));
    let mut found = HalfOpens {
        found: Vec::new(),
        left_out: search.left_out.into_inner(),
    };
    let dead = search
        .dead
        .into_inner()
        .expect("nobody panics while noting");
    for (line, (_, peers, flow)) in dead {
        if search.alive[line].load(Ordering::Relaxed) {
            continue;
        }
        let rule = lines[line].rule;
        if found.found.last().is_some_and(|last| last.rule == rule) {
            continue;
        }
        let Some(other) = flow.mirrored() else {
            continue;
        };
        let decision = index.decide(&other);
        found.found.push(HalfOpen {
            rule,
            peers,
            policy: decider(index, &other, decision.by),
            by: decision.by,
            flow,
        });
    }
    found
}

/// The ends of allows that are asked about.
fn lines(program: &Program) -> Vec<Line<'_>> {
    let policies = program.policies.iter().enumerate();
    let policies = policies.filter(|(_, policy)| !policy.staged);
    let sites = policies.map(|(at, policy)| {
        let site = RuleSite::Policy(PolicyId(at as u32));
        (site, [&policy.ingress, &policy.egress])
    });
    let default = program.default.iter();
    let default = default.map(|one| (RuleSite::Default, [&one.ingress, &one.egress]));
    let mut lines = Vec::new();
    for (site, blocks) in sites.chain(default) {
        for (block, direction) in blocks.into_iter().zip(Direction::BOTH) {
            for (at, rule) in block.iter().flat_map(|block| &block.rules).enumerate() {
                if rule.action != Action::Allow {
                    continue;
                }
                let rule_ref = RuleRef {
                    site,
                    direction,
                    rule: at as u32,
                };
                for (clause, of) in rule.clauses.iter().enumerate() {
                    for pods in &of.peers.pods {
                        lines.extend(namespaces(program, pods).into_iter().map(|namespace| Line {
                            rule: rule_ref,
                            clause,
                            pods,
                            namespace,
                        }));
                    }
                }
            }
        }
    }
    lines
}

/// The declared namespaces that pods are said to be in by name.
fn namespaces(program: &Program, pods: &Pods) -> Vec<Option<usize>> {
    if pods.namespaces.same.contains(&Same::Namespace(true)) {
        return vec![None];
    }
    match &pods.namespaces.names {
        ValueSet::In(names) if names.len() <= MOST_NAMES => {
            let known = &program.namespaces;
            let names = names.iter().flatten();
            names
                .filter_map(|name| known.binary_search_by(|one| one.name.cmp(name)).ok())
                .map(Some)
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What becomes of an end in one namespace of the subject.
enum Fate {
    /// The rule allows no such flow here.
    Nothing,
    /// Some of it gets through.
    Through,
    /// Nothing gets through: a flow that the rule's end allows.
    Dead(Box<Flow>),
}

struct Search<'a, 'p> {
    index: &'a Arc<Index<'p>>,
    lines: &'a [Line<'p>],
    of: FxHashMap<RuleRef, Vec<usize>>,
    alive: Vec<AtomicBool>,
    dead: Mutex<BTreeMap<usize, (usize, Pods, Flow)>>,
    left_out: AtomicUsize,
}

impl<'p> Search<'_, 'p> {
    /// Looks at every end of the rules that select pods of a namespace.
    fn look(&self, here: usize, direction: Direction) {
        let program = self.index.program;
        let partition = Partition::Declared(here);
        let mut near: Option<Near<'p>> = None;
        let mut exact = 0;
        let tiers = (0..program.tiers.len() as u32).map(TierId);
        let policies = tiers.flat_map(|tier| self.index.policies(tier, partition, direction));
        let sites = policies.map(RuleSite::Policy).chain([RuleSite::Default]);
        for site in sites {
            let Some((subject, block)) = site_of(program, site, direction) else {
                continue;
            };
            for (at, rule) in block.rules.iter().enumerate() {
                let this = RuleRef {
                    site,
                    direction,
                    rule: at as u32,
                };
                for line in self.of.get(&this).map_or(&[][..], Vec::as_slice) {
                    if self.alive[*line].load(Ordering::Relaxed) {
                        continue;
                    }
                    let Some(ask) = self.ask(*line, here, subject, rule) else {
                        continue;
                    };
                    let fate = if self.gets_through(&ask, direction) {
                        Ok(Fate::Through)
                    } else if exact == MOST_EXACT {
                        Err(None)
                    } else {
                        exact += 1;
                        self.fate(&mut near, &ask, here, direction).map_err(Some)
                    };
                    match fate {
                        Ok(Fate::Nothing) => {}
                        Ok(Fate::Through) => self.alive[*line].store(true, Ordering::Relaxed),
                        Ok(Fate::Dead(flow)) => self.note(*line, here, &ask, *flow),
                        Err(too_large) => {
                            // What is not known is not reported, and what is too large once is not tried again here.
                            if too_large.is_some() {
                                exact = MOST_EXACT;
                            }
                            self.alive[*line].store(true, Ordering::Relaxed);
                            self.left_out.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            }
        }
    }

    fn note(&self, line: usize, place: usize, ask: &Ask, flow: Flow) {
        let mut dead = self.dead.lock().expect("nobody panics while noting");
        let slot = dead.entry(line);
        let new = (place, ask.peers.clone(), flow);
        slot.and_modify(|known| {
            if place < known.0 {
                known.clone_from(&new);
            }
        })
        .or_insert(new);
    }

    /// The question of a line in one namespace of the subject; `None` if there is none.
    fn ask(&self, line: usize, here: usize, subject: &[Pods], rule: &Rule) -> Option<Ask> {
        let program = self.index.program;
        let line = &self.lines[line];
        let own = &program.namespaces[here];
        let there = line.namespace.unwrap_or(here);
        let seen = line
            .pods
            .namespaces
            .seen_from(&own.name, |key| own.label(key))?;
        if !self.index.meets(&seen, Partition::Declared(there)) {
            return None;
        }
        let clause = &rule.clauses[line.clause];
        let narrowed = match &clause.subject {
            None => subject.to_vec(),
            Some(some) => subject
                .iter()
                .flat_map(|pods| some.iter().map(|one| pods.intersect(one)))
                .collect(),
        };
        let in_own = |pods: Pods| {
            let meets = self
                .index
                .meets(&pods.namespaces, Partition::Declared(here));
            let pods = Pods {
                namespaces: Namespaces::named(own.name.clone()),
                ..pods
            };
            (meets && !pods.is_empty()).then_some(pods)
        };
        let subject: Vec<Pods> = narrowed.into_iter().filter_map(in_own).collect();
        (!subject.is_empty()).then(|| Ask {
            subject,
            there,
            peers: Pods {
                namespaces: Namespaces::named(program.namespaces[there].name.clone()),
                ..line.pods.clone()
            },
            ports: clause.ports.clone(),
        })
    }

    /// Whether a flow of the ends as they are written gets through both: most do.
    fn gets_through(&self, ask: &Ask, direction: Direction) -> bool {
        let program = self.index.program;
        let pod = |pods| inhabitant(&program.namespaces, program.cluster.namespaces_closed, pods);
        let Some(peer) = pod(&ask.peers) else {
            return false;
        };
        ask.subject.iter().any(|subject| {
            let Some(subject) = pod(subject) else {
                return false;
            };
            let Some((traffic, name)) = some_traffic(&ask.ports) else {
                return false;
            };
            let mut flow = Flow {
                direction,
                subject,
                peer: End::Pod(peer.clone()),
                traffic,
            };
            if let (Some(name), Traffic::Port(_, port)) = (name, traffic) {
                let destination = match (&mut flow.peer, direction) {
                    (End::Pod(peer), Direction::Egress) => peer,
                    _ => &mut flow.subject,
                };
                destination.named_ports.insert(name, port);
            }
            self.index.decide(&flow).verdict == Verdict::Allow
                && flow
                    .mirrored()
                    .is_some_and(|other| self.index.decide(&other).verdict == Verdict::Allow)
        })
    }

    /// Relates both ends exactly.
    fn fate(
        &self,
        near: &mut Option<Near<'p>>,
        ask: &Ask,
        here: usize,
        direction: Direction,
    ) -> Result<Fate, TooLarge> {
        let Near { oracle, lets_in } = match near {
            Some(near) => near,
            none => none.insert(Near {
                oracle: Oracle::of(self.index, Partition::Declared(here), direction)?,
                lets_in: FxHashMap::default(),
            }),
        };
        let mut flows = Set::EMPTY;
        for subject in &ask.subject {
            let one = oracle.set(&FlowBox {
                subject: subject.clone(),
                peers: EndpointSet::of_pods([ask.peers.clone()]),
                ports: ask.ports.clone(),
            })?;
            flows = oracle.or(flows, one)?;
        }
        let allowed = oracle.allowed();
        let flows = oracle.and(flows, allowed)?;
        if oracle.is_empty(flows) {
            return Ok(Fate::Nothing);
        }
        let let_in_there = match lets_in.get(&ask.there) {
            Some(known) => *known,
            None => {
                let made = oracle.admitted(self.index, Partition::Declared(ask.there))?;
                lets_in.insert(ask.there, made);
                made
            }
        };
        let through = oracle.and(flows, let_in_there)?;
        if !oracle.is_empty(through) {
            return Ok(Fate::Through);
        }
        Ok(match oracle.witness(flows)? {
            Some(flow) => Fate::Dead(Box::new(flow)),
            None => Fate::Nothing,
        })
    }
}

/// What is known of one end: its oracle, and in its diagrams what other namespaces let through.
struct Near<'p> {
    oracle: Oracle<'p>,
    lets_in: FxHashMap<usize, Set>,
}

/// Flows of a subject's namespace to or from pods of one other.
struct Ask {
    subject: Vec<Pods>,
    there: usize,
    peers: Pods,
    ports: PortSet,
}

fn site_of(program: &Program, site: RuleSite, direction: Direction) -> Option<(&[Pods], &Block)> {
    match site {
        RuleSite::Policy(id) => {
            let policy = program.policy(id);
            Some((&policy.subject, policy.block(direction)?))
        }
        RuleSite::Default => {
            let default = program.default.as_ref()?;
            Some((&default.subject, default.block(direction)?))
        }
    }
}

/// Some traffic of a set, and the name that its port must have.
fn some_traffic(ports: &PortSet) -> Option<(Traffic, Option<(Transport, smol_str::SmolStr)>)> {
    for transport in Transport::ALL {
        let of = ports.transport(transport);
        if let Some(first) = of.first() {
            // An ordinary port rather than the first one, where both are meant.
            let port = if of.contains(80) { 80 } else { first };
            return Some((Traffic::Port(transport, port), None));
        }
    }
    if let Some(name) = ports.named.first() {
        return Some((Traffic::Port(name.0, 8080), Some(name.clone())));
    }
    let message = |message: u16| ((message >> 8) as u8, message as u8);
    if let Some(first) = ports.icmp.first() {
        let (kind, code) = message(first);
        return Some((Traffic::Icmp(kind, code), None));
    }
    if let Some(first) = ports.icmpv6.first() {
        let (kind, code) = message(first);
        return Some((Traffic::Icmpv6(kind, code), None));
    }
    let other = ports.other.first()?;
    Some((Traffic::Protocol(other), None))
}

/// The policy that decides at an end, or that closes its pod.
fn decider(index: &Index<'_>, flow: &Flow, by: By) -> Option<PolicyId> {
    match by {
        By::Rule(rule) => match rule.site {
            RuleSite::Policy(id) => Some(id),
            RuleSite::Default => None,
        },
        By::Otherwise(tier) => {
            let partition = index.partition(&flow.subject.namespace);
            let policies = index.policies(tier, partition, flow.direction);
            policies
                .into_iter()
                .find(|id| selects(&index.program.policy(*id).subject, &flow.subject))
        }
        By::DefaultEnd | By::Open => None,
    }
}
