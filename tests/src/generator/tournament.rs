//! Which of many CPUs is next: a tournament whose winner is found again after one CPU's time changed.

/// Up to 64 times, the smallest of which is always known.
#[derive(Debug)]
pub(crate) struct Tournament {
    due: Vec<i64>,
    /// A binary tree without pointers: node 1 is the final, node n is fed by 2n and 2n + 1.
    winner: Vec<usize>,
}

impl Tournament {
    /// `players` players who never come.
    pub(crate) fn new(players: usize) -> Self {
        let leaves = players.next_power_of_two().max(2);
        let mut winner = vec![0; 2 * leaves];
        for (player, place) in winner[leaves..].iter_mut().enumerate() {
            *place = player;
        }
        for node in (1..leaves).rev() {
            winner[node] = winner[2 * node];
        }
        Self { due: vec![i64::MAX; leaves], winner }
    }

    /// Gives a player another time.
    pub(crate) fn set(&mut self, player: usize, at: i64) {
        self.due[player] = at;
        let mut node = (self.due.len() + player) / 2;
        while node > 0 {
            let (left, right) = (self.winner[2 * node], self.winner[2 * node + 1]);
            // Among equals the lower number comes first.
            self.winner[node] = if self.due[right] < self.due[left] { right } else { left };
            node /= 2;
        }
    }

    /// Who comes first, and when.
    pub(crate) fn first(&self) -> (usize, i64) {
        let player = self.winner[1];
        (player, self.due[player])
    }
}
