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

mod bad_input;
mod breaking;
mod bulk;
mod calendars;
mod cards;
mod client;
mod composing;
mod connections;
mod contacts;
mod contract;
mod debrief;
mod documents;
mod erasure;
mod events;
mod exports;
mod facts;
mod harness;
mod idempotency;
mod imports;
mod interviews;
mod keys;
mod kill;
mod letters;
mod lists;
mod mail;
mod model;
mod next_round;
mod notes;
mod openapi;
mod operations;
mod outcome;
mod overload;
mod pages;
mod playbook;
mod profile;
mod rates;
mod reach;
mod references;
mod rejection;
mod rendering;
mod requests;
mod research;
mod rust_client;
mod scenes;
mod search;
mod searches;
mod simulation;
mod soak;
mod status;
mod stream;
mod tasks;
mod time;
mod timeline;
mod tour;
mod two_instances;
mod undo;
mod walls;
mod webhooks;
