//! What the synchronisation pane shows of a pair of clocks, ready to be drawn; and offsets as people write them.
//! No screen here.

use serde::{Deserialize, Serialize};
use stratoscope_core::session::SyncChoice;
use stratoscope_core::sync::{PairSync, SyncRole};
use stratoscope_core::vm::Assignment;
use stratoscope_core::vocab::{Dur, MachineId, RefNs, SyncMethod, Tid};

use crate::window::axis::duration;
use crate::window::command::PickedEvent;
use crate::window::joint::facts::Facts;

/// A choice as it is remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptChoice {
    enabled: bool,
    reference: Option<MachineId>,
    methods: Vec<SyncMethod>,
    /// In nanoseconds, as text: RON has no wide numbers.
    manual: Vec<(MachineId, String)>,
    use_approximate: bool,
    /// The host, the VM's process there, and the machine inside.
    #[serde(default)]
    assigned: Vec<(MachineId, i32, Option<MachineId>)>,
}

impl KeptChoice {
    /// What of a choice is remembered: all of it.
    pub fn of(choice: &SyncChoice) -> Self {
        Self {
            enabled: choice.enabled,
            reference: choice.reference,
            methods: choice.methods.clone(),
            manual: choice.manual.iter().map(|(id, ns)| (*id, ns.to_string())).collect(),
            use_approximate: choice.use_approximate,
            assigned: choice.assigned.iter().map(|a| (a.host, a.pid.0, a.guest)).collect(),
        }
    }

    /// The choice again.
    pub fn choice(&self) -> SyncChoice {
        SyncChoice {
            enabled: self.enabled,
            reference: self.reference,
            methods: self.methods.clone(),
            manual: self.manual.iter().filter_map(|(id, ns)| Some((*id, ns.parse().ok()?))).collect(),
            use_approximate: self.use_approximate,
            assigned: self
                .assigned
                .iter()
                .map(|(host, pid, guest)| Assignment { host: *host, pid: Tid(*pid), guest: *guest })
                .collect(),
        }
    }
}

/// A method in words.
pub fn method_words(method: SyncMethod) -> &'static str {
    match method {
        SyncMethod::Vmsync => "vmsync modules",
        SyncMethod::Hypercall => "hypercalls",
        SyncMethod::Tcp => "TCP packets",
        SyncMethod::Containment => "containment",
        SyncMethod::TscOffset => "TSC offset",
        SyncMethod::Recorded => "recorded",
        SyncMethod::Manual => "by hand",
    }
}

/// What a method is, in a sentence.
pub fn method_about(method: SyncMethod) -> &'static str {
    match method {
        SyncMethod::Vmsync => "Events of the vmsync kernel modules in guest and host.",
        SyncMethod::Hypercall => {
            "A guest's beacons around a hypercall, and the hypercall and the next entry on the host."
        }
        SyncMethod::Tcp => "TCP packets that one machine sent and the other received.",
        SyncMethod::Containment => "Guest events lie inside the times in which their vCPU executed the guest.",
        SyncMethod::TscOffset => "The difference of the time stamp counters as the hypervisor set it.",
        SyncMethod::Recorded => "A correction that the recording tool stored.",
        SyncMethod::Manual => "What you say.",
    }
}

/// A signed number of nanoseconds in a unit that is easy to read: `+12.4 µs`.
pub fn signed(ns: f64) -> String {
    let rounded = ns.round();
    let text = duration(Dur(rounded.abs() as i64));
    match rounded {
        r if r > 0.0 => format!("+{text}"),
        r if r < 0.0 => format!("−{text}"),
        _ => text,
    }
}

/// Parts in a million.
pub fn ppm(value: f64) -> String {
    match value.abs() {
        a if a < 10.0 => format!("{value:+.3} ppm"),
        a if a < 1000.0 => format!("{value:+.1} ppm"),
        _ => format!("{value:+.0} ppm"),
    }
}

/// Reads `-1.5ms`, `250 us`, `+3s`, `42` (nanoseconds), exactly.
///
/// # Errors
/// What is wrong with it.
pub fn parse_offset(text: &str) -> Result<i128, String> {
    let text = text.trim().replace('−', "-");
    let number_end = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let unit: u32 = match unit.trim() {
        "" | "ns" => 0,
        "us" | "µs" | "μs" => 3,
        "ms" => 6,
        "s" => 9,
        other => return Err(format!("`{other}` is no unit: ns, us, ms or s")),
    };
    let number: String = number.chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
    let (negative, digits) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(&number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return Err("Write a number and a unit, such as -1.5ms".to_owned());
    }
    let places = unit as usize;
    let cut = fraction.len().min(places);
    if fraction.bytes().skip(cut).any(|b| b != b'0') {
        return Err("Finer than a nanosecond".to_owned());
    }
    let digits = format!("{whole}{:0<places$}", &fraction[..cut]);
    let ns: i128 = digits.parse().map_err(|_| "Too large".to_owned())?;
    Ok(if negative { -ns } else { ns })
}

/// How machines are put on one axis, as the chip in the top bar says it. `None`: there is nothing to synchronise.
pub fn chip(facts: &Facts, choice: &SyncChoice) -> Option<(String, bool)> {
    if facts.world.machines.len() < 2 {
        return None;
    }
    if !choice.enabled {
        return Some(("not synchronised".to_owned(), false));
    }
    let solution = facts.sync.as_ref()?;
    let others = || solution.machines.iter().filter(|m| m.role != SyncRole::Reference);
    let unsynced = others().filter(|m| m.role == SyncRole::Unsynced).count();
    let text = match (unsynced, others().count()) {
        (0, _) => match others().map(|m| m.half_width_ns).try_fold(0, |worst, ns| ns.map(|ns| worst.max(ns))) {
            Some(worst) => format!("synced ±{}", duration(Dur(i64::try_from(worst).unwrap_or(i64::MAX)))),
            None => "synced by hand".to_owned(),
        },
        (n, all) if n == all => "no synchronisation found".to_owned(),
        (n, all) => format!("synced {} of {all}", all - n),
    };
    Some((text, unsynced == 0))
}

/// The choice with which the machine of `second` is moved so that both events happen at the same instant.
///
/// # Errors
/// Why that cannot be.
pub fn aligned(
    facts: &Facts,
    choice: &SyncChoice,
    first: PickedEvent,
    second: PickedEvent,
) -> Result<SyncChoice, String> {
    if first.machine == second.machine {
        return Err("Both events are of one machine: pick one of each".to_owned());
    }
    // What stands still is the reference, whichever was picked first.
    let (still, moved) = if second.machine == facts.reference { (second, first) } else { (first, second) };
    let still_machine = facts.world.machine(still.machine).ok_or("The machine is gone")?;
    let machine = facts.world.machine(moved.machine).ok_or("The machine is gone")?;
    let reference = facts.world.machine(facts.reference).ok_or("There is no reference")?;
    let own = machine.map.from_ref(moved.t);
    let by_date = i128::from(own.0) + machine.origin_ns - reference.origin_ns;
    let wanted = i128::from(still_machine.map.to_ref(still_machine.map.from_ref(still.t)).0);
    let mut choice = choice.clone();
    choice.enabled = true;
    choice.manual.retain(|(id, _)| *id != moved.machine);
    choice.manual.push((moved.machine, wanted - by_date));
    Ok(choice)
}

/// A match as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    /// When, on the common axis.
    pub t: RefNs,
    /// Against the fitted line, in nanoseconds.
    pub residual: f64,
    /// How much later `b`'s clock shows than `a`'s, against the first match.
    pub difference: f64,
    /// From `a` to `b`.
    pub from_a: bool,
    /// It restricts the line.
    pub on_hull: bool,
    /// It was left out.
    pub rejected: bool,
}

/// A pair of clocks as it is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Matches in order of time.
    pub dots: Vec<Dot>,
    /// Where the true line can be: instant, lowest, highest.
    pub band: Vec<(RefNs, f64, f64)>,
    /// What differences are counted from: `b`'s clock against `a`'s at the first match, by their dates.
    pub first_difference: i128,
    /// Half the height in which the band is well seen; what lies beyond is drawn at its edge.
    pub reach: f64,
    /// Nearly all differences lie between these. Long delays stand out from the drift by far: what they would leave
    /// of a picture's height would be a line.
    pub spread: (f64, f64),
}

/// The picture of a pair.
pub fn picture(facts: &Facts, pair: &PairSync) -> Picture {
    let (Some(a), Some(b)) = (facts.world.machine(pair.a), facts.world.machine(pair.b)) else {
        return Picture::default();
    };
    let difference = |x: i64, y: i64| i128::from(y) + b.origin_ns - i128::from(x) - a.origin_ns;
    let mut points: Vec<_> = pair.points.iter().collect();
    points.sort_by_key(|p| p.x);
    let first = points.iter().find(|p| !p.rejected).map_or(0, |p| difference(p.x.0, p.y.0));
    let dots: Vec<Dot> = points
        .iter()
        .map(|p| Dot {
            t: a.map.to_ref(p.x),
            residual: p.residual_ns,
            difference: (difference(p.x.0, p.y.0) - first) as f64,
            from_a: p.from_a,
            on_hull: p.on_hull,
            rejected: p.rejected,
        })
        .collect();
    let band: Vec<_> = pair.bounds.iter().map(|p| (a.map.to_ref(p.x), p.lower_ns, p.upper_ns)).collect();
    let (reach, spread) = (reach(&band, &dots), spread(&dots));
    Picture { dots, band, first_difference: first, reach, spread }
}

fn spread(dots: &[Dot]) -> (f64, f64) {
    let mut all: Vec<f64> = dots.iter().filter(|d| !d.rejected).map(|d| d.difference).collect();
    all.sort_unstable_by(f64::total_cmp);
    let rank = |percent: usize| all.get(all.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0.0);
    (rank(2), rank(98))
}

fn reach(band: &[(RefNs, f64, f64)], dots: &[Dot]) -> f64 {
    let band = band.iter().map(|(_, low, high)| low.abs().max(high.abs())).fold(0.0, f64::max);
    let mut all: Vec<f64> = dots.iter().filter(|d| !d.rejected).map(|d| d.residual.abs()).collect();
    all.sort_unstable_by(f64::total_cmp);
    let most = all.get(all.len() / 2).copied().unwrap_or(0.0);
    // Half of the matches, but never so far out that the band becomes a line.
    let reach = (band * 3.0).max(most.min(band * 10.0)).max(most * 0.05);
    if reach > 0.0 { reach * 1.15 } else { 1.0 }
}

/// A machine's name.
pub fn name(facts: &Facts, id: MachineId) -> String {
    facts.world.machine(id).map_or_else(|| format!("machine {}", id.0), |m| m.name.to_string())
}

#[cfg(test)]
mod tests {
    use stratoscope_core::vocab::Cpu;

    use super::*;
    use crate::window::joint::fake;

    #[test]
    fn offsets_are_read_exactly() {
        assert_eq!(parse_offset("-1.5ms"), Ok(-1_500_000));
        assert_eq!(parse_offset(" 250 us "), Ok(250_000));
        assert_eq!(parse_offset("+3s"), Ok(3_000_000_000));
        assert_eq!(parse_offset("42"), Ok(42));
        assert_eq!(parse_offset("1.000000001s"), Ok(1_000_000_001));
        for wrong in ["", "ms", "1.5", "1 h", "0.0000000001s", "--3", "1.2.3ms"] {
            assert!(parse_offset(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn choices_are_remembered() {
        let choice = SyncChoice {
            reference: Some(fake::A),
            methods: vec![SyncMethod::Tcp],
            manual: vec![(fake::B, -(1 << 80))],
            assigned: vec![Assignment { host: fake::HOST, pid: Tid(181), guest: None }],
            ..SyncChoice::default()
        };
        let text = ron::to_string(&KeptChoice::of(&choice)).unwrap();
        assert_eq!(ron::from_str::<KeptChoice>(&text).unwrap().choice(), choice);
    }

    #[test]
    fn numbers_have_signs_and_units() {
        assert_eq!(signed(0.2), "0 ns");
        assert_eq!(signed(-28_100.0), "−28.1 µs");
        assert_eq!(ppm(-58.62), "-58.6 ppm");
    }

    #[test]
    fn the_chip_says_how_exactly() {
        let mut facts = fake::synced();
        let choice = SyncChoice::default();
        assert_eq!(chip(&facts, &choice), Some(("synced ±57 ns".to_owned(), true)));
        let off = SyncChoice { enabled: false, ..choice.clone() };
        assert_eq!(chip(&facts, &off), Some(("not synchronised".to_owned(), false)));
        facts.world.machines.truncate(1);
        assert_eq!(chip(&facts, &choice), None);
    }

    #[test]
    fn two_events_make_an_offset() {
        let facts = fake::synced();
        let event = |machine, t| PickedEvent { row: 0, t: RefNs(t), machine, cpu: Cpu(0) };
        let choice = SyncChoice::default();
        let next = aligned(&facts, &choice, event(fake::HOST, 5_000_000), event(fake::A, 7_000_000)).unwrap();
        // guest-a's clock is 1 ms ahead by its date.
        assert_eq!(next.manual, [(fake::A, 5_000_000 - 7_000_000 - 1_000_000)]);
        let turned = aligned(&facts, &choice, event(fake::A, 7_000_000), event(fake::HOST, 5_000_000)).unwrap();
        assert_eq!(turned.manual, next.manual, "the reference stands still");
        assert!(aligned(&facts, &choice, event(fake::A, 1), event(fake::A, 2)).is_err());
    }

    #[test]
    fn a_pair_becomes_a_picture() {
        let facts = fake::synced();
        let pair = &facts.sync.as_ref().unwrap().pairs[0];
        let picture = picture(&facts, pair);
        assert_eq!(picture.dots.len(), pair.points.len());
        assert_eq!(picture.dots[0].difference, 0.0);
        assert!(picture.dots.windows(2).all(|w| w[0].t <= w[1].t));
        let reach = picture.reach;
        assert!(picture.spread.0 <= 0.0 && picture.spread.0 < picture.spread.1, "{:?}", picture.spread);
        assert!(picture.band.iter().all(|(_, low, high)| low.abs() < reach && high.abs() < reach));
        assert!(reach < 20.0 * 240.0, "the band is no line: {reach}");
    }
}
