//! `report`: one self-contained page about an experiment, to send to somebody: what was recorded, how exactly the
//! clocks agree, where virtual machines lost time, slow executions and their culprits, with pictures.
//!
//! Everything is asked of the same functions as the other sub-commands. The page needs nothing but itself: style
//! and pictures are inside, there is no script.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use stratoscope_core::flow::{FlowInstance, Worker};
use stratoscope_core::query::accounts::{Before, accounts};
use stratoscope_core::query::flows::Separator;
use stratoscope_core::query::time::{date, duration, group_digits, time_of_day};
use stratoscope_core::query::world::WorldMachine;
use stratoscope_core::session::{MachineView, Session, Snapshot};
use stratoscope_core::vcpu::reasons;
use stratoscope_core::vm::exits::{self, Host};
use stratoscope_core::vm::instances::SLOW_FACTOR;
use stratoscope_core::vm::{self, VmView};
use stratoscope_core::vocab::{Cancel, Dur, MachineNs, RowId, RowKey, RowKind, Tid, TimeRange};

use crate::headless::args::ReportArgs;
use crate::headless::shot::Look;
use crate::headless::table::percent;
use crate::headless::time::Window;
use crate::headless::virt::who_text;
use crate::headless::{Outcome, open, shot, wait};
use crate::window::command::Command;
use crate::window::layout::PaneKind;
use crate::window::settings::{Preferences, ThemeChoice};

/// Rows of the longer tables.
const ROWS: usize = 15;

/// Recurring tasks of a machine that are looked at.
const RECURRING: usize = 3;

/// Writes the page.
///
/// # Errors
/// A wrong instant, or a file that cannot be written.
pub(super) fn run(args: &ReportArgs) -> anyhow::Result<Outcome> {
    let common = &args.common;
    let session = Arc::new(open(common, true)?);
    wait(&session, common.quiet);
    let snapshot = session.wait();
    let window = Window::new(common, &snapshot)?;
    let html = page(&session, &snapshot, &common.paths, &window)?;
    std::fs::write(&args.out, html).with_context(|| format!("cannot write {}", args.out.display()))?;
    Ok(Outcome::of(&session.problems().all(), !snapshot.traces.is_empty()))
}

/// The page about a session of those paths, as HTML.
///
/// # Errors
/// A picture that cannot be made.
pub(crate) fn page(
    session: &Arc<Session>,
    snapshot: &Snapshot,
    paths: &[PathBuf],
    window: &Window,
) -> anyhow::Result<String> {
    let problems = session.problems().all();
    let title = paths.iter().filter_map(|p| p.file_name()).map(|n| n.to_string_lossy()).collect::<Vec<_>>();
    let mut page = Page::new(&title.join(", "));
    experiment(&mut page, snapshot);
    page.picture("The whole window", &picture(session, paths, Vec::new())?);
    clocks(&mut page, snapshot);
    if let Some(view) = snapshot.vm.as_deref().filter(|v| !v.model.vms.is_empty()) {
        machines(&mut page, snapshot, view, window)?;
        page.picture("Virtual machines", &picture(session, paths, shot::alone(PaneKind::VirtualMachines).to_vec())?);
        exits_table(&mut page, snapshot, view, window)?;
    }
    recurring(&mut page, snapshot, window)?;
    if !problems.is_empty() {
        page.section("Trouble");
        page.list(problems.iter().map(|p| p.message()));
    }
    Ok(page.finish())
}

fn experiment(page: &mut Page, snapshot: &Snapshot) {
    page.section("What was recorded");
    let rows = snapshot.machines.iter().map(|machine| {
        let extent = machine.extent;
        let role = snapshot.vm.as_ref().and_then(|v| v.model.roles.get(usize::from(machine.id.0)).copied());
        let role = match role {
            Some(role) if role.host && role.guest_of.is_some() => "guest and host",
            Some(role) if role.host => "host",
            Some(role) if role.guest_of.is_some() => "guest",
            _ => "",
        };
        let begin = extent.filter(|_| machine.dated).map_or_else(String::new, |e| {
            let begin = machine.origin_ns + i128::from(e.begin.0);
            let time = time_of_day(begin, 0);
            format!("{} {}", date(begin, 0), time.split('.').next().unwrap_or(&time))
        });
        let threads = machine.store.rows().filter(|r| r.key().kind == RowKind::Thread).count();
        vec![
            machine.name.clone(),
            role.to_owned(),
            begin,
            extent.map_or_else(String::new, |e| duration(e.length().0)),
            machine.cpus.len().to_string(),
            threads.to_string(),
            machine.kernel_release.clone().unwrap_or_default(),
            machine.lost.len().to_string(),
        ]
    });
    page.table(&["<machine", "<role", "<begin (UTC)", "length", "CPUs", "threads", "<kernel", "losses"], rows);
    let events = snapshot.events.len();
    page.text(&format!("{} events in {} traces.", group_digits(u128::from(events)), snapshot.traces.len()));
}

fn clocks(page: &mut Page, snapshot: &Snapshot) {
    let Some(solution) = &snapshot.sync else { return };
    page.section("How exactly the clocks agree");
    let name = |id| snapshot.machine(id).map_or("?", |m| m.name.as_str());
    let width = |ns: Option<u64>| ns.and_then(|ns| i64::try_from(ns).ok()).map_or_else(String::new, duration);
    let rows = solution.machines.iter().map(|machine| {
        vec![
            name(machine.id).to_owned(),
            machine.role.name().to_owned(),
            machine.quality.name().to_owned(),
            width(machine.half_width_ns),
            format!("{:+.3}", machine.drift_ppm),
            machine.methods.iter().map(|m| m.name()).collect::<Vec<_>>().join(", "),
        ]
    });
    page.table(&["<machine", "<role", "<quality", "right to ±", "gains ppm", "<by"], rows);
    page.list(solution.pairs.iter().map(|pair| pair.explain(name(pair.a), name(pair.b))));
}

fn machines(page: &mut Page, snapshot: &Snapshot, view: &VmView, window: &Window) -> anyhow::Result<()> {
    page.section("Where virtual machines lost time");
    let asked = |machine: &WorldMachine| {
        snapshot.machine(machine.id).map_or(TimeRange::new(MachineNs(0), MachineNs(0)), |m| window.on(m))
    };
    let (mut vcpus, mut tasks) = (Vec::new(), Vec::new());
    for account in accounts(&snapshot.world(), &asked, Before::Counts, &Cancel::default())? {
        let Some(vm) = view.model.vms.get(account.vm) else { continue };
        for vcpu in &account.vcpus {
            let (times, length) = (&vcpu.times, vcpu.range.length().0.max(1));
            let share = |time: Dur| percent(time.0 as f64 / length as f64);
            vcpus.push(vec![
                vm.name.clone(),
                vm.vcpus.get(vcpu.vcpu).map_or_else(String::new, |v| v.number.to_string()),
                duration(length),
                share(times.guest),
                share(times.vmm + times.vmm_user),
                share(times.stolen()),
                share(times.halted),
                percent(times.overhead()),
            ]);
        }
        let guest = vm.guest.and_then(|id| snapshot.machine(id)).map_or_else(String::new, |m| m.name.clone());
        for task in account.tasks.iter().map(|t| &t.times).filter(|t| t.stolen > Dur(0)).take(ROWS) {
            let by = task.stolen_by.iter().take(3);
            let by = by.map(|(who, time)| format!("{} {}", who_text(snapshot, *who), duration(time.0)));
            tasks.push(vec![
                guest.clone(),
                format!("{} {}", task.tid().0, snapshot.names.text(task.name)),
                duration(task.perceived().0),
                duration(task.real.0),
                duration(task.hypervisor.0),
                duration(task.stolen.0),
                by.collect::<Vec<_>>().join(", "),
            ]);
        }
    }
    page.table(&["<VM", "vCPU", "of", "guest", "hypervisor", "stolen", "halted", "overhead"], vcpus);
    page.text("What tasks believed that they ran, and what became of it:");
    page.table(&["<guest", "<task", "believed", "real", "hypervisor", "stolen", "<by"], tasks);
    page.list(view.notes.iter().cloned());
    Ok(())
}

fn exits_table(page: &mut Page, snapshot: &Snapshot, view: &VmView, window: &Window) -> anyhow::Result<()> {
    page.section("Exits");
    let mut rows = Vec::new();
    for host in exits::hosts(&view.model).into_iter().filter_map(|id| snapshot.machine(id)) {
        let of = Host { machine: host.id, store: &host.store, range: window.on(host) };
        for stats in exits::statistics(&view.model, &of, &Cancel::default())? {
            let Some((vm, times)) = view.model.vms.get(stats.key.vm).zip(stats.times.as_ref()) else { continue };
            rows.push((
                times.total,
                vec![
                    vm.name.clone(),
                    vm.vcpus.get(stats.key.vcpu).map_or_else(String::new, |v| v.number.to_string()),
                    reasons::name(stats.key.isa, stats.key.code).into_owned(),
                    group_digits(u128::from(stats.count)),
                    duration(times.total.0),
                    duration(times.mean.0),
                    duration(times.p99.0),
                    duration(times.max.0),
                ],
            ));
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    let rows = rows.into_iter().take(ROWS).map(|row| row.1);
    page.table(&["<VM", "vCPU", "<reason", "count", "total", "mean", "p99", "max"], rows);
    Ok(())
}

/// Tasks that recur and were slow at times, with who was to blame.
fn recurring(page: &mut Page, snapshot: &Snapshot, window: &Window) -> anyhow::Result<()> {
    let mut begun = false;
    let model = snapshot.vm.as_ref().map(|view| &view.model);
    let is_guest = |m: &MachineView| model.is_some_and(|model| model.vm_of_guest(m.id).is_some());
    let mut machines: Vec<&MachineView> = snapshot.machines.iter().map(|m| &**m).collect();
    // Who is robbed comes first.
    machines.sort_by_key(|m| !is_guest(m));
    for machine in machines {
        let found = vm::recurring(&machine.store, window.on(machine), &Cancel::default())?;
        // How often a vCPU runs is its guest's affair.
        let is_vcpu = |row: RowId| {
            let tid = machine.store.row(row).map(|row| Tid(row.key().id));
            tid.zip(model).is_some_and(|(tid, model)| model.vcpu_of_thread(machine.id, tid).is_some())
        };
        for task in found.iter().filter(|task| !is_vcpu(task.row)).take(RECURRING) {
            let worker = Worker { machine: machine.id, row: task.row };
            let range = window.on(machine);
            let separator = Separator::Sleep(task.kind);
            let instances = snapshot.flow_instances(worker, range, separator, SLOW_FACTOR, &Cancel::default())?;
            if !instances.iter().any(|i| i.slow) {
                continue;
            }
            if !std::mem::replace(&mut begun, true) {
                page.section("Recurring tasks that were slow at times");
            }
            slow(page, snapshot, machine, worker, task.period, &instances);
        }
    }
    Ok(())
}

fn slow(
    page: &mut Page,
    snapshot: &Snapshot,
    machine: &MachineView,
    task: Worker,
    period: Dur,
    instances: &[FlowInstance],
) {
    let row = machine.store.row(task.row);
    let name = row.map_or_else(String::new, |row| {
        let key: RowKey = row.key();
        format!("{}/{} {}", machine.name, key.id, snapshot.names.text(row.name()))
    });
    let slow: Vec<(usize, &FlowInstance)> = instances.iter().enumerate().filter(|(_, i)| i.slow).collect();
    page.text(&format!(
        "{name}: every {}, {} of {} executions took over {SLOW_FACTOR} times the lower quartile. The slowest:",
        duration(period.0),
        slow.len(),
        instances.len()
    ));
    let mut slowest = slow;
    slowest.sort_by_key(|(_, i)| std::cmp::Reverse(i.duration()));
    // Counted from 1, as the window's lists are: who reads of one here finds it there.
    let rows = slowest.iter().take(ROWS).map(|(n, instance)| {
        let culprit = instance.culprit.map_or_else(
            || vec![String::new(), String::new(), String::new()],
            |loss| {
                vec![
                    who_text(snapshot, Some(loss.total.who)),
                    loss.total.kind.meaning().to_owned(),
                    duration(loss.extra.0),
                ]
            },
        );
        [vec![(n + 1).to_string(), duration(instance.duration().0)], culprit].concat()
    });
    page.table(&["n", "took", "<culprit", "<how", "more than usual"], rows);
}

fn picture(session: &Arc<Session>, paths: &[PathBuf], commands: Vec<Command>) -> anyhow::Result<Vec<u8>> {
    let set = Preferences { theme: Some(ThemeChoice::Light), ..Preferences::default() };
    let look = Look { size: [1400, 800], set, ..Look::default() };
    shot::png(Arc::clone(session), paths, commands, &look)
}

/// A page under way.
struct Page(String);

impl Page {
    fn new(title: &str) -> Self {
        let title = escape(if title.is_empty() { "Stratoscope" } else { title });
        Self(format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
             <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n\
             <body><main><h1>{title}</h1>\n"
        ))
    }

    fn section(&mut self, title: &str) {
        self.push(&format!("<h2>{}</h2>\n", escape(title)));
    }

    fn text(&mut self, text: &str) {
        self.push(&format!("<p>{}</p>\n", escape(text)));
    }

    fn list(&mut self, lines: impl IntoIterator<Item = String>) {
        let items: String = lines.into_iter().map(|line| format!("<li>{}</li>\n", escape(&line))).collect();
        if !items.is_empty() {
            self.push(&format!("<ul>\n{items}</ul>\n"));
        }
    }

    /// Heads that begin with `<` are of columns set left.
    fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let class = |n: usize| if heads.get(n).is_some_and(|h| h.starts_with('<')) { " class=\"l\"" } else { "" };
        let mut text = String::from("<table><thead><tr>");
        for (n, head) in heads.iter().enumerate() {
            text.push_str(&format!("<th{}>{}</th>", class(n), escape(head.trim_start_matches('<'))));
        }
        text.push_str("</tr></thead><tbody>\n");
        for row in rows {
            text.push_str("<tr>");
            for (n, cell) in row.iter().enumerate() {
                text.push_str(&format!("<td{}>{}</td>", class(n), escape(cell)));
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</tbody></table>\n");
        self.push(&text);
    }

    fn picture(&mut self, words: &str, png: &[u8]) {
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        let words = escape(words);
        self.push(&format!(
            "<figure><img alt=\"{words}\" src=\"data:image/png;base64,{data}\"><figcaption>{words}</figcaption></figure>\n"
        ));
    }

    fn push(&mut self, text: &str) {
        // Writing to a string cannot fail.
        write!(self.0, "{text}").ok();
    }

    fn finish(mut self) -> String {
        self.push(&format!("<footer>Stratoscope {}</footer></main></body></html>\n", env!("CARGO_PKG_VERSION")));
        self.0
    }
}

const STYLE: &str = "\
    body{margin:0;background:#fff;color:#1c232b;font:15px/1.45 system-ui,sans-serif}\
    main{max-width:1100px;margin:0 auto;padding:24px}\
    h1{font-size:26px}h2{font-size:19px;margin-top:40px;border-bottom:1px solid #dfe4ea;padding-bottom:4px}\
    table{border-collapse:collapse;margin:12px 0;font-variant-numeric:tabular-nums;font-size:14px}\
    th,td{padding:3px 14px 3px 0;text-align:right;vertical-align:top;white-space:nowrap}td.l:last-child{white-space:normal}\
    th{color:#5c6875;font-weight:500;border-bottom:1px solid #dfe4ea}.l{text-align:left}\
    figure{margin:16px 0}img{max-width:100%;border:1px solid #dfe4ea}figcaption,footer{color:#5c6875;font-size:13px}\
    @media(prefers-color-scheme:dark){body{background:#14181d;color:#d7dde5}\
    h2,th,img{border-color:#2a313b}th,figcaption,footer{color:#8b96a5}}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
