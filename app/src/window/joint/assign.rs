//! Which VM is which machine: what was found and why, and the user's own word against it.
//!
//! A choice is part of [`SyncChoice`]: it can be taken back like any other, and is remembered with the traces.

use egui::{ComboBox, RichText, Ui};
use stratoscope_core::session::SyncChoice;
use stratoscope_core::vm::{Assignment, LinkBy, Vm};
use stratoscope_core::vocab::MachineId;

use crate::window::command::{Command, Direction};
use crate::window::frame::FrameContext;
use crate::window::joint::clocks;
use crate::window::joint::facts::Facts;
use crate::window::own::Past;
use crate::window::parts::wrapped_ui;
use crate::window::theme::Sizes;

/// What a VM is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// What the traces tell.
    Found,
    /// None of the machines that are open.
    Nobody,
    /// This machine.
    Guest(MachineId),
}

/// What a choice says of a VM.
pub fn said(choice: &SyncChoice, vm: &Vm) -> Said {
    let assigned = choice.assigned.iter().find(|a| a.host == vm.host && Some(a.pid) == vm.host_pid);
    match assigned.map(|a| a.guest) {
        None => Said::Found,
        Some(None) => Said::Nobody,
        Some(Some(guest)) => Said::Guest(guest),
    }
}

/// The choice with another word about VM `n`. A machine is inside one VM only: another one that was taken for it
/// is then said to be nobody.
pub fn assigned(facts: &Facts, choice: &SyncChoice, n: usize, to: Said) -> SyncChoice {
    let mut next = choice.clone();
    let vms = facts.world.vms();
    let mut say = |vm: &Vm, to: Said| {
        let Some(pid) = vm.host_pid else { return };
        next.assigned.retain(|a| (a.host, a.pid) != (vm.host, pid));
        match to {
            Said::Found => {}
            Said::Nobody => next.assigned.push(Assignment { host: vm.host, pid, guest: None }),
            Said::Guest(guest) => next.assigned.push(Assignment { host: vm.host, pid, guest: Some(guest) }),
        }
    };
    let Some(vm) = vms.get(n) else { return next };
    say(vm, to);
    if let Said::Guest(guest) = to {
        for (_, other) in vms.iter().enumerate().filter(|(i, other)| *i != n && other.guest == Some(guest)) {
            say(other, Said::Nobody);
        }
    }
    next
}

/// What a VM is taken for, and why, in words.
pub fn words(facts: &Facts, vm: &Vm) -> String {
    let guest = vm.guest.map(|guest| clocks::name(facts, guest));
    match (guest, vm.link) {
        (Some(guest), Some(link)) => format!("{guest}, {}", link.words()),
        (Some(guest), None) => guest,
        (None, Some(LinkBy::User)) => "none, by your choice".to_owned(),
        (None, _) => "no trace of its guest found".to_owned(),
    }
}

/// The same, as short as a button needs it.
fn short(facts: &Facts, vm: &Vm) -> String {
    let why = match vm.link {
        Some(LinkBy::Messages) => " (by messages)",
        Some(LinkBy::Name) => " (by name)",
        Some(LinkBy::Schedules | LinkBy::OnlyOne) => " (a guess)",
        Some(LinkBy::User) => " (your choice)",
        None => "",
    };
    let guest = vm.guest.map_or_else(|| "nobody".to_owned(), |guest| clocks::name(facts, guest));
    format!("{guest}{why}")
}

/// What a VM is on its host, whatever it is called.
fn place(facts: &Facts, vm: &Vm) -> String {
    let host = clocks::name(facts, vm.host);
    match vm.host_pid {
        Some(pid) => format!("process {} of {host}", pid.0),
        None => format!("a VM of {host}"),
    }
}

/// A line of choices, one a VM; nothing where there are no VMs.
pub fn ui(ui: &mut Ui, cx: &mut FrameContext<'_>, facts: &Facts) {
    let vms = facts.world.vms();
    if vms.is_empty() {
        return;
    }
    let small = |text: String| RichText::new(text).size(Sizes::SMALL);
    let choice = cx.state.choice.clone();
    let mut commands = Vec::new();
    wrapped_ui(ui, Sizes::GRID, |ui| {
        ui.label(small("VMs".to_owned()).color(cx.theme.secondary))
            .on_hover_text("Which of the traced machines is inside which virtual machine");
        for (n, vm) in vms.iter().enumerate() {
            let now = said(&choice, vm);
            let place = place(facts, vm);
            let label = ui.label(small(place.clone()).color(cx.theme.secondary));
            let combo = ComboBox::from_id_salt(("guest of", vm.host, vm.host_pid)).width(140.0);
            let guess = vm.link.is_some_and(LinkBy::is_guess);
            let color = if guess { cx.theme.paint("waiting") } else { cx.theme.text };
            let response = combo.selected_text(small(short(facts, vm)).color(color)).show_ui(ui, |ui| {
                let mut offer = |ui: &mut Ui, to: Said, text: String, about: &str| {
                    if ui.selectable_label(now == to, small(text)).on_hover_text(about).clicked() {
                        commands.push(Command::ChooseSync(assigned(facts, &choice, n, to)));
                    }
                };
                let found =
                    if now == Said::Found { format!("Found: {}", words(facts, vm)) } else { "As found".to_owned() };
                offer(ui, Said::Found, found, "What messages, names and schedules tell");
                offer(ui, Said::Nobody, "None of these machines".to_owned(), "Its guest was not traced");
                for machine in facts.world.machines.iter().filter(|m| m.id != vm.host) {
                    let about = "You know better: it is joined with this machine's trace";
                    offer(ui, Said::Guest(machine.id), machine.name.to_string(), about);
                }
            });
            let about = format!("Inside {place}: {}. Click to say another one.", words(facts, vm));
            response.response.labelled_by(label.id).on_hover_text(about);
        }
        for (text, id, past, direction) in [
            ("Undo", "undo-choice", &cx.state.past.0, Direction::Back),
            ("Redo", "redo-choice", &cx.state.past.1, Direction::Forward),
        ] {
            if past.last().is_some_and(|change| matches!(change.past, Past::Choice(_)))
                && ui.button(small(text.to_owned())).on_hover_text(cx.keymap.hint(id)).clicked()
            {
                commands.push(Command::UndoChoice(direction));
            }
        }
    });
    cx.commands.extend(commands);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::joint::fake;

    #[test]
    fn a_machine_is_inside_one_vm_only() {
        let facts = fake::fighting();
        let vms = facts.world.vms();
        assert_eq!(words(&facts, &vms[0]), "guest-a, by messages between guest and host");
        let none = SyncChoice::default();
        assert_eq!(said(&none, &vms[0]), Said::Found);
        let swapped = assigned(&facts, &none, 0, Said::Guest(fake::B));
        assert_eq!(said(&swapped, &vms[0]), Said::Guest(fake::B));
        assert_eq!(said(&swapped, &vms[1]), Said::Nobody, "its machine is inside the other one now");
        let back = assigned(&facts, &swapped, 0, Said::Found);
        assert_eq!(said(&back, &vms[0]), Said::Found);
        assert_eq!(said(&assigned(&facts, &back, 1, Said::Found), &vms[1]), Said::Found);
    }
}
