//! What is still to be done on a host: tasks, and marks between them where blocks and sections end.

use std::collections::VecDeque;
use std::sync::Arc;

use super::tags::Tags;
use crate::event::Position;
use crate::playbook::{Block, Part, Play, Task};
use crate::template::Layer;

/// What is still to be done, in order.
pub type Queue = VecDeque<Work>;

/// A task, or a mark between tasks.
#[derive(Debug, Clone)]
pub enum Work {
    /// A task.
    Task(TaskWork),
    /// A mark.
    Mark(Mark),
}

/// A task on its way.
#[derive(Debug, Clone)]
pub struct TaskWork {
    /// The task.
    pub task: Arc<Task>,
    /// Its place among all that the play does.
    pub place: Position,
    /// The item of its loop, once the loop is known.
    pub item: Option<LoopItem>,
    /// How many times it has been done already, for `until`.
    pub attempt: u32,
    /// Whether the tasks that it includes are in the queue behind it.
    pub expanded: bool,
    /// The variables of the loops around it: those of the includes that brought it.
    pub outer: Option<Arc<Layer>>,
    /// Why check mode cannot know whether it is done at all.
    pub doubt: Option<Arc<str>>,
}

/// An item of a loop.
#[derive(Debug, Clone)]
pub struct LoopItem {
    /// Its place, from 0.
    pub index: usize,
    /// Its value.
    pub value: serde_json::Value,
    /// All items, where `loop_control` wants them seen.
    pub all: Option<Arc<[serde_json::Value]>>,
    /// Whether no other follows.
    pub last: bool,
}

/// A place between tasks that something depends on.
#[derive(Debug, Clone)]
pub enum Mark {
    /// A block begins.
    Begin(Inside),
    /// The tasks of a block are through; where one has failed, its `rescue` begins.
    Rescue(Inside),
    /// What must be done in any case begins.
    Always(Inside),
    /// The block is through.
    End(Inside),
    /// Handlers that were notified run, after the handler of this number.
    Flush(Position, Option<usize>),
    /// The host has failed before: `force_handlers` has had its turn.
    Fail(Position),
}

/// A block on its way.
#[derive(Debug, Clone)]
pub struct Inside {
    /// The block.
    pub block: Arc<Block>,
    /// Its place.
    pub place: Position,
    /// As those of [`TaskWork`].
    pub outer: Option<Arc<Layer>>,
}

impl TaskWork {
    /// A task that has not begun.
    #[must_use]
    pub const fn new(task: Arc<Task>, place: Position, outer: Option<Arc<Layer>>) -> Self {
        Self { task, place, item: None, attempt: 0, expanded: false, outer, doubt: None }
    }
}

impl Work {
    /// Its place.
    #[must_use]
    pub const fn place(&self) -> &Position {
        match self {
            Self::Task(work) => &work.place,
            Self::Mark(
                Mark::Begin(inside) | Mark::Rescue(inside) | Mark::Always(inside) | Mark::End(inside),
            ) => &inside.place,
            Self::Mark(Mark::Flush(place, _) | Mark::Fail(place)) => place,
        }
    }
}

/// The whole of a play: its sections, each followed by its handlers.
#[must_use]
pub fn of_play(play: &Play, tags: &Tags) -> Queue {
    let mut queue = Queue::new();
    let before = Position::default();
    let mut flushed: Option<Position> = None;
    for section in &play.sections {
        append(&mut queue, section, &before, None, tags);
        let last = section.iter().map(last_number).max().map(|last| before.inside(last));
        // A section without tasks still runs what a handler of the section before has notified before itself.
        let place = last.or_else(|| flushed.map(|before| before.inside(u32::MAX).inside(u32::MAX)));
        if let Some(place) = &place {
            queue.push_back(Work::Mark(Mark::Flush(place.clone(), None)));
        }
        flushed = place;
    }
    queue
}

/// The works of parts that stand below a place.
#[must_use]
pub fn of_parts(parts: &[Part], below: &Position, outer: Option<&Arc<Layer>>, tags: &Tags) -> Queue {
    let mut queue = Queue::new();
    append(&mut queue, parts, below, outer, tags);
    queue
}

fn append(queue: &mut Queue, parts: &[Part], below: &Position, outer: Option<&Arc<Layer>>, tags: &Tags) {
    for part in parts {
        match part {
            // A handler heeds no tags, as in Ansible: what it owes to a change is owed however the change was selected.
            Part::Task(task) if task.around.handler || tags.select(&task.keywords.tags) => {
                let place = below.inside(task.number);
                queue.push_back(Work::Task(TaskWork::new(Arc::clone(task), place, outer.cloned())));
            }
            Part::Task(_) => {}
            Part::Block(block) => {
                let place = below.inside(block.number);
                let inside = Inside { block: Arc::clone(block), place, outer: outer.cloned() };
                queue.push_back(Work::Mark(Mark::Begin(inside.clone())));
                append(queue, &block.parts, below, outer, tags);
                queue.push_back(Work::Mark(Mark::Rescue(inside.clone())));
                queue.push_back(Work::Mark(Mark::Always(inside.clone())));
                append(queue, &block.always, below, outer, tags);
                queue.push_back(Work::Mark(Mark::End(inside)));
            }
        }
    }
}

/// Puts works in front of a queue, in their order.
pub fn put_first(queue: &mut Queue, works: impl DoubleEndedIterator<Item = Work>) {
    works.rev().for_each(|work| queue.push_front(work));
}

/// The highest number in a part: the handlers after it come behind.
fn last_number(part: &Part) -> u32 {
    match part {
        Part::Task(task) => task.number,
        Part::Block(block) => {
            let all = block.parts.iter().chain(&block.rescue).chain(&block.always);
            all.map(last_number).max().unwrap_or(block.number)
        }
    }
}
