//! Hand tables: each corner of the reference on Calico, as rows of flows and what becomes of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use vauban::meaning::{Verdict, decide};
use vauban::model::{Cluster, Namespace};
use vauban::source::{FileId, Span};
use vauban::space::{AddressSet, Direction, End, Flow, Pod, Traffic, Transport};

use super::refused::calico;
use super::{draw, is_unread, read_texts};

/// What is known of a cluster.
#[derive(Clone, Copy)]
enum Facts {
    /// Pods of 10.244.0.0/16, and of no other family.
    Single,
    /// Pods of 10.244.0.0/16 and fd00:10:244::/56.
    Dual,
    /// Nothing.
    None,
}

fn cluster(facts: Facts) -> Cluster {
    let mut cluster = Cluster::unknown();
    let set = |net: &str| AddressSet::of(net.parse().unwrap());
    match facts {
        Facts::Single => {
            cluster.pods = Some(set("10.244.0.0/16"));
            cluster.ipv6_none = true;
        }
        Facts::Dual => {
            cluster.pods = Some(set("10.244.0.0/16").union(&set("fd00:10:244::/56")));
        }
        Facts::None => {}
    }
    cluster
}

fn namespaces() -> Vec<Namespace> {
    draw::namespaces(Span {
        file: FileId(0),
        start: 0,
        end: 0,
    })
}

/// A pod from `blue app=web,role=api as runner`; its ports are `http`, TCP 8080, and `dns`, UDP 53.
fn pod(text: &str) -> Pod {
    let (text, account) = text.split_once(" as ").unwrap_or((text, "default"));
    let (namespace, labels) = text.split_once(' ').unwrap_or((text, ""));
    let labels = labels.split(',').filter_map(|label| label.split_once('='));
    let declared = namespaces();
    let known = declared.iter().find(|one| one.name == namespace);
    Pod {
        namespace: namespace.into(),
        namespace_labels: known
            .map(|one| one.labels.iter().cloned().collect())
            .unwrap_or_default(),
        labels: labels
            .map(|(key, value)| (key.into(), value.into()))
            .collect(),
        service_account: account.into(),
        named_ports: BTreeMap::from([
            ((Transport::Tcp, "http".into()), 8080),
            ((Transport::Udp, "dns".into()), 53),
        ]),
    }
}

fn end(text: &str) -> End {
    if let Some(text) = text.strip_prefix("pod ") {
        return End::Pod(pod(text));
    }
    if let Some(address) = text.strip_prefix("node ") {
        return End::Node(address.parse().unwrap());
    }
    End::Outside {
        address: text.parse().unwrap(),
        names: Default::default(),
    }
}

fn traffic(text: &str) -> Traffic {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |at: usize| words[at].parse::<u16>().unwrap();
    match words[0] {
        "tcp" => Traffic::Port(Transport::Tcp, number(1)),
        "udp" => Traffic::Port(Transport::Udp, number(1)),
        "sctp" => Traffic::Port(Transport::Sctp, number(1)),
        "icmp" => Traffic::Icmp(number(1) as u8, number(2) as u8),
        "icmpv6" => Traffic::Icmpv6(number(1) as u8, number(2) as u8),
        "protocol" => Traffic::Protocol(number(1) as u8),
        other => panic!("{other}"),
    }
}

/// Rows of the form `pod blue app=web < 203.0.113.9 | tcp 80 | allow`: the subject, the direction (`<` in, `>` out), the peer, the traffic, and what becomes of
/// it: `allow`, `deny` or `unread`.
fn table(version: (u16, u16), facts: Facts, objects: &[&str], rows: &str) {
    let (reading, faults) = read_texts(
        objects.iter().copied(),
        version,
        &cluster(facts),
        &namespaces(),
    );
    assert!(faults.is_empty(), "{faults:#?}");
    let mut wrong = String::new();
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [ends, what, wanted] = cells[..] else {
            panic!("{row}");
        };
        let (direction, (subject, peer)) = match ends.split_once(" < ") {
            Some(ends) => (Direction::Ingress, ends),
            None => (Direction::Egress, ends.split_once(" > ").unwrap()),
        };
        let End::Pod(subject) = end(subject.trim()) else {
            panic!("{row}");
        };
        let flow = Flow {
            direction,
            subject,
            peer: end(peer.trim()),
            traffic: traffic(what),
        };
        let found = if is_unread(&reading, &flow) {
            "unread"
        } else if decide(&reading.program, &flow).verdict == Verdict::Allow {
            "allow"
        } else {
            "deny"
        };
        if found != wanted {
            let _ = writeln!(wrong, "{row}: {found}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}{:#?}", reading.unread);
}

/// A tier.
fn tier(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
    )
}

/// A policy of the tier `default`: `GlobalNetworkPolicy a` or `NetworkPolicy blue/a`.
fn policy(name: &str, spec: &str) -> String {
    calico::object(name, spec)
}

fn set(name: &str, labels: &str, nets: &str) -> String {
    let (kind, metadata) = match name.split_once('/') {
        Some((namespace, name)) => (
            "NetworkSet",
            format!("name: {name}, namespace: {namespace}"),
        ),
        None => ("GlobalNetworkSet", format!("name: {name}")),
    };
    format!(
        "apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{{metadata}, labels: {{{labels}}}}}\nspec: {{nets: [{nets}]}}\n"
    )
}

const NEW: (u16, u16) = (3, 33);

/// One global policy that allows in what a rule says; everything else is denied by the end of the tier.
fn rule_in(facts: Facts, rule: &str, rows: &str) {
    let spec = format!("selector: all(), types: [Ingress], ingress: [{{action: Allow, {rule}}}]");
    table(NEW, facts, &[&policy("GlobalNetworkPolicy a", &spec)], rows);
}

/// The same of a policy in namespace `blue`.
fn rule_in_blue(rule: &str, rows: &str) {
    let spec = format!("types: [Ingress], ingress: [{{action: Allow, {rule}}}]");
    table(
        NEW,
        Facts::Single,
        &[&policy("NetworkPolicy blue/a", &spec)],
        rows,
    );
}

/// One global policy that allows out what a rule says.
fn rule_out(facts: Facts, rule: &str, rows: &str) {
    let spec = format!("selector: all(), types: [Egress], egress: [{{action: Allow, {rule}}}]");
    table(NEW, facts, &[&policy("GlobalNetworkPolicy a", &spec)], rows);
}

/// The pods of which a selector selects those of the rows, for certain or not.
fn selected(selector: &str, rows: &str) {
    let spec = format!("selector: {selector:?}, types: [Ingress]");
    let rows = rows
        .lines()
        .filter_map(|row| row.split_once('|'))
        .map(|(pod, wanted)| {
            let wanted = match wanted.trim() {
                "yes" => "deny",
                "no" => "allow",
                other => other,
            };
            format!("pod {} < 203.0.113.9 | tcp 80 | {wanted}\n", pod.trim())
        })
        .collect::<String>();
    table(
        NEW,
        Facts::Single,
        &[&policy("GlobalNetworkPolicy a", &spec)],
        &rows,
    );
}

#[test]
fn selectors() {
    selected("", "blue | yes");
    selected("all()", "blue app=web | yes");
    selected("!all()", "blue app=web | no");
    selected(
        "app == 'web'",
        "blue app=web | yes
        blue app=db | no
        blue | no",
    );
    // A missing label differs from every value, and is in no set.
    selected(
        "app != 'web'",
        "blue app=web | no
        blue app=db | yes
        blue | yes",
    );
    selected(
        "app not in {'web', 'db'}",
        "blue app=web | no
        blue app=x | yes
        blue | yes",
    );
    selected("app in {}", "blue | no\nblue app=web | no");
    selected("app not in {}", "blue | yes\nblue app=web | yes");
    selected("has(app)", "blue app=web | yes\nblue role=a | no");
    selected("!has(app)", "blue app=web | no\nblue role=a | yes");
    // `!` binds tighter than `&&`, that tighter than `||`.
    selected(
        "!has(app) && role == 'a' || zone == 'z'",
        "blue role=a | yes
        blue role=a,app=web | no
        blue zone=z,app=web | yes
        blue app=web | no",
    );
    selected(
        "!(has(app) || role == 'a')",
        "blue | yes
        blue app=web | no
        blue role=a | no",
    );
    // What contains a text is not known of values that nobody mentions; a missing label contains nothing.
    selected("app contains 'w'", "blue | no\nblue app=web | unread");
    selected(
        "!(app starts with 'w')",
        "blue | yes\nblue app=web | unread",
    );
    selected(
        "app in {'web', 'db'} && app ends with 'b'",
        "blue app=web | yes\nblue app=db | yes\nblue app=x | no",
    );
    selected(
        "app in {'web', 'db'} && !(app contains 'e')",
        "blue app=web | no\nblue app=db | yes\nblue | no",
    );
    selected("app contains ''", "blue | no\nblue app=web | yes");
    // What Calico gives to pods.
    selected("projectcalico.org/orchestrator == 'k8s'", "blue | yes");
    selected("projectcalico.org/orchestrator != 'k8s'", "blue | no");
    selected(
        "projectcalico.org/orchestrator starts with 'k'",
        "blue | yes",
    );
    selected(
        "projectcalico.org/namespace == 'blue'",
        "blue | yes\nred | no\ngreen | no",
    );
    selected("has(projectcalico.org/namespace)", "blue | yes");
    selected("!has(projectcalico.org/namespace)", "blue | no");
    selected("pcns.env == 'prod'", "blue | yes\nred | no\ngreen | no");
    selected("pcns.env != 'prod'", "blue | no\nred | yes\ngreen | yes");
    selected(
        "pcns.projectcalico.org/name == 'red' || pcns.kubernetes.io/metadata.name == 'blue'",
        "blue | yes\nred | yes\ngreen | no",
    );
    selected(
        "projectcalico.org/namespace starts with 'b'",
        "blue | yes\nred | no\ngreen | unread",
    );
    selected(
        "projectcalico.org/serviceaccount == 'runner'",
        "blue as runner | yes\nblue | no",
    );
    selected(
        "pcsa.projectcalico.org/name != 'runner'",
        "blue as runner | no\nblue | yes",
    );
    selected("has(pcsa.projectcalico.org/name)", "blue | yes");
    // Labels of service accounts are not in the model.
    selected("pcsa.rank == 'high'", "blue | unread");
    selected(
        "pcsa.rank == 'high' && app == 'web'",
        "blue app=web | unread\nblue | no",
    );
}

#[test]
fn subjects() {
    let with = |spec: &str, rows: &str| {
        table(
            NEW,
            Facts::Single,
            &[&policy("GlobalNetworkPolicy a", spec)],
            rows,
        );
    };
    with(
        "namespaceSelector: env == 'prod', selector: app == 'web', types: [Ingress]",
        "pod blue app=web < 203.0.113.9 | tcp 80 | deny
        pod blue < 203.0.113.9 | tcp 80 | allow
        pod red app=web < 203.0.113.9 | tcp 80 | allow",
    );
    with(
        "namespaceSelector: env != 'prod', types: [Ingress]",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod red < 203.0.113.9 | tcp 80 | deny
        pod green < 203.0.113.9 | tcp 80 | deny",
    );
    with(
        "namespaceSelector: 'all()', types: [Ingress]",
        "pod green < 203.0.113.9 | tcp 80 | deny",
    );
    with(
        "namespaceSelector: '!all()', types: [Ingress]",
        "pod green < 203.0.113.9 | tcp 80 | allow",
    );
    with(
        "serviceAccountSelector: \"projectcalico.org/name in {'runner'}\", types: [Ingress]",
        "pod blue as runner < 203.0.113.9 | tcp 80 | deny
        pod blue < 203.0.113.9 | tcp 80 | allow",
    );
    with(
        "serviceAccountSelector: 'all()', types: [Ingress]",
        "pod blue < 203.0.113.9 | tcp 80 | deny",
    );
    table(
        NEW,
        Facts::Single,
        &[&policy("NetworkPolicy blue/a", "types: [Ingress]")],
        "pod blue < 203.0.113.9 | tcp 80 | deny
        pod red < 203.0.113.9 | tcp 80 | allow
        pod blue > 203.0.113.9 | tcp 80 | allow",
    );
    // Without a namespace it belongs wherever it is applied.
    table(
        NEW,
        Facts::Single,
        &[
            "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {selector: app == 'web', types: [Ingress]}\n",
        ],
        "pod blue app=web < 203.0.113.9 | tcp 80 | unread
        pod blue app=db < 203.0.113.9 | tcp 80 | allow
        pod blue app=web > 203.0.113.9 | tcp 80 | allow",
    );
}

#[test]
fn tiers_in_order() {
    let early = tier("early", "order: 10, defaultAction: Pass");
    let allow = "types: [Ingress], ingress: [{action: Allow, protocol: TCP}]";
    let deny = "types: [Ingress], ingress: [{action: Deny, protocol: TCP}]";
    let pass = "types: [Ingress], ingress: [{action: Pass, protocol: TCP}]";
    let log = "types: [Ingress], ingress: [{action: Log}]";
    let in_tier = |tier: &str, spec: &str| {
        policy(
            &format!("GlobalNetworkPolicy {tier}.a"),
            &format!("tier: {tier}, {spec}"),
        )
    };
    let both = |objects: &[&str], tcp: &str, udp: &str| {
        table(
            NEW,
            Facts::Single,
            objects,
            &format!(
                "pod blue < 203.0.113.9 | tcp 80 | {tcp}
                pod blue < 203.0.113.9 | udp 80 | {udp}
                pod blue > 203.0.113.9 | tcp 80 | allow"
            ),
        );
    };
    // The first tier that decides, decides; one that passes at its end leaves the rest to the next.
    let global = |spec: &str| policy("GlobalNetworkPolicy a", spec);
    both(
        &[&early, &in_tier("early", allow), &global(deny)],
        "allow",
        "deny",
    );
    both(
        &[&early, &in_tier("early", deny), &global(allow)],
        "deny",
        "deny",
    );
    both(
        &[&early, &in_tier("early", pass), &global(allow)],
        "allow",
        "deny",
    );
    both(
        &[&early, &in_tier("early", log), &global(allow)],
        "allow",
        "deny",
    );
    both(&[&early, &in_tier("early", allow)], "allow", "allow");
    let closing = tier("early", "order: 10");
    both(
        &[&closing, &in_tier("early", allow), &global(allow)],
        "allow",
        "deny",
    );
    both(
        &[&closing, &in_tier("early", pass), &global(allow)],
        "allow",
        "deny",
    );
    // A pass out of the last tier is open: the profile allows.
    both(&[&closing, &in_tier("early", pass)], "allow", "deny");
    both(&[&global(pass)], "allow", "deny");
    // A policy that only records still closes.
    both(&[&global(log)], "deny", "deny");
    both(&[&global("types: [Ingress]")], "deny", "deny");
    // A tier of which no policy has the direction, or of which all are staged, is skipped.
    let staged = "tier: early, types: [Ingress]";
    let staged = policy("StagedGlobalNetworkPolicy early.a", staged);
    both(&[&closing, &staged], "allow", "allow");
    let away = policy(
        "GlobalNetworkPolicy early.a",
        "tier: early, selector: app == 'x', types: [Ingress, Egress]",
    );
    both(&[&closing, &away, &global(allow)], "allow", "deny");
    // Of tiers of one order the name decides, also beside `default`.
    let one = tier("aa", "order: 1000000");
    both(
        &[&one, &in_tier("aa", deny), &global(allow)],
        "deny",
        "deny",
    );
    let two = tier("zz", "order: 1000000");
    both(
        &[&two, &in_tier("zz", deny), &global(allow)],
        "allow",
        "deny",
    );
    both(
        &[&one, &two, &in_tier("zz", allow), &in_tier("aa", deny)],
        "deny",
        "deny",
    );
    // After `default` only what it passes is left.
    let late = tier("late", "order: 2000000");
    both(
        &[&late, &in_tier("late", deny), &global(pass)],
        "deny",
        "deny",
    );
    both(
        &[&late, &in_tier("late", deny), &global(allow)],
        "allow",
        "deny",
    );
    // The tiers that every cluster has.
    let admin = policy(
        "GlobalNetworkPolicy kube-admin.a",
        &format!("tier: kube-admin, {pass}"),
    );
    both(&[&admin, &global(allow)], "allow", "deny");
    let baseline = policy(
        "GlobalNetworkPolicy kube-baseline.a",
        &format!("tier: kube-baseline, {deny}"),
    );
    both(&[&baseline], "deny", "allow");
    // A tier that is not there has no known place.
    both(
        &[&in_tier("gone", deny), &global(allow)],
        "unread",
        "unread",
    );
}

#[test]
fn a_tier_without_order_is_decided_where_its_place_makes_no_difference() {
    let loose = tier("loose", "defaultAction: Deny");
    let own = policy(
        "GlobalNetworkPolicy loose.a",
        "tier: loose, types: [Ingress], ingress: [{action: Allow, protocol: TCP}]",
    );
    let early = tier("early", "order: 10, defaultAction: Pass");
    let first = policy(
        "GlobalNetworkPolicy early.a",
        "tier: early, types: [Ingress], ingress: [{action: Deny, protocol: UDP}]",
    );
    let rows = "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < 203.0.113.9 | sctp 80 | deny";
    table(NEW, Facts::Single, &[&loose, &own], rows);
    table(NEW, Facts::Single, &[&loose, &own, &early, &first], rows);
    // `loose` is after `default` either way: by its name, or for having no order.
    let last = policy("GlobalNetworkPolicy a", "types: [Egress]");
    table(
        NEW,
        Facts::Single,
        &[&loose, &own, &last],
        "pod blue < 203.0.113.9 | tcp 80 | allow",
    );
    // `any` is before it, or after it.
    let any = loose.replace("loose", "any");
    let other = own.replace("loose", "any");
    let deny = policy("GlobalNetworkPolicy a", "types: [Ingress]");
    table(
        NEW,
        Facts::Single,
        &[&any, &other, &deny],
        "pod blue < 203.0.113.9 | tcp 80 | unread
        pod blue > 203.0.113.9 | tcp 80 | allow",
    );
}

#[test]
fn policies_in_order() {
    let with = |name: &str, order: &str, action: &str| {
        let order = match order {
            "" => String::new(),
            order => format!("order: {order}, "),
        };
        policy(
            name,
            &format!("{order}types: [Ingress], ingress: [{{action: {action}}}]"),
        )
    };
    let wins = |version, first: &str, second: &str| {
        for (a, b) in [(first, second), (second, first)] {
            table(
                version,
                Facts::Single,
                &[a, b],
                "pod blue < 203.0.113.9 | tcp 80 | allow",
            );
        }
    };
    let allow = |name: &str, order: &str| with(name, order, "Allow");
    let deny = |name: &str, order: &str| with(name, order, "Deny");
    let global = "GlobalNetworkPolicy";
    wins(
        NEW,
        &allow(&format!("{global} z"), "1"),
        &deny(&format!("{global} a"), "2"),
    );
    wins(
        NEW,
        &allow(&format!("{global} z"), "-0.5"),
        &deny(&format!("{global} a"), "0"),
    );
    // No order is the last.
    wins(
        NEW,
        &allow(&format!("{global} z"), "1e9"),
        &deny(&format!("{global} a"), ""),
    );
    // Of equal orders, names: `-` and `.` sort before the end of the name.
    wins(
        NEW,
        &allow(&format!("{global} a"), "1"),
        &deny(&format!("{global} b"), "1"),
    );
    wins(
        NEW,
        &allow(&format!("{global} allow-dns"), ""),
        &deny(&format!("{global} allow"), ""),
    );
    wins(
        NEW,
        &allow(&format!("{global} a"), "1"),
        &deny("NetworkPolicy blue/a", "1"),
    );
    wins(
        NEW,
        &allow("NetworkPolicy blue/a", "1"),
        &deny(&format!("{global} b"), "1"),
    );
    // Up to 3.31 the namespace comes first, and a name ends where it ends.
    let old = (3, 31);
    wins(
        old,
        &allow(&format!("{global} allow"), ""),
        &deny(&format!("{global} allow-dns"), ""),
    );
    wins(
        old,
        &allow("NetworkPolicy blue/z", "1"),
        &deny(&format!("{global} a"), "1"),
    );
}

#[test]
fn types_by_default() {
    let with = |version, spec: &str, ingress: &str, egress: &str| {
        table(
            version,
            Facts::Single,
            &[&policy("GlobalNetworkPolicy a", spec)],
            &format!(
                "pod blue < 203.0.113.9 | tcp 80 | {ingress}
                pod blue > 203.0.113.9 | tcp 80 | {egress}"
            ),
        );
    };
    let old = (3, 31);
    with(NEW, "selector: all()", "deny", "allow");
    with(NEW, "egress: [{action: Deny}]", "allow", "deny");
    with(
        NEW,
        "ingress: [{action: Deny}], egress: [{action: Deny}]",
        "deny",
        "deny",
    );
    with(NEW, "ingress: [{action: Deny}]", "deny", "allow");
    // Rules of a direction that is not listed are not there.
    with(
        NEW,
        "types: [Egress], ingress: [{action: Allow}]",
        "allow",
        "deny",
    );
    // Whether an empty list counts depends on the server, where there are two of them.
    with(
        NEW,
        "ingress: [], egress: [{action: Deny}]",
        "unread",
        "deny",
    );
    with(
        old,
        "ingress: [], egress: [{action: Deny}]",
        "allow",
        "deny",
    );
    with(NEW, "egress: []", "unread", "unread");
    with(old, "egress: []", "deny", "allow");
    with(NEW, "ingress: [], egress: []", "deny", "unread");
    with(
        NEW,
        "ingress: null, egress: [{action: Deny}]",
        "allow",
        "deny",
    );
    with(old, "types: [], egress: [{action: Deny}]", "allow", "deny");
    // What is for host endpoints leaves pods alone; forwarding is nothing to them.
    with(
        NEW,
        "doNotTrack: true, applyOnForward: true",
        "allow",
        "allow",
    );
    with(
        NEW,
        "preDNAT: true, applyOnForward: true, types: [Ingress]",
        "allow",
        "allow",
    );
    with(NEW, "applyOnForward: true", "deny", "allow");
    with(
        NEW,
        "performanceHints: [AssumeNeededOnEveryNode]",
        "deny",
        "allow",
    );
}

#[test]
fn peers_by_selector() {
    // Any packet, where nothing is asked; anything with labels, where everything is selected.
    rule_in(
        Facts::None,
        "source: {}",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < node 192.168.1.1 | tcp 80 | allow
        pod blue < pod red | tcp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "source: {selector: all()}",
        "pod blue < 203.0.113.9 | tcp 80 | deny
        pod blue < node 192.168.1.1 | tcp 80 | unread
        pod blue < pod red | tcp 80 | allow",
    );
    // Host endpoints have any labels but those of workloads.
    rule_in(
        Facts::Single,
        "source: {selector: app == 'web'}",
        "pod blue < node 192.168.1.1 | tcp 80 | unread
        pod blue < pod red app=web | tcp 80 | allow
        pod blue < pod red | tcp 80 | deny",
    );
    for guard in [
        "projectcalico.org/orchestrator == 'k8s'",
        "has(projectcalico.org/namespace)",
        "has(pcns.projectcalico.org/name)",
    ] {
        rule_in(
            Facts::Single,
            &format!("source: {{selector: \"{guard} && app != 'web'\"}}"),
            "pod blue < node 192.168.1.1 | tcp 80 | deny
            pod blue < 203.0.113.9 | tcp 80 | deny
            pod blue < pod red app=web | tcp 80 | deny
            pod blue < pod red | tcp 80 | allow",
        );
    }
    // What is reserved for generated objects is on no host endpoint.
    rule_in(
        Facts::Single,
        "source: {selector: vauban.dev/set == 'x', namespaceSelector: global()}",
        "pod blue < node 192.168.1.1 | tcp 80 | deny
        pod blue < pod red | tcp 80 | deny",
    );
    // A negative namespace selector has no guard.
    rule_in(
        Facts::Single,
        "source: {namespaceSelector: env != 'prod'}",
        "pod blue < node 192.168.1.1 | tcp 80 | unread
        pod blue < pod red | tcp 80 | allow
        pod red < pod blue | tcp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "source: {namespaceSelector: env == 'prod'}",
        "pod blue < node 192.168.1.1 | tcp 80 | deny
        pod red < pod blue | tcp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "source: {namespaceSelector: all()}",
        "pod blue < node 192.168.1.1 | tcp 80 | deny
        pod red < pod green | tcp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "source: {namespaceSelector: global()}",
        "pod blue < node 192.168.1.1 | tcp 80 | unread
        pod red < pod green | tcp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "source: {namespaceSelector: '!all()'}",
        "pod blue < node 192.168.1.1 | tcp 80 | unread
        pod red < pod green | tcp 80 | deny",
    );
    // `notSelector` is asked of the packet: what has no labels is not selected.
    rule_in(
        Facts::Single,
        "source: {notSelector: app == 'web'}",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < node 192.168.1.1 | tcp 80 | unread
        pod blue < pod red app=web | tcp 80 | deny
        pod blue < pod red | tcp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "source: {notSelector: projectcalico.org/orchestrator == 'k8s', nets: [10.0.0.0/8]}",
        "pod blue < 10.9.9.9 | tcp 80 | allow
        pod blue < 203.0.113.9 | tcp 80 | deny
        pod blue < node 10.1.1.1 | tcp 80 | allow
        pod blue < node 10.244.3.3 | tcp 80 | allow
        pod blue < pod red | tcp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "source: {serviceAccounts: {names: [runner, other]}}",
        "pod blue < pod red as runner | tcp 80 | allow
        pod blue < pod red | tcp 80 | deny
        pod blue < node 192.168.1.1 | tcp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "source: {serviceAccounts: {names: [runner], selector: projectcalico.org/name == 'x'}}",
        "pod blue < pod red as runner | tcp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "source: {serviceAccounts: {selector: rank == 'high'}, selector: app == 'web'}",
        "pod blue < pod red app=web | tcp 80 | unread
        pod blue < pod red | tcp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "source: {serviceAccounts: {}}",
        "pod blue < 203.0.113.9 | tcp 80 | allow",
    );
    // Nobody validates it; what cannot be put into a selector matches anybody.
    rule_in(
        Facts::Single,
        "source: {serviceAccounts: {names: [\"it's\"]}}",
        "pod blue < 203.0.113.9 | tcp 80 | unread
        pod blue < pod red | tcp 80 | unread",
    );
}

#[test]
fn peers_of_namespaced_policies() {
    rule_in_blue(
        "source: {selector: app == 'web'}",
        "pod blue < pod blue app=web | tcp 80 | allow
        pod blue < pod red app=web | tcp 80 | deny
        pod blue < node 192.168.1.1 | tcp 80 | deny
        pod red < pod blue | tcp 80 | allow",
    );
    // Alone it speaks of the own namespace too.
    rule_in_blue(
        "source: {notSelector: app == 'web'}",
        "pod blue < pod blue | tcp 80 | allow
        pod blue < pod blue app=web | tcp 80 | deny
        pod blue < pod red | tcp 80 | deny
        pod blue < 203.0.113.9 | tcp 80 | deny",
    );
    rule_in_blue(
        "source: {serviceAccounts: {names: [runner]}}",
        "pod blue < pod blue as runner | tcp 80 | allow
        pod blue < pod red as runner | tcp 80 | deny",
    );
    rule_in_blue(
        "source: {nets: [203.0.113.0/24]}",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < pod blue | tcp 80 | deny",
    );
    rule_in_blue(
        "source: {}",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < pod red | tcp 80 | allow",
    );
    rule_in_blue(
        "source: {serviceAccounts: {}}",
        "pod blue < 203.0.113.9 | tcp 80 | allow",
    );
    rule_in_blue(
        "source: {selector: app == 'web', namespaceSelector: env == 'dev'}",
        "pod blue < pod red app=web | tcp 80 | allow
        pod blue < pod blue app=web | tcp 80 | deny",
    );
    rule_in_blue(
        "source: {selector: app == 'web', namespaceSelector: all()}",
        "pod blue < pod green app=web | tcp 80 | allow
        pod blue < node 192.168.1.1 | tcp 80 | deny",
    );
}

#[test]
fn the_own_side() {
    rule_in(
        Facts::Single,
        "source: {selector: all()}, destination: {selector: app == 'web'}",
        "pod blue app=web < pod red | tcp 80 | allow
        pod blue < pod red | tcp 80 | deny",
    );
    rule_out(
        Facts::Single,
        "source: {notSelector: app == 'web'}",
        "pod blue app=web > 203.0.113.9 | tcp 80 | deny
        pod blue > 203.0.113.9 | tcp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "destination: {nets: [10.0.0.0/8]}",
        "pod blue < 203.0.113.9 | tcp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "destination: {nets: [192.168.0.0/16]}",
        "pod blue < 203.0.113.9 | tcp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "destination: {nets: [10.244.3.0/24]}, protocol: TCP",
        "pod blue < 203.0.113.9 | tcp 80 | unread
        pod blue < 203.0.113.9 | udp 80 | deny",
    );
    rule_in(
        Facts::Dual,
        "destination: {notNets: [192.168.0.0/16]}",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < 2001:db8::1 | tcp 80 | deny
        pod blue < pod red | tcp 80 | unread",
    );
}

#[test]
fn networks() {
    rule_in(
        Facts::Single,
        "source: {nets: [203.0.113.0/24, 10.0.0.0/8], notNets: [203.0.113.128/25]}",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < 203.0.113.200 | tcp 80 | deny
        pod blue < 203.0.114.0 | tcp 80 | deny
        pod blue < node 10.1.1.1 | tcp 80 | allow
        pod blue < pod red | tcp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "source: {nets: [10.244.3.0/24]}",
        "pod blue < pod red | tcp 80 | unread
        pod blue < node 10.244.3.3 | tcp 80 | allow
        pod blue < node 10.244.4.3 | tcp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "source: {nets: [10.0.0.0/8], notNets: [10.244.0.0/16]}",
        "pod blue < pod red | tcp 80 | deny
        pod blue < 10.1.1.1 | tcp 80 | allow",
    );
    rule_in(
        Facts::None,
        "source: {nets: [10.0.0.0/8]}",
        "pod blue < pod red | tcp 80 | unread
        pod blue < pod red | icmpv6 128 0 | deny
        pod blue < pod red | icmp 8 0 | unread
        pod blue < 10.1.1.1 | tcp 80 | allow",
    );
    // Of two families, a rule says nothing about the other one.
    rule_in(
        Facts::Dual,
        "source: {nets: [0.0.0.0/0]}",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < 2001:db8::1 | tcp 80 | deny
        pod blue < pod red | tcp 80 | unread
        pod blue < pod red | icmp 8 0 | allow
        pod blue < pod red | icmpv6 128 0 | deny",
    );
    rule_in(
        Facts::Single,
        "source: {nets: [0.0.0.0/0]}",
        "pod blue < pod red | tcp 80 | allow",
    );
    rule_in(
        Facts::Dual,
        "source: {notNets: ['2001:db8::/32']}",
        "pod blue < 203.0.113.9 | tcp 80 | deny
        pod blue < 2001:db9::1 | tcp 80 | allow
        pod blue < 2001:db8::1 | tcp 80 | deny
        pod blue < pod red | tcp 80 | unread",
    );
    let halves = |facts, wanted: &str| {
        let spec = "types: [Ingress], ingress: [{action: Allow, source: {nets: [0.0.0.0/0]}}, {action: Allow, source: {nets: ['::/0']}}]";
        table(
            NEW,
            facts,
            &[&policy("GlobalNetworkPolicy a", spec)],
            &format!(
                "pod blue < 203.0.113.9 | tcp 80 | allow
                pod blue < 2001:db8::1 | tcp 80 | allow
                pod blue < pod red | tcp 80 | {wanted}"
            ),
        );
    };
    halves(Facts::Single, "allow");
    halves(Facts::Dual, "unread");
    rule_in(
        Facts::Dual,
        "ipVersion: 6",
        "pod blue < 203.0.113.9 | tcp 80 | deny
        pod blue < 2001:db8::1 | tcp 80 | allow
        pod blue < pod red | tcp 80 | unread
        pod blue < pod red | icmpv6 1 1 | allow",
    );
    rule_in(
        Facts::Single,
        "ipVersion: 4",
        "pod blue < pod red | tcp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "ipVersion: 6",
        "pod blue < pod red | tcp 80 | deny",
    );
}

#[test]
fn network_sets() {
    let spec = |rule: &str| {
        policy(
            "GlobalNetworkPolicy a",
            &format!("types: [Ingress], ingress: [{{action: Allow, source: {{{rule}}}}}]"),
        )
    };
    let feeds = set(
        "s",
        "list: bad",
        "203.0.113.0/24, 198.51.100.7, '2001:db8::/32'",
    );
    table(
        NEW,
        Facts::Dual,
        &[&feeds, &spec("selector: list == 'bad'")],
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < 198.51.100.7 | tcp 80 | allow
        pod blue < 198.51.100.8 | tcp 80 | deny
        pod blue < 2001:db8::1 | tcp 80 | allow
        pod blue < pod red list=bad | tcp 80 | allow
        pod blue < pod red | tcp 80 | deny",
    );
    table(
        NEW,
        Facts::Dual,
        &[
            &feeds,
            &spec("selector: \"projectcalico.org/orchestrator == 'k8s' && list == 'bad'\""),
        ],
        "pod blue < 203.0.113.9 | tcp 80 | deny",
    );
    table(
        NEW,
        Facts::Dual,
        &[&feeds, &spec("namespaceSelector: global()")],
        "pod blue < 203.0.113.9 | tcp 80 | allow",
    );
    table(
        NEW,
        Facts::Dual,
        &[&feeds, &spec("namespaceSelector: all()")],
        "pod blue < 203.0.113.9 | tcp 80 | deny",
    );
    table(
        NEW,
        Facts::Dual,
        &[&feeds, &spec("serviceAccounts: {selector: rank != 'x'}")],
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < pod red | tcp 80 | unread",
    );
    table(
        NEW,
        Facts::Dual,
        &[&feeds, &spec("notSelector: list == 'bad'")],
        "pod blue < 203.0.113.9 | tcp 80 | deny
        pod blue < 203.0.112.9 | tcp 80 | allow
        pod blue < pod red list=bad | tcp 80 | deny
        pod blue < pod red | tcp 80 | allow",
    );
    // A set of a namespace has the namespace's labels, and is selected with its pods.
    let local = set("blue/s", "list: bad", "203.0.113.0/24");
    for (rule, wanted) in [
        ("namespaceSelector: env == 'prod'", "allow"),
        ("namespaceSelector: env == 'dev'", "deny"),
        (
            "namespaceSelector: kubernetes.io/metadata.name == 'blue'",
            "allow",
        ),
        ("namespaceSelector: all(), selector: list == 'bad'", "allow"),
        ("namespaceSelector: global()", "deny"),
        ("selector: pcns.team == 'x'", "allow"),
    ] {
        table(
            NEW,
            Facts::Single,
            &[&local, &spec(rule)],
            &format!("pod blue < 203.0.113.9 | tcp 80 | {wanted}"),
        );
    }
    // What is not known of a namespace is not known of its sets.
    let far = set("green/s", "list: bad", "203.0.113.0/24");
    table(
        NEW,
        Facts::Single,
        &[&far, &spec("namespaceSelector: env == 'prod'")],
        "pod blue < 203.0.113.9 | tcp 80 | unread
        pod blue < 203.0.114.9 | tcp 80 | deny
        pod blue < pod blue | tcp 80 | allow",
    );
    // A set that holds pods' addresses holds the pods.
    for (nets, wanted) in [
        ("10.0.0.0/8", "allow"),
        ("10.244.7.0/24", "unread"),
        ("10.96.0.0/12", "deny"),
    ] {
        table(
            NEW,
            Facts::Single,
            &[
                &set("s", "list: bad", nets),
                &spec("selector: list == 'bad'"),
            ],
            &format!("pod blue < pod red | tcp 80 | {wanted}"),
        );
    }
    for (nets, wanted) in [
        ("10.0.0.0/8", "deny"),
        ("10.244.7.0/24", "unread"),
        ("10.96.0.0/12", "allow"),
    ] {
        table(
            NEW,
            Facts::Single,
            &[
                &set("s", "list: bad", nets),
                &spec("notSelector: list == 'bad'"),
            ],
            &format!("pod blue < pod red | tcp 80 | {wanted}"),
        );
    }
}

#[test]
fn protocols_and_ports() {
    rule_in(
        Facts::Single,
        "protocol: TCP",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < 203.0.113.9 | udp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "protocol: '17'",
        "pod blue < 203.0.113.9 | udp 80 | allow",
    );
    rule_in(
        Facts::Single,
        "protocol: UDPLite",
        "pod blue < 203.0.113.9 | protocol 136 | allow
        pod blue < 203.0.113.9 | udp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "notProtocol: 6",
        "pod blue < 203.0.113.9 | tcp 80 | deny
        pod blue < 203.0.113.9 | sctp 80 | allow
        pod blue < 203.0.113.9 | icmp 8 0 | allow
        pod blue < 203.0.113.9 | protocol 47 | allow",
    );
    rule_in(
        Facts::Single,
        "protocol: TCP, destination: {ports: [80, '443', '8000:8010']}",
        "pod blue < 203.0.113.9 | tcp 80 | allow
        pod blue < 203.0.113.9 | tcp 443 | allow
        pod blue < 203.0.113.9 | tcp 8005 | allow
        pod blue < 203.0.113.9 | tcp 8011 | deny
        pod blue < 203.0.113.9 | udp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "protocol: UDP, destination: {ports: ['1:100'], notPorts: [53]}",
        "pod blue < 203.0.113.9 | udp 52 | allow
        pod blue < 203.0.113.9 | udp 53 | deny",
    );
    rule_in(
        Facts::Single,
        "protocol: TCP, destination: {ports: [http, 443]}",
        "pod blue < 203.0.113.9 | tcp 8080 | allow
        pod blue < 203.0.113.9 | tcp 443 | allow
        pod blue < 203.0.113.9 | tcp 80 | deny
        pod blue < 203.0.113.9 | udp 8080 | deny",
    );
    // Names without a protocol are of TCP.
    rule_in(
        Facts::Single,
        "destination: {ports: [http, dns]}",
        "pod blue < 203.0.113.9 | tcp 8080 | allow
        pod blue < 203.0.113.9 | udp 53 | deny",
    );
    rule_out(
        Facts::Single,
        "protocol: TCP, destination: {ports: [http]}",
        "pod blue > pod red | tcp 8080 | allow
        pod blue > pod red | tcp 80 | deny
        pod blue > 203.0.113.9 | tcp 8080 | deny
        pod blue > node 192.168.1.1 | tcp 8080 | unread
        pod blue > node 192.168.1.1 | udp 8080 | deny",
    );
    rule_out(
        Facts::Single,
        "protocol: TCP, destination: {selector: projectcalico.org/orchestrator == 'k8s', ports: [http]}",
        "pod blue > pod red | tcp 8080 | allow
        pod blue > node 192.168.1.1 | tcp 8080 | deny",
    );
    rule_out(
        Facts::Single,
        "protocol: TCP, destination: {notPorts: [http]}",
        "pod blue > pod red | tcp 8080 | unread
        pod blue > pod red | tcp 80 | unread
        pod blue > 203.0.113.9 | tcp 8080 | allow
        pod blue > node 192.168.1.1 | tcp 8080 | unread
        pod blue > pod red | udp 80 | deny",
    );
    // A name is the pod's own: it must be selected itself, not its address.
    let all = set("s", "list: pods", "10.244.0.0/16");
    let spec = "types: [Egress], egress: [{action: Allow, protocol: TCP, destination: {selector: list == 'pods', ports: [http]}}]";
    table(
        NEW,
        Facts::Single,
        &[&all, &policy("GlobalNetworkPolicy a", spec)],
        "pod blue > pod red | tcp 8080 | deny
        pod blue > pod red list=pods | tcp 8080 | allow",
    );
    // Where packets come from is not in the model.
    rule_in(
        Facts::Single,
        "protocol: TCP, source: {ports: [80]}",
        "pod blue < 203.0.113.9 | tcp 80 | unread
        pod blue < 203.0.113.9 | udp 80 | deny",
    );
    rule_in(
        Facts::Single,
        "protocol: TCP, source: {ports: ['1:65535']}",
        "pod blue < 203.0.113.9 | tcp 80 | allow",
    );
}

#[test]
fn icmp() {
    rule_in(
        Facts::Dual,
        "protocol: ICMP, icmp: {type: 8}",
        "pod blue < 203.0.113.9 | icmp 8 0 | allow
        pod blue < 203.0.113.9 | icmp 8 7 | allow
        pod blue < 203.0.113.9 | icmp 0 0 | deny
        pod blue < pod red | icmp 8 0 | allow
        pod blue < 2001:db8::1 | icmp 8 0 | deny
        pod blue < 203.0.113.9 | tcp 80 | deny",
    );
    rule_in(
        Facts::Dual,
        "protocol: 1, icmp: {type: 3, code: 4}",
        "pod blue < 203.0.113.9 | icmp 3 4 | allow
        pod blue < 203.0.113.9 | icmp 3 3 | deny",
    );
    rule_in(
        Facts::Dual,
        "protocol: ICMPv6, notICMP: {type: 128}",
        "pod blue < 2001:db8::1 | icmpv6 128 0 | deny
        pod blue < 2001:db8::1 | icmpv6 129 0 | allow
        pod blue < pod red | icmpv6 129 0 | allow",
    );
    rule_in(
        Facts::Dual,
        "protocol: ICMP, icmp: {}, notICMP: {}",
        "pod blue < 203.0.113.9 | icmp 8 0 | allow",
    );
    rule_in(
        Facts::Dual,
        "notICMP: {type: 8}",
        "pod blue < 203.0.113.9 | icmp 8 0 | unread",
    );
}

#[test]
fn what_no_manifest_says() {
    rule_out(
        Facts::Single,
        "destination: {services: {name: dns, namespace: kube-system}}",
        "pod blue > pod red | udp 53 | unread
        pod blue > 203.0.113.9 | udp 53 | unread
        pod blue < 203.0.113.9 | udp 53 | allow",
    );
    let local = "types: [Egress], egress: [{action: Allow, destination: {services: {name: dns}}}]";
    table(
        NEW,
        Facts::Single,
        &[&policy("NetworkPolicy blue/a", local)],
        "pod blue > pod red | udp 53 | deny",
    );
    rule_in(
        Facts::Single,
        "protocol: TCP, http: {methods: [GET]}",
        "pod blue < 203.0.113.9 | tcp 80 | unread
        pod blue < 203.0.113.9 | udp 80 | deny",
    );
    // What records decides nothing, whatever it asks for.
    table(
        NEW,
        Facts::Single,
        &[&policy(
            "GlobalNetworkPolicy a",
            "types: [Egress], egress: [{action: Log, destination: {services: {name: dns, namespace: x}}}, {action: Allow}]",
        )],
        "pod blue > pod red | udp 53 | allow",
    );
    let stored = "apiVersion: crd.projectcalico.org/v1\nkind: GlobalNetworkPolicy\nmetadata: {name: a}\nspec: {}\n";
    let cluster = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: a}\nspec: {}\n";
    for foreign in [stored, cluster] {
        table(
            NEW,
            Facts::Single,
            &[foreign],
            "pod blue > pod red | udp 53 | unread
            pod blue < 203.0.113.9 | tcp 80 | unread",
        );
    }
    let host = "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: a}\nspec: {node: n1}\n";
    table(
        NEW,
        Facts::Single,
        &[host],
        "pod blue < 203.0.113.9 | tcp 80 | allow",
    );
}

#[test]
fn kubernetes_policies_stand_at_order_1000_of_the_default_tier() {
    let plain = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: b, namespace: blue}\nspec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}\n";
    let rows = |peer: &str, outside: &str| {
        format!(
            "pod blue < pod blue | tcp 80 | {peer}
            pod blue < 203.0.113.9 | tcp 80 | {outside}"
        )
    };
    let with = |version, objects: &[&str], peer: &str, outside: &str| {
        table(version, Facts::Single, objects, &rows(peer, outside));
    };
    let rule = |order: &str, action: &str| {
        format!("{order}types: [Ingress], ingress: [{{action: {action}}}]")
    };
    let global = |name: &str, order: &str, action: &str| {
        policy(&format!("GlobalNetworkPolicy {name}"), &rule(order, action))
    };
    with(NEW, &[plain], "allow", "deny");
    with(
        NEW,
        &[plain, &global("z", "order: 999, ", "Deny")],
        "deny",
        "deny",
    );
    with(
        NEW,
        &[plain, &global("a", "order: 1001, ", "Deny")],
        "allow",
        "deny",
    );
    with(
        NEW,
        &[plain, &global("a", "order: 1001, ", "Allow")],
        "allow",
        "allow",
    );
    with(NEW, &[plain, &global("a", "", "Allow")], "allow", "allow");
    // Of one order: by name, and then Kubernetes' before Calico's.
    with(
        NEW,
        &[plain, &global("a", "order: 1000, ", "Deny")],
        "deny",
        "deny",
    );
    with(
        NEW,
        &[plain, &global("c", "order: 1000, ", "Deny")],
        "allow",
        "deny",
    );
    let same = policy("NetworkPolicy blue/b", &rule("order: 1000, ", "Deny"));
    with(NEW, &[plain, &same], "allow", "deny");
    // A host endpoint may name its ports as pods do.
    let named = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: b, namespace: blue}\nspec: {podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}\n";
    table(
        NEW,
        Facts::Single,
        &[named],
        "pod blue > pod red | tcp 8080 | allow
        pod blue > pod red | tcp 80 | deny
        pod blue > 203.0.113.9 | tcp 8080 | deny
        pod blue > node 192.168.1.1 | tcp 8080 | unread
        pod blue > node 192.168.1.1 | udp 8080 | deny",
    );
    let early = tier("early", "order: 10, defaultAction: Pass");
    let first = policy(
        "GlobalNetworkPolicy early.a",
        "tier: early, types: [Ingress], ingress: [{action: Pass}]",
    );
    with(NEW, &[plain, &early, &first], "allow", "deny");
    let staged = plain
        .replace("networking.k8s.io/v1", "projectcalico.org/v3")
        .replace("kind: Network", "kind: StagedKubernetesNetwork");
    with(NEW, &[&staged], "allow", "allow");
    let set = staged.replace(
        "podSelector: {}, policyTypes",
        "stagedAction: Set, podSelector: {}, policyTypes",
    );
    with(NEW, &[&set], "allow", "allow");
    refused((3, 29), &staged, "no matches for kind");
    refused(
        NEW,
        &staged.replace(
            "podSelector: {}, policyTypes",
            "stagedAction: Delete, policyTypes",
        ),
        "must be empty",
    );
    refused(
        NEW,
        &staged.replace("[Ingress]", "[In]"),
        "Unsupported value",
    );
}

/// What the server says of an object, in the words that matter.
fn refused(version: (u16, u16), object: &str, said: &str) {
    let (_, faults) = read_texts([object], version, &cluster(Facts::Single), &namespaces());
    let found = faults.iter().any(|fault| {
        fault.name == "invalid-manifest" && fault.notes.iter().any(|note| note.contains(said))
    });
    assert!(found, "{object}: {faults:#?}");
}

/// That a version takes an object.
fn taken(version: (u16, u16), object: &str) {
    let (_, faults) = read_texts([object], version, &cluster(Facts::Single), &namespaces());
    assert!(faults.is_empty(), "{version:?}: {object}: {faults:#?}");
}

#[test]
fn what_calico_refuses() {
    for one in calico::all() {
        refused(one.version, &one.manifest, one.said);
    }
    let global = |spec: &str| policy("GlobalNetworkPolicy a", spec);
    taken(
        (3, 31),
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: a}\n",
    );
    taken(NEW, &policy("NetworkPolicy blue/knp.default.a", ""));
    taken(
        NEW,
        &policy(
            "StagedGlobalNetworkPolicy a",
            "stagedAction: Delete, tier: default",
        ),
    );
    refused(
        (3, 29),
        &policy("StagedGlobalNetworkPolicy a", ""),
        "no matches for kind",
    );
    // A prefix is due up to 3.31 only.
    let bare = policy("GlobalNetworkPolicy a", "tier: kube-admin");
    taken((3, 32), &bare);
    refused((3, 31), &bare, "must begin with");
    // Bounds are of 3.33.
    for (_, spec, _) in calico::large() {
        taken((3, 32), &global(&spec));
    }
    let twice = global("ingress: [{action: Allow, source: {nets: [10.0.0.0/8, 10.0.0.0/8]}}]");
    taken((3, 31), &twice);
    taken(NEW, &tier("default", "order: 1000000, defaultAction: Deny"));
    taken(NEW, &set("s", "", "10.0.0.1/8, 10.0.0.1"));
}
