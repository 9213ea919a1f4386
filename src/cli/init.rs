//! `vauban init`

use std::fs;
use std::io::Write;

use super::args::Init;
use super::console::Console;
use super::{Exit, Failure, Outcome, project};
use crate::backend::support::versions;
use crate::model::Target;

/// Writes a commented project that builds; never over anything.
pub(crate) fn init(command: &Init, console: &Console) -> Outcome {
    let files = files(command.backend.into());
    let folder = &command.folder;
    for (path, _) in &files {
        let path = folder.join(path);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::new(format!(
                "`{}` is already there; nothing was written",
                path.display()
            ))
            .into());
        }
    }
    for (path, text) in &files {
        let path = folder.join(path);
        let failed = |error| Failure::of(&path.to_string_lossy(), &error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(failed)?;
    }
    if console.is_text() {
        for (path, _) in &files {
            console.say(&format!("wrote {}", folder.join(path).display()));
        }
        console.say("next: `vauban build` in that folder");
    }
    Ok(Exit::Fine)
}

/// The files of the project, by path.
fn files(backend: Target) -> Vec<(&'static str, String)> {
    let (major, minors) = versions(backend);
    // Not the newest, which few clusters run.
    let minor = match backend {
        Target::Calico => 30,
        Target::Cilium => 18,
        Target::Kubernetes => 33,
    };
    debug_assert!(minors.contains(&minor), "a project that builds");
    let cni = match backend {
        Target::Kubernetes => {
            "\n  cni calico // who enforces NetworkPolicy here; what it does with addresses depends on it"
        }
        Target::Calico | Target::Cilium => "",
    };
    let config = include_str!("init/vauban.toml")
        .replace("BACKEND", backend.word())
        .replace("VERSION", &format!("{major}.{minor}"));
    vec![
        (project::FILE, config),
        (
            "policies/cluster.vau",
            include_str!("init/cluster.vau").replace("CNI", cni),
        ),
        (
            "policies/shop/shop.vau",
            include_str!("init/shop.vau").to_owned(),
        ),
    ]
}
