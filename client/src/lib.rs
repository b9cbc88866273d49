//! What sends messages: load generator, host sampler, replayer, and the client half of the acknowledgement protocol.
