//! projectcalico.org/v3.
