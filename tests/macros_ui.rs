//! Promise 48: what `#[runtime::main]`, `#[runtime::test]` and the other macros accept, and what they say, and where,
//! about what they do not. Most of the text is ours; what rustc adds is that of 1.95.
//! `TRYBUILD=overwrite cargo test --test macros_ui` rewrites the messages.

#[test]
fn p48_accepted_programs_compile_and_run() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn p48_refused_programs_are_told_why_at_their_own_line() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
