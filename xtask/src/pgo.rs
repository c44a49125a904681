//! A server built with a profile of what it does most (profile-guided optimisation).
//!
//! It is built once so that it counts, driven by the bench program, and built again by what was counted.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::output::say;
use crate::process::Tool;
use crate::workspace::Workspace;

/// Builds it, and says where it is.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let rustc = Rustc::of(workspace)?;
    let merger = rustc.merger()?;
    let home = workspace.target.join("pgo");
    if home.exists() {
        // Cargo does not see that a profile has changed.
        std::fs::remove_dir_all(&home)?;
    }
    let profiles = home.join("profiles");
    std::fs::create_dir_all(&profiles)?;
    let counts = format!("-Cprofile-generate={}", profiles.display());
    let counting = rustc.build(workspace, &home.join("counting"), &counts)?;
    workspace
        .tool("cargo")
        .arguments(&["build", "--release", "--locked"])
        .arguments(&["--package", "presenced-bench"])
        .run()?;
    // The figures of a server that counts tell nothing.
    Tool::new(workspace.target.join("release/presenced-bench"))
        .arguments(&["--rounds", "1", "--seconds", "1", "--presenced"])
        .argument(counting)
        .with("LLVM_PROFILE_FILE", profiles.join("%p.profraw"))
        .read()?;
    let profile = home.join("presenced.profdata");
    let merge = Tool::new(merger).argument("merge").argument("--output");
    merge.argument(&profile).argument(profiles).run()?;
    let uses = format!("-Cprofile-use={}", profile.display());
    let built = rustc.build(workspace, &home.join("built"), &uses)?;
    say(&format!("built {}", built.display()));
    Ok(())
}

/// What is to be known of the compiler.
struct Rustc {
    /// The platform that it runs on, and builds for.
    host: String,
    /// The version of its LLVM, which decides who reads its profiles.
    llvm: String,
    /// Where it is installed.
    sysroot: PathBuf,
}

impl Rustc {
    fn of(workspace: &Workspace) -> Result<Self> {
        let said = workspace.tool("rustc").argument("-vV").read()?;
        let sysroot = workspace.tool("rustc").arguments(&["--print", "sysroot"]);
        Ok(Self {
            host: line(&said, "host: ")?.to_owned(),
            llvm: line(&said, "LLVM version: ")?.to_owned(),
            sysroot: PathBuf::from(sysroot.read()?.trim()),
        })
    }

    /// The program that puts profiles together: Rust's own component, or one of the same LLVM.
    fn merger(&self) -> Result<PathBuf> {
        let major = self.llvm.split('.').next().unwrap_or_default();
        let own = format!("lib/rustlib/{}/bin/llvm-profdata", self.host);
        let others = format!("llvm-profdata-{major}");
        for tool in [self.sysroot.join(own), PathBuf::from(&others)] {
            if Tool::new(&tool).arguments(&["merge", "--help"]).succeeds() {
                return Ok(tool);
            }
        }
        bail!(
            "there is no llvm-profdata of LLVM {major}: `rustup component add llvm-tools` brings it, \
             and so does a package llvm-{major} as {others}"
        )
    }

    /// Builds the server with this flag, and answers where it is.
    fn build(&self, workspace: &Workspace, target: &Path, flag: &str) -> Result<PathBuf> {
        workspace
            .tool("cargo")
            .arguments(&["build", "--release", "--locked", "--package", "presenced"])
            // Named, so that the flag does not go to what runs while it is built.
            .arguments(&["--target", &self.host, "--target-dir"])
            .argument(target)
            .with("CARGO_ENCODED_RUSTFLAGS", flag)
            .run()?;
        Ok(target.join(&self.host).join("release/presenced"))
    }
}

/// The rest of the line that begins so.
fn line<'a>(said: &'a str, begin: &str) -> Result<&'a str> {
    let found = said.lines().find_map(|line| line.strip_prefix(begin));
    found.with_context(|| format!("`rustc -vV` says nothing of '{}'", begin.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compiler's words are understood.
    #[test]
    fn the_compiler_is_known() {
        let said = "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.2\n";
        assert_eq!(line(said, "host: ").unwrap(), "x86_64-unknown-linux-gnu");
        assert_eq!(line(said, "LLVM version: ").unwrap(), "22.1.2");
        assert!(line("rustc 1.95.0\n", "host: ").is_err());
    }
}
