//! Files that only their owner can read: keys, and what belongs to them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// What ends the name of a file that is not finished. The store clears such away in its directory.
const UNFINISHED: &str = "tmp";

/// Writes a file for its owner alone, whole or not at all, also where the machine stops meanwhile. One
/// that is there is replaced, whatever its permissions were.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension(UNFINISHED);
    // One left by a crash could have wider permissions, which opening would leave as they are.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // A rename is on disk once its directory is.
    let directory = path.parent().filter(|path| !path.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Whatever was there, and whatever a crash has left, gives way to a file that its owner alone
    /// can read.
    #[test]
    fn what_was_there_gives_way() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        for left in [&path, &path.with_extension(UNFINISHED)] {
            fs::write(left, "open to all").unwrap();
            fs::set_permissions(left, fs::Permissions::from_mode(0o644)).unwrap();
        }
        write(&path, "secret").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
