//! Concrete flows in, verdicts out: JSON Lines, as the book's page of flows and verdicts has both formats.
//!
//! Takes: a [`Side`] and lines with flows. Gives: a line for each, in order, whatever the number of threads. An end is read and prepared once as long as it is
//! remembered, a verdict is looked up once for a pair of ends and what is sent; what is remembered is bounded, so that a stream may be endless.

mod flow;
mod judge;
mod verdict;

use std::collections::BTreeMap;
use std::net::IpAddr;

use rayon::prelude::*;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use self::flow::{Fault, Line, Written, WrittenPod, covers};
use self::judge::{Judge, View};
use super::Side;
use crate::meaning::Verdict;
use crate::model::Target;
use crate::space::{Direction, End, Flow, METADATA_NAME, Pod, Traffic};

pub use self::judge::Said;

/// The most ends that one thread remembers.
const MOST_ENDS: usize = 1 << 15;
/// The most bytes that their texts have together.
const MOST_BYTES: usize = 1 << 24;
/// The most verdicts that one thread remembers.
const MOST_VERDICTS: usize = 1 << 19;
/// The most texts of what an end says.
const MOST_TEXTS: usize = 1 << 15;
/// Text of fewer bytes is one thread's: sharing it would take longer.
const SHARED_FROM: usize = 1 << 14;

/// A side, prepared for flows.
pub struct Decider<'s> {
    judge: Judge<'s>,
    /// The same manifests, an address of which means no pod: what decides, together with the address, about a pod whose address is known.
    addressed: Option<Judge<'s>>,
}

impl<'s> Decider<'s> {
    /// Prepares a side. Where an address of a manifest means pods, too ([`Cidr::Any`](crate::backend::read::Cidr::Any)), `addressed` is the same manifests read
    /// with [`Cidr::Outside`](crate::backend::read::Cidr::Outside): a NetworkPolicy then means a pod by its labels or by its address. It counts for Kubernetes NetworkPolicy only, which is a union of what is allowed.
    pub fn new(side: &'s Side, addressed: Option<&'s Side>) -> Self {
        let addressed = addressed.filter(|side| side.spec.backend == Target::Kubernetes);
        Decider {
            judge: Judge::new(side),
            addressed: addressed.map(Judge::new),
        }
    }

    /// Decides as many lines as will come.
    pub fn stream<'d>(&'d self) -> Stream<'d, 's> {
        let workers = (0..rayon::current_num_threads().max(1)).map(|_| Worker::new(self));
        Stream {
            workers: workers.collect(),
            line: 1,
            bad: 0,
        }
    }

    /// Takes the text of an end for what it is here.
    fn known(&self, text: &str) -> Result<Known<'s>, Fault> {
        match flow::end(text)? {
            Written::Pod(pod) => {
                let (end, address) = self.pod(pod)?;
                Ok(Known::Pod(Box::new(KnownPod {
                    end: End::Pod(end.clone()),
                    pod: end,
                    address,
                    views: Default::default(),
                    addressed: Default::default(),
                })))
            }
            Written::Node(address) => Ok(Known::Other(End::Node(address))),
            Written::Address { address, names } => {
                let known = self.judge.mentioned.names.iter();
                let known = known.filter(|known| names.iter().any(|name| covers(known, name)));
                Ok(Known::Other(End::Outside {
                    address,
                    names: known.cloned().collect(),
                }))
            }
        }
    }

    fn pod(&self, written: WrittenPod) -> Result<(Pod, Option<IpAddr>), Fault> {
        let service_account = written.service_account();
        let named_ports = written.named_ports()?;
        let namespace_labels = self.namespace(&written.namespace, written.namespace_labels.0)?;
        let pod = Pod {
            namespace: written.namespace,
            namespace_labels,
            labels: written.labels.0,
            service_account,
            named_ports,
        };
        Ok((pod, written.address))
    }

    /// The labels of a namespace: those that are declared of it, else those that are written.
    fn namespace(
        &self,
        name: &SmolStr,
        mut written: BTreeMap<SmolStr, SmolStr>,
    ) -> Result<BTreeMap<SmolStr, SmolStr>, Fault> {
        if let Some(other) = written.remove(METADATA_NAME).filter(|other| other != name) {
            return Err(Fault::of(format!(
                "namespace `{name}` has the label {METADATA_NAME}={other}"
            )));
        }
        let Some(declared) = self.judge.side.program.namespace(name) else {
            return Ok(written);
        };
        for (key, value) in &written {
            match declared.label(key) {
                Some(known) if known == value.as_str() => {}
                Some(known) => {
                    return Err(Fault::of(format!(
                        "namespace `{name}` is declared with {key}={known}, not {key}={value}"
                    )));
                }
                None if self.judge.mentioned.namespace_labels.contains(key) => {
                    return Err(Fault::of(format!(
                        "namespace `{name}` is declared without the label `{key}`"
                    )));
                }
                None => {}
            }
        }
        written.extend(declared.labels.iter().cloned());
        Ok(written)
    }
}

/// An end of which everything is known.
enum Known<'s> {
    Pod(Box<KnownPod<'s>>),
    Other(End),
}

struct KnownPod<'s> {
    pod: Pod,
    end: End,
    address: Option<IpAddr>,
    /// Ingress and egress, once it is asked.
    views: [Option<View<'s>>; 2],
    addressed: [Option<View<'s>>; 2],
}

impl Known<'_> {
    fn end(&self) -> &End {
        match self {
            Known::Pod(pod) => &pod.end,
            Known::Other(end) => end,
        }
    }
}

/// Lines to come, and how many have been read.
pub struct Stream<'d, 's> {
    workers: Vec<Worker<'d, 's>>,
    /// The number of the next line, from 1.
    line: u64,
    bad: u64,
}

impl Stream<'_, '_> {
    /// Decides the lines of a text that ends with a line, and appends a line for each; blank lines are passed over.
    pub fn feed(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let pieces = pieces(text, self.workers.len());
        let mut first = self.line;
        let mut tasks = Vec::with_capacity(pieces.len());
        for (piece, worker) in pieces.into_iter().zip(&mut self.workers) {
            tasks.push((piece, worker, first));
            first += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        let run = |(piece, worker, first): (&[u8], &mut Worker<'_, '_>, u64)| {
            let mut out = Vec::with_capacity(piece.len() + piece.len() / 4);
            let bad = worker.piece(piece, first, &mut out);
            (out, bad)
        };
        let done: Vec<(Vec<u8>, u64)> = match tasks.len() {
            0 | 1 => tasks.into_iter().map(run).collect(),
            _ => tasks.into_par_iter().map(run).collect(),
        };
        for (text, bad) in done {
            out.extend_from_slice(&text);
            self.bad += bad;
        }
        self.line = first;
    }

    /// Says that a line has more bytes than there is room for.
    pub fn too_long(&mut self, most: usize, out: &mut Vec<u8>) {
        let why = format!("line {}: longer than {most} bytes", self.line);
        error(None, &why, out);
        self.line += 1;
        self.bad += 1;
    }

    /// How many lines could not be read.
    pub fn bad(&self) -> u64 {
        self.bad
    }
}

/// Cuts a text at ends of lines.
fn pieces(text: &[u8], most: usize) -> Vec<&[u8]> {
    let count = most.min(text.len() / SHARED_FROM).max(1);
    let mut pieces = Vec::with_capacity(count);
    let mut rest = text;
    for left in (1..=count).rev() {
        let from = rest.len() / left;
        let cut = rest[from..].iter().position(|byte| *byte == b'\n');
        let (piece, more) = match cut {
            Some(cut) if left > 1 => rest.split_at(from + cut + 1),
            _ => (rest, &rest[rest.len()..]),
        };
        pieces.push(piece);
        rest = more;
    }
    pieces
}

/// What is said of a pair of ends.
#[derive(Clone, Copy)]
struct Outcome {
    overall: Overall,
    egress: u32,
    ingress: u32,
}

#[derive(Clone, Copy)]
enum Overall {
    Decided(Verdict),
    /// Why, as a text.
    Undecided(u32),
}

/// Number of the text of an end that is no pod.
const NOBODY: u32 = 0;

/// One thread's part, and what it remembers.
struct Worker<'d, 's> {
    decider: &'d Decider<'s>,
    numbers: FxHashMap<Box<str>, u32>,
    bytes: usize,
    ends: Vec<Result<Known<'s>, Fault>>,
    verdicts: FxHashMap<(u32, u32, Traffic), Outcome>,
    /// Texts, and their numbers; whether the rules are those of [`Decider::addressed`].
    texts: Vec<String>,
    said: FxHashMap<(bool, Said), u32>,
    whys: FxHashMap<String, u32>,
}

impl<'d, 's> Worker<'d, 's> {
    fn new(decider: &'d Decider<'s>) -> Self {
        let mut worker = Worker {
            decider,
            numbers: FxHashMap::default(),
            bytes: 0,
            ends: Vec::new(),
            verdicts: FxHashMap::default(),
            texts: Vec::new(),
            said: FxHashMap::default(),
            whys: FxHashMap::default(),
        };
        worker.forget_verdicts();
        worker
    }

    fn forget_verdicts(&mut self) {
        self.verdicts.clear();
        self.said.clear();
        self.whys.clear();
        self.texts.clear();
        self.texts.push(r#"{"verdict":"none"}"#.to_owned());
    }

    fn piece(&mut self, text: &[u8], first: u64, out: &mut Vec<u8>) -> u64 {
        let mut bad = 0;
        for (line, number) in text.split(|byte| *byte == b'\n').zip(first..) {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let Ok(line) = std::str::from_utf8(line) else {
                error(None, &format!("line {number}: not UTF-8"), out);
                bad += 1;
                continue;
            };
            if let Err(fault) = self.line(line, out) {
                let before = line.get(..fault.at).unwrap_or(line);
                let column = before.chars().count() + 1;
                let why = format!("line {number}, column {column}: {}", fault.message);
                error(flow::id(line).as_deref(), &why, out);
                bad += 1;
            }
        }
        bad
    }

    fn line(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
        let line = Line::read(text)?;
        let traffic = line.traffic()?;
        if self.ends.len() + 2 > MOST_ENDS || self.bytes > MOST_BYTES {
            self.numbers.clear();
            self.bytes = 0;
            self.ends.clear();
            self.forget_verdicts();
        }
        let from = self.end(line.from.get());
        let to = self.end(line.to.get());
        for (number, raw) in [(from, line.from), (to, line.to)] {
            if let Err(fault) = &self.ends[number as usize] {
                let offset = raw.get().as_ptr() as usize - text.as_ptr() as usize;
                return Err(Fault {
                    at: offset + fault.at,
                    message: fault.message.clone(),
                });
            }
        }
        let outcome = match self.verdicts.get(&(from, to, traffic)) {
            Some(outcome) => *outcome,
            None => {
                if self.verdicts.len() >= MOST_VERDICTS || self.texts.len() >= MOST_TEXTS {
                    self.forget_verdicts();
                }
                let outcome = self.outcome(from, to, traffic);
                self.verdicts.insert((from, to, traffic), outcome);
                outcome
            }
        };
        self.write(&line.id, outcome, out);
        Ok(())
    }

    /// The number of an end.
    fn end(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.ends.len() as u32;
        self.ends.push(self.decider.known(text));
        self.bytes += text.len();
        self.numbers.insert(text.into(), number);
        number
    }

    fn outcome(&mut self, from: u32, to: u32, traffic: Traffic) -> Outcome {
        let egress = self.at(from, to, traffic, Direction::Egress);
        let ingress = self.at(to, from, traffic, Direction::Ingress);
        let ends = [&egress, &ingress];
        let mut said = ends.iter().filter_map(|end| end.as_ref());
        let denied = said.clone().any(|(_, said)| {
            matches!(
                said,
                Said::Decided {
                    verdict: Verdict::Deny,
                    ..
                }
            )
        });
        let open = said.find_map(|(_, said)| match said {
            Said::Undecided(why) => Some(why.clone()),
            Said::Decided { .. } => None,
        });
        let overall = match open {
            _ if denied => Overall::Decided(Verdict::Deny),
            Some(why) => Overall::Undecided(self.why(why)),
            None => Overall::Decided(Verdict::Allow),
        };
        Outcome {
            overall,
            egress: egress.map_or(NOBODY, |said| self.text(said)),
            ingress: ingress.map_or(NOBODY, |said| self.text(said)),
        }
    }

    /// What the end of a subject says; `None` if it is no pod. Whether the rules are those of [`Decider::addressed`].
    fn at(
        &mut self,
        subject: u32,
        peer: u32,
        traffic: Traffic,
        direction: Direction,
    ) -> Option<(bool, Said)> {
        let decider = self.decider;
        let at = usize::from(direction == Direction::Egress);
        // Prepared first, since a pod may be its own peer.
        if let Ok(Known::Pod(pod)) = &mut self.ends[subject as usize] {
            if pod.views[at].is_none() {
                pod.views[at] = Some(decider.judge.view(&pod.pod, direction));
            }
            if let Some(addressed) = &decider.addressed
                && pod.addressed[at].is_none()
            {
                pod.addressed[at] = Some(addressed.view(&pod.pod, direction));
            }
        }
        let (Ok(Known::Pod(pod)), Ok(peer)) =
            (&self.ends[subject as usize], &self.ends[peer as usize])
        else {
            return None;
        };
        let view = pod.views[at].as_ref()?;
        let flow = Flow {
            direction,
            subject: pod.pod.clone(),
            peer: peer.end().clone(),
            traffic,
        };
        if let Some(why) = decider.judge.lacks(&flow) {
            return Some((false, Said::Undecided(why)));
        }
        if let (Some(addressed), Some(view), Known::Pod(other)) =
            (&decider.addressed, &pod.addressed[at], peer)
            && let Some(address) = other.address
        {
            let said = addressed.said_of_address(view, &flow, address);
            return Some((true, said));
        }
        Some((false, decider.judge.said(view, &flow)))
    }

    fn text(&mut self, said: (bool, Said)) -> u32 {
        if let Some(number) = self.said.get(&said) {
            return *number;
        }
        let judge = match (&self.decider.addressed, said.0) {
            (Some(addressed), true) => addressed,
            _ => &self.decider.judge,
        };
        let number = self.texts.len() as u32;
        self.texts.push(verdict::end(judge.side, &said.1));
        self.said.insert(said, number);
        number
    }

    fn why(&mut self, why: String) -> u32 {
        if let Some(number) = self.whys.get(&why) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts
            .push(serde_json::Value::from(why.as_str()).to_string());
        self.whys.insert(why, number);
        number
    }

    fn write(&self, id: &str, outcome: Outcome, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":");
        string(id, out);
        match outcome.overall {
            Overall::Decided(verdict) => {
                out.extend_from_slice(b",\"verdict\":\"");
                out.extend_from_slice(verdict::word(verdict).as_bytes());
                out.push(b'"');
            }
            Overall::Undecided(why) => {
                out.extend_from_slice(b",\"verdict\":\"undecided\",\"why\":");
                out.extend_from_slice(self.texts[why as usize].as_bytes());
            }
        }
        for (name, text) in [("egress", outcome.egress), ("ingress", outcome.ingress)] {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            out.extend_from_slice(self.texts[text as usize].as_bytes());
        }
        out.extend_from_slice(b"}\n");
    }
}

fn error(id: Option<&str>, why: &str, out: &mut Vec<u8>) {
    let line = serde_json::json!({ "id": id, "error": why });
    out.extend_from_slice(line.to_string().as_bytes());
    out.push(b'\n');
}

/// A string of JSON.
fn string(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let value = serde_json::Value::from(text).to_string();
        out.extend_from_slice(value.as_bytes());
    }
}
