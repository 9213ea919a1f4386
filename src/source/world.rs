//! The door outward: how the compiler reads files without knowing a disk.

use std::collections::BTreeMap;
use std::fmt;

/// Why a file could not be had. `cli` turns these into exit code 2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WorldError {
    /// There is no such file.
    NotFound,
    /// It is not UTF-8; the offset of the first bad byte.
    NotUtf8(usize),
    /// It lies, perhaps through a symbolic link, outside the project.
    OutsideProject,
    /// Anything else, in the words of the system.
    Unreadable(String),
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorldError::NotFound => f.write_str("no such file"),
            WorldError::NotUtf8(at) => write!(f, "not UTF-8 at byte {at}"),
            WorldError::OutsideProject => f.write_str("lies outside the project"),
            WorldError::Unreadable(why) => f.write_str(why),
        }
    }
}

/// What a compilation may know of the outside: the files of one project, by relative path with forward slashes.
pub trait World {
    /// The paths of all `.vau` files under the project's source folder, relative to it, sorted.
    fn sources(&self) -> Vec<String>;

    /// The text of a file, by its path relative to the source folder; `../` may lead out of that folder, but not out of the project.
    ///
    /// # Errors
    /// If it does not exist, is not UTF-8, or lies outside the project.
    fn read(&self, path: &str) -> Result<String, WorldError>;
}

/// A world in memory, for tests, benches and tools.
#[derive(Clone, Debug, Default)]
pub struct MemoryWorld {
    /// The files, by path relative to the source folder.
    pub files: BTreeMap<String, String>,
}

impl World for MemoryWorld {
    fn sources(&self) -> Vec<String> {
        self.files
            .keys()
            .filter(|path| path.ends_with(".vau"))
            .cloned()
            .collect()
    }

    fn read(&self, path: &str) -> Result<String, WorldError> {
        self.files.get(path).cloned().ok_or(WorldError::NotFound)
    }
}
