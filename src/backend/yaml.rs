//! The only writer of YAML manifests.
