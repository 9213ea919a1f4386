//! The tool end to end: the real binary in folders of its own.

mod build;
mod can;
mod can_parts;
mod compare;
mod config;
mod decide;
mod fmt;
mod formats;
mod html;
mod init;
mod lint;
mod namespaces;
mod owners;
mod reach;
mod sandbox;
mod show;
mod sources;
mod test;
