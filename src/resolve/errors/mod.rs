//! What the pass says to people: one small function for each fault.

mod clusters;
mod names;
mod policies;
mod rules;
mod sets;
mod teams;

pub(super) use clusters::*;
pub(super) use names::*;
pub(super) use policies::*;
pub(super) use rules::*;
pub(super) use sets::*;
pub(super) use teams::*;

use crate::diagnostic::Diagnostic;

/// Adds the nearest word, if there is one.
fn did_you_mean(diagnostic: Diagnostic, near: Option<&str>) -> Diagnostic {
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// The words of a list: `a`, `a` and `b`, `a`, `b` and `c`.
fn and_list(words: &[impl AsRef<str>], quote: &str) -> String {
    let quoted: Vec<String> = words
        .iter()
        .map(|word| format!("{quote}{}{quote}", word.as_ref()))
        .collect();
    match &quoted[..] {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// `cluster `prod``, or `the project` where none is declared.
fn the_cluster(name: &str) -> String {
    if name.is_empty() {
        "the project".to_owned()
    } else {
        format!("cluster `{name}`")
    }
}
