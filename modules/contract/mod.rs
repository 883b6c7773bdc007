//! The contract: what a module may ask, what it may change, and how it says so.
//!
//! Absent on purpose: any way to run something, to print, to read a clock or a file, and any word on whether this is
//! check mode.

mod answer;
mod ask;
mod bundle_text;
mod change;
mod command_line;
mod declared;
mod decode;
mod decode_entry;
mod decode_more;
mod dtr;
mod entry;
mod evaluated;
mod generate;
mod glob;
pub mod guard;
mod host;
mod lay_entry;
mod library;
mod link;
mod local;
mod module;
mod overlay;
mod path;
mod pause;
mod plan;
mod probe;
mod registry_tls;
mod request;
mod resolve;
mod response;
mod run;
mod script;
mod secret;
mod service;
mod shell;
mod syntax;
mod text;
mod touches;
mod tree;
mod undo;
mod validator;
mod wait;
mod wanted_mode;

pub use answer::*;
pub use ask::*;
pub use bundle_text::BundleText;
pub use change::*;
pub use declared::{ApplyOwn, Argument, Declared, DeclaredParts, Kind};
pub use decode::{act_output, decode_facts};
pub use dtr::{AskDtrSettings, DtrApi, DtrCredential, DtrSettings, SetDtrTls};
pub use entry::{AskStat, Checksum, Entity, EntityKind, Numbers, Stat};
pub use evaluated::Evaluated;
pub use generate::{
    CertificateKind, GenerateCertificate, KeyType, MadeCertificate, Signer, WantedCertificate,
};
pub use glob::AskGlob;
pub use guard::{GuardAnswer, PutBack};
pub use host::{ACCEPT_UNTESTED, DaemonKind, DaemonSite, Facts, Host, SETTINGS};
pub use link::{BackUp, MakeLink, RemoveLink, Replaced, Touch};
pub use local::{AskLocalTree, LocalEntry, LocalEntryKind, LocalFile, LocalTree};
pub use module::{ArgumentError, Entry, Module, Task};
pub use overlay::Overlay;
pub use path::{HostPath, HostPathError};
pub use pause::AskPause;
pub use plan::{Blame, Level, Note, Plan, PlanError};
pub use probe::{Probe, Step};
pub use registry_tls::{
    AskRegistryTls, CertificateFile, KeyBefore, KeyFile, LocalView, RegistryService, RegistryTls,
    ReplaceRegistryTls, SavedPair, TlsFile, Told, is_served,
};
pub use request::{AskRequest, AskSum, Download, MakeRequest, Request, Response, Summed};
pub use resolve::{AskResolve, Resolved};
pub use run::{Run, SentScript};
pub use script::{Frame, Frames, Script};
pub use secret::Secret;
pub use service::{AskService, ChangeService, ServiceAction, ServiceScope, ServiceState};
pub use shell::Shell;
pub use syntax::{AskSyntax, CheckSyntax};
pub use text::{Account, Arg, Call, Mode};
pub use touches::{Doubt, DoubtAbout, Touches};
pub use tree::{AskTree, RemoveOther, RemoveTree, Removed, Tree, TreeEntry};
pub use undo::{AskUndo, Image, Kept, KeptPart, KeptPath, Owned, Part, Standing, UndoRecord};
pub use validator::Validator;
pub use wait::{AskWait, WaitCondition, Waited};
pub use wanted_mode::{Symbolic, WantedMode};
