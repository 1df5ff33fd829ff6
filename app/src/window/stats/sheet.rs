//! A table as text that other programs take: aligned columns for people, CSV and JSON Lines for programs.
//!
//! Programs get nanoseconds and plain numbers, people what they see on the screen.

use std::borrow::Cow;
use std::fmt::Write as _;

use egui::{RichText, Ui};
use stratoscope_core::vocab::{Dur, RefNs};

use crate::headless::integer;
use crate::window::axis::{Clock, duration};
use crate::window::command::Command;
use crate::window::frame::FrameContext;
use crate::window::joint::table::percent;
use crate::window::theme::Sizes;
use crate::window::words;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Nothing: not known, or not applicable.
    Empty,
    /// Text.
    Text(String),
    /// A duration.
    Time(Dur),
    /// A number of things.
    Count(u64),
    /// A number, and how people read it.
    Number(f64, String),
    /// An instant: nanoseconds since 1970, or since the clock's own zero; and how people read it.
    Instant(i128, String),
    /// Whether it is so, and how people read it.
    Flag(bool, &'static str),
}

impl Field {
    /// An instant of the axis.
    pub fn instant(clock: &Clock, t: RefNs) -> Self {
        Self::Instant(clock.origin_ns + i128::from(t.0), clock.instant(t))
    }

    /// Text; nothing if it is empty.
    pub fn text(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }

    /// A share of a whole, from 0 to 1.
    pub fn share(share: f64) -> Self {
        Self::Number(share, percent(share))
    }

    fn shown(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) | Self::Number(_, text) | Self::Instant(_, text) => text.clone(),
            Self::Flag(_, text) => (*text).to_owned(),
            Self::Time(time) => duration(*time),
            Self::Count(n) => words::grouped(*n),
        }
    }

    fn value(&self) -> serde_json::Value {
        match self {
            Self::Empty => serde_json::Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Time(time) => time.0.into(),
            Self::Count(n) => (*n).into(),
            Self::Number(n, _) => (*n).into(),
            Self::Instant(ns, _) => integer(*ns),
            Self::Flag(on, _) => (*on).into(),
        }
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// Of each column what people read, and what programs call it.
    pub titles: Vec<(String, String)>,
    /// Rows, each as long as the titles.
    pub rows: Vec<Vec<Field>>,
}

impl Sheet {
    /// A table without rows.
    pub fn new(titles: &[(&str, &str)]) -> Self {
        Self { titles: titles.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(), rows: Vec::new() }
    }

    /// Columns aligned by spaces, with titles; numbers at the right.
    pub fn text(&self) -> String {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|r| r.iter().map(Field::shown).collect()).collect();
        let length = |text: &str| text.chars().count();
        let column = |n: usize| rows.iter().filter_map(move |r| r.get(n)).map(|t| length(t)).max().unwrap_or(0);
        let widths: Vec<usize> =
            self.titles.iter().enumerate().map(|(n, title)| column(n).max(length(&title.0))).collect();
        let number = |n: usize| !self.rows.iter().any(|r| matches!(r.get(n), Some(Field::Text(_))));
        let mut out = String::new();
        let titles: Vec<String> = self.titles.iter().map(|t| t.0.clone()).collect();
        for row in std::iter::once(&titles).chain(&rows) {
            let mut line = String::new();
            for (n, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width - length(cell));
                let ends = if n + 1 < widths.len() { "  " } else { "" };
                if number(n) {
                    line.push_str(&format!("{gap}{cell}{ends}"));
                } else {
                    line.push_str(&format!("{cell}{gap}{ends}"));
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// Comma-separated values (RFC 4180, but lines end as on Unix), with a line of titles.
    pub fn csv(&self) -> String {
        let cell = |field: &Field| match field {
            Field::Empty => String::new(),
            Field::Text(text) => quoted(text).into_owned(),
            Field::Instant(ns, _) => ns.to_string(),
            other => other.value().to_string(),
        };
        let mut out = self.titles.iter().map(|t| quoted(&t.1)).collect::<Vec<_>>().join(",");
        out.push('\n');
        for row in &self.rows {
            out.push_str(&row.iter().map(cell).collect::<Vec<_>>().join(","));
            out.push('\n');
        }
        out
    }

    /// An object a line; what is empty is left out.
    pub fn json_lines(&self) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let filled = self.titles.iter().zip(row).filter(|(_, field)| **field != Field::Empty);
            let object: serde_json::Map<String, serde_json::Value> =
                filled.map(|(title, field)| (title.1.clone(), field.value())).collect();
            // Writing to a string does not fail.
            let _never = writeln!(out, "{}", serde_json::Value::Object(object));
        }
        out
    }
}

/// A cell of CSV: in quotes where it has to be.
pub fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains(['"', ',', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

/// The menu that copies a table; `sheet` makes it when it is wanted.
pub fn copy_ui(ui: &mut Ui, cx: &mut FrameContext<'_>, sheet: impl FnOnce() -> Sheet) {
    let mut wanted: Option<fn(&Sheet) -> String> = None;
    let menu = ui.menu_button(RichText::new("Copy ⏷").size(Sizes::SMALL), |ui| {
        for (name, of) in [
            ("Copy table as text", Sheet::text as fn(&Sheet) -> String),
            ("Copy table as CSV", Sheet::csv),
            ("Copy table as JSON Lines", Sheet::json_lines),
        ] {
            if ui.button(name).clicked() {
                wanted = Some(of);
                ui.close();
            }
        }
    });
    menu.response.on_hover_text("The whole table, for other programs. Times in CSV and JSON are nanoseconds.");
    if let Some(of) = wanted {
        cx.send(Command::Copy(of(&sheet())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new(&[("Name", "name"), ("Time", "time_ns"), ("Share", "share")]);
        let share = Field::Number(0.5, "50.0 %".to_owned());
        sheet.rows.push(vec![Field::Text("a, \"b\"".to_owned()), Field::Time(Dur(1_500_000)), share]);
        sheet.rows.push(vec![Field::Text("c".to_owned()), Field::Time(Dur(20)), Field::Empty]);
        sheet
    }

    #[test]
    fn people_get_columns() {
        let [a, b] = [1_500_000, 20].map(|ns| duration(Dur(ns)));
        let text = sheet().text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("Name      ") && lines[0].ends_with("Share"), "{text}");
        assert!(lines[1].starts_with("a, \"b\"  ") && lines[1].contains(&a), "{text}");
        assert!(lines[2].ends_with(&b), "{text}");
        assert_eq!(lines[1].find(&a).unwrap() + a.len(), lines[2].len(), "numbers end below each other: {text}");
    }

    #[test]
    fn programs_get_numbers() {
        assert_eq!(sheet().csv(), "name,time_ns,share\n\"a, \"\"b\"\"\",1500000,0.5\nc,20,\n");
        let lines: Vec<serde_json::Value> =
            sheet().json_lines().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines[0]["name"], "a, \"b\"");
        assert_eq!(lines[1], serde_json::json!({"name": "c", "time_ns": 20}));
    }
}
