//! Decoded field values, for tables, filters and JSON: everything that is *not* on the hot path.

use std::sync::Arc;

/// The value of an event's field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A boolean.
    Bool(bool),
    /// An unsigned integer; `base` is the preferred base for people (2, 8, 10, 16).
    Unsigned {
        /// The number.
        value: u64,
        /// Preferred base for display.
        base: u8,
    },
    /// A signed integer.
    Signed(i64),
    /// A floating-point number.
    Float(f64),
    /// Text; bytes that were not UTF-8 became U+FFFD.
    Text(String),
    /// An enumeration: its integer and the labels whose ranges contain it, sorted.
    Enum {
        /// The integer, wide enough for signed and unsigned 64-bit containers.
        value: i128,
        /// Labels in alphabetical order; empty where the value has no name.
        labels: Vec<Arc<str>>,
    },
    /// A structure: members in order, one leading `_` of their names removed.
    Struct(Vec<(Arc<str>, Value)>),
    /// An array or sequence.
    Array(Vec<Value>),
    /// Raw bytes (an event of a class that nobody declared).
    Bytes(Vec<u8>),
    /// Nothing (an option that is not there).
    Null,
}
