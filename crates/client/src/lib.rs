//! A client of Afterword with the service's own types: a fact that is sent is the struct that the service reads, and an
//! answer is the struct that it wrote. Every request may be sent again; every refusal is a [`Problem`].
//!
//! ```no_run
//! use afterword_client::{Client, Error, fact};
//! use afterword_domain::{applications::ApplicationOpened, profile::CandidateRegistered};
//! use serde_json::json;
//!
//! # async fn tour() -> Result<(), Error> {
//! let afterword = Client::new("http://127.0.0.1:8080", "aw_live_…")?;
//! let registered = afterword
//!     .register(fact::<CandidateRegistered>(json!({"name": "Amara Okafor", "time_zone": "Europe/Berlin"}))?)
//!     .await?;
//! let amara = afterword.candidate(registered.event.candidate);
//! let application = json!({"organisation": {"name": "Kestrel Robotics"}, "position": "Site reliability engineer"});
//! amara.record(fact::<ApplicationOpened>(application)?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What has no function of its own here is one call away: [`Client::request`] and [`Client::answer`].

mod candidate;
mod client;
mod error;
mod event;
#[cfg(feature = "https")]
mod https;
mod pages;
mod recording;

pub use afterword_domain as domain;
pub use candidate::Candidate;
pub use client::Client;
pub use error::{Error, ErrorAt, Problem};
pub use event::{Event, Said};
pub use pages::{Page, Rows};
pub use recording::{Recorded, Recording, fact};

/// An id that a client chooses: facts, things and requests that are sent again keep it.
#[expect(
    clippy::disallowed_methods,
    reason = "a client is where the world begins, as `edge::clock` is in the service"
)]
fn fresh() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}
