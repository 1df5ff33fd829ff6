//! Writes kernel traces of any size whose truth is known.
//!
//! A small simulation of a host, and of guests inside it, records what LTTng would record there, and keeps the books
//! beside it: which thread was in which state for how long, where each virtual CPU's time went, who took it, and how
//! the clocks run. It shares no code and no constants with the readers that it judges.
//!
//! ```text
//! boot ─ who lives there        kernel, sched, interrupt, behaviour, vm ─ the simulation
//!                                  │ events            │ changes of state
//!                               stream, metadata    account
//!                                  ▼                   ▼
//!                               chan_N, index       truth.json
//! ```

mod account;
mod behaviour;
mod boot;
mod interrupt;
mod kernel;
mod metadata;
mod perform;
mod prng;
mod sched;
mod schema;
mod stream;
mod tournament;
mod truth;
mod vm;

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

pub use stream::Header;

use kernel::{Machine, MachineClock};
use metadata::Description;
use prng::Prng;
use stream::Recorder;
use vm::World;

/// What to generate. Equal values give equal bytes.
#[derive(Clone, Debug)]
pub struct Config {
    /// Size of all streams together.
    pub bytes: u64,
    /// Where to write.
    pub out: PathBuf,
    /// CPUs of the host, 1 to 64.
    pub cpus: usize,
    /// Virtual machines, up to 8.
    pub guests: usize,
    /// Threads of the host at the begin.
    pub threads: usize,
    /// What the randomness starts from.
    pub seed: u64,
    /// How many stretches of events are lost.
    pub lose: u32,
    /// How many intervals of each machine the truth lists.
    pub truth_intervals: usize,
    /// The event header of the streams.
    pub header: Header,
    /// Write into a directory that is not empty.
    pub force: bool,
}

/// What was generated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Recorded events of all machines.
    pub events: u64,
    /// Bytes of all streams.
    pub bytes: u64,
    /// Simulated time.
    pub simulated_ns: i64,
}

/// Generates a trace.
pub fn generate(config: &Config) -> Result<Summary> {
    check(config)?;
    let mut rng = Prng::new(config.seed);
    let mut uuids = Vec::new();
    let host = machine(config, &mut rng, "host", config.cpus, None, &mut uuids)?;
    let mut world = World { host, guests: Vec::new() };
    world.host.populate(config.threads);
    world.host.rec.lose = config.lose;
    for guest in 0..config.guests {
        let letter = char::from(b'a' + u8::try_from(guest).unwrap_or(0));
        // The first guest shows work moving between virtual CPUs, if the host has the CPUs for it.
        let cpus = if guest == 0 && config.cpus >= 4 { 2 } else { 1 };
        let name = format!("guest-{letter}");
        let mut inner = machine(config, &mut rng, &name, cpus, Some(guest), &mut uuids)?;
        inner.is_guest = true;
        inner.populate((config.threads / 8).clamp(12, 400));
        inner.populate_guest(101 * (u64::try_from(guest).unwrap_or(0) + 1));
        world.host.populate_emulator(guest, cpus);
        world.guests.push(inner);
    }

    let end = world.run(|world| {
        let machines = || std::iter::once(&world.host).chain(&world.guests);
        machines().map(|m| m.rec.bytes).sum::<u64>() >= config.bytes || machines().any(|m| m.rec.error.is_some())
    });
    truth::close(&mut world, end);

    let mut summary = Summary { simulated_ns: end, ..Summary::default() };
    for machine in std::iter::once(&mut world.host).chain(&mut world.guests) {
        let dir = kernel_dir(config, &machine.name);
        let last = machine.clock.cycles(end).max(machine.rec.last);
        machine.rec.finish(&dir, last).with_context(|| format!("writing the streams in {}", dir.display()))?;
        summary.events += machine.rec.by_event.iter().sum::<u64>();
        summary.bytes += machine.rec.written;
    }
    let path = config.out.join("truth.json");
    let file = fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    let mut out = BufWriter::new(file);
    serde_json::to_writer(&mut out, &truth::value(&world, config, &uuids))
        .and_then(|()| out.flush().map_err(serde_json::Error::io))
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(summary)
}

/// Refuses what cannot be generated.
fn check(config: &Config) -> Result<()> {
    if !(1..=64).contains(&config.cpus) {
        bail!("a host has 1 to 64 CPUs, not {}", config.cpus);
    }
    if config.guests > 8 {
        bail!("at most 8 guests, not {}", config.guests);
    }
    if !(4..=100_000).contains(&config.threads) {
        bail!("4 to 100000 threads, not {}", config.threads);
    }
    if let Ok(mut entries) = fs::read_dir(&config.out)
        && entries.next().is_some()
        && !config.force
    {
        bail!("{} is not empty; --force writes into it all the same", config.out.display());
    }
    Ok(())
}

/// The directory of a machine's trace.
fn kernel_dir(config: &Config, name: &str) -> PathBuf {
    config.out.join(name).join("kernel")
}

/// Sixteen bytes shaped as a random UUID.
fn uuid(rng: &mut Prng) -> [u8; 16] {
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&rng.next_u64().to_le_bytes());
    uuid[8..].copy_from_slice(&rng.next_u64().to_le_bytes());
    uuid[6] = 0x40 | uuid[6] & 0x0f;
    uuid[8] = 0x80 | uuid[8] & 0x3f;
    uuid
}

/// Removes what an earlier run left in a machine's directory: a stream too many would be read as part of the trace.
fn clear(dir: &Path) -> Result<()> {
    for dir in [dir.to_path_buf(), dir.join("index")] {
        let Ok(entries) = fs::read_dir(&dir) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with("chan_") {
                fs::remove_file(entry.path()).with_context(|| format!("removing {}", entry.path().display()))?;
            }
        }
    }
    Ok(())
}

/// Makes a machine with its clock, its metadata and its empty streams.
fn machine(
    config: &Config,
    rng: &mut Prng,
    name: &str,
    cpus: usize,
    guest: Option<usize>,
    uuids: &mut Vec<[u8; 16]>,
) -> Result<Machine> {
    let dir = kernel_dir(config, name);
    let trace_uuid = uuid(rng);
    let clock_uuid = uuid(rng);
    let small = config.bytes < 256 << 20;
    let host_base = 1_039_292_000_000_000;
    let clock = match guest {
        None => MachineClock { base: host_base, offset: 1_795_445_192_829_823_038, drift_ppb: 0 },
        Some(n) => {
            // Guests boot later, their wall clocks are a little behind, and all but the first drift.
            let n = i64::try_from(n).unwrap_or(0);
            let behind = i64::from(rng.between(200_000_000, 900_000_000));
            let booted = 1_000_000_000 * i64::from(rng.between(50, 300));
            let drift_ppb = match n {
                0 => 1_250,
                n if n % 2 == 1 => 60_731 + n * 1_000,
                n => -(92_417 - n * 1_000),
            };
            MachineClock { base: booted, offset: 1_795_445_192_829_823_038 + host_base - booted - behind, drift_ppb }
        }
    };
    let packet = match (guest, small) {
        (Some(_), true) => 128 << 10,
        (None, true) | (Some(_), false) => 256 << 10,
        (None, false) => 1 << 20,
    };
    clear(&dir)?;
    let rec = Recorder::create(&dir, cpus, packet, trace_uuid, config.header, clock.cycles(0), rng.next_u64())
        .with_context(|| format!("creating the streams in {}", dir.display()))?;
    let description = Description {
        hostname: name.to_owned(),
        uuid: trace_uuid,
        clock_uuid,
        clock_offset: clock.offset,
        header: config.header,
    };
    let text = metadata::text(&description);
    let path = dir.join("metadata");
    fs::write(&path, metadata::packetise(&text, &trace_uuid)).with_context(|| format!("writing {}", path.display()))?;
    // Few enough ids that they come around again in a long trace.
    let max_tid = i32::try_from(config.threads * 2 + 1_500).unwrap_or(32_768);
    uuids.push(clock_uuid);
    Ok(Machine::new(name, clock, rec, cpus, max_tid, rng.next_u64(), config.truth_intervals))
}
