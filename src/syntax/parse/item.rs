//! Declarations.

use super::recover::{FACT, OTHERWISE, TEAM};
use super::{Before, Node, Reader, documentation};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::ast::{
    Cluster, ClusterItem, Default, Fact, FactValue, Group, Item, ItemKind, LabelValue, Name,
    Namespace, NamespacePattern, Network, Order, Otherwise, Path, Policy, Ports, Profile, Raw,
    Service, Side, Team, Test, Tier,
};
use crate::syntax::grammar::Rule;

impl Reader<'_> {
    pub(super) fn item(&mut self, node: Node<'_>) -> Option<Item> {
        let whole = self.span(&node);
        let mut inner = node.into_inner();
        let doc = documentation(&mut inner);
        let node = inner.next()?;
        let start = self.span(&node);
        let span = Span {
            end: whole.end,
            ..start
        };
        let name = declared_name(&node).map(|name| {
            let place = self.exact(&name);
            Spanned::new(name.as_str().into(), place)
        });
        match self.declaration(node) {
            Some(kind) => Some(Item { doc, kind, span }),
            None => {
                self.unread.extend(name);
                None
            }
        }
    }

    fn declaration(&mut self, node: Node<'_>) -> Option<ItemKind> {
        Some(match node.as_rule() {
            Rule::use_item => ItemKind::Use(self.use_item(node)?),
            Rule::cluster => ItemKind::Cluster(self.cluster(node)?),
            Rule::tier => ItemKind::Tier(self.tier(node)?),
            Rule::default => {
                let body = node.into_inner().nth(1)?;
                ItemKind::Default(Default {
                    body: self.body(body)?,
                })
            }
            Rule::policy => ItemKind::Policy(self.policy(node)?),
            Rule::profile => ItemKind::Profile(self.profile(node)?),
            Rule::team => ItemKind::Team(self.team(node)?),
            Rule::namespace => ItemKind::Namespace(self.namespace(node)?),
            Rule::network => {
                let (name, endpoints) = self.named_as(node)?;
                ItemKind::Network(Network {
                    name,
                    endpoints: self.endpoints(endpoints)?,
                })
            }
            Rule::ports => {
                let (name, list) = self.named_as(node)?;
                ItemKind::Ports(Ports {
                    name,
                    list: self.port_list(list)?,
                })
            }
            Rule::group => {
                let (name, endpoints) = self.named_as(node)?;
                ItemKind::Group(Group {
                    name,
                    endpoints: self.endpoints(endpoints)?,
                })
            }
            Rule::service => ItemKind::Service(self.service(node)?),
            Rule::test => ItemKind::Test(self.test(node)?),
            Rule::guard => ItemKind::Guard(self.test(node)?),
            _ => ItemKind::Raw(self.raw(node)?),
        })
    }

    fn use_item(&mut self, node: Node<'_>) -> Option<Path> {
        let path = node.into_inner().nth(1)?;
        self.path(path)
    }

    /// The name and what stands after `=`.
    fn named_as<'n>(&mut self, node: Node<'n>) -> Option<(Name, Node<'n>)> {
        let mut inner = node.into_inner();
        let name = inner.nth(1)?;
        Some((self.name(name)?, inner.nth(1)?))
    }

    fn cluster(&mut self, node: Node<'_>) -> Option<Cluster> {
        let mut name = None;
        let mut items = Vec::new();
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::name => name = self.name(node),
                Rule::broken_head => self.broken_head(&node, Rule::name_alone),
                Rule::cluster_body => items = self.cluster_body(node),
                _ => {}
            }
        }
        Some(Cluster { name: name?, items })
    }

    fn cluster_body(&mut self, node: Node<'_>) -> Vec<ClusterItem> {
        let span = self.span(&node);
        let mut items = Vec::new();
        let mut before: Option<Before<()>> = None;
        for node in node.into_inner() {
            let place = self.span(&node);
            let item = match node.as_rule() {
                Rule::cluster_item => self
                    .item(node)
                    .map(|item| ClusterItem::Declaration(Box::new(item))),
                Rule::fact => self.fact(node).map(ClusterItem::Fact),
                Rule::broken_fact => {
                    if self.broken_part(&FACT, place, before.take())
                        && let Some(ClusterItem::Declaration(item)) = items.pop()
                    {
                        self.unread.extend(super::name_of(&item.kind));
                    }
                    continue;
                }
                Rule::unclosed => {
                    self.unclosed(span);
                    continue;
                }
                _ => continue,
            };
            before = Some(Before {
                span: place,
                value: item.as_ref().map(|_| ()),
            });
            items.extend(item);
        }
        items
    }

    fn fact(&mut self, node: Node<'_>) -> Option<Fact> {
        let span = self.span(&node);
        let mut inner = node.into_inner();
        let name = inner.next()?;
        let name = self.name(name)?;
        let mut values = Vec::new();
        let mut whole = true;
        for node in inner {
            let value = match node.as_rule() {
                Rule::comma => continue,
                Rule::address => self.address(node).map(FactValue::Address),
                _ => self.name(node).map(FactValue::Word),
            };
            match value {
                Some(value) => values.push(value),
                None => whole = false,
            }
        }
        whole.then_some(Fact { name, values, span })
    }

    fn tier(&mut self, node: Node<'_>) -> Option<Tier> {
        let mut name = None;
        let mut otherwise = None;
        let mut whole = true;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::name => name = self.name(node),
                Rule::broken_head => self.broken_head(&node, Rule::name_alone),
                Rule::tier_body => match self.tier_body(node) {
                    Some(said) => otherwise = said,
                    None => whole = false,
                },
                _ => {}
            }
        }
        let name = name?;
        whole.then_some(Tier { name, otherwise })
    }

    fn tier_body(&mut self, node: Node<'_>) -> Option<Option<Spanned<Otherwise>>> {
        let span = self.span(&node);
        let mut otherwise: Option<Spanned<Otherwise>> = None;
        let mut before: Option<Before<()>> = None;
        let mut whole = true;
        for node in node.into_inner() {
            let place = self.span(&node);
            match node.as_rule() {
                Rule::otherwise => {
                    let value = match node.into_inner().map(|node| node.as_rule()).last() {
                        Some(Rule::kw_pass) => Otherwise::Pass,
                        Some(Rule::kw_log) => Otherwise::DenyAndLog,
                        _ => Otherwise::Deny,
                    };
                    if let Some(first) = &otherwise {
                        let first = first.span;
                        self.repeated("otherwise", place, first);
                        whole = false;
                    }
                    otherwise = Some(Spanned::new(value, place));
                    before = Some(Before {
                        span: place,
                        value: Some(()),
                    });
                }
                Rule::broken_text => {
                    self.broken_part(&OTHERWISE, place, before.take());
                    whole = false;
                }
                Rule::unclosed => self.unclosed(span),
                _ => {}
            }
        }
        whole.then_some(otherwise)
    }

    fn repeated(&mut self, word: &str, span: Span, first: Span) {
        self.report(
            Diagnostic::error("duplicate-clause", format!("`{word}` is said twice"))
                .at(span, "again")
                .and(first, "first here")
                .help("keep one of them"),
        );
    }

    fn policy(&mut self, node: Node<'_>) -> Option<Policy> {
        let mut staged = None;
        let mut head = None;
        let mut body = None;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::kw_staged => staged = Some(self.exact(&node)),
                Rule::policy_head => head = self.policy_head(node),
                Rule::broken_head => self.broken_head(&node, Rule::policy_head_alone),
                Rule::body => body = self.body(node),
                _ => {}
            }
        }
        let (name, tier, order) = head?;
        Some(Policy {
            staged,
            name,
            tier,
            order,
            body: body?,
        })
    }

    fn policy_head(&mut self, node: Node<'_>) -> Option<(Name, Name, Vec<Order>)> {
        let mut names = Vec::new();
        let mut order = Vec::new();
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::name => names.extend(self.name(node)),
                Rule::order => order.push(self.order(node)?),
                Rule::tier_missing => {
                    let policy: &Name = names.first()?;
                    let diagnostic = Diagnostic::error(
                        "missing-tier",
                        format!("policy `{}` is in no tier", policy.value),
                    )
                    .at(policy.span, "in which tier?")
                    .help(format!("write `policy {} in TIER {{`", policy.value));
                    self.report(diagnostic);
                }
                _ => {}
            }
        }
        let mut names = names.into_iter();
        Some((names.next()?, names.next()?, order))
    }

    fn order(&mut self, node: Node<'_>) -> Option<Order> {
        let span = self.span(&node);
        let inner = node.into_inner();
        let side = match inner.peek()?.as_rule() {
            Rule::kw_before => Side::Before,
            _ => Side::After,
        };
        let others = self.each(inner, Rule::path, Self::path)?;
        Some(Order { side, others, span })
    }

    fn profile(&mut self, node: Node<'_>) -> Option<Profile> {
        let mut head = None;
        let mut body = None;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::profile_head => {
                    head = self.each(node.into_inner(), Rule::name, Self::name);
                }
                Rule::broken_head => self.broken_head(&node, Rule::profile_head_alone),
                Rule::body => body = self.body(node),
                _ => {}
            }
        }
        let mut names = head?.into_iter();
        Some(Profile {
            name: names.next()?,
            parameters: names.collect(),
            body: body?,
        })
    }

    fn team(&mut self, node: Node<'_>) -> Option<Team> {
        let mut name = None;
        let mut body = None;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::name => name = self.name(node),
                Rule::broken_head => self.broken_head(&node, Rule::name_alone),
                Rule::team_body => body = Some(node),
                _ => {}
            }
        }
        let body = body?;
        let span = self.span(&body);
        let mut team = Team {
            name: name.unwrap_or_else(|| Spanned::new(smol_str::SmolStr::default(), span)),
            owners: Vec::new(),
            folder: None,
            namespaces: Vec::new(),
            tiers: Vec::new(),
            grants: Vec::new(),
        };
        let whole = self.team_body(body, span, &mut team);
        (whole && !team.name.value.is_empty()).then_some(team)
    }

    /// Adds what the clauses say; false if something of it could not be read.
    fn team_body(&mut self, node: Node<'_>, span: Span, team: &mut Team) -> bool {
        let mut whole = true;
        let mut before: Option<Before<()>> = None;
        for node in node.into_inner() {
            let place = self.span(&node);
            let which = node.as_rule();
            let inner = node.into_inner();
            let read = match which {
                Rule::owners => self
                    .each(inner, Rule::owner, Self::name)
                    .map(|owners| team.owners.extend(owners)),
                Rule::tiers => self
                    .each(inner, Rule::name, Self::name)
                    .map(|tiers| team.tiers.extend(tiers)),
                Rule::grants => self
                    .each(inner, Rule::name, Self::name)
                    .map(|grants| team.grants.extend(grants)),
                Rule::team_namespaces => {
                    let mut read = Some(());
                    for node in inner.skip(1).filter(|node| node.as_rule() != Rule::comma) {
                        match self.namespace_pattern(node) {
                            Some(pattern) => team.namespaces.push(pattern),
                            None => read = None,
                        }
                    }
                    read
                }
                Rule::folder => {
                    let path = inner.last().and_then(|node| self.bare_or_quoted(node));
                    match (&team.folder, path) {
                        (Some(first), Some(second)) => {
                            let first = first.span;
                            self.repeated("folder", second.span, first);
                            None
                        }
                        (_, path) => {
                            team.folder = path;
                            team.folder.as_ref().map(|_| ())
                        }
                    }
                }
                Rule::broken_team => {
                    self.broken_part(&TEAM, place, before.take());
                    whole = false;
                    continue;
                }
                Rule::unclosed => {
                    self.unclosed(span);
                    continue;
                }
                _ => continue,
            };
            whole &= read.is_some();
            before = Some(Before {
                span: place,
                value: read,
            });
        }
        whole
    }

    fn namespace_pattern(&mut self, node: Node<'_>) -> Option<NamespacePattern> {
        if node.as_rule() == Rule::selector {
            return self.selector(node).map(NamespacePattern::Selected);
        }
        self.bare_or_quoted(node).map(NamespacePattern::Name)
    }

    fn namespace(&mut self, node: Node<'_>) -> Option<Namespace> {
        let mut name = None;
        let mut labels = None;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::namespace_name => name = self.bare_or_quoted(node),
                Rule::broken_head => self.broken_head(&node, Rule::namespace_name_alone),
                Rule::namespace_body => labels = self.namespace_body(node),
                _ => {}
            }
        }
        Some(Namespace {
            name: name?,
            labels: labels?,
        })
    }

    fn namespace_body(&mut self, node: Node<'_>) -> Option<Vec<(Name, LabelValue)>> {
        let span = self.span(&node);
        let inner = node.into_inner();
        let mut whole = true;
        for node in inner.clone() {
            match node.as_rule() {
                Rule::broken_text => {
                    let end = self.span(&node).end;
                    self.broken_labels(Span {
                        start: span.start + 1,
                        end,
                        ..span
                    });
                    whole = false;
                }
                Rule::unclosed => self.unclosed(span),
                _ => {}
            }
        }
        let labels = self.each(inner, Rule::label, Self::label)?;
        whole.then_some(labels)
    }

    fn label(&mut self, node: Node<'_>) -> Option<(Name, LabelValue)> {
        let mut inner = node.into_inner();
        let key = inner.next()?;
        let key = self.bare_or_quoted(key)?;
        let value = inner.nth(1)?;
        Some((key, self.label_value(value)?))
    }

    fn service(&mut self, node: Node<'_>) -> Option<Service> {
        let mut name = None;
        let mut ports = None;
        let mut endpoints = None;
        let mut whole = true;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::name => name = self.name(node),
                Rule::port_list => ports = self.port_list(node),
                Rule::endpoints => {
                    endpoints = self.endpoints(node);
                    whole &= endpoints.is_some();
                }
                _ => {}
            }
        }
        let (name, ports) = (name?, ports?);
        whole.then_some(Service {
            name,
            ports,
            endpoints,
        })
    }

    fn test(&mut self, node: Node<'_>) -> Option<Test> {
        let mut name = None;
        let mut checks = None;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::string => name = self.string(node),
                Rule::broken_head => self.broken_head(&node, Rule::string_alone),
                Rule::check_body => checks = self.check_body(node),
                _ => {}
            }
        }
        Some(Test {
            name: name?,
            checks: checks?,
        })
    }

    fn raw(&mut self, node: Node<'_>) -> Option<Raw> {
        let mut inner = node.into_inner();
        let backend = inner.nth(1)?;
        let backend = self.name(backend)?;
        let path = inner.next()?;
        let path = self.string(path)?;
        let overlaps = inner.next().map(|node| self.exact(&node));
        Some(Raw {
            backend,
            path,
            overlaps,
        })
    }
}

/// The pair that names a declaration.
fn declared_name<'n>(node: &Node<'n>) -> Option<Node<'n>> {
    let mut inner = node.clone().into_inner();
    inner.find_map(|inner| match inner.as_rule() {
        Rule::name | Rule::namespace_name => Some(inner),
        Rule::policy_head | Rule::profile_head => inner.into_inner().next(),
        _ => None,
    })
}
