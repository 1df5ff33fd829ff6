//! Types as declared: shared by every use, paths not yet followed. The parser makes them, [`super::paths`]
//! links lengths and tags to the fields they mean, and [`super::build`] copies them into the model.
//!
//! Every use of a type is a *node* of the tree that unfolding it would give. Nodes are numbered in order of
//! decoding, a parent before its members, so that node numbers can be computed without unfolding:
//!
//! ```text
//! struct { a; struct { b; c; } d; e[n]; }        0
//!          a 1   d 2 (b 3, c 4)   e 5 (element 6)      weight 7
//! ```

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::report::{Res, fail, quote};
use crate::ctf::model::{ByteOrder, Encoding, EnumRange, IntegerType};

/// How deep types may nest, through aliases and dimensions as well as through braces.
pub(super) const MAX_DEPTH: u16 = 128;
/// How many nodes one type may unfold to; also how many labels an enumeration may have.
pub(super) const MAX_WEIGHT: u32 = 1_000_000;
/// From how many members on a structure has a hash table of their names.
const INDEX_FROM: usize = 16;

/// A name, by its number in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sym(u32);

/// The bare form of a name that nobody wrote yet.
const UNKNOWN: Sym = Sym(u32::MAX);

/// All names of a metadata stream, each stored once.
#[derive(Default)]
pub(super) struct Names {
    by_text: FxHashMap<Arc<str>, Sym>,
    texts: Vec<Arc<str>>,
    /// The name without one leading `_`; itself if it has none.
    bare: Vec<Sym>,
}

impl Names {
    /// The number of `text`.
    pub(super) fn intern(&mut self, text: &str) -> Sym {
        let sym = self.number(text);
        if self.bare[sym.0 as usize] == UNKNOWN {
            let bare = match text.strip_prefix('_') {
                Some(rest) if !rest.is_empty() => self.number(rest),
                _ => sym,
            };
            self.bare[sym.0 as usize] = bare;
        }
        sym
    }

    /// Like `intern`, but leaves the bare form open: a million underscores must not become a million names.
    fn number(&mut self, text: &str) -> Sym {
        if let Some(&sym) = self.by_text.get(text) {
            return sym;
        }
        let sym = Sym(self.texts.len() as u32);
        let text: Arc<str> = Arc::from(text);
        self.by_text.insert(Arc::clone(&text), sym);
        self.texts.push(text);
        self.bare.push(UNKNOWN);
        sym
    }

    /// The text of a name.
    pub(super) fn text(&self, sym: Sym) -> &Arc<str> {
        &self.texts[sym.0 as usize]
    }

    /// The name without one leading `_`.
    pub(super) fn bare(&self, sym: Sym) -> Sym {
        self.bare[sym.0 as usize]
    }
}

/// A reference to a field, as written.
#[derive(Debug)]
pub(super) struct Path {
    /// Its components.
    pub(super) parts: Vec<Sym>,
    /// Offset in the text.
    pub(super) at: usize,
}

impl Path {
    /// As it would be written with dots, for messages.
    pub(super) fn show(&self, names: &Names) -> String {
        let parts: Vec<&str> = self.parts.iter().take(8).map(|&p| &**names.text(p)).collect();
        quote(&parts.join("."))
    }
}

/// A member of a structure or an option of a variant.
#[derive(Debug)]
pub(super) struct Field {
    /// Name as written.
    pub(super) name: Sym,
    /// Its type.
    pub(super) ty: Rc<Type>,
    /// Offset of the name in the text.
    pub(super) at: usize,
}

/// Members of a structure or options of a variant.
#[derive(Debug)]
pub(super) struct Fields {
    /// In order of declaration.
    pub(super) list: Vec<Field>,
    /// Node number of each, relative to the parent's.
    pub(super) starts: Vec<u32>,
    /// First index of each name, as written and bare; only if there are many.
    index: Option<Box<[FxHashMap<Sym, u32>; 2]>>,
}

impl Fields {
    fn new(list: Vec<Field>, names: &Names) -> Self {
        let mut next = 1u32;
        let mut starts = Vec::with_capacity(list.len());
        for field in &list {
            starts.push(next);
            next = next.saturating_add(field.ty.weight);
        }
        let index = (list.len() > INDEX_FROM).then(|| {
            let mut maps = Box::new([FxHashMap::default(), FxHashMap::default()]);
            for (i, field) in list.iter().enumerate() {
                maps[0].entry(field.name).or_insert(i as u32);
                maps[1].entry(names.bare(field.name)).or_insert(i as u32);
            }
            maps
        });
        Self { list, starts, index }
    }

    fn first(&self, names: &Names, wanted: Sym, bare: bool, before: usize) -> Option<usize> {
        if let Some(maps) = &self.index {
            return maps[usize::from(bare)].get(&wanted).map(|&i| i as usize).filter(|&i| i < before);
        }
        let name = |f: &Field| if bare { names.bare(f.name) } else { f.name };
        self.list[..before.min(self.list.len())].iter().position(|f| name(f) == wanted)
    }

    /// The member among the first `before` that `wanted` means: the same name, or the same but for one
    /// leading underscore, which tracers add to escape keywords (CTF 1.8.3 §7.3).
    pub(super) fn find(&self, names: &Names, wanted: Sym, before: usize) -> Option<usize> {
        let bare = names.bare(wanted);
        self.first(names, wanted, false, before)
            .or_else(|| self.first(names, bare, true, before))
            .or_else(|| self.first(names, wanted, true, before))
            .or_else(|| self.first(names, bare, false, before))
    }

    /// A member that repeats the name of an earlier one.
    pub(super) fn duplicate(&self, names: &Names) -> Option<&Field> {
        let mut fields = self.list.iter().enumerate();
        fields.find(|&(i, f)| self.first(names, f.name, false, i).is_some()).map(|(_, f)| f)
    }
}

/// What a type is.
#[derive(Debug)]
pub(super) enum Kind {
    /// An integer; its slot is never set here.
    Integer(IntegerType),
    /// A floating-point number.
    Float { bits: u8, align: u32, order: ByteOrder },
    /// An enumeration, with its labels' names in the order of `ranges`.
    Enum { container: IntegerType, ranges: Arc<[EnumRange]>, labels: Rc<[Sym]> },
    /// Text.
    String(Encoding),
    /// A structure.
    Struct(Fields),
    /// Fixed number of elements.
    Array { element: Rc<Type>, length: u64, at: usize },
    /// Number of elements by path.
    Sequence { element: Rc<Type>, length: Path },
    /// Options by path; none yet if it is a variant to be used with a tag.
    Variant { tag: Option<Rc<Path>>, options: Rc<Fields>, at: usize },
}

/// A type with what follows from its parts.
#[derive(Debug)]
pub(super) struct Type {
    /// What it is.
    pub(super) kind: Kind,
    /// Alignment in bits.
    pub(super) align: u32,
    /// Nodes that it unfolds to, itself included.
    pub(super) weight: u32,
    /// Levels, itself included.
    depth: u16,
    /// Whether a length or a tag is somewhere in it.
    pub(super) dynamic: bool,
    /// Whether it can have bits at all.
    pub(super) solid: bool,
}

impl Type {
    fn leaf(kind: Kind, align: u32) -> Rc<Self> {
        Rc::new(Self { kind, align, weight: 1, depth: 1, dynamic: false, solid: true })
    }

    /// An integer.
    pub(super) fn integer(int: IntegerType) -> Rc<Self> {
        let align = int.align;
        Self::leaf(Kind::Integer(int), align)
    }

    /// A floating-point number.
    pub(super) fn float(bits: u8, align: u32, order: ByteOrder) -> Rc<Self> {
        Self::leaf(Kind::Float { bits, align, order }, align)
    }

    /// An enumeration.
    pub(super) fn enumeration(container: IntegerType, ranges: Arc<[EnumRange]>, labels: Rc<[Sym]>) -> Rc<Self> {
        let align = container.align;
        Self::leaf(Kind::Enum { container, ranges, labels }, align)
    }

    /// A string.
    pub(super) fn string(encoding: Encoding) -> Rc<Self> {
        Self::leaf(Kind::String(encoding), 8)
    }

    /// A structure aligned at least to `align` bits. Errors: it is too deep or too large.
    pub(super) fn structure(list: Vec<Field>, align: u32, names: &Names, at: usize) -> Res<Rc<Self>> {
        let align = list.iter().map(|f| f.ty.align).fold(align.max(1), u32::max);
        let fields = Fields::new(list, names);
        let parts = Parts::of(fields.list.iter().map(|f| &*f.ty), at)?;
        Ok(parts.make(Kind::Struct(fields), align))
    }

    /// A variant. Errors: it is too deep or too large.
    pub(super) fn variant(tag: Option<Path>, list: Vec<Field>, names: &Names, at: usize) -> Res<Rc<Self>> {
        let options = Rc::new(Fields::new(list, names));
        let mut parts = Parts::of(options.list.iter().map(|f| &*f.ty), at)?;
        parts.dynamic = true;
        Ok(parts.make(Kind::Variant { tag: tag.map(Rc::new), options, at }, 1))
    }

    /// The same variant with another tag.
    pub(super) fn with_tag(&self, tag: Path) -> Option<Rc<Self>> {
        let Kind::Variant { options, at, .. } = &self.kind else { return None };
        let kind = Kind::Variant { tag: Some(Rc::new(tag)), options: Rc::clone(options), at: *at };
        let &Self { align, weight, depth, dynamic, solid, .. } = self;
        Some(Rc::new(Self { kind, align, weight, depth, dynamic, solid }))
    }

    /// An array. Errors: it is too deep.
    pub(super) fn array(element: Rc<Self>, length: u64, at: usize) -> Res<Rc<Self>> {
        let mut parts = Parts::of(std::iter::once(&*element), at)?;
        parts.solid &= length > 0;
        let align = element.align;
        Ok(parts.make(Kind::Array { element, length, at }, align))
    }

    /// A sequence. Errors: it is too deep.
    pub(super) fn sequence(element: Rc<Self>, length: Path) -> Res<Rc<Self>> {
        let mut parts = Parts::of(std::iter::once(&*element), length.at)?;
        parts.dynamic = true;
        let align = element.align;
        Ok(parts.make(Kind::Sequence { element, length }, align))
    }
}

/// What follows for a type from the types that it is made of.
struct Parts {
    weight: u32,
    depth: u16,
    dynamic: bool,
    solid: bool,
}

impl Parts {
    fn of<'a>(types: impl Iterator<Item = &'a Type>, at: usize) -> Res<Self> {
        let mut parts = Self { weight: 1, depth: 1, dynamic: false, solid: false };
        for ty in types {
            parts.weight = parts.weight.saturating_add(ty.weight);
            parts.depth = parts.depth.max(ty.depth + 1);
            parts.dynamic |= ty.dynamic;
            parts.solid |= ty.solid;
        }
        if parts.depth > MAX_DEPTH {
            return fail(at, "the type is nested more than 128 levels deep");
        }
        if parts.weight > MAX_WEIGHT {
            return fail(at, "the type has more than a million fields");
        }
        Ok(parts)
    }

    fn make(self, kind: Kind, align: u32) -> Rc<Type> {
        let Self { weight, depth, dynamic, solid } = self;
        Rc::new(Type { kind, align, weight, depth, dynamic, solid })
    }
}
