//! `--manifests DIR`: manifests on a disk.
//!
//! Takes: a file or a folder, as people name it. Gives: the objects in it. In a folder, every `.yaml`, `.yml` and `.json` is read, its folders too; what
//! begins with a dot is not looked at; a symbolic link is followed to a file inside of the folder only. Sizes and numbers are bounded, so that `--manifests /`
//! ends in an error, not in a machine without memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use super::disk::read_text;
use crate::backend::read::document::Document;
use crate::backend::read::files;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Sources, Span, WorldError};

/// How many files one folder may have.
const MOST_FILES: usize = 100_000;

/// How large all files together may be, in bytes.
const LARGEST: usize = 1 << 30;

/// How deep folders may nest.
const DEEPEST: usize = 64;

/// A file by the path that people are shown, or why it cannot be read.
pub(crate) type Found = (String, Result<String, WorldError>);

/// The objects of files. A file that cannot be read is reported, as is what stands in the others.
pub(crate) fn load(
    found: Vec<Found>,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Vec<Document> {
    let mut readable: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for (path, text) in found {
        match text {
            Ok(text) => readable.push((path.into(), text.into())),
            Err(why) => {
                let message = format!("`{path}` cannot be read: {why}");
                let file = sources.add(path, "");
                diagnostics.push(
                    Diagnostic::error("unreadable-manifest", message).at(Span::new(file, 0, 0), ""),
                );
            }
        }
    }
    files::load(readable, sources, diagnostics)
}

/// The files of files and folders, as they were named.
///
/// # Errors
/// If one is not there, or has too much in it.
pub(crate) fn find_all(given: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let mut all = Vec::new();
    for path in given {
        all.extend(find(path)?);
    }
    Ok(all)
}

/// That not more files, or larger ones, are read than one machine can hold.
///
/// # Errors
/// If they are.
pub(super) fn bounded(shown: &str, files: usize, bytes: usize) -> Result<(), Failure> {
    if files <= MOST_FILES && bytes <= LARGEST {
        return Ok(());
    }
    let most = LARGEST >> 20;
    Err(Failure::new(format!(
        "`{shown}` has more than {MOST_FILES} manifests or {most} MiB of them"
    )))
}

/// The files, by path as people would write it, sorted.
fn find(given: &Path) -> Result<Vec<Found>, Failure> {
    let shown = given.display().to_string().replace('\\', "/");
    let kind = fs::metadata(given).map_err(|error| Failure::of(&shown, &error))?;
    if !kind.is_dir() {
        return Ok(vec![(shown, read_text(given))]);
    }
    let root = given
        .canonicalize()
        .map_err(|error| Failure::of(&shown, &error))?;
    let mut walk = Walk {
        shown: &shown,
        root: &root,
        found: Vec::new(),
        size: 0,
    };
    walk.folder(&root, shown.trim_end_matches('/'), 0)?;
    walk.found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(walk.found)
}

struct Walk<'a> {
    /// The folder, as people named it.
    shown: &'a str,
    /// The same, without symbolic links.
    root: &'a Path,
    found: Vec<Found>,
    /// What the files have together, in bytes.
    size: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, shown: &str, depth: usize) -> Result<(), Failure> {
        if depth > DEEPEST {
            let why = format!("`{shown}` lies more than {DEEPEST} folders deep");
            return Err(Failure::new(why));
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(Failure::of(shown, &error)),
            Err(error) => {
                self.add(shown, Err(WorldError::Unreadable(error.to_string())))?;
                return Ok(());
            }
        };
        for entry in entries {
            let entry = entry.map_err(|error| Failure::of(shown, &error))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{shown}/{name}");
            let kind = entry
                .file_type()
                .map_err(|error| Failure::of(&path, &error))?;
            if kind.is_dir() {
                self.folder(&entry.path(), &path, depth + 1)?;
            } else if kind.is_symlink() {
                // A linked folder is said to be one instead of being left out without a word.
                if fs::metadata(entry.path()).is_ok_and(|data| data.is_dir()) {
                    let why = "a symbolic link to a folder".to_owned();
                    self.add(&path, Err(WorldError::Unreadable(why)))?;
                } else if is_manifest(&name) {
                    let text = self.linked(&entry.path());
                    self.add(&path, text)?;
                }
            } else if is_manifest(&name) {
                self.add(&path, read_text(&entry.path()))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, text: Result<String, WorldError>) -> Result<(), Failure> {
        self.size += text.as_ref().map_or(0, String::len);
        self.found.push((path.to_owned(), text));
        bounded(self.shown, self.found.len(), self.size)
    }

    fn linked(&self, link: &Path) -> Result<String, WorldError> {
        let real = link
            .canonicalize()
            .map_err(|error| WorldError::Unreadable(error.to_string()))?;
        if !real.starts_with(self.root) {
            return Err(WorldError::Unreadable(format!(
                "a symbolic link out of `{}`",
                self.shown
            )));
        }
        read_text(&real)
    }
}

/// Whether a file of this name in a folder is read.
pub(super) fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(folder: &Path) -> Vec<(String, Result<String, String>)> {
        let found = find(folder).expect("a folder");
        let prefix = folder.display().to_string();
        found
            .into_iter()
            .map(|(path, text)| {
                let path = path.strip_prefix(&prefix).expect("inside").to_owned();
                (path, text.map_err(|why| why.to_string()))
            })
            .collect()
    }

    #[test]
    fn a_folder_is_read_and_nothing_beside_it() {
        let outside = tempfile::tempdir().expect("a folder");
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, bytes: &[u8]| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, bytes).expect("a file");
        };
        write("b.yaml", b"b: 1\n");
        write("a/c.yml", b"c: 1\n");
        write("a/d.json", b"{}");
        write("a/e.txt", b"no manifest");
        write(".git/f.yaml", b"f: 1\n");
        write("a/.g.yaml", b"g: 1\n");
        write("latin.yaml", b"\xe4: 1\n");
        fs::write(outside.path().join("secret.yaml"), "secret: 1\n").expect("a file");
        #[cfg(unix)]
        {
            let link = |from: &Path, to: &str| {
                std::os::unix::fs::symlink(from, folder.path().join(to)).expect("a link");
            };
            link(&folder.path().join("b.yaml"), "inside.yaml");
            link(&outside.path().join("secret.yaml"), "outside.yaml");
            link(Path::new("nothing.yaml"), "dangling.yaml");
            link(folder.path(), "again");
        }
        let found = shown(folder.path());
        let of = |path: &str| {
            let found = found.iter().find(|(known, _)| known == path);
            found.map(|(_, text)| text.as_deref().map_err(String::as_str))
        };
        assert_eq!(of("/b.yaml"), Some(Ok("b: 1\n")));
        assert_eq!(of("/a/c.yml"), Some(Ok("c: 1\n")));
        assert_eq!(of("/a/d.json"), Some(Ok("{}")));
        assert_eq!(of("/latin.yaml"), Some(Err("not UTF-8 at byte 0")));
        let mut paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        if cfg!(unix) {
            assert_eq!(of("/inside.yaml"), Some(Ok("b: 1\n")));
            let outside = of("/outside.yaml").and_then(Result::err);
            assert!(
                outside.is_some_and(|why| why.starts_with("a symbolic link out of")),
                "{found:?}"
            );
            assert!(matches!(of("/dangling.yaml"), Some(Err(_))));
            assert_eq!(of("/again"), Some(Err("a symbolic link to a folder")));
            let links = ["/again", "/dangling.yaml", "/inside.yaml", "/outside.yaml"];
            paths.retain(|path| !links.contains(path));
        }
        assert_eq!(paths, ["/a/c.yml", "/a/d.json", "/b.yaml", "/latin.yaml"]);
    }

    #[test]
    fn one_file_is_enough() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("policies");
        fs::write(&file, "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n").expect("a file");
        let mut sources = Sources::default();
        let mut diagnostics = Diagnostics::default();
        let found = find(&file).expect("a file");
        assert_eq!(load(found, &mut sources, &mut diagnostics).len(), 1);
        assert!(diagnostics.is_empty());
        assert!(find(&folder.path().join("none")).is_err());
    }
}
