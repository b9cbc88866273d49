//! What a monitor writes: day log, commit journal, queue, cuts; recovery and the reader half.
