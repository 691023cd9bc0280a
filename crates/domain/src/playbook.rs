//! A playbook: the numbers of all plays, which plays are played at all, and the days on which nobody works. What the
//! plays say themselves is the default; a playbook holds what a tenant has changed. It is never changed: a new version
//! replaces it, and candidates adopt that one after another.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    play::Play,
    time::{Holidays, Period},
};

/// A further number of a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// Its name.
    pub name: &'static str,
    /// Its value in the default playbook.
    pub default: Number,
    /// What it says.
    pub told: &'static str,
}

/// A number of a play: a length of time, or how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// How long.
    Period(Period),
    /// How often.
    Count(u8),
}

impl Numbered {
    /// A length of time.
    pub(crate) const fn period(name: &'static str, default: Period, told: &'static str) -> Self {
        let default = Number::Period(default);
        Self { name, default, told }
    }

    /// How often.
    pub(crate) const fn count(name: &'static str, default: u8, told: &'static str) -> Self {
        let default = Number::Count(default);
        Self { name, default, told }
    }
}

/// What a playbook changes of one play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whether the play is played.
    pub on: bool,
    /// The numbers that differ, by name; `opens` and `due` among them.
    pub numbers: BTreeMap<&'static str, Number>,
}

/// The numbers of all plays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Playbook {
    /// Its version; 0 is the default playbook.
    pub version: u32,
    /// The SHA-256 of its rules, in hexadecimal.
    pub hash: Arc<str>,
    /// The days on which nobody works, beside weekends.
    pub holidays: Holidays,
    /// What it changes, by play.
    pub rules: BTreeMap<&'static str, Rule>,
}

impl Playbook {
    fn number(&self, play: &Play, name: &str) -> Option<Number> {
        self.rules.get(play.name)?.numbers.get(name).copied()
    }

    /// Whether a play is played.
    pub fn plays(&self, play: &Play) -> bool {
        self.rules.get(play.name).is_none_or(|rule| rule.on)
    }

    /// How long tasks of a play wait before they open.
    pub fn opens(&self, play: &Play) -> Period {
        match self.number(play, "opens") {
            Some(Number::Period(period)) => period,
            Some(Number::Count(_)) | None => play.opens,
        }
    }

    /// How long tasks of a play have.
    pub fn due(&self, play: &Play) -> Period {
        match self.number(play, "due") {
            Some(Number::Period(period)) => period,
            Some(Number::Count(_)) | None => play.due,
        }
    }

    /// A length of time among a play's further numbers.
    pub fn period(&self, play: &Play, number: &Numbered) -> Period {
        match (self.number(play, number.name), number.default) {
            (Some(Number::Period(period)), _) | (_, Number::Period(period)) => period,
            (_, Number::Count(_)) => Period::AtOnce,
        }
    }

    /// How often, among a play's further numbers.
    pub fn count(&self, play: &Play, number: &Numbered) -> usize {
        match (self.number(play, number.name), number.default) {
            (Some(Number::Count(count)), _) | (_, Number::Count(count)) => count.into(),
            (_, Number::Period(_)) => 0,
        }
    }
}

mod adoption;
mod before;
mod rules;
pub use adoption::{PlaybookAdopted, adopt, adopt_under_others};
pub(crate) use before::Before;
pub use rules::{Holiday, PlayRule, PlaybookRules, RuleNumber, Wrong};

#[cfg(test)]
mod tests;
