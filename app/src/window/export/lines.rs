//! Objects as lines of a file: JSON Lines, or CSV with a column for each key. What knows all its rows at once is a
//! [`Sheet`](crate::window::stats::sheet::Sheet); this is for what is written while it is found.

use std::io::{self, Write};

use serde_json::Value;

use crate::window::stats::sheet::quoted;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Comma-separated values, with a line of titles.
    Csv,
    /// An object a line.
    JsonLines,
}

/// A writer of objects.
pub struct Lines<'a> {
    out: &'a mut dyn Write,
    shape: Shape,
    columns: &'static [&'static str],
    written: u64,
}

impl<'a> Lines<'a> {
    /// Writes to `out`. `columns` are the keys that CSV has; a key within a key is written `who.tid`, and its title
    /// is `who_tid`.
    ///
    /// # Errors
    /// What the file says.
    pub fn new(out: &'a mut dyn Write, shape: Shape, columns: &'static [&'static str]) -> io::Result<Self> {
        if shape == Shape::Csv {
            let titles: Vec<String> = columns.iter().map(|c| c.replace('.', "_")).collect();
            writeln!(out, "{}", titles.join(","))?;
        }
        Ok(Self { out, shape, columns, written: 0 })
    }

    /// Writes an object.
    ///
    /// # Errors
    /// What the file says.
    pub fn object(&mut self, object: &Value) -> io::Result<()> {
        self.written += 1;
        match self.shape {
            Shape::JsonLines => writeln!(self.out, "{object}"),
            Shape::Csv => {
                let cells: Vec<String> = self.columns.iter().map(|path| cell(value(object, path))).collect();
                writeln!(self.out, "{}", cells.join(","))
            }
        }
    }

    /// Writes a line that is written already, without its end.
    ///
    /// # Errors
    /// What the file says.
    pub fn raw(&mut self, line: &str) -> io::Result<()> {
        self.written += 1;
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// How many lines there are, without that of titles.
    pub fn written(&self) -> u64 {
        self.written
    }
}

fn value<'v>(object: &'v Value, path: &str) -> &'v Value {
    path.split('.').try_fold(object, |at, key| at.get(key)).unwrap_or(&Value::Null)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => quoted(text).into_owned(),
        other => quoted(&other.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_become_lines() {
        let object = json!({"a": 1, "b": {"c": "x, \"y\"", "d": null}, "e": [1, 2]});
        let write = |shape| {
            let mut out = Vec::new();
            let mut lines = Lines::new(&mut out, shape, &["a", "b.c", "b.d", "e", "none"]).unwrap();
            lines.object(&object).unwrap();
            assert_eq!(lines.written(), 1);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(write(Shape::Csv), "a,b_c,b_d,e,none\n1,\"x, \"\"y\"\"\",,\"[1,2]\",\n");
        assert_eq!(serde_json::from_str::<Value>(&write(Shape::JsonLines)).unwrap(), object);
    }
}
