//! From blocks to the model: which event belongs to which stream, default ids, repeated ones, and the
//! linking and unfolding of all types.

use std::collections::hash_map::Entry;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::blocks::{Blocks, EventDecl, StreamDecl};
use super::build::Builder;
use super::packets::Text;
use super::parser::Parser;
use super::paths::{
    Context, EVENT_CONTEXT, EVENT_FIELDS, EVENT_HEADER, Groups, Linker, Links, Numbered, OF_EVENT, PACKET_CONTEXT,
    PACKET_HEADER, Roots, STREAM_EVENT_CONTEXT,
};
use super::report::{Fail, Report, Res, quote};
use super::types::{Names, Sym, Type};
use crate::ctf::model::{ByteOrder, EnvValue, EventType, Metadata, StreamType, StructType};

/// How many steps following all paths of a trace may take.
const MAX_STEPS: u64 = 50_000_000;
/// How many fields the model may hold. Metadata of real tracers has about one for every 50 bytes.
const MAX_NODES: u64 = 2_000_000;

/// Makes the model. Nothing without a usable trace block; problems go to the parser's report.
pub(super) fn assemble(p: &mut Parser<'_>, blocks: Blocks, text: &Text<'_>) -> Option<Metadata> {
    let Blocks { trace, env, clocks, streams, events, .. } = blocks;
    let Some(trace) = trace else {
        let what = "the metadata has no usable trace block".to_owned();
        p.report.error(&Fail { at: 0, what, found: String::new(), end: false }, "Without it the trace cannot be read");
        return None;
    };
    compare_with_packets(&mut p.report, trace.at, trace.byte_order, trace.uuid, text);
    let env_integers = env.iter().filter_map(|(name, value)| match value {
        EnvValue::Integer(value) => Some((p.names.intern(name), *value)),
        EnvValue::Text(_) => None,
    });
    let env_integers: FxHashMap<Sym, i128> = env_integers.collect();
    warn_of_unknown_clocks(p, &clocks);
    let clock = match &clocks[..] {
        [only] => Some(&only.name),
        _ => None,
    };

    let (streams, events) = distribute(&mut p.report, streams, events);
    let context = Context { names: &p.names, env: &env_integers, steps: MAX_STEPS };
    let mut unfold = Unfold { context, names: &p.names, clock, nodes: MAX_NODES };
    let packet_header = match unfold.packet_header(trace.at, trace.packet_header.as_ref()) {
        Ok(header) => header,
        Err(failure) => {
            p.report.error(&failure, "Without its packet header the trace cannot be read");
            return None;
        }
    };
    let streams = streams.iter().zip(&events).filter_map(|((id, stream), events)| {
        let roots: Roots<'_> = [
            trace.packet_header.as_ref(),
            stream.packet_context.as_ref(),
            stream.event_header.as_ref(),
            stream.event_context.as_ref(),
            None,
            None,
        ];
        match unfold.stream(&mut p.report, (*id, stream.at), roots, events) {
            Ok(stream) => Some(stream),
            Err(failure) => {
                p.report.error(&failure, "This stream class and its events are skipped; the others are used");
                None
            }
        }
    });
    let streams = streams.collect();
    Some(Metadata {
        version: trace.version,
        uuid: trace.uuid,
        byte_order: trace.byte_order,
        packet_header,
        env,
        clocks,
        streams,
    })
}

fn compare_with_packets(report: &mut Report<'_>, at: usize, order: ByteOrder, uuid: Option<[u8; 16]>, text: &Text<'_>) {
    if text.order.is_some_and(|packets| packets != order) {
        let what = "the metadata packets have another byte order than the trace block; the latter counts for the data";
        report.warn(at, what, String::new);
    }
    if uuid.is_some() && text.uuid.is_some() && text.uuid != uuid {
        report.warn(at, "the metadata packets have another UUID than the trace block", String::new);
    }
}

fn warn_of_unknown_clocks(p: &mut Parser<'_>, clocks: &[crate::ctf::model::ClockClass]) {
    let mut unknown: Vec<(usize, Sym)> = p.mapped.iter().map(|(&name, &at)| (at, name)).collect();
    unknown.retain(|&(_, name)| !clocks.iter().any(|c| c.name == *p.names.text(name)));
    unknown.sort_unstable_by_key(|&(at, _)| at);
    for (at, name) in unknown {
        let names = &p.names;
        p.report.warn(at, "an integer is mapped to a clock that is not declared", || quote(names.text(name)));
    }
}

/// Streams with their ids, and the events of each in order of declaration.
type Distributed = (Vec<(u64, StreamDecl)>, Vec<Vec<(u64, EventDecl)>>);

fn distribute(report: &mut Report<'_>, declared: Vec<StreamDecl>, events: Vec<EventDecl>) -> Distributed {
    let mut streams: Vec<(u64, StreamDecl)> = Vec::new();
    let mut by_id: FxHashMap<u64, usize> = FxHashMap::default();
    let several = declared.len() > 1;
    for stream in declared {
        if stream.id.is_none() && several {
            report.warn(stream.at, "one of several streams has no id; 0 was assumed", String::new);
        }
        let id = stream.id.unwrap_or(0);
        match by_id.entry(id) {
            Entry::Occupied(_) => {
                report
                    .warn(stream.at, "a stream is declared twice; the first declaration counts", || format!("id {id}"));
            }
            Entry::Vacant(free) => {
                free.insert(streams.len());
                streams.push((id, stream));
            }
        }
    }
    if streams.is_empty() && events.iter().any(|e| e.stream_id.is_none()) {
        // A trace of one stream class may leave it out if it has nothing to say about it.
        by_id.insert(0, 0);
        let at = 0;
        streams.push((0, StreamDecl { id: None, packet_context: None, event_header: None, event_context: None, at }));
    }
    let mut of_stream: Vec<Vec<(u64, EventDecl)>> = streams.iter().map(|_| Vec::new()).collect();
    let mut ids: FxHashMap<(usize, u64), ()> = FxHashMap::default();
    for event in events {
        let index = match event.stream_id {
            Some(id) => by_id.get(&id).copied(),
            None if streams.len() == 1 => Some(0),
            None => {
                let what = "an event does not say to which of several streams it belongs, and was ignored";
                report.warn(event.at, what, || quote(&event.name));
                continue;
            }
        };
        let Some(index) = index else {
            let what = "an event belongs to a stream that is not declared, and was ignored";
            let id = event.stream_id.unwrap_or(0);
            report.warn(event.at, what, || format!("{} of stream {id}", quote(&event.name)));
            continue;
        };
        let id = event.id.unwrap_or(0);
        if ids.insert((index, id), ()).is_some() {
            let what = match event.id {
                Some(_) => "two events of a stream have the same id; the first declaration counts",
                None => "one of several events has no id and was ignored",
            };
            report.warn(event.at, what, || format!("id {id}: {}", quote(&event.name)));
            continue;
        }
        of_stream[index].push((id, event));
    }
    (streams, of_stream)
}

/// Links and unfolds the types of one trace.
struct Unfold<'a> {
    context: Context<'a>,
    names: &'a Names,
    clock: Option<&'a std::sync::Arc<str>>,
    nodes: u64,
}

/// An event whose types are linked but not yet unfolded: its stream's slots must be numbered first.
struct Linked<'a> {
    id: u64,
    decl: &'a EventDecl,
    groups: Groups,
    context: Links,
    fields: Links,
}

impl<'a> Unfold<'a> {
    fn packet_header(&mut self, at: usize, root: Option<&'a Rc<Type>>) -> Res<Option<StructType>> {
        let roots = [root, None, None, None, None, None];
        let (mut stream, mut event) = (Groups::default(), Groups::default());
        let links = Linker::link(&mut self.context, roots, PACKET_HEADER, &mut stream, &mut event)?;
        self.scope(at, root, PACKET_HEADER, &links, &stream.number(0), &event.number(0))
    }

    fn scope(
        &mut self,
        at: usize,
        root: Option<&Rc<Type>>,
        scope: usize,
        links: &Links,
        stream: &Numbered,
        event: &Numbered,
    ) -> Res<Option<StructType>> {
        let Some(root) = root else { return Ok(None) };
        let nodes = &mut self.nodes;
        Builder { names: self.names, scope, links, stream, event, clock: self.clock, at, nodes }.structure(root)
    }

    fn stream(
        &mut self,
        report: &mut Report<'_>,
        (id, at): (u64, usize),
        roots: Roots<'a>,
        events: &'a [(u64, EventDecl)],
    ) -> Res<StreamType> {
        let mut groups = Groups::default();
        let mut links: [Links; OF_EVENT] = Default::default();
        for (scope, links) in links.iter_mut().enumerate() {
            *links = Linker::link(&mut self.context, roots, scope, &mut groups, &mut Groups::default())?;
        }
        let mut linked = Vec::with_capacity(events.len());
        for (id, decl) in events {
            match self.link_event(*id, decl, roots, &mut groups) {
                Ok(event) => linked.push(event),
                Err(failure) => report.error(&failure, "This event is skipped; the others are used"),
            }
        }
        let stream = groups.number(0);
        let none = Groups::default().number(0);
        let mut scope = |scope: usize| self.scope(at, roots[scope], scope, &links[scope], &stream, &none);
        let packet_header = scope(PACKET_HEADER)?;
        let packet_context = scope(PACKET_CONTEXT)?;
        let event_header = scope(EVENT_HEADER)?;
        let event_context = scope(STREAM_EVENT_CONTEXT)?;
        let solid = [EVENT_HEADER, STREAM_EVENT_CONTEXT].iter().any(|&s| roots[s].is_some_and(|root| root.solid));
        let mut slots = stream.end;
        let mut built = Vec::with_capacity(linked.len());
        for event in linked {
            match self.event(event, &stream, &mut slots, solid) {
                Ok(event) => built.push(event),
                Err(failure) => report.error(&failure, "This event is skipped; the others are used"),
            }
        }
        let slots = u16::try_from(slots).unwrap_or(u16::MAX);
        Ok(StreamType { id, packet_header, packet_context, event_header, event_context, events: built, slots })
    }

    fn link_event(
        &mut self,
        id: u64,
        decl: &'a EventDecl,
        mut roots: Roots<'a>,
        stream: &mut Groups,
    ) -> Res<Linked<'a>> {
        roots[EVENT_CONTEXT] = decl.context.as_ref();
        roots[EVENT_FIELDS] = decl.fields.as_ref();
        let mut groups = Groups::default();
        let context = Linker::link(&mut self.context, roots, EVENT_CONTEXT, stream, &mut groups)?;
        let fields = Linker::link(&mut self.context, roots, EVENT_FIELDS, stream, &mut groups)?;
        Ok(Linked { id, decl, groups, context, fields })
    }

    fn event(&mut self, event: Linked<'_>, stream: &Numbered, slots: &mut usize, solid: bool) -> Res<EventType> {
        let Linked { id, decl, groups, context, fields } = event;
        let own = groups.number(stream.end);
        let solid = solid || [&decl.context, &decl.fields].iter().any(|t| t.as_ref().is_some_and(|root| root.solid));
        if !solid {
            let what = format!("the event {} has no bits: it could be read without end", quote(&decl.name));
            return super::report::fail(decl.at, what);
        }
        let context = self.scope(decl.at, decl.context.as_ref(), EVENT_CONTEXT, &context, stream, &own)?;
        let fields = self.scope(decl.at, decl.fields.as_ref(), EVENT_FIELDS, &fields, stream, &own)?;
        *slots = (*slots).max(own.end);
        Ok(EventType { id, name: decl.name.clone(), log_level: decl.log_level, context, fields })
    }
}
