//! A stream's packet that is being read: shared by cursors and readers.

use std::path::Path;
use std::sync::Arc;

use crate::trace::Position;
use crate::vocab::{Cpu, StreamId};

use super::machine::Machine;
use super::packet::{Packet, read_head};
use super::plan::StreamPlan;
use super::stream::Stream;
use super::trace::Data;
use super::walk::{Content, Place};

/// Where a stream is read.
pub(crate) struct Reading {
    pub(crate) data: Arc<Data>,
    stream: usize,
    /// The packet that is read, or is entered next.
    pub(crate) packet: usize,
    pub(crate) machine: Machine,
    pub(crate) place: Place,
    /// End of the entered packet's content, in bits.
    end: u64,
    /// The packet's header was read.
    pub(crate) entered: bool,
    pub(crate) cpu: Cpu,
}

impl Reading {
    pub(crate) fn new(data: Arc<Data>, stream: StreamId) -> Self {
        let stream = stream.0 as usize;
        let slots = data.streams.get(stream).and_then(|s| data.plans.get(s.class)).map_or(0, |p| p.slots);
        Self {
            data,
            stream,
            packet: 0,
            machine: Machine::new(slots),
            place: Place::default(),
            end: 0,
            entered: false,
            cpu: Cpu::UNKNOWN,
        }
    }

    /// The stream and its plan; `None` for a number that no stream has.
    pub(crate) fn parts(data: &Data, stream: usize) -> Option<(&Stream, &StreamPlan)> {
        let stream = data.streams.get(stream)?;
        Some((stream, data.plans.get(stream.class)?))
    }

    pub(crate) fn stream(&self) -> usize {
        self.stream
    }

    /// The current packet, its content and its file's path.
    pub(crate) fn current<'d>(
        data: &'d Data,
        stream: &Stream,
        packet: usize,
    ) -> Option<(Packet, Content<'d>, &'d Path)> {
        let packet = *stream.packets.get(packet)?;
        let file = data.files.get(packet.file as usize)?;
        Some((packet, packet.content(file.map.bytes()), &file.path))
    }

    /// `content`, as far as the entered packet's header says.
    pub(crate) fn trimmed<'d>(&self, content: Content<'d>) -> Content<'d> {
        Content { end: self.end, ..content }
    }

    /// Reads the header of the current packet; `false` if it cannot be read, which is told.
    pub(crate) fn enter(&mut self) -> bool {
        let data = Arc::clone(&self.data);
        let Some((stream, plan)) = Self::parts(&data, self.stream) else { return false };
        let Some((packet, content, _)) = Self::current(&data, stream, self.packet) else { return false };
        match read_head(plan, &mut self.machine, content.bytes, packet.clock) {
            Ok(head) => {
                self.place = head.first;
                self.end = head.trim(&packet, content).end;
                self.cpu = head.cpu.and_then(|c| u16::try_from(c).ok()).map_or(Cpu::UNKNOWN, Cpu);
                self.entered = true;
                true
            }
            Err(fault) => {
                data.tell_head(&packet, fault);
                false
            }
        }
    }

    /// Goes to a position that this trace gave; bit 0 is a packet's begin, wherever its first event is.
    pub(crate) fn seek(&mut self, position: Position) {
        self.packet = position.packet as usize;
        if position.bit > 0 && self.enter() {
            self.place = Place { position: position.bit, clock: position.clock };
        }
    }

    /// Goes to the next packet.
    pub(crate) fn leave(&mut self) {
        self.packet += 1;
        self.entered = false;
    }
}
