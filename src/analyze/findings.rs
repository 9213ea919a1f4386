//! What manifests say in vain, and where they say opposite things.
//!
//! Takes: a [`Side`] of manifests. Gives: findings at places in the manifests: objects without which every flow is decided the same, and pairs of objects that decide a flow
//! differently although their authors have not ordered them. Of a project, the compiler says both.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use smol_str::SmolStr;

use super::{Inventory, Side};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::meaning::{Conflict, Index, Oracle, Partition, TooLarge, conflicts as found, selects};
use crate::model::{Action, Policy, PolicyId, Program, RuleSite, Target, TierId};
use crate::space::Direction;

/// Reports objects without which every flow is decided the same, each alone, and says how many ends of namespaces were too large to ask.
pub fn redundant(side: &Side, diagnostics: &mut Diagnostics) -> usize {
    let program = &side.program;
    let index = Arc::new(Index::new(program));
    let places: Vec<(Partition, Direction)> = side
        .universe
        .partitions(&index)
        .into_iter()
        .flat_map(|partition| Direction::BOTH.map(|direction| (partition, direction)))
        .collect();
    let asked: Vec<Result<Vec<(SmolStr, bool)>, TooLarge>> = places
        .par_iter()
        .map(|(partition, direction)| needed(side, &index, *partition, *direction))
        .collect();
    let mut objects: BTreeMap<SmolStr, bool> = BTreeMap::new();
    let mut too_large = 0;
    for ((partition, direction), one) in places.iter().zip(asked) {
        let all = match one {
            Ok(all) => all,
            // What is too large to know is taken to be needed.
            Err(_) => {
                too_large += 1;
                let ids = selecting(&index, *partition, *direction);
                let names = ids.iter().map(|id| program.policy(*id).name.clone());
                names.map(|name| (name, true)).collect()
            }
        };
        for (name, needed) in all {
            *objects.entry(name).or_default() |= needed;
        }
    }
    let mut first: BTreeMap<&SmolStr, &Policy> = BTreeMap::new();
    for policy in &program.policies {
        first.entry(&policy.name).or_insert(policy);
    }
    for (name, _) in objects.iter().filter(|(_, needed)| !**needed) {
        // What is not understood of an object may be what it is there for.
        let open = side.unread.iter().any(|part| part.object == *name);
        if let (Some(policy), false) = (first.get(name), open) {
            diagnostics.push(
                Diagnostic::warning(
                    "rule-changes-nothing",
                    format!("without `{name}` every flow is decided the same"),
                )
                .at(policy.span, "makes no difference")
                .because("the other objects decide all of its flows as it does"),
            );
        }
    }
    too_large
}

fn selecting(index: &Index<'_>, partition: Partition, direction: Direction) -> Vec<PolicyId> {
    (0..index.program.tiers.len())
        .flat_map(|tier| index.policies(TierId(tier as u32), partition, direction))
        .collect()
}

/// The objects that have a say at one end, and whether it would be another without each.
fn needed<'p>(
    side: &Side,
    index: &Arc<Index<'p>>,
    partition: Partition,
    direction: Direction,
) -> Result<Vec<(SmolStr, bool)>, TooLarge> {
    let ids = selecting(index, partition, direction);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut objects: BTreeMap<&SmolStr, Vec<PolicyId>> = BTreeMap::new();
    for id in ids {
        let name = &index.program.policy(id).name;
        objects.entry(name).or_default().push(id);
    }
    let mut oracle = Oracle::of(index, partition, direction)?;
    let here = side.universe.set(&mut oracle)?;
    let with = oracle.allowed();
    let mut all = Vec::with_capacity(objects.len());
    for (name, ids) in objects {
        let without = oracle.allowed_without(&ids)?;
        let mut differs = without != with;
        if differs {
            let more = oracle.minus(with, without)?;
            let less = oracle.minus(without, with)?;
            let either = oracle.or(more, less)?;
            let either = oracle.and(either, here)?;
            differs = !oracle.is_empty(either);
        }
        all.push((name.clone(), differs));
    }
    Ok(all)
}

/// Reports pairs of objects that decide a flow differently, where only the target's own habit says which of them does: Calico takes names where orders are
/// equal, Cilium lets every deny prevail. NetworkPolicies only allow.
pub fn conflicts(side: &Side, diagnostics: &mut Diagnostics) -> usize {
    let program = &side.program;
    let (why, help) = match side.spec.backend {
        Target::Kubernetes => return 0,
        Target::Calico => (
            "they stand in one tier with the same order, so their names say which of them decides",
            "give one of them a smaller `order`",
        ),
        Target::Cilium => (
            "a deny prevails over every allow, whichever object has it",
            "leave one of them out, or let them select other flows",
        ),
    };
    let merged;
    let asked: &Program = if side.spec.backend == Target::Cilium {
        // As if allow and deny had no order.
        let mut one = Program::clone(program);
        for policy in &mut one.policies {
            policy.tier = TierId(0);
            policy.after.clear();
        }
        merged = one;
        &merged
    } else {
        program
    };
    let ranks = match side.ranks.len() == program.policies.len() {
        true => side.ranks.clone(),
        false => vec![0; program.policies.len()],
    };
    let index = Arc::new(Index::new(asked));
    let (all, too_large) = found(&index, ranks);
    for conflict in &all {
        let [one, other] = conflict.pair.map(|id| program.policy(id));
        if one.name == other.name {
            continue;
        }
        diagnostics.push(disagree(program, conflict, [one, other], why, help));
    }
    too_large
}

fn disagree(
    program: &Program,
    conflict: &Conflict,
    [one, other]: [&Policy; 2],
    why: &str,
    help: &str,
) -> Diagnostic {
    let does = |action: Action| match action {
        Action::Allow => "allows it",
        Action::Deny => "denies it",
        Action::Pass => "passes it on",
        Action::Log => "records it",
    };
    let mut said = Diagnostic::warning(
        "policies-disagree",
        format!(
            "`{}` and `{}` decide a flow differently",
            one.name, other.name
        ),
    );
    for (at, site) in conflict.rules.into_iter().enumerate() {
        let rule = program.rule(site);
        let policy = match site.site {
            RuleSite::Policy(id) => program.policy(id),
            RuleSite::Default => one,
        };
        let label = format!("`{}` {}", policy.name, does(rule.action));
        said = match at {
            0 => said.at(rule.span, label),
            _ => said.and(rule.span, label),
        };
    }
    said.because(format!("both decide {}", conflict.flow))
        .because(why)
        .help(help)
}

/// Reports objects that select no workload of an inventory.
pub fn vacuous(side: &Side, inventory: &Inventory, diagnostics: &mut Diagnostics) {
    let mut first: BTreeMap<&SmolStr, (&Policy, bool)> = BTreeMap::new();
    for policy in side.program.policies.iter().filter(|one| !one.staged) {
        let selected = inventory
            .workloads
            .iter()
            .any(|workload| !workload.host_network && selects(&policy.subject, &workload.pod));
        let entry = first.entry(&policy.name).or_insert((policy, false));
        entry.1 |= selected;
    }
    for (name, (policy, _)) in first.iter().filter(|(_, (_, selected))| !selected) {
        diagnostics.push(
            Diagnostic::warning(
                "policy-selects-nothing",
                format!("`{name}` selects no workload of the inventory"),
            )
            .at(policy.span, "selects nobody who is there"),
        );
    }
}
