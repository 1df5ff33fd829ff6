//! What the sub-commands about virtual machines share: what they are asked, who is to blame, words where there is
//! nothing to show.

use std::sync::Arc;

use serde_json::Value;
use stratoscope_core::query::Matcher;
use stratoscope_core::query::time::duration;
use stratoscope_core::session::{Session, Snapshot};
use stratoscope_core::vm::Who;
use stratoscope_core::vocab::record::Need;
use stratoscope_core::vocab::{Dur, Problem};

use crate::headless::args::Common;
use crate::headless::output::Output;
use crate::headless::time::{Window, base};
use crate::headless::{Outcome, open, parse_filter, wait};

/// Why there are no virtual machines to speak of.
const NO_HOST: &str = "No machine here enters guests: either the host was not traced, or without its KVM events";

/// A question about virtual machines, as its arguments put it, and all that was read for it.
pub(super) struct Asked {
    session: Session,
    /// What was read.
    pub(super) snapshot: Arc<Snapshot>,
    /// Which time is meant.
    pub(super) window: Window,
    /// Which objects are wanted.
    pub(super) filter: Option<Matcher>,
}

impl Asked {
    /// Reads everything that the arguments name. A wrong filter is told before that, a wrong instant after it:
    /// what it means depends on the traces.
    ///
    /// # Errors
    /// A wrong instant or expression.
    pub(super) fn new(args: &Common) -> anyhow::Result<Self> {
        let filter = args.filter.as_deref().map(parse_filter).transpose()?;
        let session = open(args, true)?;
        wait(&session, args.quiet);
        let snapshot = session.wait();
        let window = Window::new(args, &snapshot)?;
        let filter = filter.map(|f| f.bind(&base(&snapshot)));
        Ok(Self { session, snapshot, window, filter })
    }

    /// Ends the output with what went wrong and what could not be shown.
    ///
    /// # Errors
    /// What the output says.
    pub(super) fn finish(&self, mut out: Output, quiet: bool) -> anyhow::Result<Outcome> {
        let mut problems = self.session.problems().all();
        problems.extend(notes(&self.snapshot));
        out.problems(&problems, quiet)?;
        out.finish()?;
        Ok(Outcome::of(&problems, !self.snapshot.traces.is_empty()))
    }
}

/// What cannot be shown, and what to record instead, as notes.
pub(super) fn notes(snapshot: &Snapshot) -> Vec<Problem> {
    let Some(view) = &snapshot.vm else { return vec![Problem::note("", NO_HOST).advise(Need::Host.advice())] };
    let mut notes: Vec<Problem> = view.notes.iter().map(|note| Problem::note("", note.as_str())).collect();
    let vms = &view.model.vms;
    let missing = match vms.iter().any(|vm| vm.guest.is_none()) {
        true => Some(("To record what runs inside a virtual machine", Need::Threads)),
        false if vms.is_empty() && !notes.is_empty() => Some(("To record a host", Need::Host)),
        false => None,
    };
    notes.extend(missing.map(|(what, need)| Problem::note("", what).advise(need.advice())));
    notes
}

/// A task that is to blame, as an object: all fields null if nobody knows.
pub(super) fn who_json(snapshot: &Snapshot, who: Option<Who>) -> serde_json::Map<String, Value> {
    let machine = who.and_then(|w| snapshot.machine(w.machine)).map(|m| m.name.clone());
    let name = who.map(|w| snapshot.names.text(w.name).to_string());
    let mut object = serde_json::Map::new();
    object.insert("machine".to_owned(), machine.into());
    object.insert("tid".to_owned(), who.map(|w| w.tid.0).into());
    object.insert("name".to_owned(), name.into());
    object
}

/// The same in words.
pub(super) fn who_text(snapshot: &Snapshot, who: Option<Who>) -> String {
    let Some(who) = who else { return "unknown".to_owned() };
    let machine = snapshot.machine(who.machine).map_or("?", |m| m.name.as_str());
    format!("{machine}/{} {}", who.tid.0, snapshot.names.text(who.name))
}

/// Who took time, as objects, the greatest first.
pub(super) fn takers_json(snapshot: &Snapshot, by: &[(Option<Who>, Dur)]) -> Value {
    let objects = by.iter().map(|(who, time)| {
        let mut object = who_json(snapshot, *who);
        object.insert("ns".to_owned(), time.0.into());
        Value::Object(object)
    });
    Value::Array(objects.collect())
}

/// Who took time, in words: three names say who it was, the rest is in the objects.
pub(super) fn takers_text(snapshot: &Snapshot, by: &[(Option<Who>, Dur)]) -> String {
    let by = by.iter().take(3).map(|(who, time)| format!("{} {}", who_text(snapshot, *who), duration(time.0)));
    by.collect::<Vec<_>>().join(", ")
}
