//! The order of the levels. What splits the rules apart comes first (kind, namespace, address, port); what any number of rules can ask about
//! independently (labels) comes last, or a diagram would have to remember which subset of the policies selects a pod.

/// A level; smaller ones are nearer to the root.
pub type Level = u16;

/// Labels of the subject's namespace, where that is not declared.
pub const SUBJECT_NAMESPACE: Level = 0;
/// The label of the subject with most values.
pub const IDENTITY: Level = 1000;
/// The kind of the other end.
pub const KIND: Level = 1001;
/// Its namespace.
pub const NAMESPACE: Level = 1002;
/// Labels of its namespace.
pub const NAMESPACE_LABELS: Level = 1003;
/// Its address, v4.
pub const V4: Level = 4000;
/// Its address, v6, in four words, the highest first.
pub const V6: Level = 4001;
/// The protocol's number.
pub const PROTOCOL: Level = 4005;
/// Whether the port is what the destination calls a name.
pub const NAMED: Level = 4006;
/// The port, or the type and code of a message.
pub const PORT: Level = 8000;
/// Whether the other end is what a DNS name resolves to.
pub const DNS: Level = 8001;
/// Labels and service accounts of both ends.
pub const LABELS: Level = 14000;
/// Below all levels: the terminals.
pub const END: Level = u16::MAX;

/// How a level branches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// By mentioned value, and a default.
    Value,
    /// By range.
    Interval,
    /// By namespace.
    Namespace,
}

/// How a level branches.
pub fn kind(level: Level) -> Kind {
    match level {
        NAMESPACE => Kind::Namespace,
        KIND | V4..LABELS => Kind::Interval,
        _ => Kind::Value,
    }
}

/// Whether it is a label of the other end's namespace.
pub fn is_namespace_label(level: Level) -> bool {
    (NAMESPACE_LABELS..V4).contains(&level)
}
