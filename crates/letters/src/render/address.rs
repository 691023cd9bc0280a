//! Postal addresses as the post of their country wants them.

use afterword_domain::values::{Line, PostalAddress};

const COUNTRIES: &str = include_str!("../../data/countries.txt");

/// Whether a letter to an address crosses a border; where it comes from somewhere unknown, it may.
pub(super) fn is_abroad(address: &PostalAddress, home: Option<&PostalAddress>) -> bool {
    home.is_none_or(|home| country(home.country.as_str()).0 != country(address.country.as_str()).0)
}

/// The lines of an address, with its country where the letter crosses a border.
pub(super) fn lines(address: &PostalAddress, abroad: bool) -> Vec<String> {
    let mut lines: Vec<String> = address.lines.iter().map(ToString::to_string).collect();
    let (city, code) = (address.city.as_str(), address.postal_code.as_str());
    let region = address.region.as_ref().map(Line::as_str);
    let (name, iso) = country(address.country.as_str());
    let mut add = |line: String| lines.push(line);
    match (iso, region) {
        (Some("US" | "CA" | "PR"), Some(region)) => add(format!("{city}, {region} {code}")),
        (Some("AU" | "TW"), Some(region)) => add(format!("{city} {region} {code}")),
        (Some("US" | "CA" | "PR" | "AU" | "NZ" | "IN" | "SG" | "TH" | "ID" | "KR" | "TW" | "ZA"), region) => {
            add(format!("{city} {code}"));
            region.into_iter().for_each(|region| add(region.to_owned()));
        }
        (Some("GB" | "IE" | "JE" | "GG" | "IM" | "RU" | "UA"), region) => {
            add(city.to_owned());
            region.into_iter().for_each(|region| add(region.to_owned()));
            add(code.to_owned());
        }
        (Some("BR"), region) => {
            add(region.map_or_else(|| city.to_owned(), |region| format!("{city} – {region}")));
            add(code.to_owned());
        }
        (Some("IT"), Some(region)) => add(format!("{code} {city} {region}")),
        (Some("MX"), Some(region)) => add(format!("{code} {city}, {region}")),
        (_, region) => {
            add(format!("{code} {city}"));
            region.into_iter().for_each(|region| add(region.to_owned()));
        }
    }
    if abroad {
        lines.push(name.to_uppercase());
    }
    lines
}

/// A country by its name and its code, whichever of them was given; its own words where it is not known.
fn country(given: &str) -> (&str, Option<&'static str>) {
    let given = given.trim();
    let code = match &*given.to_ascii_uppercase() {
        "UK" => "GB".to_owned(),
        "USA" => "US".to_owned(),
        other => other.to_owned(),
    };
    let rows = || COUNTRIES.lines().filter_map(|line| line.split_once(' '));
    rows()
        .find(|(iso, name)| *iso == code || name.eq_ignore_ascii_case(given))
        .map_or((given, None), |(iso, name)| (name, Some(iso)))
}
