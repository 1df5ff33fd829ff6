//! The flow's tables as sheets, for other programs: where the time went, and the instances.

use crate::window::flow::answer::Answer;
use crate::window::flow::pane::FlowPanes;
use crate::window::frame::FrameContext;
use crate::window::stats::sheet::{Field, Sheet};

impl FlowPanes {
    /// Where the time went: by culprit, by kind, by machine, one table below the other.
    pub fn sheet(&self, cx: &FrameContext<'_>) -> Option<Sheet> {
        let mut sheet = Sheet::new(&[
            ("Table", "table"),
            ("Who or what", "name"),
            ("How", "how"),
            ("State", "state"),
            ("Machine", "machine"),
            ("Time", "time_ns"),
            ("Share", "share"),
        ]);
        for table in self.tables()? {
            for line in table.lines.iter().chain(&table.own) {
                let machine = line.machine.and_then(|id| cx.state.scene.machine(id));
                sheet.rows.push(vec![
                    Field::text(table.title),
                    Field::text(&line.text),
                    Field::text(&line.more),
                    if machine.is_none() { Field::text(line.state.name()) } else { Field::Empty },
                    machine.map_or(Field::Empty, |m| Field::text(&m.name)),
                    Field::Time(line.time),
                    Field::share(line.share),
                ]);
            }
        }
        Some(sheet)
    }

    /// The instances of the task that is followed.
    pub fn instances_sheet(&self, cx: &FrameContext<'_>) -> Option<Sheet> {
        let mut sheet = Sheet::new(&[
            ("No.", "n"),
            ("Start", "begin_ns"),
            ("End", "end_ns"),
            ("Duration", "duration_ns"),
            ("Slow", "slow"),
            ("Culprit", "culprit"),
            ("Of", "culprit_machine"),
            ("How", "how"),
            ("More than usual", "extra_ns"),
        ]);
        let instances = self.instances().filter(|i| !i.list.is_empty())?;
        let clock = cx.state.clock();
        for (n, instance) in instances.list.iter().enumerate() {
            let culprit = instance.culprit.as_ref();
            let machine = culprit.and_then(|c| cx.state.scene.machine(c.machine));
            sheet.rows.push(vec![
                Field::Count(n as u64 + 1),
                Field::instant(&clock, instance.range.begin),
                Field::instant(&clock, instance.range.end),
                Field::Time(instance.duration),
                Field::Flag(instance.slow, if instance.slow { "slow" } else { "" }),
                culprit.map_or(Field::Empty, |c| Field::text(&c.name)),
                machine.map_or(Field::Empty, |m| Field::text(&m.name)),
                culprit.map_or(Field::Empty, |c| Field::text(&c.words)),
                culprit.map_or(Field::Empty, |c| Field::Time(c.extra)),
            ]);
        }
        Some(sheet)
    }

    /// The flow that is shown, to be written in full.
    pub fn answer(&self) -> Option<&Answer> {
        self.shown()
    }
}
