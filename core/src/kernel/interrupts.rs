//! System calls, interrupts, softirqs and timers: what a CPU does apart from switching threads.

use crate::store::{Look, Writer};
use crate::vocab::{MachineNs, Name, RowKey, State};

use super::causes::{Cause, irq_cause, softirq_cause};
use super::cpu::{Frame, FrameKind, Line, Mode, SOFTIRQS};
use super::{Kernel, number, short_address};

impl Kernel {
    /// The current thread enters a system call or leaves it.
    pub(super) fn syscall<W: Writer>(&mut self, cpu: Option<usize>, t: MachineNs, mode: Mode, out: &mut W) {
        let Some(c) = cpu else { return };
        // No system call begins or ends inside an interrupt: exits were lost.
        self.cut_stack(c, t, 0, out);
        let Some(state) = self.cpus[c].as_mut() else { return };
        match state.current {
            Some(ix) => {
                let thread = &mut self.threads[ix];
                thread.mode_unknown = false;
                thread.syscall = match mode {
                    Mode::Syscall(name) => name,
                    Mode::User | Mode::Unknown => Name::NONE,
                };
            }
            None => state.mode = mode,
        }
        self.refresh(c, t, out);
    }

    /// A hardware interrupt or vector begins.
    pub(super) fn interrupt_entry<W: Writer>(
        &mut self,
        cpu: Option<usize>,
        t: MachineNs,
        kind: FrameKind,
        irq: i32,
        name: Name,
        out: &mut W,
    ) {
        let Some(c) = cpu else { return };
        let line = self.line(c, t, irq, name, out);
        self.push_frame(c, t, Frame { kind, did: Cause::Unknown, number: irq, line: line as u16 }, out);
        if let Some(state) = &self.cpus[c] {
            let active = Look { state: State::Active, detail: Name::NONE, aux: c as u32 };
            out.set(state.lines[line].row, t, active);
        }
        self.refresh(c, t, out);
    }

    /// A softirq is asked for.
    pub(super) fn softirq_raise<W: Writer>(&mut self, cpu: Option<usize>, t: MachineNs, vec: i32, out: &mut W) {
        let Some(c) = cpu.filter(|_| is_softirq(vec)) else { return };
        self.make_softirq_row(c, t, vec, out);
        let Some(state) = self.cpus[c].as_mut() else { return };
        let bit = 1 << vec;
        if state.raised & bit == 0 {
            state.raised |= bit;
            // While its handler runs, it stays active: being raised again shows when that has ended.
            if !state.stack.in_softirq() || state.stack.find(FrameKind::Softirq, vec).is_none() {
                set_softirq(state.softirq_rows[vec as usize], t, State::Raised, c, out);
            }
        }
    }

    /// A softirq's handler begins.
    pub(super) fn softirq_entry<W: Writer>(&mut self, cpu: Option<usize>, t: MachineNs, vec: i32, out: &mut W) {
        let Some(c) = cpu.filter(|_| is_softirq(vec)) else { return };
        self.make_softirq_row(c, t, vec, out);
        self.push_frame(c, t, Frame { kind: FrameKind::Softirq, did: Cause::Unknown, number: vec, line: 0 }, out);
        if let Some(state) = self.cpus[c].as_mut() {
            state.raised &= !(1 << vec);
            set_softirq(state.softirq_rows[vec as usize], t, State::Active, c, out);
        }
        self.refresh(c, t, out);
    }

    /// A timer's function begins.
    pub(super) fn timer_entry<W: Writer>(
        &mut self,
        cpu: Option<usize>,
        t: MachineNs,
        kind: FrameKind,
        address: u64,
        out: &mut W,
    ) {
        let Some(c) = cpu else { return };
        let frame = Frame { kind, did: Cause::Unknown, number: short_address(address), line: 0 };
        self.push_frame(c, t, frame, out);
    }

    /// A packet begins to be handed upwards.
    pub(super) fn packet_entry<W: Writer>(&mut self, cpu: Option<usize>, t: MachineNs, out: &mut W) {
        let Some(c) = cpu else { return };
        let frame = Frame { kind: FrameKind::Packet, did: Cause::Network, number: 0, line: 0 };
        self.push_frame(c, t, frame, out);
    }

    /// What was entered ends, and with it whatever lies above it. Without its entry nothing ends.
    pub(super) fn exit_frame<W: Writer>(
        &mut self,
        cpu: Option<usize>,
        t: MachineNs,
        kind: FrameKind,
        number: i32,
        out: &mut W,
    ) {
        let Some(c) = cpu else { return };
        let Some(at) = self.cpus[c].as_ref().and_then(|state| state.stack.find(kind, number)) else { return };
        self.cut_stack(c, t, at, out);
        self.refresh(c, t, out);
    }

    /// Something was done by what runs on top: those whom it wakes have waited for that.
    pub(super) fn note(&mut self, cpu: Option<usize>, did: Cause) {
        if let Some(frame) = cpu.and_then(|c| self.cpus[c].as_mut()).and_then(|state| state.stack.top_mut()) {
            frame.did = did;
        }
    }

    /// Why a thread waited that is woken from this CPU now.
    pub(super) fn wake_cause(&self, cpu: Option<usize>) -> Cause {
        let Some(state) = cpu.and_then(|c| self.cpus[c].as_ref()) else { return Cause::Unknown };
        match state.stack.top() {
            // The idle task wakes nobody: an interrupt that was not traced did.
            None => match state.current {
                Some(ix) if !self.threads[ix].is_idle() => Cause::Task,
                _ => Cause::Unknown,
            },
            Some(frame) if frame.did != Cause::Unknown => frame.did,
            Some(frame) => match frame.kind {
                FrameKind::Hrtimer | FrameKind::Timer => Cause::Timer,
                FrameKind::Packet => Cause::Network,
                FrameKind::Softirq => softirq_cause(frame.number),
                FrameKind::Irq | FrameKind::Vector => {
                    state.lines.get(usize::from(frame.line)).map_or(Cause::Unknown, |line| line.cause)
                }
            },
        }
    }

    /// Ends what runs on top, down to `depth` frames. The caller refreshes the CPU.
    #[inline]
    pub(super) fn cut_stack<W: Writer>(&mut self, c: usize, t: MachineNs, depth: usize, out: &mut W) {
        if self.cpus[c].as_ref().is_some_and(|state| state.stack.frames().len() > depth) {
            self.pop_frames(c, t, depth, out);
        }
    }

    fn pop_frames<W: Writer>(&mut self, c: usize, t: MachineNs, depth: usize, out: &mut W) {
        let Some(state) = self.cpus[c].as_mut() else { return };
        while state.stack.frames().len() > depth {
            let Some(frame) = state.stack.pop() else { return };
            match frame.kind {
                FrameKind::Irq | FrameKind::Vector => {
                    // A line and a vector of the same number share a row.
                    if !state.stack.frames().iter().any(|f| f.is_irq() && f.line == frame.line) {
                        out.set(state.lines[usize::from(frame.line)].row, t, Look::new(State::None));
                    }
                }
                FrameKind::Softirq => {
                    let vec = frame.number as usize;
                    let left = if state.raised & 1 << vec == 0 { State::None } else { State::Raised };
                    set_softirq(state.softirq_rows[vec], t, left, c, out);
                }
                FrameKind::Hrtimer | FrameKind::Timer | FrameKind::Packet => {}
            }
        }
    }

    #[inline]
    fn push_frame<W: Writer>(&mut self, c: usize, t: MachineNs, frame: Frame, out: &mut W) {
        let Some(state) = &self.cpus[c] else { return };
        // None of these can begin again before it ends, and no kernel nests so deep: exits were lost.
        if let Some(stale) = state.stack.find(frame.kind, frame.number) {
            self.cut_stack(c, t, stale, out);
        } else if state.stack.is_full() {
            self.cut_stack(c, t, 0, out);
        }
        if let Some(state) = self.cpus[c].as_mut() {
            state.stack.push(frame);
        }
    }

    /// The position of an interrupt line among those of the CPU, with its name of now.
    #[inline]
    fn line<W: Writer>(&mut self, c: usize, t: MachineNs, irq: i32, name: Name, out: &mut W) -> usize {
        let lines = self.cpus[c].as_ref().map_or(&[][..], |state| &state.lines);
        match lines.iter().position(|line| line.number == irq) {
            Some(at) if lines[at].name == name => at,
            found => self.name_line(c, t, irq, name, found, out),
        }
    }

    #[cold]
    fn name_line<W: Writer>(
        &mut self,
        c: usize,
        t: MachineNs,
        irq: i32,
        name: Name,
        found: Option<usize>,
        out: &mut W,
    ) -> usize {
        let name = if name.is_none() { self.line_names.get(&irq).copied().unwrap_or(Name::NONE) } else { name };
        let Some(state) = self.cpus[c].as_mut() else { return 0 };
        let at = found.unwrap_or_else(|| {
            let row = out.row(RowKey::irq(irq, number(c)));
            state.lines.push(Line { number: irq, row, name: Name::NONE, cause: Cause::Unknown });
            state.lines.len() - 1
        });
        let line = &mut state.lines[at];
        if line.name != name && !name.is_none() {
            line.name = name;
            line.cause = irq_cause(&self.names.text(name));
            out.rename(line.row, t, name);
        }
        at
    }

    #[inline]
    fn make_softirq_row<W: Writer>(&mut self, c: usize, t: MachineNs, vec: i32, out: &mut W) {
        let Some(state) = self.cpus[c].as_mut() else { return };
        let slot = &mut state.softirq_rows[vec as usize];
        if slot.is_none() {
            let row = out.row(RowKey::softirq(vec, number(c)));
            out.rename(row, t, self.words.softirqs[vec as usize]);
            *slot = Some(row);
        }
    }
}

fn is_softirq(vec: i32) -> bool {
    (0..SOFTIRQS as i32).contains(&vec)
}

fn set_softirq<W: Writer>(row: Option<crate::vocab::RowId>, t: MachineNs, state: State, c: usize, out: &mut W) {
    let Some(row) = row else { return };
    let aux = if state == State::None { Look::NO_AUX } else { c as u32 };
    out.set(row, t, Look { state, detail: Name::NONE, aux });
}
