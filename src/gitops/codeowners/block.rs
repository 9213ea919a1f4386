//! Our block in a file that people also write in.
//!
//! Takes: the text that is there, if any, and our rules. Gives: the text with the block replaced, or put at its end. What stands
//! before the block stays as it is, byte for byte. Rules behind it could take back what it says, so there must be none.

use super::gitlab;
use super::write::SECTION;
use super::{Forge, github};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The first line of the block.
pub const BEGIN: &str = "# vauban: begin";
/// The last line of the block.
pub const END: &str = "# vauban: end";

/// The text with our rules in it. `shown` is the file's path for people, `at` the place of `[codeowners]` in `vauban.toml`.
///
/// # Errors
/// If the block that is there is damaged, rules follow it, a section above bears the name of one of ours, or the file becomes larger
/// than its forge reads.
pub fn merge(
    forge: Forge,
    old: Option<&str>,
    rules: &str,
    (shown, at): (&str, Span),
) -> Result<String, Box<Diagnostic>> {
    let old = old.unwrap_or_default();
    let marked = |mark: &str| -> Vec<usize> {
        let lines = old.split_inclusive('\n').scan(0, |start, line| {
            let here = *start;
            *start += line.len();
            Some((here, line))
        });
        lines
            .filter(|(_, line)| line.trim() == mark)
            .map(|(start, _)| start)
            .collect()
    };
    let (begins, ends) = (marked(BEGIN), marked(END));
    let damaged = |what: &str| {
        Box::new(
            Diagnostic::error(
                "codeowners-damaged-block",
                format!("the block of `{shown}` is damaged: {what}"),
            )
            .at(at, "writes that file")
            .because("what is ours in it and what is yours cannot be told apart")
            .help(format!(
                "restore the lines `{BEGIN}` and `{END}`, or delete both and all between them"
            )),
        )
    };
    let (before, after) = match (&begins[..], &ends[..]) {
        ([], []) => (old, ""),
        ([begin], [end]) if begin < end => {
            let after = old[*end..].split_once('\n').map_or("", |(_, after)| after);
            (&old[..*begin], after)
        }
        ([_], [_]) => return Err(damaged("its end stands before its beginning")),
        ([], _) => return Err(damaged("its beginning is missing")),
        (_, []) => return Err(damaged("its end is missing")),
        _ => return Err(damaged("there is more than one")),
    };
    let follows = after
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    if let Some(line) = follows {
        return Err(Box::new(
            Diagnostic::error(
                "codeowners-not-last",
                format!("`{shown}` has rules behind the block that is written"),
            )
            .at(at, "writes that file")
            .because(format!("`{line}` could take back what the block says"))
            .help(format!("move it above the line `{BEGIN}`")),
        ));
    }
    if forge == Forge::Gitlab
        && let Some(taken) = gitlab::Rules::read(before)
            .sections()
            .find(|name| name.to_lowercase().starts_with(SECTION))
    {
        return Err(Box::new(
            Diagnostic::error(
                "codeowners-section-taken",
                format!("`{shown}` has a section `{taken}` of its own"),
            )
            .at(at, "writes that file")
            .because("GitLab would make it one with a section that is written")
            .help("give it another name"),
        ));
    }
    let mut text = before.to_owned();
    if !text.is_empty() && begins.is_empty() {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push('\n');
    }
    text.push_str(&format!("{BEGIN}\n{rules}{END}\n"));
    text.push_str(after);
    if forge == Forge::Github && text.len() >= github::TOO_LARGE {
        return Err(Box::new(
            Diagnostic::error(
                "codeowners-too-large",
                format!("`{shown}` would have {} bytes", text.len()),
            )
            .at(at, "writes that file")
            .because("GitHub does not read a CODEOWNERS of 3 MB or more, and then asks nobody")
            .help("give folders to fewer, larger teams"),
        ));
    }
    Ok(text)
}
