//! The commands and options, and what `--help` says of them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use time::Date;
use time::macros::format_description;

use crate::backend::read::Cidr;
use crate::backend::support;
use crate::gitops::codeowners::Forge;
use crate::model::Target;

/// The whole line.
#[derive(Parser, Debug)]
#[command(
    name = "vauban",
    version,
    about = "Network policy as intent: compiled faithfully to Kubernetes, Calico and Cilium, or not at all",
    after_help = "Exit codes: 0 fine (warnings included), 1 findings, 2 the tool or its input could not be used.\n\
        Begin with: vauban init my-policies",
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
pub(crate) struct Shared {
    /// How findings are reported; all but text go to standard output
    #[arg(long, global = true, value_enum, default_value_t = FormatChoice::Text)]
    pub(crate) format: FormatChoice,
    /// When text is colored; auto also respects NO_COLOR
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
    /// The day (YYYY-MM-DD, UTC) on which `until` is judged, instead of today
    #[arg(long, global = true, value_name = "DATE", value_parser = date)]
    pub(crate) today: Option<Date>,
}

impl Shared {
    /// The day that was said, or the clock's.
    pub(crate) fn day(&self) -> Date {
        self.today
            .unwrap_or_else(|| time::OffsetDateTime::now_utc().date())
    }
}

/// `--format`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum FormatChoice {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// GitLab's code quality report
    Gitlab,
    /// JUnit's XML, of `vauban test` only
    Junit,
}

/// `--color`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum ColorChoice {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Write a commented project that builds
    #[command(
        after_help = "Examples:\n  vauban init my-policies\n  vauban init --backend cilium --forge gitlab .\n  kubectl get namespaces -o yaml | vauban init --from-namespaces - my-policies"
    )]
    Init(Init),
    /// Report every error and warning of every file, for every target
    #[command(
        after_help = "Examples:\n  vauban check\n  vauban check examples/bookstore --format sarif > findings.sarif"
    )]
    Check(Check),
    /// Write the manifests of all targets
    #[command(
        after_help = "Examples:\n  vauban build\n  vauban build --target prod --target staging\n  vauban build --check    # in CI: exit 1 and a diff if the tree is not up to date"
    )]
    Build(Build),
    /// Ask all tests and guards, of what would be written for each target
    #[command(
        after_help = "Examples:\n  vauban test\n  vauban test --target prod --coverage\n  vauban test --format junit > report.xml"
    )]
    Test(Test),
    /// Say whether connections get through: all of them, none, or which
    #[command(
        after_help = "Ends and ports are written as in the language, names of the project included; with an inventory, ends may be names of workloads, and TO a service.\n\nExamples:\n  vauban can 'pods{app=web} in shop' 'pods{app=db} in data' 'tcp 5432'\n  vauban can shop.front shop.back-http --why\n  vauban can --every outside 'pods in shop' all\n  vauban can --manifests cluster/ --inventory cluster/ shop/deployment/web data/statefulset/db 'tcp 5432' --why\nThe formats are text and json.\nExit codes: 0 all of it gets through, 1 not all, 2 the question or its input could not be used."
    )]
    Can(Can),
    /// Say what happens to concrete flows, in a stream
    #[command(
        after_help = "Flows and verdicts are JSON Lines: see the book's page on flows and verdicts.\n\nExamples:\n  vauban decide flows.jsonl\n  vauban decide --manifests cluster/ --cni cilium@1.18 - < flows.jsonl\nExit codes: 0 every line was read, whatever the verdicts; 2 some were not, or the input could not be used."
    )]
    Decide(Decide),
    /// Make one page of HTML: the board of tiers, every rule, teams, last days, what is staged, proved and found
    #[command(
        after_help = "The page needs no network and no server: open the file.\n\nExamples:\n  vauban show -o policies.html\n  vauban show examples/bookstore --target cilium --team books -o books.html\n  vauban show --manifests cluster/ -o cluster.html\nExit codes: 0 the page is made, 1 the project has errors, 2 the input could not be used."
    )]
    Show(Show),
    /// Say whether two sides let the same connections through
    #[command(
        after_help = "A side is a project's folder, a file or folder of manifests, or either of them at a git revision: `main:FOLDER`; `HEAD~1` is the project that is here.\n\nExamples:\n  vauban equal HEAD~1 .\n  vauban equal policies cluster/ --target prod\n  vauban equal calico/ cilium/ --facts cluster.vau\nExit codes: 0 proved equal, 1 not (a flow shows it, or a part is not understood), 2 a side could not be used."
    )]
    Equal(Compare),
    /// Say whether one side lets through nothing that another does not
    #[command(
        after_help = "Sides are named as for `equal`.\n\nExample:\n  vauban implies cluster/ envelope.yaml    # all that the cluster lets through, the envelope does\nExit codes: 0 proved, 1 not (a flow shows it, or a part is not understood), 2 a side could not be used."
    )]
    Implies(Compare),
    /// Say which connections open and which close
    #[command(
        after_help = "Sides are named as for `equal`.\n\nExamples:\n  vauban diff origin/main .\n  vauban diff HEAD~1 . --as markdown > comment.md\n  vauban diff cluster/ policies --target prod\n  vauban diff main:deploy deploy --to 'pods{app=db} in data' --ports 'tcp 5432'\nExit codes: 0 proved equal, 1 something opens or closes or is not understood, 2 a side could not be used."
    )]
    Diff(Diff),
    /// Report what lints find in a project or in manifests
    #[command(
        after_help = "Examples:\n  vauban lint cluster/\n  vauban lint cluster/ --inventory workloads.yaml    # also policies that select nobody who is there\nExit codes: 0 no findings, 1 findings (warnings, too: they are the answer), 2 the input could not be used."
    )]
    Lint(Lint),
    /// Report rules and objects that could be taken away
    #[command(
        after_help = "Rules that never decide, rules and whole objects without which every flow is decided the same, allows that are denied above.\n\nExample:\n  vauban shadowed cluster/\nExit codes: 0 no findings, 1 findings, 2 the input could not be used."
    )]
    Shadowed(Lint),
    /// Report policies that decide a flow differently although nobody has ordered them
    #[command(
        after_help = "Of a project that is an error, and `check` reports it. Calico decides by name between equal orders, and Cilium lets a deny prevail: both are silent about it.\n\nExample:\n  vauban conflicts cluster/\nExit codes: 0 no findings, 1 findings, 2 the input could not be used."
    )]
    Conflicts(Lint),
    /// Say who reaches whom, on which ports
    #[command(
        after_help = "Ends are workloads of the inventory, nodes, and the parts of the outside that the policies tell apart; without an inventory, declared groups and services, and pods as the policies' selectors describe them.\n\nExamples:\n  vauban reach --manifests cluster/ --inventory cluster/\n  vauban reach --to 'pods{app=db} in data' --ports 'tcp 5432'\n  vauban reach --inventory pods.yaml --exposure --as svg > reach.svg"
    )]
    Reach(Reach),
    /// Lay out sources
    #[command(
        after_help = "Examples:\n  vauban fmt\n  vauban fmt policies/books --check\n  vauban fmt - < draft.vau"
    )]
    Fmt(Fmt),
    /// Say who must agree to a change
    #[command(
        after_help = "Examples:\n  vauban owners policies/books/bookstore.vau\n  vauban owners --changed origin/main --format json\nNeeds `[codeowners]` in vauban.toml. The formats are text and json."
    )]
    Owners(Owners),
    /// Print the page of a diagnostic, or list all of them
    #[command(after_help = "Example:\n  vauban explain unlisted-file")]
    Explain(Explain),
    /// Show a station of the pipeline
    #[command(
        after_help = "Examples:\n  vauban dump --stage ast\n  vauban dump --stage objects --target prod"
    )]
    Dump(Dump),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  vauban completions bash > /etc/bash_completion.d/vauban")]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// `init`
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The folder; made if there is none
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// What the first target runs
    #[arg(long, value_enum, default_value_t = Backend::Calico)]
    pub(crate) backend: Backend,
    /// Whose CODEOWNERS `build` is to write
    #[arg(long, value_enum)]
    pub(crate) forge: Option<ForgeChoice>,
    /// Declare the namespaces of this file, as `kubectl get namespaces -o yaml` prints them; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from_namespaces: Option<PathBuf>,
}

/// `--forge`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum ForgeChoice {
    /// .github/CODEOWNERS
    Github,
    /// .gitlab/CODEOWNERS
    Gitlab,
    /// .bitbucket/CODEOWNERS
    Bitbucket,
    /// .gitea/CODEOWNERS, which Forgejo reads, too
    Gitea,
}

impl From<ForgeChoice> for Forge {
    fn from(forge: ForgeChoice) -> Self {
        match forge {
            ForgeChoice::Github => Forge::Github,
            ForgeChoice::Gitlab => Forge::Gitlab,
            ForgeChoice::Bitbucket => Forge::Bitbucket,
            ForgeChoice::Gitea => Forge::Gitea,
        }
    }
}

/// `--backend`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Backend {
    /// networking.k8s.io/v1 NetworkPolicy
    Kubernetes,
    /// projectcalico.org/v3
    Calico,
    /// cilium.io/v2
    Cilium,
}

impl From<Backend> for Target {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Kubernetes => Target::Kubernetes,
            Backend::Calico => Target::Calico,
            Backend::Cilium => Target::Cilium,
        }
    }
}

/// What a question is asked of.
#[derive(Args, Clone, Debug)]
pub(crate) struct About {
    /// The project's folder; if left out, and there are no manifests, the nearest one from here upward with a vauban.toml
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// Which target of the project, with its cluster's facts; the first one if left out
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Ask these manifests, a file or a folder, instead of the project's policies; may be repeated: together they are what the cluster holds
    #[arg(long, value_name = "PATH")]
    pub(crate) manifests: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// How manifests are read, and what is known of their cluster.
#[derive(Args, Clone, Debug)]
pub(crate) struct Reading {
    /// Real workloads and namespaces, a file or a folder, as `kubectl get -o yaml`, Helm or kustomize print them; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) inventory: Vec<PathBuf>,
    /// What enforces the manifests: kubernetes, calico or cilium, with a version if it matters (`calico@3.30`); if left out, what their kinds say
    #[arg(long, value_name = "CNI", value_parser = cni)]
    pub(crate) cni: Option<CniChoice>,
    /// What an address of a manifest can mean
    #[arg(long, value_enum, default_value_t = CidrChoice::Target)]
    pub(crate) cidr: CidrChoice,
    /// A file of the language with the facts of the manifests' cluster, and names for questions: `cluster`, `namespace`, `group`, `network`, `service`
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
}

/// `--cni`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CniChoice {
    /// What it is.
    pub(crate) target: Target,
    /// Its version; the newest one that is known if left out.
    pub(crate) version: Option<(u16, u16)>,
}

/// `--cidr`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum CidrChoice {
    /// What the target makes of it; what its documents and the facts leave open is not decided
    Target,
    /// Addresses that are neither a pod's nor a node's
    Outside,
    /// Any address; pods by the cluster's ranges
    Any,
}

impl From<CidrChoice> for Cidr {
    fn from(choice: CidrChoice) -> Self {
        match choice {
            CidrChoice::Target => Cidr::AsTarget,
            CidrChoice::Outside => Cidr::Outside,
            CidrChoice::Any => Cidr::Any,
        }
    }
}

/// `check`
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The project's folder; if left out, the nearest one from here upward with a vauban.toml
    pub(crate) project: Option<PathBuf>,
    /// Only for this target; may be repeated
    #[arg(long = "target", value_name = "NAME")]
    pub(crate) targets: Vec<String>,
    /// Prove nothing and ask no test and no guard, because another step does
    #[arg(long)]
    pub(crate) no_proof: bool,
}

/// `build`
#[derive(Args, Debug)]
pub(crate) struct Build {
    /// The project's folder; if left out, the nearest one from here upward with a vauban.toml
    pub(crate) project: Option<PathBuf>,
    /// Only this target; may be repeated
    #[arg(long = "target", value_name = "NAME")]
    pub(crate) targets: Vec<String>,
    /// Prove nothing and ask no test and no guard, because another step does
    #[arg(long)]
    pub(crate) no_proof: bool,
    /// Compare instead of writing: exit 1 and a diff if the tree is not up to date
    #[arg(long)]
    pub(crate) check: bool,
}

/// `test`
#[derive(Args, Debug)]
pub(crate) struct Test {
    /// The project's folder; if left out, the nearest one from here upward with a vauban.toml
    pub(crate) project: Option<PathBuf>,
    /// Only for this target; may be repeated
    #[arg(long = "target", value_name = "NAME")]
    pub(crate) targets: Vec<String>,
    /// Also list the rules that no test and no guard touches
    #[arg(long)]
    pub(crate) coverage: bool,
}

/// `can`
#[derive(Args, Debug)]
pub(crate) struct Can {
    /// Who opens the connections
    pub(crate) from: String,
    /// To whom
    pub(crate) to: String,
    /// On which ports; left out if TO is a service, which has its own, or for all of them; `NAMESPACE/service/NAME` are those that a service of the inventory leads to
    pub(crate) ports: Option<String>,
    /// Of all pods that could exist, not only of pods with just the labels that are written
    #[arg(long)]
    pub(crate) every: bool,
    /// Tell who was asked at both ends, tier by tier, and what they said
    #[arg(long)]
    pub(crate) why: bool,
    #[command(flatten)]
    pub(crate) about: About,
}

/// `decide`
#[derive(Args, Debug)]
pub(crate) struct Decide {
    /// The flows, one JSON document a line; `-` is standard input
    #[arg(value_name = "FLOWS")]
    pub(crate) flows: PathBuf,
    #[command(flatten)]
    pub(crate) about: About,
}

/// `show`
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The project's folder; if left out, and there are no manifests, the nearest one from here upward with a vauban.toml
    pub(crate) project: Option<PathBuf>,
    /// Which target of the project, with its cluster's facts; the first one if left out
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Show the policies of this team alone
    #[arg(long, value_name = "NAME")]
    pub(crate) team: Option<String>,
    /// The page; one of an earlier run is replaced, any other file is not; `-`, or nothing at all, is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Prove nothing and ask no test and no guard; the page says so
    #[arg(long)]
    pub(crate) no_proof: bool,
    /// Leave out who reaches whom
    #[arg(long)]
    pub(crate) no_reach: bool,
    /// Show these manifests, a file or a folder, instead of the project's policies; may be repeated: together they are what the cluster holds
    #[arg(long, value_name = "PATH")]
    pub(crate) manifests: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// `equal` and `implies`
#[derive(Args, Debug)]
pub(crate) struct Compare {
    /// One side
    #[arg(value_name = "A")]
    pub(crate) one: String,
    /// The other side
    #[arg(value_name = "B")]
    pub(crate) other: String,
    #[command(flatten)]
    pub(crate) sides: Sides,
    /// Compare what is decided at each end of a connection, even where the other end lets nothing through
    #[arg(long)]
    pub(crate) legs: bool,
}

/// `lint`, `shadowed` and `conflicts`
#[derive(Args, Debug)]
pub(crate) struct Lint {
    /// A project's folder, or a file or folder of manifests; if left out, the nearest project from here upward
    #[arg(value_name = "PATH")]
    pub(crate) side: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sides: Sides,
}

/// `diff`
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// What was
    pub(crate) old: String,
    /// What is, or would be
    pub(crate) new: String,
    /// Only connections from these ends, in the language's words, names of NEW included, or a workload's name
    #[arg(long, value_name = "ENDS")]
    pub(crate) from: Option<String>,
    /// Only connections to these ends; a service, of NEW or of the inventory, has its own ports
    #[arg(long, value_name = "ENDS")]
    pub(crate) to: Option<String>,
    /// Only on these ports; `NAMESPACE/service/NAME` are those that a service of the inventory leads to
    #[arg(long, value_name = "PORTS")]
    pub(crate) ports: Option<String>,
    #[command(flatten)]
    pub(crate) sides: Sides,
    /// Compare what is decided at each end of a connection, even where the other end lets nothing through
    #[arg(long)]
    pub(crate) legs: bool,
    /// The answer's form
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = DiffForm::Text)]
    pub(crate) form: DiffForm,
}

/// `--as` of `diff`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum DiffForm {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// A comment on a change, at most 60 kB
    Markdown,
}

/// What the sides of a comparison are read with.
#[derive(Args, Debug)]
pub(crate) struct Sides {
    /// Which target of a project, with its cluster's facts, which count for manifests on the other side, too; the first one if left out
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// `reach`
#[derive(Args, Debug)]
pub(crate) struct Reach {
    /// Only from these ends, in the language's words or as a workload's name
    #[arg(long, value_name = "ENDS")]
    pub(crate) from: Option<String>,
    /// Only to these ends, or to a service of the inventory, which has its own ports; without `--from`, destinations come first
    #[arg(long, value_name = "ENDS")]
    pub(crate) to: Option<String>,
    /// Only on these ports; `NAMESPACE/service/NAME` are those that a service of the inventory leads to
    #[arg(long, value_name = "PORTS")]
    pub(crate) ports: Option<String>,
    /// Also ask about pods that could exist: one for each selector of the policies, and one without labels in each namespace
    #[arg(long)]
    pub(crate) exposure: bool,
    /// In which form
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = As::Text)]
    pub(crate) form: As,
    #[command(flatten)]
    pub(crate) about: About,
}

/// `--as` of `reach`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum As {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One line for each pair of ends
    Csv,
    /// A table
    Markdown,
    /// For Graphviz
    Dot,
    /// For Mermaid
    Mermaid,
    /// A picture
    Svg,
}

/// `fmt`
#[derive(Args, Debug)]
pub(crate) struct Fmt {
    /// Files and folders; `-` is standard input; if left out, the sources of the nearest project
    pub(crate) paths: Vec<PathBuf>,
    /// Compare instead of writing: exit 1 and a diff if a file is not laid out
    #[arg(long)]
    pub(crate) check: bool,
}

/// `owners`
#[derive(Args, Debug)]
pub(crate) struct Owners {
    /// Files of the repository, which need not be there; a folder is answered as a new file in it
    #[arg(value_name = "PATH", required_unless_present = "changed")]
    pub(crate) paths: Vec<PathBuf>,
    /// Who must agree to what changed since this revision, and why: files, objects, and whose pods are concerned
    #[arg(long, value_name = "REVISION", conflicts_with = "paths")]
    pub(crate) changed: Option<String>,
    /// The project's folder; if left out, the nearest one from here upward with a vauban.toml
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
}

/// `explain`
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Its name, as it stands in the brackets of `error[…]`
    #[arg(value_name = "DIAGNOSTIC")]
    pub(crate) name: Option<String>,
}

/// `dump`
#[derive(Args, Debug)]
pub(crate) struct Dump {
    /// The project's folder; if left out, the nearest one from here upward with a vauban.toml
    pub(crate) project: Option<PathBuf>,
    /// Which station
    #[arg(long, value_enum)]
    pub(crate) stage: Stage,
    /// Of which target; the first one if left out
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// The program that these manifests are, a file or a folder, as the target reads them; instead of the project's
    #[arg(long, value_name = "PATH")]
    pub(crate) manifests: Option<PathBuf>,
}

/// `--stage`
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Stage {
    /// The tree of every file
    Ast,
    /// The resolved program
    Model,
    /// The manifests
    Objects,
}

fn cni(text: &str) -> Result<CniChoice, String> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let target = Target::ALL
        .into_iter()
        .find(|target| target.word() == name)
        .ok_or("it is one of kubernetes, calico, cilium")?;
    let (major, minors) = support::versions(target);
    let version = version
        .map(|version| {
            let known = minors
                .clone()
                .find(|minor| format!("{major}.{minor}") == version);
            known.map(|minor| (major, minor)).ok_or_else(|| {
                format!(
                    "the versions of {name} are {major}.{} to {major}.{}",
                    minors.start(),
                    minors.end()
                )
            })
        })
        .transpose()?;
    Ok(CniChoice { target, version })
}

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text, format_description!("[year]-[month]-[day]"))
        .map_err(|_| "write a date as 2026-11-24".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_cni_has_a_version_or_not() {
        assert_eq!(
            cni("calico@3.30"),
            Ok(CniChoice {
                target: Target::Calico,
                version: Some((3, 30)),
            })
        );
        assert!(cni("cilium").is_ok_and(|cni| cni.version.is_none()));
        for wrong in ["antrea", "calico@3", "calico@3.28", "cilium@1.x", "calico@"] {
            assert!(cni(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn dates_are_dates() {
        assert!(date("2026-11-24").is_ok());
        for wrong in ["2026-02-30", "24.11.2026", "2026-11-24T00:00", ""] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
