//! The command line: the only folder that prints, reads the disk and knows the clock.
//!
//! Takes: arguments. Gives: an exit code: 0 fine, 1 findings, 2 the tool or its input could not be used. Each command is a file.

mod args;
mod build;
mod can;
mod check;
mod compare;
mod config;
mod console;
mod decide;
mod diff;
mod disk;
mod dump;
mod explain;
mod fmt;
mod index;
mod init;
mod lint;
mod manifests;
mod output;
mod owners;
mod project;
mod question;
mod reach;
mod repository;
mod revision;
mod show;
mod side;
mod sides;
mod test;

use std::ffi::OsString;
use std::io;

use clap::{CommandFactory, Parser};
use similar::TextDiff;

use crate::analyze::Claim;
use crate::diagnostic::Diagnostic;
use crate::source::Sources;
use args::{Arguments, Command, FormatChoice};
use console::Console;
use lint::Which;

/// What a command comes to.
type Outcome = Result<Exit, Stop>;

/// What the shell is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Exit {
    /// Nothing but warnings.
    Fine,
    /// Errors in the sources, or a tree or a layout that is not up to date.
    Findings,
    /// The tool or its input could not be used.
    Unusable,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Findings => 1,
            Exit::Unusable => 2,
        }
    }
}

/// Why a command could not do its work; exit code 2.
#[derive(Debug)]
enum Stop {
    /// In one sentence.
    Failure(Failure),
    /// Files of which the command needs all have faults.
    Faults {
        /// The files.
        sources: Sources,
        /// What comes before their paths when they are shown.
        prefix: String,
        /// The faults.
        diagnostics: Vec<Diagnostic>,
    },
}

/// What the disk, or the one who called, did not let us do.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Failure(message.into())
    }

    /// The failure of an operation on a file or folder.
    fn of(what: &str, error: &io::Error) -> Self {
        Failure(format!("{what}: {error}"))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failure(failure)
    }
}

/// Runs the tool. The first argument is its name. Gives the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to be told if this cannot be printed.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(Exit::Unusable.code());
        }
    };
    let console = Console::new(&arguments.shared);
    if arguments.shared.format == FormatChoice::Junit
        && !matches!(arguments.command, Command::Test(_))
    {
        console.say("error: `--format junit` is of `vauban test` only");
        return Exit::Unusable.code();
    }
    let outcome = match &arguments.command {
        Command::Init(command) => init::init(command, &console),
        Command::Check(command) => check::check(command, &arguments.shared, &console),
        Command::Build(command) => build::build(command, &arguments.shared, &console),
        Command::Test(command) => test::test(command, &arguments.shared, &console),
        Command::Can(command) => can::can(command, &arguments.shared, &console),
        Command::Decide(command) => decide::decide(command, &arguments.shared, &console),
        Command::Show(command) => show::show(command, &arguments.shared, &console),
        Command::Equal(command) => {
            compare::compare(command, Claim::Equal, &arguments.shared, &console)
        }
        Command::Implies(command) => {
            compare::compare(command, Claim::Implies, &arguments.shared, &console)
        }
        Command::Diff(command) => diff::diff(command, &arguments.shared, &console),
        Command::Lint(command) => lint::lint(command, Which::All, &arguments.shared, &console),
        Command::Shadowed(command) => {
            lint::lint(command, Which::Shadowed, &arguments.shared, &console)
        }
        Command::Conflicts(command) => {
            lint::lint(command, Which::Conflicts, &arguments.shared, &console)
        }
        Command::Reach(command) => reach::reach(command, &arguments.shared, &console),
        Command::Fmt(command) => fmt::fmt(command, &console),
        Command::Owners(command) => owners::owners(command, &arguments.shared, &console),
        Command::Explain(command) => explain::explain(command, &console),
        Command::Dump(command) => dump::dump(command, &arguments.shared, &console),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "vauban", &mut script);
            console
                .print(&String::from_utf8_lossy(&script))
                .map(|()| Exit::Fine)
        }
    };
    let exit = match outcome {
        Ok(exit) => exit,
        Err(Stop::Failure(Failure(message))) => {
            console.say(&format!("error: {message}"));
            Exit::Unusable
        }
        Err(Stop::Faults {
            sources,
            prefix,
            diagnostics,
        }) => match console.report(&sources, &prefix, &diagnostics) {
            Ok(()) => Exit::Unusable,
            Err(_) => Exit::Unusable,
        },
    };
    exit.code()
}

/// One file's part of a patch, in the unified form; a side that is `None` does not exist.
fn patch(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    let side = |letter: char, text: Option<&str>| match text {
        Some(_) => format!("{letter}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let (before, after) = (side('a', old), side('b', new));
    TextDiff::configure()
        .timeout(std::time::Duration::from_secs(1))
        .diff_lines(old.unwrap_or_default(), new.unwrap_or_default())
        .unified_diff()
        .header(&before, &after)
        .to_string()
}
