//! Which runs are listed.

use clap::Args;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime};

use super::list::Listed;
use crate::cli::output;
use crate::error::Failure;
use crate::inventory::Glob;
use crate::journal::{Kept, Record};

/// Which runs are listed.
#[derive(Debug, Args)]
pub struct Filter {
    /// Only runs with this host, or one that this pattern matches, such as `web*`.
    #[arg(long, value_name = "NAME|PATTERN")]
    host: Option<String>,
    /// Only runs that changed this path on a host, or would have.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Only runs that began then or later: `2026-11-24`, `2026-11-24T10:15:00Z` (UTC), or how long ago, such as `2h` or `3d`.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<OffsetDateTime>,
    /// Only runs that began then or earlier; a day is meant to its end.
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<OffsetDateTime>,
}

impl Filter {
    /// The runs that it lets pass. One that cannot be read is said, and left out.
    pub fn select(&self, runs: &[Kept]) -> Result<Vec<Listed>, Failure> {
        let glob = self.host.as_deref().map(Glob::new);
        let mut found = Vec::new();
        for kept in runs {
            let record = match kept.record() {
                Ok(record) => record,
                Err(failure) => {
                    output::note(&format!("warning: run {} is left out", kept.name));
                    output::fail(&failure);
                    continue;
                }
            };
            let hosts = record.hosts();
            let has_host = glob.as_ref().is_none_or(|glob| hosts.iter().any(|host| glob.is_match(host)));
            if self.is_in_time(&record) && has_host && self.has_path(kept)? {
                found.push(Listed::of(kept, record));
            }
        }
        Ok(found)
    }

    /// Nothing of it belongs to one run.
    pub fn refuse_beside_a_run(&self) -> Result<(), Failure> {
        let given = [
            ("--host", self.host.is_some()),
            ("--path", self.path.is_some()),
            ("--since", self.since.is_some()),
            ("--until", self.until.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Failure::said(format!("`{flag}` selects from the list of runs"))
                .help("leave it out, or leave the run out")),
            None => Ok(()),
        }
    }

    fn is_in_time(&self, record: &Record) -> bool {
        let Ok(began) = OffsetDateTime::parse(&record.started, &Rfc3339) else { return true };
        self.since.is_none_or(|since| began >= since) && self.until.is_none_or(|until| began <= until)
    }

    fn has_path(&self, kept: &Kept) -> Result<bool, Failure> {
        self.path.as_ref().map_or(Ok(true), |path| kept.plans_for(path))
    }
}

fn since(text: &str) -> Result<OffsetDateTime, String> {
    time(text, false)
}

fn until(text: &str) -> Result<OffsetDateTime, String> {
    time(text, true)
}

/// A time in UTC; a day is its beginning or its end.
fn time(text: &str, at_end: bool) -> Result<OffsetDateTime, String> {
    if let Ok(date) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        let begin = date.midnight().assume_utc();
        return Ok(if at_end { begin + Duration::DAY - Duration::SECOND } else { begin });
    }
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(time);
    }
    let plain = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    if let Ok(time) = PrimitiveDateTime::parse(text, plain) {
        return Ok(time.assume_utc());
    }
    let ago = || {
        let unit = match text.chars().last()? {
            's' => Duration::SECOND,
            'm' => Duration::MINUTE,
            'h' => Duration::HOUR,
            'd' => Duration::DAY,
            'w' => Duration::WEEK,
            _ => return None,
        };
        let number: u16 = text[..text.len() - 1].parse().ok()?;
        OffsetDateTime::now_utc().checked_sub(unit * i32::from(number))
    };
    ago().ok_or_else(|| {
        "it has to be a day such as `2026-11-24`, a time such as `2026-11-24T10:15:00Z`, or `2h`, `3d`"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_instants_or_how_long_ago() {
        let said = |text, at_end| time(text, at_end).expect("a time").format(&Rfc3339).expect("a time");
        assert_eq!(said("2026-11-24", false), "2026-11-24T00:00:00Z");
        assert_eq!(said("2026-11-24", true), "2026-11-24T23:59:59Z");
        assert_eq!(said("2026-11-24T10:15:00Z", true), "2026-11-24T10:15:00Z");
        assert_eq!(said("2026-11-24T10:15:00+02:00", true), "2026-11-24T10:15:00+02:00");
        assert_eq!(said("2026-11-24T10:15:00", true), "2026-11-24T10:15:00Z");
        let before = OffsetDateTime::now_utc() - Duration::HOUR * 2;
        let ago = time("2h", false).expect("a time");
        assert!(before <= ago && ago <= OffsetDateTime::now_utc() - Duration::HOUR * 2);
        for wrong in ["", "h", "2", "2y", "-2h", "ü", "99999999d", "2026-13-01", "yesterday"] {
            assert!(time(wrong, false).is_err(), "{wrong}");
        }
    }
}
