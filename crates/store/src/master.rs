//! The master key's file, and the ring that it opens. The file is made where there is none, whole or not at all, and is
//! never written over: losing it means losing everything that was sealed.

use crate::db::Db;
use crate::error::OpenError;
use crate::sealing::{MasterKey, Ring};
use crate::statement::{Cells, Statement};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Opens the ring of a key store with the master key in the file; makes both where there is neither.
///
/// The file may hold several keys, one a line: while the master key is changed, both are known.
pub(crate) async fn load(file: &Path, keys: &Db) -> Result<Ring, OpenError> {
    let stored = stored(keys).await?;
    let masters = match (read(file)?, &stored) {
        (Some(masters), _) => masters,
        (None, Some(_)) => return Err(OpenError::MasterKeyMissing(file.to_owned())),
        (None, None) => vec![make(file)?],
    };
    if let (None, Some(master)) = (&stored, masters.first()) {
        let statement = Statement::of(
            "INSERT INTO master (id, canary, ring) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING",
            [master.canary().into(), master.wrap(&Ring::random()).into()],
        );
        keys.execute(None, statement).await?;
    }
    // Read back: of two first starts at once, with a key each, one has lost.
    let stored = self::stored(keys).await?.ok_or(OpenError::WrongMasterKey)?;
    stored.opened_by(&masters).ok_or(OpenError::WrongMasterKey)
}

/// What became of a change of the master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The new key has taken the old one's place.
    Now,
    /// It had taken its place before.
    Before,
}

/// Wraps the ring with the new master key, which is made where its file is not there: one row is written, so that the
/// store opens with the old key until then, and with the new one alone from then on. Who is serving goes on.
pub(crate) async fn rotate(old: &Path, new: &Path, keys: &Db) -> Result<Rotated, OpenError> {
    let masters = read(old)?.ok_or_else(|| OpenError::MasterKeyMissing(old.to_owned()))?;
    let next = match read(new)? {
        Some(mut keys) => keys.swap_remove(0),
        None => make(new)?,
    };
    let before = stored(keys).await?.ok_or(OpenError::WrongMasterKey)?;
    let next = [next];
    if before.opened_by(&next).is_some() {
        // Where the old file holds nothing but this key, nothing was changed; where it holds both, something was.
        let same = masters.iter().all(|old| old.knows(&before.canary));
        return if same {
            Err(OpenError::SameMasterKey)
        } else {
            Ok(Rotated::Before)
        };
    }
    let ring = before.opened_by(&masters).ok_or(OpenError::WrongMasterKey)?;
    let [next] = next;
    let statement = Statement::of(
        "UPDATE master SET canary = $1, ring = $2 WHERE id = 1 AND canary = $3",
        [next.canary().into(), next.wrap(&ring).into(), before.canary.into()],
    );
    keys.execute(None, statement).await?;
    // Read back: of two changes at once, one has lost.
    let after = stored(keys).await?.ok_or(OpenError::WrongMasterKey)?;
    after
        .opened_by(&[next])
        .map(|_| Rotated::Now)
        .ok_or(OpenError::WrongMasterKey)
}

/// The one row that the master key seals.
struct Stored {
    canary: Vec<u8>,
    ring: Option<Vec<u8>>,
}

impl Stored {
    /// The ring, where one of the keys opens it.
    fn opened_by(&self, masters: &[MasterKey]) -> Option<Ring> {
        let master = masters.iter().find(|master| master.knows(&self.canary))?;
        match &self.ring {
            Some(wrapped) => master.unwrap(wrapped).ok(),
            None => Some(master.ring_of_before()),
        }
    }
}

/// Whether the file holds a key that opens the key store, without making anything. False where there is neither yet.
pub(crate) async fn inspect(file: &Path, keys: &Db) -> Result<bool, OpenError> {
    match (read(file)?, stored(keys).await?) {
        (Some(masters), Some(stored)) if stored.opened_by(&masters).is_none() => Err(OpenError::WrongMasterKey),
        (None, Some(_)) => Err(OpenError::MasterKeyMissing(file.to_owned())),
        (masters, _) => Ok(masters.is_some()),
    }
}

async fn stored(keys: &Db) -> Result<Option<Stored>, OpenError> {
    let statement = Statement::new("SELECT canary, ring FROM master WHERE id = 1");
    let read = |row: &dyn Cells| {
        Ok(Stored {
            canary: row.bytes(0)?,
            ring: row.maybe_bytes(1)?,
        })
    };
    keys.fetch_one(None, statement, read)
        .await
        .map_err(|error| OpenError::Unavailable(error.to_string()))
}

fn unusable(file: &Path, reason: impl ToString) -> OpenError {
    OpenError::MasterKeyFile {
        path: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// The keys in a file, at least one.
fn read(file: &Path) -> Result<Option<Vec<MasterKey>>, OpenError> {
    match fs::read_to_string(file) {
        Ok(text) => {
            let lines = text.split_whitespace().map(|line| parse(line).map(MasterKey::new));
            let keys: Option<Vec<MasterKey>> = lines.collect();
            match keys.filter(|keys| !keys.is_empty()) {
                Some(keys) => Ok(Some(keys)),
                None => Err(unusable(
                    file,
                    "64 hexadecimal digits are expected, or some lines of them",
                )),
            }
        }
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
    let made = read(file)?.and_then(|keys| keys.into_iter().next());
    made.ok_or_else(|| unusable(file, "it cannot be made"))
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
        assert!(again.knows(&made.canary()));
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
    fn a_file_may_hold_several_keys() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("master.key");
        fs::write(&file, format!("{}\n{}\n", "07".repeat(32), "08".repeat(32))).expect("written");
        let keys = read(&file).expect("read").expect("keys");
        assert_eq!(keys.len(), 2);
        assert!(keys[1].knows(&MasterKey::new([8; 32]).canary()));
    }

    /// A key store as it was made before there were rings.
    async fn of_before(folder: &Path) -> Db {
        fs::write(folder.join("master.key"), "07".repeat(32)).expect("written");
        let keys = crate::sqlite::Sqlite::open(&folder.join("keys.db"))
            .await
            .expect("a file");
        let migrated = crate::migrate::sqlite(&keys.writer, &crate::migrate::SQLITE_KEYS).await;
        migrated.expect("a schema");
        let keys = Db::Sqlite(keys);
        let canary = MasterKey::new([7; 32]).canary();
        let statement = Statement::of("INSERT INTO master (id, canary) VALUES (1, $1)", [canary.into()]);
        keys.execute(None, statement).await.expect("written");
        keys
    }

    #[tokio::test]
    async fn a_store_of_before_keeps_its_keys_when_its_master_key_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("master.key"), folder.path().join("next.key"));
        let keys = of_before(folder.path()).await;
        let ring = load(&old, &keys).await.expect("opened");
        assert_eq!(ring.secret("a"), MasterKey::new([7; 32]).ring_of_before().secret("a"));
        fs::write(&new, "07".repeat(32)).expect("written");
        let same = rotate(&old, &new, &keys).await;
        assert!(matches!(same, Err(OpenError::SameMasterKey)), "{same:?}");
        fs::remove_file(&new).expect("removed");
        assert_eq!(rotate(&old, &new, &keys).await.expect("changed"), Rotated::Now);
        // Asked once more, after a crash perhaps, nothing is changed.
        assert_eq!(rotate(&old, &new, &keys).await.expect("known"), Rotated::Before);
        assert!(matches!(load(&old, &keys).await, Err(OpenError::WrongMasterKey)));
        let later = load(&new, &keys).await.expect("opened");
        assert_eq!(later.secret("a"), ring.secret("a"));
        let both = folder.path().join("both.key");
        let text = |file: &Path| fs::read_to_string(file).expect("text");
        fs::write(&both, format!("{}\n{}", text(&old), text(&new))).expect("written");
        assert!(load(&both, &keys).await.is_ok(), "either key may stand in the file");
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
