//! The place where deserializing failed, and serde's short message as a sentence that says what would be right.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::problem::ErrorAt;

/// A JSON Pointer (RFC 6901) below `base`.
pub fn below(base: &str, key: &str) -> String {
    format!("{base}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The JSON Pointer of a path that serde kept.
pub fn of_path(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => below(&pointer, key),
        Segment::Unknown => pointer,
    })
}

/// Reads a `T`, or says where and why that is not possible.
pub fn read<'de, T: DeserializeOwned>(
    from: impl serde::Deserializer<'de, Error = impl std::error::Error>,
) -> Result<T, ErrorAt> {
    serde_path_to_error::deserialize(from).map_err(|error| explain(of_path(error.path()), &error.inner().to_string()))
}

/// serde's messages have fixed beginnings; anything else is a sentence of our own types and stays as it is.
fn explain(pointer: String, message: &str) -> ErrorAt {
    let named = |rest: &str| rest.split('`').nth(1).unwrap_or_default().to_owned();
    // The path ends with the field where serde had read its name, and with its parent where it had not.
    let at = |field: &str| {
        let last = below("", field);
        if pointer.ends_with(&last) {
            pointer.clone()
        } else {
            pointer.clone() + &last
        }
    };
    if message.starts_with("missing field") {
        let field = named(message);
        return ErrorAt {
            pointer: below(&pointer, &field),
            detail: format!("`{field}` is required."),
        };
    }
    if message.starts_with("unknown field") {
        let field = named(message);
        let detail = match known(message) {
            Some(known) => format!("`{field}` is not known here; known are {known}."),
            None => format!("`{field}` is not known here; nothing may be given."),
        };
        return ErrorAt {
            pointer: at(&field),
            detail,
        };
    }
    if message.starts_with("duplicate field") {
        let field = named(message);
        return ErrorAt {
            pointer: at(&field),
            detail: format!("`{field}` is given twice."),
        };
    }
    let detail = if message.starts_with("unknown variant") {
        let given = named(message);
        match known(message) {
            Some(known) => format!("`{given}` is not one of {known}."),
            None => format!("`{given}` is not possible here."),
        }
    } else if let Some((_, given, expected)) = split_expected(message) {
        format!("Expected {}, found {}.", plainly(expected), plainly(given))
    } else {
        sentence(message)
    };
    ErrorAt { pointer, detail }
}

/// The alternatives that serde lists, as it quotes them.
fn known(message: &str) -> Option<String> {
    let (_, list) = message.split_once(", expected ")?;
    Some(list.strip_prefix("one of ").unwrap_or(list).to_owned())
}

/// "invalid type: string "x", expected a boolean" in its parts. The value may hold the separator, what is expected not.
fn split_expected(message: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = message
        .split_once(' ')
        .filter(|(first, _)| *first == "invalid")?
        .1
        .split_once([':', ' '])?;
    let (given, expected) = rest.rsplit_once(", expected ")?;
    ["type", "value", "length"]
        .contains(&kind)
        .then_some((kind, given.trim(), expected))
}

/// What serde calls by the names of Rust's types, in JSON's own words.
fn plainly(serde: &str) -> String {
    let (first, rest) = serde.split_once(' ').unwrap_or((serde, ""));
    match (first, rest) {
        ("u8" | "u16" | "u32" | "u64" | "usize", _) => "a whole number in range, from 0 up".to_owned(),
        ("i8" | "i16" | "i32" | "i64" | "isize", _) => "a whole number in range".to_owned(),
        ("f32" | "f64", _) => "a number".to_owned(),
        ("sequence", _) | ("a", "sequence") => "a list".to_owned(),
        ("map" | "struct", _) | ("a", "map") => "an object".to_owned(),
        ("enum", _) => "one of the words listed for this field".to_owned(),
        ("string", text) if text.starts_with('"') => format!("the text {text}"),
        ("integer" | "floating", number) => {
            format!("the number {}", number.trim_start_matches("point "))
        }
        ("boolean", value) if value.starts_with('`') => value.to_owned(),
        _ => serde.to_owned(),
    }
}

fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading matters here")]
    struct Body {
        name: String,
        channel: Option<Channel>,
        #[serde(default)]
        people: Vec<Person>,
        overall: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only reading matters here")]
    struct Person {
        #[serde(rename = "e/mail")]
        email: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Channel {
        Email,
        Phone,
    }

    fn refused(body: Value) -> (String, String) {
        let ErrorAt { pointer, detail } = read::<Body>(body).expect_err("refused");
        (pointer, detail)
    }

    fn says(pointer: &str, detail: &str) -> (String, String) {
        (pointer.to_owned(), detail.to_owned())
    }

    #[test]
    fn an_unknown_field_is_named_with_those_that_are_known() {
        assert_eq!(
            refused(json!({"name": "x", "nmae": 1})),
            says(
                "/nmae",
                "`nmae` is not known here; known are `name`, `channel`, `people`, `overall`."
            )
        );
        assert_eq!(
            refused(json!({"name": "x", "people": [{"e/mail": "", "x": 1}]})),
            says("/people/0/x", "`x` is not known here; known are `e/mail`.")
        );
    }

    #[test]
    fn a_missing_field_is_named_where_it_belongs() {
        assert_eq!(refused(json!({})), says("/name", "`name` is required."));
        assert_eq!(
            refused(json!({"name": "x", "people": [{"e/mail": ""}, {}]})),
            says("/people/1/e~1mail", "`e/mail` is required.")
        );
    }

    #[test]
    fn a_wrong_type_says_what_belongs_there() {
        assert_eq!(
            refused(json!({"name": 1})),
            says("/name", "Expected a string, found the number `1`.")
        );
        assert_eq!(
            refused(json!({"name": null})),
            says("/name", "Expected a string, found null.")
        );
        assert_eq!(
            refused(json!({"name": "x", "people": "a, expected b"})),
            says("/people", "Expected a list, found the text \"a, expected b\".")
        );
        assert_eq!(
            refused(json!({"name": "x", "overall": 300})),
            says(
                "/overall",
                "Expected a whole number in range, from 0 up, found the number `300`."
            )
        );
    }

    #[test]
    fn rusts_names_stay_inside() {
        assert_eq!(refused(json!({"name": {}})).1, "Expected a string, found an object.");
        assert_eq!(refused(json!({"name": true})).1, "Expected a string, found `true`.");
        assert_eq!(
            refused(json!({"name": "x", "people": [1.5]})).1,
            "Expected an object, found the number `1.5`."
        );
        assert_eq!(
            refused(json!({"name": "x", "overall": -1})).1,
            "Expected a whole number in range, from 0 up, found the number `-1`."
        );
    }

    #[test]
    fn a_word_outside_its_list_is_answered_with_the_list() {
        assert_eq!(
            refused(json!({"name": "x", "channel": "fax"})),
            says("/channel", "`fax` is not one of `email` or `phone`.")
        );
    }

    #[test]
    fn a_sentence_of_our_own_stays() {
        assert_eq!(
            explain("/a".to_owned(), "an id starts with `cnd_`").detail,
            "An id starts with `cnd_`."
        );
        assert_eq!(explain("/a".to_owned(), "Say it.").detail, "Say it.");
    }
}
