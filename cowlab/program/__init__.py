"""The command `cowlab`: it opens the course, shows a lesson as slides, and runs what can be run in a terminal."""
