//! A TextMate grammar, read and run: as much of the format as ours uses, and an error for anything else.
//!
//! A grammar is a list of patterns. At each place of a line the pattern whose match begins first wins, of several the first in the list. A
//! pattern with `begin` and `end` opens a region in which its own patterns count, until `end` matches; regions go on over the lines.

use std::collections::BTreeMap;

use fancy_regex::Regex;
use serde_json::Value;

/// A grammar.
pub(crate) struct Grammar {
    patterns: Vec<Pattern>,
    repository: BTreeMap<String, Vec<Pattern>>,
}

enum Pattern {
    Include(String),
    Match {
        regex: Regex,
        name: Option<String>,
        captures: Names,
    },
    Region(Region),
}

struct Region {
    name: Option<String>,
    begin: Regex,
    begins: Names,
    end: Regex,
    ends: Names,
    patterns: Vec<Pattern>,
}

/// A match: where its groups lie, the whole one first.
type Found = Vec<Option<(usize, usize)>>;

/// Scopes of numbered groups.
type Names = BTreeMap<usize, String>;

/// The scopes of a text, byte by byte: the outermost first, empty where nothing matched.
pub(crate) type Scopes = Vec<Vec<String>>;

impl Grammar {
    /// Reads the JSON form.
    ///
    /// # Panics
    /// If it has a key or a pattern that is not understood.
    pub(crate) fn read(text: &str) -> Grammar {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let repository = value["repository"].as_object().expect("a repository");
        let grammar = Grammar {
            patterns: patterns(&value["patterns"]),
            repository: repository
                .iter()
                .map(|(key, value)| {
                    // An entry is a pattern or a list of patterns.
                    let some = match value.get("begin").or(value.get("match")) {
                        Some(_) => vec![pattern(value)],
                        None => patterns(&value["patterns"]),
                    };
                    (key.clone(), some)
                })
                .collect(),
        };
        grammar.check(&grammar.patterns);
        for some in grammar.repository.values() {
            grammar.check(some);
        }
        grammar
    }

    fn check(&self, patterns: &[Pattern]) {
        for pattern in patterns {
            match pattern {
                Pattern::Include(name) => assert!(self.repository.contains_key(name), "{name}"),
                Pattern::Region(region) => self.check(&region.patterns),
                Pattern::Match { .. } => {}
            }
        }
    }

    /// The scopes of each byte of a text.
    pub(crate) fn scopes(&self, text: &str) -> Scopes {
        let mut scopes = Vec::with_capacity(text.len());
        let mut regions: Vec<&Region> = Vec::new();
        for line in text.split_inclusive('\n') {
            let content = line.trim_end_matches(['\n', '\r']);
            let start = scopes.len();
            scopes.resize(start + line.len(), Vec::new());
            self.line(content, &mut scopes[start..], &mut regions);
        }
        scopes
    }

    fn line<'g>(&'g self, line: &str, scopes: &mut [Vec<String>], regions: &mut Vec<&'g Region>) {
        let mut at = 0;
        loop {
            let inside = regions.last().copied();
            let outer: Vec<String> = regions
                .iter()
                .filter_map(|region| region.name.clone())
                .collect();
            let end = inside.and_then(|region| found(&region.end, line, at));
            let patterns = inside.map_or(&self.patterns, |region| &region.patterns);
            let best = self.first(patterns, line, at);
            let ends_first = match (&end, &best) {
                (Some(end), Some((_, best))) => begin(end) <= begin(best),
                (Some(_), None) => true,
                (None, _) => false,
            };
            let until = match (ends_first, &end, &best) {
                (true, Some(end), _) => begin(end),
                (_, _, Some((_, best))) => begin(best),
                _ => line.len(),
            };
            paint(scopes, at..until, &outer);
            if ends_first {
                let (end, region) = (end.expect("it ends"), inside.expect("a region"));
                mark(scopes, &end, &outer, &region.ends);
                at = after(&end);
                regions.pop();
                continue;
            }
            let Some((pattern, captures)) = best else {
                return;
            };
            let mut inner = outer;
            at = match pattern {
                Pattern::Match {
                    name,
                    captures: names,
                    ..
                } => {
                    inner.extend(name.clone());
                    mark(scopes, &captures, &inner, names);
                    let next = after(&captures);
                    assert!(next > begin(&captures), "an empty match: {line}");
                    next
                }
                Pattern::Region(region) => {
                    inner.extend(region.name.clone());
                    mark(scopes, &captures, &inner, &region.begins);
                    regions.push(region);
                    after(&captures)
                }
                Pattern::Include(_) => panic!("includes are followed"),
            };
        }
    }

    /// The pattern that matches first from a place on.
    fn first<'g>(
        &'g self,
        patterns: &'g [Pattern],
        line: &str,
        at: usize,
    ) -> Option<(&'g Pattern, Found)> {
        let mut best: Option<(&Pattern, Found)> = None;
        for pattern in patterns {
            let one = match pattern {
                Pattern::Include(name) => self.first(&self.repository[name], line, at),
                Pattern::Match { regex, .. } => found(regex, line, at).map(|one| (pattern, one)),
                Pattern::Region(region) => found(&region.begin, line, at).map(|one| (pattern, one)),
            };
            let sooner = |one: &Found, best: &Option<(&Pattern, Found)>| {
                best.as_ref()
                    .is_none_or(|(_, best)| begin(one) < begin(best))
            };
            if let Some((pattern, one)) = one
                && sooner(&one, &best)
            {
                best = Some((pattern, one));
            }
        }
        best
    }
}

fn found(regex: &Regex, line: &str, at: usize) -> Option<Found> {
    let captures = regex.captures_from_pos(line, at).expect("it ends")?;
    let groups = captures.iter();
    Some(
        groups
            .map(|group| group.map(|group| (group.start(), group.end())))
            .collect(),
    )
}

fn begin(captures: &Found) -> usize {
    captures[0].expect("the whole").0
}

fn after(captures: &Found) -> usize {
    captures[0].expect("the whole").1
}

fn paint(scopes: &mut [Vec<String>], range: std::ops::Range<usize>, with: &[String]) {
    for scope in &mut scopes[range] {
        *scope = with.to_vec();
    }
}

/// Paints a match, and each of its named groups with the group's scope as well.
fn mark(scopes: &mut [Vec<String>], captures: &Found, with: &[String], names: &Names) {
    paint(scopes, begin(captures)..after(captures), with);
    for (group, name) in names {
        if let Some(Some((start, end))) = captures.get(*group) {
            for scope in &mut scopes[*start..*end] {
                scope.push(name.clone());
            }
        }
    }
}

fn patterns(value: &Value) -> Vec<Pattern> {
    let list = value.as_array().expect("a list of patterns");
    list.iter().map(pattern).collect()
}

fn pattern(value: &Value) -> Pattern {
    const KNOWN: [&str; 9] = [
        "include",
        "name",
        "match",
        "captures",
        "begin",
        "beginCaptures",
        "end",
        "endCaptures",
        "patterns",
    ];
    let object = value.as_object().expect("a pattern");
    for key in object.keys() {
        assert!(KNOWN.contains(&key.as_str()), "what is `{key}`?");
    }
    let text = |key: &str| object.get(key).map(|value| value.as_str().expect("text"));
    let regex = |key: &str| {
        text(key).map(|text| Regex::new(text).unwrap_or_else(|why| panic!("{text}: {why}")))
    };
    if let Some(name) = text("include") {
        let name = name.strip_prefix('#').expect("of the repository");
        return Pattern::Include(name.to_owned());
    }
    let name = text("name").map(str::to_owned);
    if let Some(regex) = regex("match") {
        return Pattern::Match {
            regex,
            name,
            captures: names(value.get("captures")),
        };
    }
    Pattern::Region(Region {
        name,
        begin: regex("begin").expect("a match or a region"),
        begins: names(value.get("beginCaptures")),
        end: regex("end").expect("the end of a region"),
        ends: names(value.get("endCaptures")),
        patterns: value.get("patterns").map_or(Vec::new(), patterns),
    })
}

fn names(value: Option<&Value>) -> Names {
    let Some(object) = value.and_then(Value::as_object) else {
        return Names::new();
    };
    object
        .iter()
        .map(|(group, value)| {
            let name = value["name"].as_str().expect("a name");
            (group.parse().expect("a number"), name.to_owned())
        })
        .collect()
}
