//! What dockerd will do with a daemon.json.

mod conflicts;
mod drift;
mod effect;
mod flags;
mod judge;
pub mod keys;
mod kind;
mod logging;
pub mod registry;
mod resources;
mod running;

pub use conflicts::{Conflict, conflicts, sentence, with_flags};
pub use drift::{Drift, drift};
pub use effect::{Cause, Effect, Why, effect};
pub use flags::{Flag, as_config, flags, is_repeated, long_name, takes_value};
pub use judge::{Problem, Severity, Trouble, judge, not_on_windows};
pub use kind::Kind;
pub use logging::BadLogOption;
pub use running::{Mismatch, running_matches};
