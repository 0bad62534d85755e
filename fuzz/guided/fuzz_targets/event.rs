//! Bytes that choose a case of the target `event`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(wrong) = (karpenter_prereqs_fuzz::event::EVENT.case)(bytes, None) {
        panic!("{wrong}");
    }
});
