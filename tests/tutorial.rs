//! The tutorial on each target: what a newcomer types, as the book and the README print it, against what each backend makes of it.
//!
//! `tests/book.rs` compares what every command prints with what is shown, on the target that the book shows. Here the same commands
//! run once for each backend: a command that the book shows to succeed or to fail must do so on each of them, and what it says of
//! the sources must be the same. What differs, since it speaks of manifests, is named in [`SPEAKS_OF_MANIFESTS`]; the one refusal that
//! the book shows is none where the backend can say it ([`SAID_BY`]). Nothing is left out.

#![cfg(unix)]
#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

const BACKENDS: [&str; 3] = ["calico", "kubernetes", "cilium"];

/// Commands whose output is about the manifests or the target itself, by a part of them.
const SPEAKS_OF_MANIFESTS: [&str; 4] = ["vauban build", "deploy/", "vauban dump", "vauban.toml"];

/// A diagnostic that the tutorial shows, and the backend on which the same line is fine.
const SAID_BY: (&str, &str) = ("error[no-dns-names]", "cilium");

/// What a command came to.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Ran {
    command: String,
    code: String,
    printed: String,
}

fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let text: Vec<&str> = lines
            .by_ref()
            .take_while(|line| !line.starts_with("```"))
            .collect();
        if info.split(',').next() == Some(language) {
            blocks.push(text.join("\n"));
        }
    }
    blocks
}

/// What is typed in `console` blocks: `$ ` begins a command, `> ` continues it.
fn typed(page: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut open = false;
    for line in blocks(page, "console")
        .iter()
        .flat_map(|block| block.lines())
    {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(command.to_owned());
            open = true;
        } else if let (true, Some(more)) = (open, line.strip_prefix('>')) {
            let command = commands.last_mut().expect("a command is open");
            command.push('\n');
            command.push_str(more.strip_prefix(' ').unwrap_or(more));
        } else {
            open = false;
        }
    }
    commands
}

/// Runs the commands in one shell in an empty folder.
fn run(commands: &[String]) -> Vec<Ran> {
    const END: &str = "-- end of a command: ";
    let binary = Path::new(env!("CARGO_BIN_EXE_vauban"));
    let path = format!(
        "{}:{}",
        binary.parent().expect("a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let script: String = commands
        .iter()
        .map(|command| format!("{{ {command}\n}} 2>&1\necho \"{END}$?\"\n"))
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ran = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", &path)
        .env_remove("CLICOLOR_FORCE")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .expect("a shell");
    let printed = String::from_utf8(ran.stdout).expect("UTF-8");
    let mut rest = printed.as_str();
    let all: Vec<Ran> = commands
        .iter()
        .map(|command| {
            let (printed, after) = rest
                .split_once(END)
                .unwrap_or_else(|| panic!("`{command}` never ended:\n{printed}"));
            let (code, after) = after.split_once('\n').expect("a line");
            rest = after;
            Ran {
                command: command.clone(),
                code: code.to_owned(),
                printed: printed.to_owned(),
            }
        })
        .collect();
    assert_eq!(rest, "", "nothing is printed after the last command");
    all
}

/// The commands as somebody types them who runs another backend.
fn on(backend: &str, commands: &[String]) -> Vec<String> {
    let commands: Vec<String> = commands
        .iter()
        .map(|command| match command.strip_prefix("vauban init ") {
            Some(rest) if !rest.contains("--backend") => {
                format!("vauban init --backend {backend} {rest}")
            }
            _ => command.clone(),
        })
        .collect();
    assert!(
        commands.iter().any(|command| command.contains(backend)),
        "the tutorial begins with `vauban init`"
    );
    commands
}

/// What is printed without the lines that say what a target was proved on, which speak of the target.
fn beside_proofs(printed: &str) -> String {
    printed
        .lines()
        .filter(|line| !line.contains(": proved on "))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_first_steps_are_the_same_on_each_target() {
    let commands = typed(&page("book/src/guide/first-steps.md"));
    for needed in [
        "vauban check",
        "vauban build",
        "vauban build --check",
        "cat > ",
    ] {
        assert!(
            commands.iter().any(|command| command.starts_with(needed)),
            "the tutorial has no `{needed}`"
        );
    }
    let shown = run(&on("calico", &commands));
    for backend in BACKENDS {
        let ran = run(&on(backend, &commands));
        for (ran, shown) in ran.iter().zip(&shown) {
            let said = shown.printed.contains(SAID_BY.0) && backend == SAID_BY.1;
            let expected = if said { "0" } else { &shown.code };
            assert_eq!(
                ran.code, expected,
                "{backend}: {}\n{}",
                ran.command, ran.printed
            );
            assert_ne!(ran.code, "2", "{backend}: {}\n{}", ran.command, ran.printed);
            let differs = SPEAKS_OF_MANIFESTS
                .iter()
                .any(|part| ran.command.contains(part));
            if !differs {
                let (ran_said, shown_said) =
                    (beside_proofs(&ran.printed), beside_proofs(&shown.printed));
                assert_eq!(ran_said, shown_said, "{backend}: {}", ran.command);
            }
        }
    }
}

/// A flow in a new project.
const FLOW: &str = r#"{"id":"1","from":{"pod":{"namespace":"shop","labels":{"app":"front"}}},"to":{"pod":{"namespace":"shop","labels":{"app":"back"}}},"protocol":"TCP","port":8080}"#;

/// What the README's list of commands does in a new project: all of them work, in its order, on each target.
#[test]
fn the_commands_of_the_readme_work_on_each_target() {
    let page = page("README.md");
    let (_, uses) = page.split_once("\n## Use\n").expect("a section on use");
    let block = uses
        .split("```")
        .nth(1)
        .expect("a block in it")
        .split_once('\n')
        .expect("a fence is a line")
        .1;
    let listed: Vec<String> = block
        .lines()
        .map(|line| line.split('#').next().unwrap_or(line).trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    assert!(listed.len() > 5, "{listed:?}");
    for backend in BACKENDS {
        let mut commands = Vec::new();
        for command in on(backend, &listed) {
            assert!(command.starts_with("vauban "), "{command}");
            // What a reader has: recorded flows, and what his cluster holds.
            if command.starts_with("vauban decide ") {
                commands.push(format!("echo '{FLOW}' > flows.jsonl"));
            }
            if command.ends_with(" cluster/") {
                commands.push("cp -r deploy cluster".to_owned());
            }
            commands.push(command.clone());
            // What a reader does on his own: he goes into the folder, and the project has a history.
            if let Some(folder) = command
                .starts_with("vauban init ")
                .then(|| command.rsplit(' ').next().unwrap_or_default())
            {
                commands.push(format!("cd {folder}"));
                commands.push("git init -q -b main".to_owned());
                commands.push(
                    "printf '[codeowners]\\nforge = \"github\"\\n' >> vauban.toml".to_owned(),
                );
                commands.push("git add -A".to_owned());
                commands.push(
                    "git -c user.name=jane -c user.email=jane@acme.example commit -q -m first"
                        .to_owned(),
                );
            }
        }
        for ran in run(&commands) {
            assert_eq!(ran.code, "0", "{backend}: {}\n{}", ran.command, ran.printed);
        }
    }
}
