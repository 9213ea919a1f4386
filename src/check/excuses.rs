//! `excuse LINT because "…"`: takes away what a rule excuses, and tells of excuses that excuse nothing.
//!
//! An excuse holds for its own rule, and for its policy where the lint speaks of a policy or of a block as a whole. One text can be several
//! programs (clusters, targets, profiles): an excuse is of use if it was in any of them.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity, lints};
use crate::model::{Block, Excuse, Program, Rule};
use crate::source::{FileId, Span};

/// The excuses of some programs, and which of them were of use.
#[derive(Default)]
pub struct Excuses {
    /// By file: the rule's place, the lint, the excuse's place.
    rules: BTreeMap<FileId, Vec<(Span, SmolStr, Span)>>,
    /// By the place of a policy or a block.
    wholes: FxHashMap<Span, Vec<(SmolStr, Span)>>,
    used: FxHashSet<Span>,
}

impl Excuses {
    /// Takes the excuses of a program to those that are known.
    pub fn learn(&mut self, program: &Program) {
        for policy in &program.policies {
            self.learn_blocks(policy.span, [&policy.ingress, &policy.egress]);
        }
        if let Some(default) = &program.default {
            self.learn_blocks(default.span, [&default.ingress, &default.egress]);
        }
        for rules in self.rules.values_mut() {
            rules.sort_unstable();
            rules.dedup();
        }
    }

    fn learn_blocks(&mut self, policy: Span, blocks: [&Option<Block>; 2]) {
        for block in blocks.into_iter().flatten() {
            for rule in &block.rules {
                for excuse in &rule.excused {
                    self.learn_one(rule, excuse, [policy, block.span]);
                }
            }
        }
    }

    fn learn_one(&mut self, rule: &Rule, excuse: &Excuse, wholes: [Span; 2]) {
        let (lint, at) = (&excuse.lint, excuse.span);
        let rules = self.rules.entry(rule.span.file).or_default();
        rules.push((rule.span, lint.clone(), at));
        for whole in wholes {
            let all = self.wholes.entry(whole).or_default();
            all.push((lint.clone(), at));
        }
    }

    /// Takes away what is excused.
    pub fn apply(&mut self, diagnostics: &mut Diagnostics) {
        if self.rules.is_empty() {
            return;
        }
        diagnostics.revise(|diagnostic| (!self.excuses(&diagnostic)).then_some(diagnostic));
    }

    fn excuses(&mut self, diagnostic: &Diagnostic) -> bool {
        let Some(label) = &diagnostic.primary else {
            return false;
        };
        if diagnostic.severity == Severity::Error || lints::find(diagnostic.name).is_none() {
            return false;
        }
        let at = label.span;
        let rules = self.rules.get(&at.file).map_or(&[][..], Vec::as_slice);
        // Rules do not overlap: those of the rule that begins last before the place are next to each other.
        let after = rules.partition_point(|(rule, ..)| rule.start <= at.start);
        let own = rules[..after]
            .iter()
            .rev()
            .take_while(|(rule, ..)| rule.start == rules[after - 1].0.start)
            .filter(|(rule, ..)| at.end <= rule.end)
            .map(|(_, lint, excuse)| (lint, excuse));
        let whole = self.wholes.get(&at).into_iter().flatten();
        let fitting: Vec<Span> = own
            .chain(whole.map(|(lint, excuse)| (lint, excuse)))
            .filter(|(lint, _)| *lint == diagnostic.name)
            .map(|(_, excuse)| *excuse)
            .collect();
        self.used.extend(&fitting);
        !fitting.is_empty()
    }

    /// The excuses that were of no use, when everything has been asked that `found` tells of: none where some lints were left out. Another target may
    /// need an excuse of `ignored-by-target` that none of those which are asked for needs.
    pub fn useless(&self, found: &Diagnostics) -> Diagnostics {
        let mut useless = Diagnostics::default();
        if found.iter().any(|one| one.name == "lints-left-out") {
            return useless;
        }
        for (_, lint, at) in self.rules.values().flatten() {
            if !self.used.contains(at) && lint != "ignored-by-target" {
                useless.push(
                    Diagnostic::warning(
                        "useless-excuse",
                        format!("there is nothing of `{lint}` to excuse here"),
                    )
                    .at(*at, "excuses nothing")
                    .help("remove the clause"),
                );
            }
        }
        useless
    }
}
