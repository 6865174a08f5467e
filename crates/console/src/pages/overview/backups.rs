//! The scheduled backups in one line: their number, the time of the newest, and whether they verify. Only `bulla status`, which
//! is for operators, names the files.

use bulla_kms::BackupState;
use bulla_wire::Timestamp;
use maud::{Markup, html};

use crate::context::Context;
use crate::texts::text;
use crate::times::time;

pub(super) fn show(context: &Context<'_>, state: &BackupState) -> Markup {
    let at = |unix| time(Timestamp::from_unix(unix));
    html! {
        @if let Some(newest) = &state.newest {
            (context.say(text("kept:", "保留数："))) " " (state.count) "; "
            (context.say(text("the newest is of", "最新备份时间："))) " " (at(newest.time)) "; "
            (context.say(text("verified:", "已校验数："))) " " (state.verified)
            @if let Some(oldest) = state.oldest_verification {
                ", " (context.say(text("all read since", "最早一次校验时间："))) " " (at(oldest))
            }
        } @else {
            (context.say(text("none yet", "尚无备份")))
        }
        @if !state.failed.is_empty() {
            "; " strong { (context.say(text("damaged:", "已损坏数："))) " " (state.failed.len()) }
        }
        @if state.failure.is_some() {
            "; " strong { (context.say(text("the last one failed", "最近一次备份失败"))) }
        }
        @if state.failure.is_some() || !state.failed.is_empty() {
            " (" (context.say(text("bulla status says why", "原因见 bulla status"))) ")"
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
        assert!(!owner.get("/console").has("all read since"), "there is no schedule");
        let directory = tempfile::tempdir().unwrap();
        owner.site.kms.set_backup_schedule(Some(BackupSchedule::new(directory.path())));
        assert!(owner.get("/console").has("none yet"));
        owner.site.kms.back_up_if_due().unwrap();
        let page = owner.get("/console");
        assert!(page.has("all read since") && !page.has("damaged:"), "{page:?}");
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
