//! What a generated project means, read from its own tree by the text of the language's description.

use vauban::space::{Direction, End, Flow, Pod, Traffic};

use super::project::{Action, Endpoint, Label, Place, Policy, Ports, Project, Rule, What};

/// The day on which everything is tested.
pub const TODAY: &str = "2026-11-24";

/// The parameters of a profile, where one is included.
#[derive(Clone, Copy)]
struct Scope<'a> {
    project: &'a Project,
    flow: &'a Flow,
    arguments: Option<(&'a Endpoint, &'a [Ports])>,
}

/// Whether the flow passes at its subject, and who says so.
pub fn decide(project: &Project, flow: &Flow) -> (bool, String) {
    let scope = Scope {
        project,
        flow,
        arguments: None,
    };
    for tier in &project.tiers {
        let mut selecting = false;
        let mut passed = false;
        for policy in &project.policies {
            if policy.tier != tier.name || policy.staged || !scope.selects(policy) {
                continue;
            }
            let Some(found) = scope.walk(policy) else {
                continue;
            };
            selecting = true;
            match found {
                Some((Action::Pass, _)) => {
                    passed = true;
                    break;
                }
                Some((action, at)) => {
                    return (
                        action == Action::Allow,
                        format!("rule {at} of {}", policy.name),
                    );
                }
                None => {}
            }
        }
        if selecting && !passed && tier.denies() {
            return (false, format!("end of tier {}", tier.name));
        }
    }
    if let Some(default) = &project.default
        && scope.selects(default)
        && let Some(found) = scope.walk(default)
    {
        return match found {
            Some((action, at)) => (action == Action::Allow, format!("rule {at} of default")),
            None => (false, "end of default".to_owned()),
        };
    }
    (true, "open".to_owned())
}

impl<'a> Scope<'a> {
    fn selects(&self, policy: &Policy) -> bool {
        policy
            .subject
            .iter()
            .any(|one| self.is_in(one, &End::Pod(self.flow.subject.clone())))
    }

    /// The first deciding rule of a policy, if it has a block of this direction.
    fn walk(&self, policy: &'a Policy) -> Option<Option<(Action, usize)>> {
        let mut blocks: Vec<(Scope<'a>, &'a Vec<Rule>)> = Vec::new();
        if let Some((name, endpoint, ports)) = &policy.include {
            let profile = self
                .project
                .profiles
                .iter()
                .find(|profile| profile.name == *name)?;
            let rules = match self.flow.direction {
                Direction::Ingress => &profile.ingress,
                Direction::Egress => &profile.egress,
            };
            let inner = Scope {
                arguments: Some((endpoint, ports)),
                ..*self
            };
            blocks.extend(rules.iter().map(|rules| (inner, rules)));
        }
        let rules = match self.flow.direction {
            Direction::Ingress => &policy.ingress,
            Direction::Egress => &policy.egress,
        };
        blocks.extend(rules.iter().map(|rules| (*self, rules)));
        if blocks.is_empty() {
            return None;
        }
        let mut at = 0;
        for (scope, rules) in blocks {
            for rule in rules {
                let expired = rule.until.is_some_and(|until| until < TODAY);
                if !expired && rule.action != Action::Log && scope.rule(rule) {
                    return Some(Some((rule.action, at)));
                }
                at += 1;
            }
        }
        Some(None)
    }

    fn rule(&self, rule: &Rule) -> bool {
        let peers = rule.peers.as_ref();
        match &rule.what {
            What::Ports(ports) => self.ports(ports) && peers.is_none_or(|peers| self.peer(peers)),
            What::Services(names) => {
                names.iter().any(|name| self.service(name))
                    && peers.is_none_or(|peers| self.peer(peers))
            }
        }
    }

    fn service(&self, name: &str) -> bool {
        let Some(service) = self
            .project
            .services
            .iter()
            .find(|service| service.name == name)
        else {
            return false;
        };
        let here = service.parts.iter().any(|(ports, endpoints)| {
            let at = match self.flow.direction {
                Direction::Ingress => &End::Pod(self.flow.subject.clone()),
                Direction::Egress => &self.flow.peer,
            };
            self.ports(ports) && endpoints.iter().any(|one| self.is_in(one, at))
        });
        here || service.others.iter().any(|other| self.service(other))
    }

    fn peer(&self, peers: &[Endpoint]) -> bool {
        peers.iter().any(|one| self.is_in(one, &self.flow.peer))
    }

    fn is_in(&self, endpoint: &Endpoint, end: &End) -> bool {
        match (endpoint, end) {
            (Endpoint::Pods(labels, place), End::Pod(pod)) => {
                self.placed(place, pod) && labels.iter().all(|one| self.label(one, pod, false))
            }
            (Endpoint::Account(name, place), End::Pod(pod)) => {
                self.placed(place, pod) && pod.service_account == *name
            }
            (Endpoint::Net(net), End::Outside { address, .. }) => net.contains(address),
            (Endpoint::Nodes, End::Node(_))
            | (Endpoint::Outside, End::Outside { .. })
            | (Endpoint::Anywhere, _)
            | (Endpoint::Proxy, End::Proxy) => true,
            (Endpoint::ApiServer, End::Node(address) | End::Outside { address, .. }) => {
                self.project.cluster.apiserver.contains(address)
            }
            (Endpoint::Dns(name), End::Outside { names, .. }) => names.contains(name.as_str()),
            (Endpoint::Network(name), _) => self.any(&self.project.networks, name, end),
            (Endpoint::Group(name), _) => self.any(&self.project.groups, name, end),
            (Endpoint::Parameter, _) => self
                .arguments
                .is_some_and(|(endpoint, _)| self.is_in(endpoint, end)),
            (Endpoint::Except(base, holes), _) => {
                self.is_in(base, end) && !holes.iter().any(|hole| self.is_in(hole, end))
            }
            _ => false,
        }
    }

    fn any(&self, known: &[(String, Vec<Endpoint>)], name: &str, end: &End) -> bool {
        known
            .iter()
            .filter(|(one, _)| one == name)
            .any(|(_, endpoints)| endpoints.iter().any(|one| self.is_in(one, end)))
    }

    fn placed(&self, place: &Place, pod: &Pod) -> bool {
        match place {
            Place::Names(names) => names.iter().any(|name| *name == pod.namespace),
            Place::Labels(labels) => labels.iter().all(|one| self.label(one, pod, true)),
            Place::All => true,
            Place::Same => pod.namespace == self.flow.subject.namespace,
        }
    }

    fn label(&self, label: &Label, pod: &Pod, of_namespace: bool) -> bool {
        let get = |pod: &Pod, key: &str| {
            if !of_namespace {
                return pod.labels.get(key).map(ToString::to_string);
            }
            if key == "kubernetes.io/metadata.name" {
                return Some(pod.namespace.to_string());
            }
            pod.namespace_labels.get(key).map(ToString::to_string)
        };
        match label {
            Label::Is(key, value) => get(pod, key).is_some_and(|is| is == *value),
            Label::Not(key, value) => get(pod, key).is_none_or(|is| is != *value),
            Label::In(key, values) => get(pod, key).is_some_and(|is| values.contains(&is)),
            Label::NotIn(key, values) => get(pod, key).is_none_or(|is| !values.contains(&is)),
            Label::Has(key) => get(pod, key).is_some(),
            Label::Lacks(key) => get(pod, key).is_none(),
            Label::Same(key, is) => {
                let mine = get(&self.flow.subject, key);
                (mine.is_some() && mine == get(pod, key)) == *is
            }
        }
    }

    fn ports(&self, ports: &[Ports]) -> bool {
        ports.iter().any(|one| match (one, self.flow.traffic) {
            (Ports::All, _) => true,
            (Ports::Range(transport, low, high), Traffic::Port(is, port)) => {
                *transport == is && (*low..=*high).contains(&port)
            }
            (Ports::Named(transport, name), Traffic::Port(is, port)) => {
                *transport == is
                    && self.flow.destination().is_some_and(|pod| {
                        pod.named_ports.get(&(is, name.as_str().into())) == Some(&port)
                    })
            }
            (Ports::Icmp(false, message), Traffic::Icmp(kind, code))
            | (Ports::Icmp(true, message), Traffic::Icmpv6(kind, code)) => {
                message.is_none_or(|(is, sub)| is == kind && sub.is_none_or(|sub| sub == code))
            }
            (Ports::Protocol(number), Traffic::Protocol(is)) => *number == is,
            (Ports::Protocol(number), Traffic::Port(transport, _)) => *number == transport.number(),
            (Ports::Protocol(1), Traffic::Icmp(..))
            | (Ports::Protocol(58), Traffic::Icmpv6(..)) => true,
            (Ports::Name(name), _) => self
                .project
                .ports
                .iter()
                .any(|(known, ports)| known == name && self.ports(ports)),
            (Ports::Parameter, _) => self.arguments.is_some_and(|(_, ports)| self.ports(ports)),
            _ => false,
        })
    }
}
