//! One target: that which the binary is named after.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let target = pmp_test_fuzz::named(env!("CARGO_BIN_NAME")).expect("a target of this name");
    (target.run)(bytes);
});
