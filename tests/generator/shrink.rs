//! Smaller projects that still fail.

use super::project::{Policy, Project};

/// Drops policies, rules, endpoints and ports while `fails` holds.
pub fn shrink(project: &Project, fails: impl Fn(&Project) -> bool) -> Project {
    let mut best = project.clone();
    loop {
        let smaller = candidates(&best)
            .into_iter()
            .find(|candidate| fails(candidate));
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

fn candidates(project: &Project) -> Vec<Project> {
    let mut all = Vec::new();
    for at in 0..project.policies.len() {
        let mut less = project.clone();
        let gone = less.policies.remove(at);
        for policy in &mut less.policies {
            if policy.after.as_ref() == Some(&gone.name) {
                policy.after = gone.after.clone();
            }
        }
        all.push(less);
    }
    if project.default.is_some() {
        all.push(Project {
            default: None,
            ..project.clone()
        });
    }
    let count = project.policies.len() + usize::from(project.default.is_some());
    for at in 0..count {
        let policy = project
            .policies
            .get(at)
            .or(project.default.as_ref())
            .expect("counted");
        for smaller in smaller(policy) {
            let mut less = project.clone();
            match less.policies.get_mut(at) {
                Some(policy) => *policy = smaller,
                None => less.default = Some(smaller),
            }
            all.push(less);
        }
    }
    macro_rules! without {
        ($field:ident) => {
            for at in 0..project.$field.len() {
                let mut less = project.clone();
                less.$field.remove(at);
                all.push(less);
            }
        };
    }
    without!(tiers);
    without!(networks);
    without!(ports);
    without!(groups);
    without!(services);
    without!(profiles);
    without!(namespaces);
    for at in 0..project.cluster.facts.len() {
        let mut less = project.clone();
        less.cluster.facts.remove(at);
        all.push(less);
    }
    all
}

fn smaller(policy: &Policy) -> Vec<Policy> {
    let mut all = Vec::new();
    if policy.include.is_some() {
        all.push(Policy {
            include: None,
            ..policy.clone()
        });
    }
    for at in 0..policy.subject.len() {
        if policy.subject.len() > 1 {
            let mut less = policy.clone();
            less.subject.remove(at);
            all.push(less);
        }
    }
    for ingress in [true, false] {
        let side = |policy: &Policy| {
            if ingress {
                policy.ingress.clone()
            } else {
                policy.egress.clone()
            }
        };
        let put = |rules| {
            let mut less = policy.clone();
            *if ingress {
                &mut less.ingress
            } else {
                &mut less.egress
            } = rules;
            less
        };
        let Some(rules) = side(policy) else { continue };
        all.push(put(None));
        for at in 0..rules.len() {
            let mut less = rules.clone();
            less.remove(at);
            all.push(put(Some(less)));
            let rule = &rules[at];
            let edit = |change: &dyn Fn(&mut super::project::Rule)| {
                let mut less = rules.clone();
                change(&mut less[at]);
                put(Some(less))
            };
            if rule.log {
                all.push(edit(&|rule| rule.log = false));
            }
            if rule.until.is_some() {
                all.push(edit(&|rule| rule.until = None));
            }
            for peer in 0..rule.peers.as_ref().map_or(0, Vec::len) {
                if rule.peers.as_ref().is_some_and(|peers| peers.len() > 1) {
                    all.push(edit(&|rule| {
                        rule.peers.iter_mut().for_each(|peers| {
                            peers.remove(peer);
                        });
                    }));
                }
            }
            if let super::project::What::Ports(ports) = &rule.what
                && ports.len() > 1
            {
                for port in 0..ports.len() {
                    all.push(edit(&|rule| {
                        if let super::project::What::Ports(ports) = &mut rule.what {
                            ports.remove(port);
                        }
                    }));
                }
            }
        }
    }
    all
}
