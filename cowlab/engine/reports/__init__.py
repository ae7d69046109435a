"""What can be seen of a machine: as Linux reports it, for views, and step by step."""
