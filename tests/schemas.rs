//! Every committed manifest of the examples against the real CRDs of the targets, strictly: an unknown field is an error, as it is for
//! `kubectl apply --server-side`. Kubernetes' own NetworkPolicy has no CRD; its validator's rules are in `backend::kubernetes`.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

fn yaml_files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            yaml_files(&path, out);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            out.push(path);
        }
    }
}

/// OpenAPI as the API server reads it, to JSON Schema: integers or strings where it says so, and no field that is not named.
fn strict(schema: &Value) -> Value {
    let Value::Object(fields) = schema else {
        return schema.clone();
    };
    let mut out = Map::new();
    for (key, value) in fields {
        match key.as_str() {
            "properties" => {
                let properties: Map<String, Value> = value
                    .as_object()
                    .expect("properties")
                    .iter()
                    .map(|(name, schema)| (name.clone(), strict(schema)))
                    .collect();
                out.insert(key.clone(), Value::Object(properties));
            }
            "items" | "additionalProperties" | "not" => {
                out.insert(key.clone(), strict(value));
            }
            "anyOf" | "oneOf" | "allOf" => {
                // Only the outermost schema closes its fields; these repeat some of them.
                out.insert(key.clone(), value.clone());
            }
            "description" | "default" | "nullable" | "format" => {}
            key if key.starts_with("x-kubernetes-") => {}
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    let open = fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if fields.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
        out.remove("type");
        out.insert(
            "anyOf".into(),
            json!([{"type": "integer"}, {"type": "string"}]),
        );
    }
    if fields.contains_key("properties") && !open && !out.contains_key("additionalProperties") {
        out.insert("additionalProperties".into(), json!(false));
    }
    Value::Object(out)
}

fn validators(crds: &Path) -> BTreeMap<(String, String), jsonschema::Validator> {
    let mut files = Vec::new();
    yaml_files(crds, &mut files);
    let mut validators = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a CRD is UTF-8");
        let crd: Value = serde_yaml::from_str(&text).expect("a CRD is YAML");
        let group = crd["spec"]["group"].as_str().expect("a group");
        let kind = crd["spec"]["names"]["kind"].as_str().expect("a kind");
        for version in crd["spec"]["versions"].as_array().expect("versions") {
            let mut schema = strict(&version["schema"]["openAPIV3Schema"]);
            // The API server checks metadata itself.
            schema["properties"]["metadata"] = json!({"type": "object"});
            let api = format!("{group}/{}", version["name"].as_str().expect("a version"));
            let validator = jsonschema::validator_for(&schema)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            validators.insert((api, kind.to_owned()), validator);
        }
    }
    validators
}

#[test]
#[ignore = "needs the targets' CRDs, which are not ours to ship: VAUBAN_CRDS=FOLDER, set by tests/long"]
fn the_examples_manifests_are_valid_for_the_real_crds() {
    let crds = std::env::var("VAUBAN_CRDS")
        .expect("VAUBAN_CRDS names a folder of CustomResourceDefinitions");
    let validators = validators(Path::new(&crds));
    let mut files = Vec::new();
    yaml_files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"),
        &mut files,
    );
    let (mut checked, mut wrong) = (0, Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        let object: Value = serde_yaml::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let key = (
            object["apiVersion"].as_str().unwrap_or("").to_owned(),
            object["kind"].as_str().unwrap_or("").to_owned(),
        );
        let Some(validator) = validators.get(&key) else {
            let ours = ["networking.k8s.io/v1", "kustomize.config.k8s.io/v1beta1"]
                .contains(&key.0.as_str());
            assert!(ours, "{}: no CRD for {key:?}", file.display());
            continue;
        };
        checked += 1;
        wrong.extend(
            validator
                .iter_errors(&object)
                .map(|error| format!("{}: {}: {error}", file.display(), error.instance_path())),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        checked > 20,
        "only {checked} manifests were found: build the examples first"
    );
}
