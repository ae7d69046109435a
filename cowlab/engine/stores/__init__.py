"""Where the words of page tables, frames, swap slots and files are kept: chunks of 512."""
