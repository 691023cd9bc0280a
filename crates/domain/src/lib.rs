//! What happens after an interview: facts, the state they add up to, the plays that follow from it, and
//! the views on it. Pure: no clock, no input or output, no randomness. A slice per area of the mission.

// Stories are told in the same words here and in `tests/`.
#[cfg(test)]
extern crate self as afterword_domain;

pub mod aggregate;
pub mod announcements;
pub mod applications;
pub mod boards;
pub mod candidate;
pub mod catalogue;
pub mod connections;
pub mod contacts;
pub mod debrief;
pub mod decide;
mod derive;
pub mod documents;
pub mod fact;
#[cfg(test)]
mod given;
pub mod giving_way;
pub mod ids;
pub mod interviews;
pub mod next_round;
pub mod notes;
pub mod outcome;
pub mod play;
pub mod playbook;
pub mod profile;
pub mod references;
pub mod refusal;
pub mod rejection;
pub mod research;
pub mod restore;
pub mod search;
pub mod status;
pub mod tasks;
pub mod time;
pub mod timeline;
pub mod undo;
pub mod values;
