//! What the query half of views promises, each in a file of its own, held
//! against towns of two monitors and one store.
#![allow(clippy::unwrap_used, clippy::expect_used)]

extern crate hourglass_views as views;

mod answers_are_exact;
mod corruption_is_found;
mod gaps;
mod refreshing;
mod starting_over;
mod store_alone;
mod town;
mod verify_finds;
