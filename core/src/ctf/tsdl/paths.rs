//! Follows the paths of lengths and tags to the fields that they mean (CTF 1.8.3 §7.3.2), and gives these
//! fields slots.
//!
//! A path is absolute if it begins with the name of a dynamic scope. Otherwise it is looked for in the
//! structure around its user, among the members before it, then in the structures around that one, then in
//! the scopes that are decoded before, the nearest first:
//!
//! ```text
//! packet header → packet context → event header → stream's event context → event's context → fields
//! ```

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::report::{Res, fail};
use super::types::{Fields, Kind, Names, Path, Sym, Type};
use crate::ctf::model::{Choice, EnumRange};

/// Dynamic scopes in order of decoding.
pub(super) const PACKET_HEADER: usize = 0;
pub(super) const PACKET_CONTEXT: usize = 1;
pub(super) const EVENT_HEADER: usize = 2;
pub(super) const STREAM_EVENT_CONTEXT: usize = 3;
pub(super) const EVENT_CONTEXT: usize = 4;
pub(super) const EVENT_FIELDS: usize = 5;
/// Scopes below this one belong to the stream class, the others to one event class.
pub(super) const OF_EVENT: usize = EVENT_CONTEXT;

/// The types of the scopes that are known at a place.
pub(super) type Roots<'a> = [Option<&'a Rc<Type>>; 6];

/// Prefixes of absolute paths. `event.context` is the event's own, or its stream's if it has none.
const PREFIXES: [(&[&str], usize); 10] = [
    (&["trace", "packet", "header"], PACKET_HEADER),
    (&["packet", "header"], PACKET_HEADER),
    (&["stream", "packet", "context"], PACKET_CONTEXT),
    (&["packet", "context"], PACKET_CONTEXT),
    (&["stream", "event", "header"], EVENT_HEADER),
    (&["event", "header"], EVENT_HEADER),
    (&["stream", "event", "context"], STREAM_EVENT_CONTEXT),
    (&["event", "context"], EVENT_CONTEXT),
    (&["event", "context"], STREAM_EVENT_CONTEXT),
    (&["event", "fields"], EVENT_FIELDS),
];

/// Prefixes that are tried if nothing else fits.
const SHORT_PREFIXES: [(&[&str], usize); 2] = [(&["context"], EVENT_CONTEXT), (&["fields"], EVENT_FIELDS)];

/// The fields that need slots: fields that one length or tag may mean (the same member of several options of
/// a variant) make one group with one slot.
#[derive(Default)]
pub(super) struct Groups {
    /// Union-find.
    parent: Vec<u32>,
    of_node: FxHashMap<(usize, u32), u32>,
}

impl Groups {
    fn root(&mut self, mut group: u32) -> u32 {
        while self.parent[group as usize] != group {
            let up = self.parent[self.parent[group as usize] as usize];
            self.parent[group as usize] = up;
            group = up;
        }
        group
    }

    fn join(&mut self, scope: usize, nodes: &[(u32, &Type)]) -> u32 {
        let mut all = None;
        for &(node, _) in nodes {
            let fresh = self.parent.len() as u32;
            let group = *self.of_node.entry((scope, node)).or_insert(fresh);
            if group == fresh {
                self.parent.push(fresh);
            }
            let group = self.root(group);
            let joined = all.map_or(group, |other: u32| other.min(group));
            self.parent[group as usize] = joined;
            if let Some(other) = all {
                self.parent[other as usize] = joined;
            }
            all = Some(joined);
        }
        all.unwrap_or(0)
    }

    /// Numbers the groups from `first` on, in the order in which they were met.
    pub(super) fn number(mut self, first: usize) -> Numbered {
        let mut of_root = FxHashMap::default();
        let of_group: Vec<usize> = (0..self.parent.len() as u32)
            .map(|group| {
                let root = self.root(group);
                let next = first + of_root.len();
                *of_root.entry(root).or_insert(next)
            })
            .collect();
        Numbered { end: first + of_root.len(), of_group, of_node: self.of_node }
    }
}

/// Groups with their slots' numbers.
pub(super) struct Numbered {
    /// Number after the last.
    pub(super) end: usize,
    of_group: Vec<usize>,
    of_node: FxHashMap<(usize, u32), u32>,
}

impl Numbered {
    /// Slot that a node fills.
    pub(super) fn of_node(&self, scope: usize, node: u32) -> Option<usize> {
        if self.of_node.is_empty() {
            return None;
        }
        self.of_node.get(&(scope, node)).map(|&group| self.of_group[group as usize])
    }

    /// Slot of a group.
    pub(super) fn of_group(&self, group: u32) -> usize {
        self.of_group[group as usize]
    }
}

/// What a length or a tag refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A group of the stream class.
    Stream(u32),
    /// A group of the event class.
    Event(u32),
}

/// What the path of a node leads to.
#[derive(Debug)]
pub(super) enum Link {
    /// A length from the environment.
    Fixed(u64),
    /// A length that is decoded.
    Length(Source),
    /// A tag that is decoded.
    Tag { source: Source, signed: bool, choices: Vec<Choice> },
}

/// Links of the nodes of one scope.
pub(super) type Links = FxHashMap<u32, Link>;

/// What all scopes of a trace have in common.
pub(super) struct Context<'a> {
    pub(super) names: &'a Names,
    /// Integers of the environment.
    pub(super) env: &'a FxHashMap<Sym, i128>,
    /// Steps that may still be taken. Every path takes a few; only text made to be slow takes millions.
    pub(super) steps: u64,
}

/// A structure around the place that is looked at: its members, its node, how many members come before.
struct Around<'a> {
    fields: &'a Fields,
    node: u32,
    before: usize,
}

/// Links one scope.
pub(super) struct Linker<'a, 'c> {
    context: &'c mut Context<'a>,
    roots: Roots<'a>,
    scope: usize,
    around: Vec<Around<'a>>,
    stream: &'c mut Groups,
    event: &'c mut Groups,
    links: Links,
}

/// Fields found: their scope and nodes.
type Found<'a> = (usize, Vec<(u32, &'a Type)>);

impl<'a, 'c> Linker<'a, 'c> {
    /// Links all lengths and tags of `scope`. Errors: one of them leads nowhere.
    pub(super) fn link(
        context: &'c mut Context<'a>,
        roots: Roots<'a>,
        scope: usize,
        stream: &'c mut Groups,
        event: &'c mut Groups,
    ) -> Res<Links> {
        let Some(root) = roots[scope].filter(|root| root.dynamic) else { return Ok(Links::default()) };
        let mut linker = Self { context, roots, scope, around: Vec::new(), stream, event, links: Links::default() };
        linker.visit(root, 0)?;
        Ok(linker.links)
    }

    fn visit(&mut self, ty: &'a Type, node: u32) -> Res<()> {
        if !ty.dynamic {
            return Ok(());
        }
        match &ty.kind {
            Kind::Struct(fields) => {
                self.around.push(Around { fields, node, before: 0 });
                for (i, (field, start)) in fields.list.iter().zip(&fields.starts).enumerate() {
                    if let Some(around) = self.around.last_mut() {
                        around.before = i;
                    }
                    self.visit(&field.ty, node + start)?;
                }
                self.around.pop();
                Ok(())
            }
            Kind::Array { element, .. } => self.visit(element, node + 1),
            Kind::Sequence { element, length } => {
                let link = self.length(length, node)?;
                self.links.insert(node, link);
                self.visit(element, node + 1)
            }
            Kind::Variant { tag, options, at } => {
                let Some(tag) = tag else { return fail(*at, "a variant is used without a tag") };
                let link = self.tag(tag, options, node)?;
                self.links.insert(node, link);
                options.list.iter().zip(&options.starts).try_for_each(|(o, start)| self.visit(&o.ty, node + start))
            }
            _ => Ok(()),
        }
    }

    fn length(&mut self, path: &Path, node: u32) -> Res<Link> {
        let names = self.context.names;
        if let [first, name] = path.parts[..]
            && &**names.text(first) == "env"
        {
            return self.env_length(name, path);
        }
        let Some((scope, fields)) = self.find(path, node)? else {
            if let [name] = path.parts[..]
                && self.context.env.contains_key(&name)
            {
                return self.env_length(name, path);
            }
            return fail(path.at, format!("a length refers to {}, which no field decoded before is", path.show(names)));
        };
        for (_, ty) in &fields {
            let int = match &ty.kind {
                Kind::Integer(int) => int,
                Kind::Enum { container, .. } => container,
                _ => return fail(path.at, format!("a length refers to {}, which is no integer", path.show(names))),
            };
            if int.signed {
                return fail(path.at, format!("a length refers to {}, which is signed", path.show(names)));
            }
        }
        Ok(Link::Length(self.source(scope, &fields)))
    }

    fn env_length(&self, name: Sym, path: &Path) -> Res<Link> {
        let length = self.context.env.get(&name).and_then(|&value| u64::try_from(value).ok());
        match length {
            Some(length) => Ok(Link::Fixed(length)),
            None => {
                let what = "a length refers to the environment's";
                fail(path.at, format!("{what} {}, which is no length", path.show(self.context.names)))
            }
        }
    }

    fn tag(&mut self, path: &Path, options: &Fields, node: u32) -> Res<Link> {
        let names = self.context.names;
        let Some((scope, fields)) = self.find(path, node)? else {
            return fail(path.at, format!("a tag refers to {}, which no field decoded before is", path.show(names)));
        };
        let mut first: Option<(bool, &[EnumRange], &[Sym])> = None;
        for (_, ty) in &fields {
            let Kind::Enum { container, ranges, labels } = &ty.kind else {
                return fail(path.at, format!("a tag refers to {}, which is no enumeration", path.show(names)));
            };
            match first {
                None => first = Some((container.signed, ranges, labels)),
                Some((signed, other, _)) if signed == container.signed && other == &ranges[..] => {}
                Some(_) => {
                    let what = "which are enumerations with different labels";
                    return fail(path.at, format!("a tag refers to {}, {what}", path.show(names)));
                }
            }
        }
        let (signed, ranges, labels) = first.unwrap_or_default();
        self.context.spend(ranges.len() as u64, path)?;
        let choices = ranges.iter().zip(labels).filter_map(|(range, &label)| {
            let option = options.find(names, label, options.list.len())?;
            Some(Choice { low: range.low, high: range.high, option })
        });
        let choices = choices.collect();
        Ok(Link::Tag { source: self.source(scope, &fields), signed, choices })
    }

    fn source(&mut self, scope: usize, fields: &[(u32, &Type)]) -> Source {
        if scope < OF_EVENT {
            Source::Stream(self.stream.join(scope, fields))
        } else {
            Source::Event(self.event.join(scope, fields))
        }
    }

    /// The fields that `path`, written at `node`, means.
    fn find(&mut self, path: &Path, node: u32) -> Res<Option<Found<'a>>> {
        if let Some(found) = self.absolute(path, node, &PREFIXES)? {
            return Ok(Some(found));
        }
        let mut fields = Vec::new();
        for level in (0..self.around.len()).rev() {
            let Around { fields: members, node, before } = self.around[level];
            self.context.member(members, node, before, &path.parts, path, &mut fields)?;
            if !fields.is_empty() {
                return Ok(Some((self.scope, fields)));
            }
        }
        for scope in (0..self.scope).rev() {
            if let Some(root) = self.roots[scope] {
                self.context.descend(root, 0, &path.parts, path, &mut fields)?;
                if !fields.is_empty() {
                    return Ok(Some((scope, fields)));
                }
            }
        }
        self.absolute(path, node, &SHORT_PREFIXES)
    }

    fn absolute(&mut self, path: &Path, node: u32, prefixes: &[(&[&str], usize)]) -> Res<Option<Found<'a>>> {
        let names = self.context.names;
        for &(prefix, scope) in prefixes {
            let fits = prefix.len() < path.parts.len()
                && prefix.iter().zip(&path.parts).all(|(&word, &part)| &**names.text(part) == word);
            let Some(root) = self.roots[scope].filter(|_| fits) else { continue };
            let mut fields = Vec::new();
            self.context.descend(root, 0, &path.parts[prefix.len()..], path, &mut fields)?;
            if fields.is_empty() {
                continue;
            }
            if scope > self.scope || scope == self.scope && fields.iter().any(|f| f.0 >= node) {
                let path_text = path.show(names);
                return fail(path.at, format!("a length or tag refers to {path_text}, which is decoded later"));
            }
            return Ok(Some((scope, fields)));
        }
        Ok(None)
    }
}

impl<'a> Context<'a> {
    fn spend(&mut self, steps: u64, path: &Path) -> Res<()> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => fail(path.at, "the metadata refers to fields in too many ways"),
        }
    }

    /// Follows `parts` from the first `before` of `fields`, which belong to `node`.
    fn member(
        &mut self,
        fields: &'a Fields,
        node: u32,
        before: usize,
        parts: &[Sym],
        path: &Path,
        found: &mut Vec<(u32, &'a Type)>,
    ) -> Res<()> {
        self.spend(1, path)?;
        let Some((&first, rest)) = parts.split_first() else { return Ok(()) };
        match fields.find(self.names, first, before) {
            Some(i) => self.descend(&fields.list[i].ty, node + fields.starts[i], rest, path, found),
            None => Ok(()),
        }
    }

    /// Follows `parts` from `ty`: through arrays without a step, and through variants either by the name of an
    /// option or, without one, through every option that has what is asked for.
    fn descend(
        &mut self,
        ty: &'a Type,
        node: u32,
        parts: &[Sym],
        path: &Path,
        found: &mut Vec<(u32, &'a Type)>,
    ) -> Res<()> {
        self.spend(1, path)?;
        match &ty.kind {
            Kind::Array { element, .. } | Kind::Sequence { element, .. } if !parts.is_empty() => {
                self.descend(element, node + 1, parts, path, found)
            }
            Kind::Struct(fields) if !parts.is_empty() => {
                self.member(fields, node, fields.list.len(), parts, path, found)
            }
            Kind::Variant { options, .. } => {
                let already = found.len();
                self.member(options, node, options.list.len(), parts, path, found)?;
                if found.len() > already {
                    return Ok(());
                }
                options
                    .list
                    .iter()
                    .zip(&options.starts)
                    .try_for_each(|(option, start)| self.descend(&option.ty, node + start, parts, path, found))
            }
            _ if parts.is_empty() => {
                found.push((node, ty));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
