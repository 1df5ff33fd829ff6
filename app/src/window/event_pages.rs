//! The events of a session as pages of text, read by a thread of its own: decoding a page costs milliseconds.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use stratoscope_core::vocab::{Cancel, Cpu, MachineId, RefNs, Value};

use crate::window::apply::EventSeek;
use crate::window::command::{Direction, PickedEvent};
use crate::window::find::events::EventFinder;
use crate::window::find::{Find, What};
use crate::window::worker::{Wake, Worker};

/// Events to a page.
pub const PAGE: u64 = 128;

/// How many pages are kept.
const KEPT: usize = 128;

/// How many pages one step from event to event looks through.
const MAX_SEEK_PAGES: u64 = 4_000;

/// How much text of an event is shown in its line; all of it stands in its tooltip.
const MAX_TEXT: usize = 600;

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct EventLine {
    /// Its number in the merged order.
    pub row: u64,
    /// When.
    pub t: RefNs,
    /// Its machine.
    pub machine: MachineId,
    /// Its CPU, or unknown.
    pub cpu: Cpu,
    /// Its name.
    pub name: Arc<str>,
    /// Its fields, and then its context, as `name=value`.
    pub text: Arc<str>,
    /// Whether it is what is looked for; also where nothing is.
    pub found: bool,
}

impl EventLine {
    /// What a command needs to know of it.
    pub fn picked(&self) -> PickedEvent {
        PickedEvent { row: self.row, t: self.t, machine: self.machine, cpu: self.cpu }
    }
}

/// Where events come from. Slow: never called from a frame.
pub trait EventSource: Send + Sync {
    /// How many there are so far. Quick.
    fn count(&self) -> u64;
    /// Up to `count` of them from row `first` on.
    fn page(&self, first: u64, count: usize) -> Vec<EventLine>;
    /// The first row at or after an instant.
    fn row_at(&self, t: RefNs) -> u64;
    /// The same as [`EventSource::page`], with what is looked for told from the rest.
    fn page_found(&self, first: u64, count: usize, find: &Find) -> Vec<EventLine> {
        let mut lines = self.page(first, count);
        if let What::Words(words) = &find.what {
            lines.iter_mut().for_each(|line| line.found = line.name.to_lowercase().contains(words));
        }
        lines
    }
    /// What finds events by a filter, if they can be asked.
    fn finder(&self) -> Option<&dyn EventFinder> {
        None
    }
}

struct Question {
    source: Arc<dyn EventSource>,
    generation: u64,
    locate: Option<RefNs>,
    seek: Option<EventSeek>,
    pages: Vec<u64>,
    find: Arc<Find>,
}

enum Answer {
    Located { generation: u64, t: RefNs, row: u64 },
    Sought { generation: u64, found: Option<PickedEvent> },
    Page { generation: u64, number: u64, lines: Vec<EventLine>, find: u64 },
}

/// What [`EventPages::poll`] has to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The row of an instant.
    Row(u64),
    /// The event that was looked for; `None`: there is none.
    Event(Option<PickedEvent>),
}

/// Pages of events, read as they are wanted.
pub struct EventPages {
    worker: Worker<Question, Answer>,
    source: Option<Arc<dyn EventSource>>,
    /// Tells answers about what was open before from those about what is open now.
    generation: u64,
    find: Arc<Find>,
    pages: HashMap<u64, Vec<EventLine>>,
    wanted: Vec<u64>,
    /// Pages that were read when something else was looked for.
    stale: HashSet<u64>,
    locate: Option<RefNs>,
    seek: Option<EventSeek>,
    asked: bool,
}

impl EventPages {
    /// No events yet.
    pub fn new(wake: Wake) -> Self {
        Self {
            worker: Worker::new("events", wake, answer),
            source: None,
            generation: 0,
            find: Arc::default(),
            pages: HashMap::new(),
            wanted: Vec::new(),
            stale: HashSet::new(),
            locate: None,
            seek: None,
            asked: true,
        }
    }

    /// Takes another state of the events. `fresh`: it does not continue the one before: other traces, or another
    /// order of them.
    pub fn set_source(&mut self, source: Option<Arc<dyn EventSource>>, fresh: bool) {
        if fresh {
            self.generation += 1;
            self.pages.clear();
            self.stale.clear();
            self.wanted.clear();
            // An instant stays where it is when rows get other numbers; without traces there is none.
            self.locate = self.locate.take().filter(|_| source.is_some());
            self.asked = false;
            self.seek = None;
        }
        let before = self.len();
        self.source = source;
        if self.len() != before && !self.wanted.is_empty() {
            self.asked = false;
        }
    }

    /// Says what is looked for: pages tell it from the rest.
    pub fn set_find(&mut self, find: &Arc<Find>) {
        if self.find.version != find.version {
            // Lines that are on the screen stay until they are read again.
            self.find = Arc::clone(find);
            self.stale.extend(self.pages.keys().copied());
            self.wanted.clear();
        }
    }

    /// Where events come from.
    pub fn source(&self) -> Option<&Arc<dyn EventSource>> {
        self.source.as_ref()
    }

    /// How many events there are.
    pub fn len(&self) -> u64 {
        self.source.as_ref().map_or(0, |s| s.count())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A line, if its page was read.
    pub fn line(&self, row: u64) -> Option<&EventLine> {
        self.pages.get(&(row / PAGE))?.get((row % PAGE) as usize)
    }

    /// Says which rows are on the screen, so that their pages are read, and one before and after them.
    pub fn want(&mut self, first: u64, count: u64) {
        let last = first.saturating_add(count).min(self.len()).saturating_sub(1);
        let mut wanted: Vec<u64> = (first / PAGE..=last / PAGE).collect();
        if let Some(before) = (first / PAGE).checked_sub(1) {
            wanted.push(before);
        }
        wanted.push(last / PAGE + 1);
        wanted.retain(|n| n * PAGE < self.len() && !self.is_complete(*n));
        if wanted != self.wanted {
            self.wanted = wanted;
            self.asked = self.wanted.is_empty();
        }
    }

    fn is_complete(&self, number: u64) -> bool {
        let expected = self.len().saturating_sub(number * PAGE).min(PAGE);
        !self.stale.contains(&number) && self.pages.get(&number).is_some_and(|lines| lines.len() as u64 >= expected)
    }

    /// Asks for the row of an instant.
    pub fn locate(&mut self, t: RefNs) {
        self.locate = Some(t);
        self.asked = false;
    }

    /// Looks for an event.
    pub fn seek(&mut self, seek: EventSeek) {
        self.seek = Some(seek);
        self.asked = false;
    }

    /// Takes what the thread has read and asks for what is still wanted. Once a frame.
    pub fn poll(&mut self) -> Vec<Found> {
        let mut found = Vec::new();
        for answer in self.worker.take() {
            match answer {
                Answer::Located { generation, t, row } if generation == self.generation => {
                    if self.locate == Some(t) {
                        self.locate = None;
                        found.push(Found::Row(row));
                    }
                }
                Answer::Sought { generation, found: event } if generation == self.generation => {
                    self.seek = None;
                    found.push(Found::Event(event));
                }
                Answer::Page { generation, number, lines, find }
                    if generation == self.generation && find == self.find.version =>
                {
                    self.keep(number, lines);
                }
                Answer::Located { .. } | Answer::Sought { .. } | Answer::Page { .. } => {}
            }
        }
        if !self.asked
            && let Some(source) = &self.source
        {
            self.asked = true;
            self.worker.ask(Question {
                source: Arc::clone(source),
                generation: self.generation,
                locate: self.locate,
                seek: self.seek,
                pages: self.wanted.clone(),
                find: Arc::clone(&self.find),
            });
        }
        found
    }

    fn keep(&mut self, number: u64, lines: Vec<EventLine>) {
        self.stale.remove(&number);
        self.pages.insert(number, lines);
        self.wanted.retain(|n| *n != number);
        while self.pages.len() > KEPT {
            // The one that is farthest from what is looked at.
            let Some(farthest) = self.pages.keys().copied().max_by_key(|n| n.abs_diff(number)) else { break };
            self.pages.remove(&farthest);
        }
    }

    /// Waits until all that was asked for is answered; for pictures and tests.
    pub fn wait(&self, longest: Duration) -> bool {
        self.worker.wait(longest)
    }

    /// Whether nothing is being read.
    pub fn is_idle(&self) -> bool {
        self.asked && self.worker.is_idle()
    }
}

fn answer(question: Question, cancel: &Cancel, tell: &mut dyn FnMut(Answer)) {
    let Question { source, generation, locate, seek, pages, find } = question;
    if let Some(t) = locate {
        let row = source.row_at(t);
        tell(Answer::Located { generation, t, row });
    }
    if let Some(wanted) = seek
        && let Ok(found) = find_event(&*source, &wanted, cancel)
    {
        tell(Answer::Sought { generation, found });
    }
    for number in pages {
        if cancel.is_cancelled() {
            return;
        }
        let lines = source.page_found(number * PAGE, PAGE as usize, &find);
        tell(Answer::Page { generation, number, lines, find: find.version });
    }
}

/// The next event that fits, page by page.
fn find_event(
    source: &dyn EventSource,
    seek: &EventSeek,
    cancel: &Cancel,
) -> Result<Option<PickedEvent>, stratoscope_core::vocab::Cancelled> {
    let fits =
        |line: &EventLine| seek.machine.is_none_or(|m| m == line.machine) && seek.cpu.is_none_or(|cpu| cpu == line.cpu);
    let here = seek.from.map(|e| e.row);
    match seek.direction {
        Direction::Forward => {
            // From an instant: the events at it were not picked, so they count as next.
            let mut first = here.map_or_else(|| source.row_at(seek.t), |row| row + 1);
            for _ in 0..MAX_SEEK_PAGES {
                cancel.check()?;
                let lines = source.page(first, PAGE as usize);
                if let Some(line) = lines.iter().find(|l| fits(l)) {
                    return Ok(Some(line.picked()));
                }
                if lines.is_empty() {
                    return Ok(None);
                }
                first += lines.len() as u64;
            }
        }
        Direction::Back => {
            let mut end = here.unwrap_or_else(|| source.row_at(seek.t));
            for _ in 0..MAX_SEEK_PAGES {
                cancel.check()?;
                let first = end.saturating_sub(PAGE);
                let lines = source.page(first, (end - first) as usize);
                if let Some(line) = lines.iter().rev().find(|l| fits(l)) {
                    return Ok(Some(line.picked()));
                }
                if first == 0 {
                    return Ok(None);
                }
                end = first;
            }
        }
    }
    Ok(None)
}

/// Fields and context of an event in one line.
pub fn fields_text(fields: &Value, context: &Value) -> String {
    let mut text = String::new();
    members(fields, &mut text);
    if let Value::Struct(inner) = context
        && !inner.is_empty()
    {
        text.push_str(if text.is_empty() { "" } else { "   " });
        text.push_str("[ ");
        members(context, &mut text);
        text.push_str(" ]");
    }
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn members(value: &Value, text: &mut String) {
    match value {
        Value::Struct(members) => {
            for (n, (name, member)) in members.iter().enumerate() {
                if n > 0 {
                    text.push_str("  ");
                }
                text.push_str(name);
                text.push('=');
                value_text(member, text);
                if text.len() > MAX_TEXT {
                    return;
                }
            }
        }
        other => value_text(other, text),
    }
}

fn value_text(value: &Value, text: &mut String) {
    // Writing to a string cannot fail.
    let written = match value {
        Value::Bool(b) => write!(text, "{b}"),
        Value::Unsigned { value, base: 16 } => write!(text, "{value:#x}"),
        Value::Unsigned { value, base: 8 } => write!(text, "{value:#o}"),
        Value::Unsigned { value, base: 2 } => write!(text, "{value:#b}"),
        Value::Unsigned { value, .. } => write!(text, "{value}"),
        Value::Signed(value) => write!(text, "{value}"),
        Value::Float(value) => write!(text, "{value}"),
        Value::Text(value) => {
            // A line stays a line, whatever a program wrote.
            text.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
            Ok(())
        }
        Value::Enum { value, labels } => match labels.first() {
            Some(label) => write!(text, "{label} ({value})"),
            None => write!(text, "{value}"),
        },
        Value::Struct(_) => {
            text.push_str("{ ");
            members(value, text);
            text.push_str(" }");
            Ok(())
        }
        Value::Array(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    text.push_str(", ");
                }
                value_text(item, text);
                if text.len() > MAX_TEXT {
                    break;
                }
            }
            text.push(']');
            Ok(())
        }
        Value::Bytes(bytes) => bytes.iter().take(64).try_for_each(|b| write!(text, "{b:02x}")),
        Value::Null => write!(text, "–"),
    };
    debug_assert!(written.is_ok());
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// As many events as asked, ten microseconds apart, on two CPUs in turn.
    pub(crate) struct Many(pub(crate) u64);

    impl EventSource for Many {
        fn count(&self) -> u64 {
            self.0
        }

        fn page(&self, first: u64, count: usize) -> Vec<EventLine> {
            let end = first.saturating_add(count as u64).min(self.0);
            (first..end)
                .map(|row| EventLine {
                    row,
                    t: RefNs(row as i64 * 10_000),
                    machine: MachineId(0),
                    cpu: Cpu((row % 2) as u16),
                    name: if row % 2 == 0 { "sched_switch" } else { "irq_handler_entry" }.into(),
                    text: format!("n={row}  comm=bash").into(),
                    found: true,
                })
                .collect()
        }

        fn row_at(&self, t: RefNs) -> u64 {
            (t.0.max(0) as u64).div_ceil(10_000).min(self.0)
        }
    }

    fn pages(n: u64) -> EventPages {
        let mut pages = EventPages::new(Arc::new(|| ()));
        pages.set_source(Some(Arc::new(Many(n))), true);
        pages
    }

    fn settle(pages: &mut EventPages) -> Vec<Found> {
        let mut found = pages.poll();
        assert!(pages.wait(Duration::from_secs(20)));
        found.extend(pages.poll());
        found
    }

    #[test]
    fn pages_come_when_they_are_wanted_and_old_ones_go() {
        let mut pages = pages(100_000_000);
        pages.want(77_000_000, 30);
        assert!(pages.line(77_000_000).is_none());
        settle(&mut pages);
        assert_eq!(pages.line(77_000_029).map(|l| l.row), Some(77_000_029));
        for n in 0..200 {
            pages.want(n * 500_000, 30);
            settle(&mut pages);
        }
        assert!(pages.pages.len() <= KEPT);
        assert!(pages.line(199 * 500_000).is_some());
    }

    #[test]
    fn a_table_that_grows_is_read_again_at_its_end() {
        let mut pages = pages(10);
        pages.want(0, 30);
        settle(&mut pages);
        assert!(pages.line(9).is_some() && pages.line(10).is_none());
        pages.set_source(Some(Arc::new(Many(50))), false);
        pages.want(0, 30);
        settle(&mut pages);
        assert!(pages.line(49).is_some());
    }

    #[test]
    fn instants_and_neighbours_are_found() {
        let mut pages = pages(1_000);
        pages.locate(RefNs(25_000));
        assert_eq!(settle(&mut pages), [Found::Row(3)]);
        let seek = EventSeek { from: None, t: RefNs(20_000), direction: Direction::Forward, machine: None, cpu: None };
        let mut ask = |seek: EventSeek| {
            pages.seek(seek);
            match settle(&mut pages)[..] {
                [Found::Event(event)] => event.map(|e| e.row),
                ref other => panic!("{other:?}"),
            }
        };
        assert_eq!(ask(seek), Some(2), "an event at the instant itself was not picked yet");
        assert_eq!(ask(EventSeek { cpu: Some(Cpu(1)), ..seek }), Some(3));
        assert_eq!(ask(EventSeek { direction: Direction::Back, ..seek }), Some(1));
        let from = Many(1_000).page(999, 1)[0].picked();
        assert_eq!(ask(EventSeek { from: Some(from), ..seek }), None);
        assert_eq!(
            ask(EventSeek { from: Some(from), direction: Direction::Back, cpu: Some(Cpu(1)), ..seek }),
            Some(997)
        );
        assert_eq!(ask(EventSeek { machine: Some(MachineId(3)), ..seek }), None);
    }

    #[test]
    fn values_become_one_line() {
        let fields = Value::Struct(vec![
            ("comm".into(), Value::Text("a\nb".to_owned())),
            ("addr".into(), Value::Unsigned { value: 255, base: 16 }),
            ("state".into(), Value::Enum { value: 1, labels: vec!["TIMER".into()] }),
            ("list".into(), Value::Array(vec![Value::Signed(-1), Value::Null])),
        ]);
        let context = Value::Struct(vec![("tid".into(), Value::Signed(7))]);
        assert_eq!(fields_text(&fields, &context), "comm=a b  addr=0xff  state=TIMER (1)  list=[-1, –]   [ tid=7 ]");
        let long = Value::Struct(vec![("x".into(), Value::Text("ä".repeat(5000)))]);
        assert!(fields_text(&long, &Value::Null).len() < MAX_TEXT + 10);
    }
}
