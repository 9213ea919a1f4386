//! `fmt`: files, folders, standard input.

use crate::sandbox::Sandbox;

const LAID_OUT: &str = "tier app { otherwise deny }\n";
const UNTIDY: &str = "tier   app {otherwise  deny}\n";

#[test]
fn lays_out_what_is_named_and_says_what_it_did() {
    let sandbox = Sandbox::empty();
    sandbox.write("a/one.vau", UNTIDY);
    sandbox.write("a/two.vau", LAID_OUT);
    sandbox.write("a/other.txt", UNTIDY);
    let ran = sandbox.run(&["fmt", "--check", "a"]).exits(1);
    assert!(ran.out.contains("--- a/a/one.vau"), "{}", ran.out);
    assert!(!ran.out.contains("two.vau"), "{}", ran.out);
    assert_eq!(sandbox.read("a/one.vau"), UNTIDY);
    sandbox
        .run(&["fmt", "a"])
        .exits(0)
        .complains("laid out 1 file\n");
    assert_eq!(sandbox.read("a/one.vau"), LAID_OUT);
    assert_eq!(sandbox.read("a/other.txt"), UNTIDY);
    sandbox.run(&["fmt", "--check", "a", "a/one.vau"]).exits(0);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let sandbox = Sandbox::empty();
    let ran = sandbox.run_with(&["fmt", "-"], UNTIDY.as_bytes()).exits(0);
    assert_eq!(ran.out, LAID_OUT);
    sandbox
        .run_with(&["fmt", "--check", "-"], UNTIDY.as_bytes())
        .exits(1);
    sandbox
        .run_with(&["fmt", "--check", "-"], LAID_OUT.as_bytes())
        .exits(0);
    let ran = sandbox.run_with(&["fmt", "-"], b"polic x {").exits(1);
    assert!(ran.out.is_empty());
    sandbox.run_with(&["fmt", "-"], b"\xff").exits(2);
}

#[test]
fn a_broken_file_is_not_touched_and_hides_nothing() {
    let sandbox = Sandbox::empty();
    sandbox.write("one.vau", "polic   x {\n");
    sandbox.write("two.vau", UNTIDY);
    sandbox.run(&["fmt", "."]).exits(1).complains("one.vau:1:");
    assert_eq!(sandbox.read("one.vau"), "polic   x {\n");
    assert_eq!(sandbox.read("two.vau"), LAID_OUT);
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    Sandbox::empty()
        .run(&["fmt", "nowhere.vau"])
        .exits(2)
        .complains("no such file");
}

#[cfg(unix)]
#[test]
fn permissions_stay() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::empty();
    sandbox.write("one.vau", UNTIDY);
    fs::set_permissions(sandbox.path("one.vau"), fs::Permissions::from_mode(0o640)).expect("sets");
    sandbox.run(&["fmt", "one.vau"]).exits(0);
    let mode = fs::metadata(sandbox.path("one.vau"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}
