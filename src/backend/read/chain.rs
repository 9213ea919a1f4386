//! What readers make of manifests: tiers of policies, and from them a [`Program`].
//!
//! One shape serves all targets. NetworkPolicy is one tier of unordered allows that ends in deny. Calico's tiers are tiers. Cilium is three: all denies,
//! then all allows, then what the selected pods are closed by.

use smol_str::SmolStr;

use super::{Context, Reading, Unread};
use crate::model::{
    Action, Block, Clause, Otherwise, Policy, PolicyId, Program, Rule, Tier, TierId,
};
use crate::source::Span;
use crate::space::{Pods, ValueSet};

/// Everything that decides, in order.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// The tiers, in order of evaluation.
    pub tiers: Vec<ReadTier>,
    /// What was not understood.
    pub unread: Vec<Unread>,
}

/// A tier.
#[derive(Clone, Debug)]
pub struct ReadTier {
    /// Its name, for people.
    pub name: SmolStr,
    /// What becomes of a flow of a selected pod that no rule decides.
    pub otherwise: Otherwise,
    /// Whether the policies decide in the order in which they stand here; otherwise they are alike in whatever they decide, as a union of allows is.
    pub ordered: bool,
    /// The policies.
    pub policies: Vec<ReadPolicy>,
    /// How far their authors have ordered them: a policy comes before those of a larger rank, and what else decides between two of them is the target's own habit.
    /// Empty if nobody has ordered any.
    pub ranks: Vec<u32>,
    /// The place of its object, or of the first policy.
    pub span: Span,
}

/// One object's part in a tier.
#[derive(Clone, Debug)]
pub struct ReadPolicy {
    /// The object, as people name it: `NetworkPolicy shop/web`.
    pub object: SmolStr,
    /// The team that owns it, if the object says so, or nothing.
    pub owner: SmolStr,
    /// The file.
    pub file: SmolStr,
    /// The pods that it selects: a union without relations.
    pub subject: Vec<Pods>,
    /// Rules for flows to those pods; `None` leaves the direction alone, an empty list selects and decides nothing.
    pub ingress: Option<Vec<ReadRule>>,
    /// Rules for flows from those pods.
    pub egress: Option<Vec<ReadRule>>,
    /// Whether it is staged: it decides nothing.
    pub staged: bool,
    /// The place of the object.
    pub span: Span,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct ReadRule {
    /// What it does.
    pub action: Action,
    /// Whether it also records.
    pub log: bool,
    /// What it matches for certain: a union; what it may match besides is [`Unread`].
    pub clauses: Vec<Clause>,
    /// How people name it: `ingress rule 2`.
    pub text: SmolStr,
    /// Its place.
    pub span: Span,
}

impl Chain {
    /// The program that decides as the chain does. It has the context's facts and namespaces, and no `default`: what no tier decides is open.
    pub fn into_reading(self, context: &Context<'_>) -> Reading {
        let mut program = Program {
            project: SmolStr::default(),
            cluster: context.cluster.clone(),
            namespaces: context.namespaces.to_vec(),
            undeclared: Vec::new(),
            teams: Vec::new(),
            tiers: Vec::with_capacity(self.tiers.len()),
            policies: Vec::new(),
            default: None,
            raws: Vec::new(),
            tests: Vec::new(),
            guards: Vec::new(),
            names: Vec::new(),
        };
        let mut ranks = Vec::new();
        for (at, tier) in self.tiers.into_iter().enumerate() {
            let id = TierId(at as u32);
            program.tiers.push(Tier {
                name: tier.name,
                otherwise: tier.otherwise,
                doc: Vec::new(),
                span: tier.span,
            });
            let mut last: Option<PolicyId> = None;
            let mut depth = 0;
            let mut of_tier = tier.ranks.into_iter();
            for policy in tier.policies {
                ranks.push(of_tier.next().unwrap_or(0));
                let this = PolicyId(program.policies.len() as u32);
                let span = policy.span;
                program.policies.push(Policy {
                    name: policy.object,
                    folder: SmolStr::default(),
                    owner: policy.owner,
                    file: policy.file,
                    tier: id,
                    staged: policy.staged,
                    after: last.into_iter().collect(),
                    depth,
                    subject: policy.subject,
                    ingress: policy.ingress.map(|rules| block(rules, span)),
                    egress: policy.egress.map(|rules| block(rules, span)),
                    doc: Vec::new(),
                    span,
                });
                if tier.ordered {
                    last = Some(this);
                    depth += 1;
                }
            }
        }
        program.undeclared = undeclared(&program, &self.unread);
        Reading {
            program,
            unread: self.unread,
            ranks,
        }
    }
}

fn block(rules: Vec<ReadRule>, span: Span) -> Block {
    let mut block = Block {
        rules: rules
            .into_iter()
            // A program's rules match something; one that matches nothing for certain decides nothing.
            .filter(|rule| !rule.clauses.is_empty())
            .map(|rule| Rule {
                action: rule.action,
                log: rule.log,
                clauses: rule.clauses,
                dns: false,
                because: None,
                ticket: None,
                until: None,
                excused: Vec::new(),
                doc: Vec::new(),
                text: rule.text,
                span: rule.span,
            })
            .collect(),
        span,
    };
    block.compact();
    block
}

/// The namespaces that are mentioned by name and not known, sorted; none where they are closed.
fn undeclared(program: &Program, unread: &[Unread]) -> Vec<SmolStr> {
    if program.cluster.namespaces_closed {
        return Vec::new();
    }
    let blocks = program
        .policies
        .iter()
        .flat_map(|policy| policy.ingress.iter().chain(&policy.egress));
    let clauses = blocks
        .flat_map(|block| &block.rules)
        .flat_map(|rule| &rule.clauses);
    let in_rules = clauses.flat_map(|clause| {
        let subject = clause.subject.iter().flatten();
        subject.chain(&clause.peers.pods)
    });
    let subjects = program.policies.iter().flat_map(|policy| &policy.subject);
    let in_unread = unread
        .iter()
        .flat_map(|part| &part.flows)
        .flat_map(|flows| std::iter::once(&flows.subject).chain(&flows.peers.pods));
    let mut names: Vec<SmolStr> = in_rules
        .chain(subjects)
        .chain(in_unread)
        .flat_map(|pods| match &pods.namespaces.names {
            ValueSet::In(names) | ValueSet::NotIn(names) => names.iter().flatten(),
        })
        .filter(|name| program.namespace(name).is_none())
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
