//! The limit on the memory of one run.

use wasmtime::ResourceLimiter;

/// Counts all memories and tables of an instance together. A component may have several memories,
/// and wasmtime's own `StoreLimits` limits each of them separately.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: usize,
    refused: Option<usize>,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0, refused: None }
    }

    /// The memory in use. Nothing shrinks within a run, so at the end of a run this is the peak.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// The total of the first request that exceeded the limit.
    pub(crate) fn refused(&self) -> Option<usize> {
        self.refused
    }

    fn grow(&mut self, by: usize) -> bool {
        let asked = self.used.saturating_add(by);
        if asked > self.limit {
            self.refused.get_or_insert(asked);
            return false;
        }
        self.used = asked;
        true
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let elements = desired.saturating_sub(current);
        Ok(self.grow(elements.saturating_mul(size_of::<usize>())))
    }

    // Each instance costs the host some memory that is not counted above. A Python component has
    // the most instances: about 30.
    fn instances(&self) -> usize {
        200
    }

    fn memories(&self) -> usize {
        50
    }

    fn tables(&self) -> usize {
        200
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_count_against_one_limit() {
        let mut memory = Memory::new(1000);
        assert!(memory.memory_growing(0, 400, None).unwrap());
        assert!(memory.memory_growing(0, 400, None).unwrap());
        assert!(memory.table_growing(0, 25, None).unwrap());
        assert_eq!((memory.used(), memory.refused()), (1000, None));
        assert!(!memory.memory_growing(400, 401, None).unwrap());
        assert!(!memory.memory_growing(400, usize::MAX, None).unwrap());
        assert_eq!((memory.used(), memory.refused()), (1000, Some(1001)));
    }
}
