//! How the program ends: what failed, in words, and as an exit code.

use std::process::ExitCode;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing that was foreseen: a defect, or a machine in trouble.
    Unexpected(anyhow::Error),
    /// The command line or the configuration is wrong.
    Usage(anyhow::Error),
    /// Something outside stands in the way of a start.
    CannotStart(anyhow::Error),
    /// A second signal came while requests were under way.
    StoppedAtOnce,
}

impl Failure {
    /// The exit code, as `presenced --help` lists them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Unexpected(_) => 1,
            Self::Usage(_) => 2,
            Self::CannotStart(_) => 3,
            Self::StoppedAtOnce => 4,
        })
    }

    /// What people are told: the error and, after colons, its causes.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Unexpected(error) | Self::Usage(error) | Self::CannotStart(error) => {
                format!("{error:#}")
            }
            Self::StoppedAtOnce => "stopped at once by a second signal".to_owned(),
        }
    }
}
