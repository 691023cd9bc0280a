//! Imports.
pub(crate) fn endpoints(_: &mut crate::api::Api) {}
