//! `man`: one manual page for all commands.

use anyhow::Result;
use clap::Command;
use clap_mangen::Man;

use super::print;
use crate::flags;
use crate::outcome::Outcome;

/// Prints the page in troff.
pub(super) fn print_page() -> Result<Outcome> {
    let mut root = flags::command();
    root.build();
    let mut page = Vec::new();
    Man::new(root.clone()).render(&mut page)?;
    for command in root.get_subcommands() {
        sections(command, &mut page)?;
    }
    print(&page)
}

/// The sections of a command and of those below it: its synopsis and flags, under its name.
fn sections(command: &Command, page: &mut Vec<u8>) -> Result<()> {
    if command.get_name() == "help" {
        return Ok(());
    }
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    page.extend_from_slice(format!(".SH \"{}\"\n", name.to_uppercase()).as_bytes());
    let (man, mut text) = (Man::new(command.clone()), Vec::new());
    man.render_description_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut text)?;
    }
    // Below the command's own heading they are subsections.
    page.extend_from_slice(String::from_utf8_lossy(&text).replace(".SH ", ".SS ").as_bytes());
    for inner in command.get_subcommands() {
        sections(inner, page)?;
    }
    Ok(())
}
