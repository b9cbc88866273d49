//! Publishing: how a whole file appears, so that nobody ever sees half of it.
//!
//! The bytes go into a temporary file beside the target, named
//! `.~<name>-<n>` with the least n that is free (created exclusively, so two
//! publishers never share one), and are synced before the target's name points
//! at them. No name of ours begins with `.~`, so [`is_temporary`] tells; a
//! temporary left by a crash is never listed and never reused; a store's go when
//! they are old ([`Store::remove_temporaries`](crate::Store::remove_temporaries)).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, Mode};

/// Whether the file is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The file was not there and now is, whole and durable.
    Created,
    /// A file of that name was there already and is unchanged.
    Exists,
}

/// Publishes `bytes` as `path` unless something is there: temporary, sync, link
/// (fails if it exists), unlink, sync the folder. The folder is made when it is
/// not there.
///
/// Durable when it returns, also what it reports as [`Created::Exists`]. After
/// a crash or an error in the middle the file is absent or whole.
///
/// # Errors
/// What the disk says. The file may then be there or not, never half.
pub fn publish_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<Created> {
    let temporary = Temporary::write(disk, path, bytes)?;
    let linked = disk.link(&temporary.path, path);
    temporary.remove();
    let created = match linked {
        Ok(()) => Created::Created,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Created::Exists,
        Err(error) => return Err(error),
    };
    disk.sync_folder(folder_of(path))?;
    Ok(created)
}

/// Publishes `bytes` as `path`, replacing what is there: temporary, sync,
/// rename, sync the folder. The folder is made when it is not there.
///
/// Durable when it returns. A reader sees the old file or the new one, also
/// after a crash.
///
/// # Errors
/// What the disk says. The file is then the old one or the new one.
pub fn publish_replacing(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = Temporary::write(disk, path, bytes)?;
    if let Err(error) = disk.rename(&temporary.path, path) {
        temporary.remove();
        return Err(error);
    }
    disk.sync_folder(folder_of(path))
}

/// Whether `name` is a temporary file's, or what a crash left of one.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX)
}

const PREFIX: &str = ".~";

/// A synced file that has no public name yet.
struct Temporary<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
}

impl<'a> Temporary<'a> {
    fn write(disk: &'a dyn Disk, target: &Path, bytes: &[u8]) -> io::Result<Self> {
        let (path, file) = create_beside(disk, target)?;
        let temporary = Self { disk, path };
        match file.write_at(bytes, 0).and_then(|()| file.sync()) {
            Ok(()) => Ok(temporary),
            Err(error) => {
                temporary.remove();
                Err(error)
            }
        }
    }

    /// Best effort: a temporary that stays is harmless.
    fn remove(self) {
        let _ = self.disk.remove(&self.path);
    }
}

/// Creates the first free temporary beside `target`, and its folder if need be.
fn create_beside(disk: &dyn Disk, target: &Path) -> io::Result<(PathBuf, Arc<dyn DiskFile>)> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let mut attempt = 0_u32;
    let mut made_folder = false;
    loop {
        let path = target.with_file_name(format!("{PREFIX}{name}-{attempt}"));
        match disk.open(&path, Mode::CreateNew) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !made_folder => {
                disk.create_folders(folder_of(target))?;
                made_folder = true;
            }
            Err(error) => return Err(error),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SimDisk, is_full};

    fn names(disk: &SimDisk, folder: &str) -> Vec<String> {
        disk.list(folder.as_ref()).unwrap().into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn the_first_to_publish_a_name_has_it() {
        let disk = SimDisk::new(1);
        let path = Path::new("/deep/folder/file");
        assert_eq!(publish_new(&disk, path, b"one").unwrap(), Created::Created);
        assert_eq!(publish_new(&disk, path, b"two").unwrap(), Created::Exists);
        assert_eq!(disk.length(path).unwrap(), Some(3));
        publish_replacing(&disk, path, b"three").unwrap();
        assert_eq!(disk.length(path).unwrap(), Some(5));
        assert_eq!(names(&disk, "/deep/folder"), ["file"]);
    }

    #[test]
    fn a_temporary_that_a_crash_left_is_in_nobodys_way() {
        let disk = SimDisk::new(1);
        disk.crash_at_operation(2);
        assert!(publish_new(&disk, "/file".as_ref(), b"one").is_err());
        let disk = disk.kill();
        assert_eq!(names(&disk, "/"), [".~file-0"]);
        assert!(names(&disk, "/").iter().all(|name| is_temporary(name)));
        assert_eq!(publish_new(&disk, "/file".as_ref(), b"two").unwrap(), Created::Created);
        assert_eq!(names(&disk, "/"), [".~file-0", "file"]);
    }

    #[test]
    fn a_full_disk_leaves_nothing_behind() {
        let disk = SimDisk::new(1);
        disk.set_room(10);
        for refused in [
            publish_new(&disk, "/file".as_ref(), &[1; 11]).map(drop),
            publish_replacing(&disk, "/file".as_ref(), &[1; 11]),
        ] {
            assert!(is_full(&refused.unwrap_err()));
        }
        assert_eq!(names(&disk, "/"), [""; 0]);
        publish_new(&disk, "/file".as_ref(), &[1; 9]).unwrap();
    }
}
