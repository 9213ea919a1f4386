//! Program to decision: what a flow of a pod meets, per direction.
