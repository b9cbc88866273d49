//! Who may do what: tokens and certificates, what each may do, and with which services.
//!
//! | to know | read |
//! |---|---|
//! | what a file of tokens holds, and why only hashes | `file.rs` |
//! | what a token, once checked, allows | [`Grant`] |
//! | how a change of the file takes hold, and what a broken one does | [`Access`] |
//! | how a connection is encrypted, and a client known by its certificate | [`Tls`] |
//! | what `*` in a pattern of services means | [`Pattern`] |
//!
//! Enters: the file, and what clients show. Leaves: a [`Grant`], or why there is none ([`Denied`]).
//!
//! What must hold: without a file everything is allowed to everybody, and who listens sees to it that nobody else
//! reaches it; with one, nothing is allowed that it does not say. A token is never logged, kept, or compared in a time
//! that tells how much of it was right. What is taken out of the file ends within two seconds, connections that are
//! open included.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod file;
mod grant;
mod list;
mod pattern;
mod tls;
mod token;

pub use file::{AccessError, check};
pub use grant::{Grant, Scope};
pub use list::{Access, Denied};
pub use pattern::Pattern;
pub use tls::{Tls, TlsFiles};
pub use token::{Fingerprint, new_token};
