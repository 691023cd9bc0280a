//! The master key's file. It is made where there is none, whole or not at all, and is never written over: losing it means
//! losing everything that was sealed.

use crate::db::Db;
use crate::error::OpenError;
use crate::sealing::MasterKey;
use crate::statement::Statement;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Reads the key, or makes it for a key store that has none, and holds it against the key store's canary.
pub(crate) async fn load(file: &Path, keys: &Db) -> Result<MasterKey, OpenError> {
    let canary = canary(keys).await?;
    let master = match (read(file)?, &canary) {
        (Some(master), _) => master,
        (None, Some(_)) => return Err(OpenError::MasterKeyMissing(file.to_owned())),
        (None, None) => make(file)?,
    };
    if canary.is_none() {
        let statement = Statement::of(
            "INSERT INTO master (id, canary) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
            [master.canary().into()],
        );
        keys.execute(None, statement).await?;
    }
    // Read back: of two first starts at once, with a key each, one has lost.
    match self::canary(keys).await? {
        Some(canary) if master.knows(&canary) => Ok(master),
        _ => Err(OpenError::WrongMasterKey),
    }
}

/// Whether the file holds the key that the key store was made with, without making anything. False where there is neither
/// yet.
pub(crate) async fn inspect(file: &Path, keys: &Db) -> Result<bool, OpenError> {
    match (read(file)?, canary(keys).await?) {
        (Some(master), Some(canary)) if !master.knows(&canary) => Err(OpenError::WrongMasterKey),
        (None, Some(_)) => Err(OpenError::MasterKeyMissing(file.to_owned())),
        (master, _) => Ok(master.is_some()),
    }
}

async fn canary(keys: &Db) -> Result<Option<Vec<u8>>, OpenError> {
    let statement = Statement::new("SELECT canary FROM master WHERE id = 1");
    keys.fetch_one(None, statement, |row| row.bytes(0))
        .await
        .map_err(|error| OpenError::Unavailable(error.to_string()))
}

fn unusable(file: &Path, reason: impl ToString) -> OpenError {
    OpenError::MasterKeyFile {
        path: file.to_owned(),
        reason: reason.to_string(),
    }
}

fn read(file: &Path) -> Result<Option<MasterKey>, OpenError> {
    match fs::read_to_string(file) {
        Ok(text) => match parse(text.trim()) {
            Some(bytes) => Ok(Some(MasterKey::new(bytes))),
            None => Err(unusable(file, "64 hexadecimal digits are expected")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(file, error.kind())),
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 64 {
        bytes.try_into().ok()
    } else {
        None
    }
}

/// Written aside, then linked into place: a link fails where the name exists, so that of two makers one wins and both use
/// its key.
fn make(file: &Path) -> Result<MasterKey, OpenError> {
    let text: String = MasterKey::random_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let aside = file.with_extension(format!("making-{}", std::process::id()));
    let written = (|| {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut made = options.open(&aside)?;
        made.write_all(text.as_bytes())?;
        made.write_all(b"\n")?;
        made.sync_all()?;
        match fs::hard_link(&aside, file) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    fs::remove_file(&aside).ok();
    written.map_err(|error: io::Error| unusable(file, error.kind()))?;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // The name must outlive a power cut as surely as what it will have sealed.
        fs::File::open(folder).and_then(|folder| folder.sync_all()).ok();
    }
    read(file)?.ok_or_else(|| unusable(file, "it cannot be made"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("master.key");
        let made = make(&file).expect("made");
        let text = fs::read_to_string(&file).expect("text");
        assert_eq!(text.len(), 65);
        let again = make(&file).expect("read");
        assert_eq!(fs::read_to_string(&file).expect("text"), text, "never written over");
        assert_eq!(again.secret("a"), made.secret("a"));
        assert_eq!(
            fs::read_dir(folder.path()).expect("listed").count(),
            1,
            "nothing is left aside"
        );
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).expect("there").permissions()) & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("master.key");
        for text in ["", "00", &"zz".repeat(32), &"0".repeat(63), &"é".repeat(64)] {
            fs::write(&file, text).expect("written");
            assert!(matches!(read(&file), Err(OpenError::MasterKeyFile { .. })), "{text}");
        }
    }
}
