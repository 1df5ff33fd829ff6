//! The program: a question on the command line, or the window.

use std::process::ExitCode;

use clap::Parser as _;
use stratoscope_app::headless::args::Cli;
use stratoscope_app::window::asked::Asked;
use stratoscope_app::{headless, window};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Some(question) => headless::run(question),
        None => open_window(&cli),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) if headless::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            headless::say(&format!("error: {error:#}"));
            ExitCode::from(headless::status_of(&error))
        }
    }
}

/// Opens the window, or answers in words and with a picture where there is no display.
fn open_window(cli: &Cli) -> anyhow::Result<u8> {
    let mut set = window::settings::Preferences::default();
    cli.set.iter().for_each(|says| set.overlay(says));
    let asked = Asked { from: cli.from.clone(), to: cli.to.clone(), find: cli.find.clone() };
    asked.check().map_err(headless::wrong_usage)?;
    let first = Some(asked.clone()).filter(|asked| *asked != Asked::default());
    let options = window::Options { settings: cli.settings.clone(), set, tour: cli.tour.clone(), asked: first };
    let paths = match &cli.tour {
        Some(name) => vec![sample_of(name)?],
        None => cli.paths.clone(),
    };
    match window::run_window(cli.paths.clone(), options) {
        Ok(()) => Ok(0),
        Err(window::RunError::NoDisplay(reason)) => headless::without_display(&paths, &asked, &reason),
        Err(window::RunError::Other(error)) => Err(error),
    }
}

/// The sample trace that a tour is told on.
fn sample_of(tour: &str) -> anyhow::Result<std::path::PathBuf> {
    let wanted = window::tour::find(tour).map(|t| t.sample.as_str());
    let sample = window::samples::find().into_iter().find(|s| Some(s.name.as_str()) == wanted);
    sample.map(|s| s.path).ok_or_else(|| {
        anyhow::anyhow!("the sample traces of this tour are not found: keep the folder sample-traces near the program")
    })
}
