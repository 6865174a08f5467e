//! A directory in memory that stops at a given step, and then loses what was not synced.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bulla_keys::root::RootKey;
use bulla_keys::{StoreId, SystemRandom};

use super::chain::Position;
use super::files::{Directory, LogFile};
use super::line::{Content, Event, Identity, Line, Members, Time};
use super::trail::{Limits, Opening, Trail};
use super::trail_error::TrailError;
use crate::store::Loss;

/// Content in memory, and the part that survives a power cut.
#[derive(Debug, Default)]
struct Inode {
    content: RefCell<Vec<u8>>,
    durable: RefCell<Vec<u8>>,
}

type Names = BTreeMap<String, Rc<Inode>>;

/// Shared, so that a test can read what a trail writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Rc<Machine>);

#[derive(Debug, Default)]
struct Machine {
    names: RefCell<Names>,
    durable_names: RefCell<Names>,
    /// Steps until the machine stops; none if it does not.
    fuse: Cell<Option<u64>>,
    steps: Cell<u64>,
    /// Bytes that the disk still accepts; none if it is unlimited.
    room: Cell<Option<usize>>,
}

#[derive(Debug)]
pub(crate) struct MemoryFile {
    inode: Rc<Inode>,
    machine: Rc<Machine>,
}

impl Memory {
    /// Stops before the step with this number, counted from now on.
    pub(crate) fn stop_before(&self, step: u64) {
        self.0.fuse.set(Some(step));
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.0.steps.get()
    }

    /// Makes the disk accept only this number of further bytes.
    pub(super) fn limit(&self, room: Option<usize>) {
        self.0.room.set(room);
    }

    /// Returns the machine after a power cut: of each file, the synced content and `kept` bytes of what was appended since.
    pub(crate) fn after_power_cut(&self, kept: usize) -> Self {
        self.rebooted(&self.0.durable_names, |inode| {
            let mut content = inode.durable.borrow().clone();
            let written = inode.content.borrow();
            if let Some(appended) = written.strip_prefix(&*content) {
                content.extend_from_slice(&appended[..kept.min(appended.len())]);
            }
            content
        })
    }

    /// Returns the machine after the process was killed: everything that it wrote is there.
    pub(crate) fn after_kill(&self) -> Self {
        self.rebooted(&self.0.names, |inode| inode.content.borrow().clone())
    }

    fn rebooted(&self, names: &RefCell<Names>, content: impl Fn(&Inode) -> Vec<u8>) -> Self {
        let copy = |inode: &Rc<Inode>| {
            let content = content(inode);
            Rc::new(Inode { durable: RefCell::new(content.clone()), content: RefCell::new(content) })
        };
        let names: Names = names.borrow().iter().map(|(name, inode)| (name.clone(), copy(inode))).collect();
        Self(Rc::new(Machine {
            durable_names: RefCell::new(names.clone()),
            names: RefCell::new(names),
            ..Machine::default()
        }))
    }

    pub(super) fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.0.names.borrow().get(name).map(|inode| inode.content.borrow().clone())
    }

    pub(super) fn put(&self, name: &str, content: &[u8]) {
        let inode =
            Inode { content: RefCell::new(content.to_vec()), durable: RefCell::new(content.to_vec()) };
        let inode = Rc::new(inode);
        self.0.names.borrow_mut().insert(name.to_owned(), Rc::clone(&inode));
        self.0.durable_names.borrow_mut().insert(name.to_owned(), inode);
    }

    /// Edits the content of an existing file.
    pub(super) fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        edit(&mut self.0.names.borrow()[name].content.borrow_mut());
    }

    /// Writes all files into a directory.
    pub(crate) fn dump(&self, path: &Path) {
        for (name, inode) in &*self.0.names.borrow() {
            std::fs::write(path.join(name), &*inode.content.borrow()).unwrap();
        }
    }

    /// The names of the files of the trail, oldest first.
    pub(super) fn trail_files(&self) -> Vec<String> {
        let names = self.0.names.borrow();
        names.keys().filter(|name| super::files::first_number(name).is_some()).cloned().collect()
    }
}

impl Machine {
    fn step(&self) -> io::Result<()> {
        self.steps.set(self.steps.get() + 1);
        match self.fuse.get() {
            Some(0) => Err(io::Error::other("stopped")),
            fuse => {
                self.fuse.set(fuse.map(|steps| steps - 1));
                Ok(())
            }
        }
    }
}

impl Directory for Memory {
    type File = MemoryFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.names.borrow().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<MemoryFile> {
        self.0.step()?;
        if self.0.names.borrow().contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = Rc::<Inode>::default();
        self.0.names.borrow_mut().insert(name.to_owned(), Rc::clone(&inode));
        Ok(MemoryFile { inode, machine: Rc::clone(&self.0) })
    }

    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        let names = self.0.names.borrow();
        let inode = names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(MemoryFile { inode: Rc::clone(inode), machine: Rc::clone(&self.0) })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.step()?;
        let mut names = self.0.names.borrow_mut();
        let inode = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.insert(to.to_owned(), inode);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.step()?;
        let removed = self.0.names.borrow_mut().remove(name).ok_or(io::ErrorKind::NotFound)?;
        self.0.room.set(self.0.room.get().map(|room| room + removed.content.borrow().len()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.step()?;
        *self.0.durable_names.borrow_mut() = self.0.names.borrow().clone();
        Ok(())
    }

    fn len_at(&self, name: &str, file: &MemoryFile) -> Result<u64, Loss> {
        match self.0.names.borrow().get(name) {
            None => Err(Loss::Removed),
            Some(found) if !Rc::ptr_eq(found, &file.inode) => Err(Loss::Replaced),
            Some(found) => Ok(found.content.borrow().len() as u64),
        }
    }

    fn renew(&mut self) -> Result<(), TrailError> {
        Ok(())
    }

    fn bound_waits(&self, _limit: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
}

impl LogFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stopped = self.machine.step();
        let room = self.machine.room.get().unwrap_or(bytes.len()).min(bytes.len());
        // A write that is interrupted has written a part.
        let written = if stopped.is_err() { room / 2 } else { room };
        self.inode.content.borrow_mut().extend_from_slice(&bytes[..written]);
        stopped?;
        self.machine.room.set(self.machine.room.get().map(|room| room - written));
        if written < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.inode.content.borrow().len() as u64)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.machine.step()?;
        self.inode.content.borrow_mut().truncate(usize::try_from(len).unwrap());
        Ok(())
    }

    fn overwrite(&mut self) -> io::Result<()> {
        self.machine.step()?;
        self.inode.content.borrow_mut().fill(0);
        Ok(())
    }

    fn share(&self) -> io::Result<Self> {
        Ok(Self { inode: Rc::clone(&self.inode), machine: Rc::clone(&self.machine) })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.machine.step()?;
        *self.inode.durable.borrow_mut() = self.inode.content.borrow().clone();
        Ok(())
    }

    fn reader(&self) -> io::Result<impl Read> {
        Ok(Cursor::new(self.inode.content.borrow().clone()))
    }
}

/// The common parameters of the trails of a test.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) opening: Opening,
}

impl Setup {
    pub(super) fn new() -> Self {
        let store = StoreId::random(&SystemRandom);
        let roots = Arc::new(RootKey::random(&SystemRandom).keys(store, 1));
        let identity = Identity { store, node: "test".into(), epoch: 1 };
        let limits = Limits { file: 4096, total: 1 << 20 };
        Self { opening: Opening { identity, roots, limits, noted: None, unwritten: None, now: at(0) } }
    }

    pub(super) fn open(&self, memory: &Memory, noted: Option<Position>) -> Result<Trail<Memory>, TrailError> {
        Trail::open_in(memory.clone(), Opening { noted, ..self.opening.clone() })
    }

    /// An event with this name.
    pub(super) fn line(&self, event: &str) -> Members {
        let content = Content::Event(Event { event: event.to_owned().into(), ..Event::default() });
        Members::new(&self.opening.identity, &Line { time: at(1), content })
    }

    /// Events with numbers from 0.
    pub(super) fn lines(&self, count: usize) -> Vec<Members> {
        (0..count).map(|number| self.line(&format!("event-{number}"))).collect()
    }
}

pub(super) fn at(second: i64) -> Time {
    Time::from_unix_millis(1_795_000_000_000 + second * 1000)
}
