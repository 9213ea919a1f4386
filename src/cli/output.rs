//! The tree of a target on the disk: compared, and replaced as a whole.
//!
//! Takes: the files that a tree should have. Gives: the same files on the disk and no others, or the tree that was there.
//!
//! # How it is replaced
//!
//! Beside `prod` the new tree is written as `.prod.vauban-new`. Only when those of all targets are complete, each `prod` is renamed to
//! `.prod.vauban-old` and `.prod.vauban-new` to `prod`; at last the old ones are deleted. If a rename fails, those before it are taken
//! back. A build that dies leaves for every target one of these, and the next build mends it before anything else ([`Place::recover`]):
//!
//! | there is | it died | mended by |
//! |---|---|---|
//! | `prod`, perhaps `-new` | while writing | deleting `-new` |
//! | `-old` and `-new`, no `prod` | between the two renames | renaming `-old` back: the old tree |
//! | `prod` and `-old` | before deleting | deleting `-old`: the new tree |
//!
//! Files are not forced to the platter one by one, which would take minutes for ten thousand of them. After a power cut a file may
//! be short; the next build compares bytes, not dates, and so writes it again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::index::{self, Index, IndexFile, IndexObject, IndexSource, IndexTarget};
use crate::backend::Object;
use crate::compile::{Compilation, Compiled};

/// The file that lists the objects for kustomize.
pub(crate) const KUSTOMIZATION: &str = "kustomization.yaml";

/// The files that a target's tree should have, by path relative to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// The tree of a target. `prefix` comes before the paths of sources.
    pub(crate) fn of(
        project: &str,
        prefix: &str,
        compilation: &Compilation,
        target: &mut Compiled,
    ) -> Tree {
        let objects = std::mem::take(&mut target.objects);
        let kustomization = kustomization(&objects);
        let (major, minor) = target.spec.version;
        let mut index = Index::new(
            project,
            IndexTarget {
                name: target.spec.name.to_string(),
                backend: target.spec.backend.word().to_owned(),
                version: format!("{major}.{minor}"),
            },
        );
        index.files = objects
            .par_iter()
            .map(|object| listed(object, prefix, compilation))
            .collect();
        index.files.push(IndexFile {
            path: KUSTOMIZATION.to_owned(),
            sha256: index::sha256(&kustomization),
            object: None,
            sources: Vec::new(),
        });
        index.files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut files: BTreeMap<String, String> = objects
            .into_iter()
            .map(|object| (path(&object), object.text))
            .collect();
        files.insert(KUSTOMIZATION.to_owned(), kustomization);
        files.insert(index::FILE.to_owned(), index.text());
        Tree { files }
    }

    /// How many files it has.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }
}

fn path(object: &Object) -> String {
    format!("{}/{}", object.folder, object.file)
}

fn listed(object: &Object, prefix: &str, compilation: &Compilation) -> IndexFile {
    let sources = object.sources.iter().map(|origin| {
        let source = compilation.sources.get(origin.span.file);
        let own = compilation.own.contains(&(origin.span.file.0 as usize));
        IndexSource {
            what: origin.what.to_string(),
            file: format!("{}{}", if own { prefix } else { "" }, source.path),
            line: source.line(origin.span.start),
        }
    });
    IndexFile {
        path: path(object),
        sha256: index::sha256(&object.text),
        object: Some(IndexObject {
            api: object.api_version.to_owned(),
            kind: object.kind.to_owned(),
            namespace: object.namespace.as_ref().map(ToString::to_string),
            name: object.name.to_string(),
        }),
        sources: sources.collect(),
    }
}

/// The objects in the order in which they are to be applied.
fn kustomization(objects: &[Object]) -> String {
    let mut order: Vec<(u8, String)> = objects
        .iter()
        .map(|object| (object.rank, path(object)))
        .collect();
    order.sort_unstable();
    let mut text = String::from(
        "# Written by vauban, with everything in this folder; edit the sources instead.\n\
         apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
    );
    if order.is_empty() {
        text.push_str("resources: []\n");
    } else {
        text.push_str("resources:\n");
        for (_, path) in &order {
            text.push_str(&format!("- {path}\n"));
        }
    }
    text.push_str("sortOptions:\n  order: fifo\n");
    text
}

/// The folder of a target's tree.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    root: PathBuf,
    out: String,
}

/// Why a tree that is there must not be touched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Obstacle {
    /// A file that no build has written.
    Unlisted(String),
    /// A symbolic link: the tree, a folder on the way to it, or something in it.
    Link(String),
    /// An index that cannot be understood, and why.
    CorruptIndex(String),
    /// The tree's place is taken by something that is no folder.
    NotAFolder(String),
}

/// How a tree differs from what it should be, by path relative to it, sorted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Changes {
    /// Files that are to be there and are not.
    pub(crate) added: Vec<String>,
    /// Files with another text.
    pub(crate) changed: Vec<String>,
    /// Files that are no longer made.
    pub(crate) removed: Vec<String>,
}

impl Changes {
    /// Whether the tree is as it should be.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// What stands in the tree's place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Found {
    files: BTreeSet<String>,
}

impl Place {
    /// The place of a tree: `out` is relative to the project's folder `root`, normalized and not empty.
    pub(crate) fn new(root: &Path, out: &str) -> Place {
        Place {
            root: root.to_owned(),
            out: out.to_owned(),
        }
    }

    /// Relative to the project.
    pub(crate) fn shown(&self) -> &str {
        &self.out
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.out)
    }

    fn beside(&self, what: &str) -> PathBuf {
        let folder = self.folder();
        let name = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        folder.with_file_name(format!(".{name}.vauban-{what}"))
    }

    /// Looks at what is there, without changing it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn inspect(&self) -> io::Result<Result<Found, Vec<Obstacle>>> {
        let mut way = self.root.clone();
        for part in self.out.split('/') {
            way.push(part);
            match fs::symlink_metadata(&way) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Ok(Found::default()));
                }
                Err(error) => return Err(error),
                Ok(data) if data.is_symlink() => {
                    return Ok(Err(vec![Obstacle::Link(self.relative(&way))]));
                }
                Ok(data) if !data.is_dir() => {
                    return Ok(Err(vec![Obstacle::NotAFolder(self.relative(&way))]));
                }
                Ok(_) => {}
            }
        }
        let mut obstacles = Vec::new();
        let mut files = BTreeSet::new();
        let mut folders = vec![String::new()];
        while let Some(prefix) = folders.pop() {
            for entry in fs::read_dir(self.folder().join(&prefix))? {
                let entry = entry?;
                let kind = entry.file_type()?;
                let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if kind.is_symlink() {
                    obstacles.push(Obstacle::Link(format!("{}/{path}", self.out)));
                } else if kind.is_dir() {
                    folders.push(format!("{path}/"));
                } else {
                    files.insert(path);
                }
            }
        }
        let listed = match fs::read(self.folder().join(index::FILE)) {
            Ok(text) => match Index::paths(&text) {
                Ok(paths) => Some(paths),
                Err(why) => {
                    obstacles.push(Obstacle::CorruptIndex(why));
                    None
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        if let Some(listed) = listed {
            let unlisted = files
                .iter()
                .filter(|file| *file != index::FILE && !listed.contains(*file))
                .map(|file| Obstacle::Unlisted(format!("{}/{file}", self.out)));
            obstacles.extend(unlisted);
        }
        if obstacles.is_empty() {
            return Ok(Ok(Found { files }));
        }
        obstacles.sort_by_key(|obstacle| match obstacle {
            Obstacle::CorruptIndex(_) => String::new(),
            Obstacle::Unlisted(path) | Obstacle::Link(path) | Obstacle::NotAFolder(path) => {
                path.clone()
            }
        });
        Ok(Err(obstacles))
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/")
    }

    /// How what was found differs from what should be there.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(crate) fn compare(&self, found: &Found, tree: &Tree) -> io::Result<Changes> {
        let folder = self.folder();
        let changed = tree
            .files
            .par_iter()
            .filter(|(path, _)| found.files.contains(*path))
            .map(|(path, text)| {
                let old = fs::read(folder.join(path))?;
                Ok((!same(&old, text)).then(|| path.clone()))
            })
            .collect::<io::Result<Vec<Option<String>>>>()?;
        Ok(Changes {
            added: tree
                .files
                .keys()
                .filter(|path| !found.files.contains(*path))
                .cloned()
                .collect(),
            changed: changed.into_iter().flatten().collect(),
            removed: found
                .files
                .iter()
                .filter(|path| !tree.files.contains_key(*path))
                .cloned()
                .collect(),
        })
    }

    /// The difference as a patch of the project.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(crate) fn diff(&self, changes: &Changes, tree: &Tree) -> io::Result<String> {
        let mut paths: Vec<&String> = changes
            .added
            .iter()
            .chain(&changes.changed)
            .chain(&changes.removed)
            .collect();
        paths.sort_unstable();
        let mut out = String::new();
        for path in paths {
            let old = match fs::read(self.folder().join(path)) {
                Ok(bytes) => Some(String::from_utf8_lossy(&bytes).replace("\r\n", "\n")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            let shown = format!("{}/{path}", self.out);
            out.push_str(&super::patch(
                &shown,
                old.as_deref(),
                tree.files.get(path).map(String::as_str),
            ));
        }
        Ok(out)
    }

    /// Mends what a build that died has left; see the table above.
    ///
    /// # Errors
    /// If the disk does not let us.
    pub(crate) fn recover(&self) -> io::Result<()> {
        let (folder, old) = (self.folder(), self.beside("old"));
        if exists(&old)? {
            if exists(&folder)? {
                fs::remove_dir_all(&old)?;
            } else {
                fs::rename(&old, &folder)?;
            }
        }
        let new = self.beside("new");
        if exists(&new)? {
            fs::remove_dir_all(&new)?;
        }
        Ok(())
    }

    /// Writes the new tree beside the old one.
    ///
    /// # Errors
    /// If the disk does not let us; what was written is deleted again.
    pub(crate) fn stage(&self, tree: &Tree) -> io::Result<()> {
        let written = self.write(tree);
        if written.is_err() {
            self.discard();
        }
        written
    }

    fn write(&self, tree: &Tree) -> io::Result<()> {
        let new = self.beside("new");
        if let Some(parent) = new.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::create_dir(&new)?;
        // The new folder takes the old one's place, and so its permissions.
        match fs::metadata(self.folder()) {
            Ok(data) => fs::set_permissions(&new, data.permissions())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let folders: BTreeSet<&str> = tree
            .files
            .keys()
            .filter_map(|path| path.rsplit_once('/'))
            .map(|(folder, _)| folder)
            .collect();
        for folder in folders {
            fs::create_dir_all(new.join(folder))?;
        }
        tree.files
            .par_iter()
            .try_for_each(|(path, text)| fs::write(new.join(path), text))
    }

    /// Deletes the staged tree, as far as that is possible; what is left, the next build deletes.
    pub(crate) fn discard(&self) {
        let _ = fs::remove_dir_all(self.beside("new"));
    }

    /// Puts the staged tree in place; the old one stays aside.
    fn swap(&self) -> io::Result<()> {
        let (folder, old, new) = (self.folder(), self.beside("old"), self.beside("new"));
        let replaces = exists(&folder)?;
        if replaces {
            fs::rename(&folder, &old)?;
        }
        let placed = fs::rename(&new, &folder);
        if placed.is_err() && replaces {
            fs::rename(&old, &folder)?;
        }
        placed
    }

    /// Takes a swap back.
    fn unswap(&self) -> io::Result<()> {
        let (folder, old, new) = (self.folder(), self.beside("old"), self.beside("new"));
        fs::rename(&folder, &new)?;
        if exists(&old)? {
            fs::rename(&old, &folder)?;
        }
        fs::remove_dir_all(&new)
    }
}

/// Puts all staged trees in place, then does `also`; or nothing of it.
///
/// # Errors
/// If the disk does not let us. The old trees are then in place again, unless it does not let us do that either: then they lie beside,
/// and the next build brings them back.
pub(crate) fn swap_all(places: &[&Place], also: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let mut also = Some(also);
    for at in 0..=places.len() {
        let done = match places.get(at) {
            Some(place) => place.swap(),
            None => also.take().map_or(Ok(()), |also| also()),
        };
        if let Err(error) = done {
            let undone: Vec<io::Result<()>> = places[..at]
                .iter()
                .rev()
                .map(|place| place.unswap())
                .collect();
            for place in &places[at..] {
                place.discard();
            }
            undone.into_iter().collect::<io::Result<()>>()?;
            return Err(error);
        }
    }
    for place in places {
        // Not more than a leftover if it fails; the next build tries again.
        let _ = fs::remove_dir_all(place.beside("old"));
    }
    Ok(())
}

fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a file has a text; line breaks may be those that Git writes on Windows.
pub(crate) fn same(old: &[u8], text: &str) -> bool {
    if old == text.as_bytes() {
        return true;
    }
    let mut old = old.iter();
    let mut new = text.bytes();
    loop {
        let mut next = old.next();
        if next == Some(&b'\r') && old.as_slice().first() == Some(&b'\n') {
            next = old.next();
        }
        match (next, new.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if *a == b => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut index = Index::new(
            "p",
            IndexTarget {
                name: "t".into(),
                backend: "calico".into(),
                version: "3.30".into(),
            },
        );
        for (path, text) in files {
            index.files.push(IndexFile {
                path: (*path).to_owned(),
                sha256: index::sha256(text),
                object: None,
                sources: Vec::new(),
            });
        }
        let mut files: BTreeMap<String, String> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        files.insert(index::FILE.to_owned(), index.text());
        Tree { files }
    }

    fn write(place: &Place, tree: &Tree) {
        place.recover().expect("recovers");
        place.stage(tree).expect("stages");
        swap_all(&[place], || Ok(())).expect("swaps");
    }

    fn up_to_date(place: &Place, tree: &Tree) -> bool {
        let found = place.inspect().expect("readable").expect("no obstacle");
        place.compare(&found, tree).expect("readable").is_empty()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn every_crash_leaves_the_old_tree_or_the_new_one() {
        let old = tree(&[("a/x.yaml", "old")]);
        let new = tree(&[("a/x.yaml", "new"), ("b/y.yaml", "new")]);
        for died in ["while writing", "between the renames", "before deleting"] {
            let project = tempfile::tempdir().expect("a folder");
            let place = Place::new(project.path(), "deploy/prod");
            write(&place, &old);
            place.stage(&new).expect("stages");
            let expected = match died {
                "while writing" => &old,
                "between the renames" => {
                    fs::rename(place.folder(), place.beside("old")).expect("renames");
                    &old
                }
                _ => {
                    place.swap().expect("swaps");
                    &new
                }
            };
            place.recover().expect("recovers");
            assert!(up_to_date(&place, expected), "died {died}");
            assert_eq!(names(&project.path().join("deploy")), ["prod"]);
            write(&place, &new);
            assert!(up_to_date(&place, &new));
        }
    }

    #[test]
    fn if_one_swap_fails_all_old_trees_are_back() {
        let project = tempfile::tempdir().expect("a folder");
        let (one, two) = (
            Place::new(project.path(), "one"),
            Place::new(project.path(), "two"),
        );
        let (old, new) = (tree(&[("a", "old")]), tree(&[("a", "new")]));
        write(&one, &old);
        write(&two, &old);
        one.stage(&new).expect("stages");
        assert!(
            swap_all(&[&one, &two], || Ok(())).is_err(),
            "two is not staged"
        );
        assert!(up_to_date(&one, &old));
        assert!(up_to_date(&two, &old));
        assert_eq!(names(project.path()), ["one", "two"]);
    }

    #[test]
    fn if_what_goes_with_them_fails_all_old_trees_are_back() {
        let project = tempfile::tempdir().expect("a folder");
        let place = Place::new(project.path(), "one");
        let (old, new) = (tree(&[("a", "old")]), tree(&[("a", "new")]));
        write(&place, &old);
        place.stage(&new).expect("stages");
        let also = || Err(io::Error::other("no"));
        assert!(swap_all(&[&place], also).is_err());
        assert!(up_to_date(&place, &old));
        assert_eq!(names(project.path()), ["one"]);
    }

    #[test]
    fn what_the_index_does_not_list_is_an_obstacle() {
        let project = tempfile::tempdir().expect("a folder");
        let place = Place::new(project.path(), "out");
        write(&place, &tree(&[("a/x.yaml", "x")]));
        fs::write(project.path().join("out/a/mine.yaml"), "y").expect("writes");
        assert_eq!(
            place.inspect().expect("readable"),
            Err(vec![Obstacle::Unlisted("out/a/mine.yaml".into())])
        );
    }

    #[test]
    fn a_listed_file_that_is_gone_is_written_again() {
        let project = tempfile::tempdir().expect("a folder");
        let place = Place::new(project.path(), "out");
        let tree = tree(&[("a/x.yaml", "x")]);
        write(&place, &tree);
        fs::remove_file(project.path().join("out/a/x.yaml")).expect("removes");
        let found = place.inspect().expect("readable").expect("no obstacle");
        let changes = place.compare(&found, &tree).expect("readable");
        assert_eq!(changes.added, ["a/x.yaml"]);
    }

    #[test]
    fn line_breaks_of_a_checkout_on_windows_are_no_change() {
        assert!(same(b"a\r\nb\r\n", "a\nb\n"));
        assert!(same(b"", ""));
        assert!(!same(b"a\rb", "a\nb"));
        assert!(!same(b"a\r\n", "a\n\n"));
        assert!(!same(b"a\n", "a\nb"));
    }
}
