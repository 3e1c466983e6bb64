"""bench/scale: what changes with the work, in figures of ringmx alone."""
