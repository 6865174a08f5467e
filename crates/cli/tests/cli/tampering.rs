//! Stores that an attacker edited, with redb or byte by byte.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use redb::{Database, ReadableTable, TableDefinition};

use crate::harness::{World, random_below};

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const HEADER: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("header");

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A world whose store has some keys and aliases, and a file that it opens.
fn used() -> World {
    let world = World::new();
    world.write("file", "content");
    world.bulla(["encrypt", "file"]).ok();
    for name in ["one", "two"] {
        world.bulla(["key", "create", "--alias", name]).ok();
    }
    world
}

/// Replaces all rows by the result of `edit`.
fn edit_rows(store: &Path, edit: impl FnOnce(Rows) -> Rows) {
    let database = Database::open(store).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut table = write.open_table(ROWS).unwrap();
        let rows: Rows = table
            .iter()
            .unwrap()
            .map(|row| row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).unwrap())
            .collect();
        for (key, _) in &rows {
            table.remove(key.as_slice()).unwrap();
        }
        for (key, value) in edit(rows) {
            table.insert(key.as_slice(), value.as_slice()).unwrap();
        }
    }
    write.commit().unwrap();
}

fn edit_header(store: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let database = Database::open(store).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut table = write.open_table(HEADER).unwrap();
        let mut header = table.get("header").unwrap().unwrap().value().to_vec();
        edit(&mut header);
        table.insert("header", header.as_slice()).unwrap();
    }
    write.commit().unwrap();
}

/// Expects that a command and a server refuse the store.
#[track_caller]
fn refused(world: &World, parts: &[&str]) {
    let data = world.store();
    let data = data.to_str().unwrap();
    world.bulla(["decrypt", "file.bulla", "-o", "out"]).run().fails_with(3, parts);
    let args = ["serve", "--data", data, "--listen", "127.0.0.1:0"];
    world.bulla(args).run().fails_with(3, parts);
    assert_eq!(world.names(), ["file", "file.bulla"]);
}

#[test]
fn rows_that_were_edited_or_moved() {
    let world = used();
    let store = world.store().join("store.redb");
    let original = fs::read(&store).unwrap();
    let rows = std::cell::RefCell::new(Rows::new());
    edit_rows(&store, |all| {
        rows.replace(all.clone());
        all
    });
    assert_eq!(world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().text(), "content", "as it was");
    let rows = rows.into_inner();
    let table = |key: &[u8]| key.split(|byte| *byte == 0).next().unwrap().to_vec();
    assert!(rows.len() >= 9, "three keys, their versions and aliases: {}", rows.len());

    for at in 0..rows.len() {
        // One bit of the value: of its revision, of its beginning, of its end.
        for place in [7, 12, rows[at].1.len() - 1] {
            fs::write(&store, &original).unwrap();
            edit_rows(&store, |mut rows| {
                rows[at].1[place] ^= 1;
                rows
            });
            let outcome = world.bulla(["key", "list"]).run();
            outcome.fails_with(3, &["was damaged, edited or moved", "restore the data directory"]);
        }
        // Two rows of one table, exchanged.
        let next = (at + 1) % rows.len();
        if table(&rows[at].0) == table(&rows[next].0) {
            fs::write(&store, &original).unwrap();
            edit_rows(&store, |mut rows| {
                let value = rows[at].1.clone();
                rows[at].1 = rows[next].1.clone();
                rows[next].1 = value;
                rows
            });
            refused(&world, &["was damaged, edited or moved", "restore the data directory"]);
        }
    }

    // Rows under another name, truncated, empty, of unknown tables.
    type Edit = fn(Rows) -> Rows;
    let edits: [(&str, Edit); 6] = [
        ("moved", |mut rows| {
            *rows[0].0.last_mut().unwrap() ^= 1;
            rows
        }),
        ("copied", |mut rows| {
            let (mut key, value) = rows[0].clone();
            *key.last_mut().unwrap() ^= 1;
            rows.push((key, value));
            rows
        }),
        ("cut", |mut rows| {
            rows[0].1.truncate(20);
            rows
        }),
        ("emptied", |mut rows| {
            rows[0].1.clear();
            rows
        }),
        ("of an unknown table", |mut rows| {
            rows.push((b"unknown\0key".to_vec(), rows[0].1.clone()));
            rows
        }),
        ("without a name", |mut rows| {
            rows.push((Vec::new(), Vec::new()));
            rows
        }),
    ];
    for (what, edit) in edits {
        fs::write(&store, &original).unwrap();
        edit_rows(&store, edit);
        let outcome = world.bulla(["key", "list"]).run();
        assert_eq!(outcome.code(), Some(3), "{what}: {outcome:?}");
        refused(&world, &["was damaged, edited or moved", "restore the data directory"]);
    }
    fs::write(&store, &original).unwrap();
    assert_eq!(world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().text(), "content");
}

#[test]
fn a_header_that_was_edited() {
    let world = used();
    let store = world.store().join("store.redb");
    let original = fs::read(&store).unwrap();
    let length = std::cell::Cell::new(0);
    edit_header(&store, |header| length.set(header.len()));
    for at in 0..length.get() {
        fs::write(&store, &original).unwrap();
        edit_header(&store, |header| header[at] ^= 1 << (at % 8));
        let outcome = world.bulla(["decrypt", "file.bulla", "-o", "out"]).run();
        assert_eq!(outcome.code(), Some(3), "byte {at}: {outcome:?}");
        outcome.fails_with(3, &[]);
    }
    fs::write(&store, &original).unwrap();
    edit_header(&store, Vec::clear);
    refused(&world, &["is not a store of bulla"]);
    fs::write(&store, &original).unwrap();
    edit_header(&store, |header| {
        assert_eq!(header[..3], [0xa6, 0, 6], "a map that begins with the version");
        header[2] = 7;
    });
    refused(&world, &["a newer version of bulla has opened the store", "use that version"]);
}

/// Each row opens on its own: only the whole store shows the change.
#[test]
fn rows_that_were_rolled_back_removed_or_added() {
    let world = used();
    let store = world.store().join("store.redb");
    let rows = |what: &str| {
        let rows = std::cell::RefCell::new(Rows::new());
        edit_rows(&store, |all| {
            rows.replace(all.clone());
            all
        });
        let of_table = |(key, _): &(Vec<u8>, Vec<u8>)| key.starts_with(format!("{what}\0").as_bytes());
        rows.into_inner().into_iter().filter(of_table).collect::<Rows>()
    };
    let (keys, aliases, anchor) = (rows("key"), rows("alias"), rows("anchor"));
    let alias = aliases.iter().find(|(key, _)| key.ends_with(b"/two")).unwrap();
    world.bulla(["key", "disable", "one"]).ok();
    world.bulla(["alias", "delete", "two"]).ok();
    let original = fs::read(&store).unwrap();
    let put = |rows: &Rows, row: &(Vec<u8>, Vec<u8>)| {
        let others = rows.iter().filter(|(key, _)| *key != row.0).cloned();
        others.chain([row.clone()]).collect::<Rows>()
    };
    type Edit<'a> = Box<dyn Fn(Rows) -> Rows + 'a>;
    let edits: [(&str, Edit<'_>); 5] = [
        (
            "a record of the table \"key\" was rolled back to an older state",
            Box::new(|rows| keys.iter().fold(rows, |rows, key| put(&rows, key))),
        ),
        (
            "a record of the table \"alias\" was added that had been deleted",
            Box::new(|rows| put(&rows, alias)),
        ),
        (
            "a record was removed from the store",
            Box::new(|mut rows| {
                rows.remove(0);
                rows
            }),
        ),
        (
            "the anchor of the store was rolled back to an older state",
            Box::new(|rows| put(&rows, &anchor[0])),
        ),
        (
            "the anchor of the store was removed",
            Box::new(|rows| rows.into_iter().filter(|(key, _)| !key.starts_with(b"anchor\0")).collect()),
        ),
    ];
    let data = world.store();
    let data = data.to_str().unwrap();
    for (what, edit) in edits {
        fs::write(&store, &original).unwrap();
        edit_rows(&store, edit);
        refused(&world, &[what, "restore the whole data directory", "--accept-rollback"]);
        let checked = world.bulla(["store", "check", "--data", data]).run();
        assert_eq!(checked.code(), Some(4), "{checked:?}");
        assert!(checked.text().contains(what), "{checked:?}");
        checked.fails_with(4, &["fault", "restore the whole data directory"]);
    }
    world.serve(data, ["--accept-rollback"]).stop();
    world.bulla(["store", "check", "--data", data]).ok();
    assert_eq!(world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().text(), "content");
}

/// For any damage that a disk causes: an error or no effect, never a bare panic or a wrong result.
#[test]
fn bytes_that_a_disk_turned() {
    let world = used();
    let store = world.store().join("store.redb");
    let original = fs::read(&store).unwrap();
    let used: Vec<_> = (0..original.len()).filter(|at| original[*at] != 0).collect();
    for round in 0..60 {
        fs::write(&store, &original).unwrap();
        let at = match round {
            0..40 => used[round * used.len() / 40],
            _ => usize::try_from(random_below(original.len() as u64)).unwrap(),
        };
        let file = File::options().write(true).open(&store).unwrap();
        file.write_all_at(&[original[at] ^ (1 << (round % 8))], at as u64).unwrap();
        let outcome = world.bulla(["decrypt", "file.bulla", "-o", "-"]).run();
        match outcome.code() {
            Some(0) => assert_eq!(outcome.text(), "content", "byte {at}"),
            Some(3) => outcome.fails_with(3, &["bulla: "]),
            _ => panic!("byte {at}: {outcome:?}"),
        }
    }
}

/// One clear message and exit code 3, or no effect and no message: never a bare panic, a success with an error, or a
/// message about a bug.
#[test]
fn pages_that_a_disk_lost_or_mixed_up() {
    const PAGE: usize = 4096;
    let world = used();
    let store = world.store().join("store.redb");
    let before = fs::read(&store).unwrap();
    for number in 0..8 {
        world.bulla(["key", "create", "--alias", &format!("more-{number}")]).ok();
    }
    let original = fs::read(&store).unwrap();
    let pages: Vec<_> = (0..original.len() / PAGE)
        .filter(|at| original[at * PAGE..][..PAGE].iter().any(|byte| *byte != 0))
        .collect();
    let page_of = |bytes: &[u8], at: usize| bytes.get(at * PAGE..(at + 1) * PAGE).map(<[u8]>::to_vec);
    let mut damaged = 0;
    for (round, &at) in pages.iter().cycle().take(pages.len() * 4).enumerate() {
        let other = pages[(round * 7 + 3) % pages.len()];
        let mut bytes = original.clone();
        let page = match round / pages.len() {
            0 => vec![0; PAGE],
            1 => page_of(&original, other).unwrap(),
            2 => page_of(&before, at).unwrap_or_else(|| vec![0xff; PAGE]), // a write that was lost
            _ => {
                let mut page = page_of(&original, at).unwrap();
                let used: Vec<_> = (0..PAGE).filter(|place| page[*place] != 0).collect();
                page[used[round * 5 % used.len()]] ^= 1 << (round % 8);
                page
            }
        };
        bytes[at * PAGE..][..PAGE].copy_from_slice(&page);
        for args in [
            &["key", "list"][..],
            &["key", "show", "one"],
            &["key", "create"],
            &["encrypt", "file", "-o", "out", "--force"],
            &["decrypt", "file.bulla", "-o", "-"],
        ] {
            fs::write(&store, &bytes).unwrap();
            let outcome = world.bulla(args).run();
            let errors = outcome.stderr.lines().filter(|line| line.starts_with("bulla: ")).count();
            match outcome.code() {
                Some(0) => assert_eq!(errors, 0, "page {at}, round {round}: {args:?} {outcome:?}"),
                // 4: the pages happen to have an older state, from before the key.
                Some(3 | 4) => {
                    damaged += 1;
                    assert_eq!(errors, 1, "page {at}, round {round}: {args:?} {outcome:?}");
                }
                _ => panic!("page {at}, round {round}: {args:?} {outcome:?}"),
            }
        }
    }
    assert!(damaged > 20, "{damaged}");
}

#[test]
fn a_store_that_was_cut_or_is_something_else() {
    let world = used();
    let store = world.store().join("store.redb");
    let original = fs::read(&store).unwrap();
    for length in [0, 1, 100, 4096, 8192, original.len() / 2, original.len() - 1] {
        fs::write(&store, &original[..length]).unwrap();
        refused(&world, &["store.redb: ", "restore the data directory from its backup"]);
    }
    fs::write(&store, "hello\n".repeat(10_000)).unwrap();
    refused(&world, &["store.redb: ", "restore the data directory from its backup"]);
    fs::write(&store, &original).unwrap();
    assert_eq!(world.bulla(["decrypt", "file.bulla", "-o", "-"]).ok().text(), "content");
}
