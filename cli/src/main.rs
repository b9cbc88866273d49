//! The one binary, `hourglass`: flags, configuration and wiring, nothing else.
fn main() {}
