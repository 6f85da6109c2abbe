//! Benchmarks: workloads written once against a small trait, one module per runtime, and the table that
//! sets them side by side.
//!
//! `cargo run --release -p benches --bin compare` runs the whole table and writes `benches/RESULTS.md`;
//! `cargo bench -p benches` runs the criterion files, which ask one question each.

pub mod cold_build;
pub mod compare;
pub mod load;
pub mod measure;
pub mod report;
pub mod rt;
pub mod table;
pub mod work;
