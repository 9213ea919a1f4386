//! Endpoints, namespaces and selectors.

use super::{Node, Reader};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::ast::{
    Endpoint, EndpointKind, Endpoints, Instead, Namespaces, NamespacesKind, Operator, Path,
    Requirement, Selector,
};
use crate::syntax::grammar::Rule;

impl Reader<'_> {
    pub(super) fn endpoints(&mut self, node: Node<'_>) -> Option<Endpoints> {
        let span = self.span(&node);
        let items = self.each(node.into_inner(), Rule::endpoint, Self::endpoint)?;
        Some(Endpoints { items, span })
    }

    pub(super) fn endpoint(&mut self, node: Node<'_>) -> Option<Endpoint> {
        let span = self.span(&node);
        let mut inner = node.into_inner();
        let kind = self.endpoint_kind(inner.next()?);
        let mut except = Vec::new();
        let mut whole = true;
        for node in inner {
            let subtracted = match node.as_rule() {
                Rule::kw_except => continue,
                Rule::endpoint_union => self.endpoint_union(node),
                _ => self.endpoint(node),
            };
            match subtracted {
                Some(endpoint) => except.push(endpoint),
                None => whole = false,
            }
        }
        except.shrink_to_fit();
        let kind = kind?;
        whole.then_some(Endpoint { kind, except, span })
    }

    fn endpoint_union(&mut self, node: Node<'_>) -> Option<Endpoint> {
        let span = self.span(&node);
        let items = self.each(node.into_inner(), Rule::endpoint, Self::endpoint)?;
        Some(Endpoint {
            kind: EndpointKind::Union(items),
            except: Vec::new(),
            span,
        })
    }

    fn endpoint_kind(&mut self, node: Node<'_>) -> Option<EndpointKind> {
        Some(match node.as_rule() {
            Rule::pods => self.pods(node)?,
            Rule::serviceaccount => self.serviceaccount(node)?,
            Rule::named => self.named(node)?,
            Rule::address => EndpointKind::Address(self.address(node)?),
            Rule::string => EndpointKind::Dns(self.string(node)?),
            _ => match node.as_str() {
                "nodes" => EndpointKind::Nodes,
                "apiserver" => EndpointKind::ApiServer,
                "outside" => EndpointKind::Outside,
                "anywhere" => EndpointKind::Anywhere,
                _ => EndpointKind::IngressProxy,
            },
        })
    }

    fn pods(&mut self, node: Node<'_>) -> Option<EndpointKind> {
        let span = self.span(&node);
        let mut selector = None;
        let mut namespaces = None;
        let mut whole = true;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::selector => {
                    selector = self.selector(node);
                    whole &= selector.is_some();
                }
                Rule::namespaces => namespaces = self.namespaces(node),
                Rule::namespace_missing => {
                    let word = if selector.is_some() {
                        "pods{…}"
                    } else {
                        "pods"
                    };
                    self.namespace_missing(span, word);
                }
                _ => {}
            }
        }
        let namespaces = namespaces?;
        whole.then_some(EndpointKind::Pods {
            selector,
            namespaces,
        })
    }

    fn serviceaccount(&mut self, node: Node<'_>) -> Option<EndpointKind> {
        let span = self.span(&node);
        let mut name = None;
        let mut namespaces = None;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::account_name => name = self.bare_or_quoted(node),
                Rule::namespaces => namespaces = self.namespaces(node),
                Rule::namespace_missing => self.namespace_missing(span, "serviceaccount"),
                _ => {}
            }
        }
        Some(EndpointKind::ServiceAccount {
            name: name?,
            namespaces: namespaces?,
        })
    }

    fn namespace_missing(&mut self, span: Span, word: &str) {
        let written = self.source.slice(span).to_owned();
        let shown = if written.contains('\n') || written.len() > 60 {
            word
        } else {
            &written
        };
        self.report(
            Diagnostic::error(
                "pods-without-namespace",
                format!("`{shown}` does not say in which namespace"),
            )
            .at(span, "`in` is never left out")
            .help("add `in NAMESPACE`, `in same` for the subject's own, or `in *` for all"),
        );
    }

    fn named(&mut self, node: Node<'_>) -> Option<EndpointKind> {
        let (path, instead) = self.name_replaced(node)?;
        Some(EndpointKind::Name { path, instead })
    }

    /// A name, and what stands in place of its selector and namespaces.
    pub(super) fn name_replaced(&mut self, node: Node<'_>) -> Option<(Path, Option<Box<Instead>>)> {
        let mut path = None;
        let mut selector = None;
        let mut namespaces = None;
        let mut whole = true;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::path => path = self.path(node),
                Rule::selector => {
                    selector = self.selector(node);
                    whole &= selector.is_some();
                }
                Rule::namespaces => {
                    namespaces = self.namespaces(node);
                    whole &= namespaces.is_some();
                }
                _ => {}
            }
        }
        let path = path?;
        let instead = (selector.is_some() || namespaces.is_some()).then(|| {
            Box::new(Instead {
                selector,
                namespaces,
            })
        });
        whole.then_some((path, instead))
    }

    pub(super) fn namespaces(&mut self, node: Node<'_>) -> Option<Namespaces> {
        let span = self.span(&node);
        let inner = node.into_inner();
        let kind = match inner.peek()?.as_rule() {
            Rule::star => NamespacesKind::All,
            Rule::same => NamespacesKind::Same,
            Rule::selected => {
                let selector = inner.peek()?.into_inner().nth(1)?;
                NamespacesKind::Selected(self.selector(selector)?)
            }
            _ => NamespacesKind::Names(self.each(
                inner,
                Rule::namespace_name,
                Self::bare_or_quoted,
            )?),
        };
        Some(Namespaces { kind, span })
    }

    pub(super) fn selector(&mut self, node: Node<'_>) -> Option<Selector> {
        let span = self.span(&node);
        let requirements = self.each(node.into_inner(), Rule::requirement, Self::requirement)?;
        Some(Selector { requirements, span })
    }

    fn requirement(&mut self, node: Node<'_>) -> Option<Requirement> {
        let span = self.span(&node);
        let mut operator = Operator::Exists;
        let mut key = None;
        let mut values = Vec::new();
        let mut whole = true;
        for node in node.into_inner() {
            match node.as_rule() {
                Rule::not => operator = Operator::Absent,
                Rule::equal => operator = Operator::Equal,
                Rule::not_equal => operator = Operator::NotEqual,
                Rule::kw_not => operator = Operator::NotIn,
                Rule::kw_in if operator == Operator::Exists => operator = Operator::In,
                Rule::label_key => key = self.bare_or_quoted(node),
                Rule::label_value => match self.label_value(node) {
                    Some(value) => values.push(value),
                    None => whole = false,
                },
                _ => {}
            }
        }
        if values.len() > super::LONGEST_LIST {
            self.too_long(span);
            return None;
        }
        values.shrink_to_fit();
        let key = key?;
        whole.then_some(Requirement {
            key,
            operator,
            values,
            span,
        })
    }
}
