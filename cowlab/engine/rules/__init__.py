"""What the kernel decides: page faults, promises, who dies, which pages go. Read faults.py first."""
