//! The project's files on a disk.
//!
//! Takes: the project's folder and its source folder. Gives: a [`World`] that never reads outside of the project, and nothing that is
//! not a regular file of a sensible size. Folders and files whose names begin with a dot are not looked at.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::source::{World, WorldError};

/// No source or manifest that people write is larger, in bytes.
const LARGEST: u64 = 16 << 20;

/// The sources of a project.
#[derive(Debug)]
pub(crate) struct DiskWorld {
    /// The project's folder, without symbolic links.
    root: PathBuf,
    /// The source folder, without symbolic links.
    sources: PathBuf,
    /// What was found, by path relative to the source folder; or why it cannot be read.
    files: BTreeMap<String, Result<PathBuf, WorldError>>,
}

impl DiskWorld {
    /// Finds all sources. `root` must be canonical.
    ///
    /// # Errors
    /// If the source folder cannot be read, or lies outside the project.
    pub(crate) fn scan(root: &Path, sources: &str) -> Result<DiskWorld, WorldError> {
        let sources = root
            .join(sources)
            .canonicalize()
            .map_err(|error| unreadable(&error))?;
        if !sources.starts_with(root) {
            return Err(WorldError::OutsideProject);
        }
        let mut world = DiskWorld {
            root: root.to_owned(),
            sources: sources.clone(),
            files: BTreeMap::new(),
        };
        let entries = fs::read_dir(&sources).map_err(|error| unreadable(&error))?;
        let mut folders = vec![(String::new(), entries)];
        while let Some((prefix, entries)) = folders.pop() {
            for entry in entries {
                match entry {
                    Ok(entry) => world.entry(&prefix, &entry, &mut folders),
                    Err(error) => {
                        world.files.insert(prefix.clone(), Err(unreadable(&error)));
                    }
                }
            }
        }
        Ok(world)
    }

    fn entry(
        &mut self,
        prefix: &str,
        entry: &fs::DirEntry,
        folders: &mut Vec<(String, fs::ReadDir)>,
    ) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            return;
        }
        let path = format!("{prefix}{name}");
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => {
                self.files.insert(path, Err(unreadable(&error)));
                return;
            }
        };
        if kind.is_dir() {
            match fs::read_dir(entry.path()) {
                Ok(entries) => folders.push((format!("{path}/"), entries)),
                Err(error) => {
                    self.files.insert(path, Err(unreadable(&error)));
                }
            }
        } else if kind.is_symlink() {
            let found = self.inside(&entry.path());
            // A linked folder is said to be one instead of being left out without a word.
            let matters = match &found {
                Ok(real) if real.is_dir() => true,
                _ => path.ends_with(".vau"),
            };
            if matters {
                let found = found.and_then(|real| {
                    if real.is_dir() {
                        Err(WorldError::Unreadable(
                            "a symbolic link to a folder".to_owned(),
                        ))
                    } else {
                        Ok(real)
                    }
                });
                self.files.insert(path, found);
            }
        } else if path.ends_with(".vau") {
            self.files.insert(path, Ok(entry.path()));
        }
    }

    /// The path without symbolic links, if it then still lies in the project.
    fn inside(&self, path: &Path) -> Result<PathBuf, WorldError> {
        let real = path.canonicalize().map_err(|error| unreadable(&error))?;
        if real.starts_with(&self.root) {
            Ok(real)
        } else {
            Err(WorldError::OutsideProject)
        }
    }
}

impl World for DiskWorld {
    fn sources(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn read(&self, path: &str) -> Result<String, WorldError> {
        if let Some(found) = self.files.get(path) {
            return read_text(&found.clone()?);
        }
        // Whether `..` leads out of the project is seen where it leads to.
        if path.starts_with('/') || path.contains(['\\', '\0']) {
            return Err(WorldError::OutsideProject);
        }
        read_text(&self.inside(&self.sources.join(path))?)
    }
}

/// The text of a regular file.
///
/// # Errors
/// If it is none, is too large, or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, WorldError> {
    // Opening a pipe would wait for somebody to write to it.
    let data = fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !data.is_file() {
        return Err(WorldError::Unreadable("not a file".to_owned()));
    }
    let too_large = || WorldError::Unreadable(format!("larger than {} MiB", LARGEST >> 20));
    if data.len() > LARGEST {
        return Err(too_large());
    }
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::with_capacity(data.len() as usize + 1);
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large());
    }
    text(bytes)
}

/// Bytes as text.
///
/// # Errors
/// If they are not UTF-8.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, WorldError> {
    String::from_utf8(bytes).map_err(|error| WorldError::NotUtf8(error.utf8_error().valid_up_to()))
}

fn unreadable(error: &io::Error) -> WorldError {
    match error.kind() {
        io::ErrorKind::NotFound => WorldError::NotFound,
        _ => WorldError::Unreadable(error.to_string()),
    }
}
