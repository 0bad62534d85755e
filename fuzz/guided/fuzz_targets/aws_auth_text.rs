//! Checks the edits of the text of `mapRoles` that the bytes are.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(violation) = karpenter_prereqs_fuzz::aws_auth::check_text(text) {
        panic!("{violation}");
    }
});
