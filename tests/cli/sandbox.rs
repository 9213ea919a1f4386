//! A folder for one test, and the binary run in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A temporary folder; it goes away with the value.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

/// What a run came to.
pub(crate) struct Ran {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    /// Asserts the exit code; shows everything if it is another one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(
            self.code, code,
            "\n-- stdout --\n{}\n-- stderr --\n{}",
            self.out, self.err
        );
        self
    }

    /// Asserts that standard error has the text.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Ran {
        assert!(self.err.contains(text), "no `{text}` in:\n{}", self.err);
        self
    }
}

impl Sandbox {
    /// An empty folder.
    pub(crate) fn empty() -> Sandbox {
        Sandbox {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A folder with the project that `init` writes.
    pub(crate) fn project() -> Sandbox {
        let sandbox = Sandbox::empty();
        sandbox.run(&["init"]).exits(0);
        sandbox
    }

    /// Runs the tool here, on the day that all tests live in.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    /// The same, with standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vauban"))
            .args(arguments)
            .args(["--today", "2026-11-24"])
            .current_dir(self.folder.path())
            .env_remove("CLICOLOR_FORCE")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        child
            .stdin
            .take()
            .expect("it was asked for")
            .write_all(input)
            .expect("it is read");
        let output = child.wait_with_output().expect("it ends");
        Ran {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// A path here.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("a file")
    }

    /// Writes a file, with the folders on the way.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
    }

    /// Replaces a text in a file, which must be there.
    #[track_caller]
    pub(crate) fn replace(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "no `{old}` in {path}");
        self.write(path, text.replace(old, new));
    }

    /// All files below a folder with their bytes and dates of change, sorted.
    pub(crate) fn tree(&self, folder: &str) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
        let mut all = Vec::new();
        walk(&self.path(folder), &mut all);
        all.sort();
        all.into_iter()
            .map(|path| {
                let bytes = fs::read(&path).expect("a file");
                let changed = fs::metadata(&path)
                    .and_then(|data| data.modified())
                    .expect("a date");
                let name = path.strip_prefix(self.folder.path()).expect("below");
                (name.to_string_lossy().replace('\\', "/"), bytes, changed)
            })
            .collect()
    }

    /// The paths of all files below a folder, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        self.tree(folder)
            .into_iter()
            .map(|(path, _, _)| path)
            .collect()
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
