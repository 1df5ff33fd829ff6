//! Top-level declarations: `trace`, `env`, `clock`, `stream`, `event`, and what does not matter
//! (CTF 1.8.3 §7.3, annex C).
//!
//! A declaration that cannot be used is reported and skipped; the next one is found by its braces, or by a
//! keyword at the begin of a line, whichever comes first.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::lexer::{Bad, Tok, token};
use super::parser::{Parser, Value};
use super::report::{Res, fail, quote};
use super::scalars::{boolean, integer_value, word_value};
use super::types::{Kind, Type};
use crate::ctf::model::{ByteOrder, ClockClass, EnvValue};

/// The `trace` block.
#[derive(Debug)]
pub(super) struct TraceDecl {
    pub(super) version: (u64, u64),
    pub(super) uuid: Option<[u8; 16]>,
    pub(super) byte_order: ByteOrder,
    pub(super) packet_header: Option<Rc<Type>>,
    pub(super) at: usize,
}

/// A `stream` block.
#[derive(Debug)]
pub(super) struct StreamDecl {
    pub(super) id: Option<u64>,
    pub(super) packet_context: Option<Rc<Type>>,
    pub(super) event_header: Option<Rc<Type>>,
    pub(super) event_context: Option<Rc<Type>>,
    pub(super) at: usize,
}

/// An `event` block.
#[derive(Debug)]
pub(super) struct EventDecl {
    pub(super) id: Option<u64>,
    pub(super) stream_id: Option<u64>,
    pub(super) name: Arc<str>,
    pub(super) log_level: Option<i64>,
    pub(super) context: Option<Rc<Type>>,
    pub(super) fields: Option<Rc<Type>>,
    pub(super) at: usize,
}

/// All blocks of a metadata stream, in order of declaration.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) trace: Option<TraceDecl>,
    pub(super) env: Vec<(String, EnvValue)>,
    pub(super) clocks: Vec<ClockClass>,
    pub(super) streams: Vec<StreamDecl>,
    pub(super) events: Vec<EventDecl>,
    env_names: FxHashSet<String>,
    clock_names: FxHashSet<Arc<str>>,
}

/// The right side of an attribute.
enum Side<'t> {
    Value(Value<'t>),
    Type(Rc<Type>),
}

/// An attribute of a block: index in the list of known ones, right side, offset of its name.
struct Attribute<'t> {
    which: usize,
    side: Side<'t>,
    at: usize,
}

impl<'t> Attribute<'t> {
    fn value(&self) -> Res<&Value<'t>> {
        match &self.side {
            Side::Value(value) => Ok(value),
            Side::Type(_) => fail(self.at, "an attribute that has a value was given a type (`:=` instead of `=`)"),
        }
    }

    fn structure(self) -> Res<Rc<Type>> {
        match self.side {
            Side::Type(ty) if matches!(ty.kind, Kind::Struct(_)) => Ok(ty),
            Side::Type(_) => fail(self.at, "the type of a header, context or payload is no structure"),
            Side::Value(_) => fail(self.at, "an attribute that has a type was given a value (`=` instead of `:=`)"),
        }
    }

    fn id(&self) -> Res<u64> {
        let value = integer_value(self.value()?, self.at)?;
        u64::try_from(value).or_else(|_| fail(self.at, format!("the id {value} is negative")))
    }
}

/// The trace's byte order, wherever its block is: types before it may be in `native` order.
pub(super) fn find_byte_order(text: &[u8]) -> Option<ByteOrder> {
    let mut depth = 0usize;
    let mut at = 0;
    let mut previous: &[u8] = b"";
    let mut in_trace = false;
    loop {
        let t = token(text, at);
        let word = &text[t.start..t.end];
        match t.tok {
            Tok::End | Tok::Bad(Bad::OpenComment) => return None,
            Tok::Punct(b'{') => {
                in_trace |= depth == 0 && previous == b"trace";
                depth += 1;
            }
            Tok::Punct(b'}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 && in_trace {
                    return None;
                }
            }
            Tok::Punct(b'=') if in_trace && depth == 1 && previous == b"byte_order" => {
                let value = token(text, t.end);
                return match &text[value.start..value.end] {
                    b"le" => Some(ByteOrder::Little),
                    b"be" | b"network" => Some(ByteOrder::Big),
                    _ => None,
                };
            }
            _ => {}
        }
        previous = word;
        at = t.end;
    }
}

/// Reads all declarations. `cut` says that the file is known to end too early.
pub(super) fn parse_all(p: &mut Parser<'_>, cut: bool) -> Blocks {
    let mut blocks = Blocks::default();
    // A declaration without its closing brace seems to contain those after it, which are then read again.
    // This much text may be read twice.
    let mut patience = p.text.len().saturating_mul(8);
    while p.cur.tok != Tok::End {
        let begin = p.cur.start;
        let Err(failure) = declaration(p, &mut blocks) else { continue };
        p.reset_scopes();
        let ended = failure.end || is_cut(p, cut);
        let reached = p.cur.start;
        recover(p, begin, if patience > 0 { begin } else { reached });
        patience = patience.saturating_sub(reached.saturating_sub(p.cur.start));
        if ended && p.cur.tok == Tok::End {
            let what = "the metadata ends in the middle of a declaration, which was ignored";
            p.report.warn(begin, what, || "it begins".to_owned());
        } else {
            p.report.error(&failure, "This declaration is skipped; the others are used");
        }
    }
    blocks
}

/// Whether the token that is wrong is the last one, and wrong because the rest of it is missing.
fn is_cut(p: &Parser<'_>, cut: bool) -> bool {
    let last = p.cur.end >= p.text.len();
    match p.cur.tok {
        Tok::Word | Tok::Int(_) | Tok::Bad(Bad::OpenString | Bad::Number | Bad::Character) => last,
        // A comment that is never closed may hide declarations that are there: only a cut file excuses it.
        Tok::Bad(Bad::OpenComment | Bad::Byte) => last && cut,
        _ => false,
    }
}

/// Goes to the next declaration after the one at `begin` that failed: where one most likely begins after
/// `from`, or behind the braces and the `;` of the one that failed.
fn recover(p: &mut Parser<'_>, begin: usize, from: usize) {
    let reached = p.cur.start;
    p.cur = token(p.text, begin);
    let mut depth = 0usize;
    loop {
        let t = p.cur;
        if t.start > begin && t.start >= from && begins_declaration(p) {
            return;
        }
        p.bump();
        match t.tok {
            Tok::End => return,
            Tok::Punct(b'{') => depth += 1,
            Tok::Punct(b'}') => depth = depth.saturating_sub(1),
            Tok::Punct(b';') if depth == 0 && t.start >= reached => return,
            _ => {}
        }
    }
}

/// Whether a top-level declaration most likely begins here: its first words, at the begin of a line. Tracers
/// indent what is inside of blocks.
fn begins_declaration(p: &Parser<'_>) -> bool {
    let first_in_line = p.cur.start == 0 || p.text.get(p.cur.start - 1) == Some(&b'\n');
    first_in_line
        && match p.word() {
            "trace" | "env" | "clock" | "stream" | "event" | "callsite" => p.second() == Tok::Punct(b'{'),
            "struct" | "enum" | "variant" => p.second() == Tok::Word,
            "typealias" | "typedef" => true,
            _ => false,
        }
}

/// Takes one top-level declaration.
fn declaration(p: &mut Parser<'_>, blocks: &mut Blocks) -> Res<()> {
    if p.eat(b';') {
        return Ok(());
    }
    let at = p.cur.start;
    let word = p.word();
    let braces = p.second() == Tok::Punct(b'{');
    match word {
        "typealias" | "typedef" => p.type_declaration().map(|_| ()),
        "struct" | "enum" | "variant" => {
            p.whole_type()?;
            end_of_type(p)
        }
        "trace" if braces => {
            p.bump();
            let trace = p.scoped(|p| trace(p, at))?;
            end_of_block(p)?;
            if blocks.trace.is_some() {
                p.report.warn(at, "the trace is declared twice; the first declaration counts", String::new);
            } else {
                blocks.trace = Some(trace);
            }
            Ok(())
        }
        "env" if braces => {
            p.bump();
            env(p, blocks)?;
            end_of_block(p)
        }
        "clock" if braces => {
            p.bump();
            let clock = p.scoped(|p| clock(p, at))?;
            end_of_block(p)?;
            if blocks.clock_names.insert(Arc::clone(&clock.name)) {
                blocks.clocks.push(clock);
            } else {
                let what = "a clock is declared twice; the first declaration counts";
                p.report.warn(at, what, || quote(&clock.name));
            }
            Ok(())
        }
        "stream" if braces => {
            p.bump();
            let stream = p.scoped(|p| stream(p, at))?;
            end_of_block(p)?;
            blocks.streams.push(stream);
            Ok(())
        }
        "event" if braces => {
            p.bump();
            let event = p.scoped(|p| event(p, at))?;
            end_of_block(p)?;
            blocks.events.push(event);
            Ok(())
        }
        "" => p.unexpected("a declaration"),
        _ if braces => {
            p.bump();
            if word != "callsite" {
                p.report.warn(at, "an unknown block was ignored", || quote(word));
            }
            if p.skip_declaration() { Ok(()) } else { p.unexpected("`}` and `;`") }
        }
        _ => p.unexpected("a declaration"),
    }
}

fn end_of_type(p: &mut Parser<'_>) -> Res<()> {
    p.expect(b';')
}

/// The `;` after a block's brace. At the end of the text nothing is lost without it.
fn end_of_block(p: &mut Parser<'_>) -> Res<()> {
    if p.cur.tok == Tok::End {
        let at = p.cur.start;
        p.report.warn(at, "the last declaration does not end with `;`", String::new);
        return Ok(());
    }
    p.expect(b';')
}

/// Takes the `{ … }` of a block; keeps the attributes that are `known`, each once.
fn attributes<'t>(p: &mut Parser<'t>, block: &str, known: &[&str]) -> Res<Vec<Attribute<'t>>> {
    p.expect(b'{')?;
    let mut kept: Vec<Attribute<'t>> = Vec::with_capacity(known.len());
    while !p.eat(b'}') {
        if p.eat(b';') || p.type_declaration()? {
            continue;
        }
        let at = p.cur.start;
        if p.cur.tok != Tok::Word {
            return p.unexpected("an attribute or `}`");
        }
        // `struct s { … };` declares a type; an attribute's name is followed by `.`, `->`, `=` or `:=`.
        if matches!(p.word(), "struct" | "enum" | "variant")
            && matches!(p.second(), Tok::Word | Tok::Punct(b'{' | b'<' | b':'))
        {
            p.whole_type()?;
            end_of_type(p)?;
            continue;
        }
        let first = p.bump();
        let mut name = std::borrow::Cow::Borrowed(p.text_of(first));
        while matches!(p.cur.tok, Tok::Punct(b'.') | Tok::Arrow) {
            p.bump();
            if p.cur.tok != Tok::Word {
                return p.unexpected("the rest of an attribute's name");
            }
            let part = p.bump();
            let name = name.to_mut();
            name.push('.');
            name.push_str(p.text_of(part));
        }
        let assigns_type = p.cur.tok == Tok::Assign;
        if !assigns_type && !p.is(b'=') {
            return p.unexpected("`=` or `:=`");
        }
        let Some(which) = known.iter().position(|&k| k == name) else {
            p.report.warn(at, "an unknown attribute was ignored", || format!("{} of `{block}`", quote(&name)));
            p.skip_declaration();
            continue;
        };
        p.bump();
        let side = if assigns_type { Side::Type(p.whole_type()?) } else { Side::Value(p.value()?) };
        p.expect(b';')?;
        if kept.iter().any(|a| a.which == which) {
            let what = "an attribute is given twice; the first one counts";
            p.report.warn(at, what, || format!("{} of `{block}`", quote(&name)));
        } else {
            kept.push(Attribute { which, side, at });
        }
    }
    Ok(kept)
}

fn trace(p: &mut Parser<'_>, at: usize) -> Res<TraceDecl> {
    let (mut major, mut minor, mut byte_order, mut uuid, mut packet_header) = (None, None, None, None, None);
    for attribute in attributes(p, "trace", &["major", "minor", "byte_order", "uuid", "packet.header"])? {
        let at = attribute.at;
        match attribute.which {
            0 => major = Some(attribute.id()?),
            1 => minor = Some(attribute.id()?),
            2 => {
                let value = attribute.value()?;
                if word_value(value) == "native" {
                    return fail(at, "the byte order of the trace is `native`, which says nothing");
                }
                byte_order = Some(p.byte_order(value, at)?);
            }
            3 => {
                let value = attribute.value()?;
                uuid = parse_uuid(word_value(value));
                if uuid.is_none() {
                    p.report.warn(at, "the UUID of the trace is malformed and was ignored", || value.show());
                }
            }
            _ => packet_header = Some(attribute.structure()?),
        }
    }
    let Some(byte_order) = byte_order else { return fail(at, "the trace does not state its byte order") };
    if major.is_none() || minor.is_none() {
        p.report.warn(at, "the trace does not state its version; 1.8 was assumed", String::new);
    }
    let version = (major.unwrap_or(1), minor.unwrap_or(8));
    if version.0 != 1 {
        return fail(at, format!("the trace is of version {}.{}; TSDL describes 1.8", version.0, version.1));
    }
    if version.1 != 8 {
        let what = "the trace is of another version than 1.8; it was read as 1.8";
        p.report.warn(at, what, || format!("1.{}", version.1));
    }
    Ok(TraceDecl { version, uuid, byte_order, packet_header, at })
}

/// 32 hexadecimal digits; hyphens anywhere.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut uuid = [0u8; 16];
    let mut digits = 0;
    for c in text.chars().filter(|&c| c != '-') {
        let digit = c.to_digit(16)? as u8;
        let byte = uuid.get_mut(digits / 2)?;
        *byte = *byte << 4 | digit;
        digits += 1;
    }
    (digits == 32).then_some(uuid)
}

fn env(p: &mut Parser<'_>, blocks: &mut Blocks) -> Res<()> {
    p.expect(b'{')?;
    while !p.eat(b'}') {
        if p.eat(b';') {
            continue;
        }
        let at = p.cur.start;
        if p.cur.tok != Tok::Word {
            return p.unexpected("the name of an environment variable or `}`");
        }
        let name = p.bump();
        let name = p.text_of(name);
        p.expect(b'=')?;
        let value = match p.value()? {
            Value::Int(number) => EnvValue::Integer(number),
            Value::Text(text) => EnvValue::Text(text),
            Value::Raw(raw) => {
                p.report.warn(at, "an environment variable is neither a number nor a string", || quote(name));
                EnvValue::Text(raw.to_owned())
            }
        };
        p.expect(b';')?;
        if blocks.env_names.insert(name.to_owned()) {
            blocks.env.push((name.to_owned(), value));
        } else {
            p.report.warn(at, "an environment variable is given twice; the first one counts", || quote(name));
        }
    }
    Ok(())
}

fn clock(p: &mut Parser<'_>, at: usize) -> Res<ClockClass> {
    const KNOWN: [&str; 8] = ["name", "uuid", "description", "freq", "precision", "offset_s", "offset", "absolute"];
    let mut name: Option<Arc<str>> = None;
    let mut clock = ClockClass {
        name: Arc::from(""),
        uuid: None,
        description: String::new(),
        frequency: 1_000_000_000,
        offset_s: 0,
        offset: 0,
        absolute: false,
    };
    for attribute in attributes(p, "clock", &KNOWN)? {
        let at = attribute.at;
        let value = attribute.value()?;
        match attribute.which {
            0 => name = Some(Arc::from(word_value(value))),
            1 => clock.uuid = Some(word_value(value).to_owned()),
            2 => clock.description = word_value(value).to_owned(),
            3 => match integer_value(value, at)? {
                frequency @ 1..=0xffff_ffff_ffff_fffe => clock.frequency = frequency as u64,
                frequency => return fail(at, format!("the frequency of a clock is {frequency}")),
            },
            4 => {
                integer_value(value, at)?;
            }
            5 => {
                let seconds = integer_value(value, at)?;
                let Ok(seconds) = i64::try_from(seconds) else {
                    return fail(at, format!("the offset of a clock is {seconds} seconds: more than 64 bits"));
                };
                clock.offset_s = seconds;
            }
            6 => clock.offset = integer_value(value, at)?,
            _ => clock.absolute = boolean(value, at)?,
        }
    }
    match name {
        Some(name) if !name.is_empty() => Ok(ClockClass { name, ..clock }),
        _ => fail(at, "a clock has no name"),
    }
}

fn stream(p: &mut Parser<'_>, at: usize) -> Res<StreamDecl> {
    let mut stream = StreamDecl { id: None, packet_context: None, event_header: None, event_context: None, at };
    for attribute in attributes(p, "stream", &["id", "packet.context", "event.header", "event.context"])? {
        match attribute.which {
            0 => stream.id = Some(attribute.id()?),
            1 => stream.packet_context = Some(attribute.structure()?),
            2 => stream.event_header = Some(attribute.structure()?),
            _ => stream.event_context = Some(attribute.structure()?),
        }
    }
    Ok(stream)
}

fn event(p: &mut Parser<'_>, at: usize) -> Res<EventDecl> {
    const KNOWN: [&str; 7] = ["name", "id", "stream_id", "loglevel", "context", "fields", "model.emf.uri"];
    let mut event =
        EventDecl { id: None, stream_id: None, name: Arc::from(""), log_level: None, context: None, fields: None, at };
    for attribute in attributes(p, "event", &KNOWN)? {
        let at = attribute.at;
        match attribute.which {
            0 => {
                event.name = match attribute.value()? {
                    Value::Int(number) => Arc::from(number.to_string()),
                    words => Arc::from(word_value(words)),
                }
            }
            1 => event.id = Some(attribute.id()?),
            2 => event.stream_id = Some(attribute.id()?),
            3 => {
                let value = attribute.value()?;
                event.log_level = match value {
                    Value::Int(level) => i64::try_from(*level).ok(),
                    _ => None,
                };
                if event.log_level.is_none() {
                    p.report.warn(at, "a log level is no number and was ignored", || value.show());
                }
            }
            4 => event.context = Some(attribute.structure()?),
            5 => event.fields = Some(attribute.structure()?),
            _ => {
                attribute.value()?;
            }
        }
    }
    if event.name.is_empty() {
        p.report.warn(at, "an event has no name", String::new);
    }
    Ok(event)
}
