"""The rules, one page at a time: what the kernel does at a read, a write, a fork, an unmap, a change of protection.

This is the text to read. Each rule gets a `Page` (page.py) and looks at it or acts on it; where many pages look alike,
it gets one that stands for them (many/stand_in.py). `Machine(on_write=mine)` replaces a rule.
"""

from __future__ import annotations

from .page import Page


def on_read(page: Page) -> None:
    """A load from `page` (mm/memory.c, handle_pte_fault)."""
    if page.present:
        return  # no fault: the hardware finds the frame
    if page.swapped:
        swap_in(page)
        return
    page.need_table()
    if page.backing is None:
        page.count_minor()
        page.map_zero()  # do_anonymous_page: nothing was written, so the zero page will do
    else:
        read_backing(page)


def read_backing(page: Page) -> None:
    """A load from a file or shared memory, not mapped yet (do_read_fault): the neighbours in memory come along."""
    writable = page.shared_memory and not page.protected  # a shared file wants to hear of the first write
    for near, frame in page.neighbours():
        near.map(frame, writable, dirty=False)
    page.map(page.backing_frame(), writable, dirty=False)


def swap_in(page: Page, write: bool = False) -> None:
    """A touch of a page that is swapped out (do_swap_page): major if the disk is read, minor from the swap cache."""
    page.map_swapped(page.swapped_frame(write))
    if write and not page.writable:
        copy_page(page)  # in the same fault: others hold the frame or its slot


def on_write(page: Page) -> None:
    """A store to `page` (handle_pte_fault). What it stores is put into the frame afterwards."""
    if page.writable:
        page.set_dirty()  # no fault: the hardware does it
    elif page.shared:
        write_shared(page)
    elif page.present:
        write_protected(page)
    elif page.swapped:
        page.need_family()
        swap_in(page, write=True)
    else:
        write_missing(page)


def write_protected(page: Page) -> None:
    """A store through a read-only entry of private memory (do_wp_page): copy on write."""
    page.need_family()
    page.count_minor()
    if page.alone:
        page.reuse()  # the last owner: nobody else can see the frame (wp_can_reuse_anon_folio)
        page.set_dirty()
    else:
        copy_page(page)


def copy_page(page: Page) -> None:
    """Give the writer a frame of its own, the others keep the old one (wp_page_copy)."""
    old = page.entry
    new = page.zero_frame() if page.zero else page.copy_of(page.frame)
    page.drop(old)
    page.map(new, writable=True, dirty=True)


def write_missing(page: Page) -> None:
    """A first store to private memory (do_anonymous_page, do_cow_fault)."""
    page.need_table()
    page.need_family()
    if page.backing is None:
        page.count_minor()
        frame = page.zero_frame()
    else:
        page.need_room_to_copy()
        frame = page.copy_of(page.backing_frame())  # in the page cache, but not mapped
    page.map(frame, writable=True, dirty=True)


def write_shared(page: Page) -> None:
    """A store to shared memory or a shared file (do_shared_fault, wp_page_shared): nothing is copied."""
    if page.present:
        page.count_minor()  # a shared file hears of the first write through each entry
        page.set_writable(True)
        page.set_dirty()
    else:
        page.need_table()
        page.map(page.backing_frame(), writable=True, dirty=True)
    page.set_frame_dirty()


def on_fork(page: Page, child: Page) -> None:
    """Copy one entry at fork (copy_present_ptes): both share its frame or slot, read-only."""
    page.set_writable(False)
    page.clear_exclusive()
    child.adopt(page.entry)


def on_unmap(page: Page) -> None:
    """Drop one entry: munmap, MADV_DONTNEED, exit (zap_present_ptes)."""
    if page.present or page.swapped:
        page.unmap()


def on_protect(page: Page) -> None:
    """Change one entry after its area's protection has changed (mm/mprotect.c, change_pte_range)."""
    if not page.present:
        return
    if page.protected:
        page.set_writable(False)
    elif page.shared:
        page.set_writable(page.shared_memory or page.dirty)
    else:
        page.set_writable(page.exclusive)
