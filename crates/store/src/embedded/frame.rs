//! Files as a header and checksummed frames. The format is described in the README, section
//! "Files".

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use crate::codec::Reader;
use crate::limits::FRAME_BYTES_MAX;

/// The version of the file format that this build writes, and the only one it reads.
const VERSION: u32 = 1;

/// Length of a file's header: magic (8), version (4), flags (4), salt (4), checksum (4).
pub(crate) const FILE_HEADER_BYTES: usize = 24;

/// Length of a frame's header: payload length (4), number of the first entry (8), checksum of the
/// payload (4), checksum of these sixteen bytes (4).
pub(crate) const FRAME_HEADER_BYTES: usize = 20;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Commits, in order.
    Journal,
    /// All records and documents.
    Snapshot,
}

impl FileKind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Journal => b"presjrnl",
            Self::Snapshot => b"pressnap",
        }
    }
}

/// Mixed into the checksum of each frame header of one file. A client can write bytes of its choice
/// into a document; without the salt it could forge a frame there, and the search for frames behind
/// a torn one would take it for real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Salt(pub(crate) u32);

impl Salt {
    /// A salt that nobody outside can foresee: the standard library seeds its hashers at random.
    pub(crate) fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        let bits = RandomState::new().hash_one(0_u8);
        Self(u32::try_from(bits >> 32).unwrap_or(0))
    }

    fn checksum(self, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// The header of a new file.
pub(crate) fn file_header(kind: FileKind, salt: Salt) -> Vec<u8> {
    let mut header = Vec::with_capacity(FILE_HEADER_BYTES);
    header.extend_from_slice(kind.magic());
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&0_u32.to_le_bytes());
    header.extend_from_slice(&salt.0.to_le_bytes());
    let checksum = crc32fast::hash(&header);
    header.extend_from_slice(&checksum.to_le_bytes());
    header
}

/// The file's salt, if its header is one of this kind that this build can read; otherwise what is
/// wrong with it.
fn read_file_header(
    kind: FileKind,
    header: &[u8; FILE_HEADER_BYTES],
) -> Result<Salt, &'static str> {
    let mut reader = Reader::new(header);
    let short = |_| "the file header is too short";
    let magic = reader.take(8).map_err(short)?;
    let version = reader.u32().map_err(short)?;
    let flags = reader.u32().map_err(short)?;
    let salt = reader.u32().map_err(short)?;
    let checksum = reader.u32().map_err(short)?;
    if magic != kind.magic() {
        return Err("it does not begin as such a file of presenced does");
    }
    let (checked, _) = header.split_at(FILE_HEADER_BYTES - 4);
    if crc32fast::hash(checked) != checksum {
        return Err("the checksum of the file header is wrong");
    }
    if version != VERSION || flags != 0 {
        return Err("a newer presenced wrote it");
    }
    Ok(Salt(salt))
}

/// Begins a frame in `buffer`, which must be empty: leaves room for the header.
pub(crate) fn begin_frame(buffer: &mut Vec<u8>) {
    buffer.resize(FRAME_HEADER_BYTES, 0);
}

/// Completes the frame in `buffer` by filling in its header.
pub(crate) fn seal_frame(buffer: &mut [u8], first: u64, salt: Salt) {
    let Some((header, payload)) = buffer.split_first_chunk_mut::<FRAME_HEADER_BYTES>() else {
        return;
    };
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let (fields, checksum) = header.split_at_mut(16);
    let (start, payload_checksum) = fields.split_at_mut(12);
    let (length_field, first_field) = start.split_at_mut(4);
    length_field.copy_from_slice(&length.to_le_bytes());
    first_field.copy_from_slice(&first.to_le_bytes());
    payload_checksum.copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    checksum.copy_from_slice(&salt.checksum(fields).to_le_bytes());
}

/// A frame's header, its checksum found right.
#[derive(Clone, Copy)]
struct FrameHeader {
    length: usize,
    first: u64,
    payload_checksum: u32,
}

impl FrameHeader {
    fn read(bytes: &[u8], salt: Salt) -> Option<Self> {
        let (fields, checksum) = bytes.split_at_checked(16)?;
        let mut reader = Reader::new(fields);
        let header = Self {
            length: usize::try_from(reader.u32().ok()?).ok()?,
            first: reader.u64().ok()?,
            payload_checksum: reader.u32().ok()?,
        };
        let right = Reader::new(checksum).u32().ok()? == salt.checksum(fields);
        (right && header.length <= FRAME_BYTES_MAX).then_some(header)
    }
}

/// What stands at a place in a file.
pub(crate) enum Found<'a> {
    /// A whole frame.
    Frame {
        /// The number of its first entry.
        first: u64,
        /// Its entries.
        payload: &'a [u8],
    },
    /// The end of the file, right after a frame.
    End,
    /// Something else.
    Damage {
        /// Where it begins: right after the last whole frame.
        offset: u64,
        /// What is wrong there.
        problem: &'static str,
    },
}

/// Reads a file frame by frame.
pub(crate) struct FrameReader<F = File> {
    file: io::BufReader<F>,
    salt: Salt,
    offset: u64,
    payload: Vec<u8>,
}

/// Why a file cannot be begun to be read.
pub(crate) enum BadFile {
    /// Its header is damaged.
    Header(&'static str),
    /// It cannot be read.
    Io(io::Error),
}

impl<F: Read + Seek> FrameReader<F> {
    /// Begins to read a file of this kind.
    pub(crate) fn new(file: F, kind: FileKind) -> Result<Self, BadFile> {
        let mut file = io::BufReader::with_capacity(256 << 10, file);
        let mut header = [0; FILE_HEADER_BYTES];
        match file.read_exact(&mut header) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(BadFile::Header("the file header is too short"));
            }
            other => other.map_err(BadFile::Io)?,
        }
        let salt = read_file_header(kind, &header).map_err(BadFile::Header)?;
        Ok(Self {
            file,
            salt,
            offset: FILE_HEADER_BYTES as u64,
            payload: Vec::new(),
        })
    }

    pub(crate) const fn salt(&self) -> Salt {
        self.salt
    }

    /// Where the next frame begins.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// What stands next in the file.
    pub(crate) fn next(&mut self) -> io::Result<Found<'_>> {
        let offset = self.offset;
        let mut header = [0; FRAME_HEADER_BYTES];
        match read_up_to(&mut self.file, &mut header)? {
            0 => return Ok(Found::End),
            FRAME_HEADER_BYTES => {}
            _ => return Ok(damage(offset, "the file ends within the header of a frame")),
        }
        let Some(header) = FrameHeader::read(&header, self.salt) else {
            return Ok(damage(offset, "the checksum of a frame's header is wrong"));
        };
        self.payload.resize(header.length, 0);
        if read_up_to(&mut self.file, &mut self.payload)? < header.length {
            return Ok(damage(offset, "the file ends within a frame"));
        }
        if crc32fast::hash(&self.payload) != header.payload_checksum {
            return Ok(damage(offset, "the checksum of a frame is wrong"));
        }
        self.offset += (FRAME_HEADER_BYTES + header.length) as u64;
        Ok(Found::Frame {
            first: header.first,
            payload: &self.payload,
        })
    }

    /// Whether a whole frame begins anywhere after `offset`. If none does, what stands at `offset`
    /// is the torn end of the last write; if one does, the file was damaged later.
    pub(crate) fn whole_frame_after(&mut self, offset: u64) -> io::Result<bool> {
        const WINDOW: usize = 1 << 20;
        let mut window = Vec::new();
        let mut start = offset + 1;
        loop {
            self.file.seek(SeekFrom::Start(start))?;
            window.clear();
            let most = WINDOW + FRAME_HEADER_BYTES - 1;
            let length = (&mut self.file)
                .take(most as u64)
                .read_to_end(&mut window)?;
            for (at, header) in window.windows(FRAME_HEADER_BYTES).enumerate() {
                if let Some(header) = FrameHeader::read(header, self.salt)
                    && self.payload_is_whole(start + at as u64, header)?
                {
                    return Ok(true);
                }
            }
            if length < FRAME_HEADER_BYTES {
                return Ok(false);
            }
            start += (length - FRAME_HEADER_BYTES + 1) as u64;
        }
    }

    fn payload_is_whole(&mut self, offset: u64, header: FrameHeader) -> io::Result<bool> {
        let start = offset + FRAME_HEADER_BYTES as u64;
        self.file.seek(SeekFrom::Start(start))?;
        self.payload.resize(header.length, 0);
        let length = read_up_to(&mut self.file, &mut self.payload)?;
        Ok(length == header.length && crc32fast::hash(&self.payload) == header.payload_checksum)
    }
}

const fn damage(offset: u64, problem: &'static str) -> Found<'static> {
    Found::Damage { offset, problem }
}

/// Fills `buffer` as far as the file goes, and says how far that was.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_of(frames: &[&[u8]], salt: Salt) -> Vec<u8> {
        let mut bytes = file_header(FileKind::Journal, salt);
        for (number, payload) in frames.iter().enumerate() {
            let mut frame = Vec::new();
            begin_frame(&mut frame);
            frame.extend_from_slice(payload);
            seal_frame(&mut frame, number as u64, salt);
            bytes.extend_from_slice(&frame);
        }
        bytes
    }

    fn reader_of(bytes: &[u8]) -> FrameReader {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        FrameReader::new(file, FileKind::Journal)
            .ok()
            .expect("the header is good")
    }

    /// A whole frame behind damage is found also where windows of the search meet, and a frame that
    /// somebody forged without the file's salt is not taken for one.
    #[test]
    fn only_real_frames_are_found_behind_damage() {
        let salt = Salt(1234);
        let long = vec![7_u8; (1 << 20) - 11];
        let forged = file_of(&[b"forged"], Salt(1235));
        let mut bytes = file_of(&[&long, &forged, b"last"], salt);
        bytes[FILE_HEADER_BYTES + 25] ^= 1;
        let first = FILE_HEADER_BYTES as u64;
        let mut reader = reader_of(&bytes);
        assert!(matches!(reader.next().unwrap(), Found::Damage { offset, .. } if offset == first));
        assert!(reader.whole_frame_after(first).unwrap());

        let mut torn = file_of(&[&long, &forged], salt);
        torn.truncate(torn.len() - 1);
        torn[FILE_HEADER_BYTES + 25] ^= 1;
        assert!(!reader_of(&torn).whole_frame_after(first).unwrap());
    }
}
