//! Clusters, their facts and names; tiers; what a team's grant comes to.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::ground::Ground;
use super::scope::{ModuleId, Node};
use super::{Cx, errors};
use crate::model::{Cluster, Cni, Otherwise, Overlay, Tier, TierId};
use crate::source::Span;
use crate::space::{AddressSet, ValueSet};
use crate::syntax::ast;

/// The facts that a cluster can have.
const FACTS: [&str; 13] = [
    "apiserver",
    "cni",
    "extended-protocols",
    "host-endpoints",
    "ipv4",
    "ipv6",
    "namespaces",
    "node-labels",
    "nodes",
    "overlay",
    "pods",
    "sctp",
    "services",
];

/// The CNIs that `cni` takes.
const CNIS: [(&str, Cni); 6] = [
    ("antrea", Cni::Antrea),
    ("calico", Cni::Calico),
    ("cilium", Cni::Cilium),
    ("kindnet", Cni::Kindnet),
    ("kube-router", Cni::KubeRouter),
    ("ovn-kubernetes", Cni::OvnKubernetes),
];

impl<'a> Cx<'a> {
    /// Reads all clusters and keeps the one to resolve for; declares its names, the namespaces and the tiers. False if there is none
    /// of the wanted name.
    pub(super) fn choose_cluster(&mut self) -> bool {
        let mut seen: BTreeMap<SmolStr, Span> = BTreeMap::new();
        let mut clusters = Vec::new();
        for at in std::mem::take(&mut self.declared.clusters) {
            let name = &at.tree.name;
            if let Some(first) = seen.get(&name.value) {
                let first = *first;
                self.report(errors::duplicate_name(
                    "cluster",
                    &name.value,
                    name.span,
                    first,
                ));
                continue;
            }
            seen.insert(name.value.clone(), name.span);
            let facts = self.facts(at.tree);
            clusters.push((at, facts));
        }
        let chosen = match (&self.options.cluster, clusters.len()) {
            (None, 0) => None,
            (None, 1) => Some(0),
            (None, _) => {
                let names: Vec<&str> = seen.keys().map(SmolStr::as_str).collect();
                let diagnostic = errors::cluster_not_chosen(&names, clusters[0].0.tree.name.span);
                self.report(diagnostic);
                return false;
            }
            (Some(name), _) => {
                let at = clusters
                    .iter()
                    .position(|(at, _)| at.tree.name.value == *name);
                if at.is_none() && self.unread.contains(name) {
                    return false;
                }
                if at.is_none() {
                    let near = self.nearest(name, seen.keys().map(SmolStr::as_str));
                    self.report(errors::unknown_cluster(name, near.as_deref()));
                    return false;
                }
                at
            }
        };
        self.check_manifests();
        let declared = self.declared.namespaces.iter().map(|at| at.tree);
        let mut namespaces: Vec<&'a ast::Namespace> = declared.chain(self.manifests).collect();
        for (index, (at, facts)) in clusters.into_iter().enumerate() {
            let here = chosen == Some(index);
            if here {
                self.cluster = facts;
            }
            for item in &at.tree.items {
                let ast::ClusterItem::Declaration(item) = item else {
                    continue;
                };
                let (name, node) = match &item.kind {
                    ast::ItemKind::Namespace(tree) => {
                        if here {
                            namespaces.push(tree);
                        } else {
                            self.elsewhere
                                .entry(format!("namespace {}", tree.name.value).into())
                                .or_default()
                                .push(at.tree.name.value.clone());
                        }
                        continue;
                    }
                    ast::ItemKind::Network(tree) => (&tree.name, Node::Network(tree)),
                    ast::ItemKind::Group(tree) => (&tree.name, Node::Group(tree)),
                    ast::ItemKind::Service(tree) => (&tree.name, Node::Service(tree)),
                    _ => {
                        self.report(errors::misplaced_in_cluster(item.span));
                        continue;
                    }
                };
                if here {
                    self.add_to_root(at.file, name, node);
                } else {
                    self.elsewhere
                        .entry(name.value.clone())
                        .or_default()
                        .push(at.tree.name.value.clone());
                }
            }
        }
        let namespaces = self.declared_namespaces(namespaces);
        for namespace in &namespaces {
            for (key, value) in &namespace.labels {
                self.namespace_labels
                    .entry(key.clone())
                    .or_default()
                    .insert(value.clone());
            }
        }
        // What lies on no disk are the namespaces that a cluster happens to have; whoever asks about it may speak of others.
        let declares = namespaces
            .iter()
            .any(|namespace| !self.sources.get(namespace.span.file).is_beside());
        self.ground = Ground::new(namespaces, self.cluster.namespaces_closed, declares);
        self.collect_tiers();
        true
    }

    fn facts(&mut self, tree: &'a ast::Cluster) -> Cluster {
        let mut cluster = Cluster {
            name: tree.name.value.clone(),
            span: Some(tree.name.span),
            ..Cluster::unknown()
        };
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for item in &tree.items {
            let ast::ClusterItem::Fact(fact) = item else {
                continue;
            };
            let name = fact.name.value.as_str();
            if !FACTS.contains(&name) {
                let near = self.nearest(name, FACTS);
                self.report(errors::unknown_fact(name, fact.name.span, near.as_deref()));
                continue;
            }
            if let Some(first) = seen.insert(name, fact.name.span) {
                self.report(errors::duplicate_name("fact", name, fact.name.span, first));
                continue;
            }
            self.fact(&mut cluster, fact);
        }
        self.check_families(tree, &cluster);
        cluster
    }

    fn fact(&mut self, cluster: &mut Cluster, fact: &ast::Fact) {
        match fact.name.value.as_str() {
            "pods" => cluster.pods = self.ranges(fact),
            "services" => cluster.services = self.ranges(fact),
            "nodes" => cluster.nodes = self.ranges(fact),
            "apiserver" => cluster.apiserver = self.ranges(fact),
            "ipv4" => cluster.ipv4_none = self.word(fact, &["none"]).is_some(),
            "ipv6" => cluster.ipv6_none = self.word(fact, &["none"]).is_some(),
            "namespaces" => cluster.namespaces_closed = self.word(fact, &["closed"]).is_some(),
            "overlay" => {
                cluster.overlay =
                    self.word(fact, &["none", "ipip", "vxlan"])
                        .map(|word| match word.as_str() {
                            "none" => Overlay::None,
                            "ipip" => Overlay::Ipip,
                            _ => Overlay::Vxlan,
                        });
            }
            "host-endpoints" => {
                cluster.host_endpoints_automatic = self.word(fact, &["automatic"]).is_some();
            }
            "cni" => {
                let words = CNIS.map(|(word, _)| word);
                cluster.cni = self
                    .word(fact, &words)
                    .and_then(|word| CNIS.iter().find(|(known, _)| word == *known))
                    .map(|(_, cni)| *cni);
            }
            "sctp" => cluster.sctp = self.bare(fact),
            "node-labels" => cluster.node_labels = self.bare(fact),
            _ => cluster.extended_protocols = self.bare(fact),
        }
    }

    fn ranges(&mut self, fact: &ast::Fact) -> Option<AddressSet> {
        let mut all = AddressSet::empty();
        let mut good = true;
        for value in &fact.values {
            match value {
                ast::FactValue::Address(address) => match self.address(address) {
                    Some(set) => all = all.union(&set),
                    None => good = false,
                },
                ast::FactValue::Word(word) => {
                    self.report(errors::bad_fact_value(
                        &fact.name.value,
                        &word.value,
                        word.span,
                        "takes addresses or ranges",
                        None,
                    ));
                    good = false;
                }
            }
        }
        if fact.values.is_empty() {
            self.report(errors::missing_fact_value(
                &fact.name.value,
                fact.span,
                "addresses or ranges",
            ));
            return None;
        }
        good.then_some(all)
    }

    fn word(&mut self, fact: &ast::Fact, known: &[&str]) -> Option<SmolStr> {
        let list = known
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
        match &fact.values[..] {
            [ast::FactValue::Word(word)] if known.contains(&word.value.as_str()) => {
                return Some(word.value.clone());
            }
            [ast::FactValue::Word(word)] => {
                let near = self.nearest(&word.value, known.iter().copied());
                self.report(errors::bad_fact_value(
                    &fact.name.value,
                    &word.value,
                    word.span,
                    &format!("takes {list}"),
                    near.as_deref(),
                ));
            }
            _ => self.report(errors::missing_fact_value(
                &fact.name.value,
                fact.span,
                &list,
            )),
        }
        None
    }

    fn bare(&mut self, fact: &ast::Fact) -> bool {
        if fact.values.is_empty() {
            return true;
        }
        self.report(errors::missing_fact_value(
            &fact.name.value,
            fact.span,
            "no value",
        ));
        false
    }

    /// `ipv6 none` beside an IPv6 range.
    fn check_families(&mut self, tree: &ast::Cluster, cluster: &Cluster) {
        let all = cluster.bounds();
        for (none, met, family) in [
            (cluster.ipv4_none, !all.v4.is_empty(), "ipv4"),
            (cluster.ipv6_none, !all.v6.is_empty(), "ipv6"),
        ] {
            let at = tree.items.iter().find_map(|item| match item {
                ast::ClusterItem::Fact(fact) if fact.name.value == family => Some(fact.span),
                _ => None,
            });
            if let (true, true, Some(at)) = (none, met, at) {
                self.report(errors::contradictory_fact(family, at));
            } else if let (true, true, "ipv6", Some(at)) =
                (cluster.ipv4_none, cluster.ipv6_none, family, at)
            {
                self.report(errors::no_family_left(at));
            }
        }
    }

    fn add_to_root(&mut self, file: usize, name: &'a ast::Name, node: Node<'a>) {
        // Names of a cluster are the root's, wherever the block stands.
        let home = std::mem::replace(&mut self.files[file].module, super::scope::ROOT);
        let out = std::mem::replace(&mut self.files[file].left_out, false);
        self.add(file, name, node);
        self.files[file].module = home;
        self.files[file].left_out = out;
    }

    fn collect_tiers(&mut self) {
        let declared = std::mem::take(&mut self.declared.tiers);
        let home = declared.first().map(|at| at.file);
        let mut strangers = BTreeSet::new();
        for at in declared {
            let name = &at.tree.name;
            if let Some(known) = self.tier_of.get(&name.value) {
                let first = self.tiers[known.0 as usize].span;
                self.report(errors::duplicate_name(
                    "tier",
                    &name.value,
                    name.span,
                    first,
                ));
                continue;
            }
            if Some(at.file) != home && strangers.insert(at.file) {
                let first = self.tiers[0].span;
                self.report(errors::tiers_in_several_files(name.span, first));
            }
            let otherwise = match at.tree.otherwise.as_ref().map(|otherwise| otherwise.value) {
                None | Some(ast::Otherwise::Pass) => Otherwise::Pass,
                Some(ast::Otherwise::Deny) => Otherwise::Deny,
                Some(ast::Otherwise::DenyAndLog) => Otherwise::DenyAndLog,
            };
            self.tier_of
                .insert(name.value.clone(), TierId(self.tiers.len() as u32));
            self.tiers.push(Tier {
                name: name.value.clone(),
                otherwise,
                doc: at.item.doc.clone(),
                span: name.span,
            });
        }
    }

    /// A tier by name; reports an unknown one.
    pub(super) fn tier(&mut self, name: &ast::Name) -> Option<TierId> {
        if let Some(id) = self.tier_of.get(&name.value) {
            return Some(*id);
        }
        if self.unread.contains(&name.value) {
            return None;
        }
        let near = self.nearest(
            &name.value,
            self.tiers.iter().map(|tier| tier.name.as_str()),
        );
        self.report(errors::unknown_tier(
            &name.value,
            name.span,
            near.as_deref(),
        ));
        None
    }

    /// Works out which namespaces and tiers each team has.
    pub(super) fn settle_teams(&mut self) {
        for at in 0..self.teams.len() {
            let tree = self.teams[at].tree;
            let tiers = tree
                .tiers
                .iter()
                .filter_map(|tier| self.tier(tier))
                .collect();
            let scope = self.teams[at].scope;
            let mut names = ValueSet::none();
            for pattern in &tree.namespaces {
                names = names.union(&self.pattern(scope, pattern));
            }
            self.teams[at].tiers = tiers;
            self.teams[at].namespaces = names;
        }
    }

    fn pattern(&mut self, module: ModuleId, pattern: &ast::NamespacePattern) -> ValueSet {
        match pattern {
            ast::NamespacePattern::Name(name) => match name.value.strip_suffix('*') {
                Some(prefix) => {
                    let all = self.ground.namespaces.iter();
                    ValueSet::among(
                        all.filter(|namespace| namespace.name.starts_with(prefix))
                            .map(|namespace| namespace.name.clone()),
                    )
                }
                None => {
                    self.check_namespace(module, &name.value, name.span);
                    ValueSet::one(name.value.clone())
                }
            },
            ast::NamespacePattern::Selected(selector) => {
                let Some(wanted) = self.namespace_selector(module, selector) else {
                    return ValueSet::none();
                };
                if !wanted.same.is_empty() {
                    self.report(errors::misplaced_same(
                        selector.span,
                        "a team's namespaces have no subject to compare with",
                    ));
                    return ValueSet::none();
                }
                let all = self.ground.namespaces.iter();
                ValueSet::among(
                    all.filter(|namespace| {
                        wanted.names.contains(Some(&namespace.name))
                            && wanted.labels.matches(|key| namespace.label(key))
                    })
                    .map(|namespace| namespace.name.clone()),
                )
            }
        }
    }
}
