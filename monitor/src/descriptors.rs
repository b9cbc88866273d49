//! File descriptors: enough for `listen.connections`, and for our own files.
//!
//! A connection takes one. If a flood of them took the last, the next log file
//! could not be opened and the monitor would end; so some are kept back.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept back: log, journal, queue, store, status, the runtime, and
/// what else the process has open.
const OWN: usize = 256;

/// Raises the process's limit as far as need be and possible; says how many of
/// these connections there is room for.
pub(crate) fn make_room(connections: usize) -> usize {
    let wanted = (connections + OWN) as u64;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let current = Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current, maximum }) {
            tracing::debug!(%error, "limit of open files not raised");
        }
    }
    let limit = getrlimit(Resource::Nofile).current;
    let room = limit.map_or(connections, |limit| (limit as usize).saturating_sub(OWN));
    if room < connections {
        tracing::warn!(room, listen_connections = connections, "too few file descriptors: raise ulimit -n");
    }
    room.min(connections).max(1)
}
