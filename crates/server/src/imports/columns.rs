//! Column maps: what the columns of a table mean, as data. The service has its own for the tables that people bring
//! most; for any other the request brings one.

use std::collections::BTreeMap;

use afterword_domain::{search::Activity, values::Line};
use jiff::{civil, fmt::strtime};
use serde::Deserialize;

use crate::edge::{
    pointer,
    problem::{Code, Problem},
};

/// What the columns of a table mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnMap {
    /// What its rows are.
    pub target: Target,
    /// The column of each field; of several, the first that is filled.
    pub(super) columns: BTreeMap<Field, Names>,
    /// The fields whose columns the table must have; left out: all of them.
    pub(super) required: Option<Vec<Field>>,
    /// How dates are written, beside ISO 8601, as `strftime` has it.
    #[serde(default)]
    pub(super) dates: Vec<String>,
    /// What stands between several values in one cell, of which the first counts.
    pub(super) separator: Option<String>,
    /// What the values of `status` mean; `*`: all others.
    #[serde(default)]
    pub(super) statuses: BTreeMap<String, Stage>,
    /// What the values of `kind` mean; `*`: all others.
    #[serde(default)]
    pub(super) kinds: BTreeMap<String, Activity>,
    /// Where all of it comes from.
    pub(super) source: Option<Line>,
}

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// People.
    Contacts,
    /// People who know people.
    Connections,
    /// Applications, and where they stand.
    Applications,
    /// Jobs that were found.
    Openings,
    /// What was done for the search.
    Activities,
}

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Field {
    Name,
    FirstName,
    MiddleName,
    LastName,
    Title,
    Organisation,
    Email,
    Phone,
    Street,
    City,
    Region,
    PostalCode,
    Country,
    Url,
    Position,
    Website,
    Industry,
    Source,
    Date,
    ClosesOn,
    Status,
    StatusDate,
    Kind,
    Remark,
    Done,
    Key,
}

/// Where an application stands, by a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Only found as yet: an opening.
    Found,
    Applied,
    Offered,
    Accepted,
    Declined,
    Rejected,
    Withdrawn,
    PositionClosed,
    /// Of no interest.
    Skip,
}

/// The names of a column: one, or several of which the first that is filled counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "the name of a column, or a list of names")]
pub(super) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Names::One(name) => std::slice::from_ref(name),
            Names::Several(names) => names,
        }
    }
}

const PEOPLE: &[Field] = &[
    Field::Name,
    Field::FirstName,
    Field::MiddleName,
    Field::LastName,
    Field::Title,
    Field::Organisation,
    Field::Email,
    Field::Phone,
    Field::Street,
    Field::City,
    Field::Region,
    Field::PostalCode,
    Field::Country,
    Field::Url,
    Field::Source,
    Field::Date,
];

impl Target {
    /// The fields that its rows have, and groups of them of which one at least must be there.
    const fn fields(self) -> (&'static [Field], &'static [&'static [Field]]) {
        use Field::*;
        const NAMES: &[&[Field]] = &[&[Name, FirstName, LastName, Email]];
        const JOBS: &[&[Field]] = &[&[Organisation], &[Position]];
        match self {
            Target::Contacts | Target::Connections => (PEOPLE, NAMES),
            Target::Applications => (
                &[
                    Organisation,
                    Position,
                    Url,
                    Website,
                    Industry,
                    Source,
                    Date,
                    ClosesOn,
                    Status,
                    StatusDate,
                ],
                JOBS,
            ),
            Target::Openings => (&[Organisation, Position, Url, Source, Date, ClosesOn], JOBS),
            Target::Activities => (&[Organisation, Remark, Kind, Done, Key, Date], &[&[Remark, Kind]]),
        }
    }
}

impl Field {
    /// Its name on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::FirstName => "first_name",
            Field::MiddleName => "middle_name",
            Field::LastName => "last_name",
            Field::Title => "title",
            Field::Organisation => "organisation",
            Field::Email => "email",
            Field::Phone => "phone",
            Field::Street => "street",
            Field::City => "city",
            Field::Region => "region",
            Field::PostalCode => "postal_code",
            Field::Country => "country",
            Field::Url => "url",
            Field::Position => "position",
            Field::Website => "website",
            Field::Industry => "industry",
            Field::Source => "source",
            Field::Date => "date",
            Field::ClosesOn => "closes_on",
            Field::Status => "status",
            Field::StatusDate => "status_date",
            Field::Kind => "kind",
            Field::Remark => "remark",
            Field::Done => "done",
            Field::Key => "key",
        }
    }
}

/// So many columns a field may come from, and so many forms dates may have.
const MOST: usize = 20;

impl ColumnMap {
    /// A map of the service's own. That each of them can be read is tested.
    #[expect(clippy::expect_used, reason = "it is part of the program, and tested")]
    pub(super) fn own(json: &str) -> Self {
        serde_json::from_str(json).expect("a column map")
    }

    /// Reads the map of a request.
    ///
    /// # Errors
    /// Where it is none; the problem names the place.
    pub fn read(json: &str) -> Result<Self, Problem> {
        let value: serde_json::Value = serde_json::from_str(json).map_err(|error| {
            let column = error.column();
            Problem::invalid("?map", format!("must be JSON; reading stopped at character {column}"))
        })?;
        let map: Self =
            pointer::read(value).map_err(|error| Problem::invalid(error.pointer, error.detail).below("?map"))?;
        map.check()?;
        Ok(map)
    }

    /// Whether it says what its target needs, and nothing that it has no place for.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let at = |field: Field| format!("?map/columns/{}", field.name());
        // Each name and format is tried on each row.
        let several = self.columns.iter().find(|(_, names)| names.all().len() > MOST);
        if let Some((field, _)) = several {
            return Err(Problem::invalid(at(*field), format!("must name up to {MOST} columns")));
        }
        if self.dates.len() > MOST {
            return Err(Problem::invalid(
                "?map/dates",
                format!("must hold up to {MOST} formats"),
            ));
        }
        let (known, needed) = self.target.fields();
        let named = |fields: &[Field]| {
            let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name())).collect();
            names.join(", ")
        };
        for (field, names) in &self.columns {
            if !known.contains(field) {
                return Err(Problem::invalid(
                    at(*field),
                    format!("is no field of this target; known are {}", named(known)),
                ));
            }
            if names.all().is_empty() || names.all().iter().any(|name| name.trim().is_empty()) {
                return Err(Problem::invalid(at(*field), "must name a column"));
            }
        }
        for group in needed {
            if !group.iter().any(|field| self.columns.contains_key(field)) {
                return Err(Problem::invalid(
                    "?map/columns",
                    format!("must name the column of {}", named(group).replace(", ", " or of ")),
                ));
            }
        }
        for (nth, field) in self.required.iter().flatten().enumerate() {
            if !self.columns.contains_key(field) {
                return Err(Problem::invalid(
                    format!("?map/required/{nth}"),
                    "must be one of the fields in `columns`",
                ));
            }
        }
        for (nth, format) in self.dates.iter().enumerate() {
            if !tells_a_day(format) {
                let told = "must be a format that tells a day, such as `%d/%m/%Y` or `%b %d, %Y`";
                return Err(Problem::invalid(format!("?map/dates/{nth}"), told));
            }
        }
        if self.separator.as_ref().is_some_and(String::is_empty) {
            return Err(Problem::invalid("?map/separator", "must not be empty"));
        }
        Ok(())
    }

    /// The fields whose columns a table must have.
    pub(super) fn needs(&self, field: Field) -> bool {
        self.required.as_ref().is_none_or(|required| required.contains(&field))
    }

    /// What a value of `status` means; a table without one holds applications.
    pub(super) fn stage(&self, value: Option<&str>) -> Result<Stage, Problem> {
        let Some(value) = value else {
            return Ok(Stage::Applied);
        };
        meaning(&self.statuses, value, Stage::Applied).ok_or_else(|| {
            let told = format!("The map's `statuses` do not say what {value:?} means.");
            Problem::about(Code::Invalid, "/status", told)
        })
    }

    /// What a value of `kind` means.
    pub(super) fn kind(&self, value: Option<&str>) -> Activity {
        value
            .and_then(|value| meaning(&self.kinds, value, Activity::Other))
            .unwrap_or(Activity::Other)
    }
}

/// A value's meaning by a table of meanings; without a table all have the same.
fn meaning<T: Copy>(meanings: &BTreeMap<String, T>, value: &str, else_: T) -> Option<T> {
    if meanings.is_empty() {
        return Some(else_);
    }
    let folded = |text: &str| text.trim().to_lowercase();
    let exact = meanings.iter().find(|(known, _)| folded(known) == folded(value));
    exact
        .map(|(_, meaning)| *meaning)
        .or_else(|| meanings.get("*").copied())
}

/// Whether a day that is written by the format can be read by it.
fn tells_a_day(format: &str) -> bool {
    let day = civil::date(2024, 11, 20).at(8, 15, 30, 0);
    let Ok(zoned) = day.in_tz("UTC") else { return false };
    let written = strtime::format(format, &zoned);
    written
        .and_then(|text| strtime::parse(format, text)?.to_date())
        .is_ok_and(|read| read == day.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let problem = ColumnMap::read(json).unwrap_err();
        problem.errors()[0].pointer.clone()
    }

    #[test]
    fn what_is_wrong_with_a_map_is_named() {
        for (json, pointer) in [
            ("", "?map"),
            ("{", "?map"),
            ("[]", "?map"),
            (r#"{"target": "jobs", "columns": {}}"#, "?map/target"),
            (r#"{"columns": {}}"#, "?map/target"),
            (r#"{"target": "openings", "columns": {"colour": "A"}}"#, "?map/columns"),
            (
                r#"{"target": "openings", "columns": {"email": "A"}}"#,
                "?map/columns/email",
            ),
            (
                r#"{"target": "openings", "columns": {"position": "A"}}"#,
                "?map/columns",
            ),
            (
                r#"{"target": "openings", "columns": {"position": " ", "organisation": "B"}}"#,
                "?map/columns/position",
            ),
            (
                r#"{"target": "contacts", "columns": {"name": "A"}, "dates": ["%Y"]}"#,
                "?map/dates/0",
            ),
            (
                r#"{"target": "contacts", "columns": {"name": "A"}, "dates": ["%d.%m.%Y", "%!"]}"#,
                "?map/dates/1",
            ),
            (
                r#"{"target": "contacts", "columns": {"name": "A"}, "required": ["email"]}"#,
                "?map/required/0",
            ),
            (
                r#"{"target": "contacts", "columns": {"name": "A"}, "more": 1}"#,
                "?map/more",
            ),
        ] {
            assert_eq!(refused(json), pointer, "{json}");
        }
    }

    #[test]
    fn the_meaning_of_a_value_is_looked_up_whatever_its_case() {
        let map = ColumnMap::read(
            r#"{"target": "applications", "columns": {"position": "A", "organisation": "B", "status": "C"},
                "statuses": {"Bookmarked": "found", "Not Selected": "rejected"}}"#,
        )
        .unwrap();
        assert_eq!(map.stage(Some(" bookmarked ")).unwrap(), Stage::Found);
        assert_eq!(map.stage(None).unwrap(), Stage::Applied);
        assert_eq!(map.stage(Some("Ghosted")).unwrap_err().errors()[0].pointer, "/status");
    }
}
