//! The command line: one sub-command per question.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::window::settings::{Preferences, table};
use crate::window::tour;

/// Shows what a virtual machine cannot see about itself: opens kernel traces of a host and its guests.
///
/// Without a sub-command, opens the window with the given traces (files, or folders searched below).
#[derive(Debug, Parser)]
#[command(name = "stratoscope", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(after_help = table::help())]
pub struct Cli {
    /// What to do instead of opening the window.
    #[command(subcommand)]
    pub command: Option<Question>,

    /// Traces to open in the window: files, or folders searched below.
    pub paths: Vec<PathBuf>,

    /// Show from this instant on: nanoseconds, HH:MM:SS[.nnnnnnnnn], or +1.5s after the begin
    #[arg(long, value_name = "T", allow_hyphen_values = true, requires = "paths")]
    pub from: Option<String>,

    /// Show up to this instant
    #[arg(long, value_name = "T", allow_hyphen_values = true, requires = "paths")]
    pub to: Option<String>,

    /// Look for this: a part of a name, or a filter such as 'state == "preempted" and dur > 1ms'
    #[arg(long, value_name = "TEXT", requires = "paths")]
    pub find: Option<String>,

    /// Walk through a sample trace, step by step
    #[arg(long, value_name = "NAME", conflicts_with = "paths", value_parser = tour_names())]
    pub tour: Option<String>,

    /// Keep the settings in this file instead of the user's configuration folder.
    #[arg(long, value_name = "FILE", env = "STRATOSCOPE_SETTINGS", hide_env = true)]
    pub settings: Option<PathBuf>,

    /// Use this setting while the window is open, whatever files say; can be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = table::assignment)]
    pub set: Vec<Preferences>,
}

/// A question to answer without a window.
#[derive(Debug, Subcommand)]
pub enum Question {
    /// Which traces, machines, clocks and events there are, and what could not be read
    Info(Common),
    /// The events of all traces, merged in time
    Events(EventsArgs),
    /// What every thread, CPU and interrupt did, as intervals
    States(StatesArgs),
    /// How the machines' clocks relate, and how exactly that is known
    Sync(SyncArgs),
    /// Which virtual machines there are, where their time went, and who took it
    Vms(Common),
    /// Why and how often vCPUs left their guests, and what that took
    Exits(Common),
    /// What determined when a task came as far as it did: its execution flow, down to the culprit
    #[command(after_help = super::flow::kinds_help())]
    Flow(FlowArgs),
    /// Time per state, and latencies of system calls, waits and interrupts with their percentiles
    Stats(StatsArgs),
    /// A picture of the window, without a screen
    Shot(ShotArgs),
    /// One self-contained page about the traces, to send to somebody
    Report(ReportArgs),
    /// What a shell needs to complete this program's arguments, on standard output
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Copies the program with its menu entry, icon, man pages and completions below a prefix
    Install(InstallArgs),
}

/// What every sub-command takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Traces: files, or folders searched below
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,

    /// From this instant on: nanoseconds, HH:MM:SS[.nnnnnnnnn], or +1.5s after the begin
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Up to, not including, this instant
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub to: Option<String>,

    /// Instants on the reference's clock, or on each machine's own
    #[arg(long, value_enum, default_value_t = TimeAxis::Synced)]
    pub time: TimeAxis,

    /// Only what satisfies this expression, such as 'name == "sched_switch" and next_tid == 42'
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,

    /// At most so many lines
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,

    /// One JSON object a line
    #[arg(long)]
    pub json: bool,

    /// Fail (exit status 3) when anything was skipped
    #[arg(long)]
    pub strict: bool,

    /// No progress, no notes
    #[arg(long)]
    pub quiet: bool,

    /// Megabytes of analysed data kept in memory; the rest goes to a temporary file
    #[arg(long, value_name = "MB", default_value_t = 128)]
    pub memory: usize,
}

/// Which clock instants are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimeAxis {
    /// The reference machine's
    Synced,
    /// Each machine's own
    Local,
}

/// Arguments of `events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Common arguments.
    #[command(flatten)]
    pub common: Common,
}

/// Kinds of rows of `states`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RowsKind {
    /// Threads
    Threads,
    /// CPUs
    Cpus,
    /// Interrupts and softirqs
    Irqs,
    /// vCPUs, as their host sees them
    Vcpus,
    /// Guests' threads as they really were, by what their host knows
    VmThreads,
}

/// Arguments of `states`.
#[derive(Debug, Args)]
pub struct StatesArgs {
    /// Common arguments.
    #[command(flatten)]
    pub common: Common,

    /// Which rows [default: threads,cpus; with --at: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub rows: Vec<RowsKind>,

    /// The state of everything at one instant
    #[arg(long, value_name = "T", conflicts_with_all = ["from", "to"], allow_hyphen_values = true)]
    pub at: Option<String>,
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Common arguments.
    #[command(flatten)]
    pub common: Common,

    /// The machine whose clock the others are related to, by name
    #[arg(long, value_name = "MACHINE")]
    pub reference: Option<String>,
}

/// Arguments of `flow`.
#[derive(Debug, Args)]
pub struct FlowArgs {
    /// Common arguments.
    #[command(flatten)]
    pub common: Common,

    /// The task to follow: TID, NAME, MACHINE/TID or MACHINE/NAME
    #[arg(long, value_name = "TASK")]
    pub task: String,

    /// One line an instance of a recurring task: from the wake-up that ends a sleep to the next sleep of that kind
    #[arg(long)]
    pub instances: bool,

    /// Instances are slow that last longer than so many times their lower quartile [default: 1.5]
    #[arg(long, value_name = "FACTOR")]
    pub slow_factor: Option<f64>,

    /// Instances lie between events: two filter expressions, such as 'msg ~ "^begin"..msg ~ "^end"'
    #[arg(long, value_name = "BEGIN..END")]
    pub mark: Option<String>,
}

/// Arguments of `stats`.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Common arguments.
    #[command(flatten)]
    pub common: Common,

    /// Only of this task: TID, NAME, MACHINE/TID or MACHINE/NAME
    #[arg(long, value_name = "TASK")]
    pub task: Option<String>,

    /// CPU usage instead: how much of each CPU was used, and by which threads, how much of it the host took from a
    /// guest's, and on which CPUs they ran
    #[arg(long)]
    pub cpu: bool,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Common arguments.
    #[command(flatten)]
    pub common: Common,

    /// The page to write
    #[arg(long, value_name = "FILE.html")]
    pub out: PathBuf,
}

/// Arguments of `install`.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Below which `bin` and `share` lie
    #[arg(long, value_name = "FOLDER", default_value = "/usr/local")]
    pub prefix: PathBuf,
}

/// What `shot` draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ViewName {
    /// The whole window as it opens
    Window,
    /// Threads of all machines
    ControlFlow,
    /// CPUs, interrupts and softirqs
    Resources,
    /// The table of events
    Events,
    /// Time per state of what lies between --from and --to
    Statistics,
    /// Two stretches of time (--a, --b) one above the other, and what differs
    Compare,
    /// VMs with their vCPUs and the tasks inside
    Vms,
    /// CPUs of hosts with whatever runs on them
    PhysicalCpus,
    /// Threads of host and guests beside each other
    SideBySide,
    /// How clocks were put on one axis
    Sync,
    /// Exits by VM, vCPU and reason
    Exits,
    /// Stolen time per vCPU, VM and task
    Steal,
    /// How much of its CPUs each machine used, and which threads did
    CpuUsage,
    /// Instances of a recurring task
    Periodic,
    /// What everything does at one instant
    State,
    /// What determined when the task came as far as it did (--task), and where its time went
    Flow,
    /// Only where its time went, and its instances if it recurs
    FlowBreakdown,
    /// The bookmarks that the user keeps of these PATHs
    Bookmarks,
    /// The window with the list of what could not be read
    Problems,
}

/// Dark or light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ThemeName {
    /// Light on dark
    Dark,
    /// Dark on light
    Light,
}

/// Arguments of `shot`.
#[derive(Debug, Args)]
pub struct ShotArgs {
    /// Common arguments.
    #[command(flatten)]
    pub common: Common,

    /// What to draw
    #[arg(long, value_enum, default_value_t = ViewName::Window)]
    pub view: ViewName,

    /// The file to write: a picture, or a scalable drawing if its name ends in .svg
    #[arg(long, value_name = "FILE.png|FILE.svg")]
    pub out: PathBuf,

    /// Size in pixels
    #[arg(long, value_name = "WxH", default_value = "1600x1000", value_parser = parse_size)]
    pub size: (u32, u32),

    /// Pixels a point: 2 for a picture of a HiDPI screen
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub scale: f32,

    /// Colours [default: what --set says, else dark]
    #[arg(long, value_enum)]
    pub theme: Option<ThemeName>,

    /// Use this setting, such as compact=true; can be given several times. The user's own are not used, so that a
    /// picture depends on nothing but its arguments and traces
    #[arg(long, value_name = "NAME=VALUE", value_parser = table::assignment)]
    pub set: Vec<Preferences>,

    /// Select the row of this thread: TID, NAME, MACHINE/TID or MACHINE/NAME
    #[arg(long, value_name = "TASK")]
    pub task: Option<String>,

    /// Select this instant
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub at: Option<String>,

    /// Only rows of this machine, in control-flow, resources and compare
    #[arg(long, value_name = "MACHINE")]
    pub machine: Option<String>,

    /// What is compared: FROM..TO, MACHINE or MACHINE/FROM..TO [default: the first half of what is shown; of several
    /// PATHs the first recording]
    #[arg(long, value_name = "SIDE", allow_hyphen_values = true)]
    pub a: Option<String>,

    /// With what it is compared
    #[arg(long, value_name = "SIDE", allow_hyphen_values = true)]
    pub b: Option<String>,
}

/// The tours that there are.
fn tour_names() -> clap::builder::PossibleValuesParser {
    tour::all().iter().map(|tour| tour.name.as_str()).collect::<Vec<_>>().into()
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let (w, h) = text.split_once('x').ok_or("expected WIDTHxHEIGHT, such as 1600x1000")?;
    let side = |s: &str| s.parse::<u32>().ok().filter(|n| (100..=16_384).contains(n));
    side(w).zip(side(h)).ok_or_else(|| "expected sides from 100 to 16384 pixels".to_owned())
}
