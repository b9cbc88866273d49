//! The benchmarks, with their peers in the same run.
fn main() {}
