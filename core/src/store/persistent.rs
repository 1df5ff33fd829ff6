//! A list that only grows and whose copies share all but their last few elements.

use std::sync::Arc;

const CHUNK: usize = 64;

/// An append-only list; cloning it costs a pointer per 64 elements and the copy of the last ones.
#[derive(Clone)]
pub(super) struct PersistentList<T> {
    full: Vec<Arc<[T]>>,
    last: Vec<T>,
}

impl<T> Default for PersistentList<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T: Clone> PersistentList<T> {
    pub(super) fn push(&mut self, item: T) {
        self.last.push(item);
        if self.last.len() == CHUNK {
            self.full.push(self.last.as_slice().into());
            self.last.clear();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.last.len()
    }

    #[inline]
    pub(super) fn get(&self, i: usize) -> Option<&T> {
        match self.full.get(i / CHUNK) {
            Some(chunk) => chunk.get(i % CHUNK),
            None => self.last.get(i.checked_sub(self.full.len() * CHUNK)?),
        }
    }

    /// How many elements at the front fulfil `before`; those must come first.
    pub(super) fn partition_point(&self, mut before: impl FnMut(&T) -> bool) -> usize {
        let chunk = self.full.partition_point(|c| c.last().is_some_and(&mut before));
        let inside = self.full.get(chunk).map_or(self.last.as_slice(), |c| c);
        chunk * CHUNK + inside.partition_point(before)
    }

    pub(super) fn bytes(&self) -> usize {
        self.full.len() * (CHUNK * size_of::<T>() + 32) + self.last.capacity() * size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_stay_as_they_were() {
        let mut list = PersistentList::default();
        let mut copies = Vec::new();
        for i in 0..300usize {
            copies.push(list.clone());
            list.push(i);
        }
        for (n, copy) in copies.iter().enumerate() {
            assert_eq!(copy.len(), n);
            assert_eq!(copy.get(n), None);
            assert!((0..n).all(|i| copy.get(i) == Some(&i)));
            for k in [0, 1, n / 2, n] {
                assert_eq!(copy.partition_point(|&x| x < k), k.min(n));
            }
        }
    }
}
