//! Checkpoints (C2SP tlog-checkpoint): how large a chain is and what its root is, as a text to be signed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::TenantId;
use crate::ledger::frontier::Frontier;
use crate::ledger::hash::Hash;
use crate::ledger::note::{Note, NoteError, VerifierKey};
use crate::refusal::Refusal;

/// Longest name of a deployment within an origin, in bytes.
pub const DEPLOYMENT_BYTES_MAX: usize = 255;

/// The name of one chain: the deployment's name (its host and prefix, without scheme) and the tenant.
///
/// It is also the name of the key that signs, so that a checkpoint of one tenant, or of one deployment,
/// never passes for another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// The origin of a tenant's chain, such as `epr.example.com/audit/acme`.
    pub fn new(deployment: &str, tenant_id: &TenantId) -> Result<Self, Refusal> {
        let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'+';
        let named = !deployment.is_empty() && deployment.len() <= DEPLOYMENT_BYTES_MAX;
        if !named || !deployment.bytes().all(legal) || deployment.ends_with('/') {
            return Err(Refusal::new(
                "must be a host and a path, without scheme, spaces, `+` and a slash at the end",
            ));
        }
        Ok(Self(format!("{deployment}/{tenant_id}")))
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The promise of a chain at one size. It is anyone's claim until a note with it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The chain: an [`Origin`].
    pub origin: String,
    /// How many records the chain has.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// Why a checkpoint is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it is none, or is not signed by the key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text of the note is no checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// It speaks of another chain.
    #[error("a checkpoint of `{0}`")]
    Origin(String),
}

impl Checkpoint {
    /// What a chain of this frontier promises.
    pub fn of(origin: &Origin, frontier: &Frontier) -> Self {
        Self { origin: origin.0.clone(), size: frontier.size(), root: frontier.root() }
    }

    /// What the key must sign.
    pub fn text_to_sign(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    /// The note to publish, from the signature that the key gave; refused unless it verifies.
    pub fn with_signature(&self, key: &VerifierKey, signature: &[u8]) -> Result<Note, NoteError> {
        Note::signed(&self.text_to_sign(), key, signature)
    }

    /// Reads the text of a note. Lines of extension are refused: no one could verify what they say.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let body = text.strip_suffix('\n').ok_or(malformed("its end"))?;
        let mut lines = body.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty());
        let origin = line().ok_or(malformed("no origin"))?.to_owned();
        let written = line().ok_or(malformed("no size"))?;
        let size: u64 = written.parse().map_err(|_| malformed("the size"))?;
        let root = line().and_then(Hash::from_base64).ok_or(malformed("the root"))?;
        if size.to_string() != written {
            return Err(malformed("the size"));
        }
        if lines.next().is_some() {
            return Err(malformed("more than three lines"));
        }
        Ok(Self { origin, size, root })
    }

    /// Reads a published checkpoint: signed by the key, and of the chain that the key is named for.
    pub fn verified(note: &Note, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(note.verified(key)?)?;
        if checkpoint.origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Origin(checkpoint.origin))
        }
    }

    /// Reads the file of a published checkpoint and verifies it.
    pub fn open(file: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        Self::verified(&Note::parse(file)?, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    fn origin(tenant: &str) -> Origin {
        Origin::new("epr.example.com/audit", &TenantId::parse(tenant).unwrap()).unwrap()
    }

    fn key(origin: &Origin) -> (SigningKey, VerifierKey) {
        let secret = SigningKey::from_bytes(&[9; 32]);
        let public = VerifierKey::new(origin.as_str(), secret.verifying_key().as_bytes()).unwrap();
        (secret, public)
    }

    fn published(origin: &Origin) -> (String, VerifierKey) {
        let (secret, public) = key(origin);
        let checkpoint =
            Checkpoint { origin: origin.to_string(), size: 20_852_163, root: Hash::of(b"root") };
        let signature = secret.sign(checkpoint.text_to_sign().as_bytes()).to_bytes();
        (checkpoint.with_signature(&public, &signature).unwrap().to_string(), public)
    }

    #[test]
    fn what_is_published_is_read_back_by_its_key_alone() {
        let (file, key) = published(&origin("acme"));
        assert_eq!(Checkpoint::open(&file, &key).unwrap().size, 20_852_163);
        let (_, other) = published(&origin("other"));
        assert!(matches!(Checkpoint::open(&file, &other), Err(CheckpointError::Note(_))));
        for (from, to) in [("20852163", "20852164"), ("acme\n2", "other\n2")] {
            assert!(Checkpoint::open(&file.replace(from, to), &key).is_err());
        }
    }

    #[test]
    fn a_key_of_one_chain_cannot_speak_for_another() {
        let (secret, public) = key(&origin("acme"));
        let foreign = Checkpoint::of(&origin("other"), &Frontier::new());
        let signature = secret.sign(foreign.text_to_sign().as_bytes()).to_bytes();
        let note = foreign.with_signature(&public, &signature).unwrap();
        let refused = Err(CheckpointError::Origin("epr.example.com/audit/other".to_owned()));
        assert_eq!(Checkpoint::verified(&note, &public), refused);
    }

    #[test]
    fn a_checkpoint_has_one_text() {
        let text = Checkpoint::of(&origin("acme"), &Frontier::new()).text_to_sign();
        assert_eq!(Checkpoint::parse(&text).unwrap().text_to_sign(), text);
        for bad in [
            text.trim_end().to_owned(),
            text.replace("\n0\n", "\n00\n"),
            text.replace("\n0\n", "\n+0\n"),
            text.replace("\n0\n", "\n\n"),
            text.replace('=', ""),
            format!("{text}more\n"),
            format!("\n{text}"),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_origin_is_a_name_that_a_key_can_have() {
        let tenant = TenantId::parse("acme").unwrap();
        for bad in ["", "a b", "a+b", "a/", "é", "a\n"] {
            assert!(Origin::new(bad, &tenant).is_err(), "{bad:?}");
        }
    }
}
