//! Which slots' time has passed: a radix queue, exact to the nanosecond, that costs nothing until somebody asks.
//!
//! A slot waits on the level of the highest bit in which its time differs from the queue's. When the queue's time
//! moves and the highest bit that changes is `h`, everything on a level below `h` has passed (its time agrees with the
//! *old* bit `h`), levels above `h` still hold, and only level `h` has to be looked at: its slots have passed or sink.
//! A slot sinks at most once per bit, so a push costs O(log window) in all, and mostly far less.
//!
//! A slot's time may grow while it waits and the queue is not told: that is what keeps the usual check cheap. The slot
//! is then found early, its time looked up, and put back; the check that made it grow paid for that once.

use super::lists::Lists;

/// Slots by the time at which they hold no information any more.
#[derive(Debug)]
pub(super) struct Due {
    lists: Lists,
    now: u64,
}

impl Due {
    /// No slots, at time zero.
    pub(super) fn new() -> Self {
        Self { lists: Lists::new(LISTS), now: 0 }
    }

    /// Adds the next slot, which does not wait yet.
    pub(super) fn add_slot(&mut self) {
        self.lists.add_slot();
    }

    /// Lets `slot`, which does not wait, wait until `time`.
    pub(super) fn push(&mut self, slot: u32, time: u64) {
        let list = if time <= self.now { PASSED } else { (time ^ self.now).ilog2() };
        self.lists.push_front(list, slot);
    }

    /// Stops `slot` from waiting.
    pub(super) fn remove(&mut self, slot: u32) {
        self.lists.unlink(slot);
    }

    /// Moves to `now`; earlier times are ignored. `time` tells until when a slot really waits.
    pub(super) fn advance(&mut self, now: u64, time: impl Fn(u32) -> u64) {
        if now <= self.now {
            return;
        }
        let level = (now ^ self.now).ilog2();
        for below in 0..level {
            self.lists.append(below, PASSED);
        }
        self.now = now;
        self.lists.append(level, SINKING);
        while let Some(slot) = self.lists.last(SINKING) {
            self.lists.unlink(slot);
            self.push(slot, time(slot));
        }
    }

    /// A slot whose time is not after the queue's; it goes on waiting until removed.
    pub(super) fn passed(&mut self, time: impl Fn(u32) -> u64) -> Option<u32> {
        loop {
            let slot = self.lists.last(PASSED)?;
            let time = time(slot);
            if time <= self.now {
                return Some(slot);
            }
            self.lists.unlink(slot);
            self.push(slot, time);
        }
    }
}

/// One list per bit of a time, then the two below.
const LISTS: u32 = u64::BITS + 2;
const PASSED: u32 = u64::BITS;
/// On their way to another level.
const SINKING: u32 = u64::BITS + 1;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push { slot: usize, wait: u64 },
        Grow { slot: usize, by: u64 },
        Advance { by: u64 },
        Take,
    }

    fn step() -> impl Strategy<Value = Step> {
        let span = || (0..40u32, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1));
        prop_oneof![
            (0..SLOTS, span()).prop_map(|(slot, wait)| Step::Push { slot, wait }),
            (0..SLOTS, span()).prop_map(|(slot, by)| Step::Grow { slot, by }),
            span().prop_map(|by| Step::Advance { by }),
            Just(Step::Take),
        ]
    }

    const SLOTS: usize = 8;

    #[test]
    fn a_slot_that_waits_for_ever_holds_up_no_other() {
        let mut due = Due::new();
        (0..2).for_each(|_| due.add_slot());
        let time = |slot| if slot == 0 { u64::MAX } else { 5 };
        (0..2).for_each(|slot| due.push(slot, time(slot)));
        due.advance(6, time);
        assert_eq!(due.passed(time), Some(1));
        due.remove(1);
        assert_eq!(due.passed(time), None);
        due.advance(u64::MAX, time);
        assert_eq!(due.passed(time), Some(0));
    }

    proptest! {
        #[test]
        fn a_slot_is_found_exactly_when_its_time_has_passed(steps in vec(step(), 0..200)) {
            let mut due = Due::new();
            (0..SLOTS).for_each(|_| due.add_slot());
            let mut waiting: [Option<u64>; SLOTS] = [None; SLOTS];
            let mut now = 0_u64;
            for step in steps {
                match step {
                    Step::Push { slot, wait } if waiting[slot].is_none() => {
                        due.push(u32::try_from(slot).unwrap(), now + wait);
                        waiting[slot] = Some(now + wait);
                    }
                    Step::Grow { slot, by } => waiting[slot] = waiting[slot].map(|time| time + by),
                    Step::Advance { by } => {
                        now += by;
                        due.advance(now, |slot| waiting[slot as usize].unwrap());
                    }
                    Step::Push { .. } | Step::Take => {}
                }
                let passed = due.passed(|slot| waiting[slot as usize].unwrap());
                let any = waiting.iter().flatten().any(|time| *time <= now);
                prop_assert_eq!(passed.is_some(), any);
                if let Some(slot) = passed {
                    prop_assert!(waiting[slot as usize].unwrap() <= now);
                    due.remove(slot);
                    waiting[slot as usize] = None;
                }
            }
        }
    }
}
