//! `vauban show`

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use super::args::{About, Shared, Show};
use super::check::{exit, proving};
use super::console::Console;
use super::project::{Built, Project};
use super::sides::{self, Around, Made, Opened};
use super::{Exit, Failure, Outcome, Stop};
use crate::analyze::reach::Focus;
use crate::analyze::{Reach, Side};
use crate::diagnostic::{Diagnostic, nearest};
use crate::prove::Proved;
use crate::report::{self, Page, Picture};

/// More policies and workloads than these are not drawn: nobody could read it.
const DRAWN: usize = 1_000;

/// What helps where nothing is drawn.
const ASK: &str = "`vauban reach` answers for all of them, or with `--from` and `--to` for some";

/// No larger picture, and no longer text of it, is put into a page, in bytes.
const LARGEST: usize = 1 << 20;

/// Everything that the page is made of.
struct Seen {
    side: Side,
    proved: Option<Proved>,
    findings: Vec<Diagnostic>,
    reach: Option<Picture>,
}

/// Writes the page.
pub(crate) fn show(command: &Show, shared: &Shared, console: &Console) -> Outcome {
    let to_file = command.out.as_deref().filter(|out| *out != Path::new("-"));
    if command.out.is_none() && io::stdout().is_terminal() {
        let why = "the page is for a browser: name a file with `-o page.html`, or `-o -` for the terminal";
        return Err(Failure::new(why).into());
    }
    if let Some(file) = to_file {
        // Said before the work, and looked at again when the work is done.
        may_be_written(file)?;
    }
    let seen = {
        let _progress = console.progress("reading");
        match command.manifests.is_empty() {
            true => of_project(command, shared, console)?,
            false => Some(of_manifests(command, shared)?),
        }
    };
    let Some(seen) = seen else {
        return Ok(Exit::Findings);
    };
    if let Some(team) = &command.team {
        is_a_team(team, &seen.side)?;
    }
    let page = report::page(&Page {
        side: &seen.side,
        today: shared.day(),
        proved: seen.proved.as_ref(),
        findings: &seen.findings,
        reach: seen.reach,
        team: command.team.as_deref(),
    })
    .map_err(|error| Failure::new(format!("the page: {error:#}")))?;
    match to_file {
        None => console.print(&page)?,
        Some(file) => {
            may_be_written(file)?;
            replace(file, &page).map_err(|error| {
                Failure::of(&format!("`{}` cannot be written", file.display()), &error)
            })?;
            console.say(&format!(
                "{}: {}, {} policies",
                file.display(),
                seen.side.name,
                seen.side.program.policies.len()
            ));
        }
    }
    Ok(Exit::Fine)
}

/// A project as one of its targets has it; nothing if it has errors, which are then reported.
fn of_project(command: &Show, shared: &Shared, console: &Console) -> Result<Option<Seen>, Stop> {
    sides::without_manifests(&command.reading)?;
    let project = Project::open(command.project.as_deref())?;
    let all = &project.config.targets;
    let name = match &command.target {
        Some(name) => name.clone(),
        None => all
            .first()
            .map(|target| target.input.spec.name.to_string())
            .ok_or_else(|| Failure::new("`vauban.toml` has no `[[target]]`"))?,
    };
    let mut assumed = Vec::new();
    if command.target.is_none() && all.len() > 1 {
        let others: Vec<String> = all[1..]
            .iter()
            .map(|target| format!("`{}`", target.input.spec.name))
            .collect();
        assumed.push(format!(
            "the target is `{name}`, the first; the others are {}",
            others.join(", ")
        ));
    }
    let without = all
        .iter()
        .filter(|target| target.input.spec.name == *name)
        .flat_map(|target| &target.input.without);
    assumed.extend(without.map(|folder| format!("the target is `without` the folder `{folder}`")));
    let built = project.compile(&[name], shared.day(), proving(command.no_proof))?;
    let prefix = project.prefix();
    if exit(&built) != Exit::Fine {
        let compilation = &built.compilation;
        console.report(&compilation.sources, &prefix, &compilation.diagnostics)?;
        console.say("nothing was shown, since the project has errors");
        return Ok(None);
    }
    let reach = match (command.no_reach, &built.compilation.targets[0].program) {
        (true, _) | (_, None) => None,
        (_, Some(program)) if program.policies.len() > DRAWN => {
            Some(too_many(program.policies.len()))
        }
        // Of hand-written manifests it is known only there what they change.
        _ => Some(picture(&opened(command, shared, &project, &built)?)?),
    };
    let mut compilation = built.compilation;
    let target = compilation.targets.swap_remove(0);
    let program = target
        .program
        .ok_or_else(|| Failure::new("nothing could be compiled"))?;
    let name = format!("{} for {}", project.name, target.spec.name);
    let side = Side {
        prefix,
        assumed,
        ..Side::of_project(name, target.spec, program, compilation.sources)
    };
    Ok(Some(Seen {
        side,
        proved: target.proved,
        findings: compilation.diagnostics,
        reach,
    }))
}

/// What the picture is asked of: what was compiled for the page, unless the inventory has namespaces, which are not the page's.
fn opened(
    command: &Show,
    shared: &Shared,
    project: &Project,
    built: &Built,
) -> Result<Opened, Stop> {
    let around = Around::read(&command.reading, Vec::new(), None)?;
    if !around.beside.namespaces.is_empty() {
        return sides::open(&about(command), None, shared);
    }
    let made = Made {
        compilation: &built.compilation,
        target: 0,
        out: built.targets[0].out.value.to_string(),
        name: project.name.to_string(),
        prefix: project.prefix(),
    };
    around.around(made.side(shared.day(), Vec::new())?, None, None)
}

/// The options as those of a question.
fn about(command: &Show) -> About {
    About {
        project: command.project.clone(),
        target: command.target.clone(),
        manifests: command.manifests.clone(),
        reading: command.reading.clone(),
    }
}

fn too_many(ends: usize) -> Picture {
    Picture::LeftOut(format!(
        "{ends} policies and workloads are too many to be drawn: {ASK}."
    ))
}

/// Who reaches whom, unless that is more than a page can show.
fn picture(opened: &Opened) -> Result<Picture, Stop> {
    let side = &opened.side;
    let inventory = opened.inventory()?;
    let ends = side.program.policies.len() + inventory.workloads.len();
    if ends > DRAWN {
        return Ok(too_many(ends));
    }
    let reach = match Reach::of(side, &inventory, &Focus::default()) {
        Ok(reach) => reach,
        Err(many) => return Ok(Picture::LeftOut(many.to_string())),
    };
    let svg = match report::reach::svg(side, &reach) {
        Ok(svg) => svg,
        Err(full) => return Ok(Picture::LeftOut(full.to_string())),
    };
    let text = report::reach::text(side, &reach, false);
    if svg.len().max(text.len()) > LARGEST {
        return Ok(Picture::LeftOut(format!(
            "The picture has {} ends, which are too many for a page: {ASK}.",
            reach.places.len()
        )));
    }
    let known = reach.assumed.iter().chain(&inventory.assumed);
    let mut assumed: Vec<String> = known.cloned().collect();
    assumed.dedup();
    Ok(Picture::Drawn { svg, text, assumed })
}

/// What manifests decide.
fn of_manifests(command: &Show, shared: &Shared) -> Result<Seen, Stop> {
    let opened = sides::open(&about(command), None, shared)?;
    let reach = match command.no_reach {
        true => None,
        false => Some(picture(&opened)?),
    };
    Ok(Seen {
        side: opened.side,
        proved: None,
        findings: Vec::new(),
        reach,
    })
}

fn is_a_team(name: &str, side: &Side) -> Result<(), Failure> {
    let program = &side.program;
    let known = program.teams.iter().map(|team| team.name.as_str());
    let owning = program.policies.iter().map(|policy| policy.owner.as_str());
    let mut all: Vec<&str> = known.chain(owning).collect();
    all.sort_unstable();
    all.dedup();
    if all.contains(&name) {
        return Ok(());
    }
    let hint = match nearest(name, all.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", all.join(", ")),
    };
    Err(Failure::new(format!("there is no team `{name}`: {hint}")))
}

/// Nothing that is not a page of ours is written over.
fn may_be_written(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    let data = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::of(&format!("`{shown}`"), &error)),
        Ok(data) => data,
    };
    if !data.is_file() {
        return Err(Failure::new(format!("`{shown}` is not a file")));
    }
    let mut start = Vec::new();
    fs::File::open(file)
        .and_then(|file| file.take(report::MARK.len() as u64).read_to_end(&mut start))
        .map_err(|error| Failure::of(&format!("`{shown}`"), &error))?;
    if start == report::MARK.as_bytes() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{shown}` is there and is no page of `vauban show`: remove it, or name another file"
    )))
}

/// Puts a file in place at once: whoever opens it sees the old page or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    // A link stays a link.
    let real = match file.canonicalize() {
        Ok(real) => real,
        Err(_) => file.to_owned(),
    };
    let folder = match real.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut staged = tempfile::NamedTempFile::new_in(folder)?;
    staged.write_all(text.as_bytes())?;
    permit(staged.as_file(), &real)?;
    staged.persist(&real)?;
    Ok(())
}

/// A page is read by others: a temporary file is not.
#[cfg(unix)]
fn permit(staged: &fs::File, real: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let permissions = match fs::metadata(real) {
        Ok(data) => data.permissions(),
        Err(_) => fs::Permissions::from_mode(0o644),
    };
    staged.set_permissions(permissions)
}

#[cfg(not(unix))]
fn permit(_: &fs::File, _: &Path) -> io::Result<()> {
    Ok(())
}
