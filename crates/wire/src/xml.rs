//! Serializes replies as XML: a struct is an element with one child for each field, a list repeats the element of its field.
//!
//! Everything is written directly to the output. Serializers that collect the content of an element first would leave it in
//! memory that is not wiped, and it may be a plaintext.

use std::fmt::{self, Display, Write};

use serde::ser::{Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

/// Writes `value` as the element `root`.
pub(crate) fn write(out: &mut impl Write, root: &str, value: &impl Serialize) -> fmt::Result {
    value.serialize(Element { writer: &mut Writer { out, in_tag: false }, name: root })
}

struct Writer<'w> {
    out: &'w mut dyn Write,
    /// Whether the last output is an open start tag, so that the element can still be empty.
    in_tag: bool,
}

impl Writer<'_> {
    fn start(&mut self, name: &str) -> fmt::Result {
        self.end_tag()?;
        self.in_tag = true;
        self.out.write_str("<")?;
        self.out.write_str(name)
    }

    fn end(&mut self, name: &str) -> fmt::Result {
        if std::mem::take(&mut self.in_tag) {
            return self.out.write_str("/>");
        }
        ["</", name, ">"].into_iter().try_for_each(|part| self.out.write_str(part))
    }

    fn end_tag(&mut self) -> fmt::Result {
        if std::mem::take(&mut self.in_tag) { self.out.write_str(">") } else { Ok(()) }
    }

    /// Writes escaped text. XML cannot represent most control characters, not even escaped.
    fn text(&mut self, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        self.end_tag()?;
        let mut rest = text;
        while let Some(at) = rest.find(needs_escape) {
            let (before, after) = rest.split_at(at);
            let mut characters = after.chars();
            self.out.write_str(before)?;
            self.out.write_str(match characters.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('\r') => "&#13;", // a parser would read it as a line feed
                _ => "\u{fffd}",
            })?;
            rest = characters.as_str();
        }
        self.out.write_str(rest)
    }
}

fn needs_escape(character: char) -> bool {
    matches!(character, '&' | '<' | '>' | '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Serializes a value as an element of a name; a list as one element for each entry.
struct Element<'a, 'w> {
    writer: &'a mut Writer<'w>,
    name: &'a str,
}

impl Element<'_, '_> {
    fn plain(self, value: impl Display) -> fmt::Result {
        self.serialize_str(&value.to_string())
    }
}

macro_rules! plain {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, value: $type) -> fmt::Result {
            self.plain(value)
        })*
    };
}

impl Serializer for Element<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Impossible<(), fmt::Error>;
    type SerializeTupleStruct = Impossible<(), fmt::Error>;
    type SerializeTupleVariant = Impossible<(), fmt::Error>;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), fmt::Error>;

    plain!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64, serialize_char char
    );

    fn serialize_str(self, text: &str) -> fmt::Result {
        self.writer.start(self.name)?;
        self.writer.text(text)?;
        self.writer.end(self.name)
    }

    fn serialize_none(self) -> fmt::Result {
        self.serialize_str("")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> fmt::Result {
        self.serialize_str("")
    }

    fn serialize_unit_struct(self, _: &'static str) -> fmt::Result {
        self.serialize_str("")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> fmt::Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        self.writer.start(self.name)?;
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        self.serialize_map(None)
    }

    fn serialize_bytes(self, _: &[u8]) -> fmt::Result {
        Err(no_answer())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> fmt::Result {
        Err(no_answer())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, fmt::Error> {
        Err(no_answer())
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, fmt::Error> {
        Err(no_answer())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, fmt::Error> {
        Err(no_answer())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, fmt::Error> {
        Err(no_answer())
    }
}

impl SerializeSeq for Element<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        value.serialize(Element { writer: self.writer, name: self.name })
    }

    fn end(self) -> fmt::Result {
        Ok(())
    }
}

impl SerializeStruct for Element<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> fmt::Result {
        value.serialize(Element { writer: self.writer, name })
    }

    fn end(self) -> fmt::Result {
        self.writer.end(self.name)
    }
}

/// Serializes a struct with flattened fields, which serde passes as a map.
impl SerializeMap for Element<'_, '_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        name: &K,
        value: &V,
    ) -> fmt::Result {
        match serde_json::to_value(name) {
            Ok(Json::String(name)) => value.serialize(Element { writer: self.writer, name: &name }),
            _ => Err(no_answer()),
        }
    }

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> fmt::Result {
        Err(no_answer())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, _: &T) -> fmt::Result {
        Err(no_answer())
    }

    fn end(self) -> fmt::Result {
        self.writer.end(self.name)
    }
}

fn no_answer() -> fmt::Error {
    fmt::Error::custom("answers are structs of texts, numbers, booleans and lists")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Outer {
        text: &'static str,
        number: i64,
        is_so: bool,
        list: Vec<Inner>,
        nested: Inner,
        absent: Option<u8>,
    }

    #[derive(Default, Serialize)]
    struct Inner {
        entry: Vec<u8>,
    }

    fn xml(value: &impl Serialize) -> String {
        let mut text = String::new();
        write(&mut text, "r", value).unwrap();
        text
    }

    #[test]
    fn structs_are_elements_and_lists_repeat_them() {
        let list = vec![Inner { entry: vec![1, 2] }, Inner::default()];
        let outer = Outer { text: "a b", number: -7, is_so: true, list, absent: Some(3), ..Outer::default() };
        assert_eq!(
            xml(&outer),
            "<r><Text>a b</Text><Number>-7</Number><IsSo>true</IsSo><List><entry>1</entry><entry>2</entry></List><List/>\
             <Nested/><Absent>3</Absent></r>"
        );
        assert_eq!(
            xml(&Outer::default()),
            "<r><Text/><Number>0</Number><IsSo>false</IsSo><Nested/><Absent/></r>"
        );
    }

    #[test]
    fn text_is_escaped_and_holds_no_character_that_xml_forbids() {
        assert_eq!(xml(&"a<b>&'\"\r\n\t密"), "<r>a&lt;b&gt;&amp;'\"&#13;\n\t密</r>");
        assert_eq!(xml(&"a\u{1}b\u{1f}\tc\u{ffff}\u{b}"), "<r>a\u{fffd}b\u{fffd}\tc\u{fffd}\u{fffd}</r>");
    }
}
