//! Days as people name them in a sentence: "by Friday", "within two weeks", "13 March". What is vague ("soon", "in the
//! coming days") is no day. Pure.

use afterword_domain::time::{MONTHS, WEEKDAYS};
use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};

/// A day that is named in a sentence, and the words that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) day: Date,
    pub(super) words: String,
}

/// The day by which something is to be: the last one of the time that is named. `sent` is the day of the message.
pub(super) fn until(sentence: &str, sent: Date) -> Option<Named> {
    let words = Words::of(sentence);
    (0..words.len()).find_map(|at| words.until(at, sent))
}

/// The first day that a sentence names by its date.
pub(super) fn on(sentence: &str, sent: Date) -> Option<Named> {
    let words = Words::of(sentence);
    (0..words.len()).find_map(|at| {
        let (day, length) = words.date(at, sent)?;
        Some(words.named(day, at, at + length))
    })
}

struct Words<'a> {
    text: &'a str,
    words: Vec<(usize, &'a str, String)>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = Vec::new();
        let mut at = 0;
        for word in text.split(' ') {
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
            if !bare.is_empty() {
                words.push((at, word, bare.to_lowercase()));
            }
            at += word.len() + 1;
        }
        Self { text, words }
    }

    fn len(&self) -> usize {
        self.words.len()
    }

    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |(_, _, word)| word.as_str())
    }

    fn named(&self, day: Date, from: usize, to: usize) -> Named {
        let start = self.words[from].0;
        let (last, word, _) = &self.words[to.clamp(from + 1, self.words.len()) - 1];
        let words = self.text[start..last + word.len()].trim_end_matches(['.', ',', '!', ';', ')']);
        Named {
            day,
            words: words.to_owned(),
        }
    }

    fn until(&self, at: usize, sent: Date) -> Option<Named> {
        let starts = |words: &[&str]| words.iter().enumerate().all(|(nth, word)| self.word(at + nth) == *word);
        // Not "on": "since we met on Monday" looks back.
        const BEFORE: [(&[&str], bool); 8] = [
            (&["no", "later", "than"], false),
            (&["not", "later", "than"], false),
            (&["on", "or", "before"], false),
            (&["by"], false),
            (&["until"], false),
            (&["till"], false),
            (&["before"], true),
            (&["latest"], false),
        ];
        for (words, is_before) in BEFORE {
            if !starts(words) {
                continue;
            }
            let from = at + words.len();
            if let Some((day, length)) = self.end_of(from, sent) {
                return Some(self.named(day, at, from + length));
            }
            if let Some((day, length)) = self.date(from, sent) {
                let day = if is_before { day.yesterday().ok()? } else { day };
                return Some(self.named(day, at, from + length));
            }
        }
        if starts(&["within"]) || starts(&["in", "the", "next"]) || starts(&["over", "the", "next"]) {
            let from = at + if starts(&["within"]) { 1 } else { 3 };
            let from = from + ["the", "next"].iter().filter(|word| self.word(from) == **word).count();
            let from = if self.word(from) == "next" { from + 1 } else { from };
            let (day, length) = self.span(from, sent)?;
            return Some(self.named(day, at, from + length));
        }
        // "early next week", "later this week"
        let (day, length) = self.week(at, sent)?;
        Some(self.named(day, at, at + length))
    }

    /// "the end of next week", "end of the month", "tomorrow"
    fn end_of(&self, at: usize, sent: Date) -> Option<(Date, usize)> {
        let skip = usize::from(self.word(at) == "the");
        let from = at + skip;
        if self.word(from) == "end" && self.word(from + 1) == "of" {
            let rest = from + 2;
            if let Some((day, length)) = self.week(rest, sent) {
                return Some((day, rest + length - at));
            }
            let skip = usize::from(matches!(self.word(rest), "the" | "this"));
            return match self.word(rest + skip) {
                "week" => Some((week_end(sent, 0)?, rest + skip + 1 - at)),
                "month" => Some((sent.last_of_month(), rest + skip + 1 - at)),
                month => {
                    let month = month_of(month)?;
                    let day = nearest(sent, month, 1)?.last_of_month();
                    Some((day, rest + skip + 1 - at))
                }
            };
        }
        match self.word(from) {
            "tomorrow" => Some((sent.tomorrow().ok()?, skip + 1)),
            _ => self.week(from, sent).map(|(day, length)| (day, length + skip)),
        }
    }

    fn week(&self, at: usize, sent: Date) -> Option<(Date, usize)> {
        match (self.word(at), self.word(at + 1)) {
            ("next", "week") => Some((week_end(sent, 1)?, 2)),
            ("this", "week") => Some((week_end(sent, 0)?, 2)),
            _ => None,
        }
    }

    /// "two weeks", "5 business days", "48 hours"
    fn span(&self, at: usize, sent: Date) -> Option<(Date, usize)> {
        const NUMBERS: [&str; 13] = [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        ];
        // Of "two to three weeks" the later counts.
        let number = |word: &str| {
            let last = word.rsplit(['-', '–']).next().unwrap_or(word);
            let word = NUMBERS.iter().position(|known| *known == last);
            word.and_then(|at| i32::try_from(at).ok())
                .or_else(|| last.parse().ok())
                .or((last == "a").then_some(1))
        };
        let mut from = at;
        let mut count = number(self.word(from))?;
        from += 1;
        if matches!(self.word(from), "to" | "or")
            && let Some(more) = number(self.word(from + 1))
        {
            count = more;
            from += 2;
        }
        if !(1..=365).contains(&count) {
            return None;
        }
        let working = matches!(self.word(from), "working" | "business");
        from += usize::from(working);
        let day = match self.word(from) {
            "day" | "days" if working => {
                let mut day = sent;
                let mut left = count;
                while left > 0 {
                    day = day.tomorrow().ok()?;
                    left -= i32::from(!is_weekend(day));
                }
                day
            }
            "day" | "days" => sent.checked_add(count.days()).ok()?,
            "week" | "weeks" => sent.checked_add(count.weeks()).ok()?,
            "hours" => sent.checked_add((count.saturating_add(23) / 24).days()).ok()?,
            _ => return None,
        };
        Some((day, from + 1 - at))
    }

    /// "Friday", "next Tuesday", "Friday, 13 March", "March 13th, 2026", "13.03.2026", "2026-03-13"
    fn date(&self, at: usize, sent: Date) -> Option<(Date, usize)> {
        let next = usize::from(matches!(self.word(at), "next" | "this" | "the" | "coming"));
        if let Some(weekday) = weekday_of(self.word(at + next)) {
            let from = at + next + 1;
            if let Some((day, length)) = self.calendar_day(from, sent) {
                return Some((day, next + 1 + length));
            }
            let day = sent.nth_weekday(1, weekday).ok()?;
            let monday = week_end(sent, 1)?.checked_sub(4.days()).ok()?;
            let day = if self.word(at) == "next" && day < monday {
                day.checked_add(1.week()).ok()?
            } else {
                day
            };
            return Some((day, next + 1));
        }
        let skip = usize::from(self.word(at) == "the");
        self.calendar_day(at + skip, sent)
            .map(|(day, length)| (day, length + skip))
    }

    fn calendar_day(&self, at: usize, sent: Date) -> Option<(Date, usize)> {
        let number = |at: usize| {
            let word = self.word(at);
            let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
            let ordinal = ["", "st", "nd", "rd", "th"].contains(&&word[digits.len()..]);
            digits
                .parse::<i8>()
                .ok()
                .filter(|day| ordinal && (1..=31).contains(day))
        };
        let year = |at: usize| {
            self.word(at)
                .parse::<i16>()
                .ok()
                .filter(|year| (2000..2100).contains(year))
        };
        let dated = |month: i8, day: i8, after: usize| match year(after) {
            Some(year) => Some((Date::new(year, month, day).ok()?, after + 1 - at)),
            None => Some((nearest(sent, month, day)?, after - at)),
        };
        if let Some(month) = month_of(self.word(at)) {
            return dated(month, number(at + 1)?, at + 2);
        }
        if let Some(day) = number(at) {
            let of = usize::from(self.word(at + 1) == "of");
            return dated(month_of(self.word(at + 1 + of))?, day, at + 2 + of);
        }
        let word = self.word(at);
        if word.len() == 10
            && let Ok(day) = word.parse::<Date>()
        {
            return Some((day, 1));
        }
        let split = |by: char| {
            let parts: Vec<i16> = word.split(by).filter_map(|part| part.parse().ok()).collect();
            <[i16; 3]>::try_from(parts).ok()
        };
        let full = |year: i16| if year < 100 { 2000 + year } else { year };
        let new =
            |year, month: i16, day: i16| Date::new(full(year), i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
        if let Some([day, month, year]) = split('.') {
            return Some((new(year, month, day)?, 1));
        }
        // Which one is the month is not guessed.
        let [one, other, year] = split('/')?;
        match (one, other) {
            (13.., _) => Some((new(year, other, one)?, 1)),
            (_, 13..) => Some((new(year, one, other)?, 1)),
            (one, other) if one == other => Some((new(year, one, other)?, 1)),
            _ => None,
        }
    }
}

fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The Friday of this week, or of one to come.
fn week_end(sent: Date, weeks: i64) -> Option<Date> {
    let monday = sent
        .checked_sub(i64::from(sent.weekday().to_monday_zero_offset()).days())
        .ok()?;
    monday.checked_add((weeks * 7 + 4).days()).ok()
}

/// A day without its year: the next one, as long as that is less than half a year ahead.
fn nearest(sent: Date, month: i8, day: i8) -> Option<Date> {
    let this = Date::new(sent.year(), month, day).ok();
    let next = || Date::new(sent.year().checked_add(1)?, month, day).ok();
    let day = this.filter(|day| *day >= sent).or_else(next)?;
    (day <= sent.checked_add(200.days()).ok()?).then_some(day)
}

fn weekday_of(word: &str) -> Option<Weekday> {
    let at = WEEKDAYS.iter().position(|day| word == *day || word == &day[..3])?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

fn month_of(word: &str) -> Option<i8> {
    let is = |month: &&str| word.len() >= 3 && month.starts_with(word);
    let at = MONTHS.iter().position(is)?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_are_read_as_people_name_them() {
        // A Tuesday.
        let sent = date(2026, 3, 3);
        for (sentence, day, words) in [
            ("We will let you know by Friday.", "2026-03-06", "by Friday"),
            (
                "You will hear from us by next Friday, I hope",
                "2026-03-13",
                "by next Friday",
            ),
            (
                "no later than Friday, 13 March",
                "2026-03-13",
                "no later than Friday, 13 March",
            ),
            ("by March 13th, 2026.", "2026-03-13", "by March 13th, 2026"),
            ("by the 13th of March", "2026-03-13", "by the 13th of March"),
            ("before 13 March", "2026-03-12", "before 13 March"),
            ("by 13.03.2026", "2026-03-13", "by 13.03.2026"),
            ("by 3/13/2026", "2026-03-13", "by 3/13/2026"),
            ("within two weeks", "2026-03-17", "within two weeks"),
            (
                "within the next 5 business days",
                "2026-03-10",
                "within the next 5 business days",
            ),
            (
                "in the next two to three weeks",
                "2026-03-24",
                "in the next two to three weeks",
            ),
            ("by the end of next week", "2026-03-13", "by the end of next week"),
            ("by end of the week", "2026-03-06", "by end of the week"),
            ("by the end of the month", "2026-03-31", "by the end of the month"),
            ("early next week", "2026-03-13", "next week"),
            ("by tomorrow", "2026-03-04", "by tomorrow"),
            ("by 5 January", "2027-01-05", ""),
        ] {
            let named = until(sentence, sent);
            if words.is_empty() {
                assert_eq!(named, None, "{sentence}");
                continue;
            }
            let named = named.unwrap_or_else(|| panic!("{sentence}"));
            assert_eq!(
                (named.day.to_string().as_str(), named.words.as_str()),
                (day, words),
                "{sentence}"
            );
        }
        for vague in [
            "soon",
            "in the coming days",
            "by 3/4/2026",
            "within a reasonable time",
            "by then",
            "in May we met",
        ] {
            assert_eq!(until(vague, sent), None, "{vague}");
        }
    }
}
