//! What one side says of a flow at one end.
//!
//! Takes: a [`Side`]. Gives: for a pod, prepared once, and a flow of it, who decides and how, or why that is open. Knows nothing of JSON.

use std::net::IpAddr;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use crate::analyze::Side;
use crate::meaning::{By, Index, Selecting, Verdict, in_endpoints, in_ports, selects};
use crate::model::{Rule, RuleRef, RuleSite};
use crate::prove::Mentioned;
use crate::space::{Direction, End, EndpointSet, Flow, FlowBox, Pod, PortSet, ValueSet};

/// A side, prepared.
pub(super) struct Judge<'s> {
    pub(super) side: &'s Side,
    index: Index<'s>,
    pub(super) mentioned: Mentioned,
    /// The boxes of the parts that were not understood, ingress and egress.
    doubts: [Doubts<'s>; 2],
}

/// Boxes of one direction whose flows are not decided, by the namespace of the subject, so that few are asked for each pod.
#[derive(Default)]
struct Doubts<'s> {
    by_namespace: FxHashMap<&'s SmolStr, Vec<Doubt<'s>>>,
    anywhere: Vec<Doubt<'s>>,
}

/// A box, and which part it is of.
#[derive(Clone, Copy)]
struct Doubt<'s> {
    part: usize,
    flows: &'s FlowBox,
}

/// What can speak about flows of one pod in one direction.
pub(super) struct View<'s> {
    selecting: Selecting,
    doubts: Vec<Doubt<'s>>,
}

/// What becomes of a flow at one end.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Said {
    /// It is decided.
    Decided {
        /// How.
        verdict: Verdict,
        /// By whom.
        by: By,
        /// The rules that record it, in order.
        logged: Vec<RuleRef>,
    },
    /// It is not, for this reason.
    Undecided(String),
}

fn at(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

impl<'s> Judge<'s> {
    pub(super) fn new(side: &'s Side) -> Self {
        let mut doubts = [Doubts::default(), Doubts::default()];
        for (part, unread) in side.unread.iter().enumerate() {
            let of = &mut doubts[at(unread.direction)];
            for flows in &unread.flows {
                let doubt = Doubt { part, flows };
                match &flows.subject.namespaces.names {
                    ValueSet::In(names) => {
                        for name in names.iter().flatten() {
                            of.by_namespace.entry(name).or_default().push(doubt);
                        }
                    }
                    ValueSet::NotIn(_) => of.anywhere.push(doubt),
                }
            }
        }
        Judge {
            index: Index::new(&side.program),
            mentioned: Mentioned::of(&side.program, &side.unread),
            side,
            doubts,
        }
    }

    /// Prepares the questions about a pod.
    pub(super) fn view(&self, pod: &Pod, direction: Direction) -> View<'s> {
        let of = &self.doubts[at(direction)];
        let named = of.by_namespace.get(&pod.namespace);
        let mut doubts: Vec<Doubt<'s>> = named
            .into_iter()
            .flatten()
            .chain(&of.anywhere)
            .copied()
            .filter(|doubt| selects(std::slice::from_ref(&doubt.flows.subject), pod))
            .collect();
        doubts.sort_by_key(|doubt| doubt.part);
        View {
            selecting: self.index.selecting(pod, direction),
            doubts,
        }
    }

    /// Why a flow is none that the side can be held to.
    pub(super) fn lacks(&self, flow: &Flow) -> Option<String> {
        self.side.universe.lacks(&self.index, flow)
    }

    /// Says what becomes of a flow; `view` is that of its subject in its direction. Whether it lies in the universe is not asked.
    pub(super) fn said(&self, view: &View<'s>, flow: &Flow) -> Said {
        self.open(view, |flows| {
            in_endpoints(&flows.peers, flow) && in_ports(&flows.ports, flow)
        })
        .unwrap_or_else(|| self.decided(view, flow))
    }

    /// The same where the other end is a pod with an address, and policies, which are a union of what is allowed, mean a pod by its labels or by its address.
    pub(super) fn said_of_address(&self, view: &View<'s>, flow: &Flow, address: IpAddr) -> Said {
        let by_address = Flow {
            peer: End::Outside {
                address,
                names: Default::default(),
            },
            ..flow.clone()
        };
        let matches = |peers: &EndpointSet, ports: &PortSet| {
            (in_endpoints(peers, flow) || in_endpoints(peers, &by_address)) && in_ports(ports, flow)
        };
        let open = self.open(view, |flows| matches(&flows.peers, &flows.ports));
        if let Some(open) = open {
            return open;
        }
        let program = &self.side.program;
        for id in view.selecting.policies() {
            let rules = program.policy(id).block(flow.direction);
            let rules = rules.map_or(&[][..], |block| &block.rules);
            let allows = |rule: &Rule| {
                let mut clauses = rule.clauses.iter();
                clauses.any(|clause| matches(&clause.peers, &clause.ports))
            };
            if let Some(rule) = rules.iter().position(allows) {
                return Said::Decided {
                    verdict: Verdict::Allow,
                    by: By::Rule(RuleRef {
                        site: RuleSite::Policy(id),
                        direction: flow.direction,
                        rule: rule as u32,
                    }),
                    logged: Vec::new(),
                };
            }
        }
        self.decided(view, flow)
    }

    /// What is not decided, if that is so of a flow; `holds` says whether it is in a box.
    fn open(&self, view: &View<'s>, holds: impl Fn(&FlowBox) -> bool) -> Option<Said> {
        let doubt = view.doubts.iter().find(|doubt| holds(doubt.flows))?;
        let part = &self.side.unread[doubt.part];
        let place = self.side.place(part.span);
        Some(Said::Undecided(format!(
            "{} ({place}): {}",
            part.object, part.why
        )))
    }

    fn decided(&self, view: &View<'s>, flow: &Flow) -> Said {
        let decision = self.index.decide_by(&view.selecting, flow);
        Said::Decided {
            verdict: decision.verdict,
            by: decision.by,
            logged: decision.logged,
        }
    }
}
