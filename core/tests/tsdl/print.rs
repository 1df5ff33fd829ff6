//! A compact notation of the model, for expectations.
//!
//! `u32` is an unsigned integer in the trace's byte order with the default alignment, base and no encoding;
//! `i32@32 be x utf8 ~clock =#1` is a signed one, aligned to 32, big-endian, hexadecimal, a character, on a
//! clock and filling slot 1. `T[4]` is an array, `T[#1]` a sequence, `<#1 0..3:a> { … }` a variant.

use std::fmt::Write as _;

use stratoscope_core::ctf::model::{
    ByteOrder, ClockClass, Encoding, EnvValue, FieldType, IntegerType, Member, Metadata, StructType,
};

pub(crate) fn metadata(m: &Metadata) -> String {
    let mut out = format!("{}.{} {}", m.version.0, m.version.1, order(m.byte_order));
    if let Some(uuid) = m.uuid {
        out.push_str(" uuid ");
        uuid.iter().for_each(|b| write!(out, "{b:02x}").unwrap());
    }
    out.push('\n');
    let native = m.byte_order;
    scope(&mut out, "header", m.packet_header.as_ref(), native);
    for (name, value) in &m.env {
        match value {
            EnvValue::Integer(i) => writeln!(out, "env {name} = {i}").unwrap(),
            EnvValue::Text(t) => writeln!(out, "env {name} = {t:?}").unwrap(),
        }
    }
    m.clocks.iter().for_each(|c| clock(&mut out, c));
    for s in &m.streams {
        writeln!(out, "stream {}{}", s.id, if s.slots > 0 { format!(" slots {}", s.slots) } else { String::new() })
            .unwrap();
        if s.packet_header != m.packet_header {
            scope(&mut out, "  packet.header", s.packet_header.as_ref(), native);
        }
        scope(&mut out, "  packet.context", s.packet_context.as_ref(), native);
        scope(&mut out, "  event.header", s.event_header.as_ref(), native);
        scope(&mut out, "  event.context", s.event_context.as_ref(), native);
        for e in &s.events {
            write!(out, "  event {} {:?}", e.id, e.name).unwrap();
            e.log_level.iter().for_each(|l| write!(out, " level {l}").unwrap());
            for (name, scope) in [("context", &e.context), ("fields", &e.fields)] {
                scope.iter().for_each(|s| write!(out, " {name} {}", structure(s, native)).unwrap());
            }
            out.push('\n');
        }
    }
    out
}

fn clock(out: &mut String, c: &ClockClass) {
    write!(out, "clock {:?} {} Hz", c.name, c.frequency).unwrap();
    c.uuid.iter().for_each(|u| write!(out, " uuid {u}").unwrap());
    if (c.offset_s, c.offset) != (0, 0) {
        write!(out, " offset {} s + {}", c.offset_s, c.offset).unwrap();
    }
    if c.absolute {
        out.push_str(" absolute");
    }
    if !c.description.is_empty() {
        write!(out, " {:?}", c.description).unwrap();
    }
    out.push('\n');
}

fn scope(out: &mut String, name: &str, scope: Option<&StructType>, native: ByteOrder) {
    scope.iter().for_each(|s| writeln!(out, "{name} {}", structure(s, native)).unwrap());
}

fn order(o: ByteOrder) -> &'static str {
    match o {
        ByteOrder::Little => "le",
        ByteOrder::Big => "be",
    }
}

fn encoding(e: Encoding) -> &'static str {
    match e {
        Encoding::Utf8 => "utf8",
        Encoding::Ascii => "ascii",
    }
}

fn members(list: &[Member], native: ByteOrder) -> String {
    let list: Vec<String> = list.iter().map(|m| format!("{} {};", ty(&m.ty, native), m.name)).collect();
    if list.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", list.join(" ")) }
}

fn structure(s: &StructType, native: ByteOrder) -> String {
    let natural = s.members.iter().map(|m| m.ty.align()).max().unwrap_or(1);
    let align = if s.align == natural { String::new() } else { format!("@{}", s.align) };
    members(&s.members, native) + &align
}

fn integer(i: &IntegerType, native: ByteOrder) -> String {
    let mut out = format!("{}{}", if i.signed { 'i' } else { 'u' }, i.bits);
    if i.align != if i.bits.is_multiple_of(8) { 8 } else { 1 } {
        write!(out, "@{}", i.align).unwrap();
    }
    if i.order != native {
        write!(out, " {}", order(i.order)).unwrap();
    }
    match i.base {
        10 => {}
        2 => out.push_str(" b"),
        8 => out.push_str(" o"),
        16 => out.push_str(" x"),
        other => write!(out, " base {other}").unwrap(),
    }
    i.encoding.iter().for_each(|&e| write!(out, " {}", encoding(e)).unwrap());
    i.clock.iter().for_each(|c| write!(out, " ~{c}").unwrap());
    i.slot.iter().for_each(|s| write!(out, " =#{}", s.0).unwrap());
    out
}

fn range(low: i128, high: i128) -> String {
    if low == high { low.to_string() } else { format!("{low}..{high}") }
}

fn ty(t: &FieldType, native: ByteOrder) -> String {
    match t {
        FieldType::Integer(i) => integer(i, native),
        FieldType::Float { bits, align, order: o } => {
            let o = if *o == native { String::new() } else { format!(" {}", order(*o)) };
            format!("f{bits}@{align}{o}")
        }
        FieldType::Enum(e) => {
            let ranges: Vec<String> = e
                .ranges
                .iter()
                .map(|r| {
                    let plain = r.label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                    let label = if plain { r.label.to_string() } else { format!("{:?}", r.label) };
                    format!("{label}={}", range(r.low, r.high))
                })
                .collect();
            format!("enum {} ({})", integer(&e.container, native), ranges.join(" "))
        }
        FieldType::String(Encoding::Utf8) => "string".to_owned(),
        FieldType::String(Encoding::Ascii) => "string ascii".to_owned(),
        FieldType::Struct(s) => structure(s, native),
        FieldType::Array { element, length } => format!("{}[{length}]", ty(element, native)),
        FieldType::Sequence { element, length } => format!("{}[#{}]", ty(element, native), length.0),
        FieldType::Variant(v) => {
            let name = |i: usize| v.options.get(i).map_or("?", |o| &o.name);
            let choices: Vec<String> =
                v.choices.iter().map(|c| format!(" {}:{}", range(c.low, c.high), name(c.option))).collect();
            let sign = if v.tag_signed { "±" } else { "" };
            format!("<{sign}#{}{}> {}", v.tag.0, choices.concat(), members(&v.options, native))
        }
    }
}
