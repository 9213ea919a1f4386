//! `vauban.toml`: what goes where.
//!
//! Takes: its text. Gives: a [`Config`], or diagnostics at their places in it, all in one run. Knows no disk: whether folders exist
//! is asked by [`project`](super::project).

use std::collections::BTreeMap;
use std::ops::Range;

use smol_str::{SmolStr, format_smolstr};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::backend::{LogPolicy, Spec, support};
use crate::compile::{Level, TargetInput};
use crate::diagnostic::{Diagnostic, Diagnostics, lints, nearest};
use crate::gitops::codeowners::Forge;
use crate::model::Target;
use crate::source::{FileId, Span};

/// The only edition there is.
const EDITION: &str = "2026";

/// What `vauban.toml` says.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The label `app.kubernetes.io/part-of`.
    pub(crate) project: Option<SmolStr>,
    /// The source folder, relative, with forward slashes, without `.`; empty if it is the project itself.
    pub(crate) sources: Setting,
    /// The targets, in the order in which they are written.
    pub(crate) targets: Vec<TargetConfig>,
    /// The levels of lints.
    pub(crate) lints: BTreeMap<SmolStr, Level>,
    /// `[codeowners]`, if it is there.
    pub(crate) codeowners: Option<CodeownersConfig>,
}

/// `[codeowners]`.
#[derive(Clone, Debug)]
pub(crate) struct CodeownersConfig {
    /// Whose CODEOWNERS is written.
    pub(crate) forge: Forge,
    /// The place of `forge`.
    pub(crate) span: Span,
    /// `[codeowners.approvals]`: a team's name or `root`, and how many of its owners must agree. On GitLab only.
    pub(crate) approvals: Vec<(Setting, u32)>,
}

/// One `[[target]]`.
#[derive(Clone, Debug)]
pub(crate) struct TargetConfig {
    /// What the compiler needs of it.
    pub(crate) input: TargetInput,
    /// The output folder, relative to the project, normalized like `sources`.
    pub(crate) out: Setting,
    /// The place of `input.cluster`.
    pub(crate) cluster: Option<Setting>,
    /// The places of the folders in `input.without`.
    pub(crate) without: Vec<Setting>,
    /// The places of the manifests in `input.namespaces`, relative to the project.
    pub(crate) namespaces: Vec<Setting>,
}

/// A word and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Setting {
    /// The word, normalized.
    pub(crate) value: SmolStr,
    /// Where.
    pub(crate) span: Span,
}

/// Reads the text; `None` if an error stands.
pub(crate) fn read(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Option<Config> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        file,
        text,
        diagnostics: Diagnostics::default(),
    };
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let what = error.message().lines().collect::<Vec<_>>().join(", ");
        let span = reader.span(&range);
        reader
            .diagnostics
            .push(Diagnostic::error("toml-syntax", "`vauban.toml` is not TOML").at(span, what));
    }
    let config = if errors.is_empty() {
        Some(reader.config(document.get_ref()))
    } else {
        None
    };
    let failed = reader.diagnostics.has_errors();
    diagnostics.extend(reader.diagnostics);
    config.filter(|_| !failed)
}

/// A path of the project as it is seen from its source folder.
fn seen_from(sources: &str, path: &str) -> SmolStr {
    let inside = path.strip_prefix(sources);
    if let Some(inside) = inside.and_then(|rest| rest.strip_prefix('/')) {
        return inside.into();
    }
    let up = sources.split('/').filter(|part| !part.is_empty()).count();
    format_smolstr!("{}{path}", "../".repeat(up))
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    diagnostics: Diagnostics,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn config(&mut self, table: &DeTable<'_>) -> Config {
        let known = [
            "edition",
            "project",
            "sources",
            "target",
            "codeowners",
            "lints",
        ];
        self.only(table, &known, "vauban.toml");
        match self.required(table, "edition", 0..0) {
            Some(edition) if edition.value != EDITION => self.wrong(
                edition.span,
                format!("there is no edition `{}`", edition.value),
                format!("write `edition = \"{EDITION}\"`"),
            ),
            _ => {}
        }
        let project = self.string(table, "project");
        if let Some(project) = &project
            && !is_label_value(&project.value)
        {
            self.wrong(
                project.span,
                format!("`{}` cannot be the value of a label", project.value),
                "use at most 63 letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends".to_owned(),
            );
        }
        let sources = self
            .required(table, "sources", 0..0)
            .and_then(|setting| self.path(setting))
            .unwrap_or_else(|| self.nothing());
        let mut targets = self.targets(table);
        for file in targets
            .iter_mut()
            .flat_map(|target| &mut target.input.namespaces)
        {
            *file = seen_from(&sources.value, file);
        }
        self.apart(&sources, &targets);
        let codeowners = self.codeowners(table);
        Config {
            project: project.map(|project| project.value),
            sources,
            targets,
            lints: self.lints(table),
            codeowners,
        }
    }

    fn targets(&mut self, table: &DeTable<'_>) -> Vec<TargetConfig> {
        let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == "target") else {
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array() else {
            self.expected(value, "a list of tables: write `[[target]]`");
            return Vec::new();
        };
        let mut targets: Vec<TargetConfig> = Vec::new();
        for value in list.iter() {
            let Some(table) = value.get_ref().as_table() else {
                self.expected(value, "a table: write `[[target]]`");
                continue;
            };
            let Some(target) = self.target(table, value.span()) else {
                continue;
            };
            let name = &target.1;
            if let Some(first) = targets
                .iter()
                .position(|other| other.input.spec.name == name.value)
            {
                let first = targets[first].out.span;
                self.diagnostics.push(
                    Diagnostic::error(
                        "duplicate-target",
                        format!("there are two targets named `{}`", name.value),
                    )
                    .at(name.span, "again")
                    .and(first, "the first one writes here"),
                );
                continue;
            }
            targets.push(target.0);
        }
        targets
    }

    fn target(
        &mut self,
        table: &DeTable<'_>,
        place: Range<usize>,
    ) -> Option<(TargetConfig, Setting)> {
        let known = [
            "name",
            "backend",
            "version",
            "cluster",
            "namespaces",
            "out",
            "log",
            "without",
        ];
        self.only(table, &known, "[[target]]");
        let name = self.required(table, "name", place.clone());
        if let Some(name) = &name
            && !is_name(&name.value)
        {
            self.wrong(
                name.span,
                format!("`{}` cannot be a name", name.value),
                "use small letters, digits and single `-` between them".to_owned(),
            );
        }
        let backend = self
            .required(table, "backend", place.clone())
            .and_then(|word| {
                let words = Target::ALL.map(Target::word);
                self.one_of(&word, &words)
                    .map(|at| (Target::ALL[at], word.span))
            });
        let version = self.required(table, "version", place.clone());
        let version = match (backend, &version) {
            (Some((backend, _)), Some(version)) => self.version(backend, version),
            _ => None,
        };
        let cluster = self.string(table, "cluster");
        let out = self
            .required(table, "out", place)
            .and_then(|setting| self.path(setting));
        let log = match self.string(table, "log") {
            None => Some(LogPolicy::Refuse),
            Some(word) => self
                .one_of(&word, &["refuse", "ignore"])
                .map(|at| [LogPolicy::Refuse, LogPolicy::Ignore][at]),
        };
        let without = self.paths(table, "without");
        for folder in &without {
            if folder.value.is_empty() {
                self.wrong(
                    folder.span,
                    "a target cannot be without the root".to_owned(),
                    "name a folder below it".to_owned(),
                );
            }
        }
        let namespaces = self.paths(table, "namespaces");
        let (name, out) = (name?, out?);
        let input = TargetInput {
            spec: Spec {
                name: name.value.clone(),
                backend: backend?.0,
                version: version?,
                log: log?,
            },
            cluster: cluster.as_ref().map(|cluster| cluster.value.clone()),
            without: without.iter().map(|folder| folder.value.clone()).collect(),
            namespaces: namespaces.iter().map(|file| file.value.clone()).collect(),
        };
        let target = TargetConfig {
            input,
            out,
            cluster,
            without,
            namespaces,
        };
        Some((target, name))
    }

    /// The declared version, if the backend knows it.
    fn version(&mut self, backend: Target, version: &Setting) -> Option<(u16, u16)> {
        let (major, minors) = support::versions(backend);
        let known = version
            .value
            .split_once('.')
            .filter(|(left, _)| *left == major.to_string())
            .and_then(|(_, right)| minors.clone().find(|minor| *right == minor.to_string()));
        if let Some(minor) = known {
            return Some((major, minor));
        }
        self.diagnostics.push(
            Diagnostic::error(
                "unsupported-version",
                format!("{} `{}` is not supported", backend.word(), version.value),
            )
            .at(version.span, "not a known version")
            .help(format!(
                "write one of \"{major}.{}\" to \"{major}.{}\"",
                minors.start(),
                minors.end()
            )),
        );
        None
    }

    /// Outputs lie apart from the sources and from each other, so that no build deletes what another one needs.
    fn apart(&mut self, sources: &Setting, targets: &[TargetConfig]) {
        for (at, target) in targets.iter().enumerate() {
            let others = std::iter::once((sources, "the sources lie")).chain(
                targets[..at]
                    .iter()
                    .map(|other| (&other.out, "another target writes")),
            );
            for (other, what) in others {
                if overlap(&target.out.value, &other.value) {
                    self.diagnostics.push(
                        Diagnostic::error(
                            "overlapping-output",
                            format!(
                                "the output folder `{}` is not apart from `{}`",
                                shown(&target.out.value),
                                shown(&other.value)
                            ),
                        )
                        .at(target.out.span, "written here")
                        .and(other.span, format!("{what} here"))
                        .help("choose folders that do not lie inside each other"),
                    );
                }
            }
        }
    }

    fn codeowners(&mut self, table: &DeTable<'_>) -> Option<CodeownersConfig> {
        let (key, _) = table
            .iter()
            .find(|(key, _)| key.get_ref() == "codeowners")?;
        let place = key.span();
        let table = self.table(table, "codeowners")?;
        self.only(table, &["forge", "approvals"], "[codeowners]");
        let word = self.required(table, "forge", place)?;
        let forge = Forge::ALL[self.one_of(&word, &Forge::ALL.map(Forge::word))?];
        let mut approvals = Vec::new();
        if let Some(table) = self.table(table, "approvals") {
            for (name, value) in table {
                if let Some(number) = self.number(value) {
                    let name = Setting {
                        value: name.get_ref().as_ref().into(),
                        span: self.span(&name.span()),
                    };
                    approvals.push((name, number));
                }
            }
        }
        if let Some((name, _)) = approvals.first().filter(|_| forge != Forge::Gitlab) {
            self.wrong(
                name.span,
                format!("{} has no number of approvals in CODEOWNERS", forge.title()),
                "set it in the rules of the protected branch".to_owned(),
            );
        }
        Some(CodeownersConfig {
            forge,
            span: word.span,
            approvals,
        })
    }

    /// A number from 1 that fits into a header of GitLab's.
    fn number(&mut self, value: &Value<'_>) -> Option<u32> {
        let found = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        let found = found.filter(|number| (1..=100).contains(number));
        if found.is_none() {
            self.expected(value, "a number from 1 to 100");
        }
        found
    }

    fn lints(&mut self, table: &DeTable<'_>) -> BTreeMap<SmolStr, Level> {
        let mut lints = BTreeMap::new();
        let Some(table) = self.table(table, "lints") else {
            return lints;
        };
        for (key, value) in table {
            let name: &str = key.get_ref();
            if lints::find(name).is_none() {
                let near = lints::nearest(name);
                let span = self.span(&key.span());
                self.diagnostics.push(did_you_mean(
                    Diagnostic::error("unknown-lint", format!("there is no lint `{name}`"))
                        .at(span, "not a lint"),
                    near,
                ));
            }
            let Some(word) = self.as_string(value) else {
                continue;
            };
            if let Some(at) = self.one_of(&word, &["allow", "warn", "deny"]) {
                let level = [Level::Allow, Level::Warn, Level::Deny][at];
                lints.insert(SmolStr::new(name), level);
            }
        }
        lints
    }

    /// Reports every key that is not known here.
    fn only(&mut self, table: &DeTable<'_>, known: &[&'static str], place: &str) {
        for (key, _) in table {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let span = self.span(&key.span());
                let diagnostic = Diagnostic::error(
                    "unknown-setting",
                    format!("`{place}` has no setting `{name}`"),
                )
                .at(span, "unknown");
                self.diagnostics
                    .push(match nearest(name, known.iter().copied()) {
                        Some(near) => did_you_mean(diagnostic, Some(near)),
                        None => diagnostic.because(format!("it has {}", known.join(", "))),
                    });
            }
        }
    }

    fn required(
        &mut self,
        table: &DeTable<'_>,
        name: &str,
        place: Range<usize>,
    ) -> Option<Setting> {
        if !table.iter().any(|(key, _)| key.get_ref() == name) {
            let span = self.span(&place);
            self.diagnostics.push(
                Diagnostic::error(
                    "missing-setting",
                    format!("the setting `{name}` is missing"),
                )
                .at(span, "")
                .help(format!("add `{name} = …`")),
            );
        }
        self.string(table, name)
    }

    fn string(&mut self, table: &DeTable<'_>, name: &str) -> Option<Setting> {
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
        self.as_string(value)
    }

    fn as_string(&mut self, value: &Value<'_>) -> Option<Setting> {
        match value.get_ref().as_str() {
            Some(text) => Some(Setting {
                value: text.into(),
                span: self.span(&value.span()),
            }),
            None => {
                self.expected(value, "a string: put it between quotes");
                None
            }
        }
    }

    fn strings(&mut self, table: &DeTable<'_>, name: &str) -> Vec<Setting> {
        let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array() else {
            self.expected(value, "a list of strings");
            return Vec::new();
        };
        list.iter()
            .filter_map(|value| self.as_string(value))
            .collect()
    }

    fn paths(&mut self, table: &DeTable<'_>, name: &str) -> Vec<Setting> {
        self.strings(table, name)
            .into_iter()
            .filter_map(|setting| self.path(setting))
            .collect()
    }

    fn table<'t, 'i>(&mut self, table: &'t DeTable<'i>, name: &str) -> Option<&'t DeTable<'i>> {
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
        let found = value.get_ref().as_table();
        if found.is_none() {
            self.expected(value, &format!("a table: write `[{name}]`"));
        }
        found
    }

    /// The index of the word among those that are known.
    fn one_of(&mut self, word: &Setting, known: &[&'static str]) -> Option<usize> {
        let found = known.iter().position(|known| *known == word.value);
        if found.is_none() {
            self.wrong(
                word.span,
                format!("`{}` is not one of {}", word.value, known.join(", ")),
                match nearest(&word.value, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write one of {}", known.join(", ")),
                },
            );
        }
        found
    }

    /// A path that stays in the project, normalized.
    fn path(&mut self, setting: Setting) -> Option<Setting> {
        let value = setting.value.as_str();
        let leaves = value.starts_with('/')
            || value.contains(['\\', ':'])
            || value.contains(char::is_control)
            || value.split('/').any(|part| part == "..");
        if leaves || value.is_empty() {
            self.diagnostics.push(
                Diagnostic::error(
                    "path-leaves-project",
                    format!("`{value}` is not a path inside the project"),
                )
                .at(setting.span, "leaves the project")
                .help("write a path relative to `vauban.toml`, with `/` and without `..`"),
            );
            return None;
        }
        let parts: Vec<&str> = value
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        Some(Setting {
            value: parts.join("/").into(),
            span: setting.span,
        })
    }

    fn wrong(&mut self, span: Span, message: String, help: String) {
        self.diagnostics.push(
            Diagnostic::error("wrong-setting", message)
                .at(span, "not valid here")
                .help(help),
        );
    }

    fn expected(&mut self, value: &Value<'_>, what: &str) {
        let span = self.span(&value.span());
        self.diagnostics.push(
            Diagnostic::error(
                "wrong-setting",
                format!(
                    "{} stands where something else belongs",
                    article(value.get_ref().type_str())
                ),
            )
            .at(span, "of the wrong type")
            .help(format!("write {what}")),
        );
    }

    fn nothing(&self) -> Setting {
        Setting {
            value: SmolStr::default(),
            span: self.span(&(0..0)),
        }
    }

    /// The place; the parser's offsets are brought back to characters' boundaries, whatever it says of broken text.
    fn span(&self, range: &Range<usize>) -> Span {
        let start = self.text.floor_char_boundary(range.start);
        let end = self.text.floor_char_boundary(range.end.max(start));
        Span::new(self.file, start, end)
    }
}

fn did_you_mean(diagnostic: Diagnostic, near: Option<&str>) -> Diagnostic {
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// A path for people: `.` for the project itself.
fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// Whether one of the folders lies in the other. Small and capital letters are the same, as on some disks.
fn overlap(a: &str, b: &str) -> bool {
    let parts = |path: &str| -> Vec<String> {
        path.split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    parts(a).iter().zip(&parts(b)).all(|(x, y)| x == y)
}

/// Whether a text is a name of the language.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// Whether a text can be the value of a label that is not empty.
fn is_label_value(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    text.len() <= 63
        && edge(text.as_bytes().first())
        && edge(text.as_bytes().last())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The nearest text that can be the value of a label: what a project is called that says nothing else.
pub(crate) fn label_value(text: &str) -> SmolStr {
    let plain: String = text
        .chars()
        .map(|char| match char {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => char,
            _ => '-',
        })
        .take(63)
        .collect();
    let trimmed = plain.trim_matches(|char: char| !char.is_ascii_alphanumeric());
    if trimmed.is_empty() {
        SmolStr::new_static("vauban")
    } else {
        trimmed.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = "edition = \"2026\"\nsources = \"./policies/\"\n\n[[target]]\nname = \"prod\"\nbackend = \"calico\"\nversion = \"3.30\"\nout = \"deploy//prod\"\n";

    fn faults(text: &str) -> Vec<(&'static str, String)> {
        let mut diagnostics = Diagnostics::default();
        let config = read(FileId(0), text, &mut diagnostics);
        assert_eq!(config.is_none(), diagnostics.has_errors());
        diagnostics
            .into_sorted()
            .into_iter()
            .map(|d| {
                let at = d.primary.expect("a place").span.range();
                (d.name, text[at].to_owned())
            })
            .collect()
    }

    #[test]
    fn paths_are_normalized() {
        let config = read(FileId(0), FINE, &mut Diagnostics::default()).expect("it is fine");
        assert_eq!(config.sources.value, "policies");
        assert_eq!(config.targets[0].out.value, "deploy/prod");
        assert_eq!(config.targets[0].input.spec.version, (3, 30));
    }

    #[test]
    fn every_fault_is_reported_at_its_place() {
        let text = "edition = \"2025\"\nsource = \"x\"\nsources = \"/etc\"\n[[target]]\nname = \"A\"\nbackend = \"calicoo\"\nversion = 3.30\nout = \"../x\"\nlog = true\n[lints]\nfoo = \"warn\"\n[codeowners]\nforge = \"sourceforge\"\n";
        let expected = [
            ("wrong-setting", "\"2025\""),
            ("unknown-setting", "source"),
            ("path-leaves-project", "\"/etc\""),
            ("wrong-setting", "\"A\""),
            ("wrong-setting", "\"calicoo\""),
            ("wrong-setting", "3.30"),
            ("path-leaves-project", "\"../x\""),
            ("wrong-setting", "true"),
            ("unknown-lint", "foo"),
            ("wrong-setting", "\"sourceforge\""),
        ]
        .map(|(name, text)| (name, text.to_owned()));
        assert_eq!(faults(text), expected);
    }

    #[test]
    fn outputs_lie_apart() {
        let second = "[[target]]\nname = \"two\"\nbackend = \"cilium\"\nversion = \"1.19\"\n";
        for (out, apart) in [
            ("deploy/prod2", true),
            ("deploy/PROD", false),
            ("deploy", false),
            ("deploy/prod/x", false),
            ("policies/x", false),
            (".", false),
        ] {
            let text = format!("{FINE}{second}out = \"{out}\"\n");
            let faults = faults(&text);
            assert_eq!(faults.is_empty(), apart, "{out}: {faults:?}");
            assert!(faults.iter().all(|(name, _)| *name == "overlapping-output"));
        }
    }

    #[test]
    fn versions_are_those_of_the_backend() {
        for wrong in ["3.28", "3.34", "v3.30", "3.30.1", "3", "1.30", "3.030", ""] {
            let text = FINE.replace("3.30", wrong);
            assert_eq!(
                faults(&text),
                [("unsupported-version", format!("\"{wrong}\""))]
            );
        }
    }

    #[test]
    fn text_that_is_no_toml_is_said_to_be_none() {
        for text in [
            "edition = ",
            "[[target]",
            "\u{fe0f}é = ",
            "a = \"é",
            "=\n=\n",
        ] {
            let faults = faults(text);
            assert!(
                faults.iter().all(|(name, _)| *name == "toml-syntax"),
                "{text:?}: {faults:?}"
            );
            assert!(!faults.is_empty());
        }
    }

    #[test]
    fn a_folder_s_name_becomes_a_label() {
        assert_eq!(label_value("my policies!"), "my-policies");
        assert_eq!(label_value("---"), "vauban");
        assert_eq!(label_value(&"é".repeat(80)), "vauban");
    }
}
