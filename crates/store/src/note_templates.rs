//! A tenant's templates for letters: immutable rows, of which the newest counts. A new one goes in with a commit.

use crate::{
    Beside, Store, StoreError, TenantId,
    rows::NoteTemplateRow,
    statement::{Cells, Statement},
};

/// The newest version of each template of a tenant.
const NEWEST_TEMPLATES: &str = "SELECT t.kind, t.tone, t.version, t.variants, t.recorded_at, t.recorded_by \
     FROM note_templates t JOIN (SELECT kind, tone, MAX(version) AS newest FROM note_templates WHERE tenant_id = $1 \
     GROUP BY kind, tone) n ON n.kind = t.kind AND n.tone = t.tone AND n.newest = t.version WHERE t.tenant_id = $1";

fn template(row: &dyn Cells) -> Result<NoteTemplateRow, sqlx::Error> {
    Ok(NoteTemplateRow {
        kind: row.text(0)?,
        tone: row.text(1)?,
        version: row.int(2)?,
        variants: row.maybe_text(3)?,
        recorded_at: row.int(4)?,
        recorded_by: row.text(5)?,
    })
}

impl Beside {
    /// The next version of one of a tenant's templates; a conflict where it is not the next.
    #[must_use]
    pub fn template(tenant: TenantId, row: &NoteTemplateRow) -> Self {
        Self::must(Statement::of(
            "INSERT INTO note_templates (tenant_id, kind, tone, version, variants, recorded_at, recorded_by) \
             SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT COALESCE(MAX(version), 0) FROM note_templates \
             WHERE tenant_id = $1 AND kind = $2 AND tone = $3) = $4 - 1",
            [
                tenant.into(),
                row.kind.as_str().into(),
                row.tone.as_str().into(),
                row.version.into(),
                row.variants.as_deref().into(),
                row.recorded_at.into(),
                row.recorded_by.as_str().into(),
            ],
        ))
    }
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
