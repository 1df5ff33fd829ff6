//! From types to [`Op`]s: what is known of positions when the metadata is read is computed once, here.
//!
//! The compiler follows the position modulo a power of two. As long as that is known well enough, alignments
//! are plain padding and melt into the skips around them; only behind strings and odd sequences is an
//! alignment left for the machine.

use super::bits::align_up;
use super::machine::{Count, IntOp, MarkLength, Op, Role, VariantOp};
use super::model::{FieldType, IntegerType, StructType};

/// Largest alignment that is followed.
const MODULUS: u64 = 1 << 20;

/// What is known of a position: it is `residue` modulo `modulus`, a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    modulus: u64,
    residue: u64,
}

impl Known {
    /// The packet's begin.
    pub(crate) const BEGIN: Self = Self { modulus: MODULUS, residue: 0 };

    /// Some multiple of `align`.
    pub(crate) fn multiple_of(align: u64) -> Self {
        Self { modulus: align.clamp(1, MODULUS), residue: 0 }
    }

    fn advanced(self, bits: u64) -> Self {
        Self { modulus: self.modulus, residue: self.residue.wrapping_add(bits) % self.modulus }
    }

    /// What is known where two ways meet.
    pub(crate) fn join(self, other: Self) -> Self {
        let mut modulus = self.modulus.min(other.modulus);
        while modulus > 1 && self.residue % modulus != other.residue % modulus {
            modulus /= 2;
        }
        Self { modulus, residue: self.residue % modulus }
    }
}

/// What somebody wants of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    /// Remember its place in this register.
    pub(crate) register: Option<u8>,
    /// Keep its value under this role.
    pub(crate) role: Option<Role>,
    /// Let it update the clock.
    pub(crate) clock: bool,
}

/// Asked for each field that is a number or text, with the names that lead to it.
pub(crate) type Wishes<'a> = dyn FnMut(&[&str], &FieldType) -> Wish + 'a;

/// Builds a list of ops.
pub(crate) struct Compiler<'a> {
    ops: Vec<Op>,
    pub(crate) known: Known,
    wishes: &'a mut Wishes<'a>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(known: Known, wishes: &'a mut Wishes<'a>) -> Self {
        Self { ops: Vec::new(), known, wishes }
    }

    /// Adds a structure's members.
    pub(crate) fn structure(&mut self, structure: &StructType) {
        self.members(structure, &mut Vec::new());
    }

    /// The ops so far.
    pub(crate) fn finish(self) -> Box<[Op]> {
        self.ops.into()
    }

    fn members<'t>(&mut self, structure: &'t StructType, path: &mut Vec<&'t str>) {
        self.align(u64::from(structure.align));
        for member in &structure.members {
            path.push(&member.name);
            self.field(&member.ty, path);
            path.pop();
        }
    }

    fn field<'t>(&mut self, ty: &'t FieldType, path: &mut Vec<&'t str>) {
        match ty {
            FieldType::Integer(int) => self.integer(int, ty, path),
            FieldType::Enum(e) => self.integer(&e.container, ty, path),
            FieldType::Float { bits, align, .. } => {
                self.align(u64::from(*align));
                self.mark(ty, path, MarkLength::None);
                self.skip(u64::from(*bits));
            }
            FieldType::String(_) => {
                self.align(8);
                self.mark(ty, path, MarkLength::UntilNul);
                self.ops.push(Op::Text);
                self.known = Known::multiple_of(8);
            }
            FieldType::Struct(structure) => self.members(structure, path),
            FieldType::Array { element, length } => {
                self.align(u64::from(element.align()));
                if ty.text_encoding().is_some() {
                    self.mark(ty, path, MarkLength::Bytes(*length));
                }
                self.repeat(element, Count::Fixed(*length), path);
            }
            FieldType::Sequence { element, length } => {
                self.align(u64::from(element.align()));
                if ty.text_encoding().is_some() {
                    self.mark(ty, path, MarkLength::Slot(length.0));
                }
                self.repeat(element, Count::Slot(length.0), path);
            }
            FieldType::Variant(variant) => {
                let start = self.known;
                let mut end: Option<Known> = None;
                let mut options = Vec::with_capacity(variant.options.len());
                for option in &variant.options {
                    path.push(&option.name);
                    let before = std::mem::take(&mut self.ops);
                    self.known = start;
                    self.field(&option.ty, path);
                    options.push(std::mem::replace(&mut self.ops, before).into_boxed_slice());
                    end = Some(end.map_or(self.known, |e| e.join(self.known)));
                    path.pop();
                }
                self.known = end.unwrap_or(start);
                self.ops.push(Op::Variant(Box::new(VariantOp {
                    slot: variant.tag.0,
                    signed: variant.tag_signed,
                    choices: variant.choices.iter().map(|c| (c.low, c.high, c.option)).collect(),
                    options: options.into(),
                })));
            }
        }
    }

    fn integer(&mut self, int: &IntegerType, ty: &FieldType, path: &[&str]) {
        self.align(u64::from(int.align));
        let wish = (self.wishes)(path, ty);
        if let Some(register) = wish.register {
            self.ops.push(Op::Mark { register, length: MarkLength::None });
        }
        let clock = wish.clock;
        if int.slot.is_none() && wish.role.is_none() && !clock {
            self.skip(u64::from(int.bits));
            return;
        }
        self.ops.push(Op::Int(IntOp {
            bits: int.bits,
            signed: int.signed,
            order: int.order,
            slot: int.slot.map(|s| s.0),
            role: wish.role,
            clock,
        }));
        self.known = self.known.advanced(u64::from(int.bits));
    }

    fn mark(&mut self, ty: &FieldType, path: &[&str], length: MarkLength) {
        if let Some(register) = (self.wishes)(path, ty).register {
            self.ops.push(Op::Mark { register, length });
        }
    }

    fn repeat<'t>(&mut self, element: &'t FieldType, count: Count, path: &mut Vec<&'t str>) {
        let align = u64::from(element.align()).max(1);
        let start = self.known;
        // Elements are asked for under the array's own name with a `[]` that no wish has: nobody can want one.
        path.push("[]");
        let before = std::mem::take(&mut self.ops);
        self.known = Known::multiple_of(align);
        self.field(element, path);
        let body = std::mem::replace(&mut self.ops, before);
        let end = self.known;
        path.pop();
        self.known = start;
        let fixed = match body.as_slice() {
            [] => Some(0),
            [Op::Skip(bits)] => Some(*bits),
            _ => None,
        };
        match (fixed, count) {
            // Elements without a bit need no step, however many they are.
            (Some(0), _) => {}
            (Some(last), Count::Fixed(n)) => {
                let stride = align_up(last, align);
                match n.checked_sub(1).map(|n| n.checked_mul(stride).and_then(|b| b.checked_add(last))) {
                    None => {}
                    Some(Some(bits)) => self.skip(bits),
                    Some(None) => self.ops.push(Op::TooLarge),
                }
            }
            (Some(last), Count::Slot(slot)) => {
                let stride = align_up(last, align);
                self.ops.push(Op::Sequence { slot, stride, last });
                let unit = 1u64 << (stride | last).trailing_zeros().min(20);
                let modulus = self.known.modulus.min(unit);
                self.known = Known { modulus, residue: self.known.residue % modulus };
            }
            _ => {
                let mut looped = Vec::with_capacity(body.len() + 1);
                if align > 1 {
                    looped.push(Op::Align(align));
                }
                looped.extend(body);
                self.ops.push(Op::Loop { count, min_bits: min_bits(element), body: looped.into() });
                self.known = start.join(end);
            }
        }
    }

    fn align(&mut self, align: u64) {
        if align <= 1 {
            return;
        }
        if align <= self.known.modulus {
            let padding = align_up(self.known.residue, align) - self.known.residue;
            self.skip(padding);
        } else {
            self.ops.push(Op::Align(align));
            self.known = Known::multiple_of(align);
        }
    }

    fn skip(&mut self, bits: u64) {
        if bits == 0 {
            return;
        }
        self.known = self.known.advanced(bits);
        if let Some(Op::Skip(before)) = self.ops.last_mut() {
            *before = before.saturating_add(bits);
        } else {
            self.ops.push(Op::Skip(bits));
        }
    }
}

/// The fewest bits that a field of this type can take.
pub(crate) fn min_bits(ty: &FieldType) -> u64 {
    match ty {
        FieldType::Integer(int) => u64::from(int.bits),
        FieldType::Enum(e) => u64::from(e.container.bits),
        FieldType::Float { bits, .. } => u64::from(*bits),
        FieldType::String(_) => 8,
        FieldType::Struct(s) => s.members.iter().fold(0, |sum: u64, m| sum.saturating_add(min_bits(&m.ty))),
        FieldType::Array { element, length } => min_bits(element).saturating_mul(*length),
        FieldType::Sequence { .. } => 0,
        FieldType::Variant(v) => v.options.iter().map(|o| min_bits(&o.ty)).min().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctf::model::{ByteOrder, Encoding, Member, Slot};

    fn int(bits: u8, align: u32, slot: Option<u16>) -> FieldType {
        FieldType::Integer(IntegerType {
            bits,
            align,
            signed: false,
            order: ByteOrder::Little,
            base: 10,
            encoding: None,
            clock: None,
            slot: slot.map(Slot),
        })
    }

    fn structure(types: Vec<FieldType>) -> StructType {
        let align = types.iter().map(FieldType::align).max().unwrap_or(1);
        StructType { align, members: types.into_iter().map(|ty| Member { name: "f".into(), ty }).collect() }
    }

    fn compile(known: Known, types: Vec<FieldType>) -> Vec<Op> {
        let mut nothing = |_: &[&str], _: &FieldType| Wish::default();
        let mut compiler = Compiler::new(known, &mut nothing);
        compiler.structure(&structure(types));
        compiler.finish().into_vec()
    }

    #[test]
    fn fixed_fields_melt_into_one_skip() {
        let array = FieldType::Array { element: Box::new(int(8, 8, None)), length: 16 };
        let fields = vec![array, int(32, 8, None), int(64, 8, None), int(3, 1, None), int(16, 8, None)];
        assert_eq!(compile(Known::multiple_of(8), fields), [Op::Skip(128 + 32 + 64 + 8 + 16)]);
        // Natural alignment: one alignment in front, then padding is known.
        let fields = vec![int(32, 32, None), int(64, 64, None)];
        assert_eq!(compile(Known::multiple_of(32), fields), [Op::Align(64), Op::Skip(128)]);
    }

    #[test]
    fn what_is_behind_a_string_is_aligned_when_it_is_read() {
        let fields = vec![int(32, 32, None), FieldType::String(Encoding::Utf8), int(8, 8, None), int(32, 32, None)];
        assert_eq!(
            compile(Known::multiple_of(32), fields),
            [Op::Skip(32), Op::Text, Op::Skip(8), Op::Align(32), Op::Skip(32)]
        );
    }

    #[test]
    fn sequences_of_one_size_are_one_step_and_others_a_loop() {
        let numbers = FieldType::Sequence { element: Box::new(int(16, 8, None)), length: Slot(0) };
        let pair = FieldType::Struct(structure(vec![int(32, 32, None), int(8, 8, None)]));
        let pairs = FieldType::Sequence { element: Box::new(pair), length: Slot(0) };
        let fields = vec![int(8, 8, Some(0)), numbers, pairs];
        let ops = compile(Known::multiple_of(32), fields);
        assert_eq!(ops[1], Op::Sequence { slot: 0, stride: 16, last: 16 });
        assert_eq!(ops[2], Op::Align(32));
        assert_eq!(ops[3], Op::Sequence { slot: 0, stride: 64, last: 40 });
        let texts = FieldType::Array { element: Box::new(FieldType::String(Encoding::Utf8)), length: 3 };
        let looped = compile(Known::multiple_of(8), vec![texts]);
        assert!(matches!(looped.as_slice(), [Op::Loop { count: Count::Fixed(3), min_bits: 8, .. }]));
        let huge = FieldType::Array { element: Box::new(int(64, 64, None)), length: u64::MAX };
        assert_eq!(compile(Known::multiple_of(64), vec![huge]), [Op::TooLarge]);
    }
}
