//! What the store should answer, computed by walking plain lists.

use proptest::prelude::*;
use stratoscope_core::store::{Look, MachineStore, Writer as _};
use stratoscope_core::vocab::{MachineNs, Name, RowId, State, StateSet, TimeRange};

/// Something that is written to a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Set(i64, Look),
    Amend(i64, Name),
}

const STATES: [State; 8] = [
    State::None,
    State::Blocked,
    State::WaitingCpu,
    State::RunningUser,
    State::RunningSyscall,
    State::Interrupted,
    State::Preempted,
    State::WaitingUnknown,
];

impl Op {
    /// The instant; of an amendment the one at which it is made.
    pub(crate) fn t(&self) -> i64 {
        match self {
            Op::Set(t, _) | Op::Amend(t, _) => *t,
        }
    }

    pub(crate) fn scaled(&self, by: i64) -> Self {
        match *self {
            Op::Set(t, look) => Op::Set(t * by, look),
            Op::Amend(t, name) => Op::Amend(t * by, name),
        }
    }

    pub(crate) fn random(random: &mut Random, t: i64) -> Self {
        if random.below(30) == 0 {
            return Op::Amend(t, Name(random.below(5)));
        }
        // Alerts are rare, as they should be.
        let state = STATES[(random.below(8) * random.below(8) / 7) as usize % 8];
        Op::Set(t, Look { state, detail: Name(random.below(3)), aux: random.below(2) })
    }
}

pub(crate) fn apply(store: &mut MachineStore, row: RowId, op: &Op) {
    match *op {
        Op::Set(t, look) => store.set(row, MachineNs(t), look),
        Op::Amend(_, name) => store.amend(row, name),
    }
}

/// Scripts for one row: mostly forward in time, sometimes not at all or back, seldom far.
pub(crate) fn script(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Op>> {
    (len, any::<u64>(), 1u32..100).prop_map(|(len, seed, pace)| {
        let mut random = Random(seed);
        let mut t = 0;
        (0..len)
            .map(|_| {
                t += match random.below(20) {
                    0 => 0,
                    1 => -i64::from(random.below(5)),
                    2 => i64::from(random.below(pace * 50)),
                    _ => i64::from(random.below(pace)),
                };
                Op::random(&mut random, t)
            })
            .collect()
    })
}

/// A row as a list of closed intervals, gaps included, and an open one.
#[derive(Default)]
pub(crate) struct Model {
    closed: Vec<(i64, i64, Look)>,
    open: Option<(i64, Look)>,
    since: i64,
    /// All intervals that are not gaps, once finished.
    pub(crate) intervals: Vec<(i64, i64, Look)>,
}

impl Model {
    pub(crate) fn look(&self) -> Look {
        self.open.map_or(Look::default(), |o| o.1)
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        match *op {
            Op::Set(t, look) => self.set(t, look),
            Op::Amend(_, detail) => match &mut self.open {
                Some(open) if open.1.state != State::None => open.1.detail = detail,
                _ => {}
            },
        }
    }

    fn set(&mut self, t: i64, look: Look) {
        let look = if look.state == State::None { Look::default() } else { look };
        let Some((begin, old)) = self.open else {
            if look.state != State::None {
                (self.open, self.since) = (Some((t, look)), t);
            }
            return;
        };
        if old == look {
            return;
        }
        let t = t.max(self.since);
        self.since = t;
        if t > begin {
            self.closed.push((begin, t, old));
            self.open = Some((t, look));
        } else if let Some(last) = self.closed.pop_if(|last| last.2 == look) {
            self.open = Some((last.0, look));
        } else {
            self.open = Some((begin, look));
        }
    }

    pub(crate) fn finish(&mut self, watermark: i64) {
        self.intervals = self.closed.clone();
        if let Some((begin, look)) = self.open {
            self.intervals.push((begin, watermark, look));
        }
        self.intervals.retain(|i| i.2.state != State::None && i.0 < i.1);
    }
}

/// What a column has: parts of intervals (begin of the interval, nanoseconds within the column, look).
#[derive(Clone, Default)]
pub(crate) struct Column {
    pub(crate) parts: Vec<(i64, i64, Look)>,
    pub(crate) length: i64,
}

impl Column {
    /// Whether the row is there for all of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts.iter().map(|p| p.1).sum::<i64>() == self.length
    }

    pub(crate) fn present(&self) -> StateSet {
        self.parts.iter().fold(StateSet::default(), |set, p| set.with(p.2.state))
    }

    /// The state that the rule of a pixel chooses.
    pub(crate) fn shown(&self) -> Option<State> {
        let loud = self.present().iter().any(|s| !s.is_quiet());
        self.present()
            .iter()
            .filter(|s| !loud || !s.is_quiet())
            .max_by_key(|&s| (self.ns(s), s.is_alert(), !s.is_quiet(), std::cmp::Reverse(s)))
    }

    /// The only state that could be shown.
    pub(crate) fn clear(&self) -> Option<State> {
        let loud: Vec<State> = self.present().iter().filter(|s| !s.is_quiet()).collect();
        match loud[..] {
            [] if self.present().iter().count() == 1 => self.shown(),
            [only] => Some(only),
            _ => None,
        }
    }

    pub(crate) fn ticks(&self, shown: State) -> StateSet {
        StateSet(self.present().0 & StateSet::alerts().0 & !shown.bit())
    }

    fn ns(&self, state: State) -> i64 {
        self.parts.iter().filter(|p| p.2.state == state).map(|p| p.1).sum()
    }
}

pub(crate) fn naive_columns(model: &Model, range: TimeRange<MachineNs>, width: u32) -> Vec<Column> {
    let length = i128::from(range.end.0) - i128::from(range.begin.0);
    let edge = |c: u32| range.begin.0 + (i128::from(c) * length / i128::from(width)) as i64;
    let mut first = 0;
    (0..width)
        .map(|c| {
            let (begin, end) = (edge(c), edge(c + 1).max(edge(c) + 1));
            while model.intervals.get(first).is_some_and(|i| i.1 <= begin) {
                first += 1;
            }
            let inside = model.intervals[first..].iter().take_while(|i| i.0 < end);
            let parts = inside.map(|i| (i.0, i.1.min(end) - i.0.max(begin), i.2)).collect();
            Column { parts, length: end - begin }
        })
        .collect()
}

/// A small generator of numbers that look random; the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 33) * u64::from(n)) >> 31) as u32
    }
}
