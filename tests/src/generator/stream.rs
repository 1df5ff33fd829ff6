//! Data streams: events into packets, packets into files, and the packet index beside them.
//!
//! A stream writes one packet at a time into a buffer of the sub-buffer's size plus some room. An event that turns
//! out not to fit is taken back, the packet is closed in front of it, and its payload moves to the next packet: all
//! fields are aligned to bytes, so a payload is the same wherever it lies.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use super::prng::Prng;
use super::schema::{EVENT_COUNT, Ev};

/// Room behind the sub-buffer for the event that overflows it.
const SLACK: usize = 4096;
/// Bytes of packet header and packet context.
const PACKET_HEAD: usize = 32 + 52;
/// After that many cycles without an event the header carries the whole timestamp.
const FULL_TIMESTAMP_AFTER: i64 = 1 << 27;

/// The two event headers of LTTng.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// 5 bits of id, 27 bits of time.
    Compact,
    /// 16 bits of id, 32 bits of time.
    Large,
}

/// A stretch of events that were simulated but not recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    /// The CPU whose buffer was full.
    pub(crate) cpu: usize,
    /// How many events are missing.
    pub(crate) count: u64,
    /// Clock value of the first one.
    pub(crate) first: i64,
    /// Clock value of the last one.
    pub(crate) last: i64,
}

/// One stream: one CPU of one machine.
#[derive(Debug)]
pub(crate) struct Stream {
    buf: Vec<u8>,
    pos: usize,
    limit: usize,
    open: bool,
    begin: i64,
    last: i64,
    seq: u64,
    discarded: u64,
    /// How many events are still to be lost.
    losing: u64,
    /// Events were lost because the packet is full: it is closed when there is room again.
    full: bool,
    offset: u64,
    file: File,
    index: Vec<u8>,
    cpu: u32,
}

impl Stream {
    /// Appends bytes.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        // The slack is larger than any event, so the slice is there; a longer text would be cut.
        if let Some(place) = self.buf.get_mut(self.pos..self.pos + bytes.len()) {
            place.copy_from_slice(bytes);
            self.pos += bytes.len();
        }
    }
    /// Appends one byte.
    #[inline]
    pub(crate) fn u8(&mut self, v: u8) {
        self.bytes(&[v]);
    }
    /// Appends 16 bits.
    #[inline]
    pub(crate) fn u16(&mut self, v: u16) {
        self.bytes(&v.to_le_bytes());
    }
    /// Appends 16 bits in network order.
    #[inline]
    pub(crate) fn be16(&mut self, v: u16) {
        self.bytes(&v.to_be_bytes());
    }
    /// Appends 32 bits.
    #[inline]
    pub(crate) fn u32(&mut self, v: u32) {
        self.bytes(&v.to_le_bytes());
    }
    /// Appends 32 bits in network order.
    #[inline]
    pub(crate) fn be32(&mut self, v: u32) {
        self.bytes(&v.to_be_bytes());
    }
    /// Appends 32 bits with a sign.
    #[inline]
    pub(crate) fn i32(&mut self, v: i32) {
        self.bytes(&v.to_le_bytes());
    }
    /// Appends 64 bits.
    #[inline]
    pub(crate) fn u64(&mut self, v: u64) {
        self.bytes(&v.to_le_bytes());
    }
    /// Appends 64 bits with a sign.
    #[inline]
    pub(crate) fn i64(&mut self, v: i64) {
        self.bytes(&v.to_le_bytes());
    }
    /// Appends a text with its terminator.
    #[inline]
    pub(crate) fn text(&mut self, v: &str) {
        self.bytes(v.as_bytes());
        self.u8(0);
    }

    /// Writes the event header for the time `cycles`.
    fn event_header(&mut self, kind: Header, ev: Ev, cycles: i64) {
        let id = ev.id();
        let far = cycles - self.last >= FULL_TIMESTAMP_AFTER;
        let [a, b, c, d, ..] = cycles.to_le_bytes();
        let low = u32::from_le_bytes([a, b, c, d]);
        match kind {
            Header::Compact if !far && id < 31 => self.u32(low << 5 | u32::from(id)),
            Header::Large if !far => {
                self.u16(id);
                self.u32(low);
            }
            _ => {
                match kind {
                    Header::Compact => self.u8(31),
                    Header::Large => self.u16(u16::MAX),
                }
                self.u32(u32::from(id));
                self.i64(cycles);
            }
        }
    }

    /// Opens a packet at the time `cycles`.
    fn open_packet(&mut self, uuid: &[u8; 16], cycles: i64) {
        self.pos = 0;
        self.open = true;
        self.begin = cycles;
        self.last = cycles;
        self.u32(0xc1fc_1fc1);
        self.bytes(uuid);
        self.u32(0);
        self.u64(u64::from(self.cpu));
        self.pos = PACKET_HEAD;
    }

    /// Closes the packet, fills in its context, writes it and its index entry.
    fn close_packet(&mut self, end: i64) -> io::Result<u64> {
        let content = self.pos;
        let size = content.next_multiple_of(4096);
        self.buf[content..size].fill(0);
        self.pos = 32;
        self.i64(self.begin);
        self.i64(end);
        self.u64(bits(content));
        self.u64(bits(size));
        self.u64(self.seq);
        self.u64(self.discarded);
        self.u32(self.cpu);
        self.file.write_all(&self.buf[..size])?;
        for value in [self.offset, bits(size), bits(content)] {
            self.index.extend_from_slice(&value.to_be_bytes());
        }
        for value in [self.begin, end] {
            self.index.extend_from_slice(&value.to_be_bytes());
        }
        for value in [self.discarded, 0, u64::from(self.cpu), self.seq] {
            self.index.extend_from_slice(&value.to_be_bytes());
        }
        self.offset += bits(size) / 8;
        self.seq += 1;
        self.open = false;
        Ok(bits(size) / 8)
    }
}

/// A length in bytes as a number of bits.
fn bits(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(0) * 8
}

/// All streams of one machine and the counts that the truth needs.
#[derive(Debug)]
pub(crate) struct Recorder {
    streams: Vec<Stream>,
    uuid: [u8; 16],
    header: Header,
    rng: Prng,
    /// How many stretches of events may still be lost.
    pub(crate) lose: u32,
    /// Stretches lost so far.
    pub(crate) lost: Vec<Lost>,
    /// Recorded events by class.
    pub(crate) by_event: [u64; EVENT_COUNT],
    /// Recorded events by CPU.
    pub(crate) by_cpu: Vec<u64>,
    /// Clock value of the first recorded event.
    pub(crate) first: Option<i64>,
    /// Clock value of the last recorded event.
    pub(crate) last: i64,
    /// Bytes of events so far; what ends the simulation.
    pub(crate) bytes: u64,
    /// Bytes of whole packets written.
    pub(crate) written: u64,
    /// The first failure to write; later events are dropped.
    pub(crate) error: Option<io::Error>,
}

impl Recorder {
    /// Creates `chan_0…` below `dir` and opens the first packet of each at `start`.
    pub(crate) fn create(
        dir: &Path,
        cpus: usize,
        packet: usize,
        uuid: [u8; 16],
        header: Header,
        start: i64,
        seed: u64,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(dir.join("index"))?;
        let mut streams = Vec::with_capacity(cpus);
        for cpu in 0..cpus {
            let mut index = Vec::new();
            // Magic, version 1.1, bytes of an entry.
            for word in [0xc1f1_dcc1_u32, 1, 1, 72] {
                index.extend_from_slice(&word.to_be_bytes());
            }
            let mut stream = Stream {
                buf: vec![0; packet + SLACK],
                pos: 0,
                limit: packet,
                open: false,
                begin: start,
                last: start,
                seq: 0,
                discarded: 0,
                losing: 0,
                full: false,
                offset: 0,
                file: File::create(dir.join(format!("chan_{cpu}")))?,
                index,
                cpu: u32::try_from(cpu).unwrap_or(0),
            };
            stream.open_packet(&uuid, start);
            streams.push(stream);
        }
        Ok(Self {
            streams,
            uuid,
            header,
            rng: Prng::new(seed),
            lose: 0,
            lost: Vec::new(),
            by_event: [0; EVENT_COUNT],
            by_cpu: vec![0; cpus],
            first: None,
            last: start,
            bytes: 0,
            written: 0,
            error: None,
        })
    }

    /// Records one event of `cpu` at the clock value `cycles`; `fill` writes its fields.
    #[inline]
    pub(crate) fn event(&mut self, cpu: usize, ev: Ev, cycles: i64, fill: impl FnOnce(&mut Stream)) {
        let s = &mut self.streams[cpu];
        if s.losing > 0 {
            s.losing -= 1;
            s.discarded += 1;
            if let Some(lost) = self.lost.iter_mut().rfind(|lost| lost.cpu == cpu) {
                lost.count += 1;
                lost.last = cycles;
            }
            return;
        }
        if s.full {
            self.change_packet(cpu, cycles);
        }
        let s = &mut self.streams[cpu];
        if !s.open {
            s.open_packet(&self.uuid, cycles);
        }
        let start = s.pos;
        s.event_header(self.header, ev, cycles);
        let body = s.pos;
        fill(s);
        if s.pos > s.limit {
            let payload = s.buf[body..s.pos].to_vec();
            s.pos = start;
            if !self.overflow(cpu, cycles) {
                return;
            }
            let s = &mut self.streams[cpu];
            s.event_header(self.header, ev, cycles);
            s.bytes(&payload);
        }
        let s = &mut self.streams[cpu];
        s.last = cycles;
        self.bytes += u64::try_from(s.pos.saturating_sub(start)).unwrap_or(0);
        self.by_event[ev.index()] += 1;
        self.by_cpu[cpu] += 1;
        if self.first.is_none() {
            self.first = Some(cycles);
        }
        self.last = self.last.max(cycles);
    }

    /// The packet is full. Says whether the event that did not fit is to be recorded in the next one. If not,
    /// the packet stays open until there is room for another one, so it is this one's context that counts what
    /// was lost behind its last event (`lib_ring_buffer_try_reserve_slow` in LTTng's ring buffer).
    fn overflow(&mut self, cpu: usize, cycles: i64) -> bool {
        if self.lose > 0 && self.rng.one_in(2) {
            self.lose -= 1;
            let s = &mut self.streams[cpu];
            s.losing = u64::from(self.rng.between(50, 600));
            s.full = true;
            s.discarded += 1;
            self.lost.push(Lost { cpu, count: 1, first: cycles, last: cycles });
            return false;
        }
        self.change_packet(cpu, cycles);
        true
    }

    /// Closes a packet and opens the next one.
    fn change_packet(&mut self, cpu: usize, cycles: i64) {
        let s = &mut self.streams[cpu];
        match s.close_packet(cycles) {
            Ok(bytes) => self.written += bytes,
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        s.full = false;
        s.open_packet(&self.uuid, cycles);
    }

    /// Closes all packets at `end` and writes the index files.
    pub(crate) fn finish(&mut self, dir: &Path, end: i64) -> io::Result<()> {
        for (cpu, s) in self.streams.iter_mut().enumerate() {
            if !s.open {
                s.open_packet(&self.uuid, end);
            }
            self.written += s.close_packet(end)?;
            s.file.flush()?;
            std::fs::write(dir.join("index").join(format!("chan_{cpu}.idx")), &s.index)?;
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Events that were not recorded, over all CPUs.
    pub(crate) fn discarded(&self) -> u64 {
        self.streams.iter().map(|s| s.discarded).sum()
    }
}
