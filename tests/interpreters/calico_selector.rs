//! Calico's selector language: own tokenizer, parser and evaluator, from its published grammar.

use super::Parsed;

/// A parsed selector.
#[derive(Clone, PartialEq, Debug)]
pub enum Selector {
    /// `all()`, `global()` and the empty selector.
    All,
    /// `has(k)`
    Has(String),
    /// `k == 'v'`
    Equals(String, String),
    /// `k != 'v'`: also where the label is missing.
    Differs(String, String),
    /// `k in {…}`
    In(String, Vec<String>),
    /// `k not in {…}`: also where the label is missing.
    NotIn(String, Vec<String>),
    /// `k contains 'v'`
    Contains(String, String),
    /// `k starts with 'v'`
    StartsWith(String, String),
    /// `k ends with 'v'`
    EndsWith(String, String),
    /// `!s`
    Not(Box<Selector>),
    /// `a && b`
    And(Vec<Selector>),
    /// `a || b`
    Or(Vec<Selector>),
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Id(String),
    Text(String),
    Has(String),
    All,
    Global,
    Open,
    Close,
    OpenSet,
    CloseSet,
    Comma,
    Not,
    Equals,
    Differs,
    And,
    Or,
    In,
    NotIn,
    Contains,
    StartsWith,
    EndsWith,
}

/// Reads a selector; of at most 1024 characters if it is bounded.
pub fn parse(text: &str, bounded: bool) -> Parsed<Selector> {
    if bounded && text.len() > 1024 {
        return Err(format!("a selector of {} characters", text.len()));
    }
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Selector::All);
    }
    let mut parser = Reader { tokens, at: 0 };
    let selector = parser.or()?;
    if parser.at != parser.tokens.len() {
        return Err(format!("{text}: something follows the selector"));
    }
    Ok(selector)
}

fn tokens(text: &str) -> Parsed<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(first) = rest.chars().next() else {
            return Ok(out);
        };
        let symbols = [
            ("==", Token::Equals),
            ("!=", Token::Differs),
            ("&&", Token::And),
            ("||", Token::Or),
            ("!", Token::Not),
            ("(", Token::Open),
            (")", Token::Close),
            ("{", Token::OpenSet),
            ("}", Token::CloseSet),
            (",", Token::Comma),
        ];
        if let Some((word, token)) = symbols.iter().find(|(word, _)| rest.starts_with(word)) {
            out.push(token.clone());
            rest = &rest[word.len()..];
            continue;
        }
        if first == '"' || first == '\'' {
            let end = rest[1..]
                .find(first)
                .ok_or_else(|| format!("{text}: a string without end"))?;
            out.push(Token::Text(rest[1..=end].to_owned()));
            rest = &rest[end + 2..];
            continue;
        }
        let id = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
        let length = rest.find(|c| !id(c)).unwrap_or(rest.len());
        if length == 0 {
            return Err(format!("{text}: {first:?} begins nothing"));
        }
        let word = &rest[..length];
        let after = &rest[length..];
        // A key stands where a primary may begin; operators stand after a key.
        let operand = matches!(out.last(), Some(Token::Id(_)));
        if let Some(inside) = after.strip_prefix('(').filter(|_| !operand) {
            let close = inside
                .find(')')
                .ok_or_else(|| format!("{text}: {word}( without end"))?;
            let inner = inside[..close].trim_matches([' ', '\t']);
            out.push(match word {
                "has" if !inner.is_empty() && inner.chars().all(id) => Token::Has(inner.to_owned()),
                "all" if inner.is_empty() => Token::All,
                "global" if inner.is_empty() => Token::Global,
                _ => return Err(format!("{text}: {word}({inner})")),
            });
            rest = &inside[close + 1..];
            continue;
        }
        if operand {
            let spaced = after.trim_start_matches([' ', '\t']);
            let (token, left) = match word {
                "in" => (Token::In, after),
                "contains" => (Token::Contains, after),
                "notin" => (Token::NotIn, after),
                "startswith" => (Token::StartsWith, after),
                "endswith" => (Token::EndsWith, after),
                "not" if spaced.starts_with("in") => (Token::NotIn, &spaced[2..]),
                "starts" if spaced.starts_with("with") => (Token::StartsWith, &spaced[4..]),
                "ends" if spaced.starts_with("with") => (Token::EndsWith, &spaced[4..]),
                _ => return Err(format!("{text}: {word} is no operator")),
            };
            out.push(token);
            rest = left;
            continue;
        }
        if word.len() > 512 {
            return Err(format!("{text}: a key of {} characters", word.len()));
        }
        out.push(Token::Id(word.to_owned()));
        rest = after;
    }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Parsed<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| "a selector ends too early".to_owned())
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Parsed<Selector> {
        let mut all = vec![self.and()?];
        while self.eat(&Token::Or) {
            all.push(self.and()?);
        }
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Selector::Or(all)
        })
    }

    fn and(&mut self) -> Parsed<Selector> {
        let mut all = vec![self.operation()?];
        while self.eat(&Token::And) {
            all.push(self.operation()?);
        }
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Selector::And(all)
        })
    }

    fn operation(&mut self) -> Parsed<Selector> {
        let mut negated = false;
        while self.eat(&Token::Not) {
            negated = !negated;
        }
        let primary = self.primary()?;
        Ok(if negated {
            Selector::Not(Box::new(primary))
        } else {
            primary
        })
    }

    fn primary(&mut self) -> Parsed<Selector> {
        match self.next()? {
            Token::Has(key) => Ok(Selector::Has(key)),
            Token::All | Token::Global => Ok(Selector::All),
            Token::Open => {
                let inner = self.or()?;
                if self.eat(&Token::Close) {
                    Ok(inner)
                } else {
                    Err("a parenthesis without end".to_owned())
                }
            }
            Token::Id(key) => match self.next()? {
                Token::Equals => Ok(Selector::Equals(key, self.text()?)),
                Token::Differs => Ok(Selector::Differs(key, self.text()?)),
                Token::Contains => Ok(Selector::Contains(key, self.text()?)),
                Token::StartsWith => Ok(Selector::StartsWith(key, self.text()?)),
                Token::EndsWith => Ok(Selector::EndsWith(key, self.text()?)),
                Token::In => Ok(Selector::In(key, self.set()?)),
                Token::NotIn => Ok(Selector::NotIn(key, self.set()?)),
                other => Err(format!("{other:?} after the key {key}")),
            },
            other => Err(format!("{other:?} where a condition should begin")),
        }
    }

    fn text(&mut self) -> Parsed<String> {
        match self.next()? {
            Token::Text(text) => Ok(text),
            other => Err(format!("{other:?} where a string should stand")),
        }
    }

    fn set(&mut self) -> Parsed<Vec<String>> {
        if !self.eat(&Token::OpenSet) {
            return Err("no `{` after `in`".to_owned());
        }
        let mut values = Vec::new();
        loop {
            if self.eat(&Token::CloseSet) {
                return Ok(values);
            }
            values.push(self.text()?);
            if !self.eat(&Token::Comma) && self.tokens.get(self.at) != Some(&Token::CloseSet) {
                return Err("no `,` in a set".to_owned());
            }
        }
    }
}

impl Selector {
    /// Whether labels fulfill it.
    pub fn matches(&self, label: &impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Selector::All => true,
            Selector::Has(key) => label(key).is_some(),
            Selector::Equals(key, value) => label(key).is_some_and(|is| is == *value),
            Selector::Differs(key, value) => label(key).is_none_or(|is| is != *value),
            Selector::In(key, values) => label(key).is_some_and(|is| values.contains(&is)),
            Selector::NotIn(key, values) => label(key).is_none_or(|is| !values.contains(&is)),
            Selector::Contains(key, part) => label(key).is_some_and(|is| is.contains(part)),
            Selector::StartsWith(key, part) => label(key).is_some_and(|is| is.starts_with(part)),
            Selector::EndsWith(key, part) => label(key).is_some_and(|is| is.ends_with(part)),
            Selector::Not(inner) => !inner.matches(label),
            Selector::And(all) => all.iter().all(|one| one.matches(label)),
            Selector::Or(all) => all.iter().any(|one| one.matches(label)),
        }
    }

    /// Every key with a prefix: how Calico makes endpoint selectors of namespace and service account selectors.
    pub fn prefixed(self, prefix: &str) -> Selector {
        let key = |key: String| format!("{prefix}{key}");
        let each = |all: Vec<Selector>| all.into_iter().map(|one| one.prefixed(prefix)).collect();
        match self {
            Selector::All => Selector::All,
            Selector::Has(k) => Selector::Has(key(k)),
            Selector::Equals(k, v) => Selector::Equals(key(k), v),
            Selector::Differs(k, v) => Selector::Differs(key(k), v),
            Selector::In(k, v) => Selector::In(key(k), v),
            Selector::NotIn(k, v) => Selector::NotIn(key(k), v),
            Selector::Contains(k, v) => Selector::Contains(key(k), v),
            Selector::StartsWith(k, v) => Selector::StartsWith(key(k), v),
            Selector::EndsWith(k, v) => Selector::EndsWith(key(k), v),
            Selector::Not(inner) => Selector::Not(Box::new(inner.prefixed(prefix))),
            Selector::And(all) => Selector::And(each(all)),
            Selector::Or(all) => Selector::Or(each(all)),
        }
    }
}
