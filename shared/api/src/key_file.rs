//! A key of Ed25519 in a file: PKCS #8 in PEM (RFC 8410), as `openssl genpkey -algorithm ed25519` writes it.
//!
//! The form is a fixed start and 32 bytes, so nothing is needed to read it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;

/// What the 32 bytes of a private key follow (RFC 8410, section 7).
const PRIVATE_KEY_START: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----\n";
const END: &str = "\n-----END PRIVATE KEY-----\n";

/// Why a key in a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or made.
    #[error("cannot use the key file `{}`: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("`{}` is not a private key of Ed25519 (PKCS #8 in PEM)", .0.display())]
    NotAKey(PathBuf),
    /// The machine gave no random bytes.
    #[error("no random bytes for a key: {0}")]
    Random(getrandom::Error),
}

/// A new key.
pub fn generate() -> Result<SigningKey, KeyFileError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(KeyFileError::Random)?;
    Ok(SigningKey::from_bytes(&secret))
}

/// The key of a file, which is made on first use, for its owner alone.
pub fn open(file: &Path) -> Result<SigningKey, KeyFileError> {
    let failed = |source| KeyFileError::Io { file: file.to_owned(), source };
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(file, &write(&generate()?)).map_err(failed)?;
            // Someone else's, where two begin at once.
            fs::read_to_string(file).map_err(failed)?
        }
        read => read.map_err(failed)?,
    };
    read(&text).ok_or_else(|| KeyFileError::NotAKey(file.to_owned()))
}

/// Makes a file that is there whole or not at all, unless there is one.
fn create(file: &Path, text: &str) -> io::Result<()> {
    let unfinished = file.with_extension(format!("{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut writing = options.open(&unfinished)?;
    writing.write_all(text.as_bytes())?;
    writing.sync_all()?;
    let linked = fs::hard_link(&unfinished, file);
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

fn write(key: &SigningKey) -> String {
    let der: Vec<u8> = PRIVATE_KEY_START.into_iter().chain(key.to_bytes()).collect();
    format!("{BEGIN}{}{END}", STANDARD.encode(der))
}

fn read(text: &str) -> Option<SigningKey> {
    let text = text.replace("\r\n", "\n");
    let encoded = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let der = STANDARD.decode(encoded).ok()?;
    let secret = der.strip_prefix(&PRIVATE_KEY_START)?;
    Some(SigningKey::from_bytes(secret.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Section 10.3 of RFC 8410; the public key is that of its section 10.1.
    const EXAMPLE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    #[test]
    fn the_keys_of_rfc_8410_are_read_and_belong_together() {
        let key = read(EXAMPLE).unwrap();
        assert!(STANDARD.decode(PUBLIC).unwrap().ends_with(key.verifying_key().as_bytes()));
        assert_eq!(write(&key), EXAMPLE);
    }

    #[test]
    fn what_is_no_key_of_this_kind_is_refused() {
        for bad in
            ["", "MC4C", &EXAMPLE.replace("PRIVATE", "PUBLIC"), &EXAMPLE.replace("MC4C", "MC4D")]
        {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
