//! One query parameter's text, read as whatever type serde asks for.

use std::fmt;

use serde::de::value::SeqDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};

/// The most entries of a list.
pub(super) const MOST: usize = 100;

/// One parameter's text, read as whatever type it is asked for. A list is written with commas, or, as some clients
/// do, one parameter an entry; anything else is given once.
pub(super) struct Parameter {
    pub(super) text: String,
    pub(super) times: usize,
}

impl IntoDeserializer<'_, de::value::Error> for Parameter {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// A parameter as a number: serde's own error would say "Expected u16".
macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            self.once()?;
            match self.text.parse::<$number>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(self.expected("a whole number in range")),
            }
        })*
    };
}

impl Parameter {
    fn expected(&self, what: impl fmt::Display) -> de::value::Error {
        let shown: String = self.text.chars().take(40).collect();
        de::Error::custom(format_args!("Expected {what}, found `{shown}`."))
    }

    fn once(&self) -> Result<(), de::value::Error> {
        if self.times == 1 {
            return Ok(());
        }
        Err(de::Error::custom(format_args!(
            "It is given {} times, and takes one value.",
            self.times
        )))
    }
}

impl<'de> Deserializer<'de> for Parameter {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.once()?;
        visitor.visit_string(self.text)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.once()?;
        match self.text.as_str() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    numbers! {
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.text.split(',').count() > MOST {
            return Err(de::Error::custom(format_args!("It may hold up to {MOST} entries.")));
        }
        if self.text.split(',').any(str::is_empty) {
            return Err(self.expected("a list with commas and no empty entry"));
        }
        visitor.visit_seq(SeqDeserializer::new(self.text.split(',').map(|item| Parameter {
            text: item.to_owned(),
            times: 1,
        })))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.once()?;
        visitor.visit_enum(self.text.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}
