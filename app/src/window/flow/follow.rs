//! What a pane follows of the view, although it changes the view itself: a click on a piece selects its row and its
//! time everywhere, and yet the flow stays that of the task and of the stretch that the user chose.

/// A value that others change and the pane does too: what the others made of it last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Theirs<T> {
    theirs: T,
    seen: T,
    own: bool,
}

impl<T: Copy + PartialEq> Theirs<T> {
    /// Looks at the value, once a frame. Returns whether others changed it.
    pub fn see(&mut self, now: T) -> bool {
        let own = std::mem::take(&mut self.own);
        if now == self.seen {
            return false;
        }
        self.seen = now;
        if !own {
            self.theirs = now;
        }
        !own
    }

    /// The next change is the pane's own.
    pub fn own_comes(&mut self) {
        self.own = true;
    }

    /// Takes a value over, whoever it comes from.
    pub fn take(&mut self, value: T) {
        self.theirs = value;
    }

    /// What others made of it last.
    pub fn get(&self) -> T {
        self.theirs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_changes_are_not_followed_and_others_are() {
        let mut row: Theirs<Option<u32>> = Theirs::default();
        assert!(row.see(Some(1)));
        row.own_comes();
        assert!(!row.see(Some(2)));
        assert_eq!(row.get(), Some(1));
        assert!(!row.see(Some(2)), "it stays");
        assert!(row.see(Some(3)));
        assert_eq!(row.get(), Some(3));
        row.own_comes();
        assert!(!row.see(Some(3)), "nothing came of it");
        assert!(row.see(Some(4)), "so the next change is another's");
        assert_eq!(row.get(), Some(4));
    }
}
