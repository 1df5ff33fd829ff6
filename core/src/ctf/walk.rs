//! Walking over the events of one packet: the loop that everything else is built on.
//!
//! What is done with each event is a [`Visit`], compiled into the loop. Position and clock live in registers;
//! the machine is only asked for what has no fixed size.

use super::header::LttngHeader;
use super::machine::{Fault, Machine, Role};
use super::model::ByteOrder;
use super::plan::{Hot, NO_CLASS, StreamPlan, VARIABLE};

/// A packet's bytes and where its content ends.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    /// From the packet's begin on; may reach further than the packet.
    pub(crate) bytes: &'a [u8],
    /// End of the content in bits, within `bytes`.
    pub(crate) end: u64,
}

/// Where a walk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bits from the packet's begin.
    pub(crate) position: u64,
    pub(crate) clock: u64,
}

/// An event whose header was read.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// Before the header.
    pub(crate) start: Place,
    /// Behind the header: begin of the body, and the event's time.
    pub(crate) body: Place,
    pub(crate) hot: Hot,
}

/// What to do after an event.
pub(crate) enum Step {
    /// Go on behind it.
    Next,
    /// Stop in front of it.
    Pause,
}

/// Looks at events.
pub(crate) trait Visit {
    /// Decides, knowing the header only.
    fn pause(&self) -> Step;

    /// Is told of an event that is whole.
    fn event(&mut self, seen: &Seen);

    /// Looks into the body, before [`Visit::event`]. A body of fixed size is known to be whole. Over one of
    /// variable size the visitor may step itself and return where it ends; `None`: step over it as usual.
    #[inline(always)]
    fn look(&mut self, _: &mut Machine, _: &Content<'_>, _: &Seen) -> Option<Result<u64, Fault>> {
        None
    }
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// At the content's end.
    Packet,
    /// Because the visitor wanted it.
    Paused,
    /// At an event that cannot be read: `place` is in front of it.
    Fault(Fault),
}

/// Walks from `place` on. The machine has the slots of the packet's header and context.
pub(crate) fn walk<V: Visit>(
    plan: &StreamPlan,
    machine: &mut Machine,
    content: &Content<'_>,
    place: &mut Place,
    visit: &mut V,
) -> Ended {
    if let Some(header) = &plan.lttng {
        let ended = match (header.large, header.order) {
            (false, ByteOrder::Little) => fast::<false, false, V>(plan, header, machine, content, place, visit),
            (false, ByteOrder::Big) => fast::<false, true, V>(plan, header, machine, content, place, visit),
            (true, ByteOrder::Little) => fast::<true, false, V>(plan, header, machine, content, place, visit),
            (true, ByteOrder::Big) => fast::<true, true, V>(plan, header, machine, content, place, visit),
        };
        if let Some(ended) = ended {
            return ended;
        }
    }
    slow(plan, machine, content, place, visit)
}

/// LTTng's headers; `None` where so few bytes are left that the machine must go on.
#[inline(never)]
fn fast<const LARGE: bool, const BIG: bool, V: Visit>(
    plan: &StreamPlan,
    header: &LttngHeader,
    machine: &mut Machine,
    content: &Content<'_>,
    place: &mut Place,
    visit: &mut V,
) -> Option<Ended> {
    let Place { mut position, mut clock } = *place;
    let header = *header;
    let ended = loop {
        if position >= content.end {
            break Some(Ended::Packet);
        }
        if let Step::Pause = visit.pause() {
            break Some(Ended::Paused);
        }
        let Some(head) = header.read::<LARGE, BIG>(content.bytes, position, clock) else { break None };
        if head.after > content.end {
            break Some(Ended::Fault(Fault::Short));
        }
        let seen = Seen {
            start: Place { position, clock },
            body: Place { position: head.after, clock: head.clock },
            hot: plan.hot(head.id),
        };
        match step(plan, machine, content, &seen, head.id, visit) {
            Ok(next) => {
                visit.event(&seen);
                position = next.position;
                clock = next.clock;
            }
            Err(fault) => break Some(Ended::Fault(fault)),
        }
    };
    *place = Place { position, clock };
    ended
}

/// Any header.
#[inline(never)]
fn slow<V: Visit>(
    plan: &StreamPlan,
    machine: &mut Machine,
    content: &Content<'_>,
    place: &mut Place,
    visit: &mut V,
) -> Ended {
    loop {
        if place.position >= content.end {
            return Ended::Packet;
        }
        if let Step::Pause = visit.pause() {
            return Ended::Paused;
        }
        let (seen, id) = match head(plan, machine, content, *place) {
            Ok(head) => head,
            Err(fault) => return Ended::Fault(fault),
        };
        match step(plan, machine, content, &seen, id, visit) {
            Ok(next) if next.position == place.position => return Ended::Fault(Fault::Empty),
            Ok(mut next) => {
                visit.event(&seen);
                if !plan.timed {
                    // Without time, the clock counts events.
                    next.clock = next.clock.wrapping_add(1);
                }
                *place = next;
            }
            Err(fault) => return Ended::Fault(fault),
        }
    }
}

/// Reads a header with the machine.
fn head(plan: &StreamPlan, machine: &mut Machine, content: &Content<'_>, place: Place) -> Result<(Seen, u64), Fault> {
    machine.clock = place.clock;
    machine.forget_roles();
    let after = machine.run(content.bytes, content.end, place.position, &plan.header)?;
    let (hot, id) = if plan.has_id {
        let id = machine.role(Role::EventId).unwrap_or(0);
        (plan.hot(id), id)
    } else {
        (plan.only(), 0)
    };
    Ok((Seen { start: place, body: Place { position: after, clock: machine.clock }, hot }, id))
}

/// Steps over a body.
#[inline(always)]
fn step<V: Visit>(
    plan: &StreamPlan,
    machine: &mut Machine,
    content: &Content<'_>,
    seen: &Seen,
    id: u64,
    visit: &mut V,
) -> Result<Place, Fault> {
    let Place { position, mut clock } = seen.body;
    let hot = seen.hot;
    if hot.bits != VARIABLE {
        let mask = u64::from(hot.align_mask);
        let next = ((position + mask) & !mask) + u64::from(hot.bits);
        if next > content.end {
            return Err(Fault::Short);
        }
        if let Some(Err(fault)) = visit.look(machine, content, seen) {
            return Err(fault);
        }
        return Ok(Place { position: next, clock });
    }
    if hot.class == NO_CLASS {
        return Err(Fault::UnknownId(id));
    }
    machine.clock = clock;
    let next = match visit.look(machine, content, seen) {
        Some(next) => next?,
        None => match plan.classes.get(hot.class as usize) {
            Some(class) => machine.run(content.bytes, content.end, position, &class.ops)?,
            None => return Err(Fault::UnknownId(id)),
        },
    };
    clock = machine.clock;
    Ok(Place { position: next, clock })
}

/// First and last event of what was walked over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first: Option<u64>,
    pub(crate) last: u64,
}

impl Visit for Extent {
    #[inline(always)]
    fn pause(&self) -> Step {
        Step::Next
    }

    #[inline(always)]
    fn event(&mut self, seen: &Seen) {
        self.first.get_or_insert(seen.body.clock);
        self.last = seen.body.clock;
    }
}
