//! The scheduled backups in one line: their number, the time of the newest, and whether they verify. Only `bulla status`, which
//! is for operators, names the files.

use bulla_kms::{DescribeBackups, KeptBackups};
use bulla_wire::Error;
use maud::{Markup, html};

use crate::context::Context;
use crate::offers::may_read_backups;
use crate::texts::{self, text};
use crate::times::time;

/// Returns the state of scheduled backups, if the caller may read it and there is a schedule.
pub(super) async fn find(context: &Context<'_>) -> Result<Option<KeptBackups>, Error> {
    if may_read_backups(context) { context.find(DescribeBackups {}).await } else { Ok(None) }
}

pub(super) fn show(context: &Context<'_>, kept: &KeptBackups) -> Markup {
    html! {
        @if let Some(newest) = kept.newest {
            (context.text(text("kept: ", "保留数："))) (kept.count) (context.text(texts::SEMICOLON))
            (context.text(text("newest: ", "最新备份时间："))) (time(newest)) (context.text(texts::SEMICOLON))
            (context.text(text("verified: ", "已校验数："))) (kept.verified)
            @if let Some(oldest) = kept.oldest_verification {
                (context.text(texts::SEMICOLON)) (context.text(text("oldest verification: ", "最早一次校验时间："))) (time(oldest))
            }
        } @else {
            (context.text(text("none yet", "尚无备份")))
        }
        @if kept.damaged > 0 {
            (context.text(texts::SEMICOLON)) strong { (context.text(text("damaged: ", "已损坏数："))) (kept.damaged) }
        }
        @if kept.has_failed {
            (context.text(texts::SEMICOLON)) strong { (context.text(text("the last one failed", "最近一次备份失败"))) }
        }
        @if kept.has_failed || kept.damaged > 0 {
            (context.text(texts::OPEN)) (context.text(text("bulla status says why", "原因见 bulla status"))) (context.text(texts::CLOSE))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bulla_kms::BackupSchedule;

    use crate::testing::Browser;

    #[test]
    fn the_overview_shows_the_state_of_backups_without_file_names() {
        let owner = Browser::owner();
        assert!(!owner.get("/console").has("oldest verification:"), "there is no schedule");
        let directory = tempfile::tempdir().unwrap();
        owner.site.kms.set_backup_schedule(Some(BackupSchedule::new(directory.path())));
        assert!(owner.get("/console").has("none yet"));
        owner.site.kms.back_up_if_due().unwrap();
        let page = owner.get("/console");
        assert!(page.has("oldest verification:") && !page.has("damaged:"), "{page:?}");
        for entry in fs::read_dir(directory.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "backup") {
                fs::write(path, "overwritten").unwrap();
            }
        }
        owner.site.kms.verify_backup_if_due().unwrap();
        let page = owner.get("/console");
        assert!(page.has("damaged:") && page.has("bulla status says why"), "{page:?}");
        assert!(!page.has(directory.path().to_str().unwrap()), "{page:?}");
        assert!(owner.in_chinese().get("/console").has("已损坏数"));
    }
}
