//! What our readers refuse, offered to a server; and the book's list of what it takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::refused::{self, Refused};
use super::server::Server;

/// The page of the book that lists them.
const PAGE: &str = "book/src/internals/real-servers.md";

/// Offers each of them, one by one, in a namespace that is there; gives those that the server takes, as the book shows them.
pub(crate) fn taken_by(server: &Server) -> BTreeSet<String> {
    for namespace in ["shop", "blue"] {
        let text = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n");
        let ran = server.kubectl(&["apply", "--server-side", "-f", "-"], &text);
        assert_eq!(ran.code, 0, "{server}: {}", ran.err);
    }
    let offered = refused::all();
    let taken = offered.iter().filter(|one| {
        let arguments = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
        server.kubectl(&arguments, &one.manifest).code == 0
    });
    taken.map(row).collect()
}

/// `calico: types: []`
fn row(one: &Refused) -> String {
    format!("{}: {}", one.target.word(), one.shown)
}

/// How many are offered.
pub(crate) fn offered() -> usize {
    let rows: BTreeSet<String> = refused::all().iter().map(row).collect();
    assert_eq!(
        rows.len(),
        refused::all().len(),
        "two of them are shown alike"
    );
    rows.len()
}

/// What the book says: who takes what, `1.30 1.37` for instance. A row of its tables is `| manifest in back-ticks | servers |`, below a heading that begins
/// with the target's name.
pub(crate) fn listed() -> BTreeMap<String, String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = fs::read_to_string(page).expect("the page is there");
    let mut target = String::new();
    let mut listed = BTreeMap::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            let word = heading.split([':', ' ']).next().expect("a word");
            target = match word {
                "NetworkPolicy" => "kubernetes".to_owned(),
                word => word.to_lowercase(),
            };
        }
        let Some((shown, servers)) = line
            .strip_prefix("| `")
            .and_then(|row| row.strip_suffix(" |"))
            .and_then(|row| row.split_once("` | "))
        else {
            continue;
        };
        let row = format!("{target}: {}", shown.replace("\\|", "|"));
        let before = listed.insert(row, servers.to_owned());
        assert_eq!(before, None, "{line} stands there twice");
    }
    listed
}
