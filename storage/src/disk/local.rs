//! LocalDisk: the real file system, through the standard library and rustix.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::{FallocateFlags, FlockOperation, OFlags, fallocate, flock, statvfs};

use super::sync_helpers::SyncHelpers;
use super::{Disk, DiskFile, DiskLock, Entry, Mode, at};

/// The machine's own file system.
///
/// Keeps a thread for each file beyond the first that is synced at once; make
/// one value and share it.
#[derive(Debug, Default)]
pub struct LocalDisk {
    helpers: SyncHelpers,
}

impl LocalDisk {
    /// The machine's own file system.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Disk for LocalDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            Mode::Read => {}
            Mode::Write => drop(options.write(true).create(true).truncate(false)),
            Mode::CreateNew => drop(options.write(true).create_new(true)),
        }
        let operation = if mode == Mode::CreateNew { "create" } else { "open" };
        let file = options.open(path).map_err(at(operation, path))?;
        Ok(Arc::new(LocalFile { file, path: path.to_owned() }))
    }

    fn sync_together(&self, files: &[&Arc<dyn DiskFile>]) -> io::Result<()> {
        self.helpers.sync_all(files)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(at("list", folder))? {
            let entry = entry.map_err(at("list", folder))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let about = match fs::metadata(entry.path()) {
                // Removed since, or a link to nowhere: no file to us.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                about => about.map_err(at("look at", &entry.path()))?,
            };
            let len = if about.is_dir() { 0 } else { about.len() };
            entries.push(Entry { name, is_dir: about.is_dir(), len });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn create_folders(&self, folder: &Path) -> io::Result<()> {
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        if folder.is_dir() {
            return parent.map_or(Ok(()), |parent| self.sync_made_before(parent));
        }
        if let Some(parent) = parent {
            self.create_folders(parent)?;
        }
        match fs::create_dir(folder) {
            // Another process was faster; the sync below covers its folder too.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(at("create folder", folder)(io::ErrorKind::NotADirectory.into()));
            }
            made => made.map_err(at("create folder", folder))?,
        }
        self.sync_folder(parent.unwrap_or(Path::new(".")))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to).map_err(at("link", to))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if from.parent() != to.parent() {
            return Err(at("rename", to)(io::ErrorKind::InvalidInput.into()));
        }
        fs::rename(from, to).map_err(at("rename", to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path).map_err(at("remove", path))
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir(folder).map_err(at("remove folder", folder))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let only_a_folder = OFlags::DIRECTORY.bits().cast_signed();
        let open = OpenOptions::new().read(true).custom_flags(only_a_folder).open(folder);
        open.and_then(|folder| folder.sync_all()).map_err(at("sync folder", folder))
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Ok(about) if about.is_file() => Ok(Some(about.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at("look at", path)(error)),
        }
    }

    fn age(&self, path: &Path) -> io::Result<Option<Duration>> {
        let changed = fs::metadata(path).and_then(|about| about.modified()).map_err(at("look at", path))?;
        Ok(SystemTime::now().duration_since(changed).ok())
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(at("open", path))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| at("lock", path)(error.into()))?;
        Ok(DiskLock::new(file))
    }

    fn free_space(&self, folder: &Path) -> io::Result<u64> {
        let about = statvfs(folder).map_err(|error| at("look at", folder)(error.into()))?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }
}

impl LocalDisk {
    /// Syncs the folder above one that was there already. That may be a
    /// system's folder which we may not read: then its entries are not ours.
    fn sync_made_before(&self, folder: &Path) -> io::Result<()> {
        match self.sync_folder(folder) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        }
    }
}

/// An open file and the path that its errors name.
#[derive(Debug)]
struct LocalFile {
    file: File,
    path: PathBuf,
}

impl DiskFile for LocalFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(at("read", &self.path)(error)),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset).map_err(at("write", &self.path))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data().map_err(at("sync", &self.path))
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length).map_err(at("truncate", &self.path))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        match fallocate(&self.file, FallocateFlags::empty(), 0, length) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::OPNOTSUPP) => self.fill_with_zeros(length),
            Err(error) => Err(at("allocate", &self.path)(error.into())),
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata().map_err(at("look at", &self.path))?.len())
    }
}

impl LocalFile {
    /// Reserves by writing, where the file system cannot do it otherwise.
    fn fill_with_zeros(&self, length: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut end = self.len()?;
        while end < length {
            let count = (length - end).min(ZEROS.len() as u64);
            self.write_at(&ZEROS[..count as usize], end)?;
            end += count;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::os_error;

    #[test]
    fn a_lock_is_held_by_one_and_its_error_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.lock");
        let (one, other) = (LocalDisk::new(), LocalDisk::new());
        let held = one.lock(&path).unwrap();
        let refused = other.lock(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        assert!(refused.to_string().contains("monitor.lock"), "{refused}");
        drop(held);
        let _held = other.lock(&path).unwrap();
    }

    #[test]
    fn reserved_space_is_zeros_and_keeps_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = LocalDisk::new().open(&folder.path().join("journal"), Mode::CreateNew).unwrap();
        file.write_at(b"head", 0).unwrap();
        file.allocate(100_000).unwrap();
        file.allocate(10).unwrap();
        assert_eq!(file.len().unwrap(), 100_000);
        let mut bytes = vec![1; 100_000];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes.starts_with(b"head") && bytes[4..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn reserving_by_writing_does_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let file = LocalFile { file: File::create_new(&path).unwrap(), path: path.clone() };
        file.write_at(b"head", 0).unwrap();
        file.fill_with_zeros(150_000).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 150_000 && bytes.starts_with(b"head") && bytes[4..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn errors_say_what_was_done_to_which_file_and_keep_the_systems_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent");
        let error = LocalDisk::new().open(&path, Mode::Read).unwrap_err();
        assert_eq!((error.kind(), os_error(&error)), (io::ErrorKind::NotFound, Some(2)));
        assert!(error.to_string().starts_with(&format!("cannot open {}: ", path.display())), "{error}");
    }

    #[test]
    fn a_path_without_a_folder_lies_in_the_working_folder() {
        let disk = LocalDisk::new();
        disk.create_folders(Path::new("src")).unwrap();
        assert!(disk.free_space(Path::new("src")).unwrap() > 0);
        assert_eq!(disk.length(Path::new("src")).unwrap(), None);
    }
}
