//! The data directory: its lock, its names, and files that are made whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::contract::StoreError;
use crate::embedded::frame::{FileKind, Salt, file_header};
use crate::faults::FaultPoint;

/// The data directory.
pub(crate) struct Directory {
    path: PathBuf,
    faults: FaultPoint,
}

/// Keeps the directory for one process. The lock ends with the file, so also with a killed process.
pub(crate) struct DirectoryLock(#[expect(dead_code, reason = "held, never read")] File);

/// The data files of a directory, each list in ascending order of its numbers.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) journals: Vec<u64>,
    pub(crate) snapshots: Vec<u64>,
    /// Files that were being made when the process ended.
    pub(crate) unfinished: Vec<PathBuf>,
}

impl Directory {
    /// Makes the directory if need be, and locks it.
    pub(crate) fn open(
        path: PathBuf,
        faults: FaultPoint,
    ) -> Result<(Self, DirectoryLock), StoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| cannot_open(&path, &error)
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(0o700);
        }
        if !path.is_dir() {
            builder.create(&path).map_err(failed(&path))?;
            // The directory must survive what its files survive.
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            let synced = File::open(parent).and_then(|parent| parent.sync_all());
            synced.map_err(failed(parent))?;
        }
        let lock_path = path.join("LOCK");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = private(&mut options).open(&lock_path);
        let lock = lock.map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok((Self { path, faults }, DirectoryLock(lock))),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable {
                operation: "open the data directory",
                source: io::Error::new(
                    ErrorKind::ResourceBusy,
                    format!(
                        "{} is in use by another presenced: stop that one, or give this one a \
                         directory of its own",
                        path.display()
                    ),
                ),
            }),
            Err(TryLockError::Error(error)) => Err(cannot_open(&lock_path, &error)),
        }
    }

    /// What is there. Files with other names are somebody else's and left alone.
    pub(crate) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            if Path::new(name).extension() == Some("tmp".as_ref()) {
                listing.unfinished.push(self.path.join(name));
            } else if let Some(number) = number_of(name, FileKind::Journal) {
                listing.journals.push(number);
            } else if let Some(number) = number_of(name, FileKind::Snapshot) {
                listing.snapshots.push(number);
            }
        }
        listing.journals.sort_unstable();
        listing.snapshots.sort_unstable();
        Ok(listing)
    }

    /// The path of the file with this number.
    pub(crate) fn path_of(&self, kind: FileKind, number: u64) -> PathBuf {
        self.path.join(name_of(kind, number))
    }

    /// Begins a file under a name that no start will read; [`Directory::publish`] names it.
    pub(crate) fn begin(&self, kind: FileKind) -> io::Result<DataFile> {
        let path = self.path.join(match kind {
            FileKind::Journal => "journal.tmp",
            FileKind::Snapshot => "snapshot.tmp",
        });
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let salt = Salt::random();
        let mut options = OpenOptions::new();
        options.create_new(true).append(true);
        let mut file = DataFile {
            file: private(&mut options).open(&path)?,
            kind,
            path,
            salt,
            length: 0,
            faults: self.faults.clone(),
        };
        file.append(&file_header(kind, salt))?;
        Ok(file)
    }

    /// Gives a whole and synced file its name. What has its name survives a crash of any kind.
    pub(crate) fn publish(&self, file: &mut DataFile, number: u64) -> io::Result<()> {
        let path = self.path_of(file.kind, number);
        fs::rename(&file.path, &path)?;
        file.path = path;
        File::open(&self.path)?.sync_all()
    }

    /// Opens a journal to write on behind its first `length` bytes; what stands there is cut off.
    pub(crate) fn go_on(&self, number: u64, salt: Salt, length: u64) -> io::Result<DataFile> {
        let path = self.path_of(FileKind::Journal, number);
        let mut file = DataFile {
            file: OpenOptions::new().append(true).open(&path)?,
            kind: FileKind::Journal,
            path,
            salt,
            length,
            faults: self.faults.clone(),
        };
        file.cut_back()?;
        Ok(file)
    }

    /// Removes a file of this number, if it is there.
    pub(crate) fn remove(&self, kind: FileKind, number: u64) -> io::Result<()> {
        match fs::remove_file(self.path_of(kind, number)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that grows by whole frames.
pub(crate) struct DataFile {
    file: File,
    kind: FileKind,
    path: PathBuf,
    salt: Salt,
    /// How much of it is good: everything that was appended whole.
    length: u64,
    faults: FaultPoint,
}

impl DataFile {
    /// Appends bytes, in one call to the system. Where that fails, something of them may stand
    /// behind [`DataFile::length`].
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let allowed = self.faults.write(self.kind, bytes.len());
        if let Err((kept, error)) = allowed {
            self.file.write_all(bytes.get(..kept).unwrap_or(bytes))?;
            return Err(error);
        }
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Counts what stands behind `length` as not written, though it may be.
    pub(crate) const fn forget_behind(&mut self, length: u64) {
        self.length = length;
    }

    /// Waits until everything that was appended is on the device.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.faults.sync(self.kind)?;
        self.file.sync_data()
    }

    /// Cuts off whatever stands behind [`DataFile::length`].
    pub(crate) fn cut_back(&mut self) -> io::Result<()> {
        self.faults.truncate(self.kind)?;
        self.file.set_len(self.length)
    }

    /// A second handle, to sync the file while the first is written to.
    pub(crate) fn second_handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Whole bytes, the file header included.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    pub(crate) const fn salt(&self) -> Salt {
        self.salt
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Names are as long as the longest number, so that they sort by it.
fn name_of(kind: FileKind, number: u64) -> String {
    match kind {
        FileKind::Journal => format!("journal-{number:020}"),
        FileKind::Snapshot => format!("snapshot-{number:020}"),
    }
}

fn number_of(name: &str, kind: FileKind) -> Option<u64> {
    let (_, digits) = name.split_once('-')?;
    let number = digits.parse().ok()?;
    (name == name_of(kind, number)).then_some(number)
}

/// For the owner's eyes only: it says where people were and when.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// The answer where something in the directory cannot be opened or read.
pub(crate) fn cannot_open(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable {
        operation: "open the data directory",
        source: io::Error::new(error.kind(), format!("{}: {error}", path.display())),
    }
}
