"""What matching and screening learn with: a solver, and arrays kept in files. Nothing here knows about backs."""
