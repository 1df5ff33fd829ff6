//! Which stretch of time a table is about: the selected range, else the window. But when the table itself makes
//! the window jump to one of its rows, it stays what it was, so that the next row can be clicked; until the user
//! moves on by another way.

use stratoscope_core::vocab::{RefNs, TimeRange};

use crate::window::view::View;

type Looked = (TimeRange<RefNs>, Option<TimeRange<RefNs>>);

/// The stretch that a table is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hold {
    held: Option<TimeRange<RefNs>>,
    /// What is looked at since the jump; `None` until it was carried out.
    at: Option<Looked>,
}

impl Hold {
    /// The stretch, at this moment.
    pub fn range(&mut self, view: &View) -> TimeRange<RefNs> {
        let now = (view.window, view.selection);
        if let Some(held) = self.held {
            // A jump is carried out after the frame in which it was asked for.
            if *self.at.get_or_insert(now) == now {
                return held;
            }
            *self = Self::default();
        }
        view.range().unwrap_or(view.window)
    }

    /// The table makes the window jump with the commands of this frame.
    pub fn jump(&mut self, view: &View) {
        self.held = Some(self.held.unwrap_or_else(|| view.range().unwrap_or(view.window)));
        self.at = None;
    }

    /// What the stretch is, in words.
    pub fn words(&self, view: &View) -> &'static str {
        match (self.held, view.range()) {
            (Some(_), _) => "in what was shown before the jump",
            (None, Some(_)) => "in the selection",
            (None, None) => "in the window",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_stays_while_its_own_jump_lasts() {
        let range = |a, b| TimeRange::new(RefNs(a), RefNs(b));
        let mut view = View::new(range(0, 1000), range(0, 1000));
        let mut hold = Hold::default();
        assert_eq!(hold.range(&view), range(0, 1000));
        hold.jump(&view);
        view.set_window(range(100, 200), true);
        view.selection = Some(range(120, 130));
        assert_eq!(hold.range(&view), range(0, 1000));
        hold.jump(&view);
        view.set_window(range(300, 400), true);
        assert_eq!(hold.range(&view), range(0, 1000), "from row to row");
        assert_eq!(hold.range(&view), range(0, 1000));
        assert_eq!(hold.words(&view), "in what was shown before the jump");
        view.pan(0.5);
        assert_eq!(hold.range(&view), range(120, 130), "the user moved on");
    }
}
