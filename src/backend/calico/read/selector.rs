//! Calico's selector language to expressions.
//!
//! Takes: the text of a selector. Gives: an [`Expr`], or what is wrong with the text. Does not know what it selects. The grammar is that of
//! `libcalico-go/lib/selector` (reference: Calico, section 3): blanks are space and tab only, strings have no escapes, `!` binds tighter than `&&`, that
//! tighter than `||`, and nothing at all selects everything.

use smol_str::SmolStr;

/// How deep parentheses may nest before a selector is left unread.
const DEEPEST: usize = 128;

/// The longest key, in bytes (`tokenizer.go`).
const LONGEST_KEY: usize = 512;

/// A selector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expr {
    /// `all()`, and nothing at all.
    All,
    /// `global()`
    Global,
    /// `has(key)`
    Has(SmolStr),
    /// `key in {…}`, and `key == 'v'`: present and one of these.
    In(SmolStr, Vec<SmolStr>),
    /// `key contains 'v'` and its like: present and of that form.
    Like(SmolStr, Pattern),
    /// `!…`; `!=` and `not in` are the opposites of `==` and `in`, so that a missing label fulfills them.
    Not(Box<Expr>),
    /// `… && …`
    And(Vec<Expr>),
    /// `… || …`
    Or(Vec<Expr>),
}

/// What a value must look like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Pattern {
    /// `contains`
    Contains(SmolStr),
    /// `starts with`
    Starts(SmolStr),
    /// `ends with`
    Ends(SmolStr),
}

impl Pattern {
    /// Whether a value looks like it.
    pub(super) fn fits(&self, value: &str) -> bool {
        match self {
            Pattern::Contains(part) => value.contains(part.as_str()),
            Pattern::Starts(part) => value.starts_with(part.as_str()),
            Pattern::Ends(part) => value.ends_with(part.as_str()),
        }
    }

    /// Whether every value looks like it.
    pub(super) fn fits_all(&self) -> bool {
        let (Pattern::Contains(part) | Pattern::Starts(part) | Pattern::Ends(part)) = self;
        part.is_empty()
    }
}

impl Expr {
    /// `key == value`
    pub(super) fn equals(key: &str, value: impl Into<SmolStr>) -> Self {
        Expr::In(key.into(), vec![value.into()])
    }

    /// The opposite.
    pub(super) fn negated(self) -> Self {
        match self {
            Expr::Not(inner) => *inner,
            other => Expr::Not(Box::new(other)),
        }
    }

    /// The same with a prefix before every key, and with what `all()` and `global()` become there: how selectors of namespaces and of service accounts
    /// turn into selectors of endpoints (`updateprocessors/rules.go`, `parseSelectorAttachPrefix`).
    pub(super) fn prefixed(self, prefix: &str, all: &Expr, global: &Expr) -> Self {
        let key = |key: SmolStr| SmolStr::from(format!("{prefix}{key}"));
        let each = |list: Vec<Expr>| {
            let one = |expr: Expr| expr.prefixed(prefix, all, global);
            list.into_iter().map(one).collect()
        };
        match self {
            Expr::All => all.clone(),
            Expr::Global => global.clone(),
            Expr::Has(name) => Expr::Has(key(name)),
            Expr::In(name, values) => Expr::In(key(name), values),
            Expr::Like(name, pattern) => Expr::Like(key(name), pattern),
            Expr::Not(inner) => inner.prefixed(prefix, all, global).negated(),
            Expr::And(list) => Expr::And(each(list)),
            Expr::Or(list) => Expr::Or(each(list)),
        }
    }
}

/// Why a text is no expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// Calico refuses it: the reason.
    Invalid(String),
    /// It nests deeper than is read here.
    TooDeep,
}

/// Reads a selector.
///
/// # Errors
/// If Calico's parser refuses it, or if it nests too deep to be read.
pub(super) fn parse(text: &str) -> Result<Expr, Fault> {
    let mut parser = Parser { text, at: 0 };
    parser.blanks();
    if parser.rest().is_empty() {
        return Ok(Expr::All);
    }
    let expr = parser.or(0)?;
    if parser.rest().is_empty() {
        Ok(expr)
    } else {
        Err(parser.unexpected("the end"))
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Takes a word or sign, and the blanks behind it.
    fn eat(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
            self.blanks();
        }
        found
    }

    fn unexpected(&self, due: &str) -> Fault {
        Fault::Invalid(match self.rest().chars().next() {
            Some(found) => format!("unexpected {found:?} at offset {}, {due} is due", self.at),
            None => format!("it ends where {due} is due"),
        })
    }

    fn or(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut all = vec![self.and(depth)?];
        while self.eat("||") {
            all.push(self.and(depth)?);
        }
        Ok(single(all, Expr::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut all = vec![self.operation(depth)?];
        while self.eat("&&") {
            all.push(self.operation(depth)?);
        }
        Ok(single(all, Expr::And))
    }

    fn operation(&mut self, depth: usize) -> Result<Expr, Fault> {
        let mut negated = false;
        // `!=` cannot stand here, so that every `!` is a negation.
        while self.eat("!") {
            negated = !negated;
        }
        let expr = self.primary(depth)?;
        Ok(if negated { expr.negated() } else { expr })
    }

    fn primary(&mut self, depth: usize) -> Result<Expr, Fault> {
        if depth > DEEPEST {
            return Err(Fault::TooDeep);
        }
        if self.eat("(") {
            let inner = self.or(depth + 1)?;
            return self.closed(inner);
        }
        if self.eat("has(") {
            let key = self.key()?;
            return self.closed(Expr::Has(key));
        }
        if self.eat("all(") {
            return self.closed(Expr::All);
        }
        if self.eat("global(") {
            return self.closed(Expr::Global);
        }
        let key = self.key()?;
        if self.eat("==") {
            return Ok(Expr::In(key, vec![self.string()?]));
        }
        if self.eat("!=") {
            return Ok(Expr::In(key, vec![self.string()?]).negated());
        }
        if self.eat("contains") {
            return Ok(Expr::Like(key, Pattern::Contains(self.string()?)));
        }
        if self.eat("starts") && self.eat("with") {
            return Ok(Expr::Like(key, Pattern::Starts(self.string()?)));
        }
        if self.eat("ends") && self.eat("with") {
            return Ok(Expr::Like(key, Pattern::Ends(self.string()?)));
        }
        if self.eat("in") {
            return Ok(Expr::In(key, self.set()?));
        }
        if self.eat("not") && self.eat("in") {
            return Ok(Expr::In(key, self.set()?).negated());
        }
        Err(self.unexpected("an operator"))
    }

    fn closed(&mut self, inner: Expr) -> Result<Expr, Fault> {
        if self.eat(")") {
            Ok(inner)
        } else {
            Err(self.unexpected("`)`"))
        }
    }

    fn key(&mut self) -> Result<SmolStr, Fault> {
        let rest = self.rest();
        let inside = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
        let length = rest.find(|c| !inside(c)).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.unexpected("a label"));
        }
        if length > LONGEST_KEY {
            let why = format!("a label of {length} characters, {LONGEST_KEY} at most");
            return Err(Fault::Invalid(why));
        }
        self.at += length;
        self.blanks();
        Ok(rest[..length].into())
    }

    fn string(&mut self) -> Result<SmolStr, Fault> {
        let rest = self.rest();
        let quote = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return Err(self.unexpected("a string in quotes")),
        };
        let Some(length) = rest[1..].find(quote) else {
            return Err(Fault::Invalid("a string without end".to_owned()));
        };
        self.at += length + 2;
        self.blanks();
        Ok(rest[1..=length].into())
    }

    fn set(&mut self) -> Result<Vec<SmolStr>, Fault> {
        if !self.eat("{") {
            return Err(self.unexpected("`{`"));
        }
        let mut values = Vec::new();
        loop {
            if self.eat("}") {
                return Ok(values);
            }
            values.push(self.string()?);
            if !self.eat(",") && !self.rest().starts_with('}') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }
}

fn single(mut all: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    if all.len() == 1 {
        all.remove(0)
    } else {
        many(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calico_refuses_is_refused() {
        for text in [
            "a",
            "a = 'b'",
            "a == b",
            "a == 'b' & c == 'd'",
            "a == 'b'\n",
            "has (a)",
            "has(a, b)",
            "has()",
            "all",
            "a in 'b'",
            "a in {'b' 'c'}",
            "a in {,}",
            "(a == 'b'",
            "a == 'b')",
            "a == 'b\"",
            "a == 'it''s'",
            "a starts 'b'",
            "!",
            "a == 'b' ||",
            "ä == 'b'",
        ] {
            assert!(matches!(parse(text), Err(Fault::Invalid(_))), "{text}");
        }
        assert!(matches!(
            parse(&format!("has({})", "k".repeat(513))),
            Err(Fault::Invalid(_))
        ));
        assert_eq!(parse(&"(".repeat(10_000)), Err(Fault::TooDeep));
    }

    #[test]
    fn the_grammar_reads_as_it_is_written() {
        let same = [
            ("", "all()"),
            (" \t", "all( )"),
            ("a=='b'", "a == \"b\""),
            ("!a == 'b'", "a != 'b'"),
            ("!!has( a )", "has(a)"),
            ("a notin {'b',}", "!(a in { 'b' })"),
            ("a not  in {}", "!a in {}"),
            ("a startswith 'b'", "a starts  with 'b'"),
            ("a endswith'b'", "a ends\twith 'b'"),
            (
                "!has(a) && b == 'c' || has(d)",
                "((!has(a)) && (b == 'c')) || has(d)",
            ),
            ("in in {'in'}", "in == 'in'"),
        ];
        for (one, other) in same {
            assert_eq!(parse(one), parse(other), "{one}");
            assert!(parse(one).is_ok(), "{one}");
        }
    }
}
