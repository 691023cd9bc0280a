//! Where an invitation says that the interview takes place. Calendars put it into the location, into
//! properties of their own, or only into the description.

use afterword_domain::{interviews::Format, values::Line};
use calcard::icalendar::{ICalendarComponent, ICalendarProperty};

use super::{calendar::text_of, reading::line};

/// Where video calls are held.
const VIDEO: [&str; 16] = [
    "meet.google.com",
    "hangouts.google.com",
    "zoom.us",
    "zoomgov.com",
    "teams.microsoft.com",
    "teams.live.com",
    "webex.com",
    "whereby.com",
    "gotomeeting.com",
    "meet.goto.com",
    "bluejeans.com",
    "chime.aws",
    "meet.jit.si",
    "app.goodtime.io",
    "hirevue.com",
    "skype.com",
];

/// What people write where a video call has no address yet.
const VIDEO_WORDS: [&str; 8] = [
    "google meet",
    "microsoft teams",
    "teams meeting",
    "zoom",
    "webex",
    "video",
    "online",
    "remote",
];

const PHONE_WORDS: [&str; 3] = ["phone", "telefon", "call"];

/// Properties in which calendars keep the address of a video call.
const LINKS: [&str; 4] = [
    "X-GOOGLE-CONFERENCE",
    "X-GOOGLE-HANGOUT",
    "X-MICROSOFT-SKYPETEAMSMEETINGURL",
    "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK",
];

/// How and where it is held. A place that is named counts before a link: calendars add links by themselves.
pub(super) fn of(event: &ICalendarComponent) -> (Format, Option<Line>) {
    let text = |name: &ICalendarProperty| text_of(event, name);
    let location = text(&ICalendarProperty::Location).and_then(line);
    if let Some(location) = location {
        return (held_at(location.as_str()), Some(location));
    }
    let own = LINKS
        .iter()
        .filter_map(|name| text(&ICalendarProperty::Other((*name).to_owned())));
    let conference = text(&ICalendarProperty::Conference).filter(|link| link.starts_with("http"));
    if let Some(link) = own.chain(conference).next() {
        return (Format::Video, line(link));
    }
    let told = [ICalendarProperty::Url, ICalendarProperty::Description];
    if let Some(link) = told.iter().filter_map(text).find_map(video_link) {
        return (Format::Video, line(link));
    }
    let summary = text(&ICalendarProperty::Summary).unwrap_or_default().to_lowercase();
    let dial_in = text(&ICalendarProperty::Conference).filter(|link| link.to_lowercase().starts_with("tel:"));
    if dial_in.is_some() || is_call(&summary) {
        return (Format::Phone, dial_in.and_then(line));
    }
    (Format::Video, None)
}

fn held_at(location: &str) -> Format {
    let lower = location.to_lowercase();
    let number = lower.trim_start_matches("tel:").trim();
    let dialled = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '(' | ')' | '.' | '/' | ' ');
    let is_number = number.chars().all(dialled) && number.chars().filter(char::is_ascii_digit).count() >= 6;
    if video_link(&lower).is_some() || (lower.starts_with("http") && !lower.contains(' ')) {
        Format::Video
    } else if is_number || is_call(&lower) {
        Format::Phone
    } else if VIDEO_WORDS.iter().any(|word| has_word(&lower, word)) {
        Format::Video
    } else {
        Format::Onsite
    }
}

fn is_call(text: &str) -> bool {
    PHONE_WORDS.iter().any(|word| has_word(text, word)) && !has_word(text, "video")
}

/// Whether the words stand in the text, as words and not as parts of others.
fn has_word(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + words.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

/// The first address of a video call in a text.
fn video_link(text: &str) -> Option<&str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ')' | ',' | ';');
    text.match_indices("https://")
        .map(|(at, _)| text[at..].split(ends).next().unwrap_or_default())
        .find(|link| {
            let host = link
                .trim_start_matches("https://")
                .split(['/', '?', ':'])
                .next()
                .unwrap_or_default();
            VIDEO.iter().any(|known| {
                host.strip_suffix(known)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_says_how_it_is_held() {
        for (location, format) in [
            ("https://acme.zoom.us/j/123?pwd=x", Format::Video),
            ("Microsoft Teams Meeting", Format::Video),
            ("Google Meet (link in description)", Format::Video),
            ("+49 30 1234567", Format::Phone),
            ("tel:+1-555-010-0199", Format::Phone),
            ("Phone call", Format::Phone),
            ("Video call", Format::Video),
            ("Invalidenstraße 112, 10115 Berlin", Format::Onsite),
            ("Videography Hall, 4th floor", Format::Onsite),
            ("https://notzoom.us.example/ is the map; Main St 5", Format::Onsite),
        ] {
            assert_eq!(held_at(location), format, "{location}");
        }
    }

    #[test]
    fn only_known_hosts_are_video_calls() {
        assert_eq!(
            video_link("Join <https://us02web.zoom.us/j/1>."),
            Some("https://us02web.zoom.us/j/1")
        );
        assert_eq!(
            video_link("https://evilzoom.us/j/1 https://meet.google.com/abc"),
            Some("https://meet.google.com/abc")
        );
        assert_eq!(video_link("https://support.google.com/a/users"), None);
    }
}
