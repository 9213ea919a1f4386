//! The program as the pods of one declared namespace see it, in one direction.
//!
//! Subjects lose their namespaces, relations become names and values, policies that cannot select a pod of the namespace are gone. What is left
//! is small, whatever the size of the program, and can be walked for every witness.

use crate::meaning;
use crate::model::{
    Action, Block, Clause, Namespace, Otherwise, PolicyId, Program, Rule, RuleRef, RuleSite, TierId,
};
use crate::space::{Direction, EndpointSet, Flow, FlowBox, Namespaces, Pods};

/// The program from one namespace, one direction.
#[derive(Clone, Debug)]
pub struct Slice<'a> {
    /// The namespace.
    pub namespace: &'a Namespace,
    /// The direction.
    pub direction: Direction,
    /// The tiers that have something to say, in order.
    pub tiers: Vec<SliceTier<'a>>,
    /// `default`, if it selects pods of the namespace and has the block.
    pub default: Option<SlicePolicy<'a>>,
}

/// A tier.
#[derive(Clone, Debug)]
pub struct SliceTier<'a> {
    /// Which.
    pub id: TierId,
    /// Its end.
    pub otherwise: Otherwise,
    /// Its enforced policies with the block, in an order that keeps `after`. Never empty.
    pub policies: Vec<SlicePolicy<'a>>,
}

/// A policy, or `default`.
#[derive(Clone, Debug)]
pub struct SlicePolicy<'a> {
    /// Which.
    pub site: RuleSite,
    /// The pods of the namespace that it selects. Never empty.
    pub subject: Vec<Pods>,
    /// Its rules.
    pub block: &'a Block,
}

/// Which policies select pods of which declared namespace, made once for a program.
#[derive(Clone, Debug)]
pub struct Index {
    /// For each declared namespace, the enforced policies by tier, in an order that keeps `after`.
    by_namespace: Vec<Vec<PolicyId>>,
}

impl Index {
    /// Looks at every policy once.
    pub fn of(program: &Program) -> Self {
        let mut by_namespace = vec![Vec::new(); program.namespaces.len()];
        let mut order: Vec<PolicyId> = (0..program.policies.len() as u32).map(PolicyId).collect();
        order.sort_by_key(|id| {
            let policy = program.policy(*id);
            (policy.tier, policy.depth, *id)
        });
        for id in order {
            let policy = program.policy(id);
            if policy.staged {
                continue;
            }
            let mut homes: Vec<usize> = Vec::new();
            for pods in &policy.subject {
                match pods.namespaces.names {
                    crate::space::ValueSet::In(ref names) => {
                        homes.extend(names.iter().flatten().filter_map(|name| {
                            program
                                .namespaces
                                .binary_search_by(|known| known.name.cmp(name))
                                .ok()
                        }))
                    }
                    crate::space::ValueSet::NotIn(_) => homes.extend(0..program.namespaces.len()),
                }
            }
            homes.sort_unstable();
            homes.dedup();
            for home in homes {
                let namespace = &program.namespaces[home];
                if policy
                    .subject
                    .iter()
                    .any(|pods| is_in(&pods.namespaces, namespace))
                {
                    by_namespace[home].push(id);
                }
            }
        }
        Index { by_namespace }
    }

    /// The policies that select pods of a declared namespace, in order of evaluation.
    pub fn policies(&self, namespace: usize) -> &[PolicyId] {
        &self.by_namespace[namespace]
    }
}

impl<'a> Slice<'a> {
    /// The slice of the declared namespace at an index.
    pub fn of(
        program: &'a Program,
        index: &Index,
        namespace: usize,
        direction: Direction,
    ) -> Slice<'a> {
        let home = &program.namespaces[namespace];
        let mut tiers: Vec<SliceTier<'a>> = Vec::new();
        for id in index.policies(namespace) {
            let policy = program.policy(*id);
            let Some(block) = policy.block(direction) else {
                continue;
            };
            let subject = localize(&policy.subject, home);
            if subject.is_empty() {
                continue;
            }
            let policy_here = SlicePolicy {
                site: RuleSite::Policy(*id),
                subject,
                block,
            };
            match tiers.last_mut() {
                Some(tier) if tier.id == policy.tier => tier.policies.push(policy_here),
                _ => tiers.push(SliceTier {
                    id: policy.tier,
                    otherwise: program.tiers[policy.tier.0 as usize].otherwise,
                    policies: vec![policy_here],
                }),
            }
        }
        let default = program.default.as_ref().and_then(|default| {
            let block = default.block(direction)?;
            let subject = localize(&default.subject, home);
            (!subject.is_empty()).then_some(SlicePolicy {
                site: RuleSite::Default,
                subject,
                block,
            })
        });
        Slice {
            namespace: home,
            direction,
            tiers,
            default,
        }
    }

    /// Whether nothing speaks about the namespace: everything passes.
    pub fn is_silent(&self) -> bool {
        self.tiers.is_empty() && self.default.is_none()
    }

    /// All pods of the namespace.
    pub fn everybody(&self) -> Pods {
        Pods {
            namespaces: Namespaces::named(self.namespace.name.clone()),
            ..Pods::any()
        }
    }

    /// The policies in order of evaluation, `default` last.
    pub fn policies(&self) -> impl Iterator<Item = (Option<&SliceTier<'a>>, &SlicePolicy<'a>)> {
        self.tiers
            .iter()
            .flat_map(|tier| tier.policies.iter().map(move |policy| (Some(tier), policy)))
            .chain(self.default.iter().map(|default| (None, default)))
    }

    /// The flows of one clause of a policy's rule, for each set of pods that it selects. Empty where the relation to the namespace leaves nothing.
    pub fn boxes(&self, policy: &SlicePolicy<'a>, clause: &Clause) -> Vec<FlowBox> {
        let peers = self.seen(&clause.peers);
        if peers.is_empty() {
            return Vec::new();
        }
        self.subjects(policy, clause)
            .into_iter()
            .map(|subject| FlowBox {
                subject,
                peers: peers.clone(),
                ports: clause.ports.clone(),
            })
            .collect()
    }

    /// The pods of a clause: the policy's, or those of them that the clause says.
    fn subjects(&self, policy: &SlicePolicy<'a>, clause: &Clause) -> Vec<Pods> {
        let Some(some) = &clause.subject else {
            return policy.subject.clone();
        };
        let some = localize(some, self.namespace);
        let mut all: Vec<Pods> = Vec::new();
        for mine in &policy.subject {
            for theirs in &some {
                let both = mine.intersect(theirs);
                if !both.is_empty() && !all.contains(&both) {
                    all.push(both);
                }
            }
        }
        all
    }

    /// A set of ends as seen from the namespace: no relation is left.
    pub fn seen(&self, peers: &EndpointSet) -> EndpointSet {
        if peers
            .pods
            .iter()
            .all(|pods| pods.namespaces.same.is_empty())
        {
            return peers.clone();
        }
        let pods = peers
            .pods
            .iter()
            .filter_map(|pods| {
                let namespaces = pods
                    .namespaces
                    .seen_from(&self.namespace.name, |key| self.namespace.label(key))?;
                Some(Pods {
                    namespaces,
                    ..pods.clone()
                })
            })
            .collect();
        EndpointSet {
            pods,
            ..peers.clone()
        }
    }

    /// The first rule of a policy that decides a flow of a pod that it selects.
    pub fn first(&self, policy: &SlicePolicy<'a>, flow: &Flow) -> Option<(RuleRef, &'a Rule)> {
        policy
            .block
            .rules
            .iter()
            .enumerate()
            .find(|(_, rule)| rule.action != Action::Log && meaning::matches(rule, flow))
            .map(|(at, rule)| (self.site(policy, at), rule))
    }

    /// The name of a policy's rule.
    pub fn site(&self, policy: &SlicePolicy<'a>, rule: usize) -> RuleRef {
        RuleRef {
            site: policy.site,
            direction: self.direction,
            rule: rule as u32,
        }
    }
}

impl SlicePolicy<'_> {
    /// Whether it selects the subject of a flow.
    pub fn selects(&self, flow: &Flow) -> bool {
        meaning::selects(&self.subject, &flow.subject)
    }
}

/// The pods of one namespace among a union, said without its labels.
fn localize(pods: &[Pods], namespace: &Namespace) -> Vec<Pods> {
    let mut all: Vec<Pods> = Vec::new();
    for one in pods {
        let here = Pods {
            namespaces: Namespaces::named(namespace.name.clone()),
            ..one.clone()
        };
        if is_in(&one.namespaces, namespace) && !here.is_empty() && !all.contains(&here) {
            all.push(here);
        }
    }
    all
}

fn is_in(namespaces: &Namespaces, namespace: &Namespace) -> bool {
    namespaces.names.contains(Some(&namespace.name))
        && namespaces.labels.matches(|key| namespace.label(key))
}
