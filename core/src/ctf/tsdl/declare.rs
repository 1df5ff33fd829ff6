//! Types and what is declared with them: structures, enumerations, variants, names of types, members
//! (CTF 1.8.3 §4.1.8 to §4.3, §6.2, annex C.2).

use std::rc::Rc;
use std::sync::Arc;

use super::lexer::{Tok, Token, string_text};
use super::parser::{Parser, Space, Value};
use super::report::{Res, fail, quote};
use super::scalars::alignment;
use super::types::{Field, Kind, MAX_WEIGHT, Path, Sym, Type};
use crate::ctf::model::{EnumRange, IntegerType};

/// Words of which C makes names of types; they cannot name a member.
const C_TYPE_WORDS: [&str; 12] = [
    "unsigned",
    "signed",
    "long",
    "short",
    "int",
    "char",
    "float",
    "double",
    "void",
    "_Bool",
    "_Complex",
    "_Imaginary",
];

impl<'t> Parser<'t> {
    /// Takes `typealias`, `typedef` or a declaration of a named type, if one begins here.
    pub(super) fn type_declaration(&mut self) -> Res<bool> {
        match self.word() {
            "typealias" => self.typealias()?,
            "typedef" => self.typedef()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `typealias TYPE := NAME;`
    fn typealias(&mut self) -> Res<()> {
        self.bump();
        let base = self.whole_type()?;
        let ty = self.dimensions(base)?;
        if self.cur.tok != Tok::Assign {
            return self.unexpected("`:=`");
        }
        self.bump();
        let at = self.cur.start;
        let words = self.words()?;
        let stars = self.stars();
        let name = self.type_name(&words, stars);
        self.expect(b';')?;
        self.define(Space::Alias, name, ty, at);
        Ok(())
    }

    /// `typedef TYPE NAME, OTHER[4];`
    fn typedef(&mut self) -> Res<()> {
        self.bump();
        let mut fields = Vec::new();
        self.members(&mut fields)?;
        for field in fields {
            self.define(Space::Alias, field.name, field.ty, field.at);
        }
        Ok(())
    }

    /// A type whose name, if it is a name, reaches up to the next token that is no word.
    pub(super) fn whole_type(&mut self) -> Res<Rc<Type>> {
        if let Some(ty) = self.explicit_type()? {
            return Ok(ty);
        }
        let at = self.cur.start;
        let words = self.words()?;
        let ty = self.named_type(&words, at)?;
        self.tagged(ty)
    }

    /// `TYPE name, other[2], bits:5;` — one line of a structure or a variant.
    fn members(&mut self, fields: &mut Vec<Field>) -> Res<()> {
        let explicit_at = self.cur.start;
        let (base, mut name) = match self.explicit_type()? {
            Some(ty) => {
                // `struct s { … };` declares a type and no member.
                if self.is(b';') && matches!(ty.kind, Kind::Struct(_) | Kind::Enum { .. } | Kind::Variant { .. }) {
                    self.bump();
                    return Ok(());
                }
                (ty, None)
            }
            None => {
                let mut words = self.words()?;
                let by_name = !matches!(self.cur.tok, Tok::Punct(b'*' | b'<'));
                let last = words.last().copied();
                let name = last.filter(|&w| by_name && words.len() > 1 && !C_TYPE_WORDS.contains(&self.text_of(w)));
                if name.is_some() {
                    words.pop();
                }
                let ty = self.named_type(&words, explicit_at)?;
                (self.tagged(ty)?, name)
            }
        };
        loop {
            let token = match name.take() {
                Some(token) => token,
                None if self.cur.tok == Tok::Word => self.bump(),
                None if self.is(b'*') => return fail(self.cur.start, "a pointer is declared that is no named type"),
                None => return self.unexpected("a name"),
            };
            let text = self.text_of(token);
            let name = self.names.intern(text);
            let ty = if self.is(b':') { self.bit_field(&base)? } else { self.dimensions(Rc::clone(&base))? };
            // Refused here already: what is collected takes many times the memory of its text.
            if fields.len() >= MAX_WEIGHT as usize {
                return fail(token.start, "the type has more than a million fields");
            }
            fields.push(Field { name, ty, at: token.start });
            if !self.eat(b',') {
                return self.expect(b';');
            }
        }
    }

    /// `:5` after a name: that many bits of the integer, not aligned, as C has it.
    fn bit_field(&mut self, base: &Type) -> Res<Rc<Type>> {
        self.expect(b':')?;
        let at = self.cur.start;
        let Tok::Int(bits) = self.cur.tok else { return self.unexpected("a number of bits") };
        self.bump();
        let narrow = |int: &IntegerType| {
            if bits == 0 || bits > u64::from(int.bits) {
                return fail(at, format!("a bit field has {bits} bits of an integer of {}", int.bits));
            }
            Ok(IntegerType { bits: bits as u8, align: 1, ..int.clone() })
        };
        match &base.kind {
            Kind::Integer(int) => Ok(Type::integer(narrow(int)?)),
            Kind::Enum { container, ranges, labels } => {
                Ok(Type::enumeration(narrow(container)?, Arc::clone(ranges), Rc::clone(labels)))
            }
            _ => fail(at, "a bit field is no integer"),
        }
    }

    /// `[2][n]` after a name; as in C, the last dimension is the innermost array.
    fn dimensions(&mut self, element: Rc<Type>) -> Res<Rc<Type>> {
        enum Length {
            Fixed(u64, usize),
            Path(Path),
        }
        let mut lengths = Vec::new();
        while self.eat(b'[') {
            let at = self.cur.start;
            lengths.push(match self.cur.tok {
                Tok::Int(length) => {
                    self.bump();
                    Length::Fixed(length, at)
                }
                Tok::Word => Length::Path(self.path()?),
                _ => return self.unexpected("a length: a number or a field"),
            });
            self.expect(b']')?;
        }
        lengths.into_iter().rev().try_fold(element, |ty, length| match length {
            Length::Fixed(length, at) => Type::array(ty, length, at),
            Length::Path(path) => Type::sequence(ty, path),
        })
    }

    /// `a.b->c`.
    fn path(&mut self) -> Res<Path> {
        let at = self.cur.start;
        let mut parts = vec![self.expect_word("the name of a field")?];
        while matches!(self.cur.tok, Tok::Punct(b'.') | Tok::Arrow) {
            self.bump();
            parts.push(self.expect_word("the name of a field")?);
        }
        Ok(Path { parts, at })
    }

    /// `<tag>` after a variant, if it is there.
    fn tag(&mut self) -> Res<Option<Path>> {
        if !self.eat(b'<') {
            return Ok(None);
        }
        let path = self.path()?;
        self.expect(b'>')?;
        Ok(Some(path))
    }

    /// The type with the `<tag>` that may follow it.
    fn tagged(&mut self, ty: Rc<Type>) -> Res<Rc<Type>> {
        let at = self.cur.start;
        match self.tag()? {
            None => Ok(ty),
            Some(tag) => match ty.with_tag(tag) {
                Some(tagged) => Ok(tagged),
                None => fail(at, "a type with a tag is no variant"),
            },
        }
    }

    /// Words that follow each other, `const` left out. Errors: there is none.
    fn words(&mut self) -> Res<Vec<Token>> {
        let mut words = Vec::with_capacity(2);
        while self.cur.tok == Tok::Word {
            let word = self.bump();
            if self.text_of(word) != "const" {
                words.push(word);
            }
        }
        if words.is_empty() { self.unexpected("a type") } else { Ok(words) }
    }

    /// How many `*` follow.
    fn stars(&mut self) -> usize {
        let mut stars = 0;
        while self.is(b'*') || (stars > 0 && self.word() == "const") {
            stars += usize::from(self.is(b'*'));
            self.bump();
        }
        stars
    }

    /// The name that words and stars make: one blank between them.
    fn type_name(&mut self, words: &[Token], stars: usize) -> Sym {
        if let (&[word], 0) = (words, stars) {
            let text = self.text_of(word);
            return self.names.intern(text);
        }
        let mut name = String::new();
        for &word in words {
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(self.text_of(word));
        }
        name.push_str(&" *".repeat(stars));
        self.names.intern(&name)
    }

    /// The type that words, and the stars that follow them, name. Errors: it is not declared.
    fn named_type(&mut self, words: &[Token], at: usize) -> Res<Rc<Type>> {
        let stars = self.stars();
        let name = self.type_name(words, stars);
        match self.lookup(Space::Alias, name) {
            Some(ty) => Ok(ty),
            None => fail(at, format!("the type {} is not declared before its use", quote(self.names.text(name)))),
        }
    }

    /// A type that begins with one of TSDL's words for types, if one begins here.
    fn explicit_type(&mut self) -> Res<Option<Rc<Type>>> {
        let word = self.word();
        let braces = || self.second() == Tok::Punct(b'{');
        let explicit = match word {
            "integer" | "floating_point" => braces(),
            "string" | "struct" | "enum" | "variant" => true,
            _ => false,
        };
        if !explicit {
            return Ok(None);
        }
        let at = self.cur.start;
        self.bump();
        let ty = match word {
            "integer" => self.integer()?,
            "floating_point" => self.floating_point()?,
            "string" => self.string()?,
            "struct" => self.nested(|p| p.structure(at))?,
            "enum" => self.nested(|p| p.enumeration(at))?,
            _ => self.nested(|p| p.variant(at))?,
        };
        Ok(Some(ty))
    }

    /// The name after `struct`, `enum` or `variant`, if it is there.
    fn tag_name(&mut self) -> Option<Sym> {
        let word = self.word();
        if word.is_empty() {
            return None;
        }
        self.bump();
        Some(self.names.intern(word))
    }

    /// The type that `struct NAME` and the like mean. Errors: it is not declared (yet).
    fn tag_type(&mut self, space: Space, name: Option<Sym>, at: usize) -> Res<Rc<Type>> {
        let Some(name) = name else { return self.unexpected("`{` or a name") };
        match self.lookup(space, name) {
            Some(ty) => Ok(ty),
            None => {
                let name = quote(&format!("{} {}", space.word(), self.names.text(name)));
                fail(at, format!("the type {name} is not declared before its use"))
            }
        }
    }

    /// `{ members }` of a structure or variant, in a scope of its own.
    fn body(&mut self) -> Res<Vec<Field>> {
        self.scoped(|p| {
            p.expect(b'{')?;
            let mut fields = Vec::new();
            while !p.eat(b'}') {
                if p.eat(b';') || p.type_declaration()? {
                    continue;
                }
                if p.cur.tok != Tok::Word {
                    return p.unexpected("a member or `}`");
                }
                p.members(&mut fields)?;
            }
            Ok(fields)
        })
    }

    /// After `struct`: `NAME`, `{ … } align(n)` or both.
    fn structure(&mut self, at: usize) -> Res<Rc<Type>> {
        let name = self.tag_name();
        if !self.is(b'{') {
            return self.tag_type(Space::Struct, name, at);
        }
        let fields = self.body()?;
        let mut align = 1;
        if self.word() == "align" && self.second() == Tok::Punct(b'(') {
            self.bump();
            self.bump();
            let at = self.cur.start;
            let Tok::Int(bits) = self.cur.tok else { return self.unexpected("a number of bits") };
            self.bump();
            align = alignment(&Value::Int(i128::from(bits)), at)?;
            self.expect(b')')?;
        }
        let ty = Type::structure(fields, align, &self.names, at)?;
        if let Kind::Struct(fields) = &ty.kind
            && let Some(field) = fields.duplicate(&self.names)
        {
            let names = &self.names;
            let what = "a structure has two members of one name; lengths and tags refer to the first";
            self.report.warn(field.at, what, || quote(names.text(field.name)));
        }
        if let Some(name) = name {
            self.define(Space::Struct, name, Rc::clone(&ty), at);
        }
        Ok(ty)
    }

    /// After `variant`: `NAME`, `<tag>`, `{ … }`.
    fn variant(&mut self, at: usize) -> Res<Rc<Type>> {
        let name = self.tag_name();
        let tag = self.tag()?;
        if !self.is(b'{') {
            let ty = self.tag_type(Space::Variant, name, at)?;
            return Ok(tag.and_then(|tag| ty.with_tag(tag)).unwrap_or(ty));
        }
        let fields = self.body()?;
        if fields.is_empty() {
            return fail(at, "a variant has no options");
        }
        let ty = Type::variant(tag, fields, &self.names, at)?;
        if let Kind::Variant { options, .. } = &ty.kind
            && let Some(field) = options.duplicate(&self.names)
        {
            let names = &self.names;
            let what = "a variant has two options of one name; the first one counts";
            self.report.warn(field.at, what, || quote(names.text(field.name)));
        }
        if let Some(name) = name {
            self.define(Space::Variant, name, Rc::clone(&ty), at);
        }
        Ok(ty)
    }

    /// After `enum`: `NAME`, `: CONTAINER`, `{ labels }`.
    fn enumeration(&mut self, at: usize) -> Res<Rc<Type>> {
        let name = self.tag_name();
        let container_at = self.cur.start;
        let container = if self.eat(b':') { Some(self.whole_type()?) } else { None };
        if !self.is(b'{') {
            return match container {
                None => self.tag_type(Space::Enum, name, at),
                Some(_) => self.unexpected("`{`"),
            };
        }
        let container = match container {
            Some(ty) => ty,
            None => {
                let int = self.names.intern("int");
                match self.lookup(Space::Alias, int) {
                    Some(ty) => ty,
                    None => return fail(at, "an enumeration has no container type, and no type `int` is declared"),
                }
            }
        };
        let Kind::Integer(container) = &container.kind else {
            return fail(container_at, "the container of an enumeration is no integer");
        };
        let (ranges, labels) = self.enumerators()?;
        let ty = Type::enumeration(container.clone(), ranges.into(), labels.into());
        if let Some(name) = name {
            self.define(Space::Enum, name, Rc::clone(&ty), at);
        }
        Ok(ty)
    }

    /// `{ A, B = 3, "c" = 4 ... 9, }`
    fn enumerators(&mut self) -> Res<(Vec<EnumRange>, Vec<Sym>)> {
        self.expect(b'{')?;
        let (mut ranges, mut labels) = (Vec::new(), Vec::new());
        let mut next = 0i128;
        while !self.eat(b'}') {
            let label = match self.cur.tok {
                Tok::Word => {
                    let word = self.word();
                    self.bump();
                    self.names.intern(word)
                }
                Tok::Str => {
                    let literal = self.bump();
                    self.names.intern(&string_text(&self.text[literal.start..literal.end]))
                }
                _ => return self.unexpected("a label or `}`"),
            };
            let (mut low, mut high) = (next, next);
            if self.eat(b'=') {
                let at = self.cur.start;
                low = self.enumerator_value()?;
                high = low;
                if self.cur.tok == Tok::Dots {
                    self.bump();
                    high = self.enumerator_value()?;
                }
                if high < low {
                    return fail(at, format!("the range {low} ... {high} of an enumeration ends before it begins"));
                }
            }
            if ranges.len() >= MAX_WEIGHT as usize {
                return fail(self.cur.start, "the enumeration has more than a million labels");
            }
            next = high + 1;
            ranges.push(EnumRange { label: Arc::clone(self.names.text(label)), low, high });
            labels.push(label);
            if !self.eat(b',') && !self.is(b'}') {
                return self.unexpected("`,` or `}`");
            }
        }
        if ranges.is_empty() {
            let at = self.cur.start;
            self.report.warn(at, "an enumeration has no labels", String::new);
        }
        Ok((ranges, labels))
    }

    fn enumerator_value(&mut self) -> Res<i128> {
        let negative = self.is(b'-');
        if negative || self.is(b'+') {
            self.bump();
        }
        let Tok::Int(magnitude) = self.cur.tok else { return self.unexpected("a number") };
        self.bump();
        Ok(if negative { -i128::from(magnitude) } else { i128::from(magnitude) })
    }
}
