//! A server's standby, and its archive: what production has beside its server.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::{Own, PrivatePostgres, done};

/// A base backup of a server, and the write-ahead log that came after it.
#[derive(Debug)]
pub struct Archive {
    base: Own,
    folder: PathBuf,
}

impl Archive {
    /// A server as the other one was at a moment.
    ///
    /// # Panics
    /// When the archive does not reach so far.
    #[must_use]
    pub async fn at(self, moment: &str) -> PrivatePostgres {
        let (own, from) = (self.base, self.folder);
        let settings = format!(
            "archive_mode = off\nrestore_command = 'cp \"{}/%f\" \"%p\"'\nrecovery_target_time = '{moment}'\n\
             recovery_target_action = 'promote'\n",
            from.display()
        );
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open(own.data().join("postgresql.auto.conf"));
        file.and_then(|mut file| file.write_all(settings.as_bytes()))
            .expect("written");
        let signal = own.data().join("recovery.signal");
        std::fs::write(&signal, "").expect("written");
        own.owns(&signal);
        own.run();
        let server = PrivatePostgres::of(own);
        let mut connection = PgConnection::connect(&server.url("postgres"))
            .await
            .expect("the server answers");
        while sqlx::query_scalar::<_, bool>("SELECT pg_is_in_recovery()")
            .fetch_one(&mut connection)
            .await
            .expect("the archive reaches so far")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        connection.close().await.ok();
        server
    }
}

impl PrivatePostgres {
    /// A standby of our server, which follows it by streaming.
    ///
    /// # Panics
    /// When the server is not ours, or cannot be copied.
    #[must_use]
    pub fn standby(&self) -> Self {
        let own = self.copied(&["-R"]);
        own.run();
        Self::of(own)
    }

    /// The files of our server as they are, in a folder of their own.
    fn copied(&self, args: &[&str]) -> Own {
        let primary = self.own.as_ref().expect("a server of our own");
        let own = Own::new(primary.binaries.clone());
        done(
            own.command("pg_basebackup")
                .args(["-h", "127.0.0.1", "-p", &primary.port.to_string(), "-U", "afterword"])
                .args(args)
                .args(["-X", "stream", "-c", "fast", "--no-sync", "-D"])
                .arg(own.data()),
        );
        own
    }

    /// From now on our server archives its write-ahead log, and can be brought back to any moment.
    ///
    /// # Panics
    /// When the server is not ours.
    pub async fn archives(&self) -> Archive {
        let own = self.own.as_ref().expect("a server of our own");
        let folder = own.folder.path().join("archive");
        std::fs::create_dir(&folder).expect("a folder");
        own.owns(&folder);
        let mut connection = PgConnection::connect(&self.url("postgres"))
            .await
            .expect("the server answers");
        for sql in [
            "ALTER SYSTEM SET archive_mode = on".to_owned(),
            format!(
                "ALTER SYSTEM SET archive_command = 'cp \"%p\" \"{}/%f\"'",
                folder.display()
            ),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut connection)
                .await
                .expect("set");
        }
        connection.close().await.ok();
        own.stop("fast");
        own.run();
        Archive {
            base: self.copied(&[]),
            folder,
        }
    }

    /// What was written so far goes into the archive.
    ///
    /// # Panics
    /// When it is not there before long.
    pub async fn is_archived(&self) {
        let mut connection = PgConnection::connect(&self.url("postgres"))
            .await
            .expect("the server answers");
        let newest: String = sqlx::query_scalar("SELECT pg_walfile_name(pg_switch_wal())")
            .fetch_one(&mut connection)
            .await
            .expect("its name");
        let archived = "SELECT COALESCE(last_archived_wal >= $1, false) FROM pg_stat_archiver";
        for _ in 0..1000 {
            let asked = sqlx::query_scalar(archived).bind(&newest);
            if asked.fetch_one(&mut connection).await.expect("it answers") {
                connection.close().await.ok();
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{newest} was not archived within 20 seconds");
    }

    /// The moment by our server's clock, as it writes one.
    pub async fn moment(&self) -> String {
        let mut connection = PgConnection::connect(&self.url("postgres"))
            .await
            .expect("the server answers");
        let moment = sqlx::query_scalar("SELECT now()::text")
            .fetch_one(&mut connection)
            .await
            .expect("a moment");
        connection.close().await.ok();
        moment
    }

    /// From now on our server acknowledges no commit before a standby has it on disk.
    pub async fn waits_for_its_standby(&self) {
        let mut connection = PgConnection::connect(&self.url("postgres"))
            .await
            .expect("the server answers");
        for sql in [
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "SELECT pg_reload_conf()",
        ] {
            sqlx::raw_sql(sql).execute(&mut connection).await.expect("set");
        }
        loop {
            let synchronous = "SELECT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')";
            let there: bool = sqlx::query_scalar(synchronous)
                .fetch_one(&mut connection)
                .await
                .expect("it answers");
            if there {
                connection.close().await.ok();
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes our standby a primary.
    ///
    /// # Panics
    /// When it cannot become one.
    pub fn promote(&self) {
        if let Some(own) = &self.own {
            done(
                own.command("pg_ctl")
                    .args(["promote", "-s", "-w", "-D"])
                    .arg(own.data()),
            );
        }
    }
}
