//! The parts that journal bodies are put together from. The bytes are in
//! `journal.rs`.

use std::collections::{BTreeMap, BTreeSet};

use schema::{ClientId, Date, Generation, Micros, Position, Reject, Rejects, ServiceName};

use crate::batch::ClientCount;
use crate::files::FileSummary;
use crate::mark::JournalMark;

/// Why a body was not understood.
pub(crate) type Malformed = &'static str;

/// Reads a body front to back.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// Nothing may be left at the end.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err("its body is too long") }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("its body is too short")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.u8()?;
        std::str::from_utf8(self.take(usize::from(length))?).map_err(|_| "a name is not UTF-8")
    }

    pub(crate) fn date(&mut self) -> Result<Date, Malformed> {
        Date::new(self.u32()?).ok_or("a date is out of range")
    }

    pub(crate) fn micros(&mut self) -> Result<Micros, Malformed> {
        let micros = i64::from_le_bytes(self.array()?);
        Micros::new(micros).ok_or("a time is out of range")
    }

    pub(crate) fn rejects(&mut self) -> Result<Rejects, Malformed> {
        let mut rejects = Rejects::default();
        for _ in 0..self.u16()? {
            let reason = Reject::from_code(self.u8()?).ok_or("a reject has an unknown code")?;
            rejects.add_many(reason, self.u64()?);
        }
        Ok(rejects)
    }

    pub(crate) fn clients(&mut self) -> Result<BTreeMap<ClientId, ClientCount>, Malformed> {
        let mut clients = BTreeMap::new();
        for _ in 0..self.u32()? {
            let id = ClientId::recorded(self.text()?).map_err(|_| "a client id is not one")?;
            clients.insert(id, ClientCount { consumed: self.u64()?, rejected: self.u64()? });
        }
        Ok(clients)
    }

    pub(crate) fn services(&mut self) -> Result<BTreeSet<ServiceName>, Malformed> {
        let mut services = BTreeSet::new();
        for _ in 0..self.u32()? {
            let name = self.text()?;
            services.insert(ServiceName::new(name).map_err(|_| "a service name is not one")?);
        }
        Ok(services)
    }

    pub(crate) fn mark(&mut self) -> Result<JournalMark, Malformed> {
        Ok(JournalMark {
            generation: Generation::new(self.u64()?),
            position: Position { seq: self.u64()?, offset: self.u64()? },
            date: self.date()?,
            journal_offset: self.u64()?,
            commit: self.u64()?,
            queue_len: self.u64()?,
            messages: self.u64()?,
        })
    }

    pub(crate) fn files(&mut self) -> Result<Vec<FileSummary>, Malformed> {
        (0..self.u32()?).map(|_| self.file()).collect()
    }

    fn file(&mut self) -> Result<FileSummary, Malformed> {
        Ok(FileSummary {
            seq: self.u64()?,
            date: self.date()?,
            length: self.u64()?,
            crc32c: self.u32()?,
            messages: self.u64()?,
            least: self.micros()?,
            greatest: self.micros()?,
        })
    }
}

/// Writes a body front to back.
#[derive(Default)]
pub(crate) struct Body(pub(crate) Vec<u8>);

impl Body {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Names are at most 128 bytes by their types, clients of a scope at most 255.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        debug_assert!(text.len() <= 255);
        self.bytes(&[text.len() as u8]).bytes(text.as_bytes())
    }

    pub(crate) fn date(&mut self, date: Date) -> &mut Self {
        self.u32(date.get())
    }

    pub(crate) fn micros(&mut self, micros: Micros) -> &mut Self {
        self.bytes(&micros.get().to_le_bytes())
    }

    pub(crate) fn rejects(&mut self, rejects: &Rejects) -> &mut Self {
        self.u16(rejects.iter().count() as u16);
        for (reason, count) in rejects.iter() {
            self.bytes(&[reason.code()]).u64(count);
        }
        self
    }

    pub(crate) fn clients(&mut self, clients: &BTreeMap<ClientId, ClientCount>) -> &mut Self {
        self.u32(clients.len() as u32);
        for (id, count) in clients {
            self.text(id.as_str()).u64(count.consumed).u64(count.rejected);
        }
        self
    }

    pub(crate) fn services(&mut self, services: &BTreeSet<ServiceName>) -> &mut Self {
        self.u32(services.len() as u32);
        for service in services {
            self.text(service.as_str());
        }
        self
    }

    pub(crate) fn mark(&mut self, mark: &JournalMark) -> &mut Self {
        self.u64(mark.generation.get())
            .u64(mark.position.seq)
            .u64(mark.position.offset)
            .date(mark.date)
            .u64(mark.journal_offset)
            .u64(mark.commit)
            .u64(mark.queue_len)
            .u64(mark.messages)
    }

    pub(crate) fn files(&mut self, files: &[FileSummary]) -> &mut Self {
        self.u32(files.len() as u32);
        for file in files {
            self.u64(file.seq)
                .date(file.date)
                .u64(file.length)
                .u32(file.crc32c)
                .u64(file.messages)
                .micros(file.least)
                .micros(file.greatest);
        }
        self
    }
}
