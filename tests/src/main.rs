//! Whole stories over HTTP, each on both stores. They hold the service to its contract (`domain` and `api` of the
//! design), not to its code: nothing here looks behind the API but the harness, which ends every story with `verify`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "in tests a failure is the answer, and a story may look at the clock"
)]

mod client;
mod contacts;
mod documents;
mod erasure;
mod events;
mod harness;
mod interviews;
mod keys;
mod lists;
mod notes;
mod outcome;
mod profile;
mod rejection;
mod requests;
mod scenes;
mod status;
mod tasks;
mod timeline;
mod tour;
mod undo;
