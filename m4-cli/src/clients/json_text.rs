//! JSON text that goes back the way it came: byte order mark, indentation, line ends and final line end included.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};

use super::strict_json::Strict;

/// An object and the way its text was laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonText {
    /// The object, its keys in the order of the text.
    pub object: Map<String, Value>,
    layout: Layout,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Layout {
    byte_order_mark: bool,
    indent: String,
    line_end: &'static str,
    final_line_end: bool,
}

impl JsonText {
    /// Reads an object; a text without anything in it counts as an empty one.
    pub fn parse(text: &str) -> Result<Self, NotAnObject> {
        let (byte_order_mark, json) = match text.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let object = if json.trim().is_empty() {
            Map::new()
        } else {
            match serde_json::from_str(json) {
                Ok(Strict(Value::Object(object))) => object,
                Ok(Strict(_)) => return Err(NotAnObject::OtherValue),
                Err(error) if error.is_data() => return Err(NotAnObject::RepeatedKey { line: error.line() }),
                Err(error) => {
                    let (line, column) = (error.line(), error.column());
                    return Err(NotAnObject::NotJson { line, column });
                }
            }
        };
        let layout = Layout {
            byte_order_mark,
            indent: indent(json).unwrap_or(DEFAULT_INDENT).to_owned(),
            line_end: if json.contains("\r\n") { "\r\n" } else { "\n" },
            final_line_end: json.trim().is_empty() || json.ends_with('\n'),
        };
        Ok(Self { object, layout })
    }

    /// The text of the object, laid out as it was.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(self.layout.indent.as_bytes());
        self.object.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
        // Inside strings JSON escapes line ends, so these are all layout.
        let mut text = String::from_utf8_lossy(&bytes).replace('\n', self.layout.line_end);
        if self.layout.byte_order_mark {
            text.insert(0, BYTE_ORDER_MARK);
        }
        if self.layout.final_line_end {
            text.push_str(self.layout.line_end);
        }
        Ok(text)
    }
}

/// The text is not an object. Says where, never what, because such files hold keys and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnObject {
    /// It is not JSON.
    #[error("it is not JSON at line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// It names a key twice, and only one of the two could be kept.
    #[error("it names a key twice in one object, at line {line}")]
    RepeatedKey {
        /// Counted from 1.
        line: usize,
    },
    /// It is JSON, but something else than an object.
    #[error("it is JSON, but not an object")]
    OtherValue,
}

/// The white space before the first indented line that has something on it.
fn indent(json: &str) -> Option<&str> {
    json.lines().find_map(|line| {
        let rest = line.trim_start_matches([' ', '\t']);
        let white = &line[..line.len() - rest.len()];
        (!white.is_empty() && !rest.trim().is_empty()).then_some(white)
    })
}

const BYTE_ORDER_MARK: char = '\u{feff}';
const DEFAULT_INDENT: &str = "  ";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odd_layouts_survive() {
        for text in [
            "{\n  \"z\": 1,\n  \"a\": {\n    \"b\": []\n  }\n}\n",
            "{\n\t\"z\": 1\n}",
            "{\r\n    \"z\": \"x\\r\\ny\"\r\n}\r\n",
            "\u{feff}{\n  \"z\": null\n}\n",
        ] {
            assert_eq!(JsonText::parse(text).unwrap().text().unwrap(), text);
        }
    }

    #[test]
    fn nothing_at_all_is_an_empty_object() {
        for text in ["", " \n", "\u{feff}"] {
            assert!(JsonText::parse(text).unwrap().object.is_empty());
        }
        assert_eq!(JsonText::parse("").unwrap().text().unwrap(), "{}\n");
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for text in ["[]", "\"x\"", "1", "null"] {
            assert_eq!(JsonText::parse(text), Err(NotAnObject::OtherValue));
        }
        assert_eq!(JsonText::parse("{\"a\": 1,\n\"a\": 2}"), Err(NotAnObject::RepeatedKey { line: 2 }));
        for text in ["{", "{\"a\": 1,}", "// comment\n{}", "{} {}", "{'a': 1}"] {
            assert!(matches!(JsonText::parse(text), Err(NotAnObject::NotJson { .. })), "{text}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_again_gives_the_same_object(
            keys in proptest::collection::vec("\\PC{0,6}", 0..6),
            value in "\\PC*",
            indent in "( {1,8}|\t{1,2})",
        ) {
            let object: Map<String, Value> = keys.into_iter().map(|key| (key, Value::from(value.clone()))).collect();
            let mut bytes = Vec::new();
            let formatter = PrettyFormatter::with_indent(indent.as_bytes());
            object.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).unwrap();
            let text = String::from_utf8(bytes).unwrap();
            let read = JsonText::parse(&text).unwrap();
            prop_assert_eq!(&read.object, &object);
            prop_assert_eq!(read.text().unwrap(), text);
        }
    }
}
