//! Fields that may be left alone, and lists that a person can look over: how they are read.

use serde::{Deserialize, Serialize, de::Error as _};

/// A field of a PATCH: left alone, cleared with `null`, or set.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Patch<T> {
    /// The field was not named.
    #[default]
    Keep,
    /// The field was `null`.
    Clear,
    /// The field's new value.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field was not named.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Patch::Keep)
    }
    /// The same change with another value.
    #[must_use]
    pub(crate) fn with(&self, value: impl FnOnce() -> T) -> Self {
        match self {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(_) => Patch::Set(value()),
        }
    }
    /// The new value, if the field was named: `None` clears it.
    pub fn named(&self) -> Option<Option<T>>
    where
        T: Clone,
    {
        match self {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(value) => Some(Some(value.clone())),
        }
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Patch::Set(value) => value.serialize(serializer),
            Patch::Keep | Patch::Clear => serializer.serialize_none(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Patch::Clear, Patch::Set))
    }
}

/// For fields of a PATCH that can be changed but not cleared: `null` is refused.
///
/// # Errors
/// Where it is `null`, or what its type refuses.
pub fn not_null<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// The most items that a list in a fact may hold.
const MOST: usize = 100;

/// A list, named or not.
pub(crate) trait Counted {
    fn count(&self) -> usize;
}

impl<T> Counted for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }
}

impl<T> Counted for Option<Vec<T>> {
    fn count(&self) -> usize {
        self.as_ref().map_or(0, Vec::len)
    }
}

impl<T> Counted for Patch<Vec<T>> {
    fn count(&self) -> usize {
        match self {
            Patch::Set(list) => list.len(),
            Patch::Keep | Patch::Clear => 0,
        }
    }
}

/// For lists: a fact is about something that a person can look over.
pub(crate) fn few<'de, L: Deserialize<'de> + Counted, D: serde::Deserializer<'de>>(d: D) -> Result<L, D::Error> {
    let list = L::deserialize(d)?;
    if list.count() > MOST {
        return Err(D::Error::custom(format_args!("must not hold more than {MOST} items")));
    }
    Ok(list)
}

/// For lists of a PATCH that can be changed but not cleared.
pub(crate) fn few_not_null<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    d: D,
) -> Result<Option<Vec<T>>, D::Error> {
    few(d).map(Some)
}
