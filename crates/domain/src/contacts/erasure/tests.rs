use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;

fn without(words: &Words, text: &str) -> String {
    let found: Vec<_> = words.found(&letters(text)).collect();
    replaced(text, &found, "[erased]")
}

fn without_name(name: &str, text: &str) -> String {
    let (called, letters) = ([name.to_owned()], letters(text));
    let (words, turned) = (Words::of(&called), Words::turned(&called));
    let mut found: Vec<_> = words.found(&letters).chain(turned.found(&letters)).collect();
    found.sort_by_key(|place| place.start);
    replaced(text, &found, "[erased]")
}

fn without_phone(phone: &str, text: &str) -> String {
    let found: Vec<_> = Numbers::of([phone]).found(&letters(text)).collect();
    replaced(text, &found, "[erased]")
}

fn without_part(part: &str, text: &str) -> String {
    let parts = split(part).into_iter().map(|(_, folded)| folded).collect();
    replaced(text, &parts_in(text, &letters(text), &parts), "[erased]")
}

#[test]
fn a_name_is_found_however_it_is_written() {
    for (text, left) in [
        ("Dear Anna Berg, thank you.", "Dear [erased], thank you."),
        ("ANNA BERG and anna  berg", "[erased] and [erased]"),
        ("Anna\nBerg", "[erased]"),
        ("https://example.org/in/anna-berg", "https://example.org/in/[erased]"),
        (
            "Anna Berg's talk, Anna Bergs Vortrag",
            "[erased]'s talk, [erased]s Vortrag",
        ),
        ("(Anna Berg)", "([erased])"),
        ("Johanna Bergner", "Johanna Bergner"),
        ("Anna? Berg!", "Anna? Berg!"),
        ("Anna", "Anna"),
        ("Berg, Anna", "[erased]"),
        ("BERG ANNA: late", "[erased]: late"),
        ("Bergheim, Anna", "Bergheim, Anna"),
        ("Steinberg, Anna", "Steinberg, Anna"),
        ("昨日Anna Bergさん", "昨日[erased]さん"),
    ] {
        assert_eq!(without_name("Anna Berg", text), left, "{text}");
    }
    assert_eq!(without_name("田中太郎", "昨日、田中太郎さんに"), "昨日、[erased]さんに");
    assert_eq!(without_name("Bo", "Bo knows Bob, Bo."), "[erased] knows Bob, [erased].");
    assert_eq!(without_name("İpek Öz", "İPEK ÖZ"), "[erased]");
    assert_eq!(without_name("Anna Berg", ""), "");
}

#[test]
fn a_name_is_found_in_any_spelling_of_its_letters() {
    for (name, text, left) in [
        ("José Núñez", "Jose\u{301} Nu\u{301}n\u{303}ez.", "[erased]."),
        ("Jose\u{301} Nu\u{301}n\u{303}ez", "José Núñez.", "[erased]."),
        ("José Núñez", "Jose Nunez, NUÑEZ JOSÉ", "[erased], [erased]"),
        ("Jose Nunez", "with José Nun\u{303}e\u{301}z\u{301}", "with [erased]"),
        ("Anna Weiß", "ANNA WEISS", "[erased]"),
        ("Anna Weiss", "Anna Weiß und ANNA WEIẞ", "[erased] und [erased]"),
        ("Anna Weis", "Anna Weiß", "Anna Weiß"),
        ("Γιώργος", "κ. ΓΙΏΡΓΟΣ, Γιωργος", "κ. [erased], [erased]"),
        ("Işık Öz", "ISIK OZ", "[erased]"),
        ("김철수", "김철수".nfd().to_string().as_str(), "[erased]"),
        ("기", "김".nfd().to_string().as_str(), "김".nfd().to_string().as_str()),
        ("기", "김", "김"),
        ("José", "José\u{323} came", "[erased] came"),
        ("राम", "रामा", "[erased]"),
        ("Erica", "genérica", "genérica"),
        ("Erica", "gene\u{301}rica", "gene\u{301}rica"),
        ("Bo", "Boé, Boe\u{301}", "Boé, Boe\u{301}"),
    ] {
        assert_eq!(without_name(name, text), left, "{name} in {text}");
    }
}

#[test]
fn a_name_is_found_with_its_last_words_first() {
    for (name, text, left) in [
        ("Berg, Anna", "Anna Berg", "[erased]"),
        ("Anna van den Berg", "van den Berg, Anna", "[erased]"),
        ("Juan Pablo García Márquez", "GARCIA MARQUEZ, Juan Pablo", "[erased]"),
        ("Juan Pablo García", "Pablo Juan García", "Pablo Juan García"),
        (
            "one two three four five six seven",
            "seven one two three four five six",
            "",
        ),
    ] {
        let left = if left.is_empty() { text } else { left };
        assert_eq!(without_name(name, text), left, "{name} in {text}");
    }
}

#[test]
fn a_phone_number_is_found_in_the_form_of_the_country_and_of_the_world() {
    for (phone, text, left) in [
        ("+49 30 5550123", "call 030 5550123 today", "call [erased] today"),
        ("+49 30 5550123", "030/555 01-23, 0305550123", "[erased], [erased]"),
        ("+49 30 5550123", "5550123", "[erased]"),
        ("+49 30 5550123", "at 10:30, 0049 30 5550123.", "at 10:30, [erased]."),
        ("+49 30 5550123", "+49 (0)30 5550123", "+49 (0)[erased]"),
        ("+49 (0)30 5550123", "+49 30 5550123", "+49 [erased]"),
        ("030 5550123", "+49305550123", "+[erased]"),
        (
            "030 5550123",
            "00493055501 23, tel.0305550123",
            "[erased], tel.[erased]",
        ),
        ("(030) 555-0123 ext. 4", "+49 30 5550123", "+49 [erased]"),
        (
            "+1 212 555 0123",
            "(212) 555-0123; (212) 555-0124",
            "([erased]; (212) 555-0124",
        ),
        ("+49 30 5550123", "0550123 and 550123", "0550123 and 550123"),
        (
            "+49 30 5550123",
            "30 55501234, 99999999305550123",
            "30 55501234, 99999999305550123",
        ),
        ("+49 30 5550123", "555? 0123", "555? 0123"),
        ("555 123", "0555 123", "0555 123"),
    ] {
        assert_eq!(without_phone(phone, text), left, "{phone} in {text}");
    }
    assert_eq!(
        without_name("+49 30 1234", "call 49301234 or +49-30-12 34"),
        "call [erased] or +[erased]"
    );
}

#[test]
fn of_many_words_the_longest_is_taken_and_what_runs_into_it() {
    let words = Words::of(["Anna Berg", "Anna", "anna@berg.example", "Berg Lane 12", "Annabel", "b"]);
    let without = |text| without(&words, text);
    assert_eq!(
        without("Anna Berg and Anna, anna@berg.example!"),
        "[erased] and [erased], [erased]!"
    );
    assert_eq!(without("at Anna Berg Lane 12."), "at [erased].");
    assert_eq!(without("Annabel, Annab, Ann"), "[erased], Annab, Ann");
    assert_eq!(without("Annabella b. bb"), "[erased]la [erased]. bb");
}

#[test]
fn a_text_is_read_once_for_all_words() {
    // As many names as a history holds, and texts as long as they may be: one by one that would be minutes.
    let names = (0..20_000).map(|nth| format!("Anna Berg the {nth}th of her name"));
    let text = "Anna Berg the 12345th of her name met Anna Berg the 99999th of hers. ".repeat(1_000);
    let left = without(&Words::of(names), &text);
    assert_eq!(left.matches("[erased] met Anna Berg the 99999th").count(), 1_000);
    let phones = (0..20_000).map(|nth| format!("+49 30 55{nth:05}"));
    let text = "call 030 5512345, not 030 5599999; 1 2 3 4. ".repeat(1_000);
    let found = Numbers::of(phones).found(&letters(&text)).count();
    assert_eq!(found, 1_000);
}

#[test]
fn a_part_of_a_name_is_a_word_of_its_own() {
    for (part, text, left) in [
        ("Berg", "Dear Ms Berg,", "Dear Ms [erased],"),
        ("Berg", "BERG, Bergs und Berg's", "[erased], [erased]s und [erased]'s"),
        (
            "Berg",
            "Bergheim am Heidelberg, ein berg",
            "Bergheim am Heidelberg, ein berg",
        ),
        ("Núñez", "Ms Nu\u{301}n\u{303}ez, Ms Nunez", "Ms [erased], Ms [erased]"),
        ("Nu\u{301}n\u{303}ez", "Ms NÚÑEZ", "Ms [erased]"),
        ("Weiß", "Ms WEISS und Weißs", "Ms [erased] und [erased]s"),
        ("Weis", "Ms Weiß", "Ms Weiß"),
        ("Γιώργος", "κ. ΓΙΏΡΓΟΣ", "κ. [erased]"),
    ] {
        assert_eq!(without_part(part, text), left, "{part} in {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_looked_for_what_is_left_is_whole(word in "\\PC{0,6}", text in "\\PC{0,40}") {
        for text in [text.clone(), format!("{text}{word}{text}"), text.nfd().to_string()] {
            let letters = letters(&text);
            let (words, numbers) = (Words::of([&word]), Numbers::of([&word]));
            let parts = parts_in(&text, &letters, &HashSet::from([folded(&letters)]));
            for place in words.found(&letters).chain(numbers.found(&letters)).chain(parts) {
                prop_assert!(text.get(place).is_some_and(|taken| !taken.is_empty()));
            }
        }
    }

    // Ŀ ends with a point of its own, ŉ begins with one: these are left behind.
    #[test]
    fn a_name_is_found_in_any_form_of_it(name in "[A-Za-zÀ-ÖØ-öø-ľŁ-ňŊ-žΑ-ΡΣ-ώА-яΐﬁ]{5,12}") {
        let small = name.to_lowercase();
        for written in [name.nfd().to_string(), name.nfkc().to_string(), name.to_uppercase(), small] {
            prop_assert_eq!(without_name(&name, &format!("Dear {written}!")), "Dear [erased]!", "{}", written);
        }
    }

    #[test]
    fn a_number_is_found_without_its_country(number in "[1-9][0-9]{8,10}", code in "[1-9][0-9]{0,2}") {
        let (abroad, at_home) = (format!("+{code} {number}"), format!("0{number}"));
        prop_assert_eq!(without_phone(&abroad, &at_home), "[erased]");
        prop_assert_eq!(without_phone(&at_home, &abroad.replace(' ', "")), "+[erased]");
    }
}
