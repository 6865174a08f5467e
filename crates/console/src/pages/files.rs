//! Shows the header of an encrypted file. The script reads the file in the browser and uploads nothing.

use maud::{Markup, html};

use super::Page;
use crate::context::Context;
use crate::texts::{self, Text, text};

pub(super) fn show(context: &Context<'_>) -> Page {
    let about = text(
        "The header of an encrypted file names its keys and more, and can be read without a key. It is not verified here: \
         a person or program that can change the file can change its header.",
        "无需密钥即可读取 bulla 加密文件的文件头：用哪些密钥加密等信息。此处不做验证，能修改文件的人也能修改这些信息。",
    );
    let command = text(
        "By command, also for many files (this page reads files only with scripts switched on):",
        "也可以使用命令，并可一次查看多个文件（本页需要启用脚本才能读取文件）：",
    );
    let content = html! {
        p { (context.text(about)) }
        (reader(context))
        p { (context.text(command)) }
        pre tabindex="0" { code { "bulla inspect FILE.bulla" } }
    };
    Page { title: context.text(texts::FILES).to_owned(), content }
}

/// Returns the part that the script shows and fills. Its texts are here, because they need both languages.
fn reader(context: &Context<'_>) -> Markup {
    let choose = text("Choose files, or drop them here", "选择文件，或将文件拖到此处");
    let local = text(
        "They are read in your browser, the first 64 KiB of each. Nothing is uploaded.",
        "文件只在你的浏览器中读取，每个文件只读前 64 KiB，不会上传任何内容。",
    );
    html! {
        section #header-reader.drop hidden {
            div.field {
                label for="files" { (context.text(choose)) }
                input id="files" type="file" multiple aria-describedby="files-note";
                p.fine id="files-note" { (context.text(local)) }
            }
            div #headers aria-live="polite" {}
            ul hidden { @for (name, words) in WORDS { li data-word=(name) { (context.text(*words)) } } }
        }
    }
}

/// The texts of the script, by the names that it uses.
const WORDS: &[(&str, Text)] = &[
    ("format", text("Format", "格式")),
    ("native", text("bulla 1, Cobblestone-256", "bulla 1，Cobblestone-256")),
    ("lines", text("four lines of text", "四行文本格式")),
    ("content", text("Content", "内容长度")),
    ("bytes", text("bytes", "字节")),
    ("damaged-size", text("damaged; length when it was encrypted:", "已损坏，加密时的字节数为：")),
    ("modified", text("Changed", "修改时间")),
    ("mode", text("Mode", "权限位")),
    ("context", text("Encryption context", "加密上下文")),
    ("none", texts::NONE),
    ("slot", text("Slot", "槽位")),
    ("generation", text("generation", "代次")),
    ("damaged", text("damaged", "已损坏")),
    ("unchecked", text("not checked", "未校验")),
    ("wrap", text("Opens with key", "可用密钥")),
    ("set", text("data key of the run", "整批文件共用的数据密钥")),
    ("file", text("key of this file", "本文件的密钥")),
    ("blob", text("Wrapped key", "加密后的数据密钥")),
    ("file-id", text("File id", "文件 ID")),
    ("set-id", text("Run id", "批次 ID")),
    ("body", text("Body begins at byte", "正文起始字节")),
    ("unknown", text("This file was not encrypted by bulla.", "此文件不是由 bulla 加密的。")),
    ("newer", text("A newer version of bulla has written this file.", "此文件由更新版本的 bulla 写入。")),
    ("broken", text("The header is damaged or cut off.", "文件头已损坏或不完整。")),
    ("unreadable", text("The browser cannot read this file.", "浏览器无法读取此文件。")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::Browser;

    #[test]
    fn the_page_works_without_script_and_has_every_word_of_the_script() {
        let owner = Browser::owner();
        let page = owner.get("/console/files");
        assert!(page.has("bulla inspect FILE.bulla") && page.has(" hidden>"), "{page:?}");
        assert!(owner.in_chinese().get("/console/files").has("不会上传任何内容"));
        let script = include_str!("../../assets/script.js");
        let used = script.split("say(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let words = WORDS.iter().map(|(name, _)| *name);
        assert_eq!(used.collect::<BTreeSet<_>>(), words.collect());
    }
}
