//! A playbook as it is written down: what it changes of the default one, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Number, Playbook, Rule};
use crate::{
    play::{PLAYBOOK, Play},
    status::ENQUIRE_STATUS,
    time::{Date, Period},
    values::{Line, few},
};

/// What a playbook changes of the default one. What is left out stays as the plays have it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookRules {
    /// The days on which nobody works, beside weekends.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "many")]
    #[schema(required = false, max_items = 1000)]
    pub holidays: Vec<Holiday>,
    /// The plays that it changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "few")]
    #[schema(required = false, max_items = 100)]
    pub plays: Vec<PlayRule>,
}

/// A day on which nobody works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"date": "2026-12-25", "name": "Christmas Day"}))]
pub struct Holiday {
    /// The day.
    pub date: Date,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<Line>,
}

/// What a playbook changes of one play.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"play": "enquire_status", "opens": "P7D", "numbers": {"most": 3}}))]
pub struct PlayRule {
    /// The play.
    pub play: String,
    /// Whether it is played; left out: it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub on: Option<bool>,
    /// How long its tasks wait before they open: `PT24H`, `P3D` or `{"working_days": 5}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub opens: Option<Period>,
    /// How long its tasks have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub due: Option<Period>,
    /// Its further numbers, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub numbers: BTreeMap<String, RuleNumber>,
}

/// A number of a play: how often, or how long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "must be a whole number, a duration such as `P3D`, or `{\"working_days\": 5}`"
)]
pub enum RuleNumber {
    /// How often.
    Count(u8),
    /// How long.
    Period(Period),
}

/// What is wrong with a rule: its JSON pointer, and what would be right.
pub type Wrong = (String, String);

fn many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Holiday>, D::Error> {
    use serde::de::Error;
    let holidays = Vec::deserialize(deserializer)?;
    if holidays.len() > 1000 {
        return Err(D::Error::custom("must hold at most 1000 days"));
    }
    Ok(holidays)
}

impl PlaybookRules {
    /// The playbook that these rules make.
    ///
    /// # Errors
    /// Every rule that is wrong, and why.
    pub fn read(&self, version: u32, hash: &str) -> Result<Playbook, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut days = BTreeSet::new();
        for (nth, holiday) in self.holidays.iter().enumerate() {
            if !days.insert(holiday.date) {
                wrong.push((format!("/holidays/{nth}/date"), "stands in the list twice".to_owned()));
            }
        }
        let mut rules = BTreeMap::new();
        for (nth, rule) in self.plays.iter().enumerate() {
            let at = |field: &str| format!("/plays/{nth}/{field}");
            let Some(play) = PLAYBOOK.iter().find(|play| play.name == rule.play) else {
                let known: Vec<_> = PLAYBOOK.iter().map(|play| play.name).collect();
                wrong.push((at("play"), format!("is not a play; plays are {}", known.join(", "))));
                continue;
            };
            match rule.read(play) {
                Ok(read) => {
                    if rules.insert(play.name, read).is_some() {
                        wrong.push((at("play"), "stands in the list twice".to_owned()));
                    }
                }
                Err(fields) => wrong.extend(fields.into_iter().map(|(field, told)| (at(&field), told))),
            }
        }
        let playbook = Playbook {
            version,
            hash: hash.into(),
            holidays: days.into_iter().collect(),
            rules,
        };
        if wrong.is_empty() {
            wrong.extend(self.out_of_order(&playbook));
        }
        if wrong.is_empty() { Ok(playbook) } else { Err(wrong) }
    }

    /// Silence has its order: quiet, silent, presumed closed.
    fn out_of_order(&self, playbook: &Playbook) -> Option<Wrong> {
        let length = |name: &str| {
            let number = ENQUIRE_STATUS.numbers.iter().find(|number| number.name == name)?;
            Some(roughly(playbook.period(&ENQUIRE_STATUS, number)))
        };
        let steps = [("quiet", "silent"), ("silent", "presumed_closed")];
        let (sooner, later) = steps
            .into_iter()
            .find(|(sooner, later)| length(sooner) > length(later))?;
        let nth = self.plays.iter().position(|rule| rule.play == ENQUIRE_STATUS.name)?;
        Some((
            format!("/plays/{nth}/numbers/{later}"),
            format!("must not be shorter than `{sooner}`"),
        ))
    }
}

/// A length of time in hours; five working days are a week.
const fn roughly(period: Period) -> i64 {
    match period {
        Period::AtOnce => 0,
        Period::Hours(hours) => hours as i64,
        Period::Days(days) => days as i64 * 24,
        Period::WorkingDays(days) => days as i64 * 24 * 7 / 5,
    }
}

impl PlayRule {
    /// What it changes of its play, or the fields that are wrong.
    fn read(&self, play: &Play) -> Result<Rule, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut numbers = BTreeMap::new();
        for (name, period, default, told) in [
            (
                "opens",
                self.opens,
                play.opens,
                "opens at once, or at a moment that its facts give",
            ),
            ("due", self.due, play.due, "is due at a moment that its facts give"),
        ] {
            match period {
                None => {}
                Some(_) if default == Period::AtOnce => {
                    wrong.push((name.to_owned(), format!("cannot be changed: {} {told}", play.name)));
                }
                Some(period) => match admit(period) {
                    Ok(()) => drop(numbers.insert(name, Number::Period(period))),
                    Err(told) => wrong.push((name.to_owned(), told)),
                },
            }
        }
        for (name, value) in &self.numbers {
            let field = format!("numbers/{name}");
            let Some(known) = play.numbers.iter().find(|number| number.name == name) else {
                let known: Vec<_> = play.numbers.iter().map(|number| number.name).collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                wrong.push((field, format!("is not a number of {}; it has {known}", play.name)));
                continue;
            };
            match (known.default, *value) {
                (Number::Count(_), RuleNumber::Count(count)) if (1..=5).contains(&count) => {
                    numbers.insert(known.name, Number::Count(count));
                }
                (Number::Count(_), _) => wrong.push((field, "must be a whole number from 1 to 5".to_owned())),
                (Number::Period(_), RuleNumber::Period(period)) => match admit(period) {
                    Ok(()) => drop(numbers.insert(known.name, Number::Period(period))),
                    Err(told) => wrong.push((field, told)),
                },
                (Number::Period(_), RuleNumber::Count(_)) => wrong.push((
                    field,
                    "must be a duration such as `P3D`, or `{\"working_days\": 5}`".to_owned(),
                )),
            }
        }
        if wrong.is_empty() {
            let on = self.on.unwrap_or(true);
            return Ok(Rule { on, numbers });
        }
        Err(wrong)
    }
}

/// A length of time that a rule may have.
fn admit(period: Period) -> Result<(), String> {
    match roughly(period) {
        ..=0 => Err("must be longer than no time at all".to_owned()),
        1..=24_000 => Ok(()),
        _ => Err("must be at most 1000 days".to_owned()),
    }
}
