"""Judges that nobody of this project wrote: linters, scanners and simulators. `make judges` runs these modules."""
