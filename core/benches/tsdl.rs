//! Speed of the TSDL parser on a metadata stream of LTTng's shape: `cargo bench -p stratoscope-core --bench tsdl`.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stratoscope_core::ctf::tsdl;

const HEAD: &str = "/* CTF 1.8 */
trace { major = 1; minor = 8; byte_order = le; packet.header := struct { integer { size = 32; } magic; }; };
stream { id = 0; event.header := struct { enum : integer { size = 16; } { compact = 0 ... 65534, extended = 65535 } id;
variant <id> { struct { integer { size = 32; } timestamp; } compact; struct { integer { size = 32; } id; } extended; } v; }; };
";

/// `count` classes like those of system calls.
fn metadata(count: usize) -> String {
    let mut text = HEAD.to_owned();
    for id in 0..count {
        text.push_str(&format!(
            "event {{\n\tname = \"syscall_entry_{id}\";\n\tid = {id};\n\tstream_id = 0;\n\tfields := struct {{\n\
             \t\tinteger {{ size = 32; align = 8; signed = 1; encoding = none; base = 10; }} _fd;\n\
             \t\tinteger {{ size = 64; align = 8; signed = 0; encoding = none; base = 16; }} _buf_{id};\n\
             \t\tinteger {{ size = 8; align = 8; signed = 1; encoding = UTF8; base = 10; }} _comm[16];\n\
             \t\tinteger {{ size = 8; align = 8; signed = 0; encoding = none; base = 10; }} __fds_length;\n\
             \t\tinteger {{ size = 8; align = 8; signed = 0; encoding = none; base = 10; }} _fds[ __fds_length ];\n\
             \t\tenum : integer {{ size = 32; align = 8; signed = 0; encoding = none; base = 10; }} {{ \"A\" = 0 ... 3, \"B\" = 4 }} _kind;\n\
             \t\tstring _name;\n\t}};\n}};\n\n"
        ));
    }
    text
}

fn parse(c: &mut Criterion) {
    let text = metadata(5000);
    let mut group = c.benchmark_group("tsdl");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    group.bench_function("parse", |b| b.iter(|| tsdl::parse(Path::new("metadata"), black_box(text.as_bytes()))));
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
