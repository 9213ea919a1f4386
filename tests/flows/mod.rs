//! Flows and verdicts as lines of JSON, written and read without the crate's own code.

use serde_json::{Map, Value, json};
use vauban::space::{Direction, End, METADATA_NAME, Pod, Traffic};

use crate::interpreters::Seen;

/// The line of a flow; `None` if no line can say it. Pods have their addresses if they are asked for.
pub fn line(id: &str, seen: &Seen, addresses: bool) -> Option<Value> {
    let flow = &seen.flow;
    let subject = pod(&flow.subject, addresses.then_some(seen.subject_address));
    let peer = match &flow.peer {
        End::Pod(peer) => pod(peer, addresses.then_some(seen.peer_address)),
        End::Node(address) => json!({ "node": { "address": address } }),
        End::Outside { address, .. } => json!({ "address": address, "names": seen.resolved }),
        End::Proxy => return None,
    };
    let (from, to) = match flow.direction {
        Direction::Egress => (subject, peer),
        Direction::Ingress => (peer, subject),
    };
    let mut line = Map::new();
    line.insert("id".to_owned(), id.into());
    line.insert("from".to_owned(), from);
    line.insert("to".to_owned(), to);
    let mut set = |key: &str, value: Value| drop(line.insert(key.to_owned(), value));
    match flow.traffic {
        Traffic::Port(transport, port) => {
            set("protocol", transport.upper().into());
            set("port", port.into());
        }
        Traffic::Icmp(kind, code) => {
            set("protocol", "ICMP".into());
            set("icmpType", kind.into());
            set("icmpCode", code.into());
        }
        Traffic::Icmpv6(kind, code) => {
            set("protocol", 58.into());
            set("icmpType", kind.into());
            set("icmpCode", code.into());
        }
        Traffic::Protocol(number) => set("protocol", number.into()),
    }
    Some(Value::Object(line))
}

fn pod(pod: &Pod, address: Option<std::net::IpAddr>) -> Value {
    let ports: Map<String, Value> = pod
        .named_ports
        .iter()
        .map(|((transport, name), port)| {
            let port = json!({ "protocol": transport.upper(), "port": port });
            (name.to_string(), port)
        })
        .collect();
    let labels = |labels: &std::collections::BTreeMap<smol_str::SmolStr, smol_str::SmolStr>| {
        labels
            .iter()
            .filter(|(key, _)| *key != METADATA_NAME)
            .map(|(key, value)| (key.to_string(), value.as_str().into()))
            .collect::<Map<String, Value>>()
    };
    let mut text = json!({
        "namespace": pod.namespace.as_str(),
        "namespaceLabels": labels(&pod.namespace_labels),
        "labels": labels(&pod.labels),
        "serviceAccount": pod.service_account.as_str(),
        "namedPorts": ports,
    });
    if let Some(address) = address {
        text["address"] = address.to_string().into();
    }
    json!({ "pod": text })
}

/// What the subject's end, and what the other end, says in a verdict.
pub fn ends<'v>(seen: &Seen, verdict: &'v Value) -> (&'v Value, &'v Value) {
    match seen.flow.direction {
        Direction::Egress => (&verdict["egress"], &verdict["ingress"]),
        Direction::Ingress => (&verdict["ingress"], &verdict["egress"]),
    }
}

/// Whether a flow can be written: a format with names for ports has one number for each, whatever the protocol.
pub fn is_written_whole(seen: &Seen) -> bool {
    let once = |pod: &Pod| {
        let names: std::collections::BTreeSet<_> =
            pod.named_ports.keys().map(|(_, name)| name).collect();
        names.len() == pod.named_ports.len()
    };
    once(&seen.flow.subject)
        && match &seen.flow.peer {
            End::Pod(pod) => once(pod),
            _ => true,
        }
}
