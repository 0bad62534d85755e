//! Bytes that are the text of `mapRoles` itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(wrong) = karpenter_prereqs_fuzz::aws_auth::judged(text) {
        panic!("{wrong}");
    }
});
