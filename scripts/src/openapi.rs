//! `epr openapi`: the OpenAPI document, made from the endpoints.

use std::path::PathBuf;

use clap::Args;

use crate::say;

/// What `epr openapi` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The committed openapi.yaml is this command's; a test fails when the code says otherwise.

Examples:
  epr openapi                    write openapi.yaml, after an endpoint changed
  epr openapi --check            fail when openapi.yaml is out of date
  epr openapi --output -         show the document")]
pub(crate) struct Arguments {
    /// The file to write; `-` for standard output
    #[arg(long, default_value = "openapi.yaml")]
    output: PathBuf,
    /// Write nothing, but fail when the file is not what would be written
    #[arg(long)]
    check: bool,
}

/// Writes or checks the document.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let written = local::system::openapi_yaml().map_err(|error| error.to_string())?;
    let path = &arguments.output;
    if path.as_os_str() == "-" {
        say(&written);
        return Ok(());
    }
    if arguments.check {
        let there = std::fs::read_to_string(path).unwrap_or_default();
        return if there == written {
            Ok(())
        } else {
            Err(format!("{} is not what the code says; run `cargo epr openapi`", path.display()))
        };
    }
    std::fs::write(path, written)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    say(&format!("wrote {}\n", path.display()));
    Ok(())
}
