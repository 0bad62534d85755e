//! Runs the case of the target `event` that the bytes choose.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(violation) = (karpenter_prereqs_fuzz::event::EVENT.case)(bytes, None) {
        panic!("{violation}");
    }
});
