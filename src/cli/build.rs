//! `vauban build`

use std::fs::{File, TryLockError};

use super::args::{Build, Shared};
use super::check::{exit, proving, say_proved};
use super::console::Console;
use super::output::{Changes, Found, Obstacle, Place, Tree, swap_all};
use super::project::{self, Built, Project};
use super::repository::{self, OwnersFile, Repository};
use super::{Exit, Failure, Outcome, Stop};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// How many files one finding lists.
const LISTED: usize = 10;

/// Writes the trees of all targets, or of those that are named; or compares them.
pub(crate) fn build(command: &Build, shared: &Shared, console: &Console) -> Outcome {
    let project = Project::open(command.project.as_deref())?;
    if project.config.targets.is_empty() {
        return Err(Failure::new(format!("`{}` has no `[[target]]`", project::FILE)).into());
    }
    let _lock = (!command.check).then(|| lock(&project)).transpose()?;
    let mut built = {
        let _progress = console.progress("compiling");
        project.compile(&command.targets, shared.day(), proving(command.no_proof))?
    };
    let places: Vec<Place> = built
        .targets
        .iter()
        .map(|target| Place::new(&project.root, &target.out.value))
        .collect();
    if !command.check {
        for place in &places {
            place
                .recover()
                .map_err(|error| failed("mended", place, &error))?;
        }
    }
    let found = if exit(&built) == Exit::Fine {
        inspect(&mut built, &places)?
    } else {
        None
    };
    let prefix = project.prefix();
    let report = |built: &Built| {
        let compilation = &built.compilation;
        console.report(&compilation.sources, &prefix, &compilation.diagnostics)
    };
    let owners = match &found {
        Some(_) => owners(&project, &mut built)?,
        None => None,
    };
    let Some(found) = found.filter(|_| exit(&built) == Exit::Fine) else {
        report(&built)?;
        return Ok(exit(&built));
    };
    let trees = trees(&project, &mut built);
    let changes = changes(&places, &found, &trees)?;
    if command.check {
        let mut stale = stale(&built, &places, &changes);
        stale.extend(stale_owners(&project, &built, owners.as_ref()));
        if console.is_text() {
            let of_owners = owners.as_ref().map(OwnersFile::diff).unwrap_or_default();
            console.print(&(diff(&places, &changes, &trees)? + &of_owners))?;
            if stale.is_empty() {
                console.say("up to date");
            }
        }
        built.compilation.diagnostics.extend(stale);
        report(&built)?;
        return Ok(exit(&built));
    }
    {
        let _progress = console.progress("writing");
        write(&places, &changes, &trees, owners.as_ref())?;
    }
    report(&built)?;
    if console.is_text() {
        say_proved(&built, console);
        for ((place, changes), tree) in places.iter().zip(&changes).zip(&trees) {
            console.say(&told(place, changes, tree));
        }
        if let Some(file) = &owners {
            let what = match (file.is_up_to_date(), file.exists()) {
                (true, _) => "up to date",
                (false, true) => "changed",
                (false, false) => "added",
            };
            console.say(&format!("{}: {what}", file.shown));
        }
    }
    // The process ends here: to take its memory back at once costs nothing, to give back millions of pieces costs a tenth of a second.
    std::mem::forget((built, trees));
    Ok(Exit::Fine)
}

/// Keeps two builds of one project from meeting. A disk that has no locks is not a reason to stop.
fn lock(project: &Project) -> Result<Option<File>, Stop> {
    let path = project.root.join(project::FILE);
    let file = File::open(&path).map_err(|error| Failure::of(&path.to_string_lossy(), &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::new("another build of this project is running").into())
        }
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn failed(what: &str, place: &Place, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` cannot be {what}: {error}", place.shown()))
}

/// What stands in the trees' places; `None` if one must not be touched, which then is among the diagnostics.
fn inspect(built: &mut Built, places: &[Place]) -> Result<Option<Vec<Found>>, Stop> {
    let mut all = Vec::new();
    let mut obstacles = Vec::new();
    for (place, target) in places.iter().zip(&built.targets) {
        match place
            .inspect()
            .map_err(|error| failed("read", place, &error))?
        {
            Ok(found) => all.push(found),
            Err(found) => {
                let span = Span {
                    file: built.toml,
                    ..target.out.span
                };
                obstacles.extend(
                    said(found, place)
                        .into_iter()
                        .map(|d| d.at(span, "").on_target(&target.input.spec.name)),
                );
            }
        }
    }
    if obstacles.is_empty() {
        return Ok(Some(all));
    }
    built.compilation.diagnostics.extend(obstacles);
    Ok(None)
}

/// Obstacles as people are told of them: files of one kind together.
fn said(obstacles: Vec<Obstacle>, place: &Place) -> Vec<Diagnostic> {
    let out = place.shown();
    let mut unlisted = Vec::new();
    let mut said = Vec::new();
    for obstacle in obstacles {
        said.push(match obstacle {
            Obstacle::Unlisted(path) => {
                unlisted.push(path);
                continue;
            }
            Obstacle::Link(path) => {
                Diagnostic::error("linked-output", format!("`{path}` is a symbolic link"))
                    .because("following it could change files that are not ours")
                    .help("put a folder in its place")
            }
            Obstacle::NotAFolder(path) => {
                Diagnostic::error("unlisted-file", format!("`{path}` is not a folder"))
                    .help("move it away")
            }
            Obstacle::CorruptIndex(why) => Diagnostic::error(
                "corrupt-index",
                format!("`{out}/index.json` cannot be understood"),
            )
            .because(why)
            .help(format!(
                "restore it, or delete the folder `{out}` and build again"
            )),
        });
    }
    if !unlisted.is_empty() {
        let count = unlisted.len();
        let mut diagnostic = Diagnostic::error(
            "unlisted-file",
            if count == 1 {
                format!("`{}` was not written by a build", unlisted[0])
            } else {
                format!("{count} files in `{out}` were not written by a build")
            },
        );
        if count > 1 {
            diagnostic = diagnostic.because(some(&unlisted));
        }
        said.push(
            diagnostic
                .because("nothing is written, since a build would delete them")
                .help("move them out of the folder"),
        );
    }
    said
}

fn trees(project: &Project, built: &mut Built) -> Vec<Tree> {
    let prefix = project.prefix();
    let mut targets = std::mem::take(&mut built.compilation.targets);
    let trees = targets
        .iter_mut()
        .map(|target| Tree::of(&project.name, &prefix, &built.compilation, target))
        .collect();
    built.compilation.targets = targets;
    trees
}

fn changes(places: &[Place], found: &[Found], trees: &[Tree]) -> Result<Vec<Changes>, Stop> {
    places
        .iter()
        .zip(found)
        .zip(trees)
        .map(|((place, found), tree)| {
            place
                .compare(found, tree)
                .map_err(|error| failed("read", place, &error).into())
        })
        .collect()
}

fn diff(places: &[Place], changes: &[Changes], trees: &[Tree]) -> Result<String, Stop> {
    let mut text = String::new();
    for ((place, changes), tree) in places.iter().zip(changes).zip(trees) {
        text += &place
            .diff(changes, tree)
            .map_err(|error| failed("read", place, &error))?;
    }
    Ok(text)
}

/// What is to become of CODEOWNERS, if the project asks for one; what there is to say of it goes among the diagnostics.
pub(crate) fn owners(project: &Project, built: &mut Built) -> Result<Option<OwnersFile>, Stop> {
    let repository = Repository::around(&project.root);
    let Some(plan) = repository::plan(project, built, &repository)? else {
        return Ok(None);
    };
    built.compilation.diagnostics.extend(plan.diagnostics);
    Ok(plan.file)
}

/// What `build --check` says of a CODEOWNERS that is not as it should be.
fn stale_owners(
    project: &Project,
    built: &Built,
    owners: Option<&OwnersFile>,
) -> Option<Diagnostic> {
    let file = owners.filter(|file| !file.is_up_to_date())?;
    let config = project.config.codeowners.as_ref()?;
    let span = Span {
        file: built.toml,
        ..config.span
    };
    let what = if file.exists() {
        "different"
    } else {
        "missing"
    };
    Some(
        Diagnostic::error(
            "stale-output",
            format!("`{}` is not what the sources say", file.shown),
        )
        .at(span, what)
        .help("run `vauban build`"),
    )
}

/// Stages all trees that change, and CODEOWNERS, then swaps them.
fn write(
    places: &[Place],
    changes: &[Changes],
    trees: &[Tree],
    owners: Option<&OwnersFile>,
) -> Result<(), Stop> {
    if let Some(file) = owners.filter(|file| file.is_up_to_date()) {
        // What a build that died may have left beside it.
        file.discard();
    }
    let owners = owners.filter(|file| !file.is_up_to_date());
    let mut staged: Vec<&Place> = Vec::new();
    for ((place, changes), tree) in places.iter().zip(changes).zip(trees) {
        if changes.is_empty() {
            continue;
        }
        if let Err(error) = place.stage(tree) {
            for place in &staged {
                place.discard();
            }
            return Err(failed("written", place, &error).into());
        }
        staged.push(place);
    }
    if let Some(file) = owners
        && let Err(error) = file.stage()
    {
        for place in &staged {
            place.discard();
        }
        return Err(Failure::of(&format!("`{}` cannot be written", file.shown), &error).into());
    }
    let swapped = swap_all(&staged, || owners.map_or(Ok(()), OwnersFile::commit));
    swapped.map_err(|error| {
        if let Some(file) = owners {
            file.discard();
        }
        Failure::new(format!("the new trees cannot be put in place: {error}")).into()
    })
}

fn told(place: &Place, changes: &Changes, tree: &Tree) -> String {
    let out = place.shown();
    if changes.is_empty() {
        return format!("{out}: up to date, {} files", tree.len());
    }
    let counts = [
        (changes.added.len(), "added"),
        (changes.changed.len(), "changed"),
        (changes.removed.len(), "removed"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!("{out}: {}, {} files", counts.join(", "), tree.len())
}

/// What `build --check` says of the trees that are not as they should be.
fn stale(built: &Built, places: &[Place], changes: &[Changes]) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    for ((place, changes), target) in places.iter().zip(changes).zip(&built.targets) {
        if changes.is_empty() {
            continue;
        }
        let span = Span {
            file: built.toml,
            ..target.out.span
        };
        let mut diagnostic = Diagnostic::error(
            "stale-output",
            format!("`{}` is not what the sources say", place.shown()),
        )
        .at(span, "")
        .on_target(&target.input.spec.name);
        for (paths, what) in [
            (&changes.added, "missing"),
            (&changes.changed, "different"),
            (&changes.removed, "no longer made"),
        ] {
            if !paths.is_empty() {
                diagnostic = diagnostic.because(format!("{what}: {}", some(paths)));
            }
        }
        said.push(diagnostic.help("run `vauban build`"));
    }
    said
}

/// The first few of the paths, and how many more there are.
fn some(paths: &[String]) -> String {
    let shown: Vec<String> = paths
        .iter()
        .take(LISTED)
        .map(|path| format!("`{path}`"))
        .collect();
    match paths.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
