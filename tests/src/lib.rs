//! Nothing but a place for the stories in `main.rs`, which are tests.
