//! A small algebra of layout: what may break, what must, and where comments stand; and its printer.
//!
//! A group is laid out on one line if it fits, else all its breaks are taken and its inner groups decide for themselves. Line breaks
//! and blanks are written only when something follows, so that no line ends in a blank and no comment swallows what comes after it.

use smol_str::SmolStr;

/// A piece of layout.
#[derive(Debug)]
pub(super) enum Doc {
    /// Text without line breaks.
    Text(SmolStr),
    /// A blank, unless a line ends here.
    Space,
    /// A blank, or a line break where the group breaks.
    Line,
    /// Nothing, or a line break where the group breaks.
    Soft,
    /// A line break.
    Hard,
    /// A line break and an empty line.
    Blank,
    /// Indented by so many steps.
    Indent(usize, Vec<Doc>),
    /// On one line if it fits.
    Group(Vec<Doc>),
    /// One thing after a blank: on the line if it fits, else on the next, so many steps in, if it fits there, else it breaks where it
    /// begins.
    Hang(usize, Vec<Doc>),
    /// A comment to the end of the line; on its own line, or after what stands there.
    Comment(SmolStr, Stands),
}

/// Where a comment stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stands {
    /// Behind something on the same line.
    Behind,
    /// On a line of its own.
    Alone,
    /// On a line of its own, after an empty one.
    AfterBlank,
}

/// Columns of a line.
const WIDTH: usize = 100;

/// Columns of one step of indentation.
const STEP: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Flat,
    Broken,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pending {
    Nothing,
    Space,
    Line,
    Blank,
}

struct Printer {
    out: String,
    column: usize,
    pending: Pending,
}

/// Prints; the text ends in a line break unless it is empty.
pub(super) fn print(docs: &[Doc]) -> String {
    let mut printer = Printer {
        out: String::new(),
        column: 0,
        pending: Pending::Nothing,
    };
    // What is left to print, the next thing last.
    let mut rest: Vec<(usize, Mode, &Doc)> = Vec::new();
    rest.extend(docs.iter().rev().map(|doc| (0, Mode::Broken, doc)));
    while let Some((indent, mode, doc)) = rest.pop() {
        match doc {
            Doc::Text(text) => printer.text(text, indent),
            Doc::Space => printer.wait(Pending::Space),
            Doc::Line if mode == Mode::Flat => printer.wait(Pending::Space),
            Doc::Soft if mode == Mode::Flat => {}
            Doc::Line | Doc::Soft | Doc::Hard => printer.wait(Pending::Line),
            Doc::Blank => printer.wait(Pending::Blank),
            Doc::Indent(steps, inner) => {
                let indent = indent + steps * STEP;
                rest.extend(inner.iter().rev().map(|doc| (indent, mode, doc)));
            }
            Doc::Group(inner) => {
                let mode = if mode == Mode::Flat || fits(inner, &rest, printer.room(indent)) {
                    Mode::Flat
                } else {
                    Mode::Broken
                };
                rest.extend(inner.iter().rev().map(|doc| (indent, mode, doc)));
            }
            Doc::Hang(steps, inner) => {
                let deeper = indent + steps * STEP;
                let room = printer.room(indent).saturating_sub(1);
                let begins_with_comment = matches!(inner.first(), Some(Doc::Comment(..)));
                let (indent, mode) = if mode == Mode::Flat || fits(inner, &rest, room) {
                    printer.wait(Pending::Space);
                    (indent, Mode::Flat)
                } else if fits(inner, &rest, WIDTH.saturating_sub(deeper)) {
                    printer.wait(Pending::Line);
                    (deeper, Mode::Flat)
                } else {
                    printer.wait(Pending::Space);
                    let indent = if begins_with_comment { deeper } else { indent };
                    (indent, Mode::Broken)
                };
                rest.extend(inner.iter().rev().map(|doc| (indent, mode, doc)));
            }
            Doc::Comment(text, stands) => printer.comment(text, *stands, indent),
        }
    }
    if !printer.out.is_empty() {
        printer.out.push('\n');
    }
    printer.out
}

impl Printer {
    fn wait(&mut self, what: Pending) {
        self.pending = self.pending.max(what);
    }

    /// Columns left on the line on which the next text will stand.
    fn room(&self, indent: usize) -> usize {
        let column = match self.pending {
            Pending::Nothing => self.column,
            Pending::Space => self.column + 1,
            Pending::Line | Pending::Blank => indent,
        };
        WIDTH.saturating_sub(column)
    }

    fn text(&mut self, text: &str, indent: usize) {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        if !self.out.is_empty() {
            match pending {
                Pending::Nothing => {}
                Pending::Space => {
                    self.out.push(' ');
                    self.column += 1;
                }
                Pending::Line | Pending::Blank => {
                    self.out.push('\n');
                    if pending == Pending::Blank {
                        self.out.push('\n');
                    }
                    self.out.extend(std::iter::repeat_n(' ', indent));
                    self.column = indent;
                }
            }
        }
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn comment(&mut self, text: &str, stands: Stands, indent: usize) {
        self.wait(match stands {
            Stands::Behind => Pending::Space,
            Stands::Alone => Pending::Line,
            Stands::AfterBlank => Pending::Blank,
        });
        self.text(text, indent);
        self.pending = Pending::Line;
    }
}

/// Whether a group, and what follows it up to the next possible break, fits flat into so many columns.
fn fits(group: &[Doc], rest: &[(usize, Mode, &Doc)], room: usize) -> bool {
    let mut room = room;
    let mut inside: Vec<&Doc> = group.iter().rev().collect();
    while let Some(doc) = inside.pop() {
        match doc {
            Doc::Text(text) => match room.checked_sub(text.chars().count()) {
                Some(left) => room = left,
                None => return false,
            },
            Doc::Space | Doc::Line => match room.checked_sub(1) {
                Some(left) => room = left,
                None => return false,
            },
            Doc::Soft => {}
            Doc::Hard | Doc::Blank | Doc::Comment(..) => return false,
            Doc::Indent(_, inner) | Doc::Group(inner) => inside.extend(inner.iter().rev()),
            Doc::Hang(_, inner) => {
                room = room.saturating_sub(1);
                inside.extend(inner.iter().rev());
            }
        }
    }
    let mut after: Vec<(Mode, &Doc)> = Vec::new();
    let mut next = rest.iter().rev();
    loop {
        let (mode, doc) = match after.pop() {
            Some(found) => found,
            None => match next.next() {
                Some((_, mode, doc)) => (*mode, *doc),
                None => return true,
            },
        };
        match doc {
            Doc::Text(text) => match room.checked_sub(text.chars().count()) {
                Some(left) => room = left,
                None => return false,
            },
            Doc::Line | Doc::Soft | Doc::Hang(..) if mode == Mode::Broken => return true,
            Doc::Space | Doc::Line => room = room.saturating_sub(1),
            Doc::Soft => {}
            Doc::Hard | Doc::Blank | Doc::Comment(..) => return true,
            Doc::Indent(_, inner) => after.extend(inner.iter().rev().map(|doc| (mode, doc))),
            Doc::Hang(_, inner) => {
                room = room.saturating_sub(1);
                after.extend(inner.iter().rev().map(|doc| (mode, doc)));
            }
            // What comes later may break by itself.
            Doc::Group(inner) => {
                after.extend(inner.iter().rev().map(|doc| (Mode::Broken, doc)));
            }
        }
    }
}
