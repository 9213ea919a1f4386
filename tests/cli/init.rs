//! `init`: what a person sees first.

use crate::sandbox::Sandbox;

#[test]
fn builds_for_every_backend() {
    for backend in ["kubernetes", "calico", "cilium"] {
        let sandbox = Sandbox::empty();
        sandbox.run(&["init", "new", "--backend", backend]).exits(0);
        let ran = sandbox.run(&["check", "new"]).exits(0);
        assert!(ran.err.contains("no findings"), "{backend}: {}", ran.err);
        sandbox.run(&["build", "new"]).exits(0);
        sandbox.run(&["build", "new", "--check"]).exits(0);
        let files = sandbox.files("new/deploy/prod");
        for made in ["kustomization.yaml", "index.json", "shop/"] {
            assert!(
                files.iter().any(|file| file.contains(made)),
                "{backend}: {files:?}"
            );
        }
    }
}

#[test]
fn is_laid_out() {
    for backend in ["kubernetes", "calico", "cilium"] {
        let sandbox = Sandbox::empty();
        sandbox.run(&["init", "new", "--backend", backend]).exits(0);
        sandbox.run(&["fmt", "--check", "new"]).exits(0);
    }
}

#[test]
fn never_overwrites() {
    let sandbox = Sandbox::empty();
    sandbox.write("policies/cluster.vau", "// mine\n");
    sandbox
        .run(&["init"])
        .exits(2)
        .complains("already there; nothing was written");
    assert_eq!(
        sandbox.files("."),
        ["./policies/cluster.vau".replace("./", "")]
    );
    assert_eq!(sandbox.read("policies/cluster.vau"), "// mine\n");
}
