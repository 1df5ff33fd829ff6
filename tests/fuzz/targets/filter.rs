//! The filter language.
#![no_main]

use stratoscope_fuzz::bounded;
use stratoscope_tests::fuzzing;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bounded(fuzzing::filter, input));
