//! The service as a process, and what may happen to it and to the machine under it. Killed in the middle of load, it loses
//! no fact that it acknowledged, and what was not acknowledged may be sent again; with a full disk or without its database
//! it says so, and goes on by itself.

mod again_and_again;
mod commit;
mod failover;
mod load;
mod model;
pub mod process;
mod proxy;
mod room;
#[cfg(debug_assertions)]
mod steps;
mod stopping;
mod time;
