//! Calico's grammar of selectors, as its own parser reads it: whether a text is one.
//!
//! ```text
//! selector = [ or ]
//! or       = and { "||" and }      and = op { "&&" op }      op = { "!" } primary
//! primary  = "has(" id ")" | "all(" ")" | "global(" ")" | "(" or ")"
//!          | id ("==" | "!=" | "contains" | "starts" "with" | "ends" "with") string
//!          | id ("in" | "not" "in") "{" [ string { "," string } [","] ] "}"
//! id       = 1*512 ( A-Z a-z 0-9 "_" "." "/" "-" )
//! string   = double or single quotes around anything but that quote; no escapes
//! ```
//! Blanks and tabs separate; a line break does not, and makes the selector invalid.

/// Parentheses in parentheses; Calico has no bound, we never come near it.
const NESTING: usize = 32;

/// Whether the text is a selector; what is wrong and at which byte if it is not.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut reader = Reader { text, at: 0 };
    reader.blanks();
    if reader.rest().is_empty() {
        return Ok(());
    }
    reader.or(0)?;
    if reader.rest().is_empty() {
        Ok(())
    } else {
        Err(reader.expected("the end"))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, what: &str) -> String {
        format!("a selector needs {what} at character {}", self.at + 1)
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn take(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
            self.blanks();
        }
        there
    }

    fn need(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.expected(&format!("`{token}`")))
        }
    }

    fn or(&mut self, depth: usize) -> Result<(), String> {
        self.and(depth)?;
        while self.take("||") {
            self.and(depth)?;
        }
        Ok(())
    }

    fn and(&mut self, depth: usize) -> Result<(), String> {
        self.operation(depth)?;
        while self.take("&&") {
            self.operation(depth)?;
        }
        Ok(())
    }

    fn operation(&mut self, depth: usize) -> Result<(), String> {
        while self.take("!") {}
        if self.take("(") {
            if depth == NESTING {
                return Err(self.expected("fewer parentheses"));
            }
            self.or(depth + 1)?;
            return self.need(")");
        }
        if self.take("all(") || self.take("global(") {
            return self.need(")");
        }
        if self.take("has(") {
            self.identifier()?;
            return self.need(")");
        }
        self.identifier()?;
        if self.take("==") || self.take("!=") || self.take("contains") {
            return self.string();
        }
        if self.take("starts") || self.take("ends") {
            self.need("with")?;
            return self.string();
        }
        let negated = self.take("not");
        if !self.take("in") {
            return Err(self.expected(if negated { "`in`" } else { "an operator" }));
        }
        self.need("{")?;
        while !self.take("}") {
            self.string()?;
            if !self.take(",") {
                return self.need("}");
            }
        }
        Ok(())
    }

    fn identifier(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let allowed =
            |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '/' | '-');
        let length = rest.len() - rest.trim_start_matches(allowed).len();
        if !(1..=512).contains(&length) {
            return Err(self.expected("a label"));
        }
        self.at += length;
        self.blanks();
        Ok(())
    }

    fn string(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let quote = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return Err(self.expected("a string")),
        };
        let length = rest[1..]
            .find(quote)
            .ok_or_else(|| self.expected("a string that ends"))?;
        self.at += length + 2;
        self.blanks();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn selectors_are_told_from_what_looks_like_them() {
        for good in [
            "",
            "  ",
            "all()",
            "!all()",
            "global()",
            "has(a.b/c-d)",
            "!has( a )",
            "a == \"b\"",
            "a != 'b'",
            "a in {\"b\", 'c',}",
            "a not in {}",
            "a notin {'b'}",
            "a starts with \"b\" && b contains 'c' || ! (c ends with \"d\")",
            "in == \"x\"",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "a",
            "a =",
            "a = 'b'",
            "a == b",
            "has (a)",
            "has(a, b)",
            "a == 'b'\n",
            "a == 'b' & c == 'd'",
            "(a == 'b'",
            "a == 'b')",
            "a == \"b'",
            "&& a == 'b'",
            "a in (\"b\")",
            "ä == 'b'",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
