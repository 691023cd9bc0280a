//! Everything a job candidate does after an interview, as a headless service: endpoints, the OpenAPI
//! document, the command line. The rules live in `afterword-domain`, the log in `afterword-store`.

pub mod api;
pub mod app;
mod applications;
mod bulk;
mod calendars;
mod candid;
mod cards;
pub mod cli;
mod connections;
mod contacts;
mod debrief;
pub mod demo;
mod documents;
pub mod edge;
mod events;
mod exports;
mod facts;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod heavy;
pub mod imports;
mod interviews;
mod keys;
mod lists;
pub mod mail;
mod next_round;
mod notes;
pub mod openapi;
mod outcome;
pub mod outgoing;
mod playbook;
mod profile;
mod reading;
mod recording;
mod references;
mod rejection;
mod rendering;
mod research;
pub mod retention;
mod search;
pub mod service;
mod status;
mod suggestions;
mod tasks;
mod templates;
mod test_clock;
pub mod time_worker;
mod undo;
pub mod webhooks;
mod writing;
