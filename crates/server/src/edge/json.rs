//! JSON, strictly: what serde_json forgives and a log must not keep (repeated keys, NUL characters) is refused, and
//! every refusal names the place.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::pointer;
use super::problem::{Code, Problem};

/// So many values a body may hold. A megabyte of brackets would take a hundred of memory.
const MOST: usize = 100_000;
/// serde_json goes no deeper.
const DEEPEST: usize = 128;

/// The JSON object that these bytes are.
pub fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    if holds_more_than(MOST, bytes) {
        let told = format!("The body may hold up to {MOST} values.");
        return Err(Problem::new(Code::TooLarge, told));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let Strict(value) = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| unreadable(&pointer::of_path(error.path()), error.inner()))?;
    reader.end().map_err(|error| unreadable("", &error))?;
    if let Some(at) = nul(&value, "") {
        return Err(Problem::invalid(
            at,
            "It holds a NUL character (U+0000), which cannot be kept.",
        ));
    }
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Problem::invalid("", "The body must be a JSON object.")),
    }
}

/// Whether there are more values than so many: each but the first comes after a bracket or a comma. Where it gets too deep
/// before that, reading ends there.
fn holds_more_than(most: usize, bytes: &[u8]) -> bool {
    if bytes.len() <= most {
        return false;
    }
    let (mut within, mut escaped, mut values, mut depth) = (false, false, 0, 0_usize);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            _ if within => {}
            b',' => values += 1,
            b'[' | b'{' => {
                values += 1;
                depth += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if values > most || depth > DEEPEST {
            return values > most;
        }
    }
    false
}

fn unreadable(at: &str, error: &serde_json::Error) -> Problem {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&place).unwrap_or(&message);
    // serde_json has no category for it: half of a pair is well-formed JSON (RFC 8259, 8.2) and still no text.
    if message.contains("surrogate") || message.contains("end of hex escape") {
        return Problem::invalid(
            at,
            "It holds half of a surrogate pair (`\\ud800` to `\\udfff`), which is no character.",
        );
    }
    let detail = format!(
        "The body is not acceptable JSON: {message}, line {}, column {}.",
        error.line(),
        error.column()
    );
    let problem = Problem::malformed(detail);
    if at.is_empty() {
        problem
    } else {
        problem.at(at, message)
    }
}

/// The pointer of the first string or key that holds a NUL.
fn nul(value: &Value, at: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| at.to_owned()),
        Value::Array(items) if holds_nul(value) => items
            .iter()
            .enumerate()
            .find_map(|(i, item)| nul(item, &format!("{at}/{i}"))),
        Value::Object(fields) if holds_nul(value) => fields.iter().find_map(|(key, value)| {
            let at = pointer::below(at, key);
            if key.contains('\0') { Some(at) } else { nul(value, &at) }
        }),
        _ => None,
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Any JSON value, in which no object has a key twice. serde_json would keep the last one in silence.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Strict(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
                // 3.0 is the whole number 3 (JSON Schema 2020-12, 6.1.1), as far as a double is exact.
                let whole = value as i64;
                if whole.unsigned_abs() <= 1 << 53 && whole as f64 == value {
                    return Ok(Strict(whole.into()));
                }
                Ok(Strict(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_string<E>(self, value: String) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
                let mut array = Vec::new();
                while let Some(Strict(item)) = items.next_element()? {
                    array.push(item);
                }
                Ok(Strict(array.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Strict, A::Error> {
                let mut object = Map::new();
                while let Some(key) = fields.next_key::<String>()? {
                    let Strict(value) = fields.next_value()?;
                    if object.contains_key(&key) {
                        return Err(de::Error::custom(format_args!(
                            "the key `{key}` stands twice in one object"
                        )));
                    }
                    object.insert(key, value);
                }
                Ok(Strict(object.into()))
            }
        }

        from.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use serde_json::json;

    use super::*;

    fn refused(bytes: &[u8]) -> (u16, String, String) {
        let problem = parse(bytes).expect_err("refused");
        let pointer = problem
            .errors()
            .first()
            .map(|error| error.pointer.clone())
            .unwrap_or_default();
        (problem.status_code().as_u16(), pointer, problem.to_string())
    }

    #[test]
    fn an_object_is_read_as_it_stands() {
        let object = parse(br#" {"a": [1, -2, 2.5, "\u00e9\ud83d\ude00", null, true], "b": {}} "#).expect("read");
        assert_eq!(
            Value::Object(object),
            json!({"a": [1, -2, 2.5, "é😀", null, true], "b": {}})
        );
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let object = parse(br#"{"a": [3.0, 1e3, -0.0, 0.5, 1e300, 9007199254740992.0, 18446744073709551615]}"#);
        assert_eq!(
            serde_json::to_string(&object.expect("read")["a"]).expect("JSON"),
            "[3,1000,0,0.5,1e+300,9007199254740992,18446744073709551615]"
        );
    }

    #[test]
    fn malformed_json_is_answered_with_line_and_column() {
        let (status, _, said) = refused(b"{\"a\": 1,\n \"b\": }");
        assert_eq!(status, 400);
        assert!(said.contains("line 2, column 7"), "{said}");
        for bytes in [
            &b"{"[..],
            b"{} {}",
            b"{\"a\": 1e999}",
            b"\xff",
            b"{\"a\": \"\xff\"}",
            b"\xef\xbb\xbf{}",
        ] {
            assert_eq!(refused(bytes).0, 400, "{bytes:?}");
        }
    }

    #[test]
    fn a_key_may_stand_only_once_in_an_object() {
        let (status, pointer, said) = refused(br#"{"a": {"b": 1, "b": 2}}"#);
        assert_eq!((status, pointer.as_str()), (400, "/a"));
        assert!(said.contains("`b` stands twice"), "{said}");
    }

    #[test]
    fn a_nul_and_half_a_surrogate_pair_are_refused_by_name() {
        assert_eq!(refused(br#"{"a": ["x", {"b/c": "\u0000"}]}"#).1, "/a/1/b~1c");
        assert_eq!(refused(br#"{"a\u0000": 1}"#).1, "/a\0");
        for text in [r"\ud800", r"\udc00", r"\ud800\u0041", r"\ud800x"] {
            let (status, pointer, said) = refused(format!(r#"{{"a": ["{text}"]}}"#).as_bytes());
            assert_eq!((status, pointer.as_str()), (422, "/a/0"), "{text} {said}");
        }
    }

    #[test]
    fn a_body_holds_no_more_values_than_its_measure() {
        let many = |item: &str, times: usize| format!("{{\"a\": [{}null]}}", format!("{item},").repeat(times));
        assert_eq!(refused(many("[]", 99_999).as_bytes()).0, 413);
        assert_eq!(refused(many("\"\\\\\"", 99_999).as_bytes()).0, 413);
        // What stands in a text is one value.
        let text = format!("{{\"a\": \"{}\"}}", "[,{\\\"".repeat(100_000));
        assert!(parse(text.as_bytes()).is_ok());
        assert!(parse(many("1", 90_000).as_bytes()).is_ok());
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(refused(deep.as_bytes()).0, 400);
    }

    #[test]
    fn a_body_is_an_object_and_not_too_deep() {
        assert_eq!(refused(b"[]").0, 422);
        assert_eq!(refused(b"null").0, 422);
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(200), "]".repeat(200));
        let (status, _, said) = refused(deep.as_bytes());
        assert_eq!(status, 400);
        assert!(said.contains("recursion limit"), "{said}");
    }
}
