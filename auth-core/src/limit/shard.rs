//! Part of the store: buckets of some holders, who was seen last, and who may be forgotten.

use hashbrown::HashTable;

use super::due::Due;
use super::lists::{Lists, push_tight};

/// A holder of buckets, in 128 bits that nobody outside the process can predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) [u64; 2]);

/// Holders in numbered slots, each with `width` theoretical arrival times in nanoseconds; zero is a bucket never used.
///
/// Per holder 16 bytes of id, 8 per bucket, 8 for each of two lists, and 6 to 12 in the index.
#[derive(Debug)]
pub(super) struct Shard {
    clock: u64,
    width: usize,
    index: HashTable<u32>,
    ids: Vec<Id>,
    arrivals: Vec<u64>,
    order: Lists,
    due: Due,
}

impl Shard {
    /// No holders.
    pub(super) fn new(width: usize) -> Self {
        Self {
            clock: 0,
            width,
            index: HashTable::new(),
            ids: Vec::new(),
            arrivals: Vec::new(),
            order: Lists::new(2),
            due: Due::new(),
        }
    }

    /// Moves the clock to `now` unless it is there already, and says where it stands.
    ///
    /// The clock never goes back. If it did, a holder forgotten because its buckets were full could come back at a time
    /// when they were not.
    pub(super) fn tick(&mut self, now: u64) -> u64 {
        self.clock = self.clock.max(now.min(LATEST));
        self.clock
    }

    /// The slot of `id`, which counts as seen by this.
    pub(super) fn see(&mut self, id: Id) -> Option<u32> {
        let slot = *self.index.find(id.0[1], |slot| self.ids[*slot as usize] == id)?;
        self.order.unlink(slot);
        self.order.push_front(SEEN, slot);
        Some(slot)
    }

    /// How far a bucket of `slot` is ahead of the clock.
    pub(super) fn backlog(&self, slot: u32, bucket: usize) -> u64 {
        self.arrivals[slot as usize * self.width + bucket].saturating_sub(self.clock)
    }

    /// Replaces a bucket's backlog, which only grows.
    pub(super) fn charge(&mut self, slot: u32, bucket: usize, backlog: u64) {
        self.arrivals[slot as usize * self.width + bucket] = self.clock.saturating_add(backlog);
    }

    /// A slot for `id`, which has none: charged with `charges`, pairs of bucket and backlog.
    pub(super) fn insert(&mut self, id: Id, charges: impl Iterator<Item = (usize, u64)>) {
        let slot = self.free_slot();
        self.ids[slot as usize] = id;
        for (bucket, backlog) in charges {
            self.charge(slot, bucket, backlog);
        }
        self.order.push_front(SEEN, slot);
        self.due.push(slot, full_at(&self.arrivals, self.width, slot));
        let ids = &self.ids;
        self.index.insert_unique(id.0[1], slot, |slot| ids[*slot as usize].0[1]);
    }

    /// Forgets up to `most` holders whose buckets are all full again, and says how many: nobody can tell.
    pub(super) fn forget_idle(&mut self, most: usize) -> usize {
        let (arrivals, width) = (&self.arrivals, self.width);
        self.due.advance(self.clock, |slot| full_at(arrivals, width, slot));
        for forgotten in 0..most {
            let (arrivals, width) = (&self.arrivals, self.width);
            let Some(slot) = self.due.passed(|slot| full_at(arrivals, width, slot)) else { return forgotten };
            self.forget(slot);
        }
        most
    }

    /// Forgets the holder seen longest ago; false when there is none.
    pub(super) fn forget_least_recent(&mut self) -> bool {
        let Some(slot) = self.order.last(SEEN) else { return false };
        self.forget(slot);
        true
    }

    fn forget(&mut self, slot: u32) {
        let id = self.ids[slot as usize];
        if let Ok(entry) = self.index.find_entry(id.0[1], |found| *found == slot) {
            entry.remove();
        }
        let first = slot as usize * self.width;
        self.arrivals[first..first + self.width].fill(0);
        self.due.remove(slot);
        self.order.unlink(slot);
        self.order.push_front(FREE, slot);
    }

    fn free_slot(&mut self) -> u32 {
        if let Some(slot) = self.order.last(FREE) {
            self.order.unlink(slot);
            return slot;
        }
        let slot = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        push_tight(&mut self.ids, Id([0; 2]));
        for _ in 0..self.width {
            push_tight(&mut self.arrivals, 0);
        }
        self.order.add_slot();
        self.due.add_slot();
        slot
    }
}

/// When the last bucket of `slot` is full again.
fn full_at(arrivals: &[u64], width: usize, slot: u32) -> u64 {
    let first = slot as usize * width;
    arrivals[first..first + width].iter().copied().max().unwrap_or(0)
}

/// The clock stops after 292 years: a sum near the end of its range would say that every bucket is full.
const LATEST: u64 = u64::MAX / 2;

/// Holders, the one seen last first.
const SEEN: u32 = 0;
/// Slots without a holder.
const FREE: u32 = 1;
