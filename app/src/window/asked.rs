//! What somebody asks to be shown first, on the command line: a stretch of time, and what to look for. And the command
//! that asks for what is shown now, to give to somebody else.
//!
//! While traces are read clocks are related anew, and what an instant means follows them as long as nobody goes
//! anywhere else. Not here: what the window showed when it was open before (`again`).

use std::borrow::Cow;

use stratoscope_core::query::time::{TimeBase, parse_time};
use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::window::find::Find;
use crate::window::state::State;

/// What is asked for, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// From when on; `None`: from the begin.
    pub from: Option<String>,
    /// Until when; `None`: to the end.
    pub to: Option<String>,
    /// What to look for, as in the field for it.
    pub find: Option<String>,
}

impl Asked {
    /// Whether it can be understood.
    ///
    /// # Errors
    /// What cannot, and why.
    pub fn check(&self) -> Result<(), String> {
        for (option, text) in [("--from", &self.from), ("--to", &self.to)] {
            if let Some(text) = text {
                parse_time(text, &TimeBase::default()).map_err(|e| format!("cannot read {option} {text}: {e}"))?;
            }
        }
        let Some(find) = &self.find else { return Ok(()) };
        match Find::new(find, &TimeBase::default()).error() {
            Some(error) => Err(format!("cannot read --find {find}: {error}")),
            None => Ok(()),
        }
    }

    /// The stretch of time, if one is meant, where that is what was recorded.
    pub fn range(&self, base: &TimeBase, extent: TimeRange<RefNs>) -> Option<TimeRange<RefNs>> {
        if self.from.is_none() && self.to.is_none() {
            return None;
        }
        let at = |text: &Option<String>, open: RefNs| match text {
            Some(text) => parse_time(text, base).map_or(open, |ns| RefNs(base.to_axis(ns))),
            None => open,
        };
        Some(TimeRange::new(at(&self.from, extent.begin), at(&self.to, extent.end)))
    }
}

/// What is asked for, and what was shown of it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    asked: Asked,
    shown: Option<TimeRange<RefNs>>,
}

impl From<Asked> for Asking {
    fn from(asked: Asked) -> Self {
        Self { asked, shown: None }
    }
}

impl State {
    /// Whether somebody has gone anywhere else since what was asked for was shown.
    pub(super) fn went_from_asked(&self) -> bool {
        self.asking.as_ref().and_then(|asking| asking.shown).is_some_and(|shown| shown != self.view.window)
    }

    /// Shows what was asked for, as far as that is known by now.
    pub(super) fn show_asked(&mut self) {
        let Some(mut asking) = self.asking.take() else { return };
        let range = |extent| Some((extent, asking.asked.range(&self.scene.facts.base, extent)?));
        if let Some((extent, range)) = self.scene.extent.and_then(range) {
            if range.begin < range.end && extent.overlaps(&range) {
                self.view.set_window(range, false);
            } else if self.scene.complete {
                let clock = self.clock();
                let (from, to) = (clock.instant(range.begin), clock.instant(range.end));
                self.notice = Some(format!("Nothing was recorded from {from} to {to}"));
            }
        }
        if let Some(find) = asking.asked.find.take() {
            self.finding = true;
            self.look_for(find);
        }
        asking.shown = Some(self.view.window);
        // When all is read clocks stay as they are, and so does what is shown.
        self.asking = Some(asking).filter(|_| !self.scene.complete);
    }

    /// The command that opens what is open, shows what is shown and looks for what is looked for.
    pub fn as_command(&self) -> String {
        let mut words = vec!["stratoscope".to_owned()];
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if self.view.window != self.view.bounds {
            let ns = |t: RefNs| (self.scene.origin_ns + i128::from(t.0)).to_string();
            option("--from", ns(self.view.window.begin));
            option("--to", ns(self.view.window.end));
        }
        if !self.view.search.trim().is_empty() {
            option("--find", self.view.search.trim().to_owned());
        }
        let whole = |path: &std::path::PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        words.extend(self.paths.iter().map(|path| whole(path).display().to_string()));
        let quoted: Vec<Cow<'_, str>> = words.iter().map(|word| quoted(word)).collect();
        quoted.join(" ")
    }
}

/// A word as shells take it.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:=,@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_shells_want_them() {
        for word in ["/traces/run-1", "--from", "1732", "", "two words", "name == \"a\"", "it's", "$HOME", "näme"] {
            let output = std::process::Command::new("sh").arg("-c").arg(format!("printf %s {}", quoted(word))).output();
            assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), word);
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let asked =
            |from: &str, find: &str| Asked { from: Some(from.to_owned()), to: None, find: Some(find.to_owned()) };
        assert_eq!(asked("+1.5s", "dur > 1ms").check(), Ok(()));
        assert_eq!(asked("17", "qemu").check(), Ok(()));
        assert!(asked("noon", "dur > 1ms").check().unwrap_err().starts_with("cannot read --from noon: "));
        assert!(asked("12:00:00", "dur >").check().unwrap_err().starts_with("cannot read --find dur >: "));
    }
}
