//! Room: how much more the log may grow while the store is away.
//!
//! The log takes in what comes until only `disk.reserve` is free; then reading stops. In: the bytes that the store
//! lacks. Out: the room that is left, and a warning from the moment on when half of what the log may take at most is
//! taken, which is when there is no more room than lacking bytes.

use std::io;
use std::sync::Arc;

use storage::Disk;
use storage::layout::DataFolder;

/// Watches the room of one data folder.
#[derive(Debug)]
pub(crate) struct Room {
    disk: Arc<dyn Disk>,
    folder: DataFolder,
    /// `disk.reserve`.
    reserve: u64,
    warned: bool,
}

impl Room {
    /// The room in `folder` down to `reserve` free bytes.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: DataFolder, reserve: u64) -> Self {
        Self { disk, folder, reserve, warned: false }
    }

    /// The bytes left, and what to say about them while the store lacks `lag`. Logged once each time it comes up, and
    /// when it is over.
    pub(crate) fn look(&mut self, lag: u64) -> io::Result<(u64, Option<String>)> {
        let room = self.disk.free_space(self.folder.path())?.saturating_sub(self.reserve);
        let warning = (lag > 0 && lag >= room).then(|| {
            format!(
                "the store lacks {}; {} are left before this monitor stops reading: mend the store or make room",
                bytes(lag),
                bytes(room)
            )
        });
        match (&warning, std::mem::replace(&mut self.warned, warning.is_some())) {
            (Some(warning), false) => tracing::warn!("{warning}"),
            (None, true) => tracing::info!("there is room for more than the store lacks again"),
            _ => {}
        }
        Ok((room, warning))
    }
}

/// A size as people say it.
fn bytes(count: u64) -> String {
    const UNITS: [(&str, f64); 4] = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let size = count as f64;
    match UNITS.iter().find(|(_, unit)| size >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", size / unit),
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use storage::SimDisk;

    use super::*;

    fn room(reserve: u64) -> (SimDisk, Room) {
        let disk = SimDisk::new(1);
        disk.create_folders("/data".as_ref()).unwrap();
        (disk.clone(), Room::new(Arc::new(disk), DataFolder::new("/data"), reserve))
    }

    #[test]
    fn half_is_when_the_store_lacks_as_much_as_there_is_room_for() {
        let (disk, mut room) = room(1_000);
        for (free, lag, left, warns) in [
            (9_000, 0, 8_000, false),
            (9_000, 7_999, 8_000, false),
            (9_000, 8_000, 8_000, true),
            (5_000, 12_000, 4_000, true),
            (900, 12_000, 0, true),
            (900, 0, 0, false),
            (9_000, 10, 8_000, false),
        ] {
            disk.set_room(free);
            let (found, warning) = room.look(lag).unwrap();
            assert_eq!((found, warning.is_some()), (left, warns), "{free} free, {lag} lacking");
            assert_eq!(room.warned, warns);
        }
    }

    #[test]
    fn the_warning_says_what_to_do() {
        let (disk, mut room) = room(0);
        disk.set_room(11_900_000_000);
        assert_eq!(
            room.look(12_345_000_000).unwrap().1.unwrap(),
            "the store lacks 12.3 GB; 11.9 GB are left before this monitor stops reading: mend the store or make room"
        );
        assert_eq!(bytes(999), "999 bytes");
    }
}
