//! The heap: blocks of fixed sizes, freed ones kept in a list per size. Constant time, and no more than a quarter above the memory asked
//! for (a block of up to 128 bytes: 15 bytes above it); a run that outgrows it panics.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::null_mut,
};

unsafe extern "C" {
    /// Defined by the linker script.
    static _heap_start: u8;
}

/// Where the heap ends, as in the linker script.
const HEAP_END: usize = 0xf000_0000;

/// Every block's alignment, and the smallest block; also enough for the link of a free one.
const ALIGN: usize = 16;
/// Up to this size blocks are multiples of [`ALIGN`]; above, there are four sizes from a power of two to the next.
const SMALL_MAX: usize = 128;
const SMALL_CLASSES: usize = SMALL_MAX / ALIGN;
/// Up to 2^32 bytes.
const CLASSES: usize = SMALL_CLASSES + 4 * (32 - SMALL_MAX.ilog2() as usize);
/// Blocks with a greater alignment: powers of two.
const ALIGNED_CLASSES: usize = 33;

struct Heap(UnsafeCell<Lists>);

struct Lists {
    /// Free blocks by class, each with the address of the next in its first bytes.
    free: [*mut u8; CLASSES + ALIGNED_CLASSES],
    /// Where nothing was allocated yet; 0 before the first allocation.
    fresh: usize,
}

// SAFETY: there is one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Lists { free: [null_mut(); CLASSES + ALIGNED_CLASSES], fresh: 0 }));

/// A kind of block.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Class {
    index: usize,
    size: usize,
    align: usize,
}

impl Class {
    /// The kind of block for a layout; none above 2^32 bytes.
    fn of(layout: Layout) -> Option<Self> {
        let size = layout.size().max(1);
        if size.max(layout.align()) > 1 << 32 {
            return None;
        }
        if layout.align() > ALIGN {
            let size = size.max(layout.align()).next_power_of_two();
            return Some(Self { index: CLASSES + size.trailing_zeros() as usize, size, align: size });
        }
        if size <= SMALL_MAX {
            let index = (size - 1) / ALIGN;
            return Some(Self { index, size: (index + 1) * ALIGN, align: ALIGN });
        }
        // The quarter of the way from one power of two to the next that the last byte lies in.
        let power = (size - 1).ilog2() as usize;
        let quarter = ((size - 1) >> (power - 2)) & 3;
        let index = SMALL_CLASSES + 4 * (power - SMALL_MAX.ilog2() as usize) + quarter;
        Some(Self { index, size: (quarter + 5) << (power - 2), align: ALIGN })
    }
}

// SAFETY: a block has its class's size and alignment, lies within the heap and belongs to one owner at a time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = Class::of(layout) else { return null_mut() };
        // SAFETY: one thread, and nothing in here allocates.
        let lists = unsafe { &mut *self.0.get() };
        let head = &mut lists.free[class.index];
        if !head.is_null() {
            let block = *head;
            // SAFETY: a free block begins with the address of the next.
            *head = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        let block = lists.fresh.max(&raw const _heap_start as usize).next_multiple_of(class.align);
        if class.size > HEAP_END.saturating_sub(block) {
            return null_mut();
        }
        lists.fresh = block + class.size;
        block as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = Class::of(layout) else { return };
        // SAFETY: as above; the block is its owner's no longer, and has room for the link.
        unsafe {
            let head = &mut (*self.0.get()).free[class.index];
            block.cast::<*mut u8>().write(*head);
            *head = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller says that the new size does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if Class::of(new) == Class::of(layout) {
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
