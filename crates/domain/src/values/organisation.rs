//! When two names are of one organisation.

/// Whether two names are of one organisation, whatever their case, punctuation or legal form.
pub fn is_same_organisation(one: &str, other: &str) -> bool {
    organisation_key(one) == organisation_key(other)
}

/// Words that an organisation may be called with or without: legal forms, and the article.
pub const LEGAL_FORMS: &[&str] = &[
    "inc",
    "llc",
    "ltd",
    "limited",
    "plc",
    "gmbh",
    "ag",
    "corp",
    "corporation",
    "co",
    "company",
    "sa",
    "bv",
    "the",
];

/// What of an organisation's name counts when names are compared: not its case, punctuation or legal form.
pub fn organisation_key(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let kept: Vec<&str> = words.clone().filter(|word| !LEGAL_FORMS.contains(word)).collect();
    if kept.is_empty() {
        words.collect()
    } else {
        kept.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisations_are_the_same_whatever_their_legal_form() {
        assert!(is_same_organisation("Acme, Inc.", "ACME"));
        assert!(is_same_organisation("The Globex Corporation", "Globex"));
        assert!(!is_same_organisation("Acme", "Acme Health"));
        assert!(!is_same_organisation("Co", "Ltd"));
    }
}
