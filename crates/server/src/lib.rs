//! Everything a job candidate does after an interview, as a headless service: endpoints, the OpenAPI
//! document, the command line. The rules live in `afterword-domain`, the log in `afterword-store`.

pub mod api;
pub mod app;
mod applications;
mod candid;
pub mod cli;
mod connections;
mod contacts;
mod debrief;
pub mod demo;
mod documents;
pub mod edge;
mod events;
mod facts;
pub mod imports;
mod interviews;
mod keys;
mod lists;
mod next_round;
mod notes;
pub mod openapi;
mod outcome;
mod playbook;
mod profile;
mod reading;
mod recording;
mod references;
mod rejection;
mod research;
mod search;
pub mod service;
mod status;
mod tasks;
mod test_clock;
pub mod time_worker;
mod undo;
mod writing;
