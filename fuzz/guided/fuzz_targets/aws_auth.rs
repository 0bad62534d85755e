//! Runs the case of the target `aws_auth` that the bytes choose.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(violation) = (karpenter_prereqs_fuzz::aws_auth::AWS_AUTH.case)(bytes, None) {
        panic!("{violation}");
    }
});
