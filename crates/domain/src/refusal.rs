//! Why a fact is refused. Only the impossible is: what is merely unwise is recorded, with its departure.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A fact that cannot be recorded, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// What went wrong, as a stable code.
    pub code: Cow<'static, str>,
    /// What went wrong, as a sentence.
    pub detail: String,
    /// The fields at fault: JSON pointers into the fact's data and what would be right.
    pub fields: Vec<(String, String)>,
}

impl Refusal {
    /// A refusal that concerns the fact as a whole.
    pub fn new(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            detail: detail.into(),
            fields: Vec::new(),
        }
    }

    /// Names a field at fault.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.fields.push((pointer.into(), detail.into()));
        self
    }

    /// The path names a thing that this candidate does not have.
    pub fn not_found() -> Self {
        Self::new("not_found", "There is nothing here, or nothing that this key may see.")
    }

    /// A field holds what cannot be.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::new("invalid", "A field of the request is not valid.").at(pointer, detail)
    }

    /// A once-only fact was recorded before.
    pub fn already_recorded(detail: impl Into<String>) -> Self {
        Self::new("already_recorded", detail)
    }
}
