//! Rows and their states as filters see them, so that the window and sub-commands find the same ones.
//!
//! A thread goes by the name that it bore when a state began: what ran as `bash` before it executed `grep` is found by
//! both names, each in its own time. A row as a whole has no name of its own: it is found if one of its states is, so
//! by any name that it ever bore.

use std::sync::Arc;

use crate::store::{Interval, Look, Row};
use crate::vocab::{Cpu, Interner, MachineNs, Name, RowKey, RowKind, Tid};

/// The name that a row goes by at an instant of its machine's time: the last one given until then, or the first one
/// for an earlier instant; a CPU without one is called `CPU 3`. `borne`: its names, each with the instant from which
/// it bore it, in order of time.
pub fn name_at(names: &Interner, key: &RowKey, borne: &[(MachineNs, Name)], t: MachineNs) -> Arc<str> {
    let until = borne.partition_point(|(from, _)| *from <= t);
    called(names, key, borne, borne.get(until.saturating_sub(1)).map_or(Name::NONE, |n| n.1))
}

/// All names that a row ever goes by, each once, the last one first.
pub fn all_names(names: &Interner, key: &RowKey, borne: &[(MachineNs, Name)]) -> Vec<Arc<str>> {
    let last = borne.last().map_or(Name::NONE, |n| n.1);
    let mut all = vec![called(names, key, borne, last)];
    for (_, name) in borne.iter().filter(|(_, name)| *name != last) {
        let text = called(names, key, borne, *name);
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

fn called(names: &Interner, key: &RowKey, borne: &[(MachineNs, Name)], name: Name) -> Arc<str> {
    let name = if name.is_none() { borne.last().map_or(name, |n| n.1) } else { name };
    let text = names.text(name);
    if text.is_empty() && key.kind == RowKind::Cpu { format!("CPU {}", key.id).into() } else { text }
}

/// The thread and the CPU that a state of a row is about. In rows that are `joined` from several machines the numbers
/// of looks say who is meant instead: there the machine's own row of the thread says on which CPU it was.
pub fn thread_and_cpu(key: &RowKey, interval: &Interval, joined: bool, own: Option<&Row>) -> (Option<Tid>, Cpu) {
    let number = |look: Look| (look.aux != Look::NO_AUX).then_some(look.aux);
    let alone = number(interval.look).filter(|_| !joined);
    match key.kind {
        RowKind::Thread | RowKind::Vcpu | RowKind::VmThread => {
            let number = match own {
                Some(own) => own.at(interval.begin).and_then(|there| number(there.look)),
                None => alone,
            };
            let cpu = number.and_then(|n| u16::try_from(n).ok()).map_or(key.cpu, Cpu);
            (Some(Tid(key.id)), cpu)
        }
        RowKind::Cpu | RowKind::PhysicalCpu => (alone.map(|n| Tid(n as i32)), key.cpu),
        RowKind::Irq | RowKind::Softirq => (None, key.cpu),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_by_the_name_of_its_time() {
        let names = Interner::default();
        let (bash, grep) = (names.intern("bash"), names.intern("grep"));
        let key = RowKey::thread(Tid(7), 0);
        let borne = [(MachineNs(10), bash), (MachineNs(50), grep), (MachineNs(90), bash)];
        let at = |t| name_at(&names, &key, &borne, MachineNs(t)).to_string();
        assert_eq!([0, 10, 49, 50, 89, 90].map(at), ["bash", "bash", "bash", "grep", "grep", "bash"]);
        assert_eq!(all_names(&names, &key, &borne).iter().map(|n| &**n).collect::<Vec<_>>(), ["bash", "grep"]);
        // Where nobody knew it, it goes by what it was called at last.
        let unknown = [(MachineNs(10), Name::NONE), (MachineNs(50), grep)];
        assert_eq!(&*name_at(&names, &key, &unknown, MachineNs(20)), "grep");
        assert_eq!(all_names(&names, &key, &unknown).len(), 1);
        assert_eq!(&*name_at(&names, &RowKey::cpu(Cpu(3)), &[], MachineNs(0)), "CPU 3");
        assert_eq!(&*name_at(&names, &key, &[], MachineNs(0)), "");
    }

    #[test]
    fn numbers_of_looks_are_cpus_of_threads_and_threads_of_cpus() {
        let look = |aux| Look { aux, ..Look::default() };
        let state = |aux| Interval { begin: MachineNs(0), end: MachineNs(9), look: look(aux), index: 0 };
        let thread = RowKey::thread(Tid(7), 0);
        let of = |key: &RowKey, aux, joined| thread_and_cpu(key, &state(aux), joined, None);
        assert_eq!(of(&thread, 2, false), (Some(Tid(7)), Cpu(2)));
        assert_eq!(of(&thread, Look::NO_AUX, false), (Some(Tid(7)), thread.cpu));
        assert_eq!(of(&RowKey { kind: RowKind::VmThread, ..thread }, 2, true), (Some(Tid(7)), thread.cpu));
        assert_eq!(of(&RowKey::cpu(Cpu(1)), 7, false), (Some(Tid(7)), Cpu(1)));
        let physical = RowKey { kind: RowKind::PhysicalCpu, ..RowKey::cpu(Cpu(1)) };
        assert_eq!(of(&physical, 7, true), (None, Cpu(1)));
    }
}
