//! Namespaces: those that are declared, and what follows `in`.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::labels::{fault_of_key, fault_of_value, is_dns_label, values};
use super::scope::ModuleId;
use super::{Cx, LONGEST, errors};
use crate::model::Namespace;
use crate::source::Span;
use crate::space::{METADATA_NAME, Namespaces, Same, Selector, ValueSet};
use crate::syntax::ast;

impl<'a> Cx<'a> {
    /// Reads the declared namespaces of the project and of the cluster.
    pub(super) fn declared_namespaces(
        &mut self,
        trees: impl IntoIterator<Item = &'a ast::Namespace>,
    ) -> Vec<Namespace> {
        let mut all: BTreeMap<SmolStr, Namespace> = BTreeMap::new();
        for tree in trees {
            let name = &tree.name;
            if !is_dns_label(&name.value) {
                self.report(errors::bad_namespace_name(&name.value, name.span));
                continue;
            }
            if let Some(first) = all.get(&name.value) {
                if self.is_confirmed(first, tree) {
                    continue;
                }
                self.report(errors::duplicate_name(
                    "namespace",
                    &name.value,
                    name.span,
                    first.span,
                ));
                continue;
            }
            let labels = self.labels_of(tree);
            all.insert(
                name.value.clone(),
                Namespace {
                    name: name.value.clone(),
                    labels,
                    span: name.span,
                },
            );
        }
        all.into_values().collect()
    }

    /// Whether a namespace of a cluster, which lies on no disk, has the labels that it is declared with. It may have others: the declaration counts.
    fn is_confirmed(&self, declared: &Namespace, found: &ast::Namespace) -> bool {
        let has = |(key, value): &(SmolStr, SmolStr)| {
            let mut labels = found.labels.iter();
            labels.any(|(known, is)| known.value == *key && is.text == *value)
        };
        self.sources.get(found.name.span.file).is_beside() && declared.labels.iter().all(has)
    }

    fn labels_of(&mut self, tree: &ast::Namespace) -> Vec<(SmolStr, SmolStr)> {
        let mut labels: BTreeMap<SmolStr, (SmolStr, Span)> = BTreeMap::new();
        for (key, value) in &tree.labels {
            if let Some(fault) = fault_of_key(&key.value) {
                self.report(errors::bad_label("key", &key.value, key.span, fault));
            } else if let Some(fault) = fault_of_value(&value.text) {
                self.report(errors::bad_label("value", &value.text, value.span, fault));
            } else if key.value == METADATA_NAME {
                if value.text != tree.name.value {
                    self.report(errors::bad_label(
                        "value",
                        &value.text,
                        value.span,
                        "Kubernetes sets this label to the namespace's name",
                    ));
                }
            } else if let Some((_, first)) = labels.get(&key.value) {
                let first = *first;
                self.report(errors::duplicate_name("label", &key.value, key.span, first));
            } else {
                labels.insert(key.value.clone(), (value.text.clone(), key.span));
            }
        }
        labels
            .into_iter()
            .map(|(key, (value, _))| (key, value))
            .collect()
    }

    /// What follows `in`.
    pub(super) fn namespaces(
        &mut self,
        module: ModuleId,
        node: &ast::Namespaces,
    ) -> Option<Namespaces> {
        match &node.kind {
            ast::NamespacesKind::All => Some(Namespaces::any()),
            ast::NamespacesKind::Same => Some(Namespaces {
                same: vec![Same::Namespace(true)],
                ..Namespaces::any()
            }),
            ast::NamespacesKind::Names(names) if names.len() > LONGEST => {
                self.report(errors::too_many_terms(node.span));
                None
            }
            ast::NamespacesKind::Names(names) => {
                let mut good = true;
                for name in names {
                    good &= self.check_namespace(module, &name.value, name.span);
                }
                let names = names.iter().map(|name| name.value.clone());
                good.then(|| Namespaces {
                    names: ValueSet::among(names),
                    ..Namespaces::any()
                })
            }
            ast::NamespacesKind::Selected(selector) => self.namespace_selector(module, selector),
        }
    }

    /// Whether a namespace may be named here; remembers those that nobody declares.
    pub(super) fn check_namespace(&mut self, module: ModuleId, name: &str, span: Span) -> bool {
        if !is_dns_label(name) {
            self.report(errors::bad_namespace_name(name, span));
            return false;
        }
        if self.ground.declared(name).is_some() {
            return true;
        }
        if self.unread.contains(name) {
            return true;
        }
        let std = self.modules[module.0 as usize].is_std();
        if std || !self.ground.strict {
            if !self.ground.closed {
                self.undeclared.insert(name.into());
            }
            return true;
        }
        let near = {
            let names = self.ground.namespaces.iter();
            self.nearest(name, names.map(|namespace| namespace.name.as_str()))
        };
        let elsewhere = self
            .elsewhere
            .get(&SmolStr::from(format!("namespace {name}")));
        let diagnostic = match elsewhere {
            Some(clusters) => errors::name_of_another_cluster(
                name,
                span,
                &self.cluster.name,
                clusters,
                self.cluster.span,
            ),
            None => errors::unknown_namespace(name, span, near.as_deref()),
        };
        self.report(diagnostic);
        false
    }

    /// `namespaces{…}`; the bare word `same` compares with the subject's namespace.
    pub(super) fn namespace_selector(
        &mut self,
        module: ModuleId,
        node: &ast::Selector,
    ) -> Option<Namespaces> {
        if node.requirements.len() > LONGEST {
            self.report(errors::too_many_terms(node.span));
            return None;
        }
        let mut good = true;
        let mut all = Namespaces::any();
        for requirement in &node.requirements {
            if !self.check_requirement(requirement) {
                good = false;
                continue;
            }
            match self.namespace_requirement(module, requirement) {
                Some(one) => all = all.intersect(&one),
                None => good = false,
            }
        }
        if good && all.is_empty() {
            self.report(errors::empty_endpoint(
                "no namespace fulfills this selector",
                node.span,
                "contradicts itself",
            ));
            return None;
        }
        good.then_some(all)
    }

    fn namespace_requirement(
        &mut self,
        module: ModuleId,
        requirement: &ast::Requirement,
    ) -> Option<Namespaces> {
        let key = &requirement.key.value;
        let is_same = |value: &ast::LabelValue| value.text == "same" && !value.quoted;
        if let Some(word) = requirement.values.iter().find(|value| is_same(value)) {
            if requirement.values.len() > 1 {
                self.report(errors::misplaced_same(
                    word.span,
                    "`same` stands alone in a requirement",
                ));
                return None;
            }
            self.check_carried(module, requirement, false)?;
            let is = matches!(
                requirement.operator,
                ast::Operator::Equal | ast::Operator::In
            );
            let same = if key == METADATA_NAME {
                Same::Namespace(is)
            } else {
                Same::Label(key.clone(), is)
            };
            return Some(Namespaces {
                same: vec![same],
                ..Namespaces::any()
            });
        }
        if key == METADATA_NAME {
            let mut good = true;
            for value in &requirement.values {
                good &= self.check_namespace(module, &value.text, value.span);
            }
            // A name is never absent, and nobody else's.
            let names = match requirement.operator {
                ast::Operator::Exists => ValueSet::any(),
                ast::Operator::Absent => ValueSet::none(),
                _ => values(requirement),
            };
            return good.then(|| Namespaces {
                names,
                ..Namespaces::any()
            });
        }
        self.check_carried(module, requirement, true)?;
        Some(Namespaces {
            labels: Selector::any().with(key, &values(requirement)),
            ..Namespaces::any()
        })
    }

    /// Whether some declaration carries the label that a requirement speaks of: a misspelt one would hold for nobody.
    fn check_carried(
        &mut self,
        module: ModuleId,
        requirement: &ast::Requirement,
        with_values: bool,
    ) -> Option<()> {
        let key = &requirement.key;
        if key.value == METADATA_NAME
            || !self.ground.strict
            // The namespace that carries it may be one that could not be read.
            || !self.unread.is_empty()
            || self.modules[module.0 as usize].is_std()
        {
            return Some(());
        }
        let Some(carried) = self.namespace_labels.get(&key.value) else {
            let near = self.nearest(
                &key.value,
                self.namespace_labels.keys().map(SmolStr::as_str),
            );
            self.report(errors::unknown_namespace_label(
                &key.value,
                key.span,
                near.as_deref(),
            ));
            return None;
        };
        let mut out = Vec::new();
        if with_values {
            for value in &requirement.values {
                if !carried.contains(&value.text) {
                    let near = self.nearest(&value.text, carried.iter().map(SmolStr::as_str));
                    out.push(errors::unknown_namespace_label(
                        &format!("{}={}", key.value, value.text),
                        value.span,
                        near.map(|near| format!("{}={near}", key.value)).as_deref(),
                    ));
                }
            }
        }
        let good = out.is_empty();
        self.out.extend(out);
        good.then_some(())
    }
}
