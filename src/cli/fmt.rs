//! `vauban fmt`

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::args::Fmt;
use super::console::Console;
use super::disk;
use super::project::Project;
use super::{Exit, Failure, Outcome, Stop, patch};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Sources};
use crate::{format, syntax};

/// Lays out files, folders or standard input; or compares.
pub(crate) fn fmt(command: &Fmt, console: &Console) -> Outcome {
    if command.paths.iter().any(|path| path.as_os_str() == "-") {
        if command.paths.len() > 1 {
            return Err(Failure::new("`-` stands alone").into());
        }
        return standard_input(command, console);
    }
    let files = if command.paths.is_empty() {
        let project = Project::open(None)?;
        found(&[project.root.join(&*project.config.sources.value)])?
    } else {
        found(&command.paths)?
    };
    let mut sources = Sources::default();
    let mut diagnostics = Diagnostics::default();
    let mut stale = Vec::new();
    let mut diff = String::new();
    for path in &files {
        let shown = path.to_string_lossy().replace('\\', "/");
        let text = disk::read_text(path)
            .map_err(|why| Failure::new(format!("`{shown}` cannot be read: {why}")))?;
        let id = sources.add(shown.as_str(), text);
        let source = sources.get(id);
        let Some(laid_out) = laid_out(source, &mut diagnostics) else {
            continue;
        };
        if *laid_out != *source.text {
            if command.check {
                diff += &patch(&shown, Some(&source.text), Some(&laid_out));
            } else {
                replace(path, &laid_out).map_err(|error| {
                    Failure::new(format!("`{shown}` cannot be written: {error}"))
                })?;
            }
            stale.push(shown);
        }
    }
    let broken = diagnostics.has_errors();
    report(console, &sources, diagnostics)?;
    if console.is_text() {
        console.print(&diff)?;
    }
    let (count, plural) = (stale.len(), if stale.len() == 1 { "" } else { "s" });
    if command.check && count > 0 {
        console.say(&format!(
            "{count} file{plural} not laid out: {}",
            stale.join(", ")
        ));
    } else if count > 0 && console.is_text() {
        console.say(&format!("laid out {count} file{plural}"));
    }
    Ok(if broken || (command.check && count > 0) {
        Exit::Findings
    } else {
        Exit::Fine
    })
}

fn standard_input(command: &Fmt, console: &Console) -> Outcome {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::of("standard input", &error))?;
    let text = disk::text(bytes)
        .map_err(|why| Failure::new(format!("standard input cannot be read: {why}")))?;
    let mut sources = Sources::default();
    let id = sources.add("<stdin>", text);
    let source = sources.get(id);
    let mut diagnostics = Diagnostics::default();
    let laid_out = laid_out(source, &mut diagnostics);
    let Some(laid_out) = laid_out else {
        report(console, &sources, diagnostics)?;
        return Ok(Exit::Findings);
    };
    if !command.check {
        console.print(&laid_out)?;
        return Ok(Exit::Fine);
    }
    if *laid_out == *source.text {
        return Ok(Exit::Fine);
    }
    console.print(&patch("<stdin>", Some(&source.text), Some(&laid_out)))?;
    Ok(Exit::Findings)
}

/// The text as it should be; `None` if it cannot be read, which then is among the diagnostics.
fn laid_out(source: &Source, diagnostics: &mut Diagnostics) -> Option<String> {
    let mut found = Diagnostics::default();
    let parsed = syntax::parse(source, &mut found);
    let broken = parsed.broken || found.has_errors();
    diagnostics.extend(found);
    (!broken).then(|| format::format(&parsed, source))
}

fn report(console: &Console, sources: &Sources, diagnostics: Diagnostics) -> Result<(), Stop> {
    let diagnostics: Vec<Diagnostic> = diagnostics.into_sorted();
    console.report(sources, "", &diagnostics)
}

/// The `.vau` files among and below the paths, sorted, each once. What is named is taken as it is; below a folder, links and names
/// that begin with a dot are left alone.
fn found(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            below(path, &mut files)
                .map_err(|error| Failure::of(&path.to_string_lossy(), &error))?;
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn below(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type()?;
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && name.ends_with(".vau") {
                files.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Replaces a file at once: whoever reads it sees the old text or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    fs::set_permissions(file.path(), fs::metadata(&path)?.permissions())?;
    file.persist(&path)?;
    Ok(())
}
