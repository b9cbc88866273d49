//! The nouns of hourglass: messages, metrics, minute aggregates, protocol frames; parsing and encoding. No I/O, no clock.
