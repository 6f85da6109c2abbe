//! Nothing but the example `observe`, which is in `examples/observe.rs`, and its test.
