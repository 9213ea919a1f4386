//! CODEOWNERS: what is written against what its forge reads, and the documented corners of each dialect.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use smol_str::SmolStr;
use vauban::gitops::codeowners::block::{BEGIN, END, merge};
use vauban::gitops::codeowners::{Claims, Forge, Layout, Rules, claims, github, write};
use vauban::model::Team;
use vauban::source::{FileId, Span};
use vauban::space::ValueSet;

const HERE: Span = Span {
    file: FileId(0),
    start: 0,
    end: 0,
};

fn team(name: &str, folder: &str, owners: &[&str], all: bool) -> Team {
    Team {
        name: name.into(),
        owners: owners.iter().copied().map(SmolStr::from).collect(),
        folder: folder.into(),
        namespaces: ValueSet::none(),
        all,
        span: HERE,
    }
}

/// The owners of a path: the union of all demands, sorted.
fn asked(forge: Forge, text: &str, path: &str) -> Vec<String> {
    let demands = Rules::read(forge, text).demands(path);
    let all: BTreeSet<String> = demands.into_iter().flat_map(|d| d.owners).collect();
    all.into_iter().collect()
}

/// One row of a table: the file, a path, and who is asked.
#[track_caller]
fn rows(forge: Forge, rows: &[(&str, &str, &[&str])]) {
    for (text, path, expected) in rows {
        assert_eq!(
            asked(forge, text, path),
            *expected,
            "{} on `{path}` of\n{text}",
            forge.word()
        );
    }
}

#[test]
fn github_order_and_patterns() {
    rows(
        Forge::Github,
        &[
            // The last match decides, however special an earlier one is.
            ("* @a\n/docs/ @b", "docs/x", &["@b"]),
            ("/docs/ @b\n* @a", "docs/x", &["@a"]),
            // All owners stand on one line: a second one replaces the first.
            ("x @a\nx @b", "x", &["@b"]),
            ("x @a @b", "x", &["@a", "@b"]),
            // A pattern without owners takes the path from everybody.
            ("/apps/ @a\n/apps/github", "apps/github", &[]),
            ("/apps/ @a\n/apps/github", "apps/other", &["@a"]),
            // Folders: at the root, anywhere, with or without a slash at the end.
            ("/apps/ @a", "apps/x/y", &["@a"]),
            ("/apps/ @a", "x/apps/y", &[]),
            ("/apps/ @a", "apps", &[]),
            ("apps/ @a", "x/apps/y", &["@a"]),
            ("apps @a", "x/apps/y", &["@a"]),
            ("apps @a", "x/apps", &["@a"]),
            ("docs/* @a", "docs/x", &["@a"]),
            ("docs/* @a", "docs/x/y", &[]),
            ("docs/x @a", "y/docs/x", &[]),
            ("docs/x @a", "docs/x/y", &["@a"]),
            ("/docs @a", "docs/x/y", &["@a"]),
            ("*.js @a", "x/y/z.js", &["@a"]),
            ("*.js @a", "x.jsx", &[]),
            ("/*.js @a", "x/y.js", &[]),
            ("* @a", ".hidden/x", &["@a"]),
            ("/ @a", "x", &[]),
            // `**`
            ("**/logs @a", "logs/x", &["@a"]),
            ("**/logs @a", "build/deep/logs/x", &["@a"]),
            ("**/logs @a", "blogs/x", &[]),
            ("a/**/b @a", "a/b", &["@a"]),
            ("a/**/b @a", "a/x/y/b/z", &["@a"]),
            ("a/** @a", "a/x/y", &["@a"]),
            ("a/** @a", "a", &[]),
            ("a/*/b @a", "a/x/y/b", &[]),
            ("a/*/b @a", "a/x/b", &["@a"]),
            ("/a/x?z @a", "a/xyz", &["@a"]),
            ("/a/x?z @a", "a/x/z", &[]),
            // Case matters.
            ("/Docs/ @a", "docs/x", &[]),
        ],
    );
}

#[test]
fn github_lines() {
    rows(
        Forge::Github,
        &[
            ("# x @a\n\n   \nx @b", "x", &["@b"]),
            ("x @a # and @b if need be", "x", &["@a"]),
            ("x @a#b", "x", &[]),
            ("a\\ b/ @a", "a b/c", &["@a"]),
            ("x @a\r\ny @b\r\n", "x", &["@a"]),
            // What of .gitignore does not work.
            ("\\#x @a", "#x", &[]),
            ("!x @a", "x", &[]),
            ("* @a\n!x @b", "y", &["@a"]),
            ("[ab] @a", "a", &[]),
            // A line that is not valid is skipped, and the one before it decides.
            ("x @a\nx nobody", "x", &["@a"]),
            ("x @a\nx @b nobody", "x", &["@a"]),
            ("x @a/b/c", "x", &[]),
            (
                "x @org/team jane@acme.example",
                "x",
                &["@org/team", "jane@acme.example"],
            ),
        ],
    );
}

#[test]
fn github_reads_no_large_file() {
    let rule = "x @a\n";
    let filler = |size: usize| format!("{rule}#{}\n", "x".repeat(size - rule.len() - 2));
    let small = filler(github::TOO_LARGE - 1);
    assert_eq!(small.len(), github::TOO_LARGE - 1);
    assert_eq!(asked(Forge::Github, &small, "x"), ["@a"]);
    let large = filler(github::TOO_LARGE);
    assert_eq!(asked(Forge::Github, &large, "x"), [""; 0]);
}

#[test]
fn gitlab_patterns() {
    rows(
        Forge::Gitlab,
        &[
            // Without a slash at its end a pattern is exactly what it says.
            ("/docs @a", "docs/x", &[]),
            ("/docs @a", "docs", &["@a"]),
            ("/docs/ @a", "docs/x/y", &["@a"]),
            ("docs @a", "x/docs", &["@a"]),
            ("docs @a", "x/docs/y", &[]),
            ("docs/ @a", "x/docs/y/z", &["@a"]),
            ("docs/x @a", "y/docs/x", &["@a"]),
            ("* @a", "x/y/z", &["@a"]),
            ("* @a", ".x/.y", &["@a"]),
            ("/* @a", "x", &["@a"]),
            ("/* @a", "x/y", &[]),
            ("*.md @a", "x/y.md", &["@a"]),
            ("/docs/*.md @a", "docs/x/y.md", &[]),
            ("/docs/**/*.md @a", "docs/y.md", &["@a"]),
            ("/docs/**/*.md @a", "docs/x/z/y.md", &["@a"]),
            ("/docs/** @a", "docs/x", &["@a"]),
            ("/docs/** @a", "docs/x/y", &[]),
            ("/[ab]/ @a", "b/x", &["@a"]),
            ("/[!ab]/ @a", "b/x", &[]),
            ("/[a-c]x @a", "bx", &["@a"]),
            ("/[a @a", "[a", &[]),
            ("/{a,b}/ @a", "a/x", &[]),
            ("/x?z @a", "xyz", &["@a"]),
            ("/a\\ b/ @a", "a b/c", &["@a"]),
            ("\\#x @a", "#x", &["@a"]),
            ("#x @a", "#x", &[]),
            ("/Docs/ @a", "docs/x", &[]),
        ],
    );
}

#[test]
fn gitlab_sections() {
    rows(
        Forge::Gitlab,
        &[
            // In one section the last match decides; every section is asked.
            ("x @a\nx @b", "x", &["@b"]),
            ("* @a\n[B]\nx @b", "x", &["@a", "@b"]),
            ("[A]\nx @a\n[B]\nx @b", "x", &["@a", "@b"]),
            ("[A]\nx @a\n[a]\nx @b", "x", &["@b"]),
            // Owners of the header are for the entries that have none, and only below it.
            ("[A] @d\nx\ny @a", "x", &["@d"]),
            ("[A] @d\nx\ny @a", "y", &["@a"]),
            ("[A] @d\nx\n[A]\ny", "y", &[]),
            ("[A] @d @e/f\nx", "x", &["@d", "@e/f"]),
            // Out of a section, wherever the line stands; only of that one.
            ("[A]\n!x\n* @a", "x", &[]),
            ("[A]\n* @a\n!x", "x", &[]),
            ("[A]\n* @a\n!x\nx @b", "x", &[]),
            ("[A]\n* @a\n!x\n[B]\n* @b", "x", &["@b"]),
            ("[A]\n* @a\n!/x/", "x/y", &[]),
            // Nobody's demand is dropped by another section: three are asked here.
            (
                "* @all\n[Documentation] @docs\ndocs/\n*.txt\n[Database] @db\nmodel/db/",
                "model/db/CHANGELOG.txt",
                &["@all", "@db", "@docs"],
            ),
            (
                "* @all\n[Read me]\nREADME.md @a\ninternal/README.md @b\n[More]\nREADME.md @c",
                "internal/README.md",
                &["@all", "@b", "@c"],
            ),
            (
                "[A]\n*.rb @a\n!/config/**/*.rb\n/config/routes.rb @b",
                "config/routes.rb",
                &[],
            ),
            // A heading that is broken belongs to the section before it, and so do the entries after it.
            (
                "[Docs]\ndocs/**/* @a\n[Section name\ndocs/ @b",
                "docs/x",
                &["@b"],
            ),
            // A repeated pattern keeps its first place.
            ("x @a\n* @b\nx @c", "x", &["@b"]),
            // What is no header is an entry: a pattern like any other.
            ("[A @a\nx @b", "x", &["@b"]),
            // Comments do not stand behind entries: owners in one are owners.
            ("x @a # not @b", "x", &["@a", "@b"]),
            (
                "x @a @group/sub/group jane@acme.example word",
                "x",
                &["@a", "@group/sub/group", "jane@acme.example"],
            ),
            ("x @@maintainers @@nobody", "x", &["@@maintainers"]),
            // Nobody is left, so nobody is asked.
            ("* @a\nx word", "x", &[]),
        ],
    );
}

#[test]
fn gitlab_approvals_stand_on_the_header() {
    let demand = |text: &str, path: &str| {
        let demands = Rules::read(Forge::Gitlab, text).demands(path);
        assert_eq!(demands.len(), 1, "{demands:?}");
        let demand = &demands[0];
        (demand.approvals, demand.optional, demand.section.clone())
    };
    let section = |name: &str| Some(name.to_owned());
    assert_eq!(demand("x @a", "x"), (1, false, None));
    assert_eq!(demand("[A][2] @a\nx", "x"), (2, false, section("A")));
    assert_eq!(demand("[A][0] @a\nx", "x"), (1, false, section("A")));
    assert_eq!(demand("^[A] @a\nx", "x"), (1, true, section("A")));
    // The number is the header's, not the name's; optional only if all entries are.
    let text = "[A][2] @a\nx\n[A] @a\ny";
    assert_eq!((demand(text, "x").0, demand(text, "y").0), (2, 1));
    let text = "^[A] @a\nx\n[a] @a\ny";
    assert_eq!(demand(text, "x"), (1, false, section("A")));
}

#[test]
fn bitbucket_lines() {
    rows(
        Forge::Bitbucket,
        &[
            ("* @a\n/docs/ @b", "docs/x", &["@b"]),
            ("/docs/ @b\n* @a", "docs/x", &["@a"]),
            ("x a@acme.example # @b", "x", &["a@acme.example"]),
            (
                "x @space/group:random(2) @teams/x:least_busy(1) @y:all",
                "x",
                &["@space/group:random(2)", "@teams/x:least_busy(1)", "@y:all"],
            ),
            ("x @a:some", "x", &[]),
            ("\\#x @a", "#x", &[]),
            ("!x @a", "x", &[]),
            ("[ab] @a", "a", &[]),
            ("**/logs/ @a", "x/logs/y", &["@a"]),
            ("/Docs/ @a", "docs/x", &[]),
            ("* @a\nx", "x", &["@a"]),
        ],
    );
}

#[test]
fn gitea_expressions() {
    rows(
        Forge::Gitea,
        &[
            // All that match are asked, each on its own; there is no order.
            (".* @a\ndocs/.* @b", "docs/x", &["@a", "@b"]),
            ("docs/.* @b\n.* @a", "docs/x", &["@a", "@b"]),
            // The whole path, and only a path: a folder is not all below it.
            ("docs @a", "docs/x", &[]),
            ("docs/ @a", "docs/x", &[]),
            ("ocs/x @a", "docs/x", &[]),
            // Turned round.
            ("!docs/.* @a", "docs/x", &[]),
            ("!docs/.* @a", "src/x", &["@a"]),
            // One backslash is the line's, the next one the expression's.
            (".*\\\\.go @a", "x/y.go", &["@a"]),
            (".*\\\\.go @a", "x/ygo", &[]),
            (".*\\.go @a", "x/y_go", &["@a"]),
            ("a\\ b @a", "a b", &["@a"]),
            ("a\\#b @a", "a#b", &["@a"]),
            ("a#b @a", "a", &[]),
            ("x @a # @b", "x", &["@a"]),
            (
                "docs/(aws|google)/[^/]*\\\\.(md|txt) @a",
                "docs/aws/x.md",
                &["@a"],
            ),
            (
                "docs/(aws|google)/[^/]*\\\\.(md|txt) @a",
                "docs/aws/x/y.md",
                &[],
            ),
            // Not put into brackets: `^a` or `b$`.
            ("a|b @a", "axx", &["@a"]),
            ("/docs/.* @a", "docs/x", &["@a"]),
            // Lines that are not valid are skipped.
            ("( @a\nx @b", "x", &["@b"]),
            ("x", "x", &[]),
            ("x @org/team/more", "x", &[]),
            ("x jane@acme.example @a", "x", &["@a"]),
            ("Docs/.* @a", "docs/x", &[]),
        ],
    );
}

fn layout() -> Layout {
    Layout {
        project: String::new(),
        sources: "policies".into(),
        outs: vec!["deploy/prod".into()],
        inputs: vec!["vauban.toml".into()],
    }
}

fn example(forge: Forge) -> (Claims, String) {
    let teams = [
        team("books", "apps/books", &["@acme/books"], false),
        team("platform", "platform", &["@acme/platform", "@jane"], true),
    ];
    let approvals = match forge {
        Forge::Gitlab => BTreeMap::from([("root".into(), 2)]),
        _ => BTreeMap::new(),
    };
    let claims = claims(forge, &teams, &layout(), &approvals, HERE).expect("it can be written");
    let text = merge(forge, None, &write(forge, &claims), ("CODEOWNERS", HERE)).expect("new");
    (claims, text)
}

#[test]
fn what_is_written_for_each_forge() {
    for forge in Forge::ALL {
        insta::assert_snapshot!(forge.word(), example(forge).1);
    }
}

#[test]
fn each_path_of_the_example_has_its_owner() {
    for forge in Forge::ALL {
        let (_, text) = example(forge);
        let platform = ["@acme/platform", "@jane"];
        for (path, expected) in [
            ("policies/cluster.vau", &platform[..]),
            ("policies/apps/x.vau", &platform),
            ("policies/apps/bookshop/x.vau", &platform),
            ("policies/apps/books/x.vau", &["@acme/books"]),
            ("policies/apps/books/raw/x.yaml", &["@acme/books"]),
            ("policies/platform/x.vau", &platform),
            ("deploy/prod/books/x.yaml", &["@acme/books"]),
            ("deploy/prod/platform/x.yaml", &platform),
            ("deploy/prod/root/x.yaml", &platform),
            ("deploy/prod/kustomization.yaml", &platform),
            ("deploy/prod/index.json", &[]),
            ("vauban.toml", &platform),
            (forge.place(), &platform),
            ("README.md", &[]),
            ("x/vauban.toml", &[]),
            ("other/policies/x.vau", &[]),
        ] {
            assert_eq!(
                asked(forge, &text, path),
                expected,
                "{} {path}",
                forge.word()
            );
        }
    }
}

fn faults(forge: Forge, teams: &[Team], layout: &Layout) -> Vec<&'static str> {
    match claims(forge, teams, layout, &BTreeMap::new(), HERE) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| fault.name).collect(),
    }
}

#[test]
fn what_a_forge_could_not_read_is_refused() {
    let all = |owners: &[&str]| [team("platform", "platform", owners, true)];
    for (forge, owner, good) in [
        (Forge::Github, "@acme/a/b", false),
        (Forge::Github, "jane@acme.example", true),
        (Forge::Gitlab, "@acme/a/b", true),
        (Forge::Gitlab, "a%b@acme.example", false),
        (Forge::Bitbucket, "@acme/a", true),
        (Forge::Gitea, "jane@acme.example", false),
        (Forge::Gitea, "@acme/a", true),
    ] {
        let expected: &[&str] = if good { &[] } else { &["codeowners-owner"] };
        assert_eq!(
            faults(forge, &all(&[owner]), &layout()),
            expected,
            "{owner}"
        );
    }
    let forge = Forge::Github;
    assert_eq!(faults(forge, &[], &layout()), ["codeowners-without-owner"]);
    assert_eq!(
        faults(forge, &all(&[]), &layout()),
        ["codeowners-without-owner"]
    );
    for strange in ["a b", "a#b", "[a]", "a*", "ä", "a\\b"] {
        let mut teams = all(&["@a"]).to_vec();
        teams.push(team("x", strange, &["@b"], false));
        assert_eq!(
            faults(forge, &teams, &layout()),
            ["codeowners-path"],
            "{strange}"
        );
        let elsewhere = Layout {
            project: strange.to_owned(),
            ..layout()
        };
        assert!(
            !faults(forge, &all(&["@a"]), &elsewhere).is_empty(),
            "{strange}"
        );
    }
}

#[test]
fn what_people_wrote_before_the_block_stays() {
    let rules = "/x @a\n";
    let merged =
        |old: Option<&str>| merge(Forge::Github, old, rules, ("f", HERE)).map_err(|d| d.name);
    let block = format!("{BEGIN}\n/x @a\n{END}\n");
    assert_eq!(merged(None), Ok(block.clone()));
    for own in ["* @me\r\n# mine\r\n", "* @me\n\n\n"] {
        let with = merged(Some(own)).expect("it can be put at the end");
        assert_eq!(with, format!("{own}\n{block}"));
        assert_eq!(merged(Some(&with)), Ok(with.clone()));
        // Other rules of ours, another block; a comment behind it does no harm.
        let other = with.replace("/x @a", "/y @b\n/z @c") + "\n# the end";
        assert_eq!(merged(Some(&other)), Ok(format!("{with}\n# the end")));
    }
    assert_eq!(merged(Some("* @me")), Ok(format!("* @me\n\n{block}")));
}

#[test]
fn a_damaged_block_is_refused() {
    for old in [
        format!("{BEGIN}\n"),
        format!("x @a\n{END}\n"),
        format!("{END}\n{BEGIN}\n"),
        format!("{BEGIN}\n{BEGIN}\n{END}\n"),
        format!("{BEGIN}\n{END}\n{BEGIN}\n{END}\n"),
    ] {
        let refused = merge(Forge::Gitea, Some(&old), "", ("f", HERE)).map_err(|d| d.name);
        assert_eq!(refused, Err("codeowners-damaged-block"), "{old}");
    }
}

#[test]
fn what_could_take_back_the_block_is_refused() {
    let name = |forge, old: &str| {
        merge(forge, Some(old), "x @a\n", ("f", HERE))
            .map(|_| "")
            .unwrap_or_else(|fault| fault.name)
    };
    let behind = format!("{BEGIN}\n{END}\n* @me\n");
    assert_eq!(name(Forge::Github, &behind), "codeowners-not-last");
    assert_eq!(
        name(Forge::Gitlab, "[Vauban books]\n* @me\n"),
        "codeowners-section-taken"
    );
    assert_eq!(name(Forge::Gitlab, "[vaubans]\n* @me\n"), "");
    assert_eq!(name(Forge::Github, "[vauban x] @me\n"), "");
    let large = format!("# {}\n", "x".repeat(github::TOO_LARGE));
    assert_eq!(name(Forge::Github, &large), "codeowners-too-large");
    assert_eq!(name(Forge::Gitlab, &large), "");
}

/// Names that share beginnings, and differ in what the dialects read in their own ways.
const NAMES: [&str; 12] = [
    "a", "ab", "abc", "a-b", "a.b", "a_b", "b", "root", "policies", "A", ".a", "a-",
];

fn name() -> impl Strategy<Value = String> {
    proptest::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

fn folder(longest: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(name(), 1..=longest).prop_map(|parts| parts.join("/"))
}

#[derive(Clone, Debug)]
struct World {
    teams: Vec<Team>,
    layout: Layout,
    approvals: BTreeMap<SmolStr, u32>,
}

fn inside(path: &str, folder: &str) -> bool {
    path == folder || path.starts_with(&format!("{folder}/"))
}

fn world() -> impl Strategy<Value = World> {
    let layout = (
        proptest::option::of(folder(2)),
        folder(2),
        proptest::collection::vec(folder(2), 0..3),
        any::<bool>(),
    )
        .prop_map(|(project, sources, outs, more)| {
            let mut apart: Vec<String> = Vec::new();
            for out in outs {
                // The configuration sees to this: outputs and sources do not lie in each other, whatever the case of letters.
                let clash = |other: &String| {
                    let (a, b) = (out.to_lowercase(), other.to_lowercase());
                    inside(&a, &b) || inside(&b, &a)
                };
                if !clash(&sources) && !apart.iter().any(clash) {
                    apart.push(out);
                }
            }
            let mut inputs = vec!["vauban.toml".to_owned()];
            if more {
                inputs.push("cluster/namespaces.yaml".to_owned());
            }
            Layout {
                project: project.unwrap_or_default(),
                sources,
                outs: apart,
                inputs,
            }
        });
    let folders = proptest::collection::vec((folder(2), any::<bool>(), 1..4u32), 0..5);
    (layout, folders, any::<bool>()).prop_map(|(layout, folders, root)| {
        let mut teams: Vec<Team> = Vec::new();
        let mut approvals = BTreeMap::new();
        for (at, (folder, all, count)) in folders.into_iter().enumerate() {
            // No team's folder lies in another's: the compiler refuses that.
            if teams
                .iter()
                .any(|team| inside(&folder, &team.folder) || inside(&team.folder, &folder))
            {
                continue;
            }
            let name = format!("t{at}");
            let owner = format!("@acme/{name}");
            approvals.insert(name.as_str().into(), count);
            teams.push(team(&name, &folder, &[&owner, "@jane"], all));
        }
        if root || !teams.iter().any(|team| team.all) {
            teams.push(team("top", "", &["@acme/top", "@joe"], true));
        }
        World {
            teams,
            layout,
            approvals,
        }
    })
}

/// Paths that begin as what is claimed does, and leave it in all ways.
fn paths(world: &World, endings: &[String]) -> Vec<String> {
    let layout = &world.layout;
    let mut stems: Vec<String> = vec![String::new(), layout.in_repository("")];
    stems.push(layout.in_repository(&layout.sources));
    for team in &world.teams {
        stems.push(layout.in_repository(&format!("{}/{}", layout.sources, team.folder)));
    }
    for out in &layout.outs {
        stems.push(layout.in_repository(out));
        for name in world
            .teams
            .iter()
            .map(|team| team.name.as_str())
            .chain(["root"])
        {
            stems.push(layout.in_repository(&format!("{out}/{name}")));
        }
    }
    let mut paths: Vec<String> = ["vauban.toml", "cluster/namespaces.yaml"]
        .map(|file| layout.in_repository(file))
        .into();
    paths.extend(Forge::ALL.map(|forge| forge.place().to_owned()));
    for stem in stems {
        let stem = stem.trim_matches('/');
        for ending in endings {
            paths.push(format!("{stem}/{ending}").trim_matches('/').to_owned());
            paths.push(format!("{stem}{}", ending.replace('/', "")));
        }
        for file in ["kustomization.yaml", "index.json"] {
            paths.push(format!("{stem}/{file}").trim_matches('/').to_owned());
        }
    }
    paths.retain(|path| !path.is_empty());
    paths
}

/// Lines that people, and merges, could leave in a CODEOWNERS.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab/*?!^\\[\\]\\\\#{}|()+. @é-]{0,16}",
        2 => "[ab/*]{1,6} @[ab]{1,3}",
        1 => "\\^?\\[[ab]{0,3}\\](\\[[0-9]{0,3}\\])?( @a)?",
        1 => Just(BEGIN.to_owned()),
        1 => Just(END.to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_path_has_the_owners_that_the_claims_say(
        world in world(),
        endings in proptest::collection::vec(folder(3), 1..6),
        own in any::<bool>(),
    ) {
        let none = BTreeMap::new();
        for forge in Forge::ALL {
            let approvals = if forge == Forge::Gitlab { &world.approvals } else { &none };
            let claims = claims(forge, &world.teams, &world.layout, approvals, HERE).expect("all of it can be written");
            let rules = write(forge, &claims);
            // Somebody's own rules stand before ours. GitLab and Gitea ask for both; on the others ours decide where they speak.
            let everybody = match forge {
                Forge::Gitea => ".* @everybody\n",
                _ => "* @everybody\n",
            };
            let old = own.then_some(everybody);
            let text = merge(forge, old, &rules, ("f", HERE)).expect("it fits");
            let read = Rules::read(forge, &text);
            for path in paths(&world, &endings) {
                let found = read.demands(&path);
                let (ours, others): (Vec<_>, Vec<_>) =
                    found.iter().partition(|demand| demand.owners != ["@everybody"]);
                prop_assert!(ours.len() <= 1, "{} {path}: {ours:?}\n{text}", forge.word());
                let party = claims.party_of(&path);
                let both = matches!(forge, Forge::Gitlab | Forge::Gitea);
                prop_assert_eq!(
                    !others.is_empty(), own && (both || party.is_none()),
                    "{} {}: {:?}\n{}", forge.word(), path, others, text
                );
                prop_assert_eq!(
                    ours.first().map(|demand| (demand.owners.clone(), demand.approvals, demand.optional)),
                    party.map(|party| (
                        party.owners.iter().map(ToString::to_string).collect::<Vec<_>>(),
                        party.approvals,
                        false,
                    )),
                    "{} {}\n{}", forge.word(), path, text
                );
            }
        }
    }

    #[test]
    fn no_text_is_too_strange(lines in proptest::collection::vec(line(), 0..12), path in "[a-c/. #\\\\\\[\\]é]{1,12}") {
        let text = lines.join("\n");
        for forge in Forge::ALL {
            // No panic, and nobody is asked twice by one line.
            let demands = Rules::read(forge, &text).demands(&path);
            let lines: BTreeSet<u32> = demands.iter().map(|demand| demand.line).collect();
            prop_assert_eq!(lines.len(), demands.len());
            // A block is put into it once and for all, or not at all.
            let Ok(merged) = merge(forge, Some(&text), "x @a\n", ("f", HERE)) else {
                continue;
            };
            prop_assert!(merged.starts_with(text.split(BEGIN).next().unwrap_or_default()));
            let again = merge(forge, Some(&merged), "x @a\n", ("f", HERE)).expect("it is our own");
            prop_assert_eq!(again, merged);
        }
    }
}
