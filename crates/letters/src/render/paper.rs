//! The paper that letters are printed on.

/// A size of paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// 210 × 297 mm, nearly everywhere.
    A4,
    /// 8.5 × 11 in, in North America and some countries south of it.
    Letter,
}

/// Where printers hold US Letter (CLDR, paperSize).
const LETTER: [&str; 14] = [
    "BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE",
];

impl Paper {
    /// The paper of a locale's country; A4 where it names none.
    pub fn of_locale(locale: Option<&str>) -> Self {
        match locale.and_then(country) {
            Some(country) if LETTER.contains(&&*country.to_ascii_uppercase()) => Self::Letter,
            _ => Self::A4,
        }
    }

    /// Its name, as style sheets know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A4 => "A4",
            Self::Letter => "letter",
        }
    }

    /// Width and height, in points.
    pub const fn size(self) -> (f32, f32) {
        match self {
            Self::A4 => (595.276, 841.89),
            Self::Letter => (612.0, 792.0),
        }
    }

    /// What is left free at the sides, in points: 25 mm, or an inch.
    pub const fn margin(self) -> f32 {
        match self {
            Self::A4 => 70.866,
            Self::Letter => 72.0,
        }
    }

    /// How long a line is, in points.
    pub const fn measure(self) -> f32 {
        self.size().0 - 2.0 * self.margin()
    }
}

/// The country of a language tag: its first subtag of two letters after the language.
pub(super) fn country(locale: &str) -> Option<&str> {
    locale
        .split('-')
        .skip(1)
        .take_while(|part| part.len() > 1)
        .find(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_alphabetic()))
}
