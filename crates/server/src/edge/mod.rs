//! Where HTTP meets the service: what arrives is parsed and refused here, so that inside an invalid value does not
//! exist, and everything that leaves, the framework's own answers included, has the one form the API promises.

pub mod admission;
mod answer;
pub mod api_key;
pub mod body;
pub mod calendar_token;
mod careful;
pub mod clock;
pub mod codes;
pub(crate) mod connection;
pub mod cors;
pub mod cursor;
pub mod duration;
pub mod etag;
pub mod headers;
pub mod instant;
pub mod json;
pub mod keys;
pub mod middleware;
pub(crate) mod pace;
pub mod pages;
mod parameter;
pub mod pointer;
pub mod problem;
pub mod query;
pub mod rate_limit;
pub mod room;
pub mod routes;
pub mod scopes;
pub(crate) mod sockets;
pub mod tls;

#[cfg(test)]
mod tests;
pub mod webhook_secret;
