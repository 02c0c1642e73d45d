//! Signed notes (C2SP signed-note): a text, and who signed it with Ed25519.
//!
//! **Invariant:** no key that signs is here. Signing happens where the key is (a service that holds it, or
//! a file), so a signature comes in as bytes and is verified before it is written.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// Largest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;

/// Most signatures of a note that is read; C2SP asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 32;

/// The type of a signature of Ed25519 over the text.
const ED25519: u8 = 1;

/// Begins the line of a signature.
const MARK: &str = "\u{2014} ";

/// A key that verifies, with the name it signs under. Its text is `name+id+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key of 32 bytes, under a name that is not empty and has neither white space nor `+`.
    pub fn new(name: &str, key: &[u8; 32]) -> Result<Self, Refusal> {
        if !is_name(name) {
            return Err(Refusal::new("must have a name without white space and `+`"));
        }
        let key = VerifyingKey::from_bytes(key)
            .map_err(|_| Refusal::new("must be a public key of Ed25519"))?;
        Ok(Self { name: name.to_owned(), key })
    }

    /// Reads the text of a key, as C2SP and Go's `sumdb/note` write it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::new("must be a verifier key, as `name+id+base64`");
        let (name, rest) = text.split_once('+').ok_or_else(refused)?;
        let (id, encoded) = rest.split_once('+').ok_or_else(refused)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| refused())?;
        let Some((&ED25519, key)) = bytes.split_first() else {
            return Err(Refusal::new("must be a key of Ed25519"));
        };
        let key = Self::new(name, key.try_into().map_err(|_| refused())?)?;
        if id == format!("{:08x}", key.id()) {
            Ok(key)
        } else {
            Err(Refusal::new("has an id that is not the hash of its name and key"))
        }
    }

    /// The name it signs under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, type and key: what a signature's line names it by.
    pub fn id(&self) -> u32 {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize()
            .into();
        let [first, second, third, fourth, ..] = digest;
        u32::from_be_bytes([first, second, third, fourth])
    }

    /// Whether the signature is this key's over the text.
    ///
    /// Strict: a key or a signature that more than one text could share is not accepted.
    pub fn verifies(&self, text: &str, signature: &[u8; 64]) -> bool {
        self.key.verify_strict(text.as_bytes(), &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = [ED25519].into_iter().chain(*self.key.as_bytes()).collect();
        write!(f, "{}+{:08x}+{}", self.name, self.id(), STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// One line of a note: who signed, and the bytes that only their key can judge.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: String,
    id: u32,
    signature: Vec<u8>,
}

/// A text with its signatures. Read from outside, it is worth nothing until [`Note::verified`] says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    lines: Vec<Line>,
}

/// Why a note is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not a note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// No line is of the key.
    #[error("not signed by `{0}`")]
    Unsigned(String),
    /// A line is of the key, and its signature is not.
    #[error("the signature of `{0}` does not verify")]
    Forged(String),
}

impl Note {
    /// A text with the signature that its key gave; refused unless the signature verifies.
    ///
    /// The text must end in a line feed and hold no other control character.
    pub fn signed(text: &str, key: &VerifierKey, signature: &[u8]) -> Result<Self, NoteError> {
        if !is_text(text) {
            return Err(NoteError::Malformed("the text"));
        }
        let line = Line { name: key.name.clone(), id: key.id(), signature: signature.to_vec() };
        let note = Self { text: text.to_owned(), lines: vec![line] };
        note.verified(key)?;
        Ok(note)
    }

    /// Reads a note without believing it.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed;
        if note.len() > NOTE_BYTES_MAX {
            return Err(malformed("larger than 64 KiB"));
        }
        let (before, signatures) = note.rsplit_once("\n\n").ok_or(malformed("no blank line"))?;
        let text = format!("{before}\n");
        let signatures = signatures.strip_suffix('\n').ok_or(malformed("its end"))?;
        if !is_text(&text) {
            return Err(malformed("the text"));
        }
        let lines = signatures
            .split('\n')
            .map(|line| {
                let line = line.strip_prefix(MARK)?;
                let (name, encoded) = line.split_once(' ')?;
                let bytes = STANDARD.decode(encoded).ok()?;
                let (id, signature) = bytes.split_first_chunk::<4>()?;
                let id = u32::from_be_bytes(*id);
                let signed = is_name(name) && !signature.is_empty();
                signed.then(|| Line { name: name.to_owned(), id, signature: signature.to_vec() })
            })
            .collect::<Option<Vec<Line>>>()
            .ok_or(malformed("a signature"))?;
        if lines.len() > NOTE_SIGNATURES_MAX {
            return Err(malformed("more than 32 signatures"));
        }
        Ok(Self { text, lines })
    }

    /// The text, once a signature of the key over it verifies. Lines of other keys are passed over.
    pub fn verified(&self, key: &VerifierKey) -> Result<&str, NoteError> {
        let id = key.id();
        let mut own = self.lines.iter().filter(|line| line.name == key.name && line.id == id);
        let mut line = own.next();
        if line.is_none() {
            return Err(NoteError::Unsigned(key.name.clone()));
        }
        while let Some(Line { signature, .. }) = line {
            let genuine =
                signature.as_slice().try_into().is_ok_and(|bytes| key.verifies(&self.text, bytes));
            if !genuine {
                return Err(NoteError::Forged(key.name.clone()));
            }
            line = own.next();
        }
        Ok(&self.text)
    }

    /// The text, whoever signed it.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|c| c < ' ' && c != '\n')
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Line { name, id, signature } in &self.lines {
            let bytes: Vec<u8> = id.to_be_bytes().into_iter().chain(signature.clone()).collect();
            writeln!(f, "{MARK}{name} {}", STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    // The example of C2SP signed-note, and the key with which Go's `sumdb/note` documents the format.
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn key() -> (SigningKey, VerifierKey) {
        let secret = SigningKey::from_bytes(&[7; 32]);
        let public =
            VerifierKey::new("example.com/log", secret.verifying_key().as_bytes()).unwrap();
        (secret, public)
    }

    #[test]
    fn the_note_that_gos_own_implementation_documents_verifies() {
        let key = VerifierKey::parse(GO_KEY).unwrap();
        assert_eq!(key.to_string(), GO_KEY);
        let note = Note::parse(GO_NOTE).unwrap();
        assert!(note.verified(&key).unwrap().starts_with("If you think"));
        assert_eq!(note.to_string(), GO_NOTE);
        let changed = Note::parse(&GO_NOTE.replace("answer", "question")).unwrap();
        assert_eq!(changed.verified(&key), Err(NoteError::Forged("PeterNeumann".to_owned())));
    }

    #[test]
    fn a_signature_that_is_not_the_keys_is_never_written() {
        let (secret, public) = key();
        let signature = secret.sign(b"text\n").to_bytes();
        assert!(Note::signed("text\n", &public, &signature).is_ok());
        assert!(Note::signed("other\n", &public, &signature).is_err());
        assert!(Note::signed("text", &public, &secret.sign(b"text").to_bytes()).is_err());
    }

    #[test]
    fn signatures_of_strangers_are_passed_over_and_do_not_count() {
        let (secret, public) = key();
        let note = Note::signed("text\n", &public, &secret.sign(b"text\n").to_bytes()).unwrap();
        let stranger = VerifierKey::parse(GO_KEY).unwrap();
        assert_eq!(note.verified(&stranger), Err(NoteError::Unsigned("PeterNeumann".to_owned())));
        let more = format!("{note}\u{2014} witness.example AAAAAAAA\n");
        assert_eq!(Note::parse(&more).unwrap().verified(&public), Ok("text\n"));
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let note = GO_NOTE;
        for bad in [
            "".to_owned(),
            "text\n".to_owned(),
            note.trim_end().to_owned(),
            note.replace("\n\n", "\n"),
            note.replace("— ", "- "),
            note.replace("PeterNeumann x08", "PeterNeumann  x08"),
            note.replace("If you", "If\tyou"),
            note.replace("AM=", "A!="),
            format!("{note}{}", "— a AAAAAAAA\n".repeat(NOTE_SIGNATURES_MAX)),
        ] {
            assert!(Note::parse(&bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a+b", &GO_KEY.replace("c74f", "c74e"), &GO_KEY.replace("+c7", "+C7")] {
            assert!(VerifierKey::parse(bad).is_err(), "{bad}");
        }
    }
}
