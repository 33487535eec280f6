//! Doubly linked lists over numbered slots: eight bytes per slot, every step in constant time.

/// Some lists that share slots; a slot is in one of them at a time.
///
/// Each list is a ring through a head of its own, so that unlinking a slot needs no knowledge of its list.
#[derive(Debug)]
pub(super) struct Lists {
    /// The heads, then one link per slot.
    links: Vec<Link>,
    heads: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

impl Lists {
    /// `heads` empty lists, no slots.
    pub(super) fn new(heads: u32) -> Self {
        let links = (0..heads).map(|node| Link { before: node, after: node }).collect();
        Self { links, heads }
    }

    /// Adds the next slot, in no list yet.
    pub(super) fn add_slot(&mut self) {
        let node = u32::try_from(self.links.len()).unwrap_or(u32::MAX);
        push_tight(&mut self.links, Link { before: node, after: node });
    }

    /// Puts `slot`, which is in no list, first into `list`.
    pub(super) fn push_front(&mut self, list: u32, slot: u32) {
        let node = slot + self.heads;
        let after = self.links[list as usize].after;
        self.links[node as usize] = Link { before: list, after };
        self.links[list as usize].after = node;
        self.links[after as usize].before = node;
    }

    /// Takes `slot` out of the list it is in.
    pub(super) fn unlink(&mut self, slot: u32) {
        let node = slot + self.heads;
        let Link { before, after } = self.links[node as usize];
        self.links[before as usize].after = after;
        self.links[after as usize].before = before;
    }

    /// The last slot of `list`.
    pub(super) fn last(&self, list: u32) -> Option<u32> {
        let node = self.links[list as usize].before;
        node.checked_sub(self.heads)
    }

    /// Moves all of `from` to the end of `to`.
    pub(super) fn append(&mut self, from: u32, to: u32) {
        let Link { before: last, after: first } = self.links[from as usize];
        if first == from {
            return;
        }
        let end = self.links[to as usize].before;
        self.links[end as usize].after = first;
        self.links[first as usize].before = end;
        self.links[last as usize].after = to;
        self.links[to as usize].before = last;
        self.links[from as usize] = Link { before: from, after: from };
    }
}

/// Pushes, growing by an eighth and not by half of what is then unused: these vectors are the limiter's memory.
pub(super) fn push_tight<T>(vec: &mut Vec<T>, value: T) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact((vec.len() / 8).max(64));
    }
    vec.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(lists: &mut Lists, list: u32) -> Vec<u32> {
        std::iter::from_fn(|| {
            let slot = lists.last(list)?;
            lists.unlink(slot);
            Some(slot)
        })
        .collect()
    }

    #[test]
    fn slots_leave_in_the_order_they_came_and_lists_join() {
        let mut lists = Lists::new(2);
        (0..6).for_each(|_| lists.add_slot());
        (0..3).for_each(|slot| lists.push_front(0, slot));
        (3..6).for_each(|slot| lists.push_front(1, slot));
        lists.unlink(1);
        lists.append(0, 1);
        lists.append(0, 1);
        assert_eq!(lists.last(0), None);
        lists.push_front(0, 1);
        assert_eq!(drain(&mut lists, 1), [0, 2, 3, 4, 5]);
        assert_eq!(drain(&mut lists, 0), [1]);
    }

    #[test]
    fn a_vector_grows_by_an_eighth_and_not_at_every_push() {
        let mut vec = Vec::new();
        let mut growths = 0;
        for number in 0..100_000_usize {
            let before = vec.capacity();
            push_tight(&mut vec, number);
            growths += usize::from(vec.capacity() != before);
            assert!(
                vec.capacity() <= (number + number / 8).max(number + 64),
                "{} for {number}",
                vec.capacity()
            );
        }
        assert!(growths < 100, "{growths} times");
        assert!(vec.into_iter().eq(0..100_000));
    }
}
