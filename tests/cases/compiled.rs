//! Cases that go through the compiler.

use smol_str::SmolStr;
use time::Date;
use time::macros::{date, format_description};
use vauban::backend::{LogPolicy, Spec};
use vauban::compile::{Compilation, Input, Level, TargetInput, compile};
use vauban::diagnostic::lints;
use vauban::model::Target;
use vauban::source::MemoryWorld;

use super::Case;

/// What is compiled beside the case itself.
#[derive(Clone, Copy, Default)]
pub(crate) struct Aim<'a> {
    /// The target, if the case names none.
    pub(crate) target: Option<&'a str>,
    /// Whether lints on the meaning are left out: cases of other stages say what no sensible policy says.
    pub(crate) without_lints: bool,
}

impl Case {
    /// Compiles the case as its options say.
    pub(crate) fn compile(&self, aim: Aim<'_>) -> Compilation {
        let mut targets = Vec::new();
        let mut today = date!(2026 - 11 - 24);
        let mut log = LogPolicy::Refuse;
        let mut cluster = None;
        let mut without = Vec::new();
        let mut namespaces = Vec::new();
        let mut levels = Vec::new();
        for (key, value) in &self.options {
            match key.as_str() {
                "target" => targets.push(target_input(value)),
                "today" => {
                    let format = format_description!("[year]-[month]-[day]");
                    today = Date::parse(value, format).expect("a date");
                }
                "log" if value == "ignore" => log = LogPolicy::Ignore,
                "cluster" => cluster = Some(SmolStr::new(value)),
                "without" => {
                    without.extend(value.split(',').map(|folder| SmolStr::new(folder.trim())));
                }
                "namespaces" => namespaces.push(SmolStr::new(value)),
                "level" => levels.push(level(value)),
                "expect" => {}
                _ => panic!("no such option: {key}: {value}"),
            }
        }
        if targets.is_empty() {
            targets.extend(aim.target.map(target_input));
        }
        for target in &mut targets {
            target.spec.log = log;
            target.cluster.clone_from(&cluster);
            target.without.clone_from(&without);
            target.namespaces.clone_from(&namespaces);
        }
        compile(&Input {
            world: &MemoryWorld {
                files: self.files.iter().cloned().collect(),
            },
            project: SmolStr::new_static("case"),
            today,
            targets,
            lints: lints::ALL
                .iter()
                .filter(|lint| aim.without_lints && lint.on_meaning)
                .map(|lint| (SmolStr::new_static(lint.name), Level::Allow))
                .chain(levels)
                .collect(),
            proof: vauban::compile::Prove::Everything,
        })
    }
}

/// `unused-name deny`
fn level(text: &str) -> (SmolStr, Level) {
    let (lint, level) = text.split_once(' ').expect("a lint and its level");
    let level = match level {
        "allow" => Level::Allow,
        "warn" => Level::Warn,
        "deny" => Level::Deny,
        _ => panic!("no such level: {level}"),
    };
    (SmolStr::new(lint), level)
}

/// `calico 3.30`, `calico-3.30`
fn target_input(text: &str) -> TargetInput {
    let (backend, version) = text
        .split_once([' ', '-'])
        .expect("a backend and a version");
    let (major, minor) = version.split_once('.').expect("3.30");
    let number = |text: &str| text.parse().expect("a number");
    TargetInput {
        spec: Spec {
            name: SmolStr::new(backend),
            backend: Target::ALL
                .into_iter()
                .find(|target| target.word() == backend)
                .expect("a backend"),
            version: (number(major), number(minor)),
            log: LogPolicy::Refuse,
        },
        cluster: None,
        without: Vec::new(),
        namespaces: Vec::new(),
    }
}
