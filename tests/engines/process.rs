//! An engine as a process: jobs in, verdicts out, see `tests/engines/cilium/engine`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use vauban::space::{Direction, End, Flow, Pod, Traffic};

/// How the agents of a cluster are run, and what is known of its addresses.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub ipv4: bool,
    pub ipv6: bool,
    pub node_labels: bool,
    pub extended: bool,
    pub apiserver: Vec<String>,
    pub cluster: &'static str,
    pub authenticated: bool,
}

/// A flow with what an engine looks at and the model does not have.
#[derive(Clone, Debug)]
pub struct Asked {
    pub flow: Flow,
    /// Real names of the other end's address.
    pub resolved: Vec<String>,
    /// Whether a node at the other end is the pod's own.
    pub own_node: bool,
    /// Labels of a node at the other end.
    pub node_labels: Vec<(String, String)>,
}

/// What an engine says of manifests.
#[derive(Clone, Debug, Deserialize)]
pub struct Taken {
    pub accepted: usize,
    pub refused: Vec<Refused>,
}

/// An object that is not taken.
#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    pub object: String,
    pub why: String,
}

/// What one end does with a flow.
#[derive(Deserialize)]
struct Side {
    verdict: String,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    egress: Option<Side>,
    ingress: Option<Side>,
    #[serde(default)]
    shared: bool,
    broken: Option<String>,
    #[serde(default)]
    panicked: bool,
    error: Option<String>,
}

/// What an engine answers to a flow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// Whether the flow's subject lets it pass.
    Passes(bool),
    /// Nothing that counts: it goes to a pod whose identity is that of others that name their ports in another way.
    Shared,
    /// That Cilium computes no policy for the subject, and why.
    Broken(String),
    /// Nothing: Cilium's own code panicked over it, with these words.
    Panicked(String),
}

#[derive(Serialize)]
struct Job<'a> {
    settings: &'a Settings,
    texts: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: String,
    from: Place<'a>,
    to: Place<'a>,
    protocol: Protocol,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_code: Option<u8>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Protocol {
    Name(&'static str),
    Number(u8),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Place<'a> {
    Pod {
        pod: WirePod<'a>,
    },
    Node {
        node: WireNode<'a>,
    },
    Outside {
        address: IpAddr,
        names: &'a [String],
    },
    Proxy {
        reserved: &'static str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WirePod<'a> {
    namespace: &'a SmolStr,
    namespace_labels: &'a BTreeMap<SmolStr, SmolStr>,
    labels: &'a BTreeMap<SmolStr, SmolStr>,
    service_account: &'a SmolStr,
    named_ports: BTreeMap<&'a str, WirePort>,
}

#[derive(Serialize)]
struct WirePort {
    protocol: &'static str,
    port: u16,
}

#[derive(Serialize)]
struct WireNode<'a> {
    address: IpAddr,
    labels: BTreeMap<&'a str, &'a str>,
    own: bool,
}

/// A running engine. It ends with its input.
pub struct Engine {
    child: Child,
    input: Option<BufWriter<ChildStdin>>,
    output: BufReader<ChildStdout>,
}

impl Engine {
    /// Starts a program.
    pub fn start(program: &Path) -> Engine {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("{}: {why}", program.display()));
        Engine {
            input: child.stdin.take().map(BufWriter::new),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Puts flows to manifests: what is said of the manifests, and of each flow.
    pub fn ask(
        &mut self,
        settings: &Settings,
        texts: &[String],
        flows: &[Asked],
    ) -> (Taken, Vec<Said>) {
        let mut lines = serde_json::to_vec(&Job { settings, texts }).unwrap();
        lines.push(b'\n');
        for (at, asked) in flows.iter().enumerate() {
            serde_json::to_writer(&mut lines, &line(at, asked)).unwrap();
            lines.push(b'\n');
        }
        lines.push(b'\n');
        let input = self.input.as_mut().unwrap();
        input.write_all(&lines).unwrap();
        input.flush().unwrap();
        let mut text = String::new();
        self.output.read_line(&mut text).unwrap();
        let taken: Taken =
            serde_json::from_str(&text).unwrap_or_else(|why| panic!("the engine ended: {why}"));
        let mut passes = Vec::with_capacity(flows.len());
        for (at, asked) in flows.iter().enumerate() {
            text.clear();
            self.output.read_line(&mut text).unwrap();
            let answer: Answer =
                serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
            assert_eq!(answer.id, at.to_string());
            assert_eq!(answer.error, None, "{}", asked.flow);
            let side = match asked.flow.direction {
                Direction::Ingress => answer.ingress,
                Direction::Egress => answer.egress,
            };
            let said = match side.unwrap().verdict.as_str() {
                "broken" if answer.panicked => Said::Panicked(answer.broken.unwrap()),
                "broken" => Said::Broken(answer.broken.unwrap()),
                _ if answer.shared && asked.flow.direction == Direction::Egress => Said::Shared,
                "allow" => Said::Passes(true),
                "deny" => Said::Passes(false),
                other => panic!("{} is {other} at its subject", asked.flow),
            };
            passes.push(said);
        }
        (taken, passes)
    }
}

/// The input with which an engine answers one flow, for who wants to try it by hand.
pub fn input(settings: &Settings, texts: &[String], asked: &Asked) -> String {
    let job = serde_json::to_string(&Job { settings, texts }).unwrap();
    let flow = serde_json::to_string(&line(0, asked)).unwrap();
    format!("{job}\n{flow}\n")
}

impl Asked {
    /// The same flow, as a cluster of that version has it: a pod has one port of a name; and without the labels by whose keys the agent takes pods and
    /// nodes for something else, of which no manifest can speak (see the page of the book).
    pub fn possible(mut self, version: (u16, u16)) -> Asked {
        let mistaken = |key: &str| key == "init" || key == "host" && version < (1, 20);
        self.node_labels.retain(|(key, _)| key != "host");
        let mut pods = vec![&mut self.flow.subject];
        if let End::Pod(peer) = &mut self.flow.peer {
            pods.push(peer);
        }
        for pod in pods {
            pod.labels.retain(|key, _| !mistaken(key));
            let mut known = std::collections::BTreeSet::new();
            pod.named_ports
                .retain(|(_, name), _| known.insert(name.clone()));
        }
        self
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

fn line(at: usize, asked: &Asked) -> Line<'_> {
    let flow = &asked.flow;
    let subject = Place::Pod {
        pod: pod(&flow.subject),
    };
    let peer = match &flow.peer {
        End::Pod(peer) => Place::Pod { pod: pod(peer) },
        End::Node(address) => Place::Node {
            node: WireNode {
                address: *address,
                labels: asked
                    .node_labels
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()))
                    .collect(),
                own: asked.own_node,
            },
        },
        End::Outside { address, .. } => Place::Outside {
            address: *address,
            names: &asked.resolved,
        },
        End::Proxy => Place::Proxy {
            reserved: "ingress",
        },
    };
    let (from, to) = match flow.direction {
        Direction::Egress => (subject, peer),
        Direction::Ingress => (peer, subject),
    };
    let (protocol, port, message) = match flow.traffic {
        Traffic::Port(transport, port) => (Protocol::Name(transport.upper()), Some(port), None),
        Traffic::Icmp(kind, code) => (Protocol::Name("ICMP"), None, Some((kind, code))),
        Traffic::Icmpv6(kind, code) => (Protocol::Name("ICMPv6"), None, Some((kind, code))),
        Traffic::Protocol(number) => (Protocol::Number(number), None, None),
    };
    Line {
        id: at.to_string(),
        from,
        to,
        protocol,
        port,
        icmp_type: message.map(|(kind, _)| kind),
        icmp_code: message.map(|(_, code)| code),
    }
}

fn pod(pod: &Pod) -> WirePod<'_> {
    WirePod {
        namespace: &pod.namespace,
        namespace_labels: &pod.namespace_labels,
        labels: &pod.labels,
        service_account: &pod.service_account,
        named_ports: pod
            .named_ports
            .iter()
            .map(|((transport, name), port)| {
                let port = WirePort {
                    protocol: transport.upper(),
                    port: *port,
                };
                (name.as_str(), port)
            })
            .collect(),
    }
}
