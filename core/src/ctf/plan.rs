//! What decoding needs to know of a stream class, compiled once when the trace opens.

use rustc_hash::FxHashMap;

use super::bind::{self, Bound, CPU, FIELDS, TID, Tracer};
use super::bits::align_up;
use super::clock::Conversion;
use super::compile::{Compiler, Known, Wish};
use super::header::LttngHeader;
use super::machine::{MarkLength, NOWHERE, Op, REGISTERS, Role};
use super::model::{ByteOrder, ClockClass, EventType, FieldType, IntegerType, Metadata, Slot, StreamType, StructType};
use super::typed::Register;

/// Ids up to here are looked up in a table, larger ones in a map.
const DENSE_IDS: u64 = 1 << 17;
/// [`Hot::bits`] of a class whose events differ in size.
pub(crate) const VARIABLE: u32 = u32::MAX;
/// [`Hot::class`] of an id that no class has.
pub(crate) const NO_CLASS: u32 = u32::MAX;

/// What stepping over an event of one id needs: kept small, because every event asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hot {
    /// Size of the body in bits, or [`VARIABLE`].
    pub(crate) bits: u32,
    /// Alignment of the body less one.
    pub(crate) align_mask: u32,
    /// The class within its stream class, or [`NO_CLASS`].
    pub(crate) class: u32,
}

// Variable, so that events of fixed size need not ask whether they have a class.
const UNKNOWN: Hot = Hot { bits: VARIABLE, align_mask: 0, class: NO_CLASS };

/// How the typed event of a class is found in its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) bound: Bound,
    pub(crate) prio_shift: i16,
    pub(crate) registers: [Register; REGISTERS],
    /// Places relative to the aligned begin of the body, if the layout is fixed.
    pub(crate) fixed: Option<[u64; REGISTERS]>,
    /// Lengths of texts in a fixed layout.
    pub(crate) length: [u64; REGISTERS],
    /// Steps over the body and marks the fields, if it is not.
    pub(crate) ops: Box<[Op]>,
}

/// A class of events.
#[derive(Clone, Debug)]
pub(crate) struct ClassPlan {
    /// Steps over context and payload.
    pub(crate) ops: Box<[Op]>,
    pub(crate) binding: Option<Binding>,
    /// Register and steps for the CPU that each event names itself.
    pub(crate) cpu: Option<(Register, Box<[Op]>)>,
    /// Fields that the typed event needs and that are not there.
    pub(crate) missing: Vec<&'static str>,
}

/// Packet header and packet context.
#[derive(Clone, Debug, Default)]
pub(crate) struct PacketPlan {
    pub(crate) header: Box<[Op]>,
    pub(crate) context: Box<[Op]>,
    pub(crate) has_magic: bool,
    /// Place of the uuid in the header, in bits.
    pub(crate) uuid: Option<u64>,
    pub(crate) begin_bits: Option<u8>,
    pub(crate) discarded_bits: u32,
}

/// A stream class.
#[derive(Clone, Debug)]
pub(crate) struct StreamPlan {
    pub(crate) packet: PacketPlan,
    /// Event header by hand, if it is LTTng's.
    pub(crate) lttng: Option<LttngHeader>,
    /// Event header by the machine.
    pub(crate) header: Box<[Op]>,
    /// Whether the header carries an id.
    pub(crate) has_id: bool,
    /// Whether anything carries the time; otherwise the clock counts events.
    pub(crate) timed: bool,
    pub(crate) conversion: Conversion,
    hot: Vec<Hot>,
    far: FxHashMap<u64, Hot>,
    pub(crate) classes: Vec<ClassPlan>,
    /// Number of the trace's class that this stream class's class 0 is.
    pub(crate) first_class: u32,
    pub(crate) slots: u16,
}

impl StreamPlan {
    /// How to step over an event of that id.
    #[inline(always)]
    pub(crate) fn hot(&self, id: u64) -> Hot {
        match self.hot.get(id as usize) {
            Some(hot) => *hot,
            None => self.far.get(&id).copied().unwrap_or(UNKNOWN),
        }
    }

    /// How to step over an event whose header has no id: there is one class.
    pub(crate) fn only(&self) -> Hot {
        self.hot.iter().copied().find(|h| h.class == 0).or_else(|| self.far.values().next().copied()).unwrap_or(UNKNOWN)
    }

    /// Compiles a stream class. `trace_origin_ns` is the zero of the trace's axis.
    pub(crate) fn new(metadata: &Metadata, stream: &StreamType, first_class: u32, trace_origin_ns: i128) -> Self {
        let tracer = Tracer::of(metadata);
        let one_clock = metadata.clocks.len() <= 1;
        let packet = packet_plan(stream, one_clock);
        let (header, known, has_id, header_timed) = header_plan(stream, one_clock);
        let used = used_slots(stream);
        let lttng = stream.event_header.as_ref().and_then(|h| LttngHeader::recognise(h, &used));
        let clock = stream_clock(metadata, stream);
        let timed = header_timed || packet.begin_bits.is_some();
        let conversion = match clock {
            Some(clock) if timed => Conversion::new(clock, trace_origin_ns),
            _ => Conversion::identity(),
        };
        let mut plan = Self {
            packet,
            lttng,
            header,
            has_id,
            timed,
            conversion,
            hot: Vec::new(),
            far: FxHashMap::default(),
            classes: Vec::with_capacity(stream.events.len()),
            first_class,
            slots: stream.slots,
        };
        for event in &stream.events {
            plan.add_class(tracer, stream, event, known);
        }
        plan
    }

    fn add_class(&mut self, tracer: Tracer, stream: &StreamType, event: &EventType, known: Known) {
        let ops = body(stream, event, known, &mut |_, _, _| None);
        let (bits, align_mask) = match fixed_size(&ops) {
            Some((align, bits)) => (u32::try_from(bits).unwrap_or(VARIABLE), (align - 1) as u32),
            None => (VARIABLE, 0),
        };
        let class = self.classes.len() as u32;
        let hot = Hot { bits, align_mask, class };
        if event.id < DENSE_IDS {
            let n = event.id as usize;
            if self.hot.len() <= n {
                self.hot.resize(n + 1, UNKNOWN);
            }
            self.hot[n] = hot;
        } else {
            self.far.insert(event.id, hot);
        }
        let mut missing = Vec::new();
        let binding = bind::find(tracer, &event.name)
            .and_then(|bound| binding(tracer, bound, stream, event, known, &mut missing));
        self.classes.push(ClassPlan { ops, binding, cpu: cpu_plan(tracer, stream, event, known), missing });
    }
}

/// Where a body's field is looked for: in a context or in the payload.
type Ask<'a> = dyn FnMut(bool, &[&str], &FieldType) -> Option<u8> + 'a;

/// Compiles contexts and payload of an event; `ask` gives registers to fields.
fn body(stream: &StreamType, event: &EventType, known: Known, ask: &mut Ask<'_>) -> Box<[Op]> {
    let parts =
        [(stream.event_context.as_ref(), false), (event.context.as_ref(), false), (event.fields.as_ref(), true)];
    let in_payload = std::cell::Cell::new(false);
    let mut wishes = |path: &[&str], ty: &FieldType| Wish {
        register: ask(in_payload.get(), path, ty),
        role: None,
        clock: integer(ty).is_some_and(|i| i.clock.is_some()),
    };
    let mut compiler = Compiler::new(known, &mut wishes);
    for (structure, payload) in parts {
        in_payload.set(payload);
        if let Some(structure) = structure {
            compiler.structure(structure);
        }
    }
    compiler.finish()
}

/// Alignment and size of a body that is the same for all events; marks do not matter.
fn fixed_size(ops: &[Op]) -> Option<(u64, u64)> {
    let (mut align, mut bits) = (1, 0u64);
    for (n, op) in ops.iter().enumerate() {
        match op {
            Op::Align(a) if n == 0 && *a <= 1 << 20 => align = *a,
            Op::Skip(more) => bits = bits.checked_add(*more)?,
            Op::Mark { length: MarkLength::None | MarkLength::Bytes(_), .. } => {}
            _ => return None,
        }
    }
    Some((align, bits))
}

/// Places and lengths of the marks of a fixed layout.
fn fixed_places(ops: &[Op]) -> Option<([u64; REGISTERS], [u64; REGISTERS])> {
    fixed_size(ops)?;
    let mut at = [NOWHERE; REGISTERS];
    let mut lengths = [0; REGISTERS];
    let mut position = 0;
    for op in ops {
        match op {
            Op::Skip(bits) => position += bits,
            Op::Mark { register, length } => {
                at[usize::from(*register)] = position;
                if let MarkLength::Bytes(bytes) = length {
                    lengths[usize::from(*register)] = *bytes;
                }
            }
            _ => {}
        }
    }
    Some((at, lengths))
}

fn binding(
    tracer: Tracer,
    bound: Bound,
    stream: &StreamType,
    event: &EventType,
    known: Known,
    missing: &mut Vec<&'static str>,
) -> Option<Binding> {
    let mut registers = [Register::default(); REGISTERS];
    let mut found = [false; REGISTERS];
    let ops = body(stream, event, known, &mut |payload, path, ty| {
        let wanted = |want: &bind::Want| payload && want.matches(tracer, path);
        let n = if bind::is_context_tid(tracer, payload, path) {
            TID
        } else if bind::is_event_cpu(tracer, payload, path) {
            CPU
        } else {
            bound.rule.fields.iter().take(FIELDS).position(wanted)?
        };
        let register = register_of(ty);
        // The same field may be in several options of a variant (IPv4, IPv6); it must be read alike.
        if found[n] && registers[n] != register {
            return None;
        }
        (registers[n], found[n]) = (register, true);
        Some(n as u8)
    });
    let lacking = bound.rule.fields.iter().zip(found).filter(|(w, found)| w.required && !found);
    missing.extend(lacking.map(|(w, _)| w.names(tracer)));
    if !missing.is_empty() {
        return None;
    }
    let places = fixed_places(&ops);
    Some(Binding {
        bound,
        prio_shift: if tracer == Tracer::Lttng { 100 } else { 0 },
        registers,
        fixed: places.map(|(at, _)| at),
        length: places.map_or([0; REGISTERS], |(_, lengths)| lengths),
        ops,
    })
}

fn cpu_plan(tracer: Tracer, stream: &StreamType, event: &EventType, known: Known) -> Option<(Register, Box<[Op]>)> {
    let mut register = None;
    let ops = body(stream, event, known, &mut |payload, path, ty| {
        if register.is_some() || !bind::is_event_cpu(tracer, payload, path) {
            return None;
        }
        register = Some(register_of(ty));
        Some(CPU as u8)
    });
    register.map(|r| (r, ops))
}

fn register_of(ty: &FieldType) -> Register {
    integer(ty).map_or_else(Register::default, |i| Register {
        bits: i.bits,
        signed: i.signed,
        big: i.order == ByteOrder::Big,
    })
}

fn integer(ty: &FieldType) -> Option<&IntegerType> {
    match ty {
        FieldType::Integer(i) => Some(i),
        FieldType::Enum(e) => Some(&e.container),
        _ => None,
    }
}

fn packet_plan(stream: &StreamType, one_clock: bool) -> PacketPlan {
    let mut plan = PacketPlan { discarded_bits: 64, ..PacketPlan::default() };
    let mut known = Known::BEGIN;
    if let Some(header) = &stream.packet_header {
        plan.uuid = uuid_place(header);
        (plan.header, known) = packet_header(header, &mut plan.has_magic);
    }
    if let Some(context) = &stream.packet_context {
        let mut wishes = |path: &[&str], ty: &FieldType| {
            let (Some(int), [name]) = (integer(ty), path) else { return Wish::default() };
            let role = match *name {
                "content_size" => Some(Role::ContentSize),
                "packet_size" => Some(Role::PacketSize),
                "timestamp_begin" => Some(Role::Begin),
                "timestamp_end" => Some(Role::End),
                "events_discarded" => Some(Role::Discarded),
                "packet_seq_num" => Some(Role::Sequence),
                "cpu_id" => Some(Role::CpuId),
                _ => None,
            };
            let mapped = int.clock.is_some() || one_clock && role == Some(Role::Begin);
            match role {
                Some(Role::Begin) => plan.begin_bits = Some(int.bits),
                Some(Role::Discarded) => plan.discarded_bits = u32::from(int.bits),
                _ => {}
            }
            Wish { register: None, role, clock: mapped && role != Some(Role::End) }
        };
        let mut compiler = Compiler::new(known, &mut wishes);
        compiler.structure(context);
        plan.context = compiler.finish();
    }
    plan
}

/// Compiles a packet header: what any packet begins with, whatever its stream class.
pub(crate) fn packet_header(header: &StructType, has_magic: &mut bool) -> (Box<[Op]>, Known) {
    let mut wishes = |path: &[&str], _: &FieldType| {
        let role = match path {
            ["magic"] => Some(Role::Magic),
            ["stream_id"] => Some(Role::StreamId),
            ["stream_instance_id"] => Some(Role::StreamInstance),
            _ => None,
        };
        *has_magic |= role == Some(Role::Magic);
        Wish { register: None, role, clock: false }
    };
    let mut compiler = Compiler::new(Known::BEGIN, &mut wishes);
    compiler.structure(header);
    let known = compiler.known;
    (compiler.finish(), known)
}

/// Where the 16 bytes `uuid` of a packet header are, if all before them is fixed.
pub(crate) fn uuid_place(header: &StructType) -> Option<u64> {
    let mut position = 0;
    for member in &header.members {
        position = align_up(position, u64::from(member.ty.align()));
        match &member.ty {
            FieldType::Array { length: 16, element } if &*member.name == "uuid" && integer(element)?.bits == 8 => {
                return (position % 8 == 0).then_some(position);
            }
            ty => position += u64::from(integer(ty)?.bits),
        }
    }
    None
}

/// Ops of the event header, what is known behind it, whether it has an id and whether it has a time.
fn header_plan(stream: &StreamType, one_clock: bool) -> (Box<[Op]>, Known, bool, bool) {
    // An event may begin at any bit.
    let start = Known::multiple_of(1);
    let Some(header) = &stream.event_header else { return (Box::default(), start, false, false) };
    let (mut has_id, mut timed) = (false, false);
    let mut wishes = |path: &[&str], ty: &FieldType| {
        let name = path.last().copied().unwrap_or("");
        let Some(int) = integer(ty) else { return Wish::default() };
        let is_id = name == "id";
        let clock = int.clock.is_some() || one_clock && name == "timestamp";
        has_id |= is_id;
        timed |= clock;
        Wish { register: None, role: is_id.then_some(Role::EventId), clock }
    };
    let mut compiler = Compiler::new(start, &mut wishes);
    compiler.structure(header);
    let known = compiler.known;
    (compiler.finish(), known, has_id, timed)
}

/// The clock of a stream class: the first that an event header, else a packet context is mapped to.
pub(crate) fn stream_clock<'m>(metadata: &'m Metadata, stream: &StreamType) -> Option<&'m ClockClass> {
    let mut names = Vec::new();
    for structure in [&stream.event_header, &stream.packet_context].into_iter().flatten() {
        for member in &structure.members {
            visit(&member.ty, &mut |ty| names.extend(integer(ty).and_then(|i| i.clock.clone())));
        }
    }
    match names.first() {
        Some(name) => metadata.clocks.iter().find(|c| c.name == *name),
        None if metadata.clocks.len() == 1 => metadata.clocks.first(),
        None => None,
    }
}

fn visit<'t>(ty: &'t FieldType, seen: &mut dyn FnMut(&'t FieldType)) {
    seen(ty);
    match ty {
        FieldType::Struct(s) => s.members.iter().for_each(|m| visit(&m.ty, seen)),
        FieldType::Variant(v) => v.options.iter().for_each(|m| visit(&m.ty, seen)),
        FieldType::Array { element, .. } | FieldType::Sequence { element, .. } => visit(element, seen),
        _ => {}
    }
}

/// Slots that contexts and payloads refer to.
fn used_slots(stream: &StreamType) -> Vec<Slot> {
    let mut used = Vec::new();
    let events = stream.events.iter().flat_map(|e| [&e.context, &e.fields]);
    for structure in events.chain([&stream.event_context]).flatten() {
        for member in &structure.members {
            visit(&member.ty, &mut |ty| match ty {
                FieldType::Sequence { length, .. } => used.push(*length),
                FieldType::Variant(v) => used.push(v.tag),
                _ => {}
            });
        }
    }
    used
}
