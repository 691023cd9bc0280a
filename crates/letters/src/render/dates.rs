//! Dates as they stand on letters, in the languages of `data/months.txt`.

use jiff::civil::Date;

use super::paper::country;

const MONTHS: &str = include_str!("../../data/months.txt");

/// Where English puts the month first.
const MONTH_FIRST: [&str; 4] = ["US", "CA", "PH", "PR"];

/// A date written out, in the language of a locale: English where there is none, and figures where it is not known.
pub(super) fn in_words(date: Date, locale: Option<&str>) -> String {
    let locale = locale.unwrap_or("en");
    let language = locale.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let row = MONTHS.lines().find_map(|line| {
        let mut fields = line.split(" | ");
        (fields.next() == Some(&language)).then_some(())?;
        Some((fields.next()?, fields.next()?))
    });
    let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    let Some((pattern, month)) = row.and_then(|(pattern, months)| Some((pattern, months.split(' ').nth(month)?)))
    else {
        return date.to_string();
    };
    let abroad = || country(locale).is_some_and(|it| MONTH_FIRST.contains(&&*it.to_ascii_uppercase()));
    let pattern = if language == "en" && abroad() {
        "{m} {d}, {y}"
    } else {
        pattern
    };
    let first = match (date.day(), language.as_str()) {
        (1, "fr") => "1er".to_owned(),
        (1, "it") => "1º".to_owned(),
        (day, _) => day.to_string(),
    };
    pattern
        .replace("{o}", &first)
        .replace("{d}", &date.day().to_string())
        .replace("{m}", &month.replace('_', " "))
        .replace("{y}", &date.year().to_string())
}
