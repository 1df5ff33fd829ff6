//! Values as JSON, in the shape of the command line's contract.

use std::fmt::Write as _;

use crate::vocab::Value;

/// Appends `value`: integers exactly, enumerations as `{"value":1,"labels":["TIMER"]}`, NaN and the infinities
/// as strings (JSON has no number for them).
pub fn value_json(value: &Value, out: &mut String) {
    match value {
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Unsigned { value, .. } => number(*value, out),
        Value::Signed(value) => number(*value, out),
        Value::Float(f) if f.is_nan() => out.push_str("\"NaN\""),
        Value::Float(f) if f.is_infinite() => out.push_str(if *f > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" }),
        // The debug form is the shortest that reads back the same, with an exponent where that is shorter.
        Value::Float(f) => number(format_args!("{f:?}"), out),
        Value::Text(text) => text_json(text, out),
        Value::Enum { value, labels } => {
            out.push_str("{\"value\":");
            number(*value, out);
            out.push_str(",\"labels\":[");
            separated(labels, out, |label, out| text_json(label, out));
            out.push_str("]}");
        }
        Value::Struct(members) => {
            out.push('{');
            separated(members, out, |(name, value), out| {
                text_json(name, out);
                out.push(':');
                value_json(value, out);
            });
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            separated(values, out, value_json);
            out.push(']');
        }
        Value::Bytes(bytes) => {
            out.push('[');
            separated(bytes, out, number);
            out.push(']');
        }
        Value::Null => out.push_str("null"),
    }
}

/// Appends `text` as a JSON string.
pub fn text_json(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => number(format_args!("\\u{:04x}", u32::from(c)), out),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn number(number: impl std::fmt::Display, out: &mut String) {
    // Writing to a string cannot fail.
    write!(out, "{number}").ok();
}

fn separated<'a, T>(items: &'a [T], out: &mut String, mut each: impl FnMut(&'a T, &mut String)) {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        each(item, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let value = Value::Struct(vec![
            ("a\"b\u{1}".into(), Value::Unsigned { value: u64::MAX, base: 16 }),
            ("n".into(), Value::Array(vec![Value::Float(f64::NAN), Value::Float(1.75), Value::Float(1e300)])),
            ("e".into(), Value::Enum { value: -1, labels: vec!["x".into(), "y".into()] }),
            ("t".into(), Value::Text("é\n".into())),
            ("r".into(), Value::Bytes(vec![1, 255])),
            ("z".into(), Value::Null),
        ]);
        let mut out = String::new();
        value_json(&value, &mut out);
        assert_eq!(
            out,
            "{\"a\\\"b\\u0001\":18446744073709551615,\"n\":[\"NaN\",1.75,1e300],\
             \"e\":{\"value\":-1,\"labels\":[\"x\",\"y\"]},\"t\":\"é\\n\",\"r\":[1,255],\"z\":null}"
        );
        let parsed: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(parsed["n"][2], 1e300);
    }
}
