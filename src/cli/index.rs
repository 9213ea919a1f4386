//! `index.json`: what was written, from which policies, with places.
//!
//! ```json
//! {
//!   "schema": 1,
//!   "project": "bookstore",
//!   "target": {"name": "prod", "backend": "calico", "version": "3.30"},
//!   "files": [{
//!     "path": "books/books-api.yaml",
//!     "sha256": "…",
//!     "object": {"api": "projectcalico.org/v3", "kind": "NetworkPolicy", "namespace": "blue", "name": "app.books-api"},
//!     "sources": [{"what": "books.api", "file": "policies/books/bookstore.vau", "line": 6}]
//!   }]
//! }
//! ```
//! It lists every file of the tree but itself, sorted by path: what it does not list, no build has written. It depends on the input
//! alone, so it bears no date and no version of the tool.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Its name in the tree.
pub(crate) const FILE: &str = "index.json";

/// The only schema there is.
const SCHEMA: u32 = 1;

/// The document.
#[derive(Serialize, Deserialize)]
pub(crate) struct Index {
    /// [`SCHEMA`]
    pub(crate) schema: u32,
    /// The project's name.
    pub(crate) project: String,
    /// The target.
    pub(crate) target: IndexTarget,
    /// The files, sorted by path.
    pub(crate) files: Vec<IndexFile>,
}

/// The target.
#[derive(Serialize, Deserialize)]
pub(crate) struct IndexTarget {
    /// Its name in `vauban.toml`.
    pub(crate) name: String,
    /// What it runs.
    pub(crate) backend: String,
    /// The declared version.
    pub(crate) version: String,
}

/// One file.
#[derive(Serialize, Deserialize)]
pub(crate) struct IndexFile {
    /// Relative to the tree, with forward slashes.
    pub(crate) path: String,
    /// Of its bytes, in small hexadecimal digits.
    pub(crate) sha256: String,
    /// The object in it; none in `kustomization.yaml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<IndexObject>,
    /// What it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<IndexSource>,
}

/// An object of a cluster.
#[derive(Serialize, Deserialize)]
pub(crate) struct IndexObject {
    /// `apiVersion`
    pub(crate) api: String,
    /// `kind`
    pub(crate) kind: String,
    /// `metadata.namespace`, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// `metadata.name`
    pub(crate) name: String,
}

/// A policy, or what else an object is made from.
#[derive(Serialize, Deserialize)]
pub(crate) struct IndexSource {
    /// `books.api`, `default`, `tier app`
    pub(crate) what: String,
    /// Relative to the project.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: u32,
}

impl Index {
    /// An index without files.
    pub(crate) fn new(project: &str, target: IndexTarget) -> Self {
        Index {
            schema: SCHEMA,
            project: project.to_owned(),
            target,
            files: Vec::new(),
        }
    }

    /// The text of `index.json`.
    pub(crate) fn text(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("strings, numbers and lists are always JSON");
        text.push('\n');
        text
    }

    /// The paths that a text lists.
    ///
    /// # Errors
    /// If it is no index, or one of another schema; in words for people.
    pub(crate) fn paths(text: &[u8]) -> Result<BTreeSet<String>, String> {
        let index: Index = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if index.schema != SCHEMA {
            return Err(format!(
                "its schema is {}, this version of vauban knows {SCHEMA}",
                index.schema
            ));
        }
        Ok(index.files.into_iter().map(|file| file.path).collect())
    }
}

/// The SHA-256 of a text, in small hexadecimal digits.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
