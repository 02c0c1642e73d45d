//! A file that is there only when it is whole.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where output goes: standard output, or beside a file, whose name it takes at the end.
pub(super) struct Output {
    writer: Box<dyn Write + Send>,
    file: Option<Renamed>,
}

/// A file under the name it has until it is whole. Left out of a disk when that never happens.
struct Renamed {
    partial: PathBuf,
    file: PathBuf,
    handle: File,
    is_whole: bool,
}

impl Output {
    /// Standard output without a name, and for `-`.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, String> {
        let Some(file) = file.filter(|file| *file != Path::new("-")) else {
            return Ok(Self { writer: Box::new(std::io::stdout()), file: None });
        };
        let failed = |error| format!("`{}` cannot be written: {error}", file.display());
        let mut partial = file.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let handle = File::create(&partial).map_err(failed)?;
        let writer = BufWriter::new(handle.try_clone().map_err(failed)?);
        let file = Renamed { partial, file: file.to_owned(), handle, is_whole: false };
        Ok(Self { writer: Box::new(writer), file: Some(file) })
    }

    /// Writes on. Where nobody reads standard output any more, as behind `| head`, the command ends.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = self.writer.write_all(bytes);
        written.map_err(|error| self.failed(&error))
    }

    /// Ends it: only now a file has its name.
    pub(super) fn finish(mut self) -> Result<(), String> {
        let flushed = self.writer.flush();
        flushed.map_err(|error| self.failed(&error))?;
        let Some(mut renamed) = self.file.take() else { return Ok(()) };
        let done = renamed.handle.sync_all();
        let done = done.and_then(|()| fs::rename(&renamed.partial, &renamed.file));
        done.map_err(|error| format!("`{}` cannot be written: {error}", renamed.file.display()))?;
        renamed.is_whole = true;
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> String {
        match &self.file {
            Some(renamed) => format!("`{}` cannot be written: {error}", renamed.file.display()),
            None if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
            None => format!("standard output cannot be written: {error}"),
        }
    }
}

impl Drop for Renamed {
    fn drop(&mut self) {
        if !self.is_whole {
            // What is left of it says nothing, and the next run writes it anew.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Writes a short text to a file, or to standard output.
pub(super) fn put(file: Option<&Path>, text: &[u8]) -> Result<(), String> {
    let mut output = Output::open(file)?;
    output.write(text)?;
    output.finish()
}
