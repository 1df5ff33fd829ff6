//! How much of its CPUs each machine used: per column of pixels, with the threads that are drawn, and per thread.
//!
//! No screen here: sums of rows, in time proportional to what is asked. Which stretch and rows are meant says
//! [`stratoscope_core::query::usage`], which also tells it to `stats --cpu`.

use std::cmp::Ordering;

use stratoscope_core::query::usage as asked;
use stratoscope_core::query::{World, WorldMachine};
use stratoscope_core::stats::usage::{self, Places, ThreadUsage, UsageColumns};
use stratoscope_core::vocab::{Cancel, Cancelled, Dur, MachineId, RefNs, TimeRange};

use crate::window::command::RowRef;
use crate::window::joint::facts::Facts;

/// Threads that are drawn of a machine as long as nobody chooses others.
const BUSIEST: usize = 3;

/// Threads that may be chosen of a machine: more bands could not be told apart.
pub const MOST: usize = 5;

/// Which threads are drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chosen {
    /// Those that were chosen, in that order; `None`: the busiest of each machine in the window, from now on.
    pub by_hand: Option<Vec<RowRef>>,
    /// The thread that is selected in all panes: it is drawn as well.
    pub selected: Option<RowRef>,
}

impl Chosen {
    /// The threads that are drawn of a machine.
    fn of(&self, machine: &WorldMachine, busiest: impl FnOnce() -> Vec<RowRef>) -> Vec<RowRef> {
        let mut rows: Vec<RowRef> = match &self.by_hand {
            Some(rows) => rows.iter().copied().filter(|row| row.machine == machine.id).collect(),
            None => busiest(),
        };
        rows.extend(self.selected.filter(|row| row.machine == machine.id && !rows.contains(row)));
        rows
    }

    /// From now on these are drawn, whatever the window shows: nothing changes its colour while it moves. `drawn` may
    /// have the selected one among them.
    pub fn keep(&mut self, drawn: &[RowRef]) {
        let selected = self.selected;
        self.by_hand.get_or_insert_with(|| drawn.iter().copied().filter(|row| Some(*row) != selected).collect());
    }

    /// Draws a thread, or no longer.
    pub fn toggle(&mut self, row: RowRef, drawn: &[RowRef]) {
        self.keep(drawn);
        let rows = self.by_hand.get_or_insert_default();
        match rows.iter().position(|r| *r == row) {
            Some(at) => {
                rows.remove(at);
            }
            None => {
                if rows.iter().filter(|r| r.machine == row.machine).count() >= MOST
                    && let Some(oldest) = rows.iter().position(|r| r.machine == row.machine)
                {
                    rows.remove(oldest);
                }
                rows.push(row);
            }
        }
    }
}

/// A thread in a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Its row.
    pub row: RowRef,
    /// What to call it.
    pub name: String,
    /// What it used in each column.
    pub columns: UsageColumns,
}

/// A machine's usage over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The machine.
    pub machine: MachineId,
    /// Its name.
    pub name: String,
    /// How many CPUs it has.
    pub cpus: usize,
    /// How long each column lasts on the machine's axis.
    pub lengths: Vec<Dur>,
    /// How much of the window its traces tell of.
    pub told: Dur,
    /// What all threads and interrupts used together.
    pub all: UsageColumns,
    /// The threads that are drawn.
    pub bands: Vec<Band>,
}

impl Chart {
    /// CPUs that were in use on average: `time` of a column, or of all that is told of the window (`None`).
    pub fn cpus_in(&self, time: Dur, column: Option<usize>) -> f64 {
        let length = match column {
            Some(n) => self.lengths.get(n).copied().unwrap_or_default(),
            None => self.told,
        };
        if length.0 > 0 { time.0 as f64 / length.0 as f64 } else { 0.0 }
    }
}

/// All of some columns together.
pub fn sum(columns: &[Dur]) -> Dur {
    columns.iter().fold(Dur(0), |sum, time| sum + *time)
}

/// The usage of each machine of which a CPU is known, over so many columns of the window; what was counted so far if
/// somebody cancels.
pub fn charts(facts: &Facts, window: TimeRange<RefNs>, columns: usize, chosen: &Chosen, cancel: &Cancel) -> Vec<Chart> {
    let world = &facts.world;
    // A column of less than a nanosecond would have nothing to say.
    let columns = columns.min(usize::try_from(window.length().0).unwrap_or(1)).max(1);
    let chart = |machine: &WorldMachine| -> Result<Option<Chart>, Cancelled> {
        let rows = asked::rows_of(world, machine);
        let cpus = rows.cpu_count();
        if cpus == 0 {
            return Ok(None);
        }
        let edges = usage::edges(&machine.map, window, columns);
        let all = usage::machine_columns(rows, &edges, cancel)?;
        let told = asked::told(machine, machine.to_machine(window));
        let busiest = || -> Result<Vec<RowRef>, Cancelled> {
            let threads = usage::threads(rows, told, cancel)?;
            Ok(threads.iter().take(BUSIEST).map(|t| RowRef { machine: machine.id, key: t.key }).collect())
        };
        let bands = chosen.of(machine, || busiest().unwrap_or_default()).into_iter().map(|row| {
            let columns = usage::thread_columns(rows, row.key, &edges, cancel)?;
            let name = name_of(world, machine, row, window.end);
            Ok(Band { row, name, columns })
        });
        Ok(Some(Chart {
            machine: machine.id,
            name: machine.name.to_string(),
            cpus,
            lengths: edges.windows(2).map(|edge| edge[1] - edge[0]).collect(),
            told: told.length(),
            all,
            bands: bands.collect::<Result<_, Cancelled>>()?,
        }))
    };
    world.machines.iter().map_while(|machine| chart(machine).ok()).flatten().collect()
}

fn name_of(world: &World, machine: &WorldMachine, row: RowRef, t: RefNs) -> String {
    let found = machine.store.find(&row.key).and_then(|id| machine.store.row(id));
    let name = found.map(|r| world.names.text(r.name_at(machine.map.from_ref(t)))).filter(|name| !name.is_empty());
    name.map_or_else(|| format!("thread {}", row.key.id), |name| format!("{name} {}", row.key.id))
}

/// A thread's line in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its row.
    pub row: RowRef,
    /// Its name.
    pub name: String,
    /// Its process, with its name, if that is another thread.
    pub process: String,
    /// What it used.
    pub used: Dur,
    /// Its share of one CPU.
    pub share: f64,
    /// What of that the host had given to others; `None` where no host tells.
    pub stolen: Option<Dur>,
    /// Where it ran; `None` while that is still being counted.
    pub places: Option<Places>,
}

/// What lines are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The thread's name.
    Thread,
    /// Its id.
    Tid,
    /// Its machine.
    Machine,
    /// Its process.
    Process,
    /// Its share of a CPU.
    Share,
    /// Its CPU time.
    Time,
    /// What the host took of that.
    Stolen,
    /// The CPU that it used most.
    Cpu,
    /// How often it moved to another CPU.
    Moves,
}

/// What is asked about threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ask {
    /// In which stretch.
    pub range: TimeRange<RefNs>,
    /// What comes first.
    pub by: By,
    /// Largest first.
    pub descending: bool,
    /// Whether it is told where they ran: takes longer.
    pub places: bool,
}

/// What the table tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Each thread that had a CPU, in the order that was asked for.
    pub lines: Vec<Line>,
    /// Whether a host tells what was stolen, of any machine.
    pub tells_stolen: bool,
}

/// The lines of a stretch. Nothing if somebody cancels.
pub fn table(facts: &Facts, ask: &Ask, cancel: &Cancel) -> Table {
    let world = &facts.world;
    let asked = |machine: &WorldMachine| machine.to_machine(ask.range);
    let all = asked::usage(world, &asked, cancel).unwrap_or_default();
    let mut places = match ask.places {
        true => asked::places(world, &all, cancel).ok(),
        false => None,
    };
    let mut table = Table::default();
    for of in &all {
        let Some(machine) = world.machine(of.machine) else { continue };
        let text = |name| world.names.text(name).to_string();
        let whole = of.range.length().0.max(1) as f64;
        table.tells_stolen |= of.threads.iter().any(|t| t.stolen.is_some());
        table.lines.extend(of.threads.iter().map(|thread: &ThreadUsage| {
            let row = machine.store.row(thread.row);
            let process = row.and_then(|r| r.process()).filter(|leader| leader.0 != thread.key.id);
            let leader = process.map(|leader| world.thread_words(machine.id, leader, of.range.end));
            Line {
                row: RowRef { machine: machine.id, key: thread.key },
                name: row.map_or_else(String::new, |r| text(r.name_at(of.range.end))),
                process: leader.unwrap_or_default(),
                used: thread.used,
                share: thread.used.0 as f64 / whole,
                stolen: thread.stolen,
                places: places.as_mut().map(|p| p.remove(&(machine.id, thread.row)).unwrap_or_default()),
            }
        }));
    }
    sort(&mut table.lines, ask.by, ask.descending);
    table
}

/// Sorts lines; among equals those with most time come first.
fn sort(lines: &mut [Line], by: By, descending: bool) {
    let first_cpu = |l: &Line| l.places.as_ref().and_then(|p| p.cpus.first().map(|cpu| cpu.0));
    let moves = |l: &Line| l.places.as_ref().map(|p| p.migrations);
    let letters = |text: &str| text.to_lowercase();
    let order = |a: &Line, b: &Line| match by {
        By::Thread => letters(&a.name).cmp(&letters(&b.name)),
        By::Tid => a.row.key.cmp(&b.row.key),
        By::Machine => a.row.machine.cmp(&b.row.machine),
        By::Process => letters(&a.process).cmp(&letters(&b.process)),
        By::Share => a.share.total_cmp(&b.share),
        By::Time => a.used.cmp(&b.used),
        By::Stolen => a.stolen.cmp(&b.stolen),
        By::Cpu => first_cpu(a).cmp(&first_cpu(b)),
        By::Moves => moves(a).cmp(&moves(b)),
    };
    let wanted = |order: Ordering| if descending { order.reverse() } else { order };
    lines.sort_by(|a, b| wanted(order(a, b)).then_with(|| b.used.cmp(&a.used)).then_with(|| a.row.cmp(&b.row)));
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::{Cpu, RowKey, Tid};

    use super::*;
    use crate::window::joint::fake::{self, A, HOST};

    fn ms(a: i64, b: i64) -> TimeRange<RefNs> {
        TimeRange::new(RefNs(a * 1_000_000), RefNs(b * 1_000_000))
    }

    fn thread(machine: MachineId, tid: i32) -> RowRef {
        RowRef { machine, key: RowKey::thread(Tid(tid), 0) }
    }

    fn most(range: TimeRange<RefNs>) -> Ask {
        Ask { range, by: By::Time, descending: true, places: false }
    }

    #[test]
    fn columns_and_table_say_the_same() {
        let facts = fake::fighting();
        let window = ms(5, 35);
        let chosen = Chosen { by_hand: None, selected: Some(thread(A, 219)) };
        let charts = charts(&facts, window, 30, &chosen, &Cancel::default());
        let table = table(&facts, &most(window), &Cancel::default());
        assert_eq!(
            charts.iter().map(|c| (c.name.as_str(), c.cpus)).collect::<Vec<_>>(),
            [("host", 2), ("guest-a", 1), ("guest-b", 1)]
        );
        for chart in &charts {
            assert_eq!((sum(&chart.lengths), chart.told), (window.length(), window.length()));
            for band in &chart.bands {
                let line = table.lines.iter().find(|l| l.row == band.row).unwrap();
                assert_eq!(
                    (line.used, line.stolen),
                    (sum(&band.columns.used), band.columns.stolen.as_deref().map(sum))
                );
            }
            // Nothing runs over an idle task here, so threads are all there is.
            let threads = table.lines.iter().filter(|l| l.row.machine == chart.machine);
            assert_eq!(threads.fold(Dur(0), |s, l| s + l.used), sum(&chart.all.used), "{}", chart.name);
        }
        let guest = &charts[1];
        assert_eq!(guest.bands.len(), 1, "the selected one is drawn already");
        assert_eq!(guest.all.stolen.as_deref().map(sum), Some(Dur(16_000_000)));
        assert!((guest.cpus_in(sum(&guest.all.used), None) - 1.0).abs() < 1e-9);
        assert_eq!(charts[0].all.stolen, None, "nobody takes anything from the host");
        assert!(table.tells_stolen);
    }

    #[test]
    fn places_are_told_of_every_line() {
        let facts = fake::fighting();
        let ask = Ask { places: true, ..most(ms(0, 40)) };
        let table = table(&facts, &ask, &Cancel::default());
        for line in &table.lines {
            let of = line.places.as_ref().unwrap();
            assert_eq!(of.cpus.iter().fold(Dur(0), |s, (_, t)| s + *t), line.used, "{}", line.name);
        }
        let kvm = table.lines.iter().find(|l| l.row == thread(HOST, 184)).unwrap();
        assert_eq!(kvm.places.as_ref().unwrap().cpus, [(Cpu(1), Dur(24_000_000))]);
        assert!(table.lines.windows(2).all(|two| two[0].used >= two[1].used));
    }

    #[test]
    fn threads_are_chosen_and_left_again() {
        let mut chosen = Chosen { by_hand: None, selected: Some(thread(A, 5)) };
        let drawn = [thread(HOST, 1), thread(HOST, 2), thread(A, 5)];
        chosen.keep(&drawn);
        chosen.keep(&[]);
        chosen.toggle(thread(HOST, 1), &drawn);
        assert_eq!(chosen.by_hand, Some(vec![thread(HOST, 2)]), "what was drawn stays, without the selected one");
        chosen.toggle(thread(A, 5), &drawn);
        assert_eq!(chosen.by_hand, Some(vec![thread(HOST, 2), thread(A, 5)]));
        for tid in 10..20 {
            chosen.toggle(thread(HOST, tid), &[]);
        }
        let rows = chosen.by_hand.clone().unwrap();
        assert_eq!(rows.iter().filter(|r| r.machine == HOST).count(), MOST);
        assert!(rows.contains(&thread(A, 5)), "of another machine as many can be chosen");
        assert!(rows.contains(&thread(HOST, 19)) && !rows.contains(&thread(HOST, 2)), "the oldest makes room");
    }

    #[test]
    fn a_window_of_nanoseconds_has_no_columns_of_nothing() {
        let facts = fake::fighting();
        let window = TimeRange::new(RefNs(5_000_000), RefNs(5_000_007));
        let charts = charts(&facts, window, 1000, &Chosen::default(), &Cancel::default());
        assert!(charts.iter().all(|c| c.lengths == [Dur(1); 7]));
    }
}
