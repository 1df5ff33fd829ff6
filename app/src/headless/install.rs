//! What an installed program needs beside itself: its man page and the completions of shells, both made from the
//! command line's own table.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::headless::Outcome;
use crate::headless::args::{Cli, InstallArgs};
use crate::headless::output::say;

/// Prints the completions of a shell.
///
/// # Errors
/// What the output says.
pub(super) fn completions(shell: Shell) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "stratoscope", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Outcome { read: true, skipped: false })
}

/// Files below a prefix, each with its bytes.
fn files() -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = vec![
        ("share/applications/stratoscope.desktop".into(), DESKTOP.to_vec()),
        ("share/metainfo/stratoscope.metainfo.xml".into(), METAINFO.to_vec()),
        ("share/icons/hicolor/scalable/apps/stratoscope.svg".into(), ICON.to_vec()),
    ];
    let command = Cli::command();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    files.push(("share/man/man1/stratoscope.1".into(), page));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("stratoscope-{}", sub.get_name());
        let mut page = Vec::new();
        clap_mangen::Man::new(sub.clone().name(name.clone()).bin_name(format!("stratoscope {}", sub.get_name())))
            .render(&mut page)?;
        files.push((format!("share/man/man1/{name}.1").into(), page));
    }
    for (shell, path) in [
        (Shell::Bash, "share/bash-completion/completions/stratoscope"),
        (Shell::Zsh, "share/zsh/site-functions/_stratoscope"),
        (Shell::Fish, "share/fish/vendor_completions.d/stratoscope.fish"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "stratoscope", &mut script);
        files.push((path.into(), script));
    }
    Ok(files)
}

/// Lays out the program and all that belongs to it below a prefix.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn install(args: &InstallArgs) -> anyhow::Result<Outcome> {
    let program = std::env::current_exe().context("cannot find the program itself")?;
    let target = args.prefix.join("bin/stratoscope");
    if program.canonicalize().ok() != target.canonicalize().ok() {
        make_folder(&target)?;
        // A running program's file cannot be written over, but it can be replaced.
        let next = target.with_extension("new");
        fs::copy(&program, &next).with_context(|| format!("cannot write {}", next.display()))?;
        fs::rename(&next, &target).with_context(|| format!("cannot write {}", target.display()))?;
    }
    say(&format!("{}", target.display()));
    for (path, bytes) in files()? {
        let target = args.prefix.join(path);
        make_folder(&target)?;
        fs::write(&target, bytes).with_context(|| format!("cannot write {}", target.display()))?;
        say(&format!("{}", target.display()));
    }
    Ok(Outcome { read: true, skipped: false })
}

fn make_folder(file: &Path) -> anyhow::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

const DESKTOP: &[u8] = include_bytes!("../../../assets/install/stratoscope.desktop");
const METAINFO: &[u8] = include_bytes!("../../../assets/install/stratoscope.metainfo.xml");
const ICON: &[u8] = include_bytes!("../../../assets/install/stratoscope.svg");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sub_command_has_a_page_and_every_shell_knows_them() {
        let files = files().unwrap();
        let find = |name: &str| {
            let (_, bytes) = files.iter().find(|(path, _)| path.ends_with(name)).unwrap();
            String::from_utf8(bytes.clone()).unwrap()
        };
        for sub in Cli::command().get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let page = find(&format!("stratoscope-{}.1", sub.get_name()));
            assert!(page.contains(".SH NAME") && page.contains(".SH OPTIONS"), "{}", sub.get_name());
            for script in ["completions/stratoscope", "_stratoscope", "stratoscope.fish"] {
                assert!(find(script).contains(sub.get_name()), "{script}: {}", sub.get_name());
            }
        }
        assert!(find("stratoscope.desktop").contains("Exec=stratoscope %F"));
    }
}
