//! Policies and `default`: subjects and blocks.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::project::At;
use super::rules::{Outcome, Place, Subject};
use super::scope::{ModuleId, Scope};
use super::{Cx, MOST_RULES, errors};
use crate::model::{self, Block, DefaultPolicy, TierId};
use crate::source::Span;
use crate::space::Direction;
use crate::syntax::ast;

/// The blocks of a body, profiles unfolded.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    ingress: Option<Written>,
    egress: Option<Written>,
    rules: usize,
}

/// One block, with what its text says beside the rules that are in force.
#[derive(Debug)]
struct Written {
    block: Block,
    /// How many rules are written, expired ones too.
    rules: usize,
    /// Whether one of them decides something.
    decides: bool,
}

/// A policy that was understood, before it has an identity.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) at: At<'a, ast::Policy>,
    pub(super) module: ModuleId,
    pub(super) policy: model::Policy,
    pub(super) left_out: bool,
}

/// Where each policy is declared: what `before` and `after` look up.
pub(super) type PolicyNames<'a> = FxHashMap<(ModuleId, SmolStr), (At<'a, ast::Policy>, usize)>;

impl<'a> Cx<'a> {
    /// The names of all policies; reports two of one name.
    pub(super) fn policy_names(&mut self) -> PolicyNames<'a> {
        let mut names: PolicyNames<'a> = FxHashMap::default();
        let mut kept = Vec::with_capacity(self.declared.policies.len());
        for at in std::mem::take(&mut self.declared.policies) {
            let name = &at.tree.name;
            let key = (self.files[at.file].module, name.value.clone());
            if let Some((first, _)) = names.get(&key) {
                let first = first.tree.name.span;
                self.report(errors::duplicate_name(
                    "policy",
                    &name.value,
                    name.span,
                    first,
                ));
                continue;
            }
            names.insert(key, (at, usize::MAX));
            kept.push(at);
        }
        self.declared.policies = kept;
        names
    }

    /// The policies of this target, or those that it leaves out.
    pub(super) fn drafts(&mut self, left_out: bool) -> Vec<Draft<'a>> {
        let declared = self.declared.policies.clone();
        declared
            .into_iter()
            .filter(|at| self.files[at.file].left_out == left_out)
            .collect::<Vec<_>>()
            .into_iter()
            .filter_map(|at| self.noted(at.file, left_out, |cx| cx.policy(at, left_out)))
            .collect()
    }

    fn policy(&mut self, at: At<'a, ast::Policy>, left_out: bool) -> Option<Draft<'a>> {
        let module = self.files[at.file].module;
        let scope = Scope::of(module);
        let tree = at.tree;
        let tier = self.tier(&tree.tier);
        let head = Span {
            end: tree.body.span.start,
            ..at.item.span
        };
        let head = self.trimmed(head);
        let subject = self.subject_of(scope, &tree.body, head);
        if let (Some(subject), Some(tier)) = (&subject, tier) {
            self.check_grant(
                module,
                (&subject.pods, subject.span),
                (tier, tree.tier.span),
            );
        }
        let place = Place {
            subject: subject.as_ref(),
            default: false,
        };
        let mut blocks = Blocks::default();
        let good = self.body(scope, place, &tree.body, &mut blocks);
        let good = good && self.check_blocks(&blocks, tier, head);
        let (ingress, egress) = (blocks.ingress, blocks.egress);
        let (subject, tier) = (subject?, tier.filter(|_| good)?);
        let (owner, folder) = (
            self.owner_name(module),
            self.modules[module.0 as usize].path.clone(),
        );
        Some(Draft {
            at,
            module,
            left_out,
            policy: model::Policy {
                name: tree.name.value.clone(),
                folder,
                owner,
                file: self.files[at.file].path.clone(),
                tier,
                staged: tree.staged.is_some(),
                after: Vec::new(),
                depth: 0,
                subject: subject.pods,
                ingress: ingress.map(|written| written.block),
                egress: egress.map(|written| written.block),
                doc: at.item.doc.clone(),
                span: head,
            },
        })
    }

    /// The unnamed policy, if there is one, and this target has it or leaves it out.
    pub(super) fn default_policy(&mut self, left_out: bool) -> Option<DefaultPolicy> {
        let at = *self.declared.defaults.first()?;
        if self.files[at.file].left_out != left_out {
            return None;
        }
        self.default_body(at, self.default_head(at))
    }

    /// Reports a second `default`.
    pub(super) fn check_defaults(&mut self) {
        let declared = self.declared.defaults.clone();
        for at in declared.iter().skip(1) {
            let (head, first) = (self.default_head(*at), self.default_head(declared[0]));
            self.report(errors::duplicate_name("default", "default", head, first));
        }
    }

    fn default_head(&self, at: At<'a, ast::Default>) -> Span {
        self.trimmed(Span {
            end: at.tree.body.span.start,
            ..at.item.span
        })
    }

    fn default_body(&mut self, at: At<'a, ast::Default>, head: Span) -> Option<DefaultPolicy> {
        let scope = Scope::of(self.files[at.file].module);
        let subject = self.subject_of(scope, &at.tree.body, head);
        let place = Place {
            subject: subject.as_ref(),
            default: true,
        };
        let mut blocks = Blocks::default();
        let good = self.body(scope, place, &at.tree.body, &mut blocks);
        if good && blocks.ingress.is_none() && blocks.egress.is_none() {
            self.report(errors::missing_block(head));
            return None;
        }
        let subject = subject.filter(|_| good)?;
        Some(DefaultPolicy {
            file: self.files[at.file].path.clone(),
            subject: subject.pods,
            ingress: blocks.ingress.map(|written| written.block),
            egress: blocks.egress.map(|written| written.block),
            doc: at.item.doc.clone(),
            span: head,
        })
    }

    fn subject_of(&mut self, scope: Scope<'_>, body: &ast::Body, head: Span) -> Option<Subject> {
        let mut found: Option<(&ast::Endpoints, Option<Subject>)> = None;
        for statement in &body.statements {
            let ast::Statement::For(endpoints) = statement else {
                continue;
            };
            if let Some((first, _)) = &found {
                let first = first.span;
                self.report(errors::duplicate_for(endpoints.span, first));
                continue;
            }
            found = Some((endpoints, self.subject(scope, endpoints)));
        }
        match found {
            Some((_, subject)) => subject,
            None => {
                if body.whole {
                    self.report(errors::missing_for(head));
                }
                None
            }
        }
    }

    /// Adds the rules of a body to the blocks; false if one of them could not be read or understood.
    pub(super) fn body(
        &mut self,
        scope: Scope<'_>,
        place: Place<'_>,
        body: &ast::Body,
        blocks: &mut Blocks,
    ) -> bool {
        let mut good = body.whole;
        let mut seen: [Option<Span>; 2] = [None; 2];
        for statement in &body.statements {
            match statement {
                ast::Statement::For(endpoints) => {
                    if scope.parameters.is_some() {
                        self.report(errors::for_in_profile(endpoints.span));
                        good = false;
                    }
                }
                ast::Statement::Include(include) => {
                    good &= self.include(scope, place, include, blocks);
                }
                ast::Statement::Block(block) => {
                    let at = usize::from(block.direction == ast::Direction::Egress);
                    if let Some(first) = seen[at].replace(block.span) {
                        self.report(errors::duplicate_block(
                            word(block.direction),
                            self.keyword(block),
                            first,
                        ));
                        good = false;
                        continue;
                    }
                    good &= self.block(scope, place, block, blocks);
                }
            }
        }
        good
    }

    fn block(
        &mut self,
        scope: Scope<'_>,
        place: Place<'_>,
        node: &ast::Block,
        blocks: &mut Blocks,
    ) -> bool {
        blocks.rules += node.rules.len();
        if blocks.rules > MOST_RULES {
            self.report(errors::too_many_rules(node.span, MOST_RULES));
            return false;
        }
        let slot = match node.direction {
            ast::Direction::Ingress => &mut blocks.ingress,
            ast::Direction::Egress => &mut blocks.egress,
        };
        let written = slot.get_or_insert_with(|| Written {
            block: Block {
                rules: Vec::with_capacity(node.rules.len()),
                span: node.span,
            },
            rules: 0,
            decides: false,
        });
        let mut good = true;
        for rule in &node.rules {
            written.rules += 1;
            written.decides |= rule.action.value != ast::Action::Log;
            match self.rule(scope, place, node.direction, rule) {
                Outcome::Rule(rule) => written.block.rules.push(*rule),
                Outcome::Expired => {}
                Outcome::Faulty => good = false,
            }
        }
        good
    }

    /// Empty blocks and blocks that only record, judged on the text.
    fn check_blocks(&mut self, blocks: &Blocks, tier: Option<TierId>, head: Span) -> bool {
        if blocks.ingress.is_none() && blocks.egress.is_none() {
            self.report(errors::missing_block(head));
            return false;
        }
        let Some(tier) = tier else {
            return false;
        };
        let (denies, name, own) = {
            let tier = &self.tiers[tier.0 as usize];
            (tier.otherwise.denies(), tier.name.clone(), tier.span)
        };
        let mut good = true;
        for (direction, written) in [
            (Direction::Ingress, &blocks.ingress),
            (Direction::Egress, &blocks.egress),
        ] {
            let Some(written) = written else {
                continue;
            };
            let span = self.first_word(written.block.span);
            if written.rules == 0 && !denies {
                self.report(errors::empty_block(direction, span, &name, own));
                good = false;
            } else if written.rules > 0 && !written.decides && denies {
                self.report(errors::log_only_block(direction, span, &name, own));
                good = false;
            }
        }
        good
    }

    fn keyword(&self, block: &ast::Block) -> Span {
        self.first_word(block.span)
    }

    /// The first word of a span.
    fn first_word(&self, span: Span) -> Span {
        let text = self.sources.get(span.file).slice(span);
        let len = text
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(text.len());
        Span {
            end: span.start + len as u32,
            ..span
        }
    }

    /// A span without the blanks at its end.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.sources.get(span.file).slice(span);
        Span {
            end: span.start + text.trim_end().len() as u32,
            ..span
        }
    }
}

fn word(direction: ast::Direction) -> &'static str {
    match direction {
        ast::Direction::Ingress => "ingress",
        ast::Direction::Egress => "egress",
    }
}
