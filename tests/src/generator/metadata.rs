//! The metadata stream: TSDL text from a template, cut into packets of 4 KiB as LTTng's kernel tracer writes it.

use super::schema::{EVENTS, fields_tsdl};
use super::stream::Header;

/// What the metadata of one machine says about it.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// The host name in the environment.
    pub(crate) hostname: String,
    /// The identity of the trace, in every packet header.
    pub(crate) uuid: [u8; 16],
    /// The boot id: the identity of the clock.
    pub(crate) clock_uuid: [u8; 16],
    /// Cycles to add for nanoseconds since 1970.
    pub(crate) clock_offset: i64,
    /// Which event header the channel uses.
    pub(crate) header: Header,
}

/// A UUID in its usual spelling.
pub(crate) fn uuid_text(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// The whole TSDL text.
pub(crate) fn text(d: &Description) -> String {
    let mut text = format!(
        "typealias integer {{ size = 8; align = 8; signed = false; }} := uint8_t;
typealias integer {{ size = 16; align = 8; signed = false; }} := uint16_t;
typealias integer {{ size = 32; align = 8; signed = false; }} := uint32_t;
typealias integer {{ size = 64; align = 8; signed = false; }} := uint64_t;
typealias integer {{ size = 64; align = 8; signed = false; }} := unsigned long;
typealias integer {{ size = 5; align = 1; signed = false; }} := uint5_t;
typealias integer {{ size = 27; align = 1; signed = false; }} := uint27_t;

trace {{
	major = 1;
	minor = 8;
	uuid = \"{uuid}\";
	byte_order = le;
	packet.header := struct {{
		uint32_t magic;
		uint8_t  uuid[16];
		uint32_t stream_id;
		uint64_t stream_instance_id;
	}};
}};

env {{
	hostname = \"{host}\";
	domain = \"kernel\";
	sysname = \"Linux\";
	kernel_release = \"6.1.0-56-amd64\";
	kernel_version = \"#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)\";
	tracer_name = \"lttng-modules\";
	tracer_major = 2;
	tracer_minor = 13;
	tracer_patchlevel = 23;
	trace_buffering_scheme = \"global\";
	trace_name = \"generated\";
	trace_creation_datetime = \"20261123T150804+0000\";
}};

clock {{
	name = \"monotonic\";
	uuid = \"{clock}\";
	description = \"Monotonic Clock\";
	freq = 1000000000; /* Frequency, in Hz */
	/* clock value offset from Epoch is: offset * (1/freq) */
	offset = {offset};
}};

typealias integer {{
	size = 27; align = 1; signed = false;
	map = clock.monotonic.value;
}} := uint27_clock_monotonic_t;

typealias integer {{
	size = 32; align = 8; signed = false;
	map = clock.monotonic.value;
}} := uint32_clock_monotonic_t;

typealias integer {{
	size = 64; align = 8; signed = false;
	map = clock.monotonic.value;
}} := uint64_clock_monotonic_t;

struct packet_context {{
	uint64_clock_monotonic_t timestamp_begin;
	uint64_clock_monotonic_t timestamp_end;
	uint64_t content_size;
	uint64_t packet_size;
	uint64_t packet_seq_num;
	unsigned long events_discarded;
	uint32_t cpu_id;
}};

struct event_header_compact {{
	enum : uint5_t {{ compact = 0 ... 30, extended = 31 }} id;
	variant <id> {{
		struct {{
			uint27_clock_monotonic_t timestamp;
		}} compact;
		struct {{
			uint32_t id;
			uint64_clock_monotonic_t timestamp;
		}} extended;
	}} v;
}} align(8);

struct event_header_large {{
	enum : uint16_t {{ compact = 0 ... 65534, extended = 65535 }} id;
	variant <id> {{
		struct {{
			uint32_clock_monotonic_t timestamp;
		}} compact;
		struct {{
			uint32_t id;
			uint64_clock_monotonic_t timestamp;
		}} extended;
	}} v;
}} align(8);

stream {{
	id = 0;
	event.header := struct {header};
	packet.context := struct packet_context;
}};

",
        uuid = uuid_text(&d.uuid),
        host = d.hostname,
        clock = uuid_text(&d.clock_uuid),
        offset = d.clock_offset,
        header = match d.header {
            Header::Compact => "event_header_compact",
            Header::Large => "event_header_large",
        },
    );
    for (ev, name, fields) in EVENTS {
        text.push_str(&format!(
            "event {{\n\tname = \"{name}\";\n\tid = {};\n\tstream_id = 0;\n\tfields := struct {{\n{}\t}};\n}};\n\n",
            ev.id(),
            fields_tsdl(fields)
        ));
    }
    text
}

/// Cuts the text into metadata packets, the last one padded like the others.
pub(crate) fn packetise(text: &str, uuid: &[u8; 16]) -> Vec<u8> {
    const PACKET: u32 = 4096;
    const HEADER: u32 = 37;
    let mut out = Vec::new();
    for (chunk, len) in text.as_bytes().chunks(4096 - 37).zip(std::iter::repeat(PACKET)) {
        let content = HEADER + u32::try_from(chunk.len()).unwrap_or(0);
        out.extend_from_slice(&0x75d1_1d57_u32.to_le_bytes());
        out.extend_from_slice(uuid);
        out.extend_from_slice(&0_u32.to_le_bytes());
        out.extend_from_slice(&(content * 8).to_le_bytes());
        out.extend_from_slice(&(len * 8).to_le_bytes());
        // No compression, encryption or checksum; version 1.8.
        out.extend_from_slice(&[0, 0, 0, 1, 8]);
        out.extend_from_slice(chunk);
        let rest = usize::try_from(len - content).unwrap_or(0);
        out.resize(out.len() + rest, 0);
    }
    out
}
