//! A reader of HTML that takes nothing for granted: what a browser would repair is a fault here.

use std::collections::BTreeSet;

/// Elements that have no end tag.
const VOID: [&str; 4] = ["meta", "input", "br", "link"];

/// Elements whose text is no markup.
const RAW: [&str; 2] = ["style", "script"];

/// Attributes that name elements of the page.
const NAMING: [&str; 4] = [
    "aria-labelledby",
    "aria-describedby",
    "for",
    "aria-controls",
];

/// A start tag.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    in_picture: bool,
}

impl<'a> Tag<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.attributes
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }
}

/// What is wrong with a page, in words; nothing for a good one.
pub(crate) fn faults(page: &str) -> Vec<String> {
    let mut reader = Reader {
        rest: page,
        open: Vec::new(),
        tags: Vec::new(),
        faults: Vec::new(),
    };
    reader.read();
    let mut faults = reader.faults;
    let mut ids = BTreeSet::new();
    for tag in &reader.tags {
        let id = tag.get("id");
        if let Some(id) = id
            && !ids.insert(id)
        {
            faults.push(format!("two elements are `{id}`"));
        }
    }
    let mut level = 0;
    for tag in &reader.tags {
        if let Some(anchor) = tag.get("href").and_then(|href| href.strip_prefix('#'))
            && !ids.contains(anchor)
        {
            faults.push(format!("`#{anchor}` leads nowhere"));
        }
        for name in NAMING {
            for id in tag.get(name).into_iter().flat_map(str::split_whitespace) {
                if !ids.contains(id) {
                    faults.push(format!("{name} names `{id}`, which is not there"));
                }
            }
        }
        for (name, value) in &tag.attributes {
            let loads = matches!(*name, "src" | "srcset" | "action" | "data" | "poster")
                || (*name == "href" && !value.starts_with('#'));
            if loads {
                faults.push(format!("`{name}={value}` leads out of the page"));
            }
            if name.starts_with("on") {
                faults.push(format!("script in `{name}`"));
            }
        }
        if tag.name == "th" && tag.get("scope").is_none() {
            faults.push("a heading of a table without a scope".to_owned());
        }
        if let Some(now) = tag
            .name
            .strip_prefix('h')
            .and_then(|n| n.parse::<u8>().ok())
        {
            if now > level + 1 {
                faults.push(format!("h{now} comes after h{level}"));
            }
            level = now;
        }
    }
    // A picture has a title of its own.
    reader
        .tags
        .retain(|tag| tag.name != "title" || !tag.in_picture);
    for once in ["html", "head", "title", "body", "main", "h1", "script"] {
        let count = reader.tags.iter().filter(|tag| tag.name == once).count();
        if count != 1 {
            faults.push(format!("{count} elements `{once}`"));
        }
    }
    faults
}

struct Reader<'a> {
    rest: &'a str,
    open: Vec<&'a str>,
    tags: Vec<Tag<'a>>,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) {
        while let Some(at) = self.rest.find('<') {
            self.text(&self.rest[..at]);
            self.rest = &self.rest[at + 1..];
            if let Some(rest) = self.rest.strip_prefix("!--") {
                self.rest = rest.split_once("-->").map_or("", |(_, rest)| rest);
            } else if let Some(rest) = self.rest.strip_prefix("!doctype html>") {
                self.rest = rest;
            } else if let Some(rest) = self.rest.strip_prefix('/') {
                let (name, rest) = rest.split_once('>').unwrap_or((rest, ""));
                self.rest = rest;
                let open = self.open.pop();
                if open != Some(name) {
                    self.faults.push(format!("`{name}` ends, {open:?} is open"));
                }
            } else {
                self.start();
            }
        }
        if !self.open.is_empty() {
            self.faults.push(format!("{:?} never end", self.open));
        }
    }

    /// Each `&` begins a reference, and no `>` stands alone.
    fn text(&mut self, text: &str) {
        for part in text.split('&').skip(1) {
            let name = part.split_once(';').map(|(name, _)| name);
            let is_one = name.is_some_and(|name| {
                name.len() < 8 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#')
            });
            if !is_one {
                self.faults.push(format!("`&` in {text:?}"));
            }
        }
        if text.contains('>') {
            self.faults.push(format!("`>` in {text:?}"));
        }
    }

    fn start(&mut self) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':');
        let end = |text: &str| text.find(|c| !is_name(c)).unwrap_or(text.len());
        let (name, mut rest) = self.rest.split_at(end(self.rest));
        let mut attributes = Vec::new();
        let closed = loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                rest = after;
                break true;
            }
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break false;
            }
            let (key, after) = rest.split_at(end(rest));
            if key.is_empty() {
                self.faults.push(format!("in `{name}`: {:.40?}", rest));
                rest = rest.split_once('>').map_or("", |(_, rest)| rest);
                break false;
            }
            if attributes.iter().any(|(known, _)| *known == key) {
                self.faults.push(format!("`{name}` has two `{key}`"));
            }
            match after
                .strip_prefix("=\"")
                .and_then(|value| value.split_once('"'))
            {
                Some((value, after)) => {
                    self.text(value);
                    attributes.push((key, value));
                    rest = after;
                }
                None => {
                    attributes.push((key, ""));
                    rest = after;
                }
            }
        };
        self.tags.push(Tag {
            name,
            attributes,
            in_picture: self.open.contains(&"svg"),
        });
        self.rest = rest;
        if RAW.contains(&name) {
            let end = format!("</{name}>");
            self.rest = rest.split_once(&end).map_or("", |(_, rest)| rest);
        } else if !closed && !VOID.contains(&name) {
            self.open.push(name);
        }
    }
}

#[test]
fn a_broken_page_has_faults() {
    let page = |body: &str| {
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><title>t</title><script></script></head><body><main><h1>a</h1>{body}</main></body></html>"
        )
    };
    assert_eq!(
        faults(&page("<p id=\"a\"><a href=\"#a\">b</a></p>")),
        [""; 0]
    );
    for broken in [
        "<p>",
        "</p>",
        "<p></b>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<a href=\"#b\">b</a>",
        "<a href=\"https://example.org\">b</a>",
        "<img src=\"x\"/>",
        "<p onclick=\"x\"></p>",
        "<p>a & b</p>",
        "<p>a > b</p>",
        "<p a=\"1\" a=\"2\"></p>",
        "<p a='1'></p>",
        "<h3>a</h3>",
        "<script></script>",
        "<table><tr><th>a</th></tr></table>",
        "<p aria-labelledby=\"b\"></p>",
    ] {
        assert!(!faults(&page(broken)).is_empty(), "{broken}");
    }
}
