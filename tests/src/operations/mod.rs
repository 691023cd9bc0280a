//! Running it: what every answer tells browsers, HTTPS, secrets that stay secret, a doctor that knows what is wrong, copies
//! that can be brought back, and a new release that takes the old one's place.

pub mod backup;
mod doctor;
mod documented;
mod headers;
mod secrets;
mod tls;
mod upgrade;
