//! Walls: between tenants, between keys, and between the service and addresses that somebody else named. What must hold
//! everywhere is tried everywhere: the places are found in the OpenAPI document, and an operation that cannot be tried
//! fails the test.

mod answers;
mod document;
mod facts;
mod matrix;
mod probes;
mod roles;
mod secrets;
mod targets;
mod town;
mod whose;
