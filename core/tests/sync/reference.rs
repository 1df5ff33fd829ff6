//! Two recordings that the reference tool synchronised: its matches in, its lines out.

use std::fs;
use std::path::PathBuf;

use num_rational::BigRational;
use serde_json::Value;
use stratoscope_core::sync::{Solution, SyncEngine, SyncMachine, SyncOptions, SyncQuality, SyncRole};
use stratoscope_core::vocab::{MachineId, SyncMethod};

use crate::clocks::{int, matched, of, pair, parse};
use crate::closed_form::{self, Message};

/// A file beside the checkout; says so where it is absent.
pub(crate) fn shared(path: &str) -> Option<String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path);
    let text = fs::read_to_string(&file).ok();
    if text.is_none() {
        eprintln!("skipped: no {}", file.display());
    }
    text
}

/// Axes begin somewhere in the traces, as they do in the program.
const ORIGIN: i128 = 1_361_214_000_000_000_000;

struct Recorded {
    lines: Vec<Value>,
    hosts: Vec<String>,
    origin: i128,
}

impl Recorded {
    fn new(text: &str, origin: i128) -> Self {
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let hosts = lines
            .iter()
            .filter(|l| l["k"] == "transform")
            .map(|l| l["host"].as_str().unwrap().trim_matches('"').to_owned())
            .collect();
        Self { lines, hosts, origin }
    }

    fn id(&self, host: &Value) -> MachineId {
        let host = host.as_str().unwrap().trim_matches('"');
        MachineId(self.hosts.iter().position(|h| h == host).unwrap() as u16)
    }

    fn messages(&self) -> Vec<((MachineId, i64), (MachineId, i64))> {
        let ns = |v: &Value| (i128::from(v.as_i64().unwrap()) - self.origin) as i64;
        self.lines
            .iter()
            .filter(|l| l["k"] == "match")
            .map(|l| ((self.id(&l["src_host"]), ns(&l["src_ns"])), (self.id(&l["dst_host"]), ns(&l["dst_ns"]))))
            .collect()
    }

    fn solve(&self, method: SyncMethod, reference: u16) -> Solution {
        let mut engine = SyncEngine::new();
        for (from, to) in self.messages() {
            engine.add_match(matched(from, to, method));
        }
        let machines: Vec<SyncMachine> = self
            .hosts
            .iter()
            .enumerate()
            .map(|(i, host)| SyncMachine {
                id: MachineId(i as u16),
                identity: host.clone(),
                origin_ns: self.origin,
                extent: None,
                tsc_hz: None,
            })
            .collect();
        engine.solve(&machines, &SyncOptions::new(MachineId(reference)))
    }

    /// Messages of a pair in epoch time, the machine with the smaller identity as x.
    fn of_pair(&self, x: u16, y: u16) -> Vec<Message> {
        self.messages()
            .into_iter()
            .filter_map(|(from, to)| match (from.0.0, to.0.0) {
                ids if ids == (x, y) => Some((from.1, to.1, true)),
                ids if ids == (y, x) => Some((to.1, from.1, false)),
                _ => None,
            })
            .collect()
    }
}

/// That two decimal numbers agree to the `digits`-th significant digit, one of it aside.
#[track_caller]
fn assert_digits(ours: &str, theirs: &str, digits: i32) {
    let (a, b) = (parse(ours), parse(theirs));
    let size = theirs.trim_start_matches('-').find('.').unwrap_or(theirs.len()) as i32;
    let unit = BigRational::from(num_bigint::BigInt::from(10)).pow(size - digits);
    let error = if a > b { a - b } else { b - a };
    assert!(error <= unit, "{ours} and {theirs}");
}

/// Their lines were rounded to 34 digits at every step of the calculation (slopes, offsets at ns since 1970, the
/// inverse), so their own last digits are rounding; ours are exact, rounded once.
#[test]
fn scp() {
    let Some(text) = shared("traces/reference/sync/scp.jsonl") else { return };
    let recorded = Recorded::new(&text, ORIGIN);
    let (src, dest) = (MachineId(0), MachineId(1));
    let solution = recorded.solve(SyncMethod::Tcp, 0);
    let machine = of(&solution, dest);
    assert_eq!((machine.role, machine.quality), (SyncRole::Synced, SyncQuality::Accurate));
    assert_digits(&machine.slope, "0.9999413783703139011056845831168394", 34);
    assert_digits(&machine.offset_ns, "79796507913179.33347660124688298171", 29);
    let pair = pair(&solution, src, dest);
    // The tool's hulls have 8 points: it drops those beyond the tangents, which a later message might need.
    assert_eq!(pair.matches(), 46);
    assert!(pair.on_hull >= 8);
    // The other reference gives the inverse of the same line, not another one.
    let other = recorded.solve(SyncMethod::Tcp, 1);
    assert_digits(&of(&other, src).slope, "1.000058625066383030723307598788165", 34);
    assert_digits(&of(&other, src).offset_ns, "-79801185988752.877651439554251", 29);
    // And to the last digit of ours, by the closed form.
    let (slope, offset) = closed_form::mean(&recorded.of_pair(1, 0)).unwrap();
    let epoch = &offset + int(ORIGIN) - &slope * int(ORIGIN);
    crate::clocks::assert_printed(&of(&other, src).slope, &slope);
    crate::clocks::assert_printed(&of(&other, src).offset_ns, &epoch);
    crate::clocks::assert_printed(&machine.slope, &slope.recip());
    crate::clocks::assert_printed(&machine.offset_ns, &-(epoch / slope));
}

#[test]
fn vmsync_modules() {
    let Some(text) = shared("traces/reference/sync/vmsync-modules.jsonl") else { return };
    let recorded = Recorded::new(&text, 1_795_447_000_000_000_000);
    let solution = recorded.solve(SyncMethod::Vmsync, 0);
    let expected = [
        (1, "0.9999992125062549897373342289384601", "1413256579300.104114430518205", 150),
        (2, "1.000092930835088711163287595464472", "-166852648841388.9183893676444305", 256),
    ];
    for (guest, slope, offset, matches) in expected {
        let machine = of(&solution, MachineId(guest));
        assert_eq!(machine.quality, SyncQuality::Accurate);
        assert_digits(&machine.slope, slope, 34);
        assert_digits(&machine.offset_ns, offset, 28);
        let pair = pair(&solution, MachineId(0), MachineId(guest));
        assert_eq!(pair.matches(), matches);
    }
}
