//! A state in words: what it is, how long, where, and who ended the wait before it.
//!
//! The same words stand in tooltips and in the details of what was clicked.

use std::sync::Arc;

use egui::{Rect, RichText, Ui, vec2};
use stratoscope_core::store::{Interval, Look, WakeContext, Wakeup};
use stratoscope_core::vocab::{Dur, MachineNs, RowId, RowKind, State, Tid, TimeRange};

use crate::window::axis::{Clock, TimeScale, duration};
use crate::window::command::RowRef;
use crate::window::theme::{Drawing, Sizes, Theme};
use crate::window::timeline::mesh::Painting;
use crate::window::timeline::scene::{Scene, SceneMachine, SceneRow};
use crate::window::timeline::vm_facts;
use crate::window::words;

/// A state in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The state itself.
    pub state: State,
    /// Its name and what is known of it.
    pub title: String,
    /// The row.
    pub row: String,
    /// What the state means.
    pub about: Arc<str>,
    /// Facts: a word and what it says.
    pub facts: Vec<(&'static str, String)>,
}

/// Describes an interval of a row.
pub fn describe(scene: &Scene, row: RowRef, interval: &Interval, clock: &Clock, theme: &Theme) -> Option<Description> {
    let (machine, id, scene_row) = scene.row(row)?;
    let look = theme.state(interval.look.state);
    let mut facts = vec![
        ("from", clock.instant(machine.map.to_ref(interval.begin))),
        ("to", clock.instant(machine.map.to_ref(interval.end))),
        ("lasts", duration(interval.end - interval.begin)),
    ];
    let across = vm_facts::of(scene, row, interval);
    let told = across.iter().any(|(word, _)| *word == vm_facts::INSTEAD || *word == vm_facts::RUNS);
    if let Some((word, text)) = detail_fact(scene, interval).filter(|_| !told) {
        facts.push((word, text));
    }
    facts.extend(across);
    if interval.look.aux != Look::NO_AUX && !scene_row.joined {
        match row.key.kind {
            RowKind::Thread if waits_for_cpu(interval.look.state) => {
                facts.push(("queue of", format!("CPU {}", interval.look.aux)));
            }
            RowKind::Thread => facts.push(("on", format!("CPU {}", interval.look.aux))),
            RowKind::Cpu if interval.look.aux != 0 => {
                let tid = Tid(interval.look.aux as i32);
                facts.push(("task", thread_name(scene, machine, tid, interval.begin)));
            }
            _ => {}
        }
    }
    if row.key.kind == RowKind::Thread
        && let Some(wakeup) = wakeup_of(machine, id, scene_row, interval)
    {
        facts.push(("woken by", waker(scene, machine, &wakeup)));
    }
    Some(Description {
        state: interval.look.state,
        title: look.name.to_string(),
        row: words::row_place(scene, row),
        about: Arc::clone(&look.about),
        facts,
    })
}

fn waits_for_cpu(state: State) -> bool {
    matches!(state, State::WaitingCpu | State::WaitingFork)
}

fn detail_fact(scene: &Scene, interval: &Interval) -> Option<(&'static str, String)> {
    if interval.look.detail.is_none() {
        return None;
    }
    let text = scene.text(interval.look.detail).to_string();
    Some(match interval.look.state {
        State::RunningSyscall | State::Syscall => ("system call", text),
        State::Preempted | State::PreemptedByHost | State::WaitingCpu => (vm_facts::INSTEAD, text),
        State::Vmm | State::VmmUser | State::InHypervisor => ("because of", vm_facts::explained(&text)),
        State::Halted => ("waited for", text),
        State::Guest => ("guest does", text),
        State::Irq | State::Interrupted | State::Softirq => ("handler", text),
        _ => ("detail", text),
    })
}

fn thread_name(scene: &Scene, machine: &SceneMachine, tid: Tid, t: MachineNs) -> String {
    match machine.thread(tid, t) {
        Some((_, row)) if !row.name.is_none() => format!("{} {}", scene.text(row.name), tid.0),
        _ => format!("thread {}", tid.0),
    }
}

/// Who woke, in words.
fn waker(scene: &Scene, machine: &SceneMachine, wakeup: &Wakeup) -> String {
    let task = wakeup
        .waker
        .and_then(|id| machine.row(id))
        .filter(|row| !row.key.is_idle_task())
        .map(|row| format!("{} {}", scene.text(row.name), row.key.id));
    let cpu = wakeup.cpu.known().map(|cpu| format!(" on CPU {cpu}")).unwrap_or_default();
    let number = |word: &str| if wakeup.number >= 0 { format!("{word} {}", wakeup.number) } else { word.to_owned() };
    let what = match wakeup.context {
        WakeContext::Task => match task {
            Some(task) => return format!("{task}{cpu}"),
            None => "an unknown task".to_owned(),
        },
        WakeContext::Unknown => match task {
            Some(task) => return format!("{task}{cpu}"),
            None => "an interrupt that was not traced".to_owned(),
        },
        WakeContext::Irq => number("interrupt"),
        WakeContext::Softirq => number("softirq"),
        WakeContext::Hrtimer | WakeContext::Timer => "a timer".to_owned(),
        WakeContext::Vector => number("inter-processor interrupt"),
        WakeContext::Network => "a network packet".to_owned(),
        WakeContext::Block => "a disk request".to_owned(),
    };
    match task {
        Some(task) => format!("{what}{cpu}, while {task} ran"),
        None => format!("{what}{cpu}"),
    }
}

/// How many wake-ups are looked at for one answer.
const MAX_LOOKED_AT: usize = 20_000;

/// The wake-up that ended the wait before an interval, or ends the interval if it is a wait itself.
pub(crate) fn wakeup_of(machine: &SceneMachine, id: RowId, row: &SceneRow, interval: &Interval) -> Option<Wakeup> {
    let asleep = |s: State| matches!(s, State::Blocked | State::WaitingUnknown);
    // What runs was perhaps interrupted or in calls since; the sleep is a few states back or it is too long ago.
    let mut sleep = *interval;
    for _ in 0..3 {
        if asleep(sleep.look.state) {
            break;
        }
        sleep = row.lane.prev_before(sleep.begin)?;
    }
    if !asleep(sleep.look.state) {
        return None;
    }
    // The waker may have been recorded a little after the state that it caused; the end belongs to it.
    let mut reach = Dur(20_000);
    loop {
        let begin = (sleep.end - reach).max(sleep.begin);
        let range = TimeRange::new(begin, sleep.end + Dur(1));
        if machine.wakeups.count(range) > MAX_LOOKED_AT {
            return None;
        }
        let mut found = None;
        machine.wakeups.each(range, &mut |wakeup| {
            if wakeup.woken == id {
                found = Some(*wakeup);
            }
            true
        });
        if found.is_some() || begin == sleep.begin {
            return found;
        }
        reach = Dur(reach.0.saturating_mul(16));
    }
}

/// How much of the time that one pixel shows is spent in each state, the longest first; empty if it is one state.
pub(crate) fn shares(
    machine: &SceneMachine,
    row: &SceneRow,
    scale: &TimeScale,
    x: f32,
    pixel: f32,
) -> Vec<(State, f64)> {
    let range = machine.to_machine(TimeRange::new(scale.t(x - pixel / 2.0), scale.t(x + pixel / 2.0)));
    if row.lane.at(range.begin).is_some_and(|i| i.end >= range.end) {
        return Vec::new();
    }
    let mut ns = [0_i64; State::COUNT];
    row.lane.sums(range, &mut ns);
    let total: i64 = ns.iter().sum();
    let mut shares: Vec<(State, f64)> = State::ALL
        .iter()
        .filter(|s| ns[**s as usize] > 0)
        .map(|s| (*s, ns[*s as usize] as f64 / total as f64))
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    if shares.len() < 2 {
        shares.clear();
    }
    shares
}

/// A small picture of a state, as a legend has it.
pub fn swatch_ui(ui: &mut Ui, theme: &Theme, state: State) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(14.0, 12.0), egui::Sense::hover());
    let look = theme.state(state);
    let mut painting = Painting::default();
    match look.drawing {
        Drawing::Nothing => {}
        Drawing::Thin(height) => {
            painting.rect(Rect::from_center_size(rect.center(), vec2(rect.width(), height)), look.color);
        }
        Drawing::Full => painting.rect(rect, look.color),
        Drawing::Hatched(second) => {
            painting.rect(rect, look.color);
            painting.stripes(rect, rect.left(), 6.0, 2.5, second);
        }
        Drawing::Dotted(second) => {
            let rect = rect.shrink2(vec2(0.0, 3.0));
            painting.rect(rect, look.color);
            painting.dots(rect, rect.left() + 1.0, 5.0, 2.0, second);
        }
    }
    ui.painter().add(painting.mesh);
    response
}

/// Writes a description.
pub fn description_ui(ui: &mut Ui, theme: &Theme, description: &Description, shares: &[(State, f64)]) {
    ui.spacing_mut().item_spacing = vec2(8.0, 3.0);
    ui.horizontal(|ui| {
        swatch_ui(ui, theme, description.state);
        ui.label(RichText::new(&description.title).color(theme.text).size(Sizes::TEXT + 1.0));
    });
    ui.label(RichText::new(&description.row).color(theme.secondary).size(Sizes::SMALL));
    ui.add_space(2.0);
    egui::Grid::new("facts").num_columns(2).spacing(vec2(12.0, 2.0)).show(ui, |ui| {
        for (word, text) in &description.facts {
            ui.label(RichText::new(*word).color(theme.secondary).size(Sizes::SMALL));
            ui.label(RichText::new(text).color(theme.text).size(Sizes::SMALL));
            ui.end_row();
        }
    });
    if !shares.is_empty() {
        ui.add_space(2.0);
        ui.label(RichText::new("This pixel holds several states:").color(theme.secondary).size(Sizes::SMALL));
        for (state, share) in shares.iter().take(4) {
            ui.horizontal(|ui| {
                swatch_ui(ui, theme, *state);
                let percent = share * 100.0;
                let number = if percent < 0.1 { "< 0.1 %".to_owned() } else { format!("{percent:.1} %") };
                let text = format!("{} {number}", theme.state(*state).name);
                ui.label(RichText::new(text).color(theme.text).size(Sizes::SMALL));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::{MachineId, RefNs, RowKey};

    use super::*;
    use crate::window::timeline::fake;
    use crate::window::view::TimeFormat;

    fn said(tid: i32, t_us: i64) -> Description {
        let scene = fake::small();
        let clock = Clock { origin_ns: 0, dated: false, zero: RefNs(0), format: TimeFormat::Relative };
        let row = RowRef { machine: MachineId(0), key: RowKey::thread(Tid(tid), 0) };
        let (machine, _, scene_row) = scene.row(row).unwrap();
        let interval = machine.at(scene_row, RefNs(t_us * 1000)).unwrap();
        describe(&scene, row, &interval, &clock, Theme::dark()).unwrap()
    }

    #[test]
    fn states_are_told_in_words() {
        let d = said(100, 2500);
        assert_eq!(d.title, "Running in a system call");
        assert_eq!(d.row, "bash 100");
        assert_eq!(
            d.facts,
            [
                ("from", "0.002 000 000 s".to_owned()),
                ("to", "0.003 000 000 s".to_owned()),
                ("lasts", "1 ms".to_owned()),
                ("system call", "read".to_owned()),
                ("on", "CPU 0".to_owned()),
            ]
        );
    }

    #[test]
    fn the_waker_is_named_for_the_sleep_the_wait_and_the_run_after_it() {
        for t in [4000, 6200, 7000] {
            let d = said(100, t);
            let by = d.facts.iter().find(|(word, _)| *word == "woken by").map(|(_, text)| text.as_str());
            assert_eq!(by, Some("CPU 0/KVM 401 on CPU 1"), "at {t}: {d:?}");
        }
        assert!(said(400, 1200).facts.iter().all(|(word, _)| *word != "woken by"));
    }
}
