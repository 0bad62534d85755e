//! Bytes that choose a case of the target `aws_auth`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(wrong) = (karpenter_prereqs_fuzz::aws_auth::AWS_AUTH.case)(bytes, None) {
        panic!("{wrong}");
    }
});
