//! What a sub-command says of one thing after another: objects as lines of JSON, or rows of a table for people; either
//! way only of those that the filter wants.

use std::io;

use serde_json::Value;
use stratoscope_core::query::{FieldValue, Matcher, Path, Subject};

use crate::headless::output::Output;

/// An object that is to be printed, for filters: its keys are the fields.
struct Object<'a>(&'a Value);

impl Subject for Object<'_> {
    fn get(&self, path: &Path) -> Option<FieldValue<'_>> {
        match self.0.get(path.single()?)? {
            Value::Bool(b) => Some(FieldValue::Bool(*b)),
            Value::String(text) => Some(FieldValue::Text(text)),
            Value::Number(n) => match n.as_i64() {
                Some(n) => Some(FieldValue::Int(i128::from(n))),
                None => {
                    n.as_u64().map(|n| FieldValue::Int(i128::from(n))).or_else(|| n.as_f64().map(FieldValue::Float))
                }
            },
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// Whether the filter wants an object; without a filter, always.
pub(super) fn wanted(filter: Option<&Matcher>, object: &Value) -> bool {
    filter.is_none_or(|f| f.matches(&Object(object)))
}

/// Prints what the filter wants: as an object, or in words, which are made only then. Returns whether there is room for
/// more.
///
/// # Errors
/// What the output says.
pub(super) fn tell(
    out: &mut Output,
    filter: Option<&Matcher>,
    object: &Value,
    words: impl FnOnce() -> String,
) -> io::Result<bool> {
    if !wanted(filter, object) {
        return Ok(true);
    }
    let line = if out.is_json() { object.to_string() } else { words() };
    out.line(&line)
}

/// A table for people: the first row is its head. Columns of numbers and lengths are set right.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    left: Vec<bool>,
}

impl Table {
    /// A table with these heads; those that begin with `<` are of columns set left.
    pub(super) fn new(heads: &[&str]) -> Self {
        let left = heads.iter().map(|h| h.starts_with('<')).collect();
        Self { rows: vec![heads.iter().map(|h| h.trim_start_matches('<').to_owned()).collect()], left }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints what the filter wants as an object, or keeps its cells, which are made only then, for [`Table::print`].
    /// Returns whether there is room for more.
    ///
    /// # Errors
    /// What the output says.
    pub(super) fn tell(
        &mut self,
        out: &mut Output,
        filter: Option<&Matcher>,
        object: &Value,
        cells: impl FnOnce() -> Vec<String>,
    ) -> io::Result<bool> {
        if out.is_json() {
            return tell(out, filter, object, String::new);
        }
        if wanted(filter, object) {
            self.row(cells());
        }
        Ok(true)
    }

    /// Prints it, unless it has nothing but its head. Returns whether there is room for more.
    ///
    /// # Errors
    /// What the output says.
    pub(super) fn print(&self, out: &mut Output) -> io::Result<bool> {
        if self.rows.len() < 2 {
            return Ok(true);
        }
        let width = |column: usize| self.rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max();
        let widths: Vec<usize> = (0..self.left.len()).map(|c| width(c).unwrap_or(0)).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).zip(&self.left).map(|((cell, width), left)| {
                let pad = " ".repeat(width - cell.chars().count());
                if *left { format!("{cell}{pad}") } else { format!("{pad}{cell}") }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            if !out.line(line.trim_end())? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
