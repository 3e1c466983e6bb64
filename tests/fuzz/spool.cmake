ringmx_fuzz(spool_replay spool_replay.cpp ringmx_storage)
