//! cilium.io/v2.
