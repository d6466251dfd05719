//! The heap: blocks of powers of two, freed ones kept in a list per size. Constant time, and no more than twice the memory asked
//! for; a run that outgrows it panics.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::null_mut,
};

unsafe extern "C" {
    /// Defined by the linker script.
    static _heap_start: u8;
}

/// As in the linker script.
const HEAP_END: usize = 0xf000_0000;

/// The smallest block; also enough for the link of a free one.
const BLOCK_MIN: usize = 16;

struct Heap(UnsafeCell<Lists>);

struct Lists {
    /// Free blocks by the logarithm of their size, each with the address of the next in its first bytes.
    free: [*mut u8; 33],
    /// Where nothing was allocated yet; 0 before the first allocation.
    fresh: usize,
}

// SAFETY: there is one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Lists { free: [null_mut(); 33], fresh: 0 }));

fn block_size(layout: Layout) -> usize {
    layout.size().max(layout.align()).max(BLOCK_MIN).next_power_of_two()
}

// SAFETY: a block is aligned to its size up to a page, lies within the heap and belongs to one owner at a time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = block_size(layout);
        if size > 1 << 32 {
            return null_mut();
        }
        // SAFETY: one thread, and nothing in here allocates.
        let lists = unsafe { &mut *self.0.get() };
        let head = &mut lists.free[size.trailing_zeros() as usize];
        if !head.is_null() {
            let block = *head;
            // SAFETY: a free block begins with the address of the next.
            *head = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        let block = lists.fresh.max(&raw const _heap_start as usize).next_multiple_of(size.min(4096).max(layout.align()));
        if size > HEAP_END.saturating_sub(block) {
            return null_mut();
        }
        lists.fresh = block + size;
        block as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block is its owner's no longer, and has room for the link.
        unsafe {
            let head = &mut (*self.0.get()).free[block_size(layout).trailing_zeros() as usize];
            block.cast::<*mut u8>().write(*head);
            *head = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller says that the new size does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if block_size(new) == block_size(layout) {
            return block;
        }
        // SAFETY: two blocks of at least the bytes copied.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
