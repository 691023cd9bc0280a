//! A tenant's templates for letters: immutable rows, of which the newest counts. A new one goes in with a commit.

use crate::{
    Store, StoreError, TenantId,
    rows::NoteTemplateRow,
    statement::{Cells, Statement},
};

/// The newest version of each template of a tenant.
pub(crate) const NEWEST_TEMPLATES: &str = "SELECT t.kind, t.tone, t.version, t.variants, t.recorded_at, t.recorded_by \
     FROM note_templates t JOIN (SELECT kind, tone, MAX(version) AS newest FROM note_templates WHERE tenant_id = $1 \
     GROUP BY kind, tone) n ON n.kind = t.kind AND n.tone = t.tone AND n.newest = t.version WHERE t.tenant_id = $1";

pub(crate) fn template(row: &dyn Cells) -> Result<NoteTemplateRow, sqlx::Error> {
    Ok(NoteTemplateRow {
        kind: row.text(0)?,
        tone: row.text(1)?,
        version: row.int(2)?,
        variants: row.maybe_text(3)?,
        recorded_at: row.int(4)?,
        recorded_by: row.text(5)?,
    })
}

impl Store {
    /// The newest version of each template of a tenant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_templates(&self, tenant: TenantId) -> Result<Vec<NoteTemplateRow>, StoreError> {
        let statement = Statement::of(NEWEST_TEMPLATES, [tenant.into()]);
        self.db().fetch(tenant, statement, template).await
    }

    /// All versions of one template of a tenant, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_template(
        &self,
        tenant: TenantId,
        kind: &str,
        tone: &str,
    ) -> Result<Vec<NoteTemplateRow>, StoreError> {
        let statement = Statement::of(
            "SELECT kind, tone, version, variants, recorded_at, recorded_by FROM note_templates \
             WHERE tenant_id = $1 AND kind = $2 AND tone = $3 ORDER BY version",
            [tenant.into(), kind.into(), tone.into()],
        );
        self.db().fetch(tenant, statement, template).await
    }
}
