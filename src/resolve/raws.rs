//! Manifests written by hand: found, granted, kept as they are.

use smol_str::SmolStr;

use super::project::{Owner, folder_of};
use super::{Cx, errors};
use crate::model::{Raw, Target};
use crate::source::World;

impl Cx<'_> {
    /// The hand-written manifests of this target, in order of file and place.
    pub(super) fn raws(&mut self, world: &dyn World) -> Vec<Raw> {
        let mut declared = std::mem::take(&mut self.declared.raws);
        declared.sort_by(|a, b| {
            (&self.files[a.file].path, a.item.span.start)
                .cmp(&(&self.files[b.file].path, b.item.span.start))
        });
        let mut raws = Vec::new();
        for at in declared {
            if self.files[at.file].left_out {
                continue;
            }
            let module = self.files[at.file].module;
            let granted = match self.modules[module.0 as usize].owner {
                Owner::Team(team) => self.teams[team].raw,
                Owner::Nobody | Owner::Std => true,
            };
            if !granted {
                let owner = self.owner_name(module);
                self.report(errors::raw_not_granted(&owner, at.item.span));
            }
            let word = &at.tree.backend;
            let known = Target::ALL
                .into_iter()
                .find(|target| target.word() == word.value);
            let Some(backend) = known else {
                let near = self.nearest(&word.value, Target::ALL.map(Target::word));
                self.report(errors::unknown_backend(
                    &word.value,
                    word.span,
                    near.as_deref(),
                ));
                continue;
            };
            let wanted = &at.tree.path;
            let Some(path) = joined(folder_of(&self.files[at.file].path), &wanted.value) else {
                self.report(errors::unreadable_raw(
                    &wanted.value,
                    wanted.span,
                    "lies outside the project",
                ));
                continue;
            };
            let text = match world.read(&path) {
                Ok(text) => text,
                Err(why) => {
                    self.report(errors::unreadable_raw(
                        &wanted.value,
                        wanted.span,
                        &why.to_string(),
                    ));
                    continue;
                }
            };
            if !granted {
                continue;
            }
            raws.push(Raw {
                backend,
                path: path.into(),
                text: text.into(),
                owner: self.owner_name(module),
                overlaps: at.tree.overlaps.is_some(),
                span: at.item.span,
            });
        }
        raws
    }
}

/// A path relative to a folder, made relative to the source folder; `None` if it leads out.
fn joined(folder: &str, path: &str) -> Option<String> {
    if path.is_empty() || path.starts_with('/') || path.contains('\\') || path.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let joined: SmolStr = parts.join("/").into();
    (!joined.is_empty()).then(|| joined.to_string())
}
