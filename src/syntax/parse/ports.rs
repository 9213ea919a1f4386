//! Lists of ports.

use super::{Node, Reader};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::ast::{
    IcmpFamily, IcmpMessage, Path, PortEntry, PortItem, PortKind, PortList, Transport,
};
use crate::syntax::grammar::Rule;

impl Reader<'_> {
    pub(super) fn port_list(&mut self, node: Node<'_>) -> Option<PortList> {
        let span = self.span(&node);
        let mut items = Vec::new();
        let mut whole = true;
        for inner in node.into_inner() {
            if inner.as_rule() == Rule::comma {
                continue;
            }
            match self.port_item(inner) {
                Some(item) => items.push(item),
                None => whole = false,
            }
        }
        if items.len() > super::LONGEST_LIST {
            self.too_long(span);
            return None;
        }
        items.shrink_to_fit();
        whole.then_some(PortList { items, span })
    }

    pub(super) fn port_item(&mut self, node: Node<'_>) -> Option<PortItem> {
        let span = self.span(&node);
        let kind = match node.as_rule() {
            Rule::transport | Rule::argument_transport => self.transport(node)?,
            Rule::icmp => self.icmp(node)?,
            Rule::protocol => {
                let number = node.into_inner().nth(1)?;
                PortKind::Protocol(self.number(number)?)
            }
            Rule::kw_all => PortKind::All,
            _ => {
                let (path, instead) = self.name_replaced(node)?;
                PortKind::Name { path, instead }
            }
        };
        Some(PortItem { kind, span })
    }

    /// A name as a list of ports.
    pub(super) fn ports_named(&self, path: Path) -> PortItem {
        let span = path.span;
        PortItem {
            kind: PortKind::Name {
                path,
                instead: None,
            },
            span,
        }
    }

    fn transport(&mut self, node: Node<'_>) -> Option<PortKind> {
        let mut inner = node.into_inner();
        let first = inner.next()?;
        let word = first.as_str();
        let protocol = match word {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => Transport::Sctp,
        };
        let mut entries = Vec::new();
        let mut whole = true;
        for node in inner {
            let span = self.exact(&node);
            let entry = match node.as_rule() {
                Rule::comma => continue,
                Rule::port_range => self.port_range(&node),
                Rule::string => self.string(node).map(|name| PortEntry::Named(name.value)),
                Rule::kw_all => Some(PortEntry::All),
                _ => {
                    let place = self.exact(&first);
                    self.report(
                        Diagnostic::error("missing-ports", format!("`{word}` without a port"))
                            .at(place, "which ports?")
                            .help(format!(
                                "write the ports, as in `{word} 80, 443`, or `{word} all`"
                            )),
                    );
                    None
                }
            };
            match entry {
                Some(entry) => entries.push(Spanned::new(entry, span)),
                None => whole = false,
            }
        }
        if entries.len() > super::LONGEST_LIST {
            let span = self.exact(&first);
            self.too_long(span);
            return None;
        }
        entries.shrink_to_fit();
        whole.then_some(PortKind::Transport { protocol, entries })
    }

    fn port_range(&mut self, node: &Node<'_>) -> Option<PortEntry> {
        let span = self.exact(node);
        let text = node.as_str();
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first = self.decimal(first, span)?;
        Some(PortEntry::Range(first, self.decimal(last, span)?))
    }

    fn icmp(&mut self, node: Node<'_>) -> Option<PortKind> {
        let mut inner = node.into_inner();
        let family = match inner.next()?.as_str() {
            "icmp" => IcmpFamily::V4,
            _ => IcmpFamily::V6,
        };
        let message = match inner.next() {
            Some(node) if node.as_rule() == Rule::icmp_type => self.icmp_type(node)?,
            Some(node) if node.as_rule() == Rule::name => IcmpMessage::Named(self.name(node)?),
            _ => IcmpMessage::All,
        };
        Some(PortKind::Icmp { family, message })
    }

    fn icmp_type(&mut self, node: Node<'_>) -> Option<IcmpMessage> {
        let mut numbers = self
            .each(node.into_inner(), Rule::number, Self::number)?
            .into_iter();
        Some(IcmpMessage::Type {
            kind: numbers.next()?,
            code: numbers.next(),
        })
    }
}
