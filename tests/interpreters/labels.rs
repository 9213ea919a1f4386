//! `LabelSelector` of meta/v1, as Kubernetes and Cilium read it.

use super::Parsed;
use super::yaml::Value;

/// One requirement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The key.
    pub key: String,
    /// What is asked of its value.
    pub operator: Operator,
}

/// What a requirement asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operator {
    /// Present and one of these.
    In(Vec<String>),
    /// Absent, or none of these.
    NotIn(Vec<String>),
    /// Present.
    Exists,
    /// Absent.
    DoesNotExist,
}

impl Operator {
    /// Whether a value, or its absence, fulfills it.
    pub fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Operator::In(values) => {
                value.is_some_and(|value| values.iter().any(|one| one == value))
            }
            Operator::NotIn(values) => {
                value.is_none_or(|value| values.iter().all(|one| one != value))
            }
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// Requirements that all hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LabelSelector {
    /// All of them.
    pub requirements: Vec<Requirement>,
}

impl LabelSelector {
    /// Whether labels fulfill it.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.operator.holds(label(&requirement.key)))
    }

    /// Reads one; `check` is asked about every key.
    pub fn parse(value: &Value, at: &str, check: fn(&str) -> Parsed<()>) -> Parsed<Self> {
        let fields = value.fields(at)?;
        let mut requirements = Vec::new();
        if let Some(labels) = fields.get("matchLabels") {
            for (key, value) in labels.pairs(&fields.place("matchLabels"))? {
                check(&key)?;
                check_value(&value)?;
                requirements.push(Requirement {
                    key,
                    operator: Operator::In(vec![value]),
                });
            }
        }
        for expression in fields.maps("matchExpressions")? {
            let key = expression.need("key")?.text(at)?.to_owned();
            check(&key)?;
            let values = match expression.get("values") {
                Some(values) => values.texts(&expression.place("values"))?,
                None => Vec::new(),
            };
            for value in &values {
                check_value(value)?;
            }
            let operator = match (expression.need("operator")?.text(at)?, values.is_empty()) {
                ("In", false) => Operator::In(values),
                ("NotIn", false) => Operator::NotIn(values),
                ("Exists", true) => Operator::Exists,
                ("DoesNotExist", true) => Operator::DoesNotExist,
                (operator, _) => {
                    return Err(format!("{at}: operator {operator} with {values:?}"));
                }
            };
            expression.done()?;
            requirements.push(Requirement { key, operator });
        }
        fields.done()?;
        Ok(LabelSelector { requirements })
    }
}

/// A qualified name: an optional DNS prefix and a name of at most 63 characters.
pub fn check_key(key: &str) -> Parsed<()> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix_fine = prefix.is_none_or(|prefix| {
        !prefix.is_empty()
            && prefix.len() <= 253
            && prefix.split('.').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            })
    });
    if prefix_fine && !name.is_empty() && word(name) {
        Ok(())
    } else {
        Err(format!("the label key {key}"))
    }
}

/// A label value: empty, or at most 63 letters, digits, `-`, `_` and `.` that begin and end with a letter or digit.
pub fn check_value(value: &str) -> Parsed<()> {
    if value.is_empty() || word(value) {
        Ok(())
    } else {
        Err(format!("the label value {value:?}"))
    }
}

fn word(text: &str) -> bool {
    text.len() <= 63
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}
