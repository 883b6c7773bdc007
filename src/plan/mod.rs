//! Plan files: what a run in check mode has found, kept to be reviewed, and applied exactly as it was.
//!
//! Absent on purpose: any way to make a change. A plan file is not run. The playbook is planned again, and what comes of it
//! is held to the file: a change goes ahead only where its seal stands there.

mod collect;
mod compare;
mod explain;
mod file;
mod key;
mod reviewed;
mod seal;

pub use collect::Collector;
pub use compare::{moved, stale};
pub use file::{HostPlan, Made, Named, NoPlan, PlanFile, SavedChange, TaskPlan, VERSION};
pub use key::{Key, KeyFile};
pub use reviewed::Reviewed;
pub use seal::{Maker, Sealer};

/// What a run has to do with a plan file.
#[derive(Clone, Default)]
pub struct Planning {
    /// Seals the changes that are shown; none where no plan is made or applied.
    pub sealer: Option<std::sync::Arc<Sealer>>,
    /// What was reviewed, where that is applied.
    pub reviewed: Option<std::sync::Arc<Reviewed>>,
}
