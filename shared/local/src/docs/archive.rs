//! Files of a ZIP archive, served as they lie in it.
//!
//! **Invariant:** nothing is unpacked. What ZIP deflates is what gzip deflates, between another head and another
//! tail, and whoever shows the page unpacks gzip.

const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const END: &[u8] = b"PK\x05\x06";

const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;

/// The head of gzip: deflated, without a name or a time, by no system in particular.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// An archive, with the place of its first central record.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    first: Option<usize>,
}

/// A file as it lies in the archive.
pub(super) struct Entry<'a> {
    data: &'a [u8],
    is_deflated: bool,
    /// Of what was deflated, as gzip too has it: the least byte first.
    checksum: &'a [u8],
    size: &'a [u8],
}

impl<'a> Archive<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let end = bytes.windows(END.len()).rposition(|window| window == END);
        let first = end.and_then(|end| number(bytes, end + 16, 4));
        Self { bytes, first }
    }

    /// The file whose path ends so.
    pub(super) fn file(&self, path_end: &str) -> Option<Entry<'a>> {
        let mut at = self.first?;
        while self.bytes.get(at..)?.starts_with(CENTRAL) {
            let name_bytes = number(self.bytes, at + 28, 2)?;
            let name = self.bytes.get(at + CENTRAL_BYTES..)?.get(..name_bytes)?;
            if name.ends_with(path_end.as_bytes()) {
                return self.entry(at);
            }
            let more = number(self.bytes, at + 30, 2)? + number(self.bytes, at + 32, 2)?;
            at += CENTRAL_BYTES + name_bytes + more;
        }
        None
    }

    /// The file of the central record at a place.
    fn entry(&self, at: usize) -> Option<Entry<'a>> {
        let method = number(self.bytes, at + 10, 2)?;
        let packed_bytes = number(self.bytes, at + 20, 4)?;
        let local = number(self.bytes, at + 42, 4)?;
        self.bytes.get(local..)?.starts_with(LOCAL).then_some(())?;
        let before = number(self.bytes, local + 26, 2)? + number(self.bytes, local + 28, 2)?;
        Some(Entry {
            data: self.bytes.get(local + LOCAL_BYTES + before..)?.get(..packed_bytes)?,
            is_deflated: match method {
                0 => false,
                8 => true,
                _ => return None,
            },
            checksum: self.bytes.get(at + 16..at + 20)?,
            size: self.bytes.get(at + 24..at + 28)?,
        })
    }
}

impl Entry<'_> {
    /// Its body, and how that is encoded.
    pub(super) fn served(&self) -> (Option<&'static str>, Vec<u8>) {
        if !self.is_deflated {
            return (None, self.data.to_vec());
        }
        (Some("gzip"), [&GZIP_HEAD, self.data, self.checksum, self.size].concat())
    }
}

/// A number of so many bytes, the least first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.get(..length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
}
